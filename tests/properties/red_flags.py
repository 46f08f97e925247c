"""Every red flag of the rules as one fact of a chart, and what the lists of an answer show. Used by the property tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cds_service.clinical.advice import Advice
from tests.builders import PatientBuilder, a_concept

Fact = Callable[[PatientBuilder], PatientBuilder]


@dataclass(frozen=True)
class RedFlag:
    """One fact that can only make an answer stricter. Two of one *family* would replace each other (two pulses)."""

    name: str
    add: Fact
    family: str
    rule: str
    compares: bool = False
    """It needs an earlier value, which must not lie before the operation."""


def _condition(rule: str, system: str, code: str, display: str | None = None) -> RedFlag:
    return RedFlag(
        f"{rule} {display or code}", lambda patient: patient.has(system, code, display, days_ago=0), code, rule
    )


def _words(rule: str, words: str) -> RedFlag:
    return RedFlag(f"{rule} {words}", lambda patient: patient.has(None, None, words, days_ago=0), words, rule)


def _value(rule: str, measure: str, value: float) -> RedFlag:
    return RedFlag(f"{rule} {measure} {value:g}", lambda patient: patient.measured(measure, value), measure, rule)


def _rise(rule: str, measure: str, before: float, now: float) -> RedFlag:
    def add(patient: PatientBuilder) -> PatientBuilder:
        return patient.measured(measure, before, days_ago=1).measured(measure, now)

    return RedFlag(f"{rule} {measure} {before:g} to {now:g}", add, measure, rule, compares=True)


def _drug(rule: str, code: str, name: str) -> RedFlag:
    return RedFlag(f"{rule} {name}", lambda patient: patient.takes("atc", code, name), code, rule)


def _leg_pain(patient: PatientBuilder) -> PatientBuilder:
    concept = a_concept("loinc", "72514-3", "Leg pain")
    return patient.observed(concept, "1", days_ago=1).observed(concept, "4")


def _worse_gait(patient: PatientBuilder) -> PatientBuilder:
    return patient.has("icd10cm", "M47.12", days_ago=0).has(None, None, "Worsening gait", days_ago=0)


RED_FLAGS: tuple[RedFlag, ...] = (
    _condition("RF01", "icd10cm", "G83.4"), _condition("RF01", "icd10cm", "R33.9"), _condition("RF01", "icd10cm", "R32"),
    _condition("RF02", "snomed", "6077001", "Foot drop"), _condition("RF02", "snomed", "11538006", "Quadriplegia"),
    _condition("RF03", "icd10cm", "M96.840"), _rise("RF03", "pain", 4, 9),
    _condition("RF04", "icd10cm", "R06.1"), _condition("RF04", "snomed", "301777002", "Swelling of neck"),
    _condition("RF05", "icd10cm", "R13.10"),
    _condition("RF06", "snomed", "300954003", "Pain in calf"), _condition("RF06", "snomed", "80068009", "Swelling of limb"),
    _condition("RF06", "icd10cm", "I82.411"), _condition("RF07", "icd10cm", "I26.99"),
    _condition("RF08", "icd10cm", "T81.41XA"), _condition("RF08", "icd10cm", "T81.42XA"),
    _condition("RF08", "snomed", "429494008", "Seroma"), _condition("RF09", "snomed", "91302008", "Sepsis"),
    _value("RF10", "temperature", 38.2), _value("RF10", "temperature", 39.4), _value("RF11", "crp", 110),
    _value("RF12", "wbc", 15), _condition("RF13", "snomed", "398987004", "Postural headache"),
    _condition("RF13", "icd10cm", "G96.00"), _value("RF14", "haemoglobin", 6.5), _value("RF14", "haemoglobin", 7.5),
    _value("RF14", "haemoglobin", 9.5), _value("RF15", "platelets", 8), _value("RF15", "platelets", 15),
    _value("RF15", "platelets", 30), _value("RF15", "platelets", 90), _value("RF16", "inr", 5.5), _value("RF16", "inr", 4.5),
    _value("RF17", "spo2", 86), _value("RF17", "spo2", 89), _value("RF18", "heart_rate", 140),
    _value("RF18", "heart_rate", 125), _value("RF18", "heart_rate", 110), _value("RF19", "systolic", 210),
    _value("RF19", "systolic", 190), _value("RF19", "systolic", 85), _value("RF20", "respiratory_rate", 35),
    _value("RF22", "pain", 5), _value("RF22", "pain", 8), _rise("RF22", "pain", 0, 3),
    _condition("RF23", "snomed", "404640003", "Dizziness"), _condition("RF23", "icd10cm", "R55"),
    _condition("RF23", "icd10cm", "R07.9"), _condition("RF23", "icd10cm", "R06.02"), _words("RF24", "Deltoid weakness"),
    _condition("RF25", "icd10cm", "T84.216A"), _condition("RF26", "icd10cm", "M96.0"),
    _condition("RF27", "icd10cm", "M80.08XA"), RedFlag("RF28 leg pain 1 to 4", _leg_pain, "pain", "RF28", compares=True),
    _condition("RF29", "icd10cm", "M81.0"), _value("RF29", "t_score", -3), _value("RF29", "vitamin_d", 15),
    _drug("RF30", "B01AA03", "Warfarin"), _condition("RF31", "icd10cm", "Z33.1"), _condition("RF32", "icd10cm", "G97.41"),
    _condition("RF33", "icd10cm", "M47.12"), RedFlag("RF33 gait", _worse_gait, "gait", "RF33"), _condition("RF34", "snomed", "94602001"),
    _condition("RF35", "icd10cm", "I20.0"), _condition("RF35", "icd10cm", "I25.10"), _condition("RF36", "icd10cm", "K56.7"),
    _words("RF37", "Cold leg"), _words("RF38", "Knee gives way"), _words("RF38", "Thigh numbness"),
    _condition("RF39", "icd10cm", "T85.122A"), _condition("RF39", "icd10cm", "T85.733A"),
    _condition("RF40", "snomed", "129839007", "At risk for falls"), _value("RF40", "tug", 14),
    _drug("RF41", "N02AA05", "Oxycodone"), RedFlag("RF42 age 15", lambda patient: patient.aged(15), "age", "RF42"),
    RedFlag("RF42 age 80", lambda patient: patient.aged(80), "age", "RF42"), _drug("RF44", "H02AB06", "Prednisolone"),
)  # fmt: skip

UNIVERSAL = frozenset({
    "diaphragmatic_breathing", "deep_breathing_expansion", "ankle_pumps", "ankle_circles", "quad_sets", "glute_sets",
    "relaxation", "log_roll", "sit_to_stand", "neutral_spine_posture", "walking_short", "stairs_practice",
})  # fmt: skip
"""Dossier section 0, written again here."""


def plain(advice: Advice) -> frozenset[str]:
    return frozenset(one.exercise for one in advice.exercises)


def shown(advice: Advice) -> frozenset[str]:
    """Everything a patient could be given: alone or with a therapist."""
    return plain(advice) | frozenset(one.exercise for one in advice.supervised)
