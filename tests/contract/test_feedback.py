"""Rules F1 to F3 over HTTP."""

from __future__ import annotations

import time
import uuid

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from cds_service.store.feedback import Store
from cds_service.store.tables import FEEDBACK, ISSUED_CARDS
from tests.contract.conftest import PATIENT_VIEW, patient_call

FEEDBACK_PATH = PATIENT_VIEW + "/feedback"


def an_entry(**changes) -> dict:
    entry = {"card": str(uuid.uuid4()), "outcome": "overridden", "outcomeTimestamp": "2026-05-20T12:00:00Z"}
    return entry | changes


def rows(app: Flask, table):
    store: Store = app.extensions["spine-cds-store"]
    with store.engine.connect() as connection:
        return [row._mapping for row in connection.execute(select(table))]


@pytest.mark.rule("F1")
def test_f1_accepted_and_overridden_entries_are_taken(client: FlaskClient) -> None:
    entries = [
        an_entry(outcome="accepted", acceptedSuggestions=[{"id": str(uuid.uuid4())}]),
        an_entry(overrideReason={"reason": {"code": "a", "system": "http://x"}, "userComment": "no"}),
        an_entry(),
    ]

    answer = client.post(FEEDBACK_PATH, json={"feedback": entries})

    assert answer.status_code == 200 and answer.json == {"stored": 3, "repeated": 0, "unknownCards": 3}


@pytest.mark.rule("F1")
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"feedback": []},
        {"feedback": [{}]},
        {"feedback": [an_entry(outcome="x")]},
        [],
        {"feedback": [an_entry(outcome="accepted")]},
    ],
)
def test_f1_a_report_that_breaks_the_shape_is_400(body: object, client: FlaskClient) -> None:
    answer = client.post(FEEDBACK_PATH, json=body)

    assert answer.status_code == 400 and answer.json["resourceType"] == "OperationOutcome"


@pytest.mark.rule("F1")
def test_f1_an_older_shape_is_taken_with_a_warning(client: FlaskClient) -> None:
    answer = client.post(FEEDBACK_PATH, json=an_entry())

    assert answer.status_code == 200 and answer.headers["Warning"].startswith("299 - ")


@pytest.mark.rule("F2")
def test_f2_the_same_card_may_be_reported_again_and_repeats_are_harmless(client: FlaskClient) -> None:
    entry = an_entry()
    later = entry | {"outcomeTimestamp": "2026-05-20T12:00:01Z"}

    first = client.post(FEEDBACK_PATH, json={"feedback": [entry]})
    again = client.post(FEEDBACK_PATH, json={"feedback": [entry, later]})

    assert first.json["stored"] == 1 and (again.json["stored"], again.json["repeated"]) == (1, 1)


@pytest.mark.rule("F3")
def test_f3_a_2xx_means_stored(make_service) -> None:
    app = make_service()
    entry = an_entry()

    answer = app.test_client().post(FEEDBACK_PATH, json={"feedback": [entry]})

    assert answer.status_code == 200
    assert [row["card"] for row in rows(app, FEEDBACK)] == [entry["card"]]


@pytest.mark.rule("F3")
def test_f3_a_store_that_is_down_is_503_with_retry_after_and_cards_still_come(make_service, monkeypatch) -> None:
    app = make_service()
    store: Store = app.extensions["spine-cds-store"]
    client = app.test_client()
    store.close()
    monkeypatch.setattr(store, "_url", "sqlite:////proc/no/such.sqlite3")
    monkeypatch.setattr(store, "_engine", None)
    monkeypatch.setattr("cds_service.store.feedback._TRIES", 1)

    feedback = client.post(FEEDBACK_PATH, json={"feedback": [an_entry()]})
    call = client.post(PATIENT_VIEW, json=patient_call("lumbar_fusion_week_6", "2026-05-15"))
    ready = client.get("/ready")

    assert feedback.status_code == 503 and int(feedback.headers["Retry-After"]) > 0
    assert call.status_code == 200 and call.json["cards"]
    assert ready.status_code == 503 and ready.json["status"] == "not ready"


def test_a_card_is_traced_from_its_feedback_to_rules_and_knowledge_version(make_service) -> None:
    app = make_service()
    client = app.test_client()
    card = client.post(PATIENT_VIEW, json=patient_call("cauda_equina", "2026-05-09")).json["cards"][0]
    until = time.monotonic() + 5
    while not rows(app, ISSUED_CARDS) and time.monotonic() < until:
        time.sleep(0.02)

    client.post(FEEDBACK_PATH, json={"feedback": [an_entry(card=card["uuid"])]})

    (issued,) = [row for row in rows(app, ISSUED_CARDS) if row["card"] == card["uuid"]]
    assert issued["rules"].split(",") == card["extension"]["org.spine-cds.evidence"]["rules"]
    assert issued["knowledge_version"] and rows(app, FEEDBACK)[0]["card_known"]


def test_free_text_and_foreign_codes_never_reach_the_store(make_service) -> None:
    app = make_service()
    canary = "Zebulon Canary"
    entry = an_entry(
        overrideReason={"reason": {"code": canary, "system": canary, "display": canary}, "userComment": canary}
    )

    app.test_client().post(FEEDBACK_PATH, json={"feedback": [entry], "extra": canary})

    (row,) = rows(app, FEEDBACK)
    assert "Canary" not in repr(dict(row)) and row["has_comment"]


def test_a_reason_from_our_own_cards_is_kept(make_service) -> None:
    app = make_service()
    client = app.test_client()
    card = client.post(PATIENT_VIEW, json=patient_call("lumbar_fusion_week_6", "2026-05-15")).json["cards"][0]
    reason = card["overrideReasons"][0]

    client.post(FEEDBACK_PATH, json={"feedback": [an_entry(card=card["uuid"], overrideReason={"reason": reason})]})

    assert rows(app, FEEDBACK)[0]["reason_code"] == reason["code"]
