"""What is offered, to whom, and what is not offered twice."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest

from cds_service.cards import build_cards
from cds_service.intake.read import read_bundle
from cds_service.knowledge.model import Effect, Severity
from cds_service.orders.suggestion import Suggestion
from cds_service.patient.finding import Evidence
from cds_service.patient.record import Coding, Concept, Order, Precision, When
from tests.advice_maker import BASE, OPERATED, a_call, a_plan, an_advice, an_alert, knowledge, osteoporosis

PA = "http://hl7.org/fhir/us/physical-activity/CodeSystem/pa-temporary-codes"
SNOMED, CPT = "http://snomed.info/sct", "http://www.ama-assn.org/go/cpt"


def day(text: str) -> When:
    found = date.fromisoformat(text)
    return When(found, found, Precision.DAY, text)


def an_order(kind: str = "ServiceRequest", status: str | None = "active", **changes) -> Order:
    values = {"reference": f"{kind}/old-1", "kind": kind, "status": status, "when": day("2026-05-14")}
    return Order(**{**values, **changes})


def coded(system: str, code: str, text: str | None = None) -> tuple[Concept, ...]:
    return (Concept((Coding(system, code),), text),)


def card_of(advice, **call):
    return build_cards(advice, knowledge(), a_call(**call))[0]


def labels(card) -> list[str]:
    return [one.label for one in card.suggestions]


def suggestion(card, label: str) -> Suggestion:
    return next(one for one in card.suggestions if one.label == label)


def resources(one: Suggestion) -> list[dict]:
    return [dict(action.resource) for action in one.actions]


def test_a_programme_is_goals_plan_and_request_in_the_order_of_a_transaction() -> None:
    card = card_of(an_advice(alerts=(osteoporosis(),)))

    programme = suggestion(card, "Order this programme")

    assert programme.is_recommended
    assert [one["resourceType"] for one in resources(programme)] == ["Goal", "Goal", "CarePlan", "ServiceRequest"]
    assert [one.is_recommended for one in card.suggestions].count(True) == 1


def test_the_parts_of_a_programme_point_to_each_other_by_relative_references() -> None:
    first, second, plan, request = resources(suggestion(card_of(an_advice()), "Order this programme"))

    goals = [{"reference": f"Goal/{first['id']}"}, {"reference": f"Goal/{second['id']}"}]
    assert plan["goal"] == goals
    assert plan["activity"] == [{"reference": {"reference": f"ServiceRequest/{request['id']}"}}]
    assert request["basedOn"] == [{"reference": f"CarePlan/{plan['id']}"}]
    assert [one["valueReference"] for one in request["extension"] if "valueReference" in one] == goals
    assert len({first["id"], second["id"], plan["id"], request["id"]}) == 4


def test_the_request_says_who_when_why_and_from_which_knowledge() -> None:
    advice = an_advice(alerts=(osteoporosis(),))

    request = resources(suggestion(card_of(advice), "Order this programme"))[-1]

    assert request["occurrencePeriod"] == {"start": "2026-05-13", "end": "2026-06-23"}  # weeks 6 to 12 after 1 April
    assert request["requester"] == {"reference": "Practitioner/dr-1"}
    assert request["encounter"] == {"reference": "Encounter/enc-1"}
    assert request["authoredOn"] == "2026-05-20T09:30:00Z"
    assert request["instantiatesCanonical"] == [
        f"{BASE}/fhir/ActivityDefinition/home-programme|{knowledge().version}",
        f"{BASE}/fhir/PlanDefinition/lum-fus|{knowledge().version}",
    ]
    assert request["supportingInfo"] == [{"reference": "Procedure/p-1"}, {"reference": "Condition/c-1"}]
    assert request["reasonCode"][0]["text"] == "Aftercare: Lumbar fusion L4-L5 on 2026-04-01"
    assert "RF29" in request["extension"][-1]["valueMarkdown"]


def test_the_patient_reads_plain_words_with_dose_limits_and_when_to_call() -> None:
    request = resources(suggestion(card_of(an_advice()), "Order this programme"))[-1]

    lines = request["patientInstruction"].splitlines()

    assert lines[0] == "Your home exercises (weeks 6 to 12) after: operation that joins bones of the low back."
    assert sum(line[:1].isdigit() for line in lines) == 8
    assert "- lift up to 4.5 kg (10 lb)" in lines
    assert "Stop and call your care team if you notice:" in lines
    assert lines[-1] == "What your own surgeon told you comes first."


def test_a_number_is_a_target_with_a_due_day_and_a_goal_without_number_is_text() -> None:
    first, second, *_ = resources(suggestion(card_of(an_advice()), "Order this programme"))

    (target,) = first["target"]
    assert target["measure"]["coding"][0]["code"] == "68516-4"
    assert target["detailQuantity"] == {
        "value": 30, "unit": "minutes per day", "system": "http://unitsofmeasure.org", "code": "min/d",
    }  # fmt: skip
    assert target["dueDate"] == (OPERATED + timedelta(weeks=12)).isoformat()
    assert "target" not in second


def test_a_target_whose_day_has_passed_is_not_set() -> None:
    late = an_advice("LUM_DISC", 6, phase=knowledge().protocols["LUM_DISC"].phases[1], on=OPERATED + timedelta(days=43))

    found = resources(suggestion(card_of(late), "Order this programme"))

    assert [one["resourceType"] for one in found] == ["Goal", "CarePlan", "ServiceRequest"]


@pytest.mark.parametrize("user", ["Patient/pat-1", "RelatedPerson/r-1", "Device/x", "Practitioner/", "dr-1", None])
def test_who_may_not_order_is_offered_no_order(user: str | None) -> None:
    for alerts in ((), (an_alert(),)):
        assert card_of(an_advice(alerts=alerts), user=user, orders=None).suggestions == ()


@pytest.mark.parametrize("user", ["Practitioner/dr-1", "PractitionerRole/r_1"])
def test_staff_are_offered_orders(user: str) -> None:
    request = resources(suggestion(card_of(an_advice(), user=user), "Order this programme"))[-1]

    assert request["requester"] == {"reference": user}


def test_orders_that_could_not_be_read_are_said_not_taken_as_none() -> None:
    card = card_of(an_advice(), orders=None)

    assert "Existing orders could not be read: check for duplicates before ordering." in card.detail
    assert "Order this programme" in labels(card)


def test_an_encounter_without_usable_id_is_left_out() -> None:
    for encounter in (None, "a b"):
        request = resources(suggestion(card_of(an_advice(), encounter_id=encounter), "Order this programme"))[-1]
        assert "encounter" not in request


PROGRAMME = "Order this programme"
SAME_PROGRAMME = {
    "ours": an_order(instantiates=("https://old.example/fhir/ActivityDefinition/home-programme|2025.2",)),
    "ours, draft": an_order(status="draft", instantiates=(f"{BASE}/fhir/ActivityDefinition/home-programme|1",)),
    "ours, completed in its time": an_order(
        status="completed",
        instantiates=(f"{BASE}/fhir/ActivityDefinition/home-programme|1",),
        period_end=day("2026-06-23"),
    ),
    "ours, a CarePlan": an_order("CarePlan", instantiates=(f"{BASE}/fhir/ActivityDefinition/home-programme|1",)),
    "by category": an_order(category=(Concept((Coding(PA, "PhysicalActivity"),)),)),
    "a CarePlan by category": an_order("CarePlan", category=(Concept((Coding(PA, "PhysicalActivity"),)),)),
    "by code": an_order(code=coded(SNOMED, "229065009")),
    "by CPT code": an_order(code=coded(CPT, "97110")),
    "on hold": an_order(status="on-hold", code=coded(SNOMED, "229065009")),
    "without status": an_order(status=None, code=coded(SNOMED, "229065009")),
}
OTHER_ORDERS = {
    "revoked": an_order(status="revoked", code=coded(SNOMED, "229065009")),
    "entered in error": an_order(
        status="entered-in-error", instantiates=(f"{BASE}/fhir/ActivityDefinition/home-programme|1",)
    ),
    "over": an_order(code=coded(SNOMED, "229065009"), period_end=day("2026-05-12")),
    "completed, not ours": an_order(status="completed", code=coded(SNOMED, "229065009"), period_end=day("2026-06-23")),
    "completed, nobody knows when": an_order(
        status="completed", instantiates=(f"{BASE}/fhir/ActivityDefinition/home-programme|1",)
    ),
    "a prohibition": an_order(code=coded(SNOMED, "229065009"), do_not_perform=True),
    "another thing": an_order(code=coded(SNOMED, "241615005", "MRI of the spine")),
    "an appointment": an_order("Appointment", code=coded(SNOMED, "229065009")),
    "a goal": an_order("Goal", category=(Concept((Coding(PA, "PhysicalActivity"),)),)),
    "another kind of ours": an_order(
        instantiates=(f"{BASE}/fhir/ActivityDefinition/follow-up|1",),
        category=(Concept((Coding(PA, "PhysicalActivity"),)),),
    ),
}


@pytest.mark.parametrize("order", SAME_PROGRAMME.values(), ids=SAME_PROGRAMME)
def test_a_programme_that_is_ordered_already_is_not_offered_again(order: Order) -> None:
    card = card_of(an_advice(), orders=(order,))

    assert PROGRAMME not in labels(card)
    assert f"Exercise programme: already ordered on 2026-05-14 ({order.kind}/old-1" in card.detail


@pytest.mark.parametrize("order", OTHER_ORDERS.values(), ids=OTHER_ORDERS)
def test_another_order_does_not_silence_the_programme(order: Order) -> None:
    card = card_of(an_advice(), orders=(order,))

    assert PROGRAMME in labels(card)
    assert "Exercise programme: already ordered" not in card.detail


@pytest.mark.parametrize(
    "order",
    [
        an_order(code=coded(SNOMED, "91251008")),
        an_order(category=coded(SNOMED, "91251008"), code=coded("urn:local", "PT1")),
        an_order(code=(Concept((), "Physical Therapy evaluate and treat"),)),
        an_order(code=coded(CPT, "97161"), when=None, period_start=day("2026-05-02")),
        an_order(instantiates=(f"{BASE}/fhir/ActivityDefinition/refer-physiotherapy|1",), when=None),
    ],
)
def test_physiotherapy_that_is_ordered_already_is_not_offered_again(order: Order) -> None:
    card = card_of(an_advice(), orders=(order,))

    assert labels(card) == [PROGRAMME]
    assert "Physiotherapy: already ordered" in card.detail


def test_an_exercise_prescription_is_not_taken_for_a_physiotherapy_order() -> None:
    order = an_order(category=(Concept((Coding(PA, "PhysicalActivity"), Coding(SNOMED, "91251008"))),))

    card = card_of(an_advice(), orders=(order,))

    assert labels(card) == ["Refer to physiotherapy"]


def test_our_newest_order_is_the_one_that_is_named() -> None:
    ours = an_order(
        reference="ServiceRequest/ours", instantiates=(f"{BASE}/fhir/ActivityDefinition/home-programme|1",), when=None
    )
    theirs = an_order(code=coded(SNOMED, "229065009"))

    card = card_of(an_advice(), orders=(theirs, ours))

    assert "Exercise programme: already ordered (ServiceRequest/ours, active)." in card.detail


def test_a_goal_that_the_chart_holds_is_pointed_to_instead_of_written_again() -> None:
    known = an_order("Goal", "proposed", code=(Concept((), "Walk 30 to 40 minutes a day by week 12"),))
    dropped = an_order("Goal", "cancelled", code=known.code, reference="Goal/old-2")

    found = resources(suggestion(card_of(an_advice(), orders=(dropped, known)), PROGRAMME))

    assert [one["resourceType"] for one in found] == ["Goal", "CarePlan", "ServiceRequest"]
    assert {"reference": "Goal/old-1"} in found[1]["goal"]


def test_what_was_accepted_comes_back_from_the_chart_and_nothing_is_offered_twice() -> None:
    """The client stores what it was offered; the next call sees it through intake/, as in the field."""
    advice = an_advice(on=OPERATED + timedelta(days=150), week=12 + 9)
    first = card_of(advice)
    both = suggestion(first, "Order this programme and refer to physiotherapy")
    patient = {"resource": {"resourceType": "Patient", "id": "pat-1"}}
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [patient, *({"resource": one} for one in resources(both))],
    }

    orders = read_bundle(json.dumps(bundle).encode()).orders
    second = card_of(advice, orders=orders)

    assert len(orders) == len(resources(both))
    assert second.suggestions == ()
    assert second.detail.count("already ordered on 2026-05-20") == 2


def test_a_referral_is_offered_where_the_phase_opens_supervised_work() -> None:
    early = card_of(an_advice(week=3))
    opened = card_of(an_advice(week=7))

    assert "Refer to physiotherapy" not in labels(early)
    (request,) = resources(suggestion(opened, "Refer to physiotherapy"))
    assert request["orderDetail"][0]["text"].startswith("Supervised only: Median / ulnar nerve slider")
    assert request["occurrencePeriod"]["start"] == "2026-05-20"  # not in the past


def test_a_follow_up_is_offered_only_shortly_before_the_gate() -> None:
    far, near = card_of(an_advice(week=7)), card_of(an_advice(week=10))
    after_last_gate = card_of(an_advice(week=60))

    assert "Request the follow-up at the phase gate" not in labels(far)
    (request,) = resources(suggestion(near, "Request the follow-up at the phase gate"))
    assert request["occurrenceDateTime"] == (OPERATED + timedelta(weeks=12)).isoformat()
    assert "week 12" in request["code"]["text"]
    assert "Request the follow-up at the phase gate" not in labels(after_last_gate)


def test_a_shifted_ladder_shifts_phase_and_gate() -> None:
    card = card_of(an_advice(week=14, shift_weeks=4))

    request = resources(suggestion(card, PROGRAMME))[-1]
    (follow_up,) = resources(suggestion(card, "Request the follow-up at the phase gate"))

    assert request["occurrencePeriod"] == {
        "start": (OPERATED + timedelta(weeks=10)).isoformat(), "end": (OPERATED + timedelta(weeks=16, days=-1)).isoformat(),
    }  # fmt: skip
    assert follow_up["occurrenceDateTime"] == (OPERATED + timedelta(weeks=16)).isoformat()


def test_a_last_phase_has_no_end() -> None:
    request = resources(suggestion(card_of(an_advice("LUM_DISC", 30)), PROGRAMME))[-1]

    assert set(request["occurrencePeriod"]) == {"start"}


def test_two_operations_share_the_span_that_both_allow() -> None:
    plans = (a_plan("LUM_DISC", 7), a_plan("CRV_ACDF", 20, levels=("C5-C6",), date=OPERATED - timedelta(weeks=13)))

    request = resources(suggestion(card_of(an_advice(plans=plans)), PROGRAMME))[-1]

    assert request["occurrencePeriod"] == {"start": "2026-05-13", "end": "2026-06-23"}
    assert len(request["instantiatesCanonical"]) == 3


@pytest.mark.parametrize("kind", sorted(one for one, protocol in knowledge().protocols.items() if protocol.agree_first))
def test_agree_first_never_offers_a_programme(kind: str) -> None:
    for phase in knowledge().protocols[kind].phases:
        card = card_of(an_advice(kind, phase.from_week))
        assert labels(card) == ["Refer to physiotherapy", "Ask the surgeon to agree the programme"]


def test_a_consultation_that_is_ordered_is_not_offered_again() -> None:
    order = an_order(instantiates=(f"{BASE}/fhir/ActivityDefinition/consult-surgeon|1",))
    referred = an_order(code=coded(SNOMED, "91251008"), reference="ServiceRequest/old-2")

    card = card_of(an_advice("THX_FUS", 10), orders=(order, referred))

    assert labels(card) == []
    assert "Consultation: already ordered" in card.detail


def test_a_baseline_alert_postpones_the_order() -> None:
    advice = an_advice(alerts=(an_alert("RF08", Severity.WARNING, Effect.BASELINE_ONLY, title="Wound problem"),))

    programme = build_cards(advice, knowledge(), a_call())[1]

    assert programme.suggestions == ()
    assert "A programme can be ordered once the alert is resolved." in programme.detail


RUNNING = {
    "resourceType": "ServiceRequest", "id": "old-1", "meta": {"versionId": "3"}, "status": "active", "intent": "order",
    "code": {"text": "Home exercises"}, "subject": {"reference": "Patient/pat-1"}, "note": [{"text": "as it came"}],
}  # fmt: skip


def test_a_red_flag_holds_the_active_programme_with_the_whole_resource() -> None:
    order = an_order(code=coded(SNOMED, "229065009"), resource=RUNNING)

    card = card_of(an_advice(alerts=(an_alert(),)), orders=(order,))

    assert labels(card) == [
        "Hold the exercise order and request urgent evaluation", "Request urgent evaluation", "Hold the exercise order",
    ]  # fmt: skip
    action = suggestion(card, "Hold the exercise order").actions[0]
    assert action.type_ == "update"
    assert action.resource == {**RUNNING, "status": "on-hold"}
    assert RUNNING["status"] == "active"


def test_an_order_that_we_do_not_hold_whole_is_named_for_holding_by_hand() -> None:
    card = card_of(an_advice(alerts=(an_alert(),)), orders=(an_order(code=coded(SNOMED, "229065009")),))

    assert labels(card) == ["Request urgent evaluation"]
    assert "Active exercise order ServiceRequest/old-1: hold it by hand." in card.detail


@pytest.mark.parametrize("status", ["draft", "on-hold", "completed"])
def test_only_an_active_programme_is_put_on_hold(status: str) -> None:
    order = an_order(status=status, code=coded(SNOMED, "229065009"), resource=RUNNING)

    assert labels(card_of(an_advice(alerts=(an_alert(),)), orders=(order,))) == ["Request urgent evaluation"]


def test_the_urgent_evaluation_says_how_urgent_why_and_on_which_facts() -> None:
    condition = Evidence("Condition/c-9", "Cauda equina syndrome", "G83.4", None, None, "2026-05-20")
    critical = card_of(an_advice(alerts=(an_alert(), an_alert("RF01", title="Cauda equina", evidence=(condition,)))))
    warning = card_of(an_advice(alerts=(an_alert("RF08", Severity.WARNING, Effect.BASELINE_ONLY),)))

    (request,) = resources(suggestion(critical, "Request urgent evaluation"))
    assert request["priority"] == "stat"
    assert request["occurrenceDateTime"] == "2026-05-20T09:30:00Z"
    assert request["reasonReference"] == [{"reference": "Condition/c-9"}]
    assert {"reference": "Observation/t-1"} in request["supportingInfo"]
    assert "temperature 39.2 Cel is at or above 39.0 Cel" in request["extension"][0]["valueMarkdown"]
    review = resources(suggestion(warning, "Request review by the surgeon"))[0]
    assert review["priority"] == "urgent"
    assert review["code"]["text"] == "Review by the surgeon: Fever"


def test_a_warning_that_stops_nothing_asks_for_no_evaluation() -> None:
    card = card_of(an_advice(alerts=(an_alert("RF40", Severity.WARNING, Effect.REMOVE, title="Fall risk"),)))

    assert card.suggestions == ()


def test_an_evaluation_that_is_asked_for_already_is_not_offered_again() -> None:
    order = an_order(instantiates=(f"{BASE}/fhir/ActivityDefinition/urgent-evaluation|1",))

    card = card_of(an_advice(alerts=(an_alert(),)), orders=(order,))

    assert card.suggestions == ()
    assert "Urgent evaluation: already ordered on 2026-05-14" in card.detail


def test_a_proposal_never_claims_the_order_profile() -> None:
    for one in card_of(an_advice(), order_profile="cpg-proposal").suggestions:
        for resource in resources(one):
            if resource["resourceType"] != "Goal":
                assert resource["intent"] == "proposal"
            assert "physical-activity" not in json.dumps(resource["meta"])


def test_the_narrative_of_the_plan_escapes_what_it_shows() -> None:
    plan = a_plan(levels=("<b>L4</b>-&",))

    found = resources(suggestion(card_of(an_advice(plans=(plan,))), PROGRAMME))

    div = next(one for one in found if one["resourceType"] == "CarePlan")["text"]["div"]
    assert "&lt;b&gt;L4" in div
    assert "<b>L4" not in div
