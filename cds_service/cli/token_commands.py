"""`spine-cds explain-token`: which check a token fails and what to configure. Never repeats the token."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict

import click

from cds_service.cli.exits import exit_code_of, tells_errors
from cds_service.errors import Fault, NotTrusted, SettingsFaults
from cds_service.security.tenants import load_tenants
from cds_service.security.tokens import Verifier
from cds_service.settings import Settings

_MARKS = {True: "ok  ", False: "FAIL", None: "-   "}


@click.command("explain-token")
@click.argument("token")
@click.option("--tenant", "tenant_id", required=True, help="id of the tenant in the tenants file (SPINE_CDS_TENANTS)")
@click.option("--path", help="endpoint that was called, for example /cds-services/ID/feedback; without it, any of ours")
@click.option("--json", "as_json", is_flag=True, help="the checks as JSON")
@tells_errors
def explain_token(token: str, tenant_id: str, path: str | None, as_json: bool) -> None:
    """Say which check TOKEN fails for a tenant, and what to configure.

    TOKEN is the value after `Bearer`; `-` reads it from standard input, which keeps it out of the shell's history.
    Nothing is remembered as used. Exit code 0 when every check passes, 7 when one fails.
    """
    settings = Settings.from_env(os.environ)
    tenants = load_tenants(settings.tenants, production=not settings.is_development)
    tenant = tenants.by_id(tenant_id)
    if tenant is None:
        known = ", ".join(one.id for one in tenants.all)
        raise SettingsFaults([Fault("--tenant", f"there is no tenant {tenant_id!r}", f"one of {known}")])
    if not tenant.must_sign:
        raise SettingsFaults(
            [
                Fault(
                    "SPINE_CDS_TENANTS",
                    "is not set, so no token is asked for and none can be checked",
                    "a tenants file",
                )
            ]
        )
    verifier = Verifier(tenants, production=not settings.is_development, own_base_url=settings.base_url)
    checks = verifier.explain(sys.stdin.read() if token == "-" else token, tenant, path)
    if as_json:
        click.echo(json.dumps([asdict(check) for check in checks], indent=2))
    else:
        for check in checks:
            click.echo(f"{_MARKS[check.passed]}  {check.name}: {check.said}")
            if check.todo:
                click.echo(f"      -> {check.todo}")
    if any(check.passed is False for check in checks):
        sys.exit(exit_code_of(NotTrusted("a check failed")))


COMMANDS = (explain_token,)
