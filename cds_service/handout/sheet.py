"""Choose what stands on a patient sheet: only what the protocol allows in that week. Knows no patient and no page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from cds_service.clinical.advice import Allowed
from cds_service.clinical.programme import choose
from cds_service.clinical.protocol import needs_clearance
from cds_service.errors import Fault, InputFaults
from cds_service.knowledge.model import Exercise, FirstWeek, Knowledge, Permission, Protocol, Status
from cds_service.knowledge.sheet import DangerSign, SheetWords
from cds_service.knowledge.signed import is_of_the_sheet

LAST_WEEK = 5200
"""Nobody's sheet is for a week beyond a hundred years after the operation: a slip of the keyboard."""
_TWICE = 2


@dataclass(frozen=True, slots=True)
class SheetExercise:
    """One exercise as the patient reads it; *supervised* where it is done with a therapist only."""

    id: str
    name: str
    steps: tuple[str, ...]
    dose: tuple[str, ...]
    stops: tuple[str, ...]
    shown_first: bool
    not_alone: bool
    supervised: bool


@dataclass(frozen=True, slots=True)
class Sheet:
    """A patient sheet without its page. *last_week* is None where nothing in the protocol ends it."""

    words: SheetWords
    surgery_type: str
    operation: str
    week: int
    first_week: int
    last_week: int | None
    agree_first: bool
    exercises: tuple[SheetExercise, ...]
    restrictions: tuple[str, ...]
    local_restrictions: tuple[str, ...]
    """Sentences of a local protocol that have no plain words yet; in the language of the protocol."""
    emergencies: tuple[str, ...]
    calls: tuple[str, ...]
    sources: tuple[str, ...]
    local_protocols: tuple[str, ...]
    version: str
    draft: bool


def make_sheet(
    knowledge: Knowledge, surgery_type: str, week: int, exercises: Sequence[str] | None = None, language: str = "en"
) -> Sheet:
    """Give the sheet for *week*, the completed week that counts for the protocol (the effective week).

    *exercises* None lets the programme of an uncomplicated course stand on it. Raises InputFaults for what is not known
    or not allowed; what was asked for is named by its place, never repeated.
    """
    faults: list[Fault] = []
    protocol = knowledge.protocols.get(surgery_type)
    if protocol is None:
        faults.append(Fault("surgery", "this surgery type is not known", "one of " + ", ".join(knowledge.protocols)))
    words = knowledge.sheets.languages.get(language)
    if words is None:
        known = ", ".join(knowledge.sheets.languages) or "none: the texts wait for a clinician's signature"
        faults.append(Fault("language", "there is no sheet in this language", f"one of {known}"))
    if not 0 <= week <= LAST_WEEK:
        faults.append(
            Fault("week", "this is no completed week after an operation", f"a whole number from 0 to {LAST_WEEK}")
        )
    if protocol is None or words is None or faults:
        raise InputFaults(faults)
    chosen = (
        _asked(knowledge, protocol, week, exercises) if exercises is not None else _usual(knowledge, protocol, week)
    )
    if not chosen:
        todo = "nothing may be given without the surgeon: print no sheet"
        raise InputFaults([Fault("exercises", f"no exercise fits week {week} of {surgery_type}", todo=todo)])
    first, last = _weeks(protocol, week)
    said = [say for restriction in protocol.restrictions if (say := restriction.at(week)) is not None]
    signs = [sign for sign in knowledge.sheets.signs if sign.holds_after(surgery_type)]
    return Sheet(
        words=words,
        surgery_type=surgery_type,
        operation=words.operations[surgery_type],
        week=week,
        first_week=first,
        last_week=last,
        agree_first=protocol.agree_first,
        exercises=tuple(_exercise(knowledge, words, cell) for cell in chosen),
        restrictions=_unique(words.restrictions[say] for say in said if say in words.restrictions),
        local_restrictions=_unique(f"{say[:1].upper()}{say[1:]}." for say in said if say not in words.restrictions),
        emergencies=tuple(words.signs[sign.id] for sign in signs if sign.emergency),
        calls=tuple(words.signs[sign.id] for sign in signs if not sign.emergency),
        sources=_sources(knowledge, protocol, chosen, signs),
        local_protocols=_local(knowledge, surgery_type),
        version=knowledge.version,
        draft=_is_draft(knowledge),
    )


def _usual(knowledge: Knowledge, protocol: Protocol, week: int) -> list[FirstWeek]:
    """The programme that a card would show where nothing is known against it."""
    allowed = [
        Allowed(cell.exercise, "", cell.week, "")
        for cell in protocol.first_weeks.values()
        if cell.permission is Permission.PLAIN and cell.week is not None and cell.week <= week
    ]
    is_early = protocol.phase_at(week) in (None, protocol.phases[0])
    return [protocol.first_weeks[one.exercise] for one in choose(allowed, knowledge, is_early)]


def _asked(knowledge: Knowledge, protocol: Protocol, week: int, exercises: Sequence[str]) -> list[FirstWeek]:
    faults = []
    chosen = []
    for number, asked in enumerate(exercises, start=1):
        why = _refusal(knowledge, protocol, week, asked)
        if asked in exercises[: number - 1]:
            why = "stands in the list twice"
        if why:
            faults.append(Fault("exercises", f"number {number} of the list {why}", todo="take it out"))
        else:
            chosen.append(protocol.first_weeks[asked])
    if faults:
        raise InputFaults(faults)
    return chosen


def _refusal(knowledge: Knowledge, protocol: Protocol, week: int, asked: str) -> str:
    """Tell why this exercise may not stand on the sheet, "" where it may."""
    exercise = knowledge.exercises.get(asked)
    if exercise is None:
        return "is no exercise we know"
    cell = protocol.first_weeks[asked]
    if cell.permission is Permission.NEVER:
        return f"({asked}) is never done after this operation"
    if cell.permission is Permission.CLEARANCE or needs_clearance(exercise, cell.permission):
        return f"({asked}) needs the surgeon's clearance, which no sheet can give"
    if cell.week is None or cell.week > week:
        return f"({asked}) begins in week {cell.week} after this operation"
    return ""


def _weeks(protocol: Protocol, week: int) -> tuple[int, int | None]:
    """From the week asked about to the last one in which neither phase nor restriction changes."""
    phase = protocol.phase_at(week)
    ends = [phase.to_week] if phase is not None else []
    for restriction in protocol.restrictions:
        ends += [step.to_week for step in restriction.steps] + [step.from_week for step in restriction.steps]
    changes = [end for end in ends if end is not None and end > week]
    return week, min(changes) - 1 if changes else None


def _exercise(knowledge: Knowledge, words: SheetWords, cell: FirstWeek) -> SheetExercise:
    exercise = knowledge.exercises[cell.exercise]
    own = words.exercises[cell.exercise]
    with_therapist = exercise.supervision in ("yes", "in the clinic")
    return SheetExercise(
        id=exercise.id,
        name=own.name,
        steps=own.steps,
        dose=(own.dose,) if own.dose else tuple(count_dose(exercise, words)),
        stops=tuple(words.stops[stop] for stop in knowledge.sheets.stops[exercise.id]),
        shown_first=exercise.supervision.startswith("yes,"),
        not_alone=exercise.not_alone,
        supervised=with_therapist or cell.permission is Permission.SUPERVISED,
    )


def count_dose(exercise: Exercise, words: SheetWords) -> Iterator[str]:
    """Say the dose in sentences: always the low end of the catalogue's, because a sheet knows no patient.

    Source: dose ladder of cards/clinical_path.yaml; the cap of twice a day is the one of a programme's first weeks.
    """
    dosing, say = exercise.dosing, words.doses
    if dosing.minutes is not None:
        yield say["minutes"].format(n=dosing.minutes.low)
    if dosing.reps is not None:
        yield say["reps_each_side" if dosing.each_side else "reps"].format(n=dosing.reps.low)
    if dosing.hold_seconds is not None:
        yield say["hold"].format(n=dosing.hold_seconds.low)
    if dosing.sets is not None:
        yield say["sets"].format(n=dosing.sets.low)
    if dosing.times_per_day is not None:
        low = dosing.times_per_day.low
        times = low if exercise.universal else min(low, _TWICE)
        yield {1: say["once_a_day"], 2: say["twice_a_day"]}.get(times, say["times_a_day"].format(n=times))
    elif dosing.days_per_week is not None:
        days = dosing.days_per_week.low
        yield say["daily"] if days == 7 else say["days_a_week"].format(n=days)


def _sources(
    knowledge: Knowledge, protocol: Protocol, chosen: Sequence[FirstWeek], signs: Sequence[DangerSign]
) -> tuple[str, ...]:
    keys = [key for cell in chosen for key in knowledge.exercises[cell.exercise].sources]
    keys += [key for restriction in protocol.restrictions for key in restriction.sources]
    keys += [key for sign in signs for key in sign.sources]
    return _unique(sorted(key for key in keys if key in knowledge.sources and knowledge.sources[key].citable))


def _local(knowledge: Knowledge, surgery_type: str) -> tuple[str, ...]:
    return _unique(name for path, name in knowledge.overlaid.items() if path.startswith(f"{surgery_type}."))


def _is_draft(knowledge: Knowledge) -> bool:
    own = [one for name, one in knowledge.tables.items() if is_of_the_sheet(name)]
    return knowledge.is_draft or any(one.status is Status.DRAFT for one in own)


def _unique(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))
