"""Print how well codes are read: `python -m benchmarks.inference` (exit code 1 where a target is missed)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.inference.measure import Label, Score, labels_of, pcs_labels, score, seconds_for, spellings
from cds_service.errors import Fault
from cds_service.knowledge.surgery import SurgeryKnowledge, load_surgery
from cds_service.patient.record import Coding, Concept, Procedure

CARDS = Path(__file__).parents[2] / "cards"
# Targets: precision and recall of "is it a spine operation", macro-averaged type, region, fusion; seconds for 10,000.
TARGETS = {"precision": 0.995, "recall": 0.99, "class": 0.98, "region": 0.99, "fusion": 0.995}
SECONDS_FOR_10000 = 2.0
_SHOWN = 5


def main() -> int:
    faults: list[Fault] = []
    knowledge = load_surgery(CARDS, faults)
    if faults:
        print(*faults, sep="\n")
        return 1
    sets = {"icd10pcs": [*pcs_labels(knowledge), *labels_of("new_pcs")]}
    for name in ("cpt", "icd9", "opcs4", "snomed", "mds"):
        sets[name] = labels_of(name)
    reached = [_show(name, labels, knowledge) for name, labels in sets.items()]
    reached.append(_time(sets, knowledge))
    return 0 if all(reached) else 1


def _show(name: str, labels: list[Label], knowledge: SurgeryKnowledge) -> bool:
    spine = sum(label.spine for label in labels)
    print(f"\n{name}: {len(labels)} codes, {spine} of them spine operations")
    print(f"  {'spelt':18} precision  recall   class  region  fusion  wrong class")
    reached = True
    for kind in _kinds(labels):
        found = score(labels, knowledge, _speller(kind))
        values = _values(found)
        reached &= all(values[key] >= target for key, target in TARGETS.items())
        print(f"  {kind:18} {'  '.join(f'{values[key]:7.4f}' for key in TARGETS)}  {found.wrong_class:5}")
        if kind == "own address":
            _show_classes(found)
            for line in found.wrong[:_SHOWN]:
                print(f"    {line}")
    return reached


def _kinds(labels: list[Label]) -> list[str]:
    return list(dict.fromkeys(kind for label in labels for kind, _ in spellings(label)))


def _speller(kind: str) -> Callable[[Label], Coding]:
    def spell(label: Label) -> Coding:
        ways = dict(spellings(label))
        return ways.get(kind, ways["own address"])

    return spell


def _values(found: Score) -> dict[str, float]:
    return {
        "precision": found.precision,
        "recall": found.recall,
        "class": found.class_accuracy,
        "region": found.regions[True] / max(found.regions.total(), 1),
        "fusion": found.fusions[True] / max(found.fusions.total(), 1),
    }


def _show_classes(found: Score) -> None:
    answered = {answer for counts in found.classes.values() for answer in counts}
    for label in sorted(set(found.classes) | answered):
        right = found.classes[label][label] if label in found.classes else 0
        given = sum(counts[label] for counts in found.classes.values())
        all_labelled = found.classes[label].total() if label in found.classes else 0
        precision, recall = right / given if given else 1.0, right / all_labelled if all_labelled else 1.0
        print(f"    {label:15} {all_labelled:6} labelled  precision {precision:.4f}  recall {recall:.4f}")


def _time(sets: dict[str, list[Label]], knowledge: SurgeryKnowledge) -> bool:
    labels = [label for name in sets for label in sets[name]][::7][:2000]
    texts = ("L4-L5 TLIF with pedicle screws", None, "Colonoscopy, flexible", "Microdiscectomy L5/S1 left", None)
    procedures = [
        Procedure("Procedure/1", "completed", Concept((dict(spellings(label))["own address"],), texts[number % 5]))
        for number, label in enumerate(labels * 6)
    ][:10_000]
    seconds = seconds_for(procedures, knowledge)
    print(f"\n{len(procedures)} Procedures, some with text: {seconds:.2f} s")
    return seconds <= SECONDS_FOR_10000


if __name__ == "__main__":
    sys.exit(main())
