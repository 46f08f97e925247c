"""What was done and when, as concluded from the record. Values only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from enum import Enum
from typing import overload

from msgspec import Struct

from cds_service.knowledge.model import Phase, Severity
from cds_service.knowledge.surgery import SurgicalFact
from cds_service.patient.finding import Evidence


class Basis(Enum):
    """How sure: coded / refined by text / text only / conflicting codes."""

    CODED = "coded"
    REFINED = "refined by text"
    TEXT = "text only"
    CONFLICTING = "conflicting"


class Assertion(Enum):
    PERFORMED = "performed"
    PLANNED = "planned"
    HISTORY = "history"
    NEGATED = "negated"


class Sentences(Sequence[str]):
    """Sentences that are put into words where somebody reads them: few do. Equal to the tuple of the same sentences."""

    __slots__ = ("_told",)

    def __init__(self, tell: Callable[[], tuple[str, ...]]):
        self._told: tuple[str, ...] | Callable[[], tuple[str, ...]] = tell

    def told(self) -> tuple[str, ...]:
        """Give the sentences themselves."""
        if not isinstance(self._told, tuple):
            self._told = self._told()
        return self._told

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[str, ...]: ...
    def __getitem__(self, place: int | slice) -> str | tuple[str, ...]:
        return self.told()[place]

    def __len__(self) -> int:
        return len(self.told())

    def __eq__(self, other: object) -> bool:
        return self.told() == (other.told() if isinstance(other, Sentences) else other)

    def __hash__(self) -> int:
        return hash(self.told())

    def __repr__(self) -> str:
        return repr(self.told())


class Reading(Struct, frozen=True, gc=False):
    """What one Procedure says. What is not known is None, never guessed.

    *levels* are motion segments ("L4-L5") from cranial to caudal; *level_count_is_minimum* where a code says "2 or more".
    *basis_detail* is code | display | text (the contract of `spine-cds classify`). *evidence* is that of an operation:
    empty where the Procedure is none.
    """

    procedure: str
    is_spine_surgery: bool
    surgery_type: str | None
    region: str | None
    levels: tuple[str, ...]
    level_count: int | None
    level_count_is_minimum: bool
    fusion: bool | None
    instrumented: bool | None
    approach: str | None
    technique: str | None
    revision: bool | None
    assertion: Assertion
    basis: Basis
    basis_detail: str
    because: tuple[str, ...]
    alternatives: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    side: str | None = None
    also_types: tuple[str, ...] = ()
    """Types whose limits hold as well, because the record does not decide between them (approach not told)."""
    coded_type: str | None = None
    """The type that codes alone bear out: UNKNOWN_SPINE where only text tells (DQ05); None where it is no operation."""
    facts: tuple[SurgicalFact, ...] = ()


class Operation(Struct, frozen=True, gc=False):
    """One operation (episode), possibly recorded as several Procedures, placed on its timeline.

    *date* is the latest day the record allows; None where none is recorded (DQ06). *completed_week* = floor(POD / 7);
    *effective_week* = completed week minus RF45 shifts, not below 0. *text_type* is the display-only guess of a text-only
    procedure (DQ05), *surgery_type* is then UNKNOWN_SPINE.
    """

    surgery_type: str
    date: date | None
    date_as_recorded: str | None
    date_is_partial: bool
    post_op_day: int | None
    completed_week: int | None
    effective_week: int | None
    shift_weeks: int
    phase: Phase | None
    region: str | None
    levels: tuple[str, ...]
    level_count: int | None
    level_count_is_minimum: bool
    fusion: bool | None
    instrumented: bool | None
    approach: str | None
    technique: str | None
    revision: bool | None
    staged: bool
    basis: Basis
    because: Sequence[str]
    evidence: tuple[Evidence, ...]
    procedures: tuple[str, ...]
    alternatives: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    text_type: str | None = None
    permanent_blocks_only: bool = False
    """An old fusion beside a recent operation: only its NEVER cells still count (DQ08, hardware removal)."""
    also_types: tuple[str, ...] = ()
    """Types whose limits hold as well as those of *surgery_type*: every exercise must be allowed by each of them."""


class DataQuality(Struct, frozen=True):
    rule: str
    severity: Severity
    because: str
    evidence: tuple[Evidence, ...] = ()


class SetAside(Struct, frozen=True, gc=False):
    """A Procedure that counts for nothing, and why: DQ01 planned, DQ02 not done, DQ03 not of the spine.

    *evidence* is that of an operation: empty where the Procedure is none.
    """

    procedure: str
    rule: str
    because: str
    evidence: tuple[Evidence, ...] = ()


class Surgical(Struct, frozen=True):
    """What was operated on, oldest first; what is only planned; what was set aside; what the record left in doubt."""

    operations: tuple[Operation, ...] = ()
    planned: tuple[SetAside, ...] = ()
    ignored: tuple[SetAside, ...] = ()
    data_quality: tuple[DataQuality, ...] = ()
