"""Discovery and hook calls: bytes in, bytes out. What is answered is respond.py's story."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, g

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
from cds_service.store.feedback import IssuedCard, Store
from cds_service.web.bodies import json_bytes
from cds_service.web.waiting import leave_the_loop
from cds_service.wire.request import read_call
from cds_service.wire.response import cards_body, discovery_body, encode, service_offer

JSON = "application/json"


def services_blueprint(
    practice: Practice,
    hooks: Iterable[Hook],
    store: Store,
    clock: Callable[[], datetime],
    may_choose_day: bool,
    shared_id: str | None,
) -> Blueprint:
    """Routes of discovery and service calls.

    *clock* gives the moment of a call with its time zone; *may_choose_day* heeds the development extension;
    *shared_id* publishes every hook under one id (rule D3), where the caller's tenant does not say its own.
    """
    blueprint = Blueprint("services", __name__)
    hooks = tuple(hooks)
    catalogue = _Catalogue(practice, hooks, shared_id)

    @blueprint.get("/cds-services")
    def discover() -> Response:
        return Response(catalogue.body(g.caller.tenant), content_type=JSON)

    @blueprint.post("/cds-services/<service_id>")
    def call(service_id: str) -> Response:
        here = g._get_current_object()
        tenant = here.caller.tenant
        answering = catalogue.named(service_id, tenant)
        here.facts["service"] = service_id
        asked = read_call(json_bytes(), answering, may_choose_day, check_depth, OBSERVATIONS_APART)
        if asked.fhir_server is not None:
            leave_the_loop()
        here.facts["hook"] = asked.service.hook
        at = clock()
        try:
            answer = respond(asked, practice, tenant, at)
        except RequiredDataMissing:
            metrics.count_missing(asked.service.id)
            raise
        here.facts |= _told(answer, asked.service)
        store.note_issued(_issued(answer, asked.service, tenant, at))
        return Response(cards_body(answer.cards), content_type=JSON)

    @blueprint.post("/explain")
    def explain() -> Response:
        asked = read_call(json_bytes(), hooks, may_choose_day, check_depth, OBSERVATIONS_APART)
        g.facts["hook"] = asked.service.hook
        return Response(encode(explain_call(asked, practice, g.caller.tenant, clock())), content_type=JSON)

    return blueprint


class _Catalogue:
    """Our services as each tenant sees them; the bodies are made once per shared id."""

    def __init__(self, practice: Practice, hooks: tuple[Hook, ...], shared_id: str | None):
        self._practice = practice
        self._hooks = hooks
        self._shared_id = shared_id
        self._bodies: dict[str | None, bytes] = {}

    def _shared_for(self, tenant: Any) -> str | None:
        return tenant.shared_service_id or self._shared_id

    def named(self, service_id: str, tenant: Any) -> tuple[Hook, ...]:
        """The declarations under *service_id*; raises UnknownService. A shared id does not hide the single ones:
        a client that stored them keeps working."""
        if service_id == self._shared_for(tenant):
            return self._hooks
        found = tuple(hook for hook in self._hooks if hook.id == service_id)
        if not found:
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
    metrics.count_cards(service.id, (card.indicator for card in answer.cards), facts.rules)
    if facts.fetched:
        metrics.count_gathering(service.id, facts.gather_seconds)
    if facts.gaps:
        metrics.count_degraded(service.id)
    return {
        "cards": len(answer.cards),
        "rules": list(facts.rules),
        "knowledge": facts.knowledge_version,
        "gaps": list(facts.gaps),
        "unreadable": facts.unreadable,
        "fetched": facts.fetched,
        "gather_milliseconds": round(facts.gather_seconds * 1000, 2),
        "advise_milliseconds": round(facts.advise_seconds * 1000, 2),
    }


def _issued(answer: Answer, service: Hook, tenant: Any, at: datetime) -> list[IssuedCard]:
    at = at.astimezone(UTC)
    return [
        IssuedCard(
            card=card.uuid,
            rules=rules_behind(card),
            suggestions=tuple(one.uuid for one in card.suggestions),
            knowledge_version=answer.facts.knowledge_version,
            service=service.id,
            tenant=tenant.id,
            issued_at=at,
        )
        for card in answer.cards
    ]
