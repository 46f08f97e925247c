"""What diff and the reference site say of questions and grades."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from cds_service.errors import Fault
from cds_service.knowledge.in_words import say_cell, say_condition, say_effect, say_restriction
from cds_service.knowledge.model import Effect, FirstWeek, Knowledge, Mark, Permission
from cds_service.patient.criteria import compile_condition
from tests.unit.knowledge.questions import a_grade


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ({"always": ""}, "always"),
        ({"measure": {"of": "temperature", "at_least": "38", "below": "39", "unit": "Cel"}}, "temperature at least 38, below 39 °C"),
        (
            {"measure": {"of": "inr", "above": "5", "unit": "1", "any_age": "yes", "measured_from_day": "2"}},
            "INR above 5, measured on a day after surgery at least 2, of any age",
        ),
        (
            {"measure": {"of": "temperature", "above": "38", "unit": "Cel", "within_hours": "6"}},
            "temperature above 38 °C, not older than 6 hours",
        ),
        (
            {"measure_change": {"of": "pain", "unit": "1", "direction": "rise", "at_least": "3", "over_hours": "24"}},
            "pain score has risen by at least 3 of 10 since the value before within 24 hours",
        ),
        (
            {"measure_change": {"of": "crp", "unit": "percent", "direction": "fall", "above": "25", "since": "any", "apart_days": "2"}},
            "CRP has fallen by above 25 percent since any value before (2 or more days apart)",
        ),
        ({"measure_trend": {"of": "pain", "direction": "rise", "sessions": "3"}}, "pain score rises over 3 sessions"),
        ({"measure_trend": {"of": "steps", "direction": "fall", "sessions": "2"}}, "steps a day falls over 2 sessions"),
        (
            {"drop_on_standing": {"of": "systolic_resting", "standing": "systolic_standing", "at_least": "20", "unit": "mm[Hg]"}},
            "falls by at least 20",
        ),
        ({"has_condition": {"codelist": "dvt"}}, "the record has deep vein thrombosis"),
        (
            {"has_condition": {"codelist": "dvt", "new": "yes", "active": "no", "within_days": "90", "undated_counts": "yes"}},
            "the record has deep vein thrombosis, new since the operation, also without a date, begun in the last 90 days, "
            "also when resolved",
        ),
        (
            {"has_condition": {"codelist": "dvt", "at_words": ["calf", "thigh"], "not_at_words": ["arm"]}},
            "the record has deep vein thrombosis, named with calf or thigh, not named with arm",
        ),
        ({"has_medication": {"codelist": "steroids"}}, "the patient takes "),
        ({"surgery_type": {"one_of": ["SCS", "LUM_FUS"]}}, "the operation is LUM_FUS or SCS"),
        ({"region": {"one_of": ["thoracic", "lumbar"]}}, "the region is lumbar or thoracic"),
        ({"revision": ""}, "a revision"),
        ({"level_count": {"at_least": "3", "at_most": "4"}}, "levels at least 3, at most 4"),
        ({"day_after_surgery": {"at_least": "0", "at_most": "14"}}, "day after surgery at least 0, at most 14"),
        ({"week_after_surgery": {"below": "12"}}, "completed week after surgery below 12"),
        ({"age": {"at_least": "75", "unit": "years"}}, "age at least 75 years"),
        (
            {"all": [{"fusion": ""}, {"any": [{"always": ""}, {"not": {"instrumented": ""}}]}]},
            "a fusion and (always or not with instruments or implants)",
        ),
        ({"not_ruled_out": {"any": [{"fusion": ""}]}}, "it is not ruled out that a fusion"),
    ],
)  # fmt: skip
def test_a_question_in_words(shipped: Knowledge, question: Any, said: str) -> None:
    faults: list[Fault] = []
    compiled = compile_condition(question, shipped.known, str, faults)

    assert faults == []
    assert said in say_condition(compiled)


def test_every_question_of_every_rule_has_a_sentence(shipped: Knowledge) -> None:
    for rule in shipped.rules:
        for condition in (rule.applies, *(grade.when for grade in rule.grades)):
            assert " needs " not in say_condition(condition)
            assert "frozenset" not in say_condition(condition), rule.id


def test_a_question_without_a_sentence_of_its_own_is_told_by_name() -> None:
    @dataclass(frozen=True)
    class TookPart:
        at_least: int
        needs: frozenset[str] = frozenset()

    assert say_condition(TookPart(3)) == "took part at least 3"


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
