"""Read a CSV table as text with line numbers; every cell is stripped text, every fault has its place."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cds_service.errors import Fault


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: its place (`file:line`) and its cells by column."""

    place: str
    cells: dict[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells[column]

    def listed(self, column: str) -> tuple[str, ...]:
        """Give the entries of a cell that lists several things, separated by `;`."""
        return tuple(part.strip() for part in self.cells[column].split(";") if part.strip())


def read_csv_table(
    file: Path, name: str, columns: Sequence[str], key: str | None, faults: list[Fault]
) -> tuple[Row, ...]:
    """Read *file*, whose header must be exactly *columns*; rows without *key* or with a repeated one become faults.

    *key* None means that no single column names a row.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        faults.append(Fault(f"{name}:1", "the file is missing", "a table", "add it or restore it"))
        return ()
    except UnicodeDecodeError as error:
        faults.append(Fault(f"{name}:1", f"not UTF-8 at byte {error.start}", "a UTF-8 table", "save it as CSV UTF-8"))
        return ()
    reader = csv.reader(text.splitlines(), strict=True)
    try:
        header = [cell.strip() for cell in next(reader, [])]
        if header != list(columns):
            _tell_header(name, header, columns, faults)
            return ()
        return tuple(_rows(reader, name, columns, key, faults))
    except csv.Error as error:
        faults.append(Fault(f"{name}:{reader.line_num}", f"cannot be read as CSV: {error}", "valid CSV"))
        return ()


def _tell_header(name: str, header: list[str], columns: Sequence[str], faults: list[Fault]) -> None:
    missing = [column for column in columns if column not in header]
    unknown = [column for column in header if column not in columns]
    what = "the columns differ"
    if missing:
        what += f"; missing: {', '.join(missing)}"
    if unknown:
        what += f"; not known: {', '.join(unknown)}"
    faults.append(Fault(f"{name}:1", what, ", ".join(columns), "keep these columns in this order"))


def _rows(reader: csv._reader, name: str, columns: Sequence[str], key: str | None, faults: list[Fault]) -> list[Row]:  # type: ignore[name-defined]
    rows: list[Row] = []
    seen: dict[str, str] = {}
    for cells in reader:
        place = f"{name}:{reader.line_num}"
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(columns):
            faults.append(Fault(place, f"{len(cells)} cells", f"{len(columns)} cells", "quote cells that hold a comma"))
            continue
        row = Row(place, {column: cell.strip() for column, cell in zip(columns, cells, strict=True)})
        if key is None:
            rows.append(row)
        elif not row[key]:
            faults.append(Fault(place, f"the cell {key!r} is empty", "an id"))
        elif row[key] in seen:
            faults.append(Fault(place, f"{key} {row[key]!r} stands here twice", "each once", f"see {seen[row[key]]}"))
        else:
            seen[row[key]] = place
            rows.append(row)
    return rows
