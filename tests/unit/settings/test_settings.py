"""Settings: every fault at once, no start with an unsafe mix, and a table that names them all."""

from __future__ import annotations

from dataclasses import fields

import pytest

from cds_service.errors import SettingsFaults
from cds_service.settings import Settings, as_markdown, variable


def faults_of(**environment: str) -> dict[str, str]:
    with pytest.raises(SettingsFaults) as caught:
        Settings.from_env({f"SPINE_CDS_{name}": value for name, value in environment.items()})
    return {fault.where.removeprefix("SPINE_CDS_"): str(fault) for fault in caught.value.faults}


def test_nothing_set_gives_a_development_service_on_loopback() -> None:
    settings = Settings.from_env({"PATH": "/bin", "SPINE_CDS_PORT": ""})

    assert (settings.mode, settings.host, settings.base_url) == ("development", "127.0.0.1", "http://127.0.0.1:8000")


def test_all_faults_are_told_at_once() -> None:
    found = faults_of(PORT="eighty", TIMEZONE="Middle/Earth", TENANTS="/no/such/file", PROT="80", MISSING_DATA="maybe")

    assert set(found) == {"PORT", "TIMEZONE", "TENANTS", "PROT", "MISSING_DATA"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "0"),
        ("PORT", "70000"),
        ("PORT", "-1"),
        ("PORT", "²"),
        ("USE_DRAFT", "perhaps"),
        ("CORS_ORIGINS", "*"),
        ("CORS_ORIGINS", "https://a.example/path"),
        ("CORS_ORIGINS", "https://*.example"),
        ("DATABASE_URL", "mysql://x/y"),
        ("PUBLIC_URL", "example.org"),
        ("PUBLIC_URL", "https://example.org/?a=b"),
        ("CARDS", "/no/such/folder"),
        ("CARD_SECRET", "short"),
        ("SHARED_SERVICE_ID", "a/b"),
        ("MAX_BODY_MEGABYTES", "0"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_a_value_that_cannot_be_used_is_a_fault_of_its_variable(name: str, value: str) -> None:
    assert set(faults_of(**{name: value})) == {name}


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.4", "::", "ehr.example.org"])
def test_development_mode_serves_loopback_only(host: str) -> None:
    assert "no token" in faults_of(HOST=host)["HOST"] or "loopback" in faults_of(HOST=host)["HOST"]


def test_production_insists_on_tenants_public_url_and_card_secret() -> None:
    assert set(faults_of(MODE="production")) == {"TENANTS", "PUBLIC_URL", "CARD_SECRET"}


def test_the_card_secret_never_shows() -> None:
    settings = Settings.from_env({"SPINE_CDS_CARD_SECRET": "s" * 40})

    assert "ssss" not in repr(settings)


def test_a_database_password_never_shows() -> None:
    settings = Settings.from_env({"SPINE_CDS_DATABASE_URL": "postgresql://u:hunter2@h/db"})

    assert "hunter2" not in repr(settings) and settings.database_url.startswith("postgresql+psycopg://")


def test_the_table_names_every_setting() -> None:
    table = as_markdown()

    assert all(f"| `{variable(one.name)}` |" in table for one in fields(Settings))


def test_production_behind_plain_http_is_said_at_the_start() -> None:
    plain = Settings(mode="production", public_url="http://cds.example.org")

    assert "SPINE_CDS_PUBLIC_URL is not https" in plain.warnings()[0]
    assert not Settings(mode="production", public_url="https://cds.example.org").warnings()
    assert not Settings().warnings()
