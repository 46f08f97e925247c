"""What a question may look at: the record as seen on one day, and the operation it is asked about.

A `Chart` reads each measure and each codelist of one record at most once per call; an `Asked` is a chart seen from
one operation. Both hold the patient's data for one call only.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Protocol

from msgspec import Struct

from cds_service.patient.chart_text import moment_text
from cds_service.patient.codes import CodeKey
from cds_service.patient.finding import Evidence, Finding, QualityEvent
from cds_service.patient.known import Known, Measure, is_text_only
from cds_service.patient.quantity import Amount, Ignored, Plan, plain_numbers, plan_of, read_amount, read_number
from cds_service.patient.record import (
    NOT_USED,
    Coding,
    Concept,
    Condition,
    Glance,
    Medication,
    Observation,
    Observations,
    Patient,
    PatientRecord,
    Quantity,
    When,
)

_A_DAY, _MIDNIGHT = timedelta(days=1), time()
_RESOLVED = frozenset({"inactive", "resolved", "remission"})
_NOT_TRUE = frozenset({"refuted", "entered-in-error"})
_NOT_TAKEN = frozenset(
    {"entered-in-error", "cancelled", "stopped", "completed", "draft", "not-taken", "on-hold", "ended"}
)
_NOT_ORDERED = frozenset({"proposal", "option"})
_PRESENT = frozenset(
    {
        ("snomed", "52101004"),
        ("snomed", "373066001"),
        ("loinc", "LA9633-4"),
        ("loinc", "LA33-6"),
        ("snomed", "10828004"),
    }
)
_ABSENT = frozenset(
    {
        ("snomed", "2667000"),
        ("snomed", "373067005"),
        ("loinc", "LA9634-2"),
        ("loinc", "LA32-8"),
        ("snomed", "260385009"),
    }
)
_YES_WORDS = frozenset({"present", "yes", "positive", "true", "y"})
_NO_WORDS = frozenset({"absent", "no", "negative", "false", "none", "n", "not present"})


class OperationFacts(Struct, frozen=True, gc=False):
    """The operation a question is asked about. None means not known; *date* None means not recorded."""

    surgery_type: str
    region: str | None = None
    approach: str | None = None
    technique: str | None = None
    instrumented: bool | None = None
    fusion: bool | None = None
    level_count: int | None = None
    level_count_is_minimum: bool = False
    revision: bool | None = None
    date: date | None = None
    date_is_partial: bool = False
    post_op_day: int | None = None
    completed_week: int | None = None
    also_types: tuple[str, ...] = ()
    """Types that may hold as well, because the record does not decide; their dangers count."""
    guessed_type: str | None = None
    """What text alone suggests; enough to ask about its dangers, never enough to rule one out."""


@dataclass(frozen=True, slots=True)
class Mention:
    """A condition or finding of a codelist in the record. *starts* is its onset, else when it was recorded."""

    evidence: Evidence
    starts: When | None
    recorded: When | None
    is_active: bool
    is_text_only: bool
    words: tuple[str, ...]


class Value(Struct, eq=False, gc=False):
    """A usable value of a measure, in the measure's unit. Its evidence is put into words where somebody reads it."""

    amount: Amount
    when: When | None
    _evidence: Evidence | Callable[[], Evidence]

    @property
    def evidence(self) -> Evidence:
        if not isinstance(self._evidence, Evidence):
            self._evidence = self._evidence()
        return self._evidence

    def as_evidence(self) -> tuple[Evidence, ...]:
        """Give the evidence as what a finding rests on."""
        return (self.evidence,)


class Series(Struct, gc=False):
    """What a chart holds of one measure, newest first: usable values, and what had to be left out."""

    values: list[Value]
    faulty: list[QualityEvent]
    future: list[QualityEvent]


class _Reader(Struct):
    """The Observations of one measure, newest first, each read when its turn comes and once for all who ask."""

    unread: Iterator[Observation | Glance]
    series: Series
    """What has been read so far."""
    steps: list[tuple[int, int, int]]
    """How much *series* held after each Observation with a usable value: usable, faulty, future values."""
    sent_in: tuple[str | None, str | None] | None = None
    """The unit, as text and code, of the number read last, and what it took to convert it."""
    plan: Plan = None


class Fresh(Struct, gc=False):
    """What may judge today of a measure; *events* tell what was set aside and why."""

    newest: tuple[Value, ...]
    """The newest value, with those that cannot be told to be older; empty where none may judge."""
    events: tuple[QualityEvent, ...]
    measure: Measure
    hours: float | None
    any_after: bool
    """Some value was taken after the operation, however old."""
    any_at_all: bool

    @property
    def why_none(self) -> str:
        """Why there is none, in words; only where *newest* is empty."""
        if self.any_after:
            return f"no {self.measure.name} in the last {duration(self.hours)}"
        if self.any_at_all:
            return f"no {self.measure.name} since the operation"
        return f"no {self.measure.name} recorded"


class Comparing(Protocol):
    """A question that compares: nothing but the values themselves can answer it."""

    def ask(self, asked: Asked) -> Finding: ...

    def compare(self, fresh: Fresh, asked: Asked) -> Finding: ...


@dataclass(slots=True)
class Chart:
    """One record on one day. *on* is the day asked about, *at* the exact moment or None."""

    record: PatientRecord
    known: Known
    on: date
    at: datetime | None = None
    _series: dict[tuple[str, float | None], Series] = field(default_factory=dict)
    _mentions: dict[str, tuple[Mention, ...]] | None = None
    _drugs: dict[str, tuple[Evidence, ...]] | None = None
    _by_words: tuple[Observation, ...] | None = None
    _lists_by_words: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _readers: dict[str, _Reader] = field(default_factory=dict)
    _measures: Mapping[str, Sequence[CodeKey]] | None = None
    _moments: dict[float | None, datetime | None] = field(default_factory=dict)

    # ---- measures -----------------------------------------------------------------------------------------------

    def series(self, measure: Measure, hours: float | None = None) -> Series:
        """Read what the chart holds of *measure*, newest first.

        With *hours*, reading stops at the first value that is older: who asks about today pays for no history.
        """
        if not self.mentions_measure(measure):
            return Series([], [], [])
        found = self._series.get((measure.id, hours))
        if found is None:
            found = self._series[measure.id, hours] = self._read_series(measure, hours)
        return found

    def newest_if_plain(self, measure: Measure, hours: float | None) -> Value | None:
        """Give the newest value of a measure that is mentioned, where all that is recorded of it for so long is usable and
        plain: sent alike, with times, nothing taken at once with the newest, nothing dated after today. None else.

        Most are, and then no other value need be read to know what may judge today.
        """
        if measure.only_with_words or (measure.words and self.by_words()):
            return None
        plain = self.record.observations.plain(self._measures[measure.id], self._since(hours))
        if plain is None:
            return None
        newest = plain.newest
        numbers = plain_numbers(plain.numbers, plan_of(newest.unit, newest.unit_code, measure), measure)
        if numbers is None or newest.when.moment is None or self.is_future(newest.when):
            return None
        return Value(Amount(numbers[0], numbers[0]), newest.when, partial(_glanced, newest, measure))

    def _since(self, hours: float | None) -> datetime | None:
        """The moment from which a value may count that is not older than *hours*, with a day to spare in any zone."""
        if hours not in self._moments:
            oldest = None if hours is None else self._oldest(hours) - _A_DAY
            self._moments[hours] = oldest and datetime.combine(oldest, _MIDNIGHT, UTC)
        return self._moments[hours]

    def _oldest(self, hours: float) -> date:
        """The first day on which a value may have been taken that is not older than *hours*, with one to spare."""
        return self.on - timedelta(days=hours // 24 + 1)

    def _read_series(self, measure: Measure, hours: float | None) -> Series:
        reader = self._reader(measure)
        series = reader.series
        if hours is None:
            self._read_on(measure, reader, None)
            return series
        oldest = self._oldest(hours)
        for values, faulty, future in reader.steps:
            if _is_before(series.values[values - 1].when, oldest):
                return Series(series.values[:values], series.faulty[:faulty], series.future[:future])
        self._read_on(measure, reader, oldest)
        return Series(series.values[:], series.faulty[:], series.future[:])

    def _reader(self, measure: Measure) -> _Reader:
        reader = self._readers.get(measure.id)
        if reader is None:
            candidates = self._candidates(measure) if self.mentions_measure(measure) else ()
            reader = self._readers[measure.id] = _Reader(iter(candidates), Series([], [], []), [])
        return reader

    def _read_on(self, measure: Measure, reader: _Reader, oldest: date | None) -> None:
        """Read more Observations of *measure*, up to and with the first value from before *oldest*, else to the end."""
        series = reader.series
        values = series.values
        for one in reader.unread:
            before = len(values)
            if isinstance(one, Observation):
                self._read_one(one, measure, series)
            elif one.status not in NOT_USED:
                sent_in = (one.unit, one.unit_code)
                if sent_in != reader.sent_in:
                    reader.sent_in, reader.plan = sent_in, plan_of(one.unit, one.unit_code, measure)
                amount = read_number(one.value, one.comparator, reader.plan, measure)
                if amount is not None:
                    self._add(amount, one.when, partial(_glanced, one, measure), measure, series)
            if len(values) > before:
                reader.steps.append((len(values), len(series.faulty), len(series.future)))
                if oldest is not None and _is_before(values[-1].when, oldest):
                    return

    def _read_one(self, one: Observation, measure: Measure, series: Series) -> None:
        """Add to *series* what *one* Observation says of *measure*."""
        if one.status in NOT_USED or measure.only_with_words and not _names_any(one, measure.only_with_words):
            return
        for concept, raw in _parts(one, measure):
            amount = read_amount(raw, measure)
            if amount is not None:
                self._add(amount, one.when, partial(_measured, one, concept, raw, measure), measure, series)

    def _add(
        self,
        amount: Amount | Ignored,
        when: When | None,
        evidence: Callable[[], Evidence],
        measure: Measure,
        series: Series,
    ) -> None:
        if isinstance(amount, Ignored):
            series.faulty.append(QualityEvent("DQ09", measure.id, amount.reason, evidence()))
        elif self.is_future(when):
            seen = evidence()
            text = f"{measure.name} is dated after the day asked about ({moment_text(seen.date)})"
            series.future.append(QualityEvent("DQ10", measure.id, text, seen))
        else:
            series.values.append(Value(amount, when, evidence))

    def history(self, measure: Measure) -> Iterator[Value]:
        """Give the usable values of *measure* of any age, newest first, each read when its turn comes.

        Who compares with the value before the newest pays for two, not for years of them.
        """
        if self.record.observations is None:
            return
        reader = self._reader(measure)
        values, place = reader.series.values, 0
        while True:
            if place == len(values):
                self._read_on(measure, reader, date.max)
                if place == len(values):
                    return
            yield values[place]
            place += 1

    def _candidates(self, measure: Measure) -> Iterable[Observation | Glance]:
        observations = self.record.observations
        worded = [one for one in self.by_words() if _is_worded(one.code, measure)] if measure.words else []
        if worded:
            return Observations((*observations.coded(self._measures[measure.id]), *worded)).all()
        look = observations.coded if measure.only_with_words else observations.measured
        return look(self._measures[measure.id])

    def mentions_measure(self, measure: Measure) -> bool:
        """Tell whether something of *measure* may be recorded."""
        return measure.id in self.measures_mentioned()

    def measures_mentioned(self) -> Set[str]:
        """Name the measures of which something may be recorded; what is not named here has no value at all."""
        if self._measures is None:
            self._measures = self._find_measures()
        return self._measures.keys()

    def _find_measures(self) -> Mapping[str, Sequence[CodeKey]]:
        """Give the measures of which something may be recorded, each with those of its codes that are."""
        observations = self.record.observations
        found: dict[str, list[CodeKey]] = {}
        if observations is not None:
            by_code = self.known.measures_by_code
            for key in by_code.keys() & observations.keys():
                for measure in by_code[key]:
                    found.setdefault(measure, []).append(key)
            if self.by_words():
                for measure in self.known.worded_measures:
                    found.setdefault(measure, [])
        return found

    def is_future(self, when: When | None) -> bool:
        if when is None or when.earliest is None:
            return False
        if (
            self.at is not None
            and when.moment is not None
            and self.at.tzinfo is not None
            and when.moment.tzinfo is not None
        ):
            return when.moment > self.at
        return when.earliest > self.on

    def age_hours(self, when: When | None) -> float | None:
        """Give the age in hours: exact when both moments are known, else whole days x 24; None without a date.

        A partial date counts as its earliest day: a value that may be old is not taken for a fresh one.
        """
        if when is None or when.earliest is None:
            return None
        if (
            self.at is not None
            and when.moment is not None
            and self.at.tzinfo is not None
            and when.moment.tzinfo is not None
        ):
            return (self.at - when.moment).total_seconds() / 3600
        return (self.on - when.earliest).days * 24.0

    # ---- conditions and findings --------------------------------------------------------------------------------

    def mentions(self, codelist: str) -> tuple[Mention, ...]:
        """Give what the record says under *codelist*, refuted and mistaken entries left out."""
        if self._mentions is None:
            self._mentions = self._read_mentions()
        return self._mentions.get(codelist, ())

    def codelists_mentioned(self) -> Iterable[str]:
        """Name the codelists that `mentions` has something under."""
        if self._mentions is None:
            self._mentions = self._read_mentions()
        return self._mentions

    def _read_mentions(self) -> dict[str, tuple[Mention, ...]]:
        found: dict[str, list[Mention]] = {}
        for condition in self.record.conditions or ():
            if condition.verification_status not in _NOT_TRUE:
                self._add_condition(condition, found)
        if self.record.observations is not None:
            settled: set[CodeKey] = set()
            candidates = self.record.observations.telling(self.known.index.observable, self._tells_a_finding)
            for observation in (*candidates, *self.by_words()):
                if observation.status not in NOT_USED and not self.is_future(observation.when):
                    self._add_observation(observation, found, settled)
        return {codelist: tuple(mentions) for codelist, mentions in found.items()}

    def _add_condition(self, condition: Condition, found: dict[str, list[Mention]]) -> None:
        starts = condition.onset if _dated(condition.onset) else condition.recorded
        if self.is_future(starts) or self.is_future(condition.recorded) and not _dated(condition.onset):
            return
        text_only = is_text_only(condition.code)
        if text_only:
            words = " ".join(condition.code.words)
            lists = dict.fromkeys(self._lists_of_words(words), (None, None, words))
        else:
            lists = {
                codelist: (coding.code, coding.system, self._named(coding, condition.code.text))
                for coding in reversed(condition.code.codings)
                if coding.code
                for codelist in self.known.index.lists_of(coding)
            } or self._by_name(condition)
        if not lists:
            return
        active = self._is_active(condition)
        where = tuple(word for site in condition.body_sites for word in site.words)
        for codelist, (code, system, display) in lists.items():
            evidence = Evidence(condition.reference, display, code, system, None, _as_recorded(starts))
            mention = Mention(
                evidence,
                starts,
                condition.recorded,
                active,
                text_only,
                (*where, *condition.code.words, *condition.notes),
            )
            found.setdefault(codelist, []).append(mention)

    def _by_name(self, condition: Condition) -> dict[str, tuple[str | None, str | None, str]]:
        """Read the words beside a code that no codelist knows: a local code, or a SNOMED CT concept below a listed one
        ("left foot drop"). ICD needs no words: its families are listed whole, and its terms speak of other encounters."""
        codings = [coding for coding in condition.code.codings if coding.code]
        if any(coding.key[0].startswith("icd") for coding in codings):
            return {}
        words = ", ".join(dict.fromkeys(condition.code.words))
        return dict.fromkeys(self.known.index.lists_of_words(words), (codings[0].code, codings[0].system, words))

    def _named(self, coding: Coding, text: str | None = None) -> str:
        """Give what a coding says in words: the chart's own, else the term of our codelist, else the code."""
        return coding.display or text or self.known.index.term_of(coding) or coding.code or ""

    def _is_active(self, condition: Condition) -> bool:
        if _dated(condition.abatement):
            return condition.abatement.earliest > self.on
        return condition.clinical_status not in _RESOLVED

    def by_words(self) -> tuple[Observation, ...]:
        """Give the Observations that only their words can tell, found once."""
        if self._by_words is None:
            self._by_words = self.record.observations.known_by_words()
        return self._by_words

    def _add_observation(self, one: Observation, found: dict[str, list[Mention]], settled: set[CodeKey]) -> None:
        """Add a finding sent as an Observation; the newest answer under each code settles it (present or absent)."""
        for concept, raw in ((one.code, one.value), *((part.code, part.value) for part in one.components)):
            for codelist, what, coding in self._found_in(concept, raw, settled):
                evidence = Evidence(
                    one.reference,
                    what,
                    coding.code if coding else None,
                    coding.system if coding else None,
                    _shown(raw),
                    _as_recorded(one.when),
                )
                where = one.body_site.words if one.body_site else ()
                words = (*where, *one.notes, *concept.words, *_words_of(raw))
                mention = Mention(evidence, one.when, one.when, True, coding is None, words)
                found.setdefault(codelist, []).append(mention)

    def _tells_a_finding(self, one: Observation) -> bool:
        """Tell whether *one* says of any finding that it is there or is not."""
        settled: set[CodeKey] = set()
        if next(self._found_in(one.code, one.value, settled), None) or settled:
            return True
        return any(next(self._found_in(part.code, part.value, settled), None) or settled for part in one.components)

    def _found_in(
        self, concept: Concept, raw: object, settled: set[CodeKey]
    ) -> Iterator[tuple[str, str, Coding | None]]:
        """Give (codelist, what, coding) of each finding that an Observation says is present."""
        index = self.known.index
        if index.carriers.isdisjoint(concept.keys) and not is_text_only(concept):
            present = _is_present(raw)
            for coding in concept.codings:
                if present is None or not coding.code or coding.key in settled:
                    continue
                for codelist in index.lists_of(coding):
                    settled.add(coding.key)
                    if present:
                        yield codelist, self._named(coding), coding
            return
        for coding in raw.codings if isinstance(raw, Concept) else ():
            for codelist in index.lists_of(coding) if coding.code else ():
                yield codelist, self._named(coding), coding
        said = " ".join((*concept.words, *_words_of(raw)))
        if _is_present(raw) is not False:
            for codelist in self._lists_of_words(said):
                yield codelist, said, None

    def _lists_of_words(self, said: str) -> tuple[str, ...]:
        """Name the codelists whose words stand in *said*; charts say the same many times, so each wording is read once."""
        found = self._lists_by_words.get(said)
        if found is None:
            found = self._lists_by_words[said] = self.known.index.lists_of_words(said)
        return found

    # ---- medicines ----------------------------------------------------------------------------------------------

    def drugs(self, codelist: str) -> tuple[Evidence, ...]:
        """Give the medicines of *codelist* that are taken now."""
        if self._drugs is None:
            self._drugs = self._read_drugs()
        return self._drugs.get(codelist, ())

    def medicines_mentioned(self) -> Iterable[str]:
        """Name the codelists that `drugs` has something under."""
        if self._drugs is None:
            self._drugs = self._read_drugs()
        return self._drugs

    def _read_drugs(self) -> dict[str, tuple[Evidence, ...]]:
        found: dict[str, list[Evidence]] = {}
        for one in self.record.medications or ():
            if not self._is_taken(one):
                continue
            lists: dict[str, tuple[str | None, str | None, str]] = {}
            for coding in one.code.codings:
                if coding.code:
                    for codelist in self.known.index.lists_of(coding):
                        lists.setdefault(codelist, (coding.code, coding.system, self._named(coding)))
            words = " ".join(one.code.words)
            for codelist in self._lists_of_words(words):
                lists.setdefault(codelist, (None, None, words))
            for codelist, (code, system, display) in lists.items():
                evidence = Evidence(one.reference, display, code, system, None, _as_recorded(one.when))
                found.setdefault(codelist, []).append(evidence)
        return {codelist: tuple(evidence) for codelist, evidence in found.items()}

    def _is_taken(self, one: Medication) -> bool:
        if one.status in _NOT_TAKEN or one.intent in _NOT_ORDERED or self.is_future(one.when):
            return False
        return one.ends is None or one.ends.latest is None or one.ends.latest >= self.on


@dataclass(slots=True)
class Asked:
    """A chart seen from one operation: what every question is asked with."""

    chart: Chart
    operation: OperationFacts
    _fresh: dict[tuple[str, float | None], Fresh | None] = field(default_factory=dict)
    scene: tuple[Hashable, ...] | None = None
    """What clinical/settled.py has made of it, once it has been looked at there."""

    @property
    def record(self) -> PatientRecord:
        return self.chart.record

    @property
    def patient(self) -> Patient | None:
        return self.chart.record.patient

    @property
    def on(self) -> date:
        return self.chart.on

    def about(self, operation: OperationFacts) -> Asked:
        """Give the same chart seen from *operation*; what depends on its date alone is kept."""
        return Asked(self.chart, operation, self._fresh if operation.date == self.operation.date else {})

    def after_operation(self, measure: Measure) -> Iterator[Value]:
        """Give the usable values that may count for *measure* after this operation, of any age, newest first."""
        values = self.chart.history(measure)
        if not measure.must_follow_operation:
            return values
        return (value for value in values if not self.is_before_operation(value.when))

    def before_operation(self, measure: Measure) -> Iterator[Value]:
        """Give the usable values dated before this operation, newest first: the baseline."""
        return (value for value in self.chart.history(measure) if self.is_before_operation(value.when))

    def is_before_operation(self, when: When | None) -> bool:
        """A value of the operation's own day counts as after it: that is the stricter reading."""
        if self.operation.date is None or when is None or when.latest is None:
            return False
        return when.latest < self.operation.date

    def fresh(self, measure: Measure, hours: float | None) -> Fresh | None:
        """Give the values of *measure* not older than *hours* (None: of any age); None where Observations are missing."""
        key = (measure.id, hours)
        found = self._fresh.get(key)
        if found is None:
            found = self._fresh[key] = self._read_fresh(measure, hours)
        return found

    def fresh_by_day(self, measure: Measure, hours: float | None) -> Fresh | None:
        """As `fresh`, for a question that looks at the day of the newest value as well as at its amount."""
        return self.fresh(measure, hours)

    def fresh_to_compare(self, measure: Measure, hours: float | None) -> Fresh | None:
        """As `fresh`, for a question that compares the newest amount with another: no limit of ours decides it."""
        return self.fresh(measure, hours)

    def compared(self, question: Comparing, fresh: Fresh) -> Finding:
        """Give the answer of *question*, which holds the newest of *fresh* against earlier values."""
        return question.compare(fresh, self)

    def _read_fresh(self, measure: Measure, hours: float | None) -> Fresh | None:
        if not self.chart.mentions_measure(measure):
            return None if self.record.observations is None else Fresh((), (), measure, hours, False, False)
        newest = self.chart.newest_if_plain(measure, hours)
        if newest is None:
            return self.look_through(measure, hours)
        any_after = not (measure.must_follow_operation and self.is_before_operation(newest.when))
        if any_after and (hours is None or self._is_not_older(newest, hours)):
            return Fresh((newest,), (), measure, hours, True, True)
        return Fresh((), (self._set_aside(measure, newest, any_after, hours),), measure, hours, any_after, True)

    def look_through(self, measure: Measure, hours: float | None) -> Fresh:
        """Judge one value after the other: some are faulty, from the future, of one day without times, or sent otherwise."""
        series = self.chart.series(measure, hours)
        after = series.values
        if measure.must_follow_operation:
            day = self.operation.date
            after = [value for value in after if day is None or not _is_before(value.when, day)]
        fresh = after if hours is None else self._not_older(after, hours)
        events = series.future[:1]
        events += [event for event in series.faulty[:1] if self._is_recent(event, hours)]
        if not fresh and series.values:
            events.append(self._set_aside(measure, (after or series.values)[0], bool(after), hours))
        return Fresh(newest_of(fresh), tuple(events), measure, hours, bool(after), bool(series.values))

    def _not_older(self, values: list[Value], hours: float) -> list[Value]:
        return [value for value in values if self._is_not_older(value, hours)]

    def _is_not_older(self, value: Value, hours: float) -> bool:
        age = self.chart.age_hours(value.when)
        return age is not None and age <= hours

    def _is_recent(self, event: QualityEvent, hours: float | None) -> bool:
        """A value that could not be read matters only where a good one would have counted."""
        if hours is None or event.evidence.date is None:
            return True
        try:
            day = date.fromisoformat(event.evidence.date[:10])
        except ValueError:
            return True
        return day >= self.on - timedelta(hours=hours)

    def _set_aside(self, measure: Measure, newest: Value, is_after: bool, hours: float | None) -> QualityEvent:
        """Say why the *newest* value does not count."""
        rule, day = "DQ11", moment_text(newest.evidence.date)
        if not is_after:
            rule, text = "DQ10", f"{measure.name} of {day} was taken before the operation"
        elif newest.when is None or newest.when.latest is None:
            text = f"{measure.name} has no date, so nobody can tell whether it still holds; measure again"
        else:
            text = f"{measure.name} of {day} is older than {duration(hours)}; measure again"
        return QualityEvent(rule, measure.id, text, newest.evidence)


def newest_of(values: Iterable[Value]) -> tuple[Value, ...]:
    """Give the newest of *values*, which come newest first, with those that cannot be told to be older; look at none but the
    first beyond its day."""
    found: list[Value] = []
    for value in values:
        if not found or _same_time(value, found[0]):
            found.append(value)
        elif _dated(found[0].when) and _is_before(value.when, found[0].when.latest):
            break
    return tuple(found)


def _same_time(one: Value, other: Value) -> bool:
    """Two values of one day without clock times cannot be put in order: both count as the newest."""
    if one.when is None or other.when is None:
        return one.when is other.when
    if one.when.moment is not None and other.when.moment is not None:
        return one.when.moment == other.when.moment
    return one.when.latest == other.when.latest


def duration(hours: float | None) -> str:
    """Say a length of time as a person would: hours up to two days, then days, then years."""
    if hours is None:
        return "any time"
    if hours <= 48:
        return f"{hours:g} hours"
    if hours < 24 * 365:
        return f"{hours / 24:g} days"
    return f"{hours / 24 / 365:g} years"


def _names_any(one: Observation, words: tuple[str, ...]) -> bool:
    texts = [*one.code.words, *one.notes, *(one.body_site.words if one.body_site else ())]
    said = " ".join(texts).lower()
    return any(word in said for word in words)


def _is_worded(concept: Concept, measure: Measure) -> bool:
    said = " ".join(concept.words).lower()
    return any(word in said for word in measure.words)


def _parts(one: Observation, measure: Measure) -> list[tuple[Concept, object]]:
    found: list[tuple[Concept, object]] = [(one.code, one.value)] if _tells(one.code, measure) else []
    if one.components:
        found += [(part.code, part.value) for part in one.components if _tells(part.code, measure)]
    return found


def _tells(concept: Concept, measure: Measure) -> bool:
    keys = concept.keys
    if not measure.codes.isdisjoint(keys):
        return True
    return (
        bool(measure.words)
        and not any(system in ("loinc", "snomed") for system, _ in keys)
        and _is_worded(concept, measure)
    )


def _words_of(raw: object) -> tuple[str, ...]:
    if isinstance(raw, Concept):
        return raw.words
    return (raw,) if isinstance(raw, str) else ()


def _shown(raw: object) -> str:
    words = _words_of(raw)
    return words[0] if words else "present"


def _measured(one: Observation, concept: Concept, raw: object, measure: Measure) -> Evidence:
    coding = next((coding for coding in concept.codings if coding.key in measure.codes), None)
    shown = raw if isinstance(raw, str) else None
    if isinstance(raw, Quantity):
        shown = _number_as_sent(raw.value, raw.unit or raw.code, raw.comparator)
    return Evidence(
        one.reference,
        measure.name,
        coding.code if coding else None,
        coding.system if coding else None,
        shown,
        _as_recorded(one.when),
    )


def _glanced(one: Glance, measure: Measure) -> Evidence:
    shown = _number_as_sent(one.value, one.unit or one.unit_code, one.comparator)
    return Evidence(one.reference, measure.name, one.code, one.system, shown, one.when.as_recorded)


def _number_as_sent(value: float, unit: str | None, comparator: str | None) -> str:
    return f"{comparator or ''}{value:g} {unit or ''}".strip()


def _is_present(raw: object) -> bool | None:
    """Read a finding's own value: True present, False absent, None where it says neither."""
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, Concept):
        keys = set(raw.keys)
        if keys & _PRESENT:
            return True
        if keys & _ABSENT:
            return False
        words = {word.strip().lower() for word in raw.words}
    elif isinstance(raw, str):
        words = {raw.strip().lower()}
    else:
        return None
    if words & _YES_WORDS:
        return True
    return False if words & _NO_WORDS else None


def _is_before(when: When | None, day: date) -> bool:
    return when is not None and when.latest is not None and when.latest < day


def _dated(when: When | None) -> bool:
    return when is not None and when.earliest is not None


def _as_recorded(when: When | None) -> str | None:
    return when.as_recorded if when is not None else None
