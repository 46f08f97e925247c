"""The three answers of a clinical question, and the evidence they rest on. Holds no rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from itertools import chain
from typing import TypeVar

from msgspec import Struct


class Answer(Enum):
    """Met, not met, or unknown. Missing data is never *not met*."""

    MET = "met"
    NOT_MET = "not met"
    UNKNOWN = "unknown"


class Evidence(Struct, frozen=True, gc=False):
    """One fact of the record: which resource, which code, which value, when. All but *reference* may be absent."""

    reference: str
    what: str
    code: str | None = None
    system: str | None = None
    value: str | None = None
    date: str | None = None


class QualityEvent(Struct, frozen=True, gc=False):
    """A recorded value that could not be used as it stands: DQ09 its unit, DQ10 dated before the operation or in the
    future, DQ11 too old."""

    rule: str
    measure: str
    because: str
    evidence: Evidence


class Finding:
    """An answer with its reason (a sentence without a full stop) and its evidence.

    *quality* tells the recorded values that had to be set aside on the way; *missing* the names of what the answer
    wants and the record does not have (a kind of data, or a measure by name). Reason and evidence may be given as
    functions: most answers are "not met", and nobody reads why, so they are put into words only where somebody does.
    """

    __slots__ = ("_because", "_evidence", "_missing", "answer", "quality")

    def __init__(
        self,
        answer: Answer,
        because: str | Callable[[], str],
        evidence: tuple[Evidence, ...] | Callable[[], tuple[Evidence, ...]] = (),
        quality: tuple[QualityEvent, ...] = (),
        missing: tuple[str, ...] = (),
    ):
        self.answer = answer
        self.quality = quality
        self._because = because
        self._evidence = evidence
        self._missing = missing

    @property
    def because(self) -> str:
        if not isinstance(self._because, str):
            self._because = self._because()
        return self._because

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        if not isinstance(self._evidence, tuple):
            self._evidence = self._evidence()
        return self._evidence

    @property
    def missing(self) -> tuple[str, ...]:
        return self._missing

    @property
    def told_once(self) -> str:
        """The reason without the parts that questions put together say twice."""
        because = self.because
        return "; ".join(dict.fromkeys(because.split("; "))) if "; " in because else because

    @property
    def is_met(self) -> bool:
        return self.answer is Answer.MET

    @property
    def is_unknown(self) -> bool:
        return self.answer is Answer.UNKNOWN


class Merged(Finding):
    """An answer put together from others: in the words and with the evidence of those *speaking*, who decided."""

    __slots__ = ("_speaking",)

    def __init__(self, answer: Answer, speaking: Sequence[Finding], quality: tuple[QualityEvent, ...]):
        self.answer = answer
        self.quality = quality
        self._speaking = speaking

    @property
    def because(self) -> str:
        return "; ".join(dict.fromkeys([one.because for one in self._speaking if one is not HOLDS_FOR_EVERYONE]))

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        return together([one.evidence for one in self._speaking])

    @property
    def missing(self) -> tuple[str, ...]:
        return together([one.missing for one in self._speaking])


HOLDS_FOR_EVERYONE = Finding(Answer.MET, "holds for everyone")
"""The answer that is no reason: said only where nothing else is."""

Told = TypeVar("Told")


def together(parts: Iterable[tuple[Told, ...]]) -> tuple[Told, ...]:
    """Give everything of *parts*, each once, in order."""
    filled = [part for part in parts if part]
    if len(filled) < 2:
        return filled[0] if filled else ()
    return tuple(dict.fromkeys(chain.from_iterable(filled)))
