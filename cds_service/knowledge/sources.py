"""The bibliography: cards/sources.csv read into sources, each saying whether a card may cite it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from cds_service.errors import Fault
from cds_service.knowledge.csv_text import Row, read_csv_table
from cds_service.knowledge.model import Source

COLUMNS = ("key", "author", "year", "title", "publication", "url", "grade", "citable", "status", "used_for")
_GRADES = ("A", "B", "C")


def load_sources(folder: Path, faults: list[Fault]) -> Mapping[str, Source]:
    """Read `sources.csv` of *folder*; a source without status words or with an unclear `citable` is a fault."""
    rows = read_csv_table(folder / "sources.csv", "sources.csv", COLUMNS, "key", faults)
    return {row["key"]: _source(row, faults) for row in rows}


def _source(row: Row, faults: list[Fault]) -> Source:
    for column in ("author", "title", "status", "used_for"):
        if not row[column]:
            faults.append(Fault(row.place, f"the cell {column!r} is empty", "a few plain words"))
    if row["grade"] not in _GRADES:
        faults.append(Fault(row.place, f"grade {row['grade']!r}", "A (trial, review, guideline), B or C"))
    if row["citable"] not in ("yes", "no"):
        faults.append(Fault(row.place, f"citable {row['citable']!r}", "yes or no", "no where it was never verified"))
    if row["url"] and not re.fullmatch(r"https?://[^\s]+", row["url"]):
        faults.append(Fault(row.place, f"url {row['url']!r}", "an address that opens, or an empty cell"))
    return Source(
        key=row["key"],
        author=row["author"],
        year=row["year"],
        title=row["title"],
        url=row["url"] or None,
        grade=row["grade"],
        status=row["status"],
        used_for=row["used_for"],
        citable=row["citable"] == "yes",
        publication=row["publication"],
    )
