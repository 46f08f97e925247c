"""One Procedure with words: what they add to its codes, and what they tell alone."""

from __future__ import annotations

import pytest

from cds_service.clinical.operation import Assertion, Basis
from cds_service.clinical.surgery.classify import read_procedure
from cds_service.patient.record import Coding, Concept, Procedure

PCS = "http://hl7.org/fhir/sid/icd-10-pcs"
CPT = "http://www.ama-assn.org/go/cpt"
OPCS = "https://fhir.hl7.org.uk/Id/opcs-4"
SCT = "http://snomed.info/sct"
CM = "http://hl7.org/fhir/sid/icd-10-cm"
LOCAL = "urn:oid:1.2.840.114350.1.13.0.1.7.2.696580"
LAMINECTOMY = (SCT, "387731002")


def concept(text: str | None = None, *codings: tuple[str | None, ...]) -> Concept:
    return Concept(tuple(Coding(*coding) for coding in codings), text)


def read(surgery, text: str | None = None, *codings: tuple[str | None, ...], **more):
    return read_procedure(
        Procedure("Procedure/1", more.pop("status", "completed"), concept(text, *codings), **more), surgery
    )


def test_a_body_site_in_words_gives_the_region_a_code_lacks(surgery) -> None:
    reading = read(surgery, None, LAMINECTOMY, body_sites=(concept("Lumbar spine"),))

    assert (reading.surgery_type, reading.basis) == ("LUM_LAMI", Basis.REFINED)


def test_a_coded_body_site_gives_region_and_level(surgery) -> None:
    reading = read(surgery, None, LAMINECTOMY, body_sites=(concept(None, (SCT, "73959003")),))

    assert (reading.surgery_type, reading.levels) == ("CRV_FORAM", ("C5-C6",))


def test_an_opcs_site_code_as_body_site_refines(surgery) -> None:
    reading = read(surgery, None, (OPCS, "V35.9"), body_sites=(concept(None, (OPCS, "Z99.3")),))

    assert reading.surgery_type == "LUM_DISC"


def test_an_unknown_body_site_code_adds_nothing(surgery) -> None:
    reading = read(surgery, None, LAMINECTOMY, body_sites=(concept(None, (SCT, "123"), (None, "zzz")),))

    assert reading.surgery_type == "UNKNOWN_SPINE"


@pytest.mark.parametrize("reason", [concept(None, (CM, "M48061")), concept("Lumbar spinal stenosis")])
def test_the_reason_gives_the_region_where_nothing_else_does(surgery, reason) -> None:
    assert read(surgery, None, LAMINECTOMY, reasons=(reason,)).surgery_type == "LUM_LAMI"


def test_a_reason_without_a_place_adds_nothing(surgery) -> None:
    reasons = (concept("Pain"), concept(None, (CM, "R52")))

    assert read(surgery, None, LAMINECTOMY, reasons=reasons).surgery_type == "UNKNOWN_SPINE"


def test_text_tells_levels_hardware_and_revision(surgery) -> None:
    reading = read(surgery, "L3-S1 posterior fusion with pedicle screws, revision", (CPT, "22612"))

    assert reading.levels == ("L3-L4", "L4-L5", "L5-S1")
    assert (reading.level_count, reading.instrumented, reading.revision) == (3, True, True)
    assert reading.basis is Basis.REFINED


def test_a_device_tells_that_it_was_instrumented(surgery) -> None:
    devices = (concept("Pedicle screw"), concept("Sterile drape"))

    assert read(surgery, None, (CPT, "22612"), devices=devices).instrumented is True


def test_a_note_tells_levels_but_contradicts_no_code(surgery) -> None:
    notes = ("Fusion performed at L4-S1.", "Planned: C5-6 ACDF next month.")

    reading = read(surgery, None, (CPT, "22612"), notes=notes)

    assert (reading.level_count, reading.conflicts) == (2, ())


def test_primary_in_the_code_and_revision_in_the_text_is_a_revision_and_said(surgery) -> None:
    reading = read(surgery, "Revision decompression L4/5", (OPCS, "V25.4"))

    assert (reading.revision, reading.basis) == (True, Basis.CONFLICTING)
    assert "primary" in reading.conflicts[0]


def test_a_fusion_in_the_text_of_a_decompression_is_the_stricter(surgery) -> None:
    reading = read(surgery, "L4-5 laminectomy and TLIF", (CPT, "63047"))

    assert (reading.surgery_type, reading.basis) == ("LUM_FUS", Basis.CONFLICTING)


def test_text_of_another_region_makes_it_unknown(surgery) -> None:
    reading = read(surgery, "C5-6 laminectomy", (CPT, "63047"))

    assert (reading.surgery_type, reading.region) == ("UNKNOWN_SPINE", None)
    assert reading.alternatives == ("LUM_LAMI",)


def test_fewer_levels_in_the_text_than_in_the_codes_is_told(surgery) -> None:
    reading = read(surgery, "L4-L5 fusion", (CPT, "22612"), (CPT, "22614"))

    assert reading.level_count == 2
    assert "count 2 levels" in reading.conflicts[0]


def test_a_laminoplasty_has_no_pcs_code_so_the_text_names_it(surgery) -> None:
    reading = read(surgery, "Open door laminoplasty C3-C6", (PCS, "00NW0ZZ"))

    assert reading.surgery_type == "CRV_LPLASTY"


@pytest.mark.parametrize(("text", "expected"), [("T4-T7 fusion", "THX_FUS"), ("T4-T10 fusion", "DEF_ADULT")])
def test_text_settles_a_code_that_leaves_the_levels_open(surgery, text, expected) -> None:
    reading = read(surgery, text, (PCS, "0RG7071"))

    assert (reading.surgery_type, reading.also_types) == (expected, ())


def test_a_percutaneous_code_learns_its_side_from_the_text(surgery) -> None:
    reading = read(surgery, "Posterior percutaneous fixation L1", (PCS, "0QS034Z"))

    assert reading.approach == "posterior"


def test_the_side_is_told(surgery) -> None:
    assert read(surgery, "Left L5/S1 microdiscectomy", (CPT, "63030")).side == "left"


def test_a_hybrid_keeps_the_limits_of_both(surgery) -> None:
    reading = read(surgery, None, (CPT, "22551"), (CPT, "22856"))

    assert (reading.surgery_type, reading.also_types) == ("CRV_ACDF", ("CRV_CDA",))


def test_a_fusion_that_only_the_words_name_keeps_the_limits_of_the_code(surgery) -> None:
    reading = read(surgery, "Lumbar interbody fusion", (CPT, "22524"))

    assert (reading.surgery_type, reading.also_types) == ("LUM_FUS", ("VERT_AUG",))


def test_a_tumour_operation_includes_everything(surgery) -> None:
    reading = read(surgery, None, (CPT, "63277"), (CPT, "22612"), (CPT, "63650"))

    assert (reading.surgery_type, reading.also_types) == ("TUMOUR", ())


def test_hardware_out_and_a_fusion_is_a_revision(surgery) -> None:
    assert read(surgery, None, (CPT, "22852"), (CPT, "22612")).revision is True


def test_screws_beside_a_decompression_are_read_as_stabilisation(surgery) -> None:
    reading = read(surgery, None, (CPT, "63047"), (CPT, "22842"))

    assert (reading.surgery_type, reading.fusion) == ("LUM_FUS", None)


def test_a_cage_for_fusion_beside_a_decompression_is_a_fusion(surgery) -> None:
    reading = read(surgery, None, (CPT, "63047"), (CPT, "22853"))

    assert (reading.surgery_type, reading.fusion) == ("LUM_FUS", True)


@pytest.mark.parametrize(
    ("text", "codings", "detail"),
    [
        ("L5/S1 microdiscectomy", (), "text"),
        (None, ((SCT, "999999999", "L5/S1 microdiscectomy"),), "display"),
        ("Operation", ((SCT, "999999999", "L5/S1 microdiscectomy"),), "display"),
        ("L5/S1 microdiscectomy", ((CPT, "64999"),), "text"),
        ("L5/S1 microdiscectomy", ((CPT, "22899"),), "text"),
    ],
)
def test_words_alone_are_a_guess(surgery, text, codings, detail) -> None:
    reading = read(surgery, text, *codings)

    assert (reading.surgery_type, reading.coded_type) == ("LUM_DISC", "UNKNOWN_SPINE")
    assert (reading.basis, reading.basis_detail, reading.levels) == (Basis.TEXT, detail, ("L5-S1",))


def test_words_without_a_place_take_it_from_the_body_site(surgery) -> None:
    reading = read(surgery, "Laminectomy", body_sites=(concept("Lumbar spine"),))

    assert (reading.surgery_type, reading.region) == ("LUM_LAMI", "lumbar")


def test_words_without_any_place_stay_unknown(surgery) -> None:
    reading = read(surgery, "Laminectomy")

    assert (reading.surgery_type, reading.region) == ("UNKNOWN_SPINE", None)
    assert "LUM_LAMI" in reading.alternatives


def test_only_a_procedure_without_any_code_or_title_is_read_from_its_notes(surgery) -> None:
    note = ("L4-5 microdiscectomy was performed",)

    assert read(surgery, notes=note).surgery_type == "LUM_DISC"
    assert not read(surgery, "Physiotherapy", notes=note).is_spine_surgery


def test_a_category_that_is_no_surgery_rules_words_out(surgery) -> None:
    imaging, surgical = concept(None, (SCT, "363679005")), concept(None, (SCT, "387713003"))

    assert not read(surgery, "Lumbar fusion", category=(imaging,)).is_spine_surgery
    assert read(surgery, "Lumbar fusion", category=(surgical,)).is_spine_surgery


def test_a_five_digit_local_code_needs_words_that_agree(surgery) -> None:
    assert not read(surgery, "Complete blood count", (LOCAL, "22551")).is_spine_surgery
    assert read(surgery, "ACDF C5-6", (LOCAL, "22551")).coded_type == "CRV_ACDF"
    assert read(surgery, None, (LOCAL, "22551")).coded_type == "CRV_ACDF"


def test_a_local_code_that_looks_like_a_knee_says_nothing(surgery) -> None:
    assert read(surgery, "L4-5 TLIF", (LOCAL, "27447")).is_spine_surgery


@pytest.mark.parametrize(
    ("text", "assertion"),
    [("Planned L4-5 fusion", Assertion.PLANNED), ("L4-5 fusion not performed", Assertion.NEGATED)],
)
def test_a_title_that_plans_or_denies_contradicts_a_completed_code(surgery, text, assertion) -> None:
    reading = read(surgery, text, (CPT, "22612"))

    assert (reading.assertion, reading.surgery_type) == (assertion, "UNKNOWN_SPINE")
    assert "status says completed" in reading.conflicts[0]


def test_a_relatives_operation_is_not_the_patients(surgery) -> None:
    reading = read(surgery, "Mother had lumbar fusion")

    assert not reading.is_spine_surgery


def test_a_relative_in_the_title_adds_nothing_to_a_code(surgery) -> None:
    reading = read(surgery, "Mother had L4-S1 lumbar fusion", (CPT, "63030"))

    assert reading.levels == ()


def test_an_empty_coding_is_no_code(surgery) -> None:
    reading = read(surgery, None, (CPT, None))

    assert not reading.is_spine_surgery
    assert reading.because == ("no code and no text that names a spine operation",)


def test_an_unknown_code_among_the_spine_operations_is_one_of_them(surgery) -> None:
    reading = read(surgery, None, (CPT, "22897"))

    assert reading.surgery_type == "UNKNOWN_SPINE"
    assert "not known" in reading.because[0]


def test_a_part_without_a_protocol_adds_no_limits(surgery) -> None:
    reading = read(surgery, None, (CPT, "22513"), (CPT, "63077"))

    assert (reading.surgery_type, reading.also_types) == ("VERT_AUG", ())


def test_screws_whose_text_names_a_fusion_are_a_fusion(surgery) -> None:
    reading = read(surgery, "L4-5 posterior fusion", (CPT, "22842"))

    assert (reading.surgery_type, reading.fusion, reading.conflicts) == ("LUM_FUS", True, ())


def test_a_fusion_in_the_text_gives_no_protocol_to_a_code_without_one(surgery) -> None:
    reading = read(surgery, "L4-5 fusion", (CPT, "22849"))

    assert (reading.surgery_type, reading.fusion) == ("UNKNOWN_SPINE", True)


def test_levels_of_the_body_site_count_for_words_alone(surgery) -> None:
    reading = read(surgery, "Lumbar fusion", body_sites=(concept("L4/5"),))

    assert (reading.levels, reading.level_count) == (("L4-L5",), 1)


def test_a_text_in_the_place_of_a_code_is_no_code(surgery) -> None:
    assert not read(surgery, None, (CPT, "a whole sentence about the patient")).is_spine_surgery


def test_a_body_site_and_a_note_that_name_no_place_add_nothing(surgery) -> None:
    reading = read(surgery, None, (CPT, "22612"), body_sites=(concept("Skin"),), notes=("Went well.",))

    assert (reading.basis, reading.region) == (Basis.CODED, "lumbar")


def test_rods_are_counted_in_vertebrae_and_are_no_levels(surgery) -> None:
    reading = read(surgery, None, (CPT, "22845", "Anterior instrumentation, 2 to 3 segments"))

    assert (reading.level_count, reading.level_count_is_minimum) == (1, True)


def test_vertebrae_named_beside_a_cement_code_are_counted(surgery) -> None:
    reading = read(surgery, "T12 and L1 balloon kyphoplasty", (CPT, "22514"))

    assert (reading.surgery_type, reading.levels, reading.level_count) == ("VERT_AUG", ("T12", "L1"), 2)
