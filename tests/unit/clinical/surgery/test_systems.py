"""Which terminology a recorded code belongs to."""

from __future__ import annotations

import pytest

from cds_service.clinical.surgery.systems import read_code

CPT = "http://www.ama-assn.org/go/cpt"
HCPCS = "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
SCT = "http://snomed.info/sct"


@pytest.mark.parametrize(
    ("system", "code", "key"),
    [
        (None, "0SG00A0", ("icd10pcs", "0SG00A0")),
        (None, "0016070", ("icd10pcs", "0016070")),
        (None, "3418002", ("snomed", "3418002")),
        (None, "22612", ("cpt", "22612")),
        (None, "0275T", ("cpt", "0275T")),
        (None, "C9757", ("hcpcs", "C9757")),
        (None, "81.08", ("icd9", "8108")),
        (None, "8108", ("icd9", "8108")),
        (None, "V25.4", ("opcs4", "V254")),
        (None, "LA29545-3", ("loinc", "LA29545-3")),
        (SCT, "22612", ("cpt", "22612")),
        (CPT, "C9757", ("hcpcs", "C9757")),
        (HCPCS, "22612", ("cpt", "22612")),
        (CPT, "63030-50", ("cpt", "63030")),
        (CPT, "63030 50 59", ("cpt", "63030")),
        (None, "81.080", ("", "81.080")),
        (None, "81", ("", "81")),
        (None, "nonsense!", ("", "NONSENSE!")),
    ],
)
def test_the_code_tells_what_the_system_does_not(system, code, key) -> None:
    assert read_code(system, code).key == key


def test_a_short_code_of_an_unknown_system_needs_support() -> None:
    assert read_code("urn:local", "22612").needs_support
    assert not read_code(None, "22612").needs_support
    assert not read_code("urn:local", "0SG00A0").needs_support
    assert not read_code(CPT, "22612").by_shape
