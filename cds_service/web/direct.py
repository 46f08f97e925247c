"""Hook calls past Flask: what is certain of every well-sent call need not be found out anew each time.

A call is a POST to one known path with a JSON body that is here already. Flask would match its URL, open a session, push two
contexts and make a request and a response object of it, to run the same few functions: that costs as much as reading the
chart. Guard, origins, log and answer are the very objects that Flask's hooks use (guard.py, cors.py, request_log.py,
services.py). Everything that is sent another way, and every error, is Flask's: the answer is the same byte for byte
(tests/contract/test_direct.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from cds_service.steps import Steps, finish
from cds_service.web.bodies import plain_json_bytes
from cds_service.web.cors import VARY, Origins
from cds_service.web.guard import Guard, Knock
from cds_service.web.problems import QuietFlask
from cds_service.web.request_log import RequestLog
from cds_service.web.services import JSON, HookCalls
from cds_service.web.visit import Visit
from cds_service.web.waiting import ON_THE_LOOP

ROUTE = "services.call"
"""The name that Flask has for the same route."""

_PATH = re.compile(r"/cds-services/([A-Za-z0-9_-]+)")
_OK = 200
_OK_LINE = "200 OK"
_CONTENT_TYPE = ("Content-Type", JSON)

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class DirectCalls:
    """A WSGI application in front of *app*, to be put in the place of its `wsgi_app`."""

    def __init__(self, app: QuietFlask, calls: HookCalls, guard: Guard, origins: Origins, log: RequestLog):
        self._app = app
        self.by_flask: WsgiApp = app.wsgi_app
        self._calls = calls
        self._guard = guard
        self._origins = origins
        self._log = log

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        return finish(self.in_steps(environ, start_response))

    def in_steps(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Steps[Iterable[bytes]]:
        """As calling the application, in steps. Not for traced calls: of spans in one thread, the last begun ends first."""
        path = environ["PATH_INFO"]
        named = _PATH.fullmatch(path) if environ["REQUEST_METHOD"] == "POST" else None
        body = plain_json_bytes(environ, self._app.config["MAX_CONTENT_LENGTH"]) if named else None
        if named is None or not body:
            return self.by_flask(environ, start_response)
        visit = Visit()
        self._log.begin(visit)
        try:
            self._guard.let_in(visit, Knock(environ.get("HTTP_AUTHORIZATION"), "POST", path, lambda: body))
            content = yield from self._calls.answer(visit, named[1], lambda: body, ON_THE_LOOP in environ)
        except Exception as error:
            return self._app.answer_failed(visit, error, environ, start_response)
        try:
            headers = [_CONTENT_TYPE, ("Content-Length", str(len(content))), VARY]
            headers += self._origins.headers(environ.get("HTTP_ORIGIN"))
            headers += self._log.end(visit, "POST", ROUTE, _OK)
        except Exception as error:
            return self._app.answer_failed(visit, error, environ, start_response, answered=True)
        start_response(_OK_LINE, headers)
        return [content]
