"""The tenants file: strict, all faults at once with their lines, and what production does not start with."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from cds_service.errors import SettingsFaults
from cds_service.security.tenants import ORDER_PROFILES, Tenants, load_tenants, profile_names
from cds_service.security.tokens import Verifier
from tests.security.builders import Client

SHARED = Path(os.environ.get("SPINE_CDS_SHARED", Path(__file__).parents[3] / "shared"))


def a_file(folder: Path, *tenants: dict[str, Any]) -> Path:
    file = folder / "tenants.yaml"
    file.write_text(yaml.safe_dump({"tenants": list(tenants)}, sort_keys=False))
    return file


def an_ehr(**changes: Any) -> dict[str, Any]:
    entry = {
        "id": "general",
        "issuers": ["https://ehr.example.org/fhir"],
        "jku": ["https://ehr.example.org/keys/"],
        "base_urls": ["https://cds.example.org"],
        "algorithms": ["RS384"],
        "fhir_servers": ["https://ehr.example.org/fhir/"],
        **changes,
    }
    return {name: value for name, value in entry.items() if value is not ...}


def faults(folder: Path, *tenants: dict[str, Any], production: bool = True) -> str:
    with pytest.raises(SettingsFaults) as caught:
        load_tenants(a_file(folder, *tenants), production)
    return str(caught.value)


def test_a_complete_tenant_is_read(tmp_path: Path) -> None:
    file = a_file(tmp_path, an_ehr(prefetch_only=False, calls_per_second=12.5, missing_data="card"))

    tenant = load_tenants(file, True).all[0]

    assert (tenant.id, tenant.algorithms, tenant.jti, tenant.must_sign) == ("general", ("RS384",), "strict", True)
    assert (tenant.prefetch_only, tenant.calls_per_second, tenant.missing_data) == (False, 12.5, "card")


def test_all_faults_come_at_once_each_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "tenants.yaml"
    file.write_text(
        "tenants:\n"
        "  - id: Ünknown\n"
        "    issuers: https://ehr.example.org\n"
        "    algorithms: [RS384, HS256, none]\n"
        "    jti: sometimes\n"
        "    surprise: yes\n"
        "  - id: two\n"
        "    profile: epik\n"
        "  - id: three\n"
        "    id: three\n"
        "    token_lifetime_seconds: 86400\n"
    )

    with pytest.raises(SettingsFaults) as caught:
        load_tenants(file, True)

    said = str(caught.value)
    for line in (2, 3, 4, 5, 6, 8, 10, 11):
        assert f"tenants.yaml:{line}:" in said, (line, said)


WRONG = {
    "no issuer": ({"issuers": ...}, "no issuer"),
    "no key source": ({"jku": ...}, "no source of keys"),
    "no algorithm": ({"algorithms": ...}, "no algorithm"),
    "symmetric algorithm": ({"algorithms": ["HS256"]}, "is none of"),
    "no audience": ({"base_urls": ...}, "no audience"),
    "plain http key source": ({"jku": ["http://ehr.example.org/keys/"]}, "not https"),
    "plain http FHIR server": ({"fhir_servers": ["http://ehr.example.org/fhir/"]}, "not https"),
    "FHIR server with a user name": ({"fhir_servers": ["https://u:p@ehr.example.org/"]}, "user name"),
    "FHIR server with a query": ({"fhir_servers": ["https://ehr.example.org/?a=b"]}, "no query"),
    "any port of a public host": ({"fhir_servers": ["https://ehr.example.org:*/"]}, "cannot be used"),
    "wildcard origin": ({"origins": ["*"]}, "no origin"),
    "null origin": ({"origins": ["null"]}, "no origin"),
    "origin with a path": ({"origins": ["https://ehr.example.org/app"]}, "no origin"),
    "plain http origin": ({"origins": ["http://ehr.example.org"]}, "no origin"),
    "all addresses as private network": ({"private_networks": ["0.0.0.0/0"]}, "no network"),
    "a network with host bits": ({"private_networks": ["10.0.0.1/16"]}, "no network"),
    "default key set elsewhere": ({"default_jku": "https://evil.example/jwks.json"}, "under no prefix"),
    "prefetch only and servers": ({"prefetch_only": True}, "beside prefetch_only"),
    "private key in the file": ({"jwks": {"keys": [{**Client().jwk, "d": "AAAA"}]}}, "private or symmetric"),
    "symmetric key in the file": (
        {"jwks": {"keys": [{"kty": "oct", "kid": "a", "k": "AAAA"}]}},
        "private or symmetric",
    ),
    "keys of another algorithm": ({"jwks": Client("ES256").jwks, "jku": ...}, "no key fits"),
    "leeway of an hour": ({"clock_leeway_seconds": 3600}, "300"),
    "the sandbox's issuer": ({"issuers": ["https://sandbox.cds-hooks.org"]}, "private key"),
    "unknown order profile": ({"order_profile": "home-made"}, ORDER_PROFILES[0]),
    "missing data zero": ({"missing_data": "200"}, "is none of"),
}


@pytest.mark.parametrize(("changes", "said"), WRONG.values(), ids=WRONG.keys())
def test_terms_that_cannot_hold_are_faults(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    assert said in faults(tmp_path, an_ehr(**changes))


def test_a_private_key_in_the_file_is_not_repeated_in_the_fault(tmp_path: Path) -> None:
    assert "AAAA" not in faults(tmp_path, an_ehr(jwks={"keys": [{**Client().jwk, "d": "AAAA"}]}))


def test_two_tenants_that_one_token_could_mean_are_faults(tmp_path: Path) -> None:
    assert "shares the issuer" in faults(tmp_path, an_ehr(), an_ehr(id="second"))
    assert "stands here twice" in faults(tmp_path, an_ehr(), an_ehr(issuers=["https://other.example.org"]))
    apart = a_file(tmp_path, an_ehr(token_tenants=["a"]), an_ehr(id="second", token_tenants=["b"]))
    assert len(load_tenants(apart, True).all) == 2


def test_production_does_not_start_with_the_reference_sandbox(tmp_path: Path) -> None:
    entry = {"id": "sandbox", "profile": "reference-sandbox", "base_urls": ["https://cds.example.org"]}

    assert "the private key of this installation is public" in faults(tmp_path, entry)
    assert load_tenants(a_file(tmp_path, entry), False).all[0].signs_with_a_published_key


def test_production_does_not_start_with_the_sandboxes_key_under_another_name(tmp_path: Path) -> None:
    jwks = load_sandbox_jwks(tmp_path)

    assert "the private key of this installation is public" in faults(
        tmp_path, an_ehr(algorithms=["ES384"], jwks={"keys": [{**jwks["keys"][0], "kid": "renamed"}]})
    )


def load_sandbox_jwks(folder: Path) -> dict[str, Any]:
    profile = Path(__file__).parents[2] / "cds_service" / "security" / "profiles" / "reference-sandbox.yaml"
    return yaml.safe_load(profile.read_text())["jwks"]


def test_production_needs_a_tenants_file() -> None:
    with pytest.raises(SettingsFaults):
        load_tenants(None, True)


def test_without_a_file_development_is_said_loudly_and_nobody_is_asked_for_a_token() -> None:
    tenants = load_tenants(None, False)

    assert tenants.development
    assert "DEVELOPMENT MODE" in tenants.warnings()[0]
    assert Verifier(tenants, production=False).verify([], "/cds-services").tenant.id == "development"


@pytest.mark.parametrize(
    "content", ["", "tenants: []", "tenants: {}", "- a", "tenants: [x]", "other: []", "{", "a: b: c"]
)
def test_a_file_that_is_none_is_a_fault_not_a_crash(tmp_path: Path, content: str) -> None:
    file = tmp_path / "tenants.yaml"
    file.write_text(content)

    with pytest.raises(SettingsFaults) as caught:
        load_tenants(file, True)

    assert "tenants.yaml:" in str(caught.value)


def test_a_file_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(SettingsFaults):
        load_tenants(tmp_path / "not-there.yaml", True)


@pytest.mark.parametrize("name", profile_names())
def test_every_ready_made_profile_can_be_used(tmp_path: Path, name: str) -> None:
    own = {
        "issuers": ["https://ehr.example.org"],
        "jku": ["https://ehr.example.org/keys/"],
        "algorithms": ["RS384", "ES384"],
    }
    entry = {
        "id": "t",
        "profile": name,
        "base_urls": ["https://cds.example.org"],
        **(own if name in ("epic", "development") else {}),
    }

    assert load_tenants(a_file(tmp_path, entry), False).all[0].issuers


def test_an_epic_token_fits_its_profile(tmp_path: Path) -> None:
    epic = Client("RS384", "epic-key")
    entry = an_ehr(profile="epic", algorithms=..., jku=..., jwks=epic.jwks)
    tenants = load_tenants(a_file(tmp_path, entry), True)
    now = 1_795_000_000
    claims = {"iss": "https://ehr.example.org/fhir", "sub": "client", "nbf": now - 300, "iat": now, "exp": now + 900}

    caller = Verifier(tenants, production=True, clock=lambda: now).verify(
        [f"Bearer {epic.token(claims)}"], "/cds-services/spine-rehab"
    )

    assert caller.tenant.token_lifetime_seconds == 900


RECORDED = sorted((SHARED / "clients" / "reference-sandbox").glob("*-view--post-service.json")) + sorted(
    (SHARED / "clients" / "reference-sandbox").glob("feedback-accepted--*.json")
)


@pytest.mark.skipif(not RECORDED, reason="the recorded calls of the reference sandbox are not beside this checkout")
def test_the_recorded_tokens_of_the_reference_sandbox_are_accepted(tmp_path: Path) -> None:
    entry = {"id": "sandbox", "profile": "reference-sandbox", "base_urls": ["http://127.0.0.1:9102"]}
    tenants: Tenants = load_tenants(a_file(tmp_path, entry), False)
    accepted = 0
    for file in RECORDED:
        call = json.loads(file.read_text())
        if "jwt" not in call:
            continue
        verifier = Verifier(tenants, production=False, clock=lambda at=call["jwt"]["payload"]["iat"]: at + 2.0)
        assert (
            verifier.verify([f"Bearer {call['jwt']['compact']}"], call["url"]).issuer == "https://sandbox.cds-hooks.org"
        )
        accepted += 1

    assert accepted >= 3
