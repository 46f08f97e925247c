"""The picture of a recovery: what it draws comes from the record and from cards/, and nothing else."""

from __future__ import annotations

import json

import pytest

from cds_service.picture import picture
from tests.builders import PatientBuilder, a_patient, knowledge


def drawn(patient: PatientBuilder) -> dict:
    return picture(patient.advice(), patient.record(), knowledge())


def chart(patient: PatientBuilder, measure: str) -> dict:
    return next(one for one in drawn(patient)["charts"] if one["measure"] == measure)


def unlock(patient: PatientBuilder, exercise: str) -> dict:
    return next(one for one in drawn(patient)["operations"][0]["unlocks"] if one["id"] == exercise)


def test_without_an_operation_there_is_nothing_to_draw() -> None:
    assert drawn(a_patient()) == {"operations": [], "charts": []}


def test_it_is_plain_json_with_phases_limits_and_every_exercise() -> None:
    operation = json.loads(json.dumps(drawn(a_patient().after("LUM_FUS", weeks=7))))["operations"][0]

    assert operation["week"] == 7
    assert [phase["id"] for phase in operation["phases"]] == ["P1", "P2", "P3", "P4", "P5"]
    assert any(one["topic"] == "Lifting" for one in operation["restrictions"])
    assert {one["id"] for one in operation["unlocks"]} == set(knowledge().exercises)


@pytest.mark.parametrize(
    ("exercise", "state", "week"),
    [
        ("bridge", "now", 6),
        ("median_slider", "supervised", 6),
        ("bird_dog", "later", 12),
        ("sit_up_crunch", "later", None),
    ],
)
def test_an_exercise_stands_where_the_advice_puts_it(exercise: str, state: str, week: int | None) -> None:
    found = unlock(a_patient().after("LUM_FUS", weeks=7), exercise)

    assert (found["state"], found["week"]) == (state, week)


def test_what_a_rule_holds_back_names_the_rule() -> None:
    found = unlock(a_patient().after("LUM_FUS", weeks=7).has("icd10cm", "M81.0"), "band_rows")

    assert found["state"] == "held" and found["because"].startswith("RF29: ")


def test_values_stand_on_their_day_after_the_operation_oldest_first() -> None:
    patient = a_patient().after("LUM_FUS", days=20).measured("pain", 3, days_ago=1).measured("pain", 6, days_ago=10)

    assert [(point["day"], point["value"]) for point in chart(patient, "pain")["points"]] == [(10, 6), (19, 3)]


def test_a_value_below_a_limit_of_detection_is_no_point() -> None:
    patient = a_patient().after("LUM_FUS", days=20).measured("crp", 5, comparator="<")

    assert drawn(patient)["charts"] == []


def test_without_the_day_of_the_operation_there_is_no_chart() -> None:
    assert drawn(a_patient().after("LUM_FUS").measured("pain", 3))["charts"] == []


def test_no_chart_where_observations_could_not_be_had() -> None:
    assert drawn(a_patient().after("LUM_FUS", days=20).without("observations"))["charts"] == []


def test_thresholds_are_those_of_the_rules_with_their_days() -> None:
    lines = chart(a_patient().after("LUM_FUS", days=20).measured("temperature", 36.8), "temperature")["thresholds"]

    told = {(line["rule"], line["value"], line["severity"], line["fromDay"]) for line in lines}
    assert ("RF10", 39.0, "critical", None) in told
    assert ("RF10", 38.0, "warning", 3) in told
    # fever together with a wound code is no line of its own
    assert "RF08" not in {line["rule"] for line in lines}


def test_a_threshold_for_days_that_have_passed_is_not_drawn() -> None:
    lines = chart(a_patient().after("LUM_FUS", days=60).measured("crp", 5), "crp")["thresholds"]

    assert all(line["toDay"] is None or line["toDay"] >= 60 for line in lines)


@pytest.mark.parametrize(
    ("surgery_type", "facts", "draws"),
    [
        ("LUM_DISC", {}, True),
        ("LUM_FUS", {"technique": "TLIF"}, True),
        ("LUM_FUS", {"technique": "ALIF"}, True),
        ("LUM_FUS", {}, False),
        ("LUM_LAMI", {}, False),
    ],
)
def test_the_usual_course_is_drawn_only_where_it_was_measured(surgery_type: str, facts: dict, draws: bool) -> None:
    found = chart(a_patient().after(surgery_type, days=7, **facts).measured("crp", 30), "crp")

    assert bool(found["expected"]) is draws
