"""What we send: nothing empty in it (rule B1), and errors that a machine and a person can read."""

from __future__ import annotations

import json

import pytest

from cds_service.errors import Fault
from cds_service.hooks import PATIENT_VIEW
from cds_service.wire.response import (
    cards_body,
    discovery_body,
    issue_of,
    operation_outcome,
    service_offer,
    without_empties,
)


@pytest.mark.rule("B1")
def test_b1_nothing_empty_is_sent_at_any_depth() -> None:
    card = {
        "summary": "x",
        "detail": "",
        "links": [],
        "extension": {"a": {"b": None}},
        "source": {"url": None, "label": "y"},
    }

    assert json.loads(cards_body([card])) == {"cards": [{"summary": "x", "source": {"label": "y"}}]}


@pytest.mark.rule("B1")
def test_b1_no_cards_and_no_services_are_empty_lists() -> None:
    assert cards_body([]) == b'{"cards":[]}'
    assert discovery_body([]) == b'{"services":[]}'


def test_false_and_zero_are_values() -> None:
    assert without_empties({"a": False, "b": 0, "c": 0.0}) == {"a": False, "b": 0, "c": 0.0}


@pytest.mark.rule("D3")
def test_d3_a_shared_id_replaces_the_own_one() -> None:
    assert service_offer(PATIENT_VIEW, {}, "none", "shared")["id"] == "shared"


@pytest.mark.rule("C7")
def test_c7_an_error_body_is_an_operation_outcome_with_the_request_id() -> None:
    outcome = json.loads(operation_outcome("r-1", [issue_of(Fault("context.patientId", "is required", "a value"))]))

    assert outcome["resourceType"] == "OperationOutcome"
    (issue,) = outcome["issue"]
    assert (issue["severity"], issue["code"], issue["expression"]) == ("error", "required", ["context.patientId"])
    assert "r-1" in issue["diagnostics"]
