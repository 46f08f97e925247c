"""Appointments and follow-ups: too early, under an alert, missing at a gate; and silence where all is well."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from cds_service.clinical.advice import Advice
from cds_service.clinical.appointments import judge_bookings
from cds_service.clinical.discharge import going_home
from cds_service.clinical.drafts import Judged, Reason
from cds_service.clinical.follow_up import FollowUp, next_follow_up
from cds_service.intake.read import read_drafts
from cds_service.knowledge.model import Permission
from tests.builders import TODAY, PatientBuilder, a_patient, knowledge

BASE = "https://cds.example.org/fhir/ActivityDefinition/follow-up|2026.1"


def an_appointment(text: str | None, days: int = 3, **changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "resourceType": "Appointment", "id": "a1", "status": "proposed",
        "start": f"{(TODAY + timedelta(days=days)).isoformat()}T09:00:00Z",
        "participant": [{"actor": {"reference": "Patient/p"}, "status": "needs-action"}],
    }  # fmt: skip
    if text is not None:
        found["serviceType"] = [{"text": text}]
    return found | changes


def read(*resources: dict[str, Any]):
    return read_drafts({"entry": [{"resource": one} for one in resources]}, patient_id="p").orders


def judged(patient: PatientBuilder, *appointments: dict[str, Any]) -> tuple[Judged, ...]:
    def advice_on(day: date) -> Advice:
        return patient.moved_to(day).advice()

    return judge_bookings(read(*appointments), patient.advice(), advice_on, knowledge())


def clashes(patient: PatientBuilder, *appointments: dict[str, Any]) -> list[tuple[str, str | None, date | None]]:
    return [(one.rule, one.exercise, one.earliest) for each in judged(patient, *appointments) for one in each.clashes]


def fusion(days: int) -> PatientBuilder:
    return a_patient().after("LUM_FUS", days=days)


def due(patient: PatientBuilder, *proposed: dict[str, Any], **record: Any) -> FollowUp | None:
    kept = {"appointments": (), **record}
    chart = patient.record()
    changed = type(chart)(**{name: kept.get(name, getattr(chart, name)) for name in chart.__slots__})
    return next_follow_up(patient.advice(), changed, knowledge(), read(*proposed))


# ---- therapy ------------------------------------------------------------------------------------------------------------------


def test_therapy_before_it_opens_is_named_with_the_earliest_day() -> None:
    assert clashes(fusion(21), an_appointment("Physiotherapy")) == [("THERAPY_START", None, TODAY + timedelta(days=21))]


@pytest.mark.parametrize(
    "appointment",
    [
        an_appointment("Physiotherapy", days=21),
        an_appointment("Physiotherapy assessment"),
        an_appointment("Physiotherapy on the ward, inpatient"),
        an_appointment("Follow-up with the surgeon and physiotherapist"),
        an_appointment("Dentist"),
        an_appointment(None),
        an_appointment("Physiotherapy", status="cancelled"),
        an_appointment("Physiotherapy", status="noshow"),
        {"resourceType": "ServiceRequest", "id": "s", "code": {"text": "Physiotherapy"}},
    ],
)
def test_what_fits_or_is_none_of_ours_gets_nothing(appointment: dict) -> None:
    assert clashes(fusion(21), appointment) == []


def test_an_appointment_without_a_day_is_judged_for_today() -> None:
    bare = an_appointment("Physiotherapy")
    del bare["start"]

    ((one,),) = [judged(fusion(21), bare)]

    assert (one.on, one.clashes[0].rule) == (TODAY, "THERAPY_START")


def test_therapy_is_known_by_specialty_and_category() -> None:
    coded = an_appointment(None, specialty={"coding": [{"system": "http://snomed.info/sct", "code": "91251008"}]})
    worded = an_appointment(None, serviceCategory={"text": "Physiotherapie"})

    assert [rule for rule, _, _ in clashes(fusion(21), coded, worded | {"id": "a2"})] == ["THERAPY_START"] * 2


def test_the_ladders_shift_shifts_the_start() -> None:
    patient = a_patient().after("LUM_FUS", weeks=7, revision=True)

    ((one,),) = [judged(patient, an_appointment("Physiotherapy", days=0))]

    assert (one.clashes[0].from_week, one.clashes[0].earliest) == (10, TODAY + timedelta(weeks=3))


def test_of_two_operations_the_later_start_counts() -> None:
    patient = a_patient().after("CRV_CDA", weeks=3).after("LUM_FUS", weeks=3)

    ((one,),) = [judged(patient, an_appointment("Physiotherapy", days=0))]

    assert [clash.from_week for clash in one.clashes] == [6]


def test_after_an_unknown_operation_no_start_is_claimed() -> None:
    assert clashes(a_patient().after("UNKNOWN_SPINE", weeks=3), an_appointment("Physiotherapy")) == []


def test_pool_and_gym_have_the_weeks_of_their_exercises() -> None:
    assert clashes(fusion(21), an_appointment("Hydrotherapy")) == [
        ("MATRIX", "water_walking", TODAY + timedelta(days=35))
    ]
    assert clashes(fusion(70), an_appointment("Gym")) == [("MATRIX", "gym_resistance", TODAY + timedelta(days=14))]
    assert clashes(fusion(70), an_appointment("Gym", days=20)) == []


def test_what_needs_a_therapist_fits_an_appointment() -> None:
    assert clashes(fusion(95), an_appointment("Physiotherapy: cat-camel")) == []


def test_an_alert_that_stops_everything_stops_the_appointment() -> None:
    patient = fusion(70).measured("temperature", 39.4)

    ((one,),) = [judged(patient, an_appointment("Physiotherapy"))]

    assert [(clash.reason, clash.rule) for clash in one.clashes] == [(Reason.STOPPED, "RF10")]


def test_no_operation_no_word() -> None:
    assert judged(a_patient(), an_appointment("Gym")) == ()


def test_where_an_operation_may_hide_the_appointment_is_told_but_does_not_clash() -> None:
    advice = a_patient().advice()
    hiding = type(advice)(
        **{name: getattr(advice, name) for name in advice.__slots__} | {"may_hide_an_operation": True}
    )

    (one,) = judge_bookings(read(an_appointment("Gym")), hiding, lambda day: hiding, knowledge())

    assert one.is_training and one.clashes == ()


def test_without_a_source_therapy_opens_with_the_first_exercise_that_needs_a_therapist() -> None:
    for protocol, start in knowledge().appointments.therapy_from.items():
        cells = knowledge().protocols[protocol].first_weeks.values()
        supervised = [cell.week for cell in cells if cell.permission is Permission.SUPERVISED]
        assert start.sources or start.week == min(supervised), protocol


# ---- follow-up ----------------------------------------------------------------------------------------------------------------


def test_the_next_gate_is_due_on_its_day() -> None:
    found = due(fusion(35))

    assert (found.day, found.week, found.known, found.checked) == (TODAY + timedelta(days=7), 6, None, True)
    assert found.is_near(TODAY, 7) and not found.is_near(TODAY, 6)


def test_a_patient_who_is_held_back_is_seen_all_the_same() -> None:
    patient = fusion(35).measured("pain", 5)

    assert patient.advice().no_progression and due(patient).week == 6


@pytest.mark.parametrize("patient", [fusion(400), a_patient().after("LUM_FUS"), a_patient().after("TUMOUR", weeks=3)])
def test_no_gate_ahead_no_follow_up(patient: PatientBuilder) -> None:
    assert due(patient) is None


@pytest.mark.parametrize(
    ("resource", "known"),
    [
        (an_appointment("Follow-up"), True),
        (an_appointment("Nachkontrolle Orthopädie"), True),
        (an_appointment(None), True),
        (an_appointment("Physiotherapy"), False),
        (an_appointment("Follow-up", days=30), False),
        (an_appointment("Follow-up", days=-3), False),
        (an_appointment("Follow-up", status="cancelled"), False),
        ({"resourceType": "ServiceRequest", "id": "s", "status": "active", "code": {"text": "Spine clinic"}}, True),
        ({"resourceType": "ServiceRequest", "id": "s", "status": "draft", "instantiatesCanonical": [BASE]}, True),
        ({"resourceType": "ServiceRequest", "id": "s", "status": "active", "code": {"text": "X-ray"}}, False),
        ({"resourceType": "CarePlan", "id": "c", "status": "active", "title": "Follow-up"}, False),
    ],
)
def test_a_follow_up_is_known_by_what_it_is_and_when(resource: dict, known: bool) -> None:
    assert (due(fusion(35), resource).known is not None) is known


def test_a_follow_up_of_the_chart_counts_as_one_being_booked() -> None:
    assert due(fusion(35), appointments=read(an_appointment("Follow-up"))).known.reference == "Appointment/a1"
    assert due(
        fusion(35), orders=read({"resourceType": "ServiceRequest", "id": "s", "code": {"text": "surgeon"}})
    ).known


@pytest.mark.parametrize("gap", [{"appointments": None}, {"orders": None}])
def test_what_could_not_be_read_is_not_known_to_be_missing(gap: dict) -> None:
    assert due(fusion(35), **gap).checked is False


# ---- going home ---------------------------------------------------------------------------------------------------------------


def test_emergencies_come_first_and_only_what_follows_this_operation() -> None:
    patient = a_patient().after("CRV_ACDF", days=3)

    signs = going_home(patient.advice(), patient.record(), knowledge()).signs

    assert [one.emergency for one in signs] == sorted((one.emergency for one in signs), reverse=True)
    assert {"throat", "swallow"} <= {one.id for one in signs} and "device" not in {one.id for one in signs}
    lumbar = going_home(fusion(3).advice(), fusion(3).record(), knowledge()).signs
    assert "throat" not in {one.id for one in lumbar} and {"bladder_bowel", "wound"} <= {one.id for one in lumbar}
