"""All rules that a chart can change, gone through in one walk: from one look at a measure to the next, to what they come to together.

Which rules a chart can change follows from what it mentions, and what a rule comes to from where the newest values lie
(clinical/trees.py). So charts that mention the same, and whose values lie alike, take the same way: it is laid out when the
first of them comes by, and those that follow only look at each measure once.

Holds nothing of a patient: names of measures and codelists of ours, and stretches between limits of our rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, NamedTuple

from cds_service.clinical.trees import NEVER, Branch, Comparison, Fork, Look, Trees
from cds_service.patient.facts import Asked, Chart

_MOST_STEPS = 200
"""How far the ways of one kind of chart may branch; beyond that what follows is found out each time."""


class Mentioned(NamedTuple):
    """What a chart has something recorded of: ids of our measures and codelists."""

    measures: frozenset[str]
    codelists: frozenset[str]
    medicines: frozenset[str]

    @classmethod
    def by(cls, chart: Chart) -> Mentioned:
        return cls(
            frozenset(chart.measures_mentioned()),
            frozenset(chart.codelists_mentioned()),
            frozenset(chart.medicines_mentioned()),
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the questions come to, by their places: those that must still be asked, what the others answer (in order), and
    the looks at which values may have had to be set aside."""

    ask: tuple[int, ...]
    told: tuple[tuple[int, Any], ...]
    looks: tuple[Look, ...]


@dataclass(slots=True)
class _Step:
    fork: Fork | Comparison
    branches: dict[Branch | None, _Step | Outcome] = field(default_factory=dict)


class _NotLooked(Exception):
    """The way goes on with a look that has not been taken yet."""

    def __init__(self, fork: Fork | Comparison):
        self.fork = fork


class Walk:
    """The ways of all charts that mention the same. *places* are the questions that such a chart may change; *always*, those
    among them that speak even where nothing is mentioned; *told*, what all others answer."""

    __slots__ = ("_always", "_first", "_mentioned", "_size", "_told", "_trees", "places")

    def __init__(
        self,
        places: tuple[int, ...],
        always: frozenset[int],
        told: tuple[tuple[int, Any], ...],
        mentioned: Mentioned,
        trees: Trees,
    ):
        self.places = places
        self._always = always
        self._told = told
        self._mentioned = mentioned
        self._trees = trees
        self._first: _Step | Outcome | None = None
        self._size = 0

    def outcome(self, asked: Asked) -> Outcome:
        """Say what the questions come to for *asked*, whose chart mentions what this walk is for."""
        if self._first is None:
            self._first = self._go_on(())
        step = self._first
        taken: list[tuple[Any, Branch | None]] = []
        while isinstance(step, _Step):
            branch = step.fork.branch_of(asked)
            taken.append((step.fork.look, branch))
            following = step.branches.get(branch)
            if following is None:
                following = self._go_on(taken)
                if self._size < _MOST_STEPS:
                    self._size += 1
                    step.branches[branch] = following
            step = following
        return step

    def _go_on(self, way: Sequence[tuple[Any, Branch | None]]) -> _Step | Outcome:
        """Give the next look after those taken on the *way*, or the end."""
        mentioned, taken = self._mentioned, dict(way)

        def branch_of(fork: Fork | Comparison) -> Branch | None:
            look = fork.look
            if look in taken:
                return taken[look]
            if isinstance(look, Look) and look.measure.id not in mentioned.measures:
                return NEVER
            raise _NotLooked(fork)

        ask: list[int] = []
        told = list(self._told)
        looks: list[Look] = []
        for place in self.places:
            try:
                end = None if place in self._always else self._trees.follow(place, branch_of)
            except _NotLooked as missing:
                return _Step(missing.fork)
            if (
                end is None
                or not end.codelists.isdisjoint(mentioned.codelists)
                or not end.medicines.isdisjoint(mentioned.medicines)
            ):
                ask.append(place)
                continue
            looks += [look for look in end.set_aside if look.measure.id in mentioned.measures]
            if end.answer:
                told.append((place, end.answer))
        return Outcome(tuple(ask), tuple(sorted(told, key=itemgetter(0))), tuple(dict.fromkeys(looks)))
