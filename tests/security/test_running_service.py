"""Attacks on the running service: over real sockets, against real gunicorn with two workers, in production mode."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.security.builders import Client
from tests.security.running import SERVICE_PATH, Service, a_call, a_running_service, tenants_file
from tests.security.test_tokens import FORGERIES

pytestmark = pytest.mark.xdist_group("running_service")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with a_running_service(tmp_path_factory.mktemp("service")) as running:
        yield running


def statuses(answer: bytes) -> list[int]:
    """The status of every response in *answer*."""
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3}) ", answer)]


def outcome(body: bytes) -> str:
    content = json.loads(body)
    assert content["resourceType"] == "OperationOutcome"
    return body.decode()


# -- who may come in


@pytest.mark.parametrize("path", ["/cds-services", SERVICE_PATH, SERVICE_PATH + "/feedback"])
def test_every_endpoint_asks_for_a_token(service: Service, path: str) -> None:
    status, headers, body = service.ask(path, body=None if path == "/cds-services" else {}, token=None)

    assert status == 401 and headers["www-authenticate"].startswith("Bearer")
    outcome(body)


def test_an_honest_caller_gets_an_answer(service: Service) -> None:
    assert service.ask("/cds-services")[0] == 200
    status, _, body = service.ask(body=a_call())
    assert status == 200 and "cards" in json.loads(body)


# What no HTTP client can put into a header; test_tokens.py gives these to the verifier itself.
NOT_SENDABLE = frozenset({"a line break inside", "letters beyond ASCII"})


@pytest.mark.parametrize("name", [name for name in FORGERIES if name not in NOT_SENDABLE])
def test_a_forged_token_gets_401_and_nothing_of_itself(service: Service, name: str) -> None:
    token = FORGERIES[name]()

    status, headers, body = service.ask(body=a_call(), token=token or "x")

    assert status == 401 and "www-authenticate" in headers
    assert not any(piece in outcome(body) for piece in token.split(".") if len(piece) > 20)


def test_a_token_is_used_once_though_calls_fall_on_different_workers(service: Service) -> None:
    token = service.token()
    found: list[int] = []

    def call() -> None:
        found.append(service.ask(body=a_call(), token=token)[0])

    threads = [threading.Thread(target=call) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(found) == [200] + [401] * 23


def test_a_token_for_feedback_does_not_open_the_service(service: Service) -> None:
    assert service.ask(body=a_call(), token=service.token(SERVICE_PATH + "/feedback"))[0] == 401


def test_a_host_header_does_not_change_the_audience(service: Service) -> None:
    token = service.token(aud="https://evil.example" + SERVICE_PATH)

    assert (
        service.ask(body=a_call(), token=token, headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"})[0]
        == 401
    )


def test_forwarded_headers_do_not_open_anything(service: Service) -> None:
    spoofed = {
        "X-Forwarded-For": "127.0.0.1",
        "X-Real-IP": "127.0.0.1",
        "X-Original-URL": "/alive",
        "X-Rewrite-URL": "/alive",
    }

    assert service.ask(body=a_call(), token=None, headers=spoofed)[0] == 401


def test_a_method_override_is_not_heeded(service: Service) -> None:
    answer = service.ask(
        "/cds-services", token=service.token("/cds-services"), headers={"X-HTTP-Method-Override": "DELETE"}
    )

    assert answer[0] == 200


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "https://cds.example.org.evil.example", "http://127.0.0.1:9101"]
)
def test_a_foreign_page_gets_no_cors_headers(service: Service, origin: str) -> None:
    _, headers, _ = service.ask("/cds-services", headers={"Origin": origin})

    assert "access-control-allow-origin" not in headers


# -- request smuggling: one request must never become two

_BODY = b'{"hook":"x"}'
_SMUGGLED = b"GET /alive HTTP/1.1\r\nHost: a\r\n\r\n"


def _post(*headers: bytes, body: bytes = _BODY) -> bytes:
    lines = [b"POST " + SERVICE_PATH.encode() + b" HTTP/1.1", b"Host: a", b"Content-Type: application/json", *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


_CHUNKED = b"c\r\n" + _BODY + b"\r\n0\r\n\r\n"
SMUGGLING = {
    "length and chunked": _post(b"Content-Length: 4", b"Transfer-Encoding: chunked", body=_CHUNKED),
    "chunked and length": _post(b"Transfer-Encoding: chunked", b"Content-Length: 4", body=_CHUNKED),
    "two lengths": _post(b"Content-Length: 12", b"Content-Length: 4"),
    "two lengths in one": _post(b"Content-Length: 12, 4"),
    "a length with a sign": _post(b"Content-Length: +12"),
    "a negative length": _post(b"Content-Length: -12"),
    "a length with an underscore": _post(b"Content-Length: 1_2"),
    "a hexadecimal length": _post(b"Content-Length: 0xc"),
    "a length in other digits": _post("Content-Length: １２".encode()),
    "a length with a space before the colon": _post(b"Content-Length : 12"),
    "an empty length": _post(b"Content-Length: "),
    "chunked with a space before the colon": _post(b"Transfer-Encoding : chunked", body=_CHUNKED),
    "xchunked": _post(b"Transfer-Encoding: xchunked", body=_CHUNKED),
    "chunked twice": _post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=_CHUNKED),
    "chunked then identity": _post(b"Transfer-Encoding: chunked, identity", body=_CHUNKED),
    "identity then chunked": _post(b"Transfer-Encoding: identity, chunked", body=_CHUNKED),
    "chunked after a vertical tab": _post(b"Transfer-Encoding:\x0bchunked", body=_CHUNKED),
    "chunked folded": _post(b"Transfer-Encoding:\r\n chunked", body=_CHUNKED),
    "gzip, chunked": _post(b"Transfer-Encoding: gzip, chunked", body=_CHUNKED),
    "chunked over HTTP/1.0": _post(b"Transfer-Encoding: chunked", body=_CHUNKED).replace(b"HTTP/1.1", b"HTTP/1.0", 1),
    "a chunk size with a sign": _post(b"Transfer-Encoding: chunked", body=b"+c\r\n" + _BODY + b"\r\n0\r\n\r\n"),
    "a chunk size with 0x": _post(b"Transfer-Encoding: chunked", body=b"0xc\r\n" + _BODY + b"\r\n0\r\n\r\n"),
    "a chunk size with an underscore": _post(b"Transfer-Encoding: chunked", body=b"0_c\r\n" + _BODY + b"\r\n0\r\n\r\n"),
    "a negative chunk size": _post(b"Transfer-Encoding: chunked", body=b"-1\r\n" + _BODY + b"\r\n0\r\n\r\n"),
    "an enormous chunk size": _post(b"Transfer-Encoding: chunked", body=b"f" * 40 + b"\r\n" + _BODY),
    "a chunk longer than it says": _post(b"Transfer-Encoding: chunked", body=b"4\r\n" + _BODY + b"\r\n0\r\n\r\n"),
    "a chunk end without CR": _post(b"Transfer-Encoding: chunked", body=b"c\n" + _BODY + b"\n0\n\n"),
    "lines that end with LF": _post(b"Content-Length: 4", b"Transfer-Encoding: chunked", body=_CHUNKED).replace(
        b"\r\n", b"\n"
    ),
    "a bare CR in a header": _post(b"X-A: b\rTransfer-Encoding: chunked", b"Content-Length: 12"),
    "a null in a header": _post(b"X-A: b\x00c", b"Content-Length: 12"),
    "a header without a name": _post(b": b", b"Content-Length: 12"),
    "a header without a colon": _post(b"Transfer-Encoding chunked", b"Content-Length: 12"),
    "a header folded": _post(b"X-A: b", b" Content-Length: 4", b"Content-Length: 12"),
    "two hosts": _post(b"Host: b", b"Content-Length: 12"),
    "no version": b"GET /alive\r\n\r\n",
    "a strange version": b"GET /alive HTTP/9.9\r\nHost: a\r\n\r\n",
    "a method with a line break": b"GE\r\nT /alive HTTP/1.1\r\nHost: a\r\n\r\n",
    "a space in the target": b"GET /alive /alive HTTP/1.1\r\nHost: a\r\n\r\n",
}


@pytest.mark.parametrize("sent", SMUGGLING.values(), ids=SMUGGLING.keys())
def test_an_ambiguous_request_ends_the_connection_before_a_second_one_is_read(service: Service, sent: bytes) -> None:
    answer = service.send_raw(sent + _SMUGGLED, _SMUGGLED)

    assert len(statuses(answer)) <= 1, answer
    assert all(400 <= status < 600 and status != 500 for status in statuses(answer)), answer
    assert service.ask("/alive", token=None)[0] == 200


def test_two_honest_requests_on_one_connection_get_two_answers(service: Service) -> None:
    answer = service.send_raw(_SMUGGLED, _SMUGGLED)

    assert statuses(answer) == [200, 200]


# -- large, many, slow


def test_a_body_that_says_it_is_huge_is_refused_before_it_is_sent(service: Service) -> None:
    began = time.monotonic()
    token = service.token().encode()

    answer = service.send_raw(_post(b"Authorization: Bearer " + token, b"Content-Length: 10000000000", body=b"{"))

    assert statuses(answer) == [413] and time.monotonic() - began < 3


def test_a_chunked_body_without_end_is_cut_off(service: Service) -> None:
    token = service.token()
    chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as connection:
        connection.sendall(_post(b"Authorization: Bearer " + token.encode(), b"Transfer-Encoding: chunked", body=b""))
        sent = 0
        try:
            while sent < 64:
                connection.sendall(chunk)
                sent += 1
        except OSError:
            pass
        try:
            answer = connection.recv(65536)
        except OSError:
            answer = b""

    assert sent < 64 or statuses(answer) == [413]
    assert service.ask("/alive", token=None)[0] == 200


BIG_HEADERS = {
    "one huge header": b"X-A: " + b"a" * 100_000,
    "very many headers": b"\r\n".join(b"X-%d: a" % index for index in range(500)),
    "a huge request line": b"",
}


@pytest.mark.parametrize("name", list(BIG_HEADERS))
def test_headers_without_measure_are_refused(service: Service, name: str) -> None:
    path = b"/" + b"a" * 20_000 if name == "a huge request line" else b"/alive"

    answer = service.send_raw(b"GET " + path + b" HTTP/1.1\r\nHost: a\r\n" + BIG_HEADERS[name] + b"\r\n\r\n")

    assert all(status in (400, 414, 431) for status in statuses(answer)) and len(statuses(answer)) <= 1
    assert service.ask("/alive", token=None)[0] == 200


@pytest.mark.parametrize(
    "body",
    [b"[" * 1_000_000, b'{"a":' * 500_000, b'{"hook":' + b"[" * 200_000 + b"]" * 200_000 + b"}"],
    ids=["arrays", "objects", "balanced"],
)
def test_a_json_bomb_is_refused_quickly(service: Service, body: bytes) -> None:
    began = time.monotonic()

    status, _, answer = service.ask(body=body)

    assert status == 400 and time.monotonic() - began < 5
    outcome(answer)


def test_slow_clients_do_not_starve_others(service: Service) -> None:
    """Forty connections that stop in the middle of their headers, or of their body."""
    slow = []
    try:
        for index in range(40):
            connection = socket.create_connection(("127.0.0.1", service.port), timeout=5)
            head = _post(b"Authorization: Bearer " + service.token().encode(), b"Content-Length: 1000", body=b"{")
            connection.sendall(head if index % 2 else head[:80])
            slow.append(connection)
        time.sleep(0.5)

        began = time.monotonic()
        status, _, _ = service.ask(body=a_call())

        assert status == 200 and time.monotonic() - began < 5
    finally:
        for connection in slow:
            connection.close()


def test_a_tenant_that_calls_too_often_gets_429_with_a_time(tmp_path: Path) -> None:
    client = Client()
    file = tenants_file(tmp_path, client, calls_per_second=0.2, burst=5)
    file = file.rename(tmp_path / "slow.yaml")
    with a_running_service(tmp_path, client, WORKERS="1", TENANTS=str(file)) as running:
        answers = [running.ask(body=a_call()) for _ in range(12)]

    refused = [headers for status, headers, _ in answers if status == 429]
    assert 5 <= len(refused) <= 7 and all(1 <= int(headers["retry-after"]) <= 5 for headers in refused)


# -- paths and logs

PATHS = {
    "climbing": "/cds-services/../../etc/passwd",
    "climbing, encoded": "/cds-services/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "climbing, encoded twice": "/cds-services/%252e%252e%252fetc",
    "a backslash": "/cds-services/..%5c..%5cetc",
    "a null": SERVICE_PATH + "%00",
    "a line break": SERVICE_PATH + "%0d%0aSet-Cookie:%20a=b",
    "two slashes": "//cds-services/",
    "parameters": SERVICE_PATH + ";a=b",
    "a template": "/cds-services/%7B%7B7*7%7D%7D",
    "very long": "/cds-services/" + "a" * 3_000,
    "no UTF-8": "/cds-services/%ff%fe",
    "a lone surrogate": "/cds-services/%ed%a0%80",
    "SQL": "/cds-services/'%20OR%201=1--",
    "a file of the workbench": "/workbench/..%2f..%2fpyproject.toml",
    "another method's route": "/cds-services/x/feedback/y",
}


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS.keys())
def test_a_tricky_path_is_refused_without_a_crash(service: Service, path: str) -> None:
    answer = service.send_raw(
        f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{{}}".encode()
    )

    assert statuses(answer)[0] in (308, 400, 401, 404, 405), answer
    assert b"Set-Cookie" not in answer and b"[project]" not in answer


def test_nothing_of_a_request_can_write_its_own_log_line(service: Service) -> None:
    marks = {"User-Agent": 'agent"}\\n{"event":"forged-a"', "X-Request-Id": "forged-b", "Referer": "forged-c"}
    service.ask("/cds-services/forged-d%0a%7B%22event%22:%22forged-e%22%7D", body={"hook": "forged-f\n"}, headers=marks)
    service.ask(SERVICE_PATH, body=a_call(hook="forged-g\n{}"), token="forged-h.forged-i.forged-j")
    service.ask(SERVICE_PATH, body=a_call(hook="forged-k\n{}"))

    lines = [line for line in service.log.splitlines() if line.startswith("{")]
    assert "forged" not in service.log
    assert all(json.loads(line)["event"] for line in lines) and len(lines) > 3


# -- bodies

BODIES: dict[str, Any] = {
    "no JSON": b"{",
    "null": b"null",
    "a number": b"1",
    "a list": b"[]",
    "empty": b"",
    "no UTF-8": b'{"hook": "\xff"}',
    "a byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"hook": "x"}'.encode("utf-16"),
    "a lone surrogate": b'{"hook": "\\ud800", "hookInstance": "\\udfff"}',
    "a number beyond measure": b'{"hook": 1e99999}',
    "digits beyond measure": b'{"hook": ' + b"9" * 100_000 + b"}",
    "NaN": b'{"hook": NaN}',
    "repeated members": b'{"hook": "patient-view", "hook": "order-sign"}',
    "a prototype": b'{"__proto__": {"admin": true}, "constructor": {}}',
    "context as a list": json.dumps(a_call(context=[])).encode(),
    "context with a path as id": json.dumps(
        a_call(context={"userId": "Practitioner/1", "patientId": "../../metadata"})
    ).encode(),
    "context with a query as id": json.dumps(
        a_call(context={"userId": "Practitioner/1", "patientId": "1?_include=*"})
    ).encode(),
    "prefetch as text": json.dumps(a_call(prefetch="<html>")).encode(),
    "prefetch with a page of HTML": json.dumps(a_call(prefetch={"patient": "<html>sign in</html>"})).encode(),
    "authorization as a list": json.dumps(a_call(fhirAuthorization=[])).encode(),
    "a server that is no URL": json.dumps(a_call(fhirServer=7)).encode(),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_a_broken_body_is_a_clear_refusal_never_a_crash(service: Service, body: bytes) -> None:
    status, _, answer = service.ask(body=body)

    assert status in (200, 400, 412, 422), answer
    if status != 200:
        outcome(answer)


SERVERS = [
    "http://169.254.169.254/latest/meta-data/",
    "http://127.0.0.1:1/",
    "https://evil.example/fhir",
    "file:///etc/passwd",
    "https://fhir.example.org@evil.example/r4",
    "https://fhir.example.org/r4/../../admin",
    "gopher://127.0.0.1:6379/_FLUSHALL",
    "https://fhir.example.org\\@evil.example/",
]


@pytest.mark.parametrize("url", SERVERS)
def test_a_server_that_is_not_listed_is_not_read_and_the_access_token_stays_here(service: Service, url: str) -> None:
    call = a_call(
        fhirServer=url,
        fhirAuthorization={
            "access_token": "secret-access",
            "token_type": "Bearer",
            "expires_in": 300,
            "scope": "patient/*.read",
            "subject": "s",
        },
        prefetch={},
    )

    status, _, body = service.ask(body=call)

    assert status in (400, 412), body
    assert "secret-access" not in outcome(body) and "secret-access" not in service.log


def test_an_unknown_media_type_or_packing_is_refused(service: Service) -> None:
    assert service.ask(body=b"<xml/>", headers={"Content-Type": "text/xml"})[0] == 415
    assert service.ask(body=b"\x1f\x8b", headers={"Content-Encoding": "gzip"})[0] == 415


def test_feedback_with_a_foreign_card_is_kept_apart_and_injects_nothing(service: Service) -> None:
    path = SERVICE_PATH + "/feedback"
    entry = {
        "card": "x'); DROP TABLE feedback;--",
        "outcome": "overridden",
        "outcomeTimestamp": "2026-05-01T10:00:00Z",
        "overrideReason": {"reason": {"code": "<script>", "system": "javascript:alert(1)"}, "userComment": "forged-z"},
    }

    status, _, _ = service.ask(path, body={"feedback": [entry]})

    assert status in (200, 400) and "forged-z" not in service.log
    assert service.ask("/ready", token=None)[0] == 200


def test_the_service_lived_through_all_of_it_without_a_bug(service: Service) -> None:
    assert service.process.poll() is None and len(service.workers) == 2
    assert '"event":"bug"' not in service.log and '"event":"request"' in service.log and "Traceback" not in service.log
