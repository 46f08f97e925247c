"""Kill -9 of workers and of the database under load: what was acknowledged is there afterwards, and cards go on."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import socket
import threading
import time
import uuid
from pathlib import Path

import psycopg
import pytest

from tests.security.database import Database, a_database
from tests.security.running import SERVICE_PATH, Service, a_call, a_running_service

pytestmark = pytest.mark.xdist_group("crash")

SECONDS = float(os.environ.get("SPINE_CDS_TESTS_CRASH_SECONDS", "6"))
"""How long the load lasts; the long form takes 60."""


class Load:
    """Clients that send feedback without pause and note what was acknowledged."""

    def __init__(self, service: Service, clients: int = 4):
        self._service = service
        self._over = threading.Event()
        self.acknowledged: list[str] = []
        self.refused: list[dict[str, str]] = []
        self.strange: list[int] = []
        self._threads = [threading.Thread(target=self._send) for _ in range(clients)]
        for thread in self._threads:
            thread.start()

    def _send(self) -> None:
        path = SERVICE_PATH + "/feedback"
        while not self._over.is_set():
            card = str(uuid.uuid4())
            entry = {"card": card, "outcome": "overridden", "outcomeTimestamp": "2026-05-01T10:00:00Z"}
            entry["overrideReason"] = {"userComment": "no"}  # type: ignore[assignment]
            try:
                status, headers, _ = self._service.ask(path, body={"feedback": [entry]})
            except (OSError, http.client.HTTPException):
                continue
            if status == 200:
                self.acknowledged.append(card)
            elif status == 503:
                self.refused.append(headers)
                time.sleep(0.05)
            else:
                self.strange.append(status)

    def end(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(30)


def _kill_workers(service: Service, until: float) -> int:
    killed = 0
    while time.monotonic() < until:
        time.sleep(0.7)
        workers = service.workers
        if workers:
            os.kill(random.choice(workers), signal.SIGKILL)
            killed += 1
    return killed


def _cards_in(database: Database) -> set[str]:
    with psycopg.connect(database.url.replace("+psycopg", "")) as connection:
        return {row[0] for row in connection.execute("SELECT card FROM feedback")}


def _outcome_of_a_call(service: Service) -> int:
    """Give the status of a hook call; a worker may be killed in the middle of it, so it is tried again."""
    for _ in range(20):
        try:
            return service.ask(body=a_call())[0]
        except (OSError, http.client.HTTPException):
            time.sleep(0.1)
    raise AssertionError("no answer to twenty calls")


def test_no_acknowledged_feedback_is_lost(tmp_path: Path) -> None:
    with a_database() as database, a_running_service(tmp_path, DATABASE_URL=database.url) as service:
        load = Load(service)
        killed = _kill_workers(service, time.monotonic() + SECONDS / 2)

        database.kill()
        status_without_database = _outcome_of_a_call(service)
        ready_without_database = service.ask("/ready", token=None)[0]
        time.sleep(0.5)
        database.start()

        killed += _kill_workers(service, time.monotonic() + SECONDS / 2)
        load.end()
        ready_again = service.ask("/ready", token=None)[0]
        stored = _cards_in(database)

    assert killed >= 4 and len(load.acknowledged) >= 50
    assert set(load.acknowledged) <= stored
    assert status_without_database == 200 and ready_without_database == 503 and ready_again == 200
    assert load.refused and all(int(headers["retry-after"]) >= 1 for headers in load.refused)
    assert load.strange == []


def test_a_call_in_flight_is_finished_when_the_service_stops(tmp_path: Path) -> None:
    """The body is half there when the stop comes; the other half and the answer still go through."""
    body = json.dumps(a_call()).encode()
    with (
        a_running_service(tmp_path, SHUTDOWN_SECONDS="15") as service,
        socket.create_connection(("127.0.0.1", service.port), timeout=20) as connection,
    ):
        head = f"POST {SERVICE_PATH} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {service.token()}\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body[:100])
        time.sleep(0.5)

        service.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        connection.sendall(body[100:])
        answer = connection.recv(65536)
        service.process.wait(20)

    assert answer.startswith(b"HTTP/1.1 200")
