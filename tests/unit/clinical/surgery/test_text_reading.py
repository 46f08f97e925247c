"""Surgical free text as a whole: what was done, where, how, and whether it was done at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from cds_service.clinical.operation import Assertion
from cds_service.clinical.surgery.text import TextReading, read_text
from cds_service.errors import Fault
from cds_service.knowledge.vocabulary import Words
from cds_service.knowledge.words import load_words

CARDS = Path(__file__).parents[4] / "cards" / "words"


@pytest.fixture(scope="module")
def words() -> Words:
    faults: list[Fault] = []
    loaded = load_words(CARDS, faults)
    assert faults == []
    return loaded


@pytest.mark.parametrize(
    ("text", "surgery_type", "levels"),
    [
        ("ACDF C5-6, C6-7", "CRV_ACDF", "C5-C6 C6-C7"),
        ("ACDF C5, C6, C7", "CRV_ACDF", "C5-C6 C6-C7"),
        ("L4/5 TLIF", "LUM_FUS", "L4-L5"),
        ("C5 corpectomy with anterior plating", "CRV_ACDF", "C5"),
        ("Arthrodesis, posterior, for spinal deformity, 7 to 12 vertebral segments", "DEF_ADULT", ""),
        ("Laminotomy, reexploration, lumbar", "LUM_LAMI", ""),
        ("Zementaugmentation BWK 12", "VERT_AUG", "T12"),
        ("Smith-Robinson C5-6", "CRV_ACDF", "C5-C6"),
        ("C3-6 laminectomy and fusion with lateral mass screws", "CRV_PFUS", "C3-C4 C4-C5 C5-C6"),
        ("Occiput-C3 fusion", "CRV_PFUS", "C0-C1 C1-C2 C2-C3"),
        ("Anterior cervical discectomy C5-6", "CRV_ACDF", "C5-C6"),
        ("Anterior cervical discectomy without fusion C5-6", None, "C5-C6"),
        ("Fusion of the fourth and fifth lumbar vertebrae", "LUM_FUS", "L4-L5"),
        ("Kyphoplasty of 12th thoracic vertebra", "VERT_AUG", "T12"),
        ("Vertebroplastie des 1. Lendenwirbels", "VERT_AUG", "L1"),
        ("Cement augmentation T7 and T8", "VERT_AUG", "T7 T8"),
        ("Removal of interspinous device L4/5", "HW_REM", "L4-L5"),
        ("Removal of interbody fusion device, lumbar", "HW_REM", ""),
        ("PR TOT DISC ARTHRP ANT 1 NTRSPC LMBR", "LUM_TDR", ""),
        ("PR TOT DISC ARTHRP ART DISC ANT APPRO 1 NTRSPC CRV", "CRV_CDA", ""),
        ("PR PERQ VERT AGMNTJ CAVITY CRTJ UNI/BI CANNULJ LMBR", "VERT_AUG", ""),
        ("PR INSJ/RPLCMT SPI NPGR DIR/INDUXIVE COUPLING", "SCS", ""),
        ("Release lumbar nerve", "LUM_LAMI", ""),
        ("Fusion of 8 or more thoracic vertebral joints", "DEF_ADULT", ""),
        ("fusion L2, L5", "LUM_FUS", "L2 L5"),
        ("Laminectomy L3-L5 without fusion", "LUM_LAMI", "L3-L4 L4-L5"),
        ("Laminectomy L2, L4-5", "LUM_LAMI", "L2 L4-L5"),
        ("C5 corpectomy with anterior C4-6 fusion", "CRV_ACDF", "C4-C5 C5-C6"),
        ("PR LAMNECTMY LUMBAR", "LUM_LAMI", ""),
        ("ARTHRD PST LMBR", "LUM_FUS", ""),
        ("kyphoplasty T12-L2", "VERT_AUG", "T12 L1 L2"),
        ("removal of pedicle screws L4-S1", "HW_REM", "L4-L5 L5-S1"),
        ("removal of implants after fusion L4-S1", "HW_REM", "L4-L5 L5-S1"),
        ("excision of herniated disc L5-S1", "LUM_DISC", "L5-S1"),
        ("TLIF L4-5 due to stenosis L3-5", "LUM_FUS", "L4-L5"),
        ("due to instability L4-5: TLIF L4-5", "LUM_FUS", "L4-L5"),
        ("ACDF C5-6 and lumbar laminectomy", None, "C5-C6"),
        ("occipitocervical fusion", "CRV_PFUS", ""),
        ("Spondylodese LWK 4/5", "LUM_FUS", "L4-L5"),
        ("Discectomía L4-L5", "LUM_DISC", "L4-L5"),
        ("Arthrodèse lombaire L4-L5", "LUM_FUS", "L4-L5"),
    ],
)
def test_operation_and_levels_are_read(text: str, surgery_type: str | None, levels: str, words: Words) -> None:
    reading = read_text(text, words)

    assert reading.was_performed
    assert " ".join(reading.levels) == levels
    if surgery_type is not None:
        assert reading.surgery_type == surgery_type


@pytest.mark.parametrize(
    "text",
    ["ankle fusion", "carpal tunnel decompression", "MRI L-spine", "cervical cerclage", "Lumbar ESI L4-5",
     "Physical therapy after lumbar fusion", "mother had spinal fusion", "spinal fusion brace", "CT spine: fusion intact",
     "lumbar pain; knee surgery", "ankle pain. decompression planned", "fixation", "TMJ discectomy", "L4-5 stenosis",
     "removal of hardware, ankle", "L5 nerve root block"],
)  # fmt: skip
def test_near_misses_are_no_spine_operation(text: str, words: Words) -> None:
    assert read_text(text, words).is_spine_surgery is False


@pytest.mark.parametrize("text", ["", "procedure 12", "xyz", "lumbar spine", "L4-L5 intervertebral", "rods"])
def test_a_text_without_an_act_is_unknown_not_no(text: str, words: Words) -> None:
    assert read_text(text, words).is_spine_surgery is None


def test_a_body_site_gives_region_and_levels(words: Words) -> None:
    reading = read_text("L4-L5 intervertebral space", words)

    assert (reading.region, reading.levels, reading.level_count) == ("lumbar", ("L4-L5",), 1)


@pytest.mark.parametrize(
    ("text", "assertion"),
    [
        ("L4-5 microdiscectomy", Assertion.PERFORMED),
        ("L4-5 microdiscectomy performed as planned", Assertion.PERFORMED),
        ("L4-5 laminectomy, no complications", Assertion.PERFORMED),
        ("planned fusion, but laminectomy L3-4", Assertion.PERFORMED),
        ("no fusion, laminectomy L3-4", Assertion.PERFORMED),
        ("considered injections. Laminectomy L4-5 performed", Assertion.PERFORMED),
        ("TLIF L4-5 performed. Recommended: brace", Assertion.PERFORMED),
        ("TLIF L4-5 done, follow-up planned", Assertion.PERFORMED),
        ("TLIF L4-5 cancelled", Assertion.NEGATED),
        ("TLIF L4-5. Cancelled due to fever.", Assertion.NEGATED),
        ("Cancelled: TLIF L4-5", Assertion.NEGATED),
        ("On hold: ACDF C5-6", Assertion.PLANNED),
        ("never underwent TLIF", Assertion.NEGATED),
        ("no prior spine surgery", Assertion.NEGATED),
        ("scheduled for ACDF C5-6", Assertion.PLANNED),
        ("ACDF C5-6 scheduled", Assertion.PLANNED),
        ("Plan:\nACDF C5-6", Assertion.PLANNED),
        ("Plan: ACDF C5-6\nno fever", Assertion.PLANNED),
        ("possible fusion L4-5", Assertion.PLANNED),
        ("s/p L4-5 microdiscectomy 2019", Assertion.HISTORY),
        ("fusion L4-5 two years ago", Assertion.HISTORY),
        ("arthrodesis status, L4-S1", Assertion.HISTORY),
        ("fusion L4-5. Doing well. 3 years ago", Assertion.PERFORMED),
        ("ESI failed but underwent L4-5 discectomy for pain", Assertion.PERFORMED),
        ("previous fusion and L3-4 laminectomy", Assertion.PERFORMED),
        ("removal of previous screws L4-5", Assertion.PERFORMED),
    ],
)
def test_assertion_is_read(text: str, assertion: Assertion, words: Words) -> None:
    assert read_text(text, words).assertion is assertion


def test_the_done_operation_speaks_before_the_planned_one(words: Words) -> None:
    reading = read_text("L3-4 laminectomy performed, possible fusion L4-5", words)

    assert reading.surgery_type == "LUM_LAMI"
    assert reading.levels == ("L3-L4",)


def test_a_relatives_operation_is_not_the_patients(words: Words) -> None:
    assert read_text("Spinal fusion, family history", words).of_family

    reading = read_text("Father underwent ACDF", words)

    assert (reading.is_spine_surgery, reading.of_family, reading.assertion) == (False, True, Assertion.NEGATED)


def test_a_relatives_operation_does_not_hide_the_patients(words: Words) -> None:
    reading = read_text("Mother had spinal fusion. L4-5 microdiscectomy", words)

    assert (reading.was_performed, reading.of_family, reading.surgery_type) == (True, False, "LUM_DISC")


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("L4-5 laminectomy", "fusion", False),
        ("lumbar laminectomy", "instrumented", None),
        ("lumbar osteotomy without fusion", "fusion", False),
        ("lumbar osteotomy", "fusion", None),
        ("L4-5 TLIF", "fusion", True),
        ("L4-5 fusion with pedicle screws", "instrumented", True),
        ("L4-5 fusion with screws and rods", "instrumented", True),
        ("uninstrumented L4-5 fusion", "instrumented", False),
        ("L4-5 fusion", "instrumented", None),
        ("anterior and posterior cervical fusion", "approach", "combined"),
        ("anterior lumbar surgery with posterior fusion L4-5", "approach", "combined"),
        ("XLIF L3-4", "approach", "lateral"),
        ("kyphoplasty L1", "approach", "percutaneous"),
        ("laminectomy L4", "approach", None),
        ("revision L4-5 discectomy", "revision", True),
        ("primary L4-5 discectomy", "revision", False),
        ("L4-5 discectomy", "revision", None),
        ("L4-5 discectomy L", "side", "left"),
        ("Right L4-5 discectomy", "side", "right"),
        ("left and right L4-5 discectomy", "side", "bilateral"),
        ("discectomy l lumbar spine", "side", None),
        ("SCS trial", "trial", True),
        ("permanent spinal cord stimulator", "trial", False),
        ("laminectomy trial", "trial", None),
        ("MIS TLIF L4-5", "minimally_invasive", True),
        ("L4-5 TLIF", "technique", "TLIF"),
        ("T10-pelvis fusion", "to_pelvis", True),
        ("two-level ACDF", "level_count", 2),
        ("two-level ACDF C4-5, C6-7", "level_count", 2),
        ("multilevel ACDF", "level_count_is_minimum", True),
        ("multilevel ACDF", "level_count", 2),
        ("ACDF", "level_count", None),
        ("lumbar and thoracic laminectomy", "region", "thoracolumbar"),
        ("cervical and lumbar laminectomy", "region", None),
        ("sacral laminectomy", "region", "sacral"),
        ("laminectomy for spinal metastasis T7", "surgery_type", "TUMOUR"),
        ("C5 palsy after C5-6 ACDF", "levels", ("C5-C6",)),
        ("pediatric scoliosis fusion", "paediatric", True),
    ],
)
def test_details_are_read(text: str, field: str, value: object, words: Words) -> None:
    assert getattr(read_text(text, words), field) == value


def test_the_words_that_led_to_it_are_told(words: Words) -> None:
    phrases = dict(read_text("removal of screws L4-5, C5 palsy, kyphoplasty L1", words).phrases)

    assert phrases["l4-5"] == "levels L4-L5"
    assert phrases["c5"] == "nerve root C5"
    assert phrases["l1"] == "vertebra L1"
    assert phrases["removal + screws"] == "hardware removal"


def test_parts_across_a_comma_or_a_sentence_make_no_operation(words: Words) -> None:
    assert "hardware_removal" not in read_text("lumbar wound: removal of stitches, screws in place", words).operations
    far = "removal of a very large amount of old scar tissue all around the lumbar screws"
    assert "hardware_removal" not in read_text(far, words).operations
    assert "hardware_removal" not in read_text("removal of scar. Lumbar screws in place", words).operations


def test_abbreviated_words_do_not_end_a_sentence(words: Words) -> None:
    assert read_text("L4-5 discectomy by dr. Smith not done", words).assertion is Assertion.NEGATED


def test_without_words_nothing_is_read() -> None:
    assert read_text("TLIF L4-5", Words()) == TextReading()


@pytest.mark.parametrize(
    "text",
    [
        "Unlisted procedure, spine",
        "PR IMPLTJ/RPLCMT ITHCL/EDRL DRUG NFS PMP PRGRBL",
        "Dural repair lumbar",
        "PR RPR DURAL/CSF LEAK NOT REQ LAMINECTOMY",
    ],
)
def test_a_spine_operation_without_a_type_is_one_all_the_same(words, text) -> None:
    reading = read_text(text, words)

    assert (reading.is_spine_surgery, reading.assertion, reading.surgery_type) == (True, Assertion.PERFORMED, None)


@pytest.mark.parametrize(
    "text",
    [
        "PR ANES LUMBAR SPINE SURGERY NOS",
        "Postop visit 6 weeks lumbar microdiscectomy",
        "Physical therapy lumbar fusion",
        "Intraoperative neuromonitoring during spine surgery",
        "Laryngoscopy with cordotomy",
        "PR INSJ/RPLCMT PERPH/GASTRIC NPGR",
    ],
)
def test_what_goes_round_an_operation_is_none(words, text) -> None:
    assert read_text(text, words).is_spine_surgery is not True


def test_a_visit_joined_to_an_operation_does_not_swallow_it(words) -> None:
    assert read_text("Consultation and L4-5 discectomy", words).is_spine_surgery is True


def test_a_booking_with_its_day_is_a_plan(words) -> None:
    assert read_text("TLIF L5/S1 booked for 12 June", words).assertion is Assertion.PLANNED


def test_a_nerve_root_is_no_level_beside_an_operation(words: Words) -> None:
    reading = read_text("Decompression for C5 palsy", words)

    assert (reading.is_spine_surgery, reading.levels, reading.region) == (True, (), None)


def test_two_signs_that_might_make_an_operation_together_are_looked_at_in_full(words: Words) -> None:
    reading = read_text("Excision and replacement", words)

    assert (reading.is_spine_surgery, reading.operations) == (None, ())
    assert [meaning for _, meaning in reading.phrases] == ["removal", "replacement"]


def test_a_count_in_another_sentence_does_not_place_an_operation_beside_an_elbow(words: Words) -> None:
    reading = read_text("Fusion of the elbow. Stairs of two levels.", words)

    assert reading.is_spine_surgery is False
