"""Plain requests and their answers: the head of an ordinary POST read in one step, the answer written in one piece.

What is plain is said by one strict pattern and a list of fields that change what a request means; everything else is None
here and left to gunicorn's parser, which also gives every refusal. Where this reading gives an environment it is the one
that gunicorn gives (tests/security/test_plain_http.py compares them).
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable
from typing import Any

from gunicorn import SERVER
from gunicorn.http.wsgi import base_environ
from gunicorn.util import http_date

_HEAD_BYTES_MOST = 16_000
_FIELDS_MOST = 40
_HEAD = re.compile(
    r"POST (/(?!/)[A-Za-z0-9._~/-]{0,1000}) HTTP/1\.1\r\n((?:[A-Za-z0-9-]{1,100}:[\x20-\x7e]{0,10000}\r\n){0,100})\r\n"
)
_FIELD = re.compile(r"([A-Za-z0-9-]+):([\x20-\x7e]*)\r\n")
_NOT_PLAIN = frozenset({"HTTP_EXPECT", "HTTP_TE", "HTTP_TRAILER", "HTTP_TRANSFER_ENCODING", "HTTP_UPGRADE"})
_ANSWER_FIELDS = re.compile(r"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+: [\t\x20-\x7e\x80-\xff]*\r\n)*")
_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)
_WITHOUT_BODY = ("204", "304")


def connection_environ(cfg: Any, client: Any, server: Any) -> dict[str, Any] | None:
    """What holds for every plain request on a connection; None where it is no TCP connection without TLS."""
    if cfg.is_ssl or not isinstance(client, tuple) or not isinstance(server, tuple):
        return None
    return {
        **base_environ(cfg),
        "wsgi.multithread": True,
        "wsgi.url_scheme": "http",
        "REQUEST_METHOD": "POST",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": str(client[1]),
        "SCRIPT_NAME": os.environ.get("SCRIPT_NAME", ""),
        "QUERY_STRING": "",
    }


def not_plain_fields(cfg: Any) -> frozenset[str]:
    """Fields that gunicorn's parser must judge, by the names they have in the environment."""
    of_proxies = {"HTTP_" + name.replace("-", "_") for name in cfg.secure_scheme_headers}
    return _NOT_PLAIN | of_proxies


def read_plain(head: bytes, base: dict[str, Any], not_plain: frozenset[str]) -> dict[str, Any] | None:
    """Give the WSGI environment of the request with this *head* (its empty line included), or None where it is not plain.

    *base* is the connection's environment. Nothing of *head* is kept.
    """
    if len(head) > _HEAD_BYTES_MOST or base["SCRIPT_NAME"]:
        return None
    text = head.decode("latin-1")
    plain = _HEAD.fullmatch(text)
    if plain is None:
        return None
    environ = base.copy()
    environ["PATH_INFO"] = environ["RAW_URI"] = plain[1]
    fields = _FIELD.findall(plain[2])
    if len(fields) > _FIELDS_MOST:
        return None
    for name, value in fields:
        key = "HTTP_" + name.upper().replace("-", "_")
        if key in environ or key in not_plain:
            return None
        environ[key] = value.strip(" ")
    if environ.get("HTTP_CONNECTION", "keep-alive").lower() not in ("keep-alive", "close"):
        return None
    length = environ.pop("HTTP_CONTENT_LENGTH", "")
    if not length.isdecimal():
        return None
    environ["CONTENT_LENGTH"] = length
    if "HTTP_CONTENT_TYPE" in environ:
        environ["CONTENT_TYPE"] = environ.pop("HTTP_CONTENT_TYPE")
    return environ


class Reply:
    """An answer under way: give `start_response` to the application, then ask for `whole`."""

    __slots__ = ("_headers", "_status", "_written")

    def __init__(self) -> None:
        self._status = ""
        self._headers: list[tuple[str, str]] = []
        self._written: list[bytes] = []

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], object]:
        """WSGI's start_response; nothing is sent before the end, so a second call replaces the first."""
        self._status, self._headers = status, headers
        return self._written.append

    def whole(self, body: Iterable[bytes], keep: bool) -> bytes:
        """Give the answer with *body*, to be sent as it is; raises ValueError for headers that would be more than that."""
        content = b"".join((*self._written, *body))
        names = [name.lower() for name, _ in self._headers]
        said = self._headers
        if not _HOP_BY_HOP.isdisjoint(names):
            said = [(name, value) for name, value in said if name.lower() not in _HOP_BY_HOP]
        connection = "keep-alive" if keep else "close"
        fields = f"Server: {SERVER}\r\nDate: {_date()}\r\nConnection: {connection}\r\n" + "".join(
            [f"{name}: {value}\r\n" for name, value in said]
        )
        if self._status.startswith(_WITHOUT_BODY):
            content = b""
        elif "content-length" not in names:
            fields += f"Content-Length: {len(content)}\r\n"
        if not self._status or _ANSWER_FIELDS.fullmatch(fields) is None or not self._status.isprintable():
            raise ValueError("the answer has no status, or a header with a sign that none may have")
        return f"HTTP/1.1 {self._status}\r\n{fields}\r\n".encode("latin-1") + content


_dated: tuple[int, str] = (0, "")


def _date() -> str:
    global _dated
    now = int(time.time())
    if _dated[0] != now:
        _dated = (now, http_date(now))
    return _dated[1]
