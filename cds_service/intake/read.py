"""FHIR JSON -> PatientRecord: selective, tolerant, resource by resource; says what it could not read.

Reads R4, R4B and R5. Decides nothing clinical: status, doubt and contradiction are kept for those who know.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo

from msgspec import Raw

from cds_service.errors import Fault, InputFaults
from cds_service.intake import shapes
from cds_service.intake.bundles import Page, open_decoded, open_lines, open_page
from cds_service.intake.dates import read_age, read_age_range, read_period, read_timing, read_when, time_was_lost
from cds_service.intake.mend import Faults, read_part
from cds_service.intake.observations import LazyObservations, read_concept, read_concepts, read_notes
from cds_service.intake.shapes import Entry
from cds_service.patient.record import (
    Concept,
    Condition,
    Medication,
    Order,
    Patient,
    PatientRecord,
    Procedure,
    Unreadable,
    When,
)

Body = bytes | Raw | Page

ORDER_KINDS = ("serviceRequests", "carePlans", "goals")
TYPES: dict[str, tuple[type[shapes.Shape], ...]] = {
    "patient": (shapes.Patient,),
    "procedures": (shapes.Procedure,),
    "observations": (shapes.Observation,),
    "conditions": (shapes.Condition,),
    "medications": (shapes.MedicationRequest, shapes.MedicationStatement),
    "serviceRequests": (shapes.ServiceRequest,),
    "carePlans": (shapes.CarePlan,),
    "goals": (shapes.Goal,),
    "appointments": (shapes.Appointment,),
}
"""Kind of data -> the resource types that hold it."""

_LOOKED_UP = (shapes.Medication, shapes.Device, shapes.Condition)


@dataclass(frozen=True, slots=True)
class Drafts:
    """The draft orders of a call, in the order sent, and what of them could not be read."""

    orders: tuple[Order, ...]
    unreadable: tuple[Unreadable, ...] = ()


def read_record(
    resources: Mapping[str, Iterable[Body]],
    *,
    patient_id: str | None = None,
    zone: tzinfo = UTC,
    gaps: Iterable[tuple[str, str]] = (),
) -> PatientRecord:
    """Read the bodies of each kind of data (see TYPES) into one record.

    A kind that is not among the keys stays None ("could not be had"); a kind with no body, a JSON null or an empty Bundle
    becomes an empty tuple ("looked, there is none"). *patient_id* is the patient the call is about: resources of
    anybody else are left out and named. *zone* is the service's time zone. Unknown kinds raise KeyError.
    """
    pages = {kind: _pages(bodies, kind) for kind, bodies in resources.items()}
    for kind in pages:
        if kind not in TYPES:
            raise KeyError(f"{kind!r} is no kind of data; known: {', '.join(TYPES)}")
    reader = _Reader(zone, patient_id.rpartition("/")[2] if patient_id else None)
    for kind, opened in pages.items():
        for page in opened:
            reader.add(page, TYPES[kind])
    return reader.record(frozenset(pages), tuple(gaps))


def read_bundle(body: bytes, *, zone: tzinfo = UTC, patient_id: str | None = None) -> PatientRecord:
    """Read a whole record in one body: a Bundle of anything, an array, a single resource, or one resource a line.

    The body is taken as all there is, so a kind that does not occur is an empty tuple. The patient is *patient_id*, else
    the first Patient in the body, else the first subject named. Raises InputFaults where the body is not FHIR at all.
    """
    page = open_page(body)
    if page.not_fhir:
        page = open_lines(body) or page
    if page.is_null or (page.not_fhir and not page.entries):
        raise InputFaults([Fault("$", page.not_fhir or "null", "a FHIR Bundle, resource, array or one resource a line")])
    if page.failure is not None and not page.entries:
        raise InputFaults([Fault("$", "an OperationOutcome, no patient data", "a FHIR Bundle, resource or array")])
    reader = _Reader(zone, patient_id)
    reader.add(page, None)
    return reader.record(frozenset(TYPES), ())


def read_procedure(body: bytes | Raw, *, zone: tzinfo = UTC) -> Procedure:
    """Read one Procedure.  Raises InputFaults where the body is no JSON, no Procedure, or its code cannot be read."""
    page = open_page(body, "")
    if page.not_fhir == "an object without resourceType":
        page = open_page(_with_type(bytes(body)))
    if page.not_fhir or page.is_null:
        raise InputFaults([Fault("$", page.not_fhir or "null", "a FHIR Procedure")])
    if page.unreadable and not page.entries:
        raise InputFaults([Fault(one.where or "$", one.what) for one in page.unreadable])
    if page.is_bundle or len(page.entries) != 1 or not isinstance(page.entries[0].resource, shapes.Procedure):
        raise InputFaults([Fault("$.resourceType", "not one Procedure", "a FHIR Procedure")])
    reader = _Reader(zone, None, take_anybody=True)
    reader.add(page, (shapes.Procedure,))
    return reader.procedures()[0]


def read_drafts(body: bytes | Raw | Mapping | None, *, patient_id: str | None = None, zone: tzinfo = UTC, root: str = "") -> Drafts:
    """Read the Bundle of draft orders or proposed appointments that a hook's context carries.

    Read as tolerantly as clients write: no Bundle type, no entry, objects for arrays, codings without a code. Types that
    we do not compare are passed over. The body may be JSON or decoded already. *root* is the JSON path of the Bundle, for naming what could not be read.
    """
    if body is None:
        return Drafts(())
    page = open_decoded(body, root) if isinstance(body, Mapping) else open_page(body, root)
    if page.not_fhir:
        return Drafts((), (Unreadable(root, None, page.not_fhir),))
    reader = _Reader(zone, patient_id)
    reader.add(page, shapes.ORDERS)
    return Drafts(reader.orders(shapes.ORDERS), tuple(reader.unreadable))


@dataclass(frozen=True, slots=True)
class _Found:
    """One resource on its way into the record."""

    resource: shapes.Shape
    reference: str
    place: str
    number: int = 0
    url: str | None = None
    body: dict | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Every way by which a reference may point here."""
        return (self.reference, self.url) if self.url else (self.reference,)


@dataclass(slots=True)
class _Reader:
    zone: tzinfo
    patient_id: str | None
    take_anybody: bool = False
    found: dict[type, list[_Found]] = field(default_factory=dict)
    observations: list[tuple[Page, list[Entry], list[int] | None]] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)
    patient_names: set[str] = field(default_factory=set)
    birth: When | None = None
    count: int = 0

    # -- taking in -----------------------------------------------------------------------------------------------

    def add(self, page: Page, types: tuple[type, ...] | None) -> None:
        """Take the page's resources of *types* (None: of every type)."""
        self.unreadable += page.unreadable
        if page.is_observations:
            if types is None or shapes.Observation in types:
                self.observations.append((page, page.entries, None))
            return
        observations: list[int] = []
        for number, entry in enumerate(page.entries):
            kind = type(entry.resource)
            if types is not None and kind not in types and kind not in _LOOKED_UP:
                continue
            if kind is shapes.Observation:
                observations.append(number)
                continue
            place = page.place(number)
            self.count += 1
            one = _Found(entry.resource, _reference(entry, place), place, self.count, entry.full_url, page.bodies.get(number))
            self.found.setdefault(kind, []).append(one)
        if observations:
            self.observations.append((page, [page.entries[number] for number in observations], observations))

    # -- giving out ----------------------------------------------------------------------------------------------

    def record(self, kinds: frozenset[str], gaps: tuple[tuple[str, str], ...]) -> PatientRecord:
        patient = self._patient()
        observations = self._observations() if "observations" in kinds else None
        order_types = tuple(shape for kind in ORDER_KINDS if kind in kinds for shape in TYPES[kind])
        if len(order_types) == len(ORDER_KINDS):
            order_types += (shapes.DeviceRequest,)
        return PatientRecord(
            patient=patient,
            procedures=self.procedures() if "procedures" in kinds else None,
            observations=observations,
            conditions=self._conditions() if "conditions" in kinds else None,
            medications=self._medications() if "medications" in kinds else None,
            orders=self.orders(order_types) if order_types else None,
            appointments=self.orders((shapes.Appointment,)) if "appointments" in kinds else None,
            gaps=gaps,
            unreadable=tuple(self.unreadable),
        )

    def _patient(self) -> Patient | None:
        """Choose the patient; every other Patient is named as somebody else."""
        chosen: _Found | None = None
        for one in self._unique(shapes.Patient):
            wanted = self.patient_id is None or _last_segment(one.reference) == self.patient_id
            if chosen is None and wanted:
                chosen = one
            else:
                self._say(one.place, "Patient", "another patient; left out")
        if chosen is None:
            self._learn_from_subjects()
            return None
        shape: shapes.Patient = chosen.resource  # type: ignore[assignment]
        self.patient_id = self.patient_id or shape.id
        self.patient_names.update(chosen.names)
        self.birth = self._day(shape.birth_date, chosen, "birthDate")
        deceased = shape.deceased_boolean
        if shape.deceased_date_time:
            deceased = True
        return Patient(chosen.reference, self.birth, shape.gender, deceased)

    def _learn_from_subjects(self) -> None:
        """Without a Patient, the record is of the first subject named."""
        if self.patient_id is not None or self.take_anybody:
            return
        for kind, found in self.found.items():
            if kind not in _LOOKED_UP or kind is shapes.Condition:
                for one in found:
                    if subject := self._subject(one.resource, one.place):
                        self.patient_names.add(subject)
                        return
        for _, entries, _ in self.observations:
            for entry in entries:
                if subject := entry.resource.subject.reference:  # type: ignore[union-attr]
                    self.patient_names.add(subject)
                    return

    def procedures(self) -> tuple[Procedure, ...]:
        return tuple(self._procedure(one) for one in self._own(shapes.Procedure))

    def orders(self, types: tuple[type, ...]) -> tuple[Order, ...]:
        found = sorted((one for kind in types for one in self._own(kind)), key=lambda one: one.number)
        return tuple(self._order(one) for one in found)

    def _observations(self) -> LazyObservations:
        resources: list[shapes.Observation] = []
        names: list[tuple[int, Page, list[Entry], list[int] | None]] = []
        for page, entries, numbers in self.observations:
            kept, positions = self._own_observations(page, entries, numbers)
            names.append((len(resources), page, kept, positions))
            resources += [entry.resource for entry in kept]  # type: ignore[misc]
        resources, chosen = _newest_versions(resources)

        def name(position: int) -> str:
            position = chosen[position] if chosen is not None else position
            start, page, entries, numbers = next(one for one in reversed(names) if one[0] <= position)
            number = position - start
            return _reference(entries[number], page.place(numbers[number] if numbers is not None else number))

        return LazyObservations(resources, name, self.zone)

    def _own_observations(
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
                self._say(place, "Observation", "of another patient; left out")
            else:
                kept.append(number)
        return [entries[number] for number in kept], [numbers[number] if numbers is not None else number for number in kept]

    # -- one resource --------------------------------------------------------------------------------------------

    def _procedure(self, one: _Found) -> Procedure:
        shape: shapes.Procedure = one.resource  # type: ignore[assignment]
        faults: Faults = []
        reasons = [
            *read_concepts(shape.reason_code, "reasonCode", faults),
            *self._pointed(shape.reason_reference, "reasonReference", faults),
            *self._either(shape.reason, "reason", faults),
        ]
        focal = read_part(shape.focal_device, list[shapes.FocalDevice], "focalDevice", faults) or ()
        devices = [
            *read_concepts(shape.used_code, "usedCode", faults),
            *self._pointed(shape.used_reference, "usedReference", faults),
            *self._either(shape.used, "used", faults),
            *(known for each in focal if each.manipulated and (known := self._what_is(each.manipulated)) is not None),
        ]
        encounter = read_part(shape.encounter, shapes.Reference, "encounter", faults)
        part_of = read_part(shape.part_of, list[shapes.Reference], "partOf", faults) or ()
        identifiers = read_part(shape.identifier, list[shapes.Identifier], "identifier", faults) or ()
        procedure = Procedure(
            reference=one.reference,
            status=shape.status,
            code=read_concept(shape.code),
            performed=self._performed(one, shape),
            category=read_concepts(shape.category, "category", faults),
            body_sites=read_concepts(shape.body_site, "bodySite", faults),
            reasons=tuple(reasons),
            notes=read_notes(shape.note, "note", faults),
            devices=tuple(devices),
            device_actions=tuple(read_concept(each.action) for each in focal if each.action is not None),
            complications=(
                *self._either(shape.complication, "complication", faults),
                *self._pointed(shape.complication_detail, "complicationDetail", faults),
            ),
            outcome=next(iter(read_concepts(shape.outcome, "outcome", faults)), None),
            follow_up=read_concepts(shape.follow_up, "followUp", faults),
            status_reason=next(iter(read_concepts(shape.status_reason, "statusReason", faults)), None),
            part_of=tuple(each.reference for each in part_of if each.reference),
            encounter=encounter.reference if encounter is not None else None,
            identifiers=tuple((each.system, each.value) for each in identifiers if each.value),
        )
        self._leave_out(one, "Procedure", faults)
        return procedure

    def _performed(self, one: _Found, shape: shapes.Procedure) -> When | None:
        return (
            self._day(shape.performed_date_time, one, "performedDateTime")
            or self._day(shape.occurrence_date_time, one, "occurrenceDateTime")
            or self._period(shape.performed_period, one, "performedPeriod")
            or self._period(shape.occurrence_period, one, "occurrencePeriod")
            or self._timing(shape.occurrence_timing)
            or self._age(shape.performed_age or shape.occurrence_age)
            or self._ages(shape.performed_range or shape.occurrence_range)
            or self._words(shape.performed_string or shape.occurrence_string)
        )

    def _conditions(self) -> tuple[Condition, ...]:
        return tuple(self._condition(one) for one in self._own(shapes.Condition))

    def _condition(self, one: _Found) -> Condition:
        shape: shapes.Condition = one.resource  # type: ignore[assignment]
        faults: Faults = []
        onset = (
            self._day(shape.onset_date_time, one, "onsetDateTime")
            or self._period(shape.onset_period, one, "onsetPeriod")
            or self._age(shape.onset_age)
            or self._ages(shape.onset_range)
            or self._words(shape.onset_string)
        )
        abatement = (
            self._day(shape.abatement_date_time, one, "abatementDateTime")
            or self._period(shape.abatement_period, one, "abatementPeriod")
            or self._age(shape.abatement_age)
            or self._ages(shape.abatement_range)
            or self._words(shape.abatement_string)
            or (When(None, None, None, "abated") if shape.abatement_boolean else None)
        )
        condition = Condition(
            reference=one.reference,
            code=read_concept(shape.code),
            clinical_status=_status(shape.clinical_status, "clinicalStatus", faults),
            verification_status=_status(shape.verification_status, "verificationStatus", faults),
            onset=onset,
            recorded=self._day(shape.recorded_date, one, "recordedDate"),
            abatement=abatement,
            category=read_concepts(shape.category, "category", faults),
            body_sites=read_concepts(shape.body_site, "bodySite", faults),
            severity=next(iter(read_concepts(shape.severity, "severity", faults)), None),
            notes=read_notes(shape.note, "note", faults),
        )
        self._leave_out(one, "Condition", faults)
        return condition

    def _medications(self) -> tuple[Medication, ...]:
        requests = [one for one in self._own(shapes.MedicationRequest) if not one.resource.do_not_perform]  # type: ignore[attr-defined]
        return tuple(
            [self._requested(one) for one in requests] + [self._stated(one) for one in self._own(shapes.MedicationStatement)]
        )

    def _requested(self, one: _Found) -> Medication:
        shape: shapes.MedicationRequest = one.resource  # type: ignore[assignment]
        faults: Faults = []
        ends = [
            end
            for dosage in read_part(shape.dosage_instruction, list[shapes.Dosage], "dosageInstruction", faults) or ()
            if dosage.timing and dosage.timing.repeat and dosage.timing.repeat.bounds_period
            if (end := self._day(dosage.timing.repeat.bounds_period.end, one, "dosageInstruction")) and end.latest
        ]
        medication = Medication(
            reference=one.reference,
            status=shape.status,
            code=self._medicine(shape, faults),
            when=self._day(shape.authored_on, one, "authoredOn"),
            intent=shape.intent,
            ends=max(ends, key=lambda end: end.latest) if ends else None,  # type: ignore[arg-type, return-value]
        )
        self._leave_out(one, "MedicationRequest", faults)
        return medication

    def _stated(self, one: _Found) -> Medication:
        shape: shapes.MedicationStatement = one.resource  # type: ignore[assignment]
        faults: Faults = []
        period = shape.effective_period
        medication = Medication(
            reference=one.reference,
            status=shape.status,
            code=self._medicine(shape, faults),
            when=(
                self._day(shape.effective_date_time, one, "effectiveDateTime")
                or self._day(period.start if period else None, one, "effectivePeriod.start")
                or self._day(shape.date_asserted, one, "dateAsserted")
            ),
            ends=self._day(period.end, one, "effectivePeriod.end") if period else None,
        )
        self._leave_out(one, "MedicationStatement", faults)
        return medication

    def _medicine(self, shape: shapes.MedicationRequest | shapes.MedicationStatement, faults: Faults) -> Concept:
        concept = shape.medication_codeable_concept or (shape.medication.concept if shape.medication else None)
        if concept is not None:
            return read_concept(concept)
        reference = shape.medication_reference or (shape.medication.reference if shape.medication else None)
        if reference is None:
            return Concept()
        if reference.reference and reference.reference.startswith("#"):
            for inside in read_part(shape.contained, list[_Contained], "contained", faults) or ():
                if inside.id == reference.reference[1:] and inside.code is not None:
                    return read_concept(inside.code)
        return self._what_is(reference) or Concept()

    def _order(self, one: _Found) -> Order:
        shape, faults = one.resource, Faults()
        order = _ORDER_READERS[type(shape)](self, one, shape, faults)
        self._leave_out(one, type(shape).__name__, faults)
        return order

    def _service_request(self, one: _Found, shape: shapes.ServiceRequest, faults: Faults) -> Order:
        start, end = self._occurrence(one, shape)
        return Order(
            one.reference,
            "ServiceRequest",
            shape.status,
            code=(*self._either(shape.code, "code", faults), *read_concepts(shape.order_detail, "orderDetail", [])),
            category=read_concepts(shape.category, "category", faults),
            intent=shape.intent,
            when=self._day(shape.authored_on, one, "authoredOn") or start,
            period_start=start,
            period_end=end,
            instantiates=_instantiates(shape, faults),
            notes=(
                *read_notes(shape.note, "note", faults),
                *_instructions(shape.patient_instruction, faults),
            ),
            do_not_perform=bool(shape.do_not_perform),
            resource=one.body,
        )

    def _device_request(self, one: _Found, shape: shapes.DeviceRequest, faults: Faults) -> Order:
        start, end = self._occurrence(one, shape)
        named = shape.code_codeable_concept
        pointed = self._what_is(shape.code_reference) if shape.code_reference else None
        return Order(
            one.reference,
            "DeviceRequest",
            shape.status,
            code=(
                *((read_concept(named),) if named is not None else ()),
                *((pointed,) if pointed is not None else ()),
                *self._either(shape.code, "code", faults),
            ),
            category=read_concepts(shape.category, "category", faults),
            intent=shape.intent,
            when=self._day(shape.authored_on, one, "authoredOn") or start,
            period_start=start,
            period_end=end,
            instantiates=_instantiates(shape, faults),
            notes=read_notes(shape.note, "note", faults),
            do_not_perform=bool(shape.do_not_perform),
            resource=one.body,
        )

    def _care_plan(self, one: _Found, shape: shapes.CarePlan, faults: Faults) -> Order:
        codes, words = [], [text for text in (shape.title, shape.description) if text]
        for activity in read_part(shape.activity, list[shapes.Activity], "activity", faults) or ():
            if activity.detail is not None and activity.detail.code is not None:
                codes.append(read_concept(activity.detail.code))
            if activity.detail is not None and activity.detail.description:
                words.append(activity.detail.description)
            for reference in (activity.reference, activity.planned_activity_reference):
                if reference is not None and reference.display:
                    words.append(reference.display)
        period = shape.period or shapes.Period()
        start = self._day(period.start, one, "period.start")
        return Order(
            one.reference,
            "CarePlan",
            shape.status,
            code=tuple(codes),
            category=read_concepts(shape.category, "category", faults),
            intent=shape.intent,
            when=self._day(shape.created, one, "created") or start,
            period_start=start,
            period_end=self._day(period.end, one, "period.end"),
            instantiates=_instantiates(shape, faults),
            notes=(*words, *read_notes(shape.note, "note", faults)),
            resource=one.body,
        )

    def _goal(self, one: _Found, shape: shapes.Goal, faults: Faults) -> Order:
        start = self._day(shape.start_date, one, "startDate")
        due = [
            when
            for target in read_part(shape.target, list[shapes.Target], "target", faults) or ()
            if (when := self._day(target.due_date, one, "target.dueDate")) and when.latest
        ]
        described = read_concept(shape.description)
        return Order(
            one.reference,
            "Goal",
            shape.lifecycle_status,
            code=(described,) if described.codings or described.text else (),
            category=read_concepts(shape.category, "category", faults),
            when=start,
            period_start=start,
            period_end=max(due, key=lambda when: when.latest) if due else None,  # type: ignore[arg-type, return-value]
            notes=read_notes(shape.note, "note", faults),
            resource=one.body,
        )

    def _appointment(self, one: _Found, shape: shapes.Appointment, faults: Faults) -> Order:
        wished = read_part(shape.requested_period, list[shapes.Period], "requestedPeriod", faults) or ()
        start = self._day(shape.start or next((each.start for each in wished), None), one, "start")
        end = self._day(shape.end or next((each.end for each in wished), None), one, "end")
        words = [text for text in (shape.description, shape.comment) if text]
        return Order(
            one.reference,
            "Appointment",
            shape.status,
            code=self._either(shape.service_type, "serviceType", faults),
            category=(
                *read_concepts(shape.service_category, "serviceCategory", faults),
                *read_concepts(shape.specialty, "specialty", faults),
                *read_concepts(shape.appointment_type, "appointmentType", faults),
            ),
            when=start,
            period_start=start,
            period_end=end,
            notes=(*words, *read_notes(shape.note, "note", faults)),
            resource=one.body,
        )

    def _medication_order(self, one: _Found, shape: shapes.MedicationRequest, faults: Faults) -> Order:
        medicine = self._medicine(shape, faults)
        return Order(
            one.reference,
            "MedicationRequest",
            shape.status,
            code=(medicine,) if medicine.codings or medicine.text else (),
            category=read_concepts(shape.category, "category", faults),
            intent=shape.intent,
            when=self._day(shape.authored_on, one, "authoredOn"),
            notes=read_notes(shape.note, "note", faults),
            do_not_perform=bool(shape.do_not_perform),
            resource=one.body,
        )

    # -- fields --------------------------------------------------------------------------------------------------

    def _occurrence(
        self, one: _Found, shape: shapes.ServiceRequest | shapes.DeviceRequest
    ) -> tuple[When | None, When | None]:
        period = shape.occurrence_period
        if period is None and shape.occurrence_timing is not None and shape.occurrence_timing.repeat is not None:
            period = shape.occurrence_timing.repeat.bounds_period
        if period is not None:
            return (
                self._day(period.start, one, "occurrencePeriod.start"),
                self._day(period.end, one, "occurrencePeriod.end"),
            )
        start = self._day(shape.occurrence_date_time, one, "occurrenceDateTime") or self._timing(shape.occurrence_timing)
        return start, None

    def _day(self, text: str | None, one: _Found, name: str) -> When | None:
        if not text or not text.strip():
            return None
        when = read_when(text, self.zone)
        self._check_date(when, one, name)
        return when

    def _period(self, period: shapes.Period | None, one: _Found, name: str) -> When | None:
        if period is None:
            return None
        start, end = self._day(period.start, one, f"{name}.start"), self._day(period.end, one, f"{name}.end")
        if start and end and start.earliest and end.latest and end.latest < start.earliest:
            self._say(f"{one.place}.{name}", type(one.resource).__name__, "ends before it starts", skipped=False)
        return read_period(period, self.zone)

    def _timing(self, timing: shapes.Timing | None) -> When | None:
        return read_timing(timing, self.zone) if timing is not None else None

    def _age(self, age: shapes.Quantity | None) -> When | None:
        return read_age(age, self.birth) if age is not None else None

    def _ages(self, span: shapes.Range | None) -> When | None:
        return read_age_range(span, self.birth) if span is not None else None

    def _words(self, text: str | None) -> When | None:
        return read_when(text, self.zone) if text and text.strip() else None

    def _check_date(self, when: When, one: _Found, name: str) -> None:
        kind = type(one.resource).__name__
        if when.latest is None:
            self._say(f"{one.place}.{name}" if one.place else name, kind, "no possible date", skipped=False)
        elif time_was_lost(when):
            what = "the time of day cannot be read; only its day is used"
            self._say(f"{one.place}.{name}" if one.place else name, kind, what, skipped=False)

    def _either(self, raw: Raw, place: str, faults: Faults) -> tuple[Concept, ...]:
        """Read a field that is of concepts in R4 and of CodeableReferences in R5."""
        read = read_part(raw, list[_ConceptOrReference], place, faults) or ()
        found = []
        for each in read:
            if each.concept is not None or each.reference is not None:
                concept = read_concept(each.concept) if each.concept is not None else self._what_is(each.reference)
            else:
                concept = read_concept(shapes.Concept(each.coding, each.text))
            if concept is not None and (concept.codings or concept.text):
                found.append(concept)
        return tuple(found)

    def _pointed(self, raw: Raw, place: str, faults: Faults) -> tuple[Concept, ...]:
        read = read_part(raw, list[shapes.Reference], place, faults) or ()
        return tuple(concept for reference in read if (concept := self._what_is(reference)) is not None)

    def _what_is(self, reference: shapes.Reference) -> Concept | None:
        """Tell what a reference points to: by the resource where we hold it, else by its display."""
        if reference.reference:
            target = reference.reference.split("/_history/")[0]
            for kind in _LOOKED_UP:
                for one in self.found.get(kind, ()):
                    if target in one.names or target.endswith(f"/{one.reference}"):
                        return self._concept_of(one.resource)
        return Concept(text=reference.display) if reference.display else None

    def _concept_of(self, shape: shapes.Shape) -> Concept | None:
        if isinstance(shape, shapes.Device):
            types = read_concepts(shape.type, "type", [])
            names = read_part(shape.device_name, list[shapes.DeviceName], "deviceName", []) or ()
            text = next((name.name for name in names if name.name), None)
            return types[0] if types else Concept(text=text) if text else None
        return read_concept(shape.code)  # type: ignore[attr-defined]

    # -- whose, and how often ------------------------------------------------------------------------------------

    def _own(self, kind: type) -> list[_Found]:
        """The unique resources of *kind* that are of this patient; the others are named."""
        kept = []
        for one in self._unique(kind):
            if self._is_ours(self._subject(one.resource, one.place)):
                kept.append(one)
            else:
                self._say(one.place, kind.__name__, "of another patient; left out")
        return kept

    def _unique(self, kind: type) -> list[_Found]:
        """One of each resource: the newest version, and the first where versions cannot be told apart."""
        newest: dict[str, _Found] = {}
        for one in self.found.get(kind, ()):
            name = one.reference if kind is shapes.Patient else (one.url or one.reference).split("/_history/")[0]
            held = newest.get(name)
            if held is None or _version(one.resource) > _version(held.resource):
                newest[name] = one
        return list(newest.values())

    def _subject(self, shape: shapes.Shape, place: str) -> str | None:
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
        if subject is None or self.take_anybody or subject in self.patient_names:
            return True
        path = subject.split("/_history/")[0]
        if self.patient_id is None:
            return not self.patient_names or any(_same(path, name) for name in self.patient_names)
        kind, _, last = path.rpartition("/")
        return last == self.patient_id and (kind == "Patient" or kind.endswith("/Patient"))

    def _say(self, where: str, kind: str | None, what: str, skipped: bool = True) -> None:
        self.unreadable.append(Unreadable(where, kind, what, skipped))

    def _leave_out(self, one: _Found, kind: str, faults: Faults) -> None:
        for name, expected in faults:
            where = f"{one.place}.{name}" if one.place else name
            self._say(where, kind, f"left out: expected {expected}", skipped=False)


class _ConceptOrReference(shapes.Shape):
    """R4's CodeableConcept and R5's CodeableReference in one."""

    coding: list[shapes.Coding] = []
    text: str | None = None
    concept: shapes.Concept | None = None
    reference: shapes.Reference | None = None


class _Contained(shapes.Shape):
    id: str | None = None
    code: shapes.Concept | None = None


class _Said(shapes.Shape):
    """One of R5's patient instructions."""

    instruction_markdown: str | None = None


_ORDER_READERS = {
    shapes.ServiceRequest: _Reader._service_request,
    shapes.CarePlan: _Reader._care_plan,
    shapes.Goal: _Reader._goal,
    shapes.DeviceRequest: _Reader._device_request,
    shapes.Appointment: _Reader._appointment,
    shapes.MedicationRequest: _Reader._medication_order,
}


def _pages(bodies: Iterable[Body], kind: str) -> list[Page]:
    return [
        body if isinstance(body, Page) else open_page(body, f"{kind}[{number}]" if number else kind)
        for number, body in enumerate(bodies)
    ]


def _with_type(body: bytes) -> bytes:
    return body.replace(b"{", b'{"resourceType":"Procedure",', 1)


def _reference(entry: Entry, place: str) -> str:
    """Name a resource: Type/id, else where it says it lives, else where it stood."""
    resource = entry.resource
    kind = type(resource).__name__
    if resource.id:  # type: ignore[union-attr]
        return f"{kind}/{resource.id}"  # type: ignore[union-attr]
    return entry.full_url or f"{kind} ({place or 'without id'})"


def _last_segment(reference: str) -> str:
    return reference.rpartition("/")[2]


def _same(left: str, right: str) -> bool:
    return left == right or left.endswith(f"/{right}") or right.endswith(f"/{left}")


def _version(shape: shapes.Shape) -> str:
    meta = read_part(shape.meta, shapes.Meta, "meta", [])  # type: ignore[attr-defined]
    return (meta.last_updated or "") if meta is not None else ""


def _newest_versions(
    resources: list[shapes.Observation],
) -> tuple[list[shapes.Observation], list[int] | None]:
    """One of each Observation, and the positions kept (None: all of them)."""
    ids = {resource.id for resource in resources}
    if len(ids) == len(resources):
        return resources, None
    newest: dict[object, int] = {}
    for position, resource in enumerate(resources):
        key: object = resource.id if resource.id is not None else position
        held = newest.get(key)
        if held is None or _version(resource) > _version(resources[held]):
            newest[key] = position
    chosen = list(newest.values())
    return [resources[position] for position in chosen], chosen


def _status(raw: Raw, place: str, faults: Faults) -> str | None:
    """Read a status that is a concept (R4, R5) or a plain code (older servers)."""
    if bytes(raw)[:1] == b'"':
        return read_part(raw, str, place, faults)
    concept = next(iter(read_concepts(raw, place, faults)), None)
    if concept is None:
        return None
    return next((coding.code for coding in concept.codings if coding.code), concept.text)


def _instantiates(shape: shapes.Shape, faults: Faults) -> tuple[str, ...]:
    return tuple(
        text
        for name, raw in (
            ("instantiatesCanonical", shape.instantiates_canonical),  # type: ignore[attr-defined]
            ("instantiatesUri", shape.instantiates_uri),  # type: ignore[attr-defined]
        )
        for text in read_part(raw, list[str], name, faults) or ()
    )


def _instructions(raw: Raw, faults: Faults) -> tuple[str, ...]:
    """Read instructions for the patient: one text in R4, objects in R5."""
    if bytes(raw)[:1] == b'"':
        return (read_part(raw, str, "patientInstruction", faults),)
    said = read_part(raw, list[_Said], "patientInstruction", faults) or ()
    return tuple(one.instruction_markdown for one in said if one.instruction_markdown)
