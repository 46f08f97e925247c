"""Questions about measured values: against a limit, against an earlier value, over several sessions, lying to standing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

from cds_service.patient.chart_text import moment_text
from cds_service.patient.facts import Asked, Fresh, Value, newest_of
from cds_service.patient.finding import Answer, Evidence, Finding, QualityEvent
from cds_service.patient.known import Measure
from cds_service.patient.quantity import Amount
from cds_service.patient.questions.arguments import Arguments, Condition

NO_OBSERVATIONS = "observations could not be had"
_NEEDS = frozenset({"observations"})
_HOURS_A_DAY = 24.0
_ANSWERS = {True: Answer.MET, None: Answer.UNKNOWN, False: Answer.NOT_MET}


def _unasked(measure: Measure) -> Finding:
    return Finding(Answer.UNKNOWN, f"{measure.name}: {NO_OBSERVATIONS}", missing=("observations",))


def _nothing(measure: Measure, fresh: Fresh) -> Finding:
    return Finding(Answer.UNKNOWN, fresh.why_none, (), fresh.events, (measure.name,))


def say_value(value: Value, measure: Measure) -> str:
    """Write a value with its unit and time, as a person would."""
    amount, unit = value.amount, measure.shown_unit or ("" if measure.unit == "1" else measure.unit)
    if amount.is_exact:
        number = _number(amount.low)
    elif amount.low == float("-inf"):
        number = f"{'under' if amount.high_open else 'at most'} {_number(amount.high)}"
    else:
        number = f"{'over' if amount.low_open else 'at least'} {_number(amount.low)}"
    said = f"{measure.name} {number}{' ' + unit if unit else ''}"
    return f"{said} ({moment_text(value.evidence.date)})" if value.evidence.date else said


def _number(value: float) -> str:
    """Write a number with at most two decimals: a converted one (101.5 degF are 38.6111 Cel) is no more exact than that."""
    return f"{round(value, 2):.12g}"


@dataclass(frozen=True, slots=True)
class Limits:
    """An interval in the measure's unit; a missing end is open."""

    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    below: float | None = None

    def hold(self, amount: Amount) -> bool | None:
        """True, False, or None where a comparator (`<5`) leaves it open."""
        if amount.low == amount.high:
            value = amount.low
            return (
                (self.at_least is None or value >= self.at_least)
                and (self.above is None or value > self.above)
                and (self.at_most is None or value <= self.at_most)
                and (self.below is None or value < self.below)
            )
        answers = {
            None if self.at_least is None else (amount.at_least(self.at_least),),
            None if self.above is None else (amount.above(self.above),),
            None if self.at_most is None else (_turned(amount.above(self.at_most)),),
            None if self.below is None else (_turned(amount.at_least(self.below)),),
        } - {None}
        if (False,) in answers:
            return False
        return None if (None,) in answers else True


@cache
def _least_change(at_least: float | None, above: float | None) -> Limits:
    """The limits of a change, of which the rules have a few."""
    return Limits(at_least=at_least, above=above)


def _turned(answer: bool | None) -> bool | None:
    return None if answer is None else not answer


@dataclass(frozen=True, slots=True)
class Days:
    """The days after surgery on which a value must have been taken, both ends included; None is open."""

    first: float | None = None
    last: float | None = None

    def look(self, asked: Asked) -> Callable[[Measure, float | None], Fresh | None]:
        """Give the way to look at values whose day matters, or does not."""
        return asked.fresh if self.first is None and self.last is None else asked.fresh_by_day

    def rule_out(self, value: Value, asked: Asked, quality: tuple[QualityEvent, ...]) -> Finding | None:
        """Give the answer where the day of *value* decides alone: taken outside, or nobody can tell."""
        if self.first is None and self.last is None:
            return None
        day = days_after_surgery(value, asked)
        if day is None:
            because = "the day after surgery on which it was taken is not known"
            return Finding(Answer.UNKNOWN, because, value.as_evidence, quality, ("date of the operation",))
        if (self.first is None or day >= self.first) and (self.last is None or day <= self.last):
            return None
        return Finding(Answer.NOT_MET, f"taken on day {day} after surgery", value.as_evidence, quality)


def days_after_surgery(value: Value, asked: Asked) -> int | None:
    if asked.operation.date is None or value.when is None or value.when.latest is None:
        return None
    return (value.when.latest - asked.operation.date).days


@dataclass(frozen=True, slots=True)
class MeasureIs:
    """Whether the newest fresh value of a measure lies within limits. *hours* None means of any age."""

    measure: Measure
    limits: Limits
    hours: float | None
    days: Days = Days()
    needs: frozenset[str] = _NEEDS

    def ask(self, asked: Asked) -> Finding:
        fresh = self.days.look(asked)(self.measure, self.hours)
        if fresh is None:
            return _unasked(self.measure)
        if not fresh.newest:
            return _nothing(self.measure, fresh)
        candidates = fresh.newest
        ruled_out = self.days.rule_out(candidates[0], asked, fresh.events)
        if ruled_out is not None:
            return ruled_out
        answers = [self.limits.hold(value.amount) for value in candidates]
        held = True if True in answers else None if None in answers else False
        value = candidates[answers.index(held)]
        return Finding(_ANSWERS[held], partial(say_value, value, self.measure), value.as_evidence, fresh.events)


@dataclass(frozen=True, slots=True)
class Change:
    """Whether a measure has risen (or fallen) since an earlier value by so much.

    *since*: the `previous` value, `any` earlier one since the operation (so the lowest decides a rise), or the `baseline`
    before the operation. *window_hours*: any value within so many hours before the newest.
    *relative* measures the change in percent of the earlier value. *apart_days*: the two values lie at least so far apart.
    """

    measure: Measure
    falls: bool
    at_least: float | None
    above: float | None
    relative: bool
    since: str
    window_hours: float | None
    apart_days: float | None
    hours: float | None
    days: Days = Days()
    needs: frozenset[str] = _NEEDS

    def ask(self, asked: Asked) -> Finding:
        fresh = self.days.look(asked)(self.measure, self.hours)
        if fresh is None:
            return _unasked(self.measure)
        if not fresh.newest:
            return _nothing(self.measure, fresh)
        return asked.compared(self, fresh)

    def compare(self, fresh: Fresh, asked: Asked) -> Finding:
        """Answer for *fresh*, which holds a value."""
        latest = fresh.newest
        ruled_out = self.days.rule_out(latest[0], asked, fresh.events)
        if ruled_out is not None:
            return ruled_out
        earlier = self._earlier(latest[0], asked)
        if not earlier:
            return Finding(
                Answer.UNKNOWN,
                f"no earlier {self.measure.name} to compare with",
                latest[0].as_evidence,
                fresh.events,
                (f"earlier {self.measure.name}",),
            )
        held = {self._holds(now, before): (now, before) for now in reversed(latest) for before in reversed(earlier)}
        decisive = True if True in held else None if None in held else False
        now, before = held[decisive]
        return self._tell(_ANSWERS[decisive], now, before, fresh.events)

    def _earlier(self, latest: Value, asked: Asked) -> tuple[Value, ...]:
        if self.since == "baseline":
            return newest_of(asked.before_operation(self.measure))
        older = (value for value in asked.after_operation(self.measure) if _is_older(value, latest))
        if self.since == "any":
            return tuple(older)
        if self.window_hours is not None:
            return tuple(value for value in older if _hours_between(value, latest) <= self.window_hours)
        if self.apart_days is not None:
            apart_hours = self.apart_days * _HOURS_A_DAY
            return newest_of(value for value in older if _hours_between(value, latest) >= apart_hours)
        return newest_of(older)

    def _holds(self, now: Value, before: Value) -> bool | None:
        high, low = (before.amount, now.amount) if self.falls else (now.amount, before.amount)
        least, most = high.low - low.high, high.high - low.low
        if self.relative:
            if not before.amount.is_exact or before.amount.low <= 0:
                return None
            least, most = (round(bound / before.amount.low * 100, 6) for bound in (least, most))
        amount = Amount(round(least, 6), round(most, 6))
        return _least_change(self.at_least, self.above).hold(amount)

    def _tell(self, answer: Answer, now: Value, before: Value, events: tuple[QualityEvent, ...]) -> Finding:
        return Finding(
            answer,
            lambda: f"{say_value(now, self.measure)} after {say_value(before, self.measure)}",
            lambda: (now.evidence, before.evidence),
            events,
        )


def _is_older(value: Value, latest: Value) -> bool:
    if value.when is None or latest.when is None or value.when.latest is None or latest.when.latest is None:
        return False
    if value.when.moment is not None and latest.when.moment is not None:
        return value.when.moment < latest.when.moment
    return value.when.latest < latest.when.latest


def _hours_between(value: Value, latest: Value) -> float:
    if value.when.moment is not None and latest.when.moment is not None:
        return (latest.when.moment - value.when.moment).total_seconds() / 3600
    return (latest.when.latest - value.when.latest).days * _HOURS_A_DAY


@dataclass(frozen=True, slots=True)
class Trend:
    """Whether each of the last *sessions* values is higher (or lower) than the one before."""

    measure: Measure
    falls: bool
    sessions: int
    hours: float | None
    needs: frozenset[str] = _NEEDS

    def ask(self, asked: Asked) -> Finding:
        fresh = asked.fresh(self.measure, self.hours)
        if fresh is None:
            return _unasked(self.measure)
        if not fresh.newest:
            return _nothing(self.measure, fresh)
        return asked.compared(self, fresh)

    def compare(self, fresh: Fresh, asked: Asked) -> Finding:
        """Answer for *fresh*, which holds a value."""
        chain = [fresh.newest[0]]
        for value in asked.after_operation(self.measure):
            if len(chain) == self.sessions:
                break
            if _is_older(value, chain[-1]):
                chain.append(value)

        def evidence() -> tuple[Evidence, ...]:
            return tuple(value.evidence for value in chain)

        def said() -> str:
            return f"{self.measure.name} " + ", then ".join(_number(value.amount.low) for value in reversed(chain))

        steps = [now.amount.low - before.amount.low for now, before in zip(chain, chain[1:], strict=False)]
        if any((step >= 0 if self.falls else step <= 0) for step in steps):
            return Finding(Answer.NOT_MET, said, evidence, fresh.events)
        if len(chain) < self.sessions:
            missing = (f"earlier {self.measure.name}",)
            because = f"fewer than {self.sessions} values of {self.measure.name}"
            return Finding(Answer.UNKNOWN, because, evidence, fresh.events, missing)
        return Finding(Answer.MET, said, evidence, fresh.events)


@dataclass(frozen=True, slots=True)
class Drop:
    """Whether a measure taken standing lies so far below the same taken sitting or lying, on the same day."""

    measure: Measure
    standing: Measure
    at_least: float
    hours: float | None
    needs: frozenset[str] = _NEEDS

    def ask(self, asked: Asked) -> Finding:
        found: list[Value] = []
        events: tuple[QualityEvent, ...] = ()
        for measure in (self.measure, self.standing):
            fresh = asked.fresh_to_compare(measure, self.hours)
            if fresh is None:
                return _unasked(measure)
            events += fresh.events
            if not fresh.newest:
                return _nothing(measure, fresh)
            found.append(fresh.newest[0])
        sitting, standing = found
        drop = round(sitting.amount.low - standing.amount.high, 6)
        return Finding(
            Answer.MET if drop >= self.at_least else Answer.NOT_MET,
            lambda: f"{say_value(sitting, self.measure)}, {say_value(standing, self.standing)}",
            lambda: (sitting.evidence, standing.evidence),
            events,
        )


_LIMITS = ("at_least", "above", "at_most", "below")


def _limits(arguments: Arguments) -> Limits:
    found = Limits(**{key: arguments.number(key) for key in _LIMITS})
    if found == Limits():
        arguments.fault((), f"{arguments.question!r} has no threshold", "one of: " + ", ".join(_LIMITS))
    return found


def _hours(arguments: Arguments, measure: Measure | None) -> float | None:
    """Read how old a value may be: the measure's own limit unless the question sets another."""
    days = arguments.number("within_days")
    hours = arguments.number("within_hours")
    if arguments.yes("any_age", False):
        return None
    if hours is not None:
        return hours
    return days * _HOURS_A_DAY if days is not None else (measure.fresh_hours if measure is not None else None)


def compile_measure(arguments: Arguments) -> Condition | None:
    measure = arguments.measure()
    arguments.unit(measure)
    limits, hours = _limits(arguments), _hours(arguments, measure)
    days = Days(arguments.number("measured_from_day"), arguments.number("measured_to_day"))
    return MeasureIs(measure, limits, hours, days) if measure is not None else None


def compile_change(arguments: Arguments) -> Condition | None:
    measure = arguments.measure()
    unit = arguments.unit(measure, ("percent",))
    direction = arguments.text("direction", ("rise", "fall"))
    since = arguments.text("since", ("previous", "any", "baseline"), default="previous")
    at_least, above = arguments.number("at_least"), arguments.number("above")
    if at_least is None and above is None:
        arguments.fault((), f"{arguments.question!r} has no threshold", "one of: at_least, above")
    window, apart = arguments.number("over_hours"), arguments.number("apart_days")
    hours = _hours(arguments, measure)
    days = Days(arguments.number("measured_from_day"), arguments.number("measured_to_day"))
    if measure is None:
        return None
    falls, relative = direction == "fall", unit == "percent"
    return Change(measure, falls, at_least, above, relative, since or "previous", window, apart, hours, days)


def compile_trend(arguments: Arguments) -> Condition | None:
    measure = arguments.measure()
    direction = arguments.text("direction", ("rise", "fall"))
    sessions, hours = arguments.number("sessions"), _hours(arguments, measure)
    if sessions is None or sessions < 2:
        arguments.fault(("sessions",), "a trend needs at least 2 sessions", "a whole number")
        return None
    return Trend(measure, direction == "fall", int(sessions), hours) if measure is not None else None


def compile_drop(arguments: Arguments) -> Condition | None:
    measure, standing = arguments.measure(), arguments.measure("standing")
    arguments.unit(measure)
    at_least, hours = arguments.number("at_least"), _hours(arguments, measure)
    if at_least is None:
        arguments.fault((), f"{arguments.question!r} has no threshold", "at_least")
    if measure is None or standing is None or at_least is None:
        return None
    return Drop(measure, standing, at_least, hours)


MEASURE_QUESTIONS = {
    "measure": compile_measure,
    "measure_change": compile_change,
    "measure_trend": compile_trend,
    "drop_on_standing": compile_drop,
}
