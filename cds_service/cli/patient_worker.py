"""A gunicorn worker that collects requests before they cost a thread, and answers those that cannot wait at once.

gunicorn's thread worker reads a request inside the thread that answers it: as many clients as there are threads, each
sending a byte now and then, stop the service. Here the main loop collects what arrives, without waiting, and hands the
bytes on unchanged; gunicorn's own parser still decides what they mean, but for plain requests (plain_http.py).

A request that asks nobody else (no FHIR server, no store) computes from its first moment to its last, and Python computes
in one thread at a time: a thread for it costs more than half a millisecond and gains nothing. Those are answered on the
main loop (`at_once` names their paths); one that finds out that it must wait says so, and is answered again in a thread. Of
those that are whole, the one that began first is the next: a new connection sends slowly at first, and whoever asks again on
a fast one would pass it time after time. A few small ones that are whole together are answered together, step by step
(steps.py), each in the order in which it began.
"""

from __future__ import annotations

import contextlib
import errno
import heapq
import io
import re
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from http import HTTPStatus
from itertools import count
from selectors import EVENT_READ
from typing import Any
from weakref import WeakSet

from gunicorn.http.errors import (
    ExpectationFailed,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
    UnsupportedTransferCoding,
)
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, ThreadWorker

from cds_service import metrics
from cds_service.cli.arriving import STALL_SECONDS, Connection, has_closed, receive
from cds_service.cli.memory import release_memory, use_huge_pages
from cds_service.cli.plain_http import Reply, not_plain_fields
from cds_service.cli.stack_room import with_room
from cds_service.steps import Steps
from cds_service.web.problems import refuse_unparsed
from cds_service.web.waiting import ON_THE_LOOP, MustWait

COLLECTED_BYTES_MOST = 256 * 1024 * 1024
AT_ONCE_BYTES_MOST = 2 * 1024 * 1024
"""A larger body takes so long that other requests should get a turn beside it."""
_LARGE_AT_ONCE = 2
"""Python computes in one thread at a time: four large bodies side by side are answered no sooner than two and two, and
need twice the memory, which the process keeps in pieces. Two, since one of them may wait for a FHIR server."""
_RELEASE_SECONDS = 0.5
"""How long after a large body its memory is given back: the next one may come at once. And how long nothing but small bodies
must have come until the memory of those in between is."""
_SMALL_BYTES = 256 * 1024
_LINGER_BYTES_MOST = 64 * 1024
_ANSWERING_SECONDS = 0.003
"""A few answers of the usual size: to look at all connections costs as much as to read one head."""
_TOGETHER_MOST = 4
"""How many requests are answered together, step by step (steps.py). Six would cost a tenth less still, but of eight clients
two would wait twice as long as the others."""
_NEWCOMERS_AT_ONCE = 32
"""How many new connections are taken before the next answers. One look at the connections takes one of them (so workers
share a crowd); were it one for each round of answers, the last of eight would wait for seven rounds to be let in."""
_GONE_WAITS_SECONDS = 5.0
"""A client that closes its side before it is answered has mostly gone (its own limit has passed): under load, to answer it
in its turn makes all others wait for nobody. It is answered once nobody else has asked for a moment, or after this time."""
_QUIET_SECONDS = 0.05
_LOOK_AROUND_SECONDS = 0.25
"""How often the connections are looked at on which nothing comes."""

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_EXPECT = re.compile(rb"\r\nexpect:[ \t]*100-continue", re.IGNORECASE)


_NOT_HTTP = (
    400,
    "invalid",
    "the request is no well-formed HTTP/1.1: its first line, a header or its framing is at fault",
)
_BUG = (500, "exception", "the service failed; the operator finds the cause under the request id")
_REFUSED: dict[type[Exception], tuple[int, str, str]] = {
    LimitRequestLine: (414, "too-long", "the URL is too long"),
    LimitRequestHeaders: (431, "too-long", "the request headers are too many or too large"),
    UnsupportedTransferCoding: (
        501,
        "not-supported",
        "this transfer coding is not supported; send the body as it is, or chunked",
    ),
    ExpectationFailed: (417, "not-supported", "the only expectation met here is 100-continue"),
}
"""What gunicorn's parser refuses -> status, FHIR issue code, words. Never what was sent."""


class PatientWorker(ThreadWorker):
    """gunicorn's thread worker with the collecting main loop. `body_bytes_most`, `at_once` and `in_steps` are set by the server."""

    body_bytes_most = 16 * 2**20
    at_once: re.Pattern[str] | None = None
    """Paths that are answered on the main loop: such requests wait for nobody, or say MustWait before they do."""
    in_steps: Callable[..., Steps[Iterable[bytes]]] | None = None
    """The application, which answers these in steps; set where `at_once` is."""
    not_again: WeakSet[socket.socket] = WeakSet()
    """Connections on which a body had no clear end: what follows on them is no request."""

    def __init__(self, *given: Any, **named: Any):
        super().__init__(*given, **named)
        self.collecting: dict[Connection, None] = {}
        self.collected_bytes = 0
        self._to_answer: list[tuple[float, int, Connection]] = []
        self._handed_over = count()
        self._gone: deque[Connection] = deque()
        self._answered_at = 0.0
        self._not_plain = not_plain_fields(self.cfg)
        self._keeps_alive = self.cfg.keepalive > 0
        self._newcomer = False
        self._look_around_at = 0.0
        self._stopped_at: float | None = None
        self._large = threading.Semaphore(_LARGE_AT_ONCE)
        self._release_at: float | None = None
        self._release_in_quiet_at: float | None = None

    def run(self) -> None:
        """Serve until the worker is told to stop."""
        metrics.settle_later()
        self.tpool.submit(use_huge_pages)
        try:
            with_room(super().run)
        finally:
            metrics.settle_at_once()

    def handle(self, conn: Connection) -> Any:
        """Answer the requests of a connection in a thread."""
        return with_room(super().handle, conn)

    def accept(self, listener: Any) -> None:
        """Take a new connection and wait for its request without a thread."""
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK):
                raise
            return
        self._newcomer = True
        self.nr_conns += 1
        conn = Connection(self.cfg, client, address, listener.getsockname())
        if self.at_once is not None:
            conn.not_plain = self._not_plain
        self._collect(conn)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Take what has come on all connections, then answer for a moment: meanwhile the others' clients can send.

        While the worker stops, look often at the connections that keep it.
        """
        timeout = timeout if self.alive else min(timeout, _LOOK_AROUND_SECONDS)
        if self._gone:
            timeout = min(timeout, max(self._answered_at + _QUIET_SECONDS - time.monotonic(), 0))
        for _ in range(_NEWCOMERS_AT_ONCE):
            self._newcomer = False
            super().wait_for_and_dispatch_events(0 if self._to_answer else timeout)
            if not self._newcomer or self.nr_conns >= self.worker_connections:
                break
            timeout = 0
        until = time.monotonic() + _ANSWERING_SECONDS
        while together := self._next_to_answer():
            self._answer_here(together)
            self._answered_at = time.monotonic()
            if self._answered_at > until:
                break
        self._answer_gone(time.monotonic())

    def _next_to_answer(self) -> list[Connection]:
        """Give those who are next, to be answered together: a large one alone, for it fills the caches by itself."""
        chosen: list[Connection] = []
        while self._to_answer and len(chosen) < _TOGETHER_MOST:
            if chosen and not _is_small(self._to_answer[0][-1]):
                break
            conn = heapq.heappop(self._to_answer)[-1]
            if conn.has_closed:
                self._gone.append(conn)
                continue
            chosen.append(conn)
            if not _is_small(conn):
                break
        return chosen

    def _answer_gone(self, now: float) -> None:
        """Answer one of those who have closed, where it is their time."""
        if not self._gone:
            return
        is_quiet = not self._to_answer and now >= self._answered_at + _QUIET_SECONDS
        if is_quiet or now > self._gone[0].arrives_since + _GONE_WAITS_SECONDS:
            self._answer_here([self._gone.popleft()])

    def murder_pending(self) -> None:
        """Close connections whose request does not arrive, and on a stop those that have not begun one."""
        now = time.monotonic()
        if self.alive and now < self._look_around_at:
            return
        self._look_around_at = now + _LOOK_AROUND_SECONDS
        metrics.settle()
        if not self.alive and self._stopped_at is None:
            self._stopped_at = now
        if any(moment is not None and now > moment for moment in (self._release_at, self._release_in_quiet_at)):
            self._release_at = self._release_in_quiet_at = None
            self.tpool.submit(release_memory)
        for conn in [one for one in self.collecting if now > one.late_after or self._ends_with_us(one, now)]:
            self._drop(conn)

    def _ends_with_us(self, conn: Connection, now: float) -> bool:
        """On a stop: who has not begun a request is not waited for, but a client that was answered with "keep-alive" may
        be sending already, and has a moment."""
        if self._stopped_at is None or conn.held or conn.lingering:
            return False
        return not conn.answered or now > self._stopped_at + STOP_KEEPALIVE_LINGER

    def _collect(self, conn: Connection) -> None:
        """Wait for what comes on *conn*, and answer what has come already."""
        conn.sock.setblocking(False)
        conn.held = len(conn.received)
        self.collected_bytes += conn.held
        self.collecting[conn] = None
        self._listen(conn)
        if conn.received:
            self._take(conn, b"")

    def _listen(self, conn: Connection) -> None:
        self.poller.register(conn.sock, EVENT_READ, partial(self._on_bytes, conn))

    def _leave(self, conn: Connection) -> None:
        """Wait for nothing more on *conn*."""
        if conn in self.collecting:
            del self.collecting[conn]
            self._hold(conn, 0)
            if not conn.unheard:
                self.poller.unregister(conn.sock)
            conn.unheard = False

    def _hold(self, conn: Connection, held: int) -> None:
        self.collected_bytes += held - conn.held
        conn.held = held

    def _drop(self, conn: Connection) -> None:
        self._leave(conn)
        self.nr_conns -= 1
        conn.close()

    def _hang_up(self, conn: Connection) -> None:
        """Say that no more will be said, and read on for a moment: an answer gets lost on its way where the connection is
        closed while the client is still sending."""
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._drop(conn)
            return
        conn.began, conn.lingering = time.monotonic(), True
        conn.received.clear()
        if conn not in self.collecting:
            self._collect(conn)
        self._hold(conn, 0)

    def _on_bytes(self, conn: Connection, client: socket.socket) -> None:
        """Take what is there: most requests are whole after one or two pieces."""
        if conn.whole:
            # It sends on before it is answered: that is left where it is for now.
            self.poller.unregister(client)
            conn.unheard, conn.has_closed = True, has_closed(client)
            return
        while conn in self.collecting:
            try:
                block = receive(conn, client)
            except BlockingIOError:
                return
            except OSError:
                block = b""
            if not block or self.collected_bytes + len(block) > COLLECTED_BYTES_MOST:
                self._drop(conn)
                return
            if not conn.held:
                conn.arrives_since = time.monotonic()
                if conn.answered:
                    conn.began = conn.arrives_since
            self.collected_bytes += len(block)
            conn.held += len(block)
            if conn.lingering:
                if conn.held > _LINGER_BYTES_MOST:
                    self._drop(conn)
                return
            self._take(conn, block)
            if not conn.missing:
                return

    def _take(self, conn: Connection, block: bytes) -> None:
        """Hand over the request that is whole with *block*."""
        if not conn.take(block, self.body_bytes_most):
            if conn.environ is None:  # of what is plain nobody waits for an answer before its end
                self._say_continue(conn)
        elif self._is_for_the_loop(conn):
            heapq.heappush(self._to_answer, (conn.arrives_since, next(self._handed_over), conn))
        else:
            self._to_a_thread(conn)

    def _is_for_the_loop(self, conn: Connection) -> bool:
        if self.at_once is None or conn.environ is None or not _is_short(conn):
            return False
        return self.at_once.fullmatch(conn.environ["PATH_INFO"]) is not None

    def _to_a_thread(self, conn: Connection) -> None:
        self._leave(conn)
        conn.environ, conn.data_ready = None, True
        self.enqueue_req(conn)

    def _say_continue(self, conn: Connection) -> None:
        """Answer `Expect: 100-continue`, since a client that waits for it would never send the rest."""
        head = conn.head or bytes(conn.received[: conn.received.find(b"\r\n\r\n") + 1])
        if conn.continued or not _EXPECT.search(head):
            return
        conn.continued = True
        try:
            conn.sock.send(_CONTINUE)
        except OSError:
            conn.began = 0.0

    # -- answering

    def _answer_here(self, conns: list[Connection]) -> None:
        """Answer on the main loop, all of *conns* one step after the other."""
        under_way = [(conn, self._answer(conn)) for conn in conns]
        while under_way:
            under_way = [(conn, steps) for conn, steps in under_way if self._goes_on(conn, steps)]

    def _goes_on(self, conn: Connection, steps: Steps[tuple[bytes, bool]]) -> bool:
        """Take the next of the *steps* of an answer; after the last, send it and tell that it does not go on."""
        try:
            next(steps)
        except StopIteration as end:
            answer, keep = end.value
        except MustWait:
            self._to_a_thread(conn)
            return False
        except Exception as error:
            answer, keep = _refusal(error), False
        else:
            return True
        if not _is_small(conn):
            self._release_in_quiet_at = time.monotonic() + _RELEASE_SECONDS
        conn.begin_anew()
        self._hold(conn, len(conn.received))
        if conn.unheard:
            conn.unheard = False
            self._listen(conn)
        self._send(conn, answer, keep)
        return False

    def _answer(self, conn: Connection) -> Steps[tuple[bytes, bool]]:
        """Give the answer, and whether the connection stays: what gunicorn's `handle_request` does."""
        environ = conn.environ
        assert environ is not None, "only what is plain comes here"
        environ["wsgi.input"], environ["gunicorn.socket"] = io.BytesIO(conn.body), conn.sock
        environ[ON_THE_LOOP] = True
        reply = Reply()
        body = yield from self.in_steps(environ, reply.start_response)
        is_last = self.nr + 1 >= self.max_requests
        keep = self.alive and not is_last and self._keeps_alive and len(self.collecting) <= self.max_keepalived
        keep = keep and environ.get("HTTP_CONNECTION", "").lower() != "close"
        try:
            answer = reply.whole(body, keep)
        finally:
            if hasattr(body, "close"):
                body.close()
        self.nr += 1
        self.alive = self.alive and not is_last
        if not self._to_answer:
            metrics.settle()
        return answer, keep

    def _send(self, conn: Connection, answer: bytes, keep: bool) -> None:
        """Send *answer*; a client that does not take it at once is waited for in a thread."""
        try:
            sent = conn.sock.send(answer)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._drop(conn)
            return
        if sent < len(answer):
            self._leave(conn)
            rest = self.tpool.submit(self._send_rest, conn, answer[sent:], keep)
            rest.add_done_callback(lambda done: self.method_queue.defer(self.finish_request, conn, done))
        elif not keep:
            self._hang_up(conn)
        elif conn.received:
            self._take(conn, b"")

    def _send_rest(self, conn: Connection, rest: bytes, keep: bool) -> bool:
        conn.sock.settimeout(STALL_SECONDS)
        conn.sock.sendall(rest)
        return keep

    def handle_request(self, req: Any, conn: Connection) -> bool:
        """Answer with the body that was collected: passed through the parser it would be copied for every piece read."""
        if conn.body is None:
            return super().handle_request(req, conn)
        is_large = not _is_short(conn)
        req.body, conn.body = io.BytesIO(conn.body), None
        try:
            with self._large if is_large else contextlib.nullcontext():
                return super().handle_request(req, conn)
        finally:
            req.body.seek(0, io.SEEK_END)
            if is_large and self._release_at is None:
                self._release_at = time.monotonic() + _RELEASE_SECONDS

    def finish_request(self, conn: Connection, done: Any) -> None:
        """After an answer of a thread: wait for the next request, part of which may be here already."""
        keep = not done.cancelled() and done.exception() is None and done.result() is True
        keep = keep and not conn.in_doubt and conn.sock not in self.not_again
        if conn.parser is not None:
            conn.received[:0] = conn.parser.unreader.take_buffered()
        conn.begin_anew()
        if keep:
            self._collect(conn)
        else:
            self._hang_up(conn)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Answer what gunicorn's parser refuses like every other error: an OperationOutcome with a request id (rule C7).

        gunicorn's own answer is HTML that repeats what was sent, and its log line holds header values, tokens among them.
        """
        with contextlib.suppress(OSError):
            client.sendall(_refusal(exc))


def _refusal(error: Exception) -> bytes:
    """The answer to what never became a request, or failed outside the application."""
    status, code, said = next(
        (told for kind, told in _REFUSED.items() if isinstance(error, kind)),
        _NOT_HTTP if isinstance(error, ParseException) else _BUG,
    )
    request_id, body = refuse_unparsed(status, (code, said, None), error)
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nConnection: close\r\nContent-Type: application/json\r\n"
        f"Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nX-Request-Id: {request_id}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("ascii") + body


def _is_small(conn: Connection) -> bool:
    return len(conn.body) <= _SMALL_BYTES


def _is_short(conn: Connection) -> bool:
    """Leave the main loop to others where answering takes long; without a body there is nothing to answer at once."""
    return conn.body is not None and len(conn.body) <= AT_ONCE_BYTES_MOST
