"""Signing clients, forged tokens, key servers and resolvers for the attack suite."""

from __future__ import annotations

import base64
import http.server
import json
import ssl
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from cds_service.security.keys import read_key_set
from cds_service.security.tenants import Tenant

BASE = "https://cds.example.org"
PATH = "/cds-services/spine-rehab"
ISSUER = "https://ehr.example.org/fhir"
JKU = "https://ehr.example.org/keys/jwks.json"
NOW = 1_795_000_000

_MAKERS: Mapping[str, Callable[[], Any]] = {
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ES384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ES512": lambda: ec.generate_private_key(ec.SECP521R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
}
_RSA = [rsa.generate_private_key(65537, 2048), rsa.generate_private_key(65537, 2048)]


def b64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def part(content: Any) -> str:
    return b64(content if isinstance(content, bytes) else json.dumps(content).encode())


class Client:
    """An EHR that signs: one key, its JWK, and tokens of any shape."""

    def __init__(self, algorithm: str = "ES384", kid: str = "key-1", key: Any = None):
        self.algorithm = algorithm
        self.kid = kid
        self.key = key or (_MAKERS[algorithm]() if algorithm in _MAKERS else _RSA[0])

    @property
    def jwk(self) -> dict[str, Any]:
        public = jwt.get_algorithm_by_name(self.algorithm).to_jwk(self.key.public_key(), as_dict=True)
        return {
            **{k: v for k, v in public.items() if k != "key_ops"},
            "kid": self.kid,
            "use": "sig",
            "alg": self.algorithm,
        }

    @property
    def jwks(self) -> dict[str, Any]:
        return {"keys": [self.jwk]}

    def claims(self, **changes: Any) -> dict[str, Any]:
        claims = {"iss": ISSUER, "aud": BASE + PATH, "iat": NOW, "exp": NOW + 300, "jti": uuid.uuid4().hex, **changes}
        return {name: value for name, value in claims.items() if value is not ...}

    def header(self, **changes: Any) -> dict[str, Any]:
        header = {"alg": self.algorithm, "kid": self.kid, "typ": "JWT", **changes}
        return {name: value for name, value in header.items() if value is not ...}

    def token(self, claims: Any = None, header: Any = None, sign_as: str | None = None) -> str:
        """Sign; *claims* and *header* may be dicts (changes, `...` leaves one out) or raw bytes."""
        said = claims if isinstance(claims, bytes) else self.claims(**(claims or {}))
        head = header if isinstance(header, bytes) else self.header(**(header or {}))
        signed = f"{part(head)}.{part(said)}"
        algorithm = jwt.get_algorithm_by_name(sign_as or self.algorithm)
        return f"{signed}.{b64(algorithm.sign(signed.encode(), self.key))}"


def a_tenant(*clients: Client, **changes: Any) -> Tenant:
    """A tenant that trusts *clients*, in production terms."""
    keys = {"keys": [client.jwk for client in clients]}
    terms: dict[str, Any] = {
        "id": "ehr",
        "issuers": (ISSUER,),
        "base_urls": (BASE,),
        "algorithms": ("ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "EdDSA"),
        **changes,
    }
    if clients and "key_set" not in terms:
        terms["key_set"] = read_key_set(keys)
    return Tenant(**terms)


class Server(http.server.BaseHTTPRequestHandler):
    """A server on loopback whose answers a test writes: path -> (status, headers, body) or a function of the handler."""

    answers: dict[str, Any]
    seen: list[tuple[str, str, Any]]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.seen.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}))
        answer = self.answers.get(self.path.split("?")[0], (404, {}, b""))
        if callable(answer):
            answer(self)
            return
        status, headers, body = answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.seen.append((self.command, self.path, body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *said: object) -> None:
        pass


@contextmanager
def a_server(answers: dict[str, Any], certificate: Path | None = None) -> Iterator[tuple[int, list[Any]]]:
    """Serve *answers* on a free loopback port; gives the port and the list of requests seen."""
    seen: list[Any] = []
    handler = type("Handler", (Server,), {"answers": answers, "seen": seen})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1], seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def slowly(body: bytes, pause_seconds: float) -> Callable[[Server], None]:
    """An answer that drips byte by byte."""

    def answer(handler: Server) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        try:
            for index in range(len(body)):
                handler.wfile.write(body[index : index + 1])
                handler.wfile.flush()
                time.sleep(pause_seconds)
        except OSError:
            handler.close_connection = True

    return answer
