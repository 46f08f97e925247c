"""The outside story of one call: gather -> read -> advise -> cards. START READING HERE.

Knows no HTTP: what the web wants to tell in logs and metrics is in the returned value. A bare `yield` ends a step: other calls
that are here have their turn (steps.py).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from functools import lru_cache
from typing import Any, Protocol

from msgspec import Struct

from cds_service.cards import Card, OrdinaryCard, build_cards, cards_to_send
from cds_service.cards.missing import missing_card
from cds_service.clinical.advice import Advice
from cds_service.clinical.advise import advise, advise_after
from cds_service.clinical.appointments import judge_bookings
from cds_service.clinical.discharge import going_home
from cds_service.clinical.drafts import judge_drafts, selected
from cds_service.clinical.follow_up import next_follow_up
from cds_service.clinical.occasion import Booked, Drafted, Occasion
from cds_service.clinical.surgery.episodes import find_operations
from cds_service.errors import RequiredDataMissing, SpineCdsError
from cds_service.explain import explain
from cds_service.hooks.hook import Adds, Hook
from cds_service.intake.bundles import open_strictly
from cds_service.intake.fhir_server import FhirClient, FhirServer
from cds_service.intake.prefetch import Gathered, Templates, gather, offered
from cds_service.intake.read import TYPES, Drafts, read_drafts, read_record
from cds_service.knowledge.model import Knowledge
from cds_service.orders.call import CallFacts, Link
from cds_service.patient.record import Order, PatientRecord
from cds_service.picture import picture
from cds_service.steps import Steps, finish
from cds_service.wire.apart import Apart
from cds_service.wire.request import HookCall

REQUIRED_KEYS = ("procedures",)
"""Without the procedures nothing can be said, not even that there was no operation. All else degrades and is said."""

OBSERVATIONS_APART = Apart(
    "observations",
    part='"Observation"',
    neighbours=tuple(key for key in TYPES if key != "observations"),
    read=lambda value: open_strictly(value, "prefetch.observations"),
)
"""How wire/ hands the Observations of a call to intake/ without going through their bytes first."""

ALWAYS_NEEDED = frozenset({"patient", "procedures"})
_DAYS_LOOKED_BACK = 400
"""With the 3.0 dialect Observations older than this are not asked for: bone density and the like are read yearly."""
_TEMPLATES_2, _TEMPLATES_3 = Templates(), Templates(observation_days=_DAYS_LOOKED_BACK)

_FHIR_VERSIONS = {"R4": "4.0.1", "R4B": "4.3.0", "R5": "5.0.0"}


class WrongPatient(SpineCdsError):
    """The data of the call are of another patient than the one asked about. *key* is the prefetch key that shows it."""

    def __init__(self, key: str = "patient") -> None:
        self.key = key
        what = "the Patient is not the one" if key == "patient" else f"the {key} are all another patient's, none is"
        super().__init__(f"{what} of context.patientId; nothing was answered; send the data of that patient")


class Terms(Protocol):
    """What was agreed with the EHR that calls (security's Tenant)."""

    id: str
    fhir_version: str
    order_profile: str
    language: str
    missing_data: str
    prefetch_only: bool


@dataclass(frozen=True, slots=True)
class Practice:
    """What every answer is made from and no call changes.

    *base_url* is how clients reach us, without a slash at its end; *gather_seconds* the longest time for reading
    what a call did not bring; *zone* says which calendar day a moment belongs to; *clients* reads the FHIR servers of
    a tenant, by its id (a tenant without one gets no outbound call).
    """

    knowledge: Knowledge
    base_url: str
    card_key: bytes = field(repr=False)
    gather_seconds: float
    zone: tzinfo = UTC
    prefetch_only: bool = False
    missing_data: str = "412"
    prefetch_dialect: str = "2.0"
    clients: Mapping[str, FhirClient] = field(default_factory=dict)
    links: tuple[Link, ...] = ()

    @property
    def templates(self) -> Templates:
        return _TEMPLATES_3 if self.prefetch_dialect == "3.0" else _TEMPLATES_2


class Facts(Struct, frozen=True):
    """What logs and metrics may know of an answer: ids of ours, counts, durations. Nothing of the patient."""

    knowledge_version: str
    rules: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    unreadable: int = 0
    fetched: int = 0
    gather_seconds: float = 0.0
    advise_seconds: float = 0.0


class Answer(Struct, frozen=True):
    cards: tuple[Card | OrdinaryCard, ...]
    facts: Facts


def rules_behind(card: Card | OrdinaryCard) -> tuple[str, ...]:
    """The ids of the rules that *card* rests on; a card on which no rule spoke goes by its kind."""
    return card.rules or (card.kind,)


def needs_of(practice: Practice, hook: Hook) -> frozenset[str]:
    """The kinds of data an answer to *hook* may look at: what the rules ask for, and what the hook adds."""
    return _needs(practice.knowledge.needs, hook.extra_kinds)


@lru_cache(maxsize=64)
def _needs(asked_for: frozenset[str], added: tuple[str, ...]) -> frozenset[str]:
    return ALWAYS_NEEDED | asked_for | frozenset(added)


def offered_prefetch(practice: Practice, hook: Hook) -> dict[str, str]:
    """Prefetch key -> query template, for discovery: exactly the union of what the rules need (rules D4, D5)."""
    return offered(needs_of(practice, hook), practice.templates)


def usage_requirements(practice: Practice, hook: Hook) -> str:
    """Tell an integrator which keys are required and what happens without the others (rule D2)."""
    keys = tuple(offered_prefetch(practice, hook))
    useful = ", ".join(key for key in keys if key not in REQUIRED_KEYS)
    return (
        f"Needs {', '.join(REQUIRED_KEYS)}: from the prefetch, or read from fhirServer with fhirAuthorization; "
        "without it the answer is 412. "
        f"Also looks at {useful}: what is missing is said on the card and never taken as normal. "
        "Reads FHIR R4, R4B and R5."
    )


def respond(call: HookCall, practice: Practice, terms: Terms, at: datetime) -> Steps[Answer]:
    """Answer one call made at the moment *at* (with time zone), in steps.

    Raises RequiredDataMissing (unless the caller's terms ask for a card instead) and WrongPatient.
    """
    began = time.perf_counter()
    on = _day(call, practice, at)
    try:
        gathered = _gather(call, practice, terms, on)
        record = _record(call, practice, gathered)
    except (RequiredDataMissing, WrongPatient) as error:
        if "card" not in (terms.missing_data, practice.missing_data):
            raise
        return _answer_without_data(error, practice, _call_facts(call, practice, terms, at))
    read = time.perf_counter()
    yield
    advice, occasion, facts = yield from _conclude(call, practice, terms, record, on, at)
    yield
    cards = cards_to_send(advice, practice.knowledge, facts, occasion)
    return Answer(cards, _facts(advice, cards, record, gathered, read - began, time.perf_counter() - read))


def explain_call(call: HookCall, practice: Practice, terms: Terms, at: datetime) -> dict[str, Any]:
    """Give the whole reasoning behind the answer to *call*, with the picture of the recovery; kept nowhere.

    Raises as `respond` does, but never answers a missing datum with a card.
    """
    on = _day(call, practice, at)
    gathered = _gather(call, practice, terms, on)
    record = _record(call, practice, gathered)
    advice, occasion, facts = finish(_conclude(call, practice, terms, record, on, at))
    cards = build_cards(advice, practice.knowledge, facts, occasion)
    drawn = picture(advice, record, practice.knowledge, _moment(call, at))
    return explain(advice, practice.knowledge, cards, occasion) | {"picture": drawn}


def _conclude(
    call: HookCall, practice: Practice, terms: Terms, record: PatientRecord, on: date, at: datetime
) -> Steps[tuple[Advice, Occasion | None, CallFacts]]:
    """The one way from a record to what cards are made of, for the answer and for its explanation alike."""
    surgical = find_operations(record, practice.knowledge, on)
    yield
    advice = advise_after(surgical, record, practice.knowledge, on, _moment(call, at))
    occasion = _occasion(call, practice, record, advice)
    return advice, occasion, _call_facts(call, practice, terms, at, record.orders)


def _moment(call: HookCall, at: datetime) -> datetime | None:
    """The moment asked about; None for another day, of which the clock of the request says nothing."""
    return None if call.on else at


def _occasion(call: HookCall, practice: Practice, record: PatientRecord, advice: Advice) -> Occasion | None:
    """What the hook adds to the day's advice; None where the chart is opened or a visit begins."""
    adds, knowledge = call.service.adds, practice.knowledge
    if adds is Adds.PROGRAMME:
        return None

    def advice_on(day: date) -> Advice:
        return advise(record, knowledge, day)

    if adds is Adds.DISCHARGE:
        return going_home(advice, record, knowledge)
    if adds is Adds.BOOKINGS:
        booked = _drafts(call, practice).orders
        follow_up = next_follow_up(advice, record, knowledge, booked)
        return Booked(judge_bookings(booked, advice, advice_on, knowledge), follow_up)
    orders = _drafts(call, practice).orders
    if "selections" in call.context:
        orders = selected(orders, call.selections)
    return Drafted(judge_drafts(orders, advice, advice_on, knowledge))


def _drafts(call: HookCall, practice: Practice) -> Drafts:
    root = f"context.{call.service.drafts}"
    return read_drafts(call.drafts, patient_id=call.patient_id, zone=practice.zone, root=root)


def _day(call: HookCall, practice: Practice, at: datetime) -> date:
    return call.on or at.astimezone(practice.zone).date()


def _gather(call: HookCall, practice: Practice, terms: Terms, on: date) -> Gathered:
    server, because = _server(call, practice, terms)
    gathered = gather(
        call.prefetch,
        needs=needs_of(practice, call.service),
        context=call.context,
        server=server,
        seconds=practice.gather_seconds,
        required=REQUIRED_KEYS,
        templates=practice.templates,
        today=on,
        no_server_because=because,
    )
    if gathered.is_of_another_patient:
        raise WrongPatient
    return gathered


def _record(call: HookCall, practice: Practice, gathered: Gathered) -> PatientRecord:
    """Read what was gathered.  Raises WrongPatient where procedures came and every one is somebody else's: to answer as
    if there had been none would be silence about a mix-up."""
    record = read_record(gathered.pages, patient_id=call.patient_id, zone=practice.zone, gaps=gathered.gaps)
    foreign = any(one.of_somebody_else and one.resource_type == "Procedure" for one in record.unreadable)
    if foreign and not record.procedures:
        raise WrongPatient("procedures")
    return record


def _server(call: HookCall, practice: Practice, terms: Terms) -> tuple[FhirServer | None, str]:
    """The caller's FHIR server for this call, or None and why not."""
    if practice.prefetch_only or terms.prefetch_only:
        return None, "this installation reads only what a call brings"
    if call.fhir_server is None:
        return None, "the call names no fhirServer"
    client = practice.clients.get(terms.id)
    if client is None:
        return None, "no FHIR server is agreed with this client"
    token = call.authorization.access_token if call.authorization else None
    return client.at(call.fhir_server, token), ""


def _call_facts(
    call: HookCall, practice: Practice, terms: Terms, at: datetime, orders: tuple[Order, ...] | None = None
) -> CallFacts:
    return CallFacts(
        hook=call.service.hook,
        patient_id=call.patient_id,
        at=datetime.combine(call.on, at.timetz()) if call.on else at,
        service_base_url=practice.base_url,
        card_secret=practice.card_key,
        hook_instance=call.hook_instance,
        user=call.context["userId"],
        encounter_id=call.context.get("encounterId"),
        fhir_version=_FHIR_VERSIONS[terms.fhir_version],
        order_profile=terms.order_profile,
        language=terms.language,
        tenant=terms.id,
        orders=orders,
        links=practice.links,
    )


def _answer_without_data(error: RequiredDataMissing | WrongPatient, practice: Practice, facts: CallFacts) -> Answer:
    missing = error.missing if isinstance(error, RequiredDataMissing) else ((error.key, "", str(error)),)
    card = missing_card(missing, practice.knowledge, facts)
    keys = tuple(key for key, _, _ in missing)
    return Answer((card,), Facts(practice.knowledge.version, card.rules, keys))


def _facts(
    advice: Advice,
    cards: tuple[Card | OrdinaryCard, ...],
    record: PatientRecord,
    gathered: Gathered,
    gather_seconds: float,
    advise_seconds: float,
) -> Facts:
    return Facts(
        knowledge_version=advice.knowledge_version,
        rules=tuple(dict.fromkeys([rule for card in cards for rule in rules_behind(card)])),
        gaps=tuple(dict.fromkeys([key for key, _ in gathered.gaps])),
        unreadable=len(record.unreadable),
        fetched=gathered.fetched,
        gather_seconds=gather_seconds,
        advise_seconds=advise_seconds,
    )
