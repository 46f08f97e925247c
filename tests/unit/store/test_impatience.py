"""A database that hangs: no thread waits for it for ever, and no call waits for it at all."""

from __future__ import annotations

import threading
import time

import pytest

from cds_service.errors import StoreUnavailable
from cds_service.security.replay import ReplayGuard
from cds_service.store.feedback import _impatient


class _HangingStore:
    def __init__(self) -> None:
        self.released = threading.Event()
        self.asked = 0

    def remember(self, tenant_id: str, jti_digest: str, expires_at: int) -> bool:
        self.asked += 1
        self.released.wait(10)
        return True


def test_a_call_does_not_wait_for_a_store_that_hangs() -> None:
    store = _HangingStore()
    guard = ReplayGuard(store, lambda: 1000.0, patience_seconds=0.05)
    began = time.monotonic()
    answers = [guard.remember("ehr", f"digest-{number}", 2000) for number in range(20)]
    took = time.monotonic() - began
    asked_while_it_hung = store.asked
    store.released.set()
    assert answers == [(True, False)] * 20
    assert asked_while_it_hung == 1, "only the first question waits; the others are not asked while it is open"
    assert took < 1.0


def test_a_store_that_answers_again_is_asked_again() -> None:
    store = _HangingStore()
    guard = ReplayGuard(store, lambda: 1000.0, patience_seconds=0.05)
    assert guard.remember("ehr", "digest-1", 2000) == (True, False)
    store.released.set()
    until = time.monotonic() + 5
    while guard.remember("ehr", f"digest-at-{time.monotonic()}", 2000) != (True, True):
        assert time.monotonic() < until, "the store answers, and is still left aside"


def test_a_replay_is_refused_in_this_process_while_the_store_hangs() -> None:
    store = _HangingStore()
    guard = ReplayGuard(store, lambda: 1000.0, patience_seconds=0.05)
    assert guard.remember("ehr", "digest", 2000)[0]
    assert not guard.remember("ehr", "digest", 2000)[0]
    store.released.set()


def test_a_store_that_refuses_at_once_is_asked_each_time() -> None:
    class Down:
        asked = 0

        def remember(self, tenant_id: str, jti_digest: str, expires_at: int) -> bool:
            Down.asked += 1
            raise StoreUnavailable("down")

    guard = ReplayGuard(Down(), lambda: 1000.0)
    assert [guard.remember("ehr", str(number), 2000) for number in range(3)] == [(True, False)] * 3
    assert Down.asked == 3


class _WaitTimeout(Exception):
    """Named as psycopg names what ends a wait."""


class _Wire:
    closed = False

    def finish(self) -> None:
        self.closed = True


class _Connection:
    def __init__(self, raised: Exception | None = None) -> None:
        self.pgconn = _Wire()
        self.raised = raised
        self.timeouts: list[float] = []

    def wait(self, gen: object, interval: float = 0.1, timeout: float | None = None) -> str:
        assert timeout is not None
        self.timeouts.append(timeout)
        if self.raised is not None:
            raise self.raised
        return "answered"


def test_every_wait_of_a_connection_has_an_end() -> None:
    connection = _impatient(_Connection)()
    assert connection.wait(None) == "answered"
    connection.wait(None, timeout=1.0)
    connection.wait(None, timeout=60.0)
    assert connection.timeouts == [6.0, 1.0, 6.0]


def test_a_connection_that_waited_too_long_is_closed_and_no_other() -> None:
    late, wrong = _impatient(_Connection)(_WaitTimeout()), _impatient(_Connection)(ValueError())
    with pytest.raises(_WaitTimeout):
        late.wait(None)
    with pytest.raises(ValueError):
        wrong.wait(None)
    assert (late.pgconn.closed, wrong.pgconn.closed) == (True, False)
