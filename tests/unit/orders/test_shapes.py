"""What all orders of a call share is told for each call by itself, whatever the call before it was."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cds_service.orders.shapes import moment
from tests.advice_maker import a_call

BERLIN = ZoneInfo("Europe/Berlin")


def test_the_moment_of_a_call_is_told_to_the_second_in_its_own_zone() -> None:
    told = [
        (datetime(2026, 5, 12, 9, 30, 1, 999_999, UTC), "2026-05-12T09:30:01Z"),
        (datetime(2026, 5, 12, 9, 30, 1, 5, UTC), "2026-05-12T09:30:01Z"),
        (datetime(2026, 5, 12, 11, 30, 1, tzinfo=BERLIN), "2026-05-12T11:30:01+02:00"),
        (datetime(2026, 5, 12, 9, 30, 1, tzinfo=UTC), "2026-05-12T09:30:01Z"),
        (datetime(2026, 5, 12, 9, 30, 2, tzinfo=UTC), "2026-05-12T09:30:02Z"),
    ]

    assert [moment(a_call(at=at)) for at, _ in told] == [text for _, text in told]


def test_the_hour_that_comes_twice_in_autumn_is_told_with_its_own_offset() -> None:
    first = datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN)

    assert moment(a_call(at=first)) == "2026-10-25T02:30:00+02:00"
    assert moment(a_call(at=first.replace(fold=1))) == "2026-10-25T02:30:00+01:00"
