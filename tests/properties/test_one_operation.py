"""Safety of the answer after one operation: every type, weeks 0 to 60, every red flag.

SPINE_CDS_PROPERTIES=long asks every red flag in every week (minutes); the usual run asks it where phases and windows turn.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest

from cds_service.cards import CallFacts, build_cards
from cds_service.clinical.advice import Advice
from cds_service.knowledge.model import Effect, Permission
from tests.builders import PatientBuilder, a_patient, knowledge, noon
from tests.properties.red_flags import RED_FLAGS, UNIVERSAL, RedFlag, plain, shown

TYPES = tuple(sorted(path.stem for path in (Path(__file__).parents[2] / "cards" / "protocols").glob("*.yaml")))
LONG = os.environ.get("SPINE_CDS_PROPERTIES") == "long"
WEEKS = tuple(range(61))
TURNS = WEEKS if LONG else (0, 1, 7, 30)


@cache
def quiet(surgery_type: str, week: int) -> Advice:
    """The answer where nothing but the operation is known."""
    return _after(surgery_type, week).advice()


def _after(surgery_type: str, week: int) -> PatientBuilder:
    """The lumbar fusion is one from the side, so that its own rule (RF38) can speak."""
    return a_patient().after(surgery_type, weeks=week, technique="LLIF" if surgery_type == "LUM_FUS" else None)


@pytest.mark.parametrize("surgery_type", TYPES)
def test_no_exercise_before_its_week_and_none_that_is_never_or_the_surgeons(surgery_type: str):
    cells = knowledge().protocols[surgery_type].first_weeks
    for week in WEEKS:
        advice = quiet(surgery_type, week)
        for exercise in shown(advice):
            cell = cells[exercise]
            assert cell.week is not None and cell.week <= week, f"{exercise} in week {week}"
            assert cell.permission in (Permission.PLAIN, Permission.SUPERVISED)
        for exercise in plain(advice):
            assert cells[exercise].permission is Permission.PLAIN, f"{exercise} alone in week {week}"
        assert "contact_sport" not in shown(advice)


@pytest.mark.parametrize("surgery_type", TYPES)
def test_every_exercise_whose_week_has_come_is_shown_or_its_rule_is_named(surgery_type: str):
    cells = knowledge().protocols[surgery_type].first_weeks
    for week in WEEKS:
        advice = quiet(surgery_type, week)
        held = {one.exercise: one.rule for one in advice.withheld}
        assert set(cells) == shown(advice) | set(held)
        assert all(one.because for one in advice.withheld)
        early = {exercise for exercise, rule in held.items() if rule == "MATRIX"}
        for exercise in early - {"contact_sport"}:
            assert cells[exercise].week is None or cells[exercise].week > week, f"{exercise} is late in week {week}"


@pytest.mark.parametrize("surgery_type", TYPES)
def test_an_operation_that_lies_later_never_adds_an_exercise(surgery_type: str):
    for week in WEEKS[1:]:
        later, earlier = quiet(surgery_type, week - 1), quiet(surgery_type, week)
        assert plain(later) <= plain(earlier), f"week {week}"
        assert shown(later) <= shown(earlier), f"week {week}"


# A failed fusion is a diagnosis from week 12 on (dossier RF26); the white cells are read from day 7, CRP from day 4 (RF11,
# RF12), fever is judged more strictly from day 3 (RF10): before these days the same finding says less by the dossier.
_SAYS_MORE_LATER = ("RF26", "RF11", "RF12", "RF10")


@pytest.mark.parametrize("surgery_type", TYPES)
def test_an_operation_that_lies_later_never_adds_one_under_a_red_flag_either(surgery_type: str):
    for flag in RED_FLAGS:
        if flag.rule in _SAYS_MORE_LATER:
            continue
        lists = [shown(_flagged(flag, surgery_type, week)) for week in TURNS if week or not flag.compares]
        assert all(later <= earlier for later, earlier in zip(lists, lists[1:], strict=False)), flag.name


@cache
def _flagged(flag: RedFlag, surgery_type: str, week: int) -> Advice:
    return flag.add(_after(surgery_type, week)).advice()


@pytest.mark.parametrize("surgery_type", TYPES)
def test_a_red_flag_never_adds_an_exercise(surgery_type: str):
    for flag in RED_FLAGS:
        for week in TURNS:
            before, after = quiet(surgery_type, week), _flagged(flag, surgery_type, week)
            assert plain(after) <= plain(before), f"{flag.name} in week {week}"
            assert shown(after) <= shown(before), f"{flag.name} in week {week}"


@pytest.mark.parametrize("surgery_type", TYPES)
def test_an_effect_takes_away_what_it_names(surgery_type: str):
    exercises = knowledge().exercises
    for flag in RED_FLAGS:
        for week in TURNS:
            advice = _flagged(flag, surgery_type, week)
            if advice.effect is Effect.STOP_ALL:
                assert not shown(advice) and not advice.programme and not advice.clearance, (
                    f"{flag.name} in week {week}"
                )
            if advice.effect is Effect.BASELINE_ONLY:
                assert shown(advice) <= UNIVERSAL, f"{flag.name} in week {week}"
            removed = {tag for alert in advice.alerts for tag in alert.removes}
            assert not [one for one in shown(advice) if exercises[one].tags & removed], f"{flag.name} in week {week}"
            assert {one.exercise for one in advice.programme} <= plain(advice)


@pytest.mark.parametrize("surgery_type", TYPES)
def test_every_alert_says_its_rule_its_reason_and_its_facts(surgery_type: str):
    rules = {rule.id: rule for rule in knowledge().rules}
    for flag in RED_FLAGS:
        for week in TURNS:
            for alert in _flagged(flag, surgery_type, week).alerts:
                assert alert.rule in rules and alert.because and alert.say and alert.do, f"{flag.name} in week {week}"
                rule = rules[alert.rule]
                needs = rule.applies.needs.union(
                    *(grade.when.needs for grade in rule.grades if grade.id == alert.grade)
                )
                of_the_person = needs <= {"patient", "procedures"}
                assert alert.evidence or of_the_person, f"{alert.rule}: {flag.name} in week {week}"


@pytest.mark.parametrize("flag", RED_FLAGS, ids=lambda flag: flag.name)
def test_every_red_flag_of_these_tests_makes_its_rule_speak_somewhere(flag: RedFlag):
    def speaks(surgery_type: str, week: int) -> bool:
        return any(alert.rule == flag.rule for alert in _flagged(flag, surgery_type, week).alerts)

    assert any(speaks(surgery_type, week) for surgery_type in TYPES for week in TURNS)


def test_three_cards_at_the_most_and_short_summaries():
    call = CallFacts("patient-view", "p", noon(), "https://cds.example.org", b"properties")
    for surgery_type in TYPES:
        for flag in RED_FLAGS:
            cards = build_cards(_flagged(flag, surgery_type, 30), knowledge(), call)
            assert 1 <= len(cards) <= 3
            assert all(len(card.summary) < 140 for card in cards)
