"""The imagined patient: the lists are the service's own, week by week."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cds_service.clinical.simulate import _inside, simulate
from cds_service.errors import InputFaults
from cds_service.knowledge.load import load_knowledge
from cds_service.knowledge.model import Knowledge, Permission
from cds_service.patient.quantity import Amount
from cds_service.patient.questions.about_measures import Limits

CARDS = Path(__file__).parents[3] / "cards"
HELD_BY_SILENCE = {"water_walking", "swimming"}
"""Pool items wait until week 12 where nothing says that the wound has healed (RF43)."""


@pytest.fixture(scope="module")
def knowledge() -> Knowledge:
    return load_knowledge(CARDS)


def listed(knowledge: Knowledge, surgery: str, week: int, *facts: str) -> set[str]:
    (only,) = simulate(surgery, [week], facts, knowledge)
    return {one.exercise for one in (*only.advice.exercises, *only.advice.supervised)}


def rules(knowledge: Knowledge, surgery: str, week: int, *facts: str) -> set[str]:
    (only,) = simulate(surgery, [week], facts, knowledge)
    return {alert.rule for alert in only.advice.alerts}


@pytest.mark.parametrize("surgery", ["LUM_FUS", "LUM_DISC", "CRV_ACDF", "SCS", "TUMOUR"])
@pytest.mark.parametrize("week", [0, 2, 6, 11, 12, 52])
def test_without_facts_the_list_is_the_matrix(knowledge: Knowledge, surgery: str, week: int) -> None:
    cells = knowledge.protocols[surgery].first_weeks.values()
    matrix = {
        cell.exercise
        for cell in cells
        if cell.permission in (Permission.PLAIN, Permission.SUPERVISED) and cell.week is not None and cell.week <= week
    } - {"contact_sport"}

    assert listed(knowledge, surgery, week) == matrix - (HELD_BY_SILENCE if week < 12 else set())


def test_osteoporosis_takes_impact_and_bending_away(knowledge: Knowledge) -> None:
    without = listed(knowledge, "LUM_DISC", 20)
    weak_bone = listed(knowledge, "LUM_DISC", 20, "osteoporosis")

    assert {"jogging", "sit_up_crunch", "spine_twist"} <= without - weak_bone
    assert weak_bone <= without


def test_three_levels_count_four_weeks_later(knowledge: Knowledge) -> None:
    assert listed(knowledge, "LUM_FUS", 10, "three_or_four_levels") == listed(knowledge, "LUM_FUS", 6)


@pytest.mark.parametrize(
    ("fact", "surgery", "week", "rule"),
    [
        ("RF10", "LUM_FUS", 3, "RF10"),
        ("RF17", "LUM_FUS", 3, "RF17"),
        ("RF19", "LUM_FUS", 3, "RF19"),
        ("RF28", "LUM_DISC", 6, "RF28"),
        ("RF42", "LUM_FUS", 6, "RF42"),
        ("OM02", "CRV_ACDF", 20, "OM02"),
        ("OM03", "LUM_FUS", 20, "OM03"),
        ("anticoagulation", "LUM_FUS", 6, "RF30"),
        ("dvt", "LUM_FUS", 6, "RF06"),
        ("revision", "LUM_FUS", 6, "RF45"),
        ("RF22.rising_three_sessions", "LUM_FUS", 6, "RF22"),
        ("RF19.drop_on_standing", "LUM_FUS", 6, "RF19"),
    ],
)
def test_a_fact_is_made_true(knowledge: Knowledge, fact: str, surgery: str, week: int, rule: str) -> None:
    assert rule in rules(knowledge, surgery, week, fact)


def test_every_rule_can_be_played(knowledge: Knowledge) -> None:
    """All but the notes RF43 and AP01, which raise no alert, and rules that need days instead of weeks."""
    fired: set[str] = set()
    for rule in knowledge.rules:
        for surgery in ("LUM_FUS", "LUM_DISC", "CRV_ACDF", "LUM_TDR", "SCS", "CRV_PFUS", "TUMOUR"):
            for grade in rule.grades:
                if rule.id not in fired:
                    played = simulate(surgery, (0, 1, 3, 20), [f"{rule.id}.{grade.id}"], knowledge)
                    fired |= {alert.rule for one in played for alert in one.advice.alerts}

    assert {rule.id for rule in knowledge.rules} - fired == {"RF43", "AP01"}


def test_an_uninstrumented_fusion_can_be_imagined(knowledge: Knowledge) -> None:
    (only,) = simulate("LUM_FUS", [6], ["uninstrumented_fusion"], knowledge)

    assert only.advice.operations[0].instrumented is False


def test_age_from_75_is_imagined_by_the_date_of_birth(knowledge: Knowledge) -> None:
    assert "RF42" in rules(knowledge, "LUM_FUS", 6, "age_from_75")
    assert "RF42" in rules(knowledge, "LUM_FUS", 6, "age_under_18")


def test_everything_unknown_is_named_at_once(knowledge: Knowledge) -> None:
    with pytest.raises(InputFaults) as found:
        simulate("LUM_FUSION", [6], ["osteoporosis", "bad_luck", "RF99", "RF10.lukewarm"], knowledge)

    told = [str(fault) for fault in found.value.faults]
    for word in ("'LUM_FUSION' is no operation", "'bad_luck'", "'RF99'", "'RF10.lukewarm'"):
        assert any(word in line for line in told)


def test_the_same_question_gives_the_same_answer(knowledge: Knowledge) -> None:
    def asked() -> Any:
        return simulate("LUM_FUS", range(0, 60, 6), ["osteoporosis"], knowledge)

    assert asked() == asked()


@pytest.mark.parametrize(
    "limits",
    [
        Limits(at_least=3), Limits(above=3), Limits(at_most=3), Limits(below=3), Limits(at_least=3, below=5),
        Limits(above=3, at_most=5), Limits(below=0), Limits(above=0),
    ],
)  # fmt: skip
def test_an_imagined_value_lies_within_its_limits(limits: Limits) -> None:
    value = _inside(limits)

    assert limits.hold(Amount(value, value)) is True
