"""One JSON line per request: ids of ours, counts and durations. Never a patient value, an id of the chart or a token."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

import structlog
from flask import Flask, Response, g, request

from cds_service import metrics
from cds_service.audit import AuditEntry, AuditTrail
from cds_service.tracing import ALLOWED, Tracing
from cds_service.wire.response import encode

REQUEST_ID_HEADER = "X-Request-Id"
_QUIET_ROUTES = frozenset({"operations.alive", "operations.ready", "operations.metrics"})
"""Asked every few seconds by machines: counted, and logged only at level debug or when they fail."""

_LOG = structlog.get_logger("spine_cds")


def configure_logging(level: str) -> None:
    """Write JSON lines to standard output; the level is debug, info, warning or error."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            structlog.processors.JSONRenderer(serializer=_as_text),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _as_text(line: Mapping[str, Any], **options: Any) -> str:
    return encode(line).decode()


def register_request_log(
    app: Flask, audit: AuditTrail, tracing: Callable[[], Tracing], clock: Callable[[], datetime]
) -> None:
    """Give each request an id of its own, and tell its end: one log line, one span, and one audit entry per caller.

    A caller's own request id is not taken over: it is a place where anything can be written into our log. The proxies of
    Flask are resolved once: each look through them costs as much as a small function.
    """

    @app.before_request
    def begin() -> None:
        here = g._get_current_object()
        here.request_id = uuid4().hex
        here.began = time.perf_counter()
        here.facts = {}
        here.caller = None
        here.span = None
        if (traced := tracing()).is_on:
            here.span_ends = contextlib.ExitStack()
            here.span = here.span_ends.enter_context(traced.span("request"))

    @app.after_request
    def end(response: Response) -> Response:
        here, asked = g._get_current_object(), request._get_current_object()
        route, status = asked.endpoint or "none", response.status_code
        if audit.is_kept and here.caller is not None and not audit.write(_audit_entry(here, route, status, clock())):
            # An answer is not held back for it; the log line and the counter tell that the trail has a hole.
            here.facts["audit"] = "lost"
            metrics.count_audit_lost()
        seconds = time.perf_counter() - here.began
        metrics.count_call(route, status, seconds)
        response.headers.set(REQUEST_ID_HEADER, here.request_id)
        response.headers.set("X-Content-Type-Options", "nosniff")
        tell = _LOG.debug if route in _QUIET_ROUTES and status < 400 else _LOG.info
        tell(
            "request",
            request_id=here.request_id,
            method=asked.method if asked.method in _METHODS else "other",
            route=route,
            status=status,
            milliseconds=round(seconds * 1000, 2),
            **here.facts,
        )
        if here.span is not None:
            allowed = {name: value for name, value in here.facts.items() if name in ALLOWED}
            here.span.tell(request_id=here.request_id, route=route, status=status, **allowed)
            here.span_ends.close()
        return response


def _audit_entry(here: Any, route: str, status: int, at: datetime) -> AuditEntry:
    return AuditEntry(
        at=at,
        request_id=here.request_id,
        tenant=here.caller.tenant.id,
        issuer=here.caller.issuer,
        route=route,
        service=here.facts.get("service"),
        hook=here.facts.get("hook"),
        status=status,
        cards=here.facts.get("cards"),
        rules=tuple(here.facts.get("rules", ())),
        knowledge=here.facts.get("knowledge"),
    )


_METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE"})
