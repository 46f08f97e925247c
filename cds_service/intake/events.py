"""Procedures, conditions and medicines of R4, R4B and R5 -> ours, field by field. Decides nothing clinical."""

from __future__ import annotations

from operator import attrgetter

import msgspec
from msgspec import Raw

from cds_service.intake import shapes
from cds_service.intake.fields import Fields
from cds_service.intake.inbox import Found
from cds_service.intake.mend import Faults, read_part
from cds_service.intake.observations import read_concept, read_concepts, read_notes
from cds_service.patient.record import Concept, Condition, Medication, Patient, Procedure, When


def read_patient(fields: Fields, one: Found) -> Patient:
    """Read the patient, whose birth date later turns ages into days."""
    shape: shapes.Patient = one.resource  # type: ignore[assignment]
    fields.birth = fields.day(shape.birth_date, one, "birthDate")
    deceased = True if shape.deceased_date_time else shape.deceased_boolean
    return Patient(one.reference, fields.birth, shape.gender, deceased)


def read_procedures(fields: Fields) -> tuple[Procedure, ...]:
    """Read the Procedures, whatever their status."""
    return tuple([_procedure(fields, one) for one in fields.inbox.own(shapes.Procedure)])


def read_conditions(fields: Fields) -> tuple[Condition, ...]:
    """Read the Conditions, whatever their status."""
    return tuple([_condition(fields, one) for one in fields.inbox.own(shapes.Condition)])


def read_medications(fields: Fields) -> tuple[Medication, ...]:
    """Read the MedicationRequests, then the MedicationStatements. A request *not* to take a medicine is none."""
    read = [_requested(fields, one) for one in fields.inbox.own(shapes.MedicationRequest) if _is_taken(one)]
    read += [_stated(fields, one) for one in fields.inbox.own(shapes.MedicationStatement)]
    return tuple(read)


def _is_taken(one: Found) -> bool:
    return not one.resource.do_not_perform  # type: ignore[attr-defined]


def read_medicine(
    fields: Fields, shape: shapes.MedicationRequest | shapes.MedicationStatement, faults: Faults
) -> Concept:
    """Tell which medicine is meant, named by a concept, a reference or a contained resource; an empty concept if not told."""
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
    return fields.what_is(reference) or Concept()


_KEPT_RAW = tuple(each.name for each in msgspec.structs.fields(shapes.Procedure) if each.type is Raw)
_raw_fields = attrgetter(*(name for name in _KEPT_RAW if name != "meta"))
_ALL_ABSENT = (shapes.NOTHING,) * (len(_KEPT_RAW) - 1)


def _procedure(fields: Fields, one: Found) -> Procedure:
    shape: shapes.Procedure = one.resource  # type: ignore[assignment]
    if _raw_fields(shape) == _ALL_ABSENT:
        return Procedure(one.reference, shape.status, read_concept(shape.code), _performed(fields, one, shape))
    faults: Faults = []
    reasons = [
        *read_concepts(shape.reason_code, "reasonCode", faults),
        *fields.pointed(shape.reason_reference, "reasonReference", faults),
        *fields.either(shape.reason, "reason", faults),
    ]
    focal = read_part(shape.focal_device, list[shapes.FocalDevice], "focalDevice", faults) or ()
    devices = [
        *read_concepts(shape.used_code, "usedCode", faults),
        *fields.pointed(shape.used_reference, "usedReference", faults),
        *fields.either(shape.used, "used", faults),
        *(known for each in focal if each.manipulated and (known := fields.what_is(each.manipulated)) is not None),
    ]
    encounter = read_part(shape.encounter, shapes.Reference, "encounter", faults)
    part_of = read_part(shape.part_of, list[shapes.Reference], "partOf", faults) or ()
    identifiers = read_part(shape.identifier, list[shapes.Identifier], "identifier", faults) or ()
    procedure = Procedure(
        reference=one.reference,
        status=shape.status,
        code=read_concept(shape.code),
        performed=_performed(fields, one, shape),
        category=read_concepts(shape.category, "category", faults),
        body_sites=read_concepts(shape.body_site, "bodySite", faults),
        reasons=tuple(reasons),
        notes=read_notes(shape.note, "note", faults),
        devices=tuple(devices),
        device_actions=tuple(read_concept(each.action) for each in focal if each.action is not None),
        complications=(
            *fields.either(shape.complication, "complication", faults),
            *fields.pointed(shape.complication_detail, "complicationDetail", faults),
        ),
        outcome=next(iter(read_concepts(shape.outcome, "outcome", faults)), None),
        follow_up=read_concepts(shape.follow_up, "followUp", faults),
        status_reason=next(iter(read_concepts(shape.status_reason, "statusReason", faults)), None),
        part_of=tuple(each.reference for each in part_of if each.reference),
        encounter=encounter.reference if encounter is not None else None,
        identifiers=tuple((each.system, each.value) for each in identifiers if each.value),
    )
    fields.inbox.leave_out(one, "Procedure", faults)
    return procedure


def _performed(fields: Fields, one: Found, shape: shapes.Procedure) -> When | None:
    return (
        fields.day(shape.performed_date_time, one, "performedDateTime")
        or fields.day(shape.occurrence_date_time, one, "occurrenceDateTime")
        or fields.period(shape.performed_period, one, "performedPeriod")
        or fields.period(shape.occurrence_period, one, "occurrencePeriod")
        or fields.timing(shape.occurrence_timing)
        or fields.age(shape.performed_age or shape.occurrence_age)
        or fields.ages(shape.performed_range or shape.occurrence_range)
        or fields.words(shape.performed_string or shape.occurrence_string)
    )


def _condition(fields: Fields, one: Found) -> Condition:
    shape: shapes.Condition = one.resource  # type: ignore[assignment]
    faults: Faults = []
    onset = (
        fields.day(shape.onset_date_time, one, "onsetDateTime")
        or fields.period(shape.onset_period, one, "onsetPeriod")
        or fields.age(shape.onset_age)
        or fields.ages(shape.onset_range)
        or fields.words(shape.onset_string)
    )
    abatement = (
        fields.day(shape.abatement_date_time, one, "abatementDateTime")
        or fields.period(shape.abatement_period, one, "abatementPeriod")
        or fields.age(shape.abatement_age)
        or fields.ages(shape.abatement_range)
        or fields.words(shape.abatement_string)
        or (When(None, None, None, "abated") if shape.abatement_boolean else None)
    )
    condition = Condition(
        reference=one.reference,
        code=read_concept(shape.code),
        clinical_status=_status(shape.clinical_status, "clinicalStatus", faults),
        verification_status=_status(shape.verification_status, "verificationStatus", faults),
        onset=onset,
        recorded=fields.day(shape.recorded_date, one, "recordedDate"),
        abatement=abatement,
        category=read_concepts(shape.category, "category", faults),
        body_sites=read_concepts(shape.body_site, "bodySite", faults),
        severity=next(iter(read_concepts(shape.severity, "severity", faults)), None),
        notes=read_notes(shape.note, "note", faults),
    )
    fields.inbox.leave_out(one, "Condition", faults)
    return condition


def _requested(fields: Fields, one: Found) -> Medication:
    shape: shapes.MedicationRequest = one.resource  # type: ignore[assignment]
    faults: Faults = []
    ends = [
        end
        for dosage in read_part(shape.dosage_instruction, list[shapes.Dosage], "dosageInstruction", faults) or ()
        if dosage.timing and dosage.timing.repeat and dosage.timing.repeat.bounds_period
        if (end := fields.day(dosage.timing.repeat.bounds_period.end, one, "dosageInstruction")) and end.latest
    ]
    medication = Medication(
        reference=one.reference,
        status=shape.status,
        code=read_medicine(fields, shape, faults),
        when=fields.day(shape.authored_on, one, "authoredOn"),
        intent=shape.intent,
        ends=max(ends, key=lambda end: end.latest) if ends else None,  # type: ignore[arg-type, return-value]
    )
    fields.inbox.leave_out(one, "MedicationRequest", faults)
    return medication


def _stated(fields: Fields, one: Found) -> Medication:
    shape: shapes.MedicationStatement = one.resource  # type: ignore[assignment]
    faults: Faults = []
    period = shape.effective_period
    medication = Medication(
        reference=one.reference,
        status=shape.status,
        code=read_medicine(fields, shape, faults),
        when=(
            fields.day(shape.effective_date_time, one, "effectiveDateTime")
            or fields.day(period.start if period else None, one, "effectivePeriod.start")
            or fields.day(shape.date_asserted, one, "dateAsserted")
        ),
        ends=fields.day(period.end, one, "effectivePeriod.end") if period else None,
    )
    fields.inbox.leave_out(one, "MedicationStatement", faults)
    return medication


def _status(raw: Raw, place: str, faults: Faults) -> str | None:
    """Read a status that is a concept (R4, R5) or a plain code (older servers)."""
    if bytes(raw)[:1] == b'"':
        return read_part(raw, str, place, faults)
    concept = next(iter(read_concepts(raw, place, faults)), None)
    if concept is None:
        return None
    return next((coding.code for coding in concept.codings if coding.code), concept.text)


class _Contained(shapes.Shape):
    id: str | None = None
    code: shapes.Concept | None = None
