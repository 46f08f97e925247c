"""What the patient sheet is made of: words of one language, signs of danger, line drawings. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class ExerciseWords:
    """An exercise for its patient: plain name, short steps, and the dose in words where counting alone does not say it."""

    name: str
    steps: tuple[str, ...]
    dose: str | None = None


@dataclass(frozen=True, slots=True)
class SheetWords:
    """Every word of the sheet in one language. *phrases* have `{week}`-like places; keys are the same in every language."""

    language: str
    phrases: Mapping[str, str]
    doses: Mapping[str, str]
    operations: Mapping[str, str]
    exercises: Mapping[str, ExerciseWords]
    restrictions: Mapping[str, str]
    """The protocol's own sentence -> the same in plain words."""
    stops: Mapping[str, str]
    signs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class DangerSign:
    """A sign that the patient must act on. *surgery_types* is empty where it holds after any operation."""

    id: str
    emergency: bool
    rules: tuple[str, ...]
    surgery_types: tuple[str, ...]
    sources: tuple[str, ...]

    def holds_after(self, surgery_type: str) -> bool:
        return not self.surgery_types or surgery_type in self.surgery_types


@dataclass(frozen=True, slots=True)
class Sheets:
    """All that cards/handout and cards/figures.yaml hold.

    *stops* are ids of stop signs by exercise. *postures* and *figures* are what handout/drawing.py draws from.
    """

    languages: Mapping[str, SheetWords] = field(default_factory=dict)
    signs: tuple[DangerSign, ...] = ()
    stops: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    postures: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    figures: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
