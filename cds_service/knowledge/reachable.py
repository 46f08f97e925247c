"""Find rules and steps of rules that can never speak: a mistake that no patient would ever show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from cds_service.errors import Fault
from cds_service.knowledge.model import SafetyRule
from cds_service.knowledge.strictness import Strictness, of_conditions
from cds_service.patient.questions.about_operation import IsOfType
from cds_service.patient.questions.logic import Not

_LOWER, _UPPER = ("at_least", "above"), ("at_most", "below")


def find_unreachable(rules: Iterable[SafetyRule], protocols: Iterable[str]) -> list[Fault]:
    """Tell every step behind a wider one, every limit that leaves nothing between, every operation nobody knows."""
    known = frozenset(protocols)
    found: list[Fault] = []
    for rule in rules:
        place = f"{rule.file}:{rule.line}: {rule.id}"
        found += [Fault(place, what, expected) for what, expected in _of_rule(rule, known)]
    return found


def _of_rule(rule: SafetyRule, known: frozenset[str]) -> Iterator[tuple[str, str]]:
    for name, condition in (("applies", rule.applies), *((grade.id, grade.when) for grade in rule.grades)):
        for part in _parts(condition):
            if isinstance(part, IsOfType):
                unknown = sorted(part.types - known)
                if unknown:
                    yield f"{name}: no protocol is called {', '.join(unknown)}", ", ".join(sorted(known))
            elif _leaves_nothing(part):
                yield f"{name}: can never be met, its limits leave nothing between", "a lower limit below the upper one"
    for index, grade in enumerate(rule.grades):
        for earlier in rule.grades[:index]:
            if of_conditions(grade.when, earlier.when) in (Strictness.SAME, Strictness.STRICTER):
                yield (
                    f"{grade.id}: can never speak, because {earlier.id} before it is met whenever it is",
                    "the worse step first",
                )


def _parts(condition: Any) -> Iterator[Any]:
    """Give *condition* and every question inside it; what stands below a `not` may well be empty and is left out."""
    if isinstance(condition, Not):
        return
    yield condition
    for field in fields(condition):
        value = getattr(condition, field.name)
        for part in value if isinstance(value, tuple) else (value,):
            if is_dataclass(part):
                yield from _parts(part)


def _leaves_nothing(part: Any) -> bool:
    low = max((value for name in _LOWER if (value := getattr(part, name, None)) is not None), default=None)
    high = min((value for name in _UPPER if (value := getattr(part, name, None)) is not None), default=None)
    if low is None or high is None:
        return False
    is_open = getattr(part, "above", None) == low or getattr(part, "below", None) == high
    return bool(low > high or low == high and is_open)
