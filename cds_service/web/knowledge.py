"""The knowledge as FHIR over HTTP: `/fhir/metadata`, search and read. Read only; no patient, no token, no state."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import Any

from flask import Blueprint, Response, request

from cds_service.publish import Published
from cds_service.publish.published import TYPES
from cds_service.publish.search import capability_statement, search
from cds_service.web.problems import Issue, problem
from cds_service.wire.response import encode

FHIR_JSON = "application/fhir+json"
KNOWLEDGE_ROUTES = frozenset({"knowledge.capabilities", "knowledge.find", "knowledge.read"})
_PREFIX = "/fhir"
_ACCEPTED = (FHIR_JSON, "application/json")
_FORMATS = frozenset({"json", "text/json", *_ACCEPTED})
_SECONDS_FRESH = 300
_UNKNOWN_TYPE: Issue = ("not-supported", f"this type is not offered here; known: {', '.join(TYPES)}", None)
_UNKNOWN_ID: Issue = ("not-found", "no resource of this type has this id", None)
_NOT_JSON: Issue = ("not-supported", "only JSON is offered here: application/fhir+json", None)


def knowledge_blueprint(published: Published, service_version: str, on: date, is_open: bool) -> Blueprint:
    """Routes below `/fhir`; *on* is the day of the start. *is_open*: pages of any origin may read them too."""
    blueprint = Blueprint("knowledge", __name__)

    @lru_cache(maxsize=512)
    def body_of(key: str) -> tuple[bytes, str]:
        return _encoded(published.resources[key])

    @blueprint.before_request
    def insist_on_json() -> Response | None:
        asked = request.args.get("_format", "").replace(" ", "+").partition(";")[0].lower()
        if asked:
            return None if asked in _FORMATS else problem(406, [_NOT_JSON])
        accepted = request.accept_mimetypes
        if accepted and not accepted.best_match(_ACCEPTED):
            return problem(406, [_NOT_JSON])
        return None

    @blueprint.get("/fhir/metadata")
    def capabilities() -> Response:
        return _answer(*_encoded(capability_statement(published, service_version, on)))

    @blueprint.get("/fhir/<kind>")
    def find(kind: str) -> Response:
        if kind not in TYPES:
            return problem(404, [_UNKNOWN_TYPE])
        return _answer(*_encoded(search(published, kind, request.args.items(multi=True))))

    @blueprint.get("/fhir/<kind>/<resource_id>")
    def read(kind: str, resource_id: str) -> Response:
        if kind not in TYPES:
            return problem(404, [_UNKNOWN_TYPE])
        key = f"{kind}/{resource_id}"
        if key not in published.resources:
            return problem(404, [_UNKNOWN_ID])
        return _answer(*body_of(key))

    @blueprint.after_app_request
    def speak_fhir(response: Response) -> Response:
        if request.path == _PREFIX or request.path.startswith(_PREFIX + "/"):
            if response.mimetype == "application/json":
                response.content_type = FHIR_JSON
            if is_open:
                _let_every_page_read(response)
        return response

    return blueprint


def _encoded(resource: Mapping[str, Any]) -> tuple[bytes, str]:
    body = encode(resource)
    return body, hashlib.sha256(body).hexdigest()[:32]


def _answer(body: bytes, tag: str) -> Response:
    """Give 200 with the body, or 304 where the client holds it already (If-None-Match)."""
    response = Response(body, content_type=FHIR_JSON)
    response.set_etag(tag, weak=True)
    response.cache_control.max_age = _SECONDS_FRESH
    response.vary.add("Accept")
    return response.make_conditional(request)


def _let_every_page_read(response: Response) -> None:
    """Knowledge is for everybody and these routes look at no cookie and no token; a listed origin is named already."""
    if "Access-Control-Allow-Origin" not in response.headers:
        response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Access-Control-Expose-Headers"] = "ETag, X-Request-Id"
    if request.method == "OPTIONS":
        response.headers["Access-Control-Allow-Methods"] = "GET, HEAD, OPTIONS"
        response.headers["Access-Control-Allow-Headers"] = "Accept, Authorization, Content-Type, If-None-Match"
