"""Every suggestion of every protocol, phase and kind of state is valid FHIR and keeps the rules of its profiles."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cds_service.cards import build_cards
from cds_service.knowledge.model import Effect, Severity
from cds_service.orders.validation import fhir_faults
from cds_service.patient.codes import code_key
from cds_service.patient.record import Coding, Concept, Order
from tests.advice_maker import (
    OPERATED,
    a_call,
    a_plan,
    an_advice,
    an_alert,
    knowledge,
    osteoporosis,
    some_unknown,
)  # fmt: skip
from tests.profiles.checker import profile_faults

PHASES = [(kind, phase) for kind, protocol in sorted(knowledge().protocols.items()) for phase in protocol.phases]
ACTIVE = {
    "resourceType": "ServiceRequest", "id": "old-1", "status": "active", "intent": "order",
    "code": {"coding": [{"system": "http://snomed.info/sct", "code": "229065009", "display": "Exercise therapy"}]},
    "subject": {"reference": "Patient/pat-1"}, "note": [{"text": "kept as it came"}],
}  # fmt: skip
RUNNING = Order(
    "ServiceRequest/old-1", "ServiceRequest", "active",
    code=(Concept((Coding("http://snomed.info/sct", "229065009", "Exercise therapy"),)),), resource=ACTIVE,
)  # fmt: skip
STATES = {
    "quiet": (),
    "critical": (an_alert(), an_alert("RF08", Severity.CRITICAL, title='Wound <infection> & "more"')),
    "baseline": (an_alert("RF08", Severity.WARNING, Effect.BASELINE_ONLY, title="Wound problem"),),
    "osteoporosis": (osteoporosis(),),
    "note": (an_alert("RF22", Severity.INFO, Effect.NO_PROGRESSION, title="Pain"),),
}
PROFILES = ("pa", "us-core", "cpg-proposal", "r5")


def created(cards) -> list[dict]:
    return [
        dict(action.resource)
        for card in cards
        for one in card.suggestions
        for action in one.actions
        if action.resource is not None
    ]


def faults_of(resource: dict, version: str) -> list[str]:
    if resource["id"] == ACTIVE["id"]:  # what we hold goes back as it came, in the version it came in
        return fhir_faults(resource)
    return fhir_faults(resource, version) + profile_faults(resource)


@pytest.mark.parametrize("order_profile", PROFILES)
@pytest.mark.parametrize(("kind", "phase"), PHASES, ids=[f"{kind} {phase.id}" for kind, phase in PHASES])
def test_every_suggested_resource_is_valid(kind: str, phase, order_profile: str) -> None:
    version = "5.0.0" if order_profile == "r5" else "4.0.1"
    weeks = {phase.from_week, (phase.to_week or phase.from_week + 9) - 1}
    for alerts in STATES.values():
        for week in weeks:
            advice = an_advice(kind, week, alerts=alerts, unknown=some_unknown())
            cards = build_cards(
                advice, knowledge(), a_call(order_profile=order_profile, orders=(RUNNING,) if alerts else ())
            )
            for resource in created(cards):
                assert faults_of(resource, version) == [], (resource["resourceType"], week)


@pytest.mark.parametrize("order_profile", PROFILES)
def test_two_operations_and_a_shift_are_valid_too(order_profile: str) -> None:
    version = "5.0.0" if order_profile == "r5" else "4.0.1"
    plans = (a_plan("LUM_DISC", 7), a_plan("CRV_ACDF", 20, levels=("C5-C6",), date=OPERATED - timedelta(weeks=13)))
    for advice in (an_advice(plans=plans), an_advice(week=14, shift_weeks=4)):
        found = created(build_cards(advice, knowledge(), a_call(order_profile=order_profile)))

        assert found
        assert [fault for one in found for fault in faults_of(one, version)] == []


def test_an_r5_client_gets_the_r5_shape_whatever_the_profile() -> None:
    found = created(build_cards(an_advice(), knowledge(), a_call(fhir_version="5.0.0")))

    assert [fault for one in found for fault in fhir_faults(one, "5.0.0")] == []
    request = next(one for one in found if one["resourceType"] == "ServiceRequest")
    assert "concept" in request["code"]
    assert "meta" not in request


def test_fhir_faults_are_told_without_values() -> None:
    secret = "Secretperson"

    faults = fhir_faults({"resourceType": "Goal", "lifecycleStatus": 7, "description": secret})

    assert faults
    assert secret not in " ".join(faults)
    assert fhir_faults({"resourceType": "Nonsense"})[0].startswith("resourceType")


def test_codes_of_other_peoples_orders_are_known_by_the_canonical_pair() -> None:
    assert code_key("http://snomed.info/sct", "229065009") in knowledge().order_content.exercise_codes
