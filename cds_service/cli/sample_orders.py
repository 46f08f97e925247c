"""Every order that the knowledge can make, held against FHIR itself: ahead of time, since in a call there is none for it.

At the start of the service a process of its own does it, beside the rest of the start: FHIR's models are large, and
what serves must not carry them.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, time
from multiprocessing.connection import Connection
from typing import Any

from cds_service.cards.build import build_cards
from cds_service.clinical.simulate import SimulatedWeek, simulate
from cds_service.errors import Fault, KnowledgeFaults
from cds_service.hooks import PATIENT_VIEW
from cds_service.knowledge.model import Knowledge
from cds_service.later import Later
from cds_service.orders.call import ORDER_PROFILES, CallFacts

_VALIDATION = Later("cds_service.orders.validation")
_FORK = multiprocessing.get_context("fork")
_R5 = "5.0.0"
_R4 = "4.0.1"


@contextmanager
def orders_checked_beside(knowledge: Knowledge, profiles: Collection[str]) -> Iterator[None]:
    """Hold the orders in *profiles* against FHIR while the body of the `with` goes on; its end waits for the answer.

    Raises KnowledgeFaults with what FHIR forbids, and where the check itself came to no end.
    """
    ours, theirs = _FORK.Pipe(duplex=False)
    checking = _FORK.Process(target=_tell_faults, args=(theirs, knowledge, profiles), daemon=True)
    checking.start()
    theirs.close()
    try:
        yield
        try:
            faults = ours.recv()
        except EOFError:
            faults = [Fault("orders", "could not be held against FHIR: the check died", "run `spine-cds check`")]
    finally:
        ours.close()
        checking.kill()
        checking.join()
    if faults:
        raise KnowledgeFaults(faults)


def _tell_faults(answer: Connection, knowledge: Knowledge, profiles: Collection[str]) -> None:
    answer.send(order_faults(knowledge, profiles))


def order_faults(knowledge: Knowledge, profiles: Collection[str] = ORDER_PROFILES) -> list[Fault]:
    """Make the orders of every phase of every protocol in each of *profiles*, and tell what FHIR forbids in them.

    The patient is imagined. Texts of the cards folder and of an overlay stand in orders as they are, and nobody looks at
    an order again when a call is answered.
    """
    faults: dict[tuple[str, str], Fault] = {}
    for kind, protocol in knowledge.protocols.items():
        weeks = sorted({phase.from_week for phase in protocol.phases})
        for week in simulate(kind, weeks, (), knowledge):
            for profile in profiles:
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
