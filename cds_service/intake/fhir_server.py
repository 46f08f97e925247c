"""Reads from the caller's FHIR server: one GET at a time, with a deadline, a byte cap and an outbound guard.

Never writes, never follows a redirect, never repeats a URL, an id or a token in a message. The session comes from the guard,
so no request leaves that the guard has not seen.
"""

from __future__ import annotations

import email.utils
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Protocol
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

from cds_service.errors import FhirReadFailed, OutboundRefused

READ_BLOCK_BYTES = 64 * 1024
ACCEPT = "application/fhir+json, application/json;q=0.8"


class Guard(Protocol):
    """What decides which URLs may be read. The real one is security/outbound.OutboundGuard."""

    def check(self, url: str) -> Any:
        """Give where *url* leads.  Raises OutboundRefused."""

    def session(self) -> requests.Session:
        """Give a session whose every request passes the guard."""


class Breaker(Protocol):
    """Tells whether a host is worth asking. For guards whose sessions carry no circuit breaker of their own."""

    def allows(self, origin: str) -> bool: ...
    def worked(self, origin: str) -> None: ...
    def failed(self, origin: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps of the reads of one call. *answer_bytes* counts after decompression, for each answer.

    *connect_seconds* bounds the making of a connection, *retries* the repeats of one read, *pages* the pages of one search
    (the first included), *total_bytes* everything that one call may fetch, *threads* the reads under way at once in this
    process, abandoned ones included. *pause_seconds* is waited before a repeat where the server names no time.
    """

    answer_bytes: int = 8 * 1024 * 1024
    total_bytes: int = 32 * 1024 * 1024
    pages: int = 10
    connect_seconds: float = 1.0
    retries: int = 1
    threads: int = 32
    pause_seconds: float = 0.02


LIMITS = Limits()


class FhirClient:
    """Connections to the FHIR servers of one guard, kept open between calls. Holds no token; may be shared by threads."""

    def __init__(
        self,
        guard: Guard,
        *,
        limits: Limits = LIMITS,
        breaker: Breaker | None = None,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], None] = time.sleep,
    ):
        self.guard = guard
        self.limits = limits
        self.breaker = breaker
        self.clock = clock
        self.wait = wait
        self.slots = threading.BoundedSemaphore(limits.threads)
        self.session = guard.session()
        self.session.trust_env = False
        self.session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    def at(self, base_url: str, access_token: str | None = None) -> FhirServer:
        """Give the server at *base_url*, read with *access_token* (None: without one)."""
        return FhirServer(self, base_url, access_token)


class FhirServer:
    """One FHIR server for the length of one call."""

    def __init__(self, client: FhirClient, base_url: str, access_token: str | None = None):
        self._client = client
        self._base = base_url.rstrip("/") + "/"
        self._token = access_token

    def __repr__(self) -> str:
        return "<FhirServer>"

    @property
    def limits(self) -> Limits:
        return self._client.limits

    @property
    def clock(self) -> Callable[[], float]:
        return self._client.clock

    def start(self, work: Callable[[], None]) -> threading.Thread | None:
        """Run *work* in a thread of its own; None where too many are under way already."""
        slots = self._client.slots
        if not slots.acquire(blocking=False):
            return None

        def run() -> None:
            try:
                work()
            finally:
                slots.release()

        thread = threading.Thread(target=run, name="fhir-read", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            slots.release()
            return None
        return thread

    def url_of(self, query: str) -> str:
        """Give the absolute URL of an expanded query such as `Patient/1` or `Procedure?patient=1`."""
        return self._base + query

    def next_url(self, url: str) -> str:
        """Give the absolute URL of a `next` link, which must lie on this server's origin.  Raises OutboundRefused."""
        try:
            absolute = urljoin(self._base, url.strip())
            theirs, ours = urlsplit(absolute), urlsplit(self._base)
            same = (theirs.scheme, theirs.hostname, _port(theirs)) == (ours.scheme, ours.hostname, _port(ours))
        except ValueError:
            raise OutboundRefused("the next link is no URL") from None
        if not same or theirs.username or theirs.password:
            raise OutboundRefused("the next link leads to another origin")
        return absolute

    def read(self, url: str, what: str, deadline: float) -> bytes:
        """Read *url* and give its body, decompressed, at most `limits.answer_bytes` long.

        *what* names the read in messages ("Procedure search"); *deadline* is a moment of the client's clock. A read that
        failed in a passing way is repeated while that can help and time is left.  Raises FhirReadFailed, OutboundRefused.
        """
        self._client.guard.check(url)
        repeats_left = self.limits.retries
        while True:
            try:
                return self._read_once(url, what, deadline)
            except FhirReadFailed as failure:
                pause = failure.retry_after_seconds
                if pause is None:
                    pause = self.limits.pause_seconds
                if not repeats_left or not failure.retry_may_help or isinstance(failure, _NoRetryNow):
                    raise
                if self.clock() + pause >= deadline:
                    raise
            repeats_left -= 1
            self._client.wait(pause)

    def _read_once(self, url: str, what: str, deadline: float) -> bytes:
        left = deadline - self.clock()
        if left <= 0:
            raise _NoRetryNow(f"{what}: no time left", retry_may_help=True)
        origin = _origin(url)
        breaker = self._client.breaker
        if breaker is not None and not breaker.allows(origin):
            raise _NoRetryNow(
                f"{what}: the server failed repeatedly and is left alone for a while", retry_may_help=True
            )
        try:
            body = self._get(url, what, deadline, left)
        except FhirReadFailed as failure:
            if breaker is not None:
                (breaker.failed if failure.retry_may_help else breaker.worked)(origin)
            raise
        if breaker is not None:
            breaker.worked(origin)
        return body

    def _get(self, url: str, what: str, deadline: float, left: float) -> bytes:
        headers = {"Accept": ACCEPT, "Cache-Control": "no-cache", "Accept-Encoding": "gzip"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        try:
            response = self._client.session.get(
                url,
                headers=headers,
                stream=True,
                allow_redirects=False,
                timeout=(min(self.limits.connect_seconds, left), left),
            )
            with response:
                _check_status(response, what)
                return self._body(response, what, deadline)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise _connection_failure(error, what) from None

    def _body(self, response: requests.Response, what: str, deadline: float) -> bytes:
        body = bytearray()
        most = self.limits.answer_bytes
        for block in _unpacked(response, what, most):
            body += block
            if len(body) > most:
                raise FhirReadFailed(f"{what}: the answer is larger than {most} bytes")
            if self.clock() > deadline:
                raise _NoRetryNow(f"{what}: the answer came too slowly", retry_may_help=True)
        if not body.strip():
            raise FhirReadFailed(f"{what}: the answer was empty")
        return bytes(body)


class _NoRetryNow(FhirReadFailed):
    """A repeat may help another call, not this one."""


def _check_status(response: requests.Response, what: str) -> None:
    status = response.status_code
    if status == 200:
        return
    if 300 <= status < 400:
        raise FhirReadFailed(f"{what}: HTTP {status}, redirects are not followed")
    meaning = _MEANINGS.get(status, "the server failed" if status >= 500 else "not answered with data")
    passing = status in (408, 429) or status >= 500 and status != 501
    if status in (429, 503):
        after = _seconds(response.headers.get("Retry-After"))
        kind = FhirReadFailed if after is not None else _NoRetryNow
        raise kind(f"{what}: HTTP {status}, {meaning}", retry_may_help=True, retry_after_seconds=after)
    kind = _NoRetryNow if passing else FhirReadFailed
    raise kind(f"{what}: HTTP {status}, {meaning}", retry_may_help=passing)


_MEANINGS = {
    400: "the server refuses the query",
    401: "the access token was not accepted",
    403: "the access token does not allow this",
    404: "not found",
    406: "the server does not give FHIR JSON",
    410: "gone",
    429: "too many requests",
    503: "not available now",
    504: "the server waited too long itself",
}


def _unpacked(response: requests.Response, what: str, most: int) -> Iterator[bytes]:
    """Give the body in blocks as they arrive; gzip is unpacked by at most *most* bytes ahead, so no bomb can burst."""
    packing = (response.headers.get("Content-Encoding") or "identity").strip().lower()
    if packing not in ("identity", "gzip", "x-gzip"):
        raise FhirReadFailed(f"{what}: the answer is packed in a way that was not asked for")
    unpack = zlib.decompressobj(wbits=31) if packing != "identity" else None
    while True:
        block = response.raw.read1(READ_BLOCK_BYTES, decode_content=False)
        if not block:
            break
        if unpack is None:
            yield block
            continue
        try:
            yield unpack.decompress(block, most + 1)
        except zlib.error:
            raise FhirReadFailed(f"{what}: the answer is not the gzip it claims to be") from None
    if unpack is not None and not unpack.eof:
        raise FhirReadFailed(f"{what}: the answer broke off", retry_may_help=True)


def _connection_failure(error: Exception, what: str) -> FhirReadFailed:
    after = getattr(error, "retry_after_seconds", None)
    if after is not None:
        reason = f"{what}: the server failed repeatedly and is left alone for a while"
        return _NoRetryNow(reason, retry_may_help=True, retry_after_seconds=after)
    if isinstance(error, requests.exceptions.SSLError | urllib3.exceptions.SSLError):
        return FhirReadFailed(f"{what}: no trusted TLS connection")
    if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError | TimeoutError):
        return _NoRetryNow(f"{what}: no answer in time", retry_may_help=True)
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidHeader):
        return FhirReadFailed(f"{what}: the request cannot be written")
    return FhirReadFailed(f"{what}: the connection broke", retry_may_help=True)


def _seconds(retry_after: str | None) -> float | None:
    """Read a Retry-After header: seconds, or an HTTP date; None where it is absent or senseless."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit() and len(text) < 7:
        return float(text)
    try:
        moment = email.utils.parsedate_to_datetime(text)
        return max(0.0, moment.timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}:{_port(parts)}"


def _port(parts: Any) -> int | None:
    return parts.port or {"http": 80, "https": 443}.get(parts.scheme)
