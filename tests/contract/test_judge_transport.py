"""What an unfriendly client sends below JSON: every refusal is an OperationOutcome with a request id and repeats nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from cds_service.web.cors import is_loopback_origin
from tests.security.running import SERVICE_PATH, Service, a_running_service

CANARY = b"CANARY-of-a-header"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder: Path = tmp_path_factory.mktemp("transport")
    with a_running_service(folder, WORKERS="1", LOG_LEVEL="debug") as running:
        yield running


@pytest.mark.rule("C7")
@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"garbage\r\n\r\n", 400),
        (b"GET /" + b"a" * 10_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 20_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"H%d: a\r\n" % one for one in range(100)) + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization : Bearer " + CANARY + b"\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n " + CANARY + b"\r\n\r\n", 400),
        (b"GET /\x00" + CANARY + b" HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: " + CANARY + b"\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nHost: x\r\nExpect: " + CANARY + b"\r\nContent-Length: 0\r\n\r\n", 417),
        (b"GET / HTTP/9.9\r\n\r\n", 400),
    ],
)
def test_what_is_no_http_is_refused_like_every_other_error(service: Service, sent: bytes, status: int) -> None:
    answer = service.send_raw(sent)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status), head[:80]
    outcome = json.loads(body)
    assert outcome["resourceType"] == "OperationOutcome"
    assert outcome["issue"][0]["details"]["text"]
    request_id = re.search(rb"X-Request-Id: ([0-9a-f]{32})\r\n", head + b"\r\n")
    assert request_id and request_id[1].decode() == outcome["id"]
    assert CANARY not in answer
    assert CANARY.decode() not in service.log, "a header's value came into the log"
    assert outcome["id"] in service.log


@pytest.mark.rule("C3")
def test_broken_chunks_are_the_clients_fault(service: Service) -> None:
    token = service.token().encode()
    answer = service.send_raw(
        b"POST " + SERVICE_PATH.encode() + b" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Authorization: Bearer " + token + b"\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
        b"GET /alive HTTP/1.1\r\nHost: x\r\n\r\n0\r\n\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 400 "), answer[:80]
    assert b"OperationOutcome" in answer and b"chunks of the body" in answer
    assert answer.count(b"HTTP/1.1 ") == 1, "what came behind the broken body was taken for a request"


@pytest.mark.rule("J7")
@pytest.mark.parametrize(
    ("origin", "is_ours"),
    [
        ("http://localhost:8080", True),
        ("https://127.0.0.1", True),
        ("http://[::1]:3000", True),
        ("http://localhost:8080.evil.example", False),
        ("http://localhost.evil.example", False),
        ("http://127.0.0.1@evil.example", False),
        ("http://localhost:8080/path", False),
        ("null", False),
    ],
)
def test_only_a_page_of_this_machine_is_a_loopback_origin(origin: str, is_ours: bool) -> None:
    assert is_loopback_origin(origin) is is_ours
