"""Suggestions and their actions, as CDS Hooks has them. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


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
    actions: tuple[Action, ...]
    is_recommended: bool = False

    def __post_init__(self) -> None:
        if not self.label or not self.actions:
            raise ValueError("a suggestion needs a label and an action")
