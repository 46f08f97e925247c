"""Turn what a Procedure's words say (titles, sites, notes, devices) into facts beside its codes. Reads no codes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cds_service.clinical.operation import Assertion
from cds_service.clinical.surgery.text import TextReading, read_text
from cds_service.knowledge.surgery import COMPANION, LevelCount, SurgicalFact
from cds_service.knowledge.words import Words
from cds_service.patient.record import Concept, Procedure

# What the text grammar calls an operation -> our class; the first of this order that a title names is its chief one.
_CLASSES = {
    "tumour": "tumour",
    "fusion": "fusion",
    "corpectomy": "corpectomy",
    "dynamic": "dynamic",
    "laminoplasty": "laminoplasty",
    "arthroplasty": "arthroplasty",
    "augmentation": "augmentation",
    "stimulator": "stimulator",
    "discectomy": "discectomy",
    "laminectomy": "decompression",
    "decompression": "decompression",
    "foraminotomy": "decompression",
    "hardware_removal": "removal",
    "deformity": "other",
    "stimulator_removal": "other",
    "fixation": "other",
    "other": "other",
}
_REGION_WORDS = {"occipitocervical": "cervical"}


Heard = dict[str, TextReading]
"""What the titles of one chart were read as: charts say the same of many Procedures. Lives for one call."""


def read_titles(titles: Sequence[str], words: Words, heard: Heard) -> list[TextReading]:
    """Read the titles of a Procedure (code.text, displays), each wording once; *heard* is added to."""
    if len(titles) > 1:
        seen: dict[str, str] = {}
        for text in titles:
            seen.setdefault(" ".join(text.lower().split()), text)
        titles = tuple(seen.values())
    readings = []
    for text in titles:
        reading = heard.get(text)
        if reading is None:
            reading = heard[text] = read_text(text, words)
        readings.append(reading)
    return readings


def title_fact(reading: TextReading) -> SurgicalFact | None:
    """Give what a title adds to the codes; None where it says nothing of an operation or a place.

    Of a reading without its words (see `titles.py`) the fact has none either."""
    if reading.of_family or reading.is_spine_surgery is False:
        return None
    performed = reading.assertion in (Assertion.PERFORMED, Assertion.HISTORY)
    return _fact(reading, "text", fusion=reading.fusion if performed and reading.is_spine_surgery else None)


def around(procedure: Procedure, words: Words) -> list[SurgicalFact]:
    """Give what body sites, notes, reasons and devices say, each with its origin."""
    if not (
        procedure.body_sites or procedure.notes or procedure.reasons or procedure.devices or procedure.device_actions
    ):
        return []
    facts = [_fact(read_text(text, words), "site") for text in _texts(procedure.body_sites)]
    facts += [_fact(reading, "note") for reading in _performed(procedure.notes, words)]
    for text in _texts(procedure.reasons):
        facts.append(_fact(read_text(text, words), "reason"))
    for text in (*_texts(procedure.devices), *_texts(procedure.device_actions)):
        facts.append(_fact(read_text(text, words), "device"))
    return [fact for fact in facts if fact is not None]


def speaks_of_spine(readings: Sequence[TextReading]) -> bool:
    """Tell whether any title names a spine operation or at least a place of the spine."""
    return any([one.is_spine_surgery or one.region or one.levels for one in readings])


def _performed(notes: Iterable[str], words: Words) -> list[TextReading]:
    readings = [read_text(note, words) for note in notes]
    return [one for one in readings if one.assertion is Assertion.PERFORMED and not one.of_family]


def _texts(concepts: Iterable[Concept]) -> list[str]:
    return list(dict.fromkeys(text for concept in concepts for text in concept.words))


def _fact(reading: TextReading, origin: str, fusion: bool | None = None) -> SurgicalFact | None:
    region = _REGION_WORDS.get(reading.region, reading.region) if reading.region else None
    if origin == "reason":
        if region is None and not reading.revision:
            return None
        return _plain(reading, origin, region=region, revision=reading.revision)
    if origin == "device":
        return _plain(reading, origin, instrumented=True) if reading.instrumented else None
    levels = reading.levels
    by_vertebra = reading.operations == ("augmentation",)
    names = levels if by_vertebra else tuple([name for name in levels if "-" in name])
    count = None
    if reading.level_count and (names or not (levels or _only_of_rods(reading))):
        count = LevelCount(reading.level_count, None if reading.level_count_is_minimum else reading.level_count)
    chief = _chief_class(reading.operations) if origin == "text" else None
    if not (region or names or count or chief or reading.revision or reading.instrumented or reading.approach):
        return None
    return _plain(
        reading, origin, chief, region, fusion, reading.approach, reading.technique, reading.instrumented,
        reading.revision, count, names,
    )  # fmt: skip


def _chief_class(operations: tuple[str, ...]) -> str | None:
    if len(operations) < 2:
        return _CLASSES.get(operations[0]) if operations else None
    return next((ours for theirs, ours in _CLASSES.items() if theirs in operations), None)


def _only_of_rods(reading: TextReading) -> bool:
    """Rods and plates are counted in vertebrae they hold, not in levels operated on ("2 to 3 segments" for one level)."""
    return reading.operations == ("fixation",)


def _plain(
    reading: TextReading,
    origin: str,
    surgery_class: str | None = None,
    region: str | None = None,
    fusion: bool | None = None,
    approach: str | None = None,
    technique: str | None = None,
    instrumented: bool | None = None,
    revision: bool | None = None,
    count: LevelCount | None = None,
    names: tuple[str, ...] = (),
) -> SurgicalFact:
    say = phrases(reading) if reading.found is not None else ""
    return SurgicalFact(
        origin, "", say, "D", "words of the record", COMPANION, surgery_class, region, fusion, approach, technique,
        instrumented, revision, None, count, names, False, say, origin,
    )  # fmt: skip


def phrases(reading: TextReading) -> str:
    """Give the phrases and what they were taken for, as one piece of a sentence."""
    return ", ".join([f"{words!r} read as {meaning}" for words, meaning in reading.phrases]) or "nothing recognised"
