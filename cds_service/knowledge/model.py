"""Knowledge as read from cards/: protocols, exercises, rules, sources. Values only; loading is load.py's job."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from functools import cached_property, lru_cache
from typing import Any, TypeVar

from cds_service.knowledge.sheet import Sheets
from cds_service.patient.chart_text import one_line
from cds_service.patient.known import Codelist, Known, Measure

Answered = TypeVar("Answered")

_WORKED_OUT_MOST = 4096
"""Answers that `Knowledge.once` keeps: protocols times weeks, and what the grades of all rules take away."""
_KEPT_MOST = 512
"""Answers that `Knowledge.kept` keeps of those asked last, and as many again: all weeks of all protocols, some 5 MB."""


class Status(Enum):
    DRAFT = "draft"
    ACTIVE = "active"
    RETIRED = "retired"


class Mark(Enum):
    """How far a number or statement was verified: V seen in its source, D the compiler's default, M from memory,
    SEC seen only second-hand."""

    V = "V"
    D = "D"
    M = "M"
    SEC = "SEC"


class Effect(Enum):
    """What an alert does to the exercise list, worst first in `EFFECT_ORDER`."""

    STOP_ALL = "STOP_ALL"
    BASELINE_ONLY = "BASELINE_ONLY"
    REMOVE = "REMOVE"
    NO_PROGRESSION = "NO_PROGRESSION"
    INFO = "INFO"


EFFECT_ORDER = (Effect.STOP_ALL, Effect.BASELINE_ONLY, Effect.REMOVE, Effect.NO_PROGRESSION, Effect.INFO)


class Severity(Enum):
    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"
    NOTE = "note"


SEVERITY_ORDER = (Severity.CRITICAL, Severity.WARNING, Severity.INFO, Severity.NOTE)


class Permission(Enum):
    """What the matrix says of an exercise under a protocol."""

    PLAIN = "plain"
    SUPERVISED = "supervised"
    CLEARANCE = "clearance"  # SC: surgeon clearance only, never in the plain list
    NEVER = "never"  # NV


@dataclass(frozen=True, slots=True)
class Governance:
    status: Status
    written_by: str
    checked_by: str
    checked_on: date | None
    next_check: date


@dataclass(frozen=True, slots=True)
class Source:
    key: str
    author: str
    year: str
    title: str
    url: str | None
    grade: str
    status: str
    used_for: str
    citable: bool
    """False where the source was never verified: it may stand in the reference site, never on a card."""
    publication: str = ""
    """Journal, publisher or place, as text; *url* is filled only where it can be opened."""


@dataclass(frozen=True, slots=True)
class Span:
    """A number or a range as a source states it; *high* is None for "at least"."""

    low: int
    high: int | None

    def __str__(self) -> str:
        if self.high is None:
            return f"{self.low}+"
        return str(self.low) if self.low == self.high else f"{self.low}-{self.high}"


@dataclass(frozen=True, slots=True)
class Dosing:
    """The countable part of a dose, for orders; None where the catalogue states no number."""

    sets: Span | None = None
    reps: Span | None = None
    hold_seconds: Span | None = None
    minutes: Span | None = None
    times_per_day: Span | None = None
    days_per_week: Span | None = None
    each_side: bool = False


@dataclass(frozen=True, slots=True)
class Exercise:
    id: str
    name: str
    how: str
    target: str
    region: str
    category: str
    spine_load: str
    do_not_use_when: str
    equipment: str
    supervision: str
    snomed_code: str | None
    snomed_display: str | None
    dose: str
    dose_mark: Mark
    sources: tuple[str, ...]
    tags: frozenset[str]
    universal: bool
    """In the universal (BASELINE_ONLY) set."""
    not_alone: bool = False
    """The catalogue says it is not for people at risk of falling alone (dossier section 9, row 4)."""
    dosing: Dosing = Dosing()
    snomed_fit: str = ""
    """How well the SNOMED code says this exercise: exact, approximate, generic (a family of exercises) or none."""


@dataclass(frozen=True, slots=True)
class FirstWeek:
    """One cell of the matrix. *week* is the first completed week; None for CLEARANCE and NEVER."""

    exercise: str
    permission: Permission
    week: int | None
    mark: Mark
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Phase:
    """A half-open interval of completed weeks [from_week, to_week); *to_week* None means no end."""

    id: str
    from_week: int
    to_week: int | None
    goal: str

    def covers(self, week: int) -> bool:
        return self.from_week <= week and (self.to_week is None or week < self.to_week)


@dataclass(frozen=True, slots=True)
class RestrictionStep:
    """What a restriction says between two completed weeks ([from_week, to_week); None = open)."""

    from_week: int
    to_week: int | None
    say: str


@dataclass(frozen=True, slots=True)
class Restriction:
    topic: str
    default: str
    steps: tuple[RestrictionStep, ...]
    source_range: str
    sources: tuple[str, ...]
    mark: Mark

    def at(self, week: int) -> str | None:
        """Give the sentence that holds in completed *week*; None once the restriction is over."""
        for step in self.steps:
            if step.from_week <= week and (step.to_week is None or week < step.to_week):
                return step.say
        return None


@dataclass(frozen=True, slots=True)
class ProgressionTest:
    """What must be shown before the step from one phase to the next. *week* is the gate's completed week."""

    from_phase: str
    to_phase: str
    week: int | None
    say: str
    sources: tuple[str, ...]
    mark: Mark


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence with its mark and sources: a finding, a walking target, a step of the dose ladder."""

    say: str
    sources: tuple[str, ...]
    mark: Mark
    from_week: int | None = None
    to_week: int | None = None
    topic: str = ""


@dataclass(frozen=True, slots=True)
class Setting:
    """A number of the clinical path that is no rule, with what it means."""

    id: str
    value: int
    unit: str
    mark: Mark
    sources: tuple[str, ...]
    say: str


@lru_cache(maxsize=256)
def _without_footnotes(name: str) -> str:
    for stop in (":", " (", ";", ",", " / ", " for ", " without ", " that "):
        name = name.split(stop)[0]
    return one_line(name, 60)


@dataclass(frozen=True, slots=True)
class Protocol:
    """Everything one surgery type's file says."""

    id: str
    short: str
    name: str
    plain_name: str
    region: str
    operation_class: str
    fusion: bool
    instrumented: str
    approach: str
    why: str
    phases: tuple[Phase, ...]
    first_weeks: Mapping[str, FirstWeek]
    restrictions: tuple[Restriction, ...]
    progression: tuple[ProgressionTest, ...]
    disagreement: str
    agree_first: bool
    """The list is headed "to agree with the surgeon first" and no programme is offered as an order (section 9, row 1)."""
    agree_first_why: str
    topic_code: str | None
    """SNOMED CT code of the operation, for the card's topic; None where no code was verified."""
    sources: tuple[str, ...]
    governance: Governance
    file: str = ""
    evidence: tuple[Statement, ...] = ()
    """What trials and reviews found for this operation."""
    walking: tuple[Statement, ...] = ()
    """Walking targets by completed week."""
    defer: tuple[str, ...] = ()
    """Decisions the service leaves to the surgeon for this operation."""
    topic_term: str | None = None

    @property
    def clinical_name(self) -> str:
        """What clinicians call the operation, short: *name* without its footnotes ("Lumbar fusion: PLF, PLIF ..." ->
        "Lumbar fusion")."""
        return _without_footnotes(self.name)

    def phase_at(self, week: int) -> Phase | None:
        return next((phase for phase in self.phases if phase.covers(week)), None)


@dataclass(frozen=True, slots=True)
class Grade:
    """One step of a safety rule; the first grade that is met, in file order (worst first), speaks for the rule.

    *when* is the compiled condition of patient/criteria.py. *removes* are tags of exercises (REMOVE);
    *supervises* are tags whose exercises leave the plain list for the supervised one.
    """

    id: str
    when: Any
    severity: Severity
    effect: Effect
    removes: tuple[str, ...]
    supervises: tuple[str, ...]
    removes_exercises: tuple[str, ...]
    shift_weeks: int
    shift_tags: tuple[str, ...]
    """Tags whose exercises start *shift_weeks* later; empty with a shift means the whole ladder is shifted."""
    say: str
    do: str
    mark: Mark
    sources: tuple[str, ...]
    sets_protocol: str | None = None
    """The protocol that holds instead of the operation's own while this grade speaks (TUMOUR, DEF_ADULT)."""
    unknown_matters: bool = True
    """False: that this grade could not be asked is told in explain only (a comparison without a second value)."""
    no_progression: bool = False
    """The list takes no step forward, whatever the effect is otherwise."""
    adds: tuple[tuple[Any, str], ...] = ()
    """Sentences added to *say* where their condition is met."""


@dataclass(frozen=True, slots=True)
class SafetyRule:
    id: str
    title: str
    applies: Any
    """Compiled condition on the operation (types, regions, approach, window in days); unmet means the rule is silent."""
    grades: tuple[Grade, ...]
    if_unknown: str
    unknown_group: str | None
    """Rules of one group ("vital signs") that are all unknown are told in one phrase."""
    sources: tuple[str, ...]
    governance: Governance
    file: str = ""
    line: int = 0
    unknown_matters: bool = True
    """False: what this rule could not check is told in explain, not on the card (a blood test nobody needed)."""


@dataclass(frozen=True, slots=True)
class DataQualityRule:
    id: str
    title: str
    severity: Severity
    say: str
    governance: Governance


@dataclass(frozen=True, slots=True)
class ModifierRule:
    """A fact about the patient that changes the plan: *changes* tells what (list, dose, text), *by_rule* names the
    safety rule that changes the list, where one does."""

    id: str
    title: str
    when: Any
    changes: tuple[str, ...]
    by_rule: str | None
    lowest_dose: bool
    """The dose stays at the lower end of the catalogue's."""
    say: str
    mark: Mark
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OutcomeMeasure:
    """A questionnaire or performance test: what change is one, and what the service does with it."""

    id: str
    name: str
    measure: str
    """Id of the measure that reads it from the record."""
    important_change: str
    use: str
    mark: Mark
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ActivityTarget:
    """A number to reach, for a Goal: *measure* is a LOINC code, *unit* a UCUM code, *week* the completed week it is due."""

    id: str
    protocols: tuple[str, ...]
    phase: str
    measure: str
    measure_display: str
    value: float
    unit: str
    unit_text: str
    week: int
    say: str
    sources: tuple[str, ...]
    mark: Mark


@dataclass(frozen=True, slots=True)
class OrderContent:
    """What our orders say beside the programme itself (cards/orders.yaml).

    *gate_notice_days*: so many days before a phase gate a follow-up may be asked for. *stop_and_call*: signs at which the
    patient stops and calls, in plain words. *exercise_codes*, *physiotherapy_codes*: codes by which an order of somebody
    else is known as the same thing.
    """

    gate_notice_days: int
    targets: tuple[ActivityTarget, ...]
    stop_and_call: tuple[str, ...]
    exercise_codes: frozenset[tuple[str, str]]
    physiotherapy_codes: frozenset[tuple[str, str]]
    physiotherapy_words: tuple[str, ...]
    governance: Governance | None = None


@dataclass(frozen=True, slots=True)
class LocalChange:
    """One thing a hospital's overlay says differently: what, ours, theirs, and whether that is stricter.

    *path* is the key of `Knowledge.overlaid`: `LUM_FUS.first_weeks.bridge`, `numbers.pool_week`, `rules.RF10`.
    *strictness* is `stricter`, `looser` or `not comparable` (a text); the last two carry an approver and a reason.
    """

    path: str
    what: str
    ours: str
    theirs: str
    strictness: str
    approved_by: str
    reason: str
    place: str


@dataclass(frozen=True, slots=True)
class NormalCourse:
    """The usual course of a laboratory value after some operations: for pictures only, never a threshold.

    *after* are (surgery type, techniques; empty for any). *points* are (day after surgery, value in the measure's unit).
    *computed* is True where points are our own arithmetic from a peak and a half-life.
    """

    measure: str
    kind: str
    after: tuple[tuple[str, tuple[str, ...]], ...]
    points: tuple[tuple[int, float], ...]
    computed: bool


@dataclass(frozen=True)
class Knowledge:
    """All of cards/, understood. *version* is what people read, *content_hash* is what proves it."""

    version: str
    content_hash: str
    protocols: Mapping[str, Protocol]
    exercises: Mapping[str, Exercise]
    tags: Mapping[str, frozenset[str]]
    rules: tuple[SafetyRule, ...]
    data_quality: Mapping[str, DataQualityRule]
    measures: Mapping[str, Measure]
    codelists: Mapping[str, Codelist]
    sources: Mapping[str, Source]
    settings: Mapping[str, Any]
    """Numbers of the clinical path that are no rule (cards/clinical_path.yaml): staged-fusion days, oldest operation weeks, programme size ..., each with unit, mark and source in the file."""
    order_content: OrderContent | None = None
    """What our orders carry; None only in tests that order nothing."""
    surgery: Any = None
    """Compiled material of clinical/surgery (code tables, axes, words), built by load.py from cards/codelists and cards/words."""
    exercise_words: Any = None
    """How orders of others are understood (knowledge.exercise_words.DraftWords); None only in tests without drafts."""
    appointments: Any = None
    """When therapy opens (knowledge.appointments.Appointments); None only in tests without bookings."""
    overlay: str | None = None
    """Name of the local overlay in force, None without one."""
    overlaid: Mapping[str, str] = field(default_factory=dict)
    """What the overlay changed: knowledge path -> name of the local protocol, for cards to cite."""
    local_changes: tuple[LocalChange, ...] = ()
    """What the overlay says differently, one by one; for `check` and the reference site."""
    setting_notes: Mapping[str, Setting] = field(default_factory=dict)
    """Unit, mark, source and meaning of each number in *settings*."""
    tables: Mapping[str, Governance] = field(default_factory=dict)
    """Governance of the files that cannot carry their own keys (CSV tables, code lists), by path in cards/."""
    dose_ladder: tuple[Statement, ...] = ()
    """How a dose grows with the time an exercise has been done (topic = kind of exercise)."""
    walking: tuple[Statement, ...] = ()
    """Walking targets that hold after any operation."""
    evidence: tuple[Statement, ...] = ()
    """Findings that hold for every operation."""
    defer: tuple[str, ...] = ()
    """Decisions the service leaves to the surgeon after any operation."""
    notes: Mapping[str, str] = field(default_factory=dict)
    """Title, licence and attribution of the knowledge base, as cards/knowledge.yaml states them."""

    modifiers: tuple[ModifierRule, ...] = ()
    outcome_measures: tuple[OutcomeMeasure, ...] = ()
    normal_courses: tuple[NormalCourse, ...] = ()
    sheets: Sheets = Sheets()
    """Words and drawings of the patient sheet."""

    @cached_property
    def known(self) -> Known:
        """Measures and codelists as the questions of patient/criteria.py use them, with their index built once."""
        return Known(self.measures, self.codelists)

    @cached_property
    def _worked_out(self) -> dict[Hashable, Any]:
        return {}

    def once(self, question: Hashable, work_out: Callable[[], Answered]) -> Answered:
        """Give what *work_out* makes of this knowledge alone, worked out at the first time *question* is asked.

        Of a patient the question may hold no more than which operation and which week it is about.
        """
        found = self._worked_out.get(question)
        if found is None:
            if len(self._worked_out) >= _WORKED_OUT_MOST:
                self._worked_out.clear()
            found = self._worked_out[question] = work_out()
        return found

    @cached_property
    def _kept(self) -> list[dict[Hashable, Any]]:
        """What was asked lately, and what was asked before that: when the first is full it takes the place of the second."""
        return [{}, {}]

    def kept(self, question: Hashable, work_out: Callable[[], Answered]) -> Answered:
        """Give what *work_out* makes of this knowledge alone, for questions of which there are more than can be kept:
        the ones asked last stay.

        As with `once`, the question may hold ids, numbers and texts of ours, and nothing of a chart.
        """
        lately, before = self._kept
        found = lately.get(question)
        if found is None:
            found = before.get(question)
            if found is None:
                found = work_out()
            if len(lately) >= _KEPT_MOST:
                self._kept[:] = lately, before = {}, lately
            lately[question] = found
        return found

    @cached_property
    def rules_that_set_a_protocol(self) -> tuple[SafetyRule, ...]:
        """The rules that may put another protocol in place of the operation's own; asked before all others."""
        return tuple(rule for rule in self.rules if any(grade.sets_protocol for grade in rule.grades))

    @cached_property
    def other_rules(self) -> tuple[SafetyRule, ...]:
        return tuple(rule for rule in self.rules if not any(grade.sets_protocol for grade in rule.grades))

    @cached_property
    def rules_in_order(self) -> tuple[SafetyRule, ...]:
        """All rules in the order in which they are asked."""
        return self.rules_that_set_a_protocol + self.other_rules

    @cached_property
    def is_draft(self) -> bool:
        """True while any protocol or rule waits for a clinician's signature."""
        governed = (*self.protocols.values(), *self.rules)
        return any(one.governance.status is Status.DRAFT for one in governed)

    @cached_property
    def needs(self) -> frozenset[str]:
        """The kinds of data (fields of PatientRecord) that the rules and modifiers ask for; prefetch is their union."""
        asked = [rule.applies for rule in self.rules]
        asked += [grade.when for rule in self.rules for grade in rule.grades]
        asked += [modifier.when for modifier in self.modifiers]
        return frozenset({"patient", "procedures"}).union(*(condition.needs for condition in asked))
