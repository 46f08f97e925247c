"""Who may come in: every route asks the authenticator before it runs, unless it stands in OPEN_ROUTES.

The authenticator is a callable from security/; this room knows no token.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

from flask import Flask, g, request
from msgspec import Struct
from werkzeug.exceptions import TooManyRequests

from cds_service import metrics
from cds_service.errors import NotTrusted
from cds_service.web.visit import Visit

OPEN_ROUTES = frozenset(
    {
        "operations.alive",
        "operations.ready",
        "operations.version",
        "operations.metrics",
        "handout.sheet",
        "handout.style",
    }  # fmt: skip
)
"""Routes that tell nothing of patients and callers; the proxy decides who reaches them. Pages add theirs by name."""


class Knock(Struct):
    """What the authenticator may look at. *path* is what was asked for after the public base URL.

    *authorization* is the Authorization header, None without one (of two the server makes one, which is no token). *body*
    reads the body when asked.
    """

    authorization: str | None
    method: str
    path: str
    body: Callable[[], bytes]

    def __repr__(self) -> str:
        """Never the token nor the body."""
        return f"Knock({self.method} {self.path})"


Authenticator = Callable[[Knock], Any]
"""Gives the caller (an object with `tenant`), or raises NotTrusted."""


class Limiter(Protocol):
    """How often a tenant may call (security's RateLimiter)."""

    def wait_seconds(self, tenant: Any) -> float | None: ...
    def give_back(self, tenant: Any) -> None: ...


class Guard:
    """Asks *authenticate* before every route but the open ones, and *limiter* whether the tenant calls too often."""

    def __init__(self, authenticate: Authenticator, limiter: Limiter, open_routes: frozenset[str] = OPEN_ROUTES):
        self._authenticate = authenticate
        self._limiter = limiter
        self.open_routes = open_routes

    def let_in(self, visit: Visit, knock: Knock) -> None:
        """Note on *visit* who calls.  Raises NotTrusted, StoreUnavailable, and TooManyRequests for a tenant that calls too often."""
        try:
            caller = visit.caller = self._authenticate(knock)
        except NotTrusted as refusal:
            metrics.count_refused(refusal.check or "unnamed")
            raise
        tenant = caller.tenant
        visit.facts["tenant"] = tenant.id
        if not caller.replay_checked_everywhere:
            # The store is down: a replay is refused within this process only (see security/replay.py).
            visit.facts["replay_checked"] = "this process only"
            metrics.count_replay_unchecked()
        wait = self._limiter.wait_seconds(tenant)
        if wait is not None:
            raise TooManyRequests(retry_after=math.ceil(wait))

    def uncount(self, visit: Visit) -> None:
        """Take the call of *visit* from the tenant's count: it is going to be answered, and counted, once more."""
        self._limiter.give_back(visit.caller.tenant)


def register_guard(app: Flask, guard: Guard) -> None:
    """Let *guard* see every request that Flask dispatches."""

    @app.before_request
    def ask_the_guard() -> None:
        asked = request._get_current_object()
        if asked.endpoint is None or asked.endpoint in guard.open_routes or asked.method == "OPTIONS":
            return
        guard.let_in(
            g._get_current_object(),
            Knock(asked.environ.get("HTTP_AUTHORIZATION"), asked.method, asked.path, asked.get_data),
        )
