"""What the operator sees: alive, ready, version, numbers, and a log that tells nothing of patients."""

from __future__ import annotations

import json
import re

from flask import Flask
from flask.testing import FlaskClient

from tests.contract.conftest import FIXTURES, PATIENT_VIEW, fixture_calls, patient_call, read_json, service_of


def test_alive_ready_and_version_answer(client: FlaskClient, knowledge) -> None:
    assert client.get("/alive").json == {"status": "alive"}
    assert client.get("/ready").json["status"] == "ready"
    version = client.get("/version").json
    assert version["knowledge"]["hash"] == knowledge.content_hash
    assert sum(version["knowledge"]["protocols"].values()) == len(knowledge.protocols)


def test_metrics_count_calls_cards_and_rules(client: FlaskClient) -> None:
    client.post(PATIENT_VIEW, json=read_json(FIXTURES / "calls" / "patient-view-red-flag.json"))

    text = client.get("/metrics").text

    assert re.search(r'spine_cds_calls_total\{route="services.call",status="200"\} [1-9]', text)
    assert re.search(r'spine_cds_cards_total\{indicator="critical",service="spine-rehab-patient-view"\} [1-9]', text)
    assert "spine_cds_rules_total{rule=" in text and "spine_cds_call_seconds_bucket" in text


def test_a_request_is_one_log_line_of_ids_counts_and_durations(make_service, capsys) -> None:
    client = make_service(log_level="info").test_client()
    call = patient_call("lumbar_fusion_week_6", "2026-05-15")
    capsys.readouterr()

    answer = client.post(PATIENT_VIEW, json=call)

    (line,) = capsys.readouterr().out.splitlines()
    told = json.loads(line)
    assert told["request_id"] == answer.headers["X-Request-Id"]
    assert (told["tenant"], told["hook"], told["status"]) == ("development", "patient-view", 200)
    assert told["cards"] == len(answer.json["cards"]) and told["rules"] and told["milliseconds"] > 0


def _values(node: object) -> set[str]:
    """Everything of a call that belongs to the patient: ids, names, numbers, dates, texts that are no plain words."""
    if isinstance(node, dict):
        return {
            value
            for key, inner in node.items()
            if key not in ("resourceType", "system", "hook")
            for value in _values(inner)
        }
    if isinstance(node, list):
        return {value for inner in node for value in _values(inner)}
    return {str(node)} if isinstance(node, str) and len(node) >= 8 and re.search(r"\d|[A-Z].* [A-Z]", node) else set()


def test_no_value_of_a_fixture_call_reaches_the_log_or_the_metrics(make_service, capsys) -> None:
    app: Flask = make_service(log_level="debug")
    client = app.test_client()
    capsys.readouterr()

    for path in fixture_calls():
        call = read_json(path)
        client.post(service_of(call), json=call)

        told = capsys.readouterr().out + client.get("/metrics").text
        leaked = {value for value in _values(call) if value in told}
        assert not leaked, f"{path.name}: {leaked}"


def test_a_request_id_of_the_caller_is_not_taken_over(client: FlaskClient) -> None:
    answer = client.get("/alive", headers={"X-Request-Id": "evil\tvalue"})

    assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-Id"])
