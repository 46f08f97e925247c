"""What answers count is told in full, whether it is added up at once or later."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from cds_service import metrics


def number(line: str) -> float:
    text = metrics.rendered()[0].decode()
    return next((float(one.rpartition(" ")[2]) for one in text.splitlines() if one.startswith(line)), 0.0)


@pytest.fixture
def later() -> Iterator[None]:
    metrics.settle_later()
    yield
    metrics.settle_at_once()


def count() -> None:
    metrics.count_call("settled", 200, 0.002)
    metrics.count_cards("settled", (one for one in ("info", "info")), ("RF01",))


LINES = {
    'spine_cds_calls_total{route="settled",status="200"}': 1,
    'spine_cds_call_seconds_count{route="settled"}': 1,
    'spine_cds_call_seconds_sum{route="settled"}': 0.002,
    'spine_cds_call_seconds_bucket{le="0.0025",route="settled"}': 1,
    'spine_cds_cards_total{indicator="info",service="settled"}': 2,
    'spine_cds_rules_total{rule="RF01",service="settled"}': 1,
}


def test_what_waits_is_in_the_numbers_told(later: None) -> None:
    before = {line: number(line) for line in LINES}

    count()
    assert len(metrics._waiting) == 4 and len(metrics._waiting_seconds) == 1

    assert {line: number(line) - before[line] for line in LINES} == pytest.approx(LINES)
    assert not metrics._waiting and not metrics._waiting_seconds


def test_only_the_thread_that_promised_lets_its_numbers_wait(later: None) -> None:
    other = threading.Thread(target=count)
    other.start()
    other.join()

    assert not metrics._waiting and not metrics._waiting_seconds


def test_who_promises_no_more_has_nothing_waiting() -> None:
    metrics.settle_later()
    count()

    metrics.settle_at_once()
    assert not metrics._waiting and not metrics._waiting_seconds

    count()
    assert not metrics._waiting and not metrics._waiting_seconds
