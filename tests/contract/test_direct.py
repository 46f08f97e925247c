"""Calls that do not go through Flask are answered, counted and logged as Flask would, header by header."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import werkzeug.exceptions
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from cds_service import metrics, respond
from cds_service.security.limits import RateLimiter
from cds_service.web.direct import DirectCalls
from cds_service.web.waiting import ON_THE_LOOP, MustWait
from tests.contract.conftest import PATIENT_VIEW, PATIENTS, a_call, patient_call

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Any]
LOOPBACK = "http://localhost:3000"


def an_environ(body: bytes, path: str = PATIENT_VIEW, **changes: Any) -> dict[str, Any]:
    """What our server gives for a POST of *body*; `...` leaves a member out."""
    environ = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_HOST": "127.0.0.1:8000",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        **changes,
    }
    return {name: value for name, value in environ.items() if value is not ...}


@dataclass
class Told:
    """All that a request leaves behind, without what differs from one to the next."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes
    log: list[dict[str, Any]]
    counted: dict[tuple[str, tuple[tuple[str, str], ...]], float]


def numbers() -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text = metrics.rendered()[0].decode()
    return {
        (one.name, tuple(sorted(one.labels.items()))): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
        if not one.name.endswith(("_sum", "_bucket", "_created"))
    }


def ask(app: WsgiApp, environ: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> Told:
    capsys.readouterr()
    before = numbers()
    started: list[tuple[str, list[tuple[str, str]]]] = []
    given = app(environ, lambda status, headers, error=None: started.append((status, list(headers))))
    body = b"".join(given)
    getattr(given, "close", lambda: None)()
    ((status, headers),) = started
    request_id = dict(headers)["X-Request-Id"]
    log = [json.loads(line.replace(request_id, "ID")) for line in capsys.readouterr().out.splitlines()]
    for line in log:
        for name in ("at", "milliseconds", "gather_milliseconds", "advise_milliseconds", "frames"):
            line.pop(name, None)
    counted = {name: value - before.get(name, 0.0) for name, value in numbers().items()}
    return Told(
        status,
        [(name, value.replace(request_id, "ID")) for name, value in headers],
        body.replace(request_id.encode(), b"ID"),
        log,
        {name: value for name, value in counted.items() if value},
    )


def text(call: Any) -> bytes:
    return json.dumps(call).encode()


FULL = text(patient_call("lumbar_fusion_week_6", "2026-05-15"))

REQUESTS: dict[str, tuple[str, dict[str, Any]]] = {
    "an answer": ("200 OK", an_environ(FULL)),
    "to a page that may read it": ("200 OK", an_environ(FULL, HTTP_ORIGIN=LOOPBACK)),
    "to a page that may not": ("200 OK", an_environ(FULL, HTTP_ORIGIN="https://evil.example")),
    "with a query": ("200 OK", an_environ(FULL, QUERY_STRING="a=b")),
    "with a token nobody asks for": ("200 OK", an_environ(FULL, HTTP_AUTHORIZATION="Bearer a.b.c")),
    "from no host": ("200 OK", an_environ(FULL, HTTP_HOST="a b\\c")),
    "no card": ("200 OK", an_environ(text(a_call(prefetch={"procedures": {"resourceType": "Bundle"}})))),
    "of unknown length": ("200 OK", an_environ(FULL, CONTENT_LENGTH=..., **{"wsgi.input_terminated": True})),
    "in another charset": ("415 UNSUPPORTED MEDIA TYPE", an_environ(FULL, CONTENT_TYPE="application/json; charset=utf-16")),
    "of another type": ("415 UNSUPPORTED MEDIA TYPE", an_environ(FULL, CONTENT_TYPE="text/plain")),
    "with its encoding said": ("200 OK", an_environ(FULL, HTTP_CONTENT_ENCODING="identity")),
    "packed": ("415 UNSUPPORTED MEDIA TYPE", an_environ(FULL, HTTP_CONTENT_ENCODING="gzip")),
    "no JSON": ("400 BAD REQUEST", an_environ(b"{", HTTP_ORIGIN=LOOPBACK)),
    "an empty body": ("400 BAD REQUEST", an_environ(b"")),
    "many faults": ("400 BAD REQUEST", an_environ(text({"hook": 1, "context": []}))),
    "an unknown service": ("404 NOT FOUND", an_environ(FULL, "/cds-services/nobody")),
    "a wrong method": ("405 METHOD NOT ALLOWED", an_environ(FULL, REQUEST_METHOD="PUT")),
    "a slash behind": ("200 OK", an_environ(FULL, PATIENT_VIEW + "/")),
    "too large": ("413 REQUEST ENTITY TOO LARGE", an_environ(FULL + b" " * 2**20)),
    "without required data": ("412 PRECONDITION FAILED", an_environ(text(a_call(prefetch=...)), HTTP_ORIGIN=LOOPBACK)),
    "of another patient": (
        "422 UNPROCESSABLE ENTITY",
        an_environ(text(a_call(prefetch={"patient": {"resourceType": "Patient", "id": "other"}, "procedures": None}))),
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def app(make_service) -> Flask:
    return make_service(log_level="info", max_body_megabytes=1)


@pytest.fixture
def both(app: Flask) -> tuple[WsgiApp, WsgiApp]:
    direct = app.wsgi_app
    assert isinstance(direct, DirectCalls)
    return direct, direct.by_flask


def again(environ: dict[str, Any]) -> dict[str, Any]:
    return environ | {"wsgi.input": io.BytesIO(environ["wsgi.input"].getvalue())}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_call_is_answered_logged_and_counted_as_flask_would(both, name: str, capsys) -> None:
    status, environ = REQUESTS[name]
    directly, by_flask = (ask(way, again(environ), capsys) for way in both)

    assert directly.status == status and len(directly.log) == 1
    assert directly == by_flask


@pytest.mark.parametrize("place", ["cds_service.respond.find_operations", "cds_service.web.cors.Origins.headers"])
def test_a_bug_is_answered_as_flask_would(both, place: str, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    failing = iter([True] * 1)

    def fail(*given: object) -> Any:
        if next(failing, False):
            raise RuntimeError("Zebulon Canary, born 1950")
        return ()

    told = []
    for way in both:
        failing = iter([True])
        with monkeypatch.context() as patched:
            patched.setattr(place, fail)
            told.append(ask(way, an_environ(FULL, HTTP_ORIGIN=LOOPBACK), capsys))

    directly, by_flask = told
    assert directly.status == "500 INTERNAL SERVER ERROR" and [one["event"] for one in directly.log] == [
        "bug",
        "request",
    ]
    assert directly == by_flask


def taken_together(app: DirectCalls, environs: list[dict[str, Any]]) -> list[tuple[str, list[tuple[str, str]], bytes]]:
    """Let *environs* be answered one step after the other, in turn."""
    told: dict[int, tuple[str, list[tuple[str, str]], bytes]] = {}
    started: dict[int, tuple[str, list[tuple[str, str]]]] = {}

    def start(number: int) -> Callable[..., None]:
        return lambda status, headers, error=None: started.update({number: (status, list(headers))})

    under_way = {number: app.in_steps(environ, start(number)) for number, environ in enumerate(environs)}
    while under_way:
        for number, steps in list(under_way.items()):
            try:
                next(steps)
            except StopIteration as end:
                del under_way[number]
                body = b"".join(end.value)
                getattr(end.value, "close", lambda: None)()
                status, headers = started[number]
                request_id = dict(headers)["X-Request-Id"]
                headers = [(name, value.replace(request_id, "ID")) for name, value in headers]
                told[number] = (status, headers, body.replace(request_id.encode(), b"ID"))
    return [told[number] for number in range(len(environs))]


def test_calls_that_are_answered_together_are_answered_as_each_alone(both, capsys) -> None:
    direct = both[0]
    environs = [environ for _, environ in REQUESTS.values()]
    environs += [an_environ(text(patient_call(name, "2026-05-15"))) for name in PATIENTS]
    alone = [ask(direct, again(environ), capsys) for environ in environs]
    before = numbers()

    together = taken_together(direct, [again(environ) for environ in environs])

    assert together == [(one.status, one.headers, one.body) for one in alone]
    lines = [json.loads(line)["status"] for line in capsys.readouterr().out.splitlines()]
    assert sorted(lines) == sorted(one.log[0]["status"] for one in alone)
    counted: dict[Any, float] = {}
    for one in alone:
        for name, value in one.counted.items():
            counted[name] = counted.get(name, 0.0) + value
    assert {name: value - before.get(name, 0.0) for name, value in numbers().items() if name in counted} == counted


def test_a_call_has_a_turn_before_it_ends(both) -> None:
    """Were it answered in one step, nothing would be gained by answering several together."""
    assert len(list(both[0].in_steps(an_environ(FULL), lambda *given: None))) >= 5


def test_a_bug_in_one_call_leaves_the_others_alone(both, monkeypatch: pytest.MonkeyPatch) -> None:
    turns = iter([False, True, False])
    real = respond.find_operations

    def fail_once(*given: Any) -> Any:
        if next(turns):
            raise RuntimeError("Zebulon Canary, born 1950")
        return real(*given)

    monkeypatch.setattr(respond, "find_operations", fail_once)

    told = taken_together(both[0], [an_environ(FULL) for _ in range(3)])

    assert [status[:3] for status, _, _ in told] == ["200", "500", "200"]
    assert told[0] == told[2] and b"Canary" not in told[1][2]


def test_whom_the_guard_refuses_is_refused_as_flask_would(both, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    def full(*given: object) -> float:
        return 2.5

    monkeypatch.setattr(RateLimiter, "wait_seconds", full)
    directly, by_flask = (ask(way, an_environ(FULL), capsys) for way in both)

    assert directly.status.startswith("429") and ("Retry-After", "3") in directly.headers
    assert directly == by_flask


def test_nothing_of_flask_is_asked_for_a_plain_call(app: Flask, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    def never(*given: object) -> None:
        raise AssertionError("went through Flask")

    monkeypatch.setattr(app.wsgi_app, "by_flask", never)

    assert ask(app.wsgi_app, an_environ(FULL), capsys).status == "200 OK"


@pytest.mark.parametrize("way", [0, 1])
def test_a_call_that_leaves_the_main_loop_counts_once_at_the_limiter(both, way: int, monkeypatch, capsys) -> None:
    """It is answered again in a thread; counted twice, a tenant would have half of what was agreed."""
    taken = {"calls": 0}
    real, back = RateLimiter.wait_seconds, RateLimiter.give_back

    def take(self: RateLimiter, tenant: Any) -> float | None:
        taken["calls"] += 1
        return real(self, tenant)

    def give_back(self: RateLimiter, tenant: Any) -> None:
        taken["calls"] -= 1
        back(self, tenant)

    monkeypatch.setattr(RateLimiter, "wait_seconds", take)
    monkeypatch.setattr(RateLimiter, "give_back", give_back)
    waiting = text(json.loads(FULL) | {"fhirServer": "https://ehr.example.org/fhir"})

    with pytest.raises(MustWait):
        both[way](an_environ(waiting, **{ON_THE_LOOP: True}), lambda *given: pytest.fail("it was answered"))
    assert taken["calls"] == 0

    assert ask(both[way], an_environ(waiting), capsys).status == "200 OK"
    assert taken["calls"] == 1


def test_flask_knows_the_route_by_the_name_that_we_log(app: Flask) -> None:
    adapter = app.url_map.bind("localhost")
    assert adapter.match(PATIENT_VIEW, "POST")[0] == "services.call"
    with pytest.raises(werkzeug.exceptions.MethodNotAllowed):
        adapter.match(PATIENT_VIEW, "GET")
