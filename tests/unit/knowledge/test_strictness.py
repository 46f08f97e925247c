"""Stricter may pass freely, so nothing that is looser or unclear may ever be called stricter."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cds_service.knowledge.model import Effect, FirstWeek, Mark, Permission, Severity
from cds_service.knowledge.strictness import Strictness, of_conditions, of_first_weeks, of_rules, of_setting
from tests.unit.knowledge.questions import (
    All,
    Always,
    Any_,
    HasCondition,
    IsOneOf,
    Limits,
    MeasureIs,
    Not,
    a_codelist,
    a_grade,
    a_rule,
)  # fmt: skip

SAME, STRICTER, LOOSER, UNCLEAR = Strictness.SAME, Strictness.STRICTER, Strictness.LOOSER, Strictness.UNCLEAR


def cell(permission: Permission, week: int | None) -> FirstWeek:
    return FirstWeek("bridge", permission, week, Mark.D)


PLAIN, SUPERVISED, CLEARANCE, NEVER = Permission.PLAIN, Permission.SUPERVISED, Permission.CLEARANCE, Permission.NEVER


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (cell(PLAIN, 6), cell(PLAIN, 6), SAME),
        (cell(PLAIN, 6), cell(PLAIN, 7), STRICTER),
        (cell(PLAIN, 6), cell(PLAIN, 5), LOOSER),
        (cell(PLAIN, 6), cell(SUPERVISED, 6), STRICTER),
        (cell(SUPERVISED, 6), cell(PLAIN, 6), LOOSER),
        (cell(PLAIN, 6), cell(SUPERVISED, 4), LOOSER),
        (cell(SUPERVISED, 6), cell(PLAIN, 12), LOOSER),
        (cell(PLAIN, 6), cell(NEVER, None), STRICTER),
        (cell(NEVER, None), cell(SUPERVISED, 52), LOOSER),
        (cell(NEVER, None), cell(CLEARANCE, None), LOOSER),
    ],
)
def test_first_weeks(before: FirstWeek, after: FirstWeek, expected: Strictness) -> None:
    assert of_first_weeks(before, after) is expected


@pytest.mark.parametrize(
    ("key", "before", "after", "expected"),
    [
        ("pool_week", 12, 16, STRICTER),
        ("pool_week", 12, 8, LOOSER),
        ("programme_size", 8, 6, STRICTER),
        ("programme_size", 8, 10, LOOSER),
        ("staged_fusion_days", 14, 21, UNCLEAR),
        ("staged_fusion_days", 14, 14, SAME),
    ],
)
def test_numbers(key: str, before: int, after: int, expected: Strictness) -> None:
    assert of_setting(key, before, after) is expected


def at_least(limit: float, **more: Any) -> MeasureIs:
    return MeasureIs("temperature", Limits(at_least=limit), **more)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (at_least(38), at_least(38), SAME),
        (at_least(38), at_least(37.5), STRICTER),
        (at_least(38), at_least(38.5), LOOSER),
        (MeasureIs("t", Limits(below=80)), MeasureIs("t", Limits(below=90)), STRICTER),
        (MeasureIs("t", Limits(below=80)), MeasureIs("t", Limits(below=70)), LOOSER),
        (MeasureIs("t", Limits(above=4, at_most=5)), MeasureIs("t", Limits(above=4)), STRICTER),
        (MeasureIs("t", Limits(above=4)), MeasureIs("t", Limits(above=4, at_most=5)), LOOSER),
        (MeasureIs("t", Limits(above=4)), MeasureIs("u", Limits(above=4)), UNCLEAR),
        (at_least(38, hours=24), at_least(38, hours=48), STRICTER),
        (at_least(38, hours=24), at_least(38, hours=12), LOOSER),
        (at_least(38), Always(), UNCLEAR),
        (Not(at_least(38)), Not(at_least(37)), LOOSER),
        (Not(at_least(38)), Not(at_least(39)), STRICTER),
        (Not(at_least(38)), Not(MeasureIs("u", Limits(at_least=38))), UNCLEAR),
        (All((at_least(38), Always())), All((at_least(37), Always())), STRICTER),
        (All((at_least(38), at_least(1))), All((at_least(37), at_least(2))), LOOSER),
        (All((at_least(38),)), All((at_least(38), Always())), UNCLEAR),
        (Any_((at_least(38),)), Any_((at_least(39),)), LOOSER),
        (HasCondition(a_codelist("1")), HasCondition(a_codelist("1", "2")), STRICTER),
        (HasCondition(a_codelist("1", "2")), HasCondition(a_codelist("1")), LOOSER),
        (HasCondition(a_codelist("1", "2")), HasCondition(a_codelist("1", "3")), LOOSER),
        (HasCondition(a_codelist("1"), new=True), HasCondition(a_codelist("1"), new=False), UNCLEAR),
        (HasCondition(a_codelist("1"), within_days=90), HasCondition(a_codelist("1"), within_days=None), STRICTER),
        (IsOneOf("region", frozenset({"lumbar"})), IsOneOf("region", frozenset({"lumbar", "thoracic"})), UNCLEAR),
    ],
)  # fmt: skip
def test_conditions(before: Any, after: Any, expected: Strictness) -> None:
    assert of_conditions(before, after) is expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, SAME),
        ({"severity": Severity.CRITICAL}, STRICTER),
        ({"severity": Severity.INFO}, LOOSER),
        ({"effect": Effect.STOP_ALL}, STRICTER),
        ({"effect": Effect.INFO}, LOOSER),
        ({"removes": ("pool", "impact")}, STRICTER),
        ({"removes": ()}, LOOSER),
        ({"supervises": (), "removes": ("pool", "balance")}, STRICTER),
        ({"supervises": ()}, LOOSER),
        ({"removes_exercises": ("bridge",)}, STRICTER),
        ({"shift_weeks": 4}, STRICTER),
        ({"shift_tags": ("impact",)}, UNCLEAR),
        ({"say": "cool"}, UNCLEAR),
    ],
)
def test_grades_of_a_rule(change: dict[str, Any], expected: Strictness) -> None:
    assert of_rules(a_rule(), a_rule(grades=(a_grade(**change),))) is expected


def test_a_rule_with_other_steps_is_not_comparable() -> None:
    assert of_rules(a_rule(), a_rule(grades=(a_grade("hot"),))) is UNCLEAR


def test_a_rule_that_says_something_else_when_unknown_is_not_comparable() -> None:
    assert of_rules(a_rule(), a_rule(if_unknown="never mind")) is UNCLEAR


def test_a_new_title_or_file_is_no_change_for_patients() -> None:
    assert of_rules(a_rule(), a_rule(title="Another name", file="safety/local.yaml", line=7)) is SAME


def steps(first: Any, **later: Any) -> Any:
    return a_rule(grades=(a_grade("one", when=first), a_grade("two", when=at_least(30), **later)))


def test_a_wider_step_may_not_silence_a_later_one_that_does_more() -> None:
    for later in ({"effect": Effect.STOP_ALL}, {"severity": Severity.CRITICAL}, {"removes": ("impact",)},
                  {"supervises": ("neural",)}, {"removes_exercises": ("bridge",)}, {"shift_weeks": 4}):  # fmt: skip
        assert of_rules(steps(at_least(39), **later), steps(at_least(38), **later)) is UNCLEAR, later


def test_a_wider_step_that_does_as_much_as_the_later_ones_is_stricter() -> None:
    assert of_rules(steps(at_least(39)), steps(at_least(38))) is STRICTER


def test_a_wider_step_that_stops_everything_is_stricter() -> None:
    before, after = (
        a_rule(grades=(a_grade("one", when=at_least(limit), effect=Effect.STOP_ALL, removes=()), a_grade("two")))
        for limit in (39, 38)
    )

    assert of_rules(before, after) is STRICTER


def test_words_by_which_a_condition_is_known_count_like_its_codes() -> None:
    codelist = a_codelist("1")

    assert of_conditions(HasCondition(codelist), HasCondition(replace(codelist, words=("clot",)))) is STRICTER
