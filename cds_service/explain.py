"""The whole reasoning about one patient: a public JSON contract, and the same as a text a physiotherapist can follow.

The keys of `explain` that docs name are a contract: they may be added to, never changed or taken away.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

from cds_service.cards.card import Card
from cds_service.cards.order_check import judged_as_json
from cds_service.clinical.advice import Advice, Alert, Allowed, Plan, Withheld
from cds_service.clinical.follow_up import FollowUp
from cds_service.clinical.occasion import Booked, Drafted, GoingHome, Occasion
from cds_service.clinical.operation import Operation
from cds_service.knowledge.model import Knowledge
from cds_service.orders.words import exercise_name, operation_name, operation_text, weeks_text
from cds_service.patient.chart_text import one_line
from cds_service.patient.finding import Evidence
from cds_service.patient.record import Unreadable


def explain(
    advice: Advice, knowledge: Knowledge, cards: Iterable[Card] = (), occasion: Occasion | None = None
) -> dict[str, Any]:
    """Give the reasoning as plain JSON values; `phase` and `effect` are null where there is none.

    What a hook adds stands beside it: `drafts` or `appointments` tell how each was understood and judged, also where it
    fits; `followUp` is the follow-up due, `tell` the signs to tell the patient.
    """
    return {
        "on": advice.on.isoformat(),
        "knowledgeVersion": advice.knowledge_version,
        "operations": [_operation(one) for one in advice.operations],
        "effect": advice.effect.value if advice.effect is not None else None,
        "exercises": [one.exercise for one in advice.exercises],
        "supervised": [one.exercise for one in advice.supervised],
        "withheld": [_withheld(one) for one in _all_withheld(advice)],
        "alerts": [_alert(one) for one in advice.alerts],
        "unknown": [
            {"rule": one.rule, "because": one.because, "say": one.say, "matters": one.matters}
            for one in advice.unknown
        ],
        "dataQuality": [
            {
                "rule": one.rule, "severity": one.severity.value, "because": one.because,
                "evidence": _evidence(one.evidence),
            }
            for one in advice.data_quality
        ],
        "cards": [card.as_json() for card in cards],
        "relevant": advice.relevant,
        "programme": [one.exercise for one in advice.programme],
        "clearance": [one.exercise for one in advice.clearance],
        "doses": {one.exercise: one.dose for one in (*advice.exercises, *advice.supervised)},
        "plans": [_plan(one) for one in advice.plans],
        "modifiers": [
            {"rule": one.rule, "say": one.say, "evidence": _evidence(one.evidence)} for one in advice.modifiers
        ],
        "surgeonInstructions": _evidence(advice.surgeon_instructions),
        "localProtocols": list(advice.local_protocols),
        "orderRefusal": advice.order_refusal,
        "draftKnowledge": advice.draft_knowledge,
        "unread": [
            {"where": one.where, "resourceType": one.resource_type, "what": one.what} for one in advice.unread
        ],
        "gaps": [{"kind": kind, "because": because} for kind, because in advice.gaps],
        "trace": [
            {"rule": one.rule, "answer": one.answer, "because": one.because, "evidence": _evidence(one.evidence)}
            for one in advice.trace
        ],
        **_occasion(occasion),
    }  # fmt: skip


def explain_text(advice: Advice, knowledge: Knowledge, cards: Iterable[Card] = ()) -> str:
    """Give the reasoning as text: operation, week, list, what waits and why, alerts, what could not be known, cards."""
    sections = [
        ("Day asked about", [f"{advice.on.isoformat()} (knowledge {advice.knowledge_version}{_draft(advice)})"]),
        ("Operation", list(_operation_lines(advice))),
        ("Week and phase", [line for plan in advice.plans for line in _plan_lines(plan)]),
        ("Surgeon's instruction", [_fact(one) for one in advice.surgeon_instructions]),
        ("Alerts, worst first", [line for alert in advice.alerts for line in _alert_lines(alert, knowledge)]),
        ("Changed for this patient", [f"{one.rule}: {one.say}" for one in advice.modifiers]),
        (f"Programme on the card ({len(advice.programme)})", _allowed_lines(advice.programme, knowledge)),
        (f"Everything that fits ({len(advice.exercises)})", _allowed_lines(advice.exercises, knowledge)),
        (f"With a therapist only ({len(advice.supervised)})", _allowed_lines(advice.supervised, knowledge)),
        (f"Withheld ({len(_all_withheld(advice))})", list(_withheld_lines(advice, knowledge))),
        ("Could not be known", [_unknown_line(one) for one in advice.unknown]),
        ("Quality of the record", [f"{one.rule} ({one.severity.value}): {one.because}" for one in advice.data_quality]),
        (
            "Could not be read",
            [*(_unread_line(one) for one in advice.unread), *(f"{kind}: {why}" for kind, why in advice.gaps)],
        ),
        ("Orders", [f"no programme as an order: {advice.order_refusal}"] if advice.order_refusal else []),
        ("Rules that stayed silent", [f"{one.rule} {one.answer}: {one.because}" for one in advice.trace]),
        ("Cards", [line for card in cards for line in _card_lines(card)] or ["none: there is nothing to say"]),
    ]
    parts = []
    for heading, lines in sections:
        if lines:
            parts.append("\n".join([heading.upper(), *(_indented(line) for line in lines)]))
    return "\n\n".join(parts) + "\n"


def _indented(line: str) -> str:
    depth = len(line) - len(line.lstrip(" "))
    return "  " + " " * depth + one_line(line, 600)


def _occasion(occasion: Occasion | None) -> dict[str, Any]:
    """What the hook adds: drafts or appointments as they were understood, signs to tell, the follow-up due."""
    if isinstance(occasion, Drafted):
        return {"drafts": [judged_as_json(one) for one in occasion.judged]}
    if isinstance(occasion, Booked):
        return {
            "appointments": [judged_as_json(one) for one in occasion.judged],
            "followUp": _follow_up(occasion.follow_up),
        }
    if isinstance(occasion, GoingHome):
        return {"tell": [one.id for one in occasion.signs], "followUp": _follow_up(occasion.follow_up)}
    return {}


def _follow_up(due: FollowUp | None) -> dict[str, Any] | None:
    if due is None:
        return None
    return {
        "protocol": due.plan.protocol.id, "week": due.week, "day": due.day.isoformat(),
        "known": due.known.reference if due.known is not None else None, "checked": due.checked,
    }  # fmt: skip


def _operation(operation: Operation) -> dict[str, Any]:
    return {
        "surgeryType": operation.surgery_type,
        "date": operation.date.isoformat() if operation.date else None,
        "postOpDay": operation.post_op_day,
        "completedWeek": operation.completed_week,
        "effectiveWeek": operation.effective_week,
        "phase": operation.phase.id if operation.phase else None,
        "region": operation.region,
        "levels": list(operation.levels),
        "fusion": operation.fusion,
        "basis": operation.basis.value,
        "evidence": _evidence(operation.evidence),
        "because": list(operation.because),
        "levelCount": operation.level_count,
        "levelCountIsMinimum": operation.level_count_is_minimum,
        "instrumented": operation.instrumented,
        "approach": operation.approach,
        "technique": operation.technique,
        "revision": operation.revision,
        "staged": operation.staged,
        "shiftWeeks": operation.shift_weeks,
        "dateAsRecorded": operation.date_as_recorded,
        "dateIsPartial": operation.date_is_partial,
        "alternatives": list(operation.alternatives),
        "conflicts": list(operation.conflicts),
        "textType": operation.text_type,
        "permanentBlocksOnly": operation.permanent_blocks_only,
        "procedures": list(operation.procedures),
    }


def _plan(plan: Plan) -> dict[str, Any]:
    test = plan.next_test
    return {
        "protocol": plan.protocol.id,
        "phase": plan.phase.id if plan.phase else None,
        "goal": plan.phase.goal if plan.phase else None,
        "restrictions": [
            {"topic": one.topic, "say": say, "sources": list(one.sources)} for one, say in plan.restrictions
        ],
        "nextTest": {"week": test.week, "say": test.say, "sources": list(test.sources)} if test else None,
        "agreeFirst": plan.protocol.agree_first,
    }


def _alert(alert: Alert) -> dict[str, Any]:
    return {
        "rule": alert.rule, "severity": alert.severity.value, "effect": alert.effect.value, "because": alert.because,
        "evidence": _evidence(alert.evidence), "grade": alert.grade, "title": alert.title, "say": alert.say,
        "do": alert.do, "removes": list(alert.removes), "sources": list(alert.sources), "mark": alert.mark,
    }  # fmt: skip


def _all_withheld(advice: Advice) -> list[Withheld]:
    """Withheld exercises and those that wait for the surgeon's clearance, each once."""
    told = {one.exercise for one in advice.withheld}
    return [*advice.withheld, *(one for one in advice.clearance if one.exercise not in told)]


def _withheld(one: Withheld) -> dict[str, Any]:
    return {"exercise": one.exercise, "rule": one.rule, "because": one.because, "fromWeek": one.from_week}


def _evidence(found: Iterable[Evidence]) -> list[dict[str, Any]]:
    told: list[Mapping[str, Any]] = [
        {
            "reference": one.reference, "what": one.what, "code": one.code, "system": one.system, "value": one.value,
            "date": one.date,
        }
        for one in found
    ]  # fmt: skip
    return [{key: value for key, value in one.items() if value is not None} for one in told]


def _draft(advice: Advice) -> str:
    return ", draft: not yet signed off by a clinician" if advice.draft_knowledge else ""


def _operation_lines(advice: Advice) -> Iterable[str]:
    if not advice.operations:
        yield "no spine operation that counts was found"
    for operation in advice.operations:
        day = operation.date.isoformat() if operation.date else "no date"
        recorded = f", recorded as {operation.date_as_recorded}" if operation.date_is_partial else ""
        yield f"{operation.surgery_type} on {day}{recorded} ({operation.basis.value})"
        details = [
            f"region {operation.region or 'unknown'}",
            f"levels {', '.join(operation.levels) or 'unknown'}",
            f"fusion {_known(operation.fusion)}",
            f"instrumented {_known(operation.instrumented)}",
            f"approach {operation.approach or 'unknown'}",
            f"revision {_known(operation.revision)}",
        ]
        yield "  " + ", ".join(details)
        for why in operation.because:
            yield f"  because {why}"
        for evidence in operation.evidence:
            yield f"  seen in {_fact(evidence)}"
        if operation.alternatives:
            yield f"  could also be {', '.join(operation.alternatives)}"
        for conflict in operation.conflicts:
            yield f"  conflict: {conflict}"
        if operation.permanent_blocks_only:
            yield "  an old operation: only what it forbids for ever still counts"


def _known(value: bool | None) -> str:
    return "unknown" if value is None else ("yes" if value else "no")


def _plan_lines(plan: Plan) -> Iterable[str]:
    operation = plan.operation
    if operation.completed_week is None:
        yield f"{operation_name(plan.protocol)}: no week, because the operation has no date"
        return
    counted = ""
    if operation.shift_weeks:
        counted = f", counted as week {operation.effective_week} ({operation.shift_weeks} weeks later by RF45)"
    yield f"{operation_text(plan)}: day {operation.post_op_day}, completed week {operation.completed_week}{counted}"
    if plan.phase is not None:
        yield f"  phase {plan.phase.id}, {weeks_text(plan.phase)}: {plan.phase.goal}"
    for restriction, say in plan.restrictions:
        yield f"  limit: {say} [{', '.join(restriction.sources) or restriction.mark.value}]"
    if plan.next_test is not None:
        yield f"  before {plan.next_test.to_phase} (week {plan.next_test.week}): {plan.next_test.say}"
    if plan.protocol.agree_first:
        yield f"  to agree with the surgeon first: {plan.protocol.agree_first_why}"


def _alert_lines(alert: Alert, knowledge: Knowledge) -> Iterable[str]:
    yield f"{alert.rule} {alert.title} ({alert.severity.value}, {alert.effect.value}): {alert.because}"
    for evidence in alert.evidence:
        yield f"  seen in {_fact(evidence)}"
    yield f"  do: {alert.do}"
    named = []
    for key in alert.sources:
        source = knowledge.sources.get(key)
        if source is not None:
            named.append(f"{key} {source.author} {source.year}{'' if source.citable else ' (not verified)'}")
    yield f"  source: {'; '.join(named) or 'none'} [{alert.mark}]"


def _allowed_lines(allowed: Iterable[Allowed], knowledge: Knowledge) -> list[str]:
    """The exercises in blocks of the same reason, the one unlocked first above; each with id, name and dose."""
    lines: list[str] = []
    ordered = sorted(allowed, key=lambda one: one.since_week)
    for reason, block in groupby(ordered, key=lambda one: one.because):
        lines.append(f"{reason}:")
        for one in block:
            care = f"; by {one.caution}" if one.caution else ""
            lines.append(f"  {one.exercise} ({exercise_name(knowledge, one.exercise)}): {one.dose}{care}")
    return lines


def _withheld_lines(advice: Advice, knowledge: Knowledge) -> Iterable[str]:
    """What is withheld in blocks of the same rule and reason: this patient's own reasons, then by week, then for ever."""

    def place(one: Withheld) -> tuple[bool, bool, int, str, str]:
        return (one.rule == "MATRIX", one.from_week is None, one.from_week or 0, one.rule, one.because)

    for (_, _, _, rule, because), block in groupby(sorted(_all_withheld(advice), key=place), key=place):
        yield f"{because} [{rule}]:"
        for one in block:
            yield f"  {one.exercise} ({exercise_name(knowledge, one.exercise)})"


def _unread_line(one: Unreadable) -> str:
    return f"{one.resource_type or 'resource of unknown type'} at {one.where or 'the top'}: {one.what}"


def _unknown_line(one: Any) -> str:
    return f"{one.rule}: {one.because}" + ("" if one.matters else " (would change nothing)")


def _card_lines(card: Card) -> Iterable[str]:
    yield f"{card.indicator}: {card.summary}"
    yield f"  source: {card.source.label}"
    for suggestion in card.suggestions:
        yield f"  suggestion: {suggestion.label}"


def _fact(evidence: Evidence) -> str:
    parts = [evidence.reference, evidence.what]
    if evidence.code:
        parts.append(f"({evidence.system or 'no system'} {evidence.code})")
    if evidence.value:
        parts.append(f"= {evidence.value}")
    if evidence.date:
        parts.append(f"on {evidence.date}")
    return " ".join(parts)
