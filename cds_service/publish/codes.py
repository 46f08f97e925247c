"""Our short system names and undotted codes as FHIR writes them: the registered URI, and the code with its dot."""

from __future__ import annotations

SYSTEMS: dict[str, str] = {
    "snomed": "http://snomed.info/sct",
    "loinc": "http://loinc.org",
    "cpt": "http://www.ama-assn.org/go/cpt",
    "hcpcs": "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
    "icd10cm": "http://hl7.org/fhir/sid/icd-10-cm",
    "icd10": "http://hl7.org/fhir/sid/icd-10",
    "icd10pcs": "http://www.cms.gov/Medicare/Coding/ICD10",
    "icd9": "http://hl7.org/fhir/sid/icd-9-cm",
    "opcs4": "https://fhir.hl7.org.uk/Id/opcs-4",
    "atc": "http://www.whocc.no/atc",
    "rxnorm": "http://www.nlm.nih.gov/research/umls/rxnorm",
}
"""Source: HL7 terminology registry; the UK system as NHS England publishes it."""

_DIGITS_BEFORE_DOT = {"icd9": 2, "opcs4": 3}
"""Procedures of ICD-9-CM Volume 3 have two digits before the dot, OPCS-4 a letter and two digits."""


def official(system: str, code: str) -> tuple[str, str]:
    """Give the registered URI of *system* (short name) and *code* as that system writes it."""
    before = _DIGITS_BEFORE_DOT.get(system)
    if before is not None and len(code) > before and "." not in code:
        code = f"{code[:before]}.{code[before:]}"
    return SYSTEMS[system], code
