"""Who is calling: verify the JSON Web Token that CDS Hooks clients send, or say which check it fails.

The order is fixed: form, header, algorithm, issuer, key, signature, then what the claims say, then replay. Until the
signature holds a refusal says the same words whatever is wrong, so an attacker learns nothing about keys and issuers;
after it, the reason is exact. `explain_token` runs the same checks for the operator and tells everything.

Source: CDS Hooks 2.0.1 "Trusting CDS Clients"; RFC 7515, RFC 7519, RFC 8725 (best current practices).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import jwt

from cds_service.errors import NotTrusted, OutboundRefused, StoreUnavailable
from cds_service.security.keys import (
    ALGORITHMS,
    KeyCache,
    KeySetUnavailable,
    PublicKey,
    refuse_repeated_members,
)
from cds_service.security.outbound import OutboundGuard, Resolve, resolve_by_system
from cds_service.security.replay import ReplayGuard, ReplayStore, jti_digest
from cds_service.security.tenants import PUBLISHED_PRIVATE_KEYS, Tenant, Tenants

TOKEN_CHARACTERS_MOST = 8_192
CLAIM_CHARACTERS_MOST = 2_000
LATEST_TIME = 253_402_300_799  # 9999-12-31T23:59:59Z in Unix seconds

_PART = re.compile(r"[A-Za-z0-9_-]+\Z")
_AUDIENCE_TODO = "set `base_urls` to this service's URL as the installation sees it, or list the value in `audiences`"
_BEFORE_SIGNATURE = (
    "the token is not accepted: its issuer, algorithm, key or signature does not match what is configured here; "
    "the operator of this service can run `spine-cds explain-token`"
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who called. *replay_checked_everywhere* is False while the shared store is down (see replay.py)."""

    tenant: Tenant
    issuer: str | None = None
    replay_checked_everywhere: bool = True


@dataclass(frozen=True, slots=True)
class Check:
    """One check of a token, for the operator: passed is None when it could not be made."""

    name: str
    passed: bool | None
    said: str
    todo: str = ""


class _Failed(Exception):
    """A check that a token fails: *said* and *todo* are for the operator, *public* for the caller."""

    def __init__(self, said: str, todo: str = "", public: str | None = None):
        self.said, self.todo, self.public = said, todo, public
        super().__init__(said)


@dataclass(slots=True)
class _Case:
    """One token under examination; the checks fill in what they find."""

    compact: str
    path: str
    own_base_url: str
    now: float
    header: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    tenant: Tenant | None = None
    key: PublicKey | None = None


class Verifier:
    """Verifies tokens for all tenants. Safe to share between threads; one per process."""

    def __init__(
        self,
        tenants: Tenants,
        replay: ReplayStore | None = None,
        *,
        production: bool,
        own_base_url: str = "",
        clock: Callable[[], float] = time.time,
        resolve: Resolve = resolve_by_system,
        ca_bundle: str | None = None,
    ):
        self._tenants = tenants
        self._anybody = Caller(tenants.all[0]) if tenants.development else None
        self._production = production
        self._own_base_url = own_base_url.rstrip("/")
        self._clock = clock
        self._replay = ReplayGuard(replay, clock)
        self._caches = {
            tenant.id: KeyCache(
                OutboundGuard(
                    tenant.jku,
                    private_networks=tenant.private_networks,
                    https_only=production,
                    resolve=resolve,
                    ca_bundle=ca_bundle,
                )
            )
            for tenant in tenants.all
        }

    def verify(self, authorization: Sequence[str], path: str, body: Callable[[], bytes] = bytes) -> Caller:
        """Give the caller who sent the `Authorization` headers *authorization* to *path*.

        *path* is what was called below the base URL (`/cds-services/x/feedback`); *body* reads the body and is asked
        for the `jti` policy per_body only. Raises NotTrusted with a reason for the caller and the name of the check
        that failed; StoreUnavailable when so many tokens are in use that none can be remembered.
        """
        if self._anybody is not None:
            return self._anybody
        case = _Case(_bearer(authorization), path, self._own_base_url, self._clock())
        for name, check in self._checks():
            try:
                check(case)
            except _Failed as failed:
                raise NotTrusted(failed.public or _BEFORE_SIGNATURE, name) from None
        assert case.tenant is not None
        return Caller(case.tenant, case.claims["iss"], self._use_once(case, path, body))

    def explain(self, compact: str, tenant: Tenant, path: str | None = None) -> tuple[Check, ...]:
        """Run every check of *compact* for *tenant* and say for each what was found and what to configure.

        *path* None lets the audience be any endpoint of this service. Nothing is remembered as used.
        """
        compact = compact.strip()
        compact = compact[7:].strip() if compact[:7].lower() == "bearer " else compact
        case = _Case(compact, path or "", self._own_base_url, self._clock())
        told: list[Check] = []
        for name, check in self._checks():
            if name == "issuer":
                case.tenant = tenant
                check = _check_issuer_of(tenant)
            if name == "audience" and path is None:
                check = _check_audience_anywhere
            if any(earlier.passed is False and earlier.name in _BARS[name] for earlier in told):
                told.append(Check(name, None, "not checked: mend the failed checks before it first"))
                continue
            try:
                check(case)
                told.append(Check(name, True, _found(name, case)))
            except _Failed as failed:
                told.append(Check(name, False, failed.said, failed.todo))
        return tuple(told)

    def _checks(self) -> tuple[tuple[str, Callable[[_Case], None]], ...]:
        return (
            ("form", _check_form),
            ("header", _check_header),
            ("claims", _check_claims),
            ("issuer", self._check_issuer),
            ("algorithm", _check_algorithm),
            ("key", self._check_key),
            ("signature", _check_signature),
            ("expiry", _check_expiry),
            ("issued at", _check_issued_at),
            ("not before", _check_not_before),
            ("lifetime", _check_lifetime),
            ("audience", _check_audience),
        )

    def _check_issuer(self, case: _Case) -> None:
        case.tenant = self._tenants.for_claims(case.claims["iss"], case.claims.get("tenant"))
        if case.tenant is None:
            raise _Failed("no tenant lists this issuer", "add it to `issuers` of its tenant")

    def _check_key(self, case: _Case) -> None:
        """Find the key: inline keys first, then the set at the token's jku or at the tenant's own."""
        tenant, kid, algorithm = _tenant(case), case.header["kid"], case.header["alg"]
        jku = case.header.get("jku")
        cache = self._caches[tenant.id]
        if jku is not None:
            try:
                cache.check(jku)
            except OutboundRefused as refusal:
                raise _Failed(
                    f"its jku is not read: {refusal.reason}", "add its URL prefix to `jku` of the tenant"
                ) from None
        case.key = tenant.key_set.find(kid, algorithm)
        where = jku or tenant.default_jku
        if case.key is None and where is not None and not tenant.key_set.has(kid):
            try:
                case.key = cache.find(where, kid, algorithm)
            except (OutboundRefused, KeySetUnavailable) as error:
                raise _Failed(
                    f"its keys cannot be had: {error}", "see whether this machine reaches the key set"
                ) from None
        if case.key is None:
            raise _Failed(
                "no single key with its kid fits its algorithm",
                "publish the key with this kid and algorithm at the jku, or add it to `jwks` of the tenant",
            )
        if self._production and case.key.thumbprint in PUBLISHED_PRIVATE_KEYS:
            raise _Failed("the private half of its key is public", "let the installation sign with a key of its own")

    def _use_once(self, case: _Case, path: str, body: Callable[[], bytes]) -> bool:
        """Remember this use; tell whether all processes were asked.  Raises NotTrusted on a replay."""
        tenant = _tenant(case)
        if tenant.jti == "off":
            return True
        said = body() if tenant.jti == "per_body" else b""
        digest = jti_digest(tenant, case.claims["iss"], case.claims["jti"], path, said)
        until = int(case.claims["exp"]) + tenant.clock_leeway_seconds + 1
        try:
            first, everywhere = self._replay.remember(tenant.id, digest, until)
        except StoreUnavailable as error:
            raise StoreUnavailable("no token can be remembered now", error.retry_after_seconds) from error
        if not first:
            raise NotTrusted("this token was used before; send a token with a fresh jti for each call", "replay")
        return everywhere


# Which earlier checks must have passed before one can be made at all, for `explain`.
_BARS: dict[str, frozenset[str]] = {
    "form": frozenset(),
    "header": frozenset({"form"}),
    "claims": frozenset({"form"}),
    **dict.fromkeys(("algorithm", "key"), frozenset({"form", "header"})),
    "signature": frozenset({"form", "header", "key"}),
    **dict.fromkeys(
        ("issuer", "expiry", "issued at", "not before", "lifetime", "audience"), frozenset({"form", "claims"})
    ),
}


def www_authenticate(refusal: NotTrusted | None = None) -> str:
    """Give the value of the `WWW-Authenticate` header for a 401 (RFC 6750 section 3)."""
    if refusal is None or refusal.check == "missing":
        return 'Bearer realm="spine-cds"'
    said = re.sub(r"[^ !#-\[\]-~]", "'", refusal.reason)
    return f'Bearer realm="spine-cds", error="invalid_token", error_description="{said}"'


def _bearer(authorization: Sequence[str]) -> str:
    if len(authorization) > 1:
        raise NotTrusted("send one Authorization header", "missing")
    scheme, _, compact = authorization[0].partition(" ") if authorization else ("", "", "")
    if scheme.lower() != "bearer" or not compact:
        raise NotTrusted("send a signed token: Authorization: Bearer <JWT>", "missing")
    return compact


def _tenant(case: _Case) -> Tenant:
    assert case.tenant is not None, "the issuer check comes first"
    return case.tenant


def _json_part(part: str, name: str) -> dict[str, Any]:
    public = f"the token cannot be read: its {name} is not one JSON object in base64url"
    try:
        read = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
        content = json.loads(
            read.decode("utf-8"),
            object_pairs_hook=refuse_repeated_members,
            parse_constant=_refuse_constant,
        )
    except (binascii.Error, ValueError, RecursionError) as error:
        raise _Failed(f"its {name} is not one JSON object in base64url, each name once", public=public) from error
    if not isinstance(content, dict):
        raise _Failed(f"its {name} is no JSON object", public=public)
    return content


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is no JSON number")


def _check_form(case: _Case) -> None:
    public = "the token cannot be read: send three base64url parts with dots between, signed"
    if len(case.compact) > TOKEN_CHARACTERS_MOST:
        raise _Failed(f"it has more than {TOKEN_CHARACTERS_MOST} characters", public="the token is too long")
    parts = case.compact.split(".")
    if len(parts) != 3 or not all(_PART.match(part) for part in parts):
        raise _Failed("it is not three base64url parts with dots between", "send a signed token (JWS compact)", public)
    if len(parts[2]) % 4 == 1:
        raise _Failed("its signature is no base64url", "", public)
    case.header = _json_part(parts[0], "header")
    case.claims = _json_part(parts[1], "payload")


def _check_header(case: _Case) -> None:
    header = case.header
    wanted: Iterable[tuple[str, bool, str]] = (
        ("alg", isinstance(header.get("alg"), str), "a string"),
        ("kid", _is_text(header.get("kid")), "the id of the signing key"),
        ("typ", header.get("typ") == "JWT", "JWT"),
        ("jku", "jku" not in header or _is_text(header.get("jku")), "a URL, or left out"),
        ("crit", "crit" not in header, "left out; no extension of the header is understood here"),
        ("b64", "b64" not in header, "left out"),
        ("zip", "zip" not in header, "left out"),
    )
    for name, holds, expected in wanted:
        if not holds:
            said = f"header `{name}` must be {expected}"
            raise _Failed(said, "", f"the token's {said}")
    if header["alg"] not in ALGORITHMS:
        said = f"header `alg` must be an asymmetric algorithm: {', '.join(ALGORITHMS)}"
        raise _Failed(said, "configure the client to sign with ES384 or RS384", f"the token's {said}")


def _check_claims(case: _Case) -> None:
    claims = case.claims
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    wanted: Iterable[tuple[str, bool, str]] = (
        ("iss", _is_text(claims.get("iss")), "a string"),
        ("aud", bool(audiences) and len(audiences) <= 50 and all(map(_is_text, audiences)), "a URL or a list of URLs"),
        ("exp", _is_time(claims.get("exp")), "seconds since 1970"),
        ("iat", _is_time(claims.get("iat")), "seconds since 1970"),
        ("nbf", "nbf" not in claims or _is_time(claims.get("nbf")), "seconds since 1970, or left out"),
        ("jti", _is_text(claims.get("jti")), "a string, fresh for each token"),
        ("tenant", "tenant" not in claims or _is_text(claims.get("tenant")), "a string, or left out"),
    )
    for name, holds, expected in wanted:
        if not holds:
            said = f"claim `{name}` must be {expected}"
            raise _Failed(said, "", f"the token's {said}")


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= CLAIM_CHARACTERS_MOST


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= LATEST_TIME


def _check_issuer_of(tenant: Tenant) -> Callable[[_Case], None]:
    def check(case: _Case) -> None:
        if case.claims.get("iss") not in tenant.issuers:
            raise _Failed(
                "its `iss` is not in `issuers` of this tenant", "add the token's `iss` to `issuers`, letter by letter"
            )
        if tenant.token_tenants and case.claims.get("tenant") not in tenant.token_tenants:
            raise _Failed("its `tenant` is not in `token_tenants` of this tenant", "add it to `token_tenants`")

    return check


def _check_algorithm(case: _Case) -> None:
    tenant = _tenant(case)
    if case.header["alg"] not in tenant.algorithms:
        raise _Failed(
            f"it is signed with {case.header['alg']}, and this tenant signs with {', '.join(tenant.algorithms)}",
            "add it to `algorithms`, if the installation really signs so",
        )


def _check_signature(case: _Case) -> None:
    assert case.key is not None, "the key check comes first"
    algorithm = case.header["alg"]
    try:
        jwt.PyJWS(algorithms=[algorithm]).decode(
            case.compact, case.key.for_algorithm(algorithm), algorithms=[algorithm]
        )
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise _Failed(
            "its signature does not verify with the key of that kid", "was the token changed, or the key replaced?"
        ) from error


def _check_expiry(case: _Case) -> None:
    late = case.now - case.claims["exp"]
    if late > _tenant(case).clock_leeway_seconds:
        said = f"it expired {_seconds(late)} ago"
        raise _Failed(said, "send a fresh token; if it is fresh, compare the clocks", "the token has expired")


def _check_issued_at(case: _Case) -> None:
    early = case.claims["iat"] - case.now
    if early > _tenant(case).clock_leeway_seconds:
        said = f"it was issued {_seconds(early)} in the future"
        raise _Failed(
            said, "compare the clocks; `clock_leeway_seconds` may be up to 300", "the token's iat lies in the future"
        )


def _check_not_before(case: _Case) -> None:
    early = case.claims.get("nbf", 0) - case.now
    if early > _tenant(case).clock_leeway_seconds:
        said = f"it is not valid for another {_seconds(early)}"
        raise _Failed(said, "compare the clocks", "the token is not valid yet (nbf)")


def _check_lifetime(case: _Case) -> None:
    lifetime, most = case.claims["exp"] - case.claims["iat"], _tenant(case).token_lifetime_seconds
    if not 0 < lifetime <= most:
        said = f"its lifetime (exp - iat) is {_seconds(lifetime)}, and {most} s are the most here"
        public = f"the token's lifetime (exp - iat) must be more than 0 and at most {most} seconds"
        raise _Failed(said, "raise `token_lifetime_seconds` if the installation really sends such tokens", public)


def _bases(case: _Case) -> tuple[str, ...]:
    """Give the base URLs that may stand in `aud`: the tenant's; without any, and without `audiences`, our own."""
    tenant = _tenant(case)
    own = (case.own_base_url,) if case.own_base_url and not tenant.audiences else ()
    return tuple(base.rstrip("/") for base in tenant.base_urls) or own


def _check_audience(case: _Case) -> None:
    accepted = {*_tenant(case).audiences, *(base + case.path for base in _bases(case))}
    if not accepted & set(_audiences(case)):
        raise _Failed(
            "its `aud` is not the URL that was called as this service knows it",
            _AUDIENCE_TODO,
            "the token's aud must be the URL that is called",
        )


def _check_audience_anywhere(case: _Case) -> None:
    services = [base + "/cds-services" for base in _bases(case)]
    for url in _audiences(case):
        if url in _tenant(case).audiences or any(url == base or url.startswith(base + "/") for base in services):
            return
    raise _Failed("its `aud` lies under no `base_urls` and is not in `audiences`", _AUDIENCE_TODO)


def _audiences(case: _Case) -> list[str]:
    audience = case.claims["aud"]
    return audience if isinstance(audience, list) else [audience]


def _seconds(number: float) -> str:
    return f"{round(number)} s"


def _found(name: str, case: _Case) -> str:
    """Say what a passed check found, without repeating the token."""
    tenant = case.tenant
    said = {
        "form": "three parts that can be read",
        "header": f"alg {case.header.get('alg')}, kid and typ are there, nothing critical",
        "claims": "iss, aud, exp, iat and jti are there",
        "issuer": f"is one of tenant {tenant.id}" if tenant else "",
        "algorithm": f"{case.header.get('alg')} is accepted",
        "key": f"found, {case.key.key_type}{' ' + case.key.curve if case.key.curve else ''}" if case.key else "",
        "signature": "verifies",
        "expiry": "not expired",
        "issued at": "not in the future",
        "not before": "valid by now",
        "lifetime": "within the cap",
        "audience": "names this service",
    }
    return said[name]
