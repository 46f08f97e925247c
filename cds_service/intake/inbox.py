"""What came in for one record, sorted by type: each resource once, of this patient only. Reads no clinical field."""

from __future__ import annotations

from datetime import tzinfo

from msgspec import Struct

from cds_service.intake import shapes
from cds_service.intake.bundles import Page
from cds_service.intake.mend import Faults, read_part
from cds_service.intake.observations import LazyObservations
from cds_service.intake.shapes import Entry
from cds_service.patient.record import Unreadable

LOOKED_UP = (shapes.Medication, shapes.Device, shapes.Condition)
"""Types that other resources point to."""


class Found(Struct, frozen=True):
    """One resource on its way into the record: the entry *position* of *page*, the *number*-th of all that came in."""

    resource: shapes.Shape
    reference: str
    page: Page
    position: int
    number: int
    url: str | None
    body: dict | None

    @property
    def place(self) -> str:
        """Where it stood, as a JSON path."""
        return self.page.place(self.position)

    @property
    def names(self) -> tuple[str, ...]:
        """Every way by which a reference may point here."""
        return (self.reference, self.url) if self.url else (self.reference,)


class Inbox(Struct):
    """The resources on their way into the record. *patient_id* is whose they must be; None until it is known."""

    patient_id: str | None
    take_anybody: bool = False
    unreadable: list[Unreadable] = []
    _found: dict[type, list[Found]] = {}
    _observations: list[tuple[Page, list[Entry], list[int] | None]] = []
    _patient_names: set[str] = set()
    _count: int = 0

    def add(self, page: Page, types: tuple[type, ...] | None) -> None:
        """Take the page's resources of *types* (None: of every type)."""
        if page.unreadable:
            self.unreadable += page.unreadable
        if not page.entries:
            return
        if page.is_observations:
            if types is None or shapes.Observation in types:
                self._observations.append((page, page.entries, None))
            return
        observations: list[int] = []
        for number, entry in enumerate(page.entries):
            kind = type(entry.resource)
            if types is not None and kind not in types and kind not in LOOKED_UP:
                continue
            if kind is shapes.Observation:
                observations.append(number)
                continue
            self._count += 1
            one = Found(
                entry.resource,
                _reference(entry, page, number),
                page,
                number,
                self._count,
                entry.full_url,
                page.bodies.get(number),
            )
            self._found.setdefault(kind, []).append(one)
        if observations:
            self._observations.append((page, [page.entries[number] for number in observations], observations))

    def choose_patient(self) -> Found | None:
        """Choose the patient of the record; every other Patient is named as somebody else.

        Where none is in it, or one without a name of its own, the record is of the first subject that is named.
        """
        chosen: Found | None = None
        for one in self._unique(shapes.Patient):
            wanted = self.patient_id is None or one.resource.id in (None, self.patient_id)  # type: ignore[attr-defined]
            if chosen is None and wanted:
                chosen = one
            else:
                self.say(one.place, "Patient", "another patient; left out", of_somebody_else=True)
        if chosen is None:
            self._learn_from_subjects()
            return None
        self.patient_id = self.patient_id or chosen.resource.id  # type: ignore[attr-defined]
        self._patient_names.update(chosen.names)
        if self.patient_id is None and chosen.url is None:
            self._learn_from_subjects()
        return chosen

    def own(self, kind: type) -> list[Found]:
        """The unique resources of *kind* that are of this patient; the others are named."""
        kept: list[Found] = []
        if kind not in self._found:
            return kept
        for one in self._unique(kind):
            if self._is_ours(self._subject(one.resource)):
                kept.append(one)
            else:
                self.say(one.place, kind.__name__, "of another patient; left out", of_somebody_else=True)
        return kept

    def own_observations(self, zone: tzinfo) -> LazyObservations:
        """The unique Observations of this patient; the others are named."""
        if len(self._observations) == 1 and self._observations[0][2] is None:
            page, entries, _ = self._observations[0]
            resources: list[shapes.Observation] = [entry.resource for entry in entries]  # type: ignore[misc]
            subjects = {one.subject.reference for one in resources}
            if len(subjects) == 1 and self._is_ours(subjects.pop()) and _all_differ(resources):
                return LazyObservations(resources, lambda position: _reference(entries[position], page, position), zone)
        everything: list[Entry] = []
        names: list[tuple[int, Page, list[Entry], list[int] | None]] = []
        for page, entries, numbers in self._observations:
            kept, positions = self._of_this_patient(page, entries, numbers)
            names.append((len(everything), page, kept, positions))
            everything += kept
        chosen = _newest_versions(everything)
        if chosen is not None:
            everything = [everything[position] for position in chosen]
        resources = [entry.resource for entry in everything]  # type: ignore[misc]

        def name(position: int) -> str:
            position = chosen[position] if chosen is not None else position
            start, page, entries, numbers = next(one for one in reversed(names) if one[0] <= position)
            number = position - start
            return _reference(entries[number], page, numbers[number] if numbers is not None else number)

        return LazyObservations(resources, name, zone)

    def pointed_at(self, reference: shapes.Reference) -> shapes.Shape | None:
        """Give the resource a reference points to, where we hold it."""
        if not reference.reference:
            return None
        target = reference.reference.split("/_history/")[0]
        held = (one for kind in LOOKED_UP for one in self._found.get(kind, ()))
        return next((one.resource for one in held if target in one.names or target.endswith(f"/{one.reference}")), None)

    def say(
        self, where: str, kind: str | None, what: str, skipped: bool = True, of_somebody_else: bool = False
    ) -> None:
        """Note what could not be read; *skipped* tells that the whole resource was left out."""
        self.unreadable.append(Unreadable(where, kind, what, skipped, of_somebody_else))

    def leave_out(self, one: Found, kind: str, faults: Faults) -> None:
        """Note the fields of a resource that were left out because nothing of them could be understood."""
        for name, expected in faults:
            where = f"{one.place}.{name}" if one.place else name
            self.say(where, kind, f"left out: expected {expected}", skipped=False)

    def _learn_from_subjects(self) -> None:
        """Without a Patient, the record is of the first subject named."""
        if self.patient_id is not None or self.take_anybody:
            return
        for kind, found in self._found.items():
            if kind is shapes.Condition or kind not in (shapes.Patient, *LOOKED_UP):
                for one in found:
                    if subject := self._subject(one.resource):
                        self._patient_names.add(subject)
                        return
        for _, entries, _ in self._observations:
            for entry in entries:
                if subject := entry.resource.subject.reference:  # type: ignore[union-attr]
                    self._patient_names.add(subject)
                    return

    def _of_this_patient(
        self, page: Page, entries: list[Entry], numbers: list[int] | None
    ) -> tuple[list[Entry], list[int] | None]:
        subjects = {entry.resource.subject.reference for entry in entries}  # type: ignore[union-attr]
        strangers = {subject for subject in subjects if not self._is_ours(subject)}
        if not strangers:
            return entries, numbers
        kept: list[int] = []
        for number, entry in enumerate(entries):
            if entry.resource.subject.reference in strangers:  # type: ignore[union-attr]
                place = page.place(numbers[number] if numbers is not None else number)
                self.say(place, "Observation", "of another patient; left out", of_somebody_else=True)
            else:
                kept.append(number)
        return [entries[number] for number in kept], [
            numbers[number] if numbers is not None else number for number in kept
        ]

    def _unique(self, kind: type) -> list[Found]:
        """One of each resource: the newest version, and the first where versions cannot be told apart."""
        found = self._found.get(kind)
        if found is None:
            return []
        newest: dict[str, Found] = {}
        for one in found:
            name = one.reference if kind is shapes.Patient else (one.url or one.reference).split("/_history/")[0]
            held = newest.get(name)
            if held is None or _version(one.resource) > _version(held.resource):
                newest[name] = one
        return list(newest.values())

    def _subject(self, shape: shapes.Shape) -> str | None:
        if isinstance(shape, shapes.Appointment) and shape.subject.reference is None:
            actors = [
                one.actor.reference
                for one in read_part(shape.participant, list[shapes.Participant], "participant", []) or ()
                if one.actor is not None and one.actor.reference
            ]
            patients = [actor for actor in actors if "Patient/" in actor]
            return next((actor for actor in patients if self._is_ours(actor)), patients[0] if patients else None)
        return shape.subject.reference  # type: ignore[attr-defined]

    def _is_ours(self, subject: str | None) -> bool:
        if subject is None or self.take_anybody or subject in self._patient_names:
            return True
        path = subject.split("/_history/")[0]
        if self.patient_id is None:
            return not self._patient_names or any(_same(path, name) for name in self._patient_names)
        kind, _, last = path.rpartition("/")
        return last == self.patient_id and (kind == "Patient" or kind.endswith("/Patient"))


def _reference(entry: Entry, page: Page, position: int) -> str:
    """Name a resource: Type/id, else where it says it lives, else where it stood (*position* of *page*)."""
    resource = entry.resource
    kind = type(resource).__name__
    if resource.id:  # type: ignore[union-attr]
        return f"{kind}/{resource.id}"  # type: ignore[union-attr]
    return entry.full_url or f"{kind} ({page.place(position) or 'without id'})"


def _same(left: str, right: str) -> bool:
    return left == right or left.endswith(f"/{right}") or right.endswith(f"/{left}")


def _version(shape: shapes.Shape) -> str:
    meta = read_part(shape.meta, shapes.Meta, "meta", [])  # type: ignore[attr-defined]
    return (meta.last_updated or "") if meta is not None else ""


def _all_differ(resources: list[shapes.Observation]) -> bool:
    return len({one.id for one in resources}) == len(resources)


def _newest_versions(entries: list[Entry]) -> list[int] | None:
    """Give the positions of one of each Observation; None where all are different, which is nearly always."""
    if _all_differ([entry.resource for entry in entries]):  # type: ignore[misc]
        return None
    newest: dict[object, int] = {}
    for position, entry in enumerate(entries):
        name: object = entry.full_url or entry.resource.id or position  # type: ignore[union-attr]
        held = newest.get(name)
        if held is None or _version(entry.resource) > _version(entries[held].resource):  # type: ignore[arg-type]
            newest[name] = position
    return list(newest.values())
