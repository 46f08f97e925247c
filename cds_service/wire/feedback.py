"""The body of a feedback report (rule F1): what became of our cards. Free text is noticed, never kept.

Older shapes seen in the field are read too, and said: a single entry without the `feedback` list, an array, ids as
`acceptedSuggestions: ["..."]`, `overrideReasons` in the plural or as a bare Coding.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate, validates_schema

from cds_service.errors import CallFaults, Fault
from cds_service.wire.body import check_envelope, check_text, decode
from cds_service.wire.request import faults_of

_LEAP_SECOND = re.compile(r"^(.{16}:)60")

LARGEST_REPORT = 1000
"""Entries in one report; a client that sends more is asked to split them."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One entry of a report. *reason* is (system, code); *has_comment* tells that free text came, which we drop."""

    card: str
    outcome: str
    at: datetime
    accepted_suggestions: tuple[str, ...] = ()
    reason: tuple[str, str] | None = None
    has_comment: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    outcomes: tuple[Outcome, ...]
    warnings: tuple[str, ...] = ()


class _Timestamp(fields.Field):
    """RFC 3339: date, time and offset. A time without an offset is refused: it names no moment."""

    default_error_messages = {"timestamp": "is no RFC 3339 time with an offset: expected 2026-03-01T09:30:00Z"}

    def _deserialize(self, value, attr, data, **kwargs):
        try:
            if not isinstance(value, str) or len(value) < 20 or value[10] not in "Tt ":
                raise ValueError
            # RFC 3339 knows second 60; Python does not, and a second earlier is the same report.
            moment = datetime.fromisoformat(_LEAP_SECOND.sub(r"\g<1>59", value.upper()))
            if moment.tzinfo is None:
                raise ValueError
            return moment.astimezone(UTC)
        except (ValueError, OverflowError):
            raise self.make_error("timestamp") from None


class _ReasonShape(Schema):
    class Meta:
        unknown = EXCLUDE

    code = fields.String(required=True, validate=validate.Length(min=1, max=256))
    system = fields.String(required=True, validate=validate.Length(min=1, max=1024))
    display = fields.String(allow_none=True)


class _OverrideShape(Schema):
    class Meta:
        unknown = EXCLUDE

    reason = fields.Nested(_ReasonShape, allow_none=True)
    userComment = fields.String(allow_none=True)

    @validates_schema
    def _says_something(self, data, **kwargs):
        if data.get("reason") is None and data.get("userComment") is None:
            raise ValidationError("says nothing: expected reason or userComment or both")


class _SuggestionShape(Schema):
    class Meta:
        unknown = EXCLUDE

    id = fields.String(required=True, validate=validate.Length(min=1, max=256))


class _EntryShape(Schema):
    class Meta:
        unknown = EXCLUDE

    card = fields.String(required=True, validate=validate.Length(min=1, max=256))
    outcome = fields.String(
        required=True,
        validate=validate.OneOf(("accepted", "overridden"), error="is unknown: expected accepted or overridden"),
    )
    outcomeTimestamp = _Timestamp(required=True)
    acceptedSuggestions = fields.List(
        fields.Nested(_SuggestionShape), allow_none=True, validate=validate.Length(max=100)
    )
    overrideReason = fields.Nested(_OverrideShape, allow_none=True)

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def _fits_its_outcome(self, data, original, **kwargs):
        if data.get("outcome") == "accepted" and not original.get("acceptedSuggestions"):
            raise ValidationError(
                {"acceptedSuggestions": ["is required when the outcome is accepted: expected a list of suggestion ids"]}
            )


_ENTRY = _EntryShape()


def read_feedback(body: bytes) -> Report:
    """Read a report; raises CallFaults with every problem of every entry. Nothing of a faulty report is kept."""
    check_text(body)
    content = decode(body)
    check_envelope(body, {})
    warnings: list[str] = []
    entries = _entries(content, warnings)
    faults: list[Fault] = []
    outcomes: list[Outcome] = []
    for index, entry in enumerate(entries):
        path = f"feedback[{index}]"
        if not isinstance(entry, dict):
            faults.append(Fault(path, "is no JSON object", "an entry with card, outcome and outcomeTimestamp"))
            continue
        try:
            outcomes.append(_outcome(_ENTRY.load(_modern(entry, warnings))))
        except ValidationError as error:
            faults.extend(faults_of(error.messages, f"{path}."))
    if faults:
        raise CallFaults(faults)
    return Report(tuple(outcomes), tuple(dict.fromkeys(warnings)))


def _entries(content: Any, warnings: list[str]) -> list[Any]:
    if isinstance(content, list):
        warnings.append('a bare array was read as feedback; send {"feedback": [...]}')
        entries = content
    elif isinstance(content, dict) and "feedback" in content:
        entries = content["feedback"]
    elif isinstance(content, dict) and "card" in content:
        warnings.append('a single entry was read as feedback; send {"feedback": [...]}')
        entries = [content]
    else:
        raise CallFaults([Fault("feedback", "is required", "a list of entries")])
    if not isinstance(entries, list):
        raise CallFaults([Fault("feedback", "is no list", "a JSON array of entries")])
    if not entries:
        raise CallFaults([Fault("feedback", "holds no entry", "one entry or more")])
    if len(entries) > LARGEST_REPORT:
        raise CallFaults([Fault("feedback", "holds too many entries", f"at most {LARGEST_REPORT}, in several reports")])
    return entries


def _modern(entry: Mapping[str, Any], warnings: list[str]) -> dict[str, Any]:
    """Give *entry* in the shape of rule F1; each older form adds its warning."""
    modern = dict(entry)
    accepted = modern.get("acceptedSuggestions")
    if isinstance(accepted, dict):
        accepted = modern["acceptedSuggestions"] = [accepted]
        warnings.append("acceptedSuggestions was an object; send a list")
    if isinstance(accepted, list) and any(isinstance(one, str) for one in accepted):
        modern["acceptedSuggestions"] = [{"id": one} if isinstance(one, str) else one for one in accepted]
        warnings.append("acceptedSuggestions held bare ids; send objects with an id")
    reason = modern.get("overrideReason")
    if reason is None and isinstance(modern.get("overrideReasons"), list) and modern["overrideReasons"]:
        reason = modern["overrideReasons"][0]
        warnings.append("overrideReasons is the older name; send overrideReason")
    if isinstance(reason, dict) and "code" in reason and "reason" not in reason:
        reason = {"reason": reason, "userComment": reason.get("userComment")}
        warnings.append("overrideReason was a bare Coding; send it as overrideReason.reason")
    if reason is not None:
        modern["overrideReason"] = reason
    return modern


def _outcome(entry: Mapping[str, Any]) -> Outcome:
    override = entry.get("overrideReason") or {}
    reason = override.get("reason")
    return Outcome(
        card=entry["card"],
        outcome=entry["outcome"],
        at=entry["outcomeTimestamp"],
        accepted_suggestions=tuple(one["id"] for one in entry.get("acceptedSuggestions") or ()),
        reason=(reason["system"], reason["code"]) if reason else None,
        has_comment=bool(override.get("userComment")),
    )
