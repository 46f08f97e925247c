"""Taking a JSON body off the wire: its type, its encoding, its size. Reads bytes; understands none."""

from __future__ import annotations

from flask import request
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from cds_service.security.limits import check_depth


def json_bytes() -> bytes:
    """Give the request's body; 415 where it is no UTF-8 JSON by its own headers, 413 where it is too large.

    Raises CallFaults for a body that nests deeper than any honest one, before a parser sees it.

    The size is checked on Content-Length before a byte is read, and again while a body of unknown length streams in.
    """
    if request.mimetype != "application/json":
        raise UnsupportedMediaType
    if request.mimetype_params.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
        raise UnsupportedMediaType
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType
    try:
        body = request.get_data()
    except OSError:
        raise BadRequest from None
    check_depth(body)
    return body
