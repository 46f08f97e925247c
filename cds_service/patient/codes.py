"""Codes as pairs of canonical system and code. Tells systems apart by URI; knows no clinical meaning."""

from __future__ import annotations

CodeKey = tuple[str, str]
"""(canonical system, normalised code); the system is "" where it is missing or not known."""

_SYSTEMS: dict[str, str] = {
    "http://snomed.info/sct": "snomed",
    "http://loinc.org": "loinc",
    "http://www.ama-assn.org/go/cpt": "cpt",
    "http://hl7.org/fhir/sid/icd-10-cm": "icd10cm",
    "http://hl7.org/fhir/sid/icd-10": "icd10",
    "http://hl7.org/fhir/sid/icd-10-pcs": "icd10pcs",
    "http://www.cms.gov/Medicare/Coding/ICD10": "icd10pcs",
    "http://hl7.org/fhir/sid/icd-9-cm": "icd9",
    "https://fhir.hl7.org.uk/Id/opcs-4": "opcs4",
    "http://www.whocc.no/atc": "atc",
    "http://www.nlm.nih.gov/research/umls/rxnorm": "rxnorm",
}


def code_key(system: str | None, code: str | None) -> CodeKey:
    """Give the canonical pair of a recorded coding: known URIs shortened, codes stripped and upper-cased."""
    return (_SYSTEMS.get(system or "", ""), (code or "").strip().upper())
