"""Measure against the second set of labels (judge_codes.txt, judge_texts.txt, judge_charts.txt), written apart from the tables.

`python -m benchmarks.inference.judge [codes|texts|more|charts|speed]` prints precision, recall, type, region, fusion and levels, and each disagreement;
exit code 1 where a target is missed. The sets go through the same FHIR reading as `spine-cds classify` and `explain`.
"""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, date
from pathlib import Path
from typing import Any

from cds_service.clinical.advise import advise
from cds_service.clinical.surgery.classify import read_procedure as classify_procedure
from cds_service.clinical.surgery.classify import reading_as_json
from cds_service.explain import explain as explain_as_json
from cds_service.intake.read import read_bundle, read_procedure
from cds_service.knowledge.load import load_knowledge
from cds_service.knowledge.model import Knowledge

HERE = Path(__file__).parent
CARDS = HERE.parents[1] / "cards"
NOT_LABELLED = "?"
# Lowest shares accepted (codes per system; texts).
CODE_TARGETS = {"precision": 0.995, "recall": 0.99, "type": 0.98, "region": 0.99, "fusion": 0.995, "levels": 0.95}
TEXT_TARGETS = {"precision": 0.97, "recall": 0.93, "type": 0.9, "region": 0.97, "levels": 0.95, "assertion": 0.95}
SECONDS_FOR_10000 = 2.0
_URIS = {
    "pcs": "http://www.cms.gov/Medicare/Coding/ICD10",
    "cpt": "http://www.ama-assn.org/go/cpt",
    "hcpcs": "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
    "opcs": "https://fhir.hl7.org.uk/Id/opcs-4",
    "icd9": "http://hl7.org/fhir/sid/icd-9-cm",
    "sct": "http://snomed.info/sct",
    "icd10cm": "http://hl7.org/fhir/sid/icd-10-cm",
    "local": "urn:oid:1.2.840.114350.1.13.861.1.7.2.696580",
    "oid:pcs": "urn:oid:2.16.840.1.113883.6.4",
    "oid:cpt": "urn:oid:2.16.840.1.113883.6.12",
    "oid:opcs": "urn:oid:2.16.840.1.113883.2.1.3.2.4.16.81",
    "oid:icd9": "urn:oid:2.16.840.1.113883.6.104",
    "oid:sct": "urn:oid:2.16.840.1.113883.6.96",
}


def lines_of(name: str) -> Iterator[tuple[str, str]]:
    """Give each labelled line of a set with the heading ("## ...") above it."""
    heading = ""
    for line in (HERE / name).read_text("utf-8").splitlines():
        if line.startswith("## "):
            heading = line[3:]
        elif line and not line.startswith("#"):
            yield heading, line.partition("  # was")[0].partition(" # was")[0]


def coding(system: str, code: str, display: str = "") -> dict[str, str]:
    """Give a FHIR coding; "none" leaves the system out."""
    found = {"code": code, "display": display}
    if system != "none":
        found["system"] = _URIS.get(system, system)
    return {key: value for key, value in found.items() if value}


def procedure_of_codes(text: str) -> dict[str, Any]:
    """Give the FHIR Procedure that the left part of a line of judge_codes.txt writes."""
    resource: dict[str, Any] = {
        "resourceType": "Procedure",
        "id": "p",
        "status": "completed",
        "performedDateTime": "2026-03-01",
    }
    concept: dict[str, Any] = {"coding": []}
    for part in text.split(";"):
        if part.startswith("text="):
            concept["text"] = part[5:]
        elif part.startswith("site="):
            resource["bodySite"] = [{"text": part[5:]}]
        else:
            concept["coding"].append(coding(*part.split("~")))
    return {**resource, "code": concept}


def classified(resource: dict[str, Any], knowledge: Knowledge) -> dict[str, Any]:
    """Give what `spine-cds classify` answers for one Procedure."""
    return reading_as_json(
        classify_procedure(read_procedure(json.dumps(resource).encode(), zone=UTC), knowledge.surgery)
    )


class Tally:
    """Counts of one set, with the disagreements in words."""

    def __init__(self) -> None:
        self.spine: Counter[tuple[bool, bool]] = Counter()
        self.right: dict[str, list[bool]] = defaultdict(list)
        self.wrong: list[str] = []
        self.wrong_type = 0

    def count_spine(self, label: str, answer: bool | None) -> None:
        """Count a labelled Y or N against the answer; anything else is not counted."""
        if label in ("Y", "N"):
            self.spine[label == "Y", bool(answer)] += 1

    def count(self, what: str, label: str, answer: object) -> bool:
        """Count one labelled value (alternatives with "/", "-" none told, "?" not labelled); tell whether it agrees."""
        if label == NOT_LABELLED:
            return True
        told = "-" if answer in (None, "", ()) else str(answer)
        right = told in label.split("/")
        self.right[what].append(right)
        return right

    def shares(self) -> dict[str, float]:
        """Give each measure as a share of 1."""
        hit = self.spine[True, True]
        shares = {
            "precision": hit / max(1, hit + self.spine[False, True]),
            "recall": hit / max(1, hit + self.spine[True, False]),
        }
        return shares | {what: sum(all_) / len(all_) for what, all_ in self.right.items() if all_}

    def show(self, name: str, targets: dict[str, float]) -> bool:
        """Print the shares and every disagreement; tell whether all targets are reached."""
        shares = self.shares()
        print(f"\n{name}: {self.spine.total()} labelled, wrong type {self.wrong_type}")
        print("  " + "  ".join(f"{what} {value:.4f}" for what, value in shares.items()))
        print(*(f"    {line}" for line in self.wrong), sep="\n")
        return all(value >= targets.get(what, 0.0) for what, value in shares.items())


def measure_codes(knowledge: Knowledge) -> bool:
    """Measure judge_codes.txt, one tally per heading."""
    tallies: dict[str, Tally] = defaultdict(Tally)
    for heading, line in lines_of("judge_codes.txt"):
        codes, _, labels = line.rpartition(" | ")
        answer = classified(procedure_of_codes(codes), knowledge)
        tally = tallies[heading]
        spine, *rest = labels.split()
        tally.count_spine(spine, answer["isSpineSurgery"])
        agrees = spine not in ("Y", "N") or (spine == "Y") is bool(answer["isSpineSurgery"])
        if spine == "Y":
            surgery_type, region, *more = rest
            if not tally.count("type", surgery_type, answer["surgeryType"]):
                agrees = False
                tally.wrong_type += answer["surgeryType"] not in (None, "UNKNOWN_SPINE")
            agrees &= tally.count("region", region, answer["region"])
            agrees &= _count_marks(tally, more, answer)
        if not agrees:
            tally.wrong.append(f"{codes} | {labels} -> {_in_short(answer)}")
    return all([tally.show(name, CODE_TARGETS) for name, tally in tallies.items()])


def _count_marks(tally: Tally, marks: list[str], answer: dict[str, Any]) -> bool:
    agrees = True
    for mark in marks:
        key, _, value = mark.partition("=")
        if key in ("f+", "f-"):
            agrees &= tally.count("fusion", str(key == "f+"), bool(answer["fusion"]))
        elif key == "n":
            agrees &= tally.count("levels", value, answer["levelCount"])
        elif key == "a":
            agrees &= tally.count("approach", value, answer["approach"])
        elif key in ("r+", "i+"):
            what = "revision" if key == "r+" else "instrumented"
            agrees &= tally.count(what, "True", answer[what])
    return agrees


def measure_texts(knowledge: Knowledge, name: str = "judge_texts.txt") -> bool:
    """Measure a set of free texts."""
    tally = Tally()
    for _, line in lines_of(name):
        language, text, assertion, spine, surgery_type, region, levels = (part.strip() for part in line.split("|"))
        answer = classified({"resourceType": "Procedure", "status": "completed", "code": {"text": text}}, knowledge)
        done = answer["assertion"] == "performed" and answer["isSpineSurgery"]
        tally.count_spine(spine, done if spine == "N" else answer["isSpineSurgery"])
        agrees = spine not in ("Y", "N") or (spine == "Y") is bool(done)
        if answer["isSpineSurgery"] or spine == "Y":
            agrees &= tally.count("assertion", assertion, answer["assertion"]) if spine != "N" else True
        if spine == "Y":
            if not tally.count("type", surgery_type, answer["surgeryType"]):
                agrees = False
                tally.wrong_type += answer["surgeryType"] not in (None, "UNKNOWN_SPINE")
            agrees &= tally.count("region", region, answer["region"])
            agrees &= tally.count("levels", levels, " ".join(answer["levels"] or ()))
        if not agrees:
            tally.wrong.append(
                f"{language} {text} | {assertion} {spine} {surgery_type} {region} {levels} -> {_in_short(answer)}"
            )
    return tally.show(name, TEXT_TARGETS)


def measure_more(knowledge: Knowledge) -> bool:
    """Measure judge_more.txt."""
    return measure_texts(knowledge, "judge_more.txt")


def _in_short(answer: dict[str, Any]) -> str:
    keys = (
        "isSpineSurgery",
        "surgeryType",
        "region",
        "fusion",
        "levels",
        "levelCount",
        "approach",
        "revision",
        "instrumented",
        "assertion",
    )
    return " ".join(str(answer[key]) for key in keys)


def bundle_of(born: str, resources: str) -> dict[str, Any]:
    """Give the FHIR bundle that a line of judge_charts.txt writes."""
    entries: list[dict[str, Any]] = [{"resourceType": "Patient", "id": "pat", "birthDate": born}]
    for number, text in enumerate(resources.split(" ; ")):
        entries.append(_resource(f"r{number}", shlex.split(text)))
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in entries]}


def _resource(name: str, words: list[str]) -> dict[str, Any]:
    kind, when, what, *rest = words
    options = dict(word.split("=", 1) for word in rest)
    is_code = ":" in what and " " not in what
    concept: dict[str, Any] = (
        {"coding": [coding(*one.split(":")) for one in what.split("+")]} if is_code else {"text": what}
    )
    if "text" in options:
        concept["text"] = options["text"]
    subject = {"reference": "Patient/pat"}
    if kind == "S":
        return _named(
            "ServiceRequest",
            name,
            status="active",
            intent="order",
            code=concept,
            subject=subject,
            occurrenceDateTime=when,
        )
    if kind == "A":
        participant = [{"actor": subject, "status": "accepted"}]
        return _named(
            "Appointment",
            name,
            status="booked",
            serviceType=[concept],
            start=f"{when}T08:00:00Z",
            participant=participant,
        )
    if kind == "C":
        status = {"coding": [{"code": options.get("status", "active")}]}
        return _named("Condition", name, clinicalStatus=status, code=concept, subject=subject, recordedDate=when)
    made = _named(
        "Procedure", options.get("id", name), status=options.get("status", "completed"), code=concept, subject=subject
    )
    if ".." in when:
        start, end = when.split("..")
        made["performedPeriod"] = {"start": start, "end": end}
    elif when != "-":
        made["performedDateTime"] = when
    if "enc" in options:
        made["encounter"] = {"reference": f"Encounter/{options['enc']}"}
    if "part" in options:
        made["partOf"] = [{"reference": f"Procedure/{options['part']}"}]
    if "site" in options:
        made["bodySite"] = [{"text": options["site"]}]
    if "note" in options:
        made["note"] = [{"text": options["note"]}]
    return made


def _named(kind: str, name: str, **fields: object) -> dict[str, Any]:
    return {"resourceType": kind, "id": name, **fields}


def measure_charts(knowledge: Knowledge) -> bool:
    """Measure judge_charts.txt: a chart counts as right when operations and data quality ids are as labelled."""
    wrong: list[str] = []
    total = 0
    for _, line in lines_of("judge_charts.txt"):
        name, on, born, resources, operations, quality = (part.strip() for part in line.split(" | "))
        record = read_bundle(json.dumps(bundle_of(born, resources)).encode(), zone=UTC)
        told = explain_as_json(advise(record, knowledge, date.fromisoformat(on)), knowledge, ())
        faults = [*_wrong_operations(operations, told["operations"]), *_wrong_quality(quality, told["dataQuality"])]
        total += 1
        if faults:
            wrong.append(f"{name}: {'; '.join(faults)}")
    print(f"\ncharts: {total}, right {total - len(wrong)}")
    print(*(f"    {line}" for line in wrong), sep="\n")
    return not wrong


def _wrong_operations(label: str, told: list[dict[str, Any]]) -> Iterator[str]:
    if label == NOT_LABELLED:
        return
    left = list(told)
    for one in label.split(" ; ") if label != "none" else ():
        wanted, *marks = one.removeprefix("?").split()
        found = next((each for each in left if each["surgeryType"] == wanted and _fits(each, marks)), None)
        if found:
            left.remove(found)
        elif not one.startswith("?"):
            yield f"no {one}"
    yield from (f"not expected {_operation(one)}" for one in left)


def _fits(told: dict[str, Any], marks: list[str]) -> bool:
    for mark in marks:
        key, _, value = mark.partition("=")
        answer = {"n": told.get("levelCount"), "levels": " ".join(told["levels"] or ()), "region": told["region"]}.get(
            key
        )
        if key in ("f+", "f-"):
            answer, value = str(bool(told["fusion"])), str(key == "f+")
        elif not value:
            answer, value = told["date"], key
        if str(answer) != value:
            return False
    return True


def _operation(told: dict[str, Any]) -> str:
    return " ".join(str(told.get(key)) for key in ("surgeryType", "date", "region", "levels", "levelCount", "fusion"))


def _wrong_quality(label: str, told: list[dict[str, Any]]) -> Iterator[str]:
    ids = {one["rule"] for one in told}
    for one in label.split():
        if one.startswith("!") and one[1:] in ids:
            yield f"{one[1:]} told"
        elif one.startswith("DQ") and one not in ids:
            yield f"{one} not told ({' '.join(sorted(ids))})"


def measure_speed(knowledge: Knowledge) -> bool:
    """Time 10,000 readings of codings and texts, in seconds of one core."""
    made = [procedure_of_codes(line.rpartition(" | ")[0]) for _, line in lines_of("judge_codes.txt")]
    made += [
        {"resourceType": "Procedure", "status": "completed", "code": {"text": line.split("|")[1]}}
        for _, line in lines_of("judge_texts.txt")
    ]
    read = [read_procedure(json.dumps(one).encode(), zone=UTC) for one in made]
    many = (read * (10_000 // len(read) + 1))[:10_000]
    begun = time.process_time()
    for one in many:
        classify_procedure(one, knowledge.surgery)
    seconds = time.process_time() - begun
    print(f"\n10,000 Procedures in {seconds:.2f} s")
    return seconds < SECONDS_FOR_10000


def main() -> int:
    """Print the measures asked for (all without an argument)."""
    knowledge = load_knowledge(CARDS)
    parts = {
        "codes": measure_codes,
        "texts": measure_texts,
        "more": measure_more,
        "charts": measure_charts,
        "speed": measure_speed,
    }
    return 0 if all([parts[name](knowledge) for name in sys.argv[1:] or parts]) else 1


if __name__ == "__main__":
    sys.exit(main())
