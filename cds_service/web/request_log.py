"""One JSON line per request: ids of ours, counts and durations. Never a patient value, an id of the chart or a token."""

from __future__ import annotations

import logging
import sys
import time
from uuid import uuid4

import structlog
from flask import Flask, Response, g, request

from cds_service import metrics

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
        logger_factory=structlog.WriteLoggerFactory(file=sys.stdout),
        cache_logger_on_first_use=False,
    )


def register_request_log(app: Flask) -> None:
    """Give each request an id of its own, and tell its end.

    A caller's own request id is not taken over: it is a place where anything can be written into our log.
    """

    @app.before_request
    def begin() -> None:
        g.request_id = uuid4().hex
        g.began = time.perf_counter()
        g.facts = {}

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
        return response


_METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE"})
