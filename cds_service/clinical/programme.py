"""Choose the few exercises and the doses that a card can hold. Allows nothing that the protocol and the rules did not."""

from __future__ import annotations

from collections.abc import Sequence

from cds_service.clinical.advice import Allowed
from cds_service.knowledge.model import Dosing, Exercise, Knowledge, Span

WALKING = "walking"
EARLY = ("breathing", "circulation")
_TWICE_A_DAY = 2


def choose(allowed: Sequence[Allowed], knowledge: Knowledge, is_early: bool) -> tuple[Allowed, ...]:
    """Give at most `programme_size` of *allowed*: walking always, breathing and circulation while it is early, the
    rest balanced over categories with what was unlocked last first.

    Source: cards/clinical_path.yaml, programme_size; issue "First light", item 5.
    """
    size = int(knowledge.settings["programme_size"])
    shelves = _shelves(allowed, knowledge)
    chosen: list[Allowed] = []
    first = (WALKING, *EARLY) if is_early else (WALKING,)
    for category in first:
        if shelves.get(category):
            chosen.append(shelves[category].pop(0))
    for category in (WALKING, *EARLY):
        shelves.pop(category, None)
    shelves = {category: shelf for category, shelf in shelves.items() if shelf}
    while shelves and len(chosen) < size:
        for category in sorted(shelves, key=lambda one: -shelves[one][0].since_week):
            if len(chosen) < size:
                chosen.append(shelves[category].pop(0))
        shelves = {category: shelf for category, shelf in shelves.items() if shelf}
    return tuple(chosen[:size])


def _shelves(allowed: Sequence[Allowed], knowledge: Knowledge) -> dict[str, list[Allowed]]:
    """Sort *allowed* by category, the newest first in each; the catalogue's order decides between equals."""
    shelves: dict[str, list[Allowed]] = {}
    for one in sorted(allowed, key=lambda item: -item.since_week):
        shelves.setdefault(knowledge.exercises[one.exercise].category, []).append(one)
    return shelves


def with_dose(allowed: Sequence[Allowed], knowledge: Knowledge, week: int, lowest_dose: bool) -> tuple[Allowed, ...]:
    """Set the dose of each: the lowest of its row for the first weeks, else the catalogue's.

    *week* is the completed week. Source: dose ladder of cards/clinical_path.yaml, first_dose_weeks.
    """
    first_weeks = int(knowledge.settings["first_dose_weeks"])
    doses = knowledge.once(
        "doses", lambda: {one.id: (one.dose, dose_of(one, True)) for one in knowledge.exercises.values()}
    )
    return tuple(
        Allowed(
            one.exercise,
            doses[one.exercise][lowest_dose or week < one.since_week + first_weeks],
            one.since_week,
            one.because,
            one.caution,
        )
        for one in allowed
    )


def dose_of(exercise: Exercise, lowest: bool) -> str:
    """Say the dose. The universal set keeps its own, meant for the first days; walking has its targets by week."""
    if not lowest or exercise.universal or exercise.category == WALKING:
        return exercise.dose
    return _lowest(exercise.dosing) or exercise.dose


def _lowest(dosing: Dosing) -> str:
    parts = []
    side = " on each side" if dosing.each_side else ""
    if dosing.hold_seconds is not None:
        parts.append(f"hold {dosing.hold_seconds.low} seconds")
    if dosing.reps is not None and dosing.sets is not None:
        parts.append(f"{_count(dosing.sets.low, 'set')} of {dosing.reps.low}{side}")
    elif dosing.reps is not None:
        parts.append(f"{_count(dosing.reps.low, 'repetition')}{side}")
    if dosing.minutes is not None:
        parts.append(f"{dosing.minutes.low} minutes")
    if parts:
        parts += _how_often(dosing)
    return ", ".join(parts)


def _how_often(dosing: Dosing) -> list[str]:
    if dosing.times_per_day is not None:
        times = min(dosing.times_per_day.low, _TWICE_A_DAY)
        return ["once a day" if times == 1 else "twice a day"]
    if dosing.days_per_week is not None:
        return ["daily" if _is_daily(dosing.days_per_week) else f"{dosing.days_per_week.low} days a week"]
    return []


def _is_daily(days: Span) -> bool:
    return days.low == 7


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
