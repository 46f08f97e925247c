"""What a call needs no schema for is what the schema would have made of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis.strategies import dictionaries, fixed_dictionaries, none, sampled_from, text
from marshmallow import ValidationError

from cds_service.errors import CallFaults
from cds_service.hooks import ALL_HOOKS, PATIENT_VIEW
from cds_service.hooks.hook import Hook
from cds_service.wire import request
from cds_service.wire.request import read_call

BUNDLE = {"resourceType": "Bundle", "entry": []}
VALUES = sampled_from(
    [
        "Practitioner/p1", "PractitionerRole/a.b", "Patient/1", "Device/1", "practitioner/1", "Practitioner/", "p1", "p-1_.x",
        "..", ".", "", " ", "a/b", "a" * 128, "a" * 129, "p1\n", "é", None, True, 0, 1.5, [], ["ServiceRequest/d1"], [1], {},
        BUNDLE, {"resourceType": "Patient"}, {"entry": 1},
    ]
)  # fmt: skip
CONTEXTS = dictionaries(
    sampled_from(["userId", "patientId", "encounterId", "selections", "draftOrders", "appointments", "other"]), VALUES
)
UUID = "7d3c1f5a-0b52-4c8e-9a64-0000000000aa"
MEMBERS = fixed_dictionaries(
    {},
    optional={
        "hook": sampled_from(["patient-view", "other", 1, None]),
        "hookInstance": sampled_from([UUID, UUID.upper(), UUID + "\n", "7d3c", 1, None]),
        "fhirServer": none() | sampled_from(["https://ehr.example.org/fhir", "ftp://x", 1, ""]),
        "fhirAuthorization": none() | sampled_from([{}, 1, {"access_token": "a"}]),
        "context": sampled_from([{}, {"userId": "Practitioner/p1", "patientId": "p1"}, [], None, "x"]),
        "extension": none() | sampled_from([{}, [], "x", {"a": 1}]),
        "more": text(max_size=3),
    },
)


@pytest.mark.parametrize("hook", ALL_HOOKS, ids=lambda one: one.hook)
@given(values=CONTEXTS)
@example(values={"userId": "Practitioner/p1", "patientId": "p1", "other": 1})
@example(values={"userId": "Practitioner/p1", "patientId": "p1", "encounterId": "e1"})
@example(values={"userId": "Practitioner/p1", "patientId": "p1", "encounterId": None})
def test_a_context_that_fits_at_first_sight_is_what_the_schema_loads(hook: Hook, values: dict[str, Any]) -> None:
    seen = request._context(hook.context).at_first_sight(values)
    try:
        loaded = hook.context().load(values)
    except ValidationError:
        assert seen is None
    else:
        assert seen is None or seen == loaded


def test_the_usual_context_is_told_at_first_sight() -> None:
    usual = {"userId": "Practitioner/p1", "patientId": "p1", "encounterId": "e1", "fhirThing": [1]}
    assert request._context(PATIENT_VIEW.context).at_first_sight(usual) == {
        name: value for name, value in usual.items() if name != "fhirThing"
    }


@given(values=MEMBERS)
@example(
    values={"hook": "patient-view", "hookInstance": UUID, "context": {"userId": "Practitioner/p1", "patientId": "p1"}}
)
def test_a_call_that_is_plain_is_one_that_the_schema_lets_through(values: dict[str, Any]) -> None:
    if request._is_plain(values):
        loaded = request._CALL_SHAPE.load(values)
        assert loaded == {name: value for name, value in values.items() if name != "more"}


@given(values=MEMBERS)
def test_a_call_is_the_same_whether_it_is_written_with_blanks_or_without(values: dict[str, Any]) -> None:
    """Without blanks its members come from one reading of all, with blanks each is read by itself."""
    told = []
    for separators in ((",", ":"), (", ", " : ")):
        try:
            told.append(read_call(json.dumps(values, separators=separators).encode(), (PATIENT_VIEW,)))
        except CallFaults as error:
            told.append([str(fault) for fault in error.faults])
    assert told[0] == told[1]
