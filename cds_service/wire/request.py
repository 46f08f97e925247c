"""The body of a hook call: read, checked against its hook's declaration, every fault named with its JSON path.

Prefetched resources stay raw bytes; intake/ reads them. Nothing here repeats a value of the body in a message, so
neither patient data nor the access token can travel out in an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import msgspec
from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

from cds_service.errors import CallFaults, Fault
from cds_service.hooks.hook import Hook
from cds_service.wire.apart import PLACEHOLDER, Apart
from cds_service.wire.body import check_envelope, check_text, decode

ON_EXTENSION = "org.spine-cds.on"
"""Request extension (development only): the day to answer for, YYYY-MM-DD."""

_IS_UUID = re.compile(r"^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")
_PREFETCH_KEY = r"[A-Za-z0-9_.-]{1,64}"
_IS_PREFETCH_KEY = re.compile(rf"^{_PREFETCH_KEY}\Z")
_ARE_PREFETCH_KEYS = re.compile(rf"^{_PREFETCH_KEY}(?:\n{_PREFETCH_KEY})*\Z")
_IS_TOKEN = re.compile(r"^[\x21-\x7e]{1,16384}\Z")


class _Envelope(msgspec.Struct):
    """The members of a call we look at, undecoded. All others are tolerated (rule B2)."""

    hook: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    hookInstance: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    fhirServer: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    fhirAuthorization: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    context: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    extension: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    prefetch: dict[str, msgspec.Raw] | None = None


class _OddEnvelope(_Envelope):
    """The same where prefetch is no object: read only to tell every other fault beside that one."""

    prefetch: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_ENVELOPE = msgspec.json.Decoder(_Envelope)
_ODD_ENVELOPE = msgspec.json.Decoder(_OddEnvelope)
_PLAIN = tuple(name for name in _Envelope.__struct_fields__ if name != "prefetch")
_EMPTY_PREFETCH: dict[str, msgspec.Raw] = {}
_PLACEHOLDER = msgspec.Raw(PLACEHOLDER)


class _ServerUrl(fields.String):
    default_error_messages = {"url": "is no absolute http(s) URL: expected the base URL of the FHIR server"}

    def _deserialize(self, value, attr, data, **kwargs):
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            parts = urlsplit(text)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable or any(letter.isspace() or not letter.isprintable() for letter in text):
            raise self.make_error("url")
        return text


class _WholeSeconds(fields.Field):
    """`expires_in` is a number of seconds, never a text and never true or false."""

    default_error_messages = {"seconds": "is no whole number of seconds: expected an integer"}

    def _deserialize(self, value, attr, data, **kwargs):
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.make_error("seconds")
        return value


class _AuthorizationShape(Schema):
    """`fhirAuthorization` (rule C2). `patient` is not insisted on: the reference client leaves it out, and the
    patient asked about is `context.patientId` in any case."""

    class Meta:
        unknown = EXCLUDE

    access_token = fields.String(required=True, validate=validate.Regexp(_IS_TOKEN, error="is no bearer token"))
    token_type = fields.String(
        required=True, validate=validate.Regexp(r"^[Bb]earer\Z", error="is not supported: expected Bearer")
    )
    expires_in = _WholeSeconds(required=True)
    scope = fields.String(required=True)
    subject = fields.String(required=True)
    patient = fields.String(allow_none=True)


class _CallShape(Schema):
    class Meta:
        unknown = EXCLUDE

    hook = fields.String(required=True)
    hookInstance = fields.String(
        required=True, validate=validate.Regexp(_IS_UUID, error="is no UUID: expected 8-4-4-4-12 hexadecimal digits")
    )
    fhirServer = _ServerUrl(allow_none=True)
    fhirAuthorization = fields.Nested(_AuthorizationShape, allow_none=True)
    context = fields.Dict(required=True)
    extension = fields.Dict(allow_none=True)


_CALL_SHAPE = _CallShape()


@dataclass(frozen=True, slots=True)
class FhirAuthorization:
    """The caller's leave to read from its FHIR server for this one call. The token never shows in a repr."""

    access_token: str = field(repr=False)
    expires_in_seconds: int
    scope: str
    patient: str | None = None


class HookCall(msgspec.Struct, frozen=True):
    """One hook call, checked. *service* is the declaration it matched. Its repr shows nothing of the patient.

    *drafts* is the draft Bundle of an order or appointment hook, as plain JSON values. *prefetch* holds raw JSON per
    key, `null` included; an absent key was not attempted. The value that was read apart is what its reader made of it. *on*
    is the day asked for by our development extension.
    """

    service: Hook
    hook_instance: str
    context: Mapping[str, Any]
    prefetch: Mapping[str, Any]
    fhir_server: str | None = None
    authorization: FhirAuthorization | None = None
    on: date | None = None

    def __repr__(self) -> str:
        return f"<HookCall of {self.service.hook}>"

    @property
    def patient_id(self) -> str:
        return self.context["patientId"]

    @property
    def selections(self) -> tuple[str, ...]:
        return tuple(self.context.get("selections") or ())

    @property
    def drafts(self) -> Mapping[str, Any] | None:
        return self.context.get(self.service.drafts) if self.service.drafts else None


def read_call(
    body: bytes,
    services: Iterable[Hook],
    may_choose_day: bool = False,
    check_depth: Callable[[bytes], None] = lambda envelope: None,
    apart: Apart | None = None,
) -> HookCall:
    """Read *body* as a call of one of *services* (the declarations that share the id called).

    *may_choose_day* heeds our development extension, which is otherwise ignored like any other (rule B2).
    *check_depth* sees everything but the prefetched values and refuses what nests deeper than any honest call. *apart*
    names a prefetch value that its own reader goes through in the same pass, where that can be.
    Raises CallFaults with every problem found, each with its JSON path. Rules C1 to C3.
    """
    faults: list[Fault] = []
    values, prefetch = _open(body, faults, check_depth, apart)
    loaded = values if _is_plain(values) else _load(_CALL_SHAPE, values, "", faults)
    service = _service_of(values.get("hook"), tuple(services), faults)
    context: Mapping[str, Any] = {}
    if service is not None and isinstance(values.get("context"), dict):
        context = _context(service.context).load(values["context"], faults)
    if values.get("fhirAuthorization") is not None and values.get("fhirServer") is None:
        faults.append(Fault("fhirServer", "is missing although fhirAuthorization is there", "the FHIR base URL"))
    on = _day_asked_for(values.get("extension"), faults) if may_choose_day else None
    if faults or service is None:
        raise CallFaults(faults)
    return HookCall(
        service=service,
        hook_instance=loaded["hookInstance"].lower(),
        context=context,
        prefetch=prefetch,
        fhir_server=loaded.get("fhirServer"),
        authorization=_authorization(loaded.get("fhirAuthorization")),
        on=on,
    )


def _open(
    body: bytes, faults: list[Fault], check_depth: Callable[[bytes], None], apart: Apart | None
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Give the values of the members of *body* (more than we look at may be among them), and the prefetch."""
    check_text(body)
    return (_open_apart(body, check_depth, apart) if apart else None) or _open_whole(body, faults, check_depth)


def _open_apart(
    body: bytes, check_depth: Callable[[bytes], None], apart: Apart
) -> tuple[Mapping[str, Any], Mapping[str, Any]] | None:
    """Open a body whose largest value is read apart; None where it must be read as a whole, which also names any fault."""
    taken = apart.take_out(body)
    if taken is None:
        return None
    rest, value = taken
    try:
        envelope = _ENVELOPE.decode(rest)
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError, RecursionError):
        return None
    prefetch = envelope.prefetch or _EMPTY_PREFETCH
    if prefetch.get(apart.key) != _PLACEHOLDER:
        return None
    read = apart.read(value)
    if read is None:
        return None
    values = check_envelope(rest, prefetch, check_depth)
    named = _named(prefetch)
    named[apart.key] = read
    return _values(envelope) if values is None else values, named


def _open_whole(
    body: bytes, faults: list[Fault], check_depth: Callable[[bytes], None]
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    try:
        envelope = decode(body, _ENVELOPE)
        prefetch = envelope.prefetch or _EMPTY_PREFETCH
    except msgspec.ValidationError:
        prefetch = _EMPTY_PREFETCH
        try:
            envelope = decode(body, _ODD_ENVELOPE)
        except msgspec.ValidationError:
            raise CallFaults(
                [Fault("$", "the body is no JSON object", "an object with hook, hookInstance and context")]
            ) from None
        faults.append(Fault("prefetch", "is no JSON object", "an object with one member per prefetch key"))
    values = check_envelope(body, prefetch, check_depth)
    return _values(envelope) if values is None else values, _named(prefetch)


def _values(envelope: _Envelope) -> dict[str, Any]:
    return {name: decode(raw) for name in _PLAIN if (raw := getattr(envelope, name)) is not msgspec.UNSET}


def _named(prefetch: dict[str, msgspec.Raw]) -> dict[str, Any]:
    """Give *prefetch* without what has no name of a key; itself where there is nothing of that kind, as is usual."""
    names = "\n".join(prefetch)
    if _ARE_PREFETCH_KEYS.match(names) and names.count("\n") == len(prefetch) - 1:
        return prefetch
    return {key: value for key, value in prefetch.items() if _IS_PREFETCH_KEY.match(key)}


def _service_of(hook: Any, services: tuple[Hook, ...], faults: list[Fault]) -> Hook | None:
    for one in services:
        if one.hook == hook:
            return one
    if isinstance(hook, str):
        known = " or ".join(one.hook for one in services)
        faults.append(Fault("hook", "is not a hook this service is listed for", known))
    return None


def _day_asked_for(extension: Any, faults: list[Fault]) -> date | None:
    if not isinstance(extension, dict) or extension.get(ON_EXTENSION) is None:
        return None
    try:
        return date.fromisoformat(extension[ON_EXTENSION])
    except (TypeError, ValueError):
        faults.append(Fault(f"extension['{ON_EXTENSION}']", "is no date", "YYYY-MM-DD"))
        return None


def _authorization(loaded: Mapping[str, Any] | None) -> FhirAuthorization | None:
    if not loaded:
        return None
    return FhirAuthorization(
        access_token=loaded["access_token"],
        expires_in_seconds=loaded["expires_in"],
        scope=loaded["scope"],
        patient=loaded.get("patient"),
    )


def _is_plain(values: Mapping[str, Any]) -> bool:
    """Tell at first sight that _CALL_SHAPE has nothing to say against *values*, as with nearly every call; a no proves
    nothing."""
    instance = values.get("hookInstance")
    return (
        values.get("fhirServer") is None
        and values.get("fhirAuthorization") is None
        and type(instance) is str
        and _IS_UUID.match(instance) is not None
        and type(values.get("hook")) is str
        and type(values.get("context")) is dict
        and type(values.get("extension", {})) is dict
    )


class _Context:
    """The shape of a hook's context, and what tells at first sight that values fit it."""

    def __init__(self, shape: Schema):
        self._shape = shape
        self._looks = [
            (name, one.required, getattr(one, "is_plain", _never)) for name, one in shape.load_fields.items()
        ]

    def load(self, values: Mapping[str, Any], faults: list[Fault]) -> Mapping[str, Any]:
        plain = self.at_first_sight(values)
        return _load(self._shape, values, "context.", faults) if plain is None else plain

    def at_first_sight(self, values: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Give what the shape makes of *values* where every one is plainly right; None where the shape must be asked."""
        found = {}
        for name, required, is_plain in self._looks:
            if name in values:
                if not is_plain(values[name]):
                    return None
                found[name] = values[name]
            elif required:
                return None
        return found


def _never(value: object) -> bool:
    return False


@cache
def _context(shape: type[Schema]) -> _Context:
    return _Context(shape())


def _load(shape: Schema, values: Mapping[str, Any], prefix: str, faults: list[Fault]) -> Mapping[str, Any]:
    try:
        return shape.load(values)
    except ValidationError as error:
        faults.extend(faults_of(error.messages, prefix))
        return error.valid_data or {}


def faults_of(messages: Any, path: str) -> list[Fault]:
    """Flatten marshmallow's nested messages into faults with JSON paths (`context.patientId`, `feedback[0].card`)."""
    if isinstance(messages, dict):
        found: list[Fault] = []
        for key, below in messages.items():
            if key == "_schema":
                found += faults_of(below, path)
            elif isinstance(key, int):
                found += faults_of(below, f"{path.removesuffix('.')}[{key}].")
            else:
                found += faults_of(below, f"{path}{key}.")
        return found
    where = path.removesuffix(".") or "$"
    return [Fault(where, *_worded(str(message), where.rpartition(".")[2])) for message in messages]


_WORDS = {
    "Missing data for required field.": ("is required", "a value"),
    "Field may not be null.": ("is null", "a value"),
    "Not a valid string.": ("is no text", "a JSON string"),
    "Not a valid list.": ("is no list", "a JSON array"),
    "Not a valid mapping type.": ("is no JSON object", "a JSON object"),
    "Invalid input type.": ("is no JSON object", "a JSON object"),
}


_EXPECTED = {
    "hook": "the name of the hook, such as patient-view",
    "hookInstance": "a UUID, new for each call of the hook",
    "context": "an object with the fields of the hook",
    "userId": "Type/id of the user, such as Practitioner/123",
    "patientId": "the id of the patient, without its type",
    "encounterId": "the id of the encounter, without its type",
    "selections": "a list of Type/id found in draftOrders",
    "draftOrders": "a Bundle of the draft orders",
    "appointments": "a Bundle of the proposed appointments",
    "access_token": "the bearer token",
    "token_type": "Bearer",
    "expires_in": "a whole number of seconds",
    "scope": "the scopes of the token",
    "subject": "the client id of this service at the authorization server",
    "card": "the uuid of the card",
    "outcome": "accepted or overridden",
    "outcomeTimestamp": "an RFC 3339 time with an offset, such as 2026-03-01T09:30:00Z",
    "id": "the uuid of the suggestion",
}
"""What belongs in a field that is not there."""


def _worded(message: str, name: str) -> tuple[str, str]:
    if message in _WORDS:
        what, expected = _WORDS[message]
        return what, _EXPECTED.get(name, expected) if expected == "a value" else expected
    what, _, expected = message.partition(": expected ")
    return what, expected
