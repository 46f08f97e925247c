"""What we advise and why: the one value that cards, orders, explain and metrics are made of."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from msgspec import Struct, structs

from cds_service.clinical.operation import DataQuality, Operation
from cds_service.knowledge.model import Effect, Phase, ProgressionTest, Protocol, Restriction, Severity
from cds_service.patient.finding import Evidence
from cds_service.patient.record import Unreadable


@dataclass(frozen=True, slots=True)
class Allowed:
    """An exercise that fits now. *dose* is already chosen for the phase; *since_week* is its (shifted) first week."""

    exercise: str
    dose: str
    since_week: int
    because: str
    caution: str | None = None


@dataclass(frozen=True, slots=True)
class Withheld:
    """An exercise that is not offered. *rule* is MATRIX (the protocol's first week, never or clearance) or a rule id."""

    exercise: str
    rule: str
    because: str
    from_week: int | None = None
    opens_on: date | None = None
    """The day on which *from_week* begins, where two operations or a shift had to be weighed for it; see
    `Advice.opening_day` for all others."""
    waits: bool = False
    """True where it opens by itself once *from_week* has come."""


class Alert(Struct, frozen=True):
    """A safety rule that fired: what it saw (because, evidence), what it does (effect, removes), what to do (do)."""

    rule: str
    grade: str
    title: str
    severity: Severity
    effect: Effect
    removes: tuple[str, ...]
    because: str
    say: str
    do: str
    evidence: tuple[Evidence, ...]
    sources: tuple[str, ...]
    mark: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """A rule whose question the record cannot answer. *group* lets several be told in one phrase."""

    rule: str
    because: str
    say: str
    group: str | None = None
    matters: bool = True
    """False where the gap could not change what we say (told in explain, not on the card)."""


class Plan(Struct, frozen=True):
    """One operation's protocol at the date asked about."""

    operation: Operation
    protocol: Protocol
    phase: Phase | None
    restrictions: tuple[tuple[Restriction, str], ...]
    """Each restriction with the sentence that holds in this week."""
    next_test: ProgressionTest | None

    def opens(self, week: int | None) -> date | None:
        """Give the first day of protocol week *week*, shifted as the ladder is; None where either is not known.

        Week 0 is the operation's own and never shifted.
        """
        if week is None or self.operation.date is None:
            return None
        return self.operation.date + timedelta(weeks=week + self.operation.shift_weeks if week else 0)


@dataclass(frozen=True, slots=True)
class Modifier:
    """A fact that changes the plan (age, osteoporosis, revision ...): what changed, in words, by which rule."""

    rule: str
    say: str
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Trace:
    """A rule that did not fire, and why; for explain and the workbench."""

    rule: str
    answer: str
    because: str
    evidence: tuple[Evidence, ...] = ()


class Advice(Struct, frozen=True):
    """The whole answer for one patient on one day.

    *relevant* is False where there is nothing to say (no spine operation, only planned or cancelled ones): no card.
    *programme* holds at most the number of exercises that cards/clinical_path.yaml allows, chosen from *exercises*.
    *order_refusal* tells why no programme may be ordered (section 9 row 1, text-only ...); None where it may.
    """

    on: date
    knowledge_version: str
    relevant: bool
    operations: tuple[Operation, ...]
    plans: tuple[Plan, ...]
    effect: Effect | None
    exercises: tuple[Allowed, ...]
    supervised: tuple[Allowed, ...]
    clearance: tuple[Withheld, ...]
    withheld: tuple[Withheld, ...]
    programme: tuple[Allowed, ...]
    alerts: tuple[Alert, ...]
    unknown: tuple[Unknown, ...]
    data_quality: tuple[DataQuality, ...]
    modifiers: tuple[Modifier, ...]
    trace: Sequence[Trace]
    draft_knowledge: bool
    order_refusal: str | None
    surgeon_instructions: tuple[Evidence, ...] = ()
    local_protocols: tuple[str, ...] = ()
    no_progression: bool = False
    """True where an alert holds the patient at today's load: no increase, no text about the next phase."""
    unread: tuple[Unreadable, ...] = ()
    """What of this patient's chart could not be read and could have changed the answer."""
    gaps: tuple[tuple[str, str], ...] = ()
    """Kinds of data that could not be had, or not to their end: (kind, reason)."""
    may_hide_an_operation: bool = False
    """True where no operation was found, and procedures could not be read or not be had to their end."""

    def but(self, **changes: object) -> Advice:
        """Give the same advice with *changes*."""
        return structs.replace(self, **changes)

    def opening_day(self, held: Withheld) -> date | None:
        """Give the day on which *held* opens by itself; None where it does not, or no week or no date is known.

        The lists of a week are the same for everybody and kept, so they hold no date; it is counted here.
        """
        operated = self.plans[0].operation.date
        if held.opens_on is None and held.waits and operated is not None:
            return operated + timedelta(weeks=held.from_week)
        return held.opens_on

    lists_of: Hashable | None = None
    """What the lists follow from, in ids and numbers of ours: whoever has the same has the same lists. None where more of
    this patient stands in them (the words of an alert, two operations, a shift)."""
