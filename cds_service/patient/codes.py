"""Codes as pairs of canonical system and code. Tells systems apart by URI, OID or name; knows no clinical meaning.

Nothing is kept of what a chart sends: a code, or the address of its system, may be anything that somebody has typed.
"""

from __future__ import annotations

import re

CodeKey = tuple[str, str]
"""(canonical system, normalised code); the system is "" where it is missing or not known."""

# Addresses as seen in feeds, without scheme, "www." and closing slash, in lower case.
_ADDRESSES: dict[str, str] = {
    "snomed.info/sct": "snomed",
    "snomed.info/id": "snomed",
    "ihtsdo.org/snomed-ct": "snomed",
    "loinc.org": "loinc",
    "ama-assn.org/go/cpt": "cpt",
    "ama-assn.org/go/cpt-all": "cpt",
    "ama-assn.org/practice-management/cpt": "cpt",
    "terminology.hl7.org/codesystem/cpt": "cpt",
    "cms.gov/medicare/coding/hcpcsreleasecodesets": "hcpcs",
    "cms.gov/medicare/coding/medhcpcsgeninfo": "hcpcs",
    "terminology.hl7.org/codesystem/hcpcs": "hcpcs",
    "terminology.hl7.org/codesystem/hcpcs-all-codes": "hcpcs",
    "bluebutton.cms.gov/resources/codesystem/hcpcs": "hcpcs",
    "nlm.nih.gov/research/umls/hcpcs": "hcpcs",
    "hl7.org/fhir/sid/icd-10-cm": "icd10cm",
    "hl7.org/fhir/sid/icd-10-us": "icd10cm",
    "terminology.hl7.org/codesystem/icd10cm": "icd10cm",
    "icd10data.com/icd10cm": "icd10cm",
    "mimic.mit.edu/fhir/mimic/codesystem/mimic-diagnosis-icd10": "icd10cm",
    "hl7.org/fhir/sid/icd-10": "icd10",
    "hl7.org/fhir/sid/icd-10-uk": "icd10",
    "hl7.org/fhir/sid/icd-10-de": "icd10",
    "fhir.de/codesystem/bfarm/icd-10-gm": "icd10",
    "fhir.de/codesystem/dimdi/icd-10-gm": "icd10",
    "who.int/classifications/icd/en": "icd10",
    "fhir.hl7.org.uk/id/icd-10": "icd10",
    "fhir.nhs.uk/id/icd-10": "icd10",
    "hl7.org/fhir/sid/icd-10-pcs": "icd10pcs",
    "hl7.org/fhir/sid/icd10pcs": "icd10pcs",
    "cms.gov/medicare/coding/icd10": "icd10pcs",
    "cms.gov/medicare/coding/icd-10": "icd10pcs",
    "icd10data.com/icd10pcs": "icd10pcs",
    "terminology.hl7.org/codesystem/icd10pcs": "icd10pcs",
    "mimic.mit.edu/fhir/mimic/codesystem/mimic-procedure-icd10": "icd10pcs",
    "hl7.org/fhir/sid/icd-9-cm": "icd9",
    "hl7.org/fhir/sid/icd-9": "icd9",
    "hl7.org/fhir/sid/icd-9-cm/procedure": "icd9",
    "hl7.org/fhir/sid/icd-9-cm/diagnosis": "icd9",
    "terminology.hl7.org/codesystem/icd9cm": "icd9",
    "terminology.hl7.org/codesystem/icd9": "icd9",
    "cms.gov/medicare/coding/icd9": "icd9",
    "cms.gov/medicare/coding/icd9providerdiagnosticcodes": "icd9",
    "mimic.mit.edu/fhir/mimic/codesystem/mimic-procedure-icd9": "icd9",
    "mimic.mit.edu/fhir/mimic/codesystem/mimic-diagnosis-icd9": "icd9",
    "fhir.hl7.org.uk/id/opcs-4": "opcs4",
    "fhir.nhs.uk/id/opcs-4": "opcs4",
    "fhir.hl7.org.uk/opcs-4": "opcs4",
    "datadictionary.nhs.uk/supporting_information/opcs-4": "opcs4",
    "whocc.no/atc": "atc",
    "fhir.de/codesystem/bfarm/atc": "atc",
    "fhir.de/codesystem/dimdi/atc": "atc",
    "nlm.nih.gov/research/umls/rxnorm": "rxnorm",
}
# Registered object identifiers. Source: HL7 OID registry names as used in C-CDA and US Core.
_OIDS: dict[str, str] = {
    "2.16.840.1.113883.6.96": "snomed",
    "2.16.840.1.113883.6.1": "loinc",
    "2.16.840.1.113883.6.12": "cpt",
    "2.16.840.1.113883.6.14": "hcpcs",
    "2.16.840.1.113883.6.285": "hcpcs",
    "2.16.840.1.113883.6.90": "icd10cm",
    "2.16.840.1.113883.6.3": "icd10",
    "2.16.840.1.113883.6.3.1": "icd10",
    "2.16.840.1.113883.6.4": "icd10pcs",
    "2.16.840.1.113883.6.2": "icd9",
    "2.16.840.1.113883.6.42": "icd9",
    "2.16.840.1.113883.6.103": "icd9",
    "2.16.840.1.113883.6.104": "icd9",
    "2.16.840.1.113883.6.73": "atc",
    "2.16.840.1.113883.6.88": "rxnorm",
}
# Bare names (HL7 v2 table 0396 and what people type), letters and digits only.
_NAMES: dict[str, str] = {
    "snomed": "snomed", "snomedct": "snomed", "sct": "snomed", "sctid": "snomed", "snomedctus": "snomed",
    "snomedctuk": "snomed", "snomedclinicalterms": "snomed",
    "loinc": "loinc", "ln": "loinc",
    "cpt": "cpt", "cpt4": "cpt", "c4": "cpt", "c5": "cpt", "amacpt": "cpt",
    "hcpcs": "hcpcs", "hpc": "hcpcs", "hcpcslevelii": "hcpcs",
    "icd10cm": "icd10cm", "i10c": "icd10cm",
    "icd10": "icd10", "i10": "icd10", "icd10who": "icd10", "icd10gm": "icd10",
    "icd10pcs": "icd10pcs", "i10p": "icd10pcs", "pcs": "icd10pcs",
    "icd9": "icd9", "icd9cm": "icd9", "i9": "icd9", "i9c": "icd9", "i9cp": "icd9", "icd9pcs": "icd9",
    "icd9cmvol3": "icd9", "icd9proc": "icd9", "icd9procedure": "icd9", "icd9cmprocedure": "icd9",
    "opcs4": "opcs4", "opcs": "opcs4", "opcs49": "opcs4", "opcs410": "opcs4",
    "atc": "atc", "rxnorm": "rxnorm", "rxn": "rxnorm",
}  # fmt: skip
# Last resort for addresses of hospitals and vendors that name the terminology in their path, first match wins.
_TELLTALES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"medicare/coding/icd-?10"), "icd10pcs"),
    (re.compile(r"icd-?_?10-?_?pcs|procedure-?_?icd-?_?10(?!\d)"), "icd10pcs"),
    (re.compile(r"icd-?_?10-?_?cm"), "icd10cm"),
    (re.compile(r"icd-?_?9(?!\d)"), "icd9"),
    (re.compile(r"icd-?_?10(?!\d)"), "icd10"),
    (re.compile(r"opcs-?_?4?(?![a-z])"), "opcs4"),
    (re.compile(r"snomed"), "snomed"),
    (re.compile(r"hcpcs"), "hcpcs"),
    (re.compile(r"(?<![a-z])cpt-?4?(?![a-z])"), "cpt"),
    (re.compile(r"(?<![a-z])loinc(?![a-z])"), "loinc"),
    (re.compile(r"(?<![a-z])rxnorm(?![a-z])"), "rxnorm"),
)
_UNDOTTED = frozenset({"icd10pcs", "icd9", "opcs4"})
_DOTTED = frozenset({"icd10cm", "icd10"})
_LETTERS_FOR_DIGITS = str.maketrans("OI", "01")


def canonical_system(system: str | None) -> str:
    """Give the short name of a recorded system (URI, urn:oid, bare OID or name); "" where it tells none we know."""
    if not system:
        return ""
    known = _AS_WRITTEN.get(system)
    return _read_system(system) if known is None else known


_AS_WRITTEN: dict[str, str] = {
    **{f"http://{address}": short for address, short in _ADDRESSES.items()},
    **{f"http://www.{address}": short for address, short in _ADDRESSES.items()},
    **{f"urn:oid:{oid}": short for oid, short in _OIDS.items()},
}
"""Systems in the writing that nearly all charts use."""


def _read_system(system: str) -> str:
    name = system.strip().lower().partition("|")[0].partition("#")[0].rstrip("/")
    if not name:
        return ""
    if name.startswith("urn:oid:") or name[0].isdigit():
        return _OIDS.get(name.removeprefix("urn:oid:"), "")
    address = re.sub(r"^(https?://|urn:)?(www\.)?", "", name)
    if address in _ADDRESSES:
        return _ADDRESSES[address]
    if address.startswith("snomed.info/sct/"):  # national editions and versions
        return "snomed"
    plain = re.sub(r"[^a-z0-9]", "", name.removeprefix("urn:"))
    if plain in _NAMES:
        return _NAMES[plain]
    return next((short for pattern, short in _TELLTALES if pattern.search(name)), "")


def normal_code(canonical: str, code: str | None) -> str:
    """Give *code* as our codelists write it for that canonical system.

    Upper case without blanks; ICD-9, OPCS-4 and ICD-10-PCS without dots; ICD-10 and ICD-10-CM with the dot after three
    characters; the letters O and I of an ICD-10-PCS code are the digits that were meant (the classification has neither).
    """
    text = "".join((code or "").split()).upper()
    if canonical in _UNDOTTED:
        text = text.replace(".", "")
        return text.translate(_LETTERS_FOR_DIGITS) if canonical == "icd10pcs" else text
    if canonical in _DOTTED and len(text) > 3 and "." not in text:
        return f"{text[:3]}.{text[3:]}"
    return text


def code_key(system: str | None, code: str | None) -> CodeKey:
    """Give the canonical pair of a recorded coding: system shortened, code normalised as `normal_code` tells."""
    canonical = canonical_system(system)
    return (canonical, normal_code(canonical, code))
