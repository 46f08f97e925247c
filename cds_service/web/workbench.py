"""The workbench page: static files and the example patients. Plays the EHR over the public routes; has none of its own."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Response, send_from_directory

# Scripts, styles and images come from this service alone; only the *data* of a FHIR server the user names may come from
# elsewhere (connect-src), because the page plays an EHR that talks to one.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self' https: http://127.0.0.1:* http://localhost:*; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
PAGE = Path(__file__).parent / "workbench"


def workbench_blueprint(fixtures: Path) -> Blueprint:
    """Build the routes `/` and `/workbench/...`; *fixtures* is the folder of synthetic patients that the page offers."""
    blueprint = Blueprint("workbench", __name__)

    @blueprint.get("/")
    def page() -> Response:
        return send_from_directory(PAGE, "index.html")

    @blueprint.get("/workbench/static/<path:name>")
    def static_file(name: str) -> Response:
        return send_from_directory(PAGE, name)

    @blueprint.get("/workbench/fixtures/<path:name>")
    def fixture(name: str) -> Response:
        return send_from_directory(fixtures, name)

    @blueprint.after_request
    def protect(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    return blueprint
