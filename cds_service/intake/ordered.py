"""Whatever is ordered, planned, booked or drafted, in R4, R4B and R5 -> Order."""

from __future__ import annotations

from msgspec import Raw

from cds_service.intake import shapes
from cds_service.intake.events import read_medicine
from cds_service.intake.fields import Fields
from cds_service.intake.inbox import Found
from cds_service.intake.mend import Faults, read_part
from cds_service.intake.observations import read_concept, read_concepts, read_notes
from cds_service.patient.record import Order, When


def read_orders(fields: Fields, types: tuple[type, ...]) -> tuple[Order, ...]:
    """Read the resources of *types* (see shapes.ORDERS) in the order in which they came."""
    found = [one for kind in types for one in fields.inbox.own(kind)]
    if not found:
        return ()
    found.sort(key=lambda one: one.number)
    return tuple(_order(fields, one) for one in found)


def _order(fields: Fields, one: Found) -> Order:
    shape, faults = one.resource, Faults()
    order = _READERS[type(shape)](fields, one, shape, faults)
    fields.inbox.leave_out(one, type(shape).__name__, faults)
    return order


def _service_request(fields: Fields, one: Found, shape: shapes.ServiceRequest, faults: Faults) -> Order:
    start, end = _occurrence(fields, one, shape)
    return Order(
        one.reference,
        "ServiceRequest",
        shape.status,
        code=(*fields.either(shape.code, "code", faults), *read_concepts(shape.order_detail, "orderDetail", [])),
        category=read_concepts(shape.category, "category", faults),
        intent=shape.intent,
        when=fields.day(shape.authored_on, one, "authoredOn") or start,
        period_start=start,
        period_end=end,
        instantiates=_instantiates(shape, faults),
        notes=(
            *read_notes(shape.note, "note", faults),
            *_instructions(shape.patient_instruction, faults),
        ),
        do_not_perform=bool(shape.do_not_perform),
        performers=tuple(
            who.reference
            for who in read_part(shape.performer, list[shapes.Reference], "performer", faults) or ()
            if who.reference
        ),
        resource=one.body,
    )


def _device_request(fields: Fields, one: Found, shape: shapes.DeviceRequest, faults: Faults) -> Order:
    start, end = _occurrence(fields, one, shape)
    named = shape.code_codeable_concept
    pointed = fields.what_is(shape.code_reference) if shape.code_reference else None
    return Order(
        one.reference,
        "DeviceRequest",
        shape.status,
        code=(
            *((read_concept(named),) if named is not None else ()),
            *((pointed,) if pointed is not None else ()),
            *fields.either(shape.code, "code", faults),
        ),
        category=read_concepts(shape.category, "category", faults),
        intent=shape.intent,
        when=fields.day(shape.authored_on, one, "authoredOn") or start,
        period_start=start,
        period_end=end,
        instantiates=_instantiates(shape, faults),
        notes=read_notes(shape.note, "note", faults),
        do_not_perform=bool(shape.do_not_perform),
        resource=one.body,
    )


def _care_plan(fields: Fields, one: Found, shape: shapes.CarePlan, faults: Faults) -> Order:
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
    start = fields.day(period.start, one, "period.start")
    return Order(
        one.reference,
        "CarePlan",
        shape.status,
        code=tuple(codes),
        category=read_concepts(shape.category, "category", faults),
        intent=shape.intent,
        when=fields.day(shape.created, one, "created") or start,
        period_start=start,
        period_end=fields.day(period.end, one, "period.end"),
        instantiates=_instantiates(shape, faults),
        notes=(*words, *read_notes(shape.note, "note", faults)),
        resource=one.body,
    )


def _goal(fields: Fields, one: Found, shape: shapes.Goal, faults: Faults) -> Order:
    start = fields.day(shape.start_date, one, "startDate")
    due = [
        when
        for target in read_part(shape.target, list[shapes.Target], "target", faults) or ()
        if (when := fields.day(target.due_date, one, "target.dueDate")) and when.latest
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


def _appointment(fields: Fields, one: Found, shape: shapes.Appointment, faults: Faults) -> Order:
    wished = read_part(shape.requested_period, list[shapes.Period], "requestedPeriod", faults) or ()
    start = fields.day(shape.start or next((each.start for each in wished), None), one, "start")
    end = fields.day(shape.end or next((each.end for each in wished), None), one, "end")
    words = [text for text in (shape.description, shape.comment) if text]
    return Order(
        one.reference,
        "Appointment",
        shape.status,
        code=fields.either(shape.service_type, "serviceType", faults),
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


def _medication_order(fields: Fields, one: Found, shape: shapes.MedicationRequest, faults: Faults) -> Order:
    medicine = read_medicine(fields, shape, faults)
    return Order(
        one.reference,
        "MedicationRequest",
        shape.status,
        code=(medicine,) if medicine.codings or medicine.text else (),
        category=read_concepts(shape.category, "category", faults),
        intent=shape.intent,
        when=fields.day(shape.authored_on, one, "authoredOn"),
        notes=read_notes(shape.note, "note", faults),
        do_not_perform=bool(shape.do_not_perform),
        resource=one.body,
    )


def _occurrence(
    fields: Fields, one: Found, shape: shapes.ServiceRequest | shapes.DeviceRequest
) -> tuple[When | None, When | None]:
    period = shape.occurrence_period
    if period is None and shape.occurrence_timing is not None and shape.occurrence_timing.repeat is not None:
        period = shape.occurrence_timing.repeat.bounds_period
    if period is not None:
        return (
            fields.day(period.start, one, "occurrencePeriod.start"),
            fields.day(period.end, one, "occurrencePeriod.end"),
        )
    start = fields.day(shape.occurrence_date_time, one, "occurrenceDateTime") or fields.timing(shape.occurrence_timing)
    return start, None


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


class _Said(shapes.Shape):
    """One of R5's patient instructions."""

    instruction_markdown: str | None = None


_READERS = {
    shapes.ServiceRequest: _service_request,
    shapes.CarePlan: _care_plan,
    shapes.Goal: _goal,
    shapes.DeviceRequest: _device_request,
    shapes.Appointment: _appointment,
    shapes.MedicationRequest: _medication_order,
}
