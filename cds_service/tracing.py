"""Tracing by OpenTelemetry, when a setting asks for it and the extra `tracing` is installed; otherwise it costs nothing.

Spans carry ids of ours, counts and durations. No URL, header, body, exception text or id of a caller goes into a span:
only the attributes named in ALLOWED are taken, and nothing instruments Flask or requests on its own.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from cds_service.errors import Fault, SettingsFaults
from cds_service.later import Later

_TRACE = Later("opentelemetry.trace")
_SDK = Later("opentelemetry.sdk.trace")
_RESOURCES = Later("opentelemetry.sdk.resources")
_BATCHES = Later("opentelemetry.sdk.trace.export")
_OTLP = Later("opentelemetry.exporter.otlp.proto.http.trace_exporter")

ALLOWED = frozenset(
    {
        "request_id",
        "tenant",
        "route",
        "service",
        "hook",
        "status",
        "cards",
        "rules",
        "knowledge",
        "fetched",
        "gaps",
        "error",
    }
)
_PREFIX = "spine_cds."


class Tracing:
    """Opens spans; a Tracing without exporter opens none."""

    def __init__(self, provider: Any = None):
        self._provider = provider
        self._tracer = provider.get_tracer("spine-cds") if provider is not None else None

    @property
    def is_on(self) -> bool:
        """False where no span would be kept: then none need be opened."""
        return self._tracer is not None

    @contextlib.contextmanager
    def span(self, name: str) -> Iterator[Span]:
        """Open a span named *name* (a word of ours). A failure marks it by the error's class, never by its text."""
        if self._tracer is None:
            yield Span(None)
            return
        with self._tracer.start_as_current_span(
            name, record_exception=False, set_status_on_exception=False, attributes={}
        ) as opened:
            span = Span(opened)
            try:
                yield span
            except Exception as error:
                span.tell(error=type(error).__name__)
                opened.set_status(_TRACE.Status(_TRACE.StatusCode.ERROR))
                raise

    def close(self) -> None:
        """Send what waits."""
        if self._provider is not None:
            self._provider.shutdown()


class Span:
    """An open span; takes attributes of the allowed names only."""

    def __init__(self, opened: Any):
        self._opened = opened

    def tell(self, **facts: Any) -> None:
        """Add *facts*.  Raises ValueError for a name that is not allowed: a new attribute is a decision about privacy."""
        foreign = set(facts) - ALLOWED
        if foreign:
            raise ValueError(f"not an attribute that may leave this service: {', '.join(sorted(foreign))}")
        if self._opened is None:
            return
        for name, value in facts.items():
            if value is not None:
                self._opened.set_attribute(_PREFIX + name, list(value) if isinstance(value, list | tuple) else value)


def require_tracing() -> None:
    """Load OpenTelemetry, before a fork so that the processes share it; raises SettingsFaults when it is not installed."""
    try:
        loaded = (_TRACE.Status, _SDK.TracerProvider, _BATCHES.BatchSpanProcessor, _OTLP.OTLPSpanExporter)
    except ImportError:
        loaded = ()
    if not loaded:
        raise SettingsFaults(
            [
                Fault(
                    "SPINE_CDS_OTLP_ENDPOINT",
                    "is set, and OpenTelemetry is not installed",
                    "the extra: spine-cds[tracing]",
                )
            ]
        )


def configure_tracing(endpoint: str | None, version: str, exporter: Any = None) -> Tracing:
    """Give the tracing that *endpoint* (an OTLP/HTTP URL, None: no tracing) asks for.

    To be called after a fork, once per process: the exporter runs a thread. *exporter* replaces the OTLP one in tests.
    Raises SettingsFaults when tracing is asked for and the extra is not installed.
    """
    if endpoint is None and exporter is None:
        return Tracing()
    require_tracing()
    resource = _RESOURCES.Resource({"service.name": "spine-cds", "service.version": version})
    provider = _SDK.TracerProvider(resource=resource)
    provider.add_span_processor(_BATCHES.BatchSpanProcessor(exporter or _OTLP.OTLPSpanExporter(endpoint=endpoint)))
    return Tracing(provider)
