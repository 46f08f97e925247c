"""create_app: the one place where everything meets. Builds; answers nothing itself."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog
from flask import Flask

from cds_service import __version__, metrics
from cds_service.audit import AuditTrail
from cds_service.cards.phrases import override_reasons
from cds_service.handout.page import render_sheet
from cds_service.handout.sheet import make_sheet
from cds_service.hooks import ALL_HOOKS
from cds_service.intake.dates import plain_zone
from cds_service.intake.fhir_server import FhirClient
from cds_service.knowledge.canonical import CARD_TOPICS
from cds_service.knowledge.load import load_knowledge
from cds_service.knowledge.model import Knowledge
from cds_service.publish import publish
from cds_service.respond import Practice
from cds_service.security.limits import RateLimiter
from cds_service.security.outbound import OutboundGuard
from cds_service.security.tenants import Tenant, Tenants, load_tenants
from cds_service.security.tokens import Verifier
from cds_service.settings import DEVELOPMENT_ORIGINS, Settings
from cds_service.store.feedback import Store
from cds_service.tracing import Tracing, configure_tracing, require_tracing
from cds_service.web.cors import Origins, is_loopback_origin, register_cors
from cds_service.web.direct import DirectCalls
from cds_service.web.feedback import feedback_blueprint
from cds_service.web.guard import OPEN_ROUTES, Authenticator, Guard, register_guard
from cds_service.web.handout import handout_blueprint
from cds_service.web.knowledge import KNOWLEDGE_ROUTES, knowledge_blueprint
from cds_service.web.operations import operations_blueprint
from cds_service.web.problems import QuietFlask, register_problems
from cds_service.web.request_log import RequestLog, configure_logging, register_request_log
from cds_service.web.services import HookCalls, services_blueprint
from cds_service.web.workbench import workbench_blueprint

_LOG = structlog.get_logger("spine_cds")

_FIXTURES = Path(__file__).resolve().parents[1] / "fhir_fixtures"

PAGE_ROUTES = frozenset({"workbench.page", "workbench.static_file", "workbench.fixture"})
"""Static files that play an EHR; what they ask for goes over the guarded routes."""


def create_app(
    settings: Settings,
    *,
    clock: Callable[[], datetime] | None = None,
    knowledge: Knowledge | None = None,
    tenants: Tenants | None = None,
    authenticate: Authenticator | None = None,
) -> Flask:
    """Build the application from *settings*; raises KnowledgeFaults, SettingsFaults or StoreUnavailable.

    *knowledge* and *tenants* may be given by who has loaded them already; *clock* (the moment of a call, with time zone)
    and *authenticate* by tests.
    """
    configure_logging(settings.log_level)
    knowledge = knowledge or load_knowledge(settings.cards, settings.overlay, settings.use_draft)
    tenants = tenants or tenants_of(settings)
    for said in (*settings.warnings(), *tenants.warnings()):
        _LOG.warning("start", said=said)
    zone = plain_zone(settings.timezone)
    now = clock or (lambda: datetime.now(zone))
    store = Store(
        settings.database_url,
        offered_reasons=((one.system, one.code) for kind in CARD_TOPICS for one in override_reasons(kind)),
        on_dropped=metrics.count_unrecorded,
    )
    store.migrate()
    practice = _practice(settings, knowledge, tenants)

    app = QuietFlask("spine-cds", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.url_map.strict_slashes = False
    app.extensions["spine-cds-store"] = store
    log = RequestLog(AuditTrail(settings.audit_log), _tracing_per_process(settings), now)
    origins = Origins(_origin_check(settings, tenants))
    guard = Guard(
        authenticate or _authenticator(settings, tenants, store),
        RateLimiter(settings.workers),
        OPEN_ROUTES | PAGE_ROUTES | (KNOWLEDGE_ROUTES if settings.open_knowledge else frozenset()),
    )
    calls = HookCalls(practice, ALL_HOOKS, store, guard, now, settings.is_development, settings.shared_service_id)
    register_request_log(app, log)
    register_cors(app, origins, settings.is_development)
    register_guard(app, guard)
    register_problems(app)
    app.register_blueprint(services_blueprint(calls))
    app.register_blueprint(feedback_blueprint(ALL_HOOKS, store, now, settings.shared_service_id))
    app.register_blueprint(operations_blueprint(store, _versions(settings, knowledge)))
    app.register_blueprint(handout_blueprint(functools.partial(_sheet_page, knowledge)))
    app.register_blueprint(
        knowledge_blueprint(publish(knowledge, settings.base_url), __version__, now().date(), settings.open_knowledge)
    )
    if settings.shows_workbench:
        app.register_blueprint(workbench_blueprint(_FIXTURES))
    app.wsgi_app = DirectCalls(app, calls, guard, origins, log)
    return app


def _sheet_page(
    knowledge: Knowledge, surgery: str, week: int, exercises: tuple[str, ...] | None, language: str, style_url: str
) -> str:
    return render_sheet(make_sheet(knowledge, surgery, week, exercises, language), knowledge, style_url)


def _tracing_per_process(settings: Settings) -> Callable[[], Tracing]:
    """Give the tracing of the process that asks: an exporter's thread does not live through a fork."""
    if settings.otlp_endpoint is None:
        none = Tracing()
        return lambda: none
    require_tracing()

    @functools.cache
    def of(process: int) -> Tracing:
        return configure_tracing(settings.otlp_endpoint, __version__)

    return lambda: of(os.getpid())


def tenants_of(settings: Settings) -> Tenants:
    """The EHRs that may call; without a file one tenant, whose terms are those of the settings."""
    tenants = load_tenants(settings.tenants, production=not settings.is_development)
    if not tenants.development:
        return tenants
    own = {"missing_data": settings.missing_data, "prefetch_only": settings.prefetch_only}
    return replace(tenants, all=tuple(replace(one, **own) for one in tenants.all))


def _practice(settings: Settings, knowledge: Knowledge, tenants: Tenants) -> Practice:
    clients = {} if settings.prefetch_only else {one.id: _fhir_client(one, settings) for one in tenants.all}
    return Practice(
        knowledge=knowledge,
        base_url=settings.base_url,
        card_key=settings.card_key,
        gather_seconds=settings.gather_milliseconds / 1000,
        zone=plain_zone(settings.timezone),
        clients=clients,
        prefetch_only=settings.prefetch_only,
        missing_data=settings.missing_data,
        prefetch_dialect=settings.prefetch_dialect,
    )


def _fhir_client(tenant: Tenant, settings: Settings) -> FhirClient:
    guard = OutboundGuard(
        tenant.fhir_servers,
        private_networks=tenant.private_networks,
        https_only=not settings.is_development,
        ca_bundle=str(settings.ca_bundle) if settings.ca_bundle else None,
    )
    return FhirClient(guard)


def _authenticator(settings: Settings, tenants: Tenants, store: Store) -> Authenticator:
    verifier = Verifier(
        tenants,
        store,
        production=not settings.is_development,
        own_base_url=settings.base_url,
        ca_bundle=str(settings.ca_bundle) if settings.ca_bundle else None,
    )
    return lambda knock: verifier.verify(
        () if knock.authorization is None else (knock.authorization,), knock.path, knock.body
    )


def _origin_check(settings: Settings, tenants: Tenants) -> Callable[[str], bool]:
    allowed = frozenset(settings.cors_origins) | tenants.origins
    if not settings.is_development:
        return allowed.__contains__
    allowed |= frozenset(DEVELOPMENT_ORIGINS)
    return lambda origin: origin in allowed or is_loopback_origin(origin)


def _versions(settings: Settings, knowledge: Knowledge) -> dict[str, Any]:
    status: dict[str, int] = {}
    for protocol in knowledge.protocols.values():
        name = protocol.governance.status.value
        status[name] = status.get(name, 0) + 1
    return {
        "service": __version__,
        "commit": settings.commit,
        "knowledge": {
            "version": knowledge.version,
            "hash": knowledge.content_hash,
            "protocols": status,
            "rules": len(knowledge.rules),
        }
        | ({"overlay": knowledge.overlay} if knowledge.overlay else {}),
    }
