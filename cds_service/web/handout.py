"""The patient sheet as a page of its own: asked with a surgery type, a week and exercises, never with a patient."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, request
from werkzeug.datastructures import MultiDict

from cds_service.errors import Fault, InputFaults
from cds_service.handout.page import STYLE_FILE

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
PARAMETERS = ("surgery", "week", "exercises", "language")
STYLE_URL = "handout/handout.css"
"""Relative to the page, so that it also holds behind a proxy that serves us below a path."""
_MAX_DIGITS = 4

MakePage = Callable[[str, int, tuple[str, ...] | None, str, str], str]
"""From surgery type, week, exercise ids (None: the usual programme), language and style URL to HTML, or InputFaults."""


def handout_blueprint(make_page: MakePage) -> Blueprint:
    """Routes /handout and its style sheet, open to everybody: what they tell stands in the knowledge base."""
    blueprint = Blueprint("handout", __name__)

    @blueprint.get("/handout", strict_slashes=True)
    def sheet() -> Response:
        surgery, week, exercises, language = read_parameters(request.args)
        page = make_page(surgery, week, exercises, language, STYLE_URL)
        response = Response(page, content_type="text/html; charset=utf-8")
        response.headers["Cache-Control"] = "no-store"
        response.headers["Content-Language"] = language
        return response

    @blueprint.get("/handout/handout.css")
    def style() -> Response:
        response = Response(STYLE_FILE.read_bytes(), content_type="text/css; charset=utf-8")
        response.headers["Cache-Control"] = "max-age=3600"
        return response

    @blueprint.after_request
    def protect(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    return blueprint


def read_parameters(given: MultiDict[str, str]) -> tuple[str, int, tuple[str, ...] | None, str]:
    """Read the query; raises InputFaults that name every parameter that is wrong and never repeat what stood there."""
    faults = []
    if any(name not in PARAMETERS for name in given):
        faults.append(Fault("query", "there is a parameter that we do not know", f"only {', '.join(PARAMETERS)}"))
    faults += [
        Fault(name, "is given more than once", "each parameter once")
        for name in PARAMETERS
        if len(given.getlist(name)) > 1
    ]
    faults += [
        Fault(name, "is missing", "for example surgery=LUM_FUS&week=6")
        for name in ("surgery", "week")
        if not given.get(name)
    ]
    week = given.get("week", "")
    if week and not (week.isascii() and week.isdigit() and len(week) <= _MAX_DIGITS):
        faults.append(Fault("week", "is no whole number", "the completed week after the operation, in digits"))
    if faults:
        raise InputFaults(faults)
    exercises = given.get("exercises")
    asked = tuple(exercises.split(",")) if exercises is not None else None
    return given["surgery"], int(week), asked, given.get("language", "en")
