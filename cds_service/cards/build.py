"""From advice to cards: at most three, worst first, none where there is nothing to say."""

from __future__ import annotations

from dataclasses import replace

from cds_service.cards.card import INDICATORS, Card
from cds_service.cards.gap import gap_card
from cds_service.cards.going_home import going_home_card
from cds_service.cards.missing_follow_up import missing_follow_up_card
from cds_service.cards.order_check import APPOINTMENTS, order_check_card
from cds_service.cards.ordinary import OrdinaryCard, ordinary_card
from cds_service.cards.programme import programme_card
from cds_service.cards.red_flag import red_flag_card
from cds_service.cards.unread import hidden_operation_card, unread_line
from cds_service.clinical.advice import Advice
from cds_service.clinical.occasion import Booked, Drafted, GoingHome, Occasion
from cds_service.knowledge.model import Knowledge, Severity
from cds_service.orders.call import CallFacts


def build_cards(
    advice: Advice, knowledge: Knowledge, call: CallFacts, occasion: Occasion | None = None
) -> tuple[Card, ...]:
    """Give the cards for one call; an empty tuple is the quiet answer.

    Where a chart is opened (no *occasion*): red flag, gap in the record, exercise programme; at discharge the programme
    becomes what the patient takes home. Where orders are drafted or appointments booked: what clashes, the red flag where
    a critical alert stands while training is asked for, and a missing follow-up. What of the chart could not be read is
    told once, on the last of them.
    """
    if not advice.relevant:
        asked = occasion is None or isinstance(occasion, GoingHome) or any(one.is_training for one in occasion.judged)
        hidden = advice.may_hide_an_operation and asked
        return (hidden_operation_card(advice, knowledge, call),) if hidden else ()
    phases = tuple(
        f"{plan.protocol.id} {plan.phase.id if plan.phase else '-'} {plan.operation.date or '-'}"
        for plan in advice.plans
    )
    made: tuple[Card | None, ...]
    if isinstance(occasion, Drafted | Booked):
        made = _about_orders(occasion, advice, knowledge, call, phases)
    elif isinstance(occasion, GoingHome):
        made = (
            red_flag_card(advice, knowledge, call, phases),
            gap_card(advice, knowledge, call, phases),
            going_home_card(occasion, advice, knowledge, call, phases),
        )
    else:
        made = _about_today(advice, knowledge, call, phases)
    cards = [one for one in made if one is not None]
    line = unread_line(advice)
    if line and cards:
        cards[-1] = replace(cards[-1], detail=f"{cards[-1].detail}\n\n{line}")
    return tuple(sorted(cards, key=lambda one: INDICATORS.index(one.indicator)))


def cards_to_send(
    advice: Advice, knowledge: Knowledge, call: CallFacts, occasion: Occasion | None = None
) -> tuple[Card | OrdinaryCard, ...]:
    """Give the cards of `build_cards` for an answer; the card of an ordinary day is written already."""
    ordinary = ordinary_card(advice, knowledge, call) if occasion is None and advice.relevant else None
    return build_cards(advice, knowledge, call, occasion) if ordinary is None else (ordinary,)


def _about_today(
    advice: Advice, knowledge: Knowledge, call: CallFacts, phases: tuple[str, ...]
) -> tuple[Card | None, ...]:
    return (
        red_flag_card(advice, knowledge, call, phases),
        gap_card(advice, knowledge, call, phases),
        programme_card(advice, knowledge, call, phases),
    )


def _about_orders(
    asked: Drafted | Booked, advice: Advice, knowledge: Knowledge, call: CallFacts, phases: tuple[str, ...]
) -> tuple[Card | None, ...]:
    critical = any(one.severity is Severity.CRITICAL for one in advice.alerts)
    training = any(one.is_training for one in asked.judged)
    flag = red_flag_card(advice, knowledge, call, phases) if critical and training else None
    if isinstance(asked, Drafted):
        return (flag, order_check_card(asked.judged, advice, knowledge, call, phases))
    return (
        flag,
        order_check_card(asked.judged, advice, knowledge, call, phases, APPOINTMENTS),
        missing_follow_up_card(asked.follow_up, advice, knowledge, call, phases),
    )
