"""Real things for tests to talk to over HTTP: our service under gunicorn, and a small FHIR store."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

ROOT = Path(__file__).parents[1]
START_SECONDS = 40


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def running_service(folder: Path, **settings: str) -> Iterator[str]:
    """Run `spine-cds serve` in development mode with its store in *folder*; gives the base URL."""
    port = free_port()
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("SPINE_CDS_")},
        "SPINE_CDS_PORT": str(port),
        "SPINE_CDS_DATABASE_URL": f"sqlite:///{folder}/feedback.sqlite3",
        **settings,
    }
    command = [sys.executable, "-m", "cds_service.cli.main", "serve"]
    with (folder / "service.log").open("w") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            _wait_for(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=30)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        assert process.poll() is None, "the service stopped while starting; see service.log"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.2):
            return
        time.sleep(0.05)
    raise AssertionError(f"the service did not start within {START_SECONDS} s")


class FhirStore:
    """What a FHIR server holds, by `Type/id`."""

    def __init__(self, resources: Iterable[dict[str, Any]] = ()):
        self.held = {f"{one['resourceType']}/{one['id']}": one for one in resources}

    def search(self, kind: str, query: dict[str, list[str]]) -> list[dict[str, Any]]:
        found = [one for key, one in self.held.items() if key.startswith(kind + "/")]
        if "_id" in query:
            found = [one for one in found if one["id"] in query["_id"]]
        if "_tag" in query:
            code = query["_tag"][0].rpartition("|")[2]
            found = [one for one in found if any(tag.get("code") == code for tag in one.get("meta", {}).get("tag", []))]
        if "patient" in query:
            reference = f"Patient/{query['patient'][0]}"
            found = [
                one for one in found if (one.get("subject") or one.get("patient") or {}).get("reference") == reference
            ]
        return found


def _handler(store: FhirStore) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_OPTIONS(self) -> None:
            self._send(204)

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            path = parts.path.removeprefix("/fhir/")
            if "/" in path:
                held = store.held.get(path)
                self._send(200 if held else 404, held or _outcome("not-found"))
            else:
                found = store.search(path, parse_qs(parts.query))
                self._send(
                    200,
                    {
                        "resourceType": "Bundle",
                        "type": "searchset",
                        "total": len(found),
                        "entry": [{"resource": one} for one in found],
                    },
                )

        def do_POST(self) -> None:
            bundle = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            for entry in bundle["entry"]:
                assert entry["request"]["method"] == "PUT"
                store.held[entry["request"]["url"]] = entry["resource"]
            self._send(200, {"resourceType": "Bundle", "type": "transaction-response"})

        def do_DELETE(self) -> None:
            gone = store.held.pop(urlsplit(self.path).path.removeprefix("/fhir/"), None)
            self._send(204 if gone else 404)

        def _send(self, status: int, body: dict[str, Any] | None = None) -> None:
            content = b"" if body is None else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/fhir+json")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Access-Control-Allow-Origin", "*")
            self.send_header("Access-Control-Allow-Headers", "*")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def _outcome(code: str) -> dict[str, Any]:
    return {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": code}]}


@contextmanager
def serving(store: FhirStore) -> Iterator[str]:
    """Serve *store* on a free port; gives the FHIR base URL. Any browser origin may read it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(store))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/fhir"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def example(name: str) -> list[dict[str, Any]]:
    """The resources of an example patient of fhir_fixtures/."""
    bundle = json.loads((ROOT / "fhir_fixtures" / "patients" / f"{name}.json").read_text())
    return [entry["resource"] for entry in bundle["entry"]]
