"""`spine-cds serve`: the service under gunicorn, and the lines that tell a newcomer what to try."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
from flask import Flask, Response, g, request
from gunicorn.app.base import BaseApplication
from gunicorn.http.errors import ParseException

from cds_service import metrics
from cds_service.app import create_app, tenants_of
from cds_service.cli.exits import tells_errors
from cds_service.cli.memory import settle_memory
from cds_service.cli.patient_worker import PatientWorker
from cds_service.cli.sample_orders import orders_checked_beside
from cds_service.hooks import PATIENT_VIEW
from cds_service.knowledge.load import load_knowledge
from cds_service.settings import Settings
from cds_service.web.problems import problem

SANDBOX = "https://sandbox.cds-hooks.org/"
_FIXTURE_CALLS = Path(__file__).resolve().parents[2] / "fhir_fixtures" / "calls"

_KEEP_ALIVE_SECONDS = 5
_REQUEST_LINE_BYTES = 4094
_HEADERS_MOST = 60
_HEADER_BYTES = 16_384
"""A token may have 8 kB; no header of an honest client comes near twice that."""


_HOOK_CALL = re.compile(r"/cds-services/[A-Za-z0-9._-]+")
"""What is answered on the main loop: it reads and thinks; feedback and all else may wait for the store."""


class Server(BaseApplication):
    """gunicorn with our application and our settings; nothing is read from its own command line or files."""

    def __init__(self, app: Flask, settings: Settings, on_ready: Callable[[], None]):
        self._app = app
        self._settings = settings
        self._on_ready = on_ready
        super().__init__()

    def load_config(self) -> None:
        settings = self._settings
        wanted = {
            "bind": f"[{settings.host}]:{settings.port}"
            if ":" in settings.host
            else f"{settings.host}:{settings.port}",
            "workers": settings.workers,
            "worker_class": PatientWorker,
            "threads": settings.threads,
            "preload_app": True,
            "max_requests": settings.worker_calls,
            "max_requests_jitter": settings.worker_calls // 10,
            "timeout": settings.worker_timeout_seconds,
            "graceful_timeout": settings.shutdown_seconds,
            "keepalive": _KEEP_ALIVE_SECONDS,
            "limit_request_line": _REQUEST_LINE_BYTES,
            "limit_request_fields": _HEADERS_MOST,
            "limit_request_field_size": _HEADER_BYTES,
            "accesslog": None,
            "loglevel": "warning",
            "pre_request": self._hang_up_on_giants,
            "worker_exit": self._close_store,
            "child_exit": _forget_numbers,
            "when_ready": lambda arbiter: self._on_ready(),
        }
        PatientWorker.body_bytes_most = settings.max_body_bytes
        # A token's use is remembered in the store and its key may have to be fetched, a span's end may wait for room:
        # then every request gets a thread.
        asks_nobody = settings.tenants is None and settings.otlp_endpoint is None
        PatientWorker.at_once = _HOOK_CALL if asks_nobody else None
        PatientWorker.in_steps = self._app.wsgi_app.in_steps
        for name, value in wanted.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        self._app.register_error_handler(ParseException, _broken_framing)
        settle_memory()
        return self._app

    def _hang_up_on_giants(self, worker: Any, request: Any) -> None:
        """A body over the limit is refused unread; its connection must not be used again, for the body still comes."""
        for name, value in request.headers:
            if name == "CONTENT-LENGTH" and value.isdigit() and int(value) > self._settings.max_body_bytes:
                request.force_close()

    def _close_store(self, arbiter: Any, worker: Any) -> None:
        self._app.extensions["spine-cds-store"].close()


def _broken_framing(error: ParseException) -> Response:
    """The parser sees a fault of a chunked body only while the body is read: the client's fault, not ours."""
    g.facts["error"] = type(error).__name__
    PatientWorker.not_again.add(request.environ["gunicorn.socket"])
    return problem(400, [("invalid", "the chunks of the body are not well-formed (RFC 9112, section 7.1)", None)])


def _forget_numbers(arbiter: Any, worker: Any) -> None:
    metrics.forget_process(worker.pid)


@click.command()
@tells_errors
def serve() -> None:
    """Serve on SPINE_CDS_HOST and SPINE_CDS_PORT (default http://127.0.0.1:8000)."""
    settings = Settings.from_env(os.environ)
    tenants = tenants_of(settings)
    knowledge = load_knowledge(settings.cards, settings.overlay, settings.use_draft)
    with orders_checked_beside(knowledge, {tenant.order_profile for tenant in tenants.all}):
        app = create_app(settings, knowledge=knowledge, tenants=tenants)
    # The parent's connections must not be carried over the fork.
    app.extensions["spine-cds-store"].close()
    Server(app, settings, lambda: click.echo(welcome(settings, "workbench" in app.blueprints))).run()


def welcome(settings: Settings, has_page: bool) -> str:
    """What to try next, ready to copy."""
    base = settings.base_url
    lines = []
    if settings.is_development:
        lines.append(
            "DEVELOPMENT MODE: anybody on this machine may call, no token is asked for. Not for patients' data."
        )
    lines.append(f"discovery   {base}/cds-services")
    call = find_example_call()
    if call is not None:
        lines.append(
            f"try it      curl -s {base}/cds-services/{PATIENT_VIEW.id} -H 'Content-Type: application/json' -d @{call}"
        )
    if has_page:
        lines.append(f"page        {base}/")
    if settings.is_development:
        lines.append(
            f"sandbox     {SANDBOX}?serviceDiscoveryURL={quote(base + '/cds-services', safe='')}&hook=patient-view"
        )
    return "\n".join(lines)


def find_example_call(folder: Path = _FIXTURE_CALLS) -> str | None:
    """The plain fixture call of patient-view, as a path from where we stand; None where there is none."""
    file = folder / f"{PATIENT_VIEW.hook}.json"
    return os.path.relpath(file) if file.is_file() else None


COMMANDS = (serve,)
