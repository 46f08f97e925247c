"""An independent judge's checks of whole answers: every example patient on every hook, mix-ups of patients, recorded calls."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from cds_service.hooks import ALL_HOOKS
from tests.contract.conftest import FIXTURES, PATIENT_VIEW, SHARED, patient_call, read_json, service_of

PATIENTS = [(one["id"], one["on"]) for one in read_json(FIXTURES / "index.json")["patients"]]
HOOKS = [hook.hook for hook in ALL_HOOKS]
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@pytest.fixture(scope="module")
def client(make_service: Any) -> FlaskClient:
    return make_service().test_client()


@pytest.fixture(scope="module")
def client_wanting_cards(make_service: Any) -> FlaskClient:
    return make_service(missing_data="card").test_client()


def empties(value: Any, path: str = "$") -> list[str]:
    """The paths of every null, "", [] and {} in *value*."""
    if value is None or value in ("", [], {}) and not isinstance(value, bool | int | float):
        return [path]
    below: Any = ()
    if isinstance(value, dict):
        below = ((f"{path}.{name}", one) for name, one in value.items())
    elif isinstance(value, list):
        below = ((f"{path}[{number}]", one) for number, one in enumerate(value))
    return [found for where, one in below for found in empties(one, where)]


def card_faults(card: dict[str, Any]) -> list[str]:
    """What of rules R2 to R10 *card* breaks."""
    suggestions = card.get("suggestions", [])
    actions = [action for one in suggestions for action in one.get("actions", [])]
    topic = card["source"].get("topic", {})
    holds = {
        "R2 summary": 0 < len(card["summary"]) < 140 and "\n" not in card["summary"],
        "R2 indicator": card["indicator"] in ("info", "warning", "critical"),
        "R2 uuid": bool(_UUID.fullmatch(card["uuid"])),
        "R2 no HTML": not re.search(r"<[A-Za-z/!]", card.get("detail", "")),
        "R3 label": bool(card["source"]["label"]),
        "R3 url": card["source"].get("url", "https://x").startswith(("https://", "http://")),
        "R3 topic": bool(topic.get("code") and topic.get("system")),
        "R4 behaviour": ("suggestions" in card) == (card.get("selectionBehavior") in ("at-most-one", "any")),
        "R4 recommended": card.get("selectionBehavior") != "at-most-one"
        or sum(one.get("isRecommended") is True for one in suggestions) <= 1,
        "R5 label and uuid": all(one["label"] and _UUID.fullmatch(one["uuid"]) for one in suggestions),
        "R5 no 3.0 member": not any("actionSelectionBehavior" in one for one in suggestions),
        "R6 description": all(one["description"] for one in actions),
        "R6 create": all("resourceType" in one["resource"] for one in actions if one["type"] == "create"),
        "R6 update": all("id" in one["resource"] for one in actions if one["type"] == "update"),
        "R6 delete": all(
            "resource" not in one and re.fullmatch(r"[A-Z][A-Za-z]+/\S+", one["resourceId"])
            for one in actions
            if one["type"] == "delete"
        ),
        "R7 reasons": bool(card["overrideReasons"])
        and all(one["code"] and one["system"] and one["display"] for one in card["overrideReasons"]),
        "R8 links": all(
            one["label"] and one["url"].startswith("http") and one["type"] in ("absolute", "smart")
            for one in card.get("links", [])
        ),
    }
    return [name for name, held in holds.items() if not held]


def ask(client: FlaskClient, call: dict[str, Any]) -> Any:
    response = client.post(service_of(call), json=call)
    assert response.status_code == 200, response.text
    return response.json


def a_call(patient: str, on: str, hook: str) -> dict[str, Any]:
    call = patient_call(patient, on, hook)
    person = f"Patient/{call['context']['patientId']}"
    drafts = {
        "draftOrders": {
            "resourceType": "ServiceRequest",
            "id": "d1",
            "status": "draft",
            "intent": "order",
            "code": {"text": "sit-ups, double knee to chest and deadlifts"},
            "subject": {"reference": person},
        },
        "appointments": {
            "resourceType": "Appointment",
            "id": "a1",
            "status": "proposed",
            "serviceType": [{"text": "physiotherapy"}],
            "start": f"{on}T09:00:00Z",
            "participant": [{"actor": {"reference": person}, "status": "tentative"}],
        },
    }
    for name, draft in drafts.items():
        if name in call["context"]:
            call["context"][name] = {"resourceType": "Bundle", "entry": [{"resource": draft}]}
    return call


@pytest.mark.rule("B1", "R2", "R3", "R4", "R5", "R6", "R7", "R8", "R9", "R10")
@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize(("patient", "on"), PATIENTS)
def test_every_answer_about_every_example_patient_conforms(
    client: FlaskClient, patient: str, on: str, hook: str
) -> None:
    answer = ask(client, a_call(patient, on, hook))

    assert set(answer) == {"cards"}
    assert [path for path in empties(answer) if path != "$.cards"] == []
    assert {card["uuid"]: card_faults(card) for card in answer["cards"] if card_faults(card)} == {}
    assert len(answer["cards"]) <= 3
    worst_first = [("critical", "warning", "info").index(card["indicator"]) for card in answer["cards"]]
    assert worst_first == sorted(worst_first)
    ids = [card["uuid"] for card in answer["cards"]]
    ids += [one["uuid"] for card in answer["cards"] for one in card.get("suggestions", [])]
    assert len(set(ids)) == len(ids)


@pytest.mark.rule("F2")
@pytest.mark.parametrize(("patient", "on"), PATIENTS)
def test_the_order_of_the_entries_changes_neither_cards_nor_ids(client: FlaskClient, patient: str, on: str) -> None:
    call = a_call(patient, on, "patient-view")
    turned = copy.deepcopy(call)
    for bundle in turned["prefetch"].values():
        bundle.get("entry", []).reverse()

    told = [[(card["uuid"], card["summary"]) for card in ask(client, one)["cards"]] for one in (call, turned)]
    assert told[0] == told[1]


def _of_somebody_else(call: dict[str, Any]) -> dict[str, Any]:
    for entry in call["prefetch"]["procedures"]["entry"]:
        entry["resource"]["subject"] = {"reference": "Patient/somebody-else"}
    return call


@pytest.mark.rule("C4")
def test_procedures_that_are_all_another_patients_are_a_mix_up_and_no_silence(client: FlaskClient) -> None:
    call = _of_somebody_else(a_call("lumbar_fusion_week_6", "2026-05-15", "patient-view"))

    response = client.post(PATIENT_VIEW, json=call)

    assert response.status_code == 422
    issue = response.json["issue"][0]
    assert issue["expression"] == ["prefetch.procedures"]
    assert "another patient" in issue["details"]["text"]
    assert "somebody-else" not in response.text


@pytest.mark.rule("C4")
def test_a_client_that_hides_errors_gets_a_card_about_the_mix_up(client_wanting_cards: FlaskClient) -> None:
    call = _of_somebody_else(a_call("lumbar_fusion_week_6", "2026-05-15", "patient-view"))

    cards = ask(client_wanting_cards, call)["cards"]

    assert len(cards) == 1
    assert "another patient" in cards[0]["detail"] and card_faults(cards[0]) == []


@pytest.mark.rule("C4")
def test_one_procedure_of_another_patient_beside_the_patients_own_is_left_out(client: FlaskClient) -> None:
    call = a_call("lumbar_fusion_week_6", "2026-05-15", "patient-view")
    cards = ask(client, call)["cards"]
    stray = copy.deepcopy(call["prefetch"]["procedures"]["entry"][0])
    stray["resource"] |= {"id": "stray", "subject": {"reference": "Patient/somebody-else"}}
    call["prefetch"]["procedures"]["entry"].append(stray)

    assert [card["uuid"] for card in ask(client, call)["cards"]] == [card["uuid"] for card in cards]


@pytest.mark.rule("C4", "R1")
def test_a_bundle_that_counts_procedures_and_holds_none_is_no_quiet_answer(client: FlaskClient) -> None:
    call = a_call("lumbar_fusion_week_6", "2026-05-15", "patient-view")
    call["prefetch"]["procedures"] = {"resourceType": "Bundle", "type": "searchset", "total": 3}

    assert ask(client, call)["cards"]


@pytest.mark.rule("F1")
def test_a_leap_second_is_a_time(client: FlaskClient) -> None:
    entry = {
        "card": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "outcome": "overridden",
        "outcomeTimestamp": "2016-12-31T23:59:60Z",
    }
    assert client.post(f"{PATIENT_VIEW}/feedback", json={"feedback": [entry]}).status_code == 200


RECORDED = sorted((SHARED / "clients" / "reference-sandbox").glob("*--*.json"))


@pytest.mark.skipif(not RECORDED, reason="no recorded calls of real clients beside the repository")
@pytest.mark.parametrize("file", RECORDED, ids=lambda file: file.stem)
def test_every_recorded_call_of_the_reference_client_is_answered(client: FlaskClient, file: Any) -> None:
    recorded = read_json(file)
    body = json.loads(recorded["body_text"]) if recorded["body_text"] else {}
    ours = f"/cds-services/spine-rehab-{body.get('hook', 'patient-view')}"
    headers = {
        name: value
        for name, value in recorded["headers"]
        if name.lower() not in ("host", "connection", "content-length")
    }
    if "hook" in body:
        # The recorded FHIR server is gone: what it held about operations was nothing.
        body.pop("fhirServer", None)
        body.pop("fhirAuthorization", None)
        body["prefetch"]["procedures"] = {"resourceType": "Bundle", "type": "searchset", "total": 0}
    response = client.open(
        re.sub(r"/cds-services/[^/]+", ours, recorded["url"]),
        method=recorded["method"],
        data=json.dumps(body) if body else None,
        headers=headers,
    )
    assert response.status_code in (200, 204), response.text
    assert response.headers["Access-Control-Allow-Origin"] == headers["Origin"]
    if "hook" in body:
        assert isinstance(response.json["cards"], list)


@pytest.mark.parametrize("hook", ["order-select", "order-sign"])
def test_a_draft_in_an_object_instead_of_an_array_is_judged_like_any_other(client: FlaskClient, hook: str) -> None:
    call = a_call("lumbar_fusion_week_6", "2026-05-15", hook)
    listed = ask(client, call)["cards"]
    call["context"]["draftOrders"]["entry"] = call["context"]["draftOrders"]["entry"][0]

    assert listed, "the draft clashes with week 6"
    assert ask(client, call)["cards"] == listed


@pytest.mark.rule("C3", "F1")
def test_an_error_says_what_belongs_in_the_place_that_is_empty_and_names_every_fault(client: FlaskClient) -> None:
    def told(path: str, body: bytes) -> list[str]:
        response = client.post(path, data=body, content_type="application/json")
        assert response.status_code == 400
        return [issue["details"]["text"] for issue in response.json["issue"]]

    assert told(PATIENT_VIEW, b"{}") == [
        "hook: is required; expected the name of the hook, such as patient-view",
        "hookInstance: is required; expected a UUID, new for each call of the hook",
        "context: is required; expected an object with the fields of the hook",
    ]
    assert told(PATIENT_VIEW, b'{"hook":')[0].startswith("$: the body is no well-formed JSON: it ends too early")
    assert told(f"{PATIENT_VIEW}/feedback", b'{"feedback":[{"card":"x","outcome":"accepted"}]}') == [
        "feedback[0].outcomeTimestamp: is required; expected an RFC 3339 time with an offset, such as 2026-03-01T09:30:00Z",
        "feedback[0].acceptedSuggestions: is required when the outcome is accepted; expected a list of suggestion ids",
    ]
