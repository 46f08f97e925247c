"""Ids that repeat for the same advice and lead nobody back to the patient. Makes no randomness."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from json.encoder import encode_basestring_ascii as _quoted
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from cds_service.orders.call import CallFacts

Hash = Any
"""A hash object of hashlib, for which it has no public type."""


def card_uuid(call: CallFacts, kind: str, rules: Iterable[str], phases: Iterable[str], knowledge_version: str) -> str:
    """Give the card's id: the same patient, rules, phases and knowledge at the same service give the same id.

    The patient enters only through a keyed hash (HMAC-SHA-256 with the installation's secret).
    """
    said = ", ".join(map(_quoted, (call.tenant, call.patient_id, kind)))
    told = f"[{said}, {_list(rules)}, {_list(phases)}, {_quoted(knowledge_version)}]"
    of_message, of_digest = _keyed(call.card_secret)
    inner, outer = of_message.copy(), of_digest.copy()
    inner.update(told.encode())
    outer.update(inner.digest())
    return _uuid5(_namespace(call.service_base_url), outer.hexdigest())


def _list(texts: Iterable[str]) -> str:
    """Give the texts in order as json.dumps writes a list; the ids of cards have followed from its signs ever since."""
    return f"[{', '.join(map(_quoted, sorted(texts)))}]"


def part_id(card: str, name: str) -> str:
    """Give the id of a part of a card (a suggestion, a resource that it creates)."""
    return part_ids(card)(name)


def part_ids(card: str) -> Callable[[str], str]:
    """Give what tells the ids of the parts of a card by their names."""
    return partial(_uuid5, _begun(bytes.fromhex(card.replace("-", ""))))


def ids_of_parts(card: str, names: Iterable[str]) -> list[str]:
    """Give the ids of the parts of a card, in the order of their *names*."""
    begun = _begun(bytes.fromhex(card.replace("-", "")))
    return [_uuid5(begun, name) for name in names]


# A hash that is begun and copied spares OpenSSL the search for it, which costs more than the hashing of so few bytes.
_INNER, _OUTER = (bytes(one ^ pad for one in range(256)) for pad in (0x36, 0x5C))
_SHA1 = hashlib.sha1(usedforsecurity=False)


@lru_cache(maxsize=4)
def _keyed(secret: bytes) -> tuple[Hash, Hash]:
    """Give the two hashes of an HMAC-SHA-256 that have read their key: of the message, and of what that comes to.

    The library's own object takes twice as long to copy.  Source: RFC 2104, section 2; the tests hold it to the library.
    """
    begun = hashlib.sha256()
    key = (secret if len(secret) <= begun.block_size else hashlib.sha256(secret).digest()).ljust(
        begun.block_size, b"\0"
    )
    return hashlib.sha256(key.translate(_INNER)), hashlib.sha256(key.translate(_OUTER))


@lru_cache(maxsize=64)
def _namespace(base_url: str) -> Hash:
    return _begun(uuid5(NAMESPACE_URL, base_url + "/cds-services").bytes)


def _begun(namespace: bytes) -> Hash:
    begun = _SHA1.copy()
    begun.update(namespace)
    return begun


def _uuid5(namespace: Hash, name: str) -> str:
    """Give the UUID version 5 as text, of a SHA-1 that has read its *namespace*.

    The library's own takes five times as long, and a card needs ten.  Source: RFC 9562, section 5.5.
    """
    begun = namespace.copy()
    begun.update(name.encode())
    found = begun.hexdigest()
    return f"{found[:8]}-{found[8:12]}-5{found[13:16]}-{_VARIANT[found[16]]}{found[17:20]}-{found[20:32]}"


_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
"""What stands for the digit with the variant in it."""
