"""Read OPCS-4: a code we do not hold is read by its three-character heading. Site and level codes are companions."""

from __future__ import annotations

from cds_service.knowledge.surgery import COMPANION, SurgeryKnowledge, SurgicalFact

SYSTEM = "opcs4"
_HEADING = 3  # characters: V25 of V254
_SUBSIDIARY = ("Y", "Z")  # chapters of methods and sites: they only stand beside an operation


def find_heading(code: str, knowledge: SurgeryKnowledge) -> SurgicalFact | None:
    """Find what the heading of a four-character code says; None where the heading is not held."""
    heading = knowledge.codes.get((SYSTEM, code[:_HEADING]))
    if heading is None and code.startswith(_SUBSIDIARY):
        return _subsidiary(code)
    if heading is None or len(code) <= _HEADING:
        return heading
    return heading._replace(code=code, say=f"{heading.term} (heading {heading.code})")


def _subsidiary(code: str) -> SurgicalFact:
    say = f"{code} tells a method or a site, no operation"
    return SurgicalFact(
        SYSTEM, code, say, "D", "chapters Y and Z of OPCS-4", COMPANION, None,
        None, None, None, None, None, None, None, None, (), True, say,
    )  # fmt: skip
