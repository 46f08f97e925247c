"""One JSON line per request: ids of ours, counts and durations. Never a patient value, an id of the chart or a token."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable
from datetime import datetime
from uuid import uuid4

import structlog
from flask import Flask, Response, g, request

from cds_service import metrics
from cds_service.audit import AuditEntry, AuditTrail
from cds_service.tracing import ALLOWED, Tracing

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
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(),
        cache_logger_on_first_use=False,
    )


def register_request_log(
    app: Flask, audit: AuditTrail, tracing: Callable[[], Tracing], clock: Callable[[], datetime]
) -> None:
    """Give each request an id of its own, and tell its end: one log line, one span, and one audit entry per caller.

    A caller's own request id is not taken over: it is a place where anything can be written into our log.
    """

    @app.before_request
    def begin() -> None:
        g.request_id = uuid4().hex
        g.began = time.perf_counter()
        g.facts = {}
        g.caller = None
        g.span_ends = contextlib.ExitStack()
        g.span = g.span_ends.enter_context(tracing().span("request"))

    @app.after_request
    def end(response: Response) -> Response:
        seconds = time.perf_counter() - g.began
        route = request.endpoint or "none"
        metrics.count_call(route, response.status_code, seconds)
        response.headers[REQUEST_ID_HEADER] = g.request_id
        response.headers["X-Content-Type-Options"] = "nosniff"
        tell = _LOG.debug if route in _QUIET_ROUTES and response.status_code < 400 else _LOG.info
        tell(
            "request",
            request_id=g.request_id,
            method=request.method if request.method in _METHODS else "other",
            route=route,
            status=response.status_code,
            milliseconds=round(seconds * 1000, 2),
            **g.facts,
        )
        g.span.tell(
            request_id=g.request_id,
            route=route,
            status=response.status_code,
            **{name: value for name, value in g.facts.items() if name in ALLOWED},
        )
        g.span_ends.close()
        return response

    @app.after_request
    def keep_trail(response: Response) -> Response:
        if g.caller is not None and not audit.write(_audit_entry(response, clock())):
            # An answer is not held back for it; the log line and the counter tell that the trail has a hole.
            g.facts["audit"] = "lost"
            metrics.count_audit_lost()
        return response


def _audit_entry(response: Response, at: datetime) -> AuditEntry:
    return AuditEntry(
        at=at,
        request_id=g.request_id,
        tenant=g.caller.tenant.id,
        issuer=g.caller.issuer,
        route=request.endpoint or "none",
        service=g.facts.get("service"),
        hook=g.facts.get("hook"),
        status=response.status_code,
        cards=g.facts.get("cards"),
        rules=tuple(g.facts.get("rules", ())),
        knowledge=g.facts.get("knowledge"),
    )


_METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE"})
