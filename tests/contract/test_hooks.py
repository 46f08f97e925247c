"""What each hook adds, over HTTP: issue "hooks" item 1, rules B2, C3, R1 and R6 on the order, appointment and discharge hooks."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.contract.conftest import FIXTURES, SHARED, a_call, patient_call, read_json, service_of

KEY = "org.spine-cds.evidence"
CALLS = FIXTURES / "calls"
RECORDED = SHARED / "clients" / "reference-sandbox"


def answer(client: FlaskClient, call: dict[str, Any]) -> list[dict[str, Any]]:
    told = client.post(service_of(call), json=call)
    assert told.status_code == 200, told.text
    return told.json["cards"]


def kinds(cards: list[dict[str, Any]]) -> list[tuple[str, list[str]]]:
    return [(card["extension"][KEY]["kind"], card["extension"][KEY]["rules"]) for card in cards]


def fixture(name: str) -> dict[str, Any]:
    return read_json(CALLS / f"{name}.json")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("order-select", [("order-check", ["MATRIX"])]),
        ("order-sign", []),
        ("order-sign-clash", [("order-check", ["MATRIX"])]),
        ("order-sign-red-flag", [("red-flag", ["RF08", "RF10"]), ("order-check", ["RF08"])]),
        ("appointment-book", [("appointment-check", ["MATRIX", "THERAPY_START"])]),
        ("appointment-book-pool", [("appointment-check", ["MATRIX"])]),
        ("appointment-book-follow-up", [("follow-up", ["PHASE_GATE"])]),
        ("encounter-discharge", [("going-home", ["RF22"])]),
    ],
)
def test_each_hook_says_what_it_adds_and_nothing_else(name: str, expected: list, client: FlaskClient) -> None:
    assert kinds(answer(client, fixture(name))) == expected


@pytest.mark.rule("R1")
def test_r1_orders_that_fit_are_answered_with_no_card(client: FlaskClient) -> None:
    call = fixture("order-sign-clash")
    call["context"]["draftOrders"]["entry"] = call["context"]["draftOrders"]["entry"][1:]

    assert answer(client, call) == []


@pytest.mark.rule("R6")
def test_r6_a_clashing_draft_is_deleted_by_type_and_id_or_updated_as_a_whole(client: FlaskClient) -> None:
    call = fixture("order-select")
    (draft,) = [entry["resource"] for entry in call["context"]["draftOrders"]["entry"]]
    (card,) = answer(client, call)

    actions = {one["type"]: one for suggestion in card["suggestions"] for one in suggestion["actions"]}
    assert actions["delete"]["resourceId"] == "ServiceRequest/draft-1" and "resource" not in actions["delete"]
    changed = actions["update"]["resource"]
    assert {**changed, "code": None} == {**draft, "code": None} and changed["code"]["coding"] == draft["code"]["coding"]
    assert "sit-up" not in json.dumps(changed) and card["selectionBehavior"] == "at-most-one"


def test_order_select_looks_only_at_what_was_selected(client: FlaskClient) -> None:
    call = fixture("order-select")
    call["context"]["selections"] = ["ServiceRequest/another"]

    assert answer(client, call) == []


@pytest.mark.rule("B2")
@pytest.mark.parametrize(
    "change",
    [
        {"intent": None}, {"status": None}, {"category": {"coding": [{"code": "x"}]}}, {"reasonCode": []},
        {"code": {"coding": {"system": "http://snomed.info/sct", "code": "229065009"}, "text": "sit-ups"}},
        {"code": [{"text": "sit-ups"}]}, {"code": {"coding": [{}], "text": "sit-ups"}}, {"status": "active"},
    ],
)  # fmt: skip
def test_b2_a_clash_is_found_however_the_client_writes_its_draft(change: dict, client: FlaskClient) -> None:
    call = fixture("order-select")
    bundle = call["context"]["draftOrders"]
    bundle.pop("type")
    resource = bundle["entry"][0]["resource"]
    bundle["entry"][0]["resource"] = {key: value for key, value in {**resource, **change}.items() if value is not None}

    (card,) = answer(client, call)

    assert "sit_up_crunch" in json.dumps(card["extension"][KEY]["drafts"])


def test_a_draft_that_forbids_is_no_clash(client: FlaskClient) -> None:
    call = fixture("order-select")
    call["context"]["draftOrders"]["entry"][0]["resource"]["doNotPerform"] = True

    assert answer(client, call) == []


@pytest.mark.parametrize("hook", ["order-select", "order-sign", "appointment-book", "encounter-discharge"])
def test_nobody_without_a_spine_operation_hears_of_us(hook: str, client: FlaskClient) -> None:
    call = patient_call("knee_replacement", "2026-05-20", hook)
    drafts = fixture("order-select")["context"]["draftOrders"]["entry"][0]["resource"]
    resource = {**drafts, "subject": {"reference": f"Patient/{call['context']['patientId']}"}}
    if hook.startswith("order"):
        call["context"]["draftOrders"] = {"resourceType": "Bundle", "entry": [{"resource": resource}]}
        call["context"]["selections"] = ["ServiceRequest/draft-1"]

    assert answer(client, call) == []


def test_encounter_start_says_what_opening_the_chart_says(client: FlaskClient) -> None:
    opened, begun = (answer(client, fixture(name)) for name in ("patient-view", "encounter-start"))

    assert [card["summary"] for card in opened] == [card["summary"] for card in begun]


def test_appointments_are_asked_for_where_they_matter(client: FlaskClient) -> None:
    services = client.get("/cds-services").json["services"]

    asking = {one["hook"] for one in services if "appointments" in one["prefetch"]}
    assert asking == {"appointment-book", "encounter-discharge"}


def test_explain_shows_how_a_draft_was_understood(client: FlaskClient) -> None:
    told = client.post("/explain", json=fixture("order-sign-clash")).json

    clashing, fitting = told["drafts"]
    assert [one["exercise"] for one in clashing["clashes"]] == ["elliptical", "upright_bike"]
    assert (
        "clashes" not in fitting
        and {"said": "sit-ups", "means": ["sit_up_crunch"], "forbidden": True} in fitting["named"]
    )
    booked = client.post("/explain", json=fixture("appointment-book-follow-up")).json
    assert booked["appointments"] == [] and booked["followUp"]["week"] == 6 and booked["followUp"]["checked"] is True
    home = client.post("/explain", json=fixture("encounter-discharge")).json
    assert "bladder_bowel" in home["tell"] and home["followUp"]["known"] is None


@pytest.mark.skipif(not RECORDED.exists(), reason="the recorded calls of the reference sandbox are not on this machine")
@pytest.mark.parametrize(
    "name", ["order-select--post-service", "order-sign--post-service", "pama-order-select--post-service"]
)
def test_the_reference_clients_drafts_are_read_and_left_alone(name: str, client: FlaskClient) -> None:
    recorded = json.loads(json.loads((RECORDED / f"{name}.json").read_text(encoding="utf-8"))["body_text"])
    call = a_call(recorded["hook"])
    call["context"] = recorded["context"]
    call["prefetch"]["patient"]["id"] = recorded["context"]["patientId"]

    assert answer(client, call) == []
