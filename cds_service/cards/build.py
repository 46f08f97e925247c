"""From advice to cards: at most three, worst first, none where there is nothing to say."""

from __future__ import annotations

from cds_service.cards.card import INDICATORS, Card
from cds_service.cards.gap import gap_card
from cds_service.cards.programme import programme_card
from cds_service.cards.red_flag import red_flag_card
from cds_service.clinical.advice import Advice
from cds_service.knowledge.model import Knowledge
from cds_service.orders.call import CallFacts


def build_cards(advice: Advice, knowledge: Knowledge, call: CallFacts) -> tuple[Card, ...]:
    """Give the cards for one call: red flag, gap in the record, exercise programme; an empty tuple is the quiet answer."""
    if not advice.relevant:
        return ()
    phases = tuple(
        f"{plan.protocol.id} {plan.phase.id if plan.phase else '-'} {plan.operation.date or '-'}"
        for plan in advice.plans
    )
    made = (
        red_flag_card(advice, knowledge, call, phases),
        gap_card(advice, knowledge, call, phases),
        programme_card(advice, knowledge, call, phases),
    )
    return tuple(sorted((one for one in made if one is not None), key=lambda one: INDICATORS.index(one.indicator)))
