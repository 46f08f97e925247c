"""The integrator's commands against our running service and a FHIR server, as an integrator types them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from click.testing import CliRunner, Result

from cds_service.cli.main import main
from tests.live import ROOT, FhirStore, example, running_service, serving

PATIENT = "fixture-osteoporosis-fusion"
ON = "2026-05-20"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_service(tmp_path_factory.mktemp("service")) as base_url:
        yield base_url


@pytest.fixture(scope="module")
def fhir() -> Iterator[str]:
    with serving(FhirStore(example("osteoporosis_fusion"))) as base_url:
        yield base_url


def run(*words: str) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def call(service: str, fhir: str, *words: str) -> Result:
    return run("call", "--fhir", fhir, "--patient", PATIENT, "--service", service, "--on", ON, *words)


def test_call_shows_the_cards_in_the_terminal(service: str, fhir: str) -> None:
    result = call(service, fhir)

    assert result.exit_code == 0, result.output
    assert "osteoporosis" in result.output and "Order this programme" in result.output


def test_call_without_prefetch_lets_the_service_read_the_server(service: str, fhir: str) -> None:
    with_prefetch, without = call(service, fhir, "--json"), call(service, fhir, "--json", "--no-prefetch")

    summaries = [[card["summary"] for card in json.loads(one.output)["cards"]] for one in (with_prefetch, without)]
    assert summaries[0] == summaries[1] != []


def test_call_can_pass_fhir_authorization_and_keep_what_was_said(service: str, fhir: str, tmp_path: Path) -> None:
    kept = tmp_path / "call.json"

    result = call(service, fhir, "--fhir-authorization", "--token", "t0ken", "--save", str(kept))

    said = json.loads(kept.read_text())
    assert result.exit_code == 0
    assert said["status"] == 200 and said["request"]["fhirAuthorization"]["access_token"] == "t0ken"


@pytest.mark.parametrize("hook", ["encounter-start", "encounter-discharge"])
def test_call_knows_the_hooks_with_an_encounter(service: str, fhir: str, hook: str) -> None:
    assert call(service, fhir, "--hook", hook).exit_code == 0


def test_call_sends_drafts_for_the_order_hooks(service: str, fhir: str, tmp_path: Path) -> None:
    drafts = tmp_path / "drafts.json"
    draft = {
        "resourceType": "ServiceRequest",
        "id": "d",
        "status": "draft",
        "intent": "order",
        "subject": {"reference": f"Patient/{PATIENT}"},
        "code": {"text": "Sit-ups"},
    }
    drafts.write_text(json.dumps({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": draft}]}))

    assert call(service, fhir, "--hook", "order-select", "--drafts", str(drafts)).exit_code == 0
    assert call(service, fhir, "--hook", "order-sign", "--drafts", str(drafts)).exit_code == 0


def test_call_says_what_to_do_when_nobody_answers(service: str) -> None:
    result = call(service, "http://127.0.0.1:9/fhir", "--json")

    # the client leaves every key out, as EHRs do; the service answers that the procedures are missing
    assert result.exit_code == 1
    assert "OperationOutcome" in result.output and "procedures" in result.output


def test_call_to_a_service_that_is_down_names_the_remedy(fhir: str) -> None:
    result = call("http://127.0.0.1:9", fhir)

    assert result.exit_code != 0
    assert "127.0.0.1:9" in result.output and "Traceback" not in result.output


def test_an_unknown_hook_lists_those_that_are_offered(service: str, fhir: str) -> None:
    result = call(service, fhir, "--hook", "medication-prescribe")

    assert result.exit_code != 0 and "patient-view" in result.output


def test_seed_is_repeatable_and_unseed_takes_back_only_its_own() -> None:
    own = {"resourceType": "Patient", "id": "somebody-elses"}
    store = FhirStore([own])
    fixtures = str(ROOT / "fhir_fixtures")
    with serving(store) as fhir:
        dry = run("seed", "--fhir", fhir, "--dry-run", "--fixtures", fixtures)
        after_dry = len(store.held)
        first = run("seed", "--fhir", fhir, "--fixtures", fixtures)
        after_first = dict(store.held)
        second = run("seed", "--fhir", fhir, "--fixtures", fixtures)
        after_second = dict(store.held)
        gone = run("unseed", "--fhir", fhir, "--fixtures", fixtures)

    assert [dry.exit_code, first.exit_code, second.exit_code, gone.exit_code] == [0, 0, 0, 0]
    assert after_dry == 1
    assert after_first == after_second and len(after_first) > 100
    assert store.held == {"Patient/somebody-elses": own}


def test_a_seeded_patient_gets_the_same_answer_through_call(service: str) -> None:
    store = FhirStore()
    with serving(store) as fhir:
        run("seed", "--fhir", fhir, "--fixtures", str(ROOT / "fhir_fixtures"))
        result = call(service, fhir, "--json")

    assert any("Lumbar fusion" in card["summary"] for card in json.loads(result.output)["cards"])


def test_doctor_finds_nothing_wrong_with_a_good_set_up(service: str, fhir: str) -> None:
    result = run("doctor", service, "--fhir", fhir, "--patient", PATIENT)

    assert result.exit_code == 0, result.output
    assert "8 of 8" in re.sub(r"\s+", " ", result.output)


def test_doctor_names_the_fix_when_nobody_listens() -> None:
    result = run("doctor", "http://127.0.0.1:9")

    assert result.exit_code == 1 and "spine-cds serve" in result.output


def test_our_own_service_passes_the_general_checker(service: str) -> None:
    result = run("conformance", service, "--json")

    found = [json.loads(line) for line in result.output.splitlines()]
    assert result.exit_code == 0
    assert [one for one in found if one["outcome"] == "fail"] == []
    assert {one["what"] for one in found if one["outcome"] == "warn"} == {"the service asks for a token"}
    assert len(found) > 200


class _Careless(BaseHTTPRequestHandler):
    """A service as they are seen in the field: crashes, HTML, nulls, no refusal of anything."""

    def do_GET(self) -> None:
        body = {
            "services": [
                {
                    "id": "a b",
                    "hook": "patient-view",
                    "title": None,
                    "prefetch": {"x": "Observation?_include=y&date=a&date=b&z={{today()}}"},
                }
            ]
        }
        self._say(200, json.dumps(body).encode())

    def do_POST(self) -> None:
        card = {
            "summary": "x" * 200,
            "indicator": "hard-stop",
            "detail": "<b>x</b>",
            "suggestions": [{"label": "", "actions": [{"type": "delete", "resource": {}}]}],
            "links": [{"label": "l", "url": "/relative", "type": "absolute", "appContext": "c"}],
            "overrideReasons": [{"code": "c"}],
        }
        self._say(200, json.dumps({"cards": [card]}).encode())

    def _say(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def test_the_checker_finds_the_faults_of_a_careless_service() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Careless)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        result = run("conformance", f"http://127.0.0.1:{server.server_address[1]}", "--json")
    finally:
        server.shutdown()
        server.server_close()

    failed = {one["rule"] for one in map(json.loads, result.output.splitlines()) if one["outcome"] == "fail"}
    assert result.exit_code == 1
    assert failed >= {"B1", "D2", "D5", "C1", "C2", "C3", "R2", "R3", "R4", "R5", "R6", "R7", "R8"}
