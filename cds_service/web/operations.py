"""For those who run the service: is it alive, can it work, what runs here, how does it fare. Nothing of patients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response

from cds_service import metrics
from cds_service.errors import StoreUnavailable
from cds_service.store.feedback import Store
from cds_service.wire.response import encode

JSON = "application/json"


def operations_blueprint(store: Store, versions: Mapping[str, Any]) -> Blueprint:
    """Routes /alive, /ready, /version and /metrics; *versions* is told as it stands."""
    blueprint = Blueprint("operations", __name__)

    @blueprint.get("/alive")
    def alive() -> Response:
        return _told({"status": "alive"})

    @blueprint.get("/ready")
    def ready() -> Response:
        # Cards can be given without the store, feedback cannot be kept: red, so that somebody looks.
        try:
            store.ping()
        except StoreUnavailable as error:
            return _told({"status": "not ready", "knowledge": "ready", "store": error.reason}, 503)
        return _told({"status": "ready", "knowledge": "ready", "store": "ready"})

    @blueprint.get("/version")
    def version() -> Response:
        return _told(versions)

    @blueprint.get("/metrics", endpoint="metrics")
    def numbers() -> Response:
        body, content_type = metrics.rendered()
        return Response(body, content_type=content_type)

    return blueprint


def _told(content: Mapping[str, Any], status: int = 200) -> Response:
    response = Response(encode(content), status, content_type=JSON)
    response.headers["Cache-Control"] = "no-store"
    return response
