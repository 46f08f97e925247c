"""A chart's Observations, read only where somebody asks: indexed by code once, each converted when it is looked at."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence, Set
from datetime import datetime, tzinfo
from operator import ge
from typing import Any, overload

from msgspec import Raw

from cds_service.intake import shapes
from cds_service.intake.dates import plain_zone, read_period, read_timing, read_when, when_of
from cds_service.intake.mend import Faults, read_part
from cds_service.patient.codes import CodeKey, canonical_system, code_key, normal_code
from cds_service.patient.record import NOT_USED, Coding, Component, Concept, Glance, Observation, Plain, Quantity, When

_STANDARD = frozenset({"loinc", "snomed"})
_Places = defaultdict[str | None, defaultdict[str | None, list[int]]]
"""Where each code stands, by system and code as recorded: most charts name one system throughout."""
_WORDINGS_KEPT = 8
_NO_CODE: CodeKey = ("", "")
_UNDATED = (0, float("-inf"))
_NOT_COMPARED = (
    ("value_range", "Range"),
    ("value_ratio", "Ratio"),
    ("value_period", "Period"),
    ("value_sampled_data", "SampledData"),
)


class LazyObservations:
    """The interface of patient/record.Observations over decoded, not yet converted resources.

    *name* gives the reference of a resource that has no id, by its position. What `coded` and `all` return converts an
    Observation when it is looked at, newest first: who stops at the newest of a thousand pays for one. `known_by_words`
    is as cheap, so long as nobody looks.
    """

    def __init__(self, resources: Sequence[shapes.Observation], name: Callable[[int], str], zone: tzinfo):
        zone = plain_zone(zone)
        self._resources = resources
        self._zone = zone
        self._index: dict[CodeKey, list[int]] | None = None
        self._shelf = _Shelf(resources, name, zone)
        self._everything: NewestFirst | None = None
        self._worded: NewestFirst | None = None
        self._odd: list[int] = []

    def coded(self, codes: Collection[CodeKey]) -> NewestFirst:
        """The Observations with any of *codes* as code or as a component's code, newest first."""
        return NewestFirst(self._shelf.at, self._newest_first(self._positions(codes)))

    def measured(self, codes: Collection[CodeKey]) -> Iterator[Observation | Glance]:
        """As `coded`, but what is one number under one code comes as a `Glance`, made without the rest of it."""
        return self._shelf.glances(self._newest_first(self._positions(codes)))

    def plain(self, codes: Collection[CodeKey], since: datetime | None) -> Plain | None:
        """Give the newest under *codes* with all from *since* on, at one look; None where they are not plain enough."""
        positions, resources = self._positions(codes), self._resources
        moments = _moments(resources, positions)
        if moments is None:
            return None
        if len(moments) > 1 and not _is_falling(moments):
            order = _falling(moments)
            positions = [positions[number] for number in order]
            moments = [moments[number] for number in order]
        numbers: list[float] = []
        first: tuple[shapes.Coding, shapes.Quantity] | None = None
        for position, moment in zip(positions, moments, strict=True):
            if first is not None and since is not None and moment < since:
                break
            resource = resources[position]
            found = _one_number(resource, codes)
            if found is None or resource.status in NOT_USED:
                return None
            sent = found[1]
            if first is None:
                first = found
            elif sent.unit != first[1].unit or sent.code != first[1].code:
                return None
            numbers.append(sent.value)
        if first is None or (len(moments) > 1 and moments[1] == moments[0]):
            return None
        position = positions[0]
        when = when_of(moments[0], resources[position].effective_date_time, self._zone)
        return Plain(self._shelf.glance(position, *first, when), numbers)

    def _positions(self, codes: Collection[CodeKey]) -> list[int]:
        """Where anything is recorded under one of *codes*, in the order of the record."""
        index = self._build_index()
        if len(codes) == 1:
            return index.get(*codes, [])
        found = [index[key] for key in codes if key in index]
        return found[0] if len(found) == 1 else sorted(set().union(*found))

    def telling(self, codes: Collection[CodeKey], tells: Callable[[Observation], bool]) -> NewestFirst:
        """As `coded`, without those for which *tells* says no. It is asked once for all that say the same of the same
        (never smoked, thirty times over), so it may look at code and value, and at nothing else.
        """
        said: list[tuple[shapes.Concept, shapes.Concept, bool]] = []
        kept = []
        for position in self._positions(self.keys() & codes):
            resource = self._resources[position]
            code, value = resource.code, resource.value_codeable_concept
            if value is None or resource.component or resource.value_quantity:
                known = tells(self._shelf.at(position))
            else:
                for told, what, known in said:  # noqa: B007  what was known is used below
                    if what == value and told == code:
                        break
                else:
                    known = tells(self._shelf.code_and_value(position))
                    said = [(code, value, known), *said[:_WORDINGS_KEPT]]
            if known:
                kept.append(position)
        return NewestFirst(self._shelf.at, self._newest_first(kept) if kept else kept)

    def keys(self) -> Set[CodeKey]:
        """Every code under which something is recorded, components' codes among them."""
        return self._build_index().keys()

    def all(self) -> NewestFirst:
        """Every Observation, newest first."""
        if self._everything is None:
            self._everything = NewestFirst(self._shelf.at, self._newest_first(list(range(len(self._resources)))))
        return self._everything

    def known_by_words(self) -> NewestFirst:
        """The Observations without a LOINC or SNOMED code, which only their words can tell; newest first."""
        if self._worded is None:
            self._build_index()
            self._worded = NewestFirst(self._shelf.at, self._newest_first(self._odd))
        return self._worded

    def __len__(self) -> int:
        return len(self._resources)

    def at(self, position: int) -> Observation:
        """Give the Observation at *position* of the record."""
        return self._shelf.at(position)

    def _build_index(self) -> dict[CodeKey, list[int]]:
        """Tell which positions hold which code; this is all that is paid for an Observation nobody asks for."""
        if self._index is not None:
            return self._index
        own: _Places = defaultdict(lambda: defaultdict(list))
        parts: _Places = defaultdict(lambda: defaultdict(list))
        last: str | None = None
        table = own[last]
        is_odd = False
        for position, resource in enumerate(self._resources):
            codings = resource.code.coding
            if len(codings) == 1:  # as nearly all are; a loop over one costs as much again
                coding = codings[0]
                if coding.system != last:
                    last = coding.system
                    table = own[last]
                table[coding.code].append(position)
            else:
                is_odd = is_odd or not codings
                for coding in codings:
                    _note(own[coding.system][coding.code], position)
            if resource.component:
                for part in resource.component:
                    for coding in part.code.coding:
                        _note(parts[coding.system][coding.code], position)
        standard, others = _by_key(own)
        if is_odd or others:
            every = set(range(len(self._resources)))
            self._odd = sorted(every.difference(*standard.values()))
        self._index = standard
        for more in (others, *_by_key(parts)):
            for key, positions in more.items():
                known = self._index.get(key)
                self._index[key] = positions if known is None else sorted({*known, *positions})
        self._index.pop(_NO_CODE, None)
        return self._index

    def _newest_first(self, positions: list[int]) -> list[int]:
        """Order by day, then moment, newest first; undated last; equal ones as recorded."""
        if len(positions) < 2:
            return positions
        resources = self._resources
        moments = _moments(resources, positions)
        if moments is not None and _is_falling(moments):
            return positions
        keys: Sequence[Any] = moments or [_time_key(_when(resources[position], self._zone)) for position in positions]
        return [positions[number] for number in _falling(keys)]


def _note(positions: list[int], position: int) -> None:
    """Add *position* to *positions* once, be its code written there twice."""
    if not positions or positions[-1] != position:
        positions.append(position)


def _moments(resources: Sequence[shapes.Observation], positions: Sequence[int]) -> list[datetime] | None:
    """Give when the Observations at *positions* were made, where each has a full dateTime with a zone, as nearly all have."""
    moments = []
    for position in positions:
        text = resources[position].effective_date_time
        # Only so are other forms that Python reads (a day of a week, no separators) left to careful reading.
        if text is None or text[4:17:3] != "--T::":
            return None
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return None
        if moment.tzinfo is None:
            return None
        moments.append(moment)
    return moments


def _is_falling(moments: Sequence[datetime]) -> bool:
    """Tell whether *moments* stand newest first already, as they do where a server has sorted."""
    return all(map(ge, moments, moments[1:]))


def _one_number(
    resource: shapes.Observation, codes: Collection[CodeKey]
) -> tuple[shapes.Coding, shapes.Quantity] | None:
    """Give the one number that is sent under one of *codes*, be it the Observation's own or a component's; None where there is
    more to it."""
    part: shapes.Observation | shapes.Component = resource
    if resource.component:
        if any([code_key(one.system, one.code) in codes for one in resource.code.coding]):
            return None
        parts = [
            part
            for part in resource.component
            if any([code_key(one.system, one.code) in codes for one in part.code.coding])
        ]
        if len(parts) != 1:
            return None
        part = parts[0]
    coding, sent = part.code.coding, part.value_quantity
    if len(coding) != 1 or sent is None or sent.value is None or sent.comparator:
        return None
    return coding[0], sent


def _falling(keys: Sequence[Any]) -> list[int]:
    """Give the places of *keys* from the highest to the lowest, equal ones as they stand."""
    return sorted(range(len(keys)), key=keys.__getitem__, reverse=True)


def _by_key(places: _Places) -> tuple[dict[CodeKey, list[int]], dict[CodeKey, list[int]]]:
    """Put together what is written differently and means the same: LOINC and SNOMED codes, and all others."""
    standard: dict[CodeKey, list[int]] = {}
    others: dict[CodeKey, list[int]] = {}
    for system, codes in places.items():
        canonical = canonical_system(system)
        for code, positions in codes.items():
            key = (canonical, normal_code(canonical, code)) if code else _NO_CODE
            found = standard if key[0] in _STANDARD else others
            found[key] = positions if key not in found else sorted({*found[key], *positions})
    return standard, others


class _Shelf:
    """The decoded resources by position, each converted at most once.

    It knows nothing of those who ask it: a circle would keep a whole chart in memory until the garbage collector comes by.
    """

    __slots__ = ("_convert", "_converted", "_name", "_resources", "_zone")

    def __init__(self, resources: Sequence[shapes.Observation], name: Callable[[int], str], zone: tzinfo):
        self._resources = resources
        self._name = name
        self._zone = zone
        self._convert = _Converter(zone)
        self._converted: dict[int, Observation] = {}

    def at(self, position: int) -> Observation:
        """Give the Observation at *position* of the record, converted at most once."""
        found = self._converted.get(position)
        if found is None:
            resource = self._resources[position]
            name = f"Observation/{resource.id}" if resource.id else self._name(position)
            found = self._converted[position] = self._convert.convert(resource, name)
        return found

    def code_and_value(self, position: int) -> Observation:
        """Give as much of an Observation without components as its code and its coded value tell."""
        resource, concept = self._resources[position], self._convert.concept
        return Observation("", None, concept(resource.code), None, concept(resource.value_codeable_concept))

    def glances(self, positions: Sequence[int]) -> Iterator[Observation | Glance]:
        """Give what stands at *positions*, each made when its turn comes: a `Glance` where one number is all there is."""
        resources = self._resources
        for position in positions:
            resource = resources[position]
            sent, text = resource.value_quantity, resource.effective_date_time
            if sent is None or sent.value is None or not text or resource.component or len(resource.code.coding) != 1:
                yield self.at(position)
            else:
                yield self.glance(position, resource.code.coding[0], sent, read_when(text, self._zone))

    def glance(self, position: int, coding: shapes.Coding, sent: shapes.Quantity, when: When) -> Glance:
        """Give the number *sent* at *position* under *coding*."""
        resource = self._resources[position]
        return Glance(
            f"Observation/{resource.id}" if resource.id else self._name(position),
            resource.status,
            coding.system,
            coding.code,
            sent.value,
            sent.unit,
            sent.code,
            sent.comparator,
            when,
        )


class NewestFirst(Sequence[Observation]):
    """A sequence of Observations that are converted when looked at; equal to the tuple of them."""

    __slots__ = ("_at", "_positions")

    def __init__(self, at: Callable[[int], Observation], positions: list[int]):
        self._at = at
        self._positions = positions

    def __len__(self) -> int:
        return len(self._positions)

    @overload
    def __getitem__(self, number: int) -> Observation: ...
    @overload
    def __getitem__(self, number: slice) -> tuple[Observation, ...]: ...
    def __getitem__(self, number: int | slice) -> Observation | tuple[Observation, ...]:
        if isinstance(number, slice):
            return tuple(self._at(position) for position in self._positions[number])
        return self._at(self._positions[number])

    def __iter__(self) -> Iterator[Observation]:
        at = self._at
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


class _Converter:
    """Turns decoded Observations into ours. Concepts that recur, as most do in a chart, are made once for each record."""

    def __init__(self, zone: tzinfo):
        self._zone = zone
        self._concepts: dict[tuple[str | None, ...], Concept] = {}
        self._fields: dict[bytes, tuple[Concept, ...]] = {}

    def convert(self, resource: shapes.Observation, reference: str) -> Observation:
        """Convert one Observation. A field that cannot be read is as if it were not recorded."""
        value, absent = self._value(resource)
        site = self._many(resource.body_site) if resource.body_site else ()
        text = resource.effective_date_time
        return Observation(
            reference,
            resource.status,
            self.concept(resource.code),
            read_when(text, self._zone) if text else _when(resource, self._zone),
            value,
            absent,
            tuple(map(self._component, resource.component)) if resource.component else (),
            site[0] if site else None,
            read_notes(resource.note, "note", []) if resource.note else (),
        )

    def concept(self, concept: shapes.Concept) -> Concept:
        """Convert a concept."""
        codings = concept.coding
        if len(codings) != 1:
            return read_concept(concept)
        coding = codings[0]
        key = (coding.system, coding.code, coding.display, concept.text)
        found = self._concepts.get(key)
        if found is None:
            found = self._concepts[key] = read_concept(concept)
        return found

    def _many(self, raw: Raw) -> tuple[Concept, ...]:
        written = bytes(raw)
        found = self._fields.get(written)
        if found is None:
            found = self._fields[written] = read_concepts(raw, "", [])
        return found

    def _component(self, part: shapes.Component) -> Component:
        value, absent = self._value(part)
        return Component(self.concept(part.code), value, absent)

    def _value(
        self, given: shapes.Observation | shapes.Component
    ) -> tuple[Quantity | Concept | str | bool | None, Concept | None]:
        """Give the value and why it is absent; a kind of value that we do not compare is absent for that reason."""
        absent = self.concept(given.data_absent_reason) if given.data_absent_reason is not None else None
        quantity = given.value_quantity
        if quantity is not None and quantity.value is not None:
            return Quantity(quantity.value, quantity.unit, quantity.code, quantity.comparator), absent
        if given.value_codeable_concept is not None:
            return self.concept(given.value_codeable_concept), absent
        if given.value_string is not None:
            return given.value_string, absent
        if given.value_boolean is not None:
            return given.value_boolean, absent
        if given.value_integer is not None:
            return Quantity(given.value_integer), absent
        if isinstance(given, shapes.Observation) and (given.value_date_time or given.value_time):
            return given.value_date_time or given.value_time, absent
        if absent is None:
            kind = next((words for name, words in _NOT_COMPARED if getattr(given, name, None)), None)
            absent = Concept(text=f"recorded as a {kind}, which is not compared") if kind else None
        return None, absent


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


def read_concepts(raw: Raw, place: str, faults: Faults) -> tuple[Concept, ...]:
    """Read a field of concepts kept as Raw, be it one or many; concepts that say nothing are left out."""
    found = read_part(raw, list[shapes.Concept], place, faults) or ()
    return tuple(concept for concept in map(read_concept, found) if concept.codings or concept.text)


def read_notes(raw: Raw, place: str, faults: Faults) -> tuple[str, ...]:
    """Read the texts of annotations."""
    found = read_part(raw, list[shapes.Annotation], place, faults) or ()
    return tuple(note.text for note in found if note.text)


def _when(resource: shapes.Observation, zone: tzinfo) -> When | None:
    text = resource.effective_date_time or resource.effective_instant
    if text:
        return read_when(text, zone)
    if resource.effective_period is not None:
        return read_period(resource.effective_period, zone)
    if resource.effective_timing is not None:
        return read_timing(resource.effective_timing, zone)
    return None


def _time_key(when: When | None) -> tuple[int, float]:
    if when is None or when.latest is None:
        return _UNDATED
    return (when.latest.toordinal(), when.moment.timestamp() if when.moment else float("-inf"))
