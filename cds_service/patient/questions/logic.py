"""Put answers together in three-valued logic (Kleene): what is unknown stays unknown unless the rest decides."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

from cds_service.patient.facts import Asked
from cds_service.patient.finding import Answer, Finding
from cds_service.patient.questions.arguments import Condition


@dataclass(frozen=True, slots=True)
class Always:
    """Met for everyone."""

    needs: frozenset[str] = frozenset()

    def ask(self, asked: Asked) -> Finding:
        return _ALWAYS


_ALWAYS = Finding(Answer.MET, "holds for everyone")


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
        if unknown:
            return merged(Answer.UNKNOWN, [finding for finding in findings if finding.is_unknown], findings)
        return merged(Answer.MET, findings, findings)


@dataclass(frozen=True, slots=True)
class Any:
    """Met when one part is met; not met when none is; else unknown."""

    parts: tuple[Condition, ...]
    needs: frozenset[str]

    def ask(self, asked: Asked) -> Finding:
        findings = [part.ask(asked) for part in self.parts]
        for answer in (Answer.MET, Answer.UNKNOWN):
            speaking = [finding for finding in findings if finding.answer is answer]
            if speaking:
                return merged(answer, speaking, findings)
        return merged(Answer.NOT_MET, findings, findings)


@dataclass(frozen=True, slots=True)
class Not:
    """Met when the part is not met; unknown stays unknown."""

    part: Condition
    needs: frozenset[str]

    def ask(self, asked: Asked) -> Finding:
        finding = self.part.ask(asked)
        turned = {Answer.MET: Answer.NOT_MET, Answer.NOT_MET: Answer.MET, Answer.UNKNOWN: Answer.UNKNOWN}[
            finding.answer
        ]
        return Finding(turned, finding.because, finding.evidence, finding.quality, finding.missing)


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


def merged(answer: Answer, speaking: list[Finding], everyone: list[Finding]) -> Finding:
    """Put findings into one: words and evidence of those who decided, set-aside values of all."""
    if len(everyone) == 1:
        return everyone[0]
    because = "; ".join(dict.fromkeys([finding.because for finding in speaking if finding is not _ALWAYS]))
    evidence = _together([finding.evidence for finding in speaking if finding.evidence])
    quality = _together([finding.quality for finding in everyone if finding.quality])
    missing = _together([finding.missing for finding in speaking if finding.missing])
    return Finding(answer, because, evidence, quality, missing)


def _together(parts: list[tuple]) -> tuple:
    if len(parts) < 2:
        return parts[0] if parts else ()
    return tuple(dict.fromkeys(chain.from_iterable(parts)))
