"""Compiled questions, grades and cells told in plain words, for diff, check and the reference site."""

from __future__ import annotations

import re
from dataclasses import fields
from functools import singledispatch
from typing import Any

from cds_service.knowledge.model import FirstWeek, Grade, Permission, Restriction
from cds_service.patient.known import Codelist, Measure
from cds_service.patient.questions.about_conditions import HasCondition, HasMedication, WoundNotRecordedHealed
from cds_service.patient.questions.about_measures import Change, Days, Drop, Limits, MeasureIs, Trend
from cds_service.patient.questions.about_operation import Age, IsOfType, IsOneOf, Levels, Since, Was
from cds_service.patient.questions.logic import All, Always, Not, NotRuledOut
from cds_service.patient.questions.logic import Any as AnyOf

_LIMITS = {"at_least": "at least", "above": "above", "at_most": "at most", "below": "below"}


def say_cell(cell: FirstWeek) -> str:
    """Write a cell of the matrix for people."""
    if cell.permission is Permission.NEVER:
        return "never"
    if cell.permission is Permission.CLEARANCE:
        return "only with the surgeon's clearance"
    return f"from week {cell.week}" + (", supervised" if cell.permission is Permission.SUPERVISED else "")


def say_weeks(from_week: int, to_week: int | None) -> str:
    return f"from week {from_week}" if to_week is None else f"weeks {from_week} to {to_week}"


def say_restriction(restriction: Restriction) -> str:
    """Write the steps of a restriction in one line."""
    return "; ".join(f"{say_weeks(step.from_week, step.to_week)}: {step.say}" for step in restriction.steps)


def say_effect(grade: Grade) -> str:
    """Write what a grade does to the list of exercises."""
    words = {
        "STOP_ALL": "stops every exercise",
        "BASELINE_ONLY": "leaves the universal set only",
        "REMOVE": "takes exercises away",
        "NO_PROGRESSION": "holds the programme where it is",
        "INFO": "tells only",
    }[grade.effect.value]
    parts = [words]
    for key, names in (("without", (*grade.removes, *grade.removes_exercises)), ("supervised only", grade.supervises)):
        if names:
            parts.append(f"{key}: {', '.join(name.replace('_', ' ') for name in names)}")
    if grade.shift_weeks:
        whose = ", ".join(grade.shift_tags).replace("_", " ") or "every exercise"
        parts.append(f"{whose} {grade.shift_weeks} weeks later")
    return "; ".join(parts)


@singledispatch
def say_condition(condition: Any) -> str:
    """Write a compiled question in words; one we have no sentence for is told by its name and arguments."""
    arguments = (
        f"{field.name.replace('_', ' ')} {getattr(condition, field.name)}"
        for field in fields(condition)
        if field.compare and field.name != "needs"
    )
    return " ".join([re.sub(r"(?<!^)(?=[A-Z])", " ", type(condition).__name__).lower(), *arguments])


@say_condition.register
def _(_: Always) -> str:
    return "always"


@say_condition.register
def _(condition: All) -> str:
    return " and ".join(_bracketed(part) for part in condition.parts)


@say_condition.register
def _(condition: AnyOf) -> str:
    return " or ".join(_bracketed(part) for part in condition.parts)


@say_condition.register
def _(condition: Not) -> str:
    return f"not {_bracketed(condition.part)}"


@say_condition.register
def _(condition: NotRuledOut) -> str:
    return f"it is not ruled out that {_bracketed(condition.part)}"


@say_condition.register
def _(condition: HasCondition) -> str:
    parts = [f"the record has {_name(condition.codelist)}"]
    parts += ["new since the operation"] if condition.new else []
    parts += ["also without a date"] if condition.undated_counts else []
    parts += [f"begun in the last {condition.within_days:g} days"] if condition.within_days is not None else []
    parts += [] if condition.active else ["also when resolved"]
    parts += [f"named with {' or '.join(condition.at_words)}"] if condition.at_words else []
    parts += [f"not named with {', '.join(condition.not_at_words)}"] if condition.not_at_words else []
    return ", ".join(parts)


@say_condition.register
def _(condition: HasMedication) -> str:
    return f"the patient takes {_name(condition.codelist)}"


@say_condition.register
def _(condition: WoundNotRecordedHealed) -> str:
    return "the wound is not recorded as healed and dry"


@say_condition.register
def _(condition: MeasureIs) -> str:
    said = f"{condition.measure.name} {_limits(condition.limits)}{_unit(condition.measure)}"
    return said + _days(condition.days) + _age(condition.measure, condition.hours)


@say_condition.register
def _(condition: Change) -> str:
    way = "has fallen" if condition.falls else "has risen"
    by = _limits(Limits(at_least=condition.at_least, above=condition.above))
    unit = " percent" if condition.relative else _unit(condition.measure)
    since = {"previous": "the value before", "any": "any value before", "baseline": "before the operation"}[
        condition.since
    ]
    said = f"{condition.measure.name} {way} by {by}{unit} since {since}"
    said += f" within {condition.window_hours:g} hours" if condition.window_hours is not None else ""
    said += f" ({condition.apart_days:g} or more days apart)" if condition.apart_days is not None else ""
    return said + _days(condition.days) + _age(condition.measure, condition.hours)


@say_condition.register
def _(condition: Trend) -> str:
    way = "falls" if condition.falls else "rises"
    return f"{condition.measure.name} {way} over {condition.sessions} sessions" + _age(
        condition.measure, condition.hours
    )


@say_condition.register
def _(condition: Drop) -> str:
    said = f"{condition.measure.name} falls by at least {condition.at_least:g}{_unit(condition.measure)} on standing"
    return said + _age(condition.measure, condition.hours)


@say_condition.register
def _(condition: IsOfType) -> str:
    return f"the operation is {' or '.join(sorted(condition.types))}"


@say_condition.register
def _(condition: IsOneOf) -> str:
    return f"the {condition.fact.replace('_', ' ')} is {' or '.join(sorted(condition.words))}"


@say_condition.register
def _(condition: Was) -> str:
    return {"fusion": "a fusion", "revision": "a revision", "instrumented": "with instruments or implants"}[
        condition.fact
    ]


@say_condition.register
def _(condition: Levels) -> str:
    return f"levels {_limits(Limits(at_least=condition.at_least, at_most=condition.at_most))}"


@say_condition.register
def _(condition: Since) -> str:
    limits = Limits(at_least=condition.at_least, at_most=condition.at_most, below=condition.below)
    return f"{condition.word} after surgery {_limits(limits)}"


@say_condition.register
def _(condition: Age) -> str:
    return f"age {_limits(Limits(at_least=condition.at_least, below=condition.below))} years"


def _bracketed(part: Any) -> str:
    said = say_condition(part)
    return f"({said})" if isinstance(part, All | AnyOf) and len(part.parts) > 1 else said


def _name(codelist: Codelist) -> str:
    return codelist.name or codelist.id.replace("_", " ")


def _limits(limits: Limits) -> str:
    return ", ".join(
        f"{words} {getattr(limits, name):g}" for name, words in _LIMITS.items() if getattr(limits, name) is not None
    )


def _unit(measure: Measure) -> str:
    unit = measure.shown_unit or ("" if measure.unit == "1" else measure.unit)
    return f" {unit}" if unit else ""


def _days(days: Days) -> str:
    if days.first is None and days.last is None:
        return ""
    limits = Limits(at_least=days.first, at_most=days.last)
    return f", measured on a day after surgery {_limits(limits)}"


def _age(measure: Measure, hours: float | None) -> str:
    """Say how old a value may be, where a question sets another limit than the measure's own."""
    if hours == measure.fresh_hours:
        return ""
    return ", of any age" if hours is None else f", not older than {hours:g} hours"
