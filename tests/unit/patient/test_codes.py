"""Systems as they are written in the wild, and codes as they are spelt."""

from __future__ import annotations

import pytest

from cds_service.patient import codes
from cds_service.patient.codes import canonical_system, code_key


@pytest.mark.parametrize(
    ("recorded", "short"),
    [
        ("http://snomed.info/sct", "snomed"),
        ("http://snomed.info/sct|http://snomed.info/sct/731000124108", "snomed"),
        ("http://snomed.info/sct/83821000000107", "snomed"),
        ("urn:oid:2.16.840.1.113883.6.96", "snomed"),
        ("2.16.840.1.113883.6.12", "cpt"),
        ("CPT-4", "cpt"),
        ("https://www.ama-assn.org/go/cpt/", "cpt"),
        ("http://terminology.hl7.org/CodeSystem/CPT", "cpt"),
        ("http://www.cms.gov/Medicare/Coding/ICD10", "icd10pcs"),
        ("https://www.cms.gov/medicare/coding/icd10/2026", "icd10pcs"),
        ("https://", ""),
        ("  ", ""),
        ("/|2026", ""),
        ("http://hl7.org/fhir/sid/icd-10-pcs", "icd10pcs"),
        ("http://www.icd10data.com/icd10pcs", "icd10pcs"),
        ("http://mimic.mit.edu/fhir/mimic/CodeSystem/mimic-procedure-icd10", "icd10pcs"),
        ("http://mimic.mit.edu/fhir/mimic/CodeSystem/mimic-procedure-icd9", "icd9"),
        ("http://example.org/CodeSystem/ICD-9-Vol3", "icd9"),
        ("urn:oid:2.16.840.1.113883.6.104", "icd9"),
        ("http://hl7.org/fhir/sid/icd-10-cm", "icd10cm"),
        ("http://hl7.org/fhir/sid/icd-10", "icd10"),
        ("http://hospital.example/icd-10", "icd10"),
        ("http://hl7.org/fhir/sid/icd-9-cm", "icd9"),
        ("OPCS-4.10", "opcs4"),
        ("https://fhir.hl7.org.uk/Id/opcs-4", "opcs4"),
        ("http://loinc.org", "loinc"),
        ("http://www.whocc.no/atc", "atc"),
        ("http://www.who.int/classifications/icd/en/", "icd10"),
        ("http://www.nlm.nih.gov/research/umls/rxnorm", "rxnorm"),
        ("urn:oid:1.2.3.4", ""),
        ("urn:oid:1.2.840.114350.1.13.0.1.7.2.696580", ""),
        ("http://hospital.example/procedures", ""),
        ("http://hospital.example/concepts", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_a_system_is_known_however_it_is_written(recorded, short) -> None:
    assert canonical_system(recorded) == short


@pytest.mark.parametrize(
    ("system", "code", "key"),
    [
        ("http://www.cms.gov/Medicare/Coding/ICD10", " osr9.019 ", ("icd10pcs", "0SR9019")),
        ("http://hl7.org/fhir/sid/icd-9-cm", "81.08", ("icd9", "8108")),
        ("OPCS4", "v25.4", ("opcs4", "V254")),
        ("http://hl7.org/fhir/sid/icd-10-cm", "m5126", ("icd10cm", "M51.26")),
        ("http://hl7.org/fhir/sid/icd-10-cm", "M51.26", ("icd10cm", "M51.26")),
        ("http://hl7.org/fhir/sid/icd-10", "I10", ("icd10", "I10")),
        ("http://loinc.org", "8310-5", ("loinc", "8310-5")),
        (None, None, ("", "")),
        (None, "x 1", ("", "X1")),
    ],
)
def test_a_code_is_normal_however_it_is_spelt(system, code, key) -> None:
    assert code_key(system, code) == key


def test_a_text_in_the_place_of_a_code_is_read_but_not_kept() -> None:
    assert code_key("http://loinc.org", "a long text that is no code") == ("loinc", "ALONGTEXTTHATISNOCODE")


def test_a_system_in_the_usual_writing_is_what_reading_it_says() -> None:
    assert len(codes._AS_WRITTEN) > 100
    assert {system: codes._read_system(system) for system in codes._AS_WRITTEN} == codes._AS_WRITTEN
