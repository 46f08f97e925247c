"""The service as it really runs: `spine-cds serve` under gunicorn, spoken to over plain sockets."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.security.builders import BASE, ISSUER, Client

ROOT = Path(__file__).parents[2]
SERVICE_PATH = "/cds-services/spine-rehab-patient-view"


@dataclass
class Service:
    """A running service: its port, its process, and the file its standard output goes to."""

    port: int
    process: subprocess.Popen[bytes]
    output: Path
    client: Client

    @property
    def log(self) -> str:
        return self.output.read_text(encoding="utf-8", errors="replace")

    @property
    def workers(self) -> list[int]:
        """Process ids of the workers."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in children.split()]

    def token(self, path: str = SERVICE_PATH, **claims: Any) -> str:
        now = int(time.time())
        return self.client.token({"aud": BASE + path, "iat": now, "exp": now + 300, **claims})

    def ask(
        self, path: str = SERVICE_PATH, body: Any = None, token: str | None = "", headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Send one request; a fresh token unless *token* is given (None: none). Gives status, headers and body."""
        said = dict(headers or {})
        if token is not None:
            said["Authorization"] = f"Bearer {token or self.token(path)}"
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        if content is not None:
            said.setdefault("Content-Type", "application/json")
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", content, said)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, {k.lower(): v for k, v in error.headers.items()}, error.read()

    def send_raw(self, *sent: bytes, seconds: float = 0.6) -> bytes:
        """Send bytes as they are, each piece after the answer to the one before it; give all that comes back.

        A piece is taken as answered when nothing more comes for *seconds*, or the connection is closed.
        """
        received = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as connection:
            try:
                for piece in sent:
                    connection.sendall(piece)
                    with contextlib.suppress(TimeoutError):
                        while block := connection.recv(65536):
                            received += block
            except ConnectionError:
                pass
        return received


def tenants_file(folder: Path, client: Client, **changes: Any) -> Path:
    tenant = {
        "id": "general",
        "issuers": [ISSUER],
        "jwks": client.jwks,
        "algorithms": [client.algorithm],
        "base_urls": [BASE],
        "fhir_servers": ["https://fhir.example.org/r4/"],
        "calls_per_second": 10000,
        "burst": 100000,
        **changes,
    }
    file = folder / "tenants.yaml"
    file.write_text(yaml.safe_dump({"tenants": [tenant]}))
    return file


@contextmanager
def a_running_service(folder: Path, client: Client | None = None, **settings: str) -> Iterator[Service]:
    """Run the service in production mode with one tenant; *settings* are variables without their prefix."""
    client = client or Client()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    wanted = {
        "MODE": "production",
        "PUBLIC_URL": BASE,
        "TENANTS": str(tenants_file(folder, client)),
        "DATABASE_URL": f"sqlite:///{folder / 'store.sqlite3'}",
        "PORT": str(port),
        "WORKERS": "2",
        "SHUTDOWN_SECONDS": "5",
        "CARD_SECRET": "c" * 40,
        **settings,
    }
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SPINE_CDS_")}
    environment |= {f"SPINE_CDS_{name}": value for name, value in wanted.items()}
    environment["PYTHONPATH"] = os.pathsep.join([*os.environ.get("PYTHONPATH", "").split(os.pathsep), str(ROOT)]).strip(
        os.pathsep
    )
    output = folder / "output.log"
    with output.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "cds_service.cli.main", "serve"],
            env=environment,
            cwd=folder,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    service = Service(port, process, output, client)
    try:
        _wait_until_alive(service)
        yield service
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(5)


def _wait_until_alive(service: Service) -> None:
    until = time.monotonic() + 40
    while time.monotonic() < until:
        if service.process.poll() is not None:
            raise AssertionError(f"the service ended: {service.log}")
        try:
            if service.ask("/alive", token=None)[0] == 200:
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    raise AssertionError(f"the service did not come up: {service.log}")


def a_call(**changes: Any) -> dict[str, Any]:
    """A call of patient-view about a patient without anything recorded."""
    empty = {"resourceType": "Bundle", "type": "searchset", "total": 0}
    keys = ("procedures", "observations", "conditions", "medications", "serviceRequests", "carePlans", "goals")
    return {
        "hook": "patient-view",
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "context": {"userId": "Practitioner/p1", "patientId": "pat-1"},
        "prefetch": {"patient": {"resourceType": "Patient", "id": "pat-1"}} | dict.fromkeys(keys, empty),
        **changes,
    }
