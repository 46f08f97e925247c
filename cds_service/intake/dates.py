"""FHIR's many ways to say when -> `When`. Knows the service's time zone as an argument; asks no clock.

The day of a moment is its day in the service's zone, and the moment stands at that zone's offset of then; a moment written
without a zone is taken as local. A text that is no possible date keeps its text and has no bounds, so nothing downstream
can take it for one.
"""

from __future__ import annotations

import calendar
import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo

from cds_service.intake.shapes import Period, Quantity, Range, Timing
from cds_service.patient.record import Precision, When

_SHAPE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d)([Tt ]\S.*)?)?)?\Z", re.ASCII)
_COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)\Z", re.ASCII)
_LEAP_SECOND = re.compile(r":60(?=\D|\Z)")
_MIDNIGHT_24 = re.compile(r"[T ]24:00(:00(\.0+)?)?(?=\D|\Z)")
_COARSE_FIRST = (Precision.YEAR, Precision.MONTH, Precision.DAY, Precision.TIME)
_TIME = Precision.TIME
_AGE_UNITS = {
    "a": "year", "y": "year", "yr": "year", "yrs": "year", "year": "year", "years": "year",
    "mo": "month", "month": "month", "months": "month",
    "wk": "week", "week": "week", "weeks": "week",
    "d": "day", "day": "day", "days": "day",
}  # fmt: skip


def read_when(text: str, zone: tzinfo) -> When:
    """Read a FHIR date, dateTime or instant, whole or partial.

    Where the day is possible but the time of day is not, only the day is used. Both bounds are None where the text is no
    possible date.  Source: FHIR R4 datatypes, date and dateTime.
    """
    if len(text) == 10:
        day = _plain_day(text)
        if day is not None:
            return When(day, day, Precision.DAY, text)
    elif len(text) > 15 and text[4] == text[7] == "-" and text[10] == "T":  # the usual form: 2026-03-01T10:00:00+01:00
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            pass  # anything else is read with care
        else:
            return when_of(moment, text, zone)
    stripped = text.strip()
    found = _SHAPE.match(stripped) or _COMPACT.match(stripped)
    if not found:
        return When(None, None, None, text)
    try:
        earliest = date(int(found[1]), int(found[2] or 1), int(found[3] or 1))
    except ValueError:
        return When(None, None, None, text)
    if not found[2]:
        return When(earliest, date(earliest.year, 12, 31), Precision.YEAR, text)
    if not found[3]:
        last = calendar.monthrange(earliest.year, earliest.month)[1]
        return When(earliest, earliest.replace(day=last), Precision.MONTH, text)
    if found.re is _SHAPE and found[4]:
        moment = _odd_moment(stripped)
        if moment is not None:
            return when_of(moment, text, zone)
    return When(earliest, earliest, Precision.DAY, text)


def plain_zone(zone: tzinfo) -> tzinfo:
    """Give UTC itself for a zone that is named so: most days are then those that are written."""
    return UTC if str(zone) == "UTC" else zone


def time_was_lost(when: When) -> bool:
    """Tell whether the record gave a time of day that could not be read, so that only its day is used."""
    if when.precision is not Precision.DAY or len(when.as_recorded) <= 10:
        return False
    recorded = when.as_recorded.strip()
    return len(recorded) > 10 and recorded[10] in "Tt "


def read_period(period: Period, zone: tzinfo) -> When | None:
    """Read a Period as the span from its start's first day to its end's last day; None for an empty one.

    An open end is not filled: the span is then its start's day. The moment is that of the end, or of the start where
    there is no end. A period that ends before it starts is bounded by both days all the same.
    """
    start = read_when(period.start, zone) if period.start else None
    end = read_when(period.end, zone) if period.end else None
    return _span(start, end, " to ".join(filter(None, (period.start, period.end))))


def read_age(age: Quantity, birth: When | None) -> When:
    """Read an age as the days on which the patient had it; without a birth date, or a unit of age, only its text."""
    recorded = _age_text(age)
    days = _days_of_age(age, birth)
    if days is None:
        return When(None, None, None, recorded)
    return When(days[0], days[1], _precision_between(*days), recorded)


def read_age_range(span: Range, birth: When | None) -> When:
    """Read a range of ages as the days from the lower to the upper one."""
    ages = [age for age in (span.low, span.high) if age is not None]
    recorded = " to ".join(_age_text(age) for age in ages)
    days = [found for age in ages if (found := _days_of_age(age, birth)) is not None]
    if not ages or len(days) != len(ages):
        return When(None, None, None, recorded)
    earliest, latest = min(one[0] for one in days), max(one[1] for one in days)
    return When(earliest, latest, _precision_between(earliest, latest), recorded)


def read_timing(timing: Timing, zone: tzinfo) -> When | None:
    """Read a Timing as the span of its events, or of its bounding period; None where it names neither."""
    if timing.event:
        events = [read_when(text, zone) for text in timing.event]
        dated = sorted((one for one in events if one.latest is not None), key=lambda one: (one.latest, one.earliest))
        recorded = ", ".join(timing.event)
        if not dated:
            return When(None, None, None, recorded)
        return _span(dated[0], dated[-1] if len(dated) > 1 else None, recorded)
    if timing.repeat is not None and timing.repeat.bounds_period is not None:
        return read_period(timing.repeat.bounds_period, zone)
    return None


def _plain_day(text: str) -> date | None:
    """Read ten signs as the usual form of a day (2026-03-01) quickly; None for anything else, which is read with care."""
    if not text[4] == text[7] == "-":
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _odd_moment(text: str) -> datetime | None:
    """Read a moment written unusually: small letters, a blank for the T, 24:00, a leap second."""
    text = text.replace("z", "Z").replace("t", "T")
    next_day = _MIDNIGHT_24.search(text) is not None
    text = _MIDNIGHT_24.sub("T00:00:00", text)
    text = _LEAP_SECOND.sub(":59", text)
    try:
        moment = datetime.fromisoformat(text)
        return moment + timedelta(days=1) if next_day else moment
    except (ValueError, OverflowError):
        return None


def when_of(moment: datetime, text: str, zone: tzinfo) -> When:
    """Give the *moment* that was read in *text* as it is in the service's zone."""
    if moment.tzinfo is UTC and zone is UTC:
        day = moment.date()
        return When(day, day, _TIME, text, moment)
    try:
        local = moment.replace(tzinfo=zone) if moment.tzinfo is None else moment.astimezone(zone)
    except (ValueError, OverflowError):
        day = moment.date()
        return When(day, day, Precision.DAY, text)
    if zone is not UTC:
        # A fixed offset, because Python subtracts moments of one named zone by the wall clock, an hour off at its changes.
        local = local.replace(tzinfo=timezone(local.utcoffset() or timedelta()))
    day = local.date()
    return When(day, day, Precision.TIME, text, local)


def _span(start: When | None, end: When | None, recorded: str) -> When | None:
    given = [one for one in (start, end) if one is not None]
    if not given:
        return None
    dated = [one for one in given if one.earliest is not None and one.latest is not None]
    if not dated:
        return When(None, None, None, recorded)
    last = dated[-1]
    return When(
        min(one.earliest for one in dated if one.earliest),
        max(one.latest for one in dated if one.latest),
        min((one.precision for one in dated if one.precision), key=_COARSE_FIRST.index),
        recorded,
        last.moment,
    )


def _age_text(age: Quantity) -> str:
    number = "?" if age.value is None else f"{age.value:g}"
    return f"age {number} {age.unit or age.code or ''}".rstrip()


def _days_of_age(age: Quantity, birth: When | None) -> tuple[date, date] | None:
    unit = _AGE_UNITS.get((age.code or age.unit or "").strip().lower())
    if unit is None or age.value is None or not 0 <= age.value < 150 * 366 or age.comparator:
        return None
    if birth is None or birth.earliest is None or birth.latest is None:
        return None
    whole = int(age.value)
    try:
        return (
            _later(birth.earliest, whole, unit),
            _later(birth.latest, whole + 1, unit) - timedelta(days=1),
        )
    except (ValueError, OverflowError):
        return None


def _later(day: date, number: int, unit: str) -> date:
    if unit in ("day", "week"):
        return day + timedelta(days=number * (7 if unit == "week" else 1))
    months = day.month - 1 + number * (12 if unit == "year" else 1)
    year, month = day.year + months // 12, months % 12 + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def _precision_between(earliest: date, latest: date) -> Precision:
    days = (latest - earliest).days
    return Precision.DAY if days == 0 else Precision.MONTH if days <= 31 else Precision.YEAR
