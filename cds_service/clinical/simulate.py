"""What a patient after one operation would be offered, week by week, with facts added by name. No real patient."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from msgspec.structs import replace

from cds_service.clinical.advice import Advice
from cds_service.clinical.advise import advise_after
from cds_service.clinical.operation import Basis, Operation, Surgical
from cds_service.errors import Fault, InputFaults
from cds_service.knowledge.model import Knowledge, Protocol
from cds_service.patient.known import Codelist, Measure
from cds_service.patient.questions.about_conditions import HasCondition, HasMedication
from cds_service.patient.questions.about_measures import Change, Drop, Limits, MeasureIs, Trend
from cds_service.patient.questions.about_operation import Age, IsOneOf, Levels, Was
from cds_service.patient.questions.logic import All, Not, NotRuledOut
from cds_service.patient.questions.logic import Any as AnyOf
from cds_service.patient.record import (
    Coding,
    Concept,
    Condition,
    Medication,
    Observation,
    Observations,
    Patient,
    PatientRecord,
    Precision,
    Quantity,
    When,
)  # fmt: skip

OPERATED = date(2024, 1, 1)
"""Any day will do: nothing depends on the calendar."""
_ADULT_YEARS = 50
"""An age at which no rule of age speaks, unless a fact asks for another."""


@dataclass(frozen=True, slots=True)
class SimulatedWeek:
    """The advice of one completed week after the operation."""

    week: int
    advice: Advice


def simulate(
    surgery_type: str, weeks: Iterable[int], facts: Sequence[str], knowledge: Knowledge
) -> tuple[SimulatedWeek, ...]:
    """Advise an imagined patient of 50 years, one level, on the first day of each of *weeks*.

    *facts* are ids of modifiers (`osteoporosis`), of safety rules (`RF10`, or one step of it, `RF10.high`) or of code
    lists; each is made true on the day asked about. Raises InputFaults naming every operation or fact we do not know.
    """
    faults: list[Fault] = []
    if surgery_type not in knowledge.protocols:
        faults.append(Fault("surgery", f"{surgery_type!r} is no operation we know", ", ".join(knowledge.protocols)))
    wanted = [_question(name, knowledge, faults) for name in facts]
    if faults:
        raise InputFaults(faults)
    protocol = knowledge.protocols[surgery_type]
    return tuple(_week(week, protocol, wanted, knowledge) for week in weeks)


def _question(name: str, knowledge: Knowledge, faults: list[Fault]) -> Any:
    """Find the question that is to be made true for the fact *name*."""
    for modifier in knowledge.modifiers:
        if modifier.id == name:
            return modifier.when
    rule_id, _, grade_id = name.partition(".")
    for rule in knowledge.rules:
        if rule.id == rule_id:
            for grade in rule.grades:
                if grade_id in ("", grade.id):
                    return All((rule.applies, grade.when), frozenset())
    if name in knowledge.codelists:
        return HasCondition(knowledge.codelists[name], False, None, True, (), ())
    expected = "a modifier (" + ", ".join(one.id for one in knowledge.modifiers) + "), a rule (RF10) or a code list"
    faults.append(Fault("with", f"{name!r} is no fact we can imagine", expected))
    return None


def _week(week: int, protocol: Protocol, wanted: Sequence[Any], knowledge: Knowledge) -> SimulatedWeek:
    scene = _Scene(OPERATED + timedelta(weeks=week))
    for question in wanted:
        scene.make_true(question)
    operation = replace(_operation(protocol, week), **scene.operation)
    advice = advise_after(Surgical((operation,)), scene.record(), knowledge, scene.on)
    return SimulatedWeek(week, advice)


def _operation(protocol: Protocol, week: int) -> Operation:
    return Operation(
        surgery_type=protocol.id,
        date=OPERATED,
        date_as_recorded=OPERATED.isoformat(),
        date_is_partial=False,
        post_op_day=7 * week,
        completed_week=week,
        effective_week=week,
        shift_weeks=0,
        phase=None,
        region=protocol.region.split()[0],
        levels=(),
        level_count=1,
        level_count_is_minimum=False,
        fusion=protocol.fusion,
        instrumented=protocol.fusion,
        approach=None,
        technique=None,
        revision=False,
        staged=False,
        basis=Basis.CODED,
        because=("imagined",),
        evidence=(),
        procedures=("Procedure/imagined",),
    )


@dataclass
class _Scene:
    """The imagined patient on one day; `make_true` adds what a question asks for."""

    on: date
    years: float = _ADULT_YEARS
    operation: dict[str, Any] = field(default_factory=dict)
    conditions: list[Condition] = field(default_factory=list)
    medications: list[Medication] = field(default_factory=list)
    observations: list[Observation] = field(default_factory=list)

    def make_true(self, question: Any) -> None:
        """Add facts for which *question* is met; what only time or silence decides is left as it is."""
        if isinstance(question, All):
            for part in question.parts:
                self.make_true(part)
        elif isinstance(question, AnyOf):
            self.make_true(question.parts[0])
        elif isinstance(question, NotRuledOut):
            self.make_true(question.part)
        elif isinstance(question, HasCondition):
            self._add_condition(question)
        elif isinstance(question, HasMedication):
            concept = _concept(question.codelist)
            when = _day(self.on - timedelta(days=1))
            self.medications.append(Medication(self._name("MedicationRequest"), "active", concept, when, "order"))
        elif isinstance(question, Age):
            self.years = question.at_least if question.at_least is not None else (question.below or 1) - 1
        elif isinstance(question, Levels):
            self.operation["level_count"] = int(
                question.at_least if question.at_least is not None else question.at_most or 1
            )
        elif isinstance(question, Was):
            self.operation[question.fact] = True
        elif isinstance(question, Not) and isinstance(question.part, Was):
            self.operation[question.part.fact] = False
        elif isinstance(question, IsOneOf):
            self.operation[question.fact] = sorted(question.words)[0]
        else:
            self._add_values(question)

    def _add_values(self, question: Any) -> None:
        if isinstance(question, MeasureIs):
            self._add(question.measure, _inside(question.limits), 0)
        elif isinstance(question, Change):
            step = _inside(Limits(at_least=question.at_least, above=question.above))
            before = (
                100.0 if question.relative else (question.measure.plausible_from + question.measure.plausible_to) / 4
            )
            after = before * (1 + step / 100) if question.relative else before + step
            apart = int(question.apart_days or 1)
            self._add(question.measure, after if question.falls else before, apart)
            self._add(question.measure, before if question.falls else after, 0)
        elif isinstance(question, Trend):
            for session in range(question.sessions + 1):
                self._add(question.measure, 2.0 + (session if question.falls else question.sessions - session), session)
        elif isinstance(question, Drop):
            standing = (question.measure.plausible_from + question.measure.plausible_to) / 3
            self._add(question.measure, standing + question.at_least, 0)
            self._add(question.standing, standing, 0)

    def _add_condition(self, question: HasCondition) -> None:
        since = self.on if question.new or question.within_days is not None else OPERATED - timedelta(days=365)
        notes = question.at_words[:1]
        concept = _concept(question.codelist)
        self.conditions.append(
            Condition(self._name("Condition"), concept, "active", "confirmed", _day(since), _day(since), notes=notes)
        )

    def _add(self, measure: Measure, value: float, days_ago: int) -> None:
        system, code = min(measure.codes, default=("", ""))
        codings = (Coding(system, code),) if code else ()
        concept = Concept(codings, " ".join((*measure.words[:1], *measure.only_with_words[:1])) or measure.name)
        self.observations.append(
            Observation(
                self._name("Observation"),
                "final",
                concept,
                _day(self.on - timedelta(days=days_ago)),
                Quantity(round(value, 3), measure.unit, measure.unit),
                notes=measure.only_with_words[:1],
            )  # fmt: skip
        )

    def _name(self, kind: str) -> str:
        return f"{kind}/imagined-{len(self.conditions) + len(self.medications) + len(self.observations) + 1}"

    def record(self) -> PatientRecord:
        """Give the record: everything was looked for, and nothing but the imagined facts was found."""
        born = self.on - timedelta(days=round(self.years * 365.25) + 30)
        return PatientRecord(
            patient=Patient("Patient/imagined", _day(born)),
            procedures=(),
            observations=Observations(self.observations),
            conditions=tuple(self.conditions),
            medications=tuple(self.medications),
            orders=(),
            appointments=(),
        )


def _concept(codelist: Codelist) -> Concept:
    """Give a concept that stands in *codelist*: its first code, else its first word."""
    for entry in codelist.entries:
        return Concept((Coding(entry.system, entry.code, entry.term),), entry.term)
    return Concept((), codelist.words[0])


def _day(day: date) -> When:
    return When(day, day, Precision.DAY, day.isoformat())


def _inside(limits: Limits) -> float:
    """Give a number within *limits*: the closed end itself, else a little beyond the open one."""
    low = limits.at_least if limits.at_least is not None else limits.above
    high = limits.at_most if limits.at_most is not None else limits.below
    if low is not None and high is not None:
        return (low + high) / 2
    if low is not None:
        return low if limits.at_least is not None else low + max(0.1, abs(low) / 20)
    end = high or 0.0
    return end if limits.at_most is not None else end - max(0.1, abs(end) / 20)
