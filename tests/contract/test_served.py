"""The service as `spine-cds serve` runs it: real processes, real sockets, real signals."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import requests

from benchmarks.bodies import call_body
from tests.contract.conftest import (
    FIXTURES,
    PATIENT_VIEW,
    PATIENTS,
    ROOT,
    a_call,
    free_port,
    patient_call,
    read_json,
    serving,
)


def a_report() -> dict:
    return {
        "feedback": [{"card": str(uuid.uuid4()), "outcome": "overridden", "outcomeTimestamp": "2026-05-20T12:00:00Z"}]
    }


def test_serve_says_what_to_try_and_it_works(tmp_path: Path) -> None:
    with serving(tmp_path) as (base, _):
        told = (tmp_path / "serve.log").read_text(encoding="utf-8")
        lines = {line.split()[0]: line for line in told.splitlines() if line and not line.startswith("{")}
        call = ROOT / lines["try"].rsplit("@", 1)[1]
        answer = requests.post(f"{base}{PATIENT_VIEW}", json=read_json(call), timeout=10)

    assert f"{base}/cds-services" in lines["discovery"] and "serviceDiscoveryURL=" in lines["sandbox"]
    assert "DEVELOPMENT MODE" in told
    assert answer.json()["cards"]


def test_numbers_of_all_processes_meet(tmp_path: Path) -> None:
    with serving(tmp_path, LOG_LEVEL="error", WORKERS="2") as (base, _):
        for _ in range(12):
            requests.post(f"{base}{PATIENT_VIEW}", json=a_call(), timeout=10)
        counts = set()
        for _ in range(6):
            text = requests.get(f"{base}/metrics", timeout=10).text
            counts |= {
                line for line in text.splitlines() if 'route="services.call",status="200"' in line and "_total" in line
            }

    assert len(counts) == 1 and counts.pop().endswith(" 12.0")


def test_killed_workers_lose_no_acknowledged_feedback(tmp_path: Path) -> None:
    acknowledged: list[str] = []
    with serving(tmp_path, LOG_LEVEL="error", WORKERS="2") as (base, process):
        stop = threading.Event()

        def report() -> None:
            while not stop.is_set():
                body = a_report()
                try:
                    if requests.post(f"{base}{PATIENT_VIEW}/feedback", json=body, timeout=5).status_code == 200:
                        acknowledged.append(body["feedback"][0]["card"])
                except requests.RequestException:
                    continue

        threads = [threading.Thread(target=report) for _ in range(3)]
        for thread in threads:
            thread.start()
        for kills in range(1, 4):
            until = time.monotonic() + 30
            while len(acknowledged) < 10 * kills and time.monotonic() < until:
                time.sleep(0.02)
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            os.kill(int(children[0]), signal.SIGKILL)
        stop.set()
        for thread in threads:
            thread.join()
        repeats = [
            requests.post(
                f"{base}{PATIENT_VIEW}/feedback",
                json={
                    "feedback": [{"card": card, "outcome": "overridden", "outcomeTimestamp": "2026-05-20T12:00:00Z"}]
                },
                timeout=10,
            ).json()["repeated"]
            for card in acknowledged[:50] + acknowledged[-50:]
        ]

    assert len(acknowledged) >= 30
    assert all(one == 1 for one in repeats)


def test_a_body_over_the_limit_is_refused_without_reading_it(tmp_path: Path) -> None:
    with serving(tmp_path, LOG_LEVEL="error", MAX_BODY_MEGABYTES="1") as (base, _):
        address = urlsplit(base)
        with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
            connection.sendall(
                f"POST {PATIENT_VIEW} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                f"Content-Length: {5 * 2**30}\r\n\r\n".encode()
            )
            began = time.perf_counter()
            answer = b""
            while block := connection.recv(65536):
                answer += block
            waited = time.perf_counter() - began

    head = answer.decode("latin-1")
    assert head.startswith("HTTP/1.1 413 ") and "OperationOutcome" in head and "Connection: close" in head
    assert waited < 0.5


def test_a_chunked_body_over_the_limit_is_refused_while_it_streams(tmp_path: Path) -> None:
    def endless():
        for _ in range(64):
            yield b" " * 2**16

    with serving(tmp_path, LOG_LEVEL="error", MAX_BODY_MEGABYTES="1") as (base, _):
        headers = {"Content-Type": "application/json"}
        try:
            status = requests.post(f"{base}{PATIENT_VIEW}", data=endless(), headers=headers, timeout=10).status_code
        except requests.ConnectionError:
            status = 413  # the server closed while we were still sending, after it had answered
        alive = requests.get(f"{base}/alive", timeout=5).status_code

    assert (status, alive) == (413, 200)


def test_many_slow_clients_hold_up_no_other(running: str) -> None:
    address = urlsplit(running)
    slow = [socket.create_connection((address.hostname, address.port), timeout=10) for _ in range(40)]
    head = f"POST {PATIENT_VIEW} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{{"
    for number, connection in enumerate(slow):
        connection.sendall(head.encode()[: 20 if number % 2 else None])

    began = time.perf_counter()
    answers = [requests.post(f"{running}{PATIENT_VIEW}", json=a_call(), timeout=10).status_code for _ in range(8)]
    waited = time.perf_counter() - began
    for connection in slow:
        connection.close()

    assert answers == [200] * 8 and waited < 4


def test_patients_who_are_asked_about_at_once_each_get_their_own_answer(running: str) -> None:
    address = urlsplit(running)
    calls = [json.dumps(patient_call(name, "2026-05-15")) for name in PATIENTS]
    connections = [http.client.HTTPConnection(address.hostname, address.port, timeout=10) for _ in range(8)]

    def told(connection: http.client.HTTPConnection) -> list[tuple[str, str, str]]:
        answer = connection.getresponse()
        cards = json.loads(answer.read())["cards"]
        assert answer.status == 200
        return [(card["uuid"], card["summary"], card["detail"]) for card in cards]

    def ask(connection: http.client.HTTPConnection, body: str) -> None:
        connection.request("POST", PATIENT_VIEW, body, {"Content-Type": "application/json"})

    alone = []
    for body in calls:
        ask(connections[0], body)
        alone.append(told(connections[0]))
    at_once = []
    for start in range(0, len(calls), len(connections)):
        some = calls[start : start + len(connections)]
        for connection, body in zip(connections, some, strict=False):
            ask(connection, body)
        at_once += [told(connection) for connection, _ in zip(connections, some, strict=False)]
    for connection in connections:
        connection.close()

    assert at_once == alone and len({str(cards) for cards in alone}) > 15


def test_a_call_that_waits_for_a_fhir_server_holds_up_no_other(tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as mute,
        serving(tmp_path, LOG_LEVEL="info", WORKERS="1", GATHER_MILLISECONDS="2000") as (base, _),
    ):
        waiting = a_call(fhirServer=f"http://127.0.0.1:{mute.getsockname()[1]}/fhir", prefetch={})
        answered: list[tuple[int, float]] = []

        def ask() -> None:
            began = time.perf_counter()
            status = requests.post(f"{base}{PATIENT_VIEW}", json=waiting, timeout=20).status_code
            answered.append((status, time.perf_counter() - began))

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        time.sleep(0.4)
        began = time.perf_counter()
        others = [requests.post(f"{base}{PATIENT_VIEW}", json=a_call(), timeout=20).status_code for _ in range(10)]
        took = time.perf_counter() - began
        for thread in threads:
            thread.join()
        lines = (tmp_path / "serve.log").read_text(encoding="utf-8").splitlines()
        calls = [line for line in lines if '"route":"services.call"' in line]

    assert others == [200] * 10 and took < 1.5
    assert [status for status, _ in answered] == [412] * 3 and all(waited > 1.5 for _, waited in answered)
    assert len(calls) == 13, "a call that leaves the main loop is told once"


def test_a_client_that_does_not_take_its_answers_holds_up_no_other(tmp_path: Path) -> None:
    body = (FIXTURES / "calls" / "patient-view.json").read_bytes()
    whole = (
        f"POST {PATIENT_VIEW} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body

    with serving(tmp_path, LOG_LEVEL="error", WORKERS="1") as (base, _):
        address = urlsplit(base)
        deaf = socket.socket()
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.settimeout(0.2)
        deaf.connect((address.hostname, address.port))
        sent = 0
        with contextlib.suppress(OSError):
            while sent < 2000:
                deaf.sendall(whole)
                sent += 1
        began = time.perf_counter()
        answers = [requests.post(f"{base}{PATIENT_VIEW}", json=a_call(), timeout=20).status_code for _ in range(5)]
        took = time.perf_counter() - began
        deaf.close()

    assert sent < 2000, "the service stops reading from who does not read"
    assert answers == [200] * 5 and took < 4


def _answers(connection: socket.socket, count: int) -> bytes:
    """What arrives until *count* answers without a card are there."""
    arrived = b""
    while arrived.count(b'{"cards":[]}') < count:
        arrived += connection.recv(65536)
    return arrived


def test_a_slow_client_is_answered_when_its_request_is_whole(running: str) -> None:
    address = urlsplit(running)
    body = json.dumps(a_call()).encode()
    whole = (
        f"POST {PATIENT_VIEW} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body

    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        for start in range(0, len(whole), 97):
            connection.sendall(whole[start : start + 97])
            time.sleep(0.01)
        first = _answers(connection, 1)
        connection.sendall(whole + whole)
        second = _answers(connection, 2)

    assert (first.count(b"HTTP/1.1 200 "), second.count(b"HTTP/1.1 200 ")) == (1, 2)


def test_a_chunked_body_and_one_announced_with_expect_are_answered(running: str) -> None:
    body = json.dumps(a_call()).encode()
    headers = {"Content-Type": "application/json"}

    chunked = requests.post(f"{running}{PATIENT_VIEW}", data=iter([body[:50], body[50:]]), headers=headers, timeout=10)
    address = urlsplit(running)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(
            f"POST {PATIENT_VIEW} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
        )
        leave = connection.recv(1024)
        connection.sendall(body)
        answer = b""
        while b"HTTP/1.1 200 " not in answer:
            answer += connection.recv(65536)

    assert chunked.status_code == 200
    assert leave.startswith(b"HTTP/1.1 100 ")


def test_a_large_body_is_answered(running: str) -> None:
    call = a_call(padding="x" * 6_000_000)

    assert requests.post(f"{running}{PATIENT_VIEW}", json=call, timeout=20).status_code == 200


def test_a_call_in_flight_is_answered_when_the_service_stops(tmp_path: Path) -> None:
    body = json.dumps(a_call()).encode()
    with serving(tmp_path, LOG_LEVEL="error") as (base, process):
        address = urlsplit(base)
        with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
            head = f"POST {PATIENT_VIEW} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body[:10])
            time.sleep(0.3)
            process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            connection.sendall(body[10:])
            answer = connection.recv(65536).decode("latin-1")

    assert answer.startswith("HTTP/1.1 200 ")


def test_a_worker_gives_the_memory_of_large_bodies_back(tmp_path: Path) -> None:
    body = call_body(5000)
    with serving(tmp_path, LOG_LEVEL="error", WORKERS="1") as (base, process):
        (worker,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()

        def post(_: int) -> int:
            headers = {"Content-Type": "application/json"}
            return requests.post(f"{base}{PATIENT_VIEW}", data=body, headers=headers, timeout=30).status_code

        with ThreadPoolExecutor(8) as clients:
            statuses = set(clients.map(post, range(24)))
        until = time.monotonic() + 10
        while resident_megabytes(worker) > 120 and time.monotonic() < until:
            requests.get(f"{base}/alive", timeout=10)
            time.sleep(0.2)

        assert statuses == {200}
        assert resident_megabytes(worker) <= 120


def resident_megabytes(process: str) -> float:
    for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
        if line.startswith("Rss:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise AssertionError("the kernel does not tell")


def ended_serve(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a `spine-cds serve` that ends by itself."""
    command = [sys.executable, "-m", "cds_service.cli.main", "serve"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)


def test_serve_refuses_broken_settings_and_names_them_all(tmp_path: Path) -> None:
    environment = os.environ | {"SPINE_CDS_PORT": "x", "SPINE_CDS_HOST": "0.0.0.0", "SPINE_CDS_NONSENSE": "1"}

    done = ended_serve(environment)

    assert done.returncode == 5
    assert "SPINE_CDS_PORT" in done.stderr and "SPINE_CDS_NONSENSE" in done.stderr and "Traceback" not in done.stderr


def test_serve_refuses_broken_knowledge_and_names_the_file(tmp_path: Path) -> None:
    environment = os.environ | {"SPINE_CDS_CARDS": str(tmp_path), "SPINE_CDS_PORT": str(free_port())}

    done = ended_serve(environment)

    assert done.returncode == 4 and ".yaml" in done.stderr and "Traceback" not in done.stderr


def test_the_fixtures_are_where_the_page_looks(running: str) -> None:
    assert requests.get(f"{running}/workbench/fixtures/index.json", timeout=10).json() == read_json(
        FIXTURES / "index.json"
    )
