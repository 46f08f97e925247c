"""One Procedure with codes: which operation it is, by system, axis and spelling."""

from __future__ import annotations

import pytest

from cds_service.clinical.operation import Assertion, Basis
from cds_service.clinical.surgery.classify import read_procedure, reading_as_json
from cds_service.clinical.surgery.merge import conclude
from cds_service.knowledge.surgery import SurgeryKnowledge
from cds_service.patient.record import Coding, Concept, Procedure

PCS = "http://www.cms.gov/Medicare/Coding/ICD10"
CPT = "http://www.ama-assn.org/go/cpt"
ICD9 = "http://hl7.org/fhir/sid/icd-9-cm"
OPCS = "https://fhir.hl7.org.uk/Id/opcs-4"
SCT = "http://snomed.info/sct"


def a_procedure(*codings: tuple[str | None, str], status: str = "completed", **more) -> Procedure:
    concept = Concept(tuple(Coding(system, code) for system, code in codings))
    return Procedure("Procedure/1", status, concept, **more)


@pytest.mark.parametrize(
    ("system", "code", "surgery_type", "region", "fusion"),
    [
        (PCS, "0SG00A0", "LUM_FUS", "lumbar", True),
        (PCS, "0SG30AJ", "LUM_FUS", "lumbosacral", True),
        (PCS, "0RG10A0", "CRV_ACDF", "cervical", True),
        (PCS, "0RG2071", "CRV_PFUS", "cervical", True),
        (PCS, "0RG6071", "THX_FUS", "thoracic", True),
        (PCS, "0RG8071", "DEF_ADULT", "thoracic", True),
        (PCS, "0RGA071", "THX_FUS", "thoracolumbar", True),
        (PCS, "0SG704Z", "UNKNOWN_SPINE", "sacral", True),
        (PCS, "0SB20ZZ", "LUM_DISC", "lumbar", False),
        (PCS, "0ST40ZZ", "LUM_DISC", "lumbosacral", False),
        (PCS, "0RB30ZZ", "CRV_ACDF", "cervical", False),
        (PCS, "0RB33ZZ", "UNKNOWN_SPINE", "cervical", False),
        (PCS, "00NY0ZZ", "LUM_LAMI", "lumbar", False),
        (CPT, "22861", "CRV_CDA", "cervical", False),
        (CPT, "63075", "UNKNOWN_SPINE", "cervical", False),
        (CPT, "22633.", "LUM_FUS", "lumbar", True),
        (ICD9, "84.80", "LUM_FUS", "lumbar", False),
        (OPCS, "V56.3", "LUM_LAMI", "lumbar", False),
        (OPCS, "V58.3", "LUM_DISC", "lumbar", False),
        (PCS, "01N10ZZ", "CRV_FORAM", "cervical", False),
        (PCS, "0RR30JZ", "CRV_CDA", "cervical", False),
        (PCS, "0SR20JZ", "LUM_TDR", "lumbar", False),
        (PCS, "0QU03JZ", "VERT_AUG", "lumbar", False),
        (PCS, "0SP004Z", "HW_REM", "lumbar", False),
        (PCS, "00HU3MZ", "SCS", None, False),
        (PCS, "00BX0ZZ", "TUMOUR", "thoracic", False),
        (PCS, "XRGB0R7", "LUM_FUS", "lumbar", True),
        (PCS, "XRHB018", "LUM_FUS", "lumbar", False),
        (PCS, "XNU0356", "VERT_AUG", "lumbar", False),
        (CPT, "22612", "LUM_FUS", "lumbar", True),
        (CPT, "63030", "LUM_DISC", "lumbar", False),
        (CPT, "63045", "CRV_FORAM", "cervical", False),
        (CPT, "63050", "CRV_LPLASTY", "cervical", False),
        (CPT, "63046", "UNKNOWN_SPINE", "thoracic", False),
        (CPT, "22514", "VERT_AUG", "lumbar", False),
        (CPT, "22802", "DEF_ADULT", None, True),
        (CPT, "27279", "UNKNOWN_SPINE", "sacral", True),
        (ICD9, "81.08", "LUM_FUS", "lumbar", True),
        (ICD9, "8102", "CRV_ACDF", "cervical", True),
        (ICD9, "80.51", "UNKNOWN_SPINE", None, False),
        (OPCS, "V25.4", "LUM_LAMI", "lumbar", False),
        (OPCS, "V339", "LUM_DISC", "lumbar", False),
        (OPCS, "V22.1", "CRV_ACDF", "cervical", True),
        (SCT, "277764006", "LUM_FUS", "lumbar", True),
        (SCT, "55705006", "UNKNOWN_SPINE", None, True),
        ("http://loinc.org", "LA29545-3", "UNKNOWN_SPINE", None, True),
    ],
)
def test_a_code_tells_type_region_and_fusion(surgery, system, code, surgery_type, region, fusion) -> None:
    reading = read_procedure(a_procedure((system, code)), surgery)

    assert reading.is_spine_surgery
    assert (reading.surgery_type, reading.region, reading.fusion) == (surgery_type, region, fusion)


@pytest.mark.parametrize(
    ("system", "code"),
    [
        (PCS, "009U3ZX"), (PCS, "3E0R3BZ"), (PCS, "0RGE04Z"), (PCS, "0SR90J9"), (PCS, "0RC"), (PCS, "BR39ZZZ"),
        (PCS, "0RJ0XZZ"), (PCS, "0SB23ZX"), (PCS, "XNS40GA"), (PCS, "XRGG0R7"), (PCS, "0016070"), (PCS, "0RP033Z"),
        (CPT, "27447"), (CPT, "62270"), (CPT, "64483"), (CPT, "22505"), (CPT, "00670"), (ICD9, "03.31"),
        (ICD9, "81.54"), (OPCS, "A52.1"), (OPCS, "V48.5"), (OPCS, "W38.1"), (SCT, "609588000"), (SCT, "277762005"),
    ],
)  # fmt: skip
def test_near_misses_are_no_spine_operation(surgery, system, code) -> None:
    reading = read_procedure(a_procedure((system, code)), surgery)

    assert not reading.is_spine_surgery
    assert reading.surgery_type is None
    assert reading.because


@pytest.mark.parametrize("spelling", ["0sg00a0", "OSGOOAO", " 0SG00A0 ", "0SG.00A0", "0SG 00A0"])
@pytest.mark.parametrize(
    "system",
    [
        None, "", PCS, "urn:oid:2.16.840.1.113883.6.4", "http://www.icd10data.com/icd10pcs", "urn:local:charges",
        "http://mimic.mit.edu/fhir/mimic/CodeSystem/mimic-procedure-icd10", "http://hl7.org/fhir/sid/icd-10-cm", CPT,
    ],
)  # fmt: skip
def test_spelling_and_system_do_not_hide_a_pcs_code(surgery, system, spelling) -> None:
    reading = read_procedure(a_procedure((system, spelling)), surgery)

    assert reading.surgery_type == "LUM_FUS"


def test_add_on_codes_count_levels(surgery) -> None:
    reading = read_procedure(a_procedure((CPT, "22551"), (CPT, "22552"), (CPT, "22552")), surgery)

    assert (reading.level_count, reading.level_count_is_minimum) == (3, False)


def test_two_or_more_joints_is_a_minimum(surgery) -> None:
    reading = read_procedure(a_procedure((PCS, "0SG1071"), (PCS, "0SG3071")), surgery)

    assert (reading.level_count, reading.level_count_is_minimum) == (3, True)


def test_same_joint_fused_from_two_sides_is_one_level(surgery) -> None:
    reading = read_procedure(a_procedure((PCS, "0SG00A0"), (PCS, "0SG0071")), surgery)

    assert reading.level_count == 1
    assert reading.approach == "combined"


def test_opcs_level_companion_refines(surgery) -> None:
    reading = read_procedure(a_procedure((OPCS, "V38.5"), (OPCS, "V55.2"), (OPCS, "Z99.3")), surgery)

    assert (reading.surgery_type, reading.level_count) == ("LUM_FUS", 2)
    assert reading.basis is Basis.REFINED


def test_codes_of_far_regions_conflict_and_become_unknown(surgery) -> None:
    reading = read_procedure(a_procedure((CPT, "22551"), (PCS, "0SG00A0")), surgery)

    assert reading.surgery_type == "UNKNOWN_SPINE"
    assert set(reading.alternatives) == {"CRV_ACDF", "LUM_FUS"}
    assert reading.basis is Basis.CONFLICTING
    assert reading.conflicts


def test_a_code_of_no_spine_operation_beside_one_conflicts(surgery) -> None:
    reading = read_procedure(a_procedure((CPT, "27447"), (SCT, "50172003")), surgery)

    assert reading.surgery_type == "UNKNOWN_SPINE"
    assert "LUM_FUS" in reading.alternatives


def test_fusion_of_unknown_approach_carries_both_cervical_types(surgery) -> None:
    reading = read_procedure(a_procedure((SCT, "81099000")), surgery)

    assert {reading.surgery_type, *reading.also_types} == {"CRV_PFUS", "CRV_ACDF"}


@pytest.mark.parametrize(
    ("status", "assertion"),
    [
        ("completed", Assertion.PERFORMED), ("in-progress", Assertion.PERFORMED), ("not-done", Assertion.NEGATED),
        ("entered-in-error", Assertion.NEGATED), ("preparation", Assertion.PLANNED), ("on-hold", Assertion.PLANNED),
    ],
)  # fmt: skip
def test_status_is_honoured_first(surgery, status, assertion) -> None:
    reading = read_procedure(a_procedure((CPT, "22612"), status=status), surgery)

    assert reading.assertion is assertion


def test_classify_json_has_the_public_keys_and_null_for_unknown(surgery) -> None:
    answer = reading_as_json(read_procedure(a_procedure((CPT, "22899")), surgery))

    wanted = "isSpineSurgery surgeryType region levels levelCount fusion instrumented approach revision assertion basis because"
    assert set(wanted.split()) <= set(answer)
    assert answer["region"] is None and answer["fusion"] is None and answer["levelCount"] is None


def test_rods_over_three_to_six_vertebrae_leave_no_doubt_above_the_fused_levels(surgery) -> None:
    reading = read_procedure(a_procedure((CPT, "22612"), (CPT, "22614"), (CPT, "22842")), surgery)

    assert (reading.level_count, reading.level_count_is_minimum, reading.also_types) == (2, False, ())


def test_rods_over_seven_vertebrae_make_it_a_long_fusion(surgery) -> None:
    reading = read_procedure(a_procedure((CPT, "22610"), (CPT, "22614"), (CPT, "22843")), surgery)

    assert (reading.surgery_type, reading.level_count) == ("DEF_ADULT", 6)


def test_rods_alone_tell_a_least_number(surgery) -> None:
    reading = read_procedure(a_procedure((CPT, "22842")), surgery)

    assert (reading.level_count, reading.level_count_is_minimum) == (2, True)


def test_two_to_seven_joints_may_be_a_long_fusion_so_its_limits_hold_too(surgery) -> None:
    reading = read_procedure(a_procedure((PCS, "0RG7071")), surgery)

    assert (reading.surgery_type, reading.also_types) == ("THX_FUS", ("DEF_ADULT",))
    assert (reading.level_count, reading.level_count_is_minimum) == (2, True)


def test_a_title_that_says_nothing_adds_nothing(surgery) -> None:
    procedure = Procedure("Procedure/1", "completed", Concept((Coding(CPT, "22612"),), "Operation"))

    assert read_procedure(procedure, surgery).basis is Basis.CODED


@pytest.mark.parametrize(
    "codes",
    [
        ((PCS, "0SG00AJ"), (PCS, "4A11X4G"), (PCS, "B01B1ZZ")),
        ((PCS, "0SG00A0"), (PCS, "3E0U0GB")),
        ((CPT, "22633"), (CPT, "61783")),
        ((OPCS, "V38.6"), (OPCS, "V55.1"), (OPCS, "Y71.1")),
    ],
)
def test_imaging_monitoring_and_method_codes_do_not_speak_against_the_operation(surgery, codes) -> None:
    reading = read_procedure(a_procedure(*codes), surgery)

    assert (reading.surgery_type, reading.conflicts) == ("LUM_FUS", ())


def test_a_knee_beside_a_fusion_still_speaks_against_it(surgery) -> None:
    reading = read_procedure(a_procedure((PCS, "0SG00AJ"), (PCS, "0SRD0J9")), surgery)

    assert (reading.surgery_type, reading.basis) == ("UNKNOWN_SPINE", Basis.CONFLICTING)


def test_a_generator_beside_a_lead_is_a_stimulator(surgery) -> None:
    reading = read_procedure(a_procedure((ICD9, "03.93"), (ICD9, "86.98")), surgery)

    assert reading.surgery_type == "SCS"


def test_method_and_site_codes_alone_are_no_operation(surgery) -> None:
    assert not read_procedure(a_procedure((OPCS, "Y71.1")), surgery).is_spine_surgery


def test_a_vertebra_stands_before_the_segment_that_begins_with_it(surgery: SurgeryKnowledge) -> None:
    fact = surgery.codes["cpt", "22633"]
    facts = [fact._replace(names=names) for names in (("L5-S1",), ("L4-L5", "L5"), ("L4",))]

    assert conclude(facts, surgery).names == ("L4", "L4-L5", "L5", "L5-S1")
