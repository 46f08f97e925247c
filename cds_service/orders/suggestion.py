"""Suggestions and their actions, as CDS Hooks has them. Values only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cds_service.wire.mould import Ready, Written, json_of


@dataclass(frozen=True, slots=True)
class Action:
    """One step of a suggestion: create and update carry a whole *resource*, delete carries *resource_id* (`Type/id`)."""

    type_: str
    description: str
    resource: Mapping[str, Any] | None = None
    resource_id: str | None = None

    def __post_init__(self) -> None:
        if self.type_ not in ("create", "update", "delete"):
            raise ValueError("an action creates, updates or deletes")
        if not self.description:
            raise ValueError("an action needs a description")
        if self.type_ == "delete":
            if not self.resource_id or self.resource is not None:
                raise ValueError("a delete names its resource and carries none")
        elif self.resource is None or self.resource_id is not None:
            raise ValueError(f"{self.type_} carries a whole resource and no resource id")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A choice the clinician may take; its actions are all or nothing."""

    uuid: str
    label: str
    actions: Sequence[Action]
    is_recommended: bool = False

    def __post_init__(self) -> None:
        if not self.label or not self.actions:
            raise ValueError("a suggestion needs a label and an action")


def with_json(suggestions: Sequence[Suggestion]) -> tuple[Suggestion, ...]:
    """Give the suggestions, with their JSON beside them where the actions of each are written already."""
    pieces = []
    for one in suggestions:
        if not isinstance(one.actions, Written):
            return tuple(suggestions)
        told = (json_of(one.uuid), json_of(one.label), one.actions.json, json_of(one.is_recommended))
        pieces.append(b'{"uuid":%b,"label":%b,"actions":%b,"isRecommended":%b}' % told)
    return Ready(suggestions, b"[" + b",".join(pieces) + b"]") if pieces else ()
