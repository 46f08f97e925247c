"""A lean client: raw sockets, some connections at once, one thread. Talks to loopback only and always ends."""

from __future__ import annotations

import re
import socket
import time
from dataclasses import dataclass, field
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector

CONNECTIONS = 8
_BLOCK = 65536
_LENGTH = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)
_CLOSES = re.compile(rb"connection:\s*close", re.IGNORECASE)
_STUCK_SECONDS = 30.0


class WrongAnswer(Exception):
    """The server said something else than 200; the measurement is worth nothing."""


@dataclass(slots=True)
class Measured:
    """What one round gave: *latencies* in milliseconds, *seconds* of wall clock."""

    latencies: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        """Give the latency (ms) that *share* (0 to 1) of the answers did not exceed."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def post(path: str, body: bytes, port: int) -> bytes:
    """Give the bytes of one request."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class _Caller:
    """One connection that sends the same request again and again."""

    __slots__ = ("began", "port", "received", "request", "sent", "socket", "wanted")

    def __init__(self, request: bytes, port: int):
        self.request, self.port = memoryview(request), port
        self.socket = self._connect()
        self._begin()

    def _connect(self) -> socket.socket:
        made = socket.create_connection(("127.0.0.1", self.port), timeout=5)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.setblocking(False)
        return made

    def _begin(self) -> None:
        self.sent, self.received, self.wanted, self.began = 0, bytearray(), None, time.perf_counter()

    def send(self) -> bool:
        """Send what the socket takes; True once all is sent."""
        try:
            self.sent += self.socket.send(self.request[self.sent :])
        except BlockingIOError:
            return False
        return self.sent == len(self.request)

    def receive(self) -> bool:
        """Take what has come; True once the answer is whole.  Raises WrongAnswer."""
        block = self.socket.recv(_BLOCK)
        if not block:
            raise WrongAnswer("the connection was closed before the answer was whole")
        self.received += block
        if self.wanted is None:
            end = self.received.find(b"\r\n\r\n")
            if end < 0:
                return False
            head = bytes(self.received[:end])
            if not head.startswith(b"HTTP/1.1 200"):
                raise WrongAnswer(bytes(self.received[:400]).decode(errors="replace"))
            self.wanted = end + 4 + int(_LENGTH.search(head)[1])
        return len(self.received) >= self.wanted

    def again(self) -> bool:
        """Get ready for the next request; True where a new connection had to be made."""
        closes = _CLOSES.search(bytes(self.received[:1024])) is not None
        if closes:
            self.socket.close()
            self.socket = self._connect()
        self._begin()
        return closes


def measure(
    port: int, path: str, body: bytes, seconds: float, connections: int = CONNECTIONS, at_least: int = 1
) -> Measured:
    """Send *body* over *connections* for *seconds* (and *at_least* so many answers) and time every answer.

    Raises WrongAnswer for anything but a 200, TimeoutError where nothing comes for half a minute.
    """
    found = Measured()
    request = post(path, body, port)
    began = time.perf_counter()
    with DefaultSelector() as selector:
        callers = [_Caller(request, port) for _ in range(connections)]
        for caller in callers:
            selector.register(caller.socket, EVENT_WRITE, caller)
        try:
            while time.perf_counter() - began < seconds or len(found.latencies) < at_least:
                ready = selector.select(_STUCK_SECONDS)
                if not ready:
                    raise TimeoutError("no answer for half a minute")
                for key, _ in ready:
                    _step(selector, key.data, key.events, found)
        finally:
            for caller in callers:
                caller.socket.close()
    found.seconds = time.perf_counter() - began
    return found


def _step(selector: DefaultSelector, caller: _Caller, events: int, found: Measured) -> None:
    if events == EVENT_WRITE:
        if caller.send():
            selector.modify(caller.socket, EVENT_READ, caller)
        return
    if not caller.receive():
        return
    found.latencies.append((time.perf_counter() - caller.began) * 1000)
    old = caller.socket
    selector.unregister(old)
    caller.again()
    selector.register(caller.socket, EVENT_WRITE, caller)
