"""The lazy Observations: same answers as the plain ones, at next to no cost where nobody asks."""

from __future__ import annotations

import gc
import json
import weakref
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from cds_service.intake import observations as module
from cds_service.intake.observations import LazyObservations
from cds_service.intake.read import read_record
from cds_service.patient.facts import Asked, Chart, OperationFacts
from cds_service.patient.known import Measure
from cds_service.patient.record import (
    Coding,
    Component,
    Concept,
    Glance,
    Observation,
    Observations,
    PatientRecord,
    Quantity,
)
from tests.builders import knowledge

HEART, PANEL, SYSTOLIC = ("loinc", "8867-4"), ("loinc", "85354-9"), ("loinc", "8480-6")


def coded(code: str, system: str | None = "http://loinc.org") -> dict:
    return {"coding": [{"system": system, "code": code}]}


UNITS = (
    "Cel",
    "[degF]",
    "mg/L",
    "mg/dL",
    "%",
    "{score}",
    "/min",
    "parsec",
    "",
    None,
    "so long a text that it is no unit at all, but prose",
)
ONES = st.fixed_dictionaries(
    {
        "code": st.sampled_from([coded("8310-5"), coded("8867-4"), coded("1988-5"), coded("72514-3")]),
        "status": st.sampled_from(["final", "final", "entered-in-error"]),
        "effectiveDateTime": st.sampled_from(
            ["2026-05-01T10:00:00Z", "2026-05-11T23:00:00+02:00", "2026-05-12", "2026-05-13T08:00:00Z", "2026-05", "2026-13-01T10:00:00Z"]
        ),
        "valueQuantity": st.fixed_dictionaries(
            {
                "value": st.sampled_from([0.5, 4, 38.5, 72, 101.5, 9000, None]),
                "unit": st.sampled_from(UNITS),
                "code": st.sampled_from(UNITS),
                "comparator": st.sampled_from([None, None, "<", ">=", "ad"]),
            }
        ),
    }
)  # fmt: skip


def lazy(*resources: dict) -> LazyObservations:
    entries = [
        {"resource": {"resourceType": "Observation", "id": f"o{number}", "code": coded("8867-4"), **resource}}
        for number, resource in enumerate(resources)
    ]
    body = json.dumps({"resourceType": "Bundle", "entry": entries}).encode()
    found = read_record({"observations": [body]}, patient_id="p1").observations
    assert isinstance(found, LazyObservations)
    return found


def ids(found: object) -> list[str]:
    return [one.reference.removeprefix("Observation/") for one in found]  # type: ignore[attr-defined]


DATES = [
    [{"effectiveDateTime": f"2026-03-0{day}T10:00:00Z"} for day in (2, 3, 1)],
    [{"effectiveDateTime": text} for text in ("2026-03-01T10:00:00+02:00", "2026-03-01T09:00:00Z", "2026-03-01T09:30:00+01:00")],
    [{"effectiveDateTime": text} for text in ("2026", "2026-03", "2026-03-01T10:00:00Z", "2026-03-01", "rubbish")] + [{}],
    [{"effectiveDateTime": "2026-03-01T10:00:00Z"}, {"effectiveDateTime": "2026-03-01T10:00:00Z"}],
    [{"effectiveInstant": "2026-03-01T10:00:00Z"}, {"effectivePeriod": {"start": "2026-03-02"}}, {"effectiveTiming": {"event": ["2026-03-03"]}}],
    [{"effectivePeriod": {}}, {"effectiveTiming": {}}, {"effectiveDateTime": "2026-03-01"}],
]  # fmt: skip


@pytest.mark.parametrize("resources", DATES, ids=lambda one: str(len(one)))
def test_they_stand_newest_first_exactly_like_plain_ones(resources: list[dict]) -> None:
    found = lazy(*resources)

    plain = Observations(tuple(found.at(position) for position in range(len(resources))))
    assert ids(found.all()) == ids(plain.all()) == ids(found.coded({HEART}))
    assert len(found) == len(plain)


def test_a_later_instant_is_newer_whatever_zone_it_was_written_in() -> None:
    found = lazy(*DATES[1])

    assert ids(found.all()) == ["o1", "o2", "o0"]


def test_they_are_found_by_any_of_their_codes_once() -> None:
    both = {"code": {"coding": [*coded("8867-4")["coding"], {"system": "http://snomed.info/sct", "code": "364075005"}]}}

    found = lazy(both, {"code": coded("9279-1")})

    assert ids(found.coded({HEART, ("snomed", "364075005")})) == ["o0"]
    assert ids(found.coded([("loinc", "9279-1")])) == ["o1"] and ids(found.coded(())) == []


def test_a_code_written_twice_finds_its_observation_once() -> None:
    code = coded("8867-4")["coding"]
    found = lazy(
        {"code": {"coding": code * 2}},
        {"code": {"coding": [*code, {"system": "urn:oid:2.16.840.1.113883.6.1", "code": "8867-4"}]}},
    )

    assert ids(found.coded({HEART})) == ["o0", "o1"]
    assert set(found.keys()) == {HEART} == set(Observations(tuple(found.all())).keys())


def test_what_tells_nothing_is_left_out_and_looked_at_once_for_each_wording() -> None:
    never, now = (
        {"coding": [{"system": "http://snomed.info/sct", "code": code}]} for code in ("266919005", "77176002")
    )
    found = lazy(
        {"valueCodeableConcept": never}, {"valueCodeableConcept": now}, {"valueCodeableConcept": never},
        {"valueString": "never"}, {"valueCodeableConcept": now, "component": [{"code": coded("8480-6")}]},
    )  # fmt: skip
    asked = []

    def tells(one: Observation) -> bool:
        asked.append(one.value)
        return not isinstance(one.value, Concept) or one.value.codings[0].code == "77176002"

    assert ids(found.telling({HEART}, tells)) == ["o1", "o3", "o4"]
    assert asked == [found.at(number).value for number in (0, 1, 3, 4)]
    assert ids(Observations(tuple(found.all())).telling({HEART}, tells)) == ["o1", "o3", "o4"]


def test_they_are_found_by_the_code_of_a_component() -> None:
    panel = {
        "code": coded("85354-9"),
        "component": [
            {"code": coded("8480-6"), "valueQuantity": {"value": 120, "unit": "mmHg"}},
            {"code": {"text": "diastolic"}, "dataAbsentReason": {"text": "cuff off"}},
        ],
    }

    found = lazy(panel)

    assert ids(found.coded({SYSTOLIC})) == ids(found.coded({PANEL})) == ["o0"]
    first, second = found.coded({SYSTOLIC})[0].components
    assert first.value == Quantity(120.0, "mmHg")
    assert second == Component(Concept(text="diastolic"), None, Concept(text="cuff off"))


def test_codes_without_a_known_system_are_found_under_none_and_lower_case_is_no_other_code() -> None:
    found = lazy({"code": coded("la-1", "urn:local")}, {"code": coded(" 8867-4 ", "http://loinc.org")})

    assert ids(found.coded({HEART})) == ["o1"]


def test_those_without_a_standard_code_are_told_by_their_words() -> None:
    found = lazy(
        {"code": {"text": "pain score"}},
        {},
        {"code": coded("x", "urn:local")},
        {"code": {"coding": [{"system": "http://loinc.org"}], "text": "no code"}},
        {"code": {"text": "panel"}, "component": [{"code": coded("8480-6")}]},
    )

    assert ids(found.known_by_words()) == ["o0", "o2", "o3", "o4"]
    assert found.known_by_words() is found.known_by_words()


def test_what_nobody_looks_at_is_not_converted(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    real = module._Converter.convert
    monkeypatch.setattr(
        module._Converter, "convert", lambda self, resource, name: made.append(name) or real(self, resource, name)
    )
    found = lazy(*[{"effectiveDateTime": f"2026-03-{day:02}T10:00:00Z"} for day in range(1, 29)])

    newest = found.coded({HEART})[0]
    again = found.all()[0]

    assert made == ["Observation/o27"] and newest is again and len(found.coded({HEART})) == 28


def test_they_behave_like_the_tuple_they_stand_for() -> None:
    found = lazy({"effectiveDateTime": "2026-03-01"}, {"effectiveDateTime": "2026-03-02"})
    all_of_them = found.all()
    plain = tuple(all_of_them)

    assert all_of_them == plain and plain == all_of_them and all_of_them == found.coded({HEART})
    assert all_of_them != plain[:1] and all_of_them != "x" and hash(all_of_them) == hash(plain)
    assert all_of_them[:1] == plain[:1] and all_of_them[-1] is plain[-1] and plain[0] in all_of_them
    assert all_of_them + () == plain and () + all_of_them == plain and all_of_them + all_of_them == plain + plain
    assert bool(all_of_them) and not found.coded(())
    assert "2 Observations" in repr(all_of_them) and "2026" not in repr(all_of_them)


def test_everything_is_put_in_order_once() -> None:
    found = lazy({})

    assert found.all() is found.all()


def test_a_number_under_one_code_comes_as_a_glance_and_all_else_whole() -> None:
    number = {
        "effectiveDateTime": "2026-03-01T10:00:00Z",
        "valueQuantity": {"value": 72, "unit": "beats", "code": "/min", "comparator": "<"},
    }
    found = lazy(
        number, number | {"component": [{"code": coded("8480-6")}]}, {"valueString": "72 /min"},
        number | {"effectiveDateTime": None}, number | {"code": {"coding": [coded("8867-4")["coding"][0]] * 2}},
        number | {"id": None},
    )  # fmt: skip

    seen = {one.reference: one for one in found.measured([HEART])}
    glances = [one for one in seen.values() if isinstance(one, Glance)]

    assert [one.reference for one in glances] == [found.at(0).reference, found.at(5).reference]
    for one, whole in zip(glances, (found.at(0), found.at(5)), strict=True):
        assert (one.reference, one.status, one.when) == (whole.reference, whole.status, whole.when)
        assert Quantity(one.value, one.unit, one.unit_code, one.comparator) == whole.value
        assert (Coding(one.system, one.code),) == tuple(replace(coding, display=None) for coding in whole.code.codings)
    assert all(one is found.at(int(one.reference[-1])) for one in seen.values() if one not in glances)
    assert len(seen) == 6 == len(Observations(tuple(found.all())).measured([HEART]))


def test_an_observation_is_read_field_by_field() -> None:
    (one,) = lazy(
        {
            "status": "final",
            "code": {"coding": [{"code": "a"}, {"code": "b"}, {}], "text": "two"},
            "bodySite": {"text": "arm"},
            "note": [{"text": "sitting"}],
            "valueQuantity": {"value": 5, "comparator": "<", "unit": "mg/L", "code": "mg/L", "system": "x"},
            "dataAbsentReason": {"text": "none"},
        }
    ).all()

    assert one.status == "final" and [coding.code for coding in one.code.codings] == ["a", "b"]
    assert one.body_site == Concept(text="arm") and one.notes == ("sitting",)
    assert one.value == Quantity(5.0, "mg/L", "mg/L", "<") and one.absent_reason == Concept(text="none")
    assert one.when is None


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"valueRange": {"low": {"value": 1}}}, "recorded as a Range, which is not compared"),
        ({"valueRatio": {"numerator": {"value": 1}}}, "recorded as a Ratio, which is not compared"),
        ({"valuePeriod": {"start": "2026"}}, "recorded as a Period, which is not compared"),
        ({"valueSampledData": {"data": "1 2"}}, "recorded as a SampledData, which is not compared"),
        ({"valueRange": {}, "dataAbsentReason": {"text": "asked but unknown"}}, "asked but unknown"),
        ({"valueQuantity": {"unit": "kg"}}, None),
        ({}, None),
    ],
)
def test_a_value_that_is_not_compared_is_absent_for_that_reason(fields: dict, reason: str | None) -> None:
    (one,) = lazy(fields).all()

    assert one.value is None and (one.absent_reason.text if one.absent_reason else None) == reason


@pytest.mark.parametrize("value", [{"valueRange": {"low": {"value": 1}}}, {"valueRatio": {}}])
def test_a_component_that_is_not_compared_says_so_too(value: dict) -> None:
    (one,) = lazy({"component": [{"code": {"text": "x"}, **value}]}).all()

    assert one.components[0].absent_reason is not None and one.components[0].value is None


def test_a_thousand_are_read_soundly() -> None:
    found = lazy(*[{"effectiveDateTime": f"2026-{1 + n % 12:02}-{1 + n % 28:02}T10:00:00Z"} for n in range(1000)])

    days = [one.when.latest for one in found.coded({HEART})]  # type: ignore[union-attr]

    assert len(days) == 1000 and days == sorted(days, reverse=True)  # type: ignore[type-var]


def test_a_chart_is_let_go_of_without_the_garbage_collector() -> None:
    found = lazy(*[{"effectiveDateTime": f"2026-03-0{1 + n % 9}T10:00:00Z"} for n in range(20)])
    list(found.coded({HEART})), list(found.all()), list(found.known_by_words())
    watched = weakref.ref(found)

    gc.disable()
    try:
        del found
        assert watched() is None
    finally:
        gc.enable()


def test_what_recurs_is_made_once() -> None:
    arm = {"bodySite": {"text": "arm"}}

    first, second = lazy(arm, arm).all()

    assert first.body_site is second.body_site and first.code is second.code


@given(st.lists(ONES, min_size=1, max_size=5))
def test_a_chart_tells_the_same_of_glances_as_of_whole_observations(sent: list[dict]) -> None:
    found = lazy(*sent)
    plain = Observations(tuple(found.at(position) for position in range(len(sent))))

    quick, careful = (
        Chart(PatientRecord(observations=one), knowledge().known, date(2026, 5, 12)) for one in (found, plain)
    )

    for measure in knowledge().known.measures.values():
        for hours in (24.0, None):
            assert told(quick, measure, hours) == told(careful, measure, hours)
            assert [one.evidence for one in quick.history(measure)] == [
                one.evidence for one in careful.history(measure)
            ]


MOMENTS = st.sampled_from(
    ["2026-05-12T10:00:00Z", "2026-05-12T08:00:00+00:00", "2026-05-11T23:00:00+02:00", "2026-05-01T10:00:00Z", "2026-04-02T08:00:00.500Z"]
)  # fmt: skip
QUANTITIES = st.fixed_dictionaries(
    {
        "value": st.sampled_from([0.5, 4, 38.5, 72, 72, 118, 9000]),
        "unit": st.sampled_from(["Cel", "Cel", "/min", "mm[Hg]", "%"]),
        "code": st.just("%") | st.sampled_from(UNITS),
        "comparator": st.sampled_from([None] * 9 + ["<"]),
    }
)
PANELS = st.fixed_dictionaries(
    {
        "code": st.sampled_from([coded("85354-9"), coded("8480-6"), coded("8310-5")]),
        "status": st.just("final"),
        "effectiveDateTime": MOMENTS,
        "component": st.lists(
            st.fixed_dictionaries(
                {"code": st.sampled_from([coded("8480-6"), coded("8462-4")]), "valueQuantity": QUANTITIES}
            ),
            min_size=1,
            max_size=3,
        ),
    }
)
NEARLY_PLAIN = st.fixed_dictionaries(
    {
        "code": st.sampled_from([coded("8310-5"), coded("59408-5")]),
        "status": st.sampled_from(["final", "amended", "final", "cancelled"]),
        "effectiveDateTime": MOMENTS,
        "valueQuantity": QUANTITIES,
    }
)


@given(
    st.lists(NEARLY_PLAIN | PANELS | ONES, min_size=1, max_size=6),
    st.sampled_from([None, datetime(2026, 5, 12, 9, tzinfo=UTC)]),
    st.sampled_from([None, date(2026, 5, 2), date(2026, 5, 12)]),
)
def test_the_newest_that_may_judge_is_the_same_at_one_look_and_one_by_one(
    sent: list[dict], at: datetime | None, operated: date | None
) -> None:
    chart = Chart(PatientRecord(observations=lazy(*sent)), knowledge().known, date(2026, 5, 12), at)
    asked = Asked(chart, OperationFacts("LUM_FUS", date=operated))

    for measure in map(knowledge().known.measures.__getitem__, chart.measures_mentioned()):
        for hours in (24.0, 240.0, None):
            quick, careful = asked.fresh(measure, hours), asked.look_through(measure, hours)
            assert [(one.amount, one.when, one.evidence) for one in quick.newest] == [
                (one.amount, one.when, one.evidence) for one in careful.newest
            ]
            assert (quick.events, quick.any_after, quick.any_at_all) == (
                careful.events,
                careful.any_after,
                careful.any_at_all,
            )


@pytest.mark.parametrize(
    "when",
    ["2026-03-01", None, "2026-03-01T10:00:00", "2026-W09-7T10:00:00Z", "2026-03-01T10:00+02:00", "2026-13-01T10:00:00Z"],
)  # fmt: skip
def test_one_look_is_for_full_moments_only(when: str | None) -> None:
    value = {"valueQuantity": {"value": 72, "unit": "/min"}}
    whole = {"effectiveDateTime": "2026-03-01T10:00:00Z"} | value

    assert lazy(whole, whole | {"effectiveDateTime": "2026-03-01T09:00:00Z"}).plain({HEART}, None).numbers == [72, 72]
    assert lazy(whole, {"effectiveDateTime": when} | value).plain({HEART}, None) is None


def told(chart: Chart, measure: Measure, hours: float | None) -> object:
    series = chart.series(measure, hours)
    values = [(one.amount, one.when, one.evidence) for one in series.values]
    return (values, series.faulty, series.future)
