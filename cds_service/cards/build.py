"""From advice to cards: at most three, worst first, none where there is nothing to say."""

from __future__ import annotations

from dataclasses import replace

from cds_service.cards.card import INDICATORS, Card
from cds_service.cards.gap import gap_card
from cds_service.cards.programme import programme_card
from cds_service.cards.red_flag import red_flag_card
from cds_service.cards.unread import hidden_operation_card, unread_line
from cds_service.clinical.advice import Advice
from cds_service.knowledge.model import Knowledge
from cds_service.orders.call import CallFacts


def build_cards(advice: Advice, knowledge: Knowledge, call: CallFacts) -> tuple[Card, ...]:
    """Give the cards for one call: red flag, gap in the record, exercise programme; an empty tuple is the quiet answer.

    What of the chart could not be read is told once, on the last of them.
    """
    if not advice.relevant:
        return (hidden_operation_card(advice, knowledge, call),) if advice.may_hide_an_operation else ()
    phases = tuple(
        f"{plan.protocol.id} {plan.phase.id if plan.phase else '-'} {plan.operation.date or '-'}"
        for plan in advice.plans
    )
    made = (
        red_flag_card(advice, knowledge, call, phases),
        gap_card(advice, knowledge, call, phases),
        programme_card(advice, knowledge, call, phases),
    )
    cards = [one for one in made if one is not None]
    line = unread_line(advice)
    if line and cards:
        cards[-1] = replace(cards[-1], detail=f"{cards[-1].detail}\n\n{line}")
    return tuple(sorted(cards, key=lambda one: INDICATORS.index(one.indicator)))
