"""The closed list of questions: three answers each, and faults with their place."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from cds_service.errors import Fault
from cds_service.patient.criteria import COMBINATORS, QUESTIONS, compile_condition
from cds_service.patient.facts import Value
from cds_service.patient.finding import Answer, Evidence
from cds_service.patient.quantity import Amount
from cds_service.patient.questions.about_measures import Limits, say_value
from cds_service.patient.record import Concept, Precision, When
from tests.builders import PatientBuilder, a_day, a_moment, a_patient, knowledge, noon
from tests.changed import replace

MET, NOT_MET, UNKNOWN = Answer.MET, Answer.NOT_MET, Answer.UNKNOWN
DISC = a_patient().after("LUM_DISC", days=20)
FEVER = {"measure": {"of": "temperature", "at_least": "38.0", "unit": "Cel"}}
PAIN = {"of": "pain", "unit": "1"}


def _compile(node, faults: list[Fault] | None = None):
    found: list[Fault] = [] if faults is None else faults
    condition = compile_condition(node, knowledge().known, lambda path: "here: " + ".".join(map(str, path)), found)
    assert faults is not None or not found, [str(fault) for fault in found]
    return condition


def _ask(patient: PatientBuilder, node) -> Answer:
    return _compile(node).ask(patient.asked()).answer


# ---- logic


def _part(answer: Answer) -> dict:
    return {MET: {"always": ""}, NOT_MET: {"not": {"always": ""}}, UNKNOWN: FEVER}[answer]


@pytest.mark.parametrize(
    ("one", "other", "both", "either"),
    [
        (MET, MET, MET, MET), (MET, NOT_MET, NOT_MET, MET), (MET, UNKNOWN, UNKNOWN, MET),
        (NOT_MET, NOT_MET, NOT_MET, NOT_MET), (NOT_MET, UNKNOWN, NOT_MET, UNKNOWN), (UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN),
    ],
)  # fmt: skip
def test_kleene_logic(one: Answer, other: Answer, both: Answer, either: Answer) -> None:
    for parts in ([_part(one), _part(other)], [_part(other), _part(one)]):
        assert _ask(DISC, {"all": parts}) is both
        assert _ask(DISC, {"any": parts}) is either


@pytest.mark.parametrize(
    ("part", "turned", "kept"), [(MET, NOT_MET, MET), (NOT_MET, MET, NOT_MET), (UNKNOWN, UNKNOWN, MET)]
)
def test_not_keeps_unknown_and_not_ruled_out_takes_it_as_met(part: Answer, turned: Answer, kept: Answer) -> None:
    assert _ask(DISC, {"not": _part(part)}) is turned
    assert _ask(DISC, {"not_ruled_out": _part(part)}) is kept


def test_a_single_part_keeps_its_own_words() -> None:
    assert "temperature" in _compile({"any": [FEVER]}).ask(DISC.asked()).because


def test_needs_add_up() -> None:
    node = {
        "all": [FEVER, {"not": {"has_medication": {"codelist": "opioids"}}}, {"age": {"below": "18", "unit": "years"}}]
    }

    assert _compile(node).needs == {"observations", "medications", "patient"}


# ---- measures


@pytest.mark.parametrize(
    ("key", "value", "answer"),
    [
        ("at_least", 38.0, MET), ("at_least", 37.9, NOT_MET), ("above", 38.0, NOT_MET), ("above", 38.1, MET),
        ("at_most", 38.0, MET), ("at_most", 38.1, NOT_MET), ("below", 38.0, NOT_MET), ("below", 37.9, MET),
    ],
)  # fmt: skip
def test_limits_on_and_beside_the_number(key: str, value: float, answer: Answer) -> None:
    node = {"measure": {"of": "temperature", key: "38.0", "unit": "Cel"}}

    assert _ask(DISC.measured("temperature", value), node) is answer


@pytest.mark.parametrize(
    ("comparator", "limits", "answer"),
    [
        ("<", {"at_least": "44"}, NOT_MET), ("<", {"above": "10"}, UNKNOWN), (">", {"above": "44"}, MET),
        (">", {"above": "60"}, UNKNOWN), ("<", {"at_most": "44"}, MET), (">", {"below": "44"}, NOT_MET),
        ("<", {"at_least": "10", "below": "44"}, UNKNOWN), (">", {"at_least": "10", "below": "30"}, NOT_MET),
        ("<=", {"below": "60", "at_most": "60"}, MET),
    ],
)  # fmt: skip
def test_a_comparator_decides_only_what_it_can(comparator: str, limits: dict, answer: Answer) -> None:
    patient = DISC.measured("crp", 44, comparator=comparator)

    assert _ask(patient, {"measure": {"of": "crp", "unit": "mg/L", **limits}}) is answer


def test_of_values_that_cannot_be_ordered_the_worse_counts() -> None:
    same_day = DISC.measured("temperature", 37.0).measured("temperature", 38.5)
    later_normal = DISC.measured("temperature", 38.5, when=a_moment(noon() - timedelta(hours=3))).measured(
        "temperature", 37.0, when=a_moment(noon())
    )
    open_ended = DISC.measured("crp", 3).measured("crp", 10, comparator="<")

    assert _ask(same_day, FEVER) is MET
    assert _ask(later_normal, FEVER) is NOT_MET
    assert _ask(open_ended, {"measure": {"of": "crp", "above": "5", "unit": "mg/L"}}) is UNKNOWN


@pytest.mark.parametrize(
    ("limit", "answer"),
    [
        ({"within_hours": "72"}, MET),
        ({"within_days": "3"}, MET),
        ({"within_days": "2"}, UNKNOWN),
        ({"any_age": "yes"}, MET),
    ],
)
def test_a_question_may_set_its_own_age_limit(limit: dict, answer: Answer) -> None:
    patient = DISC.measured("temperature", 38.5, days_ago=3)

    assert _ask(patient, {"measure": {"of": "temperature", "at_least": "38", "unit": "Cel", **limit}}) is answer


def test_values_by_the_day_on_which_they_were_taken() -> None:
    node = {"measure": {"of": "crp", "above": "44", "unit": "mg/L", "measured_from_day": "16", "measured_to_day": "18"}}

    assert _ask(DISC.measured("crp", 50, days_ago=4), node) is MET
    assert _ask(DISC.measured("crp", 50, days_ago=5), node) is NOT_MET
    assert _ask(DISC.measured("crp", 50, days_ago=1), node) is NOT_MET
    assert _ask(a_patient().after("LUM_DISC").measured("crp", 50), node) is UNKNOWN


def test_undated_values_have_no_day() -> None:
    node = {"measure": {"of": "odi", "above": "44", "unit": "1", "measured_from_day": "1"}}

    assert _ask(DISC.measured("odi", 50, when=None), node) is UNKNOWN


def _change(**arguments) -> dict:
    return {"measure_change": {**PAIN, "direction": "rise", **arguments}}


@pytest.mark.parametrize(
    ("values", "node", "answer"),
    [
        ((3, 5), _change(at_least="2"), MET), ((3, 4.9), _change(at_least="2"), NOT_MET), ((3, 5), _change(above="2"), NOT_MET),
        ((5,), _change(at_least="2"), UNKNOWN), ((), _change(at_least="2"), UNKNOWN),
        ((1, 4, 5), _change(at_least="2"), NOT_MET), ((1, 4, 5), _change(at_least="2", since="any"), MET),
        ((4, 5), _change(above="25", unit="percent"), NOT_MET), ((4, 5.1), _change(above="25", unit="percent"), MET),
        ((0, 5), _change(above="25", unit="percent"), UNKNOWN),
        ((8, 5), {"measure_change": {**PAIN, "direction": "fall", "at_least": "3"}}, MET),
        ((8, 6), {"measure_change": {**PAIN, "direction": "fall", "at_least": "3"}}, NOT_MET),
    ],
)  # fmt: skip
def test_change_against_an_earlier_value(values: tuple[float, ...], node: dict, answer: Answer) -> None:
    patient = DISC
    for place, value in enumerate(reversed(values)):
        patient = patient.measured("pain", value, days_ago=2 * place)

    assert _ask(patient, node) is answer


def test_change_within_hours() -> None:
    now = noon()
    patient = DISC.but(at=now).measured("pain", 8, when=a_moment(now))

    assert (
        _ask(
            patient.measured("pain", 5, when=a_moment(now - timedelta(hours=24))),
            _change(at_least="3", over_hours="24"),
        )
        is MET
    )
    assert (
        _ask(
            patient.measured("pain", 5, when=a_moment(now - timedelta(hours=25))),
            _change(at_least="3", over_hours="24"),
        )
        is UNKNOWN
    )


def test_change_between_values_far_enough_apart() -> None:
    node = {
        "measure_change": {
            "of": "odi",
            "unit": "1",
            "direction": "rise",
            "at_least": "10",
            "apart_days": "14",
            "any_age": "yes",
        }
    }

    assert _ask(DISC.measured("odi", 20, days_ago=14).measured("odi", 29, days_ago=5).measured("odi", 30), node) is MET
    assert _ask(DISC.measured("odi", 20, days_ago=13).measured("odi", 30), node) is UNKNOWN


def test_change_against_the_newest_of_several_earlier_values_of_one_day() -> None:
    day = noon() - timedelta(days=2)
    patient = DISC.measured("pain", 5)
    for hours, score in ((1, 1), (2, 3), (3, 4)):
        patient = patient.measured("pain", score, when=a_moment(day - timedelta(hours=hours)))

    assert _ask(patient, _change(at_least="4")) is MET
    assert _ask(patient, _change(at_least="5")) is NOT_MET
    assert _ask(patient.measured("pain", 0, days_ago=2), _change(at_least="5")) is MET
    assert _ask(patient.measured("pain", 0, days_ago=3), _change(at_least="5")) is NOT_MET


def test_change_against_the_baseline_before_the_operation() -> None:
    node = {
        "measure_change": {
            "of": "odi",
            "unit": "1",
            "direction": "rise",
            "at_least": "10",
            "since": "baseline",
            "any_age": "yes",
        }
    }

    assert _ask(DISC.measured("odi", 20, days_ago=21).measured("odi", 30), node) is MET
    assert _ask(DISC.measured("odi", 20, days_ago=20).measured("odi", 30), node) is UNKNOWN
    assert _ask(a_patient().after("LUM_DISC").measured("odi", 20, days_ago=20).measured("odi", 30), node) is UNKNOWN


def test_change_with_comparators_decides_only_what_it_can() -> None:
    node = {"measure_change": {"of": "crp", "unit": "mg/L", "direction": "rise", "at_least": "5"}}
    percent = {"measure_change": {"of": "crp", "unit": "percent", "direction": "rise", "above": "25"}}
    patient = DISC.measured("crp", 10, days_ago=2, comparator="<").measured("crp", 30)

    assert _ask(patient, node) is MET
    assert _ask(patient, percent) is UNKNOWN
    assert _ask(DISC.measured("crp", 10, days_ago=2, comparator="<").measured("crp", 12), node) is UNKNOWN


def test_change_is_asked_only_of_values_of_the_right_day() -> None:
    patient = DISC.measured("pain", 3, days_ago=2).measured("pain", 6)

    assert _ask(patient, _change(at_least="2", measured_from_day="21")) is NOT_MET
    assert _ask(patient, _change(at_least="2", measured_from_day="20")) is MET


def test_undated_values_are_no_earlier_values() -> None:
    node = {"measure_change": {"of": "odi", "unit": "1", "direction": "rise", "at_least": "10", "any_age": "yes"}}

    assert _ask(DISC.measured("odi", 20, when=None).measured("odi", 40, when=None), node) is UNKNOWN
    assert _ask(DISC.measured("odi", 20, when=None).measured("odi", 40), node) is UNKNOWN


def _trend(*values: float, direction: str = "rise") -> Answer:
    patient = DISC
    for place, value in enumerate(reversed(values)):
        patient = patient.measured("pain", value, days_ago=2 * place)
    return _ask(patient, {"measure_trend": {"of": "pain", "direction": direction, "sessions": "3"}})


def test_trend_over_sessions() -> None:
    assert _trend(1, 2, 3) is MET
    assert _trend(9, 1, 2, 3) is MET
    assert _trend(2, 2, 3) is NOT_MET
    assert _trend(2, 1) is NOT_MET
    assert _trend(1, 2) is UNKNOWN
    assert _trend() is UNKNOWN
    assert _trend(5, 4, 3, direction="fall") is MET
    assert _trend(5, 5, 3, direction="fall") is NOT_MET
    no_chart = DISC.without("observations")
    assert _ask(no_chart, {"measure_trend": {"of": "pain", "direction": "rise", "sessions": "3"}}) is UNKNOWN
    assert _ask(no_chart, _change(at_least="2")) is UNKNOWN


def test_drop_on_standing() -> None:
    node = {
        "drop_on_standing": {
            "of": "systolic_resting",
            "standing": "systolic_standing",
            "at_least": "20",
            "unit": "mm[Hg]",
        }
    }
    resting = DISC.measured("systolic_resting", 130)

    assert _ask(resting.measured("systolic_standing", 110), node) is MET
    assert _ask(resting.measured("systolic_standing", 110.5), node) is NOT_MET
    assert _ask(resting, node) is UNKNOWN
    assert _ask(DISC.without("observations"), node) is UNKNOWN


def test_values_are_said_as_people_write_them() -> None:
    measure = knowledge().measures["crp"]
    said = {
        say_value(Value(amount, None, Evidence("Observation/1", "CRP")), measure)
        for amount in (
            Amount(5, 5), Amount(float("-inf"), 5, high_open=True), Amount(float("-inf"), 5),
            Amount(5, float("inf"), low_open=True), Amount(5, float("inf")),
        )
    }  # fmt: skip

    assert said == {"CRP 5 mg/L", "CRP under 5 mg/L", "CRP at most 5 mg/L", "CRP over 5 mg/L", "CRP at least 5 mg/L"}
    assert say_value(Value(Amount(3, 3), None, Evidence("o", "INR")), knowledge().measures["inr"]) == "INR 3"


def test_an_amount_without_limits_holds() -> None:
    assert Limits().hold(Amount(float("-inf"), 5)) is True


# ---- conditions and medicines


def test_a_partial_onset_around_the_operation_leaves_new_open() -> None:
    may = When(date(2026, 4, 1), date(2026, 5, 31), Precision.MONTH, "2026-05")
    node = {"has_condition": {"codelist": "motor_loss", "new": "yes"}}
    patient = DISC.has("snomed", "6077001", onset=may)

    assert _ask(patient, node) is UNKNOWN
    assert _ask(DISC.has("snomed", "6077001", onset=may, recorded=a_day(date(2026, 4, 2))), node) is NOT_MET
    assert _ask(DISC.has("snomed", "6077001", onset=may, recorded=a_day(date(2026, 5, 2))), node) is UNKNOWN
    assert (
        _ask(
            DISC.has("snomed", "6077001", onset=may),
            {"has_condition": {"codelist": "motor_loss", "new": "yes", "undated_counts": "yes"}},
        )
        is MET
    )


def test_without_a_date_of_operation_new_stays_open() -> None:
    assert (
        _ask(
            a_patient().after("LUM_DISC").has("snomed", "6077001"),
            {"has_condition": {"codelist": "motor_loss", "new": "yes"}},
        )
        is UNKNOWN
    )


def test_resolved_conditions_count_where_history_is_asked_for() -> None:
    patient = DISC.has("icd10cm", "M81.0", clinical_status="resolved")

    assert _ask(patient, {"has_condition": {"codelist": "osteoporosis"}}) is NOT_MET
    assert _ask(patient, {"has_condition": {"codelist": "osteoporosis", "active": "no"}}) is MET


@pytest.mark.parametrize(("days_ago", "answer"), [(7, MET), (8, NOT_MET), (None, UNKNOWN)])
def test_within_days(days_ago: int | None, answer: Answer) -> None:
    node = {"has_condition": {"codelist": "falls", "within_days": "7"}}

    assert _ask(DISC.has("snomed", "161898004", days_ago=days_ago), node) is answer


def test_words_beside_the_code_must_or_must_not_be_there() -> None:
    node = {"has_condition": {"codelist": "weakness", "at_words": ["shoulder"], "not_at_words": ["left"]}}

    assert _ask(DISC.has("snomed", "26544005", "Weakness", body_sites=(Concept((), "Right shoulder"),)), node) is MET
    assert _ask(DISC.has("snomed", "26544005", "Weakness", body_sites=(Concept((), "Left shoulder"),)), node) is NOT_MET
    assert _ask(DISC.has("snomed", "26544005", "Weakness"), node) is NOT_MET


def test_lists_that_could_not_be_had_are_unknown_but_what_is_found_elsewhere_counts() -> None:
    node = {"has_condition": {"codelist": "dizziness"}}
    blind = DISC.without("conditions")

    assert _ask(blind, node) is UNKNOWN
    assert _ask(blind.observed(Concept((), "dizziness"), True), node) is MET
    assert _ask(DISC.without("medications"), {"has_medication": {"codelist": "opioids"}}) is UNKNOWN
    assert _ask(DISC, {"has_medication": {"codelist": "opioids"}}) is NOT_MET


def test_text_only_conditions_are_told_as_such() -> None:
    finding = _compile({"has_condition": {"codelist": "motor_loss"}}).ask(
        DISC.has(None, None, "foot drop", days_ago=None).asked()
    )

    assert finding.because == "foot drop (written as text), undated"


@pytest.mark.parametrize(
    ("said", "days_ago", "answer"),
    [
        ("wound healed", 1, NOT_MET), ("wound healed", 30, MET), ("wound healed", None, MET),
        ("wound partially healed, wound healed soon", 1, MET), ("wound open", 1, MET),
    ],
)  # fmt: skip
def test_silence_is_not_healing(said: str, days_ago: int | None, answer: Answer) -> None:
    node = {"wound_not_recorded_healed": {"healed": "wound_healed"}}

    assert _ask(DISC.has(None, None, said, days_ago=days_ago), node) is answer


def test_a_wound_problem_that_is_over_does_not_close_the_pool_again() -> None:
    node = {"wound_not_recorded_healed": {"healed": "wound_healed", "open_wound": ["wound_seroma"]}}
    healed = DISC.has(None, None, "wound healed", days_ago=5)

    assert _ask(healed.has("snomed", "429494008", days_ago=9), node) is NOT_MET
    assert _ask(healed.has("snomed", "429494008", days_ago=3, clinical_status="resolved"), node) is NOT_MET
    assert _ask(healed.has("snomed", "429494008", days_ago=3), node) is MET
    assert _ask(healed.has("snomed", "429494008", days_ago=None), node) is NOT_MET


# ---- the operation and the person


@pytest.mark.parametrize(
    ("facts", "node", "answer"),
    [
        ({}, {"surgery_type": {"one_of": ["LUM_DISC"]}}, MET), ({}, {"surgery_type": {"one_of": ["LUM_FUS"]}}, NOT_MET),
        ({"also_types": ("LUM_FUS",)}, {"surgery_type": {"one_of": ["LUM_FUS"]}}, MET),
        ({"text_type": "LUM_FUS"}, {"surgery_type": {"one_of": ["LUM_FUS"]}}, UNKNOWN),
        ({}, {"region": {"one_of": ["lumbar"]}}, MET), ({"region": None}, {"region": {"one_of": ["lumbar"]}}, UNKNOWN),
        ({}, {"approach": {"one_of": ["anterior"]}}, NOT_MET), ({"technique": "TLIF"}, {"technique": {"one_of": ["TLIF"]}}, MET),
        ({}, {"instrumented": ""}, NOT_MET), ({"instrumented": True}, {"instrumented": ""}, MET),
        ({"instrumented": None}, {"instrumented": ""}, UNKNOWN), ({"revision": True}, {"revision": ""}, MET),
        ({}, {"fusion": ""}, NOT_MET),
        ({"level_count": 3}, {"level_count": {"at_least": "3"}}, MET), ({"level_count": 2}, {"level_count": {"at_least": "3"}}, NOT_MET),
        ({"level_count": 4}, {"level_count": {"at_least": "3", "at_most": "4"}}, MET),
        ({"level_count": 5}, {"level_count": {"at_least": "3", "at_most": "4"}}, NOT_MET),
        ({"level_count": None}, {"level_count": {"at_least": "3"}}, UNKNOWN),
        ({"level_count": 2, "level_count_is_minimum": True}, {"level_count": {"at_least": "3"}}, UNKNOWN),
        ({"level_count": 3, "level_count_is_minimum": True}, {"level_count": {"at_least": "3"}}, MET),
        ({"level_count": 3, "level_count_is_minimum": True}, {"level_count": {"at_most": "4"}}, UNKNOWN),
        ({"level_count": 5, "level_count_is_minimum": True}, {"level_count": {"at_most": "4"}}, NOT_MET),
        ({}, {"day_after_surgery": {"at_least": "20", "at_most": "20"}}, MET), ({}, {"day_after_surgery": {"at_least": "21"}}, NOT_MET),
        ({}, {"day_after_surgery": {"at_most": "19"}}, NOT_MET), ({}, {"week_after_surgery": {"below": "3"}}, MET),
        ({}, {"week_after_surgery": {"below": "2"}}, NOT_MET), ({}, {"week_after_surgery": {"at_least": "2"}}, MET),
        ({"post_op_day": None}, {"day_after_surgery": {"at_least": "0"}}, UNKNOWN),
    ],
)  # fmt: skip
def test_facts_of_the_operation(facts: dict, node: dict, answer: Answer) -> None:
    assert _ask(a_patient().after("LUM_DISC", days=20, **facts), node) is answer


@pytest.mark.parametrize(
    ("born", "answer"),
    [(date(2008, 5, 20), NOT_MET), (date(2008, 5, 21), MET), (None, UNKNOWN)],
)
def test_age_in_completed_years(born: date | None, answer: Answer) -> None:
    assert _ask(DISC.born(born), {"age": {"below": "18", "unit": "years"}}) is answer


def test_a_birth_year_decides_when_it_can() -> None:
    def of(year: int) -> PatientBuilder:
        span = When(date(year, 1, 1), date(year, 12, 31), Precision.YEAR, str(year))
        return DISC.but(patient=replace(DISC.patient, birth_date=span))

    node = {"age": {"at_least": "18", "unit": "years"}}
    assert _ask(of(2008), node) is UNKNOWN
    assert _ask(of(2007), node) is MET
    assert _ask(DISC.but(patient=None), node) is UNKNOWN


# ---- faults


@pytest.mark.parametrize(
    ("node", "words"),
    [
        ("always", "exactly one question"), ({"always": "", "age": {}}, "exactly one question"),
        ({"aged": {"at_least": "3"}}, "'aged' is not a question we know"), ({"all": []}, "takes a list"),
        ({"any": {"always": ""}}, "takes a list"), ({"not": {"aged": ""}}, "not.aged"),
        ({"always": "yes"}, "takes keys and values"), ({"always": {"x": "1"}}, "has no key 'x'"),
        ({"measure": {"of": "temperatur", "at_least": "1", "unit": "Cel"}}, "no measure 'temperatur'"),
        ({"measure": {"at_least": "1", "unit": "Cel"}}, "lacks the key 'of'"),
        ({"measure": {"of": ["crp"], "at_least": "1", "unit": "mg/L"}}, "one word"),
        ({"measure": {"of": "crp", "at_least": "1"}}, "lacks the key 'unit'"),
        ({"measure": {"of": "crp", "at_least": "1", "unit": "mg/dL"}}, "does not fit"),
        ({"measure": {"of": "crp", "unit": "mg/L"}}, "no threshold"),
        ({"measure": {"of": "crp", "at_least": "1,5", "unit": "mg/L"}}, "not a number"),
        ({"measure": {"of": "crp", "at_least": ["1"], "unit": "mg/L"}}, "not a number"),
        ({"measure": {"of": "crp", "at_least": "1", "unit": "mg/L", "any_age": "maybe"}}, "'maybe'"),
        ({"measure": {"of": "crp", "at_least": "1", "unit": "mg/L", "atleast": "2"}}, "has no key 'atleast'"),
        ({"measure_change": {"of": "crp", "unit": "mg/L", "direction": "up", "at_least": "1"}}, "'up' is not known"),
        ({"measure_change": {"of": "crp", "unit": "mg/L", "direction": "rise"}}, "no threshold"),
        ({"measure_change": {"of": "cpr", "unit": "mg/L", "direction": "rise", "at_least": "1"}}, "no measure"),
        ({"measure_change": {"of": "crp", "unit": "mg/L", "direction": "rise", "at_least": "1", "since": "ever"}}, "'ever'"),
        ({"measure_trend": {"of": "pain", "direction": "rise", "sessions": "1"}}, "at least 2 sessions"),
        ({"measure_trend": {"of": "pein", "direction": "rise", "sessions": "3"}}, "no measure"),
        ({"measure_trend": {"of": "pain", "direction": "rise"}}, "at least 2 sessions"),
        ({"drop_on_standing": {"of": "systolic_resting", "standing": "systolic_standing", "unit": "mm[Hg]"}}, "no threshold"),
        ({"has_condition": {"codelist": "none_such"}}, "no codelist"), ({"has_condition": ""}, "lacks the key 'codelist'"),
        ({"has_condition": {"codelist": "falls", "at_words": "leg"}}, "list of words"),
        ({"has_medication": {"codelist": "none_such"}}, "no codelist"),
        ({"wound_not_recorded_healed": {"healed": "none_such"}}, "no codelist"),
        ({"wound_not_recorded_healed": {"healed": "wound_healed", "open_wound": ["none_such"]}}, "no codelist"),
        ({"surgery_type": {}}, "lacks the key 'one_of'"), ({"age": {"below": "18", "unit": "months"}}, "'months'"),
    ],
)  # fmt: skip
def test_faults_name_their_place(node: object, words: str) -> None:
    faults: list[Fault] = []

    condition = _compile(node, faults)

    assert words in "\n".join(map(str, faults))
    assert all(str(fault).startswith("here: ") for fault in faults)
    assert condition.ask(DISC.asked()) is not None


def test_the_closed_list_is_told_to_who_asks_something_else() -> None:
    faults: list[Fault] = []
    _compile({"aged": ""}, faults)

    assert all(word in faults[0].expected for word in (*QUESTIONS, *COMBINATORS))
