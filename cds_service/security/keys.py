"""The public keys of callers: read from JSON Web Key Sets given inline or fetched, chosen by `kid`, never by the token.

A fetched set is kept for an hour; an unknown `kid` fetches it anew, though not more often than the cool-down allows;
when the fetch fails the last good set still serves for a day. Symmetric and private keys are refused as faults.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jwt
import requests

from cds_service.errors import OutboundRefused
from cds_service.security.outbound import OutboundGuard, read_capped

JWKS_BYTES_MOST = 256 * 1024
JWKS_KEYS_MOST = 100
JWKS_SECONDS = 3.0
FRESH_SECONDS = 3600.0
LAST_GOOD_SECONDS = 24 * 3600.0
COOL_DOWN_SECONDS = 60.0
SOURCES_MOST = 32

# Algorithm -> key type and, where the algorithm fixes it, curve. RFC 7518 section 3.1, RFC 8037 section 3.1.
ALGORITHMS: dict[str, tuple[str, str | None]] = {
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "RS256": ("RSA", None),
    "RS384": ("RSA", None),
    "RS512": ("RSA", None),
    "PS256": ("RSA", None),
    "PS384": ("RSA", None),
    "PS512": ("RSA", None),
    "EdDSA": ("OKP", "Ed25519"),
}
_MEMBERS = {"EC": ("crv", "x", "y"), "RSA": ("e", "n"), "OKP": ("crv", "x")}
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
RSA_BITS_LEAST = 2048
_KEYS_AT_HAND = 256
"""Callers' public keys that are kept ready to verify with: to read one anew costs a fifth of verifying with it."""


class KeyFault(ValueError):
    """A key or key set that cannot be used; the text says why and repeats no key material."""


class KeySetUnavailable(Exception):
    """The key set could not be fetched and no good one is at hand; the text names no URL."""


def refuse_repeated_members(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Build a dict of JSON members.  Raises ValueError when a name stands twice, since readers differ on which counts."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One verification key: its id, what it is for, and its public members.  Holds nothing secret."""

    kid: str
    key_type: str
    curve: str | None
    algorithm: str | None
    members: tuple[tuple[str, str], ...] = field(repr=False)

    def fits(self, algorithm: str) -> bool:
        """Tell whether a token signed with *algorithm* can have been signed with this key."""
        key_type, curve = ALGORITHMS[algorithm]
        return (
            self.key_type == key_type and (curve is None or self.curve == curve) and self.algorithm in (None, algorithm)
        )

    def for_algorithm(self, algorithm: str) -> jwt.PyJWK:
        """Give the key bound to *algorithm*, so that nothing in a token can change how it is used."""
        return _bound(self, algorithm)

    @property
    def thumbprint(self) -> str:
        """SHA-256 thumbprint of the key, base64url without padding (RFC 7638)."""
        return _thumbprint(self)


@functools.lru_cache(maxsize=_KEYS_AT_HAND)
def _bound(key: PublicKey, algorithm: str) -> jwt.PyJWK:
    return jwt.PyJWK({"kty": key.key_type, **dict(key.members)}, algorithm=algorithm)


@functools.lru_cache(maxsize=_KEYS_AT_HAND)
def _thumbprint(key: PublicKey) -> str:
    needed = {
        "kty": key.key_type,
        **{name: value for name, value in key.members if name in _MEMBERS[key.key_type]},
    }
    text = json.dumps(needed, sort_keys=True, separators=(",", ":"))
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def read_key(entry: Mapping[str, Any]) -> PublicKey | None:
    """Read one JSON Web Key; None when it is not for verifying signatures we accept (RFC 7517 section 5 says: skip it).

    Raises KeyFault for a key that should never stand in a public set: symmetric, private, or too weak.
    """
    if any(name in entry for name in _PRIVATE_MEMBERS) or entry.get("kty") == "oct":
        raise KeyFault("the set holds a private or symmetric key; publish public keys only")
    key_type, kid, algorithm = entry.get("kty"), entry.get("kid"), entry.get("alg")
    operations = entry.get("key_ops")
    if key_type not in _MEMBERS or not isinstance(kid, str) or not kid:
        return None
    if entry.get("use") not in (None, "sig") or (operations is not None and "verify" not in operations):
        return None
    if algorithm is not None and algorithm not in ALGORITHMS:
        return None
    members = tuple((name, entry.get(name)) for name in _MEMBERS[key_type])
    key = PublicKey(kid, key_type, entry.get("crv"), algorithm, members)  # type: ignore[arg-type]
    usable = [name for name in ALGORITHMS if key.fits(name)]
    if not usable:
        return None
    if not all(isinstance(value, str) for _, value in members):
        raise KeyFault(f"an {key_type} key lacks one of {', '.join(_MEMBERS[key_type])}")
    try:
        material = key.for_algorithm(usable[0]).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError) as error:
        raise KeyFault("a key's numbers are no valid key") from error
    if key_type == "RSA" and material.key_size < RSA_BITS_LEAST:
        raise KeyFault(f"an RSA key has {material.key_size} bits, and {RSA_BITS_LEAST} are the least")
    return key


@dataclass(frozen=True, slots=True)
class KeySet:
    """The usable keys of one JSON Web Key Set."""

    keys: tuple[PublicKey, ...] = ()

    def has(self, kid: str) -> bool:
        """Tell whether any key carries *kid*."""
        return any(key.kid == kid for key in self.keys)

    def find(self, kid: str, algorithm: str) -> PublicKey | None:
        """Give the one key with *kid* that fits *algorithm*; None when there is none, or when several differ."""
        fitting = {key.members: key for key in self.keys if key.kid == kid and key.fits(algorithm)}
        return next(iter(fitting.values())) if len(fitting) == 1 else None


def read_key_set(content: object) -> KeySet:
    """Read a JSON Web Key Set.  Raises KeyFault when it is none, holds no usable key, or a key that is a danger."""
    entries = content.get("keys") if isinstance(content, Mapping) else None
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
        raise KeyFault("not a JSON Web Key Set: an object with a list `keys` of objects")
    if len(entries) > JWKS_KEYS_MOST:
        raise KeyFault(f"the set holds more than {JWKS_KEYS_MOST} keys")
    keys = tuple(key for key in map(read_key, entries) if key is not None)
    if not keys:
        raise KeyFault("the set holds no key for verifying signatures that has a kid")
    return KeySet(keys)


def fetch_key_set(guard: OutboundGuard, url: str) -> KeySet:
    """Fetch a key set through *guard*.

    Raises KeySetUnavailable when it cannot be had now: refused by the guard, not reached, not 200, too large, too slow,
    or no usable set.
    """
    try:
        with (
            guard.session_for(url) as session,
            session.get(
                url, headers={"Accept": "application/json"}, timeout=(JWKS_SECONDS, JWKS_SECONDS), stream=True
            ) as response,
        ):
            if response.status_code != requests.codes.ok:
                raise KeySetUnavailable(f"the key set was answered with status {response.status_code}")
            body = read_capped(response, JWKS_BYTES_MOST, JWKS_SECONDS)
        return read_key_set(json.loads(body, object_pairs_hook=refuse_repeated_members))
    except OutboundRefused as refusal:
        raise KeySetUnavailable(f"the key set was not read: {refusal.reason}") from refusal
    except requests.RequestException as error:
        raise KeySetUnavailable(f"the key set's server was not reached ({type(error).__name__})") from error
    except (KeyFault, ValueError, RecursionError) as error:
        raise KeySetUnavailable("the key set cannot be used") from error


@dataclass(slots=True)
class _Kept:
    """What is known of one URL: the last good set, when it was fetched, when a fetch was last tried."""

    keys: KeySet | None = None
    fetched: float = 0.0
    tried: float | None = None
    refreshing: bool = False


class KeyCache:
    """Fetched key sets by URL, for one tenant. Safe to share between threads; one thread fetches, others use what is there."""

    def __init__(
        self,
        guard: OutboundGuard,
        fetch: Callable[[OutboundGuard, str], KeySet] = fetch_key_set,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._guard = guard
        self._fetch = fetch
        self._clock = clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._new_sources: list[float] = []
        self._changed = threading.Condition()

    def check(self, url: str) -> None:
        """Raise OutboundRefused when *url* is not on the tenant's list of key sources."""
        self._guard.check(url)

    def find(self, url: str, kid: str, algorithm: str) -> PublicKey | None:
        """Give the key *kid* of the set at *url*; None when the set does not hold it.

        Raises OutboundRefused when the URL is not on the tenant's list, KeySetUnavailable when the set cannot be had.
        """
        self.check(url)
        keys = self._current(url, wanted_kid=kid)
        return keys.find(kid, algorithm)

    def _current(self, url: str, wanted_kid: str) -> KeySet:
        with self._changed:
            kept = self._entry(url)
            if kept.keys is None:
                self._changed.wait_for(lambda: not kept.refreshing, timeout=JWKS_SECONDS)
            if not self._should_fetch(kept, wanted_kid):
                return self._serve(kept)
            kept.refreshing, kept.tried = True, self._clock()
        fetched = None
        failure: KeySetUnavailable | None = None
        try:
            fetched = self._fetch(self._guard, url)
        except KeySetUnavailable as error:
            failure = error
        finally:
            with self._changed:
                kept.refreshing = False
                if fetched is not None:
                    kept.keys, kept.fetched = fetched, self._clock()
                self._changed.notify_all()
        return self._serve(kept, failure)

    def _should_fetch(self, kept: _Kept, wanted_kid: str) -> bool:
        now = self._clock()
        if kept.refreshing or (kept.tried is not None and now - kept.tried < COOL_DOWN_SECONDS):
            return False
        return kept.keys is None or now - kept.fetched > FRESH_SECONDS or not kept.keys.has(wanted_kid)

    def _serve(self, kept: _Kept, failure: KeySetUnavailable | None = None) -> KeySet:
        if kept.keys is not None and self._clock() - kept.fetched <= LAST_GOOD_SECONDS:
            return kept.keys
        raise failure or KeySetUnavailable("the key set was asked for a moment ago without success")

    def _entry(self, url: str) -> _Kept:
        """Give what is kept for *url*. New URLs are few and slow to come, since an unverified token names them."""
        found = self._kept.get(url)
        if found is None:
            now = self._clock()
            self._new_sources = [when for when in self._new_sources if now - when < COOL_DOWN_SECONDS]
            if len(self._new_sources) >= SOURCES_MOST // 4:
                raise KeySetUnavailable("too many new key set addresses were named within a minute")
            self._new_sources.append(now)
            found = self._kept[url] = _Kept()
            if len(self._kept) > SOURCES_MOST:
                self._drop_one()
        self._kept.move_to_end(url)
        return found

    def _drop_one(self) -> None:
        """Forget the longest unused URL, one without a good set first."""
        empty = [url for url, kept in self._kept.items() if kept.keys is None]
        self._kept.pop(empty[0] if len(empty) > 1 else next(iter(self._kept)))
