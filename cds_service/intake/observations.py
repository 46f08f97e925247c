"""A chart's Observations, read only where somebody asks. Indexes by code once; converts one Observation when it is looked at."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime, tzinfo
from typing import overload

from cds_service.intake import shapes
from cds_service.intake.dates import read_period, read_timing, read_when
from cds_service.intake.mend import Faults, read_part
from cds_service.patient.codes import CodeKey, code_key
from cds_service.patient.record import Coding, Component, Concept, Observation, Quantity, When

_STANDARD = frozenset({"loinc", "snomed"})
_UNDATED = (0, float("-inf"))
_NOT_COMPARED = (
    ("value_range", "Range"),
    ("value_ratio", "Ratio"),
    ("value_period", "Period"),
    ("value_sampled_data", "SampledData"),
)


class LazyObservations:
    """The interface of patient/record.Observations over decoded, not yet converted resources.

    *name* gives the reference of the resource at a position. What `coded` and `all` return converts an Observation when it
    is looked at, newest first, so looking at the newest of a thousand costs one conversion.
    """

    def __init__(self, resources: Sequence[shapes.Observation], name: Callable[[int], str], zone: tzinfo):
        self._resources = resources
        self._name = name
        self._zone = zone
        self._index: dict[CodeKey, list[int]] | None = None
        self._asked: dict[frozenset[CodeKey], NewestFirst] = {}
        self._converted: dict[int, Observation] = {}
        self._everything: NewestFirst | None = None
        self._worded: NewestFirst | None = None
        self._standard: set[int] = set()

    def coded(self, codes: Collection[CodeKey]) -> NewestFirst:
        """The Observations with any of *codes* as code or as a component's code, newest first."""
        asked = codes if isinstance(codes, frozenset) else frozenset(codes)
        found = self._asked.get(asked)
        if found is None:
            index = self._build_index()
            positions = {position for key in asked if key in index for position in index[key]}
            found = self._asked[asked] = NewestFirst(self, self._newest_first(sorted(positions)))
        return found

    def all(self) -> NewestFirst:
        """Every Observation, newest first."""
        if self._everything is None:
            self._everything = NewestFirst(self, self._newest_first(list(range(len(self._resources)))))
        return self._everything

    def known_by_words(self) -> NewestFirst:
        """The Observations without a LOINC or SNOMED code, which only their words can tell; newest first."""
        if self._worded is None:
            self._build_index()
            worded = [position for position in range(len(self._resources)) if position not in self._standard]
            self._worded = NewestFirst(self, self._newest_first(worded))
        return self._worded

    def __len__(self) -> int:
        return len(self._resources)

    def at(self, position: int) -> Observation:
        """Give the Observation at *position* of the record, converted at most once."""
        found = self._converted.get(position)
        if found is None:
            found = read_observation(self._resources[position], self._name(position), self._zone)
            self._converted[position] = found
        return found

    def _build_index(self) -> dict[CodeKey, list[int]]:
        """Tell which positions hold which code; this is all that is paid for an Observation nobody asks for."""
        if self._index is not None:
            return self._index
        own: defaultdict[tuple[str | None, str | None], list[int]] = defaultdict(list)
        parts: defaultdict[tuple[str | None, str | None], list[int]] = defaultdict(list)
        for position, resource in enumerate(self._resources):
            for coding in resource.code.coding:
                own[coding.system, coding.code].append(position)
            for part in resource.component:
                for coding in part.code.coding:
                    parts[coding.system, coding.code].append(position)
        index: dict[CodeKey, list[int]] = {}
        for recorded in (own, parts):
            for (system, code), positions in recorded.items():
                if code:
                    key = code_key(system, code)
                    index.setdefault(key, []).extend(positions)
                    if recorded is own and key[0] in _STANDARD:
                        self._standard.update(positions)
        self._index = index
        return index

    def _newest_first(self, positions: list[int]) -> list[int]:
        """Order by day, then moment, newest first; undated last; equal ones as recorded."""
        if len(positions) < 2:
            return positions
        resources = self._resources
        try:
            keys: dict[int, object] = {one: _exact(resources[one].effective_date_time) for one in positions}
        except (TypeError, ValueError, OverflowError):
            keys = {one: _time_key(_when(resources[one], self._zone)) for one in positions}
        return sorted(positions, key=keys.__getitem__, reverse=True)  # type: ignore[arg-type]


class NewestFirst(Sequence[Observation]):
    """A sequence of Observations that are converted when looked at; equal to the tuple of them."""

    __slots__ = ("_observations", "_positions")

    def __init__(self, observations: LazyObservations, positions: list[int]):
        self._observations = observations
        self._positions = positions

    def __len__(self) -> int:
        return len(self._positions)

    @overload
    def __getitem__(self, number: int) -> Observation: ...
    @overload
    def __getitem__(self, number: slice) -> tuple[Observation, ...]: ...
    def __getitem__(self, number: int | slice) -> Observation | tuple[Observation, ...]:
        if isinstance(number, slice):
            return tuple(self._observations.at(position) for position in self._positions[number])
        return self._observations.at(self._positions[number])

    def __iter__(self) -> Iterator[Observation]:
        at = self._observations.at
        for position in self._positions:
            yield at(position)

    def __add__(self, other: Sequence[Observation]) -> tuple[Observation, ...]:
        return (*self, *other)

    def __radd__(self, other: Sequence[Observation]) -> tuple[Observation, ...]:
        return (*other, *self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, tuple | NewestFirst):
            return NotImplemented
        return tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"<{len(self)} Observations, newest first>"


def read_observation(resource: shapes.Observation, reference: str, zone: tzinfo) -> Observation:
    """Convert one Observation. A field that cannot be read is None, as if not recorded."""
    unread: Faults = []
    value, absent = _value(resource)
    return Observation(
        reference=reference,
        status=resource.status,
        code=read_concept(resource.code),
        when=_when(resource, zone),
        value=value,
        absent_reason=absent,
        components=tuple(_component(part) for part in resource.component),
        category=read_concepts(resource.category, "category", unread),
        interpretation=read_concepts(resource.interpretation, "interpretation", unread),
        body_site=next(iter(read_concepts(resource.body_site, "bodySite", unread)), None),
        notes=read_notes(resource.note, "note", unread),
    )


def read_concept(concept: shapes.Concept) -> Concept:
    """Give the concept as ours; codings that say nothing at all (`{}`) are left out."""
    return Concept(
        tuple(
            Coding(coding.system, coding.code, coding.display)
            for coding in concept.coding
            if coding.code or coding.display or coding.system
        ),
        concept.text,
    )


def read_concepts(raw: shapes.Raw, place: str, faults: Faults) -> tuple[Concept, ...]:
    """Read a field of concepts kept as Raw, be it one or many; concepts that say nothing are left out."""
    found = read_part(raw, list[shapes.Concept], place, faults) or ()
    return tuple(concept for concept in map(read_concept, found) if concept.codings or concept.text)


def read_notes(raw: shapes.Raw, place: str, faults: Faults) -> tuple[str, ...]:
    """Read the texts of annotations."""
    found = read_part(raw, list[shapes.Annotation], place, faults) or ()
    return tuple(note.text for note in found if note.text)


def _component(part: shapes.Component) -> Component:
    value, absent = _value(part)
    return Component(read_concept(part.code), value, absent)


def _value(
    given: shapes.Observation | shapes.Component,
) -> tuple[Quantity | Concept | str | bool | None, Concept | None]:
    """Give the value and why it is absent; a kind of value that we do not compare is absent for that reason."""
    absent = read_concept(given.data_absent_reason) if given.data_absent_reason is not None else None
    quantity = given.value_quantity
    if quantity is not None and quantity.value is not None:
        return Quantity(quantity.value, quantity.unit, quantity.code, quantity.comparator), absent
    if given.value_codeable_concept is not None:
        return read_concept(given.value_codeable_concept), absent
    if given.value_string is not None:
        return given.value_string, absent
    if given.value_boolean is not None:
        return given.value_boolean, absent
    if given.value_integer is not None:
        return Quantity(given.value_integer), absent
    for name in ("value_date_time", "value_time"):
        text = getattr(given, name, None)
        if text is not None:
            return text, absent
    if absent is None:
        kind = next((words for name, words in _NOT_COMPARED if getattr(given, name, None)), None)
        absent = Concept(text=f"recorded as a {kind}, which is not compared") if kind else None
    return None, absent


def _when(resource: shapes.Observation, zone: tzinfo) -> When | None:
    text = resource.effective_date_time or resource.effective_instant
    if text:
        return read_when(text, zone)
    if resource.effective_period is not None:
        return read_period(resource.effective_period, zone)
    if resource.effective_timing is not None:
        return read_timing(resource.effective_timing, zone)
    return None


def _exact(text: str | None) -> float:
    """Give the moment of a full dateTime with a zone, in seconds; raises where the text is anything else."""
    if text is None or len(text) < 17 or not text[4] == text[7] == "-":
        raise ValueError
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError
    return moment.timestamp()


def _time_key(when: When | None) -> tuple[int, float]:
    if when is None or when.latest is None:
        return _UNDATED
    return (when.latest.toordinal(), when.moment.timestamp() if when.moment else float("-inf"))
