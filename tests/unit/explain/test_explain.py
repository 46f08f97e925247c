"""The contract of `explain`: its keys and their meaning, and a text that a physiotherapist can follow."""

from __future__ import annotations

import json

import pytest

from cds_service.cards import build_cards
from cds_service.clinical.advice import DataQuality, Modifier, Trace
from cds_service.explain import explain, explain_text
from cds_service.knowledge.model import Effect, Severity
from cds_service.patient.finding import Evidence
from tests.advice_maker import (
    a_call,
    a_plan,
    an_advice,
    an_alert,
    knowledge,
    nothing_to_say,
    osteoporosis,
    some_unknown,
)

CONTRACT = {
    "on", "knowledgeVersion", "operations", "effect", "exercises", "supervised", "withheld", "alerts", "unknown",
    "dataQuality", "cards",
}  # fmt: skip
OPERATION = {
    "surgeryType", "date", "postOpDay", "completedWeek", "effectiveWeek", "phase", "region", "levels", "fusion",
    "basis", "evidence",
}  # fmt: skip


def told(advice):
    return explain(advice, knowledge(), build_cards(advice, knowledge(), a_call()))


def full_advice():
    return an_advice(
        week=14, shift_weeks=4, alerts=(osteoporosis(),), unknown=some_unknown(),
        data_quality=(DataQuality("DQ10", Severity.INFO, "a pain score before the operation was not used"),),
        modifiers=(Modifier("RF45", "Revision fusion: four weeks later"),),
        surgeon_instructions=(Evidence("CarePlan/cp-1", "No lifting", date="2026-04-02"),),
    )  # fmt: skip


def test_the_contract_holds_its_keys() -> None:
    found = told(full_advice())

    assert set(found) >= CONTRACT
    assert set(found["operations"][0]) >= OPERATION
    assert set(found["withheld"][0]) >= {"exercise", "rule", "because"}
    assert set(found["alerts"][0]) >= {"rule", "severity", "effect", "because", "evidence"}
    assert set(found["unknown"][0]) >= {"rule", "because"}
    assert set(found["dataQuality"][0]) >= {"rule", "severity", "because"}


def test_the_answer_is_plain_json() -> None:
    found = told(full_advice())

    assert json.loads(json.dumps(found)) == found


def test_exercises_are_ids_and_each_of_the_catalogue_stands_in_exactly_one_list() -> None:
    found = told(an_advice(alerts=(osteoporosis(),)))

    ids = found["exercises"] + found["supervised"] + [one["exercise"] for one in found["withheld"]]
    assert sorted(ids) == sorted(knowledge().exercises)


def test_week_phase_and_effect_are_told_and_null_where_there_is_none() -> None:
    found, dateless = told(full_advice()), told(an_advice(week=None, exercises=(), programme=()))

    operation = found["operations"][0]
    assert (operation["completedWeek"], operation["effectiveWeek"], operation["phase"]) == (14, 10, "P2")
    assert found["effect"] == "REMOVE"
    assert dateless["operations"][0]["phase"] is None
    assert dateless["operations"][0]["date"] is None
    assert dateless["effect"] is None


def test_cards_stand_there_as_they_are_sent() -> None:
    (card,) = told(an_advice())["cards"]

    assert card["selectionBehavior"] == "at-most-one"
    assert card["overrideReasons"][0]["code"] == "expert-contradicts"
    assert card["suggestions"][0]["actions"][0]["type"] == "create"
    assert "null" not in json.dumps(card)


def test_nothing_to_say_is_told_without_cards() -> None:
    found = told(nothing_to_say())

    assert found["cards"] == []
    assert found["operations"] == []
    assert found["relevant"] is False


def test_the_text_goes_from_the_operation_to_the_cards() -> None:
    advice = full_advice()

    text = explain_text(advice, knowledge(), build_cards(advice, knowledge(), a_call()))

    order = [
        "DAY ASKED ABOUT", "OPERATION", "WEEK AND PHASE", "SURGEON'S INSTRUCTION", "ALERTS, WORST FIRST",
        "CHANGED FOR THIS PATIENT", "PROGRAMME ON THE CARD", "EVERYTHING THAT FITS", "WITH A THERAPIST ONLY", "WITHHELD",
        "COULD NOT BE KNOWN", "QUALITY OF THE RECORD", "CARDS",
    ]  # fmt: skip
    places = [text.index(heading) for heading in order]
    assert places == sorted(places)
    for said in (
        "completed week 14, counted as week 10 (4 weeks later by RF45)", "seen in Condition/c-1 Osteoporosis",
        "because CPT 22633 is a lumbar fusion", "[RF29]", "[MATRIX]", "INR", "(would change nothing)", "E25",
    ):  # fmt: skip
        assert said in text


def test_doubt_about_the_operation_is_told() -> None:
    advice = an_advice(
        alternatives=("LUM_DISC",), conflicts=("CPT says fusion, text says discectomy",), date_is_partial=True,
        permanent_blocks_only=True, evidence=(Evidence("Procedure/p", "x", "1", None, "v", None),), revision=None,
    )  # fmt: skip

    text = explain_text(advice, knowledge())

    for said in ("could also be LUM_DISC", "conflict: CPT says", "recorded as", "for ever", "revision unknown", "= v"):
        assert said in text
    assert "none: there is nothing to say" in text


def test_silent_rules_refusals_and_cautions_are_told() -> None:
    advice = an_advice(
        "THX_FUS", 10, trace=(Trace("RF01", "not met", "no such finding"),), alerts=(an_alert(sources=()),)
    )

    text = explain_text(advice, knowledge())

    assert "RF01 not met: no such finding" in text
    assert "no programme as an order" in text
    assert "to agree with the surgeon first" in text
    assert "source: none [V]" in text


@pytest.mark.parametrize("week", [None, 7])
def test_a_plan_without_a_date_says_that_there_is_no_week(week: int | None) -> None:
    text = explain_text(an_advice(plans=(a_plan("LUM_FUS", week),)), knowledge())

    assert ("no week, because the operation has no date" in text) == (week is None)


def test_no_operation_is_said_in_words() -> None:
    assert "no spine operation that counts was found" in explain_text(nothing_to_say(), knowledge())


def test_an_unverified_source_is_marked_as_such() -> None:
    unverified = next(key for key, source in knowledge().sources.items() if not source.citable)

    text = explain_text(
        an_advice(alerts=(an_alert(effect=Effect.INFO, severity=Severity.INFO, sources=(unverified,)),)), knowledge()
    )

    assert f"source: {unverified}" in text
    assert "(not verified)" in text
