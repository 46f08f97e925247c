"""Taking a JSON body off the wire: its type, its encoding, its size. Reads bytes; understands none."""

from __future__ import annotations

from io import BytesIO

from flask import request
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnsupportedMediaType


def json_bytes() -> bytes:
    """Give the request's body; 415 where it is no UTF-8 JSON by its own headers, 413 where it is too large.

    The size is checked on Content-Length before a byte is read, and again while a body of unknown length streams in.
    """
    if request.mimetype != "application/json":
        raise UnsupportedMediaType
    if request.mimetype_params.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
        raise UnsupportedMediaType
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType
    try:
        body = _collected() or request.get_data()
    except OSError:
        raise BadRequest from None
    limit = request.max_content_length
    if request.content_length is None and limit is not None and len(body) >= limit:
        # Werkzeug stops reading a body of unknown length at the limit without a word (seen in 3.1): what would be
        # parsed then is only its beginning.
        raise RequestEntityTooLarge
    return body


def _collected() -> bytes | None:
    """Give the body where the server has collected it whole already: reading it as a stream would copy it three times."""
    stream = request.environ["wsgi.input"]
    if type(stream) is not BytesIO or stream.tell():
        return None
    body = stream.getvalue()
    most = request.max_content_length
    return body if len(body) == request.content_length and (most is None or len(body) <= most) else None
