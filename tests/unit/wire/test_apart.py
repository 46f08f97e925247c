"""A value read apart: whatever the body, the call and its faults are those of a body that was read as a whole."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from cds_service.errors import CallFaults
from cds_service.hooks import PATIENT_VIEW
from cds_service.intake.bundles import Page, open_page, open_strictly
from cds_service.intake.read import TYPES
from cds_service.security.limits import check_depth
from cds_service.wire.apart import PLACEHOLDER, Apart
from cds_service.wire.request import read_call

INSTANCE = "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea"
NEIGHBOURS = [key for key in TYPES if key != "observations"]


def an_apart(least_bytes: int = 300) -> Apart:
    return Apart("observations", '"Observation"', NEIGHBOURS, open_strictly, least_bytes)


def a_chart(count: int = 5, **changes: Any) -> dict:
    entries = [
        {"resource": {"resourceType": "Observation", "id": f"o{number}", "code": {"text": "pain"}, **changes}}
        for number in range(count)
    ]
    return {"resourceType": "Bundle", "type": "searchset", "total": count, "entry": entries}


def told(body: bytes, apart: Apart | None) -> Any:
    """What comes of a call, in a form that can be compared: its faults, or its fields with every prefetch value opened."""
    try:
        call = read_call(body, [PATIENT_VIEW], True, check_depth, apart)
    except CallFaults as refused:
        return [str(fault) for fault in refused.faults]
    opened = {
        key: value if isinstance(value, Page) else open_page(value, "" if key == "observations" else key)
        for key, value in call.prefetch.items()
    }
    return call.hook_instance, call.context, call.on, call.fhir_server, opened


def members(*pairs: tuple[str, str]) -> str:
    return "{" + ",".join(f"{json.dumps(name)}:{value}" for name, value in pairs) + "}"


CHART = json.dumps(a_chart())
CALL = {
    "hook": '"patient-view"',
    "hookInstance": f'"{INSTANCE}"',
    "context": '{"userId":"Practitioner/p1","patientId":"pat-1"}',
}
EMPTY = '{"resourceType": "Bundle", "entry": []}'
CONDITIONS = json.dumps({"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Condition", "id": "c"}}]})

sound = [
    CHART,
    json.dumps(a_chart(), indent=1),
    json.dumps(a_chart(9, subject={"reference": "Patient/pat-1"})),
    json.dumps(a_chart(extension=[{"url": "u", "valueString": '"extension":'}])),
    json.dumps(a_chart(contained=[{"a": {}, "conditions": {"b": {}}, "patient": {}}])),
    json.dumps(a_chart(note=[{"text": '}},"conditions":{}'}])),
    CHART.replace("]", ',{"resource":{"resourceType":"OperationOutcome"}}]'),
    CHART.replace('"entry"', '"total":9,"entry"'),
    CHART.replace("pain", "Schmerz \u00e4"),
]
odd = [
    json.dumps(a_chart(status=7)),
    json.dumps(a_chart(valueQuantity={"value": "1"})),
    json.dumps(a_chart(note=[{"text": PLACEHOLDER.decode().strip('"')}])),
    json.dumps([a_chart()]),
    CHART[:-1],
    CHART + "}",
    CHART.replace('"o3"', "1e999", 1),
    CHART.replace("]", ",{}]"),
    CHART.replace("pain", "\\ud800"),
    CHART + ',"conditions":' + EMPTY,
    CHART + ',"unknown":' + CONDITIONS,
    PLACEHOLDER.decode(),
    "7",
]
others = [EMPTY, CONDITIONS, "null", '{"a":1,"a":2}']
keys = st.sampled_from(["conditions", "conditions", "patient", "other", "my key", "observations"])
prefetches = st.tuples(
    st.one_of(st.sampled_from(sound), st.sampled_from(sound + odd)),
    st.lists(st.tuples(keys, st.sampled_from(others)), max_size=2, unique_by=lambda pair: pair[0]),
    st.lists(st.tuples(keys, st.sampled_from(others)), max_size=2, unique_by=lambda pair: pair[0]),
).map(lambda drawn: members(*drawn[1], ("observations", drawn[0]), *drawn[2]))
extras = st.sampled_from(
    [
        ("extension", '{"org.spine-cds.on":"2026-05-12"}'),
        ("extension", f'{{"observations":{CHART},"x":{PLACEHOLDER.decode()}}}'),
        ("context", '{"userId":"Practitioner/p1"}'),
        ("fhirServer", '"https://ehr.example.org"'),
        ("before", f'{{"prefetch":{{"observations":{CHART}}}}}'),
        ("before", f'"x\\"observations\\":{PLACEHOLDER.decode()[1:-1]}"'),
        ("deep", "[" * 70 + "]" * 70),
        ("prefetch", members(("observations", CHART))),
    ]
)


@settings(max_examples=400, deadline=None)
@given(prefetches, st.lists(extras, max_size=2), st.randoms(use_true_random=False), st.sampled_from(["", " \n"]))
def test_reading_apart_changes_neither_the_call_nor_its_faults(prefetch: str, more, random, blank: str) -> None:
    pairs = [*CALL.items(), ("prefetch", prefetch), *more]
    random.shuffle(pairs)
    body = (blank + members(*pairs).replace(",", f",{blank}") + blank).encode()

    assert told(body, an_apart()) == told(body, None)


@pytest.mark.parametrize("order", list(itertools.permutations(["observations", "conditions", "patient", "goals"])))
@pytest.mark.parametrize("indent", [None, 2])
def test_observations_are_read_apart_wherever_they_stand(order, indent) -> None:
    given = {
        "observations": a_chart(40),
        "conditions": json.loads(CONDITIONS),
        "patient": {"resourceType": "Patient", "id": "pat-1"},
        "goals": json.loads(EMPTY),
    }
    call = {name: json.loads(value) for name, value in CALL.items()}
    call |= {"prefetch": {key: given[key] for key in order}}
    body = json.dumps(call, indent=indent).encode()

    found = read_call(body, [PATIENT_VIEW], apart=an_apart())

    assert isinstance(found.prefetch["observations"], Page)
    assert found.prefetch["observations"] == open_page(json.dumps(given["observations"]).encode())
    assert list(found.prefetch) == list(order)


@pytest.mark.parametrize("after", ["context", "extension", None])
def test_observations_are_read_apart_whatever_member_follows_prefetch(after: str | None) -> None:
    call = {name: json.loads(value) for name, value in CALL.items() if name != after}
    call["prefetch"] = {"observations": a_chart(40)}
    if after:
        call[after] = json.loads(CALL.get(after, "{}"))

    found = read_call(json.dumps(call).encode(), [PATIENT_VIEW], apart=an_apart())

    assert isinstance(found.prefetch["observations"], Page)


@pytest.mark.parametrize(
    "observations",
    [json.dumps(a_chart(40)) + ',"goals":' + CONDITIONS, json.dumps(a_chart(40, status=7)), "7", EMPTY],
    ids=["a key between", "an Observation that must be mended", "a bare value", "nothing to be saved"],
)
def test_what_cannot_be_read_apart_stays_raw(observations: str) -> None:
    pairs = [*CALL.items(), ("prefetch", f'{{"observations":{observations},"conditions":{EMPTY}}}')]

    apart = Apart("observations", '"Observation"', ["conditions"], open_strictly, 300)
    found = read_call(members(*pairs).encode(), [PATIENT_VIEW], apart=apart)

    assert isinstance(found.prefetch["observations"], Raw)


def test_observations_sent_twice_are_refused_though_one_is_read_apart() -> None:
    prefetch = members(("observations", CHART), ("observations", EMPTY), ("conditions", EMPTY))

    found = told(members(*CALL.items(), ("prefetch", prefetch)).encode(), an_apart())

    assert found == told(members(*CALL.items(), ("prefetch", prefetch)).encode(), None)
    assert "observations twice" in found[0]
