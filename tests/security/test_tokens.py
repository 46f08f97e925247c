"""Token forgery and misuse: every forged token is refused, and no refusal tells an attacker about keys or issuers."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from cds_service.errors import NotTrusted, StoreUnavailable
from cds_service.security.replay import MemoryReplayStore
from cds_service.security.tenants import Tenant, Tenants
from cds_service.security.tokens import Verifier, www_authenticate
from tests.security.builders import BASE, ISSUER, NOW, PATH, Client, a_tenant, b64, part

CLIENT = Client()
RSA = Client("RS384", "key-rsa")
STRANGER = Client(kid="key-1")


def a_verifier(*tenants: Tenant, now: float = NOW, **how: Any) -> Verifier:
    known = tenants or (a_tenant(CLIENT, RSA),)
    return Verifier(Tenants(known), production=how.pop("production", True), clock=lambda: now, **how)


def refusal(token: str, *tenants: Tenant, **how: Any) -> NotTrusted:
    with pytest.raises(NotTrusted) as caught:
        a_verifier(*tenants, **how).verify([f"Bearer {token}"], PATH)
    return caught.value


@pytest.mark.parametrize(
    "algorithm", ["ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "EdDSA"]
)
def test_an_honest_token_is_accepted(algorithm: str) -> None:
    client = Client(algorithm)

    caller = a_verifier(a_tenant(client)).verify([f"Bearer {client.token()}"], PATH)

    assert (caller.tenant.id, caller.issuer) == ("ehr", ISSUER)


def test_an_audience_list_with_our_url_is_accepted() -> None:
    token = CLIENT.token({"aud": ["https://other.example.org", BASE + PATH]})

    assert a_verifier().verify([f"bearer {token}"], PATH).tenant.id == "ehr"


def _hmac_token(secret: bytes, algorithm: str) -> str:
    signed = f"{part(CLIENT.header(alg=algorithm))}.{part(CLIENT.claims())}"
    digest = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}[algorithm]
    return f"{signed}.{b64(hmac.new(secret, signed.encode(), digest).digest())}"


def _unsigned(algorithm: str) -> str:
    return f"{part(CLIENT.header(alg=algorithm))}.{part(CLIENT.claims())}."


def _pem(client: Client) -> bytes:
    return client.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _swapped_signature() -> str:
    one, other = CLIENT.token(), CLIENT.token()
    return ".".join([*one.split(".")[:2], other.split(".")[2]])


def _changed_payload() -> str:
    head, _, signature = CLIENT.token().split(".")
    return f"{head}.{part(CLIENT.claims(iss=ISSUER))}.{signature}"


def _embedded(name: str) -> str:
    value: Any = {"jwk": STRANGER.jwk, "x5u": "https://evil.example/cert", "x5c": ["MIIB"], "x5t": "AAAA"}[name]
    return STRANGER.token(header={name: value})


def _repeated(name: str, where: str) -> str:
    content = CLIENT.header() if where == "header" else CLIENT.claims()
    text = json.dumps(content)[:-1] + f', "{name}": {json.dumps(content[name])}}}'
    return CLIENT.token(**{where: text.encode()})


FORGERIES = {
    "alg none": lambda: _unsigned("none"),
    "alg None in other letters": lambda: _unsigned("nOnE"),
    "alg empty": lambda: _unsigned(""),
    "no signature": lambda: CLIENT.token().rsplit(".", 1)[0] + ".",
    "no signature part": lambda: CLIENT.token().rsplit(".", 1)[0],
    "signature of zeros (psychic signature)": lambda: CLIENT.token().rsplit(".", 1)[0] + "." + b64(b"\0" * 96),
    "signature of another token": _swapped_signature,
    "payload changed after signing": _changed_payload,
    "signed by a stranger with our kid": lambda: STRANGER.token(),
    "HS256 with the public key as secret": lambda: _hmac_token(_pem(CLIENT), "HS256"),
    "HS384 with the JWK as secret": lambda: _hmac_token(json.dumps(CLIENT.jwk).encode(), "HS384"),
    "HS512 with an empty secret": lambda: _hmac_token(b"", "HS512"),
    "RSA key used for an EC algorithm": lambda: RSA.token(header={"alg": "ES384"}, sign_as="RS384"),
    "RSA key used with another RSA algorithm": lambda: RSA.token(header={"alg": "PS384"}, sign_as="PS384"),
    "EC signature with a header of another curve": lambda: CLIENT.token(header={"alg": "ES256"}),
    "embedded jwk": lambda: _embedded("jwk"),
    "embedded x5u": lambda: _embedded("x5u"),
    "embedded x5c": lambda: _embedded("x5c"),
    "unknown kid": lambda: CLIENT.token(header={"kid": "key-2"}),
    "kid that is a path": lambda: CLIENT.token(header={"kid": "../../../../dev/null"}),
    "kid that is SQL": lambda: CLIENT.token(header={"kid": "x' UNION SELECT 'secret"}),
    "kid missing": lambda: CLIENT.token(header={"kid": ...}),
    "kid that is a number": lambda: CLIENT.token(header={"kid": 1}),
    "typ missing": lambda: CLIENT.token(header={"typ": ...}),
    "typ of an access token": lambda: CLIENT.token(header={"typ": "at+jwt"}),
    "crit": lambda: CLIENT.token(header={"crit": ["exp"]}),
    "crit empty": lambda: CLIENT.token(header={"crit": []}),
    "b64 false": lambda: CLIENT.token(header={"b64": False}),
    "zip": lambda: CLIENT.token(header={"zip": "DEF"}),
    "alg twice": lambda: _repeated("alg", "header"),
    "iss twice": lambda: _repeated("iss", "claims"),
    "aud twice": lambda: _repeated("aud", "claims"),
    "foreign jku": lambda: STRANGER.token(header={"jku": "https://evil.example/jwks.json"}),
    "foreign jku with our host as user name": lambda: STRANGER.token(
        header={"jku": "https://ehr.example.org@evil.example/jwks.json"}
    ),
    "foreign jku though the key is ours": lambda: CLIENT.token(header={"jku": "https://evil.example/jwks.json"}),
    "unknown issuer": lambda: CLIENT.token({"iss": "https://evil.example"}),
    "issuer with a slash more": lambda: CLIENT.token({"iss": ISSUER + "/"}),
    "issuer in other letters": lambda: CLIENT.token({"iss": ISSUER.upper()}),
    "issuer missing": lambda: CLIENT.token({"iss": ...}),
    "issuer a list": lambda: CLIENT.token({"iss": [ISSUER]}),
    "audience of another service": lambda: CLIENT.token({"aud": BASE + "/cds-services/other"}),
    "audience only our base": lambda: CLIENT.token({"aud": BASE}),
    "audience of the feedback URL": lambda: CLIENT.token({"aud": BASE + PATH + "/feedback"}),
    "audience with plain http": lambda: CLIENT.token({"aud": (BASE + PATH).replace("https", "http")}),
    "audience with our URL as a part": lambda: CLIENT.token({"aud": BASE + PATH + ".evil.example"}),
    "audience missing": lambda: CLIENT.token({"aud": ...}),
    "audience empty list": lambda: CLIENT.token({"aud": []}),
    "audience list with a number": lambda: CLIENT.token({"aud": [BASE + PATH, 1]}),
    "expired": lambda: CLIENT.token({"iat": NOW - 400, "exp": NOW - 100}),
    "expiry missing": lambda: CLIENT.token({"exp": ...}),
    "expiry a string": lambda: CLIENT.token({"exp": str(NOW + 300)}),
    "expiry true": lambda: CLIENT.token({"exp": True}),
    "expiry infinite": lambda: CLIENT.token(json.dumps(CLIENT.claims(exp=float("inf"))).encode()),
    "expiry not a number": lambda: CLIENT.token(json.dumps(CLIENT.claims(exp=float("nan"))).encode()),
    "expiry beyond all time": lambda: CLIENT.token(
        json.dumps(CLIENT.claims()).replace(str(NOW + 300), "1e400").encode()
    ),
    "lifetime of a year": lambda: CLIENT.token({"exp": NOW + 31_536_000}),
    "lifetime below zero": lambda: CLIENT.token({"iat": NOW + 20, "exp": NOW + 10}),
    "issued in the future": lambda: CLIENT.token({"iat": NOW + 200, "exp": NOW + 300}),
    "issued at missing": lambda: CLIENT.token({"iat": ...}),
    "not valid yet": lambda: CLIENT.token({"nbf": NOW + 200}),
    "not before a string": lambda: CLIENT.token({"nbf": "soon"}),
    "jti missing": lambda: CLIENT.token({"jti": ...}),
    "jti empty": lambda: CLIENT.token({"jti": ""}),
    "jti a number": lambda: CLIENT.token({"jti": 7}),
    "payload a list": lambda: CLIENT.token(b"[]"),
    "payload no JSON": lambda: CLIENT.token(b"{"),
    "payload no UTF-8": lambda: CLIENT.token(b'{"iss": "\xff"}'),
    "payload a JSON bomb": lambda: CLIENT.token(b'{"a":' + b"[" * 2_000 + b"]" * 2_000 + b"}"),
    "header a JSON bomb": lambda: CLIENT.token(header=b"[" * 3_000 + b"]" * 3_000),
    "too long": lambda: CLIENT.token({"sub": "x" * 9_000}),
    "an encrypted token (five parts)": lambda: CLIENT.token() + ".a.b",
    "padding": lambda: CLIENT.token() + "=",
    "a line break inside": lambda: CLIENT.token().replace(".", ".\r\n", 1),
    "letters beyond ASCII": lambda: "é.é.é",
    "empty parts": lambda: "..",
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES.keys())
def test_a_forged_token_is_refused(forge: Any) -> None:
    token = forge()

    caught = refusal(token)

    assert token not in str(caught) and len(str(caught)) < 400


INDISTINGUISHABLE = (
    "unknown issuer",
    "unknown kid",
    "signed by a stranger with our kid",
    "foreign jku",
    "payload changed after signing",
    "RSA key used with another RSA algorithm",
)


def test_a_refusal_before_the_signature_says_nothing_of_issuers_and_keys() -> None:
    said = {refusal(FORGERIES[name]()).reason for name in INDISTINGUISHABLE}

    assert len(said) == 1


@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("expired", "expiry"),
        ("lifetime of a year", "lifetime"),
        ("audience of another service", "audience"),
        ("issued in the future", "issued at"),
        ("not valid yet", "not before"),
    ],
)
def test_a_refusal_after_the_signature_helps_the_honest(name: str, check: str) -> None:
    caught = refusal(FORGERIES[name]())

    assert caught.check == check
    assert "not accepted" not in caught.reason


def test_an_algorithm_that_the_tenant_does_not_use_is_refused() -> None:
    assert refusal(RSA.token(), a_tenant(CLIENT, RSA, algorithms=("ES384",))).check == "algorithm"


def test_a_key_with_a_published_private_half_is_refused_in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    thumbprint = a_tenant(CLIENT).key_set.keys[0].thumbprint
    monkeypatch.setattr("cds_service.security.tokens.PUBLISHED_PRIVATE_KEYS", frozenset({thumbprint}))

    assert refusal(CLIENT.token()).check == "key"
    assert a_verifier(production=False).verify([f"Bearer {CLIENT.token()}"], PATH)


def test_two_keys_with_one_kid_that_both_fit_are_refused() -> None:
    assert refusal(CLIENT.token(), a_tenant(CLIENT, STRANGER)).check == "key"


def test_a_kid_shared_by_keys_of_other_types_still_finds_its_key() -> None:
    other = Client("RS384", CLIENT.kid)

    assert a_verifier(a_tenant(CLIENT, other)).verify([f"Bearer {CLIENT.token()}"], PATH)


@pytest.mark.parametrize(
    "headers",
    [[], [""], ["Bearer"], ["Bearer "], ["Basic dXNlcjpwYXNz"], ["Token abc"], ["Bearer  "], ["a", "b"]],
    ids=["none", "empty", "no token", "a space", "basic", "another scheme", "spaces", "two headers"],
)
def test_a_call_without_a_bearer_token_is_refused(headers: list[str]) -> None:
    with pytest.raises(NotTrusted):
        a_verifier().verify(headers, PATH)


def test_two_authorization_headers_are_refused_though_both_are_good() -> None:
    with pytest.raises(NotTrusted):
        a_verifier().verify([f"Bearer {CLIENT.token()}", f"Bearer {CLIENT.token()}"], PATH)


def test_a_token_for_one_endpoint_opens_no_other() -> None:
    token = CLIENT.token({"aud": BASE + PATH + "/feedback"})

    assert a_verifier().verify([f"Bearer {token}"], PATH + "/feedback")
    with pytest.raises(NotTrusted):
        a_verifier().verify([f"Bearer {token}"], PATH)


def test_a_leeway_of_the_tenant_covers_small_clock_differences() -> None:
    late = CLIENT.token({"iat": NOW - 320, "exp": NOW - 20})

    assert a_verifier(a_tenant(CLIENT, clock_leeway_seconds=30)).verify([f"Bearer {late}"], PATH)
    assert refusal(late, a_tenant(CLIENT, clock_leeway_seconds=10)).check == "expiry"


def test_tenants_that_share_an_issuer_are_told_apart_by_the_tenant_claim() -> None:
    one = a_tenant(CLIENT, id="one", token_tenants=("a",))
    two = a_tenant(RSA, id="two", token_tenants=("b",))

    assert a_verifier(one, two).verify([f"Bearer {RSA.token({'tenant': 'b'})}"], PATH).tenant.id == "two"
    assert refusal(CLIENT.token({"tenant": "b"}), one, two).check == "key"
    assert refusal(CLIENT.token(), one, two).check == "issuer"


def test_one_tenants_key_signs_for_no_other_tenant() -> None:
    other = a_tenant(STRANGER, id="other", issuers=("https://other.example.org",))

    assert refusal(STRANGER.token(), a_tenant(CLIENT), other).check == "signature"


def test_a_token_is_used_once() -> None:
    verifier, token = a_verifier(), CLIENT.token()

    assert verifier.verify([f"Bearer {token}"], PATH)
    with pytest.raises(NotTrusted) as caught:
        verifier.verify([f"Bearer {token}"], PATH)

    assert caught.value.check == "replay"


def test_a_replay_in_another_process_is_refused_through_the_store() -> None:
    store, token = MemoryReplayStore(lambda: NOW), CLIENT.token()

    assert a_verifier(replay=store).verify([f"Bearer {token}"], PATH).replay_checked_everywhere
    with pytest.raises(NotTrusted):
        a_verifier(replay=store).verify([f"Bearer {token}"], PATH)


def test_the_same_jti_of_another_tenant_is_no_replay() -> None:
    other = a_tenant(RSA, id="other", issuers=("https://other.example.org",))
    verifier = a_verifier(a_tenant(CLIENT), other)

    assert verifier.verify([f"Bearer {CLIENT.token({'jti': 'same'})}"], PATH)
    assert verifier.verify([f"Bearer {RSA.token({'jti': 'same', 'iss': 'https://other.example.org'})}"], PATH)


def test_a_refused_token_does_not_use_up_its_jti() -> None:
    verifier = a_verifier()
    with pytest.raises(NotTrusted):
        verifier.verify([f"Bearer {STRANGER.token({'jti': 'mine'})}"], PATH)

    assert verifier.verify([f"Bearer {CLIENT.token({'jti': 'mine'})}"], PATH)


def test_per_body_lets_one_token_come_with_several_bodies_each_once() -> None:
    verifier, token = a_verifier(a_tenant(CLIENT, jti="per_body")), CLIENT.token()

    assert verifier.verify([f"Bearer {token}"], PATH, lambda: b"one")
    assert verifier.verify([f"Bearer {token}"], PATH, lambda: b"two")
    with pytest.raises(NotTrusted):
        verifier.verify([f"Bearer {token}"], PATH, lambda: b"one")


def test_off_lets_a_token_come_again() -> None:
    verifier, token = a_verifier(a_tenant(CLIENT, jti="off")), CLIENT.token()

    assert verifier.verify([f"Bearer {token}"], PATH) and verifier.verify([f"Bearer {token}"], PATH)


class _BrokenStore:
    def remember(self, tenant_id: str, jti_digest: str, expires_at: int) -> bool:
        raise StoreUnavailable("down")


def test_a_broken_store_is_said_and_this_process_still_refuses_a_replay() -> None:
    verifier, token = a_verifier(replay=_BrokenStore()), CLIENT.token()

    assert not verifier.verify([f"Bearer {token}"], PATH).replay_checked_everywhere
    with pytest.raises(NotTrusted):
        verifier.verify([f"Bearer {token}"], PATH)


def test_a_used_token_is_forgotten_only_after_it_expired() -> None:
    now = [float(NOW)]
    store = MemoryReplayStore(lambda: now[0])
    store.remember("ehr", "digest", NOW + 300)

    now[0] += 299
    assert not store.remember("ehr", "digest", NOW + 300)
    now[0] += 2
    assert store.remember("ehr", "digest", NOW + 600)


def test_a_full_memory_refuses_rather_than_forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cds_service.security.replay.REMEMBERED_MOST", 2)
    store = MemoryReplayStore(lambda: NOW)
    assert store.remember("ehr", "one", NOW + 9) and store.remember("ehr", "two", NOW + 9)

    with pytest.raises(StoreUnavailable):
        store.remember("ehr", "three", NOW + 9)


@pytest.mark.parametrize("name", list(FORGERIES), ids=list(FORGERIES))
def test_www_authenticate_is_one_clean_header_line(name: str) -> None:
    value = www_authenticate(refusal(FORGERIES[name]()))

    assert value.startswith('Bearer realm="spine-cds"') and value.isascii() and "\n" not in value and "\r" not in value


def test_explain_names_each_failed_check_and_what_to_configure() -> None:
    tenant = a_tenant(CLIENT)
    token = CLIENT.token(
        {"iss": "https://else.example", "aud": "https://old.example.org/cds-services/x", "exp": NOW + 4_000}
    )

    told = {check.name: check for check in a_verifier(tenant).explain(f"Bearer {token}", tenant)}

    assert {name for name, check in told.items() if check.passed is False} == {"issuer", "lifetime", "audience"}
    assert "issuers" in told["issuer"].todo and "base_urls" in told["audience"].todo
    assert told["signature"].passed


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES.keys())
def test_explain_tells_a_failed_check_for_every_forgery_and_repeats_no_token(forge: Any) -> None:
    tenant = a_tenant(CLIENT, RSA)
    token = forge()

    told = a_verifier(tenant).explain(token, tenant, PATH)

    assert any(check.passed is False for check in told)
    assert all(piece not in str(told) for piece in token.split(".") if len(piece) > 20)
