"""Take the largest value of a call out of its body, so that its bytes are gone through once and not three times.

The Observations of a chart are nine tenths of a body. Read with the rest, they are skipped once to find where they end and
decoded after that. Here their end is guessed from what follows them. A guess proves itself: what was taken out must be one
whole JSON value, and the body with a placeholder in its stead must be JSON that holds the placeholder at the very place.
Both together say just what one reading of the whole body says; where either fails, the body is read as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

_SIGN = b"~"
PLACEHOLDER = b'"%b"' % (_SIGN * 24)
"""A text made of a sign so rare that a look whether the body has it already costs next to nothing."""

_COLON = re.compile(rb"\s*:\s*(?=\{)")
_LEAST_BYTES = 4096


class Apart:
    """Which prefetch value to read apart, and by whom.

    *part* is a text that stands in every part of the value and hardly anywhere after it; *neighbours* are the keys that may
    follow. *read* gives what is handed on in the value's place, or None where the bytes are not one whole JSON value or
    need a more careful reader. Values of fewer than *least_bytes* stay where they are.
    """

    def __init__(
        self,
        key: str,
        part: str,
        neighbours: Iterable[str],
        read: Callable[[memoryview], Any | None],
        least_bytes: int = _LEAST_BYTES,
    ):
        self.key = key
        self.read = read
        self._name = f'"{key}"'.encode()
        self._part = part.encode()
        self._least_bytes = least_bytes
        # The value's last bracket stands before the next key, or before that of prefetch and the end or the next member.
        self._end = re.compile(
            rb"\}(?=\s*,\s*\"(?:%b)\"\s*:|\s*\}\s*(?:\}\s*\Z|,\s*\"(?:%b)\"\s*:))"
            % ("|".join(map(re.escape, neighbours)).encode(), b"|".join(_MEMBERS))
        )

    def take_out(self, body: bytes) -> tuple[bytes, memoryview] | None:
        """Give *body* with a placeholder for the value, and the value as guessed; None where there is no guess."""
        at = body.find(self._name, 0, len(body) // 2)
        colon = _COLON.match(body, at + len(self._name)) if at >= 0 else None
        if colon is None:
            return None
        start = colon.end()
        last = body.rfind(self._part, start)
        found = self._end.search(body, last) if last >= 0 else None
        if found is None or found.end() - start < self._least_bytes:
            return None
        head, tail = body[:start], body[found.end() :]
        if _SIGN in head and PLACEHOLDER in head or _SIGN in tail and PLACEHOLDER in tail:
            return None
        return head + PLACEHOLDER + tail, memoryview(body)[start : found.end()]


_MEMBERS = (b"hook", b"hookInstance", b"fhirServer", b"fhirAuthorization", b"context", b"extension")
