"""What the protocols allow on the day asked about: every exercise plain, supervised, with clearance, or not yet and why.

Two operations must both allow an exercise, each by its own week; what an old fusion forbids for good stays forbidden.
Judges no alert.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from msgspec import Struct

from cds_service.clinical.advice import Allowed, Plan, Withheld
from cds_service.clinical.operation import Operation
from cds_service.clinical.safety import Shift
from cds_service.clinical.timeline import DAYS_A_WEEK
from cds_service.knowledge.model import Exercise, Knowledge, Permission, Phase, ProgressionTest, Protocol, Restriction
from cds_service.patient.chart_text import lower_first

MATRIX = "MATRIX"
UNKNOWN_SPINE = "UNKNOWN_SPINE"
_NEVER, _CLEARANCE, _LATER, _SUPERVISED, _PLAIN = range(5)


class Ladder(Struct, frozen=True, gc=False):
    """One operation on one protocol: *shifts* are the rules that make it start later, *set_by* the rule that chose the
    protocol (RF34, DQ04 ...), MATRIX where the operation itself did."""

    operation: Operation
    protocol: Protocol
    shifts: tuple[Shift, ...] = ()
    set_by: str = MATRIX
    universal_only: str | None = None
    """The data-quality rule that leaves only the universal set (DQ08), or takes the list away (DQ06)."""


@dataclass(frozen=True, slots=True)
class Permit:
    """What one ladder says of one exercise. *rank* orders answers from the strictest on."""

    rank: int
    rule: str
    because: str
    week: int | None = None
    opens_on: date | None = None


@dataclass(frozen=True, slots=True)
class Permitted:
    """The answer of all ladders together. *withheld* holds everything that is not offered, *clearance* a part of it."""

    plain: tuple[Allowed, ...]
    supervised: tuple[Allowed, ...]
    clearance: tuple[Withheld, ...]
    withheld: tuple[Withheld, ...]


def permit_all(ladders: Sequence[Ladder], knowledge: Knowledge) -> Permitted:
    """Ask every ladder about every exercise; the strictest answer holds."""
    plain: list[Allowed] = []
    supervised: list[Allowed] = []
    clearance: list[Withheld] = []
    withheld: list[Withheld] = []
    for exercise in knowledge.exercises.values():
        permit = _strictest(ladders, exercise)
        if permit.rank >= _SUPERVISED:
            allowed = Allowed(exercise.id, exercise.dose, permit.week or 0, permit.because)
            (plain if permit.rank == _PLAIN else supervised).append(allowed)
            continue
        waits = permit.rank == _LATER and permit.week is not None
        held = Withheld(exercise.id, permit.rule, permit.because, permit.week, permit.opens_on, waits)
        withheld.append(held)
        if permit.rank == _CLEARANCE:
            clearance.append(held)
    return Permitted(tuple(plain), tuple(supervised), tuple(clearance), tuple(withheld))


def _strictest(ladders: Sequence[Ladder], exercise: Exercise) -> Permit:
    permits = [permit for permit in (_permit(ladder, exercise) for ladder in ladders) if permit is not None]
    if len(permits) == 1:
        return permits[0]
    strictest = min(permits, key=lambda permit: permit.rank)
    if strictest.rank == _LATER:
        return max((one for one in permits if one.rank == _LATER), key=lambda one: one.opens_on or date.min)
    if strictest.rank >= _SUPERVISED:
        latest = max(permits, key=lambda permit: permit.week or 0)
        return replace(strictest, week=latest.week)
    return strictest


def _permit(ladder: Ladder, exercise: Exercise) -> Permit | None:
    """Give what one ladder says; None where an old operation, of which only the permanent blocks count, says nothing."""
    operation, protocol = ladder.operation, ladder.protocol
    cell = protocol.first_weeks[exercise.id]
    name = lower_first(protocol.clinical_name)
    if cell.permission is Permission.NEVER:
        return Permit(_NEVER, MATRIX, f"never after {name}")
    if operation.permanent_blocks_only:
        return None
    if ladder.universal_only == "DQ06":
        return Permit(_LATER, "DQ06", "the date of the operation is not recorded")
    if ladder.universal_only is not None and not exercise.universal:
        return Permit(_LATER, ladder.universal_only, "the operation is long past; only general advice is given")
    if cell.permission is Permission.CLEARANCE:
        if ladder.set_by == MATRIX:
            return Permit(_CLEARANCE, MATRIX, "needs the surgeon's clearance")
        return Permit(_CLEARANCE, ladder.set_by, f"needs the surgeon's clearance: {_why_universal(ladder)}")
    return _by_week(ladder, exercise, cell.permission, cell.week or 0, name)


def _why_universal(ladder: Ladder) -> str:
    if ladder.protocol.id == UNKNOWN_SPINE:
        return "the kind of operation is not confirmed"
    return lower_first(ladder.protocol.clinical_name)


def _by_week(ladder: Ladder, exercise: Exercise, permission: Permission, week: int, name: str) -> Permit:
    operation = ladder.operation
    tag_shift = max(
        (shift for shift in ladder.shifts if _hits(shift, exercise)), key=lambda one: one.weeks, default=None
    )
    later = operation.shift_weeks if week or tag_shift else 0  # the effective week never falls below 0
    first_week = week + later + (tag_shift.weeks if tag_shift else 0)
    because = f"from week {first_week} after {name}"
    completed = operation.completed_week or 0
    if completed >= first_week:
        if needs_clearance(exercise, permission):
            return Permit(_CLEARANCE, MATRIX, "needs the surgeon's clearance", first_week)
        rank = _PLAIN if permission is Permission.PLAIN else _SUPERVISED
        return Permit(rank, MATRIX, because, first_week)
    opens_on = operation.date + timedelta(days=first_week * DAYS_A_WEEK) if operation.date is not None else None
    rule = MATRIX
    if completed >= week:
        rule = tag_shift.rule if tag_shift else _ladder_shift(ladder)
        shift = first_week - week
        because = f"{because} ({shift} weeks later, {rule})"
    if needs_clearance(exercise, permission):
        because = f"{because}, with the surgeon's clearance"
    return Permit(_LATER, rule, because, first_week, opens_on)


def needs_clearance(exercise: Exercise, permission: Permission) -> bool:
    """Tell whether "supervised" in the matrix means the surgeon for this exercise.

    Source: dossier section 9 row 5; the supervision column of cards/exercises.csv.
    """
    return permission is Permission.SUPERVISED and exercise.supervision.startswith("surgeon")


def _hits(shift: Shift, exercise: Exercise) -> bool:
    return bool(exercise.tags.intersection(shift.tags))


def _ladder_shift(ladder: Ladder) -> str:
    return next((shift.rule for shift in ladder.shifts if not shift.tags), MATRIX)


def ladder_shift_weeks(shifts: Iterable[Shift]) -> int:
    """Add up the shifts that move the whole ladder (RF45); shifts of single tags are counted per exercise."""
    return sum(shift.weeks for shift in shifts if not shift.tags)


def plan_of(ladder: Ladder, tell_next_test: bool, knowledge: Knowledge) -> Plan:
    """Say what the protocol says for this week: phase, restrictions, and the test before the next phase."""
    operation, protocol = ladder.operation, ladder.protocol
    if operation.effective_week is None:
        return Plan(operation, protocol, None, (), None)
    return Plan(
        operation,
        protocol,
        operation.phase,
        knowledge.once(
            ("restrictions", protocol.id, operation.effective_week),
            lambda: restrictions_in(protocol, operation.effective_week),
        ),
        next_test(protocol, operation.phase) if tell_next_test else None,
    )


def restrictions_in(protocol: Protocol, week: int) -> tuple[tuple[Restriction, str], ...]:
    return tuple(
        (restriction, step.say)
        for restriction in protocol.restrictions
        for step in restriction.steps
        if step.from_week <= week and (step.to_week is None or week < step.to_week)
    )


def next_test(protocol: Protocol, phase: Phase | None) -> ProgressionTest | None:
    """Give the test at the end of *phase*; None where the protocol has none."""
    reached = phase.id if phase is not None else None
    return next((test for test in protocol.progression if test.from_phase == reached), None)
