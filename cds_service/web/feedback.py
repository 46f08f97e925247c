"""What became of our cards: stored durably before it is acknowledged (rules F1 to F3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from flask import Blueprint, Response, g

from cds_service import metrics
from cds_service.errors import UnknownService
from cds_service.hooks.hook import Hook
from cds_service.security.limits import check_depth
from cds_service.store.feedback import FeedbackEntry, Store
from cds_service.web.bodies import json_bytes
from cds_service.wire.feedback import read_feedback
from cds_service.wire.response import encode


def feedback_blueprint(
    hooks: Iterable[Hook], store: Store, clock: Callable[[], datetime], shared_id: str | None
) -> Blueprint:
    blueprint = Blueprint("feedback", __name__)
    ids = frozenset(hook.id for hook in hooks)

    @blueprint.post("/cds-services/<service_id>/feedback")
    def report(service_id: str) -> Response:
        tenant = g.caller.tenant
        if service_id not in ids and service_id != (tenant.shared_service_id or shared_id):
            raise UnknownService
        g.facts["service"] = service_id
        body = json_bytes()
        check_depth(body)
        told = read_feedback(body)
        entries = [
            FeedbackEntry(one.card, one.outcome, one.at, one.accepted_suggestions, one.reason, one.has_comment)
            for one in told.outcomes
        ]
        stored = store.keep_feedback(entries, service_id, tenant.id, clock())
        for entry in entries:
            metrics.count_feedback(service_id, entry.outcome)
        g.facts |= {
            "entries": len(entries),
            "repeated": stored.repeated,
            "unknown_cards": stored.unknown_cards,
            "older_shapes": len(told.warnings),
        }
        response = Response(
            encode({"stored": stored.new, "repeated": stored.repeated, "unknownCards": stored.unknown_cards}),
            content_type="application/json",
        )
        for warning in told.warnings:
            response.headers.add("Warning", f'299 - "{_quoted(warning)}"')
        return response

    return blueprint


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
