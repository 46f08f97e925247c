"""The recovery of one patient as a picture: phases, limits, exercises unlocking, values with their thresholds. Values only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Any

from cds_service.clinical.advice import Advice, Plan
from cds_service.clinical.operation import Operation
from cds_service.knowledge.model import FirstWeek, Knowledge, NormalCourse, Permission, SafetyRule
from cds_service.orders.words import operation_text
from cds_service.patient.facts import Chart, Value
from cds_service.patient.known import Measure
from cds_service.patient.questions.about_measures import MeasureIs
from cds_service.patient.questions.about_operation import IsOfType, IsOneOf, Since, Was
from cds_service.patient.questions.logic import All as AllOf
from cds_service.patient.questions.logic import Any as AnyOf
from cds_service.patient.record import PatientRecord

DRAWN = ("pain", "temperature", "crp")
"""The measures that get a chart of their own, in this order."""

_ABOUT_THE_OPERATION = (Since, IsOfType, IsOneOf, Was)


def picture(advice: Advice, record: PatientRecord, knowledge: Knowledge, at: datetime | None = None) -> dict[str, Any]:
    """Give what a page needs to draw; every number comes from the record or from cards/."""
    chart = Chart(record, knowledge.known, advice.on, at)
    return {
        "operations": [_operation(plan, advice, knowledge) for plan in advice.plans],
        "charts": [drawn for name in DRAWN if (drawn := _chart(name, chart, advice, knowledge)) is not None],
    }


def _operation(plan: Plan, advice: Advice, knowledge: Knowledge) -> dict[str, Any]:
    operation, protocol = plan.operation, plan.protocol
    weeks = [phase.from_week for phase in protocol.phases] + [
        cell.week for cell in protocol.first_weeks.values() if cell.week
    ]
    return {
        "surgeryType": protocol.id,
        "name": operation_text(plan),
        "date": operation.date.isoformat() if operation.date else None,
        "week": operation.effective_week,
        "lastWeek": max(weeks, default=0) + 4,
        "phases": [
            {"id": phase.id, "from": phase.from_week, "to": phase.to_week, "goal": phase.goal}
            for phase in protocol.phases
        ],
        "restrictions": [
            {
                "topic": one.topic,
                "steps": [{"from": step.from_week, "to": step.to_week, "say": step.say} for step in one.steps],
            }
            for one in protocol.restrictions
        ],
        "unlocks": list(_unlocks(protocol.first_weeks.values(), advice, knowledge)),
    }


def _unlocks(cells: Iterable[FirstWeek], advice: Advice, knowledge: Knowledge) -> Iterator[dict[str, Any]]:
    """Tell of each exercise when it begins and how it stands today: now, supervised, held (by a rule), later."""
    now = {one.exercise for one in advice.exercises}
    supervised = {one.exercise for one in advice.supervised}
    held = {one.exercise: one for one in (*advice.withheld, *advice.clearance)}
    for cell in cells:
        exercise = knowledge.exercises[cell.exercise]
        if cell.exercise in now:
            state, because = "now", None
        elif cell.exercise in supervised:
            state, because = "supervised", None
        else:
            told = held.get(cell.exercise)
            state = "later" if told is None or told.rule == "MATRIX" else "held"
            because = None if told is None else f"{told.rule}: {told.because}"
        week = cell.week if cell.permission in (Permission.PLAIN, Permission.SUPERVISED) else None
        yield {
            "id": exercise.id, "name": exercise.name, "category": exercise.category, "week": week, "state": state,
            "because": because,
        }  # fmt: skip


def _chart(name: str, chart: Chart, advice: Advice, knowledge: Knowledge) -> dict[str, Any] | None:
    measure = knowledge.measures.get(name)
    if measure is None or not advice.plans:
        return None
    series = chart.series(measure)
    operation = advice.plans[0].operation
    points = [point for value in reversed(series.values) if (point := _point(value, operation.date)) is not None]
    if not points:
        return None
    first, last = points[0]["day"], max(point["day"] for point in points)
    return {
        "measure": name,
        "name": measure.name,
        "unit": _unit(measure),
        "points": points,
        "thresholds": [
            one
            for rule in knowledge.rules
            for one in _thresholds(rule, measure)
            if (one["fromDay"] is None or one["fromDay"] <= last) and (one["toDay"] is None or one["toDay"] >= first)
        ],  # fmt: skip
        "expected": [
            {"day": day, "value": value}
            for course in knowledge.normal_courses
            if course.measure == name and _is_after(course, operation)
            for day, value in course.points
        ],
    }


def _unit(measure: Measure, before: str = "") -> str:
    """Give the unit as people read it; a score has none."""
    words = measure.shown_unit or ("" if measure.unit == "1" else measure.unit)
    return before + words if words else ""


def _point(value: Value, operated: date | None) -> dict[str, Any] | None:
    if operated is None or value.when is None or value.when.latest is None or value.amount.low != value.amount.high:
        return None
    day = (value.when.latest - operated).days
    return {"day": day, "date": value.when.as_recorded, "value": round(value.amount.low, 2)}


def _thresholds(rule: SafetyRule, measure: Measure) -> Iterator[dict[str, Any]]:
    """Give the lower limits that a rule's grades set for *measure*, each once, with the days on which they count."""
    seen: set[tuple[float, float | None, float | None]] = set()
    for grade in rule.grades:
        for question, first, last in _limits(grade.when, measure, None, None):
            value = question.limits.at_least if question.limits.at_least is not None else question.limits.above
            if value is None or (value, first, last) in seen:
                continue
            seen.add((value, first, last))
            days = (
                ""
                if first is None and last is None
                else f" (days {first or 0:g} to {'open' if last is None else f'{last:g}'})"
            )
            word = "at least" if question.limits.at_least is not None else "above"
            yield {
                "rule": rule.id, "grade": grade.id, "severity": grade.severity.value, "value": value, "fromDay": first,
                "toDay": last, "words": f"{word} {value:g}{_unit(measure, ' ')}{days}: {rule.title}",
            }  # fmt: skip


def _limits(
    condition: Any, measure: Measure, first: float | None, last: float | None
) -> Iterator[tuple[MeasureIs, float | None, float | None]]:
    """Walk a compiled condition for limits that *measure* alone decides, with the days that stand beside them.

    A limit that counts only together with another fact (fever with a wound code) is no line in a chart.
    """
    if isinstance(condition, MeasureIs):
        if condition.measure.id == measure.id:
            yield condition, _later(first, condition.days.first), _earlier(last, condition.days.last)
    elif isinstance(condition, AnyOf):
        for part in condition.parts:
            yield from _limits(part, measure, first, last)
    elif isinstance(condition, AllOf):
        days = [part for part in condition.parts if isinstance(part, Since) and part.fact == "post_op_day"]
        others = [part for part in condition.parts if not isinstance(part, _ABOUT_THE_OPERATION)]
        if len(others) == 1:
            for part in days:
                first, last = _later(first, part.at_least), _earlier(last, part.at_most)
            yield from _limits(others[0], measure, first, last)


def _later(one: float | None, other: float | None) -> float | None:
    return max((day for day in (one, other) if day is not None), default=None)


def _earlier(one: float | None, other: float | None) -> float | None:
    return min((day for day in (one, other) if day is not None), default=None)


def _is_after(course: NormalCourse, operation: Operation) -> bool:
    return any(
        kind == operation.surgery_type and (not techniques or operation.technique in techniques)
        for kind, techniques in course.after
    )
