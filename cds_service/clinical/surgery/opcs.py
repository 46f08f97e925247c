"""Read OPCS-4: a code we do not hold is read by its three-character heading. Site and level codes are companions."""

from __future__ import annotations

from dataclasses import replace

from cds_service.knowledge.surgery import SurgeryKnowledge, SurgicalFact

SYSTEM = "opcs4"
_HEADING = 3  # characters: V25 of V254


def find_heading(code: str, knowledge: SurgeryKnowledge) -> SurgicalFact | None:
    """Find what the heading of a four-character code says; None where the heading is not held."""
    heading = knowledge.codes.get((SYSTEM, code[:_HEADING]))
    if heading is None or len(code) <= _HEADING:
        return heading
    return replace(heading, code=code, say=f"{heading.term} (heading {heading.code})")
