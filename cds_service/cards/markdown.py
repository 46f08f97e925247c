"""Text made into GitHub-flavoured Markdown that shows exactly that text: no HTML, link, image or table break.

Everything that a card shows passes here, whether it comes from the chart or from cards/.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from cds_service.patient.chart_text import one_line

_SIGNS = str.maketrans({**{sign: "\\" + sign for sign in "\\`*_[]|~#!$"}, "<": "&lt;", ">": "&gt;", "&": "&amp;"})
# Some renderers look for addresses in the finished text, after escapes are gone, and link them: so the address
# itself is broken up with a visible space.
_AUTOLINK = re.compile(r"(?i)(?:(?<=[a-z])://)|\bwww\.|@(?=\w)|\b(?:javascript|data|vbscript|mailto|xmpp|file):")
_SCHEMES = ("javascript:", "data:", "vbscript:", "mailto:", "xmpp:", "file:")
_UNITS = (
    ("mm[Hg]", "mmHg"),
    ("[degF]", "°F"),
    (" degF", " °F"),
    (" Cel", " °C"),
    ("{score}", "points"),
    ("{INR}", ""),
    ("10*3/uL", "10³/µL"),
    ("10*9/L", "10⁹/L"),
    ("{steps}", "steps"),
    ("<=", "≤"),
    (">=", "≥"),
)
# Signs that Markdown has no use for; nor is there an address, a decimal or a comparison without others than these.
_QUIET = re.compile(r"[A-Za-z0-9 ,;()'/%+-]*(?:(?<=[0-9]):[0-9][A-Za-z0-9 ,;()'/%+-]*)*")
_UNITS_AFTER_A_SPACE = tuple(unit[1:] for unit, _ in _UNITS if unit[:1] == " ")

_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?")
_LONG_DECIMAL = re.compile(r"\b\d{1,9}\.\d{3,}\b")


def readable(text: str) -> str:
    """Give *text* with units, comparisons and moments as people write them (Cel -> °C, <= -> ≤, no seconds).

    A converted value is shown with two decimals (101.5 °F are 38.61 °C, not 38.6111); rules judge the exact one.
    """
    for found, shown in _UNITS:
        if found in text:
            text = text.replace(found, shown)
    if "T" in text:
        text = _MOMENT.sub(r"\1 \2", text)
    return _LONG_DECIMAL.sub(lambda found: f"{float(found.group()):.2f}", text) if "." in text else text


def plain(text: str | None, limit: int = 400) -> str:
    """Give *text* as one line of Markdown that shows it and does nothing else."""
    line = one_line(text, limit)
    if _QUIET.fullmatch(line) and "T" not in line and " degF" not in line and " Cel" not in line:
        return line
    line = readable(line)
    if _may_be_linked(line):
        line = _AUTOLINK.sub(lambda found: _broken(found.group()), line)
    return line.translate(_SIGNS)


def plain_after(ours: str, shown: str, text: str, limit: int) -> str:
    """Give `plain(f"{ours}; {text}", limit)` for an *ours* of our own knowledge that stands as *shown* already: looking it
    through again would take most of the time."""
    line = one_line(text, limit)
    if len(ours) + 2 + len(text) > limit or not line or line.startswith(_UNITS_AFTER_A_SPACE):
        return plain(f"{ours}; {text}", limit)
    return f"{shown}; {plain(line, limit)}"


def _may_be_linked(line: str) -> bool:
    """A quick look that spares nearly every line the slow one; False only where `_AUTOLINK` finds nothing."""
    if not line.isascii():
        return True
    if "@" in line or "://" in line:
        return True
    small = line.lower()
    return "www." in small or (":" in small and any([one in small for one in _SCHEMES]))


@lru_cache(maxsize=4096)
def fixed(text: str, limit: int = 400) -> str:
    """Give `plain` of a text of our own knowledge, rendered once.  Never for chart text: a cache outlives a call."""
    return plain(text, limit)


def _broken(address: str) -> str:
    if address == "@":
        return "(at)"
    if address == "://":
        return ": //"
    return address[:-1] + " " + address[-1]


def table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Give a GFM table; cells are Markdown already."""
    head = list(headings)
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)
