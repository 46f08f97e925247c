"""What we may know of one patient for the length of one call. Values only; reads nothing.

None means "not recorded" (or, for a whole kind of data, "could not be had"); an empty tuple means
"looked, there is none". Dates keep the precision they were recorded with.

What a chart holds by the hundred is a msgspec Struct, which is made without a line of Python and cannot be written into.
None of these can hold itself, so the garbage collector need not look at them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Set
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum

from msgspec import Struct

from cds_service.patient.codes import CodeKey, code_key


class Precision(Enum):
    YEAR = "year"
    MONTH = "month"
    DAY = "day"
    TIME = "time"


class When(Struct, frozen=True, gc=False):
    """A point or span in time as recorded. *earliest* and *latest* bound the day; *moment* only where a time was given.

    *as_recorded* is the text of the chart, for evidence. Both bounds are None where the record says something that
    is no date (performedString "last spring"); then only the text is known.
    """

    earliest: date | None
    latest: date | None
    precision: Precision | None
    as_recorded: str
    moment: datetime | None = None

    @property
    def is_partial(self) -> bool:
        return self.precision in (Precision.YEAR, Precision.MONTH)


class Coding(Struct, frozen=True, gc=False):
    """A code as recorded. *system* is the recorded URI; `key` is the canonical pair used for look-ups."""

    system: str | None
    code: str | None
    display: str | None = None

    @property
    def key(self) -> CodeKey:
        return code_key(self.system, self.code)


class Concept(Struct, frozen=True, gc=False):
    codings: tuple[Coding, ...] = ()
    text: str | None = None

    @property
    def keys(self) -> tuple[CodeKey, ...]:
        codings = self.codings
        if len(codings) == 1 and codings[0].code:
            return (code_key(codings[0].system, codings[0].code),)
        return tuple([coding.key for coding in codings if coding.code])

    @property
    def words(self) -> tuple[str, ...]:
        """Every text of the concept: its own and its codings' displays."""
        return tuple(filter(None, (self.text, *[coding.display for coding in self.codings])))


class Quantity(Struct, frozen=True, gc=False):
    """A number as sent: *unit* is the human text, *code* the UCUM code; either may be missing."""

    value: float
    unit: str | None = None
    code: str | None = None
    comparator: str | None = None


class Procedure(Struct, frozen=True, gc=False):
    reference: str
    status: str | None
    code: Concept
    performed: When | None = None
    category: tuple[Concept, ...] = ()
    body_sites: tuple[Concept, ...] = ()
    reasons: tuple[Concept, ...] = ()
    notes: tuple[str, ...] = ()
    devices: tuple[Concept, ...] = ()
    device_actions: tuple[Concept, ...] = ()
    complications: tuple[Concept, ...] = ()
    outcome: Concept | None = None
    follow_up: tuple[Concept, ...] = ()
    status_reason: Concept | None = None
    part_of: tuple[str, ...] = ()
    encounter: str | None = None
    identifiers: tuple[tuple[str | None, str], ...] = ()


class Component(Struct, frozen=True, gc=False):
    code: Concept
    value: Quantity | Concept | str | bool | None = None
    absent_reason: Concept | None = None


class Observation(Struct, frozen=True, gc=False):
    reference: str
    status: str | None
    code: Concept
    when: When | None = None
    value: Quantity | Concept | str | bool | None = None
    absent_reason: Concept | None = None
    components: tuple[Component, ...] = ()
    body_site: Concept | None = None
    notes: tuple[str, ...] = ()


NOT_USED = frozenset({"entered-in-error", "cancelled"})
"""Statuses of an Observation that says nothing."""


class Glance(Struct, frozen=True, gc=False):
    """As much of an Observation as a measure looks at, where it is one number under one code; parts as sent."""

    reference: str
    status: str | None
    system: str | None
    code: str | None
    value: float
    unit: str | None
    unit_code: str | None
    comparator: str | None
    when: When


class Plain(Struct, gc=False):
    """What is recorded under some codes, newest first, where each is one number in the same unit, in force, at a moment with
    a zone, and nothing was taken at once with the newest."""

    newest: Glance
    numbers: list[float]
    """As sent, the newest first."""


class Condition(Struct, frozen=True, gc=False):
    reference: str
    code: Concept
    clinical_status: str | None = None
    verification_status: str | None = None
    onset: When | None = None
    recorded: When | None = None
    abatement: When | None = None
    category: tuple[Concept, ...] = ()
    body_sites: tuple[Concept, ...] = ()
    severity: Concept | None = None
    notes: tuple[str, ...] = ()


class Medication(Struct, frozen=True, gc=False):
    """A MedicationRequest or MedicationStatement."""

    reference: str
    status: str | None
    code: Concept
    when: When | None = None
    intent: str | None = None
    ends: When | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """A ServiceRequest, CarePlan, Goal, DeviceRequest or Appointment, as far as we compare it with our advice.

    *resource* is the whole resource as received (needed for an `update`), None where it was not kept.
    """

    reference: str
    kind: str
    status: str | None
    code: tuple[Concept, ...] = ()
    category: tuple[Concept, ...] = ()
    intent: str | None = None
    when: When | None = None
    period_start: When | None = None
    period_end: When | None = None
    instantiates: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    do_not_perform: bool = False
    """The order forbids what it names."""
    performers: tuple[str, ...] = ()
    """Who is to do it, as references; empty where the order names nobody."""
    resource: dict | None = field(default=None, compare=False, hash=False)


class Patient(Struct, frozen=True):
    reference: str
    birth_date: When | None = None
    sex: str | None = None
    deceased: bool | None = None


class Unreadable(Struct, frozen=True, gc=False):
    """Something that could not be read: where it stood, its type if known, and what was wrong. No value of it.

    *skipped* is False where the resource itself was read and only the named field was left out. *of_somebody_else*: it
    could be read and is another patient's.
    """

    where: str
    resource_type: str | None
    what: str
    skipped: bool = True
    of_somebody_else: bool = False


_STANDARD = frozenset({"loinc", "snomed"})


class Observations:
    """The Observations of a record, looked up by code. Newest first; undated ones last.

    intake/ supplies a lazy reading of this same interface, so that a chart of thousands is read only where asked.
    """

    def __init__(self, observations: Iterable[Observation] = ()):
        ordered = sorted(
            observations,
            key=lambda one: (one.when is not None and one.when.latest is not None, _sort_moment(one.when)),
            reverse=True,
        )
        self._all = tuple(ordered)

    def coded(self, codes: Collection[CodeKey]) -> tuple[Observation, ...]:
        """The Observations with any of *codes* as code or as a component's code, newest first."""
        return tuple(
            one
            for one in self._all
            if any(key in codes for key in one.code.keys)
            or any(key in codes for part in one.components for key in part.code.keys)
        )

    def measured(self, codes: Collection[CodeKey]) -> Iterable[Observation | Glance]:
        """As `coded`, but what is one number under one code may come as a `Glance`."""
        return self.coded(codes)

    def plain(self, codes: Collection[CodeKey], since: datetime | None) -> Plain | None:
        """Give the newest under *codes* with all from *since* on, at one look; None where they are not plain enough, and must
        be gone through one by one."""
        return None

    def telling(self, codes: Collection[CodeKey], tells: Callable[[Observation], bool]) -> Iterable[Observation]:
        """As `coded`, but may leave out those for which *tells*, which looks only at code and value, says no."""
        return filter(tells, self.coded(codes))

    def keys(self) -> Set[CodeKey]:
        """Every code under which something is recorded, components' codes among them."""
        own = {key for one in self._all for key in one.code.keys}
        return own | {key for one in self._all for part in one.components for key in part.code.keys}

    def all(self) -> tuple[Observation, ...]:
        return self._all

    def known_by_words(self) -> tuple[Observation, ...]:
        """The Observations without a LOINC or SNOMED code, which only their words can tell; newest first."""
        return tuple(one for one in self.all() if not any(system in _STANDARD for system, _ in one.code.keys))

    def __len__(self) -> int:
        return len(self._all)


def _sort_moment(when: When | None) -> tuple[str, str]:
    if when is None or when.latest is None:
        return ("", "")
    return (when.latest.isoformat(), when.moment.isoformat() if when.moment else "")


@dataclass(frozen=True, slots=True)
class PatientRecord:
    """One patient. A kind of data that could not be had is None and named in *gaps* (kind, reason in words); a kind that
    is named there and is not None is incomplete: more exists than could be read."""

    patient: Patient | None = None
    procedures: tuple[Procedure, ...] | None = None
    observations: Observations | None = None
    conditions: tuple[Condition, ...] | None = None
    medications: tuple[Medication, ...] | None = None
    orders: tuple[Order, ...] | None = None
    appointments: tuple[Order, ...] | None = None
    gaps: tuple[tuple[str, str], ...] = ()
    unreadable: tuple[Unreadable, ...] = ()

    def has_whole(self, kind: str) -> bool:
        """Tell whether *kind* (`conditions`, `medications` ...) could be had to its end: only then does silence say no."""
        if getattr(self, kind) is None:
            return False
        return not self.gaps or all(kind != gap for gap, _ in self.gaps)
