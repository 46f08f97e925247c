"""Questions about what the record says is there: conditions, findings, medicines, a wound recorded as healed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from cds_service.patient.chart_text import moment_text
from cds_service.patient.facts import Asked, Mention
from cds_service.patient.finding import Answer, Finding
from cds_service.patient.known import Codelist
from cds_service.patient.questions.arguments import Arguments, Condition
from cds_service.patient.record import When

NO_PROBLEM_LIST = "the problem list could not be had"
PART_OF_PROBLEM_LIST = "the problem list could not be read to its end"
NO_MEDICINES = "the list of medicines could not be had"
PART_OF_MEDICINES = "the list of medicines could not be read to its end"


@dataclass(frozen=True, slots=True)
class HasCondition:
    """Whether the record has an active condition or finding of a codelist.

    *new*: it began on or after the day of the operation. *within_days*: it began at most so many days ago.
    *undated_counts*: an entry whose date decides nothing counts all the same (acute things that do not linger).
    *active* False also takes resolved ones. *at_words* must, *not_at_words* must not be named with it.
    A list that was read and does not hold it answers "not met"; a list that could not be had, "unknown".
    """

    codelist: Codelist
    new: bool
    within_days: float | None
    active: bool
    at_words: tuple[str, ...]
    not_at_words: tuple[str, ...]
    undated_counts: bool = False
    needs: frozenset[str] = frozenset({"conditions", "observations"})
    _absent: Finding = field(init=False, compare=False)
    _unasked: Finding = field(init=False, compare=False)
    _incomplete: Finding = field(init=False, compare=False)

    def __post_init__(self) -> None:
        name = self.codelist.name or self.codelist.id
        object.__setattr__(self, "_absent", Finding(Answer.NOT_MET, f"{name}: not recorded"))
        object.__setattr__(
            self, "_unasked", Finding(Answer.UNKNOWN, f"{name}: {NO_PROBLEM_LIST}", missing=("problem list",))
        )
        object.__setattr__(
            self, "_incomplete", Finding(Answer.UNKNOWN, f"{name}: {PART_OF_PROBLEM_LIST}", missing=("problem list",))
        )

    def ask(self, asked: Asked) -> Finding:
        open_answers: list[Finding] = []
        for mention in asked.chart.mentions(self.codelist.id):
            answer, why = self._judge(mention, asked)
            if answer is Answer.NOT_MET:
                continue
            finding = Finding(answer, why, (mention.evidence,))
            if answer is Answer.MET:
                return finding
            open_answers.append(finding)
        if open_answers:
            return open_answers[0]
        if asked.record.has_whole("conditions"):
            return self._absent
        return self._unasked if asked.record.conditions is None else self._incomplete

    def _judge(self, mention: Mention, asked: Asked) -> tuple[Answer, str]:
        if self.active and not mention.is_active or not self._is_there(mention):
            return Answer.NOT_MET, ""
        said = _say(mention)
        if self.new:
            began = began_since(mention, asked.operation.date)
            if began is False:
                return Answer.NOT_MET, ""
            if began is None and not self.undated_counts:
                return Answer.UNKNOWN, f"{said}: not recorded whether it began before or after the operation"
        if self.within_days is not None:
            age = (
                None
                if mention.starts is None or mention.starts.latest is None
                else (asked.on - mention.starts.latest).days
            )
            if age is None and not self.undated_counts:
                return Answer.UNKNOWN, f"{said}: recorded without a date"
            if age is not None and age > self.within_days:
                return Answer.NOT_MET, ""
        return Answer.MET, said

    def _is_there(self, mention: Mention) -> bool:
        if not self.at_words and not self.not_at_words:
            return True
        said = " ".join(mention.words).lower()
        if self.at_words and not any(word in said for word in self.at_words):
            return False
        return not any(word in said for word in self.not_at_words)


def began_since(mention: Mention, day: date | None) -> bool | None:
    """Tell whether *mention* began on or after *day*; None where the recorded dates do not decide."""
    starts = mention.starts
    if day is None or starts is None or starts.latest is None or starts.earliest is None:
        return None
    if starts.latest < day:
        return False
    if starts.earliest >= day:
        return True
    return False if _before(mention.recorded, day) else None


def _before(when: When | None, day: date) -> bool:
    return when is not None and when.latest is not None and when.latest < day


def _say(mention: Mention) -> str:
    evidence = mention.evidence
    code = f" ({evidence.code})" if evidence.code else " (written as text)" if mention.is_text_only else ""
    since = f", {moment_text(evidence.date)}" if evidence.date else ", undated"
    return f"{evidence.what}{code}{since}"


@dataclass(frozen=True, slots=True)
class HasMedication:
    """Whether the patient takes a medicine of a codelist now."""

    codelist: Codelist
    needs: frozenset[str] = frozenset({"medications"})

    def ask(self, asked: Asked) -> Finding:
        name = self.codelist.name or self.codelist.id
        drugs = asked.chart.drugs(self.codelist.id)
        if drugs:
            return Finding(Answer.MET, "takes " + ", ".join(evidence.what for evidence in drugs), drugs)
        if not asked.record.has_whole("medications"):
            why = NO_MEDICINES if asked.record.medications is None else PART_OF_MEDICINES
            return Finding(Answer.UNKNOWN, f"{name}: {why}", missing=("medicines",))
        return Finding(Answer.NOT_MET, f"{name}: not recorded")


_HEALED_NOT = (
    "not healed",
    "unhealed",
    "not yet healed",
    "not fully healed",
    "not dry",
    "partly healed",
    "partially healed",
)


@dataclass(frozen=True, slots=True)
class WoundNotRecordedHealed:
    """Met unless the record says, after the operation, that the wound has healed. Silence is not healing.

    Source: dossier RF43 and section 9 row 14.
    """

    healed: Codelist
    open_wound: tuple[Codelist, ...]
    needs: frozenset[str] = frozenset({"conditions", "observations"})

    def ask(self, asked: Asked) -> Finding:
        healed = [mention for mention in asked.chart.mentions(self.healed.id) if self._counts(mention, asked)]
        if not healed:
            return Finding(Answer.MET, "the wound is not recorded as healed and dry")
        newest = max(healed, key=_latest)
        for codelist in self.open_wound:
            for mention in asked.chart.mentions(codelist.id):
                if mention.is_active and _latest(mention) >= _latest(newest):
                    return Finding(
                        Answer.MET, f"{_say(mention)}, after the wound was called healed", (mention.evidence,)
                    )
        return Finding(Answer.NOT_MET, f"the wound is recorded as healed: {_say(newest)}", (newest.evidence,))

    def _counts(self, mention: Mention, asked: Asked) -> bool:
        said = " ".join(mention.words).lower()
        return began_since(mention, asked.operation.date) is True and not any(word in said for word in _HEALED_NOT)


def _latest(mention: Mention) -> date:
    when = mention.starts
    return when.latest if when is not None and when.latest is not None else date.min


def compile_has_condition(arguments: Arguments) -> Condition | None:
    codelist = arguments.codelist()
    new, active = arguments.yes("new", False), arguments.yes("active", True)
    within, at, not_at = arguments.number("within_days"), arguments.words("at_words"), arguments.words("not_at_words")
    undated = arguments.yes("undated_counts", False)
    return HasCondition(codelist, new, within, active, at, not_at, undated) if codelist is not None else None


def compile_has_medication(arguments: Arguments) -> Condition | None:
    codelist = arguments.codelist()
    return HasMedication(codelist) if codelist is not None else None


def compile_wound(arguments: Arguments) -> Condition | None:
    healed = arguments.codelist("healed")
    open_wound = arguments.codelists("open_wound")
    return WoundNotRecordedHealed(healed, open_wound) if healed is not None else None


CONDITION_QUESTIONS = {
    "has_condition": compile_has_condition,
    "has_medication": compile_has_medication,
    "wound_not_recorded_healed": compile_wound,
}
