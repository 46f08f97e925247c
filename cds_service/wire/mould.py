"""JSON made ahead of time: moulds with holes for what differs from call to call, and lists that are JSON already.

A mould is made once from values in which a `stand_in` takes the place of each of the patient's own; to fill it is a copy.
What is filled in is JSON itself, so nothing of a chart is ever put between quotation marks unescaped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

_ENCODE = msgspec.json.Encoder().encode
_DECODE = msgspec.json.Decoder().decode
# Of signs that an id may hold, so that a stand-in passes where a reference or an id is asked for.
_STAND_IN = re.compile(rb'("0hole\.=[a-z0-9-]+\.eloh0"|0hole\.[a-z0-9-]+\.eloh0)')

_APART = "\x7f"
"""A sign that hardly any text holds, and that JSON leaves as it is."""


def stand_in(name: str) -> str:
    """Give the text that stands for the patient's own *name* within a text of a mould."""
    return f"0hole.{name}.eloh0"


def stand_in_for_whole(name: str) -> str:
    """Give the text that stands in a mould for a whole value (a list, an object), not for a part of a text."""
    return f"0hole.={name}.eloh0"


def inner_json(text: str) -> bytes:
    """Give *text* as it stands between the quotation marks of a JSON string."""
    return _ENCODE(text)[1:-1]


def inner_json_of_all(texts: Sequence[str]) -> list[bytes]:
    """Give each of *texts* as `inner_json` does: in one go, but where one holds the sign that keeps them apart."""
    written = inner_json(_APART.join(texts)).split(_APART.encode())
    return written if len(written) == len(texts) else [inner_json(text) for text in texts]


def json_of(value: Any) -> bytes:
    """Give *value* as JSON in UTF-8."""
    return _ENCODE(value)


class Mould:
    """JSON with holes. Holds nothing of any patient: what it is made of has stand-ins there.

    *names* tells what its holes are filled with, each once.
    """

    __slots__ = ("_pieces", "_wanted", "is_full", "names")

    def __init__(self, value: Any):
        self.is_full = _is_full(value)
        """True where nothing in it is empty, so that it may be sent as it is (rule B1)."""
        self._pieces = _STAND_IN.split(_ENCODE(value))
        """Every second one is a stand-in."""
        self._wanted = tuple(
            one.strip(b'"').decode()[len("0hole.") : -len(".eloh0")].lstrip("=") for one in self._pieces[1::2]
        )
        self.names = tuple(dict.fromkeys(self._wanted))

    def filled(self, own: Mapping[str, bytes]) -> bytes:
        """Give the JSON with *own* in its holes: by name, the inside of a JSON string or a whole JSON value."""
        return b"".join(self._with(map(own.__getitem__, self._wanted)))

    def places(self, names: Sequence[str]) -> tuple[int, ...]:
        """Give what `in_order` needs to find in its values those of *names*; raises ValueError where a hole has no name in it."""
        return tuple([names.index(name) for name in self._wanted])

    def in_order(self, values: Sequence[bytes], places: tuple[int, ...]) -> list[bytes]:
        """Give the JSON of `filled` in pieces, of *values* whose *places* were looked up before."""
        return self._with(map(values.__getitem__, places))

    def _with(self, fillings: Iterable[bytes]) -> list[bytes]:
        pieces = self._pieces.copy()
        pieces[1::2] = fillings
        return pieces


def _is_full(value: Any) -> bool:
    if isinstance(value, dict):
        return bool(value) and all(map(_is_full, value.values()))
    if isinstance(value, list):
        return bool(value) and all(map(_is_full, value))
    return value is not None and value != ""


class Ready(tuple[Any, ...]):
    """A tuple with its JSON beside it."""

    json: bytes

    def __new__(cls, values: Iterable[Any], json: bytes) -> Ready:
        made = super().__new__(cls, values)
        made.json = json
        return made


class Cast:
    """Something of ours that is JSON already, in *pieces*: they are put together once, with all that goes with them."""

    __slots__ = ("pieces",)

    def __init__(self, pieces: list[bytes]):
        self.pieces = pieces


class Full(list[Any]):
    """A list of plain JSON values in which nothing is empty, so that nobody need look."""


class Written(Sequence[Any]):
    """A list that is JSON already, with nothing empty in it; *read* makes its values where somebody looks at them.

    *pieces* are runs of its items, each as JSON without the brackets.
    """

    __slots__ = ("_pieces", "_read", "_values")

    def __init__(self, pieces: tuple[bytes, ...], read: Callable[[Any], Any]):
        self._pieces = pieces
        self._read = read
        self._values: tuple[Any, ...] | None = None

    @property
    def json(self) -> bytes:
        return b"[" + b",".join(self._pieces) + b"]"

    @property
    def values(self) -> tuple[Any, ...]:
        if self._values is None:
            self._values = tuple(map(self._read, _DECODE(self.json)))
        return self._values

    def __bool__(self) -> bool:
        return bool(self._pieces)

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values)

    def __getitem__(self, place: Any) -> Any:
        return self.values[place]

    def __eq__(self, other: object) -> bool:
        return self.values == (other.values if isinstance(other, Written) else other)

    __hash__ = None

    def __add__(self, other: Sequence[Any]) -> Sequence[Any]:
        """Give both lists as one, still unread where both are."""
        if isinstance(other, Written) and other._read is self._read:
            return Written(self._pieces + other._pieces, self._read)
        return (*self, *other)

    def __radd__(self, other: Sequence[Any]) -> Sequence[Any]:
        return (*other, *self)
