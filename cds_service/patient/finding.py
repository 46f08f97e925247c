"""The three answers of a clinical question, and the evidence they rest on. Holds no rule."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Answer(Enum):
    """Met, not met, or unknown. Missing data is never *not met*."""

    MET = "met"
    NOT_MET = "not met"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One fact of the record: which resource, which code, which value, when. All but *reference* may be absent."""

    reference: str
    what: str
    code: str | None = None
    system: str | None = None
    value: str | None = None
    date: str | None = None


@dataclass(frozen=True, slots=True)
class QualityEvent:
    """A recorded value that could not be used as it stands: DQ09 its unit, DQ10 dated before the operation or in the
    future, DQ11 too old."""

    rule: str
    measure: str
    because: str
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Finding:
    """An answer with its reason (a sentence without a full stop) and its evidence.

    *quality* tells the recorded values that had to be set aside on the way; *missing* the names of what the answer
    wants and the record does not have (a kind of data, or a measure by name).
    """

    answer: Answer
    because: str
    evidence: tuple[Evidence, ...] = ()
    quality: tuple[QualityEvent, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def told_once(self) -> str:
        """The reason without the parts that questions put together say twice."""
        return "; ".join(dict.fromkeys(self.because.split("; "))) if "; " in self.because else self.because

    @property
    def is_met(self) -> bool:
        return self.answer is Answer.MET

    @property
    def is_unknown(self) -> bool:
        return self.answer is Answer.UNKNOWN
