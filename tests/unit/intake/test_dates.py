"""Every way FHIR says when, and the ways senders get it wrong."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_service.intake.dates import (
    read_age,
    read_age_range,
    read_period,
    read_timing,
    read_when,
    time_was_lost,
)
from cds_service.intake.shapes import Period, Quantity, Range, Repeat, Timing
from cds_service.patient.record import Precision, When

BERLIN = ZoneInfo("Europe/Berlin")
AUCKLAND = ZoneInfo("Pacific/Auckland")
BIRTH = read_when("1960-02-29", UTC)


@pytest.mark.parametrize(
    ("text", "earliest", "latest", "precision"),
    [
        ("2026", date(2026, 1, 1), date(2026, 12, 31), Precision.YEAR),
        ("2026-02", date(2026, 2, 1), date(2026, 2, 28), Precision.MONTH),
        ("2024-02", date(2024, 2, 1), date(2024, 2, 29), Precision.MONTH),
        ("2026-12", date(2026, 12, 1), date(2026, 12, 31), Precision.MONTH),
        ("2026-03-01", date(2026, 3, 1), date(2026, 3, 1), Precision.DAY),
        (" 2026-03-01\n", date(2026, 3, 1), date(2026, 3, 1), Precision.DAY),
        ("20260301", date(2026, 3, 1), date(2026, 3, 1), Precision.DAY),
        ("0001", date(1, 1, 1), date(1, 12, 31), Precision.YEAR),
        ("9999-12", date(9999, 12, 1), date(9999, 12, 31), Precision.MONTH),
    ],
)
def test_whole_and_partial_dates_are_bounded_by_their_days(
    text: str, earliest: date, latest: date, precision: Precision
) -> None:
    when = read_when(text, UTC)

    assert (when.earliest, when.latest, when.precision) == (earliest, latest, precision)
    assert when.as_recorded == text and when.moment is None
    assert when.is_partial is (precision in (Precision.YEAR, Precision.MONTH))


@pytest.mark.parametrize(
    ("text", "zone", "day"),
    [
        ("2026-03-01T23:30:00Z", BERLIN, date(2026, 3, 2)),
        ("2026-03-01T23:30:00Z", UTC, date(2026, 3, 1)),
        ("2026-03-01T00:30:00+02:00", UTC, date(2026, 2, 28)),
        ("2026-03-01T12:00:00-05:00", AUCKLAND, date(2026, 3, 2)),
        ("2026-03-01T23:30:00", BERLIN, date(2026, 3, 1)),
        ("2026-03-01T23:30:00.123456789+00:00", BERLIN, date(2026, 3, 2)),
        ("2026-03-01T23:30Z", BERLIN, date(2026, 3, 2)),
        ("2026-03-01 23:30:00Z", BERLIN, date(2026, 3, 2)),
        ("2026-03-01t23:30:00z", BERLIN, date(2026, 3, 2)),
        ("2026-03-01T24:00:00", BERLIN, date(2026, 3, 2)),
        ("2026-12-31T23:59:60Z", UTC, date(2026, 12, 31)),
    ],
)
def test_the_day_of_a_moment_is_its_day_in_the_zone_of_the_service(text: str, zone: ZoneInfo, day: date) -> None:
    when = read_when(text, zone)

    assert (when.earliest, when.latest, when.precision) == (day, day, Precision.TIME)
    assert when.moment is not None and when.moment.tzinfo is not None and when.moment.date() == day


def test_moments_across_a_change_of_clocks_keep_their_instant() -> None:
    before, after = read_when("2026-10-25T00:30:00Z", BERLIN), read_when("2026-10-25T01:30:00Z", BERLIN)

    assert before.moment == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert after.moment - before.moment == timedelta(hours=1)  # type: ignore[operator]
    assert before.moment.hour == after.moment.hour == 2  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-30",
        "2026-13",
        "2026-00-10",
        "0000",
        "0000-01-01",
        "12/03/2026",
        "last spring",
        "",
        "2026-3-1",
        "26-03-01",
    ]
    + ["2026-03-01junk", "2026-W09-7T10:00:00Z", "2026-02-30T10:00:00Z", "２０２６", "99999", "2026-", "-2026-03-01"],
)
def test_an_impossible_date_keeps_its_words_and_has_no_bounds(text: str) -> None:
    assert read_when(text, UTC) == When(None, None, None, text)


@pytest.mark.parametrize(
    "text",
    ["2026-03-01T25:61:00Z", "2026-03-01T10", "2026-03-01Tnoon", "2026-03-01T10:00:00+99:00", "2026-03-01 at ten"],
)
def test_an_impossible_time_leaves_the_day(text: str) -> None:
    when = read_when(text, UTC)

    if text.endswith("T10"):
        assert when.precision is Precision.TIME and not time_was_lost(when)
    else:
        assert (when.latest, when.precision) == (date(2026, 3, 1), Precision.DAY) and time_was_lost(when)


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00", "9999-12-31T24:00:00Z"])
def test_moments_at_the_end_of_the_calendar_do_not_overflow(text: str) -> None:
    when = read_when(text, UTC)

    assert when.latest is not None and when.latest.year in (1, 9999) and time_was_lost(when)


def test_a_plain_day_lost_no_time() -> None:
    assert not time_was_lost(read_when("2026-03-01", UTC))


# -- periods ---------------------------------------------------------------------------------------------------------


def test_a_period_spans_its_days_and_has_the_moment_of_its_end() -> None:
    when = read_period(Period("2026-03-01T22:00:00Z", "2026-03-02T03:00:00Z"), UTC)

    assert when == When(
        date(2026, 3, 1),
        date(2026, 3, 2),
        Precision.TIME,
        "2026-03-01T22:00:00Z to 2026-03-02T03:00:00Z",
        datetime(2026, 3, 2, 3, tzinfo=UTC),
    )


def test_an_open_period_is_the_day_of_its_start() -> None:
    when = read_period(Period(start="2026-03-01"), UTC)

    assert when is not None and (when.earliest, when.latest) == (date(2026, 3, 1), date(2026, 3, 1))


def test_a_period_without_a_start_is_the_day_of_its_end() -> None:
    when = read_period(Period(end="2026-03"), UTC)

    assert when is not None and when.latest == date(2026, 3, 31) and when.is_partial


def test_a_period_is_as_coarse_as_its_coarser_side() -> None:
    when = read_period(Period("2025", "2026-03-01"), UTC)

    assert when is not None and when.precision is Precision.YEAR and when.latest == date(2026, 3, 1)


def test_a_period_that_ends_before_it_starts_is_bounded_by_both() -> None:
    when = read_period(Period("2026-03-05", "2026-03-01"), UTC)

    assert when is not None and (when.earliest, when.latest) == (date(2026, 3, 1), date(2026, 3, 5))


def test_a_period_with_one_impossible_side_has_the_other() -> None:
    when = read_period(Period("2026-02-30", "2026-03-01"), UTC)

    assert when is not None and when.earliest == date(2026, 3, 1)


def test_an_impossible_period_has_no_bounds_and_an_empty_one_is_none() -> None:
    assert read_period(Period("soon", "later"), UTC) == When(None, None, None, "soon to later")
    assert read_period(Period(), UTC) is None


# -- ages and ranges -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age", "earliest", "latest"),
    [
        (Quantity(66, "years", "a"), date(2026, 2, 28), date(2027, 2, 27)),
        (Quantity(66, "yr"), date(2026, 2, 28), date(2027, 2, 27)),
        (Quantity(6.0, "Months", "mo"), date(1960, 8, 29), date(1960, 9, 28)),
        (Quantity(2, "weeks"), date(1960, 3, 14), date(1960, 3, 20)),
        (Quantity(10, "d", "d"), date(1960, 3, 10), date(1960, 3, 10)),
    ],
)
def test_an_age_is_the_days_on_which_the_patient_had_it(age: Quantity, earliest: date, latest: date) -> None:
    when = read_age(age, BIRTH)

    assert (when.earliest, when.latest) == (earliest, latest)
    assert when.as_recorded.startswith("age ")


@pytest.mark.parametrize(
    "age",
    [Quantity(66, "furlong"), Quantity(None, "a"), Quantity(66), Quantity(-3, "a"), Quantity(1e300, "a")]
    + [Quantity(9000, "a"), Quantity(66, "a", comparator=">")],
)
def test_an_age_that_says_nothing_has_no_bounds(age: Quantity) -> None:
    assert read_age(age, BIRTH).latest is None


@pytest.mark.parametrize("birth", [None, When(None, None, None, "unknown")])
def test_an_age_without_a_birth_date_has_no_bounds(birth: When | None) -> None:
    assert read_age(Quantity(66, "a"), birth) == When(None, None, None, "age 66 a")


def test_an_age_from_a_partial_birth_date_is_as_wide_as_it_must_be() -> None:
    when = read_age(Quantity(10, code="a"), read_when("1960", UTC))

    assert (when.earliest, when.latest) == (date(1970, 1, 1), date(1971, 12, 30))


def test_a_range_of_ages_runs_from_the_lower_to_the_upper() -> None:
    when = read_age_range(Range(Quantity(40, "a"), Quantity(45, "a")), BIRTH)

    assert (when.earliest, when.latest) == (date(2000, 2, 29), date(2006, 2, 27))
    assert when.as_recorded == "age 40 a to age 45 a"


@pytest.mark.parametrize("span", [Range(), Range(Quantity(40, "a"), Quantity(45, "kg"))])
def test_a_range_that_cannot_be_placed_has_no_bounds(span: Range) -> None:
    assert read_age_range(span, BIRTH).latest is None


# -- timings ---------------------------------------------------------------------------------------------------------


def test_a_timing_spans_its_events() -> None:
    when = read_timing(Timing(event=["2026-03-05", "2026-03-01", "rubbish"]), UTC)

    assert when is not None and (when.earliest, when.latest) == (date(2026, 3, 1), date(2026, 3, 5))


def test_a_timing_of_one_event_is_that_event() -> None:
    when = read_timing(Timing(event=["2026-03-05T10:00:00Z"]), UTC)

    assert when is not None and when.moment == datetime(2026, 3, 5, 10, tzinfo=UTC)


def test_a_timing_of_impossible_events_keeps_their_words() -> None:
    assert read_timing(Timing(event=["rubbish"]), UTC) == When(None, None, None, "rubbish")


def test_a_timing_may_name_only_its_bounds_or_nothing() -> None:
    bounded = read_timing(Timing(repeat=Repeat(bounds_period=Period("2026-03-01", "2026-03-09"))), UTC)

    assert bounded is not None and bounded.latest == date(2026, 3, 9)
    assert read_timing(Timing(), UTC) is None and read_timing(Timing(repeat=Repeat()), UTC) is None


_days = st.dates().map(str) | st.text(alphabet="0123456789-W \u0663\uff12", min_size=10, max_size=10)


@settings(max_examples=300, deadline=None)
@given(_days | st.tuples(st.dates(), st.sampled_from("-/. W")).map(lambda drawn: str(drawn[0]).replace("-", drawn[1])))
def test_a_day_written_as_usual_is_read_as_with_care(text: str) -> None:
    careful = read_when(f" {text}", UTC)

    quick = read_when(text, UTC)

    assert quick == When(careful.earliest, careful.latest, careful.precision, text, careful.moment)
