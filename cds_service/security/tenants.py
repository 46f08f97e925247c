"""Which EHR installations may call us, and on what terms: the tenants file, read strictly, every fault with its line.

A tenant may start from a ready-made profile (security/profiles/*.yaml); what the tenant says itself wins key by key.
Without a file there is one tenant, `development`, for a service that only this machine can reach.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate
from marshmallow.types import StrSequenceOrSet

from cds_service.errors import Fault, OutboundRefused, SettingsFaults
from cds_service.security.keys import ALGORITHMS, KeyFault, KeySet, read_key_set
from cds_service.security.outbound import check_prefixes, read_place, read_prefix
from cds_service.yaml_text import TextFile, read_yaml_text

PROFILES = Path(__file__).with_name("profiles")
DEVELOPMENT_PROFILE = "development"

JTI_POLICIES = ("strict", "per_body", "off")
FHIR_VERSIONS = ("R4", "R4B", "R5")
ORDER_PROFILES = ("pa", "us-core", "cpg-proposal")
MISSING_DATA_ANSWERS = ("412", "card")

# Keys whose private half is public: whoever can read the reference sandbox's repository can sign with it.
# RFC 7638 thumbprint of the key in the `reference-sandbox` profile.
PUBLISHED_PRIVATE_KEYS = frozenset({"s9fOe-KDYD1myZ8YCzleUqJQgrYZL49kVijBxhnZvZc"})
PUBLISHED_ISSUERS = frozenset({"https://sandbox.cds-hooks.org"})


@dataclass(frozen=True, slots=True)
class Tenant:
    """One EHR installation. Durations are in seconds; an empty tuple means "none", so nothing is allowed by omission."""

    id: str
    issuers: tuple[str, ...] = ()
    token_tenants: tuple[str, ...] = ()
    jku: tuple[str, ...] = ()
    default_jku: str | None = None
    key_set: KeySet = field(default_factory=KeySet)
    base_urls: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    algorithms: tuple[str, ...] = ()
    token_lifetime_seconds: int = 300
    clock_leeway_seconds: int = 30
    jti: str = "strict"
    fhir_servers: tuple[str, ...] = ()
    private_networks: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    fhir_version: str = "R4"
    order_profile: str = "pa"
    prefetch_only: bool = False
    language: str = "en"
    missing_data: str = "412"
    shared_service_id: str | None = None
    calls_per_second: float = 50.0
    burst: int = 100
    must_sign: bool = True

    @property
    def signs_with_a_published_key(self) -> bool:
        """Tell whether anybody could sign as this tenant, because the private key or its issuer is a public example."""
        return bool(PUBLISHED_ISSUERS & set(self.issuers)) or any(
            key.thumbprint in PUBLISHED_PRIVATE_KEYS for key in self.key_set.keys
        )


@dataclass(frozen=True, slots=True)
class Tenants:
    """All tenants of this service. *development*: there was no file, callers are not asked who they are."""

    all: tuple[Tenant, ...]
    development: bool = False

    def for_claims(self, issuer: object, token_tenant: object) -> Tenant | None:
        """Give the tenant whose issuer a token names; where installations share an issuer, `tenant` tells them apart."""
        for tenant in self.all:
            if issuer in tenant.issuers and (not tenant.token_tenants or token_tenant in tenant.token_tenants):
                return tenant
        return None

    def by_id(self, tenant_id: str) -> Tenant | None:
        """Give the tenant with this id."""
        return next((tenant for tenant in self.all if tenant.id == tenant_id), None)

    def warnings(self) -> tuple[str, ...]:
        """Give what an operator should hear at every start: loud in development, and where a tenant is lenient."""
        if self.development:
            return (
                "DEVELOPMENT MODE: no tenants file is set. Nobody is asked for a token and every caller on this machine "
                "is trusted. Never send real patients here; set SPINE_CDS_TENANTS and SPINE_CDS_MODE=production.",
            )
        said = [
            f"tenant {tenant.id}: the private key that signs as this installation is public; never send real patients here"
            for tenant in self.all
            if tenant.signs_with_a_published_key
        ]
        said += [
            f"tenant {tenant.id}: jti is off, a token can be used again" for tenant in self.all if tenant.jti == "off"
        ]
        said += [
            f"tenant {tenant.id}: fhir_servers is empty, so nothing is read from its FHIR server"
            for tenant in self.all
            if not tenant.fhir_servers and not tenant.prefetch_only
        ]
        return tuple(said)

    @property
    def origins(self) -> frozenset[str]:
        """Every browser origin that any tenant allows; a preflight carries no token, so it cannot be asked whose it is."""
        return frozenset(origin for tenant in self.all for origin in tenant.origins)


class _Words(fields.List):
    """A list of words; the files are read as text, so one word alone is a fault rather than a list of letters."""

    def __init__(self, **how: Any):
        super().__init__(fields.String(validate=validate.Length(min=1)), **how)


def _one_of(*known: str) -> fields.String:
    return fields.String(validate=validate.OneOf(known, error="{input!r} is none of {choices}"))


def _whole(least: int, most: int) -> fields.Integer:
    return fields.Integer(validate=validate.Range(least, most))


class TenantShape(Schema):
    """The shape of one tenant, stated once. Unknown keys are faults."""

    id = fields.String(
        required=True,
        validate=validate.Regexp(
            r"[a-z0-9][a-z0-9-]{0,62}\Z", error="lower-case letters, digits and hyphens, 63 at most"
        ),
    )
    profile = fields.String()
    issuers = _Words()
    token_tenants = _Words()
    jku = _Words()
    default_jku = fields.String()
    jwks = fields.Dict()
    base_urls = _Words()
    audiences = _Words()
    algorithms = fields.List(_one_of(*ALGORITHMS))
    token_lifetime_seconds = _whole(1, 3600)
    clock_leeway_seconds = _whole(0, 300)
    jti = _one_of(*JTI_POLICIES)
    fhir_servers = _Words()
    private_networks = _Words()
    origins = _Words()
    fhir_version = _one_of(*FHIR_VERSIONS)
    order_profile = _one_of(*ORDER_PROFILES)
    prefetch_only = fields.Boolean()
    language = fields.String(
        validate=validate.Regexp(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*\Z", error="a language tag such as en or en-GB")
    )
    missing_data = _one_of(*MISSING_DATA_ANSWERS)
    shared_service_id = fields.String(
        validate=validate.Regexp(r"[A-Za-z0-9._-]{1,64}\Z", error="an id of letters, digits, . _ -")
    )
    calls_per_second = fields.Float(validate=validate.Range(0.1, 10_000))
    burst = _whole(1, 100_000)

    def handle_error(self, error: ValidationError, data: Any, *, many: bool, **how: Any) -> None:
        """Leave errors as marshmallow raises them; they are turned into faults with lines by the reader."""
        raise error


_SHAPE = TenantShape()
_OWN_KEYS = frozenset(_SHAPE.fields)


def profile_names() -> tuple[str, ...]:
    """Give the names of the ready-made profiles."""
    return tuple(sorted(file.stem for file in PROFILES.glob("*.yaml")))


def load_tenants(file: Path | None, production: bool) -> Tenants:
    """Read the tenants file, or give the development tenant when *file* is None.

    Raises SettingsFaults with every fault at once, each with file and line. In production: no file, a key whose private
    half is published, plain http and an issuer without an audience are faults too.
    """
    if file is None:
        if production:
            raise SettingsFaults([Fault("SPINE_CDS_TENANTS", "is not set", "the path of a tenants file in production")])
        return Tenants((_development_tenant(),), development=True)
    faults: list[Fault] = []
    try:
        text = read_yaml_text(file, str(file))
    except OSError as error:
        raise SettingsFaults(
            [Fault("SPINE_CDS_TENANTS", f"{file} cannot be read: {error.strerror}", "a readable YAML file")]
        ) from error
    faults += text.faults
    tenants = [_read_tenant(text, index, faults, production) for index in range(_count(text, faults))]
    found = tuple(tenant for tenant in tenants if tenant is not None)
    faults += _overlaps(text, found) if len(found) == len(tenants) else []
    if faults:
        raise SettingsFaults(faults)
    return Tenants(found)


def _development_tenant() -> Tenant:
    faults: list[Fault] = []
    text = _profile_text(DEVELOPMENT_PROFILE)
    values = {"id": DEVELOPMENT_PROFILE, **_loaded(text, text.content, (), faults), "must_sign": False}
    tenant = _build(values, text, (), faults)
    if tenant is None or faults:
        raise SettingsFaults(faults)
    return tenant


def _count(text: TextFile, faults: list[Fault]) -> int:
    if text.faults and text.content is None:
        return 0
    content = text.content
    listed = content.get("tenants") if isinstance(content, dict) else None
    if not isinstance(listed, list) or not listed or len(content) != 1:
        faults.append(
            Fault(f"{text.name}:1", "no list of tenants", "one key `tenants` with a list of at least one tenant")
        )
        return 0
    return len(listed)


def _read_tenant(text: TextFile, index: int, faults: list[Fault], production: bool) -> Tenant | None:
    path = ("tenants", index)
    entry = text.content["tenants"][index]
    if not isinstance(entry, dict):
        faults.append(Fault(text.place(path), "is not a tenant", "keys and values"))
        return None
    before = len(faults)
    values = _from_profile(text, path, entry, faults) | _loaded(text, entry, path, faults)
    tenant = _build(values, text, path, faults) if len(faults) == before else None
    if tenant is not None:
        faults += _terms(tenant, values, text, path, production)
    return tenant if len(faults) == before else None


def _from_profile(
    text: TextFile, path: tuple[str | int, ...], entry: dict[str, Any], faults: list[Fault]
) -> dict[str, Any]:
    name = entry.get("profile")
    if name is None:
        return {}
    if name not in profile_names():
        faults.append(
            Fault(
                text.place((*path, "profile")),
                f"{name!r} is no ready-made profile",
                f"one of {', '.join(profile_names())}",
            )
        )
        return {}
    profile = _profile_text(name)
    return _loaded(profile, profile.content, (), faults)


def _profile_text(name: str) -> TextFile:
    return read_yaml_text(PROFILES / f"{name}.yaml", f"profiles/{name}.yaml")


def _loaded(text: TextFile, entry: dict[str, Any], path: tuple[str | int, ...], faults: list[Fault]) -> dict[str, Any]:
    """Give the typed values of *entry*; each thing that breaks the shape becomes a fault with its line."""
    partial: StrSequenceOrSet | bool = True if not path else tuple(_OWN_KEYS - {"id"})
    try:
        return dict(_SHAPE.load(entry, partial=partial))
    except ValidationError as error:
        for step, said in _flat(error.normalized_messages()):
            faults.append(_shape_fault(text, (*path, *step), said))
        return {}


def _shape_fault(text: TextFile, path: tuple[str | int, ...], said: str) -> Fault:
    if said == "Unknown field.":
        return Fault(text.place(path), "is no key we know", f"one of {', '.join(sorted(_OWN_KEYS))}")
    if said == "Missing data for required field.":
        return Fault(text.place(path), "is missing")
    return Fault(text.place(path), *_WORDS.get(said, (said,)))


_WORDS = {
    "Not a valid integer.": ("is no whole number", "a whole number"),
    "Not a valid number.": ("is no number", "a number"),
    "Not a valid boolean.": ("is neither yes nor no", "true or false"),
    "Not a valid string.": ("is no text", "a text"),
    "Not a valid list.": ("is no list", "a list"),
    "Not a valid mapping type.": ("is no mapping", "keys and values"),
}
"""The shape checker's own words -> ours: what is wrong, what was expected."""


def _flat(messages: Any, path: tuple[str | int, ...] = ()) -> Iterable[tuple[tuple[str | int, ...], str]]:
    if isinstance(messages, dict):
        for step, below in messages.items():
            yield from _flat(below, (*path, step))
    else:
        for said in messages if isinstance(messages, list) else [messages]:
            yield path, str(said)


def _build(values: dict[str, Any], text: TextFile, path: tuple[str | int, ...], faults: list[Fault]) -> Tenant | None:
    """Turn typed values into a tenant; None when its keys cannot be used."""
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    values.pop("profile", None)
    jwks = values.pop("jwks", None)
    if jwks is not None:
        try:
            values["key_set"] = read_key_set(jwks)
        except KeyFault as fault:
            faults.append(Fault(text.place((*path, "jwks")), str(fault)))
            return None
    return Tenant(**values)


def _terms(
    tenant: Tenant, values: dict[str, Any], text: TextFile, path: tuple[str | int, ...], production: bool
) -> list[Fault]:
    """Report the terms of *tenant* that cannot hold together."""

    def at(key: str) -> str:
        return text.place((*path, key))

    faults = []
    if not tenant.issuers:
        faults.append(
            Fault(at("issuers"), "no issuer", "the `iss` of the tokens this installation sends, at least one")
        )
    if not tenant.algorithms:
        faults.append(Fault(at("algorithms"), "no algorithm", f"one or more of {', '.join(ALGORITHMS)}"))
    if not tenant.key_set.keys and not tenant.jku:
        faults.append(
            Fault(at("jku"), "no source of keys", "`jku` (URL prefixes we may read keys from) or `jwks` (the keys)")
        )
    if tenant.key_set.keys and not any(key.fits(name) for key in tenant.key_set.keys for name in tenant.algorithms):
        faults.append(
            Fault(at("jwks"), f"no key fits {', '.join(tenant.algorithms)}", "a key for an accepted algorithm")
        )
    if production and not tenant.base_urls and not tenant.audiences:
        faults.append(
            Fault(
                at("base_urls"), "no audience", "`base_urls` (this service as that installation sees it) or `audiences`"
            )
        )
    for key in ("jku", "fhir_servers"):
        faults += check_prefixes(getattr(tenant, key), production, at(key))
    if tenant.default_jku is not None and not _is_under(tenant.default_jku, tenant.jku):
        faults.append(Fault(at("default_jku"), "lies under no prefix of `jku`", "a URL that `jku` allows"))
    faults += [
        Fault(
            at("base_urls"), f"{url!r} cannot be used", "https://host[:port][/path]" if production else "an http(s) URL"
        )
        for url in tenant.base_urls
        if not _is_base_url(url, production)
    ]
    faults += [
        Fault(
            at("origins"), f"{origin!r} is no origin", "https://host[:port]" if production else "scheme://host[:port]"
        )
        for origin in tenant.origins
        if not _is_origin(origin, production)
    ]
    faults += [
        Fault(
            at("private_networks"),
            f"{cidr!r} is no network",
            "for example 10.20.0.0/16, and narrower than /8 (IPv6 /32)",
        )
        for cidr in tenant.private_networks
        if not _is_network(cidr)
    ]
    if production and tenant.signs_with_a_published_key:
        faults.append(
            Fault(
                at("profile" if "profile" in values else "issuers"),
                "the private key of this installation is public, so anybody can sign as it",
                "an installation with keys of its own",
                "use this profile in development only",
            )
        )
    if tenant.prefetch_only and tenant.fhir_servers and "fhir_servers" in text.content["tenants"][path[1]]:
        faults.append(Fault(at("fhir_servers"), "stands beside prefetch_only", "one of the two"))
    return faults


def _overlaps(text: TextFile, tenants: tuple[Tenant, ...]) -> list[Fault]:
    """Report ids used twice, and tenants that one token could mean at the same time."""
    faults = []
    for index, tenant in enumerate(tenants):
        for earlier in tenants[:index]:
            place = text.place(("tenants", index, "id"))
            if tenant.id == earlier.id:
                faults.append(Fault(place, f"the id {tenant.id!r} stands here twice", "each id once"))
            shared = set(tenant.issuers) & set(earlier.issuers)
            apart = (
                tenant.token_tenants
                and earlier.token_tenants
                and not set(tenant.token_tenants) & set(earlier.token_tenants)
            )
            if shared and not apart:
                faults.append(
                    Fault(
                        place,
                        f"shares the issuer {sorted(shared)[0]!r} with {earlier.id!r}",
                        "issuers of its own, or `token_tenants` that tell the two apart",
                    )
                )
    return faults


def _is_under(url: str, prefixes: tuple[str, ...]) -> bool:
    try:
        place = read_place(url)
        return any(read_prefix(prefix).holds(place) for prefix in prefixes)
    except OutboundRefused:
        return False


def _is_base_url(url: str, production: bool) -> bool:
    try:
        place = read_place(url)
    except OutboundRefused:
        return False
    return "?" not in url and (place.scheme == "https" or not production)


def _is_origin(origin: str, production: bool) -> bool:
    match = re.match(r"(https?)://[^/?#@\\\s*]+\Z", origin)
    return match is not None and (match[1] == "https" or not production) and _is_base_url(origin, production)


def _is_network(cidr: str) -> bool:
    try:
        network = ipaddress.ip_network(cidr)
    except ValueError:
        return False
    return network.prefixlen >= (8 if network.version == 4 else 32) or network.num_addresses == 1
