"""Server-side request forgery: by spelling, by name resolution, by redirect; and where the bearer token may go."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme

from cds_service.errors import OutboundRefused
from cds_service.security.breaker import Breakers, CircuitOpen
from cds_service.security.outbound import OutboundGuard, address_is_refused, read_capped, read_place
from tests.security.builders import a_server, slowly

FHIR = "https://fhir.example.org/r4/"
PUBLIC = "93.184.216.34"


def a_guard(*prefixes: str, addresses: Sequence[str] = (PUBLIC,), **how: Any) -> OutboundGuard:
    return OutboundGuard(prefixes or (FHIR,), resolve=lambda host, port: tuple(addresses), **how)


@pytest.mark.parametrize(
    "url",
    [
        "https://fhir.example.org/r4",
        "https://fhir.example.org/r4/",
        "https://fhir.example.org/r4/Patient/1",
        "https://FHIR.example.org:443/r4/Observation?code=http%3A%2F%2Floinc.org%7C4548-4&_count=1",
        "HTTPS://fhir.example.org/r4/metadata",
    ],
)
def test_what_the_tenant_listed_is_read(url: str) -> None:
    assert a_guard().check(url).host == "fhir.example.org"


SPELLINGS = {
    "another host": "https://evil.example/r4/Patient/1",
    "a host that begins alike": "https://fhir.example.org.evil.example/r4/",
    "a host that ends alike": "https://evilfhir.example.org/r4/",
    "a host with a dot at the end": "https://fhir.example.org./r4/",
    "another port": "https://fhir.example.org:8443/r4/",
    "plain http": "http://fhir.example.org/r4/",
    "http on the TLS port": "http://fhir.example.org:443/r4/",
    "another path": "https://fhir.example.org/admin",
    "a path that begins alike": "https://fhir.example.org/r4evil/Patient",
    "a path that climbs": "https://fhir.example.org/r4/../admin",
    "a path that climbs, encoded": "https://fhir.example.org/r4/%2e%2e/admin",
    "a path that climbs, half encoded": "https://fhir.example.org/r4/.%2E/admin",
    "a path that climbs, encoded twice": "https://fhir.example.org/r4/%252e%252e/admin",
    "a path with an encoded slash": "https://fhir.example.org/r4/..%2fadmin",
    "a path with an encoded backslash": "https://fhir.example.org/r4/..%5cadmin",
    "a path with parameters": "https://fhir.example.org/r4/..;/admin",
    "a path with a null": "https://fhir.example.org/r4/%00/admin",
    "our host as user name": "https://fhir.example.org@evil.example/r4/",
    "our host and port as user and password": "https://fhir.example.org:443@evil.example/r4/",
    "an encoded at sign": "https://fhir.example.org%40evil.example/r4/",
    "a user name": "https://user:secret@fhir.example.org/r4/",
    "a fragment hides the host": "https://evil.example#@fhir.example.org/r4/",
    "a fragment": "https://fhir.example.org/r4/#x",
    "a backslash for a slash": "https://evil.example\\@fhir.example.org/r4/",
    "backslashes after the scheme": "https:\\\\fhir.example.org\\r4",
    "a line break in the path": "https://fhir.example.org/r4/x\r\nHost: evil.example",
    "a line break in the host": "https://fhir.example.org\r\n/r4/",
    "a tab in the scheme": "ht\ttps://fhir.example.org/r4/",
    "a space before": " https://fhir.example.org/r4/",
    "a null byte": "https://fhir.example.org\x00.evil.example/r4/",
    "letters that look alike": "https://fhir.exаmple.org/r4/",
    "full-width letters": "https://ｆhir.example.org/r4/",
    "a full-width dot": "https://fhir。example。org/r4/",
    "no host": "https:///r4/",
    "no scheme": "//fhir.example.org/r4/",
    "file": "file:///etc/passwd",
    "gopher": "gopher://fhir.example.org:70/_GET",
    "ftp": "ftp://fhir.example.org/r4/",
    "jar": "jar:https://fhir.example.org/r4/!/",
    "data": "data:application/json,{}",
    "javascript": "javascript:alert(1)",
    "empty": "",
    "very long": "https://fhir.example.org/r4/" + "a" * 9_000,
    "a port that is no number": "https://fhir.example.org:44a/r4/",
    "a port too high": "https://fhir.example.org:99999/r4/",
    "loopback": "https://127.0.0.1/r4/",
    "loopback by name": "https://localhost/r4/",
    "loopback, short": "https://127.1/r4/",
    "loopback, one number": "https://2130706433/r4/",
    "loopback, hexadecimal": "https://0x7f000001/r4/",
    "loopback, hexadecimal parts": "https://0x7f.0x0.0x0.0x1/r4/",
    "loopback, octal": "https://0177.0.0.1/r4/",
    "loopback, with zeros": "https://127.000.000.001/r4/",
    "everything": "https://0.0.0.0/r4/",
    "zero": "https://0/r4/",
    "loopback of IPv6": "https://[::1]/r4/",
    "loopback mapped into IPv6": "https://[::ffff:127.0.0.1]/r4/",
    "loopback mapped, hexadecimal": "https://[::ffff:7f00:1]/r4/",
    "loopback through NAT64": "https://[64:ff9b::7f00:1]/r4/",
    "loopback through 6to4": "https://[2002:7f00:1::]/r4/",
    "a zone": "https://[fe80::1%25eth0]/r4/",
    "metadata service": "https://169.254.169.254/latest/meta-data/",
    "metadata service of IPv6": "https://[fd00:ec2::254]/latest/meta-data/",
    "metadata by name": "https://metadata.google.internal/computeMetadata/v1/",
}


@pytest.mark.parametrize("url", SPELLINGS.values(), ids=SPELLINGS.keys())
def test_a_url_that_is_not_listed_is_refused_before_any_name_is_resolved(url: str) -> None:
    def resolve(host: str, port: int) -> Sequence[str]:
        raise AssertionError("a name was resolved")

    guard = OutboundGuard((FHIR,), resolve=resolve)

    with pytest.raises(OutboundRefused):
        guard.check(url)
    with pytest.raises((OutboundRefused, requests.RequestException)):
        guard.session().get(url.replace(" https", "x https"))  # the library strips spaces; what is left is listed


@pytest.mark.parametrize("url", [None, 7, ["https://fhir.example.org/r4/"], {"a": 1}, b"https://fhir.example.org/r4/"])
def test_what_is_no_string_is_refused(url: Any) -> None:
    with pytest.raises(OutboundRefused):
        a_guard().check(url)


@pytest.mark.parametrize("url", SPELLINGS.values(), ids=SPELLINGS.keys())
def test_a_refusal_does_not_repeat_the_url(url: str) -> None:
    with pytest.raises(OutboundRefused) as caught:
        a_guard().check(url)

    assert "evil" not in str(caught.value) and "secret" not in str(caught.value)


ADDRESSES = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "169.254.170.2",
    "100.64.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "192.88.99.1",
    "::",
    "::1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::7f00:1",
    "64:ff9b::a00:1",
    "64:ff9b:1::a00:1",
    "2002:a00:1::",
    "2001:0:a00:1::",
    "2001:db8::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "100::1",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_listed_name_that_leads_to_a_special_address_is_refused(address: str) -> None:
    guard = a_guard(addresses=[address])

    with pytest.raises(OutboundRefused):
        guard.session().get(FHIR + "Patient/1")


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:4700::1111"])
def test_a_public_address_is_not_refused(address: str) -> None:
    assert not address_is_refused(ipaddress.ip_address(address))


def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    with pytest.raises(OutboundRefused):
        a_guard(addresses=[PUBLIC, "10.0.0.1"]).pin(read_place(FHIR))


def test_a_network_that_the_tenant_lists_is_reached_and_its_neighbour_is_not() -> None:
    place = read_place(FHIR)

    assert a_guard(addresses=["10.20.3.4"], private_networks=["10.20.0.0/16"]).pin(place) == "10.20.3.4"
    with pytest.raises(OutboundRefused):
        a_guard(addresses=["10.21.3.4"], private_networks=["10.20.0.0/16"]).pin(place)
    with pytest.raises(OutboundRefused):
        a_guard(addresses=["127.0.0.1"], private_networks=["10.20.0.0/16"]).pin(place)


def test_a_name_that_is_not_known_is_a_connection_error_not_a_refusal() -> None:
    def resolve(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror("unknown")

    with pytest.raises(requests.ConnectionError):
        OutboundGuard((FHIR,), resolve=resolve).session().get(FHIR)


class _Rebinding:
    """A resolver whose answer changes with every question, as a hostile name server's does."""

    def __init__(self, *answers: str):
        self.answers = list(answers)
        self.asked = 0

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        return (self.answers[min(self.asked, len(self.answers)) - 1],)


def test_a_name_is_resolved_once_and_that_address_is_connected(monkeypatch: pytest.MonkeyPatch) -> None:
    resolver = _Rebinding(PUBLIC, "127.0.0.1")
    connected: list[Any] = []

    def connect(address: Any, *rest: Any, **how: Any) -> socket.socket:
        connected.append(address)
        raise OSError("no network in tests")

    monkeypatch.setattr("urllib3.util.connection.create_connection", connect)

    with pytest.raises(requests.ConnectionError):
        OutboundGuard((FHIR,), resolve=resolver).session().get(FHIR)

    assert connected == [(PUBLIC, 443)]
    assert resolver.asked == 1


def test_a_name_that_turns_to_loopback_between_two_reads_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    resolver = _Rebinding(PUBLIC, "127.0.0.1")
    monkeypatch.setattr(
        "urllib3.util.connection.create_connection", lambda *how, **more: (_ for _ in ()).throw(OSError("no network"))
    )
    session = OutboundGuard((FHIR,), resolve=resolver).session()
    with pytest.raises(requests.ConnectionError):
        session.get(FHIR)

    with pytest.raises(OutboundRefused):
        session.get(FHIR)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """A certificate authority, a certificate for fhir.example.org, and one for another name."""
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    for name in ("fhir.example.org", "other.example.org"):
        authority.issue_cert(name).private_key_and_cert_chain_pem.write_to_path(folder / f"{name}.pem")
    return folder / "ca.pem", folder / "fhir.example.org.pem", folder / "other.example.org.pem"


def test_tls_is_checked_for_the_name_though_an_address_is_connected(authority: tuple[Path, Path, Path]) -> None:
    bundle, good, _ = authority
    with a_server({"/r4/metadata": (200, {}, b"{}")}, good) as (port, seen):
        guard = a_guard(
            f"https://fhir.example.org:{port}/r4",
            addresses=["127.0.0.1"],
            private_networks=["127.0.0.0/8"],
            ca_bundle=str(bundle),
        )

        answer = guard.session().get(f"https://fhir.example.org:{port}/r4/metadata")

    assert answer.status_code == 200
    assert seen[0][2]["host"] == f"fhir.example.org:{port}"


def test_a_certificate_of_another_name_is_refused(authority: tuple[Path, Path, Path]) -> None:
    bundle, _, other = authority
    with a_server({"/r4/metadata": (200, {}, b"{}")}, other) as (port, seen):
        guard = a_guard(
            f"https://fhir.example.org:{port}/r4",
            addresses=["127.0.0.1"],
            private_networks=["127.0.0.0/8"],
            ca_bundle=str(bundle),
        )

        with pytest.raises(requests.exceptions.SSLError):
            guard.session().get(f"https://fhir.example.org:{port}/r4/metadata", headers={"Authorization": "Bearer t"})

    assert seen == []


def test_a_certificate_of_an_unknown_authority_is_refused(authority: tuple[Path, Path, Path]) -> None:
    _, good, _ = authority
    with a_server({}, good) as (port, seen):
        guard = a_guard(
            f"https://fhir.example.org:{port}/r4", addresses=["127.0.0.1"], private_networks=["127.0.0.0/8"]
        )

        with pytest.raises(requests.exceptions.SSLError):
            guard.session().get(f"https://fhir.example.org:{port}/r4/x")

    assert seen == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_the_token_goes_nowhere_else(status: int) -> None:
    with a_server({}) as (evil_port, stolen):
        answers = {"/fhir/Patient/1": (status, {"Location": f"http://127.0.0.1:{evil_port}/fhir/steal"}, b"")}
        with a_server(answers) as (port, seen):
            guard = a_guard(f"http://127.0.0.1:{port}/fhir", https_only=False)

            answer = guard.session().get(
                f"http://127.0.0.1:{port}/fhir/Patient/1",
                headers={"Authorization": "Bearer secret"},
                allow_redirects=True,
            )

    assert answer.status_code == status
    assert len(seen) == 1 and stolen == []


def test_the_token_does_not_reach_a_next_page_of_another_origin() -> None:
    with a_server({"/fhir/x": (200, {}, b"{}")}) as (evil_port, stolen), a_server({}) as (port, _):
        guard = a_guard(f"http://127.0.0.1:{port}/fhir", https_only=False)

        with pytest.raises(OutboundRefused):
            guard.session().get(f"http://127.0.0.1:{evil_port}/fhir/x", headers={"Authorization": "Bearer secret"})

    assert stolen == []


def test_no_proxy_and_no_netrc_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login spy password spy\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with a_server({}) as (proxy_port, through), a_server({"/fhir/x": (200, {}, b"{}")}) as (port, seen):
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy_port}")
        monkeypatch.setenv("all_proxy", f"http://127.0.0.1:{proxy_port}")

        assert (
            a_guard(f"http://127.0.0.1:{port}/fhir", https_only=False)
            .session()
            .get(f"http://127.0.0.1:{port}/fhir/x")
            .ok
        )

    assert through == [] and "authorization" not in seen[0][2]


def test_loopback_on_any_port_is_only_for_prefixes_that_say_so() -> None:
    guard = a_guard("http://127.0.0.1:*/fhir", https_only=False)

    assert guard.check("http://127.0.0.1:9103/fhir/Patient/1")
    with pytest.raises(OutboundRefused):
        guard.check("http://127.0.0.1:9103/other")
    with pytest.raises(OutboundRefused):
        a_guard("https://fhir.example.org:*/r4")


def test_localhost_that_is_listed_may_lead_to_loopback_and_nowhere_else() -> None:
    place = read_place("http://localhost:9103/fhir")

    assert a_guard("http://localhost:*/", addresses=["127.0.0.1"], https_only=False).pin(place) == "127.0.0.1"
    with pytest.raises(OutboundRefused):
        a_guard("http://localhost:*/", addresses=["10.0.0.1"], https_only=False).pin(place)


def test_an_answer_larger_than_the_cap_is_dropped() -> None:
    with a_server({"/fhir/x": (200, {}, b"x" * 300_000)}) as (port, _):
        session = a_guard(f"http://127.0.0.1:{port}/fhir", https_only=False).session()

        with pytest.raises(OutboundRefused):
            read_capped(session.get(f"http://127.0.0.1:{port}/fhir/x", stream=True), 100_000, 5)


def test_an_answer_that_drips_is_dropped_at_the_deadline() -> None:
    with a_server({"/fhir/x": slowly(b"x" * 200, 0.02)}) as (port, _):
        session = a_guard(f"http://127.0.0.1:{port}/fhir", https_only=False).session()

        with pytest.raises((OutboundRefused, requests.RequestException)):
            read_capped(session.get(f"http://127.0.0.1:{port}/fhir/x", stream=True), 100_000, 0.2)


class _Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_host_that_keeps_failing_is_left_alone_and_tried_again_later() -> None:
    clock = _Clock()
    breakers = Breakers(failures=3, open_seconds=20, clock=clock)
    answers: dict[str, Any] = {"/fhir/x": (503, {}, b"")}
    with a_server(answers) as (port, seen):
        url = f"http://127.0.0.1:{port}/fhir/x"
        session = a_guard(f"http://127.0.0.1:{port}/fhir", https_only=False, breakers=breakers).session()
        assert [session.get(url).status_code for _ in range(3)] == [503, 503, 503]

        with pytest.raises(CircuitOpen):
            session.get(url)
        assert len(seen) == 3

        clock.now = 21
        answers["/fhir/x"] = (200, {}, b"{}")
        assert session.get(url).status_code == 200
        assert breakers.state(f"http://127.0.0.1:{port}") == "closed"


def test_a_failed_trial_opens_the_circuit_at_once() -> None:
    clock = _Clock()
    breakers = Breakers(failures=2, open_seconds=20, clock=clock)
    for _ in range(2):
        with pytest.raises(requests.ConnectionError), breakers.of("https://a:443"):
            raise requests.ConnectionError
    clock.now = 21
    with pytest.raises(requests.ConnectionError), breakers.of("https://a:443"):
        assert breakers.state("https://a:443") == "trial"
        with pytest.raises(CircuitOpen), breakers.of("https://a:443"):
            pass
        raise requests.ConnectionError

    with pytest.raises(CircuitOpen), breakers.of("https://a:443"):
        pass


def test_a_refusal_of_ours_does_not_open_the_circuit() -> None:
    breakers = Breakers(failures=1)
    for _ in range(3):
        with pytest.raises(OutboundRefused), breakers.of("https://a:443"):
            raise OutboundRefused("ours")

    assert breakers.state("https://a:443") == "closed"


def test_one_hosts_circuit_is_not_anothers() -> None:
    breakers = Breakers(failures=1)
    with pytest.raises(requests.ConnectionError), breakers.of("https://a:443"):
        raise requests.ConnectionError

    with breakers.of("https://b:443"):
        pass
    assert (breakers.state("https://a:443"), breakers.state("https://b:443")) == ("open", "closed")
