"""Read the common Procedure at a glance: from its codes and its titles' outlines alone, both things of ours, so that what they
say together need be concluded once. Puts nothing into words; whatever is not plain is left to `classify.py`."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from cds_service.clinical.operation import Assertion, Reading
from cds_service.clinical.surgery.classify import (
    STATUS_SAYS,
    NoOperation,
    assertion_of,
    best_of,
    facts_of_codes,
    goes_beside,
    no_operation_in,
    reading_of,
)
from cds_service.clinical.surgery.merge import Conclusion, conclude
from cds_service.clinical.surgery.spoken import speaks_of_spine
from cds_service.clinical.surgery.titles import Title, read_title
from cds_service.knowledge.surgery import COMPANION, NO, UNLISTED, YES, SurgeryKnowledge, SurgicalFact
from cds_service.patient.record import Concept, Procedure

_OPERATING = (YES, UNLISTED)
_AGAINST = (Assertion.PLANNED, Assertion.NEGATED)


@dataclass(frozen=True, slots=True, eq=False)
class Glimpse:
    """What codes and titles say together: one and the same for all Procedures that have these, and compared so.

    *reading* is that of any such Procedure: without reference, words, evidence.
    """

    reading: Reading
    found: Conclusion


def glance_at(procedure: Procedure, knowledge: SurgeryKnowledge) -> NoOperation | Glimpse | None:
    """Tell what *procedure* says: why it is no spine operation, a Glimpse where codes tell which it is, and None where the
    whole reading must tell: words alone, sites, notes, doubts, conflicts."""
    coded, unsure = facts_of_codes(procedure, knowledge)
    if coded and not unsure and all([fact.operation == NO for fact in coded]):
        return no_operation_in(coded)
    heard: list[Title] = []
    for text in dict.fromkeys(procedure.code.words):
        title = read_title(text, knowledge.words)
        if title is None:
            return None
        heard.append(title)
    if not heard:
        return None
    titles = [title.said for title in heard]
    if unsure and speaks_of_spine(titles):
        coded += unsure
    facts: list[SurgicalFact] = []
    companions: list[SurgicalFact] = []
    is_described = against = False
    for fact in coded:
        if fact.operation in _OPERATING:
            facts.append(fact)
            is_described = is_described or fact.operation == YES
        elif fact.operation == COMPANION:
            companions.append(fact)
        else:
            against = against or not goes_beside(fact, knowledge)
    if not facts:
        return no_operation_in(coded) if best_of(titles) is None else None
    if (
        against
        or procedure.body_sites or procedure.reasons or procedure.notes or procedure.devices or procedure.device_actions
        or assertion_of(titles) in _AGAINST and (procedure.status or "") not in STATUS_SAYS
        or not is_described and best_of(titles) is not None
    ):  # fmt: skip
        return None
    facts += companions
    question = (*[(fact.system, fact.code) for fact in facts], *heard)
    glimpse = knowledge.conclusions.get(question)
    if glimpse is None:
        facts += [title.fact for title in heard if title.fact is not None]
        glimpse = _conclude_and_keep(question, facts, knowledge)
    return None if glimpse.found.conflicts else glimpse


def conclude_together(
    glimpses: Sequence[Glimpse],
    companions: Sequence[SurgicalFact],
    facts_of: Callable[[], Sequence[SurgicalFact]],
    knowledge: SurgeryKnowledge,
) -> Conclusion:
    """Conclude what *glimpses* and the *companions* beside them say together: what `conclude` makes of *facts_of* them.

    A conflict is told with the words, so a conclusion that has one must be drawn anew from the whole readings.
    """
    question = (*glimpses, *[(fact.system, fact.code) for fact in companions])
    glimpse = knowledge.conclusions.get(question)
    if glimpse is None:
        glimpse = _conclude_and_keep(question, facts_of(), knowledge)
    return glimpse.found


def _conclude_and_keep(question: Hashable, facts: Sequence[SurgicalFact], knowledge: SurgeryKnowledge) -> Glimpse:
    found = conclude(facts, knowledge)
    reading = reading_of(_ANY, tuple(facts), [], found, Assertion.PERFORMED, None)
    glimpse = Glimpse(replace(reading, because=(), evidence=()), found)
    knowledge.conclusions.keep(question, glimpse)
    return glimpse


_ANY = Procedure("", None, Concept())
