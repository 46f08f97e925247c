"""Advice -> CDS Hooks cards (`build_cards`). The text of cards lives here; the numbers in it come from cards/."""

from cds_service.cards.build import build_cards
from cds_service.cards.card import Card
from cds_service.orders.call import CallFacts, Link

__all__ = ["CallFacts", "Card", "Link", "build_cards"]
