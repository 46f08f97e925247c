"""The few fields of FHIR resources that we read, as msgspec structs for R4, R4B and R5 at once. Holds no logic.

A field typed `Raw` is kept as bytes and read later: because the FHIR versions disagree on its type (Procedure.category
is one concept in R4 and a list in R5), or because it is rarely looked at (Observation.note). Fields that are not listed
are skipped by the decoder, which is what makes reading cheap.
"""

from __future__ import annotations

from msgspec import Raw, Struct

NOTHING = Raw(b"")
"""The field was absent."""


class Shape(Struct, rename="camel", gc=False, forbid_unknown_fields=False):
    """Root of our structs: FHIR's camelCase outside, ours inside; invisible to the garbage collector (no cycles)."""


class Coding(Shape):
    system: str | None = None
    code: str | None = None
    display: str | None = None


class Concept(Shape, frozen=True):
    coding: list[Coding] = []
    text: str | None = None


NO_CONCEPT = Concept()


class Reference(Shape, frozen=True):
    reference: str | None = None
    display: str | None = None


NO_REFERENCE = Reference()


class CodeableReference(Shape):
    """R5: a concept, a reference, or both."""

    concept: Concept | None = None
    reference: Reference | None = None


class Quantity(Shape):
    value: float | None = None
    unit: str | None = None
    code: str | None = None
    comparator: str | None = None


class Range(Shape):
    low: Quantity | None = None
    high: Quantity | None = None


class Period(Shape):
    start: str | None = None
    end: str | None = None


class Repeat(Shape):
    bounds_period: Period | None = None


class Timing(Shape):
    event: list[str] = []
    repeat: Repeat | None = None


class Annotation(Shape):
    text: str | None = None


class Identifier(Shape):
    system: str | None = None
    value: str | None = None


class Meta(Shape):
    version_id: str | None = None
    last_updated: str | None = None


class Patient(Shape, tag_field="resourceType", tag="Patient"):
    id: str | None = None
    meta: Raw = NOTHING
    birth_date: str | None = None
    gender: str | None = None
    deceased_boolean: bool | None = None
    deceased_date_time: str | None = None


class FocalDevice(Shape):
    action: Concept | None = None
    manipulated: Reference | None = None


class Procedure(Shape, tag_field="resourceType", tag="Procedure"):
    id: str | None = None
    meta: Raw = NOTHING
    identifier: Raw = NOTHING
    status: str | None = None
    status_reason: Raw = NOTHING
    category: Raw = NOTHING
    code: Concept = NO_CONCEPT
    subject: Reference = NO_REFERENCE
    encounter: Raw = NOTHING
    part_of: Raw = NOTHING
    performed_date_time: str | None = None
    performed_period: Period | None = None
    performed_string: str | None = None
    performed_age: Quantity | None = None
    performed_range: Range | None = None
    occurrence_date_time: str | None = None
    occurrence_period: Period | None = None
    occurrence_string: str | None = None
    occurrence_age: Quantity | None = None
    occurrence_range: Range | None = None
    occurrence_timing: Timing | None = None
    body_site: Raw = NOTHING
    reason_code: Raw = NOTHING
    reason_reference: Raw = NOTHING
    reason: Raw = NOTHING
    outcome: Raw = NOTHING
    complication: Raw = NOTHING
    complication_detail: Raw = NOTHING
    follow_up: Raw = NOTHING
    note: Raw = NOTHING
    focal_device: Raw = NOTHING
    used_code: Raw = NOTHING
    used_reference: Raw = NOTHING
    used: Raw = NOTHING


class Component(Shape):
    code: Concept = NO_CONCEPT
    value_quantity: Quantity | None = None
    value_codeable_concept: Concept | None = None
    value_string: str | None = None
    value_boolean: bool | None = None
    value_integer: float | None = None
    value_range: Raw = NOTHING
    value_ratio: Raw = NOTHING
    data_absent_reason: Concept | None = None


class Observation(Shape, tag_field="resourceType", tag="Observation"):
    """The hot one: charts hold thousands. Its order of fields is that of most servers' answers."""

    id: str | None = None
    meta: Raw = NOTHING
    status: str | None = None
    code: Concept = NO_CONCEPT
    subject: Reference = NO_REFERENCE
    effective_date_time: str | None = None
    value_quantity: Quantity | None = None
    component: tuple[Component, ...] = ()
    effective_period: Period | None = None
    effective_instant: str | None = None
    effective_timing: Timing | None = None
    value_codeable_concept: Concept | None = None
    value_string: str | None = None
    value_boolean: bool | None = None
    value_integer: float | None = None
    value_date_time: str | None = None
    value_time: str | None = None
    value_range: Raw = NOTHING
    value_ratio: Raw = NOTHING
    value_period: Raw = NOTHING
    value_sampled_data: Raw = NOTHING
    data_absent_reason: Concept | None = None
    body_site: Raw = NOTHING
    note: Raw = NOTHING


class Condition(Shape, tag_field="resourceType", tag="Condition"):
    id: str | None = None
    meta: Raw = NOTHING
    clinical_status: Raw = NOTHING
    verification_status: Raw = NOTHING
    category: Raw = NOTHING
    severity: Raw = NOTHING
    code: Concept = NO_CONCEPT
    body_site: Raw = NOTHING
    subject: Reference = NO_REFERENCE
    onset_date_time: str | None = None
    onset_age: Quantity | None = None
    onset_period: Period | None = None
    onset_range: Range | None = None
    onset_string: str | None = None
    abatement_date_time: str | None = None
    abatement_age: Quantity | None = None
    abatement_period: Period | None = None
    abatement_range: Range | None = None
    abatement_string: str | None = None
    abatement_boolean: bool | None = None
    recorded_date: str | None = None
    note: Raw = NOTHING


class Dosage(Shape):
    timing: Timing | None = None


class MedicationRequest(Shape, tag_field="resourceType", tag="MedicationRequest"):
    id: str | None = None
    meta: Raw = NOTHING
    contained: Raw = NOTHING
    status: str | None = None
    intent: str | None = None
    category: Raw = NOTHING
    do_not_perform: bool | None = None
    medication_codeable_concept: Concept | None = None
    medication_reference: Reference | None = None
    medication: CodeableReference | None = None
    subject: Reference = NO_REFERENCE
    authored_on: str | None = None
    dosage_instruction: Raw = NOTHING
    note: Raw = NOTHING


class MedicationStatement(Shape, tag_field="resourceType", tag="MedicationStatement"):
    id: str | None = None
    meta: Raw = NOTHING
    contained: Raw = NOTHING
    status: str | None = None
    medication_codeable_concept: Concept | None = None
    medication_reference: Reference | None = None
    medication: CodeableReference | None = None
    subject: Reference = NO_REFERENCE
    effective_date_time: str | None = None
    effective_period: Period | None = None
    date_asserted: str | None = None


class Medication(Shape, tag_field="resourceType", tag="Medication"):
    """Only to tell what a medicationReference points to."""

    id: str | None = None
    code: Concept = NO_CONCEPT


class DeviceName(Shape):
    name: str | None = None


class Device(Shape, tag_field="resourceType", tag="Device"):
    """Only to tell what a Procedure used."""

    id: str | None = None
    type: Raw = NOTHING
    device_name: Raw = NOTHING


class ServiceRequest(Shape, tag_field="resourceType", tag="ServiceRequest"):
    id: str | None = None
    meta: Raw = NOTHING
    instantiates_canonical: Raw = NOTHING
    instantiates_uri: Raw = NOTHING
    status: str | None = None
    intent: str | None = None
    category: Raw = NOTHING
    do_not_perform: bool | None = None
    code: Raw = NOTHING
    order_detail: Raw = NOTHING
    performer: Raw = NOTHING
    subject: Reference = NO_REFERENCE
    occurrence_date_time: str | None = None
    occurrence_period: Period | None = None
    occurrence_timing: Timing | None = None
    authored_on: str | None = None
    note: Raw = NOTHING
    patient_instruction: Raw = NOTHING


class ActivityDetail(Shape):
    code: Concept | None = None
    description: str | None = None


class Activity(Shape):
    """R4 `detail`; R5 keeps only `plannedActivityReference`."""

    detail: ActivityDetail | None = None
    reference: Reference | None = None
    planned_activity_reference: Reference | None = None


class CarePlan(Shape, tag_field="resourceType", tag="CarePlan"):
    id: str | None = None
    meta: Raw = NOTHING
    instantiates_canonical: Raw = NOTHING
    instantiates_uri: Raw = NOTHING
    status: str | None = None
    intent: str | None = None
    category: Raw = NOTHING
    title: str | None = None
    description: str | None = None
    subject: Reference = NO_REFERENCE
    period: Period | None = None
    created: str | None = None
    activity: Raw = NOTHING
    note: Raw = NOTHING


class Target(Shape):
    due_date: str | None = None


class Goal(Shape, tag_field="resourceType", tag="Goal"):
    id: str | None = None
    meta: Raw = NOTHING
    lifecycle_status: str | None = None
    category: Raw = NOTHING
    description: Concept = NO_CONCEPT
    subject: Reference = NO_REFERENCE
    start_date: str | None = None
    target: Raw = NOTHING
    note: Raw = NOTHING


class DeviceRequest(Shape, tag_field="resourceType", tag="DeviceRequest"):
    id: str | None = None
    meta: Raw = NOTHING
    instantiates_canonical: Raw = NOTHING
    instantiates_uri: Raw = NOTHING
    status: str | None = None
    intent: str | None = None
    category: Raw = NOTHING
    do_not_perform: bool | None = None
    code_codeable_concept: Concept | None = None
    code_reference: Reference | None = None
    code: Raw = NOTHING
    subject: Reference = NO_REFERENCE
    occurrence_date_time: str | None = None
    occurrence_period: Period | None = None
    occurrence_timing: Timing | None = None
    authored_on: str | None = None
    note: Raw = NOTHING


class Participant(Shape):
    actor: Reference | None = None


class Appointment(Shape, tag_field="resourceType", tag="Appointment"):
    id: str | None = None
    meta: Raw = NOTHING
    status: str | None = None
    service_category: Raw = NOTHING
    service_type: Raw = NOTHING
    specialty: Raw = NOTHING
    appointment_type: Raw = NOTHING
    description: str | None = None
    comment: str | None = None
    subject: Reference = NO_REFERENCE
    start: str | None = None
    end: str | None = None
    requested_period: Raw = NOTHING
    created: str | None = None
    participant: Raw = NOTHING
    note: Raw = NOTHING


class Issue(Shape):
    severity: str | None = None
    code: str | None = None


class OperationOutcome(Shape, tag_field="resourceType", tag="OperationOutcome"):
    id: str | None = None
    issue: list[Issue] = []


class Link(Shape):
    relation: str | None = None
    url: str | None = None


class Bundle(Shape, tag_field="resourceType", tag="Bundle"):
    id: str | None = None
    type: str | None = None
    total: float | None = None
    link: list[Link] = []
    entry: list[Entry] = []


Resource = (
    Patient
    | Procedure
    | Observation
    | Condition
    | MedicationRequest
    | MedicationStatement
    | Medication
    | Device
    | ServiceRequest
    | CarePlan
    | Goal
    | DeviceRequest
    | Appointment
    | OperationOutcome
    | Bundle
)


class Entry(Shape):
    resource: Resource | None = None
    full_url: str | None = None


ORDERS = (ServiceRequest, CarePlan, Goal, DeviceRequest, Appointment, MedicationRequest)
"""What can be drafted, ordered or planned."""

READABLE: dict[str, type[Shape]] = {
    shape.__struct_config__.tag: shape for shape in Resource.__args__ if shape is not Bundle
}
"""Resource type -> struct, for every type we read."""
