"""Key sets: what is refused in them, when they are fetched, and what still serves when they cannot be."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from cds_service.errors import NotTrusted, OutboundRefused
from cds_service.security import keys
from cds_service.security.keys import KeyCache, KeyFault, KeySet, KeySetUnavailable, fetch_key_set, read_key_set
from cds_service.security.outbound import OutboundGuard
from cds_service.security.tenants import Tenants
from cds_service.security.tokens import Verifier
from tests.security.builders import NOW, PATH, Client, a_server, a_tenant, slowly

JKU = "https://ehr.example.org/keys/jwks.json"
ONE, TWO = Client(kid="one"), Client(kid="two")


def a_guard() -> OutboundGuard:
    return OutboundGuard(("https://ehr.example.org/keys/",))


class _Fetch:
    """A key server that counts, and that can fail."""

    def __init__(self, *clients: Client):
        self.clients: tuple[Client, ...] | None = clients
        self.times = 0

    def __call__(self, guard: OutboundGuard, url: str) -> KeySet:
        self.times += 1
        if self.clients is None:
            raise KeySetUnavailable("down")
        return read_key_set({"keys": [client.jwk for client in self.clients]})


class _Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_a_key_set_is_fetched_once_for_many_tokens() -> None:
    fetch = _Fetch(ONE)
    cache = KeyCache(a_guard(), fetch, _Clock())

    assert all(cache.find(JKU, "one", "ES384") for _ in range(50))
    assert fetch.times == 1


def test_an_unknown_kid_fetches_anew_after_the_cool_down_only() -> None:
    fetch, clock = _Fetch(ONE), _Clock()
    cache = KeyCache(a_guard(), fetch, clock)
    cache.find(JKU, "one", "ES384")
    fetch.clients = (ONE, TWO)

    assert [cache.find(JKU, "two", "ES384") for _ in range(20)] == [None] * 20
    assert fetch.times == 1
    clock.now += keys.COOL_DOWN_SECONDS + 1
    assert cache.find(JKU, "two", "ES384")
    assert fetch.times == 2


def test_a_flood_of_unknown_kids_costs_one_fetch_in_a_minute() -> None:
    fetch = _Fetch(ONE)
    cache = KeyCache(a_guard(), fetch, _Clock())

    for index in range(500):
        assert cache.find(JKU, f"made-up-{index}", "ES384") is None

    assert fetch.times == 1


def test_a_removed_key_stops_serving_when_the_set_is_an_hour_old() -> None:
    fetch, clock = _Fetch(ONE), _Clock()
    cache = KeyCache(a_guard(), fetch, clock)
    assert cache.find(JKU, "one", "ES384")
    fetch.clients = (TWO,)

    clock.now += keys.FRESH_SECONDS + 1

    assert cache.find(JKU, "one", "ES384") is None


def test_the_last_good_set_serves_for_a_day_while_the_key_server_is_down() -> None:
    fetch, clock = _Fetch(ONE), _Clock()
    cache = KeyCache(a_guard(), fetch, clock)
    assert cache.find(JKU, "one", "ES384")
    fetch.clients = None

    clock.now += keys.FRESH_SECONDS + 1
    assert cache.find(JKU, "one", "ES384")
    clock.now += keys.LAST_GOOD_SECONDS
    with pytest.raises(KeySetUnavailable):
        cache.find(JKU, "one", "ES384")


def test_a_key_server_that_is_down_is_not_asked_for_every_token() -> None:
    fetch = _Fetch()
    fetch.clients = None
    cache = KeyCache(a_guard(), fetch, _Clock())

    for _ in range(20):
        with pytest.raises(KeySetUnavailable):
            cache.find(JKU, "one", "ES384")

    assert fetch.times == 1


def test_many_made_up_addresses_under_the_prefix_cost_few_fetches() -> None:
    fetch = _Fetch(ONE)
    cache = KeyCache(a_guard(), fetch, _Clock())
    cache.find(JKU, "one", "ES384")

    for index in range(100):
        with contextlib.suppress(KeySetUnavailable):
            cache.find(f"https://ehr.example.org/keys/{index}", "one", "ES384")

    assert fetch.times <= keys.SOURCES_MOST // 4
    assert cache.find(JKU, "one", "ES384")


def test_an_address_that_is_not_listed_is_never_fetched() -> None:
    fetch = _Fetch(ONE)
    with pytest.raises(OutboundRefused):
        KeyCache(a_guard(), fetch).find("https://evil.example/jwks.json", "one", "ES384")

    assert fetch.times == 0


def _private() -> dict[str, Any]:
    return {**ONE.jwk, "d": "AAAA"}


def _weak() -> dict[str, Any]:
    return Client("RS384", "weak", rsa.generate_private_key(65537, 1024)).jwk


DANGEROUS = {
    "a symmetric key": lambda: {"kty": "oct", "kid": "one", "k": "c2VjcmV0"},
    "a private key": _private,
    "a weak RSA key": _weak,
    "a point that is not on the curve": lambda: {**ONE.jwk, "x": ONE.jwk["y"]},
    "a key without numbers": lambda: {"kty": "EC", "kid": "one", "crv": "P-384", "alg": "ES384"},
}


@pytest.mark.parametrize("make", DANGEROUS.values(), ids=DANGEROUS.keys())
def test_a_dangerous_key_spoils_the_set(make: Any) -> None:
    with pytest.raises(KeyFault) as caught:
        read_key_set({"keys": [make(), TWO.jwk]})

    assert "AAAA" not in str(caught.value) and "c2VjcmV0" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        None,
        [],
        {},
        {"keys": []},
        {"keys": {}},
        {"keys": ["x"]},
        {"keys": [{"kty": "EC"}]},
        {"keys": [{**ONE.jwk, "use": "enc"}]},
    ],
    ids=["null", "list", "empty", "no keys", "keys an object", "keys of words", "no kid", "for encryption only"],
)
def test_what_is_no_usable_key_set_is_refused(content: Any) -> None:
    with pytest.raises(KeyFault):
        read_key_set(content)


def test_keys_for_other_purposes_are_passed_over() -> None:
    found = read_key_set({"keys": [{**TWO.jwk, "use": "enc"}, {"kty": "EC", "kid": "k", "crv": "secp256k1"}, ONE.jwk]})

    assert [key.kid for key in found.keys] == ["one"]


def test_too_many_keys_are_refused() -> None:
    with pytest.raises(KeyFault):
        read_key_set({"keys": [ONE.jwk] * (keys.JWKS_KEYS_MOST + 1)})


def _fetched(answer: Any) -> KeySet:
    with a_server({"/jwks.json": answer}) as (port, _):
        guard = OutboundGuard((f"http://127.0.0.1:{port}/",), https_only=False)
        return fetch_key_set(guard, f"http://127.0.0.1:{port}/jwks.json")


def test_a_key_set_is_read_over_http() -> None:
    assert _fetched((200, {"Content-Type": "application/json"}, json.dumps(ONE.jwks).encode())).has("one")


BAD_ANSWERS = {
    "not found": (404, {}, b"{}"),
    "a redirect": (302, {"Location": "http://127.0.0.1:1/"}, b""),
    "too large": (200, {}, b'{"keys": [' + b" " * (keys.JWKS_BYTES_MOST + 1) + b"]}"),
    "an HTML page": (200, {"Content-Type": "text/html"}, b"<html>sign in</html>"),
    "a JSON bomb": (200, {}, b"[" * 100_000),
    "keys twice": (200, {}, b'{"keys": [], "keys": ' + json.dumps([ONE.jwk]).encode() + b"}"),
    "an empty answer": (200, {}, b""),
    "no text": (200, {}, b"\xff\xfe\x00"),
    "dripping": slowly(b" " * 400, 0.02),
    "a zip bomb": (200, {"Content-Encoding": "gzip"}, __import__("gzip").compress(b" " * 50_000_000)),
}


@pytest.mark.parametrize("answer", BAD_ANSWERS.values(), ids=BAD_ANSWERS.keys())
def test_a_bad_answer_of_the_key_server_is_unavailable_and_nothing_else(
    answer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "JWKS_SECONDS", 0.5)
    with pytest.raises(KeySetUnavailable) as caught:
        _fetched(answer)

    assert "127.0.0.1" not in str(caught.value)


def test_a_token_is_verified_with_a_key_fetched_from_its_jku() -> None:
    with a_server({"/keys/jwks.json": (200, {}, json.dumps(ONE.jwks).encode())}) as (port, seen):
        jku = f"http://127.0.0.1:{port}/keys/jwks.json"
        tenant = a_tenant(jku=(f"http://127.0.0.1:{port}/keys/",))
        verifier = Verifier(Tenants((tenant,)), production=False, clock=lambda: NOW)

        assert verifier.verify([f"Bearer {ONE.token(header={'jku': jku})}"], PATH).tenant.id == "ehr"
        with pytest.raises(NotTrusted):
            verifier.verify([f"Bearer {ONE.token(header={'jku': jku + '2'})}"], PATH)

    assert all("authorization" not in headers for _, _, headers in seen)


def test_a_token_without_jku_uses_the_tenants_own_key_set_address() -> None:
    with a_server({"/keys/jwks.json": (200, {}, json.dumps(ONE.jwks).encode())}) as (port, _):
        base = f"http://127.0.0.1:{port}/keys/"
        tenant = a_tenant(jku=(base,), default_jku=base + "jwks.json")

        assert Verifier(Tenants((tenant,)), production=False, clock=lambda: NOW).verify([f"Bearer {ONE.token()}"], PATH)
