"""The inside story: which lists, which reasons, in the dossier's order of decision."""

from __future__ import annotations

import json
import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from cds_service.clinical.advise import advise
from cds_service.clinical.operation import Basis, DataQuality
from cds_service.knowledge.model import Effect, Severity
from cds_service.patient.finding import Evidence
from cds_service.patient.record import Concept, Order, PatientRecord, Procedure, Unreadable
from tests.builders import CARDS, TODAY, PatientBuilder, a_concept, a_day, a_moment, a_patient, knowledge
from tests.changed import replace

SHARED = Path(os.environ.get("SPINE_CDS_SHARED", CARDS.parent.parent / "shared"))
UNIVERSAL = {exercise.id for exercise in knowledge().exercises.values() if exercise.universal}
HEALED = a_concept("loinc", "39123-5", "Wound status")


def _ids(items) -> set[str]:
    return {item.exercise for item in items}


def _held(advice, exercise: str):
    return next(item for item in advice.withheld if item.exercise == exercise)


def _healed(patient: PatientBuilder) -> PatientBuilder:
    return patient.observed(HEALED, Concept((), "healed and dry"), days_ago=1)


def _tables() -> dict:
    file = SHARED / "clinical" / "tables.json"
    if not file.exists():
        pytest.skip(f"the shared tables are not here: {file}")
    return json.loads(file.read_text())


@pytest.mark.parametrize("surgery_type", sorted(knowledge().protocols))
def test_every_list_is_the_matrix_of_the_dossier(surgery_type: str) -> None:
    tables = _tables()
    column = tables["protocols"].index(surgery_type)

    for week in (0, 1, 2, 4, 6, 7, 8, 10, 12, 16, 26, 52, 60):
        patient = a_patient().after(surgery_type, weeks=week)
        advice = (_healed(patient) if week else patient).advice()
        plain, supervised = set(), set()
        for row in tables["exercises"]:
            cell = str(row["row"][column])
            if (
                cell in ("NV", "SC")
                or int(cell.rstrip("s")) > week
                or row["id"] == "contact_sport"
                and cell.endswith("s")
            ):
                continue
            (supervised if cell.endswith("s") else plain).add(row["id"])

        assert _ids(advice.exercises) == plain, (surgery_type, week)
        assert _ids(advice.supervised) == supervised, (surgery_type, week)


def test_every_exercise_stands_in_exactly_one_list() -> None:
    for patient in (
        a_patient().after("LUM_FUS", days=49),
        a_patient().after("LUM_FUS", days=49).measured("temperature", 39.5),
        a_patient().after("LUM_DISC", days=None),
        a_patient().after("TUMOUR", days=90).has("icd10cm", "M81.0"),
    ):
        advice = patient.advice()
        everything = [item.exercise for item in (*advice.exercises, *advice.supervised, *advice.withheld)]

        assert sorted(everything) == sorted(knowledge().exercises)


def test_week_is_read_on_its_first_day() -> None:
    before, on = (a_patient().after("LUM_FUS", days=days).advice() for days in (41, 42))

    assert "bridge" not in _ids(before.exercises)
    assert _held(before, "bridge").because.startswith("from week 6 after")
    assert "bridge" in _ids(on.exercises)


def test_never_and_clearance_are_said_as_such() -> None:
    advice = a_patient().after("LUM_FUS", weeks=60).advice()

    assert _held(advice, "sit_up_crunch").because.startswith("never after")
    assert _held(advice, "contact_sport").because == "needs the surgeon's clearance"
    assert _ids(advice.clearance) == {"contact_sport"}
    assert {item.rule for item in advice.withheld} == {"MATRIX"}


def test_contact_sport_before_its_week_waits_for_week_and_clearance() -> None:
    held = _held(a_patient().after("LUM_DISC", weeks=11).advice(), "contact_sport")

    assert (held.from_week, held.rule) == (12, "MATRIX")
    assert "clearance" in held.because


# ---- effects of alerts


def test_stop_all_leaves_no_list_and_no_order() -> None:
    advice = a_patient().after("LUM_FUS", days=49).measured("temperature", 39.0).advice()

    assert advice.effect is Effect.STOP_ALL
    assert not advice.exercises and not advice.supervised and not advice.programme and not advice.clearance
    assert _held(advice, "walking_short").rule == "RF10"
    assert _held(advice, "dead_bug").rule == "MATRIX"
    assert "stops all exercise" in advice.order_refusal


def test_baseline_only_leaves_the_universal_set() -> None:
    advice = a_patient().after("LUM_FUS", days=49).measured("temperature", 38.2).advice()

    assert advice.effect is Effect.BASELINE_ONLY
    assert _ids(advice.exercises) == UNIVERSAL
    assert _held(advice, "bridge").rule == "RF10"
    assert advice.plans[0].next_test is None and advice.no_progression


def test_removes_add_up_over_rules() -> None:
    advice = a_patient().after("LUM_DISC", weeks=30).has("icd10cm", "M81.0").measured("inr", 4.5).advice()

    assert {"RF29", "RF16"} == {_held(advice, one).rule for one in ("cat_camel", "jogging", "gym_resistance")}
    assert _held(advice, "gym_resistance").rule == "RF16"
    assert _held(advice, "cat_camel").rule == "RF29"


def test_no_progression_keeps_the_list_and_says_nothing_of_the_next_phase() -> None:
    quiet, sore = (a_patient().after("LUM_FUS", days=49).measured("pain", value).advice() for value in (3, 5))

    assert _ids(quiet.exercises) == _ids(sore.exercises)
    assert quiet.plans[0].next_test is not None
    assert sore.plans[0].next_test is None


def test_failed_fusion_removes_and_holds() -> None:
    advice = a_patient().after("LUM_FUS", weeks=30).has("icd10cm", "M96.0").advice()

    assert advice.effect is Effect.REMOVE and advice.no_progression
    assert _held(advice, "band_rows").rule == "RF26"


def test_worst_effect_counts_and_all_alerts_are_listed_worst_first() -> None:
    advice = (
        a_patient()
        .after("LUM_FUS", days=49)
        .measured("pain", 5)
        .measured("heart_rate", 125)
        .has("icd10cm", "M81.0")
        .advice()
    )

    assert [alert.rule for alert in advice.alerts] == ["RF18", "RF29", "RF22"]
    assert advice.effect is Effect.BASELINE_ONLY


def test_fall_risk_moves_balance_stairs_and_what_is_not_done_alone_to_the_supervised_list() -> None:
    advice = a_patient().after("LUM_DISC", weeks=8).has("icd10cm", "Z91.81").advice()

    moved = {
        "single_leg_stance",
        "tandem_balance",
        "stairs_practice",
        "step_ups",
        "mini_lunge",
        "sit_to_stand",
        "heel_raises",
    }
    assert moved <= _ids(advice.supervised)
    assert not moved & _ids(advice.exercises)
    assert next(item for item in advice.supervised if item.exercise == "step_ups").caution == "RF40"


def test_an_exercise_may_be_taken_away_by_name() -> None:
    advice = (
        a_patient()
        .after("LUM_FUS", weeks=8, approach="lateral", technique="LLIF")
        .has(None, None, "knee gives way")
        .advice()
    )

    assert _held(advice, "supine_march").rule == "RF38"


# ---- shifts


def test_osteoporosis_moves_resistance_four_weeks_when_there_is_an_implant() -> None:
    with_implant = a_patient().after("LUM_FUS", days=49).has("icd10cm", "M81.0", days_ago=900).advice()
    held = _held(with_implant, "band_rows")

    assert (held.rule, held.from_week) == ("RF29", 10)
    assert "4 weeks later" in held.because
    assert "band_rows" in _ids(a_patient().after("LUM_FUS", weeks=10).has("icd10cm", "M81.0").advice().exercises)
    assert "band_rows" in _ids(a_patient().after("LUM_DISC", weeks=6).has("icd10cm", "M81.0").advice().exercises)


def test_two_reasons_for_weak_bone_shift_once() -> None:
    advice = a_patient().after("LUM_FUS", days=49).has("icd10cm", "M81.0").has("icd10cm", "Z79.52").advice()

    assert _held(advice, "band_rows").from_week == 10


def test_ladder_shift_and_tag_shift_add_up() -> None:
    advice = a_patient().after("LUM_FUS", weeks=13, level_count=3).has("icd10cm", "M81.0").advice()

    assert _held(advice, "band_rows").from_week == 14
    assert "bridge" in _ids(advice.exercises)


def test_a_shifted_ladder_never_takes_week_0_away() -> None:
    advice = a_patient().after("LUM_FUS", weeks=1, level_count=3).advice()

    assert _ids(advice.exercises) >= UNIVERSAL
    assert advice.operations[0].effective_week == 0


def test_an_exercise_that_waits_for_the_shift_names_it() -> None:
    advice = a_patient().after("LUM_FUS", weeks=7, level_count=3).advice()

    assert (_held(advice, "bridge").rule, _held(advice, "bridge").from_week) == ("RF45", 10)
    assert _held(advice, "dead_bug").rule == "MATRIX"
    assert advice.operations[0].phase.id == "P1"


# ---- pool


def test_pool_waits_for_a_healed_wound_before_week_12_and_says_so() -> None:
    open_question = a_patient().after("LUM_DISC", weeks=8).advice()
    healed = _healed(a_patient().after("LUM_DISC", weeks=8)).advice()

    assert _held(open_question, "water_walking").rule == "RF43"
    assert not [alert for alert in open_question.alerts if alert.rule == "RF43"]
    assert open_question.effect is None
    assert "water_walking" in _ids(healed.exercises)


def test_pool_is_not_asked_about_before_its_week() -> None:
    assert _held(a_patient().after("LUM_DISC", weeks=3).advice(), "water_walking").rule == "MATRIX"


def test_pool_is_free_from_week_12_unless_the_wound_is_bad() -> None:
    free = a_patient().after("LUM_DISC", weeks=12).advice()
    bad = a_patient().after("LUM_DISC", weeks=12).has("snomed", "429494008").advice()

    assert "swimming" in _ids(free.exercises)
    assert _held(bad, "swimming").rule == "RF08"


@pytest.mark.parametrize(
    "said", ["not healed", "healed and dry"], ids=["said not to be healed", "healed, then a wound problem"]
)
def test_pool_stays_closed_when_healing_is_denied_or_overtaken(said: str) -> None:
    patient = a_patient().after("LUM_DISC", weeks=8).observed(HEALED, Concept((), said), days_ago=5)
    patient = patient.has("snomed", "429494008", days_ago=1) if said == "healed and dry" else patient

    assert "water_walking" not in _ids(patient.advice().exercises)


def test_an_abdominal_wound_waits_with_abdominal_contraction_until_week_2() -> None:
    front = {"approach": "anterior", "technique": "ALIF"}

    assert _held(a_patient().after("LUM_FUS", days=13, **front).advice(), "ta_activation").rule == "AP01"
    assert "ta_activation" in _ids(a_patient().after("LUM_FUS", days=14, **front).advice().exercises)
    assert "ta_activation" in _ids(a_patient().after("LUM_FUS", days=3).advice().exercises)


# ---- several operations


def test_two_regions_must_both_allow_each_by_its_own_week() -> None:
    advice = a_patient().after("LUM_DISC", weeks=20).after("CRV_ACDF", weeks=7).advice()

    assert _held(advice, "neck_rolls").because.startswith("never after")
    assert _held(advice, "chin_tuck_nod").from_week == 8
    assert "dead_bug" not in _ids(advice.exercises)
    assert len(advice.plans) == 2


def test_the_later_day_decides_when_both_operations_say_not_yet() -> None:
    advice = a_patient().after("LUM_DISC", weeks=2).after("CRV_ACDF", weeks=10).advice()

    held = _held(advice, "sit_up_crunch")
    assert (held.from_week, held.because) == (26, "from week 26 after anterior cervical discectomy and fusion")


def test_what_an_old_fusion_forbids_stays_forbidden() -> None:
    advice = a_patient().after("HW_REM", weeks=30).after("LUM_FUS", weeks=300, permanent_blocks_only=True).advice()

    assert _held(advice, "sit_up_crunch").because.startswith("never after")
    assert "overhead_press" in _ids(advice.exercises)
    assert [operation.surgery_type for operation in advice.operations] == ["HW_REM"]


def test_a_fusion_whose_approach_is_not_told_gets_both_limits() -> None:
    both = a_patient().after("CRV_PFUS", weeks=13, also_types=("CRV_ACDF",)).advice()

    assert "cervical_arom_flex_ext" in _ids(both.supervised)
    assert [plan.protocol.id for plan in both.plans] == ["CRV_PFUS"]
    assert a_patient().after("CRV_PFUS", days=5, also_types=("CRV_ACDF",)).has("snomed", "70407001").fires("RF04")


def test_rules_are_asked_of_each_operation_and_the_worst_answer_stays() -> None:
    advice = a_patient().after("LUM_DISC", weeks=20).after("CRV_ACDF", days=5).has("snomed", "70407001").advice()

    assert [alert.rule for alert in advice.alerts].count("RF04") == 1


# ---- what is known too little


def test_no_operation_gives_nothing_to_say() -> None:
    advice = a_patient().advice()

    assert not advice.relevant and not advice.alerts and not advice.withheld


def test_no_date_gives_no_week_and_no_list() -> None:
    advice = a_patient().after("LUM_FUS").advice()

    assert not advice.exercises and not advice.supervised
    assert _held(advice, "walking_short").rule == "DQ06"
    assert advice.plans[0].phase is None and advice.operations[0].effective_week is None
    assert "date of the operation" in advice.order_refusal


@pytest.mark.parametrize(
    ("basis", "text_type", "rule"),
    [(Basis.CODED, None, "DQ04"), (Basis.TEXT, "LUM_DISC", "DQ05"), (Basis.TEXT, None, "DQ05")],
)
def test_an_unconfirmed_operation_gives_the_universal_set(basis: Basis, text_type: str | None, rule: str) -> None:
    advice = a_patient().after("UNKNOWN_SPINE", weeks=20, basis=basis, text_type=text_type).advice()

    assert _ids(advice.exercises) == UNIVERSAL
    assert _held(advice, "bridge").rule == rule
    assert advice.order_refusal
    assert advice.effect is None


def test_a_type_without_a_protocol_is_treated_as_unknown() -> None:
    draftless = replace(knowledge(), protocols={"UNKNOWN_SPINE": knowledge().protocols["UNKNOWN_SPINE"]})
    advice = a_patient().after("LUM_FUS", weeks=20).advice(draftless)

    assert _ids(advice.exercises) == UNIVERSAL


def test_an_old_operation_gives_general_advice_only() -> None:
    noted = DataQuality("DQ08", Severity.INFO, "the operation is old")
    advice = a_patient().after("LUM_FUS", weeks=105).but(data_quality=(noted,)).advice()

    assert _ids(advice.exercises) == UNIVERSAL
    assert _held(advice, "bridge").rule == "DQ08"
    assert _held(advice, "sit_up_crunch").rule == "MATRIX"
    assert "long past" in advice.order_refusal


def test_cancer_in_the_spine_puts_the_tumour_protocol_in_place() -> None:
    advice = a_patient().after("LUM_FUS", weeks=30).has("icd10cm", "C79.51").advice()

    assert advice.operations[0].surgery_type == "TUMOUR"
    assert _ids(advice.exercises) == UNIVERSAL
    assert _held(advice, "bridge").rule == "RF34"


@pytest.mark.parametrize("surgery_type", ["DEF_ADULT", "DEF_PED", "THX_FUS", "HW_REM", "TUMOUR"])
def test_some_lists_are_agreed_with_the_surgeon_and_never_ordered(surgery_type: str) -> None:
    advice = a_patient().after(surgery_type, weeks=30).advice()

    assert advice.exercises and advice.order_refusal


def test_a_two_stage_plan_is_not_ordered() -> None:
    assert "stages" in a_patient().after("LUM_FUS", weeks=30, staged=True).advice().order_refusal


def test_an_ordinary_patient_may_be_given_an_order() -> None:
    assert a_patient().after("LUM_FUS", weeks=7).advice().order_refusal is None


def test_vital_signs_that_nobody_took_are_unknown_not_normal() -> None:
    unknown = {one.rule: one for one in a_patient().after("LUM_FUS", weeks=7).advice().unknown}

    assert {unknown[rule].group for rule in ("RF10", "RF17", "RF18", "RF19", "RF20")} == {"vital signs"}
    assert all(unknown[rule].matters for rule in ("RF10", "RF17", "RF18", "RF19", "RF20"))
    assert not unknown["RF12" if "RF12" in unknown else "RF15"].matters


def test_a_problem_list_that_could_not_be_had_is_told_once_for_all_rules() -> None:
    unknown = a_patient().after("LUM_FUS", weeks=7).without("conditions").advice().unknown

    assert {one.group for one in unknown if one.rule in ("RF01", "RF02", "RF09", "RF29")} == {"problem list"}


def test_observations_that_could_not_be_had_are_told() -> None:
    unknown = {one.rule: one for one in a_patient().after("LUM_FUS", weeks=7).without("observations").advice().unknown}

    assert unknown["RF10"].group == "observations"


def test_a_worse_grade_that_could_not_be_asked_is_told_beside_the_milder_one() -> None:
    advice = a_patient().after("CRV_ACDF", days=5).has("icd10cm", "R13.10").advice()
    unknown = [one for one in advice.unknown if one.rule == "RF05"]

    assert unknown and not unknown[0].matters
    assert "temperature" in unknown[0].because


def test_an_unknown_window_does_not_silence_a_red_flag() -> None:
    alert = a_patient().after("CRV_ACDF").has("snomed", "70407001", days_ago=0).alert("RF04")

    assert alert.effect is Effect.STOP_ALL
    assert "date of the operation is not recorded" in alert.because


def test_losing_a_fact_makes_the_rule_unknown() -> None:
    patient = a_patient().after("LUM_FUS", weeks=7).measured("heart_rate", 135)

    assert patient.says("RF18") == "critical STOP_ALL"
    assert patient.but(observations=()).says("RF18") == "unknown"


# ---- quality of the data


@pytest.mark.parametrize(
    ("patient", "rule", "words"),
    [
        (a_patient().after("LUM_FUS", weeks=7).measured("temperature", 38.4, None), "DQ09", "without a unit"),
        (a_patient().after("LUM_FUS", weeks=7).measured("temperature", 38.4, "mg"), "DQ09", "cannot be in"),
        (a_patient().after("LUM_FUS", weeks=7).measured("crp", 50, days_ago=50), "DQ10", "before the operation"),
        (a_patient().after("LUM_FUS", weeks=7).measured("pain", 9, days_ago=-1), "DQ10", "after the day asked about"),
        (a_patient().after("LUM_FUS", weeks=7).measured("pain", 9, days_ago=8), "DQ11", "older than 7 days"),
        (a_patient().after("LUM_FUS", weeks=7).measured("pain", 9, when=None), "DQ11", "no date"),
        (a_patient().after("LUM_FUS", weeks=7).born(None), "DQ12", "adult defaults"),
    ],
)
def test_what_is_wrong_with_the_data_is_said(patient: PatientBuilder, rule: str, words: str) -> None:
    advice = patient.advice()
    found = [one for one in advice.data_quality if one.rule == rule]

    assert len(found) == 1
    assert words in found[0].because
    assert not [alert for alert in advice.alerts if alert.rule in ("RF10", "RF11", "RF22")]


def test_an_old_value_beside_a_fresh_one_is_not_worth_a_word() -> None:
    advice = a_patient().after("LUM_FUS", weeks=7).measured("pain", 9, days_ago=20).measured("pain", 2).advice()

    assert not [one for one in advice.data_quality if one.rule == "DQ11"]


# ---- what goes with the list


def test_restrictions_are_those_of_the_week() -> None:
    said = [say for _, say in a_patient().after("LUM_FUS", weeks=7).advice().plans[0].restrictions]

    assert "lift up to 4.5 kg (10 lb)" in said


def test_the_programme_is_small_balanced_and_walks() -> None:
    for week in (0, 3, 7, 13, 30):
        advice = a_patient().after("LUM_DISC", weeks=week).advice()
        categories = [knowledge().exercises[one.exercise].category for one in advice.programme]

        assert len(advice.programme) <= 8
        assert "walking" in categories
        assert {one.exercise for one in advice.programme} <= _ids(advice.exercises)
        assert max(categories.count(category) for category in categories) <= 2
        assert ("breathing" in categories) == ("circulation" in categories) == (week < 2)


def test_the_newest_unlocked_comes_first() -> None:
    programme = _ids(a_patient().after("LUM_FUS", weeks=12).advice().programme)

    assert programme & {"dead_bug", "bird_dog", "front_plank", "pallof_press"}
    assert not programme & {"quad_sets", "ankle_pumps"}


def test_a_new_exercise_starts_at_its_lowest_dose_and_grows() -> None:
    doses = {}
    for week in (6, 8):
        advice = a_patient().after("LUM_FUS", weeks=week).advice()
        doses[week] = next(one.dose for one in advice.exercises if one.exercise == "band_rows")

    assert doses[6] == "2 sets of 10, 3 days a week"
    assert doses[8] == knowledge().exercises["band_rows"].dose


def test_age_keeps_the_dose_low() -> None:
    advice = a_patient().after("LUM_DISC", weeks=20).aged(80).advice()

    assert next(one.dose for one in advice.exercises if one.exercise == "band_rows") == "2 sets of 10, 3 days a week"
    assert "RF42" in [modifier.rule for modifier in advice.modifiers]


def test_the_surgeons_own_instruction_is_shown_and_opens_nothing() -> None:
    order = Order(
        "ServiceRequest/1", "ServiceRequest", "active", when=a_day(TODAY),
        notes=("Cleared for contact sport", "Cleared for contact sport", "sugar-free diet"),
    )  # fmt: skip
    elsewhere = replace(order, reference="Goal/1", kind="Goal")
    revoked = replace(order, reference="ServiceRequest/2", status="revoked")
    tomorrow = replace(order, reference="ServiceRequest/3", when=a_day(date(2026, 5, 21)))
    undated = replace(order, reference="CarePlan/1", kind="CarePlan", when=None)
    advice = a_patient().after("LUM_DISC", weeks=20).but(orders=(order, elsewhere, revoked, tomorrow, undated)).advice()

    assert advice.surgeon_instructions == (
        Evidence("ServiceRequest/1", "instruction", value="Cleared for contact sport", date="2026-05-20"),
        Evidence("CarePlan/1", "instruction", value="Cleared for contact sport"),
    )
    assert "contact_sport" in _ids(advice.clearance)


def test_instructions_need_their_list_of_words() -> None:
    wordless = replace(knowledge(), codelists={})
    order = Order("CarePlan/1", "CarePlan", "active", notes=("walk",))

    assert a_patient().after("LUM_DISC", weeks=20).but(orders=(order,)).advice(wordless).surgeon_instructions == ()


def test_a_local_protocol_is_named_where_it_took_part() -> None:
    local = replace(
        knowledge(), overlaid={"LUM_DISC.first_weeks.bridge": "Ward 3", "CRV_CDA.first_weeks.bridge": "Ward 4"}
    )

    assert a_patient().after("LUM_DISC", weeks=20).advice(local).local_protocols == ("Ward 3",)


def test_advice_on_a_record_finds_its_operations_by_itself() -> None:
    fused = Procedure(
        "Procedure/1", "completed", a_concept("http://www.ama-assn.org/go/cpt", "22612"), a_day(date(2026, 4, 1))
    )
    advice = advise(PatientRecord(procedures=(fused,)), knowledge(), TODAY)

    assert [operation.surgery_type for operation in advice.operations] == ["LUM_FUS"]
    assert advice.operations[0].completed_week == 7


def test_no_exercise_left_means_nothing_to_order() -> None:
    patient = a_patient().after("LUM_DISC", weeks=0)
    everything = replace(
        knowledge(), exercises={key: one for key, one in knowledge().exercises.items() if not one.universal}
    )
    none_left = replace(everything, exercises={"jogging": everything.exercises["jogging"]})

    assert patient.advice(none_left).order_refusal == "no exercise fits today"


def test_reasons_say_nothing_twice_and_give_times_as_people_write_them() -> None:
    moment = datetime(2026, 5, 20, 6, 40, tzinfo=UTC)
    patient = a_patient().after("LUM_FUS", weeks=7).has("icd10cm", "T81.41XA", "Superficial infection", days_ago=1)
    advice = patient.measured("temperature", 101.5, "[degF]", when=a_moment(moment)).advice()

    because = {alert.rule: alert.because for alert in advice.alerts}
    assert because["RF10"].endswith("temperature 38.61 °C (2026-05-20 06:40)")
    parts = because["RF08"].split("; ")
    assert len(parts) == len(set(parts))


@pytest.mark.parametrize(
    ("where", "may_hide"),
    [("Bundle.entry[3]", True), ("prefetch.procedures.entry[0]", True), ("prefetch.observations.entry[0]", False)],
)
def test_an_entry_of_no_type_may_hide_an_operation_unless_it_stood_among_other_data(where: str, may_hide: bool) -> None:
    unread = Unreadable(where, None, "no resource", skipped=True)

    advice = advise(PatientRecord(procedures=(), unreadable=(unread,)), knowledge(), TODAY)

    assert advice.may_hide_an_operation is may_hide


def test_what_is_held_back_opens_on_the_day_counted_from_this_patients_operation() -> None:
    for days in (44, 46, 48):
        advice = a_patient().after("LUM_FUS", days=days).advice()
        sport = next(one for one in advice.withheld if one.exercise == "golf_rotation_sport")

        assert advice.opening_day(sport) == TODAY + timedelta(weeks=26, days=-days)


def test_what_nobody_can_date_opens_on_no_day() -> None:
    for patient in (a_patient().after("LUM_FUS", weeks=8), a_patient().after("LUM_FUS")):
        advice = patient.advice()

        never = [one for one in advice.withheld if not one.waits]
        assert never and {advice.opening_day(one) for one in never} == {None}
