"""Read the common Procedure at a glance: from its codes and its titles' outlines alone, both things of ours, so that what they
say together need be concluded once. Puts nothing into words; whatever is not plain is left to `classify.py`."""

from __future__ import annotations

from typing import NamedTuple

from cds_service.clinical.operation import Assertion, Reading
from cds_service.clinical.surgery.classify import (
    STATUS_SAYS,
    assertion_of,
    best_of,
    facts_of_codes,
    goes_beside,
    no_operation,
    reading_of,
)
from cds_service.clinical.surgery.merge import Conclusion, conclude
from cds_service.clinical.surgery.spoken import speaks_of_spine
from cds_service.clinical.surgery.titles import read_title
from cds_service.knowledge.surgery import COMPANION, NO, UNLISTED, YES, SurgeryKnowledge, SurgicalFact
from cds_service.patient.record import Concept, Procedure

_AGAINST = (Assertion.PLANNED, Assertion.NEGATED)


class Glimpse(NamedTuple):
    """What facts say together. *reading* is that of any Procedure with these facts: without reference, words, evidence."""

    reading: Reading
    found: Conclusion


def glance_at(procedure: Procedure, knowledge: SurgeryKnowledge) -> Reading | Glimpse | None:
    """Tell what *procedure* says: the whole Reading where it is no spine operation, a Glimpse where codes tell which it
    is, and None where the whole reading must tell: words alone, sites, notes, doubts, conflicts."""
    coded, unsure = facts_of_codes(procedure, knowledge)
    status = STATUS_SAYS.get(procedure.status or "")
    if coded and not unsure and all([fact.operation == NO for fact in coded]):
        return no_operation(procedure, coded, status or Assertion.PERFORMED)
    titles = []
    spoken = []
    for text in procedure.code.words:
        title = read_title(text, knowledge.words)
        if title is None:
            return None
        titles.append(title.said)
        if title.fact is not None:
            spoken.append(title.fact)
    if not titles:
        return None
    if unsure and speaks_of_spine(titles):
        coded += unsure
    operating = [fact for fact in coded if fact.operation in (YES, UNLISTED)]
    if not operating:
        said = best_of(titles)
        return no_operation(procedure, coded, status or assertion_of(titles)) if said is None else None
    if (
        procedure.body_sites or procedure.reasons or procedure.notes or procedure.devices or procedure.device_actions
        or status is None and assertion_of(titles) in _AGAINST
        or all([fact.operation == UNLISTED for fact in operating]) and best_of(titles) is not None
    ):  # fmt: skip
        return None
    beside = [fact for fact in coded if fact.operation not in (YES, UNLISTED)]
    if any([fact.operation == NO and not goes_beside(fact, knowledge) for fact in beside]):
        return None
    companions = [fact for fact in beside if fact.operation == COMPANION]
    glimpse = conclude_once((*operating, *companions, *spoken), knowledge)
    return None if glimpse.found.conflicts else glimpse


def conclude_once(facts: tuple[SurgicalFact, ...], knowledge: SurgeryKnowledge) -> Glimpse:
    """Do as `conclude` does, once for the same *facts*: those of codes, and those of titles without their words.

    A conflict is told with the words, so a conclusion that has one must be drawn anew from the whole reading.
    """
    glimpse = knowledge.conclusions.get(facts)
    if glimpse is None:
        found = conclude(facts, knowledge)
        reading = reading_of(_ANY, facts, [], found, Assertion.PERFORMED, None)
        glimpse = Glimpse(reading._replace(because=(), evidence=()), found)
        knowledge.conclusions.keep(facts, glimpse)
    return glimpse


_ANY = Procedure("", None, Concept())
