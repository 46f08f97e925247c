"""The whole service in one process, on a day of the tests' choosing, with a FHIR server and a signing EHR beside it."""

from __future__ import annotations

import http.server
import json
import os
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec
from flask import Flask
from flask.testing import FlaskClient

from cds_service.app import create_app
from cds_service.hooks import ALL_HOOKS
from cds_service.knowledge.load import load_knowledge
from cds_service.settings import Settings

ROOT = Path(__file__).parents[2]
FIXTURES = ROOT / "fhir_fixtures"
SHARED = Path(os.environ.get("SPINE_CDS_SHARED", ROOT.parent / "shared"))
NOON = datetime(2026, 5, 20, 12, 0, tzinfo=UTC)
"""The moment of every call that does not choose its day."""

PATIENT_VIEW = "/cds-services/spine-rehab-patient-view"
BASE = "https://cds.example.org"
ISSUER = "https://ehr.example.org"

EXTRA_CONTEXT: dict[str, dict[str, Any]] = {
    "patient-view": {},
    "encounter-start": {"encounterId": "e1"},
    "order-select": {
        "selections": ["ServiceRequest/d1"],
        "draftOrders": {"resourceType": "Bundle", "entry": []},
    },
    "order-sign": {"draftOrders": {"resourceType": "Bundle", "entry": []}},
    "encounter-discharge": {"encounterId": "e1"},
    "appointment-book": {"appointments": {"resourceType": "Bundle", "entry": []}},
}


def a_call(kind: str = "patient-view", **changes: Any) -> dict[str, Any]:
    """A whole call about somebody without any record; `...` leaves a member out."""
    call = {
        "hook": kind,
        "hookInstance": str(uuid.uuid4()),
        "context": {"userId": "Practitioner/p1", "patientId": "pat-1", **EXTRA_CONTEXT[kind]},
        "prefetch": dict.fromkeys(("procedures", "observations", "conditions", "medications"))
        | {"patient": {"resourceType": "Patient", "id": "pat-1"}},
    }
    call.update(changes)
    return {key: value for key, value in call.items() if value is not ...}


def fixture_calls() -> list[Path]:
    return sorted((FIXTURES / "calls").glob("*.json"))


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def service_of(call: dict[str, Any]) -> str:
    return next(f"/cds-services/{hook.id}" for hook in ALL_HOOKS if hook.hook == call["hook"])


PATIENTS = sorted(one.stem for one in (FIXTURES / "patients").glob("*.json"))
"""The names of the fixture patients."""


def patient_call(patient: str, on: str, hook: str = "patient-view") -> dict[str, Any]:
    """A call about one of the fixture patients, with everything in the prefetch."""
    bundle = read_json(FIXTURES / "patients" / f"{patient}.json")
    kinds = {
        "procedures": "Procedure",
        "observations": "Observation",
        "conditions": "Condition",
        "medications": "MedicationRequest",
        "serviceRequests": "ServiceRequest",
        "carePlans": "CarePlan",
        "goals": "Goal",
    }
    resources = [entry["resource"] for entry in bundle["entry"]]
    person = next(one for one in resources if one["resourceType"] == "Patient")
    prefetch: dict[str, Any] = {"patient": person}
    for key, kind in kinds.items():
        found = [{"resource": one} for one in resources if one["resourceType"] == kind]
        prefetch[key] = {"resourceType": "Bundle", "type": "searchset", "total": len(found), "entry": found}
    call = a_call(hook, prefetch=prefetch, extension={"org.spine-cds.on": on})
    call["context"]["patientId"] = person["id"]
    return call


@pytest.fixture(scope="session")
def knowledge():
    return load_knowledge(ROOT / "cards")


@pytest.fixture(scope="session")
def make_service(knowledge, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Flask]]:
    """Build a service with changed settings; every store is closed at the end."""
    made: list[Flask] = []

    def make(clock: Callable[[], datetime] = lambda: NOON, **changes: Any) -> Flask:
        database = tmp_path_factory.mktemp("store") / "store.sqlite3"
        settings = Settings(**{"database_url": f"sqlite:///{database}", "log_level": "error"} | changes)
        app = create_app(settings, knowledge=knowledge, clock=clock)
        made.append(app)
        return app

    yield make
    for app in made:
        app.extensions["spine-cds-store"].close()


@pytest.fixture(scope="session")
def service(make_service) -> Flask:
    """The service as a newcomer starts it: development mode."""
    return make_service()


@pytest.fixture
def client(service: Flask) -> FlaskClient:
    return service.test_client()


class Ehr:
    """An EHR that signs its calls with a key of its own."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP384R1())

    @property
    def jwk(self) -> dict[str, str]:
        algorithm = jwt.get_algorithm_by_name("ES384")
        public = algorithm.to_jwk(self.key.public_key(), as_dict=True)
        return {name: public[name] for name in ("kty", "crv", "x", "y")} | {
            "kid": "key-1",
            "alg": "ES384",
            "use": "sig",
        }

    def header(self, path: str, **changes: Any) -> dict[str, str]:
        """The Authorization header for a call of *path*; `...` leaves a claim out."""
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": BASE + path, "iat": now, "exp": now + 300, "jti": str(uuid.uuid4())}
        algorithm = changes.pop("alg", "ES384")
        key = changes.pop("key", self.key)
        headers = {"kid": "key-1", "typ": "JWT"} | changes.pop("headers", {})
        claims = {name: value for name, value in (claims | changes).items() if value is not ...}
        token = jwt.encode(claims, key, algorithm=algorithm, headers={k: v for k, v in headers.items() if v is not ...})
        return {"Authorization": f"Bearer {token}"}


@pytest.fixture(scope="session")
def ehr() -> Ehr:
    return Ehr()


@pytest.fixture(scope="session")
def tenants_file(ehr: Ehr, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("tenants") / "tenants.yaml"
    tenant = {
        "id": "north",
        "issuers": [ISSUER],
        "jwks": {"keys": [ehr.jwk]},
        "base_urls": [BASE],
        "algorithms": ["ES384"],
        "origins": ["https://ehr.example.org"],
        "fhir_servers": ["https://ehr.example.org/fhir/"],
    }
    file.write_text(json.dumps({"tenants": [tenant]}), encoding="utf-8")
    return file


@pytest.fixture(scope="session")
def guarded(make_service, tenants_file: Path) -> Flask:
    """The service as a hospital runs it: production mode, one tenant, tokens asked for."""
    return make_service(mode="production", public_url=BASE, card_secret="s" * 40, tenants=tenants_file)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def serving(folder: Path, **settings: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """`spine-cds serve` in a process of its own; gives its base URL and the process."""
    port = free_port()
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("SPINE_CDS_", "PROMETHEUS_"))
    }
    environment |= {"SPINE_CDS_PORT": str(port), "SPINE_CDS_DATABASE_URL": f"sqlite:///{folder}/store.sqlite3"}
    environment |= {f"SPINE_CDS_{name}": value for name, value in settings.items()}
    log = (folder / "serve.log").open("w+", encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", "cds_service.cli.main", "serve"],
        cwd=ROOT,
        env=environment,
        stdout=log,
        stderr=log,
        text=True,
    )
    try:
        base = f"http://127.0.0.1:{port}"
        until = time.monotonic() + 30
        while True:
            try:
                if requests.get(f"{base}/alive", timeout=2).status_code == 200:
                    break
            except requests.ConnectionError:
                if process.poll() is not None or time.monotonic() > until:
                    raise AssertionError((folder / "serve.log").read_text(encoding="utf-8")) from None
                time.sleep(0.05)
        yield base, process
    finally:
        process.terminate()
        process.wait(timeout=30)
        log.close()


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of the service as `spine-cds serve` runs it."""
    with serving(tmp_path_factory.mktemp("serve"), LOG_LEVEL="error") as (base, _):
        yield base


class FhirServer:
    """A FHIR server on loopback that serves one patient's Bundle and notes what it was asked."""

    def __init__(self, resources: list[dict[str, Any]], seconds: float = 0.0) -> None:
        self.resources = resources
        self.seconds = seconds
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.refused: set[str] = set()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.seen.append((self.path, dict(self.headers)))
                time.sleep(outer.seconds)
                status, body = outer.answer(self.path)
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/fhir+json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *arguments: object) -> None:
                """Say nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/fhir"

    def answer(self, path: str) -> tuple[int, dict[str, Any]]:
        parts = urlsplit(path)
        kind, _, wanted = parts.path.removeprefix("/fhir/").partition("/")
        if kind in self.refused:
            return 403, {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "forbidden"}]}
        found = [one for one in self.resources if one["resourceType"] == kind]
        if wanted:
            return next(
                ((200, one) for one in found if one["id"] == wanted), (404, {"resourceType": "OperationOutcome"})
            )
        page = int(dict(parse_qsl(parts.query)).get("_page", 1))
        size = 2
        bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "total": len(found)}
        bundle["entry"] = [{"resource": one} for one in found[(page - 1) * size : page * size]]
        if page * size < len(found):
            bundle["link"] = [{"relation": "next", "url": f"{self.url}/{kind}?_page={page + 1}"}]
        return 200, bundle

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def fhir_server() -> Iterator[Callable[..., FhirServer]]:
    made: list[FhirServer] = []

    def make(patient: str, seconds: float = 0.0) -> FhirServer:
        bundle = read_json(FIXTURES / "patients" / f"{patient}.json")
        made.append(FhirServer([entry["resource"] for entry in bundle["entry"]], seconds))
        return made[-1]

    yield make
    for server in made:
        server.close()
