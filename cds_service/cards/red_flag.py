"""The red-flag card: what was seen, when, what it stops, what to do, who says so; worst first, all alerts on one card."""

from __future__ import annotations

from cds_service.cards.card import SUMMARY_LIMIT, Card
from cds_service.cards.markdown import plain
from cds_service.cards.phrases import (
    alert_text,
    card_source,
    cited,
    could_not_check,
    draft_line,
    evidence_as_json,
    extension,
    fact,
    override_reasons,
    summary,
)  # fmt: skip
from cds_service.clinical.advice import Advice, Alert, Plan
from cds_service.knowledge.model import EFFECT_ORDER, SEVERITY_ORDER, Effect, Knowledge, Severity
from cds_service.orders.call import CallFacts
from cds_service.orders.ids import card_uuid
from cds_service.orders.offers import red_flag_offers
from cds_service.orders.words import lower_first, operation_text, with_names

KIND = "red-flag"

_EFFECT_SHORT = {
    Effect.STOP_ALL: "stop exercises",
    Effect.BASELINE_ONLY: "baseline exercises only",
    Effect.REMOVE: "some exercises held back",
    Effect.NO_PROGRESSION: "no progression",
    Effect.INFO: "",
}
_EFFECT_LONG = {
    Effect.STOP_ALL: "Stop exercises: no list is shown while this stands.",
    Effect.BASELINE_ONLY: "Only the baseline set (breathing, circulation, short walks) fits while this stands.",
    Effect.REMOVE: "Some exercises are held back; the programme card names them.",
    Effect.NO_PROGRESSION: "No increase in load or volume while this stands.",
    Effect.INFO: "",
}


def worst_first(alert: Alert) -> tuple[int, int, str]:
    """Order alerts by effect (dossier 4.3), then severity, then rule."""
    return (EFFECT_ORDER.index(alert.effect), SEVERITY_ORDER.index(alert.severity), alert.rule)


def red_flags(advice: Advice) -> tuple[Alert, ...]:
    """Give the alerts that deserve a card of their own (critical and warning), worst first."""
    loud = (one for one in advice.alerts if one.severity in (Severity.CRITICAL, Severity.WARNING))
    return tuple(sorted(loud, key=worst_first))


def red_flag_card(advice: Advice, knowledge: Knowledge, call: CallFacts, phases: tuple[str, ...]) -> Card | None:
    """Give the card, None where no critical or warning alert fired."""
    alerts = red_flags(advice)
    if not alerts:
        return None
    critical = any(one.severity is Severity.CRITICAL for one in alerts)
    uuid = card_uuid(call, KIND, (one.rule for one in alerts), phases, advice.knowledge_version)
    offers = red_flag_offers(advice, knowledge, call, uuid, alerts)
    source_keys = [key for one in alerts for key in one.sources] if not alerts[0].sources else alerts[0].sources
    evidence = [one for alert in alerts for one in alert.evidence]
    return Card(
        uuid=uuid,
        summary=_summary(alerts, advice.plans),
        detail=_detail(advice, knowledge, alerts, offers.notes),
        indicator="critical" if critical else "warning",
        source=card_source(knowledge, advice, source_keys, KIND, call.service_base_url),
        override_reasons=override_reasons(KIND),
        suggestions=offers.suggestions,
        selection_behavior="at-most-one" if offers.suggestions else None,
        extension=extension(
            KIND,
            [one.rule for one in alerts],
            advice.knowledge_version,
            evidence_as_json(evidence),
            alerts=[{"rule": one.rule, "severity": one.severity.value, "effect": one.effect.value} for one in alerts],
        ),
    )


def _summary(alerts: tuple[Alert, ...], plans: tuple[Plan, ...]) -> str:
    first = alerts[0]
    more = f" (+{len(alerts) - 1} more)" if len(alerts) > 1 else ""
    effect = _EFFECT_SHORT[first.effect]
    head = f"{effect[:1].upper()}{effect[1:]}: {lower_first(first.title)}" if effect else first.title
    told = [lower_first(fact(one, beside=first.title)) for one in first.evidence] or [_without_title(first)]
    seen = next((f": {one}" for one in told if one and len(head) + len(more) + len(one) < SUMMARY_LIMIT - 2), "")
    when = ""
    if plans and plans[0].operation.post_op_day is not None:
        when = f"; day {plans[0].operation.post_op_day} after {lower_first(operation_text(plans[0]))}"
    return summary(head + more, seen, when)


def _without_title(alert: Alert) -> str:
    start = alert.title.lower() + " "
    return alert.because[len(start) :] if alert.because.lower().startswith(start) else alert.because


def _detail(advice: Advice, knowledge: Knowledge, alerts: tuple[Alert, ...], notes: tuple[str, ...]) -> str:
    worst = _EFFECT_LONG[alerts[0].effect]
    parts = [f"**{worst}**"] if worst else []
    parts.append("\n".join(_alert(one, knowledge) for one in alerts))
    if advice.effect is Effect.STOP_ALL:
        unchecked = could_not_check(advice.unknown)
        if unchecked:
            parts.append(f"**Could not check:** {plain('; '.join(unchecked), 600)}.")
    parts += [f"**Orders:** {plain(note, 300)}" for note in notes]
    parts.append(" ".join(filter(None, ["The surgeon's own instruction overrides this card.", draft_line(advice)])))
    return "\n\n".join(parts)


def _alert(alert: Alert, knowledge: Knowledge) -> str:
    lines = [f"- **{plain(alert.title, 120)}:** {alert_text(alert, knowledge)}"]
    if alert.do:
        lines.append(f"  - **Do:** {plain(alert.do, 400)}")
    because = "" if alert.because in alert.say else ": " + plain(with_names(alert.because, knowledge), 400).rstrip(".")
    by = cited(knowledge, alert.sources)
    lines.append(f"  - Rule {plain(alert.rule, 20)}, {alert.severity.value}{because}{'; source: ' + by if by else ''}")
    return "\n".join(lines)
