"""What a rule comes to, kept as a tree: at each fork a measure to look at, at each branch where its newest value may lie.

A rule that looks at a measured value mostly wants to know one thing of it: between which of its limits it lies, on the day
it was taken. So the rule is asked about imagined values, one for each stretch between limits, and what it says is kept. The
tree grows as real charts come by: who has a heart rate between 40 and 100 takes a way that somebody has gone before.

Where a rule compares a value with earlier ones, the tree branches by what that question answers for the real chart.
What an imagined value cannot answer (it is taken standing and lying, it is to be put into words) makes an end at which
the rule has to be asked about the real chart; so does everything that is no plain number. Rules that speak are always
asked, so no sentence about a patient comes from here.

Holds nothing of a patient: a value, a day is only known as the stretch between two limits of our rules.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from cds_service.patient.facts import Asked, Chart, Comparing, Fresh, Mention, OperationFacts, Value
from cds_service.patient.finding import Answer, Evidence, Finding
from cds_service.patient.known import Measure
from cds_service.patient.quantity import Amount
from cds_service.patient.questions.about_measures import days_after_surgery
from cds_service.patient.record import Precision, When

IMAGINED = date(2000, 1, 1)
"""The day of imagined charts and operations. Any will do."""
_MOST_BRANCHES = 300
"""How large the trees of one scene may grow together; charts beyond that are asked about."""
NEVER, _BEFORE, _OLD = (-1, None), (-2, None), (-3, None)
"""Why there is no value: none at all, none since the operation, none that is fresh."""

Branch = tuple[int, int | None]
"""Where a value lies among the limits of its measure (even: between two, odd: on one), and its day among theirs."""
Answered = tuple[bool, Any, tuple[Any, ...]]
"""Whether a question speaks; what it has to tell if not; the values it had to set aside."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The numbers at which some question changes its answer, in order. A whole number is the first of its stretch."""

    days: tuple[int, ...]
    weeks: tuple[int, ...]
    years: tuple[int, ...]
    values: Mapping[str, tuple[float, ...]]
    """By measure, in its unit."""
    taken: Mapping[str, tuple[int, ...]]
    """By measure, the day after the operation on which a value was taken."""


def first_of(limits: tuple[int, ...], stretch: int | None) -> int | None:
    """Give the first number of a stretch between limits; the one before the first limit for what lies below all."""
    if stretch is None:
        return None
    return limits[stretch - 1] if stretch else min(limits, default=1) - 1


@dataclass(slots=True)
class BlankChart(Chart):
    """A chart that holds nothing and notes what it is asked for."""

    measures: set[str] = field(default_factory=set)
    codelists: set[str] = field(default_factory=set)
    medicines: set[str] = field(default_factory=set)

    def mentions_measure(self, measure: Measure) -> bool:
        self.measures.add(measure.id)
        return False

    def history(self, measure: Measure) -> Iterator[Value]:
        raise _LooksCloser

    def mentions(self, codelist: str) -> tuple[Mention, ...]:
        self.codelists.add(codelist)
        return ()

    def drugs(self, codelist: str) -> tuple[Evidence, ...]:
        self.medicines.add(codelist)
        return ()


@dataclass(frozen=True, slots=True)
class Look:
    """A measure that a rule looks at, for a value not older than *hours*; *by_day*: the day it was taken counts as well.

    Stands for the values that had to be set aside there.
    """

    measure: Measure
    hours: float | None
    by_day: bool = False


class _LooksCloser(Exception):
    """A rule wants to know more of an imagined value than where it lies."""


class _NotImagined(Exception):
    """A rule looks at a measure, or compares values, of which nothing has been imagined yet."""

    def __init__(self, look: Look | Comparing):
        self.look = look


@dataclass(slots=True)
class Fork:
    """Where a tree branches: what to look at, the limits there, and what has grown on each branch so far."""

    look: Look
    limits: tuple[float, ...]
    taken: tuple[int, ...]
    branches: dict[Branch, Node] = field(default_factory=dict)

    def branch_of(self, asked: Asked) -> Branch | None:
        """Tell where the newest value of *asked* lies; None where it is no plain number, or there are several."""
        fresh = asked.fresh(self.look.measure, self.look.hours)
        if not fresh.newest:
            return _OLD if fresh.any_after else _BEFORE if fresh.any_at_all else NEVER
        candidates = fresh.newest
        amount = candidates[0].amount
        if len(candidates) > 1 or not amount.is_exact:
            return None
        place = bisect_left(self.limits, amount.low) + bisect_right(self.limits, amount.low)
        if not self.look.by_day:
            return (place, None)
        day = days_after_surgery(candidates[0], asked)
        return (place, -1 if day is None else bisect_right(self.taken, day))

    def imagine(self, branch: Branch) -> Fresh:
        """Make up a value that lies on *branch*, or none."""
        place, stretch = branch
        values = () if place < 0 else (Value(_amount_at(place, self.limits), self._taken(stretch), _nobodys),)
        look = self.look
        return Fresh(values, (look,), look.measure, look.hours, branch == _OLD, branch != NEVER)

    def _taken(self, stretch: int | None) -> When | None:
        if stretch is None or stretch < 0:
            return None
        day = IMAGINED + timedelta(days=first_of(self.taken, stretch))
        return When(day, day, Precision.DAY, "")


@dataclass(slots=True)
class Comparison:
    """Where a tree branches by the answer of a question that compares; what it leaves unknown has its own words."""

    look: Comparing
    branches: dict[Branch, Node] = field(default_factory=dict)

    def branch_of(self, asked: Asked) -> Branch | None:
        """Give the answer for *asked* as a branch; None where it is not known."""
        answer = self.look.ask(asked).answer
        return _MET if answer is Answer.MET else _NOT_MET if answer is Answer.NOT_MET else None

    def imagine(self, branch: Branch, fresh: Fresh) -> Finding:
        """Make up the answer that stands for *branch*."""
        return Finding(Answer.MET if branch == _MET else Answer.NOT_MET, _nobodys, _nobodys, fresh.events)


_NOT_MET: Branch = (0, None)
_MET: Branch = (1, None)


def _amount_at(place: int, limits: tuple[float, ...]) -> Amount:
    """Give an amount that lies at *place*: on a limit, between two, or beyond them all."""
    index, on_limit = divmod(place, 2)
    around = (*limits[max(index - 1, 0) : index + 1],) if limits else (0.0,)
    if on_limit:
        number = limits[index]
    elif index == 0:
        number = around[0] - 1
    elif index == len(limits):
        number = around[-1] + 1
    else:
        number = sum(around) / 2
    return Amount(number, number)


def _nobodys() -> Evidence:
    raise _LooksCloser


@dataclass(frozen=True, slots=True)
class End:
    """What a rule comes to: its *answer* (None: nothing to tell), what it passed on of values that had to be set aside,
    and the lists that must hold nothing, because it has seen nothing in them."""

    answer: Any
    set_aside: tuple[Look, ...]
    codelists: frozenset[str]
    medicines: frozenset[str]


_BRANCHING = (Fork, Comparison)
Node = Fork | Comparison | End | None


class _Imagined(Asked):
    """An operation asked about with imagined values."""

    __slots__ = ("_way",)

    def __init__(self, chart: Chart, operation: OperationFacts, way: Mapping[Any, tuple[Any, Branch]]):
        super().__init__(chart, operation)
        self._way = way

    def fresh(self, measure: Measure, hours: float | None) -> Fresh | None:
        return self._imagine(Look(measure, hours))

    def fresh_by_day(self, measure: Measure, hours: float | None) -> Fresh | None:
        return self._imagine(Look(measure, hours, by_day=True))

    def fresh_to_compare(self, measure: Measure, hours: float | None) -> Fresh | None:
        fresh = self.fresh(measure, hours)
        if fresh is not None and fresh.newest:
            raise _LooksCloser
        return fresh

    def compared(self, question: Comparing, fresh: Fresh) -> Finding:
        if question not in self._way:
            raise _NotImagined(question)
        comparison, branch = self._way[question]
        return comparison.imagine(branch, fresh)

    def _imagine(self, look: Look) -> Fresh | None:
        if self.record.observations is None:
            return None
        if look not in self._way:
            raise _NotImagined(look)
        fork, branch = self._way[look]
        return fork.imagine(branch)


class Trees:
    """The trees of all questions in one scene. They grow with the charts they see, up to an end."""

    __slots__ = ("_ask", "_blank", "_limits", "_questions", "_roots", "_size")

    def __init__(self, questions: Sequence[Any], ask: Callable[[Any, Asked], Answered], blank: Asked, limits: Limits):
        self._questions = questions
        self._ask = ask
        self._blank = blank
        self._limits = limits
        self._roots: dict[int, Node] = {}
        self._size = 0

    def follow(self, place: int, branch_of: Callable[[Fork | Comparison], Branch | None]) -> End | None:
        """Give what the question at *place* comes to along the branches that *branch_of* tells; None where it has to be asked
        about the chart itself."""
        if place not in self._roots:
            self._roots[place] = self._grow(place, ())
        node = self._roots[place]
        way: list[tuple[Fork | Comparison, Branch]] = []
        while isinstance(node, _BRANCHING):
            branch = branch_of(node)
            if branch is None:
                return None
            way.append((node, branch))
            if branch in node.branches:
                node = node.branches[branch]
            elif self._size < _MOST_BRANCHES:
                node.branches[branch] = node = self._grow(place, way)
            else:
                return None
        return node

    def _grow(self, place: int, way: Sequence[tuple[Fork | Comparison, Branch]]) -> Node:
        self._size += 1
        chart = BlankChart(self._blank.record, self._blank.chart.known, self._blank.on)
        imagined = _Imagined(chart, self._blank.operation, {fork.look: (fork, branch) for fork, branch in way})
        try:
            speaks, answer, set_aside = self._ask(self._questions[place], imagined)
        except _NotImagined as missing:
            look = missing.look
            if not isinstance(look, Look):
                return Comparison(look)
            measure = look.measure.id
            return Fork(look, self._limits.values.get(measure, ()), self._limits.taken.get(measure, ()))
        except _LooksCloser:
            return None
        if speaks:
            return None
        return End(answer, tuple(dict.fromkeys(set_aside)), frozenset(chart.codelists), frozenset(chart.medicines))
