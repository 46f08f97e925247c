"""Suggestions on drafts: delete by id, or update with the whole resource."""

from __future__ import annotations

from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.orders.drafts import change_draft, remove_draft
from cds_service.orders.ids import part_id

CARD = "7f1d1f0e-58c4-5b3c-9a77-0c3c35b0a6a1"
DRAFT = {
    "resourceType": "ServiceRequest",
    "id": "d-1",
    "status": "draft",
    "code": {"text": "sit-ups"},
    "note": [{"text": "n"}],
}


def test_removing_names_the_draft_by_type_and_id() -> None:
    found = remove_draft(CARD, "ServiceRequest/d-1", "sit-ups\nnow")

    (action,) = found.actions
    assert (action.type_, action.resource_id, action.resource) == ("delete", "ServiceRequest/d-1", None)
    assert action.description == "Remove the draft: sit-ups now"
    assert found.uuid == part_id(CARD, "remove-ServiceRequest/d-1")


@pytest.mark.parametrize(
    "reference", ["ServiceRequest/", "d-1", "../ServiceRequest/d-1", "https://x/ServiceRequest/d-1"]
)
def test_a_draft_without_usable_id_gets_no_suggestion(reference: str) -> None:
    assert remove_draft(CARD, reference, "x") is None


def test_changing_sends_the_whole_draft_and_leaves_the_given_one_alone() -> None:
    found = change_draft(
        CARD, DRAFT, {"code": {"text": "walking"}, "note": None, "priority": "routine"}, "walking", False
    )

    (action,) = found.actions
    assert action.type_ == "update"
    assert action.resource == {
        "resourceType": "ServiceRequest", "id": "d-1", "status": "draft", "code": {"text": "walking"}, "priority": "routine",
    }  # fmt: skip
    assert DRAFT["code"] == {"text": "sit-ups"}
    assert not found.is_recommended


def test_a_draft_that_cannot_be_updated_by_id_gets_no_suggestion() -> None:
    assert change_draft(CARD, {"resourceType": "ServiceRequest"}, {}, "x") is None


@given(st.uuids(), st.text(max_size=60).filter(lambda text: text.isprintable()))
def test_ids_of_parts_are_version_5_uuids_as_the_standard_library_makes_them(card: UUID, name: str) -> None:
    assert part_id(str(card), name) == str(uuid5(card, name))
