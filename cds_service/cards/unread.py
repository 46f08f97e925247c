"""What of the chart could not be read or not be had: one line beneath a card, or a card of its own where it may hide an
operation."""

from __future__ import annotations

from collections import Counter

from cds_service.cards.card import Card, CardSource, Coding
from cds_service.cards.markdown import plain
from cds_service.cards.missing import KIND, RULE
from cds_service.cards.phrases import extension, override_reasons, summary
from cds_service.clinical.advice import Advice
from cds_service.knowledge.canonical import CARD_TOPICS, topic_system
from cds_service.knowledge.model import Knowledge
from cds_service.orders.call import CallFacts
from cds_service.orders.ids import card_uuid

_KINDS = {
    "procedures": "the procedures", "observations": "the observations", "conditions": "the problem list",
    "medications": "the medicines",
}  # fmt: skip
"""The kinds of data that rules look at; a gap elsewhere changes no advice."""
_TYPES = {
    "Patient": ("patient record", "patient records"),
    "Procedure": ("procedure", "procedures"),
    "Observation": ("observation", "observations"),
    "Condition": ("condition", "conditions"),
    "MedicationRequest": ("medicine", "medicines"),
    "MedicationStatement": ("medicine", "medicines"),
    "Bundle": ("part of the answer", "parts of the answer"),
}
_ANYTHING = ("entry of unknown type", "entries of unknown type")


def unread_line(advice: Advice) -> str:
    """Give "**Could not read:** 1 procedure, 2 observations." as Markdown; "" where all could be read and had."""
    if not advice.unread and not advice.gaps:
        return ""
    told = _told(advice)
    return f"**Could not read:** {plain(told, 300)}. What is not read is not taken as normal." if told else ""


def _told(advice: Advice) -> str:
    numbers = Counter(_TYPES.get(one.resource_type or "", _ANYTHING) for one in advice.unread)
    counted = [f"{number} {one if number == 1 else several}" for (one, several), number in numbers.items()]
    missing = [
        f"{_KINDS[kind]}{' to the end' if why.startswith('not complete') else ''}"
        for kind, why in dict(advice.gaps).items()
        if kind in _KINDS
    ]
    return ", ".join([*counted, *missing])


def hidden_operation_card(advice: Advice, knowledge: Knowledge, call: CallFacts) -> Card:
    """Give the card for a chart without a spine operation in what could be read, where not all procedures could be."""
    detail = (
        "**No spine operation was found, but not everything could be read. This is not an all-clear.**\n\n"
        + unread_line(advice)
        + "\n\n- **Do:** look at the list of operations; tell your EHR team which data could not be read."
    )
    places = [one.where for one in advice.unread] + [kind for kind, _ in advice.gaps]
    return Card(
        uuid=card_uuid(call, KIND, (RULE,), places, advice.knowledge_version),
        summary=summary("Spine rehabilitation not checked: could not tell whether there was a spine operation"),
        detail=detail,
        indicator="warning",
        source=CardSource(
            f"Spine CDS knowledge {advice.knowledge_version}: default without a citable source",
            Coding(topic_system(call.service_base_url), KIND, CARD_TOPICS[KIND]),
        ),
        override_reasons=override_reasons(KIND),
        extension=extension(KIND, [RULE], knowledge.version),
    )
