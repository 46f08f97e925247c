"""One JSON line per request: ids of ours, counts and durations. Never a patient value, an id of the chart or a token."""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import structlog
from flask import Flask, Response, g, request

from cds_service import metrics
from cds_service.audit import AuditEntry, AuditTrail
from cds_service.tracing import ALLOWED, Tracing
from cds_service.web.visit import Visit, new_request_id
from cds_service.wire.response import encode

REQUEST_ID_HEADER = "X-Request-Id"
_NO_SNIFFING = ("X-Content-Type-Options", "nosniff")
_QUIET_ROUTES = frozenset({"operations.alive", "operations.ready", "operations.metrics"})
"""Asked every few seconds by machines: counted, and logged only at level debug or when they fail."""

_LOG = structlog.get_logger("spine_cds")


def configure_logging(level: str) -> None:
    """Write JSON lines to standard output; the level is debug, info, warning or error."""
    structlog.configure(
        processors=[_as_line],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=lambda *names: _Output(),
        cache_logger_on_first_use=False,
    )


def _as_line(logger: Any, level: str, line: dict[str, Any]) -> bytes:
    line["level"] = level
    line["at"] = _now()
    return encode(line) + b"\n"


_second_told = (0, "")


def _now() -> str:
    """The moment in UTC, to the microsecond; a second is put into words once for all lines that it sees."""
    global _second_told
    second, microseconds = divmod(time.time_ns() // 1000, 1_000_000)
    if _second_told[0] != second:
        _second_told = (second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second)))
    return f"{_second_told[1]}.{microseconds:06d}Z"


class _Output:
    """Standard output, as it is at the moment of writing; each line is with the system before the answer goes out."""

    @staticmethod
    def write(line: bytes) -> None:
        output = sys.stdout.buffer
        output.write(line)
        output.flush()

    debug = info = warning = error = write


class RequestLog:
    """Gives each request an id of its own, and tells its end: one log line, one span, and one audit entry per caller.

    A caller's own request id is not taken over: it is a place where anything can be written into our log.
    """

    def __init__(self, audit: AuditTrail, tracing: Callable[[], Tracing], clock: Callable[[], datetime]):
        self._audit = audit
        self._tracing = tracing
        self._clock = clock
        # Said with every request, so the line goes past structlog, which would copy it at each of its steps.
        log = _LOG.bind()
        self._levels = {name for name in ("debug", "info") if log.is_enabled_for(getattr(logging, name.upper()))}

    def begin(self, visit: Visit) -> None:
        visit.request_id = new_request_id()
        visit.began = time.perf_counter()
        visit.facts = {}
        visit.caller = None
        visit.span = None
        if (traced := self._tracing()).is_on:
            visit.span_ends = contextlib.ExitStack()
            visit.span = visit.span_ends.enter_context(traced.span("request"))

    def end(self, visit: Visit, method: str, route: str, status: int) -> tuple[tuple[str, str], ...]:
        """Tell the end of *visit*; give the headers that its answer must have."""
        facts = visit.facts
        if (
            self._audit.is_kept
            and visit.caller is not None
            and not self._audit.write(_audit_entry(visit, route, status, self._clock()))
        ):
            # An answer is not held back for it; the log line and the counter tell that the trail has a hole.
            facts["audit"] = "lost"
            metrics.count_audit_lost()
        seconds = time.perf_counter() - visit.began
        metrics.count_call(route, status, seconds)
        level = "debug" if route in _QUIET_ROUTES and status < 400 else "info"
        if level in self._levels:
            _Output.write(
                _as_line(
                    None,
                    level,
                    {
                        "request_id": visit.request_id,
                        "method": method if method in _METHODS else "other",
                        "route": route,
                        "status": status,
                        "milliseconds": round(seconds * 1000, 2),
                        **facts,
                        "event": "request",
                    },
                )
            )
        if visit.span is not None:
            allowed = {name: value for name, value in facts.items() if name in ALLOWED}
            visit.span.tell(request_id=visit.request_id, route=route, status=status, **allowed)
            visit.span_ends.close()
        return ((REQUEST_ID_HEADER, visit.request_id), _NO_SNIFFING)


def register_request_log(app: Flask, log: RequestLog) -> None:
    """Let *log* see every request that Flask dispatches."""

    @app.before_request
    def begin() -> None:
        log.begin(g._get_current_object())

    @app.after_request
    def end(response: Response) -> Response:
        asked = request._get_current_object()
        told = log.end(g._get_current_object(), asked.method, asked.endpoint or "none", response.status_code)
        for name, value in told:
            response.headers.set(name, value)
        return response


def _audit_entry(visit: Visit, route: str, status: int, at: datetime) -> AuditEntry:
    return AuditEntry(
        at=at,
        request_id=visit.request_id,
        tenant=visit.caller.tenant.id,
        issuer=visit.caller.issuer,
        route=route,
        service=visit.facts.get("service"),
        hook=visit.facts.get("hook"),
        status=status,
        cards=visit.facts.get("cards"),
        rules=tuple(visit.facts.get("rules", ())),
        knowledge=visit.facts.get("knowledge"),
    )


_METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE"})
