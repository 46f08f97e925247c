"""Read one Procedure: is it a spine operation, of which type, where, how sure, and what led to it. Knows no dates."""

from __future__ import annotations

from cds_service.clinical.operation import Assertion, Basis, Reading
from cds_service.clinical.surgery import icd10pcs, opcs
from cds_service.clinical.surgery.merge import UNKNOWN_SPINE, Conclusion, conclude
from cds_service.clinical.surgery.systems import read_code
from cds_service.knowledge.surgery import COMPANION, NO, UNLISTED, UNLISTED_ANY, YES, SurgeryKnowledge, SurgicalFact
from cds_service.patient.codes import CodeKey
from cds_service.patient.finding import Evidence
from cds_service.patient.record import Coding, Procedure

_STATUS_SAYS = {
    "not-done": Assertion.NEGATED,
    "entered-in-error": Assertion.NEGATED,
    "preparation": Assertion.PLANNED,
    "on-hold": Assertion.PLANNED,
}
_SPEAKING_SYSTEMS = ("cpt", "hcpcs", "icd10pcs", "icd9", "opcs4")
"""Terminologies whose spine part we hold whole: a code of theirs that is not in it is no spine operation."""


def read_procedure(procedure: Procedure, knowledge: SurgeryKnowledge) -> Reading:
    """Tell what *procedure* says. Without a code that we know, `basis_detail` is display or text and the type a guess."""
    coded = [
        fact for fact in (_fact_of(coding, procedure, knowledge) for coding in procedure.code.codings) if fact is not None
    ]
    assertion = _STATUS_SAYS.get(procedure.status or "", Assertion.PERFORMED)
    operating = [fact for fact in coded if fact.is_operation]
    if not operating:
        return _no_operation(procedure, coded, assertion)
    others = [*(fact for fact in coded if fact.operation == COMPANION), *_around(procedure, knowledge)]
    facts = (*operating, *others)
    conclusion = conclude(facts, knowledge)
    against = [fact for fact in coded if fact.operation == NO]
    return _reading(procedure, facts, against, conclusion, assertion)


def fact_of_key(key: CodeKey, knowledge: SurgeryKnowledge) -> SurgicalFact | None:
    """Tell what a single normalised code says; None where we know nothing of it. Remembered per code."""
    if key not in knowledge.readings:
        knowledge.readings[key] = _look_up(key, knowledge)
    return knowledge.readings[key]


def _look_up(key: CodeKey, knowledge: SurgeryKnowledge) -> SurgicalFact | None:
    system, code = key
    if key in knowledge.codes:
        return knowledge.codes[key]
    if system == icd10pcs.SYSTEM:
        return icd10pcs.read_pcs(code, knowledge)
    if system == "opcs4":
        found = opcs.find_heading(code, knowledge)
        if found is not None:
            return found
    for name, first, last in knowledge.families:
        if system == name and first <= code <= last and len(code) == len(first):
            return _bare(system, code, YES, f"{code} stands among the spine operations of {system}, its meaning is not known")
    if system in _SPEAKING_SYSTEMS and code:
        return _bare(system, code, NO, f"{code} is no spine code of {system}")
    return None


def _bare(system: str, code: str, operation: str, say: str) -> SurgicalFact:
    surgery_class = "other" if operation == YES else None
    return SurgicalFact(
        system, code, say, "D", "codelist", operation, surgery_class,
        None, None, None, None, None, None, None, None, (), False, say,
    )  # fmt: skip


def _fact_of(coding: Coding, procedure: Procedure, knowledge: SurgeryKnowledge) -> SurgicalFact | None:
    if not coding.code:
        return None
    return fact_of_key(read_code(coding.system, coding.code).key, knowledge)


def _around(procedure: Procedure, knowledge: SurgeryKnowledge) -> list[SurgicalFact]:
    """What body site and reason codes tell."""
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


def _no_operation(procedure: Procedure, coded: list[SurgicalFact], assertion: Assertion) -> Reading:
    because = tuple(_sentence(fact) for fact in coded) or ("no code and no text that names a spine operation",)
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
        evidence=_evidence(procedure),
    )


def _reading(
    procedure: Procedure,
    facts: tuple[SurgicalFact, ...],
    against: list[SurgicalFact],
    found: Conclusion,
    assertion: Assertion,
) -> Reading:
    conflicts = list(found.conflicts)
    surgery_type, alternatives = found.surgery_type, found.alternatives
    if against:
        conflicts.append(f"another code of the same Procedure is no spine operation ({_sentence(against[0])})")
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
        because=(*(_sentence(fact) for fact in facts), *found.because, f"together: {surgery_type}"),
        alternatives=tuple(dict.fromkeys(one for one in alternatives if one != surgery_type)),
        conflicts=tuple(conflicts),
        evidence=_evidence(procedure),
        also_types=found.also,
        coded_type=surgery_type,
        facts=facts,
    )


_SYSTEM_NAMES = {
    "icd10pcs": "ICD-10-PCS", "cpt": "CPT", "hcpcs": "HCPCS", "icd9": "ICD-9-CM Vol 3", "opcs4": "OPCS-4",
    "snomed": "SNOMED CT", "loinc": "LOINC", "icd10cm": "ICD-10-CM",
}  # fmt: skip


def _sentence(fact: SurgicalFact) -> str:
    return f"{_SYSTEM_NAMES.get(fact.system, fact.system)} {fact.code}: {fact.say}"


def _evidence(procedure: Procedure) -> tuple[Evidence, ...]:
    when = procedure.performed.as_recorded if procedure.performed else None
    codings = procedure.code.codings or (Coding(None, None, procedure.code.text),)
    return tuple(
        Evidence(
            reference=procedure.reference,
            what=coding.display or procedure.code.text or "procedure",
            code=coding.code,
            system=coding.system,
            date=when,
        )
        for coding in codings
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
