"""Tell whether an active tumour of the spine makes an operation a tumour operation. Reads conditions, no procedures."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date

from cds_service.clinical.surgery.text import read_text
from cds_service.knowledge.surgery import SurgeryKnowledge
from cds_service.patient.finding import Answer, Evidence, Finding
from cds_service.patient.record import Concept, Condition

_ACTIVE = (None, "active", "recurrence", "relapse")
_NOT_TRUE = ("refuted", "entered-in-error")


def find_spinal_tumour(
    conditions: Iterable[Condition], reasons: Iterable[Concept], knowledge: SurgeryKnowledge, on: date
) -> Finding | None:
    """Find an active tumour of the spine among *conditions* or the operation's own *reasons*; None where there is none.

    A bone metastasis without a place counts, unless its site or text names another bone.
    Source: dossier section 9 row 8.
    """
    for condition in conditions:
        if not _is_active(condition, on):
            continue
        term = _spinal_tumour(condition.code, (condition.code, *condition.body_sites), condition.notes, knowledge)
        if term is not None:
            recorded = condition.onset or condition.recorded
            evidence = Evidence(
                condition.reference, term, *_first_code(condition.code), date=recorded.as_recorded if recorded else None
            )
            return Finding(Answer.MET, f"active {term}", (evidence,))
    for reason in reasons:
        term = _spinal_tumour(reason, (reason,), (), knowledge)
        if term is not None:
            return Finding(Answer.MET, f"the operation's own reason is a {term}")
    return None


def _is_active(condition: Condition, on: date) -> bool:
    if condition.clinical_status not in _ACTIVE or condition.verification_status in _NOT_TRUE:
        return False
    ended = condition.abatement.latest if condition.abatement else None
    return ended is None or ended > on


def _spinal_tumour(
    concept: Concept, placed: Iterable[Concept], notes: Iterable[str], knowledge: SurgeryKnowledge
) -> str | None:
    texts = [text for one in placed for text in one.words] + list(notes)
    for key in concept.keys:
        meaning = knowledge.tumours.find(key)
        if meaning is not None:
            return meaning.term if meaning.value == "spine" or not _names_other_bone(texts, knowledge) else None
    for text in concept.words:
        reading = read_text(text, knowledge.words)
        if reading.tumour and (reading.region or reading.levels):
            return "tumour of the spine, told by words"
    return None


def _names_other_bone(texts: Iterable[str], knowledge: SurgeryKnowledge) -> bool:
    """Another bone is named and no place of the spine is."""
    texts = list(texts)
    words = {word for text in texts for word in re.findall(r"\w+", text.lower())}
    if not words & knowledge.other_bones:
        return False
    readings = [read_text(text, knowledge.words) for text in texts]
    return not any(one.region or one.levels for one in readings) and not words & knowledge.spine_words


def _first_code(concept: Concept) -> tuple[str | None, str | None]:
    coding = concept.codings[0] if concept.codings else None
    return (coding.code, coding.system) if coding else (None, None)
