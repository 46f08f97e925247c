"""The card for a phase gate that lies near without a follow-up that the chart knows of."""

from __future__ import annotations

from cds_service.cards.card import Card
from cds_service.cards.going_home import known_of
from cds_service.cards.markdown import fixed
from cds_service.cards.phrases import card_source, draft_line, evidence_as_json, extension, override_reasons, summary
from cds_service.clinical.advice import Advice
from cds_service.clinical.follow_up import FollowUp
from cds_service.knowledge.model import Knowledge
from cds_service.orders.call import CallFacts
from cds_service.orders.ids import card_uuid
from cds_service.orders.offers import follow_up_offers
from cds_service.orders.words import lower_first, operation_text

KIND = "follow-up"
RULE = "PHASE_GATE"
"""Stands where a rule id would: the protocol's test before the next phase."""


def missing_follow_up_card(
    due: FollowUp | None, advice: Advice, knowledge: Knowledge, call: CallFacts, phases: tuple[str, ...]
) -> Card | None:
    """Give the card; None where no gate is near, one is known, or it could not be checked whether one is."""
    content = knowledge.order_content
    if due is None or content is None or due.known is not None or not due.checked:
        return None
    test = due.test
    if not due.is_near(advice.on, content.gate_notice_days):
        return None
    uuid = card_uuid(call, KIND, (RULE,), (*phases, due.day.isoformat()), advice.knowledge_version)
    offers = follow_up_offers(due, advice, knowledge, call, uuid)
    day = due.day.isoformat()
    detail = (
        f"**Gate at week {due.week}, {day}:** {known_of(due)}.\n\n"
        f"- **To be shown there:** {fixed(test.say, 400).rstrip('.')}.\n"
        f"- **Do:** book a visit at or before that day; the next phase waits for it.\n\n"
    )
    footer = " ".join(filter(None, ["The surgeon's own instruction overrides this card.", draft_line(advice)]))
    operation = due.plan.operation
    return Card(
        uuid=uuid,
        summary=summary(
            f"No follow-up found before week {due.week} after {lower_first(operation_text(due.plan))}", f": {day}"
        ),
        detail=detail + footer,
        indicator="info",
        source=card_source(knowledge, advice, test.sources, KIND, call.service_base_url),
        override_reasons=override_reasons(KIND),
        suggestions=offers.suggestions,
        selection_behavior="at-most-one" if offers.suggestions else None,
        extension=extension(KIND, [RULE], advice.knowledge_version, evidence_as_json(operation.evidence)),
    )
