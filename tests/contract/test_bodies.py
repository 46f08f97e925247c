"""Rules B1 to B3: what bodies look like, ours and theirs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.contract.conftest import PATIENT_VIEW, a_call, fixture_calls, patient_call, read_json, service_of


def empties(value: Any, path: str = "$") -> list[str]:
    if isinstance(value, dict):
        below = [one for key, inner in value.items() for one in empties(inner, f"{path}.{key}")]
    elif isinstance(value, list):
        below = [one for number, inner in enumerate(value) for one in empties(inner, f"{path}[{number}]")]
    else:
        return [path] if value in (None, "") else []
    return below + ([path] if not value and path not in ("$.cards", "$.services") else [])


@pytest.mark.rule("B1")
@pytest.mark.parametrize("path", fixture_calls(), ids=lambda path: path.stem)
def test_b1_no_answer_holds_an_empty_value(path: Path, client: FlaskClient) -> None:
    call = read_json(path)

    answer = client.post(service_of(call), json=call)

    assert answer.content_type == "application/json" and answer.status_code == 200
    assert empties(json.loads(answer.data.decode("utf-8"))) == []


@pytest.mark.rule("B1")
@pytest.mark.parametrize("path", ["/cds-services", "/nowhere", "/cds-services/unknown", "/version", "/alive", "/ready"])
def test_b1_discovery_and_errors_hold_no_empty_value(path: str, client: FlaskClient) -> None:
    answer = client.get(path)

    assert answer.content_type == "application/json"
    assert empties(answer.json) == []


@pytest.mark.rule("B1")
@pytest.mark.parametrize("body", [b"\xef\xbb\xbf{}", b'{"hook": "\xff"}'], ids=["byte order mark", "latin-1"])
def test_b1_a_body_that_is_not_plain_utf8_is_refused(body: bytes, client: FlaskClient) -> None:
    assert client.post(PATIENT_VIEW, data=body, content_type="application/json").status_code == 400


@pytest.mark.rule("B2")
def test_b2_unknown_fields_and_extensions_change_nothing(client: FlaskClient) -> None:
    call = patient_call("lumbar_fusion_week_6", "2026-05-15")
    more = json.loads(json.dumps(call))
    more["extension"] |= {"com.example.thing": {"a": [None]}}
    more |= {"somethingNew": True}
    more["context"] |= {"extension": {"com.example": 1}, "somethingNew": None}

    plain, extended = client.post(PATIENT_VIEW, json=call), client.post(PATIENT_VIEW, json=more)

    assert plain.status_code == extended.status_code == 200
    assert plain.json == extended.json


@pytest.mark.rule("B2")
def test_b2_our_own_extensions_have_reverse_domain_names(client: FlaskClient) -> None:
    cards = client.post(PATIENT_VIEW, json=patient_call("lumbar_fusion_week_6", "2026-05-15")).json["cards"]

    assert cards
    assert all(name.count(".") >= 1 and name.startswith("org.") for card in cards for name in card["extension"])


@pytest.mark.rule("B3")
def test_b3_r4_and_r5_spellings_of_the_operation_date_give_the_same_answer(client: FlaskClient) -> None:
    call = patient_call("lumbar_fusion_week_6", "2026-05-15")
    r5 = json.loads(json.dumps(call))
    for entry in r5["prefetch"]["procedures"]["entry"]:
        resource = entry["resource"]
        for name in [name for name in resource if name.startswith("performed")]:
            resource["occurrence" + name.removeprefix("performed")] = resource.pop(name)

    old, new = client.post(PATIENT_VIEW, json=call), client.post(PATIENT_VIEW, json=r5)

    assert old.json["cards"] and [card["summary"] for card in old.json["cards"]] == [
        card["summary"] for card in new.json["cards"]
    ]


@pytest.mark.rule("B3")
def test_b3_resources_we_send_are_fhir_json(client: FlaskClient) -> None:
    cards = client.post(PATIENT_VIEW, json=patient_call("lumbar_fusion_week_6", "2026-05-15")).json["cards"]

    resources = [
        action["resource"]
        for card in cards
        for suggestion in card.get("suggestions", ())
        for action in suggestion["actions"]
        if "resource" in action
    ]
    assert resources and all(one["resourceType"] for one in resources)


def test_a_call_of_somebody_without_record_gets_no_card(client: FlaskClient) -> None:
    assert client.post(PATIENT_VIEW, json=a_call()).json == {"cards": []}
