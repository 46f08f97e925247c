"""Discovery and hook calls: bytes in, bytes out. What is answered is respond.py's story."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, g, request

from cds_service import metrics
from cds_service.errors import RequiredDataMissing, UnknownService
from cds_service.hooks.hook import Hook
from cds_service.respond import (
    OBSERVATIONS_APART,
    Answer,
    Practice,
    explain_call,
    offered_prefetch,
    respond,
    rules_behind,
    usage_requirements,
)
from cds_service.security.limits import check_depth
from cds_service.steps import Steps, finish
from cds_service.store.feedback import IssuedCard, Store
from cds_service.web.bodies import json_bytes
from cds_service.web.guard import Guard
from cds_service.web.visit import Visit
from cds_service.web.waiting import ON_THE_LOOP, MustWait
from cds_service.wire.request import HookCall, read_call
from cds_service.wire.response import cards_body, discovery_body, encode, service_offer

JSON = "application/json"


class HookCalls:
    """Answers hook calls: bytes in, bytes out, whoever brings them (Flask, or direct.py).

    *clock* gives the moment of a call with its time zone; *may_choose_day* heeds the development extension;
    *shared_id* publishes every hook under one id (rule D3), where the caller's tenant does not say its own.
    """

    def __init__(
        self,
        practice: Practice,
        hooks: Iterable[Hook],
        store: Store,
        guard: Guard,
        clock: Callable[[], datetime],
        may_choose_day: bool,
        shared_id: str | None,
    ):
        self.practice = practice
        self.hooks = tuple(hooks)
        self.clock = clock
        self.may_choose_day = may_choose_day
        self.catalogue = _Catalogue(practice, self.hooks, shared_id)
        self._store = store
        self._guard = guard

    def read(self, body: bytes, services: tuple[Hook, ...]) -> HookCall:
        """Read *body* as a call of one of *services*.  Raises CallFaults."""
        return read_call(body, services, self.may_choose_day, check_depth, OBSERVATIONS_APART)

    def answer(self, visit: Visit, service_id: str, body: Callable[[], bytes], on_the_loop: bool) -> Steps[bytes]:
        """Give the body of the answer to *body*, in steps; note on *visit* what the log may hold of it.

        Raises MustWait where the call may have to be read for and is *on_the_loop*; UnknownService, CallFaults,
        RequiredDataMissing and WrongPatient.
        """
        tenant = visit.caller.tenant
        answering = self.catalogue.named(service_id, tenant)
        visit.facts["service"] = service_id
        asked = self.read(body(), answering)
        service = asked.service
        if asked.fhir_server is not None and on_the_loop:
            self._guard.uncount(visit)
            raise MustWait
        visit.facts["hook"] = service.hook
        at = self.clock()
        yield
        try:
            answer = yield from respond(asked, self.practice, tenant, at)
        except RequiredDataMissing:
            metrics.count_missing(service.id)
            raise
        yield
        visit.facts.update(_told(answer, service))
        if answer.cards:
            self._store.note_issued(_issued(answer, service, tenant, at))
        content = cards_body(answer.cards)
        yield
        return content


def services_blueprint(calls: HookCalls) -> Blueprint:
    """Routes of discovery, service calls and their explanation."""
    blueprint = Blueprint("services", __name__)

    @blueprint.get("/cds-services")
    def discover() -> Response:
        return Response(calls.catalogue.body(g.caller.tenant), content_type=JSON)

    @blueprint.post("/cds-services/<service_id>")
    def call(service_id: str) -> Response:
        on_the_loop = bool(request.environ.get(ON_THE_LOOP))
        body = finish(calls.answer(g._get_current_object(), service_id, json_bytes, on_the_loop))
        return Response(body, content_type=JSON)

    @blueprint.post("/explain")
    def explain() -> Response:
        asked = calls.read(json_bytes(), calls.hooks)
        g.facts["hook"] = asked.service.hook
        return Response(encode(explain_call(asked, calls.practice, g.caller.tenant, calls.clock())), content_type=JSON)

    return blueprint


class _Catalogue:
    """Our services as each tenant sees them; the bodies are made once per shared id."""

    def __init__(self, practice: Practice, hooks: tuple[Hook, ...], shared_id: str | None):
        self._practice = practice
        self._hooks = hooks
        self._by_id = {hook.id: (hook,) for hook in hooks}
        self._shared_id = shared_id
        self._bodies: dict[str | None, bytes] = {}

    def _shared_for(self, tenant: Any) -> str | None:
        return tenant.shared_service_id or self._shared_id

    def named(self, service_id: str, tenant: Any) -> tuple[Hook, ...]:
        """The declarations under *service_id*; raises UnknownService. A shared id does not hide the single ones:
        a client that stored them keeps working."""
        if service_id == self._shared_for(tenant):
            return self._hooks
        found = self._by_id.get(service_id)
        if found is None:
            raise UnknownService
        return found

    def body(self, tenant: Any) -> bytes:
        shared = self._shared_for(tenant)
        if shared not in self._bodies:
            self._bodies[shared] = discovery_body(
                service_offer(
                    hook,
                    offered_prefetch(self._practice, hook),
                    usage_requirements(self._practice, hook),
                    shared,
                )
                for hook in self._hooks
            )
        return self._bodies[shared]


def _told(answer: Answer, service: Hook) -> dict[str, Any]:
    """Count the answer, and give what the log may hold of it: ids of ours, counts, durations."""
    facts = answer.facts
    metrics.count_cards(service.id, [card.indicator for card in answer.cards], facts.rules)
    if facts.fetched:
        metrics.count_gathering(service.id, facts.gather_seconds)
    if facts.gaps:
        metrics.count_degraded(service.id)
    return {
        "cards": len(answer.cards),
        "rules": facts.rules,
        "knowledge": facts.knowledge_version,
        "gaps": facts.gaps,
        "unreadable": facts.unreadable,
        "fetched": facts.fetched,
        "gather_milliseconds": round(facts.gather_seconds * 1000, 2),
        "advise_milliseconds": round(facts.advise_seconds * 1000, 2),
    }


def _issued(answer: Answer, service: Hook, tenant: Any, at: datetime) -> list[IssuedCard]:
    at = at.astimezone(UTC)
    return [
        IssuedCard(
            card.uuid,
            rules_behind(card),
            card.suggestion_uuids,
            answer.facts.knowledge_version,
            service.id,
            tenant.id,
            issued_at=at,
        )
        for card in answer.cards
    ]
