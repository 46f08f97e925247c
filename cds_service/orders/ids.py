"""Ids that repeat for the same advice and lead nobody back to the patient. Makes no randomness."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from uuid import NAMESPACE_URL, uuid5

from cds_service.orders.call import CallFacts


def card_uuid(call: CallFacts, kind: str, rules: Iterable[str], phases: Iterable[str], knowledge_version: str) -> str:
    """Give the card's id: the same patient, rules, phases and knowledge at the same service give the same id.

    The patient enters only through a keyed hash (HMAC-SHA-256 with the installation's secret).
    """
    told = json.dumps([call.tenant, call.patient_id, kind, sorted(rules), sorted(phases), knowledge_version])
    hidden = hmac.digest(call.card_secret, told.encode("utf-8", "surrogatepass"), "sha256").hex()
    return _uuid5(_namespace(call.service_base_url), hidden)


def part_id(card: str, name: str) -> str:
    """Give the id of a part of a card (a suggestion, a resource that it creates)."""
    return part_ids(card)(name)


def part_ids(card: str) -> Callable[[str], str]:
    """Give what tells the ids of the parts of a card by their names."""
    return partial(_uuid5, bytes.fromhex(card.replace("-", "")))


@lru_cache(maxsize=64)
def _namespace(base_url: str) -> bytes:
    return uuid5(NAMESPACE_URL, base_url + "/cds-services").bytes


def _uuid5(namespace: bytes, name: str) -> str:
    """Give the UUID version 5 as text; the library's own takes five times as long, and a card needs ten.

    Source: RFC 9562, section 5.5.
    """
    found = hashlib.sha1(namespace + name.encode(), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(found[16], 16) & 3]
    return f"{found[:8]}-{found[8:12]}-5{found[13:16]}-{variant}{found[17:20]}-{found[20:32]}"
