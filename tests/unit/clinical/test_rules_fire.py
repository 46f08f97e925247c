"""Every safety rule of cards/safety: fires, stays silent, and both sides of (and on) every threshold."""

from __future__ import annotations

import pytest

from cds_service.patient.record import Concept, Quantity
from tests.builders import PatientBuilder, a_concept, a_patient

STOP = "critical STOP_ALL"
BASE = "warning BASELINE_ONLY"
FUSION = a_patient().after("LUM_FUS", days=49)
DISC = a_patient().after("LUM_DISC", days=20)
ACDF = a_patient().after("CRV_ACDF", days=5)
_RESIDUAL = Concept((), "Post-void residual")


def _on_day(days: int, surgery_type: str = "LUM_DISC", **facts) -> PatientBuilder:
    return a_patient().after(surgery_type, days=days, **facts)


def _retention(days: int, residual: float | None) -> PatientBuilder:
    patient = _on_day(days).has("icd10cm", "R33.9", "Retention of urine")
    return patient if residual is None else patient.observed(_RESIDUAL, Quantity(residual, "mL"))


@pytest.mark.parametrize(
    ("patient", "says"),
    [
        (DISC.has("icd10cm", "G83.4"), STOP),
        (DISC.has("snomed", "192970008", days_ago=None), STOP),
        (DISC.has("icd10cm", "R32", days_ago=1), STOP),
        (DISC.has("icd10cm", "R32", days_ago=21), None),
        (DISC.has("icd10cm", "R32", days_ago=20), STOP),
        (DISC.has("icd10cm", "R32", days_ago=None), None),
        (DISC.has("icd10cm", "R15.9"), STOP),
        (DISC.has("icd10cm", "R20.0", "Anesthesia of skin"), STOP),
        (DISC.has("icd10cm", "R20.0", "Anesthesia of skin of left hand"), None),
        (DISC.has(None, None, "saddle anaesthesia"), STOP),
        (DISC.has(None, None, "no saddle anaesthesia"), None),
        (DISC.observed(_RESIDUAL, Quantity(201, "mL")), STOP),
        (DISC.observed(_RESIDUAL, Quantity(200, "mL")), None),
        (_retention(3, 100), STOP),
        (_retention(2, 200), BASE),
        (_retention(2, 201), STOP),
        (_retention(2, None), STOP),
        (_retention(2, 100).has("snomed", "6077001"), STOP),
        (ACDF.has("icd10cm", "G83.4"), None),
        (a_patient().after("UNKNOWN_SPINE", days=9).has("icd10cm", "G83.4"), STOP),
        (a_patient().after("UNKNOWN_SPINE", days=9, text_type="CRV_ACDF").has("icd10cm", "G83.4"), STOP),
    ],
)
def test_rf01_cauda_equina(patient: PatientBuilder, says: str | None) -> None:
    assert patient.fires("RF01") == says


@pytest.mark.parametrize(
    ("patient", "says"),
    [
        (DISC.has("snomed", "6077001"), STOP),
        (DISC.has("icd10cm", "M21.372"), STOP),
        (DISC.has("icd10cm", "M21.371", days_ago=300), None),
        (DISC.has("icd10cm", "M21.371", days_ago=None), "unknown"),
        (DISC.has("icd10cm", "M21.371", verification_status="refuted"), None),
        (DISC.has("icd10cm", "M21.371", clinical_status="resolved"), None),
        (DISC.without("conditions"), "unknown"),
        (DISC.observed(a_concept("snomed", "6077001", "Foot drop"), True), STOP),
        (DISC.observed(a_concept("snomed", "6077001", "Foot drop"), False), None),
    ],
)
def test_rf02_new_weakness(patient: PatientBuilder, says: str | None) -> None:
    assert patient.says("RF02") == says


def test_rf01_undated_incontinence_is_said_to_be_unknown() -> None:
    unknown = [one for one in DISC.has("icd10cm", "R32", days_ago=None).advice().unknown if one.rule == "RF01"]

    assert "before or after the operation" in unknown[0].because


def test_rf02_thinks_of_a_haematoma_in_the_first_two_weeks_only() -> None:
    early, late = (_on_day(days).has("snomed", "6077001").alert("RF02") for days in (14, 15))

    assert "epidural haematoma" in early.say
    assert "epidural haematoma" not in late.say


@pytest.mark.parametrize(
    ("patient", "says"),
    [
        (_on_day(14).has("snomed", "385494008"), STOP),
        (_on_day(15).has("snomed", "385494008"), None),
        (_on_day(3).measured("pain", 5, days_ago=1).measured("pain", 8), STOP),
        (_on_day(3).measured("pain", 6, days_ago=1).measured("pain", 8), None),
        (_on_day(3).measured("pain", 4, days_ago=1).measured("pain", 7), None),
        (_on_day(5).measured("pain", 5, days_ago=2).measured("pain", 8), "unknown"),
        (_on_day(3).measured("pain", 8), "unknown"),
    ],
)
def test_rf03_epidural_haematoma(patient: PatientBuilder, says: str | None) -> None:
    assert patient.says("RF03") == says


@pytest.mark.parametrize(
    ("patient", "says"),
    [
        (ACDF.has("snomed", "70407001"), STOP),
        (ACDF.has("snomed", "301777002"), STOP),
        (ACDF.has("icd10cm", "R06.02"), STOP),
        (ACDF.has("icd10cm", "R06.02", days_ago=90), None),
        (ACDF.measured("spo2", 91).has("snomed", "50219008"), STOP),
        (ACDF.measured("spo2", 92).has("snomed", "50219008"), None),
        (ACDF.measured("spo2", 91), None),
        (_on_day(14, "CRV_CDA").has("snomed", "70407001"), STOP),
        (_on_day(15, "CRV_CDA").has("snomed", "70407001"), None),
        (DISC.has("snomed", "70407001"), None),
    ],
)
def test_rf04_airway(patient: PatientBuilder, says: str | None) -> None:
    assert patient.says("RF04") == says


@pytest.mark.parametrize(
    ("patient", "says"),
    [
        (ACDF.has("icd10cm", "R13.10").measured("temperature", 37.0), "warning REMOVE"),
        (ACDF.has("icd10cm", "R13.10"), "warning REMOVE"),
        (ACDF.has("icd10cm", "R13.10").measured("temperature", 37.9), "warning REMOVE"),
        (ACDF.has("icd10cm", "R13.10").measured("temperature", 38.0), STOP),
        (ACDF.has("icd10cm", "R13.10").has("snomed", "50219008"), STOP),
        (_on_day(15, "CRV_ACDF").has("icd10cm", "R13.10").has("snomed", "50219008"), "warning REMOVE"),
        (ACDF.has("icd10cm", "R13.10").has(None, None, "cough on swallowing"), STOP),
        (ACDF, None),
        (DISC.has("icd10cm", "R13.10"), None),
    ],
)
def test_rf05_dysphagia(patient: PatientBuilder, says: str | None) -> None:
    assert patient.says("RF05") == says


def test_rf05_asks_for_the_surgeon_after_week_12() -> None:
    early, late = (_on_day(days, "CRV_ACDF").has("icd10cm", "R13.10").alert("RF05") for days in (83, 84))

    assert "week 12" not in early.say
    assert "week 12" in late.say


@pytest.mark.parametrize(
    ("patient", "says"),
    [
        (DISC.has("icd10cm", "I82.411"), STOP),
        (DISC.has("icd10cm", "I82.411").without("medications"), STOP),
        (DISC.has("icd10cm", "I82.411").takes("atc", "B01AF02", "apixaban"), "info INFO"),
        (DISC.has("icd10cm", "I82.411").takes("atc", "B01AC06", "acetylsalicylic acid"), STOP),
        (DISC.has("icd10cm", "I82.411").has("icd10cm", "Z79.01"), "info INFO"),
        (DISC.has("snomed", "300954003"), BASE),
        (DISC.has("snomed", "80068009"), BASE),
        (DISC.has("snomed", "300954003").has("snomed", "80068009"), STOP),
        (DISC.has("snomed", "300954003", days_ago=50), None),
    ],
)
def test_rf06_deep_vein_thrombosis(patient: PatientBuilder, says: str | None) -> None:
    assert patient.says("RF06") == says


@pytest.mark.parametrize(
    ("patient", "says"),
    [
        (DISC.has("icd10cm", "I26.99"), STOP),
        (DISC.has("snomed", "267036007").measured("heart_rate", 101), STOP),
        (DISC.has("snomed", "267036007").measured("heart_rate", 100).measured("spo2", 97), None),
        (DISC.has("snomed", "267036007").measured("heart_rate", 80).measured("spo2", 91), STOP),
        (DISC.has("snomed", "29857009").measured("heart_rate", 80).measured("spo2", 92), None),
        (DISC.has("snomed", "29857009").has("snomed", "300954003"), STOP),
        (DISC.has("snomed", "29857009"), "unknown"),
        (DISC.measured("heart_rate", 140), None),
        (_on_day(10, "VERT_AUG").has("snomed", "29857009").measured("heart_rate", 70), STOP),
        (_on_day(84).has("icd10cm", "I26.99"), STOP),
        (_on_day(85).has("icd10cm", "I26.99"), None),
    ],
)
def test_rf07_pulmonary_embolism(patient: PatientBuilder, says: str | None) -> None:
    assert patient.says("RF07") == says


@pytest.mark.parametrize(
    ("patient", "says"),
    [
        (FUSION.has("icd10cm", "T81.41XA").measured("temperature", 37.0), BASE),
        (FUSION.has("icd10cm", "T81.41XA").measured("temperature", 37.9), BASE),
        (FUSION.has("icd10cm", "T81.41XA").measured("temperature", 38.0), STOP),
        (FUSION.has("icd10cm", "T81.41XA"), STOP),
        (FUSION.has("snomed", "76844004").measured("temperature", 36.8), BASE),
        (FUSION.has("icd10cm", "T81.40XA").measured("temperature", 36.8), STOP),
        (FUSION.has("icd10cm", "T81.42XA").measured("temperature", 36.8), STOP),
        (FUSION.has("icd10cm", "T84.63XA"), STOP),
        (FUSION.has("snomed", "22247000"), STOP),
        (FUSION.has("snomed", "429494008"), BASE),
        (FUSION.has("snomed", "429494008").measured("temperature", 38.0), STOP),
        (FUSION.has("icd10cm", "T81.31XA", days_ago=60), None),
        (FUSION, None),
    ],
)
def test_rf08_wound(patient: PatientBuilder, says: str | None) -> None:
    assert patient.says("RF08") == says


def test_rf08_tells_why_it_is_critical_without_a_temperature() -> None:
    alert = FUSION.has("icd10cm", "T81.41XA").alert("RF08")

    assert "not ruled out" in alert.because


@pytest.mark.parametrize(
    ("patient", "says"),
    [
        (FUSION.has("snomed", "91302008"), STOP),
        (FUSION.has("icd10cm", "M46.26", days_ago=None), STOP),
        (FUSION.has("icd10cm", "T81.44XA"), STOP),
        (FUSION.has("icd10cm", "M46.26", clinical_status="resolved"), None),
    ],
)
def test_rf09_sepsis(patient: PatientBuilder, says: str | None) -> None:
    assert patient.says("RF09") == says


@pytest.mark.parametrize(
    ("days", "celsius", "says"),
    [
        (1, 37.9, None), (1, 38.0, "info INFO"), (2, 38.5, "info INFO"), (2, 38.6, BASE), (2, 38.9, BASE),
        (2, 39.0, STOP), (3, 37.9, None), (3, 38.0, BASE), (3, 38.9, BASE), (3, 39.0, STOP), (40, 38.2, BASE),
        (None, 38.2, BASE), (None, 39.0, STOP),
    ],
)  # fmt: skip
def test_rf10_temperature(days: int | None, celsius: float, says: str | None) -> None:
    assert a_patient().after("LUM_DISC", days=days).measured("temperature", celsius).says("RF10") == says


@pytest.mark.parametrize(
    ("value", "unit", "says"),
    [
        (100.4, "[degF]", BASE), (100.3, "[degF]", None), (102.2, "degF", STOP), (102.1, "degF", BASE),
        (38.0, "degC", BASE), (38.0, None, "unknown"), (101.0, "Cel", "unknown"),
    ],
)  # fmt: skip
def test_rf10_reads_units_as_really_sent(value: float, unit: str | None, says: str | None) -> None:
    assert DISC.measured("temperature", value, unit).says("RF10") == says


def test_rf10_knows_that_late_fever_after_neck_surgery_from_behind_may_be_benign() -> None:
    day_3, day_4 = (_on_day(days, "CRV_PFUS").measured("temperature", 38.2).alert("RF10") for days in (3, 4))

    assert "25 %" not in day_3.say
    assert "25 %" in day_4.say
    assert day_4.effect.value == "BASELINE_ONLY"


def _crp(day: int, *values: tuple[int, float], technique: str | None = None) -> PatientBuilder:
    """Ask on *day* about CRP values given as (day after surgery, mg/L)."""
    patient = _on_day(day, "LUM_FUS", technique=technique)
    for taken, value in values:
        patient = patient.measured("crp", value, days_ago=day - taken)
    return patient


@pytest.mark.parametrize(
    ("patient", "says"),
    [
        (_crp(3, (3, 250)), None),
        (_crp(4, (4, 100)), "unknown"),
        (_crp(4, (4, 101)), "info INFO"),
        (_crp(5, (5, 101)), "info INFO"),
        (_crp(5, (3, 80), (5, 100)), None),
        (_crp(5, (3, 80), (5, 101)), "warning INFO"),
        (_crp(6, (5, 101)), "info INFO"),
        (_crp(6, (6, 44)), None),
        (_crp(6, (6, 44.1)), BASE),
        (_crp(8, (8, 45)), BASE),
        (_crp(8, (5, 95), (6, 45)), BASE),
        (_crp(9, (9, 45)), "unknown"),
        (_crp(7, (7, 44), technique="TLIF"), None),
        (_crp(7, (7, 45), technique="TLIF"), "info INFO"),
        (_crp(7, (7, 78.9), technique="PLIF/TLIF"), "info INFO"),
        (_crp(7, (7, 79), technique="PLIF"), BASE),
        (_crp(10, (7, 25), (10, 30)), BASE),
        (_crp(10, (7, 26), (10, 30)), None),
        (_crp(10, (7, 20), (10, 29)), None),
        (_crp(13, (6, 20), (13, 40)), BASE),
        (_crp(14, (14, 30)), None),
        (_crp(14, (14, 30.5)), BASE),
        (_crp(45, (45, 11)), "unknown"),
        (_crp(45, (45, 11)).measured("pain", 2, days_ago=5).measured("pain", 4), BASE),
        (_crp(45, (45, 10)).measured("pain", 2, days_ago=5).measured("pain", 4), None),
        (_crp(41, (41, 11)).measured("pain", 2, days_ago=5).measured("pain", 4), None),
        (_crp(45, (45, 11)).measured("pain", 2, days_ago=5).measured("pain", 3), None),
        (_crp(7, (7, 50)).measured("temperature", 38.0), STOP),
        (_crp(7, (7, 50)).measured("temperature", 37.9), BASE),
        (_crp(7, (7, 50)).has("icd10cm", "T81.41XA"), STOP),
        (_crp(4, (4, 101)).measured("temperature", 38.0), STOP),
        (_crp(7, (7, 44)).measured("temperature", 38.0), None),
        (_crp(20, (12, 90)), "unknown"),
        (_crp(20), "unknown"),
    ],
)
def test_rf11_crp_course(patient: PatientBuilder, says: str | None) -> None:
    assert patient.says("RF11") == says


def test_rf11_reads_mg_per_dl() -> None:
    assert _on_day(7, "LUM_FUS").measured("crp", 4.5, "mg/dL").says("RF11") == BASE


@pytest.mark.parametrize(
    ("patient", "says"),
    [
        (_on_day(7).measured("wbc", 12), None),
        (_on_day(7).measured("wbc", 12.1), "warning NO_PROGRESSION"),
        (_on_day(7).measured("wbc", 13, "K/uL"), "warning NO_PROGRESSION"),
        (_on_day(6).measured("wbc", 15), None),
        (_on_day(4).measured("lymphocytes", 0.9), "info INFO"),
        (_on_day(4).measured("wbc", 9).measured("lymphocytes", 1.0), None),
        (_on_day(5).measured("wbc", 9).measured("lymphocytes", 0.9), None),
    ],
)
def test_rf12_white_cells(patient: PatientBuilder, says: str | None) -> None:
    assert patient.fires("RF12") == says


@pytest.mark.parametrize(
    ("patient", "says"),
    [
        (_on_day(10).has("snomed", "445511002"), BASE),
        (_on_day(10).has("snomed", "445511002").measured("temperature", 37.9), BASE),
        (_on_day(10).has("snomed", "445511002").measured("temperature", 38.0), STOP),
        (_on_day(10).has("snomed", "445511002").has("snomed", "7180009"), STOP),
        (_on_day(10).has("snomed", "445511002").has("snomed", "6077001"), STOP),
        (_on_day(10).has("icd10cm", "G96.00"), STOP),
        (_on_day(30).has("snomed", "398987004"), BASE),
        (_on_day(31).has("snomed", "398987004"), None),
        (_on_day(10), None),
    ],
)
def test_rf13_spinal_fluid(patient: PatientBuilder, says: str | None) -> None:
    assert patient.says("RF13") == says


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (6.9, STOP), (7.0, BASE), (7.9, BASE), (8.0, "info INFO"), (10.9, "info INFO"), (11.0, None),
    ],
)  # fmt: skip
def test_rf14_haemoglobin(value: float, says: str | None) -> None:
    assert DISC.measured("haemoglobin", value).says("RF14") == says


def test_rf14_symptoms_raise_it_one_step() -> None:
    dizzy = DISC.has("snomed", "404640003", days_ago=0)

    assert dizzy.measured("haemoglobin", 7.5).says("RF14") == STOP
    assert dizzy.measured("haemoglobin", 9.0).says("RF14") == BASE
    assert DISC.measured("haemoglobin", 90, "g/L").says("RF14") == "info INFO"
    assert _on_day(43).measured("haemoglobin", 6.0).says("RF14") is None
    assert _on_day(42).measured("haemoglobin", 6.0).says("RF14") == STOP


@pytest.mark.parametrize(
    ("rule", "measure", "value", "says"),
    [
        ("RF15", "platelets", 9.9, STOP), ("RF15", "platelets", 10, BASE), ("RF15", "platelets", 19.9, BASE),
        ("RF15", "platelets", 20, "warning REMOVE"), ("RF15", "platelets", 49.9, "warning REMOVE"),
        ("RF15", "platelets", 50, "info INFO"), ("RF15", "platelets", 150, "info INFO"), ("RF15", "platelets", 151, None),
        ("RF16", "inr", 3.0, None), ("RF16", "inr", 3.1, "info INFO"), ("RF16", "inr", 4.0, "info INFO"),
        ("RF16", "inr", 4.1, "warning REMOVE"), ("RF16", "inr", 5.0, "warning REMOVE"), ("RF16", "inr", 5.1, STOP),
        ("RF17", "spo2", 87.9, STOP), ("RF17", "spo2", 88, "warning STOP_ALL"), ("RF17", "spo2", 89.9, "warning STOP_ALL"),
        ("RF17", "spo2", 90, None), ("RF17", "spo2", 0.85, STOP),
        ("RF18", "heart_rate", 39, STOP), ("RF18", "heart_rate", 40, None), ("RF18", "heart_rate", 100, None),
        ("RF18", "heart_rate", 101, "info INFO"), ("RF18", "heart_rate", 120, "info INFO"), ("RF18", "heart_rate", 121, BASE),
        ("RF18", "heart_rate", 130, BASE), ("RF18", "heart_rate", 131, STOP),
        ("RF20", "respiratory_rate", 30, None), ("RF20", "respiratory_rate", 31, "warning STOP_ALL"),
        ("RF20", "respiratory_rate", 40, "warning STOP_ALL"), ("RF20", "respiratory_rate", 41, STOP),
    ],
)  # fmt: skip
def test_bands_of_single_values(rule: str, measure: str, value: float, says: str | None) -> None:
    assert DISC.measured(measure, value).says(rule) == says


def _pressure(systolic: float, diastolic: float) -> PatientBuilder:
    return DISC.measured("systolic", systolic).measured("diastolic", diastolic)


@pytest.mark.parametrize(
    ("patient", "says"),
    [
        (_pressure(200, 80), BASE), (_pressure(201, 80), STOP), (_pressure(180, 80), BASE), (_pressure(120, 110), None),
        (_pressure(120, 111), STOP), (_pressure(89, 60), BASE), (_pressure(90, 60), None), (_pressure(179, 80), None),
        (_pressure(85, 60).has("snomed", "404640003"), STOP),
        (_pressure(85, 60).has("snomed", "404640003", days_ago=2), BASE),
        (_pressure(130, 80).measured("systolic_resting", 130).measured("systolic_standing", 110), BASE),
        (_pressure(130, 80).measured("systolic_resting", 130).measured("systolic_standing", 111), None),
        (_pressure(130, 80).measured("diastolic_resting", 80).measured("diastolic_standing", 70), BASE),
    ],
)  # fmt: skip
def test_rf19_blood_pressure(patient: PatientBuilder, says: str | None) -> None:
    assert patient.fires("RF19") == says


def _glucose(value: float, unit: str = "own") -> PatientBuilder:
    return DISC.has("icd10cm", "E11.9").measured("glucose", value, unit)


@pytest.mark.parametrize(
    ("patient", "says"),
    [
        (_glucose(53.9), STOP), (_glucose(54), "warning STOP_ALL"), (_glucose(71.9), "warning STOP_ALL"), (_glucose(72), None),
        (_glucose(72).takes("atc", "A10AB05", "insulin aspart"), "info INFO"),
        (_glucose(89.9).takes(None, None, "gliclazide 80 mg"), "info INFO"),
        (_glucose(90).takes("atc", "A10AB05"), None), (_glucose(270), None), (_glucose(271), "info INFO"),
        (_glucose(271).has("icd10cm", "R82.4"), "warning STOP_ALL"), (_glucose(15.1, "mmol/L"), "info INFO"),
        (_glucose(14.9, "mmol/L"), None), (_glucose(2.9, "mmol/L"), STOP),
        (_glucose(100).has(None, None, "severe hypoglycaemia"), "warning STOP_ALL"),
        (DISC.measured("glucose", 40), None), (DISC.has("icd10cm", "E11.9"), "unknown"),
        (DISC.takes("atc", "A10AB05").measured("glucose", 40), STOP),
        (DISC.takes("atc", "A10BA02", "metformin").measured("glucose", 80), None),
        (DISC.takes("atc", "A10BA02", "metformin").measured("glucose", 40), STOP),
    ],
)  # fmt: skip
def test_rf21_glucose(patient: PatientBuilder, says: str | None) -> None:
    assert patient.says("RF21") == says


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ((2, 3), None), ((2, 3.9), None), ((3, 4), "info NO_PROGRESSION"), ((6, 6.9), "info NO_PROGRESSION"),
        ((6, 7), BASE), ((1, 3), "warning NO_PROGRESSION"), ((2, 3, 3), None), ((3, 1, 2), None),
        ((1, 2, 3), "info INFO"), ((1, 2.5, 2.4), None), ((3,), None), ((4,), "info NO_PROGRESSION"),
    ],
)  # fmt: skip
def test_rf22_pain(values: tuple[float, ...], says: str | None) -> None:
    patient = DISC
    for place, value in enumerate(reversed(values)):
        patient = patient.measured("pain", value, days_ago=2 * place)

    assert patient.fires("RF22") == says


@pytest.mark.parametrize(
    ("patient", "says"),
    [
        (DISC.has("snomed", "271594007", days_ago=0), STOP),
        (DISC.has("icd10cm", "R07.9", days_ago=0), STOP),
        (DISC.has("snomed", "267036007", days_ago=0), STOP),
        (DISC.has("snomed", "404640003", days_ago=0), BASE),
        (DISC.has(None, None, "severe fatigue", days_ago=0), BASE),
        (DISC.has("snomed", "271594007", days_ago=1), None),
        (DISC.has("snomed", "271594007", days_ago=None), "unknown"),
    ],
)
def test_rf23_symptoms(patient: PatientBuilder, says: str | None) -> None:
    assert patient.says("RF23") == says


_NECK = a_patient().after("CRV_LPLASTY", days=42)


@pytest.mark.parametrize(
    ("patient", "says"),
    [
        (_NECK.has("snomed", "26544005", "Weakness of deltoid"), STOP),
        (_NECK.has("snomed", "26544005", "Muscle weakness", body_sites=(Concept((), "left shoulder"),)), STOP),
        (_NECK.has("snomed", "26544005", "Weakness of leg"), None),
        (_NECK.has(None, None, "C5 palsy"), STOP),
        (_on_day(43, "CRV_LPLASTY").has(None, None, "C5 palsy"), None),
        (_on_day(5, "CRV_CDA").has(None, None, "C5 palsy"), None),
    ],
)
def test_rf24_c5_palsy(patient: PatientBuilder, says: str | None) -> None:
    assert patient.says("RF24") == says


@pytest.mark.parametrize(
    ("patient", "rule", "says"),
    [
        (FUSION.has("icd10cm", "T84.226A"), "RF25", BASE),
        (FUSION.has("icd10cm", "T84.226A").has("snomed", "6077001"), "RF25", STOP),
        (DISC.has("icd10cm", "T84.226A"), "RF25", None),
        (_on_day(84, "LUM_FUS").has("icd10cm", "M96.0"), "RF26", "warning REMOVE"),
        (_on_day(83, "LUM_FUS").has("icd10cm", "M96.0"), "RF26", None),
        (_on_day(84).has("icd10cm", "M96.0"), "RF26", None),
        (FUSION.has("icd10cm", "M80.08XA"), "RF27", BASE),
        (FUSION.has("icd10cm", "M80.08XA", days_ago=50), "RF27", None),
        (FUSION.has("icd10cm", "M80.08XA").has("snomed", "6077001"), "RF27", STOP),
        (DISC.has("icd10cm", "G97.41", days_ago=20), "RF32", None),
        (_on_day(14).has("icd10cm", "G97.41", days_ago=14), "RF32", "info REMOVE"),
        (_on_day(15).has("icd10cm", "G97.41", days_ago=15), "RF32", None),
        (a_patient().after("SCS", days=20).has("icd10cm", "T85.122A"), "RF39", "warning REMOVE"),
        (a_patient().after("SCS", days=20).has("icd10cm", "T85.733A"), "RF39", STOP),
        (FUSION.has("icd10cm", "T85.122A"), "RF39", None),
    ],
)
def test_implant_and_spine(patient: PatientBuilder, rule: str, says: str | None) -> None:
    assert patient.says(rule) == says


def _leg(*values: float) -> PatientBuilder:
    patient = a_patient().after("LUM_DISC", days=60)
    for place, value in enumerate(reversed(values)):
        patient = patient.measured("pain", value, days_ago=5 * place, body_site=Concept((), "left leg"))
    return patient


@pytest.mark.parametrize(
    ("patient", "says"),
    [
        (_leg(7, 1, 4), BASE), (_leg(1, 3, 4), BASE), (_leg(7, 2, 4), None), (_leg(1, 3.9), None), (_leg(4), "unknown"),
        (DISC.has(None, None, "recurrent disc herniation"), BASE),
        (FUSION.has(None, None, "recurrent disc herniation"), None),
        (a_patient().after("LUM_DISC", days=60).measured("pain", 1, days_ago=5).measured("pain", 6), "unknown"),
    ],
)  # fmt: skip
def test_rf28_leg_pain(patient: PatientBuilder, says: str | None) -> None:
    assert patient.says("RF28") == says


@pytest.mark.parametrize(
    ("patient", "says"),
    [
        (FUSION.has("icd10cm", "M81.0", days_ago=900), "warning REMOVE"),
        (FUSION.measured("t_score", -2.5, days_ago=729), "warning REMOVE"),
        (FUSION.measured("t_score", -2.4, days_ago=100), None),
        (FUSION.measured("t_score", -3, days_ago=731), None),
        (FUSION.observed(a_concept("loinc", "24701-5"), Quantity(0.7, "g/cm2")), None),
        (FUSION.observed(a_concept("loinc", "24701-5"), Quantity(-2.6, "T-Score")), "warning REMOVE"),
        (FUSION.observed(Concept((), "Hounsfield L1"), Quantity(109, "HU")), "warning REMOVE"),
        (FUSION.observed(Concept((), "Hounsfield L1"), Quantity(110, "HU")), None),
        (a_patient().after("VERT_AUG", days=20).has("icd10cm", "M81.0"), "warning REMOVE"),
        (DISC.has("icd10cm", "M81.0"), "info REMOVE"),
        (DISC.measured("vitamin_d", 19.9), "info INFO"),
        (DISC.measured("vitamin_d", 20), None),
    ],
)
def test_rf29_osteoporosis(patient: PatientBuilder, says: str | None) -> None:
    assert patient.fires("RF29") == says


@pytest.mark.parametrize(
    ("patient", "rule", "says"),
    [
        (DISC.takes(None, None, "Warfarin 3 mg"), "RF30", "info INFO"),
        (DISC.takes(None, None, "Warfarin 3 mg").measured("inr", 3.1), "RF30", "info REMOVE"),
        (DISC.takes(None, None, "Warfarin 3 mg").measured("inr", 3.0), "RF30", "info INFO"),
        (DISC.takes("atc", "B01AC04"), "RF30", "info INFO"),
        (DISC.has("icd10cm", "Z79.01"), "RF30", "info INFO"),
        (DISC.takes(None, None, "Warfarin", status="stopped"), "RF30", None),
        (DISC.has("icd10cm", "Z33.1"), "RF31", "warning REMOVE"),
        (FUSION.has("snomed", "202664003"), "RF33", None),
        (_NECK.has("snomed", "202664003"), "RF33", "info REMOVE"),
        (_NECK.has("snomed", "202664003").has("icd10cm", "R26.0"), "RF33", STOP),
        (_NECK.has("icd10cm", "R26.0"), "RF33", None),
        (FUSION.has("icd10cm", "C79.51"), "RF34", BASE),
        (FUSION.has("icd10cm", "C79.51", "Metastasis of femur"), "RF34", None),
        (FUSION.has("icd10cm", "C79.51", clinical_status="remission"), "RF34", None),
        (DISC.has("icd10cm", "I20.0"), "RF35", STOP),
        (DISC.has("icd10cm", "I21.9", days_ago=28), "RF35", STOP),
        (DISC.has("icd10cm", "I21.9", days_ago=29), "RF35", "info REMOVE"),
        (DISC.has("icd10cm", "I25.10", days_ago=900), "RF35", "info REMOVE"),
        (DISC.has("icd10cm", "I50.9", days_ago=900), "RF35", "info REMOVE"),
        (DISC.has("icd10cm", "I50.9", days_ago=2), "RF35", STOP),
        (DISC.has("icd10cm", "I50.23", days_ago=900), "RF35", STOP),
        (DISC.has("icd10cm", "Z91.81"), "RF40", "warning REMOVE"),
        (DISC.measured("tug", 12), "RF40", "warning REMOVE"),
        (DISC.measured("tug", 11.9), "RF40", None),
        (DISC.measured("tug", 13, days_ago=91), "RF40", "unknown"),
        (DISC.has("snomed", "161898004", days_ago=184).measured("tug", 10), "RF40", None),
        (DISC.has("snomed", "161898004", days_ago=183), "RF40", "warning REMOVE"),
        (DISC.takes("atc", "N02AA05", "oxycodone"), "RF41", "info INFO"),
        (DISC.takes("atc", "N05BA01"), "RF41", "info INFO"),
        (DISC, "RF41", None),
        (DISC.aged(17), "RF42", "warning REMOVE"),
        (DISC.aged(18), "RF42", None),
        (DISC.aged(74), "RF42", None),
        (DISC.aged(75), "RF42", "info REMOVE"),
        (DISC.born(None), "RF42", "unknown"),
        (DISC.has("icd10cm", "Z79.52"), "RF44", "info REMOVE"),
        (FUSION.takes("atc", "H02AB06", "prednisolone"), "RF44", "info REMOVE"),
        (DISC.takes("atc", "C07AB02"), "RF44", None),
    ],
)  # fmt: skip
def test_what_the_person_brings_along(patient: PatientBuilder, rule: str, says: str | None) -> None:
    assert patient.says(rule) == says


def _front(days: int = 14) -> PatientBuilder:
    return a_patient().after("LUM_FUS", days=days, approach="anterior", technique="ALIF")


def _side(days: int = 84) -> PatientBuilder:
    return a_patient().after("LUM_FUS", days=days, approach="lateral", technique="LLIF")


@pytest.mark.parametrize(
    ("patient", "rule", "says"),
    [
        (_front().has("snomed", "55525008"), "RF36", BASE),
        (_front(15).has("snomed", "55525008"), "RF36", None),
        (_on_day(5, "DEF_ADULT").has("icd10cm", "K56.7"), "RF36", BASE),
        (_on_day(5, "LUM_FUS", technique="TLIF").has("icd10cm", "K56.7"), "RF36", None),
        (_on_day(5, "LUM_FUS", approach=None).has("icd10cm", "K56.7"), "RF36", BASE),
        (_front().has(None, None, "cold leg, absent foot pulse"), "RF37", STOP),
        (_front(15).has(None, None, "cold leg"), "RF37", None),
        (_on_day(5, "LUM_TDR").has(None, None, "leg ischaemia"), "RF37", STOP),
        (_side().has(None, None, "thigh numbness"), "RF38", "info INFO"),
        (_side(85).has(None, None, "thigh numbness"), "RF38", None),
        (_side().has(None, None, "knee gives way"), "RF38", "warning REMOVE"),
        (_front().has(None, None, "knee gives way"), "RF38", None),
        (_on_day(20, "LUM_FUS").has(None, None, "knee gives way"), "RF38", None),
        (_on_day(20, "LUM_FUS", approach=None).has(None, None, "knee gives way"), "RF38", "warning REMOVE"),
        (_on_day(20, "LUM_FUS", technique="LLIF").has(None, None, "knee gives way"), "RF38", "warning REMOVE"),
        (_on_day(5, "LUM_FUS").has("icd10cm", "K56.7"), "RF36", None),
    ],
)
def test_what_the_approach_brings(patient: PatientBuilder, rule: str, says: str | None) -> None:
    assert patient.says(rule) == says


@pytest.mark.parametrize(
    ("weeks", "removes"),
    [(12, ("impact",)), (13, ("supine", "prone", "impact")), (None, ("supine", "prone", "impact"))],
)
def test_rf31_pregnancy_by_its_week(weeks: int | None, removes: tuple[str, ...]) -> None:
    patient = DISC.has("icd10cm", "Z33.1")
    patient = patient if weeks is None else patient.measured("gestational_age", weeks)

    assert patient.alert("RF31").removes == removes


def test_rf02_with_a_tumour_is_a_cord_compression() -> None:
    assert "cord compression" in a_patient().after("TUMOUR", days=30).has("snomed", "6077001").alert("RF02").say


def test_rf31_ruptured_membranes_close_the_pool() -> None:
    assert "pool" in DISC.has("icd10cm", "Z33.1").has("icd10cm", "O42.9").alert("RF31").removes


@pytest.mark.parametrize(
    ("patient", "weeks"),
    [
        (_on_day(70, "LUM_FUS", level_count=2), 0),
        (_on_day(70, "LUM_FUS", level_count=3), 4),
        (_on_day(70, "LUM_FUS", level_count=4), 4),
        (_on_day(70, "LUM_FUS", level_count=2, revision=True), 4),
        (_on_day(70, "LUM_FUS", level_count=3, revision=True), 8),
        (_on_day(70, "CRV_PFUS", level_count=5), 4),
        (_on_day(70, "LUM_DISC", revision=True), 2),
        (_on_day(70, "LUM_LAMI", revision=True, level_count=3), 0),
        (_on_day(70, "LUM_FUS", level_count=None), 0),
        (_on_day(70, "LUM_FUS", level_count=2, level_count_is_minimum=True), 0),
    ],
)
def test_rf45_shifts_the_ladder(patient: PatientBuilder, weeks: int) -> None:
    operation = patient.advice().operations[0]

    assert operation.shift_weeks == weeks
    assert operation.effective_week == 10 - weeks


def test_rf45_unknown_levels_are_said() -> None:
    for facts in ({"level_count": None}, {"level_count": 2, "level_count_is_minimum": True}):
        unknown = [one for one in _on_day(70, "LUM_FUS", **facts).advice().unknown if one.rule == "RF45"]

        assert len(unknown) == 1 and unknown[0].matters


def test_rf45_five_levels_take_the_ladder_of_long_fusions() -> None:
    advice = _on_day(70, "LUM_FUS", level_count=5).advice()

    assert advice.operations[0].surgery_type == "DEF_ADULT"
    assert advice.order_refusal
