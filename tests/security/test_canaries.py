"""Patient values live for one call: canaries planted in every field of every fixture and request are found nowhere after.

Searched: log, metrics, error bodies and headers, audit trail, the store's files, and what the OpenTelemetry exporter sent.
"""

from __future__ import annotations

import copy
import json
import re
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cds_service.hooks import ALL_HOOKS
from tests.security.builders import Client, a_server
from tests.security.running import ROOT, SERVICE_PATH, Service, a_running_service, tenants_file

pytestmark = pytest.mark.xdist_group("canaries")

CANARY = "CANARYQZX"
NUMBER = 0.0098217
NUMBER_MARK = "98217"

_KEPT = frozenset(
    {"resourceType", "system", "code", "status", "unit", "use", "type", "hook", "hookInstance", "token_type", "relation",
     "mode", "intent", "gender", "outcome", "url", "comparator", "category", "priority"}
)  # fmt: skip
_DATE = re.compile(r"\d{4}(-\d\d)?(-\d\d)?(T.*)?\Z")
_REFERENCE = re.compile(r"([A-Z][A-Za-z]+)/(.+)\Z")


def in_every_text(value: Any, name: str = "") -> Any:
    """Mark every text that can be marked while the call stays a good one: names, notes, displays, ids, references."""
    if isinstance(value, dict):
        marked = {key: in_every_text(below, key) for key, below in value.items()}
        return {**marked, f"{CANARY}Member": f"{CANARY} value"} if "resourceType" in value else marked
    if isinstance(value, list):
        return [in_every_text(below, name) for below in value]
    if isinstance(value, float | int) and not isinstance(value, bool) and name == "value":
        return value + NUMBER
    if not isinstance(value, str) or name in _KEPT or _DATE.match(value):
        return value
    reference = _REFERENCE.match(value)
    if reference:
        return f"{reference[1]}/{CANARY}-{reference[2]}"
    return f"{CANARY}-{value}" if name in ("id", "patientId", "encounterId") else f"{CANARY} {value}"


def instead_of_every_text(value: Any, name: str = "") -> Any:
    """Put the canary in place of every text, codes and dates included: a broken call."""
    if isinstance(value, dict):
        return {key: instead_of_every_text(below, key) for key, below in value.items()}
    if isinstance(value, list):
        return [instead_of_every_text(below, name) for below in value]
    return (
        f"{CANARY}/{name}" if isinstance(value, str) and name not in ("resourceType", "hook", "hookInstance") else value
    )


def one_text_at_a_time(value: Any) -> Iterator[Any]:
    """Give copies of the envelope, each with one member replaced by the canary."""
    for key in value:
        yield {**copy.deepcopy(value), key: CANARY}
    for key in value.get("context", {}):
        yield {**copy.deepcopy(value), "context": {**value["context"], key: f"{CANARY}<{key}>"}}
    for key in value.get("prefetch", {}):
        yield {**copy.deepcopy(value), "prefetch": {**value["prefetch"], key: f"<html>{CANARY}</html>"}}


def fixture_calls() -> list[dict[str, Any]]:
    calls = [json.loads(file.read_text()) for file in sorted((ROOT / "fhir_fixtures" / "calls").glob("*.json"))]
    for file in sorted((ROOT / "fhir_fixtures" / "patients").glob("*.json")):
        resources = [entry["resource"] for entry in json.loads(file.read_text())["entry"]]
        kinds = {
            "procedures": "Procedure",
            "observations": "Observation",
            "conditions": "Condition",
            "medications": "MedicationRequest",
        }
        prefetch: dict[str, Any] = {"patient": next(one for one in resources if one["resourceType"] == "Patient")}
        for key, kind in kinds.items():
            entries = [{"resource": one} for one in resources if one["resourceType"] == kind]
            prefetch[key] = {"resourceType": "Bundle", "type": "searchset", "entry": entries}
        calls.append(
            {
                "hook": "patient-view",
                "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
                "context": {"userId": "Practitioner/p1", "patientId": prefetch["patient"]["id"]},
                "prefetch": prefetch,
            }
        )
    return calls


def path_of(call: dict[str, Any]) -> str:
    return next((f"/cds-services/{hook.id}" for hook in ALL_HOOKS if hook.hook == call.get("hook")), SERVICE_PATH)


class Watched:
    """A running service and everything that it says to anybody but its caller."""

    def __init__(self, service: Service, folder: Path, collector: list[Any]):
        self.service = service
        self._folder = folder
        self._collector = collector
        self.refusals: list[bytes] = []
        self.answers = 0

    def ask(self, path: str, body: Any, **how: Any) -> None:
        status, headers, answer = self.service.ask(path, body, **how)
        assert status < 500 or status == 503, answer
        self.answers += status == 200
        if status != 200:
            self.refusals.append(answer + json.dumps(headers).encode())

    def said(self) -> dict[str, str]:
        time.sleep(1.0)  # issued cards are noted in the background
        store = sqlite3.connect(self._folder / "store.sqlite3")
        dump = "\n".join(store.iterdump())
        store.close()
        return {
            "log": self.service.log,
            "metrics": self.service.ask("/metrics", token=None)[2].decode(),
            "version": self.service.ask("/version", token=None)[2].decode(),
            "audit trail": (self._folder / "audit.jsonl").read_text(),
            "store": dump,
            "store's files": b"".join(file.read_bytes() for file in self._folder.glob("store.sqlite3*")).decode(
                "latin-1"
            ),
            "refusals": b"".join(self.refusals).decode("latin-1"),
        }

    def spans(self) -> str:
        return b"".join(body for command, _, body in self._collector if command == "POST").decode("latin-1")


def _fhir_answers() -> dict[str, Any]:
    """What a FHIR server may answer: data, a failure, a page of HTML, a redirect - all with canaries."""
    page = in_every_text(
        next(call for call in fixture_calls() if call["prefetch"].get("observations"))["prefetch"]["observations"]
    )
    return {
        "/good/Observation": (200, {}, json.dumps(page).encode()),
        "/good/Procedure": (200, {}, json.dumps({"resourceType": "Bundle", "type": "searchset", "entry": []}).encode()),
        "/bad/Observation": (500, {"X-A": CANARY}, f"stack trace of {CANARY}".encode()),
        "/bad/Procedure": (200, {}, f"<html>{CANARY}</html>".encode()),
        "/bad/Condition": (302, {"Location": f"http://127.0.0.1:1/{CANARY}"}, b""),
        "/bad/MedicationRequest": (
            200,
            {},
            json.dumps({"resourceType": "OperationOutcome", "issue": [{"diagnostics": CANARY}]}).encode(),
        ),
        "/bad/Goal": (200, {}, f'{{"resourceType": "Bundle", "entry": [{{"{CANARY}'.encode()),
        f"/good/Patient/{CANARY}-1": (404, {}, CANARY.encode()),
    }


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("watched")
    client = Client()
    with a_server({}) as (collector_port, collected), a_server(_fhir_answers()) as (fhir_port, _):
        file = tenants_file(folder, client, fhir_servers=[f"http://127.0.0.1:{fhir_port}/"], jti="strict")
        with a_running_service(
            folder,
            client,
            MODE="development",
            LOG_LEVEL="debug",
            TENANTS=str(file),
            AUDIT_LOG=str(folder / "audit.jsonl"),
            OTLP_ENDPOINT=f"http://127.0.0.1:{collector_port}/v1/traces",
        ) as service:
            watched = Watched(service, folder, collected)
            watched.fhir = f"http://127.0.0.1:{fhir_port}"  # type: ignore[attr-defined]
            _speak(watched)
            yield watched


def _speak(watched: Watched) -> None:
    """Make every call there is, good and bad."""
    for call in fixture_calls():
        watched.ask(path_of(call), in_every_text(call))
        watched.ask(path_of(call), instead_of_every_text(call))
    for broken in one_text_at_a_time(fixture_calls()[0]):
        watched.ask(SERVICE_PATH, broken)
    authorization = {
        "access_token": f"{CANARY}access",
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": f"{CANARY}s",
        "subject": CANARY,
    }
    for place in ("good", "bad", f"{CANARY}unknown"):
        for base in (f"{watched.fhir}/{place}", f"https://{CANARY.lower()}.example/{CANARY}"):  # type: ignore[attr-defined]
            watched.ask(
                SERVICE_PATH,
                {
                    "hook": "patient-view",
                    "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
                    "context": {"userId": f"Practitioner/{CANARY}", "patientId": f"{CANARY}-1"},
                    "fhirServer": base,
                    "fhirAuthorization": authorization,
                },
            )
    report = {"card": CANARY, "outcome": "overridden", "outcomeTimestamp": "2026-05-01T10:00:00Z"}
    reason = {
        "reason": {"code": CANARY, "system": f"http://{CANARY}", "display": CANARY},
        "userComment": f"{CANARY} comment",
    }
    feedback = SERVICE_PATH + "/feedback"
    watched.ask(feedback, {"feedback": [report | {"overrideReason": reason}]})
    watched.ask(feedback, {"feedback": [report | {"outcome": "accepted", "acceptedSuggestions": [{"id": CANARY}]}]})
    watched.ask(feedback, {"feedback": [report | {"outcome": CANARY, "outcomeTimestamp": CANARY}]})
    watched.ask(SERVICE_PATH, f'{{"{CANARY}": '.encode())
    watched.ask(f"/cds-services/{CANARY}", {"hook": CANARY})
    watched.ask(SERVICE_PATH, {}, token=f"{CANARY}.{CANARY}.{CANARY}")
    watched.ask(SERVICE_PATH, {}, token=watched.service.token(jti=CANARY, sub=CANARY, iss=CANARY))
    for name in ("User-Agent", "X-Request-Id", "Referer", "Origin", "Cookie", "X-Forwarded-For", "traceparent"):
        watched.ask(SERVICE_PATH, {}, headers={name: CANARY})


def test_the_calls_were_good_and_bad_ones(watched: Watched) -> None:
    assert watched.answers >= 30 and len(watched.refusals) >= 30


def test_no_canary_is_in_log_metrics_audit_store_or_refusals(watched: Watched) -> None:
    for where, text in watched.said().items():
        assert text, where
        assert CANARY.lower() not in text.lower(), where
        assert NUMBER_MARK not in re.sub(r'"milliseconds": [0-9.]+|spine_cds_call_seconds_sum.*', "", text), where


def test_no_token_is_in_log_metrics_audit_or_store(watched: Watched) -> None:
    assert all("eyJ" not in text for text in watched.said().values())


def test_the_audit_trail_and_the_log_tell_the_same_calls(watched: Watched) -> None:
    said = watched.said()
    trail = [json.loads(line) for line in said["audit trail"].splitlines()]
    logged = {
        line["request_id"]: line
        for line in map(json.loads, filter(lambda text: text.startswith("{"), said["log"].splitlines()))
        if line["event"] == "request"
    }

    assert len(trail) > 60 and all(entry["tenant"] == "general" for entry in trail)
    assert all(logged[entry["request_id"]]["status"] == entry["status"] for entry in trail)
    assert any(entry.get("rules") and entry.get("knowledge") for entry in trail)


def test_no_canary_is_in_what_opentelemetry_sent(watched: Watched) -> None:
    watched.service.process.terminate()
    watched.service.process.wait(20)
    spans = watched.spans()

    assert "spine_cds.tenant" in spans and "spine_cds.rules" in spans
    assert CANARY.lower() not in spans.lower() and "eyJ" not in spans
