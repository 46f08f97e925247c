"""One circuit breaker per host we read from: a host that keeps failing is left alone for a while.

Written here because the kept library for it (pybreaker) holds one lock over the whole guarded call: with a slow host
all reads would queue behind each other, which is the very thing a breaker is for.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import requests

FAILURES_BEFORE_OPEN = 5
OPEN_SECONDS = 20.0
HOSTS_MOST = 200


class CircuitOpen(requests.ConnectionError):
    """The host failed repeatedly and is not asked now; *retry_after_seconds* says when it is tried again."""

    def __init__(self, retry_after_seconds: float):
        self.retry_after_seconds = retry_after_seconds
        super().__init__("the host failed repeatedly and is left alone for a while")


@dataclass(slots=True)
class Outcome:
    """What came of one read; the reader sets *server_failed* on an answer of the 5xx kind."""

    server_failed: bool = False


@dataclass(slots=True)
class _Circuit:
    """Failures in a row; open until *closed_again* (monotonic seconds), then one trial read goes through."""

    failures: int = 0
    closed_again: float | None = None
    on_trial: bool = False


class Breakers:
    """Circuits by origin; at most HOSTS_MOST are kept, the longest unused goes first. Safe to share between threads."""

    def __init__(
        self,
        failures: int = FAILURES_BEFORE_OPEN,
        open_seconds: float = OPEN_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._failures = failures
        self._open_seconds = open_seconds
        self._clock = clock
        self._circuits: OrderedDict[str, _Circuit] = OrderedDict()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def of(self, origin: str) -> Iterator[Outcome]:
        """Guard one read from *origin*.

        Raises CircuitOpen when the origin failed too often of late. Only the host's own failures count (no connection,
        time-out, 5xx): a refusal of ours or a 4xx neither opens the circuit nor mends it.
        """
        self._enter(origin)
        outcome = Outcome()
        try:
            yield outcome
        except requests.RequestException:
            self._leave(origin, failed=True)
            raise
        except BaseException:
            self._leave(origin, failed=None)
            raise
        self._leave(origin, failed=outcome.server_failed)

    def state(self, origin: str) -> str:
        """Give `closed`, `open` or `trial` (one read is under way to see whether the host is back)."""
        with self._lock:
            circuit = self._circuits.get(origin)
            if circuit is None or circuit.closed_again is None:
                return "closed"
            return "trial" if circuit.on_trial else "open"

    def _enter(self, origin: str) -> None:
        with self._lock:
            circuit = self._circuits.setdefault(origin, _Circuit())
            self._circuits.move_to_end(origin)
            if len(self._circuits) > HOSTS_MOST:
                self._circuits.popitem(last=False)
            if circuit.closed_again is None:
                return
            left = circuit.closed_again - self._clock()
            if left > 0 or circuit.on_trial:
                raise CircuitOpen(max(left, 1.0))
            circuit.on_trial = True

    def _leave(self, origin: str, failed: bool | None) -> None:
        with self._lock:
            circuit = self._circuits.setdefault(origin, _Circuit())
            was_on_trial, circuit.on_trial = circuit.on_trial, False
            if failed is None:
                return
            if not failed:
                circuit.failures, circuit.closed_again = 0, None
                return
            circuit.failures += 1
            if was_on_trial or circuit.failures >= self._failures:
                circuit.closed_again = self._clock() + self._open_seconds
