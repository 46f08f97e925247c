"""Rules J1 to J7 over HTTP: who may call, and from which pages."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from flask import Flask

from cds_service.errors import SettingsFaults
from cds_service.web.guard import OPEN_ROUTES
from cds_service.web.knowledge import KNOWLEDGE_ROUTES
from tests.contract.conftest import BASE, PATIENT_VIEW, SHARED, Ehr, a_call

FEEDBACK = {"feedback": [{"card": "c", "outcome": "overridden", "outcomeTimestamp": "2026-05-20T12:00:00Z"}]}


def call(app: Flask, headers: dict[str, str] | None, path: str = PATIENT_VIEW):
    return app.test_client().post(path, json=a_call(), headers=headers or {})


@pytest.mark.rule("J1")
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("GET", "/cds-services", None), ("POST", PATIENT_VIEW, a_call()), ("POST", PATIENT_VIEW + "/feedback", FEEDBACK)],
)
def test_j1_every_call_needs_a_token_discovery_and_feedback_included(
    method, path, body, guarded: Flask, ehr: Ehr
) -> None:
    client = guarded.test_client()

    without = client.open(path, method=method, json=body)
    signed = client.open(path, method=method, json=body, headers=ehr.header(path))

    assert without.status_code == 401 and without.json["resourceType"] == "OperationOutcome"
    assert without.headers["WWW-Authenticate"].startswith("Bearer ")
    assert signed.status_code == 200, signed.text


@pytest.mark.rule("J1")
def test_j1_every_route_is_guarded_or_on_the_short_open_list(guarded: Flask) -> None:
    client = guarded.test_client()
    open_paths = {"/alive", "/ready", "/version", "/metrics", "/handout", "/handout/handout.css"}
    open_paths |= {"/fhir/metadata", "/fhir/<kind>", "/fhir/<kind>/<resource_id>"}
    for rule in guarded.url_map.iter_rules():
        path = rule.rule.replace("<service_id>", "spine-rehab-patient-view")
        status = client.open(path, method="GET" if "GET" in rule.methods else "POST").status_code
        assert (status == 401) == (path not in open_paths), path
    assert len(OPEN_ROUTES | KNOWLEDGE_ROUTES) == len(open_paths)


@pytest.mark.rule("J1")
@pytest.mark.parametrize("path", ["/fhir/metadata", "/fhir/PlanDefinition", "/fhir/PlanDefinition/lum-fus"])
def test_j1_knowledge_that_is_not_open_needs_a_token_too(path: str, make_service, tenants_file: Path, ehr: Ehr) -> None:
    closed = make_service(
        mode="production", public_url=BASE, card_secret="s" * 40, tenants=tenants_file, open_knowledge=False
    )

    without = closed.test_client().get(path, headers={"Origin": "https://elsewhere.example.org"})
    signed = closed.test_client().get(path, headers=ehr.header(path))

    assert without.status_code == 401 and without.json["resourceType"] == "OperationOutcome"
    assert "Access-Control-Allow-Origin" not in without.headers
    assert signed.status_code == 200


@pytest.mark.rule("J2")
@pytest.mark.parametrize("claim", ["iss", "aud", "exp", "iat", "jti"])
def test_j2_each_claim_is_required(claim: str, guarded: Flask, ehr: Ehr) -> None:
    assert call(guarded, ehr.header(PATIENT_VIEW, **{claim: ...})).status_code == 401


@pytest.mark.rule("J2")
@pytest.mark.parametrize("headers", [{"kid": ...}, {"typ": "at+jwt"}, {"kid": "unknown"}])
def test_j2_kid_and_typ_are_insisted_on(headers: dict, guarded: Flask, ehr: Ehr) -> None:
    assert call(guarded, ehr.header(PATIENT_VIEW, headers=headers)).status_code == 401


@pytest.mark.rule("J3")
@pytest.mark.parametrize("audience", [BASE + PATIENT_VIEW, [BASE + PATIENT_VIEW, "https://other.example.org"]])
def test_j3_the_audience_is_the_url_called(audience: object, guarded: Flask, ehr: Ehr) -> None:
    assert call(guarded, ehr.header(PATIENT_VIEW, aud=audience)).status_code == 200


@pytest.mark.rule("J3")
@pytest.mark.parametrize(
    "audience", [BASE, BASE + "/cds-services/other", "https://other.example.org" + PATIENT_VIEW, "", []]
)
def test_j3_another_audience_is_refused(audience: object, guarded: Flask, ehr: Ehr) -> None:
    assert call(guarded, ehr.header(PATIENT_VIEW, aud=audience)).status_code == 401


@pytest.mark.rule("J4")
@pytest.mark.parametrize(
    ("algorithm", "key"), [("none", None), ("HS256", "k" * 48), ("HS384", "k" * 48), ("HS512", "k" * 64)]
)
def test_j4_unsigned_and_symmetric_tokens_are_refused(
    algorithm: str, key: str | None, guarded: Flask, ehr: Ehr
) -> None:
    assert call(guarded, ehr.header(PATIENT_VIEW, alg=algorithm, key=key)).status_code == 401


@pytest.mark.rule("J4")
def test_j4_an_asymmetric_algorithm_outside_the_agreed_set_is_refused(guarded: Flask, ehr: Ehr) -> None:
    other = ec.generate_private_key(ec.SECP256R1())

    assert call(guarded, ehr.header(PATIENT_VIEW, alg="ES256", key=other)).status_code == 401


@pytest.mark.rule("J5")
def test_j5_unknown_issuers_and_foreign_keys_are_refused(guarded: Flask, ehr: Ehr) -> None:
    foreign = ec.generate_private_key(ec.SECP384R1())

    assert call(guarded, ehr.header(PATIENT_VIEW, iss="https://evil.example.org")).status_code == 401
    assert call(guarded, ehr.header(PATIENT_VIEW, key=foreign)).status_code == 401
    assert call(guarded, ehr.header(PATIENT_VIEW, headers={"jku": "https://evil.example.org/jwks"})).status_code == 401


@pytest.mark.rule("J6")
@pytest.mark.parametrize("moved", [{"exp": -3600}, {"iat": 3600, "exp": 3700}], ids=["expired", "issued in the future"])
def test_j6_tokens_out_of_their_time_are_refused(moved: dict, guarded: Flask, ehr: Ehr) -> None:
    now = int(time.time())

    assert call(guarded, ehr.header(PATIENT_VIEW, **{name: now + by for name, by in moved.items()})).status_code == 401


@pytest.mark.rule("J6")
def test_j6_a_token_is_taken_once(guarded: Flask, ehr: Ehr) -> None:
    headers = ehr.header(PATIENT_VIEW)

    assert [call(guarded, headers).status_code for _ in range(2)] == [200, 401]


@pytest.mark.rule("J6")
def test_j6_a_token_is_taken_once_by_all_processes_together(
    make_service, tenants_file: Path, ehr: Ehr, tmp_path: Path
) -> None:
    shared = {"database_url": f"sqlite:///{tmp_path / 'shared.sqlite3'}", "mode": "production", "tenants": tenants_file}
    one, other = (make_service(public_url=BASE, card_secret="s" * 40, **shared) for _ in range(2))
    headers = ehr.header(PATIENT_VIEW)

    assert [call(one, headers).status_code, call(other, headers).status_code] == [200, 401]


def test_two_authorization_headers_are_one_too_many(guarded: Flask, ehr: Ehr) -> None:
    headers = [("Authorization", ehr.header(PATIENT_VIEW)["Authorization"]), ("Authorization", "Bearer x")]

    assert guarded.test_client().post(PATIENT_VIEW, json=a_call(), headers=headers).status_code == 401


def test_a_refusal_repeats_nothing_of_the_token(guarded: Flask, ehr: Ehr) -> None:
    headers = ehr.header(PATIENT_VIEW, iss="https://canary.example.org", jti="canary-jti", alg="HS256", key="k" * 48)

    answer = call(guarded, headers)

    assert "canary" not in answer.text and headers["Authorization"][7:40] not in answer.text


def test_production_refuses_to_start_without_tenants(make_service) -> None:
    with pytest.raises(SettingsFaults):
        make_service(mode="production", public_url=BASE, card_secret="s" * 40)


# -- J7: CORS


ORIGIN = "https://ehr.example.org"
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}


@pytest.mark.rule("J7")
@pytest.mark.parametrize("path", ["/cds-services", PATIENT_VIEW, PATIENT_VIEW + "/feedback"])
def test_j7_a_preflight_needs_no_token_and_allows_authorization(path: str, guarded: Flask) -> None:
    answer = guarded.test_client().options(path, headers=PREFLIGHT | {"Origin": ORIGIN})

    assert answer.status_code == 204 and answer.data == b""
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    allowed = answer.headers["Access-Control-Allow-Headers"].lower()
    assert "authorization" in allowed and "content-type" in allowed
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]


@pytest.mark.rule("J7")
@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example.org",
        "null",
        "https://ehr.example.org.evil.org",
        "http://ehr.example.org",
        "https://EHR.example.org",
        "http://localhost:3000",
    ],
)
def test_j7_other_origins_get_no_leave_in_production(origin: str, guarded: Flask) -> None:
    client = guarded.test_client()

    preflight = client.options(PATIENT_VIEW, headers=PREFLIGHT | {"Origin": origin})
    plain = client.get("/cds-services", headers={"Origin": origin})

    for answer in (preflight, plain):
        assert not [name for name, _ in answer.headers if name.startswith("Access-Control-Allow")]


@pytest.mark.rule("J7")
def test_j7_errors_carry_the_cors_headers_too(guarded: Flask, ehr: Ehr) -> None:
    client = guarded.test_client()
    origin = {"Origin": ORIGIN}
    answers = [
        client.get("/cds-services", headers=origin),
        client.get("/nowhere", headers=origin),
        client.get(PATIENT_VIEW, headers=origin),
        client.post(PATIENT_VIEW, json={}, headers=origin | ehr.header(PATIENT_VIEW)),
    ]

    assert [answer.status_code for answer in answers] == [401, 404, 405, 400]
    for answer in answers:
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert "Origin" in answer.headers["Vary"] and "X-Request-Id" in answer.headers["Access-Control-Expose-Headers"]


@pytest.mark.rule("J7")
def test_j7_in_development_a_public_page_may_reach_this_machine(service: Flask, guarded: Flask) -> None:
    asks = PREFLIGHT | {"Access-Control-Request-Private-Network": "true"}

    sandbox = service.test_client().options(PATIENT_VIEW, headers=asks | {"Origin": "https://sandbox.cds-hooks.org"})
    local = service.test_client().options(PATIENT_VIEW, headers=asks | {"Origin": "http://localhost:5555"})
    production = guarded.test_client().options(PATIENT_VIEW, headers=asks | {"Origin": ORIGIN})

    assert sandbox.headers["Access-Control-Allow-Private-Network"] == "true"
    assert local.headers["Access-Control-Allow-Origin"] == "http://localhost:5555"
    assert "Access-Control-Allow-Private-Network" not in production.headers


def test_a_tenant_that_calls_too_often_is_429_with_retry_after(
    make_service, tenants_file: Path, ehr: Ehr, tmp_path: Path
) -> None:
    content = json.loads(tenants_file.read_text())
    content["tenants"][0] |= {"calls_per_second": "0.5", "burst": "2"}
    file = tmp_path / "tenants.yaml"
    file.write_text(json.dumps(content))
    app = make_service(mode="production", public_url=BASE, card_secret="s" * 40, tenants=file, workers=1)

    answers = [call(app, ehr.header(PATIENT_VIEW)) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert int(answers[-1].headers["Retry-After"]) >= 1 and answers[-1].json["resourceType"] == "OperationOutcome"


# -- the reference client, as recorded


def _recordings(kind: str) -> list[Path]:
    return sorted((SHARED / "clients" / "reference-sandbox").glob(f"*--{kind}*.json"))


@pytest.mark.skipif(not _recordings("post-service"), reason="the recorded calls are not on this machine")
class TestReferenceSandbox:
    """Every recorded request of the reference client, sent again to the service as it runs in development."""

    HOOKS = {
        "patient-view": PATIENT_VIEW,
        "order-select": "/cds-services/spine-rehab-order-select",
        "order-sign": "/cds-services/spine-rehab-order-sign",
    }

    @pytest.mark.parametrize("path", _recordings("post-service"), ids=lambda path: path.stem)
    def test_its_calls_are_answered(self, path: Path, service: Flask) -> None:
        body = json.loads(path.read_text())["body_text"]
        answer = service.test_client().post(
            self.HOOKS[json.loads(body)["hook"]],
            data=body,
            content_type="application/json",
            headers={"Origin": "http://127.0.0.1:9101"},
        )

        # It prefetched for other services: without procedures, and with its FHIR server gone, 412 names the key.
        assert answer.status_code in (200, 412), answer.text
        assert answer.headers["Access-Control-Allow-Origin"] == "http://127.0.0.1:9101"
        if answer.status_code == 412:
            assert answer.json["issue"][0]["expression"] == ["prefetch.procedures"]

    @pytest.mark.parametrize("path", _recordings("post-feedback"), ids=lambda path: path.stem)
    def test_its_feedback_is_stored(self, path: Path, service: Flask) -> None:
        body = json.loads(path.read_text())["body_text"]

        answer = service.test_client().post(PATIENT_VIEW + "/feedback", data=body, content_type="application/json")

        assert answer.status_code == 200 and "Warning" not in answer.headers

    @pytest.mark.parametrize("path", _recordings("options"), ids=lambda path: path.stem)
    def test_its_preflights_are_allowed(self, path: Path, service: Flask) -> None:
        headers = dict(json.loads(path.read_text())["headers"])
        kept = {name: headers[name] for name in headers if name.startswith(("Access-Control", "Origin"))}

        answer = service.test_client().options(PATIENT_VIEW, headers=kept)

        assert answer.status_code == 204 and answer.headers["Access-Control-Allow-Origin"] == headers["Origin"]
