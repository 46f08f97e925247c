"""Compiled questions, grades and cells told in plain words, for diff, check and the reference site."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from cds_service.knowledge.model import Codelist, FirstWeek, Grade, Measure, Permission, Restriction

_LIMITS = {"at_least": "at least", "above": "above", "at_most": "at most", "below": "below"}
_LEFT_OUT = frozenset({"needs", "unit"})


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


def say_condition(condition: Any) -> str:
    """Write a compiled question in words: its name, then each argument that says something."""
    kind = type(condition).__name__
    if kind in ("All", "Any"):
        word = " and " if kind == "All" else " or "
        return word.join(_bracketed(part) for part in condition.parts)
    if kind == "Not":
        return f"not ({say_condition(condition.part)})"
    if kind == "NotRuledOut":
        return f"not ruled out: {_bracketed(condition.part)}"
    said = [re.sub(r"(?<!^)(?=[A-Z])", " ", kind).lower(), *_arguments(condition)]
    return " ".join(part for part in said if part)


def _bracketed(part: Any) -> str:
    said = say_condition(part)
    return f"({said})" if type(part).__name__ in ("All", "Any") else said


def _arguments(condition: Any) -> Iterator[str]:
    unit = ""
    for field in fields(condition):
        value = getattr(condition, field.name)
        if field.name.startswith("_") or field.name in _LEFT_OUT or value in (None, False, "", ()):
            continue
        if isinstance(value, Measure):
            unit = "" if value.unit == "1" else value.shown_unit or value.unit
        yield _argument(field.name, value, unit)


def _argument(name: str, value: Any, unit: str) -> str:
    words = _LIMITS.get(name, name.replace("_", " "))
    if isinstance(value, Measure | Codelist):
        return value.name or value.id.replace("_", " ")
    if value is True:
        return words
    if isinstance(value, float):
        return f"{words} {value:g}"
    if isinstance(value, tuple | frozenset):
        return f"{words} {', '.join(_one(part) for part in (sorted(value) if isinstance(value, frozenset) else value))}"
    if is_dataclass(value):
        said = ", ".join(f"{_LIMITS.get(f.name, f.name)} {_one(getattr(value, f.name))}" for f in fields(value)
                         if getattr(value, f.name) is not None)  # fmt: skip
        return f"{said} {unit}".strip()
    return f"{words} {value}"


def _one(value: Any) -> str:
    if is_dataclass(value):
        return say_condition(value)
    return f"{value:g}" if isinstance(value, float) else str(value).replace("_", " ")
