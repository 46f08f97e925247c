"""The order-check card: which drafts clash, why, until when, and what would fit. None where every draft fits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cds_service.cards.card import Card
from cds_service.cards.markdown import fixed, plain, table
from cds_service.cards.phrases import (
    card_source,
    cited,
    draft_line,
    evidence_as_json,
    extension,
    fact,
    override_reasons,
    summary,
)
from cds_service.clinical.advice import Advice, Plan
from cds_service.clinical.drafts import Clash, Judged, Reason
from cds_service.knowledge.model import Knowledge
from cds_service.orders.call import CallFacts
from cds_service.orders.clash_offers import booking_offers, clash_offers
from cds_service.orders.ids import card_uuid
from cds_service.orders.words import exercise_name, lower_first, operation_text
from cds_service.patient.chart_text import one_line

KIND = "order-check"
APPOINTMENTS = "appointment-check"
_MOST_ROWS = 12
_MILD = frozenset({Reason.SUPERVISED, Reason.AGREE_FIRST})


def order_check_card(
    judged: Sequence[Judged],
    advice: Advice,
    knowledge: Knowledge,
    call: CallFacts,
    phases: tuple[str, ...],
    kind: str = KIND,
) -> Card | None:
    """Give one card for all drafts (or, as `APPOINTMENTS`, bookings) that clash."""
    clashing = [one for one in judged if one.clashes]
    if not clashing:
        return None
    clashes = [clash for one in clashing for clash in one.clashes]
    rules = list(dict.fromkeys(clash.rule for clash in clashes))
    told = [
        f"{one.order.reference} {clash.rule} {clash.exercise or clash.said}"
        for one in clashing
        for clash in one.clashes
    ]
    uuid = card_uuid(call, kind, rules, (*phases, *told), advice.knowledge_version)
    make = booking_offers if kind == APPOINTMENTS else clash_offers
    offers = make(clashing, advice, knowledge, call, uuid)
    keys = [key for clash in clashes for key in clash.sources]
    evidence = [one for clash in clashes for one in clash.evidence]
    evidence += [one for plan in advice.plans for one in plan.operation.evidence]
    return Card(
        uuid=uuid,
        summary=_summary(clashing, advice.plans, "Appointment" if kind == APPOINTMENTS else "Order"),
        detail=_detail(clashing, advice, knowledge, offers.notes),
        indicator="info" if all(clash.reason in _MILD for clash in clashes) else "warning",
        source=card_source(knowledge, advice, keys, kind, call.service_base_url),
        override_reasons=override_reasons(kind),
        suggestions=offers.suggestions,
        selection_behavior="at-most-one" if offers.suggestions else None,
        extension=extension(
            kind,
            rules,
            advice.knowledge_version,
            evidence_as_json(evidence),
            drafts=[judged_as_json(one) for one in clashing],
        ),
    )


def judged_as_json(judged: Judged) -> dict[str, object]:
    """Give a judged draft for a card's extension and for explain; nothing empty."""
    found: dict[str, object] = {
        "reference": one_line(judged.order.reference, 160),
        "on": judged.on.isoformat(),
        "kinds": sorted(judged.wanted.kinds),
        "named": [
            {
                "said": one_line(one.said, 80),
                "means": list(one.entry.means),
                **({"forbidden": True} if one.forbidden else {}),
            }
            for one in judged.wanted.mentions
        ],
        "clashes": [_clash_as_json(one) for one in judged.clashes],
    }
    return {key: value for key, value in found.items() if value}


def _clash_as_json(clash: Clash) -> dict[str, object]:
    found = {
        "reason": clash.reason.value, "rule": clash.rule, "said": one_line(clash.said, 80), "exercise": clash.exercise,
        "because": one_line(clash.because, 300), "fromWeek": clash.from_week,
        "earliest": clash.earliest.isoformat() if clash.earliest else None, "instead": clash.instead,
    }  # fmt: skip
    return {key: value for key, value in found.items() if value is not None and value != ""}


def _summary(clashing: Sequence[Judged], plans: Sequence[Plan], what_kind: str) -> str:
    clashes = [clash for one in clashing for clash in one.clashes]
    first = clashes[0]
    more = f" (+{len(clashes) - 1} more)" if len(clashes) > 1 else ""
    what = one_line(first.said, 50)
    where = _where(plans)
    if first.reason is Reason.STOPPED:
        return summary(f"{what_kind} against a stop: {lower_first(first.because)}{more}", where)
    if first.reason is Reason.AGREE_FIRST:
        return summary(f"{what_kind} to agree with the surgeon first: {what}{more}", where)
    if what_kind == "Appointment" and first.earliest is not None:
        return summary(f"Appointment too early: {what}, from {first.earliest.isoformat()}{more}", where)
    return summary(f"{what_kind} does not fit: {what}, {_briefly(first)}{more}", where)


def _briefly(clash: Clash) -> str:
    if clash.from_week is not None:
        return f"from week {clash.from_week}"
    return {
        Reason.NEVER: "never after this operation",
        Reason.CLEARANCE: "needs the surgeon's clearance",
        Reason.SUPERVISED: "with a therapist only",
    }.get(clash.reason, lower_first(clash.title or clash.because))


def _where(plans: Sequence[Plan]) -> str:
    if not plans or plans[0].operation.completed_week is None:
        return ""
    return f"; week {plans[0].operation.completed_week} after {lower_first(operation_text(plans[0]))}"


def _detail(clashing: Sequence[Judged], advice: Advice, knowledge: Knowledge, notes: Iterable[str]) -> str:
    parts = []
    if advice.surgeon_instructions:
        told = "; ".join(plain(fact(one), 300) for one in advice.surgeon_instructions[:3])
        parts.append(f"**The surgeon's instruction in the chart comes first:** {told}")
    for one in clashing:
        parts.append(f"**{plain(_title(one), 120)}**" + (f", from {one.on.isoformat()}" if one.on != advice.on else ""))
        parts.append(_table(one.clashes, knowledge))
    parts += [f"**Orders:** {plain(note, 300)}" for note in notes]
    parts.append(" ".join(filter(None, ["The surgeon's own instruction overrides this card.", draft_line(advice)])))
    return "\n\n".join(parts)


def _title(judged: Judged) -> str:
    return judged.wanted.said or judged.order.kind


def _table(clashes: Sequence[Clash], knowledge: Knowledge) -> str:
    rows = [(plain(clash.said, 80), _why(clash, knowledge), _fits(clash, knowledge)) for clash in clashes[:_MOST_ROWS]]
    shown = table(("What is asked", "Why it does not fit", "Fits now"), rows)
    return shown + (f"\n\n{len(clashes) - _MOST_ROWS} more of the same kind." if len(clashes) > _MOST_ROWS else "")


def _why(clash: Clash, knowledge: Knowledge) -> str:
    day = f", {clash.earliest.isoformat()}" if clash.earliest is not None else ""
    by = cited(knowledge, clash.sources, 1)
    seen = "; ".join(plain(fact(one), 160) for one in clash.evidence[:1])
    said = plain(clash.because, 300).rstrip(".")
    return f"{said}{day} ({'; '.join(filter(None, [plain(clash.rule, 20), seen, by]))})"


def _fits(clash: Clash, knowledge: Knowledge) -> str:
    return fixed(exercise_name(knowledge, clash.instead), 80) if clash.instead is not None else "–"
