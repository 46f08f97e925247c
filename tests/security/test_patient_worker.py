"""When a request has arrived whole, as the collecting worker judges it; it never decides what the bytes mean."""

from __future__ import annotations

import heapq
import re
import socket
import time
from dataclasses import dataclass
from itertools import pairwise
from selectors import DefaultSelector
from types import SimpleNamespace

import pytest
from gunicorn.config import Config
from hypothesis import given
from hypothesis.strategies import data, integers, sampled_from, sets

from cds_service.cli.arriving import HEADERS_BYTES_MOST, Arrival, Connection, look_at
from cds_service.cli.patient_worker import PatientWorker
from cds_service.cli.plain_http import not_plain_fields
from cds_service.steps import Steps
from cds_service.web.waiting import MustWait

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


def a_connection() -> Connection:
    """A connection of which only the collecting is asked."""
    ours, theirs = socket.socketpair()
    theirs.close()
    with ours:
        return Connection(Config(), ours, ("127.0.0.1", 1), ("127.0.0.1", 2))


REQUESTS = {
    "no body": (HEAD + b"\r\n", b"", None),
    "a body": (HEAD + b"Content-Length: 300\r\n\r\n", b"x" * 300, b"x" * 300),
    "an empty body": (HEAD + b"Content-Length: 0\r\n\r\n", b"", b""),
}


@given(data(), sampled_from(sorted(REQUESTS)), integers(0, 40))
def test_however_a_request_is_cut_into_pieces_it_is_the_same_request(cut, name: str, behind: int) -> None:
    head, sent, body = REQUESTS[name]
    all_bytes = head + sent + b"GET /next HTTP/1.1\r\nHost: a\r\n"[:behind]
    at = sorted(cut.draw(sets(integers(1, len(all_bytes) - 1), max_size=6)))
    conn = a_connection()
    blocks = [all_bytes[start:end] for start, end in pairwise([0, *at, len(all_bytes)])]

    while not conn.take(block := blocks.pop(0)[: conn.missing or None], body_bytes_most=1000):
        pass

    assert (conn.head, conn.body) == (head, body) and conn.whole
    assert all_bytes.startswith(head + sent + bytes(conn.received)), block


PLAIN = b"POST /cds-services/spine-rehab HTTP/1.1\r\nHost: a\r\n"


@given(data(), sampled_from([b"", b"X-A: content-length\r\n"]), integers(0, 40))
def test_a_plain_head_is_read_once_however_it_arrives(cut, more: bytes, behind: int) -> None:
    head, body = PLAIN + more + b"Content-Length: 300\r\n\r\n", b"x" * 300
    all_bytes = head + body + PLAIN[:behind]
    at = sorted(cut.draw(sets(integers(1, len(all_bytes) - 1), max_size=6)))
    conn = a_connection()
    conn.not_plain = frozenset()
    blocks = [all_bytes[start:end] for start, end in pairwise([0, *at, len(all_bytes)])]

    while not conn.take(block := blocks.pop(0)[: conn.missing or None], body_bytes_most=1000):
        pass

    assert (conn.head, conn.body, conn.in_doubt) == (head, body, False) and conn.whole
    assert all_bytes.startswith(head + body + bytes(conn.received)), block
    assert conn.environ is not None and conn.environ["PATH_INFO"] == "/cds-services/spine-rehab"
    conn.begin_anew()
    assert conn.environ is None


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nContent-Length: 3\r\n\r\n",
        PLAIN + b"Content-Length: 1001\r\n\r\n",
        PLAIN + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\n",
        PLAIN + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        PLAIN + b"Content-Length: " + b"0" * 30 + b"3\r\n\r\n",
    ],
)
def test_a_head_that_is_not_plain_is_looked_at_as_ever(head: bytes) -> None:
    conns = [a_connection(), a_connection()]
    conns[1].not_plain = not_plain_fields(Config())

    for conn in conns:
        conn.take(head, body_bytes_most=1000)

    told = [(conn.head, conn.missing, conn.in_doubt, bytes(conn.received), conn.environ) for conn in conns]
    assert told[0] == told[1] and told[1][-1] is None


def a_request(body: bytes) -> bytes:
    return PLAIN + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


@dataclass(slots=True)
class Held:
    """A request that waits for its answer."""

    body: bytes
    has_closed: bool = False


class Counter:
    """A worker at its counter: its clients are sockets of this test, and it notes whom it answers."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(PatientWorker, "at_once", re.compile(r"/cds-services/.+"))
        monkeypatch.setattr(PatientWorker, "in_steps", self._in_steps)
        self.taken: list[bytes] = []
        self.answered: list[bytes] = []
        self.worker = PatientWorker(0, 0, [socket.create_server(("127.0.0.1", 0))], None, 30, Config(), None)
        self.worker.poller = DefaultSelector()
        self.worker.set_accept_enabled(True)

    def _in_steps(self, environ, start_response) -> Steps[list[bytes]]:
        body = environ["wsgi.input"].read()
        self.taken.append(body[:6])
        time.sleep(0.003)
        yield
        if body == b"must wait":
            raise MustWait
        if body == b"fails":
            raise RuntimeError
        self.taken.append(body[:6])
        self.answered.append(body)
        time.sleep(0.003)  # together longer than it may answer before it looks around
        start_response("200 OK", [])
        return [b"."]

    def a_client(self) -> socket.socket:
        return socket.create_connection(self.worker.sockets[0].getsockname(), timeout=5)

    def look(self, times: int = 1) -> list[bytes]:
        for _ in range(times):
            self.worker.wait_for_and_dispatch_events(0.05)
        return self.answered

    def close(self, *clients: socket.socket) -> None:
        for one in (*clients, *self.worker.sockets, self.worker.poller, *self.worker.collecting):
            one.close()
        self.worker.tmp.close()


def test_of_requests_that_are_whole_the_one_that_began_first_is_next(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = Counter(monkeypatch)
    slow, fast = counter.a_client(), counter.a_client()
    request = a_request(b"slow")
    slow.sendall(request[:-2])
    counter.look(2)
    fast.sendall(a_request(b"fast"))
    slow.sendall(request[-2:])

    assert counter.look(2) == [b"slow", b"fast"]
    counter.close(slow, fast)


def test_a_crowd_of_new_clients_is_let_in_before_the_next_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = Counter(monkeypatch)
    crowd = [counter.a_client() for _ in range(8)]
    for number, client in enumerate(crowd):
        client.sendall(a_request(b"%d" % number))

    assert len(counter.look()) == 4
    assert len(counter.worker.collecting) == 8
    assert sorted(counter.look(2)) == [b"%d" % number for number in range(8)]
    counter.close(*crowd)


def test_small_requests_that_are_here_together_are_answered_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = Counter(monkeypatch)
    clients = [counter.a_client() for _ in range(3)]
    for name, client in zip((b"1", b"2", b"3"), clients, strict=True):
        client.sendall(a_request(name))
    counter.look()

    assert counter.taken == [b"1", b"2", b"3"] * 2
    assert all(client.recv(1000).startswith(b"HTTP/1.1 200 OK") for client in clients)
    counter.close(*clients)


def test_a_large_request_is_answered_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = Counter(monkeypatch)
    held = [Held(b"first"), Held(b"second"), Held(b"large" + b"x" * 2**18), Held(b"fourth")]
    for number, one in enumerate(held):
        heapq.heappush(counter.worker._to_answer, (float(number), number, one))

    together = [[one.body[:6] for one in counter.worker._next_to_answer()] for _ in range(4)]

    assert together == [[b"first", b"second"], [b"largex"], [b"fourth"], []]
    counter.close()


def test_one_that_must_wait_or_fails_leaves_those_beside_it_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = Counter(monkeypatch)
    waiting: list[Connection] = []
    counter.worker.enqueue_req = waiting.append
    clients = [counter.a_client() for _ in range(4)]
    for name, client in zip((b"first", b"must wait", b"fails", b"last"), clients, strict=True):
        client.sendall(a_request(name))
    counter.look(2)

    assert counter.answered == [b"first", b"last"] and [one.body for one in waiting] == [b"must wait"]
    assert clients[0].recv(1000).startswith(b"HTTP/1.1 200 OK")
    assert clients[2].recv(1000).startswith(b"HTTP/1.1 500 ")
    assert clients[3].recv(1000).startswith(b"HTTP/1.1 200 OK")
    counter.close(*clients, *waiting)


def test_who_has_closed_is_answered_after_those_who_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = Counter(monkeypatch)
    clients = [counter.a_client() for _ in range(3)]
    for name, client in zip((b"first", b"closed", b"waits"), clients, strict=True):
        client.sendall(a_request(name))
    clients[1].shutdown(socket.SHUT_WR)
    counter.look(8)

    assert counter.answered == [b"first", b"waits", b"closed"]
    assert clients[1].recv(1000).startswith(b"HTTP/1.1 200 OK")
    counter.close(*clients)


def test_the_memory_of_no_small_body_is_given_back_once_it_is_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = Counter(monkeypatch)
    released: list[float] = []
    counter.worker.tpool = SimpleNamespace(submit=lambda call: released.append(time.monotonic()))
    small, larger = counter.a_client(), counter.a_client()
    small.sendall(a_request(b"x" * 10_000))
    counter.look(2)
    time.sleep(0.6)
    counter.worker.murder_pending()
    assert released == []

    larger.sendall(a_request(b"x" * 300_000))
    while len(counter.look()) < 2:
        pass
    counter.worker.murder_pending()
    assert released == []
    time.sleep(0.6)
    counter.worker.murder_pending()
    time.sleep(0.6)
    counter.worker.murder_pending()

    assert len(released) == 1
    counter.close(small, larger)
