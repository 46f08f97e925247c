"""Fields that several kinds of resource share: days, ages, concepts by value or by reference. Names what it cannot read."""

from __future__ import annotations

from datetime import tzinfo

from msgspec import Raw, Struct

from cds_service.intake import shapes
from cds_service.intake.dates import read_age, read_age_range, read_period, read_timing, read_when, time_was_lost
from cds_service.intake.inbox import Found, Inbox
from cds_service.intake.mend import Faults, read_part
from cds_service.intake.observations import read_concept, read_concepts
from cds_service.patient.record import Concept, When


class Fields(Struct):
    """Reads fields of one record's resources. *zone* is the service's, *birth* the patient's birth date where known."""

    inbox: Inbox
    zone: tzinfo
    birth: When | None = None

    def day(self, text: str | None, one: Found, name: str) -> When | None:
        """Read a date, dateTime or instant; one that is impossible is told as *name* of the resource."""
        if not text or not text.strip():
            return None
        when = read_when(text, self.zone)
        if when.latest is None or (len(text) > 10 and time_was_lost(when)):
            self._tell_doubt(when, one, name)
        return when

    def period(self, period: shapes.Period | None, one: Found, name: str) -> When | None:
        """Read a Period; an impossible side, or an end before the start, is told."""
        if period is None:
            return None
        start, end = self.day(period.start, one, f"{name}.start"), self.day(period.end, one, f"{name}.end")
        if start and end and start.earliest and end.latest and end.latest < start.earliest:
            self.inbox.say(f"{one.place}.{name}", type(one.resource).__name__, "ends before it starts", skipped=False)
        return read_period(period, self.zone)

    def timing(self, timing: shapes.Timing | None) -> When | None:
        """Read a Timing as the span of its events or bounds."""
        return read_timing(timing, self.zone) if timing is not None else None

    def age(self, age: shapes.Quantity | None) -> When | None:
        """Read an age as the days on which the patient had it."""
        return read_age(age, self.birth) if age is not None else None

    def ages(self, span: shapes.Range | None) -> When | None:
        """Read a range of ages."""
        return read_age_range(span, self.birth) if span is not None else None

    def words(self, text: str | None) -> When | None:
        """Read words in the place of a date: a plain ISO date is one, anything else stays words and is no fault."""
        return read_when(text, self.zone) if text and text.strip() else None

    def either(self, raw: Raw, place: str, faults: Faults) -> tuple[Concept, ...]:
        """Read a field that is of concepts in R4 and of CodeableReferences in R5."""
        read = read_part(raw, list[_ConceptOrReference], place, faults) or ()
        found = []
        for each in read:
            if each.concept is not None or each.reference is not None:
                concept = read_concept(each.concept) if each.concept is not None else self.what_is(each.reference)
            else:
                concept = read_concept(shapes.Concept(each.coding, each.text))
            if concept is not None and (concept.codings or concept.text):
                found.append(concept)
        return tuple(found)

    def pointed(self, raw: Raw, place: str, faults: Faults) -> tuple[Concept, ...]:
        """Read a field of references as what they point to."""
        read = read_part(raw, list[shapes.Reference], place, faults) or ()
        return tuple(concept for reference in read if (concept := self.what_is(reference)) is not None)

    def what_is(self, reference: shapes.Reference) -> Concept | None:
        """Tell what a reference points to: by the resource where we hold it, else by its display."""
        held = self.inbox.pointed_at(reference)
        if held is not None:
            return _concept_of(held)
        return Concept(text=reference.display) if reference.display else None

    def _tell_doubt(self, when: When, one: Found, name: str) -> None:
        lost = "the time of day cannot be read; only its day is used"
        what = "no possible date" if when.latest is None else lost
        where = f"{one.place}.{name}" if one.place else name
        self.inbox.say(where, type(one.resource).__name__, what, skipped=False)


def _concept_of(shape: shapes.Shape) -> Concept | None:
    if isinstance(shape, shapes.Device):
        types = read_concepts(shape.type, "type", [])
        names = read_part(shape.device_name, list[shapes.DeviceName], "deviceName", []) or ()
        text = next((name.name for name in names if name.name), None)
        return types[0] if types else Concept(text=text) if text else None
    return read_concept(shape.code)  # type: ignore[attr-defined]


class _ConceptOrReference(shapes.Shape):
    """R4's CodeableConcept and R5's CodeableReference in one."""

    coding: list[shapes.Coding] = []
    text: str | None = None
    concept: shapes.Concept | None = None
    reference: shapes.Reference | None = None
