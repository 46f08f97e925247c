"""Reading a JSON body strictly: UTF-8, no repeated names, nothing we would have to repair. Names faults, never values.

The bytes of a prefetch can be megabytes that only intake/ may look into, so large values can be kept raw.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from cds_service.errors import CallFaults, Fault

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

# Needle lengths for finding a raw value again in the body: long enough to be found at once, short enough to be cheap.
_HEAD_BYTES = 256
_TAIL_BYTES = 64

_PIECE_BYTES = 1 << 16

_DECODER = msgspec.json.Decoder()
_ENCODER = msgspec.json.Encoder()


class _Repeated(Exception):
    """A JSON object names one of its members twice; *name* is safe to tell because it is checked by the caller."""

    def __init__(self, name: str):
        self.name = name


def check_text(body: bytes) -> None:
    """Refuse an empty body, a byte order mark and bytes that are not UTF-8 (rule B1), each by its own name."""
    if not body.strip(b" \t\r\n"):
        raise CallFaults([Fault("$", "the body is empty", "a JSON object")])
    if body.startswith(BYTE_ORDER_MARK):
        raise CallFaults([Fault("$", "the body begins with a byte order mark", "plain UTF-8 JSON (RFC 8259)")])
    if not body.isascii():
        _check_utf8(body)


def _check_utf8(body: bytes) -> None:
    """Refuse what is not UTF-8; piece by piece, so that one far sign (a dash, a >= sign) does not widen the whole text."""
    at = 0
    while at < len(body):
        piece = memoryview(body)[at : at + _PIECE_BYTES]
        try:
            _, used = codecs.utf_8_decode(piece, "strict", at + len(piece) == len(body))
        except UnicodeDecodeError as error:
            where = at + error.start
            raise CallFaults([Fault("$", f"the body is not UTF-8 at byte {where}", "JSON encoded as UTF-8")]) from None
        at += used


def decode(body: bytes, decoder: msgspec.json.Decoder = _DECODER) -> Any:
    """Decode *body*; whatever is no JSON, nests too deep or holds half a surrogate pair becomes one fault.

    msgspec.ValidationError (JSON, but not of the decoder's type) is left to the caller.
    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError:
        if decoder is not _DECODER:
            raise
        # Without a type only a number can be wrong: one that no float holds.
        raise CallFaults([Fault("$", "holds a number beyond measure", "numbers of at most 308 digits")]) from None
    except msgspec.DecodeError as error:
        raise CallFaults([Fault("$", _without_values(error), "JSON (RFC 8259)")]) from None
    except RecursionError:
        raise CallFaults([Fault("$", "the JSON nests too deep", "fewer levels of objects and arrays")]) from None
    except (UnicodeDecodeError, ValueError):
        raise CallFaults([Fault("$", "the JSON holds text or a number that cannot be represented", "JSON")]) from None


def _without_values(error: msgspec.DecodeError) -> str:
    """msgspec's texts name the position and the kind of fault; everything else stays out of the answer."""
    text = str(error)
    position = text[text.rfind("(byte") :] if "(byte" in text else ""
    if "truncated" in text:
        return "the body is no well-formed JSON: it ends too early"
    return f"the body is no well-formed JSON {position}".strip()


def check_envelope(
    body: bytes, raw_values: Mapping[str, msgspec.Raw], check_depth: Callable[[bytes], None] = lambda envelope: None
) -> Any | None:
    """Refuse an object that names a member twice, and what *check_depth* refuses, anywhere outside *raw_values*.

    Two readers of one body must not see two different patients: the last-wins habit of JSON readers hides that.
    The raw values are cut out first, so the checks cost the envelope only; how deep the raw values may nest is the
    decoder's own limit (about a thousand levels), which it has kept before we come here.
    Gives the envelope's values (null for a raw one) where they were read on the way, and None where they were not.
    """
    envelope = _skeleton(body, raw_values)
    check_depth(envelope)
    values = _as_written(envelope)
    if values is not None:
        return values
    try:
        _EACH_ONCE.decode(envelope.decode())
    except _Repeated as error:
        where = error.name if error.name.isidentifier() and error.name.isascii() and len(error.name) <= 40 else "a name"
        raise CallFaults(
            [Fault("$", f"an object of the body has the member {where} twice", "each member once")]
        ) from None
    except RecursionError:
        raise CallFaults([Fault("$", "the JSON nests too deep", "fewer levels of objects and arrays")]) from None
    except ValueError:
        # Python reads no integer of more than 4300 digits; msgspec does not mind where the member is not ours.
        raise CallFaults([Fault("$", "holds a number beyond measure", "numbers of at most 308 digits")]) from None
    return None


def _as_written(envelope: bytes) -> Any | None:
    """Give the values of *envelope* where writing them gives the same bytes: then no member stands there twice.

    So it is with nearly every call, because programs write JSON without blanks. None proves nothing.
    """
    try:
        values = _DECODER.decode(envelope)
        return values if _ENCODER.encode(values) == envelope else None
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise _Repeated(name)
            seen.add(name)
    return found


_EACH_ONCE = json.JSONDecoder(object_pairs_hook=_once)


def _skeleton(body: bytes, raw_values: Mapping[str, msgspec.Raw]) -> bytes:
    """The body with each raw value of *raw_values* (in the order of the body) replaced by null."""
    pieces: list[bytes] = []
    start = 0
    for value in raw_values.values():
        size = len(value)
        if size <= _HEAD_BYTES:
            continue
        view = memoryview(value)
        at = body.find(bytes(view[:_HEAD_BYTES]), start)
        if at < 0 or body[at + size - _TAIL_BYTES : at + size] != bytes(view[-_TAIL_BYTES:]):
            continue
        pieces.append(body[start:at])
        start = at + size
    pieces.append(body[start:])
    return b"null".join(pieces)
