"""Error class -> status and OperationOutcome. The one place where our errors meet HTTP; no stack trace leaves here."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable
from typing import Any

import structlog
from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge

from cds_service.errors import (
    CallFaults,
    FhirReadFailed,
    InputFaults,
    NotTrusted,
    OutboundRefused,
    RequiredDataMissing,
    SpineCdsError,
    StoreUnavailable,
    UnknownService,
)
from cds_service.respond import WrongPatient
from cds_service.security.tokens import www_authenticate
from cds_service.web.visit import Visit, new_request_id
from cds_service.wire.response import issue_of, operation_outcome

_LOG = structlog.get_logger("spine_cds")

Issue = tuple[str, str, str | None]

STATUS: dict[type[SpineCdsError], int] = {
    CallFaults: 400,
    NotTrusted: 401,
    UnknownService: 404,
    RequiredDataMissing: 412,
    WrongPatient: 422,
    StoreUnavailable: 503,
    FhirReadFailed: 500,
    OutboundRefused: 500,
    InputFaults: 400,
    SpineCdsError: 500,
}
"""The nearest class of an error's ancestry decides."""

_HTTP_ISSUES: dict[int, Issue] = {
    400: ("invalid", "the request cannot be read", None),
    404: ("not-found", "there is nothing at this path", None),
    405: ("not-supported", "this method is not offered here; the Allow header names those that are", None),
    408: ("timeout", "the request did not arrive in time", None),
    411: ("required", "the length of the body is required", None),
    413: ("too-long", "the body is larger than this service accepts", None),
    414: ("too-long", "the URL is too long", None),
    415: ("not-supported", "the body must be application/json in UTF-8 without content encoding", None),
    429: ("throttled", "too many calls; the Retry-After header says when to come back", None),
    431: ("too-long", "the request headers are too large", None),
}


class QuietFlask(Flask):
    """Flask that never writes an exception's message: it may hold a patient's value."""

    app_ctx_globals_class = Visit

    def log_exception(self, exc_info) -> None:
        _tell_bug(exc_info[1])

    def ensure_sync(self, func):
        """No view or hook here is a coroutine; Flask would ask each of them at each request."""
        return func

    def answer_failed(
        self,
        visit: Visit,
        error: Exception,
        environ: dict[str, Any],
        start_response: Callable[..., Any],
        answered: bool = False,
    ) -> Iterable[bytes]:
        """Answer a request that failed outside of Flask's dispatch as if it had failed within; *answered*: after the view
        had given its answer."""
        here = self.app_context()
        here.g = visit
        with here, self.request_context(environ):
            try:
                if answered:
                    raise error
                response = self.finalize_request(self.handle_user_exception(error))
            except Exception as fatal:
                response = self.handle_exception(fatal)
            return response(environ, start_response)


def register_problems(app: Flask) -> None:
    """Answer every error of ours, of HTTP and of nobody's expectation with an OperationOutcome."""
    app.register_error_handler(SpineCdsError, _ours)
    app.register_error_handler(HTTPException, _of_http)
    app.register_error_handler(Exception, _bug)


def status_of(error: SpineCdsError) -> int:
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def problem(status: int, issues: Iterable[Issue]) -> Response:
    """An error answer: OperationOutcome with the request id, never cached (rule C7)."""
    response = Response(operation_outcome(g.request_id, issues), status, content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response


def refuse_unparsed(status: int, issue: Issue, error: Exception) -> tuple[str, bytes]:
    """Give request id and body for what the HTTP server refuses before there is a request, and log it: only its kind,
    for the error's message holds what was sent."""
    request_id = new_request_id()
    tell = _LOG.error if status == 500 else _LOG.info
    tell("request", request_id=request_id, route="none", status=status, error=type(error).__name__)
    return request_id, operation_outcome(request_id, [issue])


def _ours(error: SpineCdsError) -> Response:
    status = status_of(error)
    if status == 500:
        return _bug(error)
    response = problem(status, _issues(error))
    g.facts["error"] = type(error).__name__
    if isinstance(error, NotTrusted):
        response.headers["WWW-Authenticate"] = www_authenticate(error)
    if isinstance(error, StoreUnavailable):
        response.headers["Retry-After"] = str(error.retry_after_seconds)
    return response


def _issues(error: SpineCdsError) -> list[Issue]:
    if isinstance(error, InputFaults):
        return [issue_of(fault) for fault in error.faults]
    if isinstance(error, NotTrusted):
        return [("login", f"the call is not trusted: {error.reason}", None)]
    if isinstance(error, UnknownService):
        return [("not-found", "no CDS service has this id; GET /cds-services lists those that there are", None)]
    if isinstance(error, RequiredDataMissing):
        return [
            (
                "required",
                f"required data is missing: prefetch key {key} ({template}): {tried}; send it in the prefetch, or let it be "
                "read with fhirServer and fhirAuthorization",
                f"prefetch.{key}",
            )
            for key, template, tried in error.missing
        ]
    if isinstance(error, WrongPatient):
        return [("business-rule", str(error), f"prefetch.{error.key}")]
    return [("transient", "the store cannot take this now; nothing was stored, please send it again", None)]


def _of_http(error: HTTPException) -> Response:
    status = error.code or 500
    issue = _HTTP_ISSUES.get(status, ("processing", "the request cannot be answered", None))
    response = problem(status, [issue])
    g.facts["error"] = type(error).__name__
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        response.headers["Allow"] = ", ".join(sorted({*error.valid_methods, "OPTIONS"}))
    if isinstance(error, RequestEntityTooLarge):
        # The rest of the body is not read: the connection cannot be used again.
        response.headers["Connection"] = "close"
    retry_after = getattr(error, "retry_after", None)
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response


def _bug(error: Exception) -> Response:
    """A fault of ours: 500 with the request id."""
    _tell_bug(error)
    g.facts["error"] = type(error).__name__
    return problem(500, [("exception", "the service failed; the operator finds the cause under the request id", None)])


def _tell_bug(error: BaseException) -> None:
    """Log type and places of *error*; its message stays unsaid."""
    frames = traceback.extract_tb(error.__traceback__)
    _LOG.error(
        "bug",
        request_id=g.request_id,
        route=request.endpoint,
        error=type(error).__name__,
        frames=[f"{frame.filename.rsplit('/', 2)[-1]}:{frame.lineno} {frame.name}" for frame in frames[-12:]],
    )
