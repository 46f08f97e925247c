"""What every file under cards/ has in common: strict shapes over text, governance keys, and faults with their place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, pre_load, validate

from cds_service.errors import Fault
from cds_service.knowledge.model import Governance, Mark, Status
from cds_service.knowledge.yaml_text import PathKey, TextFile

NOBODY_YET = "nobody yet"
NOT_YET = "not yet"
_EMPTY_WORDS = frozenset({"", "-", "--", "?", "~", "n/a", "na", "none", "null", "nil", "tbd", "todo", "unknown", "xxx"})
_WORDS_FOR_KINDS = {
    "Unknown field.": "this key is not known here",
    "Missing data for required field.": "this key is missing",
    "Not a valid string.": "expected text, not a list or a block of keys",
    "Not a valid list.": "expected a list",
    "Invalid input type.": "expected a block of keys",
}


class Words(fields.String):
    """Text that says something; placeholders such as `n/a` are faults. Line breaks become spaces."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        text = " ".join(super()._deserialize(value, attr, data, **kwargs).split())
        if text.lower() in _EMPTY_WORDS:
            raise ValidationError(f"{text!r} says nothing; write what is known or take the key out")
        return text


class Whole(fields.Field[int]):
    """A whole number, written in digits, not negative."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> int:
        if not isinstance(value, str) or not re.fullmatch(r"\d{1,6}", value):
            raise ValidationError(f"{value!r} is not a whole number; write digits only, the unit has its own key")
        return int(value)


class YesNo(fields.Field[bool]):
    """`yes` or `no`."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> bool:
        if value not in ("yes", "no"):
            raise ValidationError(f"{value!r}; write yes or no")
        return bool(value == "yes")


class Day(fields.Field[date]):
    """A day as YYYY-MM-DD."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> date:
        try:
            return date.fromisoformat(value)
        except (TypeError, ValueError):
            raise ValidationError(f"{value!r} is not a day; write it as YYYY-MM-DD, for example 2027-05-31") from None


class MarkField(fields.Field[Mark]):
    """V, D, M or SEC."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Mark:
        try:
            return Mark(value)
        except ValueError:
            known = "V (seen in its source), D (our default), M (from memory), SEC (seen second-hand)"
            raise ValidationError(f"{value!r} is no mark; write {known}") from None


class CheckedOn(Day):
    """A day, or `not yet`, which gives None."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> date | None:  # type: ignore[override]
        return None if value == NOT_YET else super()._deserialize(value, attr, data, **kwargs)


class Shape(Schema):
    """A block of keys: unknown keys are faults, an empty block says which keys it wants."""

    class Meta:
        unknown = RAISE

    @pre_load
    def _empty_is_a_block(self, data: Any, **_: Any) -> Any:
        return {} if data == "" or data is None else data


class Governed(Shape):
    """The keys that every file carries: who wrote it, who checked it, until when the check holds."""

    status = fields.String(required=True, validate=validate.OneOf([status.value for status in Status]))
    written_by = Words(required=True)
    checked_by = Words(required=True)
    checked_on = CheckedOn(required=True)
    next_check = Day(required=True)


GOVERNANCE_KEYS = ("status", "written_by", "checked_by", "checked_on", "next_check")


def governance_of(data: Mapping[str, Any], text: TextFile, path: PathKey, faults: list[Fault]) -> Governance:
    """Build the governance of a block already read by a `Governed` shape; signatures that do not fit are faults."""
    found = Governance(
        Status(data["status"]), data["written_by"], data["checked_by"], data["checked_on"], data["next_check"]
    )
    signed = found.checked_by != NOBODY_YET
    if signed != (found.checked_on is not None):
        faults.append(
            Fault(
                text.place((*path, "checked_on")),
                "checked_by and checked_on do not fit together",
                f"a person and a day, or {NOBODY_YET!r} and {NOT_YET!r}",
            )
        )
    if found.status is Status.ACTIVE and not signed:
        faults.append(
            Fault(
                text.place((*path, "status")),
                "status is active, but nobody has checked it",
                "status draft until a named clinician has signed",
                "write the clinician's name in checked_by and the day in checked_on, or set status: draft",
            )
        )
    if found.checked_on is not None and found.next_check <= found.checked_on:
        faults.append(Fault(text.place((*path, "next_check")), "next_check is not after checked_on", "a later day"))
    return found


def read_shape(shape: Schema, text: TextFile, faults: list[Fault]) -> dict[str, Any] | None:
    """Read *text* by *shape*; every error becomes a fault with its line, and gives None."""
    content = text.content
    faults.extend(text.faults)
    if text.faults and text.content is None:
        return None
    try:
        return dict(shape.load({} if content is None else content))
    except ValidationError as error:
        _tell(error.messages, (), text, shape, faults)
        return None


def _tell(messages: Any, path: PathKey, text: TextFile, shape: Schema, faults: list[Fault]) -> None:
    if isinstance(messages, Mapping):
        for step, below in messages.items():
            _tell(below, path if step in ("_schema", "value") else (*path, step), text, shape, faults)
        return
    for message in messages if isinstance(messages, list) else [messages]:
        said = _WORDS_FOR_KINDS.get(message, message)
        todo = ""
        if message == "Unknown field." and len(path) == 1:
            todo = "known keys: " + ", ".join(sorted(shape.fields))
        faults.append(Fault(text.place(path), said, todo=todo))


def check_known(
    keys: tuple[str, ...] | list[str], known: Mapping[str, Any], what: str, place: str, faults: list[Fault]
) -> None:
    """Tell every key that is not *known*."""
    for key in keys:
        if key not in known:
            near = sorted(name for name in known if name[:4].lower() == key[:4].lower())[:4]
            todo = f"did you mean {', '.join(near)}?" if near else ""
            faults.append(Fault(place, f"{key!r} is no {what} we know", f"an id of a known {what}", todo))
