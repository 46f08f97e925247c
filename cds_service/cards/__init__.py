"""Advice -> CDS Hooks cards (`build_cards`; `cards_to_send` where they are only sent). The text of cards lives here; the numbers in it come from cards/."""

from cds_service.cards.build import build_cards, cards_to_send
from cds_service.cards.card import Card
from cds_service.cards.ordinary import OrdinaryCard
from cds_service.orders.call import CallFacts, Link

__all__ = ["CallFacts", "Card", "Link", "OrdinaryCard", "build_cards", "cards_to_send"]
