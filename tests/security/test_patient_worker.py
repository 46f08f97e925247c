"""When a request has arrived whole, as the collecting worker judges it; it never decides what the bytes mean."""

from __future__ import annotations

import pytest

from cds_service.cli.patient_worker import HEADERS_BYTES_MOST, Arrival, look_at

HEAD = b"POST /x HTTP/1.1\r\nHost: a\r\n"


@pytest.mark.parametrize(
    ("received", "arrival"),
    [
        (b"", Arrival(None, True)),
        (HEAD, Arrival(None, True)),
        (HEAD + b"\r\n", Arrival(len(HEAD) + 2)),
        (HEAD + b"\r\nGET /next", Arrival(len(HEAD) + 2)),
        (HEAD + b"Content-Length: 3\r\n\r\nab", Arrival(None)),
        (HEAD + b"Content-Length: 3\r\n\r\nabc", Arrival(len(HEAD) + 24)),
        (HEAD + b"content-length:3\r\n\r\nabcGET", Arrival(len(HEAD) + 23)),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", Arrival(None)),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", Arrival(len(HEAD) + 43)),
        (HEAD + b"Content-Length: 99999\r\n\r\n", Arrival(len(HEAD) + 25, True)),
        (b"a" * (HEADERS_BYTES_MOST + 1), Arrival(HEADERS_BYTES_MOST + 1, True)),
    ],
    ids=[
        "nothing", "headers under way", "no body", "no body, more behind", "body under way", "body whole",
        "body whole, more behind", "chunks under way", "chunks whole", "body too large", "headers without end",
    ],
)  # fmt: skip
def test_a_plain_request_is_handed_over_when_it_is_whole(received: bytes, arrival: Arrival) -> None:
    assert look_at(received, body_bytes_most=1000) == arrival


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 3\r\nContent-Length: 4",
        b"Content-Length: +3",
        b"Content-Length: 3, 3",
        b"Content-Length : 3",
        b"Content-Length: 3\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: identity, chunked",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: xchunked",
        b"X: a\rContent-Length: 3",
        b"X: a\nContent-Length: 3",
        b"X-Content-Length: 3",
    ],
)
def test_a_length_that_can_be_read_in_two_ways_ends_the_connection(framing: bytes) -> None:
    received = HEAD + framing + b"\r\n\r\nabcd"

    assert look_at(received, body_bytes_most=1000) == Arrival(len(received), in_doubt=True)
