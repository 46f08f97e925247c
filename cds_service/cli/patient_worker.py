"""A gunicorn worker that gives a thread only to requests that have arrived whole, so slow clients hold up nobody.

gunicorn's thread worker reads a request inside the thread that answers it: as many clients as there are threads, each
sending a byte now and then, stop the service. Here the main loop collects what arrives, without waiting, and hands the
bytes on unchanged; gunicorn's own parser still decides what they mean.
"""

from __future__ import annotations

import contextlib
import errno
import io
import re
import socket
import time
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
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
from gunicorn.workers.gthread import TConn, ThreadWorker

from cds_service.web.problems import refuse_unparsed

HEADERS_BYTES_MOST = 256 * 1024
COLLECTED_BYTES_MOST = 256 * 1024 * 1024
HEADERS_SECONDS = 10.0
BYTES_PER_SECOND_LEAST = 50_000
STALL_SECONDS = 3.0
BLOCK_BYTES = 256 * 1024

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_LENGTH = re.compile(rb"(?:\A|\r\n)content-length:[ \t]*([0-9]{1,18})[ \t]*(?=\r\n|\Z)", re.IGNORECASE)
_ANY_FRAMING = re.compile(rb"(?:content-length|transfer-encoding)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked[ \t]*(?=\r\n|\Z)", re.IGNORECASE)
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


@dataclass(frozen=True, slots=True)
class Arrival:
    """What can be done with the bytes that came: *size* of them can be handed over (None: wait for more).

    *in_doubt*: how long the request is can be read in two ways, so the connection ends with it, whatever the answer.
    *body_at* is where the body begins, where the head tells its length and all of it is here.
    """

    size: int | None
    in_doubt: bool = False
    body_at: int | None = field(default=None, compare=False)


def look_at(received: bytes | bytearray, body_bytes_most: int) -> Arrival:
    """Tell whether a request has arrived whole: without a body, with one length, or chunked.

    A request that says its length in any other way is handed over at once; the parser refuses it.
    """
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return Arrival(len(received) if len(received) > HEADERS_BYTES_MOST else None, in_doubt=True)
    head, start = bytes(received[:end]), end + 4
    framings = len(_ANY_FRAMING.findall(head))
    if framings == 0:
        return Arrival(start)
    lengths = _LENGTH.findall(head)
    if framings == 1 and len(lengths) == 1:
        length = int(lengths[0])
        if length > body_bytes_most:
            return Arrival(len(received), in_doubt=True)
        return Arrival(start + length, body_at=start) if len(received) >= start + length else Arrival(None)
    if framings == 1 and _CHUNKED.search(head):
        whole = received.endswith(b"0\r\n\r\n") or len(received) - start > body_bytes_most
        return Arrival(len(received) if whole else None)
    return Arrival(len(received), in_doubt=True)


class Connection(TConn):
    """A connection with what has arrived on it and was not handed over yet."""

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.received = bytearray()
        self.began = time.monotonic()
        self.continued = False
        self.handed = b""
        self.body: bytes | None = None
        self.in_doubt = False

    def init(self) -> None:
        """Give the parser what was collected; from here on a read that stalls ends the connection."""
        super().init()
        self.sock.settimeout(STALL_SECONDS)
        if self.handed:
            self.parser.unreader.unread(self.handed)
            self.handed = b""

    @property
    def late_after(self) -> float:
        """The moment (monotonic seconds) by which the rest must have come: a slow line is honest, a trickle is not."""
        return self.began + HEADERS_SECONDS + len(self.received) / BYTES_PER_SECOND_LEAST


class PatientWorker(ThreadWorker):
    """gunicorn's thread worker with the collecting main loop. `body_bytes_most` is set by the server."""

    body_bytes_most = 16 * 2**20
    not_again: WeakSet[socket.socket] = WeakSet()
    """Connections on which a body had no clear end: what follows on them is no request."""

    def __init__(self, *given: Any, **named: Any):
        super().__init__(*given, **named)
        self.collecting: dict[Connection, None] = {}
        self.collected_bytes = 0

    def accept(self, listener: Any) -> None:
        """Take a new connection and wait for its request without a thread."""
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK):
                raise
            return
        self.nr_conns += 1
        self._collect(Connection(self.cfg, client, address, listener.getsockname()))

    def on_client_socket_readable(self, conn: Connection, client: socket.socket) -> None:
        """A kept connection has something to say: collect it like a new one's."""
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self._collect(conn)

    def handle_request(self, req: Any, conn: Connection) -> bool:
        """Answer with the body that was collected: passed through the parser it would be copied for every piece read."""
        if conn.body is None:
            return super().handle_request(req, conn)
        req.body, conn.body = io.BytesIO(conn.body), None
        try:
            return super().handle_request(req, conn)
        finally:
            req.body.seek(0, io.SEEK_END)

    def finish_request(self, conn: Connection, done: Any) -> None:
        """After an answer, look at what came behind the request: it does not make the socket readable again."""
        if conn.in_doubt or conn.sock in self.not_again:
            self.nr_conns -= 1
            conn.close(graceful=True)
            return
        super().finish_request(conn, done)
        if conn.received and conn in self.keepalived_conns:
            self.poller.unregister(conn.sock)
            self.keepalived_conns.remove(conn)
            self._collect(conn)

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: Exception) -> None:
        """Answer what gunicorn's parser refuses like every other error: an OperationOutcome with a request id (rule C7).

        gunicorn's own answer is HTML that repeats what was sent, and its log line holds header values, tokens among them.
        """
        status, code, said = next(
            (told for kind, told in _REFUSED.items() if isinstance(exc, kind)),
            _NOT_HTTP if isinstance(exc, ParseException) else _BUG,
        )
        request_id, body = refuse_unparsed(status, (code, said, None), exc)
        head = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nConnection: close\r\nContent-Type: application/json\r\n"
            f"Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nX-Request-Id: {request_id}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        with contextlib.suppress(OSError):
            client.sendall(head.encode("ascii") + body)

    def murder_pending(self) -> None:
        """Close connections whose request does not arrive, and on a stop those that have not begun one."""
        super().murder_pending()
        now = time.monotonic()
        for conn in [one for one in self.collecting if now > one.late_after or not (self.alive or one.received)]:
            self._forget(conn)
            self.nr_conns -= 1
            conn.close()

    def _collect(self, conn: Connection) -> None:
        conn.began, conn.continued = time.monotonic(), False
        conn.sock.setblocking(False)
        self.collecting[conn] = None
        self.collected_bytes += len(conn.received)
        self.poller.register(conn.sock, EVENT_READ, partial(self._on_bytes, conn))
        if conn.received:
            self._hand_over_if_whole(conn)

    def _on_bytes(self, conn: Connection, client: socket.socket) -> None:
        try:
            block = client.recv(BLOCK_BYTES)
        except BlockingIOError:
            return
        except OSError:
            block = b""
        if not block or self.collected_bytes + len(block) > COLLECTED_BYTES_MOST:
            self._forget(conn)
            self.nr_conns -= 1
            conn.close()
            return
        conn.received += block
        self.collected_bytes += len(block)
        self._hand_over_if_whole(conn)

    def _hand_over_if_whole(self, conn: Connection) -> None:
        arrival = look_at(conn.received, self.body_bytes_most)
        if arrival.size is None:
            self._say_continue(conn)
            return
        self._forget(conn)
        conn.in_doubt = arrival.in_doubt
        with memoryview(conn.received) as received:
            conn.handed = bytes(received[: arrival.body_at or arrival.size])
            conn.body = bytes(received[arrival.body_at : arrival.size]) if arrival.body_at else None
        del conn.received[: arrival.size]
        conn.data_ready = True
        self.enqueue_req(conn)

    def _say_continue(self, conn: Connection) -> None:
        """Answer `Expect: 100-continue`, since a client that waits for it would never send the rest."""
        end = conn.received.find(b"\r\n\r\n")
        if conn.continued or end < 0 or not _EXPECT.search(conn.received[:end]):
            return
        conn.continued = True
        try:
            conn.sock.send(_CONTINUE)
        except OSError:
            conn.began = 0.0

    def _forget(self, conn: Connection) -> None:
        self.collecting.pop(conn, None)
        self.collected_bytes -= len(conn.received)
        self.poller.unregister(conn.sock)
