"""What diff and the reference site say of questions and grades."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.knowledge.in_words import say_cell, say_condition, say_effect, say_restriction
from cds_service.knowledge.model import Effect, FirstWeek, Knowledge, Mark, Measure, Permission
from tests.unit.knowledge.questions import (
    All, Always, Any_, HasCondition, IsOneOf, Limits, MeasureIs, Not, NotRuledOut, a_codelist, a_grade,
)  # fmt: skip

TEMPERATURE = Measure("temperature", "Body temperature", frozenset(), "Cel", 30, 45, 24, True)
RATIO = Measure("inr", "", frozenset(), "1", 0, 20, 168, True)


@pytest.mark.parametrize(
    ("question", "said"),
    [
        (Always(), "always"),
        (MeasureIs(TEMPERATURE, Limits(at_least=38.0, below=39.0)), "measure is Body temperature at least 38, below 39 Cel"),
        (MeasureIs(RATIO, Limits(above=5.0), hours=24.0), "measure is inr above 5 hours 24"),
        (HasCondition(a_codelist("1", name=""), new=True), "has condition dvt new"),
        (HasCondition(a_codelist("1"), at_words=("neck", "throat")), "has condition"),
        (IsOneOf("region", frozenset({"thoracic", "lumbar"})), "is one of fact region words lumbar, thoracic"),
        (All((Always(), Any_((Always(), IsOneOf("f", frozenset({"x"})))))), "always and (always or is one of fact f words x)"),
        (Not(Always()), "not (always)"),
        (NotRuledOut(Always()), "not ruled out: always"),
    ],
)  # fmt: skip
def test_a_question_in_words(question: Any, said: str) -> None:
    assert say_condition(question).startswith(said)


def test_a_list_of_questions_inside_a_question_is_spelled_out() -> None:
    class Inner(All):
        pass

    assert say_condition(Inner((Always(), 2.5, "a_word"))) == "inner parts always, 2.5, a word"


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        (FirstWeek("x", Permission.PLAIN, 6, Mark.D), "from week 6"),
        (FirstWeek("x", Permission.SUPERVISED, 6, Mark.D), "from week 6, supervised"),
        (FirstWeek("x", Permission.CLEARANCE, None, Mark.D), "only with the surgeon's clearance"),
        (FirstWeek("x", Permission.NEVER, None, Mark.D), "never"),
    ],
)
def test_a_cell_in_words(cell: FirstWeek, said: str) -> None:
    assert say_cell(cell) == said


def test_an_effect_names_what_it_takes_and_shifts() -> None:
    grade = a_grade(removes_exercises=("heel_raises",), shift_weeks=4, shift_tags=("resistance", "impact"))

    assert say_effect(grade) == (
        "takes exercises away; without: pool, heel raises; supervised only: balance; resistance, impact 4 weeks later"
    )


def test_a_shift_without_tags_is_of_every_exercise() -> None:
    grade = a_grade(effect=Effect.INFO, removes=(), supervises=(), shift_weeks=2)

    assert say_effect(grade) == "tells only; every exercise 2 weeks later"


def test_a_restriction_in_one_line(shipped: Knowledge) -> None:
    restrictions = {one.topic: one for one in shipped.protocols["CRV_CDA"].restrictions}

    assert say_restriction(restrictions["Lifting"]) == "weeks 0 to 6: lift up to 4.5 kg; weeks 6 to 12: lift up to 9 kg"
