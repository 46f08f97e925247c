"""The service under gunicorn, a small FHIR server, and a real Chromium, for the tests of the page."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
WIDE, NARROW = (1600, 1000), (360, 740)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The running service in development mode; gives its base URL."""
    port = _free_port()
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("SPINE_CDS_")},
        "SPINE_CDS_PORT": str(port),
        "SPINE_CDS_DATABASE_URL": f"sqlite:///{tmp_path_factory.mktemp('store')}/feedback.sqlite3",
    }
    process = subprocess.Popen([sys.executable, "-m", "cds_service.cli.main", "serve"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.2):
                break
            time.sleep(0.1)
        else:
            raise AssertionError("the service did not start within 30 s")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)


class _Fhir(BaseHTTPRequestHandler):
    """Answers reads and searches over one example patient's Bundle, as a sandbox does, for any browser origin."""

    resources: list[dict] = []

    def do_OPTIONS(self) -> None:
        self._send(204, b"")

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        kind = parts.path.removeprefix("/fhir/").split("/")[0]
        found = [one for one in self.resources if one["resourceType"] == kind]
        wanted = parse_qs(parts.query).get("_id")
        if wanted:
            found = [one for one in found if one["id"] in wanted]
        bundle = {"resourceType": "Bundle", "type": "searchset", "total": len(found), "entry": [{"resource": one} for one in found]}
        self._send(200, json.dumps(bundle).encode())

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/fhir+json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Access-Control-Allow-Headers", "*")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="session")
def fhir_server() -> Iterator[str]:
    """A FHIR server holding the patient of fhir_fixtures/patients/osteoporosis_fusion.json; gives its base URL."""
    bundle = json.loads((ROOT / "fhir_fixtures/patients/osteoporosis_fusion.json").read_text())
    _Fhir.resources = [entry["resource"] for entry in bundle["entry"]]
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Fhir)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/fhir"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture()
def page(browser: Browser, service: str) -> Iterator[Page]:
    """The workbench in a wide window; console errors and refused scripts fail the test at its end."""
    context = browser.new_context(viewport={"width": WIDE[0], "height": WIDE[1]})
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=service)
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.said = said  # type: ignore[attr-defined]
    yield page
    context.close()
    assert said == [], f"the page complained: {said}"


@pytest.fixture()
def workbench(page: Page, service: str) -> Page:
    """The workbench with its first patient asked about."""
    page.goto(service)
    page.wait_for_selector(".card")
    return page


@pytest.fixture()
def keep_picture(request: pytest.FixtureRequest) -> object:
    """Keep a screenshot under docs/images where SPINE_CDS_SCREENSHOTS names that folder; otherwise do nothing."""
    folder = os.environ.get("SPINE_CDS_SCREENSHOTS")

    def keep(page: Page, name: str) -> None:
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            page.screenshot(path=Path(folder) / f"{name}.png", full_page=False)

    return keep
