"""Ask every safety rule about the patient: what must stop, soften or escalate, and what could not be known.

Works for each operation by itself and keeps the worst answer of each rule. Lists no exercise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import overload

from msgspec import Struct
from msgspec.structs import replace

from cds_service.clinical.advice import Alert, Modifier, Trace, Unknown
from cds_service.clinical.operation import DataQuality, Operation
from cds_service.clinical.settled import settle
from cds_service.knowledge.model import (
    EFFECT_ORDER,
    SEVERITY_ORDER,
    Effect,
    Grade,
    Knowledge,
    ModifierRule,
    SafetyRule,
    Severity,
)
from cds_service.patient.chart_text import moment_text
from cds_service.patient.facts import Asked, Chart, OperationFacts
from cds_service.patient.finding import Answer, Finding, QualityEvent
from cds_service.patient.record import PatientRecord

_NO_PROGRESSION = frozenset({Effect.NO_PROGRESSION, Effect.BASELINE_ONLY, Effect.STOP_ALL})
_WHOLE_KINDS = ("problem list", "observations", "medicines")
"""What is missing altogether is told as such, and not once for every rule that wanted it."""


class Judgement(Struct, frozen=True, gc=False):
    """One rule's answer for one operation: the grade that speaks, or why none does."""

    rule: SafetyRule
    operation: int
    finding: Finding
    grade: Grade | None = None
    extra: tuple[str, ...] = ()
    open_grades: tuple[tuple[Grade, Finding], ...] = ()
    """Grades that could not be asked."""
    quality: tuple[QualityEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class Shift:
    """How much later a rule lets things start: *weeks*, for exercises with *tags* (empty: for all)."""

    rule: str
    weeks: int
    tags: tuple[str, ...]
    because: str


class Safety(Struct, frozen=True):
    """What all rules say. *notes* are met rules that are no alert of their own (RF43)."""

    operations: tuple[Operation, ...]
    """The operations, with the protocol that a rule has put in place of their own."""
    set_by: tuple[str | None, ...]
    """For each operation the rule that changed its protocol."""
    shifts: tuple[tuple[Shift, ...], ...]
    alerts: tuple[Alert, ...]
    notes: tuple[Alert, ...]
    grades: tuple[tuple[str, Grade], ...]
    """(rule, grade) of every alert: what they remove and supervise."""
    note_grades: tuple[tuple[str, Grade], ...]
    effect: Effect | None
    no_progression: bool
    unknown: tuple[Unknown, ...]
    trace: Sequence[Trace]
    quality: tuple[QualityEvent, ...]


def facts_of(operation: Operation) -> OperationFacts:
    """Say of an operation what the questions of patient/criteria.py may look at."""
    return OperationFacts(
        surgery_type=operation.surgery_type,
        region=operation.region,
        approach=operation.approach,
        technique=operation.technique,
        instrumented=operation.instrumented,
        fusion=operation.fusion,
        level_count=operation.level_count,
        level_count_is_minimum=operation.level_count_is_minimum,
        revision=operation.revision,
        date=operation.date,
        date_is_partial=operation.date_is_partial,
        post_op_day=operation.post_op_day,
        completed_week=operation.completed_week,
        also_types=operation.also_types,
        guessed_type=operation.text_type,
    )


def judge(asked: Sequence[Asked], operations: Sequence[Operation], knowledge: Knowledge) -> Safety:
    """Ask every rule about every operation of *operations* and put the answers together, worst first.

    *asked* is the chart as seen from each of them.

    Source: dossier sections 0 and 4.3: the worst effect counts, REMOVE adds up over rules.
    """
    quick = _judge_touched(asked[0], operations[0], knowledge) if len(operations) == 1 else None
    return quick or judge_all(asked[0].chart, operations, knowledge)


def _judge_touched(asked: Asked, operation: Operation, knowledge: Knowledge) -> Safety | None:
    """As `judge_all`, of one operation: asks only the rules that the chart can change (clinical/settled.py).

    None where a rule puts another protocol in place, or nothing is settled: then all are asked.
    """
    chart = asked.chart
    settled = settle("rules", knowledge.rules_in_order, _ask_blank, asked, knowledge)
    if settled is None:
        return None
    outcome = settled.walk(chart).outcome(asked)
    judgements: list[Judgement] = []
    quality = [event for look in outcome.looks for event in asked.fresh(look.measure, look.hours).events]
    unknown = outcome.told
    for place in outcome.ask:
        judgement = _judge_rule(knowledge.rules_in_order[place], 0, asked)
        if judgement.grade is not None and judgement.grade.sets_protocol:
            return None
        judgements.append(judgement)
        quality += judgement.quality
        if judgement.open_grades:
            unknown = (*unknown, (place, tuple(_unknown(judgement))))
    if unknown is not outcome.told:
        unknown = sorted(unknown, key=itemgetter(0))
    return _together(
        judgements,
        (operation,),
        (None,),
        tuple([one for _, told in unknown for one in told]),
        quality,
        Silent(lambda: judge_all(chart, (operation,), knowledge).trace),
    )


def _ask_blank(rule: SafetyRule, asked: Asked) -> tuple[bool, tuple[Unknown, ...] | None, tuple[QualityEvent, ...]]:
    """Tell whether *rule* speaks, what it cannot know if not, and what it had to set aside."""
    judgement = _judge_rule(rule, 0, asked)
    return judgement.grade is not None, tuple(_unknown(judgement)) if judgement.open_grades else None, judgement.quality


class Silent(Sequence[Trace]):
    """The rules that did not fire, and why, put into words when somebody wants to read them (explain, the workbench)."""

    __slots__ = ("_tell", "_told")

    def __init__(self, tell: Callable[[], tuple[Trace, ...]]):
        self._tell = tell
        self._told: tuple[Trace, ...] | None = None

    def _all(self) -> tuple[Trace, ...]:
        if self._told is None:
            self._told = self._tell()
        return self._told

    def __len__(self) -> int:
        return len(self._all())

    @overload
    def __getitem__(self, number: int) -> Trace: ...
    @overload
    def __getitem__(self, number: slice) -> tuple[Trace, ...]: ...
    def __getitem__(self, number: int | slice) -> Trace | tuple[Trace, ...]:
        return self._all()[number]

    def __eq__(self, other: object) -> bool:
        return self._all() == (other._all() if isinstance(other, Silent) else other)

    def __hash__(self) -> int:
        return hash(self._all())


def judge_all(chart: Chart, operations: Sequence[Operation], knowledge: Knowledge) -> Safety:
    """Ask every rule about every operation, whatever the chart mentions."""
    judgements: list[Judgement] = []
    placed: list[Operation] = []
    set_by: list[str | None] = []
    for index, operation in enumerate(operations):
        own, changed, rule_id = _judge_operation(chart, index, operation, knowledge)
        judgements += own
        placed.append(changed)
        set_by.append(rule_id)
    by_rule: dict[str, list[Judgement]] = {}
    for judgement in judgements:
        by_rule.setdefault(judgement.rule.id, []).append(judgement)
    worst = [of_rule[0] if len(of_rule) == 1 else min(of_rule, key=_rank) for of_rule in by_rule.values()]
    return _together(
        judgements,
        tuple(placed),
        tuple(set_by),
        tuple(found for one in worst if one.open_grades for found in _unknown(one)),
        [event for one in judgements for event in one.quality],
        tuple(_trace(one) for one in worst if one.grade is None or one.grade.severity is Severity.NOTE),
        worst,
    )


def _together(
    judgements: Sequence[Judgement],
    operations: tuple[Operation, ...],
    set_by: tuple[str | None, ...],
    unknown: tuple[Unknown, ...],
    quality: Iterable[QualityEvent],
    trace: Sequence[Trace],
    worst: Sequence[Judgement] | None = None,
) -> Safety:
    """Put the answers together; *worst* holds the worst one of each rule, where rules gave several."""
    if worst is None:
        worst = judgements
    graded = [one for one in judgements if one.grade is not None]
    if len(graded) > 1:
        graded.sort(key=_rank)
    speaking = graded if worst is judgements else sorted([one for one in worst if one.grade is not None], key=_rank)
    alerting = [one for one in speaking if one.grade.severity is not Severity.NOTE]
    noted = [one for one in speaking if one.grade.severity is Severity.NOTE]
    return Safety(
        operations=operations,
        set_by=set_by,
        shifts=tuple([_shifts(judgements, index) if graded else () for index in range(len(operations))]),
        alerts=tuple([_alert(one, operations) for one in alerting]),
        notes=tuple([_alert(one, operations) for one in noted]),
        grades=_grades(graded, note=False),
        note_grades=_grades(graded, note=True),
        effect=min([one.grade.effect for one in alerting], key=EFFECT_ORDER.index, default=None),
        no_progression=any([one.grade.no_progression or one.grade.effect in _NO_PROGRESSION for one in alerting]),
        unknown=unknown,
        trace=trace,
        quality=tuple(dict.fromkeys(quality)),
    )


def _judge_operation(
    chart: Chart, index: int, operation: Operation, knowledge: Knowledge
) -> tuple[list[Judgement], Operation, str | None]:
    """Ask first the rules that may put another protocol in place, then all others about the operation so changed."""
    judgements: list[Judgement] = []
    rule_id: str | None = None
    asked = Asked(chart, facts_of(operation))
    for rule in knowledge.rules_that_set_a_protocol:
        judgement = _judge_rule(rule, index, asked)
        judgements.append(judgement)
        protocol = judgement.grade.sets_protocol if judgement.grade is not None else None
        if protocol is not None:
            operation, rule_id = replace(operation, surgery_type=protocol, also_types=()), rule.id
            asked = asked.about(facts_of(operation))
    judgements += [_judge_rule(rule, index, asked) for rule in knowledge.other_rules]
    return judgements, operation, rule_id


def _judge_rule(rule: SafetyRule, index: int, asked: Asked) -> Judgement:
    """Give the first grade that is met. A rule that may or may not apply speaks when its grade is met: the stricter way."""
    applies = rule.applies.ask(asked)
    if applies.answer is Answer.NOT_MET:
        finding = Finding(Answer.NOT_MET, lambda: f"does not apply: {applies.because}", lambda: applies.evidence)
        return Judgement(rule, index, finding, quality=applies.quality)
    quality = list(applies.quality)
    open_grades: list[tuple[Grade, Finding]] = []
    finding = applies
    for grade in rule.grades:
        finding = grade.when.ask(asked)
        quality += finding.quality
        if finding.answer is Answer.MET:
            extra = tuple(say for when, say in grade.adds if when.ask(asked).is_met)
            if applies.is_unknown:
                finding = Finding(
                    Answer.MET,
                    f"{finding.because}; {applies.because}",
                    finding.evidence,
                    finding.quality,
                    finding.missing,
                )
            return Judgement(rule, index, finding, grade, extra, tuple(open_grades), tuple(quality))
        if finding.answer is Answer.UNKNOWN:
            open_grades.append((grade, finding))
    if open_grades:
        finding = open_grades[0][1]
    return Judgement(rule, index, finding, None, (), tuple(open_grades), tuple(quality))


def _rank(judgement: Judgement) -> tuple[int, int, int, str]:
    """Worst first: speaking before unknown before silent, then by effect and severity."""
    grade = judgement.grade
    if grade is None:
        return (1 if judgement.open_grades else 2, 0, 0, judgement.rule.id)
    return (0, EFFECT_ORDER.index(grade.effect), SEVERITY_ORDER.index(grade.severity), judgement.rule.id)


def _alert(judgement: Judgement, operations: Sequence[Operation]) -> Alert:
    rule, grade = judgement.rule, judgement.grade
    return Alert(
        rule=rule.id,
        grade=grade.id,
        title=rule.title,
        severity=grade.severity,
        effect=grade.effect,
        removes=grade.removes,
        because=judgement.finding.told_once,
        say=" ".join((fill(grade.say, judgement.finding, operations[judgement.operation]), *judgement.extra)),
        do=grade.do,
        evidence=judgement.finding.evidence,
        sources=grade.sources or rule.sources,
        mark=grade.mark.value,
    )


def fill(say: str, finding: Finding, operation: Operation) -> str:
    """Put the facts of *finding* and *operation* into the placeholders of *say*."""
    if "{" not in say:
        return say[:1].upper() + say[1:]
    first = next((one for one in finding.evidence if one.value is not None), None)
    first = first or next(iter(finding.evidence), None)
    words = {
        "because": finding.told_once,
        "value": (first.value if first else None) or "not recorded",
        "when": (moment_text(first.date) if first else "") or "undated",
        "what": first.what if first else finding.told_once,
        "day": "not known" if operation.post_op_day is None else str(operation.post_op_day),
        "week": "not known" if operation.completed_week is None else str(operation.completed_week),
    }
    for word, text in words.items():
        say = say.replace("{" + word + "}", text)
    return say[:1].upper() + say[1:]


def _shifts(judgements: Iterable[Judgement], index: int) -> tuple[Shift, ...]:
    return tuple(
        Shift(one.rule.id, one.grade.shift_weeks, one.grade.shift_tags, one.finding.told_once)
        for one in judgements
        if one.operation == index and one.grade is not None and one.grade.shift_weeks
    )


def _grades(judgements: Iterable[Judgement], note: bool) -> tuple[tuple[str, Grade], ...]:
    """Give (rule, grade) of all that speak, worst first: what two operations make a rule remove adds up."""
    found = {
        (one.rule.id, one.grade.id): (one.rule.id, one.grade)
        for one in judgements
        if (one.grade.severity is Severity.NOTE) is note
    }
    return tuple(found.values())


def _unknown(judgement: Judgement) -> Iterable[Unknown]:
    """Tell what a rule could not ask. Where a milder grade speaks, the worse one that could not be asked is told too."""
    rule = judgement.rule
    worse = [(grade, finding) for grade, finding in judgement.open_grades if _is_worse(grade, judgement.grade)]
    if not worse:
        return
    asked = [pair for pair in worse if pair[0].unknown_matters] or worse
    because = "; ".join(dict.fromkeys(part for _, finding in worse for part in finding.because.split("; ")))
    missing = {name for _, finding in worse for name in finding.missing}
    group = next((kind for kind in _WHOLE_KINDS if kind in missing), rule.unknown_group)
    whole = judgement.grade is None and asked[0][0].unknown_matters
    say = rule.if_unknown if whole else f"{because[:1].upper()}{because[1:]}."
    yield Unknown(rule.id, because, say, group, whole and rule.unknown_matters)


def _is_worse(grade: Grade, speaking: Grade | None) -> bool:
    if speaking is None:
        return True
    return SEVERITY_ORDER.index(grade.severity) < SEVERITY_ORDER.index(speaking.severity)


def _trace(judgement: Judgement) -> Trace:
    finding = judgement.finding
    answer = finding.answer if judgement.grade is not None or not judgement.open_grades else Answer.UNKNOWN
    return Trace(judgement.rule.id, answer.value, finding.told_once, finding.evidence)


def data_quality_of(safety: Safety, record: PatientRecord, knowledge: Knowledge) -> tuple[DataQuality, ...]:
    """Tell the values that had to be set aside (DQ09 to DQ11) and an unknown age (DQ12), each once."""
    found = [
        DataQuality(event.rule, knowledge.data_quality[event.rule].severity, event.because, (event.evidence,))
        for event in sorted(safety.quality, key=lambda event: (event.rule, event.measure))
    ]
    if record.patient is None or record.patient.birth_date is None or record.patient.birth_date.earliest is None:
        rule = knowledge.data_quality["DQ12"]
        found.append(DataQuality(rule.id, rule.severity, rule.say))
    return tuple(dict.fromkeys(found))


def modifiers_of(about: Sequence[Asked], knowledge: Knowledge) -> tuple[tuple[Modifier, ...], bool]:
    """Give the modifiers that hold for this patient, and whether any of them keeps the dose low."""
    found: dict[str, Modifier] = {}
    lowest_dose = False
    for asked in about:
        settled = settle("modifiers", knowledge.modifiers, _hold_blank, asked, knowledge)
        places = settled.walk(asked.chart).places if settled is not None else range(len(knowledge.modifiers))
        for modifier in map(knowledge.modifiers.__getitem__, places):
            finding = modifier.when.ask(asked)
            if finding.is_met:
                found.setdefault(modifier.id, Modifier(modifier.by_rule or modifier.id, modifier.say, finding.evidence))
                lowest_dose = lowest_dose or modifier.lowest_dose
    return tuple(found.values()), lowest_dose


def _hold_blank(modifier: ModifierRule, asked: Asked) -> tuple[bool, None, tuple[QualityEvent, ...]]:
    finding = modifier.when.ask(asked)
    return finding.is_met, None, finding.quality
