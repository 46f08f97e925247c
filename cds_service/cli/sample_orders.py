"""Every order that the knowledge can make, held against FHIR itself: ahead of time, since in a call there is none for it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time
from typing import Any

from cds_service.cards.build import build_cards
from cds_service.clinical.simulate import SimulatedWeek, simulate
from cds_service.errors import Fault
from cds_service.hooks import PATIENT_VIEW
from cds_service.knowledge.model import Knowledge
from cds_service.later import Later
from cds_service.orders.call import ORDER_PROFILES, CallFacts

_VALIDATION = Later("cds_service.orders.validation")
_R5 = "5.0.0"
_R4 = "4.0.1"


def order_faults(knowledge: Knowledge) -> list[Fault]:
    """Make the orders of every phase of every protocol in every order profile, and tell what FHIR forbids in them.

    The patient is imagined. Texts of the cards folder and of an overlay stand in orders as they are, and nobody looks at
    an order again when a call is answered.
    """
    faults: dict[tuple[str, str], Fault] = {}
    for kind, protocol in knowledge.protocols.items():
        weeks = sorted({phase.from_week for phase in protocol.phases})
        for week in simulate(kind, weeks, (), knowledge):
            for profile in ORDER_PROFILES:
                version = _R5 if profile == "r5" else _R4
                for resource in _orders(week, knowledge, profile):
                    for said in _VALIDATION.fhir_faults(resource, version):
                        place = f"orders of {kind} in week {week.week}, profile {profile}"
                        what = f"{resource['resourceType']}.{said}"
                        faults.setdefault((kind, what), Fault(place, what, f"a valid resource of FHIR {version}"))
    return list(faults.values())


def _orders(week: SimulatedWeek, knowledge: Knowledge, profile: str) -> Iterator[dict[str, Any]]:
    call = CallFacts(
        hook=PATIENT_VIEW.hook,
        patient_id="sample",
        at=datetime.combine(week.advice.on, time(12), UTC),
        service_base_url="https://spine-cds.example.org",
        card_secret=b"orders that nobody gets",
        user="Practitioner/sample",
        order_profile=profile,
        orders=(),
    )
    for card in build_cards(week.advice, knowledge, call):
        for suggestion in card.suggestions:
            for action in suggestion.actions:
                if action.resource is not None:
                    yield dict(action.resource)
