"""Whether a changed piece of knowledge holds patients back at least as much as before. When in doubt: not comparable."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from cds_service.knowledge.model import (
    EFFECT_ORDER,
    SEVERITY_ORDER,
    Effect,
    FirstWeek,
    Grade,
    Permission,
    SafetyRule,
)  # fmt: skip
from cds_service.patient.known import Codelist


class Strictness(Enum):
    SAME = "same"
    STRICTER = "stricter"
    LOOSER = "looser"
    UNCLEAR = "not comparable"


_PERMISSIONS = (Permission.PLAIN, Permission.SUPERVISED, Permission.CLEARANCE, Permission.NEVER)
_NEVER_WEEK = 10**6

# Limits of a question: which way makes it true for more patients. An absent limit is the widest.
_WIDER_DOWN = frozenset({"at_least", "above"})
_WIDER_UP = frozenset({"at_most", "below", "within_days", "hours"})

# Numbers of the clinical path whose change is stricter one way; any other number is not comparable.
STRICTER_UP = frozenset({"adult_from_years", "pool_week", "first_dose_weeks"})
STRICTER_DOWN = frozenset(
    {"long_fusion_levels", "programme_size", "weekly_increase_from_percent", "weekly_increase_to_percent"}
)


def together(parts: Iterable[Strictness]) -> Strictness:
    """Put several comparisons into one: any looser or unclear part decides."""
    found = set(parts)
    for worst in (Strictness.UNCLEAR, Strictness.LOOSER, Strictness.STRICTER):
        if worst in found:
            return worst
    return Strictness.SAME


def of_numbers(before: float, after: float, up_is_stricter: bool) -> Strictness:
    if before == after:
        return Strictness.SAME
    return Strictness.STRICTER if (after > before) == up_is_stricter else Strictness.LOOSER


def of_first_weeks(before: FirstWeek, after: FirstWeek) -> Strictness:
    """Compare two cells: later, supervised, clearance and never are stricter; a mixed change is looser."""
    week = of_numbers(_week(before), _week(after), up_is_stricter=True)
    who = of_numbers(_PERMISSIONS.index(before.permission), _PERMISSIONS.index(after.permission), up_is_stricter=True)
    return together((week, who))


def _week(cell: FirstWeek) -> int:
    return _NEVER_WEEK if cell.week is None else cell.week


def of_setting(key: str, before: int, after: int) -> Strictness:
    if before == after:
        return Strictness.SAME
    if key in STRICTER_UP or key in STRICTER_DOWN:
        return of_numbers(before, after, up_is_stricter=key in STRICTER_UP)
    return Strictness.UNCLEAR


def of_rules(before: SafetyRule, after: SafetyRule) -> Strictness:
    """Compare two versions of a rule: who it applies to, and each grade; another set of grades is not comparable."""
    if [grade.id for grade in before.grades] != [grade.id for grade in after.grades]:
        return Strictness.UNCLEAR
    beside = (
        _same_or_unclear(getattr(before, field.name), getattr(after, field.name))
        for field in fields(SafetyRule)
        if field.name not in _NOT_JUDGED_IN_RULES
    )
    grades = [of_grades(one, other) for one, other in zip(before.grades, after.grades, strict=True)]
    return together((of_conditions(before.applies, after.applies), *beside, *grades, _of_order(before, after)))


def _of_order(before: SafetyRule, after: SafetyRule) -> Strictness:
    """The first step that is met speaks: a step met by more patients may silence a later one that does more."""
    for index, (one, other) in enumerate(zip(before.grades, after.grades, strict=True)):
        is_wider = of_conditions(one.when, other.when) is Strictness.STRICTER
        if is_wider and not all(_does_as_much(other, later) for later in after.grades[index + 1 :]):
            return Strictness.UNCLEAR
    return Strictness.SAME


def _does_as_much(grade: Grade, other: Grade) -> bool:
    """Tell whether *grade* takes away at least what *other* does."""
    if SEVERITY_ORDER.index(grade.severity) > SEVERITY_ORDER.index(other.severity):
        return False
    if grade.effect is Effect.STOP_ALL:
        return True
    away = {*grade.removes, *grade.supervises}
    return (
        EFFECT_ORDER.index(grade.effect) <= EFFECT_ORDER.index(other.effect)
        and set(other.removes) <= set(grade.removes)
        and set(other.supervises) <= away
        and set(other.removes_exercises) <= set(grade.removes_exercises)
        and grade.shift_weeks >= other.shift_weeks
    )


_NOT_JUDGED_IN_RULES = frozenset(
    {"id", "title", "governance", "file", "line", "sources", "unknown_group", "applies", "grades"}
)


def of_grades(before: Grade, after: Grade) -> Strictness:
    """Compare two versions of a grade; what has no order (its texts, another protocol) is not comparable."""
    ordered = {
        "when": of_conditions(before.when, after.when),
        "severity": of_numbers(SEVERITY_ORDER.index(before.severity), SEVERITY_ORDER.index(after.severity), False),
        "effect": of_numbers(EFFECT_ORDER.index(before.effect), EFFECT_ORDER.index(after.effect), False),
        "removes": _of_sets(set(before.removes), set(after.removes)),
        "supervises": _of_sets(
            set(before.supervises), set(after.supervises) | set(after.removes) & set(before.supervises)
        ),
        "removes_exercises": _of_sets(set(before.removes_exercises), set(after.removes_exercises)),
        "shift_weeks": of_numbers(before.shift_weeks, after.shift_weeks, True),
    }
    beside = (
        _same_or_unclear(getattr(before, field.name), getattr(after, field.name))
        for field in fields(Grade)
        if field.name not in ordered and field.name not in ("id", "mark", "sources")
    )
    return together((*ordered.values(), *beside))


def of_conditions(before: Any, after: Any) -> Strictness:
    """Compare two compiled questions: stricter where the new one is met by at least everybody who met the old one."""
    if before == after:
        return Strictness.SAME
    if type(before) is not type(after):
        return Strictness.UNCLEAR
    if isinstance(before, Codelist):
        return _of_sets(_codes(before), _codes(after))
    if isinstance(before, tuple) and len(before) == len(after):
        return together(of_conditions(one, other) for one, other in zip(before, after, strict=True))
    if not is_dataclass(before):
        return Strictness.UNCLEAR
    parts = together(
        _of_field(field.name, getattr(before, field.name), getattr(after, field.name))
        for field in fields(before)
        if field.compare and field.name != "needs"
    )
    return _turned(parts) if type(before).__name__ == "Not" else parts


def _of_field(name: str, before: Any, after: Any) -> Strictness:
    if before == after:
        return Strictness.SAME
    if name in _WIDER_DOWN or name in _WIDER_UP:
        if before is None or after is None:
            return Strictness.STRICTER if after is None else Strictness.LOOSER
        return of_numbers(before, after, up_is_stricter=name in _WIDER_UP)
    return of_conditions(before, after)


def _turned(strictness: Strictness) -> Strictness:
    return {Strictness.STRICTER: Strictness.LOOSER, Strictness.LOOSER: Strictness.STRICTER}.get(strictness, strictness)


def _of_sets(before: set[Any], after: set[Any]) -> Strictness:
    if before == after:
        return Strictness.SAME
    return Strictness.STRICTER if before < after else Strictness.LOOSER


def _same_or_unclear(before: object, after: object) -> Strictness:
    return Strictness.SAME if before == after else Strictness.UNCLEAR


def _codes(codelist: Codelist) -> set[object]:
    """Give everything by which *codelist* is recognised: its codes, its families of codes, its words."""
    return {*codelist.words, *((entry.system, entry.code, entry.is_prefix) for entry in codelist.entries)}
