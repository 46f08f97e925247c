"""Suggestions on drafts of order hooks: take a clashing draft away, or replace what it says. Judges no draft."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from cds_service.orders.ids import part_id
from cds_service.orders.shapes import is_reference
from cds_service.orders.suggestion import Action, Suggestion
from cds_service.patient.chart_text import one_line


def remove_draft(card: str, reference: str, what: str, recommended: bool = True) -> Suggestion | None:
    """Give the suggestion that deletes the draft *reference* (`Type/id`), called *what*; None without a usable id."""
    if not is_reference(reference):
        return None
    action = Action("delete", f"Remove the draft: {one_line(what, 120)}", resource_id=reference)
    return Suggestion(part_id(card, f"remove-{reference}"), "Remove this draft", (action,), recommended)


def change_draft(
    card: str, resource: Mapping[str, Any], changes: Mapping[str, Any], what: str, recommended: bool = True
) -> Suggestion | None:
    """Give the suggestion that replaces top-level elements of the draft *resource*; a change to None takes it away.

    CDS Hooks wants the whole resource in an update, so the rest of the draft stays as it came. None where the draft
    has no id to update by.
    """
    reference = f"{resource.get('resourceType')}/{resource.get('id')}"
    if not isinstance(resource.get("id"), str) or not is_reference(reference):
        return None
    changed = copy.deepcopy(dict(resource))
    for key, value in changes.items():
        if value is None:
            changed.pop(key, None)
        else:
            changed[key] = value
    action = Action("update", f"Change the draft: {one_line(what, 120)}", changed)
    return Suggestion(part_id(card, f"change-{reference}"), "Change this draft", (action,), recommended)
