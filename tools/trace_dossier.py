"""Trace every number in cards/ to a row of the clinical dossier, and tell every row that has no place in cards/.

    python tools/trace_dossier.py [--dossier FOLDER] [--cards FOLDER]

The dossier (dossier.md and tables.json) is not part of the project; FOLDER defaults to ../shared/clinical. Exit code 0:
every number has its row and every row its place or a written reason (tools/trace_reasons.csv, docs/knowledge-coverage.md).
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
_NAMES = re.compile(r"\b(?:\d{4,6}-\d|[A-Z]{1,4}\d+[A-Z]?\d*|[A-Z]+-\d+(?:-[A-Z]+)?|\d+:\d+|LOINC \S+)\b|https?://\S+")
_NOT_NUMBERS = frozenset(
    {"written_by", "code", "topic_code", "snomed_code", "codes", "next_check", "checked_on", "version", "codelist"}
)
_AS_LUMBAR = {"THX_FUS": "LUM_FUS", "HW_REM": "LUM_LAMI"}


@dataclass
class Report:
    """What was traced (counts by file) and what was not."""

    traced: dict[str, int] = field(default_factory=dict)
    reasoned: list[str] = field(default_factory=list)
    untraced: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not (self.untraced or self.differing or self.left_out)


class Dossier:
    """The two files of the dossier, cut into the texts that a number may come from."""

    def __init__(self, folder: Path):
        self.text = (folder / "dossier.md").read_text(encoding="utf-8")
        self.tables: dict[str, Any] = json.loads((folder / "tables.json").read_text(encoding="utf-8"))
        self.exercises = {row["id"]: row for row in self.tables["exercises"]}
        self.rules = {row["id"]: row for row in self.tables["rules"]}

    def section(self, head: str, end: str) -> str:
        return self.text.split(head, 1)[1].split(end, 1)[0]

    def protocol(self, protocol: str) -> str:
        found = re.search(rf"^### 2\.\d+ {protocol}:.*?(?=^### |^## )", self.text, re.M | re.S)
        assert found, protocol
        return found[0]

    def everywhere_about_rules(self) -> str:
        return "\n".join(
            [
                self.section("## 0. Decision", "### 0.1"),
                self.section("### 4.1", "## 5. Modifiers"),
                self.section("## 5. Modifiers", "## 7. Sources"),
                self.section("## 8. Disagreements", "## 9. Decisions"),
                self.section("## 9. Decisions", "\0"),
            ]
        )


def numbers(text: str) -> list[str]:
    """Give the numbers of *text* in one spelling (4.50 -> 4.5, -2.5 -> 2.5); names such as E04 or L4 are none."""
    bare = _NAMES.sub(" ", text.replace("−", "-").replace("10*3/uL", "").replace("10*9/L", ""))
    bare = re.sub(r"(?<=\d),(?=\d{3}\b)", "", bare)
    bare = re.sub(r"(?<![A-Za-z])x(?=\d)", " x ", bare)
    return [f"{abs(float(found)):g}" for found in re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?", bare)]


def leaves(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Give every scalar below *node* with its path; sources and codes hold no numbers of ours."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key not in _NOT_NUMBERS and not key.endswith("sources"):
                yield from leaves(value, (*path, str(key)))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            name = value.get("id", str(index)) if isinstance(value, dict) else str(index)
            yield from leaves(value, (*path, str(name)))
    elif node is not None:
        yield path, str(node)


class Tracer:
    """Walks cards/ with the dossier beside it."""

    def __init__(self, cards: Path, dossier: Dossier, reasons: Path):
        self.cards = cards
        self.dossier = dossier
        self.report = Report()
        with reasons.open(encoding="utf-8", newline="") as lines:
            self.reasons = {(row["file"], row["number"]): row["reason"] for row in csv.DictReader(lines)}
            self.used: set[tuple[str, str]] = set()

    def run(self) -> Report:
        self.trace_protocols()
        self.trace_exercises()
        self.trace_tags()
        self.trace_sources()
        self.trace_other_files()
        self.find_left_out()
        for key in sorted(set(self.reasons) - self.used):
            self.report.differing.append(f"tools/trace_reasons.csv: the reason for {key[1]} in {key[0]} is not needed")
        return self.report

    def expect(self, file: str, where: str, found: str, allowed: str) -> None:
        """Take every number of *found* as traced that stands in *allowed*; the others need a reason.

        A reason is written for a number in a file, or for all numbers below a key of that file.
        """
        known = set(numbers(allowed))
        for number in numbers(found):
            if number in known:
                self.report.traced[file] = self.report.traced.get(file, 0) + 1
            elif key := next(
                (key for key in ((file, number), *((file, step) for step in where.split("."))) if key in self.reasons),
                None,
            ):
                self.used.add(key)
                self.report.reasoned.append(f"{file}: {where}: {number}: {self.reasons[key]}")
            else:
                self.report.untraced.append(f"{file}: {where}: {number} in {found!r}")

    def same(self, file: str, what: str, ours: object, theirs: object) -> None:
        if ours != theirs:
            self.report.differing.append(f"{file}: {what}: {ours!r}, the dossier has {theirs!r}")
        else:
            self.report.traced[file] = self.report.traced.get(file, 0) + 1

    def trace_protocols(self) -> None:
        ids = self.dossier.tables["protocols"]
        self.same(
            "protocols", "ids", sorted(file.stem for file in (self.cards / "protocols").glob("*.yaml")), sorted(ids)
        )
        general = self.dossier.section("### 2.0 Evidence", "### 2.1") + self.dossier.section("### 1.2", "### 1.3")
        general += self.dossier.section("## 8. Disagreements", "## 9.")
        for column, protocol in enumerate(ids):
            file = f"protocols/{protocol}.yaml"
            body = yaml.safe_load((self.cards / file).read_text(encoding="utf-8"))
            self.same(file, "short", body["short"], self.dossier.tables["short"][column])
            phases = [[phase["id"], phase["from_week"], phase.get("to_week")] for phase in body["phases"]]
            self.same(file, "phases", phases, self.dossier.tables["phases"][protocol])
            for exercise, row in self.dossier.exercises.items():
                self.same(
                    file, f"first week of {exercise}", _cell(body["first_weeks"], exercise), str(row["row"][column])
                )
            self.trace_restrictions(file, protocol, body)
            own = self.dossier.protocol(protocol) + self.dossier.protocol(_AS_LUMBAR.get(protocol, protocol))
            for path, text in leaves(
                {k: v for k, v in body.items() if k not in ("phases", "first_weeks", "restrictions")}
            ):
                where = ".".join(path)
                gates = " ".join(str(phase[1]) for phase in phases) if path[-1] == "week" else ""
                self.expect(file, where, text, own + gates if path[0] == "progression" else own + general)

    def trace_restrictions(self, file: str, protocol: str, body: dict[str, Any]) -> None:
        rows = list(self.dossier.tables["restrictions"][protocol])
        allowed = " ".join(" ".join(row) for row in rows)
        if protocol in _AS_LUMBAR:
            allowed += " ".join(" ".join(row) for row in self.dossier.tables["restrictions"][_AS_LUMBAR[protocol]])
        for restriction in body["restrictions"]:
            for path, text in leaves(restriction):
                where = f"restrictions {restriction['topic']} {path[-1]}"
                self.expect(file, where, text, allowed + (" 0" if path[-1] == "from_week" else ""))
        keys = {key for restriction in body["restrictions"] for key in restriction.get("sources", [])}
        theirs = set(re.findall(r"\b[EPR]\d\d\b", " ".join(row[3] for row in rows)))
        missing = theirs - keys
        if missing:
            self.report.differing.append(f"{file}: restrictions: sources {', '.join(sorted(missing))} are not cited")

    def trace_exercises(self) -> None:
        with (self.cards / "exercises.csv").open(encoding="utf-8", newline="") as lines:
            rows = {row["id"]: row for row in csv.DictReader(lines)}
        self.same("exercises.csv", "ids", set(rows), set(self.dossier.exercises))
        baseline = self.dossier.section("| BASELINE_ONLY | universal set only:", "|")
        universal = {word.strip(" .") for word in baseline.split(",")}
        self.same(
            "exercises.csv", "universal set", {key for key, row in rows.items() if row["universal"] == "yes"}, universal
        )
        for key, row in rows.items():
            theirs = self.dossier.exercises[key]
            said = " ".join(str(theirs[column]) for column in ("dose", "name", "instr", "contra", "load"))
            for column in ("name", "how", "do_not_use_when", "dose", "sets", "reps", "hold_seconds", "minutes"):
                self.expect("exercises.csv", f"{key}.{column}", row[column], said)
            for column in ("times_per_day", "days_per_week"):
                self.expect("exercises.csv", f"{key}.{column}", row[column], said.replace("x/", " x/") + _often(said))
            self.same("exercises.csv", f"{key}.sources", "; ".join(theirs["src"].split(",")), row["sources"])
            self.same(
                "exercises.csv", f"{key}.snomed_code", row["snomed_code"], "".join(re.findall(r"^\d+", theirs["sct"]))
            )
            self.same(
                "exercises.csv",
                f"{key}.dose_mark",
                row["dose_mark"] == "D",
                "[D]" in theirs["dose"] or theirs["dose"] == "-",
            )

    def trace_tags(self) -> None:
        tags = yaml.safe_load((self.cards / "tags.yaml").read_text(encoding="utf-8"))["tags"]
        self.same(
            "tags.yaml", "tags", {tag: body["exercises"] for tag, body in tags.items()}, self.dossier.tables["tags"]
        )

    def trace_sources(self) -> None:
        with (self.cards / "sources.csv").open(encoding="utf-8", newline="") as lines:
            rows = {row["key"]: row for row in csv.DictReader(lines)}
        self.same("sources.csv", "keys", set(rows), set(self.dossier.tables["sources"]))
        for key, theirs in self.dossier.tables["sources"].items():
            for column, name in (("year", "year"), ("title", "title"), ("grade", "grade"), ("used_for", "facts")):
                self.same("sources.csv", f"{key}.{column}", rows[key][column], theirs[name])
            unverified = re.search(r"\bMEM\b|\bEXIST\b|\bSEC\b|rejected", theirs["status"])
            if unverified and rows[key]["citable"] == "yes" and ("sources.csv", key) not in self.reasons:
                self.report.differing.append(f"sources.csv: {key} is citable, but its status is {theirs['status']!r}")
            elif unverified and rows[key]["citable"] == "yes":
                self.used.add(("sources.csv", key))
                self.report.reasoned.append(f"sources.csv: {key}: {self.reasons['sources.csv', key]}")

    def trace_other_files(self) -> None:
        about_rules = self.dossier.everywhere_about_rules()
        general = (
            about_rules
            + self.dossier.section("### 2.0 Evidence", "### 2.1")
            + self.dossier.section("## 1. Surgery", "### 1.3")
        )
        every_rule = " ".join(" ".join(str(value) for value in row.values()) for row in self.dossier.rules.values())
        for path in sorted(self.cards.rglob("*.yaml")):
            file = path.relative_to(self.cards).as_posix()
            # The loader holds every number of the patient sheet against the protocols and the catalogue.
            if file.startswith(("protocols/", "words/", "handout/")) or file in ("tags.yaml", "figures.yaml"):
                continue
            body = yaml.safe_load(path.read_text(encoding="utf-8"))
            for place, text in leaves(body):
                rule = next((step for step in reversed(place) if step in self.dossier.rules), None)
                own = " ".join(str(value) for value in self.dossier.rules[rule].values()) if rule else every_rule
                self.expect(file, ".".join(place), text, own + " " + general)

    def find_left_out(self) -> None:
        """Look for every rule, data-quality rule and source of the dossier in cards/."""
        everything = "\n".join(path.read_text(encoding="utf-8") for path in sorted(self.cards.rglob("*.yaml")))
        for kind, keys in (
            ("rule", list(self.dossier.rules)),
            ("data-quality rule", [row[0] for row in self.dossier.tables["dq"]]),
        ):
            for key in keys:
                if re.search(rf"\b{key}\b", everything):
                    self.report.traced[kind] = self.report.traced.get(kind, 0) + 1
                elif ("left out", key) in self.reasons:
                    self.used.add(("left out", key))
                    self.report.reasoned.append(f"left out: {key}: {self.reasons['left out', key]}")
                else:
                    self.report.left_out.append(f"{kind} {key} has no place in cards/ and no written reason")


def _cell(body: dict[str, Any], exercise: str) -> str | None:
    for group in body["weeks"]:
        if exercise in group.get("exercises", []):
            return str(group["from_week"])
        if exercise in group.get("supervised", []):
            return f"{group['from_week']}s"
    if exercise in body.get("never", []):
        return "NV"
    return "SC" if exercise in body.get("clearance", []) else None


def _often(text: str) -> str:
    """Give the number behind a word: daily is 7 days a week."""
    return " 7" if "daily" in text else ""


def main(arguments: list[str] | None = None) -> int:
    """Run the trace and print it; 0 where every number has its row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dossier", type=Path, default=ROOT.parent / "shared" / "clinical")
    parser.add_argument("--cards", type=Path, default=ROOT / "cards")
    parser.add_argument("--reasons", type=Path, default=ROOT / "tools" / "trace_reasons.csv")
    given = parser.parse_args(arguments)
    if not (given.dossier / "dossier.md").exists():
        print(f"no dossier in {given.dossier}; name its folder with --dossier", file=sys.stderr)
        return 2
    report = Tracer(given.cards, Dossier(given.dossier), given.reasons).run()
    for file, count in sorted(report.traced.items()):
        print(f"{count:6} traced   {file}")
    for title, lines in (
        ("kept with a written reason", report.reasoned),
        ("NOT TRACED", report.untraced),
        ("DIFFERENT FROM THE DOSSIER", report.differing),
        ("LEFT OUT WITHOUT A REASON", report.left_out),
    ):
        if lines:
            print(f"\n{title}:")
            print("\n".join(f"  {line}" for line in lines))
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
