"""Chart text made safe to stand in a line of ours: one line, no controls, no direction tricks, bounded. Knows no Markdown."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

_BREAKS = frozenset("\t\n\v\f\r\x1c\x1d\x1e\x1f\x85\u2028\u2029")


def one_line(text: str | None, limit: int = 160) -> str:
    """Give *text* as one printable line of at most *limit* characters, with an ellipsis where it was cut.

    Line breaks and tabs become spaces; control, format (bidi, zero-width), surrogate, private-use and unassigned
    characters go; runs of combining marks are cut to two. None gives "".
    """
    if not text:
        return ""
    if not (text.isascii() and text.isprintable()):
        text = _printable(text)
    if "  " in text or text[:1] == " " or text[-1:] == " ":
        text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def lower_first(text: str) -> str:
    """Give *text* with a small first letter, unless it begins with an abbreviation."""
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


def moment_text(recorded: str | None) -> str:
    """Give a recorded date or time to the minute, in its own zone ("2026-05-20 07:30"); "" where there is none."""
    if not recorded:
        return ""
    shown = one_line(recorded, 40)
    return f"{shown[:10]} {shown[11:16]}" if len(shown) >= 16 and shown[10] == "T" else shown


@lru_cache(maxsize=4096)
def known_line(text: str, limit: int = 160) -> str:
    """Give `one_line` of a text of our own knowledge, worked out once.  Never for chart text: a cache outlives a call."""
    return one_line(text, limit)


def _printable(text: str) -> str:
    kept: list[str] = []
    marks = 0
    for character in text[:20_000]:
        category = unicodedata.category(character)
        if character in _BREAKS or category in ("Zs", "Zl", "Zp"):
            kept.append(" ")
            marks = 0
        elif category[0] == "C":
            continue
        elif category[0] == "M":
            marks += 1
            if marks <= 2:
                kept.append(character)
        else:
            kept.append(character)
            marks = 0
    return "".join(kept)
