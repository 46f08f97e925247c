"""Each kind of resource, in R4, R4B and R5, field by field."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from cds_service.errors import InputFaults
from cds_service.intake.read import read_bundle, read_procedure, read_record
from cds_service.patient.record import (
    Coding,
    Concept,
    Condition,
    Medication,
    Order,
    PatientRecord,
    Procedure,
)

SUBJECT = {"subject": {"reference": "Patient/p1"}}
PATIENT = {"resourceType": "Patient", "id": "p1", "gender": "female", "birthDate": "1960-02-29"}


def concept(text: str) -> dict:
    return {"coding": [{"system": "http://snomed.info/sct", "code": "1"}], "text": text}


def ours(text: str) -> Concept:
    return Concept((Coding("http://snomed.info/sct", "1"),), text)


def read(*resources: dict) -> PatientRecord:
    entries = [{"resource": resource} for resource in (PATIENT, *resources)]
    return read_bundle(json.dumps({"resourceType": "Bundle", "entry": entries}).encode())


def the_procedure(*others: dict, **fields: Any) -> Procedure:
    record = read({"resourceType": "Procedure", "id": "op", "status": "completed", **SUBJECT, **fields}, *others)
    assert record.unreadable == ()
    return (record.procedures or ())[0]


def the_condition(**fields: Any) -> Condition:
    record = read({"resourceType": "Condition", "id": "c", **SUBJECT, **fields})
    return (record.conditions or ())[0]


def the_medication(kind: str, *others: dict, **fields: Any) -> Medication:
    record = read({"resourceType": kind, "id": "m", "status": "active", **SUBJECT, **fields}, *others)
    return (record.medications or ())[0]


def the_order(kind: str, **fields: Any) -> Order:
    record = read({"resourceType": kind, "id": "o", **SUBJECT, **fields})
    assert record.unreadable == ()
    return (record.orders or ())[0]


# -- Patient ---------------------------------------------------------------------------------------------------------


def test_a_patient_has_birth_date_and_sex() -> None:
    patient = read().patient

    assert patient is not None and patient.reference == "Patient/p1" and patient.sex == "female"
    assert patient.birth_date is not None and patient.birth_date.latest == date(1960, 2, 29)
    assert patient.deceased is None


@pytest.mark.parametrize(
    ("field", "value", "deceased"),
    [("deceasedBoolean", True, True), ("deceasedBoolean", False, False), ("deceasedDateTime", "2026-01-01", True)],
)
def test_a_death_is_read_in_both_forms(field: str, value: object, deceased: bool) -> None:
    body = json.dumps(PATIENT | {field: value}).encode()

    assert read_bundle(body).patient.deceased is deceased  # type: ignore[union-attr]


def test_an_impossible_birth_date_is_told() -> None:
    record = read_bundle(json.dumps(PATIENT | {"birthDate": "1960-02-31"}).encode())

    assert record.patient.birth_date.latest is None  # type: ignore[union-attr]
    assert [(one.where, one.what, one.skipped) for one in record.unreadable] == [
        ("birthDate", "no possible date", False)
    ]


def test_a_second_patient_is_named_and_left_out() -> None:
    record = read(PATIENT | {"id": "p2"})

    assert record.patient.reference == "Patient/p1"  # type: ignore[union-attr]
    assert [one.what for one in record.unreadable] == ["another patient; left out"]


def test_the_patient_of_the_call_is_chosen_among_several() -> None:
    body = json.dumps(
        {"resourceType": "Bundle", "entry": [{"resource": PATIENT}, {"resource": PATIENT | {"id": "p2"}}]}
    )

    record = read_record({"patient": [body.encode()]}, patient_id="Patient/p2")

    assert record.patient.reference == "Patient/p2" and len(record.unreadable) == 1  # type: ignore[union-attr]


# -- Procedure -------------------------------------------------------------------------------------------------------

R4_PROCEDURE = {
    "code": concept("fusion"),
    "category": concept("surgery"),
    "bodySite": [concept("lumbar")],
    "reasonCode": [concept("stenosis")],
    "reasonReference": [{"display": "claudication"}],
    "usedCode": [concept("screw")],
    "usedReference": [{"display": "cage"}],
    "focalDevice": [{"action": concept("implanted"), "manipulated": {"display": "rod"}}],
    "complication": [concept("dural tear")],
    "complicationDetail": [{"display": "leak"}],
    "followUp": [concept("six weeks")],
    "outcome": concept("good"),
    "statusReason": concept("none"),
    "note": [{"text": "L4-L5"}, {"authorString": "nobody"}],
    "partOf": [{"reference": "Procedure/main"}],
    "encounter": {"reference": "Encounter/e1"},
    "identifier": [{"system": "urn:x", "value": "77"}, {"system": "urn:y"}],
    "performedDateTime": "2026-03-01",
}


def test_an_r4_procedure_is_read_field_by_field() -> None:
    procedure = the_procedure(**R4_PROCEDURE)

    assert procedure.reference == "Procedure/op" and procedure.status == "completed"
    assert procedure.code == ours("fusion") and procedure.code.keys == (("snomed", "1"),)
    assert procedure.category == (ours("surgery"),) and procedure.body_sites == (ours("lumbar"),)
    assert procedure.reasons == (ours("stenosis"), Concept(text="claudication"))
    assert procedure.devices == (ours("screw"), Concept(text="cage"), Concept(text="rod"))
    assert procedure.device_actions == (ours("implanted"),)
    assert procedure.complications == (ours("dural tear"), Concept(text="leak"))
    assert procedure.follow_up == (ours("six weeks"),) and procedure.outcome == ours("good")
    assert procedure.status_reason == ours("none") and procedure.notes == ("L4-L5",)
    assert procedure.part_of == ("Procedure/main",) and procedure.encounter == "Encounter/e1"
    assert procedure.identifiers == (("urn:x", "77"),)
    assert procedure.performed.latest == date(2026, 3, 1)  # type: ignore[union-attr]


def test_an_r5_procedure_is_read_field_by_field() -> None:
    procedure = the_procedure(
        code=concept("fusion"),
        category=[concept("surgery")],
        reason=[{"concept": concept("stenosis")}, {"reference": {"display": "claudication"}}, {}],
        used=[{"concept": concept("screw")}, {"reference": {"reference": "Device/d1"}}],
        complication=[{"concept": concept("dural tear")}],
        occurrenceDateTime="2026-03-01",
    )

    assert procedure.category == (ours("surgery"),)
    assert procedure.reasons == (ours("stenosis"), Concept(text="claudication"))
    assert procedure.devices == (ours("screw"),) and procedure.complications == (ours("dural tear"),)
    assert procedure.performed.latest == date(2026, 3, 1)  # type: ignore[union-attr]


@pytest.mark.parametrize("prefix", ["performed", "occurrence"])
@pytest.mark.parametrize(
    ("suffix", "value", "latest", "recorded"),
    [
        ("DateTime", "2026-03", date(2026, 3, 31), "2026-03"),
        ("Period", {"start": "2026-03-01", "end": "2026-03-02"}, date(2026, 3, 2), "2026-03-01 to 2026-03-02"),
        ("String", "last spring", None, "last spring"),
        ("String", "2026-03-01", date(2026, 3, 1), "2026-03-01"),
        ("Age", {"value": 66, "unit": "a", "code": "a"}, date(2027, 2, 27), "age 66 a"),
        ("Range", {"low": {"value": 60, "unit": "a"}}, date(2021, 2, 27), "age 60 a"),
    ],
)
def test_every_form_of_the_operation_date_is_read(
    prefix: str, suffix: str, value: object, latest: date | None, recorded: str
) -> None:
    performed = the_procedure(**{prefix + suffix: value}).performed

    assert performed is not None and (performed.latest, performed.as_recorded) == (latest, recorded)


def test_an_r5_timing_is_read_and_no_date_is_none() -> None:
    timed = the_procedure(occurrenceTiming={"event": ["2026-03-01"]}).performed

    assert timed is not None and timed.latest == date(2026, 3, 1)
    assert the_procedure().performed is None and the_procedure(performedString=" ").performed is None
    assert the_procedure(performedDateTime="").performed is None


@pytest.mark.parametrize(
    ("fields", "where", "what"),
    [
        ({"performedDateTime": "2026-02-30"}, "performedDateTime", "no possible date"),
        (
            {"performedDateTime": "2026-03-01T30:00:00Z"},
            "performedDateTime",
            "the time of day cannot be read; only its day is used",
        ),
        ({"performedPeriod": {"start": "soon"}}, "performedPeriod.start", "no possible date"),
        ({"performedPeriod": {"start": "2026-03-05", "end": "2026-03-01"}}, "performedPeriod", "ends before it starts"),
    ],
)
def test_an_odd_operation_date_is_told_with_its_place(fields: dict, where: str, what: str) -> None:
    record = read({"resourceType": "Procedure", "id": "op", **SUBJECT, **fields})

    assert len(record.procedures or ()) == 1
    assert [(one.where, one.resource_type, one.what, one.skipped) for one in record.unreadable] == [
        (f"entry[1].resource.{where}", "Procedure", what, False)
    ]


def test_what_a_procedure_points_to_is_told_by_the_resource_itself() -> None:
    device = {"resourceType": "Device", "id": "d1", "deviceName": [{"name": "PEEK cage"}]}
    typed = {"resourceType": "Device", "id": "d2", "type": concept("pedicle screw")}
    mute = {"resourceType": "Device", "id": "d3"}
    cause = {"resourceType": "Condition", "id": "c1", "code": concept("stenosis"), **SUBJECT}

    procedure = the_procedure(
        device,
        typed,
        mute,
        cause,
        usedReference=[{"reference": f"Device/d{number}"} for number in (1, 2, 3, 4)],
        reasonReference=[
            {"reference": "https://ehr.example.org/fhir/Condition/c1/_history/2", "display": "other words"}
        ],
    )

    assert procedure.devices == (Concept(text="PEEK cage"), ours("pedicle screw"))
    assert procedure.reasons == (ours("stenosis"),)


def test_entered_in_error_is_kept_for_those_who_decide() -> None:
    assert the_procedure(status="entered-in-error").status == "entered-in-error"


def test_references_by_urn_find_their_resource_and_are_named_by_type_and_id() -> None:
    entries = [
        {"fullUrl": "urn:uuid:1", "resource": PATIENT},
        {
            "fullUrl": "urn:uuid:2",
            "resource": {"resourceType": "Procedure", "id": "op", "subject": {"reference": "urn:uuid:1"}},
        },
        {"fullUrl": "urn:uuid:3", "resource": {"resourceType": "Procedure", "subject": {"reference": "urn:uuid:9"}}},
        {"fullUrl": "urn:uuid:4", "resource": {"resourceType": "Procedure"}},
        {"resource": {"resourceType": "Procedure"}},
    ]

    record = read_bundle(json.dumps({"resourceType": "Bundle", "entry": entries}).encode())

    assert [one.reference for one in record.procedures or ()] == [
        "Procedure/op",
        "urn:uuid:4",
        "Procedure (entry[4].resource)",
    ]
    assert [one.where for one in record.unreadable] == ["entry[2].resource"]


# -- Condition -------------------------------------------------------------------------------------------------------


def test_a_condition_is_read_field_by_field() -> None:
    condition = the_condition(
        code=concept("osteoporosis"),
        clinicalStatus={"coding": [{"code": "active"}]},
        verificationStatus={"coding": [{"display": "x"}, {"code": "confirmed"}]},
        onsetDateTime="2020",
        recordedDate="2021-05-01",
        abatementDateTime="2025-01",
        category=[concept("problem")],
        bodySite=[concept("spine")],
        severity=concept("severe"),
        note=[{"text": "n"}],
    )

    assert condition.code == ours("osteoporosis")
    assert (condition.clinical_status, condition.verification_status) == ("active", "confirmed")
    assert condition.onset.latest == date(2020, 12, 31)  # type: ignore[union-attr]
    assert condition.recorded.latest == date(2021, 5, 1)  # type: ignore[union-attr]
    assert condition.abatement.latest == date(2025, 1, 31)  # type: ignore[union-attr]
    assert condition.category == (ours("problem"),) and condition.body_sites == (ours("spine"),)
    assert condition.severity == ours("severe") and condition.notes == ("n",)


@pytest.mark.parametrize(
    ("status", "read_as"),
    [("active", "active"), ({"text": "Active"}, "Active"), ({}, None), ({"coding": []}, None), (None, None)],
)
def test_a_status_may_be_a_concept_or_a_plain_code(status: object, read_as: str | None) -> None:
    assert the_condition(clinicalStatus=status).clinical_status == read_as


@pytest.mark.parametrize(
    ("field", "value", "latest"),
    [
        ("Period", {"start": "2020-01-01", "end": "2020-02-01"}, date(2020, 2, 1)),
        ("Age", {"value": 60, "code": "a"}, date(2021, 2, 27)),
        ("Range", {"low": {"value": 60, "code": "a"}, "high": {"value": 61, "code": "a"}}, date(2022, 2, 27)),
        ("String", "in youth", None),
    ],
)
def test_onset_and_abatement_are_read_in_every_form(field: str, value: object, latest: date | None) -> None:
    condition = the_condition(**{f"onset{field}": value, f"abatement{field}": value})

    assert condition.onset.latest == condition.abatement.latest == latest  # type: ignore[union-attr]


def test_an_abatement_without_a_date_is_still_one() -> None:
    assert the_condition(abatementBoolean=True).abatement.as_recorded == "abated"  # type: ignore[union-attr]
    assert the_condition(abatementBoolean=False).abatement is None


# -- medicines -------------------------------------------------------------------------------------------------------

MEDICINE = {"resourceType": "Medication", "id": "drug", "code": concept("apixaban")}


@pytest.mark.parametrize(
    "fields",
    [
        {"medicationCodeableConcept": concept("apixaban")},
        {"medication": {"concept": concept("apixaban")}},
        {"medicationReference": {"reference": "Medication/drug"}},
        {"medication": {"reference": {"reference": "Medication/drug"}}},
        {
            "medicationReference": {"reference": "#in"},
            "contained": [{"resourceType": "Medication", "id": "in", "code": concept("apixaban")}, {"id": "other"}],
        },
    ],
    ids=["R4 concept", "R5 concept", "R4 reference", "R5 reference", "contained"],
)
@pytest.mark.parametrize("kind", ["MedicationRequest", "MedicationStatement"])
def test_the_medicine_is_found_wherever_it_is_named(kind: str, fields: dict) -> None:
    assert the_medication(kind, MEDICINE, **fields).code == ours("apixaban")


def test_a_medicine_that_is_only_displayed_keeps_its_words_and_one_not_named_is_empty() -> None:
    shown = the_medication(
        "MedicationRequest",
        medicationReference={"reference": "#gone", "display": "apixaban"},
        contained=[{"id": "other"}, {"id": "gone"}],
    )

    assert shown.code == Concept(text="apixaban")
    assert the_medication("MedicationRequest").code == Concept()
    assert the_medication("MedicationRequest", medicationReference={"reference": "Medication/x"}).code == Concept()


def test_a_request_has_its_dates_and_intent() -> None:
    bounds = [{"timing": {"repeat": {"boundsPeriod": {"end": end}}}} for end in ("2026-05-01", "2026-06-01")]

    medication = the_medication(
        "MedicationRequest", intent="order", authoredOn="2026-03-01", dosageInstruction=[*bounds, {"text": "once"}]
    )

    assert medication.intent == "order" and medication.when.latest == date(2026, 3, 1)  # type: ignore[union-attr]
    assert medication.ends.latest == date(2026, 6, 1)  # type: ignore[union-attr]


def test_a_request_not_to_take_a_medicine_is_no_medicine_taken() -> None:
    record = read({"resourceType": "MedicationRequest", "id": "m", "doNotPerform": True, **SUBJECT})

    assert record.medications == ()


@pytest.mark.parametrize(
    ("fields", "start", "end"),
    [
        ({"effectiveDateTime": "2026-03-01"}, date(2026, 3, 1), None),
        ({"effectivePeriod": {"start": "2026-03-01", "end": "2026-04-01"}}, date(2026, 3, 1), date(2026, 4, 1)),
        ({"dateAsserted": "2026-03-02"}, date(2026, 3, 2), None),
        ({}, None, None),
    ],
)
def test_a_statement_has_its_dates(fields: dict, start: date | None, end: date | None) -> None:
    medication = the_medication("MedicationStatement", **fields)

    assert (medication.when.latest if medication.when else None) == start
    assert (medication.ends.latest if medication.ends else None) == end


# -- orders ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [concept("walking"), {"concept": concept("walking")}], ids=["R4", "R5"])
def test_a_service_request_is_read_and_kept_whole(code: dict) -> None:
    order = the_order(
        "ServiceRequest",
        status="active",
        intent="order",
        code=code,
        category=[concept("therapy")],
        orderDetail=[concept("daily")],
        authoredOn="2026-03-01",
        occurrencePeriod={"start": "2026-03-02", "end": "2026-04-01"},
        instantiatesCanonical=["http://x|1"],
        instantiatesUri=["urn:y"],
        note=[{"text": "slowly"}],
        patientInstruction="on the flat",
        priority="routine",
    )

    assert (order.reference, order.kind, order.status, order.intent) == (
        "ServiceRequest/o", "ServiceRequest", "active", "order",
    )  # fmt: skip
    assert order.code == (ours("walking"), ours("daily")) and order.category == (ours("therapy"),)
    assert order.when.latest == date(2026, 3, 1)  # type: ignore[union-attr]
    assert order.period_start.latest == date(2026, 3, 2)  # type: ignore[union-attr]
    assert order.period_end.latest == date(2026, 4, 1)  # type: ignore[union-attr]
    assert order.instantiates == ("http://x|1", "urn:y") and order.notes == ("slowly", "on the flat")
    assert order.resource is not None and order.resource["priority"] == "routine" and not order.do_not_perform


def test_r5_patient_instructions_are_read() -> None:
    order = the_order("ServiceRequest", patientInstruction=[{"instructionMarkdown": "on the flat"}, {}])

    assert order.notes == ("on the flat",)


@pytest.mark.parametrize(
    ("fields", "start", "end"),
    [
        ({"occurrenceDateTime": "2026-03-02"}, date(2026, 3, 2), None),
        ({"occurrenceTiming": {"repeat": {"boundsPeriod": {"start": "2026-03-02", "end": "2026-03-09"}}}}, date(2026, 3, 2), date(2026, 3, 9)),
        ({"occurrenceTiming": {"event": ["2026-03-02"]}}, date(2026, 3, 2), None),
        ({"occurrenceTiming": {"repeat": {}}}, None, None),
        ({}, None, None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["ServiceRequest", "DeviceRequest"])
def test_an_order_has_the_time_it_is_meant_for(kind: str, fields: dict, start: date | None, end: date | None) -> None:
    order = the_order(kind, **fields)

    assert (order.period_start.latest if order.period_start else None) == start
    assert (order.period_end.latest if order.period_end else None) == end
    assert order.when == order.period_start


def test_an_order_that_forbids_is_told_apart() -> None:
    assert the_order("ServiceRequest", doNotPerform=True).do_not_perform
    assert the_order("DeviceRequest", doNotPerform=True).do_not_perform


@pytest.mark.parametrize(
    "fields",
    [
        {"codeCodeableConcept": concept("collar")},
        {"code": {"concept": concept("collar")}},
        {"codeReference": {"reference": "Device/x", "display": "collar"}},
    ],
)
def test_a_device_request_names_its_device_in_every_version(fields: dict) -> None:
    (code,) = the_order("DeviceRequest", status="active", **fields).code

    assert code.text == "collar"


def test_a_device_request_may_name_nothing() -> None:
    assert the_order("DeviceRequest", codeReference={"reference": "Device/x"}).code == ()


def test_a_care_plan_is_read_in_r4_and_r5() -> None:
    order = the_order(
        "CarePlan",
        status="active",
        intent="plan",
        title="Back home",
        description="After fusion",
        category=[concept("assess-plan")],
        period={"start": "2026-03-01", "end": "2026-06-01"},
        activity=[
            {"detail": {"code": concept("walking"), "description": "ten minutes"}},
            {"detail": {}},
            {"reference": {"display": "R4 reference"}},
            {"plannedActivityReference": {"display": "R5 reference"}},
            {"reference": {"reference": "ServiceRequest/1"}},
        ],
        note=[{"text": "n"}],
    )

    assert order.code == (ours("walking"),)
    assert order.notes == ("Back home", "After fusion", "ten minutes", "R4 reference", "R5 reference", "n")
    assert order.when == order.period_start and order.period_end.latest == date(2026, 6, 1)  # type: ignore[union-attr]
    assert order.resource is not None and order.resource["title"] == "Back home"


def test_a_care_plan_may_be_empty() -> None:
    order = the_order("CarePlan", created="2026-03-01")

    assert order.when.latest == date(2026, 3, 1) and order.period_start is None  # type: ignore[union-attr]


def test_a_goal_is_read() -> None:
    order = the_order(
        "Goal",
        lifecycleStatus="active",
        description=concept("walk 30 minutes"),
        startDate="2026-03-01",
        target=[{"dueDate": "2026-04-01"}, {"dueDate": "2026-05-01"}, {}],
        note=[{"text": "n"}],
    )

    assert order.status == "active" and order.code == (ours("walk 30 minutes"),)
    assert order.period_end.latest == date(2026, 5, 1)  # type: ignore[union-attr]
    assert the_order("Goal").code == () and the_order("Goal").period_end is None


@pytest.mark.parametrize("service", [[concept("physio")], [{"concept": concept("physio")}]], ids=["R4", "R5"])
def test_an_appointment_is_read(service: list) -> None:
    appointment = {
        "resourceType": "Appointment",
        "id": "a",
        "status": "booked",
        "serviceType": service,
        "serviceCategory": [concept("rehab")],
        "specialty": [concept("ortho")],
        "appointmentType": concept("FOLLOWUP"),
        "description": "First visit",
        "comment": "bring shoes",
        "start": "2026-03-05T09:00:00Z",
        "end": "2026-03-05T09:30:00Z",
        "participant": [{"actor": {"reference": "Practitioner/d"}}, {"actor": {"reference": "Patient/p1"}}, {}],
    }

    (order,) = read(appointment).appointments or ()

    assert (order.kind, order.status, order.code) == ("Appointment", "booked", (ours("physio"),))
    assert order.category == (ours("rehab"), ours("ortho"), ours("FOLLOWUP"))
    assert order.when.latest == order.period_end.latest == date(2026, 3, 5)  # type: ignore[union-attr]
    assert order.notes == ("First visit", "bring shoes")


def test_a_wished_appointment_has_the_period_it_is_wished_for() -> None:
    wished = {
        "resourceType": "Appointment",
        "requestedPeriod": [{"start": "2026-03-05", "end": "2026-03-06"}],
        **SUBJECT,
    }

    (order,) = read(wished).appointments or ()

    assert order.when.latest == date(2026, 3, 5) and order.period_end.latest == date(2026, 3, 6)  # type: ignore[union-attr]


def test_an_appointment_of_somebody_else_is_left_out() -> None:
    theirs = {"resourceType": "Appointment", "participant": [{"actor": {"reference": "Patient/p2"}}]}
    both = {
        "resourceType": "Appointment",
        "participant": [{"actor": {"reference": f"Patient/p{one}"}} for one in (2, 1)],
    }

    record = read(theirs, both)

    assert len(record.appointments or ()) == 1 and len(record.unreadable) == 1


# -- kinds -----------------------------------------------------------------------------------------------------------


def test_orders_are_none_until_one_kind_of_them_could_be_had() -> None:
    assert read_record({"procedures": []}).orders is None
    assert read_record({"goals": []}).orders == () and read_record({"appointments": []}).appointments == ()


def test_gaps_go_into_the_record() -> None:
    assert read_record({}, gaps=[("conditions", "why")]).gaps == (("conditions", "why"),)


def test_an_unknown_kind_is_a_fault_of_ours() -> None:
    with pytest.raises(KeyError, match="shoes"):
        read_record({"shoes": []})


def test_a_resource_of_another_kind_under_a_key_is_not_taken() -> None:
    body = json.dumps({"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Goal"}}]}).encode()

    assert read_record({"procedures": [body], "goals": []}).orders == ()


# -- classify --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"17",
        b"<p>",
        b'{"resourceType": "Condition", "code": {}}',
        b'{"resourceType": "Encounter"}',
        b'{"resourceType": "Procedure", "code": 5}',
        b'{"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Procedure"}}]}',
        b'{"resourceType": 5}',
    ],
)
def test_what_is_not_one_procedure_is_refused_with_a_reason(body: bytes) -> None:
    with pytest.raises(InputFaults) as raised:
        read_procedure(body)

    assert raised.value.faults and str(raised.value)


def test_a_procedure_of_anybody_can_be_classified() -> None:
    procedure = read_procedure(
        b'{"resourceType":"Procedure","subject":{"reference":"Patient/x"},"code":{"text":"ACDF"}}'
    )

    assert procedure.code.text == "ACDF" and procedure.reference == "Procedure (without id)"


@pytest.mark.parametrize("day", ["2026-03-01", "2026-03", "2026-03-01T09:00:00Z", "soon", None])
def test_a_procedure_of_few_fields_is_read_as_with_care(day: str | None) -> None:
    fields = {"resourceType": "Procedure", "id": "op", "code": concept("fusion"), "performedDateTime": day, **SUBJECT}

    quick, careful = read(fields), read(fields | {"category": None, "note": None})

    assert (quick.procedures, quick.unreadable) == (careful.procedures, careful.unreadable)
