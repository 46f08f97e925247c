"""Ids that repeat for the same advice and lead nobody back to the patient. Makes no randomness."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable
from uuid import NAMESPACE_URL, UUID, uuid5

from cds_service.orders.call import CallFacts


def card_uuid(call: CallFacts, kind: str, rules: Iterable[str], phases: Iterable[str], knowledge_version: str) -> str:
    """Give the card's id: the same patient, rules, phases and knowledge at the same service give the same id.

    The patient enters only through a keyed hash (HMAC-SHA-256 with the installation's secret).
    """
    told = json.dumps([call.tenant, call.patient_id, kind, sorted(rules), sorted(phases), knowledge_version])
    hidden = hmac.new(call.card_secret, told.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
    return str(uuid5(uuid5(NAMESPACE_URL, call.service_base_url + "/cds-services"), hidden))


def part_id(card: str, name: str) -> str:
    """Give the id of a part of a card (a suggestion, a resource that it creates)."""
    return str(uuid5(UUID(card), name))
