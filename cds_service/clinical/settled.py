"""What the rules say after an operation when the chart mentions nothing that they look at. Worked out once, not per patient.

Of fifty rules a chart touches a handful: nobody has measured an INR, nobody has recorded a foot drop. What such a rule
answers (it does not apply, its finding is not recorded, its value is missing) follows from the kind of operation, the
stretch of days, and whether the lists could be had at all. So every rule is asked once about an imagined chart that holds
nothing and notes what it is asked for. A real chart that mentions none of what a rule looked at there gives it the same
answers all along, so it comes to the same end; every other rule, and every rule that speaks of itself, is asked.

Holds nothing of a patient: a day, a week, an age is only known as the stretch between two limits of our rules.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from math import ceil, floor
from typing import Any

from cds_service.knowledge.model import Knowledge
from cds_service.patient.criteria import questions_in
from cds_service.patient.facts import Asked, Chart, Mention, OperationFacts, Series
from cds_service.patient.finding import Evidence
from cds_service.patient.known import Measure
from cds_service.patient.questions.about_operation import Age, Since, age_bounds_years
from cds_service.patient.record import Observations, Patient, PatientRecord, Precision, When

_IMAGINED = date(2000, 1, 1)
"""The imagined chart's day. Any will do: nothing in it is dated."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The whole numbers at which some question changes its answer, in order."""

    days: tuple[int, ...]
    weeks: tuple[int, ...]
    years: tuple[int, ...]


@dataclass(slots=True)
class BlankChart(Chart):
    """A chart that holds nothing and notes what it is asked for."""

    measures: set[str] = field(default_factory=set)
    codelists: set[str] = field(default_factory=set)
    medicines: set[str] = field(default_factory=set)

    def series(self, measure: Measure, hours: float | None = None) -> Series | None:
        self.measures.add(measure.id)
        return None if self.record.observations is None else Series([], [], [])

    def mentions(self, codelist: str) -> tuple[Mention, ...]:
        self.codelists.add(codelist)
        return ()

    def drugs(self, codelist: str) -> tuple[Evidence, ...]:
        self.medicines.add(codelist)
        return ()


@dataclass(frozen=True, slots=True)
class Settled:
    """Who must be asked about a chart, by the place of the question in its list, and what the others answer."""

    always: frozenset[int]
    """Those that speak even where nothing is mentioned (pool while nobody says that the wound has healed)."""
    by_measure: Mapping[str, tuple[int, ...]]
    by_codelist: Mapping[str, tuple[int, ...]]
    by_medicine: Mapping[str, tuple[int, ...]]
    answers: tuple[tuple[int, Any], ...]
    """(place, answer) of those that need not be asked and have something to tell."""

    def open_to(self, chart: Chart) -> list[int]:
        """Give the places of those that *chart* may change, in order."""
        places = set(self.always)
        for table, mentioned in (
            (self.by_measure, chart.measures_mentioned()),
            (self.by_codelist, chart.codelists_mentioned()),
            (self.by_medicine, chart.medicines_mentioned()),
        ):
            for one in mentioned:
                if one in table:
                    places.update(table[one])
        return sorted(places)


def settle(
    what: str,
    questions: Sequence[Any],
    ask: Callable[[Any, Asked], tuple[bool, Any]],
    asked: Asked,
    knowledge: Knowledge,
) -> Settled | None:
    """Settle *questions* for every chart that is asked about as *asked* is; None where that cannot be said beforehand.

    *ask* tells of one question whether it speaks, and what it answers otherwise (None: nothing).
    """
    scene = _scene(asked, knowledge)
    if scene is None:
        return None
    return knowledge.once((what, *scene), lambda: _settle(questions, ask, _imagine(scene, knowledge)))


def _settle(questions: Sequence[Any], ask: Callable[[Any, Asked], tuple[bool, Any]], blank: Asked) -> Settled:
    always: set[int] = set()
    tables: tuple[dict[str, list[int]], ...] = ({}, {}, {})
    answers: list[tuple[int, Any]] = []
    for place, question in enumerate(questions):
        chart = BlankChart(blank.record, blank.chart.known, blank.on)
        speaks, answer = ask(question, Asked(chart, blank.operation))
        if speaks:
            always.add(place)
            continue
        if answer is not None:
            answers.append((place, answer))
        for table, looked_at in zip(tables, (chart.measures, chart.codelists, chart.medicines), strict=True):
            for one in looked_at:
                table.setdefault(one, []).append(place)
    by_measure, by_codelist, by_medicine = ({key: tuple(places) for key, places in table.items()} for table in tables)
    return Settled(frozenset(always), by_measure, by_codelist, by_medicine, tuple(answers))


def _scene(asked: Asked, knowledge: Knowledge) -> tuple[Hashable, ...] | None:
    """Say in words of ours all that can make a difference while nothing is mentioned; None where age leaves it open."""
    limits = knowledge.once("limits", lambda: _limits_of(knowledge))
    operation, record = asked.operation, asked.record
    ages = age_bounds_years(asked)
    age = None
    if ages is not None:
        age = bisect_right(limits.years, ages[0])
        if bisect_right(limits.years, ages[1]) != age:
            return None
    return (
        operation.surgery_type, operation.also_types, operation.guessed_type, operation.region, operation.approach,
        operation.technique, operation.instrumented, operation.fusion, operation.level_count,
        operation.level_count_is_minimum, operation.revision,
        None if operation.post_op_day is None else bisect_right(limits.days, operation.post_op_day),
        None if operation.completed_week is None else bisect_right(limits.weeks, operation.completed_week),
        age,
        record.observations is None,
        _how_whole(record, "conditions"),
        _how_whole(record, "medications"),
    )  # fmt: skip


def _how_whole(record: PatientRecord, kind: str) -> bool | None:
    """Give True for a list that is whole, False for a part of it, None where it could not be had."""
    return None if getattr(record, kind) is None else record.has_whole(kind)


def _imagine(scene: tuple[Any, ...], knowledge: Knowledge) -> Asked:
    """Make up a patient of *scene* who has nothing recorded, on the first day of each stretch."""
    limits: Limits = knowledge.once("limits", lambda: _limits_of(knowledge))
    *facts, day, week, age, no_observations, conditions, medications = scene
    names = (
        "surgery_type", "also_types", "guessed_type", "region", "approach", "technique", "instrumented", "fusion",
        "level_count", "level_count_is_minimum", "revision",
    )  # fmt: skip
    operation = OperationFacts(
        **dict(zip(names, facts, strict=True)),
        post_op_day=_first_of(limits.days, day),
        completed_week=_first_of(limits.weeks, week),
    )
    years = _first_of(limits.years, age)
    record = PatientRecord(
        patient=None if years is None else Patient("Patient/imagined", _born(years)),
        observations=None if no_observations else Observations(),
        conditions=None if conditions is None else (),
        medications=None if medications is None else (),
        gaps=tuple(
            (kind, "") for kind, whole in (("conditions", conditions), ("medications", medications)) if not whole
        ),
    )
    return Asked(Chart(record, knowledge.known, _IMAGINED), operation)


def _born(years: int) -> When:
    day = _IMAGINED.replace(year=_IMAGINED.year - years)
    return When(day, day, Precision.DAY, day.isoformat())


def _first_of(limits: tuple[int, ...], stretch: int | None) -> int | None:
    """Give the first number of a stretch between limits; the one before the first limit for what lies below all."""
    if stretch is None:
        return None
    return limits[stretch - 1] if stretch else min(limits, default=1) - 1


def _limits_of(knowledge: Knowledge) -> Limits:
    days: set[int] = set()
    weeks: set[int] = set()
    years: set[int] = set()
    for condition in _conditions_of(knowledge):
        for question in questions_in(condition):
            if isinstance(question, Since):
                (days if question.fact == "post_op_day" else weeks).update(_turns(question))
            elif isinstance(question, Age):
                years.update(_turns(question))
    return Limits(tuple(sorted(days)), tuple(sorted(weeks)), tuple(sorted(years)))


def _conditions_of(knowledge: Knowledge) -> Iterable[Any]:
    for rule in knowledge.rules:
        yield rule.applies
        for grade in rule.grades:
            yield grade.when
            yield from (when for when, _ in grade.adds)
    yield from (modifier.when for modifier in knowledge.modifiers)


def _turns(question: Since | Age) -> Iterable[int]:
    """Give the first whole number on the other side of each limit of *question*."""
    if question.at_least is not None:
        yield ceil(question.at_least)
    if question.below is not None:
        yield ceil(question.below)
    if isinstance(question, Since) and question.at_most is not None:
        yield floor(question.at_most) + 1
