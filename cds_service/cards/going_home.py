"""The card of a discharge: the home programme, limits, the signs to tell the patient, and the follow-up that is due."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from cds_service.cards.card import EXTENSION_KEY, Card
from cds_service.cards.markdown import fixed, plain
from cds_service.cards.phrases import card_source, draft_line, evidence_as_json, extension, override_reasons, summary
from cds_service.cards.programme import is_long_past, limits, programme_card
from cds_service.clinical.advice import Advice
from cds_service.clinical.follow_up import FollowUp
from cds_service.clinical.occasion import GoingHome
from cds_service.knowledge.model import Effect, Knowledge
from cds_service.knowledge.sheet import DangerSign
from cds_service.orders.call import CallFacts
from cds_service.orders.ids import card_uuid
from cds_service.orders.offers import follow_up_offers
from cds_service.orders.words import lower_first, operation_name, operation_text
from cds_service.patient.chart_text import one_line

KIND = "going-home"
_FALLBACK_LANGUAGE = "en"


def going_home_card(
    home: GoingHome, advice: Advice, knowledge: Knowledge, call: CallFacts, phases: tuple[str, ...]
) -> Card | None:
    """Give the card; None for an operation so long past that this discharge is not about it.

    Where an alert stops all exercise or the operation has no date there is no programme on it, but what to warn of is.
    """
    if is_long_past(advice):
        return None
    parts = [*_signs(home.signs, knowledge, call), *_follow_up(home.follow_up)]
    card = programme_card(advice, knowledge, call, phases, KIND, parts, home.follow_up)
    if card is None:
        card = _without_programme(home, advice, knowledge, call, phases, parts)
    told = dict(card.extension[EXTENSION_KEY])
    told["tell"] = [{"sign": one.id, "rules": list(one.rules), "sources": list(one.sources)} for one in home.signs]
    return replace(card, summary=_summary(home, advice), extension={EXTENSION_KEY: told})


def _without_programme(
    home: GoingHome, advice: Advice, knowledge: Knowledge, call: CallFacts, phases: tuple[str, ...], parts: list[str]
) -> Card:
    rules = list(dict.fromkeys(one.rule for one in (*advice.alerts, *advice.data_quality)))
    uuid = card_uuid(call, KIND, rules, phases, advice.knowledge_version)
    offers = follow_up_offers(home.follow_up, advice, knowledge, call, uuid) if home.follow_up is not None else None
    suggestions = offers.suggestions if offers is not None else ()
    why = (
        "an alert stops all exercise"
        if advice.effect is Effect.STOP_ALL
        else "the record does not say enough for a list"
    )
    held = "\n".join(f"- {line}" for line in limits(advice.plans))
    footer = " ".join(filter(None, ["The surgeon's own instruction overrides this card.", draft_line(advice)]))
    evidence = [one for operation in advice.operations for one in operation.evidence]
    return Card(
        uuid=uuid,
        summary="Going home.",
        detail="\n\n".join(filter(None, [f"**No home programme now:** {why}.", held, *parts, footer])),
        indicator="info",
        source=card_source(
            knowledge, advice, [key for one in home.signs for key in one.sources], KIND, call.service_base_url
        ),
        override_reasons=override_reasons(KIND),
        suggestions=suggestions,
        selection_behavior="at-most-one" if suggestions else None,
        extension=extension(KIND, rules, advice.knowledge_version, evidence_as_json(evidence)),
    )


def _summary(home: GoingHome, advice: Advice) -> str:
    plans = advice.plans
    named = operation_text(plans[0]) if len(plans) == 1 else " + ".join(operation_name(one.protocol) for one in plans)
    week = plans[0].operation.completed_week
    where = f", week {week}" if week is not None and len(plans) == 1 else ""
    if advice.effect is Effect.STOP_ALL:
        programme = "; no exercise while the alert stands"
    else:
        count = len(advice.programme)
        programme = f"; home programme of {count} exercises" if count else "; no home programme yet"
    due = home.follow_up
    when = f"; follow-up week {due.week}, {due.day.isoformat()}" if due is not None else ""
    return summary(f"Going home after {lower_first(named)}{where}", programme, when)


def _signs(signs: Iterable[DangerSign], knowledge: Knowledge, call: CallFacts) -> list[str]:
    """What to tell the patient, in the words of the patient sheet."""
    languages = knowledge.sheets.languages
    words = languages.get(call.language.partition("-")[0].lower()) or languages.get(_FALLBACK_LANGUAGE)
    if words is None:
        return []
    blocks = []
    for emergency, heading in (
        (True, "Tell the patient: call an ambulance if"),
        (False, "Tell the patient: call us the same day if"),
    ):
        told = [one for one in signs if one.emergency is emergency]
        lines = [f"- {fixed(words.signs[one.id], 240)} ({fixed(', '.join(one.rules), 60)})" for one in told]
        if lines:
            blocks.append(f"**{heading}**\n\n" + "\n".join(lines))
    return blocks


def _follow_up(due: FollowUp | None) -> list[str]:
    if due is None:
        return []
    return [f"**Follow-up due:** week {due.week}, {due.day.isoformat()}; {known_of(due)}."]


def known_of(due: FollowUp) -> str:
    """Say what the chart knows of the follow-up *due*, as Markdown."""
    if due.known is not None:
        day = due.known.period_start or due.known.when
        recorded = f" on {one_line(day.as_recorded, 10)}" if day is not None and day.as_recorded else ""
        return f"there is one{plain(recorded, 20)} ({plain(due.known.reference, 80)})"
    if not due.checked:
        return "whether it is booked could not be checked"
    return "none is booked or requested"
