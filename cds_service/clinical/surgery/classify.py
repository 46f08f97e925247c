"""Read one Procedure: is it a spine operation, of which type, where, how sure, and what led to it. Knows no dates."""

from __future__ import annotations

from typing import NamedTuple

from cds_service.clinical.operation import Assertion, Basis, Reading
from cds_service.clinical.surgery import icd10pcs, opcs
from cds_service.clinical.surgery.merge import UNKNOWN_SPINE, Conclusion, conclude
from cds_service.clinical.surgery.spoken import Heard, around, phrases, read_titles, speaks_of_spine, title_fact
from cds_service.clinical.surgery.systems import read_code
from cds_service.clinical.surgery.text import TextReading
from cds_service.knowledge.surgery import COMPANION, NO, UNLISTED, UNLISTED_ANY, YES, SurgeryKnowledge, SurgicalFact
from cds_service.patient.codes import CodeKey
from cds_service.patient.finding import Evidence
from cds_service.patient.record import Coding, Procedure

STATUS_SAYS = {
    "not-done": Assertion.NEGATED,
    "entered-in-error": Assertion.NEGATED,
    "preparation": Assertion.PLANNED,
    "on-hold": Assertion.PLANNED,
}
_SPEAKING_SYSTEMS = ("cpt", "hcpcs", "icd10pcs", "icd9", "opcs4")
"""Terminologies whose spine part we hold whole: a code of theirs that is not in it is no spine operation."""


def read_procedure(procedure: Procedure, knowledge: SurgeryKnowledge) -> Reading:
    """Tell what *procedure* says. Without a code that we know, `basis_detail` is display or text and the type a guess.

    Codes are read first; titles, sites, notes, reasons and devices refine them. A title alone is a guess for display.
    Source: dossier section 0 items 1 and 2, 1.3 ("text result is display-only"), DQ05.
    """
    return read_and_conclude(procedure, knowledge, {})[0]


def read_and_conclude(
    procedure: Procedure, knowledge: SurgeryKnowledge, heard: Heard
) -> tuple[Reading, Conclusion | None]:
    """Do as `read_procedure` does, and give beside it what was concluded from the reading's facts; None without a code.

    *heard* keeps what titles were read as; it must not outlive the call that the chart came with.
    """
    coded, unsure = facts_of_codes(procedure, knowledge)
    status = STATUS_SAYS.get(procedure.status or "")
    if coded and not unsure and all([fact.operation == NO for fact in coded]):
        return no_operation(procedure, coded, status or Assertion.PERFORMED), None
    titles = read_titles(procedure.code.words, knowledge.words, heard)
    if unsure and (not titles or speaks_of_spine(titles)):
        coded += unsure
    assertion = status or assertion_of(titles)
    operating = [fact for fact in coded if fact.operation in (YES, UNLISTED)]
    if not operating or all([fact.operation == UNLISTED for fact in operating]) and best_of(titles) is not None:
        return _read_words(procedure, titles, coded, assertion, knowledge), None
    spoken = [fact for fact in map(title_fact, titles) if fact is not None]
    facts = (
        *operating,
        *[fact for fact in coded if fact.operation == COMPANION],
        *spoken,
        *around(procedure, knowledge.words),
        *_around_codes(procedure, knowledge),
    )
    conclusion = conclude(facts, knowledge)
    against = [_no_spine(fact) for fact in coded if fact.operation == NO and not goes_beside(fact, knowledge)]
    if status is None and assertion in (Assertion.PLANNED, Assertion.NEGATED):
        against.append(f"the status says {procedure.status}, the title says {assertion.value}")
    side = next((one.side for one in titles if one.side), None)
    return reading_of(procedure, facts, against, conclusion, assertion, side), conclusion


def _no_spine(fact: SurgicalFact) -> str:
    return f"another code of the same Procedure is no spine operation ({_sentence(fact)})"


def goes_beside(fact: SurgicalFact, knowledge: SurgeryKnowledge) -> bool:
    """Imaging, monitoring, a graft: no spine operation, yet nothing that speaks against one."""
    return any(fact.system == name and first <= fact.code <= last for name, first, last in knowledge.beside)


def facts_of_codes(procedure: Procedure, knowledge: SurgeryKnowledge) -> tuple[list[SurgicalFact], list[SurgicalFact]]:
    """Give what the codes say, and apart what codes of unknown systems would say if their shape is right."""
    sure: list[SurgicalFact] = []
    unsure: list[SurgicalFact] = []
    for coding in procedure.code.codings:
        if coding.code:
            code = read_code(coding.system, coding.code)
            fact = fact_of_key(code.key, knowledge)
            if fact is not None and fact.operation != UNLISTED_ANY:
                if not code.by_shape:
                    sure.append(fact)
                elif fact.operation != NO or code.key[0] == icd10pcs.SYSTEM:
                    (unsure if code.needs_support else sure).append(fact)
    return sure, unsure


def assertion_of(titles: list[TextReading]) -> Assertion:
    """Codes and status apart, a title may say that it was planned, long ago, or not done."""
    for one in titles:
        if one.is_spine_surgery or one.of_family:
            return one.assertion
    return Assertion.PERFORMED


def best_of(titles: list[TextReading]) -> TextReading | None:
    """Give the title that names the operation best: one with a type before one without."""
    ours = [one for one in titles if one.is_spine_surgery]
    if not ours:
        return None
    return next((one for one in ours if one.surgery_type), ours[0])


def _read_words(
    procedure: Procedure,
    titles: list[TextReading],
    coded: list[SurgicalFact],
    assertion: Assertion,
    knowledge: SurgeryKnowledge,
) -> Reading:
    """Read a Procedure that no code explains: the words give a guess, the coded type stays unknown (DQ05)."""
    if not titles and not procedure.code.keys:
        titles = read_titles(procedure.notes, knowledge.words, {})
        titles = [one for one in titles if one.assertion is Assertion.PERFORMED]
    best = best_of(titles)
    if best is None or _is_elsewhere(procedure, knowledge):
        return no_operation(procedure, coded, assertion)
    by_text = titles[0].is_spine_surgery if procedure.code.text else not procedure.code.words
    spoken = [fact for fact in map(title_fact, titles) if fact is not None]
    aside = [*spoken, *around(procedure, knowledge.words), *_around_codes(procedure, knowledge)]
    aside += [fact for fact in coded if fact.operation == COMPANION]
    guess, alternatives, also, region = best.surgery_type, best.alternatives, (), best.region
    if guess is None and region is None:
        found = conclude(aside, knowledge)
        region = found.region
        if region is not None and found.surgery_type != UNKNOWN_SPINE:
            guess, alternatives, also = found.surgery_type, found.alternatives, found.also
    names = tuple(dict.fromkeys(name for fact in aside for name in fact.names)) or best.levels
    count, is_minimum = best.level_count, best.level_count_is_minimum
    if count is None and names:
        count = len(names)
    return Reading(
        procedure=procedure.reference,
        is_spine_surgery=True,
        surgery_type=guess or UNKNOWN_SPINE,
        region=_REGION_WORDS.get(region or "", region),
        levels=best.levels or names,
        level_count=count,
        level_count_is_minimum=is_minimum,
        fusion=best.fusion,
        instrumented=best.instrumented or (True if any(fact.instrumented for fact in aside) else None),
        approach=best.approach,
        technique=best.technique,
        revision=True if any(fact.revision for fact in aside) else best.revision,
        assertion=assertion,
        basis=Basis.TEXT,
        basis_detail="text" if by_text else "display",
        because=(
            *(f"words: {phrases(one)}" for one in titles if one.phrases),
            "no code tells: a guess for display only",
        ),
        alternatives=tuple(one for one in alternatives if one != guess),
        evidence=evidence_of(procedure),
        side=best.side,
        also_types=also,
        coded_type=UNKNOWN_SPINE,
        facts=(*(fact for fact in coded if fact.is_operation), *aside),
    )


_REGION_WORDS = {"occipitocervical": "cervical"}


def _is_elsewhere(procedure: Procedure, knowledge: SurgeryKnowledge) -> bool:
    """The category says imaging, counselling or diagnostics, and none says surgery."""
    told = [knowledge.categories.find(key) for concept in procedure.category for key in concept.keys]
    values = {meaning.value for meaning in told if meaning is not None}
    return bool(values) and "surgical" not in values


def fact_of_key(key: CodeKey, knowledge: SurgeryKnowledge) -> SurgicalFact | None:
    """Tell what a single normalised code says; None where we know nothing of it."""
    known = knowledge.codes.get(key)
    if known is not None:
        return known
    system, code = key
    if system == icd10pcs.SYSTEM:
        return icd10pcs.read_pcs(code, knowledge)
    if system == "opcs4":
        found = opcs.find_heading(code, knowledge)
        if found is not None:
            return found
    for name, first, last in knowledge.families:
        if system == name and first <= code <= last and len(code) == len(first):
            return _bare(
                system, code, YES, f"{code} stands among the spine operations of {system}, its meaning is not known"
            )
    if system in _SPEAKING_SYSTEMS and code:
        return _bare(system, code, NO, f"{code} is no spine code of {system}")
    return None


def _bare(system: str, code: str, operation: str, say: str) -> SurgicalFact:
    surgery_class = "other" if operation == YES else None
    return SurgicalFact(
        system, code, say, "D", "codelist", operation, surgery_class,
        None, None, None, None, None, None, None, None, (), False, say,
    )  # fmt: skip


def _around_codes(procedure: Procedure, knowledge: SurgeryKnowledge) -> list[SurgicalFact]:
    """Give what the codes of body sites and reasons tell."""
    found: list[SurgicalFact] = []
    for site in procedure.body_sites:
        for key in site.keys:
            meaning = knowledge.sites.find(key)
            if meaning is not None:
                found.append(_place("site", key, meaning.term, meaning.value, meaning.names))
            else:
                fact = fact_of_key(read_code(None, key[1]).key, knowledge) if key[0] in ("", "opcs4") else None
                if fact is not None and fact.operation == COMPANION:
                    found.append(fact)
    for reason in procedure.reasons:
        for key in reason.keys:
            meaning = knowledge.reasons.find(key)
            if meaning is not None:
                found.append(_place("reason", key, meaning.term, meaning.value, ()))
    return found


def _place(origin: str, key: CodeKey, term: str, region: str, names: tuple[str, ...]) -> SurgicalFact:
    return SurgicalFact(
        key[0], key[1], term, "V", "codelist", COMPANION, None, region, None, None, None, None, None, None, None,
        names, False, term, origin,
    )  # fmt: skip


class NoOperation(NamedTuple):
    """Why a Procedure is no spine operation, and what its codes would say beside one."""

    because: tuple[str, ...]
    companions: tuple[SurgicalFact, ...]


_NOTHING_NAMED = NoOperation(("no code and no text that names a spine operation",), ())


def no_operation_in(coded: list[SurgicalFact]) -> NoOperation:
    """Tell what can be told of a Procedure of which neither codes nor words say that it is a spine operation."""
    if not coded:
        return _NOTHING_NAMED
    return NoOperation(
        tuple([_sentence(fact) for fact in coded]), tuple([fact for fact in coded if fact.operation == COMPANION])
    )


def no_operation(procedure: Procedure, coded: list[SurgicalFact], assertion: Assertion) -> Reading:
    because, companions = no_operation_in(coded)
    return Reading(
        procedure=procedure.reference,
        is_spine_surgery=False,
        surgery_type=None,
        region=None,
        levels=(),
        level_count=None,
        level_count_is_minimum=False,
        fusion=None,
        instrumented=None,
        approach=None,
        technique=None,
        revision=None,
        assertion=assertion,
        basis=Basis.CODED if coded else Basis.TEXT,
        basis_detail="code" if coded else "text",
        because=because,
        facts=companions,
    )


def reading_of(
    procedure: Procedure,
    facts: tuple[SurgicalFact, ...],
    against: list[str],
    found: Conclusion,
    assertion: Assertion,
    side: str | None,
) -> Reading:
    conflicts = list(found.conflicts)
    surgery_type, alternatives = found.surgery_type, found.alternatives
    if against:
        conflicts += against
        alternatives = (surgery_type, *alternatives)
        surgery_type = UNKNOWN_SPINE
    basis = Basis.CONFLICTING if conflicts else Basis.REFINED if found.refined else Basis.CODED
    count = found.count
    return Reading(
        procedure=procedure.reference,
        is_spine_surgery=True,
        surgery_type=surgery_type,
        region=found.region,
        levels=found.names,
        level_count=count.least if count else None,
        level_count_is_minimum=bool(count) and not count.is_exact,
        fusion=found.fusion,
        instrumented=found.instrumented,
        approach=found.approach,
        technique=found.technique,
        revision=found.revision,
        assertion=assertion,
        basis=basis,
        basis_detail="code",
        because=(*map(_sentence, facts), *found.because, f"together: {surgery_type}"),
        alternatives=tuple(dict.fromkeys([one for one in alternatives if one != surgery_type])),
        conflicts=tuple(conflicts),
        evidence=evidence_of(procedure),
        side=side,
        also_types=found.also,
        coded_type=surgery_type,
        facts=facts,
    )


_SYSTEM_NAMES = {
    "icd10pcs": "ICD-10-PCS", "cpt": "CPT", "hcpcs": "HCPCS", "icd9": "ICD-9-CM Vol 3", "opcs4": "OPCS-4",
    "snomed": "SNOMED CT", "loinc": "LOINC", "icd10cm": "ICD-10-CM",
}  # fmt: skip


def _sentence(fact: SurgicalFact) -> str:
    if fact.origin != "code":
        return f"{fact.origin}: {fact.say}"
    return f"{_SYSTEM_NAMES.get(fact.system, fact.system)} {fact.code}: {fact.say}"


def evidence_of(procedure: Procedure) -> tuple[Evidence, ...]:
    when = procedure.performed.as_recorded if procedure.performed else None
    codings = procedure.code.codings or (Coding(None, None, procedure.code.text),)
    return tuple(
        [
            Evidence(
                reference=procedure.reference,
                what=coding.display or procedure.code.text or "procedure",
                code=coding.code,
                system=coding.system,
                date=when,
            )
            for coding in codings
        ]
    )


def reading_as_json(reading: Reading) -> dict:
    """Give the public JSON of `spine-cds classify`; what is not known is null."""
    return {
        "procedure": reading.procedure,
        "isSpineSurgery": reading.is_spine_surgery,
        "surgeryType": reading.surgery_type,
        "region": reading.region,
        "levels": list(reading.levels),
        "levelCount": reading.level_count,
        "levelCountIsMinimum": reading.level_count_is_minimum,
        "fusion": reading.fusion,
        "instrumented": reading.instrumented,
        "approach": reading.approach,
        "technique": reading.technique,
        "revision": reading.revision,
        "side": reading.side,
        "assertion": reading.assertion.value,
        "basis": reading.basis_detail,
        "certainty": reading.basis.value,
        "alsoTypes": list(reading.also_types),
        "alternatives": list(reading.alternatives),
        "conflicts": list(reading.conflicts),
        "because": list(reading.because),
    }
