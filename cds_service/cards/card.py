"""The card of CDS Hooks as a value that cannot be invalid. Holds no clinical text.

The attributes are the names of CDS Hooks in our writing (`override_reasons`, `type_`); `as_json` gives the JSON names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cds_service.orders.call import Link
from cds_service.orders.suggestion import Action, Suggestion

SUMMARY_LIMIT = 139
"""Characters; CDS Hooks asks for fewer than 140 (2.0, section on cards)."""
INDICATORS = ("critical", "warning", "info")
"""Worst first."""
EXTENSION_KEY = "org.spine-cds.evidence"

_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\Z")
_HTML = re.compile(r"<[A-Za-z/!?]")


@dataclass(frozen=True, slots=True)
class Coding:
    system: str
    code: str
    display: str


@dataclass(frozen=True, slots=True)
class CardSource:
    """Where the guidance comes from: *url* only where it is a real https address."""

    label: str
    topic: Coding
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """One card. Building an invalid one raises ValueError; the message names the field and never its content.

    *extension* holds, under `org.spine-cds.evidence`, the kind of card, its rules and the facts behind it.
    """

    uuid: str
    summary: str
    detail: str
    indicator: str
    source: CardSource
    override_reasons: tuple[Coding, ...]
    suggestions: tuple[Suggestion, ...] = ()
    selection_behavior: str | None = None
    links: tuple[Link, ...] = ()
    extension: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _UUID.match(self.uuid):
            raise ValueError("uuid: a UUID in small letters")
        if not 0 < len(self.summary) <= SUMMARY_LIMIT or not self.summary.isprintable():
            raise ValueError("summary: one printable line of fewer than 140 characters")
        if self.indicator not in INDICATORS:
            raise ValueError("indicator: info, warning or critical")
        if not self.detail or _HTML.search(self.detail):
            raise ValueError("detail: Markdown without HTML")
        if not self.source.label or (self.source.url is not None and not self.source.url.startswith("https://")):
            raise ValueError("source: a label, and an absolute https address or none")
        if (self.selection_behavior in ("at-most-one", "any")) != bool(self.suggestions):
            raise ValueError("selection behaviour: at-most-one or any, exactly where there are suggestions")
        if sum([one.is_recommended for one in self.suggestions]) > 1:
            raise ValueError("suggestions: at most one is recommended")
        if len({one.uuid for one in self.suggestions}) < len(self.suggestions):
            raise ValueError("suggestions: each has its own uuid")
        for one in (*self.override_reasons, self.source.topic):
            if not (one.code and one.system and one.display):
                raise ValueError("codings: code, system and display")
        for link in self.links:
            if not link.label or not link.url.startswith(("https://", "http://")):
                raise ValueError("links: a label and an absolute address")

    @property
    def kind(self) -> str:
        """red-flag, exercise-programme, record-gap or order-check."""
        return self.extension[EXTENSION_KEY]["kind"]

    @property
    def rules(self) -> tuple[str, ...]:
        """The ids of the rules that the card rests on, worst first."""
        return tuple(self.extension[EXTENSION_KEY]["rules"])

    @property
    def suggestion_uuids(self) -> tuple[str, ...]:
        """The ids of the suggestions, in their order."""
        return tuple([one.uuid for one in self.suggestions])

    def as_json(self) -> dict[str, Any]:
        """Give the card in the names of CDS Hooks, without empty fields (rule B1)."""
        source: dict[str, Any] = {"label": self.source.label, "topic": _coding(self.source.topic)}
        if self.source.url:
            source["url"] = self.source.url
        found: dict[str, Any] = {
            "uuid": self.uuid,
            "summary": self.summary,
            "indicator": self.indicator,
            "detail": self.detail,
            "source": source,
        }
        if self.suggestions:
            found["suggestions"] = [_suggestion(one) for one in self.suggestions]
            found["selectionBehavior"] = self.selection_behavior
        if self.override_reasons:
            found["overrideReasons"] = [_coding(one) for one in self.override_reasons]
        if self.links:
            found["links"] = [_link(one) for one in self.links]
        if self.extension:
            found["extension"] = dict(self.extension)
        return found


def _coding(coding: Coding) -> dict[str, str]:
    return {"system": coding.system, "code": coding.code, "display": coding.display}


def _suggestion(suggestion: Suggestion) -> dict[str, Any]:
    found: dict[str, Any] = {"label": suggestion.label, "uuid": suggestion.uuid}
    if suggestion.is_recommended:
        found["isRecommended"] = True
    found["actions"] = [_action(one) for one in suggestion.actions]
    return found


def _action(action: Action) -> dict[str, Any]:
    found: dict[str, Any] = {"type": action.type_, "description": action.description}
    if action.resource is not None:
        found["resource"] = action.resource
    if action.resource_id is not None:
        found["resourceId"] = action.resource_id
    return found


def _link(link: Link) -> dict[str, str]:
    found = {"label": link.label, "url": link.url, "type": link.type_}
    if link.app_context and link.type_ == "smart":
        found["appContext"] = link.app_context
    return found
