"""Questions as they look once compiled, small enough to compare by eye."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from cds_service.knowledge.model import (
    Effect,
    Governance,
    Grade,
    Mark,
    SafetyRule,
    Severity,
    Status,
)  # fmt: skip
from cds_service.patient.known import Codelist, CodelistEntry


@dataclass(frozen=True)
class Limits:
    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    below: float | None = None


@dataclass(frozen=True)
class MeasureIs:
    measure: Any
    limits: Limits
    hours: float | None = None
    needs: frozenset[str] = frozenset({"observations"})


@dataclass(frozen=True)
class HasCondition:
    codelist: Codelist
    new: bool = False
    within_days: float | None = None
    at_words: tuple[str, ...] = ()
    needs: frozenset[str] = frozenset({"conditions"})
    _absent: str = field(default="", compare=False)


@dataclass(frozen=True)
class IsOneOf:
    fact: str
    words: frozenset[str]


@dataclass(frozen=True)
class All:
    parts: tuple[Any, ...]
    needs: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Any_:
    parts: tuple[Any, ...]


Any_.__name__ = "Any"


@dataclass(frozen=True)
class Not:
    part: Any


@dataclass(frozen=True)
class NotRuledOut:
    part: Any


@dataclass(frozen=True)
class Always:
    pass


def a_codelist(*codes: str, name: str = "deep vein thrombosis") -> Codelist:
    entries = tuple(CodelistEntry("snomed", code, "a term", "V", "C02") for code in codes)
    return Codelist(id="dvt", entries=entries, name=name)


def a_grade(grade: str = "warm", **changes: Any) -> Grade:
    given: dict[str, Any] = {
        "id": grade,
        "when": Always(),
        "severity": Severity.WARNING,
        "effect": Effect.REMOVE,
        "removes": ("pool",),
        "supervises": ("balance",),
        "removes_exercises": (),
        "shift_weeks": 0,
        "shift_tags": (),
        "say": "warm",
        "do": "call the surgeon",
        "mark": Mark.D,
        "sources": ("P01",),
    }
    return Grade(**{**given, **changes})


def a_rule(rule: str = "RF99", **changes: Any) -> SafetyRule:
    given: dict[str, Any] = {
        "id": rule,
        "title": "Test rule",
        "applies": Always(),
        "grades": (a_grade(),),
        "if_unknown": "could not be checked",
        "unknown_group": None,
        "sources": ("P01",),
        "governance": Governance(Status.DRAFT, "us", "nobody yet", None, date(2027, 1, 1)),
        "file": "safety/test.yaml",
    }
    return SafetyRule(**{**given, **changes})
