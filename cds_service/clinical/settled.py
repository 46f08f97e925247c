"""What the rules say after an operation when the chart mentions nothing that they look at. Worked out once, not per patient.

Of fifty rules a chart touches a handful: nobody has measured an INR, nobody has recorded a foot drop. What such a rule
answers (it does not apply, its finding is not recorded, its value is missing) follows from the kind of operation, the
stretch of days, and whether the lists could be had at all. So every rule is asked once about an imagined chart that holds
nothing and notes what it is asked for. A real chart that mentions none of what a rule looked at there gives it the same
answers all along, so it comes to the same end.

A rule that does look at a measured value follows its tree (clinical/trees.py), or is asked about the real chart.

Holds nothing of a patient: a day, a week, an age is only known as the stretch between two limits of our rules.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, floor
from typing import Any, TypeVar

from cds_service.clinical.trees import IMAGINED, Answered, BlankChart, Limits, Trees, first_of
from cds_service.clinical.walk import Mentioned, Walk
from cds_service.knowledge.model import Knowledge
from cds_service.patient.criteria import questions_in
from cds_service.patient.facts import Asked, Chart, OperationFacts
from cds_service.patient.questions.about_measures import Change, Days, MeasureIs
from cds_service.patient.questions.about_operation import Age, Since, age_bounds_years
from cds_service.patient.record import Observations, Patient, PatientRecord, Precision, When

Number = TypeVar("Number", int, float)
_MOST_WALKS = 32
"""How many kinds of charts, by what they mention, are kept for one scene."""


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
    trees: Trees
    _walks: dict[Mentioned, Walk] = field(default_factory=dict)

    def walk(self, chart: Chart) -> Walk:
        """Give the walk through those that *chart* may change."""
        mentioned = Mentioned.by(chart)
        walk = self._walks.get(mentioned)
        if walk is None:
            if len(self._walks) >= _MOST_WALKS:
                self._walks.clear()
            places = self._open_to(mentioned)
            told = tuple(found for found in self.answers if found[0] not in places)
            walk = self._walks[mentioned] = Walk(places, self.always, told, mentioned, self.trees)
        return walk

    def _open_to(self, mentioned: Mentioned) -> tuple[int, ...]:
        """Give the places of those that a chart may change which mentions this, in order."""
        places = set(self.always)
        for table, ids in (
            (self.by_measure, mentioned.measures),
            (self.by_codelist, mentioned.codelists),
            (self.by_medicine, mentioned.medicines),
        ):
            for one in ids & table.keys():
                places.update(table[one])
        return tuple(sorted(places))


def settle(
    what: str,
    questions: Sequence[Any],
    ask: Callable[[Any, Asked], Answered],
    asked: Asked,
    knowledge: Knowledge,
) -> Settled | None:
    """Settle *questions* for every chart that is asked about as *asked* is; None where that cannot be said beforehand.

    *ask* tells of one question whether it speaks, what it answers otherwise (None: nothing), what it had to set aside.
    """
    scene = asked.scene = asked.scene or _scene(asked, knowledge)
    if scene is None:
        return None
    return knowledge.once((what, *scene), lambda: _settle(questions, ask, _imagine(scene, knowledge), knowledge))


def _settle(
    questions: Sequence[Any], ask: Callable[[Any, Asked], Answered], blank: Asked, knowledge: Knowledge
) -> Settled:
    always: set[int] = set()
    tables: tuple[dict[str, list[int]], ...] = ({}, {}, {})
    answers: list[tuple[int, Any]] = []
    for place, question in enumerate(questions):
        chart = BlankChart(blank.record, blank.chart.known, blank.on)
        speaks, answer, _ = ask(question, Asked(chart, blank.operation))
        if speaks:
            always.add(place)
            continue
        if answer is not None:
            answers.append((place, answer))
        for table, looked_at in zip(tables, (chart.measures, chart.codelists, chart.medicines), strict=True):
            for one in looked_at:
                table.setdefault(one, []).append(place)
    by_measure, by_codelist, by_medicine = ({key: tuple(places) for key, places in table.items()} for table in tables)
    trees = Trees(questions, ask, blank, _limits_known(knowledge))
    return Settled(frozenset(always), by_measure, by_codelist, by_medicine, tuple(answers), trees)


def _scene(asked: Asked, knowledge: Knowledge) -> tuple[Hashable, ...] | None:
    """Say in words of ours all that can make a difference while nothing is mentioned; None where age leaves it open."""
    limits = _limits_known(knowledge)
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
    limits = _limits_known(knowledge)
    *facts, day, week, age, no_observations, conditions, medications = scene
    names = (
        "surgery_type", "also_types", "guessed_type", "region", "approach", "technique", "instrumented", "fusion",
        "level_count", "level_count_is_minimum", "revision",
    )  # fmt: skip
    operation = OperationFacts(
        date=IMAGINED,
        **dict(zip(names, facts, strict=True)),
        post_op_day=first_of(limits.days, day),
        completed_week=first_of(limits.weeks, week),
    )
    years = first_of(limits.years, age)
    record = PatientRecord(
        patient=None if years is None else Patient("Patient/imagined", _born(years)),
        observations=None if no_observations else Observations(),
        conditions=None if conditions is None else (),
        medications=None if medications is None else (),
        gaps=tuple(
            (kind, "") for kind, whole in (("conditions", conditions), ("medications", medications)) if not whole
        ),
    )
    return Asked(Chart(record, knowledge.known, IMAGINED), operation)


def _born(years: int) -> When:
    day = IMAGINED.replace(year=IMAGINED.year - years)
    return When(day, day, Precision.DAY, day.isoformat())


def _limits_known(knowledge: Knowledge) -> Limits:
    return knowledge.once("limits", lambda: _limits_of(knowledge))


def _limits_of(knowledge: Knowledge) -> Limits:
    days: set[int] = set()
    weeks: set[int] = set()
    years: set[int] = set()
    values: dict[str, set[float]] = {}
    taken: dict[str, set[int]] = {}
    for condition in _conditions_of(knowledge):
        for question in questions_in(condition):
            if isinstance(question, Since):
                (days if question.fact == "post_op_day" else weeks).update(_turns(question))
            elif isinstance(question, Age):
                years.update(_turns(question))
            elif isinstance(question, MeasureIs):
                limits = question.limits
                ends = (limits.at_least, limits.above, limits.at_most, limits.below)
                values.setdefault(question.measure.id, set()).update(end for end in ends if end is not None)
            if isinstance(question, MeasureIs | Change):
                taken.setdefault(question.measure.id, set()).update(_turns_of_days(question.days))
    return Limits(_ordered(days), _ordered(weeks), _ordered(years), _all_ordered(values), _all_ordered(taken))


def _ordered(numbers: Iterable[Number]) -> tuple[Number, ...]:
    return tuple(sorted(numbers))


def _all_ordered(by_measure: Mapping[str, Iterable[Number]]) -> Mapping[str, tuple[Number, ...]]:
    return {measure: _ordered(numbers) for measure, numbers in by_measure.items()}


def _turns_of_days(days: Days) -> Iterable[int]:
    if days.first is not None:
        yield ceil(days.first)
    if days.last is not None:
        yield floor(days.last) + 1


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
