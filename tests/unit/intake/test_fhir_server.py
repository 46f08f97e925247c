"""Every bad behaviour of a FHIR server, met on a real socket."""

from __future__ import annotations

import contextlib
import email.utils
import gzip
import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import requests

from cds_service.errors import FhirReadFailed, OutboundRefused
from cds_service.intake.fhir_server import FhirClient, FhirServer, Limits
from cds_service.intake.prefetch import gather
from tests.unit.intake.conftest import Handler, LoopbackGuard, Server

BUNDLE = {"resourceType": "Bundle", "type": "searchset", "entry": []}


def read(client: FhirClient, ehr: Server, path: str = "X", seconds: float = 2.0) -> bytes:
    server = client.at(ehr.base, "secret-token")
    return server.read(server.url_of(path), "X search", time.monotonic() + seconds)


def failure_of(client: FhirClient, ehr: Server, seconds: float = 2.0) -> FhirReadFailed:
    with pytest.raises(FhirReadFailed) as raised:
        read(client, ehr, "X?patient=p1", seconds)
    assert "secret-token" not in str(raised.value) and "p1" not in str(raised.value)
    return raised.value


def test_a_good_answer_is_given_whole(client: FhirClient, ehr: Server) -> None:
    ehr.gives("X", BUNDLE)

    assert json.loads(read(client, ehr)) == BUNDLE


def test_connections_are_kept_open_between_reads(client: FhirClient, ehr: Server) -> None:
    ehr.gives("X", BUNDLE)

    for _ in range(3):
        read(client, ehr)

    assert len({one.client for one in ehr.seen}) == 1


def test_a_base_url_with_or_without_a_slash_is_the_same(client: FhirClient, ehr: Server) -> None:
    assert client.at(ehr.base + "/").url_of("X") == client.at(ehr.base).url_of("X")


def test_without_a_token_no_authorization_is_sent(client: FhirClient, ehr: Server) -> None:
    ehr.gives("X", BUNDLE)
    server = client.at(ehr.base)

    server.read(server.url_of("X"), "X search", time.monotonic() + 1)

    assert "Authorization" not in ehr.seen[0].headers


def test_the_token_shows_in_no_repr(client: FhirClient, ehr: Server) -> None:
    assert "secret-token" not in repr(client.at(ehr.base, "secret-token"))


def test_cookies_of_one_call_do_not_travel_to_the_next(client: FhirClient, ehr: Server) -> None:
    ehr.gives("X", BUNDLE, Set_Cookie="session=of-another-patient; Path=/")

    read(client, ehr)
    read(client, ehr)

    assert all("Cookie" not in one.headers for one in ehr.seen)


def test_the_environment_names_no_proxy_for_us(
    client: FhirClient, ehr: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    ehr.gives("X", BUNDLE)

    assert read(client, ehr)


@pytest.mark.parametrize(
    ("status", "may_help"),
    [(400, False), (401, False), (403, False), (404, False), (406, False), (410, False), (418, False), (501, False)]
    + [(204, False), (206, False), (408, True), (429, True), (500, True), (502, True), (503, True), (504, True)],
)
def test_each_status_is_told_apart_by_whether_a_repeat_may_help(
    status: int, may_help: bool, client: FhirClient, ehr: Server
) -> None:
    ehr.gives("X", b"", status=status)

    failure = failure_of(client, ehr)

    assert failure.retry_may_help is may_help and f"HTTP {status}" in failure.reason
    assert len(ehr.seen) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(status: int, client: FhirClient, ehr: Server) -> None:
    ehr.gives("X", b"", status=status, Location=f"{ehr.base}/Y")
    ehr.gives("Y", BUNDLE)

    assert "redirects are not followed" in failure_of(client, ehr).reason
    assert len(ehr.seen) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again_after_the_time_it_names(status: int, client: FhirClient, ehr: Server) -> None:
    ehr.gives_in_turn(
        "X",
        lambda handler: handler.say(b"", status=status, Retry_After="0"),
        lambda handler: handler.say(BUNDLE),
    )

    assert json.loads(read(client, ehr)) == BUNDLE
    assert len(ehr.seen) == 2


def test_a_busy_server_that_names_more_time_than_is_left_is_not_asked_again(client: FhirClient, ehr: Server) -> None:
    ehr.gives("X", b"", status=429, Retry_After="30")

    began = time.monotonic()
    failure = failure_of(client, ehr)

    assert failure.retry_after_seconds == 30 and failure.retry_may_help
    assert len(ehr.seen) == 1 and time.monotonic() - began < 1


def test_retry_after_may_be_a_date(client: FhirClient, ehr: Server) -> None:
    ehr.gives("X", b"", status=503, Retry_After=email.utils.formatdate(time.time() + 60, usegmt=True))

    after = failure_of(client, ehr).retry_after_seconds

    assert after is not None and 50 < after < 61


@pytest.mark.parametrize("senseless", ["soon", "-1", "9" * 400, "1e3", "Fri, 99 Foo 2026", "١"])
def test_a_senseless_retry_after_is_none(senseless: str, client: FhirClient, ehr: Server) -> None:
    value = senseless.encode("utf-8").decode("latin-1")
    ehr.gives("X", b"", status=429, Retry_After=value)

    assert failure_of(client, ehr).retry_after_seconds is None
    assert len(ehr.seen) == 1


def test_a_reset_connection_is_tried_once_more(client: FhirClient, ehr: Server) -> None:
    ehr.gives_in_turn("X", Handler.reset, lambda handler: handler.say(BUNDLE))

    assert json.loads(read(client, ehr)) == BUNDLE


def test_a_connection_that_is_reset_each_time_is_given_up(client: FhirClient, ehr: Server) -> None:
    ehr.does("X", Handler.reset)

    failure = failure_of(client, ehr)

    assert failure.retry_may_help and "connection broke" in failure.reason and len(ehr.seen) == 2


def test_an_answer_that_breaks_off_is_not_taken_for_whole(client: FhirClient, ehr: Server) -> None:
    ehr.does("X", lambda handler: (handler.say(b'{"resourceType"', Content_Length="500"), handler.reset())[0])

    assert failure_of(client, ehr).retry_may_help


def test_a_server_that_is_not_there_is_told(client: FhirClient) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{free.getsockname()[1]}/fhir"
    server = client.at(base)

    with pytest.raises(FhirReadFailed) as raised:
        server.read(server.url_of("X"), "X search", time.monotonic() + 1)

    assert raised.value.retry_may_help


def test_a_server_that_accepts_and_says_nothing_costs_no_more_than_the_time_left(
    client: FhirClient, ehr: Server
) -> None:
    ehr.does("X", lambda handler: ehr.gone.wait(5))

    began = time.monotonic()
    failure = failure_of(client, ehr, seconds=0.2)

    assert time.monotonic() - began < 0.5 and "in time" in failure.reason and failure.retry_may_help


def test_a_body_that_drips_is_cut_at_the_deadline(client: FhirClient, ehr: Server) -> None:
    def drip(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        handler.drip(b" " * 1000, 0.02)

    ehr.does("X", drip)

    began = time.monotonic()
    failure = failure_of(client, ehr, seconds=0.3)

    assert time.monotonic() - began < 0.8 and "slowly" in failure.reason


def test_headers_that_drip_hold_a_thread_but_never_the_call(client: FhirClient, ehr: Server) -> None:
    ehr.does("Condition", lambda handler: handler.drip(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 1000, 0.02))

    began = time.monotonic()
    found = gather(
        {"patient": b"null", "procedures": b"null"},
        needs={"procedures", "conditions"},
        context={"patientId": "p1"},
        server=client.at(ehr.base),
        seconds=0.2,
    )

    assert time.monotonic() - began < 0.5 and len(ehr.seen) == 1
    assert dict(found.gaps)["conditions"] == "absent from the call; no answer within 0.2 seconds"


def test_threads_that_hang_are_bounded_and_further_reads_told(guard: LoopbackGuard, ehr: Server) -> None:
    client = FhirClient(guard, limits=Limits(threads=1))
    ehr.does("Condition", lambda handler: ehr.gone.wait(5))
    ehr.gives("MedicationRequest", BUNDLE)

    found = gather(
        {"patient": b"null", "procedures": b"null"},
        needs={"procedures", "conditions", "medications"},
        context={"patientId": "p1"},
        server=client.at(ehr.base),
        seconds=0.2,
    )

    assert "too many earlier reads" in dict(found.gaps)["medications"]


def test_a_machine_without_threads_left_is_told(
    client: FhirClient, ehr: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)

    assert client.at(ehr.base).start(lambda: None) is None
    assert client.slots.acquire(blocking=False)
    client.slots.release()


@pytest.mark.parametrize("seconds", [0.0, -5.0])
def test_no_time_left_means_no_read(seconds: float, client: FhirClient, ehr: Server) -> None:
    ehr.gives("X", BUNDLE)

    assert "no time left" in failure_of(client, ehr, seconds).reason
    assert ehr.seen == []


# -- bodies ----------------------------------------------------------------------------------------------------------


def test_gzip_is_unpacked(client: FhirClient, ehr: Server) -> None:
    ehr.gives("X", gzip.compress(json.dumps(BUNDLE).encode()), Content_Encoding="gzip")

    assert json.loads(read(client, ehr)) == BUNDLE


def test_a_gzip_bomb_does_not_burst(client: FhirClient, ehr: Server) -> None:
    bomb = gzip.compress(b" " * 60_000_000)
    ehr.gives("X", bomb, Content_Encoding="gzip")

    assert "larger than 200000 bytes" in failure_of(client, ehr).reason


@pytest.mark.parametrize("body", [b"no gzip", gzip.compress(b"{}" * 500)[:20]], ids=["none", "cut"])
def test_a_gzip_that_is_none_or_breaks_off_is_told(body: bytes, client: FhirClient, ehr: Server) -> None:
    ehr.gives("X", body, Content_Encoding="gzip")

    assert failure_of(client, ehr).reason


@pytest.mark.parametrize("packing", ["br", "deflate", "gzip, gzip", "zstd"])
def test_a_packing_that_was_not_asked_for_is_refused(packing: str, client: FhirClient, ehr: Server) -> None:
    ehr.gives("X", b"x", Content_Encoding=packing)

    assert "packed" in failure_of(client, ehr).reason


def test_an_answer_beyond_the_cap_is_cut_even_without_a_length(client: FhirClient, ehr: Server) -> None:
    def endless(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        while not ehr.gone.is_set():
            handler.wfile.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")

    ehr.does("X", endless)

    assert "larger than" in failure_of(client, ehr).reason


@pytest.mark.parametrize("body", [b"", b"  \r\n "])
def test_an_empty_answer_is_a_failure(body: bytes, client: FhirClient, ehr: Server) -> None:
    ehr.gives("X", body)

    assert "empty" in failure_of(client, ehr).reason


def test_what_is_no_http_is_told(client: FhirClient, ehr: Server) -> None:
    def nonsense(handler: Handler) -> None:
        handler.wfile.write(b"\x00\x01 hello\r\n\r\n")
        handler.close_connection = True

    ehr.does("X", nonsense)

    assert "connection broke" in failure_of(client, ehr).reason


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<html>Please sign in</html>", "a web page instead of FHIR"),
        (b'"text"', "a text instead of FHIR"),
        (b"null", "null"),
        (
            b'{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"security"}]}',
            "OperationOutcome (security)",
        ),
        (b'{"resourceType":"OperationOutcome"}', "OperationOutcome (unspecified)"),
        (b'{"resourceType":"Encounter"}', "another type than Condition"),
        (b"{", "no JSON"),
    ],
)
def test_an_answer_of_200_that_is_no_data_is_told(body: bytes, said: str, client: FhirClient, ehr: Server) -> None:
    ehr.gives("Condition", body, Content_Type="text/html")

    found = gather(
        {"patient": b"null", "procedures": b"null"},
        needs={"procedures", "conditions"},
        context={"patientId": "p1"},
        server=client.at(ehr.base),
        seconds=2,
    )

    assert said in dict(found.gaps)["conditions"] and "conditions" not in found.pages


# -- guard and breaker -----------------------------------------------------------------------------------------------


def test_every_url_passes_the_guard_before_it_is_read(client: FhirClient, guard: LoopbackGuard, ehr: Server) -> None:
    ehr.gives("X", BUNDLE)

    read(client, ehr)

    assert guard.checked == [f"{ehr.base}/X"]


def test_what_the_guard_refuses_is_not_read_and_is_a_gap(client: FhirClient, ehr: Server) -> None:
    with pytest.raises(OutboundRefused):
        server = client.at("http://10.0.0.1/fhir")
        server.read(server.url_of("X"), "X search", time.monotonic() + 1)

    found = gather(
        {"patient": b"null", "procedures": b"null"},
        needs={"procedures", "conditions"},
        context={"patientId": "p1"},
        server=client.at("http://10.0.0.1/fhir"),
        seconds=1,
    )
    assert dict(found.gaps)["conditions"] == "absent from the call; refused: not loopback"


class OpenAndShut:
    """A breaker that opens after one failure."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def allows(self, origin: str) -> bool:
        return ("failed", origin) not in self.told

    def worked(self, origin: str) -> None:
        self.told.append(("worked", origin))

    def failed(self, origin: str) -> None:
        self.told.append(("failed", origin))


def test_a_host_whose_breaker_is_open_is_not_asked(guard: LoopbackGuard, ehr: Server) -> None:
    breaker = OpenAndShut()
    client = FhirClient(guard, breaker=breaker)
    ehr.gives("X", b"", status=500)

    failure_of(client, ehr)
    second = failure_of(client, ehr)

    assert len(ehr.seen) == 1 and "left alone" in second.reason and second.retry_may_help


@pytest.mark.parametrize(("status", "told"), [(200, "worked"), (404, "worked"), (403, "worked"), (502, "failed")])
def test_the_breaker_hears_only_of_failures_of_the_host(
    status: int, told: str, guard: LoopbackGuard, ehr: Server
) -> None:
    breaker = OpenAndShut()
    ehr.gives("X", BUNDLE, status=status)
    server = FhirClient(guard, breaker=breaker).at(ehr.base)

    with contextlib.suppress(FhirReadFailed):
        server.read(server.url_of("X"), "X search", time.monotonic() + 1)

    assert [word for word, _ in breaker.told] == [told]


class _CircuitOpen(requests.ConnectionError):
    retry_after_seconds = 20.0


class _ShutSession(requests.Session):
    def get(self, *_: object, **__: object) -> requests.Response:  # type: ignore[override]
        raise _CircuitOpen("open")


class _ShutGuard(LoopbackGuard):
    def session(self) -> requests.Session:
        return _ShutSession()


def test_a_session_that_carries_its_own_breaker_is_understood(ehr: Server) -> None:
    failure = failure_of(FhirClient(_ShutGuard()), ehr)

    assert "left alone" in failure.reason and failure.retry_after_seconds == 20


class _FailingSession(requests.Session):
    error: Exception = requests.exceptions.SSLError()

    def get(self, *_: object, **__: object) -> requests.Response:  # type: ignore[override]
        raise self.error


@pytest.fixture
def failing(guard: LoopbackGuard, monkeypatch: pytest.MonkeyPatch) -> Iterator[FhirClient]:
    monkeypatch.setattr(guard, "session", _FailingSession)
    yield FhirClient(guard)


@pytest.mark.parametrize(
    ("error", "may_help"),
    [
        (requests.exceptions.SSLError(), False),
        (requests.exceptions.InvalidURL(), False),
        (requests.exceptions.InvalidHeader(), False),
        (requests.exceptions.ConnectTimeout(), True),
        (OSError("no route"), True),
    ],
)
def test_each_kind_of_connection_failure_is_told_apart(
    error: Exception, may_help: bool, failing: FhirClient, ehr: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_FailingSession, "error", error)

    assert failure_of(failing, ehr).retry_may_help is may_help


def test_an_error_of_ours_in_a_read_reaches_the_caller(
    client: FhirClient, ehr: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FhirServer, "read", lambda *_: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        gather(
            {"patient": b"null", "procedures": b"null"},
            needs={"procedures", "conditions"},
            context={"patientId": "p1"},
            server=client.at(ehr.base),
            seconds=1,
        )
