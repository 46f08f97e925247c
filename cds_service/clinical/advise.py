"""The inside story: from one patient's record and a day to Advice, in the order in which a clinician would think.

    1. Which operations were done?         clinical/surgery
    2. What must stop or soften it?        clinical/safety     (every rule of cards/safety, worst effect wins)
    3. Where on its timeline is each?      clinical/timeline   (shift, effective week, phase)
    4. What does the protocol allow?       clinical/protocol   (matrix; two operations intersect)
    5. What do alerts take away?           here
    6. Which few exercises, which dose?    clinical/programme

Source: decision order of dossier section 0. Takes values and returns values; the day is an argument.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from msgspec.structs import replace as changed

from cds_service.clinical.advice import Advice, Alert, Allowed, Plan, Withheld
from cds_service.clinical.operation import Basis, Operation, Surgical
from cds_service.clinical.programme import choose, with_dose
from cds_service.clinical.protocol import (
    MATRIX,
    UNKNOWN_SPINE,
    Ladder,
    Permitted,
    ladder_shift_weeks,
    permit_all,
    plan_of,
)
from cds_service.clinical.safety import Safety, data_quality_of, facts_of, judge, modifiers_of
from cds_service.clinical.surgery.episodes import find_operations
from cds_service.clinical.timeline import place
from cds_service.knowledge.model import Effect, Exercise, Grade, Knowledge
from cds_service.patient.facts import Asked, Chart
from cds_service.patient.finding import Evidence
from cds_service.patient.record import Order, PatientRecord, Unreadable

NOT_ALONE = "not_alone"
INSTRUCTIONS = "activity_instructions"
"""The codelist (words only) by which an instruction of the surgeon is recognised in an order's notes."""
_LIVE_ORDERS = frozenset({"active", "on-hold", "completed", "unknown", None})
_MATTERING = frozenset(
    {"Patient", "Procedure", "Observation", "Condition", "MedicationRequest", "MedicationStatement", "Bundle"}
)
_OTHER_KINDS = (
    "patient", "observations", "conditions", "medications", "serviceRequests", "carePlans", "goals", "appointments",
)  # fmt: skip
_INSTRUCTING = frozenset({"ServiceRequest", "CarePlan"})


def advise(record: PatientRecord, knowledge: Knowledge, on: date, at: datetime | None = None) -> Advice:
    """Say what fits *record* on the day *on* (at the moment *at*, where it is known), and why.

    Source: dossier section 0; every rule and week comes from *knowledge*.
    """
    return advise_after(find_operations(record, knowledge, on), record, knowledge, on, at)


def advise_after(
    surgical: Surgical, record: PatientRecord, knowledge: Knowledge, on: date, at: datetime | None = None
) -> Advice:
    """Say what fits *record* once its operations are known."""
    current = tuple(one for one in surgical.operations if not one.permanent_blocks_only)
    if not current:
        return _nothing_to_say(surgical, record, knowledge, on)
    chart = Chart(record, knowledge.known, on, at)
    asked = [Asked(chart, facts_of(operation)) for operation in current]
    safety = judge(asked, current, knowledge)
    modifiers, lowest_dose = modifiers_of(asked, knowledge)
    ladders = _ladders(surgical, safety, knowledge)
    plans = tuple([plan_of(ladder, not safety.no_progression, knowledge) for ladder in _leading(ladders)])
    lists = _lists_of(ladders, safety, lowest_dose, _is_early(plans), knowledge)
    return Advice(
        on=on,
        knowledge_version=knowledge.version,
        relevant=True,
        operations=tuple(plan.operation for plan in plans),
        plans=plans,
        effect=safety.effect,
        exercises=lists.exercises,
        supervised=lists.supervised,
        clearance=lists.clearance,
        withheld=lists.withheld,
        programme=lists.programme,
        alerts=safety.alerts,
        unknown=safety.unknown,
        data_quality=(*surgical.data_quality, *data_quality_of(safety, record, knowledge)),
        modifiers=modifiers,
        trace=safety.trace,
        draft_knowledge=knowledge.is_draft,
        order_refusal=_order_refusal(ladders, safety, lists.exercises),
        surgeon_instructions=_surgeon_instructions(record, knowledge, chart),
        local_protocols=_local_protocols(knowledge, plans, safety.alerts),
        no_progression=safety.no_progression,
        unread=unread_of(record),
        gaps=record.gaps,
        lists_of=lists.follow_from,
    )


def _nothing_to_say(surgical: Surgical, record: PatientRecord, knowledge: Knowledge, on: date) -> Advice:
    """No spine operation that was done: no list, no alert, and no card unless what could not be read may hide one."""
    unread = unread_of(record)
    return Advice(
        on=on, knowledge_version=knowledge.version, relevant=False, operations=(), plans=(), effect=None, exercises=(),
        supervised=(), clearance=(), withheld=(), programme=(), alerts=(), unknown=(),
        data_quality=surgical.data_quality, modifiers=(), trace=(), draft_knowledge=knowledge.is_draft,
        order_refusal=None, unread=unread, gaps=record.gaps,
        may_hide_an_operation=not record.has_whole("procedures") or any(map(_may_be_a_procedure, unread)),
    )  # fmt: skip


def unread_of(record: PatientRecord) -> tuple[Unreadable, ...]:
    """Give what was left out of *record* because it could not be read, and could have mattered here."""
    return tuple(
        one
        for one in record.unreadable
        if one.skipped and not one.of_somebody_else and (one.resource_type is None or one.resource_type in _MATTERING)
    )


def _may_be_a_procedure(one: Unreadable) -> bool:
    """An entry without a type may be anything, unless it stood among data of another kind."""
    if one.resource_type is not None:
        return one.resource_type == "Procedure"
    return not any(kind in one.where for kind in _OTHER_KINDS)


def _ladders(surgical: Surgical, safety: Safety, knowledge: Knowledge) -> tuple[Ladder, ...]:
    """Put every operation on its protocol: one ladder for each type that holds, and old fusions for what they forbid."""
    ladders: list[Ladder] = []
    for operation, shifts, rule in zip(safety.operations, safety.shifts, safety.set_by, strict=True):
        for surgery_type in (operation.surgery_type, *operation.also_types):
            protocol = knowledge.protocols.get(surgery_type) or knowledge.protocols[UNKNOWN_SPINE]
            placed = place(operation, protocol, ladder_shift_weeks(shifts))
            set_by = rule or _why_unknown(placed)
            ladders.append(Ladder(placed, protocol, shifts, set_by, _universal_only(placed, surgical)))
    for operation in surgical.operations:
        if operation.permanent_blocks_only and operation.surgery_type in knowledge.protocols:
            ladders.append(Ladder(operation, knowledge.protocols[operation.surgery_type]))
    return tuple(ladders)


def _why_unknown(operation: Operation) -> str:
    if operation.surgery_type != UNKNOWN_SPINE:
        return MATRIX
    return "DQ05" if operation.basis is Basis.TEXT else "DQ04"


def _universal_only(operation: Operation, surgical: Surgical) -> str | None:
    """Name the data-quality rule that leaves this operation no list of its own (DQ06), or general advice only (DQ08)."""
    if operation.completed_week is None:
        return "DQ06"
    return "DQ08" if any(found.rule == "DQ08" for found in surgical.data_quality) else None


def _leading(ladders: Iterable[Ladder]) -> tuple[Ladder, ...]:
    """Give one ladder for each operation that is recovered from now: its own type's, not those that hold as well."""
    found: dict[tuple[str, ...], Ladder] = {}
    for ladder in ladders:
        if not ladder.operation.permanent_blocks_only:
            found.setdefault(ladder.operation.procedures, ladder)
    return tuple(found.values())


# ---- the lists -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Lists:
    """Every exercise of the catalogue in its list, with its dose, and the few for the card."""

    exercises: tuple[Allowed, ...]
    supervised: tuple[Allowed, ...]
    clearance: tuple[Withheld, ...]
    withheld: tuple[Withheld, ...]
    programme: tuple[Allowed, ...]
    follow_from: Hashable | None = None
    """The question, in ids and numbers of ours, to which these are the whole answer; None where there is more to it."""


def _lists_of(
    ladders: tuple[Ladder, ...], safety: Safety, lowest_dose: bool, is_early: bool, knowledge: Knowledge
) -> _Lists:
    """Give the lists. After one operation that nothing shifts they are knowledge alone, but for the words of the alerts:
    the same for everybody in that week with the same rules speaking. So they are worked out once, without date or words.
    """
    says = _say(safety)
    if len(ladders) != 1 or ladders[0].shifts:
        return _work_out(ladders, safety, says, lowest_dose, is_early, knowledge)
    ladder = ladders[0]
    question = (
        "lists", ladder.protocol.id, ladder.operation.completed_week, ladder.set_by, ladder.universal_only,
        *[(rule, grade.id) for rule, grade in safety.grades], None,
        *[(rule, grade.id) for rule, grade in safety.note_grades], safety.effect, lowest_dose, is_early,
    )  # fmt: skip
    lists = knowledge.once(
        question,
        lambda: _mark_whole(_work_out((_undated(ladder),), safety, {}, lowest_dose, is_early, knowledge), question),
    )
    if lists.follow_from is not None:
        return lists
    words = {rule: say for (rule, _), say in says.items()}
    return _Lists(
        lists.exercises,
        tuple([one if one.because else replace(one, because=words[one.caution]) for one in lists.supervised]),
        lists.clearance,
        tuple([one if one.because else Withheld(one.exercise, one.rule, words[one.rule]) for one in lists.withheld]),
        lists.programme,
    )


def _undated(ladder: Ladder) -> Ladder:
    """Give *ladder* without what only this patient has: a list that is kept must know no date."""
    return changed(ladder, operation=changed(ladder.operation, date=None))


def _mark_whole(lists: _Lists, question: Hashable) -> _Lists:
    """Tell the question that *lists* answer, where no alert has a word to add."""
    is_whole = all(one.because for one in (*lists.supervised, *lists.withheld))
    return replace(lists, follow_from=question) if is_whole else lists


def _say(safety: Safety) -> dict[tuple[str, str], str]:
    """Give the words of every grade that speaks, by rule and grade."""
    said: dict[tuple[str, str], str] = {}
    for grades, alerts in ((safety.grades, safety.alerts), (safety.note_grades, safety.notes)):
        for rule, grade in grades:
            said[rule, grade.id] = next((alert.say for alert in alerts if alert.rule == rule), grade.say)
    return said


def _work_out(
    ladders: Sequence[Ladder],
    safety: Safety,
    says: Mapping[tuple[str, str], str],
    lowest_dose: bool,
    is_early: bool,
    knowledge: Knowledge,
) -> _Lists:
    """Ask the protocols, take away what the alerts forbid, set the doses, choose the few. *says*: each grade's words."""
    offered = _take_away(permit_all(ladders, knowledge), safety, says, knowledge)
    week = max((one.operation.completed_week or 0 for one in _leading(ladders)), default=0)
    exercises = with_dose(offered.plain, knowledge, week, lowest_dose)
    return _Lists(
        exercises,
        with_dose(offered.supervised, knowledge, week, lowest_dose),
        offered.clearance,
        offered.withheld,
        choose(exercises, knowledge, is_early),
    )


# ---- what alerts take away ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Removal:
    """One rule's effect on the lists, in words for the withheld exercise."""

    rule: str
    because: str
    holds: frozenset[str]
    """The exercises it takes away."""
    watches: frozenset[str]
    """The exercises that it wants somebody beside the patient for."""


def _take_away(
    permitted: Permitted, safety: Safety, says: Mapping[tuple[str, str], str], knowledge: Knowledge
) -> Permitted:
    """Apply the alerts to what the protocols allow: stop all, universal set only, remove tags, supervise tags."""
    removals = [_removal(rule, grade, says, knowledge) for rule, grade in safety.grades]
    notes = [_removal(rule, grade, says, knowledge) for rule, grade in safety.note_grades]
    holding = [one for one in (*removals, *notes) if one.holds]
    watching = [one for one in removals if one.watches]
    plain: list[Allowed] = []
    supervised: list[Allowed] = []
    withheld: list[Withheld] = []
    for allowed, is_plain in _both(permitted):
        exercise = allowed.exercise
        held = next((one for one in holding if exercise in one.holds), None)
        if held is not None:
            withheld.append(Withheld(exercise, held.rule, held.because))
            continue
        watcher = next((one for one in watching if exercise in one.watches), None) if is_plain else None
        if watcher is not None:
            supervised.append(replace(allowed, because=watcher.because, caution=watcher.rule))
        else:
            (plain if is_plain else supervised).append(allowed)
    order = knowledge.once("order", lambda: {exercise: place for place, exercise in enumerate(knowledge.exercises)})
    return Permitted(
        plain=tuple(plain),
        supervised=tuple(sorted(supervised, key=lambda one: order[one.exercise])),
        withheld=tuple(sorted((*permitted.withheld, *withheld), key=lambda one: order[one.exercise])),
        clearance=() if safety.effect is Effect.STOP_ALL else permitted.clearance,
    )


def _removal(rule: str, grade: Grade, says: Mapping[tuple[str, str], str], knowledge: Knowledge) -> _Removal:
    exercises = knowledge.exercises.values()
    holds = knowledge.once(
        ("holds", rule, grade.id), lambda: frozenset(one.id for one in exercises if _is_held_by(grade, one))
    )
    watches = knowledge.once(
        ("watches", rule, grade.id), lambda: frozenset(one.id for one in exercises if _is_watched_by(grade, one))
    )
    return _Removal(rule, says.get((rule, grade.id), ""), holds, watches)


def _both(permitted: Permitted) -> Iterable[tuple[Allowed, bool]]:
    yield from ((allowed, True) for allowed in permitted.plain)
    yield from ((allowed, False) for allowed in permitted.supervised)


def _is_held_by(grade: Grade, exercise: Exercise) -> bool:
    if grade.effect is Effect.STOP_ALL or (grade.effect is Effect.BASELINE_ONLY and not exercise.universal):
        return True
    return exercise.id in grade.removes_exercises or bool(exercise.tags.intersection(grade.removes))


def _is_watched_by(grade: Grade, exercise: Exercise) -> bool:
    """Tell whether *grade* wants somebody beside the patient (dossier section 9 row 4)."""
    tags = grade.supervises
    return bool(exercise.tags.intersection(tags)) or (NOT_ALONE in tags and exercise.not_alone)


# ---- what goes with it ---------------------------------------------------------------------------------------------------


def _is_early(plans: Sequence[Plan]) -> bool:
    """Tell whether an operation is still in its first phase, when breathing and circulation come first."""
    return any(plan.phase is None or plan.phase.id == plan.protocol.phases[0].id for plan in plans)


def _order_refusal(ladders: Sequence[Ladder], safety: Safety, exercises: Sequence[Allowed]) -> str | None:
    """Tell why no programme may be ordered; None where one may (dossier section 9 row 1)."""
    reasons: list[str] = []
    if safety.effect is Effect.STOP_ALL:
        reasons.append("an alert stops all exercise")
    for ladder in ladders:
        operation = ladder.operation
        if operation.permanent_blocks_only:
            continue
        if operation.text_type is not None:
            reasons.append("the operation is recorded as text only")
        if operation.staged:
            reasons.append("the operation was done in stages; agree the plan with the surgeon first")
        if ladder.universal_only is not None:
            reasons.append(_UNIVERSAL_WHY[ladder.universal_only])
        if ladder.protocol.agree_first:
            reasons.append(ladder.protocol.agree_first_why or "to agree with the surgeon first")
    if not reasons and not exercises:
        reasons.append("no exercise fits today")
    return "; ".join(dict.fromkeys(reasons)) or None


_UNIVERSAL_WHY = {
    "DQ06": "the date of the operation is not recorded",
    "DQ08": "the operation is long past; general advice only",
}


def _surgeon_instructions(record: PatientRecord, knowledge: Knowledge, chart: Chart) -> tuple[Evidence, ...]:
    """Give the notes of orders and plans that carry an instruction on activity: they override what we list.

    What is found is shown, never interpreted: it grants no clearance.
    """
    codelist = knowledge.codelists.get(INSTRUCTIONS)
    if codelist is None:
        return ()
    found = []
    for order in record.orders or ():
        if order.kind in _INSTRUCTING and order.status in _LIVE_ORDERS and not chart.is_future(order.when):
            found += [_instruction(order, note) for note in order.notes if _instructs(note, codelist.words)]
    return tuple(dict.fromkeys(found))


def _instructs(note: str, words: Sequence[str]) -> bool:
    said = note.lower()
    return any(word in said for word in words)


def _instruction(order: Order, note: str) -> Evidence:
    return Evidence(order.reference, "instruction", value=note, date=order.when.as_recorded if order.when else None)


def _local_protocols(knowledge: Knowledge, plans: Sequence[Plan], alerts: Sequence[Alert]) -> tuple[str, ...]:
    """Name the local protocols whose changes took part in this advice."""
    used = {plan.protocol.id for plan in plans} | {alert.rule for alert in alerts}
    return tuple(dict.fromkeys(name for path, name in knowledge.overlaid.items() if any(part in path for part in used)))
