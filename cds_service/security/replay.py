"""Remember which tokens were used, so that none is used twice; the shared memory is a store given from outside."""

from __future__ import annotations

import hashlib
import heapq
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

from cds_service.errors import StoreUnavailable
from cds_service.security.tenants import Tenant

REMEMBERED_MOST = 200_000
PATIENCE_SECONDS = 0.25
"""Half of the 500 ms that an answer may take (rule C6); a healthy store needs a few milliseconds."""
ASKERS_MOST = 16


class ReplayStore(Protocol):
    """What all worker processes share."""

    def remember(self, tenant_id: str, jti_digest: str, expires_at: int) -> bool:
        """Keep *jti_digest* until *expires_at* (Unix seconds); False when it was kept already.

        Raises StoreUnavailable when nothing can be kept now. Must be atomic between processes (a unique key).
        """


class MemoryReplayStore:
    """A store for one process: development, and the stand-in while the shared store is down."""

    def __init__(self, clock: Callable[[], float] = time.time):
        self._clock = clock
        self._until: dict[tuple[str, str], int] = {}
        self._expiries: list[tuple[int, tuple[str, str]]] = []
        self._lock = threading.Lock()

    def remember(self, tenant_id: str, jti_digest: str, expires_at: int) -> bool:
        """Keep the digest; the first caller gets True. Beyond REMEMBERED_MOST, raises StoreUnavailable: never forgets early."""
        key = (tenant_id, jti_digest)
        with self._lock:
            now = self._clock()
            while self._expiries and self._expiries[0][0] <= now:
                self._until.pop(heapq.heappop(self._expiries)[1], None)
            if key in self._until:
                return False
            if len(self._until) >= REMEMBERED_MOST:
                raise StoreUnavailable("too many tokens are remembered", 5)
            self._until[key] = expires_at
            heapq.heappush(self._expiries, (expires_at, key))
            return True


def jti_digest(tenant: Tenant, issuer: str, jti: str, endpoint: str, body: bytes) -> str:
    """Give the digest under which a use of a token is remembered; the `jti` itself is not kept.

    With the policy `per_body` the same token may come with other bodies or to other endpoints, each once.
    """
    parts = [issuer, jti]
    if tenant.jti == "per_body":
        parts += [endpoint, hashlib.sha256(body).hexdigest()]
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


class ReplayGuard:
    """Asks the shared store, and always this process's own memory, whether a token was used before.

    While the shared store is down a token is checked within this process only: calls still get their answer, and a
    replay can pass at most once per worker and within the token's lifetime cap. `remember` tells when that was so.
    A store that does not answer within *patience_seconds* counts as down until it has answered that question: a database
    that hangs must not take the threads that answer calls. At most *askers_most* questions are open at once.
    """

    def __init__(
        self,
        shared: ReplayStore | None = None,
        clock: Callable[[], float] = time.time,
        patience_seconds: float = PATIENCE_SECONDS,
        askers_most: int = ASKERS_MOST,
    ):
        self._shared = shared
        self._own = MemoryReplayStore(clock)
        self._patience_seconds = patience_seconds
        self._askers_most = askers_most
        self._askers: ThreadPoolExecutor | None = None
        self._askers_of = 0
        self._unanswered: Future[bool] | None = None
        self._lock = threading.Lock()

    def remember(self, tenant_id: str, digest: str, expires_at: int) -> tuple[bool, bool]:
        """Give (first use, whether all processes were asked)."""
        if not self._own.remember(tenant_id, digest, expires_at):
            return False, True
        if self._shared is None:
            return True, True
        unanswered = self._unanswered
        if unanswered is not None and not unanswered.done():
            return True, False
        asked = self._pool().submit(self._shared.remember, tenant_id, digest, expires_at)
        try:
            return asked.result(self._patience_seconds), True
        except TimeoutError:
            self._unanswered = asked
            return True, False
        except StoreUnavailable:
            return True, False

    def _pool(self) -> ThreadPoolExecutor:
        """Give the threads that ask the shared store; each process has its own, for threads do not live over a fork."""
        with self._lock:
            if self._askers is None or self._askers_of != os.getpid():
                self._askers = ThreadPoolExecutor(self._askers_most, "replay")
                self._askers_of = os.getpid()
            return self._askers
