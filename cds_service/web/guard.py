"""Who may come in: every route asks the authenticator before it runs, unless it stands in OPEN_ROUTES.

The authenticator is a callable from security/; this room knows no token.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flask import Flask, g, request
from werkzeug.exceptions import TooManyRequests

from cds_service import metrics
from cds_service.errors import NotTrusted

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


@dataclass(frozen=True, slots=True)
class Knock:
    """What the authenticator may look at. *path* is what was asked for after the public base URL.

    *authorization* holds every Authorization header (two are one too many). *body* reads the body when asked.
    """

    authorization: tuple[str, ...] = field(repr=False)
    method: str
    path: str
    body: Callable[[], bytes] = field(repr=False)


Authenticator = Callable[[Knock], Any]
"""Gives the caller (an object with `tenant`), or raises NotTrusted."""


def register_guard(
    app: Flask,
    authenticate: Authenticator,
    wait_seconds: Callable[[Any], float | None] = lambda tenant: None,
    open_routes: frozenset[str] = OPEN_ROUTES,
) -> None:
    """Ask *authenticate* before every route but the open ones; *wait_seconds* tells a tenant that calls too often
    when to come back (None: it may go on)."""

    @app.before_request
    def ask_the_guard() -> None:
        here, asked = g._get_current_object(), request._get_current_object()
        here.caller = None
        if asked.endpoint is None or asked.endpoint in open_routes or asked.method == "OPTIONS":
            return
        authorization = asked.environ.get("HTTP_AUTHORIZATION")
        try:
            here.caller = authenticate(
                Knock(
                    authorization=() if authorization is None else (authorization,),
                    method=asked.method,
                    path=asked.path,
                    body=asked.get_data,
                )
            )
        except NotTrusted as refusal:
            metrics.count_refused(refusal.check or "unnamed")
            raise
        here.facts["tenant"] = here.caller.tenant.id
        if not here.caller.replay_checked_everywhere:
            # The store is down: a replay is refused within this process only (see security/replay.py).
            here.facts["replay_checked"] = "this process only"
            metrics.count_replay_unchecked()
        wait = wait_seconds(here.caller.tenant)
        if wait is not None:
            raise TooManyRequests(retry_after=math.ceil(wait))
