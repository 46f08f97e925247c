"""A request while it arrives: where it ends, how much of it is here, and until when the rest must have come.

Tells what the bytes of one connection come to; who waits for them, and who answers, is patient_worker.py's.
"""

from __future__ import annotations

import math
import re
import socket
import time
from dataclasses import dataclass, field
from typing import Any

from gunicorn.workers.gthread import TConn

from cds_service.cli.plain_http import connection_environ, read_plain

HEADERS_BYTES_MOST = 256 * 1024
HEADERS_SECONDS = 10.0
BYTES_PER_SECOND_LEAST = 50_000
STALL_SECONDS = 3.0
BLOCK_BYTES = 256 * 1024
BODY_BLOCK_BYTES = 2 * 1024 * 1024
_PEEK_BYTES = 2048
_LINGER_SECONDS = 2.0

_LENGTH_DIGITS_MOST = 18
_LENGTH = re.compile(rb"(?:\A|\r\n)content-length:[ \t]*([0-9]{1,18})[ \t]*(?=\r\n|\Z)", re.IGNORECASE)
_ANY_FRAMING = re.compile(rb"(?:content-length|transfer-encoding)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked[ \t]*(?=\r\n|\Z)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Arrival:
    """What can be done with the bytes that came: *size* of them can be handed over (None: wait for more).

    *in_doubt*: how long the request is can be read in two ways, so the connection ends with it, whatever the answer.
    *body_at* is where the body begins and *body_bytes* its length, where the head tells it.
    """

    size: int | None
    in_doubt: bool = False
    body_at: int | None = field(default=None, compare=False)
    body_bytes: int = field(default=0, compare=False)


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
        whole = len(received) >= start + length
        return Arrival(start + length if whole else None, body_at=start, body_bytes=length)
    if framings == 1 and _CHUNKED.search(head):
        whole = received.endswith(b"0\r\n\r\n") or len(received) - start > body_bytes_most
        return Arrival(len(received) if whole else None)
    return Arrival(len(received), in_doubt=True)


class Connection(TConn):
    """A connection with what has arrived on it and was not handed over yet.

    *received* has what came before the end of the head, or behind the request. Once the head tells the length of the body,
    *head* has the one and *pieces* what came of the other; *missing* bytes of it are still to come. *held* is all of that.
    Where *not_plain* is given (plain_http.py), a plain head is read once for all: *environ* is what it says.
    *arrives_since* is the moment (monotonic seconds) of the request's first byte.
    """

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.received = bytearray()
        self.head = b""
        self.pieces: list[bytes] | None = None
        self.missing = 0
        self.body: bytes | None = None
        self.environ: dict[str, Any] | None = None
        self.base_environ = connection_environ(*given[:1], *given[2:])
        self.not_plain: frozenset[str] | None = None
        self.held = 0
        self.in_doubt = False
        self.continued = False
        self.has_closed = False
        self.answered = False
        self.lingering = False
        self.unheard = False
        self.began = self.arrives_since = time.monotonic()

    def init(self) -> None:
        """Give the parser what was collected; from here on a read that stalls ends the connection."""
        super().init()
        self.sock.settimeout(STALL_SECONDS)
        if self.head:
            self.parser.unreader.unread(self.head)
            self.head = b""

    @property
    def whole(self) -> bool:
        """True while a request is here from its first byte to its last."""
        return bool(self.head) and not self.missing

    @property
    def idle(self) -> bool:
        """True between two requests."""
        return self.answered and not self.held

    @property
    def late_after(self) -> float:
        """The moment (monotonic seconds) by which the rest must have come: a slow line is honest, a trickle is not."""
        if self.whole:
            return math.inf
        if self.lingering:
            return self.began + _LINGER_SECONDS
        if self.idle:
            return self.began + self.cfg.keepalive
        return self.began + HEADERS_SECONDS + self.held / BYTES_PER_SECOND_LEAST

    def take(self, block: bytes, body_bytes_most: int) -> bool:
        """Take what came; True once a request can be handed over."""
        if self.missing and self.pieces is not None:
            self.pieces.append(block)
            self.missing -= len(block)
        else:
            self._look_at(self.received + block if self.received else block, body_bytes_most)
        if not self.head or self.missing:
            return False
        if self.pieces is not None:
            self.body = self.pieces[0] if len(self.pieces) == 1 else b"".join(self.pieces)
            self.pieces = None
        return True

    def _look_at(self, received: bytes | bytearray, body_bytes_most: int) -> None:
        if self._is_plain(received, body_bytes_most):
            return
        arrival = look_at(received, body_bytes_most)
        self.in_doubt = arrival.in_doubt
        if arrival.body_at is not None and not arrival.in_doubt:
            self._split(received, arrival.body_at, arrival.body_bytes)
        else:
            end = arrival.size or 0
            self.head = bytes(received[:end])
            self.received = bytearray(memoryview(received)[end:])

    def _is_plain(self, received: bytes | bytearray, body_bytes_most: int) -> bool:
        """Read a plain head, which also tells the length of the body; False where it must be looked at more closely."""
        start = received.find(b"\r\n\r\n") + 4
        if start < 4 or self.not_plain is None or self.base_environ is None:
            return False
        environ = read_plain(bytes(received[:start]), self.base_environ, self.not_plain)
        if environ is None or len(environ["CONTENT_LENGTH"]) > _LENGTH_DIGITS_MOST:
            return False
        length = int(environ["CONTENT_LENGTH"])
        if length > body_bytes_most:
            return False
        self.environ, self.in_doubt = environ, False
        self._split(received, start, length)
        return True

    def _split(self, received: bytes | bytearray, body_at: int, body_bytes: int) -> None:
        """Keep the head and what came of the body; what is behind it belongs to the next request."""
        if len(received) == body_at:
            self.head, self.pieces, self.missing = bytes(received), [], body_bytes
            if self.received:
                self.received = bytearray()
            return
        end = body_at + body_bytes
        self.head = bytes(received[:body_at])
        begun = bytes(memoryview(received)[body_at:end])
        self.pieces = [begun] if begun else []
        self.missing = body_bytes - len(begun)
        self.received = bytearray(memoryview(received)[end:])

    def begin_anew(self) -> None:
        """Get ready for the next request."""
        self.began, self.answered = time.monotonic(), True
        self.arrives_since = self.began
        self.head, self.body, self.environ = b"", None, None
        self.continued = self.in_doubt = self.has_closed = False


def receive(conn: Connection, client: socket.socket) -> bytes:
    """Take what is there, of a new request its head alone: the body then comes in one piece most of the time, and is read
    from where the kernel put it."""
    if conn.missing:
        return client.recv(min(conn.missing, BODY_BLOCK_BYTES))
    if conn.received or conn.lingering:
        return client.recv(BLOCK_BYTES)
    head_bytes = client.recv(_PEEK_BYTES, socket.MSG_PEEK).find(b"\r\n\r\n") + 4
    return client.recv(head_bytes if head_bytes > 3 else BLOCK_BYTES)


def has_closed(client: socket.socket) -> bool:
    """Tell whether what can be read on *client* is its end."""
    try:
        return not client.recv(1, socket.MSG_PEEK)
    except OSError:
        return True
