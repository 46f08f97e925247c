"""Taking a JSON body off the wire: its type, its encoding, its size. Reads bytes; understands none."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import Any

from flask import Request, request
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnsupportedMediaType


def json_bytes() -> bytes:
    """Give the request's body; 415 where it is no UTF-8 JSON by its own headers, 413 where it is too large.

    The size is checked on Content-Length before a byte is read, and again while a body of unknown length streams in.
    """
    asked = request._get_current_object()
    _check_type(asked)
    if asked.environ.get("HTTP_CONTENT_ENCODING", "identity").lower() != "identity":
        raise UnsupportedMediaType
    body = _collected(asked.environ, asked.max_content_length)
    if body:
        return body
    try:
        body = asked.get_data()
    except OSError:
        raise BadRequest from None
    limit = asked.max_content_length
    if asked.content_length is None and limit is not None and len(body) >= limit:
        # Werkzeug stops reading a body of unknown length at the limit without a word (seen in 3.1): what would be
        # parsed then is only its beginning.
        raise RequestEntityTooLarge
    return body


def _check_type(asked: Request) -> None:
    if asked.mimetype != "application/json":
        raise UnsupportedMediaType
    if asked.mimetype_params.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
        raise UnsupportedMediaType


def plain_json_bytes(environ: Mapping[str, Any], most: int) -> bytes | None:
    """Give the body where its headers say in the plainest way what `json_bytes` asks for, and it is here; None otherwise."""
    if environ.get("CONTENT_TYPE") != "application/json" or "HTTP_CONTENT_ENCODING" in environ:
        return None
    return _collected(environ, most)


def _collected(environ: Mapping[str, Any], most: int | None) -> bytes | None:
    """Give the body where the server has collected it whole already: reading it as a stream would copy it three times."""
    stream = environ["wsgi.input"]
    if type(stream) is not BytesIO or stream.tell() or "HTTP_TRANSFER_ENCODING" in environ:
        return None
    body = stream.getvalue()
    return body if environ.get("CONTENT_LENGTH") == str(len(body)) and (most is None or len(body) <= most) else None
