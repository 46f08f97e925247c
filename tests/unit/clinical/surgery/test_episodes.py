"""From Procedures to operations: what is one operation, what counts, from which day (dossier section 0, DQ01 to DQ08)."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from cds_service.clinical.operation import Basis, Operation, Sentences, Surgical
from cds_service.clinical.surgery import episodes, spoken
from cds_service.clinical.surgery.episodes import find_operations
from cds_service.knowledge.load import load_knowledge
from cds_service.knowledge.model import Knowledge
from cds_service.knowledge.vocabulary import Kept
from cds_service.patient.record import Coding, Concept, Condition, Patient, PatientRecord, Precision, Procedure, When

ON = date(2026, 3, 1)
CPT = "http://www.ama-assn.org/go/cpt"
PCS = "http://hl7.org/fhir/sid/icd-10-pcs"
OPCS = "https://fhir.hl7.org.uk/Id/opcs-4"
CM = "http://hl7.org/fhir/sid/icd-10-cm"


@pytest.fixture(scope="module")
def knowledge() -> Knowledge:
    return load_knowledge(Path(__file__).parents[4] / "cards")


def day(text: str) -> When:
    return When(date.fromisoformat(text), date.fromisoformat(text), Precision.DAY, text)


def month(text: str, last: int) -> When:
    first = date.fromisoformat(f"{text}-01")
    return When(first, first.replace(day=last), Precision.MONTH, text)


_NUMBER = iter(range(10_000))


def done(
    *codes: str, when: str | When | None = None, text: str | None = None, status: str | None = "completed", **more
):
    """A Procedure with CPT codes, or PCS where the code has seven signs, OPCS-4 where it has a dot."""
    systems = {7: PCS, 5: CPT}
    codings = tuple(Coding(OPCS if "." in code else systems[len(code)], code) for code in codes)
    performed = day(when) if isinstance(when, str) else when
    reference = more.pop("reference", f"Procedure/{next(_NUMBER)}")
    return Procedure(reference, status, Concept(codings, text), performed, **more)


def found(knowledge: Knowledge, *procedures: Procedure, **record) -> Surgical:
    return find_operations(PatientRecord(procedures=procedures, **record), knowledge, ON)


def only(surgical: Surgical) -> Operation:
    assert len(surgical.operations) == 1
    return surgical.operations[0]


def rules(surgical: Surgical) -> list[str]:
    return [doubt.rule for doubt in surgical.data_quality]


def test_the_week_is_whole_weeks_since_the_operation(knowledge) -> None:
    operation = only(found(knowledge, done("22612", when="2026-01-16")))

    assert (operation.surgery_type, operation.post_op_day, operation.completed_week) == ("LUM_FUS", 44, 6)


def test_codes_of_one_day_are_one_fusion_with_all_its_levels(knowledge) -> None:
    codes = ("22633", "22634", "22842", "22853", "63052", "20930")

    operation = only(found(knowledge, *(done(code, when="2026-01-16") for code in codes)))

    assert (operation.surgery_type, operation.fusion, operation.instrumented) == ("LUM_FUS", True, True)
    assert operation.level_count == 2
    assert len(operation.procedures) == 6


def test_one_encounter_is_one_operation_dated_at_its_last_day(knowledge) -> None:
    operation = only(
        found(
            knowledge,
            done("0SG00A0", when="2026-01-10", encounter="Encounter/7"),
            done("00NY0ZZ", when="2026-01-11", encounter="Encounter/7"),
        )
    )

    assert (operation.surgery_type, operation.date) == ("LUM_FUS", date(2026, 1, 11))


def test_part_of_binds_through_a_parent_that_is_no_spine_code(knowledge) -> None:
    parent = done(when="2026-01-10", text="Surgical procedure", reference="Procedure/parent")
    one = done("22612", when="2026-01-10", part_of=("Procedure/parent",))
    other = done("22842", part_of=("Procedure/parent",))

    operation = only(found(knowledge, parent, one, other))

    assert operation.instrumented is True
    assert operation.date == date(2026, 1, 10)


def test_opcs_level_code_in_a_procedure_of_its_own_refines_its_parent(knowledge) -> None:
    parent = done("V38.5", when="2026-01-10", reference="Procedure/parent")
    companion = done("V55.3", part_of=("Procedure/parent",))

    operation = only(found(knowledge, parent, companion))

    assert (operation.level_count, operation.level_count_is_minimum) == (3, True)


def test_duplicates_of_several_systems_are_one_operation(knowledge) -> None:
    operation = only(
        found(
            knowledge,
            done("22551", when="2026-02-01"),
            done("22551", when="2026-02-01"),
            done("0RG10A0", when="2026-02-02"),
            done("22551", when=month("2026-02", 28)),
        )
    )

    assert (operation.surgery_type, operation.date, operation.level_count) == ("CRV_ACDF", date(2026, 2, 2), 1)


def test_the_same_add_on_code_twice_is_a_minimum(knowledge) -> None:
    codes = ("22551", "22552", "22552")

    operation = only(found(knowledge, *(done(code, when="2026-02-01") for code in codes)))

    assert (operation.level_count, operation.level_count_is_minimum) == (2, True)


def test_staged_front_and_back_fusion_is_one_dated_at_the_last_stage(knowledge) -> None:
    operation = only(found(knowledge, done("22558", when="2026-02-01"), done("22612", when="2026-02-10")))

    assert operation.staged
    assert (operation.date, operation.approach, operation.revision) == (date(2026, 2, 10), "combined", None)


def test_front_and_back_fusion_three_weeks_apart_is_a_second_operation(knowledge) -> None:
    operation = only(found(knowledge, done("22558", when="2026-01-10"), done("22612", when="2026-01-31")))

    assert not operation.staged
    assert (operation.date, operation.revision) == (date(2026, 1, 31), True)


def test_same_level_repeat_within_days_restarts_as_a_revision(knowledge) -> None:
    operation = only(found(knowledge, done("63030", when="2026-02-01"), done("63030", when="2026-02-05")))

    assert (operation.date, operation.revision) == (date(2026, 2, 5), True)


def test_known_other_levels_are_no_revision(knowledge) -> None:
    first = done("63030", when="2026-01-01", text="L4/5 microdiscectomy")
    second = done("63030", when="2026-02-05", text="L2/3 microdiscectomy")

    operation = only(found(knowledge, first, second))

    assert (operation.date, operation.revision) == (date(2026, 2, 5), None)


def test_different_regions_stay_side_by_side(knowledge) -> None:
    surgical = found(knowledge, done("22551", when="2026-01-10"), done("63030", when="2026-02-01"))

    assert [one.surgery_type for one in surgical.operations] == ["CRV_ACDF", "LUM_DISC"]
    assert rules(surgical) == ["DQ07"]


def test_different_regions_of_one_day_stay_two_operations(knowledge) -> None:
    surgical = found(knowledge, done("22551", when="2026-01-10"), done("63047", when="2026-01-10"))

    assert {one.surgery_type for one in surgical.operations} == {"CRV_ACDF", "LUM_LAMI"}


def test_thoracic_and_lumbar_fusion_of_one_day_are_one_long_fusion(knowledge) -> None:
    surgical = found(knowledge, done("0RG7071", "0RGA071", "0SG1071", "0SG3071", when="2026-01-10"))

    operation = only(surgical)
    assert (operation.surgery_type, operation.level_count, operation.level_count_is_minimum) == ("DEF_ADULT", 6, True)


def test_hardware_removal_after_an_old_fusion_keeps_its_blocks(knowledge) -> None:
    surgical = found(knowledge, done("22612", when="2024-06-01"), done("22852", when="2026-02-01", text="lumbar"))

    fusion, removal = surgical.operations
    assert (fusion.surgery_type, fusion.permanent_blocks_only) == ("LUM_FUS", True)
    assert (removal.surgery_type, removal.permanent_blocks_only) == ("HW_REM", False)


def test_hardware_removal_that_names_no_region_is_read_as_of_the_old_fusion(knowledge) -> None:
    surgical = found(knowledge, done("22612", when="2024-06-01"), done("22852", when="2026-02-01"))

    assert [(one.surgery_type, one.permanent_blocks_only) for one in surgical.operations] == [
        ("LUM_FUS", True),
        ("HW_REM", False),
    ]


def test_hardware_removal_soon_after_a_fusion_keeps_the_whole_fusion(knowledge) -> None:
    surgical = found(knowledge, done("22612", when="2025-12-01"), done("0SP004Z", when="2026-02-01"))

    assert [(one.surgery_type, one.permanent_blocks_only) for one in surgical.operations] == [
        ("LUM_FUS", False),
        ("HW_REM", False),
    ]


def test_washout_after_a_fusion_restarts_the_fusion_and_is_itself_unknown(knowledge) -> None:
    surgical = found(
        knowledge, done("22612", when="2026-01-10"), done("22015", when="2026-02-10", text="lumbar washout")
    )

    assert {(one.surgery_type, one.date) for one in surgical.operations} == {
        ("LUM_FUS", date(2026, 2, 10)),
        ("UNKNOWN_SPINE", date(2026, 2, 10)),
    }
    assert "DQ04" in rules(surgical)


def test_a_fusion_after_a_decompression_takes_its_place(knowledge) -> None:
    operation = only(found(knowledge, done("63047", when="2026-01-10"), done("22612", when="2026-02-10")))

    assert (operation.surgery_type, operation.revision) == ("LUM_FUS", None)


def test_the_only_operation_older_than_104_weeks_gets_general_advice(knowledge) -> None:
    surgical = found(knowledge, done("22612", when="2022-01-10"))

    assert rules(surgical) == ["DQ08"]
    assert not only(surgical).permanent_blocks_only


def test_an_old_operation_beside_a_recent_one_keeps_its_blocks(knowledge) -> None:
    surgical = found(knowledge, done("22600", when="2020-01-10"), done("63030", when="2026-02-01"))

    assert [one.permanent_blocks_only for one in surgical.operations] == [True, False]
    assert rules(surgical) == []


def test_exactly_104_weeks_is_not_older(knowledge) -> None:
    surgical = found(knowledge, done("22612", when="2024-03-03"))

    assert only(surgical).completed_week == 104
    assert rules(surgical) == []


def test_a_missing_date_is_said_and_gives_no_week(knowledge) -> None:
    surgical = found(knowledge, done("22612"))

    assert only(surgical).completed_week is None
    assert rules(surgical) == ["DQ06"]


def test_a_future_operation_is_planned(knowledge) -> None:
    surgical = found(knowledge, done("22612", when="2026-04-01"))

    assert surgical.operations == ()
    assert [aside.rule for aside in surgical.planned] == ["DQ01"]
    assert rules(surgical) == ["DQ01"]


@pytest.mark.parametrize(("status", "rule"), [("preparation", "DQ01"), ("on-hold", "DQ01"), ("not-done", "DQ02")])
def test_status_sets_aside(knowledge, status, rule) -> None:
    surgical = found(knowledge, done("22612", when="2026-02-01", status=status))

    assert surgical.operations == ()
    assert [aside.rule for aside in (*surgical.planned, *surgical.ignored)] == [rule]


@pytest.mark.parametrize("status", ["stopped", "unknown", None])
def test_a_status_that_leaves_open_how_far_it_went_makes_it_unknown(knowledge, status) -> None:
    surgical = found(knowledge, done("22612", when="2026-02-01", status=status))

    assert only(surgical).surgery_type == "UNKNOWN_SPINE"
    assert rules(surgical) == ["DQ04"]


def test_in_progress_is_the_day_of_the_operation(knowledge) -> None:
    operation = only(found(knowledge, done("22612", when="2026-02-20", status="in-progress")))

    assert operation.post_op_day == 0


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        (month("2026-01", 31), date(2026, 1, 31)),
        (month("2026-03", 31), ON),
        (When(date(2026, 1, 1), date(2026, 12, 31), Precision.YEAR, "2026"), ON),
        (When(date(2026, 1, 5), None, Precision.DAY, "2026-01-05/.."), date(2026, 1, 5)),
        (When(None, None, None, "last spring"), None),
    ],
)
def test_a_vague_date_is_its_latest_day_but_never_after_today(knowledge, when, expected) -> None:
    assert only(found(knowledge, done("22612", when=when))).date == expected


def test_words_alone_are_a_guess_for_display(knowledge) -> None:
    surgical = found(knowledge, done(text="L4-L5 TLIF", when="2026-02-01"))

    operation = only(surgical)
    assert (operation.surgery_type, operation.text_type, operation.basis) == ("UNKNOWN_SPINE", "LUM_FUS", Basis.TEXT)
    assert rules(surgical) == ["DQ05"]


def test_words_beside_a_code_of_the_same_day_refine_it(knowledge) -> None:
    operation = only(
        found(knowledge, done("22612", when="2026-02-01"), done(text="L3-S1 posterior fusion", when="2026-02-01"))
    )

    assert (operation.surgery_type, operation.basis) == ("LUM_FUS", Basis.REFINED)
    assert operation.level_count == 3


@pytest.mark.parametrize(
    ("text", "place"), [("Planned L4-5 fusion", "planned"), ("Lumbar fusion not performed", "ignored")]
)
def test_words_that_deny_or_plan_set_aside(knowledge, text, place) -> None:
    surgical = found(knowledge, done(text=text, when="2026-02-01"))

    assert surgical.operations == ()
    assert len(getattr(surgical, place)) == 1


def test_five_levels_decide_for_the_long_fusion(knowledge) -> None:
    operation = only(found(knowledge, done("22612", *["22614"] * 4, when="2026-02-01")))

    assert (operation.surgery_type, operation.level_count) == ("DEF_ADULT", 5)


@pytest.mark.parametrize(("born", "expected"), [("2009-02-01", "DEF_PED"), ("2008-02-01", "LUM_FUS")])
def test_age_on_the_day_of_the_operation_decides_for_the_paediatric_type(knowledge, born, expected) -> None:
    patient = Patient("Patient/1", birth_date=day(born))

    operation = only(found(knowledge, done("22612", when="2026-02-01"), patient=patient))

    assert operation.surgery_type == expected


def test_a_vague_birth_date_keeps_both_types(knowledge) -> None:
    patient = Patient("Patient/1", birth_date=When(date(2008, 1, 1), date(2008, 12, 31), Precision.YEAR, "2008"))

    operation = only(found(knowledge, done("22612", when="2026-02-01"), patient=patient))

    assert (operation.surgery_type, operation.also_types) == ("LUM_FUS", ("DEF_PED",))


def test_a_childs_neck_fusion_keeps_the_limits_of_the_neck(knowledge) -> None:
    patient = Patient("Patient/1", birth_date=day("2012-01-01"))

    operation = only(found(knowledge, done("22600", when="2026-02-01"), patient=patient))

    assert (operation.surgery_type, operation.also_types) == ("DEF_PED", ("CRV_PFUS",))


def tumour(code: str = "C79.51", text: str | None = None, **more) -> Condition:
    return Condition("Condition/1", Concept((Coding(CM, code),), text), more.pop("clinical_status", "active"), **more)


def test_an_active_spinal_metastasis_makes_it_a_tumour_operation(knowledge) -> None:
    operation = only(found(knowledge, done("22612", when="2026-02-01"), conditions=(tumour(),)))

    assert operation.surgery_type == "TUMOUR"
    assert any(one.reference == "Condition/1" for one in operation.evidence)


@pytest.mark.parametrize(
    "condition",
    [
        tumour(text="Bone metastasis of the left femur"),
        tumour(clinical_status="resolved"),
        tumour(verification_status="refuted"),
        tumour(abatement=day("2025-01-01")),
        Condition("Condition/1", Concept(text="Colon cancer"), "active"),
    ],
)
def test_another_bone_or_an_ended_tumour_changes_nothing(knowledge, condition) -> None:
    operation = only(found(knowledge, done("22612", when="2026-02-01"), conditions=(condition,)))

    assert operation.surgery_type == "LUM_FUS"


def test_the_operations_own_reason_can_be_the_tumour(knowledge) -> None:
    reasons = (Concept((Coding(CM, "C79.51"),), "metastasis of L3"),)

    operation = only(found(knowledge, done("22612", when="2026-02-01", reasons=reasons)))

    assert operation.surgery_type == "TUMOUR"


def test_a_conflicting_procedure_is_unknown_and_the_conflict_is_told(knowledge) -> None:
    surgical = found(knowledge, done("22551", "0SG00A0", when="2026-02-01"))

    operation = only(surgical)
    assert (operation.surgery_type, operation.basis) == ("UNKNOWN_SPINE", Basis.CONFLICTING)
    assert set(operation.alternatives) == {"CRV_ACDF", "LUM_FUS"}
    assert rules(surgical) == ["DQ04"]


def test_procedures_that_could_not_be_had_give_nothing(knowledge) -> None:
    assert find_operations(PatientRecord(), knowledge, ON) == Surgical()


def test_no_spine_operation_is_set_aside_silently(knowledge) -> None:
    surgical = found(knowledge, done("27447", when="2026-02-01"))

    assert [aside.rule for aside in surgical.ignored] == ["DQ03"]
    assert surgical.data_quality == ()


def test_a_level_code_of_the_same_day_refines_too(knowledge) -> None:
    operation = only(found(knowledge, done("V38.5", when="2026-01-10"), done("V55.2", when="2026-01-10")))

    assert operation.level_count == 2


def test_a_later_operation_of_no_known_place_stands_beside_the_first(knowledge) -> None:
    surgical = found(knowledge, done("22612", when="2026-01-10"), done("63707", when="2026-02-01"))

    assert [one.surgery_type for one in surgical.operations] == ["LUM_FUS", "UNKNOWN_SPINE"]


def test_codes_of_one_month_without_a_day_are_one_operation(knowledge) -> None:
    operation = only(found(knowledge, *(done(code, when=month("2026-01", 31)) for code in ("22633", "22840"))))

    assert (operation.surgery_type, operation.instrumented, operation.date) == ("LUM_FUS", True, date(2026, 1, 31))


def test_a_vague_entry_of_another_month_is_another_operation(knowledge) -> None:
    surgical = found(knowledge, done("63030", when=month("2025-11", 30)), done("63030", when="2026-02-05"))

    assert only(surgical).revision is True


def test_two_vague_entries_stay_two(knowledge) -> None:
    surgical = found(knowledge, done("63030", when=month("2025-11", 30)), done("63030", when=month("2025-12", 31)))

    assert only(surgical).revision is True


def test_old_and_recent_operations_far_apart_in_time_do_not_merge(knowledge) -> None:
    surgical = found(knowledge, done("63030", when="2022-01-01"), done("63030", when="2026-02-05"))

    assert [one.permanent_blocks_only for one in surgical.operations] == [True, False]


def test_a_decompression_healed_before_hardware_removal_is_gone(knowledge) -> None:
    operation = only(found(knowledge, done("63047", when="2024-12-01"), done("0SP004Z", when="2026-02-01")))

    assert operation.surgery_type == "HW_REM"


def test_the_age_is_not_asked_without_a_birth_date_or_a_date(knowledge) -> None:
    born = Patient("Patient/1", birth_date=day("2012-01-01"))

    assert only(found(knowledge, done("22612"), patient=born)).surgery_type == "LUM_FUS"
    assert (
        only(found(knowledge, done("22612", when="2026-02-01"), patient=Patient("Patient/1"))).surgery_type == "LUM_FUS"
    )


def test_a_tumour_told_by_words_counts(knowledge) -> None:
    condition = Condition("Condition/1", Concept(text="Metastasis of the lumbar spine"), "active")

    operation = only(found(knowledge, done("63047", when="2026-02-01"), conditions=(condition,)))

    assert operation.surgery_type == "TUMOUR"


def test_an_unknown_operation_of_a_tumour_patient_is_a_tumour_operation(knowledge) -> None:
    operation = only(found(knowledge, done("63046", when="2026-02-01"), conditions=(tumour(),)))

    assert operation.surgery_type == "TUMOUR"


def test_a_bone_metastasis_that_names_the_spine_too_counts(knowledge) -> None:
    condition = tumour(text="Metastases of femur and vertebra")

    assert only(found(knowledge, done("22612", when="2026-02-01"), conditions=(condition,))).surgery_type == "TUMOUR"


def test_the_order_of_the_procedures_changes_nothing(knowledge) -> None:
    chart = [
        done("22558", when="2026-02-01"), done("22612", when="2026-02-10"), done("63030", when="2025-06-01"),
        done("22551", when="2024-02-01"), done(text="L4-S1 fusion", when="2026-02-10"), done("V55.2", when="2026-02-10"),
    ]  # fmt: skip

    assert found(knowledge, *chart) == found(knowledge, *reversed(chart))


def test_the_shipped_rules_give_the_severity(knowledge) -> None:
    surgical = found(knowledge, done("22612"))

    assert surgical.data_quality[0].severity.value == "warning"


def test_a_tumour_code_needs_no_diagnosis(knowledge) -> None:
    assert only(found(knowledge, done("63277", when="2026-02-01"))).surgery_type == "TUMOUR"


def test_words_of_a_tumour_elsewhere_and_other_reasons_change_nothing(knowledge) -> None:
    conditions = (Condition("Condition/1", Concept(text="Tumour of the pancreas"), "active"),)
    reasons = (Concept(text="Back pain"), Concept((Coding(CM, "M54.50"),)))

    operation = only(found(knowledge, done("22612", when="2026-02-01", reasons=reasons), conditions=conditions))

    assert operation.surgery_type == "LUM_FUS"


def test_two_codes_of_one_day_that_name_no_place_are_one_operation(knowledge) -> None:
    surgical = found(knowledge, done("22840", when="2026-02-01"), done("22842", when="2026-02-01"))

    assert only(surgical).region is None
    assert len(only(surgical).procedures) == 2


def test_a_title_that_several_procedures_share_is_read_once(knowledge, monkeypatch) -> None:
    texts: list[str] = []
    read_text = spoken.read_text
    monkeypatch.setattr(spoken, "read_text", lambda text, words: texts.append(text) or read_text(text, words))

    surgical = found(knowledge, *[done(when="2026-02-01", text="Lumbar fusion L4-L5") for _ in range(3)])

    assert only(surgical).levels == ("L4-L5",)
    assert texts == ["Lumbar fusion L4-L5"]


def test_nothing_of_one_chart_is_kept_for_the_next(knowledge) -> None:
    surgery = knowledge.surgery
    surgery.words.outlines.clear()
    surgery.conclusions.clear()

    for code, text in (
        ("22612", "Zyxfusion Quux, Lumbar fusion L4-L5 12345"),
        ("44950", "Appendectomy Zyxfusion Quux"),
    ):
        found(knowledge, done(code, when="2026-02-01", text=text, reference="Procedure/Quux"))

    kept = repr((surgery.words.outlines, surgery.conclusions)).lower()
    assert surgery.words.outlines and surgery.conclusions
    assert not [word for word in ("quux", "zyx", "12345", "2026", "appendectomy") if word in kept]


def test_what_is_kept_has_an_end() -> None:
    kept = Kept(2)

    for number in range(5):
        kept.keep(number, -number)

    assert kept == {4: -4}


CODES = (
    "22612",
    "22633",
    "22840",
    "22551",
    "63030",
    "22214",
    "62323",
    "22899",
    "0SG00A0",
    "V25.4",
    "V55.1",
    "99213",
    "22513",
)
TITLES = (
    "TLIF L4-L5", "Pedicle screws L4/5", "ACDF C5-6", "Lumbar fusion", "Revision of fusion L5-S1", "Planned TLIF L4-5",
    "Colonoscopy", "Laminectomy T10", "No surgery was done", "Lumbar microdiscectomy", "Two-level fusion",
    "Family history: fusion of the lumbar spine", "Physiotherapy after fusion", "word " * 30,
)  # fmt: skip
PROCEDURES = some.builds(
    done,
    some.sampled_from(CODES),
    some.sampled_from(CODES),
    when=some.sampled_from(["2026-02-01", "2026-02-02", "2025-02-01", "2026-12-01", None]),
    text=some.sampled_from((*TITLES, None)),
    status=some.sampled_from(["completed", "completed", "completed", "not-done", "on-hold", "unknown", None]),
    reference=some.sampled_from([f"Procedure/{number}" for number in range(4)]),
    body_sites=some.sampled_from([(), (), (), (Concept(text="Lumbar spine"),)]),
    category=some.sampled_from([(), (), (Concept((Coding("http://snomed.info/sct", "363679005"),)),)]),
)


@given(some.lists(PROCEDURES, min_size=1, max_size=4, unique_by=lambda one: one.reference))
@settings(max_examples=400, deadline=None, derandomize=True, database=None)
def test_a_glance_finds_what_the_whole_reading_finds(knowledge, procedures) -> None:
    at_a_glance = found(knowledge, *procedures)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(episodes, "glance_at", lambda procedure, surgery: None)
        whole = found(knowledge, *procedures)

    assert at_a_glance == whole
    assert repr(at_a_glance) == repr(whole)


def test_a_code_of_a_system_we_do_not_know_counts_beside_words_of_the_spine(knowledge) -> None:
    coding = Coding("http://hospital.example.org/codes", "22633")

    told, not_told = (
        found(knowledge, Procedure("Procedure/1", "completed", Concept((coding,), text), day("2026-02-01")))
        for text in ("TLIF L4-L5", "Appendectomy")
    )

    assert only(told).surgery_type == "LUM_FUS"
    assert not_told.operations == ()


def test_two_procedures_that_conflict_only_together_are_told_so(knowledge) -> None:
    parts = [done(code, when="2026-02-01", text="Lumbar fusion L4-L5") for code in ("22612", "22614")]

    assert [only(found(knowledge, one)).conflicts for one in parts] == [(), ()]
    assert only(found(knowledge, *parts)).conflicts == (
        "the codes count 2 levels, the words 1: the larger number holds",
    )


def test_sentences_are_told_when_they_are_read_and_equal_what_they_tell() -> None:
    asked: list[int] = []
    sentences = Sentences(lambda: asked.append(1) or ("one", "two"))

    assert asked == []
    assert sentences == ("one", "two") == sentences and sentences == Sentences(lambda: ("one", "two"))
    assert (sentences[0], sentences[1:], len(sentences), list(sentences)) == ("one", ("two",), 2, ["one", "two"])
    assert hash(sentences) == hash(("one", "two")) and repr(sentences) == "('one', 'two')"
    assert asked == [1]
