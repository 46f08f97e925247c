"""Which browser pages may call us: an exact list of origins, on every answer, errors included (rule J7).

In development loopback origins are let in too, and a page on the public web may reach a service on this machine
(private network access), because the public sandbox is such a page.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from flask import Flask, Response, request

_METHODS = "GET, HEAD, POST, OPTIONS"
_HEADERS = "Authorization, Content-Type, Accept"
_EXPOSED = "X-Request-Id, Retry-After, Warning, WWW-Authenticate"
_PREFLIGHT_SECONDS = 600
VARY = ("Vary", "Origin")
"""On every answer: what a cache holds for one page is not for another."""
_LOOPBACK_ORIGIN = re.compile(r"https?://(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?")


class Origins:
    """The pages that may read our answers; *is_allowed* judges an exact origin."""

    def __init__(self, is_allowed: Callable[[str], bool]):
        self.is_allowed = is_allowed

    def headers(self, origin: str | None) -> tuple[tuple[str, str], ...]:
        """Give the headers by which a page of *origin* may read an answer; none where it may not."""
        if not origin or not self.is_allowed(origin):
            return ()
        return (("Access-Control-Allow-Origin", origin), ("Access-Control-Expose-Headers", _EXPOSED))


def register_cors(app: Flask, origins: Origins, development: bool) -> None:
    """Answer preflights and add the headers to every response that Flask makes."""

    @app.before_request
    def answer_preflight() -> Response | None:
        if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
            return None
        response = Response(status=204)
        if origins.is_allowed(request.headers.get("Origin", "")):
            response.headers["Access-Control-Allow-Methods"] = _METHODS
            response.headers["Access-Control-Allow-Headers"] = _HEADERS
            response.headers["Access-Control-Max-Age"] = str(_PREFLIGHT_SECONDS)
            if development and request.headers.get("Access-Control-Request-Private-Network") == "true":
                response.headers["Access-Control-Allow-Private-Network"] = "true"
        return response

    @app.after_request
    def add_headers(response: Response) -> Response:
        if "Vary" in response.headers:
            response.vary.add("Origin")
        else:
            response.headers.add(*VARY)
        for name, value in origins.headers(request.environ.get("HTTP_ORIGIN")):
            response.headers[name] = value
        return response


def is_loopback_origin(origin: str) -> bool:
    """True for http(s) pages of this machine, whatever their port."""
    return _LOOPBACK_ORIGIN.fullmatch(origin) is not None
