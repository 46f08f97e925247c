"""Read JSON that is not quite FHIR: shapes that can be understood are mended, the rest is left out and named.

An object where an array belongs (and the reverse), a number where text belongs, a numeral in quotes, lone surrogates, NaN and
numbers beyond any machine are what real senders let through. A fault names the path and what was expected, never a value.
"""

from __future__ import annotations

import json
import math
import re
import types
import typing
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Raw, Struct

Faults = list[tuple[str, str]]
"""(path inside the resource, what was expected there)"""

Mender = Callable[[Any, str, Faults], Any]

_NUMERAL = re.compile(r"\s*[-+]?\d{1,15}(\.\d{1,15})?\s*")
_LEFT_OUT = object()
_GIANT = 2**63
_NULL = Raw(b"null")
UNDECODABLE = (msgspec.MsgspecError, UnicodeError, RecursionError)
"""What a strict decoder raises on bytes that are no JSON of the asked shape."""


class NoJson(ValueError):
    """The bytes are no JSON, however kindly read. The message says where, and holds nothing of the text."""


def read_leniently(body: bytes | Raw) -> Any:
    """Decode JSON into plain Python values, forgiving what a strict decoder refuses.

    Bytes that are no UTF-8 and lone surrogates are replaced, NaN and infinities stay floats (and are left out when a
    number is asked for), a byte order mark is skipped.  Raises NoJson.
    """
    try:
        return msgspec.json.decode(body)
    except UNDECODABLE:
        pass
    text = bytes(body).decode("utf-8", errors="replace").removeprefix("\ufeff")
    try:
        return _without_surrogates(json.loads(text, parse_int=_whole_number))
    except RecursionError:
        raise NoJson("JSON that is nested too deeply") from None
    except json.JSONDecodeError as error:
        what = f"{error.msg[:1].lower()}{error.msg[1:]}"
        raise NoJson(f"text that is no JSON ({what} at line {error.lineno}, column {error.colno})") from None


def read_part(raw: Raw, shape: Any, place: str, faults: Faults) -> Any:
    """Read one field kept as Raw; None where it is absent, or where nothing of it can be understood (then named)."""
    if not raw or raw == _NULL:
        return None
    try:
        return _decoder(shape).decode(raw)
    except UNDECODABLE:
        pass
    try:
        value = read_leniently(raw)
    except NoJson as error:
        faults.append((place, str(error)))
        return None
    mended = mender(shape)(value, place, faults)
    return None if mended is _LEFT_OUT else mended


def mend(value: dict, shape: type[Struct], faults: Faults) -> Struct:
    """Build *shape* from a decoded object, mending what can be understood and naming in *faults* what was left out."""
    return mender(shape)(value, "", faults)


_decoders: dict[Any, msgspec.json.Decoder] = {}
_menders: dict[Any, Mender] = {}


def _decoder(shape: Any) -> msgspec.json.Decoder:
    found = _decoders.get(shape)
    if found is None:
        found = _decoders[shape] = msgspec.json.Decoder(shape)
    return found


def mender(shape: Any) -> Mender:
    """Give the function that fits any decoded value into *shape* (a struct, list, tuple, scalar or Raw)."""
    found = _menders.get(shape)
    if found is None:
        found = _menders[shape] = _make(shape)
    return found


def _make(shape: Any) -> Mender:
    origin, arguments = typing.get_origin(shape), typing.get_args(shape)
    if origin in (typing.Union, types.UnionType):
        return mender(next(one for one in arguments if one is not type(None)))
    if origin in (list, tuple):
        return _many(mender(arguments[0]), origin)
    if shape is Raw:
        return lambda value, place, faults: Raw(msgspec.json.encode(_finite(value)))
    if isinstance(shape, type) and issubclass(shape, Struct):
        return _struct(shape)
    return _SCALARS[shape]


def _struct(shape: type[Struct]) -> Mender:
    fields = msgspec.structs.fields(shape)

    def build(value: Any, place: str, faults: Faults) -> Any:
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if not isinstance(value, dict):
            faults.append((place, "an object"))
            return _LEFT_OUT
        found = {}
        for field in fields:
            given = value.get(field.encode_name)
            if given is None:
                continue
            path = f"{place}.{field.encode_name}" if place else field.encode_name
            mended = mender(field.type)(given, path, faults)
            if mended is not _LEFT_OUT:
                found[field.name] = mended
        return shape(**found)

    return build


def _many(one: Mender, kind: type) -> Mender:
    def build(value: Any, place: str, faults: Faults) -> Any:
        values = value if isinstance(value, list) else [value]
        mended = (one(each, f"{place}[{number}]", faults) for number, each in enumerate(values) if each is not None)
        return kind(each for each in mended if each is not _LEFT_OUT)

    return build


def _text(value: Any, place: str, faults: Faults) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    faults.append((place, "text"))
    return _LEFT_OUT


def _number(value: Any, place: str, faults: Faults) -> Any:
    if isinstance(value, str) and _NUMERAL.fullmatch(value):
        value = float(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and _is_finite(value):
        return float(value)
    faults.append((place, "a number"))
    return _LEFT_OUT


def _yes_or_no(value: Any, place: str, faults: Faults) -> Any:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return value == "true"
    faults.append((place, "true or false"))
    return _LEFT_OUT


_SCALARS: dict[Any, Mender] = {str: _text, float: _number, bool: _yes_or_no}


def _whole_number(digits: str) -> int | float:
    return int(digits) if len(digits) < 300 else math.copysign(math.inf, -1 if digits[0] == "-" else 1)


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", errors="replace").decode() if not value.isascii() else value
    if isinstance(value, list):
        return [_without_surrogates(one) for one in value]
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(one) for key, one in value.items()}
    return value


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _finite(value: Any) -> Any:
    """Turn NaN and infinities into null and giant integers into floats, so that the value can be written again."""
    if isinstance(value, int | float) and not _is_finite(value):
        return None
    if isinstance(value, int) and abs(value) >= _GIANT:
        return float(value)
    if isinstance(value, list):
        return [_finite(one) for one in value]
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    return value
