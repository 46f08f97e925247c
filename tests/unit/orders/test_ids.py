"""Ids of cards never change for the same advice: stores and EHRs hold old ones."""

from __future__ import annotations

import hashlib
import hmac
import json
from uuid import NAMESPACE_URL, UUID, uuid5

from hypothesis import given
from hypothesis import strategies as st

from cds_service.orders.ids import card_uuid, part_id
from tests.advice_maker import BASE, a_call

TEXTS = st.lists(st.text(), max_size=3)


@given(st.text(), TEXTS, TEXTS, st.text(max_size=5), st.binary(max_size=200))
def test_a_cards_id_is_the_uuid_of_a_keyed_hash(
    patient: str, rules: list[str], phases: list[str], tenant: str, secret: bytes
) -> None:
    call = a_call(patient_id=patient, tenant=tenant, card_secret=secret)

    told = json.dumps([tenant, patient, "red-flag", sorted(rules), sorted(phases), "2026.1"])
    hidden = hmac.new(secret, told.encode(), hashlib.sha256).hexdigest()

    assert card_uuid(call, "red-flag", rules, phases, "2026.1") == str(
        uuid5(uuid5(NAMESPACE_URL, BASE + "/cds-services"), hidden)
    )


@given(st.uuids(), st.text(st.characters(exclude_categories=["Cs"])))
def test_a_parts_id_is_the_uuid_of_its_name_on_the_card(card: UUID, name: str) -> None:
    assert part_id(str(card), name) == str(uuid5(card, name))
