"""`spine-cds explain-token` for the one who sets up an installation."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cds_service.cli.main import main
from tests.security.builders import BASE, Client
from tests.security.running import SERVICE_PATH, tenants_file


def ask(folder: Path, client: Client, token: str, *more: str, tenant: str = "general") -> Result:
    environment = {
        "SPINE_CDS_MODE": "production",
        "SPINE_CDS_PUBLIC_URL": BASE,
        "SPINE_CDS_CARD_SECRET": "c" * 40,
        "SPINE_CDS_TENANTS": str(tenants_file(folder, client)),
    }
    return CliRunner().invoke(main, ["explain-token", "-", "--tenant", tenant, *more], input=token, env=environment)


def a_token(client: Client, **claims: object) -> str:
    now = int(time.time())
    return client.token({"aud": BASE + SERVICE_PATH, "iat": now, "exp": now + 300, **claims})


def test_a_good_token_passes_every_check(tmp_path: Path) -> None:
    client = Client()

    result = ask(tmp_path, client, a_token(client), "--path", SERVICE_PATH)

    assert result.exit_code == 0 and "FAIL" not in result.output


def test_a_failed_check_is_named_with_what_to_configure_and_the_token_is_not_repeated(tmp_path: Path) -> None:
    client = Client()
    token = a_token(client, aud="https://old.example.org/cds-services/x")

    result = ask(tmp_path, client, f"Bearer {token}\n")

    assert result.exit_code == 7
    assert "FAIL  audience" in result.output and "base_urls" in result.output
    assert not any(piece in result.output for piece in token.split("."))


def test_the_checks_come_as_json_too(tmp_path: Path) -> None:
    client = Client()

    checks = json.loads(ask(tmp_path, client, a_token(client, exp=int(time.time()) + 9_999), "--json").output)

    assert [check["name"] for check in checks if check["passed"] is False] == ["lifetime"]


def test_an_unknown_tenant_is_a_fault_that_names_the_known_ones(tmp_path: Path) -> None:
    client = Client()

    result = ask(tmp_path, client, a_token(client), tenant="nobody")

    assert result.exit_code == 5 and "general" in result.output


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "....", "Bearer "])
def test_what_is_no_token_is_explained_too(tmp_path: Path, token: str) -> None:
    result = ask(tmp_path, Client(), token)

    assert result.exit_code == 7 and "FAIL  form" in result.output


def test_without_a_tenants_file_it_says_that_none_can_be_checked() -> None:
    result = CliRunner().invoke(
        main, ["explain-token", "-", "--tenant", "development"], input="a.b.c", env={"SPINE_CDS_TENANTS": ""}
    )

    assert result.exit_code == 5 and "tenants file" in result.output
