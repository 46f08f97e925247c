"""Put answers together in three-valued logic (Kleene): what is unknown stays unknown unless the rest decides."""

from __future__ import annotations

from dataclasses import dataclass

from cds_service.patient.facts import Asked
from cds_service.patient.finding import HOLDS_FOR_EVERYONE, Answer, Finding, Merged, together
from cds_service.patient.questions.arguments import Condition


@dataclass(frozen=True, slots=True)
class Always:
    """Met for everyone."""

    needs: frozenset[str] = frozenset()

    def ask(self, asked: Asked) -> Finding:
        return HOLDS_FOR_EVERYONE


@dataclass(frozen=True, slots=True)
class All:
    """Met when every part is met; not met as soon as one part is not."""

    parts: tuple[Condition, ...]
    needs: frozenset[str]

    def ask(self, asked: Asked) -> Finding:
        findings: list[Finding] = []
        unknown = False
        for part in self.parts:
            finding = part.ask(asked)
            if finding.answer is Answer.NOT_MET:
                return finding
            unknown = unknown or finding.answer is Answer.UNKNOWN
            findings.append(finding)
        return merged(Answer.UNKNOWN if unknown else Answer.MET, findings)


@dataclass(frozen=True, slots=True)
class Any:
    """Met when one part is met; not met when none is; else unknown."""

    parts: tuple[Condition, ...]
    needs: frozenset[str]

    def ask(self, asked: Asked) -> Finding:
        findings = [part.ask(asked) for part in self.parts]
        answers = [finding.answer for finding in findings]
        for answer in (Answer.MET, Answer.UNKNOWN):
            if answer in answers:
                return merged(answer, findings)
        return merged(Answer.NOT_MET, findings)


_TURNED = {Answer.MET: Answer.NOT_MET, Answer.NOT_MET: Answer.MET, Answer.UNKNOWN: Answer.UNKNOWN}


@dataclass(frozen=True, slots=True)
class Not:
    """Met when the part is not met; unknown stays unknown."""

    part: Condition
    needs: frozenset[str]

    def ask(self, asked: Asked) -> Finding:
        finding = self.part.ask(asked)
        return Finding(
            _TURNED[finding.answer],
            lambda: finding.because,
            lambda: finding.evidence,
            finding.quality,
            finding.missing,
        )


@dataclass(frozen=True, slots=True)
class NotRuledOut:
    """Met when the part is met or unknown: for a worse grade that only a known fact may soften.

    Source: dossier section 9 row 16, never the milder severity when the facts do not decide.
    """

    part: Condition
    needs: frozenset[str]

    def ask(self, asked: Asked) -> Finding:
        finding = self.part.ask(asked)
        if finding.answer is not Answer.UNKNOWN:
            return finding
        return Finding(
            Answer.MET, f"not ruled out: {finding.because}", finding.evidence, finding.quality, finding.missing
        )


def merged(answer: Answer, findings: list[Finding]) -> Finding:
    """Put findings into one: words and evidence of those who gave this answer, set-aside values of all."""
    if len(findings) == 1:
        return findings[0]
    speaking = [finding for finding in findings if finding.answer is answer]
    return Merged(answer, speaking, together([finding.quality for finding in findings]))
