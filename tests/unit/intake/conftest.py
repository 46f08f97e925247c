"""A real HTTP server that misbehaves as told, and a guard that lets the tests read it."""

from __future__ import annotations

import http.server
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
import requests

from cds_service.errors import OutboundRefused
from cds_service.intake.fhir_server import FhirClient, Limits

Answer = Callable[["Handler"], None]


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers by the table of its server, keyed by the path without its query."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self.server.seen.append(Seen(self.path, dict(self.headers), self.client_address))
        answer = self.server.answers.get(urlsplit(self.path).path)
        try:
            if answer is None:
                self.say({"resourceType": "OperationOutcome"}, status=404)
            else:
                answer(self)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def say(self, body: object, status: int = 200, **headers: str) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        given = {"Content-Type": "application/fhir+json", "Content-Length": str(len(data))}
        for name, value in (given | {name.replace("_", "-"): value for name, value in headers.items()}).items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def drip(self, data: bytes, seconds_each: float) -> None:
        for number in range(len(data)):
            self.wfile.write(data[number : number + 1])
            self.wfile.flush()
            if self.server.gone.wait(seconds_each):
                return

    def reset(self) -> None:
        """Break the connection so that the reader sees a reset, not an end."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        self.connection.close()
        self.close_connection = True

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@dataclass(frozen=True)
class Seen:
    path: str
    headers: dict[str, str]
    client: tuple[str, int]


@dataclass
class Server:
    """A FHIR server of a test: `answers[path]` says what it does."""

    answers: dict[str, Answer] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    gone: threading.Event = field(default_factory=threading.Event)
    base: str = ""

    def gives(self, path: str, body: object, status: int = 200, **headers: str) -> None:
        self.answers[f"/fhir/{path}"] = lambda handler: handler.say(body, status, **headers)

    def does(self, path: str, answer: Answer) -> None:
        self.answers[f"/fhir/{path}"] = answer

    def gives_in_turn(self, path: str, *answers: Answer) -> None:
        """Give each answer once; the last one stays."""
        left = list(answers)
        self.answers[f"/fhir/{path}"] = lambda handler: (left.pop(0) if len(left) > 1 else left[0])(handler)

    @property
    def paths(self) -> list[str]:
        return [one.path for one in self.seen]


class _Quiet(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """A reader that went away is no event."""


@pytest.fixture
def ehr() -> Iterator[Server]:
    state = Server()
    handler = type("BoundHandler", (Handler,), {})
    httpd = _Quiet(("127.0.0.1", 0), handler)
    for name in ("answers", "seen", "gone"):
        setattr(httpd, name, getattr(state, name))
    state.base = f"http://127.0.0.1:{httpd.server_port}/fhir"
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield state
    state.gone.set()
    httpd.shutdown()
    httpd.server_close()
    thread.join(2)


class LoopbackGuard:
    """Lets every loopback URL pass; for tests only."""

    def __init__(self) -> None:
        self.checked: list[str] = []

    def check(self, url: str) -> str:
        self.checked.append(url)
        if urlsplit(url).hostname != "127.0.0.1":
            raise OutboundRefused("not loopback")
        return url

    def session(self) -> requests.Session:
        return requests.Session()


@pytest.fixture
def guard() -> LoopbackGuard:
    return LoopbackGuard()


@pytest.fixture
def client(guard: LoopbackGuard) -> Iterator[FhirClient]:
    client = FhirClient(guard, limits=Limits(answer_bytes=200_000, total_bytes=400_000, pages=4))
    yield client
    client.session.close()
    until = time.monotonic() + 2
    while any(thread.name == "fhir-read" for thread in threading.enumerate()) and time.monotonic() < until:
        time.sleep(0.005)
