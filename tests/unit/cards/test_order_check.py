"""Cards of the order, appointment and discharge hooks: what they say, what they offer, and that every offer fits."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_service.cards import build_cards
from cds_service.cards.card import EXTENSION_KEY, Card
from cds_service.clinical.advice import Advice
from cds_service.clinical.appointments import judge_bookings
from cds_service.clinical.discharge import going_home
from cds_service.clinical.drafts import judge_drafts
from cds_service.clinical.follow_up import next_follow_up
from cds_service.clinical.occasion import Booked, Drafted
from cds_service.clinical.operation import DataQuality
from cds_service.intake.read import read_drafts
from cds_service.knowledge.model import Severity
from cds_service.orders.validation import fhir_faults
from cds_service.patient.finding import Evidence
from tests.advice_maker import a_call
from tests.builders import TODAY, PatientBuilder, a_patient, knowledge

SUBJECT = {"reference": "Patient/p"}
EXERCISE = {"coding": [{"system": "http://snomed.info/sct", "code": "229065009", "display": "Exercise therapy"}]}


def fusion(weeks: int) -> PatientBuilder:
    return a_patient().after("LUM_FUS", weeks=weeks)


def an_order(text: str, id_: str = "d1", **changes: Any) -> dict[str, Any]:
    order = {"resourceType": "ServiceRequest", "id": id_, "status": "draft", "intent": "order", "subject": SUBJECT}
    return order | {"code": {"text": text}} | changes


def an_appointment(text: str, **changes: Any) -> dict[str, Any]:
    day = f"{(TODAY + timedelta(days=2)).isoformat()}T09:00:00Z"
    found = {
        "resourceType": "Appointment",
        "id": "a1",
        "status": "proposed",
        "serviceType": [{"text": text}],
        "start": day,
    }
    return found | {"end": day, "participant": [{"actor": SUBJECT, "status": "needs-action"}]} | changes


def drafted(
    patient: PatientBuilder, *orders: dict[str, Any], advice: Advice | None = None, **call: Any
) -> tuple[Card, ...]:
    advice = advice or patient.advice()
    read = read_drafts({"entry": [{"resource": one} for one in orders]}, patient_id="p").orders
    judged = judge_drafts(read, advice, lambda day: patient.moved_to(day).advice(), knowledge())
    return build_cards(advice, knowledge(), a_call(patient_id="p", **call), Drafted(judged))


def booked(patient: PatientBuilder, *appointments: dict[str, Any], **call: Any) -> tuple[Card, ...]:
    advice = patient.advice()
    read = read_drafts({"entry": [{"resource": one} for one in appointments]}, patient_id="p").orders
    judged = judge_bookings(read, advice, lambda day: patient.moved_to(day).advice(), knowledge())
    record = patient.record()
    whole = type(record)(**{name: getattr(record, name) for name in record.__slots__} | {"appointments": ()})
    due = next_follow_up(advice, whole, knowledge(), read)
    return build_cards(advice, knowledge(), a_call(patient_id="p", **call), Booked(judged, due))


def home(patient: PatientBuilder, **call: Any) -> tuple[Card, ...]:
    advice = patient.advice()
    occasion = going_home(advice, patient.record(), knowledge())
    return build_cards(advice, knowledge(), a_call(patient_id="p", **call), occasion)


def labels(card: Card) -> list[str]:
    return [one.label for one in card.suggestions]


def action(card: Card, label: str):
    return next(one for one in card.suggestions if one.label == label).actions[0]


# ---- orders -------------------------------------------------------------------------------------------------------------------


def test_drafts_that_fit_get_nothing() -> None:
    assert drafted(fusion(7), an_order("Walking and hip strength")) == ()
    assert drafted(fusion(7)) == ()


def test_a_clash_names_rule_week_day_and_what_fits() -> None:
    (card,) = drafted(fusion(3), an_order("Elliptical trainer"))

    assert card.kind == "order-check" and card.indicator == "warning" and card.rules == ("MATRIX",)
    assert card.summary.startswith("Order does not fit: Elliptical trainer, from week 16; week 3 after lumbar fusion")
    day = (TODAY + timedelta(weeks=13)).isoformat()
    assert "from week 16" in card.detail and day in card.detail and "MATRIX" in card.detail
    assert "Progressive walking" in card.detail
    assert "surgeon's own instruction overrides" in card.detail
    (told,) = card.extension[EXTENSION_KEY]["drafts"]
    assert told["clashes"][0]["fromWeek"] == 16 and told["reference"] == "ServiceRequest/d1"


def test_the_change_is_the_whole_draft_with_the_exercise_replaced() -> None:
    order = an_order(
        "Elliptical trainer, 20 minutes", note=[{"text": "elliptical on Mondays"}], patientInstruction="No golf. Elliptical.",
        priority="routine",
    )  # fmt: skip
    (card,) = drafted(fusion(3), order)

    changed = action(card, "Change to what fits now")
    assert changed.type_ == "update"
    assert changed.resource == order | {
        "code": {"text": "progressive walking, 20 minutes"}, "note": [{"text": "progressive walking on Mondays"}],
        "patientInstruction": "No golf. progressive walking.",
    }  # fmt: skip
    assert fhir_faults(changed.resource) == []


def test_a_code_of_the_clashing_exercise_goes_and_a_code_of_the_stand_in_comes() -> None:
    jog = {"coding": [{"system": "http://snomed.info/sct", "code": "229166008", "display": "Jogging training"}]}
    local = {"coding": {"system": "https://ehr.example.org", "code": "J1", "display": "Jogging"}, "text": "Jogging"}

    (card,) = drafted(fusion(1), an_order("", code=jog), an_order("", "d2", code=local))

    first, second = (one.resource["code"] for one in card.suggestions[0].actions)
    assert first["coding"] == [
        {"system": "http://snomed.info/sct", "code": "229595009", "display": "Walking practice"}
    ] and first["text"] == "Short frequent walks"  # fmt: skip
    assert second["text"] == "short frequent walks" and "J1" not in str(second)


def test_a_concept_keeps_what_does_not_clash() -> None:
    code = {
        "coding": [*EXERCISE["coding"], "odd", {"code": 7}, {"code": "229595009", "system": "http://snomed.info/sct"}],
        "text": "elliptical",
    }
    (card,) = drafted(fusion(3), an_order("", code=code))

    kept = action(card, "Change to what fits now").resource["code"]
    assert kept == {**code, "text": "progressive walking"}


def test_removing_names_the_draft_by_type_and_id() -> None:
    (card,) = drafted(fusion(3), an_order("sit-ups"))

    gone = action(card, "Remove this order")
    assert (gone.type_, gone.resource_id, gone.resource) == ("delete", "ServiceRequest/d1", None)


def test_an_order_that_runs_already_is_put_on_hold_and_not_deleted() -> None:
    (card,) = drafted(fusion(7).measured("temperature", 39.4), an_order("Exercise", status="active"))[1:]

    held = action(card, "Put this order on hold")
    assert (held.type_, held.resource["status"]) == ("update", "on-hold")


def test_several_drafts_make_one_card_with_one_choice_for_all() -> None:
    device = {
        "resourceType": "DeviceRequest",
        "id": "d2",
        "status": "draft",
        "codeCodeableConcept": {"text": "Elliptical trainer"},
    }
    (card,) = drafted(fusion(3), an_order("Golf"), device, an_order("Walking", "d3"))

    assert labels(card) == ["Change to what fits now", "Remove these orders"]
    assert [(one.type_, one.resource_id) for one in card.suggestions[0].actions] == [
        ("update", None), ("delete", "DeviceRequest/d2"),
    ]  # fmt: skip
    assert "(+1 more)" in card.summary


def test_a_draft_without_an_id_is_named_and_nothing_is_offered() -> None:
    order = an_order("sit-ups")
    del order["id"]

    (card,) = drafted(fusion(3), order)

    assert card.suggestions == () and card.selection_behavior is None


@pytest.mark.parametrize("user", ["Patient/p", "RelatedPerson/r"])
def test_who_may_not_order_is_told_and_offered_nothing(user: str) -> None:
    (card,) = drafted(fusion(3), an_order("sit-ups"), user=user)
    (early,) = booked(fusion(3), an_appointment("Physiotherapy"), user=user)

    assert card.suggestions == () and early.suggestions == ()


def test_under_a_critical_alert_the_red_flag_stands_above_and_nothing_else_is_offered() -> None:
    flag, card = drafted(fusion(7).measured("temperature", 39.4), an_order("Physiotherapy"))

    assert (flag.kind, flag.indicator) == ("red-flag", "critical")
    assert (card.kind, card.indicator) == ("order-check", "warning") and card.rules == ("RF10",)
    assert card.summary.startswith("Order against a stop: an alert stops all exercise: ")
    assert labels(card) == ["Remove this order"]


def test_a_critical_alert_is_not_repeated_for_an_order_that_is_no_training() -> None:
    assert drafted(fusion(7).measured("temperature", 39.4), an_order("Blood culture")) == ()


def test_to_agree_first_is_mild_and_offers_referral_and_consultation() -> None:
    (card,) = drafted(a_patient().after("THX_FUS", weeks=8), an_order("Home exercise programme"))

    assert card.indicator == "info" and card.rules == ("AGREE_FIRST",)
    assert card.summary.startswith("Order to agree with the surgeon first: Home exercise programme")
    assert labels(card) == ["Remove this order", "Refer to physiotherapy", "Ask the surgeon to agree the programme"]
    assert sum(one.is_recommended for one in card.suggestions) == 1


@pytest.mark.parametrize(
    ("patient", "text", "says"),
    [
        (fusion(13), "cat-camel at home", "with a therapist only"),
        (fusion(3), "sit-ups", "never after this operation"),
        (a_patient().after("SCS", weeks=40), "contact sport", "needs the surgeon's clearance"),
        (fusion(30).has("icd10cm", "M81.0"), "jogging", "osteoporosis"),
    ],
)
def test_the_summary_says_briefly_why(patient: PatientBuilder, text: str, says: str) -> None:
    (card,) = drafted(patient, an_order(text))

    assert says in card.summary


def test_the_surgeons_instruction_in_the_chart_stands_first() -> None:
    patient = fusion(3)
    advice = patient.advice()
    told = (Evidence("ServiceRequest/s", "instruction", value="may use the elliptical", date="2026-05-01"),)
    given_advice = type(advice)(
        **{name: getattr(advice, name) for name in advice.__slots__} | {"surgeon_instructions": told}
    )

    (card,) = drafted(patient, an_order("elliptical"), advice=given_advice)

    assert card.detail.startswith(
        "**The surgeon's instruction in the chart comes first:** instruction may use the elliptical"
    )


def test_a_long_order_is_cut_and_says_so() -> None:
    words = "sit-ups, jogging, golf, tennis, swimming, elliptical, plank, side plank, bird dog, dead bug, bridging, squats, lunges, yoga, rugby, deadlifts"
    (card,) = drafted(fusion(1), an_order(words))

    assert "more of the same kind" in card.detail and len(card.summary) < 140


def test_a_draft_from_later_on_says_the_day() -> None:
    start = (TODAY + timedelta(weeks=2)).isoformat()
    (card,) = drafted(fusion(3), an_order("elliptical", occurrencePeriod={"start": start}))

    assert f"from {start}" in card.detail


def test_chart_text_cannot_make_markup() -> None:
    (card,) = drafted(fusion(3), an_order("<b>sit-ups</b> [x](https://evil.example) | sit-ups"))

    assert "<b>" not in card.detail and "https://evil" not in card.detail and "\\[x\\]" in card.detail


def test_our_own_programme_never_clashes_with_itself() -> None:
    patient = fusion(7)
    advice = patient.advice()
    (card,) = build_cards(advice, knowledge(), a_call(patient_id="p"))
    ours = [one.resource for one in card.suggestions[0].actions if one.resource["resourceType"] != "Goal"]

    assert drafted(patient, *ours) == ()


SAID = (
    "sit-ups",
    "jogging",
    "golf",
    "elliptical",
    "stationary bike",
    "swimming",
    "cat-camel",
    "leg press",
    "walking",
    "plank",
    "knee to chest",
)


@settings(max_examples=50, deadline=None)
@given(
    kind=st.sampled_from(sorted(knowledge().protocols)),
    weeks=st.integers(0, 60),
    said=st.lists(st.sampled_from(SAID), min_size=1, max_size=4),
    osteoporosis=st.booleans(),
)
def test_a_changed_draft_fits(kind: str, weeks: int, said: list[str], osteoporosis: bool) -> None:
    patient = a_patient().after(kind, weeks=weeks)
    patient = patient.has("icd10cm", "M81.0") if osteoporosis else patient

    for card in drafted(
        patient, an_order("Home exercise: " + ", ".join(said), code={**EXERCISE, "text": ", ".join(said)})
    ):
        for one in card.suggestions:
            if one.label == "Change to what fits now":
                again = [each.resource for each in one.actions if each.resource is not None]
                assert [each.detail for each in drafted(patient, *again) if "AGREE_FIRST" not in each.rules] == []


# ---- appointments ---------------------------------------------------------------------------------------------------------------


def test_an_early_appointment_names_the_day_and_asks_for_it() -> None:
    (card,) = booked(fusion(3), an_appointment("Hydrotherapy", slot=[{"reference": "Slot/1"}]))

    first = (TODAY + timedelta(weeks=5)).isoformat()
    assert card.kind == "appointment-check"
    assert card.summary.startswith(f"Appointment too early: Hydrotherapy, from {first}")
    asked = action(card, "Ask for a later date").resource
    assert asked["status"] == "proposed" and asked["requestedPeriod"] == [{"start": first}]
    assert not {"start", "end", "slot"} & set(asked)
    assert fhir_faults(asked) == []
    assert action(card, "Give this appointment up").resource_id == "Appointment/a1"


def test_a_booked_appointment_is_cancelled_and_not_deleted() -> None:
    (card,) = booked(fusion(3), an_appointment("Physiotherapy", status="booked"))

    given_up = action(card, "Give this appointment up")
    assert (given_up.type_, given_up.resource["status"]) == ("update", "cancelled")


def test_several_appointments_share_one_card() -> None:
    (card,) = booked(
        fusion(3), an_appointment("Physiotherapy"), an_appointment("Golf", id="a2"), an_appointment("sit-ups", id="a3")
    )

    assert labels(card) == ["Ask for later dates", "Give these appointments up"]
    assert [one.type_ for one in card.suggestions[0].actions] == ["update", "update", "delete"]


def test_under_an_alert_the_red_flag_stands_above_the_appointment() -> None:
    flag, card = booked(fusion(20).measured("temperature", 39.4), an_appointment("Physiotherapy"))

    assert (flag.kind, card.kind) == ("red-flag", "appointment-check")
    assert card.summary.startswith("Appointment against a stop")


def test_a_missing_follow_up_is_said_once_near_the_gate() -> None:
    (card,) = booked(fusion(5), an_appointment("Dentist"))

    assert (card.kind, card.indicator, card.rules) == ("follow-up", "info", ("PHASE_GATE",))
    assert card.summary.startswith("No follow-up found before week 6 after lumbar fusion")
    assert labels(card) == ["Request the follow-up at the phase gate"]
    assert booked(fusion(3), an_appointment("Dentist")) == ()
    assert booked(fusion(5), an_appointment("Follow-up")) == ()
    assert booked(fusion(5), an_appointment("Dentist"), user="Patient/p")[0].suggestions == ()


# ---- going home -----------------------------------------------------------------------------------------------------------------


def test_the_discharge_card_holds_programme_limits_signs_and_follow_up() -> None:
    (card,) = home(fusion(0))

    gate = (TODAY + timedelta(weeks=6)).isoformat()
    assert card.kind == "going-home" and card.summary.startswith(
        "Going home after lumbar fusion (1 level), week 0; home"
    )
    for said in (
        "| Exercise | Dose |",
        "Limits this week",
        "call an ambulance if",
        "(RF01)",
        "call us the same day",
        gate,
    ):
        assert said in card.detail
    assert "whether it is booked could not be checked" in card.detail
    assert labels(card)[0] == "Order this programme and request the follow-up"
    assert {one.action_type if hasattr(one, "action_type") else one.type_ for one in card.suggestions[0].actions} == {
        "create"
    }
    assert card.extension[EXTENSION_KEY]["tell"][0] == {
        "sign": "bladder_bowel",
        "rules": ["RF01"],
        "sources": ["R01", "R02"],
    }


def test_a_known_follow_up_is_named_and_not_offered() -> None:
    visit = read_drafts({"entry": [{"resource": an_appointment("Follow-up")}]}, patient_id="p").orders
    patient = fusion(5).but(orders=visit)

    (card,) = home(patient)

    assert "there is one" in card.detail and "Appointment/a1" in card.detail
    assert not any("follow-up" in one for one in labels(card))


def test_under_a_stop_the_patient_is_told_what_to_watch_for_and_given_no_exercise() -> None:
    flag, card = home(fusion(5).measured("temperature", 39.4))

    assert (flag.kind, card.kind) == ("red-flag", "going-home")
    assert "No home programme now" in card.detail and "Limits this week" in card.detail and "(RF01)" in card.detail
    assert "no exercise while the alert stands" in card.summary
    assert not any(one.name.lower() in card.detail.lower() for one in knowledge().exercises.values())
    assert labels(card) == ["Request the follow-up at the phase gate"]


def test_an_operation_without_a_date_still_has_signs() -> None:
    cards = home(a_patient().after("LUM_FUS"))

    assert [one.kind for one in cards][-1] == "going-home" and cards[-1].suggestions == ()
    assert "the record does not say enough for a list" in cards[-1].detail


def test_a_list_to_agree_first_offers_referral_consultation_and_follow_up() -> None:
    (card,) = home(a_patient().after("THX_FUS", weeks=2))

    assert labels(card) == [
        "Refer to physiotherapy", "Ask the surgeon to agree the programme", "Request the follow-up at the phase gate",
    ]  # fmt: skip


def test_two_operations_share_one_discharge_card() -> None:
    (card,) = home(a_patient().after("CRV_ACDF", weeks=3).after("LUM_DISC", weeks=1))

    assert "anterior cervical discectomy and fusion + lumbar discectomy" in card.summary.lower()


def test_a_discharge_long_after_the_operation_is_not_about_it() -> None:
    long_past = DataQuality("DQ08", Severity.INFO, "the only operation is long past")

    assert home(fusion(150).but(data_quality=(long_past,))) == ()


@pytest.mark.parametrize("day", [date(2026, 5, 20)])
def test_the_same_call_makes_the_same_ids(day: date) -> None:
    first, again = (drafted(fusion(3), an_order("sit-ups")) for _ in range(2))

    assert [one.uuid for one in first] == [one.uuid for one in again]
    assert first[0].uuid != drafted(fusion(3), an_order("golf"))[0].uuid
