"""Patients in the words of the ward, for tests of questions, rules and advice.

    a_patient().after("LUM_FUS", days=49).measured("temperature", 38.2).has("icd10cm", "M81.0").advice()

Operations are given as concluded (the reading of codes has its own tests); everything else goes the way of a chart.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path

from cds_service.clinical.advice import Advice, Alert
from cds_service.clinical.advise import advise_after
from cds_service.clinical.operation import Basis, DataQuality, Operation, Surgical
from cds_service.clinical.safety import facts_of
from cds_service.knowledge.load import load_knowledge
from cds_service.knowledge.model import Knowledge
from cds_service.patient.facts import Asked, Chart
from cds_service.patient.record import (
    Coding,
    Concept,
    Condition,
    Medication,
    Observation,
    Observations,
    Order,
    Patient,
    PatientRecord,
    Precision,
    Quantity,
    When,
)
from tests.changed import replace

CARDS = Path(__file__).parents[1] / "cards"
TODAY = date(2026, 5, 20)
SYSTEMS = {
    "snomed": "http://snomed.info/sct",
    "icd10cm": "http://hl7.org/fhir/sid/icd-10-cm",
    "icd10": "http://hl7.org/fhir/sid/icd-10",
    "loinc": "http://loinc.org",
    "atc": "http://www.whocc.no/atc",
}
REGIONS = {"LUM": "lumbar", "CRV": "cervical", "THX": "thoracic", "DEF": "thoracolumbar"}
FUSIONS = ("LUM_FUS", "CRV_ACDF", "CRV_PFUS", "THX_FUS", "DEF_ADULT", "DEF_PED")
CODES = {
    "temperature": ("8310-5", "Cel"), "heart_rate": ("8867-4", "/min"), "respiratory_rate": ("9279-1", "/min"),
    "systolic": ("8480-6", "mm[Hg]"), "diastolic": ("8462-4", "mm[Hg]"), "spo2": ("59408-5", "%"),
    "systolic_resting": ("8461-6", "mm[Hg]"), "systolic_standing": ("8460-8", "mm[Hg]"),
    "diastolic_resting": ("8455-8", "mm[Hg]"), "diastolic_standing": ("8454-1", "mm[Hg]"),
    "pain": ("72514-3", "{score}"), "crp": ("1988-5", "mg/L"), "wbc": ("6690-2", "10*3/uL"),
    "lymphocytes": ("731-0", "10*3/uL"), "haemoglobin": ("718-7", "g/dL"), "platelets": ("777-3", "10*3/uL"),
    "inr": ("6301-6", "{INR}"), "glucose": ("2345-7", "mg/dL"), "t_score": ("38267-1", "{T-score}"),
    "vitamin_d": ("1989-3", "ng/mL"), "tug": ("89423-8", "s"), "odi": ("97909-6", "{score}"),
    "gestational_age": ("18185-9", "wk"), "steps": ("41950-7", "/d"), "bmi": ("39156-5", "kg/m2"),
    "walk_six_minutes": ("64098-7", "m"),
}  # fmt: skip


@cache
def knowledge() -> Knowledge:
    return load_knowledge(CARDS)


def a_day(day: date) -> When:
    return When(day, day, Precision.DAY, day.isoformat())


def a_moment(moment: datetime) -> When:
    return When(moment.date(), moment.date(), Precision.TIME, moment.isoformat(), moment)


def a_concept(system: str | None, code: str | None, display: str | None = None) -> Concept:
    if code is None:
        return Concept((), display)
    return Concept((Coding(SYSTEMS.get(system, system) if system else None, code, display),))


@dataclass(frozen=True)
class PatientBuilder:
    """A patient being described; every word gives a new one."""

    on: date = TODAY
    at: datetime | None = None
    patient: Patient | None = Patient("Patient/p", a_day(date(1968, 3, 1)), "female")
    operations: tuple[Operation, ...] = ()
    observations: tuple[Observation, ...] | None = ()
    conditions: tuple[Condition, ...] | None = ()
    medications: tuple[Medication, ...] | None = ()
    orders: tuple[Order, ...] | None = ()
    data_quality: tuple[DataQuality, ...] = ()

    # ---- the operation

    def after(self, surgery_type: str, days: int | None = None, weeks: int | None = None, **facts) -> PatientBuilder:
        """Add an operation so many days (or weeks) ago; neither means that its date is not recorded."""
        days = weeks * 7 if weeks is not None else days
        done = None if days is None else self.on - timedelta(days=days)
        operation = Operation(
            surgery_type=surgery_type, date=done, date_as_recorded=done and done.isoformat(), date_is_partial=False,
            post_op_day=days, completed_week=None if days is None else days // 7, effective_week=None, shift_weeks=0,
            phase=None, region=REGIONS.get(surgery_type[:3]), levels=(), level_count=1, level_count_is_minimum=False,
            fusion=surgery_type in FUSIONS, instrumented=surgery_type in FUSIONS, approach="posterior", technique=None,
            revision=False, staged=False, basis=Basis.CODED, because=("coded",), evidence=(),
            procedures=(f"Procedure/{len(self.operations)}",),
        )  # fmt: skip
        return replace(self, operations=(*self.operations, replace(operation, **facts)))

    # ---- the chart

    def measured(
        self, measure: str, value: float | str, unit: str | None = "own", days_ago: float = 0, **more
    ) -> PatientBuilder:
        """Add an Observation of *measure*; unit None sends none, "own" the measure's usual one."""
        code, usual = CODES[measure]
        when = more.pop("when", a_day(self.on - timedelta(days=days_ago)))
        quantity = (
            value
            if isinstance(value, str)
            else Quantity(value, None, usual if unit == "own" else unit, more.pop("comparator", None))
        )
        observation = Observation(
            f"Observation/{len(self.observations or ())}",
            more.pop("status", "final"),
            a_concept("loinc", code),
            when,
            quantity,
        )
        return replace(self, observations=(*(self.observations or ()), replace(observation, **more)))

    def observed(self, concept: Concept, value: object = None, days_ago: float = 0, **more) -> PatientBuilder:
        """Add any Observation."""
        when = more.pop("when", a_day(self.on - timedelta(days=days_ago)))
        observation = Observation(f"Observation/{len(self.observations or ())}", "final", concept, when, value)
        return replace(self, observations=(*(self.observations or ()), replace(observation, **more)))

    def has(
        self, system: str | None, code: str | None, display: str | None = None, days_ago: float | None = 0, **more
    ) -> PatientBuilder:
        """Add an active Condition that began so many days ago; None leaves it undated. code None: text only."""
        onset = None if days_ago is None else a_day(self.on - timedelta(days=days_ago))
        condition = Condition(
            f"Condition/{len(self.conditions or ())}", a_concept(system, code, display), "active", "confirmed", onset
        )
        return replace(self, conditions=(*(self.conditions or ()), replace(condition, **more)))

    def takes(self, system: str | None, code: str | None, display: str | None = None, **more) -> PatientBuilder:
        medication = Medication(
            f"MedicationRequest/{len(self.medications or ())}",
            "active",
            a_concept(system, code, display),
            None,
            "order",
        )
        return replace(self, medications=(*(self.medications or ()), replace(medication, **more)))

    def born(self, day: date | None) -> PatientBuilder:
        return replace(self, patient=Patient("Patient/p", a_day(day) if day else None, "female"))

    def aged(self, years: int) -> PatientBuilder:
        return self.born(date(self.on.year - years, self.on.month, self.on.day))

    def without(self, kind: str) -> PatientBuilder:
        """Take away a whole kind of data, as when it could not be had."""
        return replace(self, **{kind: None})

    def but(self, **facts) -> PatientBuilder:
        return replace(self, **facts)

    def moved_to(self, day: date) -> PatientBuilder:
        """The same chart on another day; the operations stay on theirs."""
        days = (day - self.on).days
        later = tuple(
            one if one.post_op_day is None else replace(
                one, post_op_day=one.post_op_day + days, completed_week=(one.post_op_day + days) // 7
            )
            for one in self.operations
        )  # fmt: skip
        return replace(self, on=day, operations=later)

    # ---- the answers

    def record(self) -> PatientRecord:
        observations = None if self.observations is None else Observations(self.observations)
        return PatientRecord(
            patient=self.patient, procedures=(), observations=observations, conditions=self.conditions,
            medications=self.medications, orders=self.orders,
        )  # fmt: skip

    def asked(self) -> Asked:
        """The patient as a question sees it, from the last operation."""
        chart = Chart(self.record(), knowledge().known, self.on, self.at)
        return Asked(chart, facts_of(self.operations[-1]))

    def advice(self, using: Knowledge | None = None) -> Advice:
        surgical = Surgical(operations=self.operations, data_quality=self.data_quality)
        return advise_after(surgical, self.record(), using or knowledge(), self.on, self.at)

    def alert(self, rule: str) -> Alert | None:
        return next((alert for alert in self.advice().alerts if alert.rule == rule), None)

    def fires(self, rule: str) -> str | None:
        """`severity effect` of a rule's alert; None where it raises none."""
        alert = self.alert(rule)
        return None if alert is None else f"{alert.severity.value} {alert.effect.value}"

    def says(self, rule: str) -> str | None:
        """`severity effect` of a rule's alert; "unknown" where it stands as unknown, None where it is silent."""
        advice = self.advice()
        alert = next((one for one in advice.alerts if one.rule == rule), None)
        if alert is not None:
            return f"{alert.severity.value} {alert.effect.value}"
        return "unknown" if any(one.rule == rule for one in advice.unknown) else None


def a_patient(on: date = TODAY) -> PatientBuilder:
    return PatientBuilder(on=on)


def noon(day: date = TODAY) -> datetime:
    return datetime(day.year, day.month, day.day, 12, 0, tzinfo=UTC)


__all__ = ["CARDS", "TODAY", "PatientBuilder", "a_concept", "a_day", "a_moment", "a_patient", "knowledge", "noon"]
