"""The quick reading of plain requests against gunicorn's parser: where both give an environment it is the same one."""

from __future__ import annotations

from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.http import wsgi
from gunicorn.http.errors import ParseException
from gunicorn.http.parser import RequestParser
from hypothesis import example, given
from hypothesis.strategies import binary, lists, sampled_from, text, tuples

from cds_service.cli.plain_http import Reply, connection_environ, not_plain_fields, read_plain

CFG = Config()
CLIENT, SERVER = ("127.0.0.1", 50_000), ("127.0.0.1", 8000)
NOT_COMPARED = frozenset(
    {"wsgi.input", "wsgi.errors", "wsgi.early_hints", "wsgi.file_wrapper", "wsgi.multithread", "gunicorn.socket"}
)
"""Objects, and what each kind of worker says of itself."""


def plain(head: bytes) -> dict[str, Any] | None:
    base = connection_environ(CFG, CLIENT, SERVER)
    assert base is not None
    return read_plain(head, base, not_plain_fields(CFG))


def as_gunicorn_reads_it(head: bytes) -> tuple[dict[str, Any], bool]:
    """The environment, and whether the connection ends; raises ParseException."""
    request = next(RequestParser(CFG, [head], CLIENT))
    return wsgi.create(request, None, CLIENT, SERVER, CFG)[1], request.should_close()


def a_head(
    *fields: str, line: str = "POST /cds-services/spine-rehab HTTP/1.1", length: str = "Content-Length: 2"
) -> bytes:
    return ("\r\n".join((line, *fields, length)) + "\r\n\r\n").encode("latin-1")


FIELDS = [
    "Host: 127.0.0.1:8000", "host: other", "Content-Type: application/json", "content-type:text/plain",
    "Accept: */*", "User-Agent: a b/1.0 (c; d)", "Origin: http://127.0.0.1:9101", "Authorization: Bearer a.b.c", "X-A:",
    "X-A: \t b ", "X-Real-IP: 10.0.0.1", "X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: https", "X-Forwarded-Ssl: on",
    "Connection: close", "connection: Keep-Alive", "Connection: upgrade", "Upgrade: h2c", "Expect: 100-continue",
    "Expect: x", "TE: trailers", "Transfer-Encoding: chunked", "transfer-encoding : chunked", "Content-Length: 2",
    "Content-Length: +2", "content-length:\t2", "X_A: under", "Script_Name: /x", " folded", "no colon", ": no name",
    "X-\xe9: a", "X-B: \xe9", "X-C: a\x00b", "X-D: a\rb", "X-E: a\nContent-Length: 9", "Proxy: http://x", "Cookie: a=b",
]  # fmt: skip
LINES = [
    "POST /cds-services/spine-rehab HTTP/1.1", "POST /cds-services/a/feedback HTTP/1.1", "POST // HTTP/1.1",
    "POST //evil/x HTTP/1.1", "POST /a//b HTTP/1.1", "POST /a/../b HTTP/1.1", "POST /a%2fb HTTP/1.1", "POST /a?b=c HTTP/1.1",
    "POST /a#b HTTP/1.1", "POST /a;b HTTP/1.1", "POST http://x/a HTTP/1.1", "POST * HTTP/1.1", "POST /a HTTP/1.0",
    "POST  /a HTTP/1.1", "POST /a HTTP/1.1 ", "post /a HTTP/1.1", "GET /a HTTP/1.1", "POST /a\tb HTTP/1.1", "POST / HTTP/1.1",
]  # fmt: skip


@given(sampled_from(LINES), lists(sampled_from(FIELDS), max_size=6), sampled_from(["Content-Length: 2", "X-Z: 1"]))
@example(LINES[0], FIELDS[:1] + FIELDS[2:3], "Content-Length: 2")
def test_a_plain_request_is_read_as_gunicorn_reads_it(line: str, fields: list[str], last: str) -> None:
    head = a_head(*fields, line=line, length=last)

    environ = plain(head)

    if environ is not None:
        theirs, closes = as_gunicorn_reads_it(head)
        assert {key: environ.get(key) for key in theirs.keys() | environ.keys() if key not in NOT_COMPARED} == {
            key: value for key, value in theirs.items() if key not in NOT_COMPARED
        }
        assert closes == (environ.get("HTTP_CONNECTION", "").lower() == "close")


@given(tuples(binary(max_size=40), sampled_from(FIELDS), binary(max_size=10)))
def test_what_gunicorn_refuses_is_never_plain(parts: tuple[bytes, str, bytes]) -> None:
    before, field, behind = parts
    head = b"POST /a HTTP/1.1\r\n" + before + field.encode("latin-1") + behind + b"\r\nContent-Length: 2\r\n\r\n"

    environ = plain(head)

    if environ is not None:
        assert as_gunicorn_reads_it(head)[0]["PATH_INFO"] == environ["PATH_INFO"]


@pytest.mark.parametrize(
    "head",
    [
        a_head(line="POST /a HTTP/1.0"),
        a_head(line="POST //a HTTP/1.1"),
        a_head("Transfer-Encoding: chunked"),
        a_head("Content-Length: 3"),
        a_head("Expect: 100-continue"),
        a_head("X-Forwarded-Proto: https"),
        a_head("Connection: upgrade", "Upgrade: h2c"),
        a_head("Host: a", "Host: b"),
        a_head("A_B: c"),
        a_head(length="Content-Length: \xb2"),
        a_head(length="X: y"),
        a_head("X: " + "a" * 20_000),
        a_head(*(f"X-{number}: a" for number in range(50))),
        a_head() + a_head(),
    ],
)
def test_what_is_out_of_the_ordinary_is_left_to_gunicorns_parser(head: bytes) -> None:
    assert plain(head) is None


def test_a_usual_request_is_plain() -> None:
    environ = plain(a_head(*FIELDS[:1], *FIELDS[2:3], *FIELDS[4:8], "Accept-Encoding: gzip", "Connection: keep-alive"))

    assert environ is not None and environ["CONTENT_LENGTH"] == "2" and environ["CONTENT_TYPE"] == "application/json"


def test_only_a_connection_without_tls_over_tcp_is_plain() -> None:
    assert connection_environ(CFG, "", "/run/socket") is None


def replied(
    status: str, *headers: tuple[str, str], body: tuple[bytes, ...] = (b"ab", b"c"), keep: bool = True
) -> bytes:
    reply = Reply()
    reply.start_response(status, list(headers))
    return reply.whole(body, keep)


def test_an_answer_has_a_length_a_date_and_says_whether_the_connection_stays() -> None:
    head, _, body = replied("200 OK", ("X-A", "b"), ("Connection", "upgrade")).partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")

    assert lines[0] == "HTTP/1.1 200 OK" and body == b"abc"
    assert {"X-A: b", "Content-Length: 3", "Connection: keep-alive"} <= set(
        lines
    ) and "Connection: upgrade" not in lines
    assert any(line.startswith("Date: ") and line.endswith(" GMT") for line in lines)
    assert b"Connection: close\r\n" in replied("200 OK", keep=False)


def test_an_answer_without_content_has_no_body() -> None:
    assert replied("204 NO CONTENT").endswith(b"\r\n\r\n") and b"Content-Length" not in replied("204 NO CONTENT")


@given(text(alphabet="\r\n\x00\x7fĀ", min_size=1, max_size=3))
def test_no_header_can_write_another(value: str) -> None:
    for headers in ([("X", value)], [(value, "x")]):
        with pytest.raises(ValueError, match="header"):
            replied("200 OK", *headers)
    with pytest.raises(ValueError, match=r"status|encode"):
        replied("200 " + value)


def test_gunicorn_refuses_some_of_what_is_tried_here() -> None:
    with pytest.raises(ParseException):
        as_gunicorn_reads_it(a_head("Content-Length: 3"))
