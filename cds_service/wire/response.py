"""What we send: the bodies of our answers. Gives the camelCase, leaves out what is empty (rule B1); makes no content.

Cards are read by their attributes, so this room imports none of the rooms that make them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from functools import cache
from typing import Any

import msgspec

from cds_service.errors import Fault
from cds_service.hooks.hook import SPECIFICATION_VERSION, Hook
from cds_service.wire.mould import Cast, Full, Ready, Written

_ENCODER = msgspec.json.Encoder()


@cache
def camel_case(name: str) -> str:
    """`selection_behavior` -> `selectionBehavior`, `type_` -> `type`."""
    first, *rest = name.rstrip("_").split("_")
    return first + "".join(word.capitalize() for word in rest)


@cache
def _members(kind: type) -> tuple[tuple[str, str], ...]:
    return tuple((one.name, camel_case(one.name)) for one in fields(kind))


def without_empties(value: Any) -> Any:
    """Give *value* as plain JSON values without null, "", [] and {} at any depth (rule B1); an empty whole stays empty.

    Dataclasses become objects with camelCase names; the names in mappings (FHIR resources) stay as they are.
    """
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is Written:
        return msgspec.Raw(value.json)
    if kind is Ready:
        return msgspec.Raw(value.json)
    if kind is Full:
        return value
    if kind is dict or isinstance(value, Mapping):
        return _kept(value.items())
    if isinstance(value, list | tuple):
        return [kept for one in value if not _is_empty(kept := one if type(one) is str else without_empties(one))]
    return _kept([(name, getattr(value, attribute)) for attribute, name in _members(kind)])


def _kept(members: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found = {}
    for name, one in members:
        if type(one) is str:
            if one:
                found[name] = one
        elif one is not None:
            kept = without_empties(one)
            if kept or not isinstance(kept, str | list | dict):
                found[name] = kept
    return found


_PLAIN = frozenset({str, bool, int, float, type(None)})


def _is_empty(value: Any) -> bool:
    return value is None or (not value and isinstance(value, str | list | dict))


def ready(values: Iterable[Any]) -> Ready:
    """Give *values* of ours, the same in every answer, as a tuple that is written only this once."""
    kept = tuple(values)
    return Ready(kept, encode(without_empties(kept)))


def encode(value: Any) -> bytes:
    """JSON in UTF-8."""
    return _ENCODER.encode(value)


def cards_body(cards: Iterable[Any]) -> bytes:
    """The 200 answer of a hook call (rule R1); no card is `{"cards": []}`."""
    pieces = [b'{"cards":[']
    for one in cards:
        if len(pieces) > 1:
            pieces.append(b",")
        if isinstance(one, Cast):
            pieces += one.pieces
        else:
            pieces.append(encode(without_empties(one)))
    pieces.append(b"]}")
    return b"".join(pieces)


def discovery_body(offers: Iterable[Mapping[str, Any]]) -> bytes:
    return encode({"services": without_empties(list(offers))})


def service_offer(hook: Hook, prefetch: Mapping[str, str], usage: str, shared_id: str | None = None) -> dict[str, Any]:
    """One entry of the discovery answer (rules D2, D3)."""
    return {
        "id": shared_id or hook.id,
        "hook": hook.hook,
        "title": hook.title,
        "description": hook.description,
        "prefetch": dict(prefetch),
        "usageRequirements": usage,
        "version": SPECIFICATION_VERSION,
        "hookVersion": hook.hook_version,
    }


def operation_outcome(request_id: str, issues: Iterable[tuple[str, str, str | None]]) -> bytes:
    """A FHIR OperationOutcome (rule C7): issues of (FHIR issue code, diagnostics, JSON path or None), and the request id."""
    told = [
        {
            "severity": "error",
            "code": code,
            "details": {"text": diagnostics},
            "diagnostics": f"{diagnostics} (request {request_id})",
            "expression": [path] if path else None,
        }
        for code, diagnostics, path in issues
    ]
    return encode(without_empties({"resourceType": "OperationOutcome", "id": request_id, "issue": told}))


def issue_of(fault: Fault) -> tuple[str, str, str | None]:
    """A fault of the caller's body as (issue code, text, path)."""
    code = "required" if fault.what.startswith(("is required", "is missing")) else "invalid"
    return code, str(fault), fault.where
