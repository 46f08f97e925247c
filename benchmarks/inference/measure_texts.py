"""Measure the reading of free text against texts.csv: precision and recall of "a spine operation that was performed",
exact levels, assertion and surgery type, and the time for 10,000 texts.

    python benchmarks/inference/measure_texts.py            both halves
    python benchmarks/inference/measure_texts.py --show     with every text that was read otherwise than labelled

The half `held` was written before the grammar was tuned and is not tuned on; the half `tuned` is what failures were
studied on. Column `assertion`: performed, history, planned, negated (of a spine operation), none (no spine operation of
this patient). Empty `surgery_type`: the text leaves the type open, so the answer must be none.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections import Counter
from pathlib import Path

from cds_service.clinical.surgery.text import TextReading, read_text
from cds_service.errors import Fault, KnowledgeFaults
from cds_service.knowledge.words import Words, load_words

HERE = Path(__file__).parent
WORDS = HERE.parents[1] / "cards" / "words"


def load() -> Words:
    faults: list[Fault] = []
    words = load_words(WORDS, faults)
    if faults:
        raise KnowledgeFaults(faults)
    return words


def differences(row: dict[str, str], reading: TextReading) -> dict[str, tuple[str, str]]:
    """Give what was labelled and what was read, for each thing that differs."""
    expected_performed = row["assertion"] in ("performed", "history")
    found = {}
    if reading.was_performed != expected_performed:
        found["performed"] = (str(expected_performed), str(reading.was_performed))
    if row["assertion"] == "none":
        return found
    assertion = reading.assertion.value if reading.is_spine_surgery else "none"
    if assertion != row["assertion"]:
        found["assertion"] = (row["assertion"], assertion)
    if " ".join(reading.levels) != row["levels"]:
        found["levels"] = (row["levels"], " ".join(reading.levels))
    if (reading.surgery_type or "") != row["surgery_type"] and row["assertion"] != "negated":
        found["type"] = (row["surgery_type"], reading.surgery_type or "")
    return found


def measure(rows: list[dict[str, str]], words: Words, show: bool) -> dict[str, float]:
    seen: Counter[str] = Counter()
    for row in rows:
        reading = read_text(row["text"], words)
        expected = row["assertion"] in ("performed", "history")
        seen["true" if expected else "false", reading.was_performed] += 1
        wrong = differences(row, reading)
        if show and wrong:
            print(
                f"  {row['text']!r}: "
                + "; ".join(f"{key} {a or '-'} read as {b or '-'}" for key, (a, b) in wrong.items())
            )
        if row["assertion"] != "none":
            seen["operations"] += 1
            for key in ("levels", "assertion", "type"):
                seen[f"{key} right"] += key not in wrong
            seen["type wrong"] += "type" in wrong and wrong["type"][1] != ""
    true = seen["true", True]
    return {
        "texts": len(rows),
        "precision": true / max(true + seen["false", True], 1),
        "recall": true / max(true + seen["true", False], 1),
        "levels exact": seen["levels right"] / max(seen["operations"], 1),
        "assertion": seen["assertion right"] / max(seen["operations"], 1),
        "type": seen["type right"] / max(seen["operations"], 1),
        "wrong type (not unknown)": seen["type wrong"] / max(seen["operations"], 1),
    }


def seconds_for_ten_thousand(rows: list[dict[str, str]], words: Words) -> float:
    texts = [row["text"] for row in rows]
    texts = (texts * (10_000 // len(texts) + 1))[:10_000]
    start = time.perf_counter()
    for text in texts:
        read_text(text, words)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--show", action="store_true", help="print every text read otherwise than labelled")
    parser.add_argument("--set", choices=("held", "tuned"), help="only this half")
    arguments = parser.parse_args()
    words = load()
    with (HERE / "texts.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for half in (arguments.set,) if arguments.set else ("held", "tuned"):
        part = [row for row in rows if row["set"] == half]
        print(half + ":")
        for name, value in measure(part, words, arguments.show).items() if part else ():
            print(f"  {name:26} {value:.3f}" if isinstance(value, float) else f"  {name:26} {value}")
    print(f"10,000 texts in {seconds_for_ten_thousand(rows, words):.2f} s")


if __name__ == "__main__":
    main()
