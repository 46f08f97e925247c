"""Measure the reading of codes against labels: precision and recall per system, class, region and fusion; time."""

from __future__ import annotations

import csv
import itertools
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cds_service.clinical.operation import Reading
from cds_service.clinical.surgery.classify import read_procedure
from cds_service.knowledge.surgery import PcsAxes, SurgeryKnowledge
from cds_service.patient.record import Coding, Concept, Procedure

HERE = Path(__file__).parent
NOT_LABELLED = "?"
_PCS_SIGNS = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_OTHER_SECTIONS = (
    "3E0R",
    "3E0S",
    "3E0T",
    "3E1R",
    "BR30",
    "BR29",
    "B030",
    "7W03",
    "9WBC",
    "4A11",
    "2W14",
    "D010",
    "F07B",
    "109Z",
)
_URIS = {
    "icd10pcs": ("http://www.cms.gov/Medicare/Coding/ICD10", "urn:oid:2.16.840.1.113883.6.4"),
    "cpt": ("http://www.ama-assn.org/go/cpt", "urn:oid:2.16.840.1.113883.6.12"),
    "hcpcs": ("https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets", "urn:oid:2.16.840.1.113883.6.285"),
    "icd9": ("http://hl7.org/fhir/sid/icd-9-cm", "urn:oid:2.16.840.1.113883.6.104"),
    "opcs4": ("https://fhir.hl7.org.uk/Id/opcs-4", "OPCS-4"),
    "snomed": ("http://snomed.info/sct", "urn:oid:2.16.840.1.113883.6.96"),
    "loinc": ("http://loinc.org", "urn:oid:2.16.840.1.113883.6.1"),
}


@dataclass(frozen=True, slots=True)
class Label:
    """What a code is. *surgery_type*, *region* and *fusion* are "" for none told and "?" where nobody labelled them."""

    system: str
    code: str
    spine: bool
    surgery_type: str
    region: str
    fusion: str


@dataclass(slots=True)
class Score:
    """Counts of one system. *classes* maps a labelled type to (right, all); *wrong* keeps the first disagreements."""

    true_positives: int = 0
    false_positives: int = 0
    false_negatives: int = 0
    true_negatives: int = 0
    classes: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    regions: Counter[bool] = field(default_factory=Counter)
    fusions: Counter[bool] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    @property
    def precision(self) -> float:
        return _share(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float:
        return _share(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def class_accuracy(self) -> float:
        """Mean over the labelled types of the share read right, so that rare types weigh as much as common ones."""
        shares = [_share(counts[label], counts.total()) for label, counts in self.classes.items()]
        return _share(sum(shares), len(shares))

    @property
    def wrong_class(self) -> int:
        """How many were given a protocol that is not theirs (unknown is not counted: it is the safe answer)."""
        return sum(
            number
            for label, counts in self.classes.items()
            for answer, number in counts.items()
            if answer not in (label, "UNKNOWN_SPINE")
        )


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 1.0


def labels_of(name: str) -> list[Label]:
    """Read one labels file of this folder."""
    with (HERE / f"labels_{name}.csv").open(encoding="utf-8", newline="") as file:
        return [
            Label(row["system"], row["code"], row["spine"] == "yes", row["surgery_type"], row["region"], row["fusion"])
            for row in csv.DictReader(file)
        ]


def pcs_labels(knowledge: SurgeryKnowledge) -> Iterator[Label]:
    """Enumerate ICD-10-PCS from its axes table: every spine code, the same codes at every other body part, and
    other sections; labelled by the first pattern of labels_icd10pcs.csv that fits."""
    with (HERE / "labels_icd10pcs.csv").open(encoding="utf-8", newline="") as file:
        patterns = [(re.compile(row["pattern"]), row) for row in csv.DictReader(file)]
    for code in dict.fromkeys(_pcs_codes(knowledge.pcs_axes, set(knowledge.pcs_parts))):
        row = next(row for pattern, row in patterns if pattern.fullmatch(code))
        yield Label("icd10pcs", code, row["spine"] == "yes", row["surgery_type"], row["region"], row["fusion"])


def _pcs_codes(axes: Iterable[PcsAxes], spine: set[tuple[str, str]]) -> Iterator[str]:
    for row in axes:
        elsewhere = [part for part in _PCS_SIGNS if (row.body_system, part) not in spine]
        for part in (*row.body_parts, *elsewhere):
            for tail in itertools.product(row.approaches, row.devices, row.qualifiers):
                yield row.body_system + row.root_operation + part + "".join(tail)
    for start in _OTHER_SECTIONS:
        for tail in itertools.product("03X", "03BZ", "BCXZ"):
            yield start + "".join(tail)


def spellings(label: Label) -> Iterator[tuple[str, Coding]]:
    """Give the ways a feed may send the code: its own address, an OID, no address, an unknown one, other letters."""
    uri, other_name = _URIS[label.system]
    code = label.code
    yield "own address", Coding(uri, code)
    yield "OID or name", Coding(other_name, code)
    yield "lower case", Coding(uri, f" {code.lower()} ")
    yield "no system", Coding(None, code)
    if label.system in ("icd9", "opcs4"):
        yield "no dot", Coding(uri, code.replace(".", ""))
        yield "no system, no dot", Coding(None, code.replace(".", ""))
    if label.system == "icd10pcs":
        yield "letter O", Coding(uri, code.replace("0", "O"))
        yield "wrong system", Coding("http://hl7.org/fhir/sid/icd-10-cm", code)
    if label.system in ("cpt", "icd10pcs"):
        yield "local system", Coding("urn:oid:1.2.840.114350.1.13.0.1.7.2.696580", code)


def score(labels: Iterable[Label], knowledge: SurgeryKnowledge, spell: Callable[[Label], Coding]) -> Score:
    """Read every labelled code, spelt as *spell* says, and count."""
    found = Score()
    for label in labels:
        coding = spell(label)
        reading = read_procedure(Procedure("Procedure/1", "completed", Concept((coding,))), knowledge)
        _count(found, label, reading)
    return found


def _count(found: Score, label: Label, reading: Reading) -> None:
    if not label.spine or not reading.is_spine_surgery:
        if label.spine:
            found.false_negatives += 1
        elif reading.is_spine_surgery:
            found.false_positives += 1
        else:
            found.true_negatives += 1
        if label.spine != reading.is_spine_surgery:
            found.wrong.append(f"{label.system} {label.code}: spine {reading.is_spine_surgery}, labelled {label.spine}")
        return
    found.true_positives += 1
    answers = {
        "type": (label.surgery_type, reading.surgery_type or ""),
        "region": (label.region, reading.region or ""),
        "fusion": (label.fusion, {True: "yes", False: "no", None: ""}[reading.fusion]),
    }
    found.classes[label.surgery_type][answers["type"][1]] += label.surgery_type != NOT_LABELLED
    for name, counter in (("region", found.regions), ("fusion", found.fusions)):
        if answers[name][0] != NOT_LABELLED:
            counter[answers[name][0] == answers[name][1]] += 1
    for name, (wanted, given) in answers.items():
        if wanted not in (NOT_LABELLED, given):
            found.wrong.append(f"{label.system} {label.code}: {name} {given or 'none'}, labelled {wanted or 'none'}")


def seconds_for(procedures: list[Procedure], knowledge: SurgeryKnowledge) -> float:
    """Give the seconds that reading *procedures* takes."""
    start = time.perf_counter()
    for procedure in procedures:
        read_procedure(procedure, knowledge)
    return time.perf_counter() - start
