"""Counters and timings of the service. Labels are ids of our own (service, rule, status); never anything of a caller.

With several processes the numbers meet in the folder PROMETHEUS_MULTIPROC_DIR, which `spine-cds serve` sets up.

What every answer counts may be added up a little later, with what the next ones count (`settle_later`): that costs a third.
"""

from __future__ import annotations

import functools
import threading
from collections import Counter as Tally
from collections import deque
from collections.abc import Iterable
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest, multiprocess
from prometheus_client.values import ValueClass

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.4, 0.5, 1.0, 2.5, 5.0)

REGISTRY = CollectorRegistry()

_CALLS = Counter("spine_cds_calls_total", "Requests answered", ("route", "status"), registry=REGISTRY)
_CALL_SECONDS = Histogram(
    "spine_cds_call_seconds", "Time from request to answer", ("route",), buckets=_SECONDS, registry=REGISTRY
)
_CARDS = Counter("spine_cds_cards_total", "Cards sent", ("service", "indicator"), registry=REGISTRY)
_RULES = Counter("spine_cds_rules_total", "Rules that spoke in an answer", ("service", "rule"), registry=REGISTRY)
_DEGRADED = Counter(
    "spine_cds_degraded_total", "Answers given without data that were asked for", ("service",), registry=REGISTRY
)
_MISSING = Counter("spine_cds_missing_data_total", "Calls without required data", ("service",), registry=REGISTRY)
_FETCH_SECONDS = Histogram(
    "spine_cds_fhir_gather_seconds",
    "Time spent reading from FHIR servers in one call",
    ("service",),
    buckets=_SECONDS,
    registry=REGISTRY,
)
_FEEDBACK = Counter("spine_cds_feedback_total", "Feedback entries stored", ("service", "outcome"), registry=REGISTRY)
_REFUSED = Counter("spine_cds_refused_total", "Calls whose token was refused", ("check",), registry=REGISTRY)
_REPLAY_UNCHECKED = Counter(
    "spine_cds_replay_unchecked_total", "Tokens whose reuse only one process could check", registry=REGISTRY
)
_AUDIT_LOST = Counter("spine_cds_audit_lost_total", "Audit entries that could not be written", registry=REGISTRY)
_UNRECORDED = Counter(
    "spine_cds_cards_unrecorded_total", "Issued cards the store could not take note of", registry=REGISTRY
)


# Counted with every call, so the counter of each combination is kept at hand; the labels are few and all ours.
_calls = functools.cache(_CALLS.labels)
_call_seconds = functools.cache(_CALL_SECONDS.labels)
_cards = functools.cache(_CARDS.labels)
_rules = functools.cache(_RULES.labels)

_waiting: deque[tuple[Any, ...]] = deque()
"""What waits to be counted: each is the function that gives its counter, and the labels."""
_waiting_seconds: deque[tuple[str, float]] = deque()
_settling = threading.Lock()
_thread_that_settles: int | None = None


def settle_later() -> None:
    """Let what the answers of this thread count wait: it promises to call `settle` soon and often, and `settle_at_once` when
    it ends."""
    global _thread_that_settles
    _thread_that_settles = threading.get_ident()


def settle_at_once() -> None:
    """End the promise of `settle_later`."""
    global _thread_that_settles
    _thread_that_settles = None
    settle()


def settle() -> None:
    """Add up what waits."""
    if not _waiting and not _waiting_seconds:
        return
    with _settling:
        together = Tally([_waiting.popleft() for _ in range(len(_waiting))])
        for (counter, *labels), number in together.items():
            counter(*labels).inc(number)
        for _ in range(len(_waiting_seconds)):
            route, seconds = _waiting_seconds.popleft()
            _call_seconds(route).observe(seconds)


def count_call(route: str, status: int, seconds: float) -> None:
    if threading.get_ident() == _thread_that_settles:
        _waiting.append((_calls, route, status))
        _waiting_seconds.append((route, seconds))
    else:
        _calls(route, status).inc()
        _call_seconds(route).observe(seconds)


def count_cards(service: str, indicators: Iterable[str], rules: Iterable[str]) -> None:
    """Count the cards of an answer by their *indicators*, and the *rules* that spoke in it."""
    counted = [(_cards, service, one) for one in indicators]
    counted += [(_rules, service, one) for one in rules]
    if threading.get_ident() == _thread_that_settles:
        _waiting.extend(counted)
    else:
        for counter, *labels in counted:
            counter(*labels).inc()


def count_degraded(service: str) -> None:
    _DEGRADED.labels(service).inc()


def count_missing(service: str) -> None:
    _MISSING.labels(service).inc()


def count_gathering(service: str, seconds: float) -> None:
    _FETCH_SECONDS.labels(service).observe(seconds)


def count_feedback(service: str, outcome: str) -> None:
    _FEEDBACK.labels(service, outcome).inc()


def count_refused(check: str) -> None:
    _REFUSED.labels(check).inc()


def count_replay_unchecked() -> None:
    _REPLAY_UNCHECKED.inc()


def count_audit_lost() -> None:
    _AUDIT_LOST.inc()


def count_unrecorded(cards: int) -> None:
    _UNRECORDED.inc(cards)


def rendered() -> tuple[bytes, str]:
    """All numbers in Prometheus' text format, and its content type; summed over the processes where there are many."""
    settle()
    registry = REGISTRY
    if getattr(ValueClass, "_multiprocess", False):
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)
    return generate_latest(registry), CONTENT_TYPE_LATEST


def forget_process(pid: int) -> None:
    """Tell the shared numbers that a process has ended."""
    if getattr(ValueClass, "_multiprocess", False):
        multiprocess.mark_process_dead(pid)
