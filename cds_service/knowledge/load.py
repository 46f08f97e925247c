"""From the folder cards/ to Knowledge, or all faults at once with file and line. Decides nothing clinical."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from cds_service.errors import Fault, KnowledgeFaults
from cds_service.knowledge.appointments import load_appointments
from cds_service.knowledge.clinical_path import load_clinical_path, load_notes
from cds_service.knowledge.exercise_words import load_exercise_words
from cds_service.knowledge.exercises import load_exercises, load_tags
from cds_service.knowledge.handout import load_handout
from cds_service.knowledge.model import Knowledge, Status
from cds_service.knowledge.normal_course import load_normal_course
from cds_service.knowledge.order_content import load_order_content
from cds_service.knowledge.overlay import lay_over, read_overlay
from cds_service.knowledge.protocols import load_protocols
from cds_service.knowledge.reachable import find_unreachable
from cds_service.knowledge.rules import Ground, load_safety
from cds_service.knowledge.signed import governed, signed_only
from cds_service.knowledge.sources import load_sources
from cds_service.knowledge.surgery import load_surgery

_READ_SUFFIXES = (".yaml", ".csv")


@dataclass(frozen=True, slots=True)
class Checked:
    """What a look at the whole folder gave: *knowledge* (None where faults forbid it), faults, warnings."""

    knowledge: Knowledge | None
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...]


def load_knowledge(folder: Path, overlay: Path | None = None, use_draft: bool = True) -> Knowledge:
    """Read *folder* (and the local *overlay*) into Knowledge.

    With *use_draft* False only what a clinician has signed speaks; see `signed.signed_only`.
    Raises KnowledgeFaults with every fault found, each with file and line.
    """
    faults: list[Fault] = []
    knowledge = _read(folder, faults)
    if faults:
        raise KnowledgeFaults(faults)
    if overlay is not None:
        knowledge = _lay_over(knowledge, folder, overlay, use_draft, faults)
    if faults:
        raise KnowledgeFaults(faults)
    return knowledge if use_draft else signed_only(knowledge)


def _lay_over(knowledge: Knowledge, folder: Path, overlay: Path, use_draft: bool, faults: list[Fault]) -> Knowledge:
    ground = Ground(knowledge.known, knowledge.sources, knowledge.tags, knowledge.exercises, knowledge.protocols)
    local = read_overlay(overlay, ground, faults)
    if local is None:
        return knowledge
    if not use_draft and local.governance.status is not Status.ACTIVE:
        todo = "have it signed and set status: active, or allow draft knowledge"
        faults.append(Fault(local.text.place(("status",)), "the overlay is not active", "a signed overlay", todo))
    return replace(lay_over(knowledge, local, faults), content_hash=content_hash(folder, overlay))


def check_knowledge(folder: Path, overlay: Path | None, on: date) -> Checked:
    """Read everything as `load_knowledge` does, and tell faults and warnings instead of raising.

    A review that is overdue on the day *on* is a warning: it must not stop a service that ran yesterday.
    """
    try:
        knowledge = load_knowledge(folder, overlay)
    except KnowledgeFaults as found:
        return Checked(None, found.faults, ())
    return Checked(knowledge, (), tuple(overdue(knowledge, on)))


def overdue(knowledge: Knowledge, on: date) -> list[Fault]:
    """Tell every file whose next check lies before the day *on*."""
    return [
        Fault(name, f"the review was due on {governance.next_check}", "a new check", "check it and move next_check")
        for name, governance in sorted(governed(knowledge).items())
        if governance.status is not Status.RETIRED and governance.next_check < on
    ]


def _read(folder: Path, faults: list[Fault]) -> Knowledge:
    if not folder.is_dir():
        raise KnowledgeFaults([Fault(str(folder), "there is no such folder", "the folder with the knowledge files")])
    notes = load_notes(folder, faults)
    sources = load_sources(folder, faults)
    tags = load_tags(folder, faults)
    exercises = load_exercises(folder, tags, sources, faults)
    path = load_clinical_path(folder, sources, faults)
    protocols = load_protocols(folder, exercises, sources, faults)
    safety = load_safety(folder, sources, tags, exercises, protocols, faults)
    if not faults:
        faults += find_unreachable(safety.rules, protocols)
    order_content = load_order_content(folder, protocols, sources, faults)
    words = load_exercise_words(folder, exercises, protocols, sources, faults)
    appointments = load_appointments(folder, protocols, sources, faults)
    courses = load_normal_course(folder, protocols, sources, safety.measures, faults)
    surgery = load_surgery(folder, faults)
    handout = load_handout(folder, protocols, exercises, sources, faults)
    tables = {**notes.tables, **safety.tables, **handout.tables}
    if order_content is not None and order_content.governance is not None:
        tables["orders.yaml"] = order_content.governance
    if words is not None and words.governance is not None:
        tables["exercise_words.yaml"] = words.governance
    if appointments is not None:
        tables["appointments.yaml"] = appointments.governance
    if courses.governance is not None:
        tables["normal_course.yaml"] = courses.governance
    if path.governance is not None:
        tables["clinical_path.yaml"] = path.governance
    return Knowledge(
        version=notes.version,
        content_hash=content_hash(folder),
        protocols={key: value for key, value in protocols.items() if value.governance.status is not Status.RETIRED},
        exercises=exercises,
        tags=tags,
        rules=safety.rules,
        data_quality=safety.data_quality,
        measures=safety.measures,
        codelists=safety.codelists,
        modifiers=safety.modifiers,
        outcome_measures=safety.outcome_measures,
        sources=sources,
        order_content=order_content,
        settings={key: setting.value for key, setting in path.numbers.items()},
        surgery=surgery,
        setting_notes=path.numbers,
        tables=tables,
        dose_ladder=path.dose_ladder,
        walking=path.walking,
        evidence=path.evidence,
        defer=path.defer,
        notes=notes.words,
        normal_courses=courses.courses,
        sheets=handout.sheets,
        exercise_words=words,
        appointments=appointments,
    )


def content_hash(*folders: Path) -> str:
    """Give the SHA-256 over names and bytes of every knowledge file, so that one changed sign shows."""
    digest = hashlib.sha256()
    for folder in folders:
        for file in sorted(folder.rglob("*")):
            if file.suffix in _READ_SUFFIXES and file.is_file():
                content = file.read_bytes()
                name = file.relative_to(folder).as_posix()
                digest.update(f"{name}\0{len(content)}\0".encode())
                digest.update(content)
    return digest.hexdigest()
