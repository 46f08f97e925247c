"""A local change that would let more through is never called stricter, so it never passes without an approver."""

from __future__ import annotations

from itertools import product

from cds_service.knowledge.model import FirstWeek, Mark, Permission
from cds_service.knowledge.strictness import Strictness, of_first_weeks

_PASSES_FREELY = (Strictness.SAME, Strictness.STRICTER)
_CELLS = [FirstWeek("bridge", Permission.NEVER, None, Mark.D), FirstWeek("bridge", Permission.CLEARANCE, None, Mark.D)]
_CELLS += [
    FirstWeek("bridge", permission, week, Mark.D)
    for permission in (Permission.PLAIN, Permission.SUPERVISED)
    for week in (0, 1, 2, 6, 12, 52, 60)
]


def _allows(cell: FirstWeek) -> set[tuple[int, str]]:
    """Every (week, way) in which the cell lets the exercise through; alone includes with a therapist."""
    if cell.week is None:
        return set()
    ways = ("alone", "supervised") if cell.permission is Permission.PLAIN else ("supervised",)
    return {(week, way) for week in range(cell.week, 61) for way in ways}


def test_a_first_week_that_lets_more_through_never_passes_freely():
    for before, after in product(_CELLS, repeat=2):
        if _allows(after) - _allows(before):
            assert of_first_weeks(before, after) not in _PASSES_FREELY, f"{before} -> {after}"


def test_a_first_week_that_lets_no_more_through_passes_freely_unless_it_opens_clearance():
    for before, after in product(_CELLS, repeat=2):
        opens_clearance = before.permission is Permission.NEVER and after.permission is Permission.CLEARANCE
        if (
            _allows(after) <= _allows(before)
            and not opens_clearance
            and before.week is not None
            and after.week is not None
        ):
            assert of_first_weeks(before, after) in _PASSES_FREELY, f"{before} -> {after}"
