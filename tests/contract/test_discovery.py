"""Rules D1 to D5: how we present ourselves."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient

from cds_service.hooks import ALL_HOOKS
from tests.contract.conftest import a_call

HOOKS = {
    "patient-view": "1.0",
    "encounter-start": "1.0",
    "order-select": "1.0",
    "order-sign": "1.0",
    "encounter-discharge": "1.0",
    "appointment-book": "1.0",
}
TOKEN = re.compile(r"\{\{(.*?)\}\}")
TOKEN_2_0 = re.compile(
    r"context\.(patientId|userId|encounterId)|user(Practitioner|PractitionerRole|Patient|RelatedPerson)Id"
)
SEARCH = {
    "Patient": set(),
    "Procedure": {"patient", "_count"},
    "Observation": {"patient", "category", "code", "date", "_sort", "_count"},
    "Condition": {"patient", "_count"},
    "MedicationRequest": {"patient", "status", "_count"},
    "ServiceRequest": {"patient", "status", "_count"},
    "CarePlan": {"patient", "status", "_count"},
    "Goal": {"patient", "_count"},
    "Appointment": {"patient", "date", "_count"},
}


@pytest.fixture
def services(client: FlaskClient) -> list[dict]:
    return client.get("/cds-services").json["services"]


@pytest.mark.rule("D1")
def test_d1_discovery_is_always_at_the_same_path(client: FlaskClient) -> None:
    answer = client.get("/cds-services")

    assert answer.status_code == 200 and list(answer.json) == ["services"]


@pytest.mark.rule("D2")
def test_d2_every_service_says_all_that_an_integrator_needs(services: list[dict]) -> None:
    assert {one["hook"]: one["hookVersion"] for one in services} == HOOKS
    for one in services:
        assert one["version"] == "3.0.0"
        assert all(one[name] for name in ("id", "title", "description", "prefetch", "usageRequirements"))


@pytest.mark.rule("D2")
def test_d2_usage_requirements_name_what_is_required_and_what_is_only_useful(services: list[dict]) -> None:
    for one in services:
        assert all(key in one["usageRequirements"] for key in one["prefetch"])
        assert "412" in one["usageRequirements"]


@pytest.mark.rule("D3")
def test_d3_ids_are_distinct_unless_one_shared_id_is_set(services: list[dict], make_service) -> None:
    shared = make_service(shared_service_id="spine-rehab").test_client()

    told = shared.get("/cds-services").json["services"]

    assert len({one["id"] for one in services}) == len(services) == len(ALL_HOOKS)
    assert {one["id"] for one in told} == {"spine-rehab"} and {one["hook"] for one in told} == set(HOOKS)
    for hook in HOOKS:
        assert shared.post("/cds-services/spine-rehab", json=a_call(hook)).status_code == 200


@pytest.mark.rule("D4")
def test_d4_templates_use_the_tokens_of_2_0_alone(services: list[dict]) -> None:
    for one in services:
        for template in one["prefetch"].values():
            assert all(TOKEN_2_0.fullmatch(token) for token in TOKEN.findall(template)), template


@pytest.mark.rule("D4")
def test_d4_the_date_dialect_of_3_0_is_a_setting(make_service) -> None:
    app: Flask = make_service(prefetch_dialect="3.0")

    told = app.test_client().get("/cds-services").json["services"]

    assert "{{today()" in told[0]["prefetch"]["observations"]


@pytest.mark.rule("D5")
def test_d5_queries_stay_inside_the_widely_supported_subset(services: list[dict]) -> None:
    for one in services:
        for template in one["prefetch"].values():
            parts = urlsplit(template)
            kind = parts.path.partition("/")[0]
            names = [name for name, _ in parse_qsl(parts.query, keep_blank_values=True)]
            assert set(names) <= SEARCH[kind], template
            assert len(names) == len(set(names)), (
                f"a parameter stands twice (the reference client merges them): {template}"
            )
            assert ":" not in parts.query.replace("://", ""), f"a modifier: {template}"
            assert len(template) < 500


@pytest.mark.rule("D5")
def test_d5_the_prefetch_covers_what_the_rules_need(services: list[dict], knowledge) -> None:
    keys = set(services[0]["prefetch"])

    assert {"patient", "procedures"} <= keys
    assert {need for need in knowledge.needs if need != "orders"} <= keys
