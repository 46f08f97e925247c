"""The card that says an answer was not possible, for clients that would show an error as "all clear"."""

from __future__ import annotations

from collections.abc import Iterable

from cds_service.cards.card import Card, CardSource, Coding
from cds_service.cards.markdown import plain
from cds_service.cards.phrases import extension, override_reasons, summary
from cds_service.knowledge.canonical import CARD_TOPICS, topic_system
from cds_service.knowledge.model import Knowledge
from cds_service.orders.call import CallFacts
from cds_service.orders.ids import card_uuid

KIND = "record-gap"
RULE = "MISSING_DATA"
"""Stands where a rule id would: no rule could be asked."""


def missing_card(missing: Iterable[tuple[str, str, str]], knowledge: Knowledge, call: CallFacts) -> Card:
    """Give the card for required data that could be had in no way: tuples of (prefetch key, template, what was tried)."""
    missing = tuple(missing)
    keys = [key for key, _, _ in missing]
    lines = [f"- **{plain(key)}**: {plain(tried)}" for key, _, tried in missing]
    detail = (
        "**Nothing was checked. This is not an all-clear.**\n\n"
        "This service needs the patient's procedures to tell whether there was a spine operation, and could not have:\n\n"
        + "\n".join(lines)
        + "\n\n- **Do:** decide without this service for now, and tell your EHR team which data was missing."
    )
    return Card(
        uuid=card_uuid(call, KIND, (RULE,), keys, knowledge.version),
        summary=summary("Spine rehabilitation not checked: the patient's procedures could not be read"),
        detail=detail,
        indicator="warning",
        source=CardSource(
            f"Spine CDS knowledge {knowledge.version}: default without a citable source",
            Coding(topic_system(call.service_base_url), KIND, CARD_TOPICS[KIND]),
        ),
        override_reasons=override_reasons(KIND),
        extension=extension(KIND, [RULE], knowledge.version, missing=keys),
    )
