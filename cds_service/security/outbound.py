"""Guard every URL that a caller can name: which addresses we read, over which connection, with which token.

A URL passes when it is spelled plainly, its origin and path stand on the allow-list, and every address its host name
resolves to is a public one (or lies in a network the tenant lists). The connection then goes to exactly the address
that was checked, while Host, SNI and certificate stay those of the name, so a name that changes its address between
check and use gains nothing. Redirects are never followed and proxies of the environment are never asked.

Two libraries were tried for the pinned connection and left: requests-hardened checks only the first address and cannot
list a hospital's private network; microsoft-antissrf drops the port from the Host header, after which a HAPI server
builds `next` links that lead nowhere. The maintained list of special-purpose networks is taken from the latter.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

import requests
from AntiSSRF import IPAddressRanges
from requests.adapters import HTTPAdapter
from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from cds_service.errors import Fault, OutboundRefused
from cds_service.security.breaker import Breakers

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve = Callable[[str, int], Sequence[str]]

URL_CHARACTERS_MOST = 8_000
CONNECT_SECONDS = 2.0
READ_SECONDS = 5.0
BLOCKS_BYTES = 64 * 1024

_PORTS = {"http": 80, "https": 443}
_REFUSED_NETWORKS: tuple[Network, ...] = tuple(
    ipaddress.ip_network(cidr)
    for cidr in (
        *IPAddressRanges.recommended_latest,
        "::/96",  # IPv4-compatible IPv6 (RFC 4291, 2.5.5.1): `::7f00:1` is 127.0.0.1 to some stacks
        "fd00:ec2::254/128",  # metadata service of a large cloud, kept here by name though fc00::/7 holds it
    )
)
_PLAIN_URL = re.compile(r"[!-\[\]-~]+")  # printable ASCII, no space, no backslash
_HOST_NAME = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*\Z"
)
_NUMBER_LABEL = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)\Z")
_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


def resolve_by_system(host: str, port: int) -> tuple[str, ...]:
    """Give every address that the system's resolver knows for *host*, in its order."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a URL leads: scheme, host (lower case, no brackets), port (None stands for any, in prefixes only), path."""

    scheme: str
    host: str
    port: int | None
    path: str

    @property
    def origin(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{'*' if self.port is None else self.port}"

    def holds(self, other: Place) -> bool:
        """Tell whether *other* has the same origin and lies at or under this path."""
        if (self.scheme, self.host) != (other.scheme, other.host) or self.port not in (None, other.port):
            return False
        stem = self.path.rstrip("/")
        return other.path == stem or other.path == self.path or other.path.startswith(stem + "/")


def read_place(url: str) -> Place:
    """Read where *url* leads.

    Raises OutboundRefused for every spelling that two parsers could read differently: control characters, spaces,
    backslashes, user names, fragments, dot segments, encoded slashes, numbers as host names, zone ids.
    """
    if not isinstance(url, str) or not url or len(url) > URL_CHARACTERS_MOST:
        raise OutboundRefused(f"a URL has 1 to {URL_CHARACTERS_MOST} characters")
    if not _PLAIN_URL.fullmatch(url):
        raise OutboundRefused("the URL holds a character that must be percent-encoded, or a backslash")
    try:
        parts, second = urlsplit(url), parse_url(url)
        port = parts.port
    except (ValueError, LocationParseError) as error:
        raise OutboundRefused("the URL cannot be read") from error
    if parts.scheme not in _PORTS or not parts.netloc:
        raise OutboundRefused("the URL is not an absolute http or https URL")
    if "@" in parts.netloc or "%" in parts.netloc:
        raise OutboundRefused("the URL carries a user name, or an encoded host")
    if "#" in url:
        raise OutboundRefused("the URL carries a fragment")
    host = (parts.hostname or "").lower()
    if host != (second.host or "").lower().strip("[]") or (second.port or None) != port:
        raise OutboundRefused("the URL's host can be read in two ways")
    _check_host(host, parts)
    return Place(parts.scheme, host, port or _PORTS[parts.scheme], _plain_path(parts.path))


def read_prefix(url: str) -> Place:
    """Read an allow-list entry; `:*` (any port) is allowed on loopback hosts only. Raises OutboundRefused."""
    any_port = re.match(r"(https?://(?:localhost|127\.0\.0\.1|\[::1\])):\*(/.*)?\Z", url)
    if any_port:
        place = read_place(any_port[1] + (any_port[2] or "/"))
        return Place(place.scheme, place.host, None, place.path)
    if "?" in url:
        raise OutboundRefused("an allow-list entry has no query")
    return read_place(url)


def _check_host(host: str, parts: SplitResult) -> None:
    if parts.netloc.startswith("["):
        try:
            spelled = ipaddress.IPv6Address(host)
        except ValueError as error:
            raise OutboundRefused("the URL's host is no IPv6 address") from error
        if spelled.ipv4_mapped or spelled.scope_id:
            raise OutboundRefused("the URL's host is an IPv4 address in disguise, or has a zone")
        return
    if not _HOST_NAME.match(host):
        raise OutboundRefused("the URL's host is not a plain host name")
    if _NUMBER_LABEL.match(host.rsplit(".", 1)[-1]):
        try:
            plain = str(ipaddress.IPv4Address(host))
        except ValueError as error:
            raise OutboundRefused("the URL's host is a number that is no plain IPv4 address") from error
        if plain != host:
            raise OutboundRefused("the URL's host is an IPv4 address in disguise")


def _plain_path(path: str) -> str:
    once = unquote(path)
    for spelled in (path, once, unquote(once)):
        segments = re.split(r"[/\\]", spelled)
        if "." in segments or ".." in segments:
            raise OutboundRefused("the URL's path climbs")
    lowered = path.lower()
    if (
        "%2f" in lowered
        or "%5c" in lowered
        or "%25" in lowered
        or any(ord(sign) < 0x20 for sign in once)
        or ";" in path
    ):
        raise OutboundRefused("the URL's path hides a separator")
    return path or "/"


def address_is_refused(address: Address, listed: Iterable[Network] = ()) -> bool:
    """Tell whether *address* is none we connect to: not public, and in no network that the tenant lists."""
    plain = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped else address
    if any(plain.version == network.version and plain in network for network in listed):
        return False
    special = any(plain.version == network.version and plain in network for network in _REFUSED_NETWORKS)
    return special or not plain.is_global or plain.is_multicast


def check_prefixes(prefixes: Iterable[str], https_only: bool, where: str) -> list[Fault]:
    """Report the allow-list entries that cannot be used."""
    faults = []
    for prefix in prefixes:
        try:
            place = read_prefix(prefix)
        except OutboundRefused as refusal:
            faults.append(Fault(where, f"{prefix!r} cannot be used: {refusal.reason}", "https://host[:port]/path"))
            continue
        if https_only and place.scheme != "https":
            faults.append(Fault(where, f"{prefix!r} is not https", "https in production"))
    return faults


class OutboundGuard:
    """The allow-list of one tenant for one purpose (FHIR reads, or keys), and the sessions that cannot leave it."""

    def __init__(
        self,
        prefixes: Iterable[str],
        *,
        private_networks: Iterable[str] = (),
        https_only: bool = True,
        resolve: Resolve = resolve_by_system,
        breakers: Breakers | None = None,
        ca_bundle: str | None = None,
    ):
        self._allowed = tuple(read_prefix(prefix) for prefix in prefixes)
        self._listed = tuple(ipaddress.ip_network(cidr) for cidr in private_networks)
        self._https_only = https_only
        self._resolve = resolve
        self._breakers = breakers or Breakers()
        self._ca_bundle = ca_bundle

    def check(self, url: str) -> Place:
        """Give the place that *url* names.  Raises OutboundRefused when the allow-list does not hold it."""
        place = read_place(url)
        if self._https_only and place.scheme != "https":
            raise OutboundRefused("only https is read in production")
        if not any(prefix.holds(place) for prefix in self._allowed):
            raise OutboundRefused("the URL's origin and path are not on this tenant's allow-list")
        return place

    def pin(self, place: Place) -> str:
        """Resolve the host of *place* once and give the address to connect to.

        Raises OutboundRefused when any of its addresses is refused, so a name with one public and one private address
        is not read at all; requests.ConnectionError when the name is not known.
        """
        addresses = self._addresses(place)
        for address in addresses:
            if address_is_refused(address, self._listed) and not self._loopback_is_listed(place, address):
                raise OutboundRefused("the host leads to an address that is not public and not listed")
        return str(addresses[0])

    def session(self) -> requests.Session:
        """Give a session whose every request passes this guard. It follows no redirect and asks no proxy."""
        return _GuardedSession(self)

    def session_for(self, url: str) -> requests.Session:
        """Give a session after checking that *url* may be read with it.  Raises OutboundRefused."""
        self.check(url)
        return self.session()

    @property
    def breakers(self) -> Breakers:
        return self._breakers

    @property
    def ca_bundle(self) -> str | None:
        return self._ca_bundle

    def _addresses(self, place: Place) -> tuple[Address, ...]:
        try:
            return (ipaddress.ip_address(place.host),)
        except ValueError:
            pass
        assert place.port is not None, "only allow-list entries leave the port open"
        try:
            found = tuple(ipaddress.ip_address(text) for text in self._resolve(place.host, place.port))
        except (OSError, UnicodeError) as error:
            raise requests.ConnectionError("the host name cannot be resolved") from error
        except ValueError as error:
            raise OutboundRefused("the host resolves to something that is no address") from error
        if not found:
            raise requests.ConnectionError("the host name has no address")
        return found

    def _loopback_is_listed(self, place: Place, address: Address) -> bool:
        """Loopback spelled out on the allow-list is meant; a name that merely resolves to it is not."""
        return address.is_loopback and place.host in _LOOPBACK_NAMES


class _GuardedSession(requests.Session):
    """A session bound to a guard; what is not allowed raises OutboundRefused before anything is sent."""

    def __init__(self, guard: OutboundGuard):
        super().__init__()
        self.trust_env = False
        self.verify = guard.ca_bundle or True
        self._guard = guard
        self.adapters.clear()
        self.mount("https://", _PinnedAdapter(guard))
        self.mount("http://", _PinnedAdapter(guard))

    def send(self, request: requests.PreparedRequest, **how: object) -> requests.Response:
        place = self._guard.check(request.url or "")
        how["allow_redirects"] = False
        how["proxies"] = {}
        if not how.get("timeout"):
            how["timeout"] = (CONNECT_SECONDS, READ_SECONDS)
        with self._guard.breakers.of(place.origin) as outcome:
            response = super().send(request, **how)
            outcome.server_failed = response.status_code >= 500
        return response

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Give no target: the library would otherwise prepare the next request even where none may be followed."""
        return


class _PinnedAdapter(HTTPAdapter):
    """Connects to the checked address while Host, SNI and certificate check keep the name."""

    def __init__(self, guard: OutboundGuard):
        self._guard = guard
        super().__init__(max_retries=0, pool_connections=4, pool_maxsize=8)

    def build_connection_pool_key_attributes(self, request, verify, cert=None):  # type: ignore[no-untyped-def]
        host, pool = super().build_connection_pool_key_attributes(request, verify, cert)
        place = self._guard.check(request.url or "")
        host["host"] = self._guard.pin(place)
        host["port"] = place.port
        if place.scheme == "https":
            pool["assert_hostname"] = place.host
            pool["server_hostname"] = place.host
        return host, pool

    def add_headers(self, request: requests.PreparedRequest, **how: object) -> None:
        place = read_place(request.url or "")
        host = f"[{place.host}]" if ":" in place.host else place.host
        request.headers["Host"] = host if place.port == _PORTS[place.scheme] else f"{host}:{place.port}"


def read_capped(response: requests.Response, most_bytes: int, seconds: float) -> bytes:
    """Read a streamed answer of at most *most_bytes* within *seconds*.  Raises OutboundRefused beyond either."""
    until = time.monotonic() + seconds
    body = bytearray()
    with response:
        for block in response.iter_content(BLOCKS_BYTES):
            body += block
            if len(body) > most_bytes:
                raise OutboundRefused(f"the answer is larger than {most_bytes} bytes")
            if time.monotonic() > until:
                raise OutboundRefused(f"the answer took longer than {seconds} seconds")
    return bytes(body)
