"""A whole record in one body: what is read, what is left out, what is said."""

from __future__ import annotations

import json
from datetime import date
from zoneinfo import ZoneInfo

import pytest

from cds_service.errors import InputFaults
from cds_service.intake.read import read_bundle, read_procedure, read_record
from cds_service.patient.record import Precision


def a_bundle(*resources: dict) -> bytes:
    entries = [{"resource": resource} for resource in resources]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}).encode()


PATIENT = {"resourceType": "Patient", "id": "p1", "gender": "female", "birthDate": "1960-02-29"}
FUSION = {
    "resourceType": "Procedure",
    "id": "op",
    "status": "completed",
    "code": {"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": "22612"}], "text": "Lumbar fusion"},
    "subject": {"reference": "Patient/p1"},
    "performedDateTime": "2026-03-01",
}


def test_a_patient_and_a_procedure_are_read() -> None:
    record = read_bundle(a_bundle(PATIENT, FUSION))

    assert record.patient is not None and record.patient.sex == "female"
    (operation,) = record.procedures or ()
    assert operation.reference == "Procedure/op"
    assert operation.code.keys == (("cpt", "22612"),)
    assert operation.performed is not None and operation.performed.latest == date(2026, 3, 1)
    assert record.conditions == () and record.medications == () and record.orders == ()


def test_a_kind_that_was_not_had_is_none_and_a_kind_that_is_empty_is_not() -> None:
    record = read_record({"procedures": [], "conditions": [b"null"]}, patient_id="p1")

    assert record.procedures == () and record.conditions == ()
    assert record.observations is None and record.medications is None


def test_the_day_of_a_moment_is_its_day_in_the_service_zone() -> None:
    late = FUSION | {"performedDateTime": "2026-03-01T23:30:00Z"}

    record = read_bundle(a_bundle(PATIENT, late), zone=ZoneInfo("Europe/Berlin"))

    performed = record.procedures[0].performed  # type: ignore[index]
    assert performed is not None and performed.latest == date(2026, 3, 2) and performed.precision is Precision.TIME


def test_resources_of_another_patient_are_left_out_and_named() -> None:
    record = read_bundle(a_bundle(PATIENT, FUSION | {"subject": {"reference": "Patient/p2"}}))

    assert record.procedures == ()
    assert [(one.where, one.what) for one in record.unreadable] == [
        ("entry[1].resource", "of another patient; left out")
    ]


@pytest.mark.parametrize("body", [b"", b"<html>", b"null", b"17", b'"text"', b'{"a": 1}', b"{", b"\xff\xfe"])
def test_a_body_that_is_no_fhir_is_refused_with_a_reason(body: bytes) -> None:
    with pytest.raises(InputFaults) as raised:
        read_bundle(body)

    assert raised.value.faults


def test_classify_reads_one_procedure() -> None:
    assert read_procedure(json.dumps(FUSION).encode()).code.text == "Lumbar fusion"


def test_classify_reads_a_procedure_without_its_type() -> None:
    body = {name: value for name, value in FUSION.items() if name != "resourceType"}

    assert read_procedure(json.dumps(body).encode()).status == "completed"
