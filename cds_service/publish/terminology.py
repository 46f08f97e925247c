"""Codelists as ValueSets, and our own words (surgery types, exercises, rules, effects ...) as CodeSystems."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cds_service.knowledge.canonical import CARD_TOPICS, code_system_url, value_set_url
from cds_service.knowledge.model import EFFECT_ORDER, Governance
from cds_service.patient.known import Codelist
from cds_service.publish.codes import official
from cds_service.publish.rules import EFFECT_WORDS
from cds_service.publish.shapes import SHAREABLE, Resource, Shelf, computable_name, metadata

_COMMENT = "http://hl7.org/fhir/StructureDefinition/valueset-concept-comments"
_NUMBER_ONLY = frozenset({"cpt"})
"""Systems whose terms we may not publish."""
MATRIX = ("MATRIX", "The protocol's own matrix: not yet, only with clearance, or never after this operation")


@dataclass(frozen=True, slots=True)
class _Member:
    system: str
    code: str
    term: str
    is_official: bool
    is_family: bool = False


def codelist_value_set(shelf: Shelf, codelist: Codelist, governance: Governance) -> Resource:
    """Give a codelist of conditions, findings or medicines. A family of codes is a filter on how codes begin."""
    # One word for several codes of a system is a word of ours: no system calls two things alike.
    often = Counter((one.system, one.term) for one in codelist.entries)
    members = [
        _Member(
            one.system,
            one.code,
            one.term,
            is_official=one.mark == "V" and bool(one.source) and often[(one.system, one.term)] == 1,
            is_family=one.is_prefix,
        )
        for one in codelist.entries
    ]
    name = codelist.name or codelist.id.replace("_", " ")
    words = f" An entry without any code is recognised by: {', '.join(codelist.words)}." if codelist.words else ""
    said = f"Codes by which the safety rules recognise {name}.{words}"
    return _value_set(shelf, codelist.id, name[:1].upper() + name[1:], said, members, governance)


def operation_value_sets(shelf: Shelf, governance: Governance) -> Iterator[Resource]:
    """Give one ValueSet for each class of operation (fusion, discectomy ...) over all procedure code systems.

    ICD-10-PCS codes are read axis by axis and stand in no list.
    """
    for kind in sorted(shelf.knowledge.surgery.classes.values(), key=lambda one: one.rank):
        facts = [
            one for one in shelf.knowledge.surgery.codes.values() if one.surgery_class == kind.id and one.is_operation
        ]
        if facts:
            members = [_Member(one.system, one.code, one.term, "IPS free set" in one.source) for one in facts]
            said = f"Procedure codes that this service reads as: {kind.term}. ICD-10-PCS codes are read axis by axis instead."
            yield _value_set(shelf, f"operation-{kind.id}", f"Spine operation: {kind.term}", said, members, governance)


def own_code_systems(shelf: Shelf, governance: Governance) -> Iterator[Resource]:
    """Give the CodeSystems of our own words; their codes never change meaning, they only retire."""
    knowledge = shelf.knowledge
    rules = [(one.id, one.title) for one in (*knowledge.rules, *knowledge.data_quality.values(), *knowledge.modifiers)]
    tables: tuple[tuple[str, str, str, Iterable[tuple[str, str]]], ...] = (
        (
            "surgery-type", "Surgery types", "Kinds of spine operation that have a protocol of their own.",
            [(one.id, one.name) for one in knowledge.protocols.values()],
        ),
        ("exercise", "Exercises", "Exercises of the catalogue.", [(one.id, one.name) for one in knowledge.exercises.values()]),
        (
            "exercise-tag", "Tags of exercises", "What an exercise asks of the body; safety rules act on tags.",
            [(tag, tag.replace("_", " ")) for tag in knowledge.tags],
        ),
        (
            "rule", "Rules", "Ids of safety rules, data quality rules and modifiers, as cards and traces name them.",
            [MATRIX, *rules],
        ),
        ("effect", "Effects", "What a safety rule does to the list of exercises.", [(one.value, EFFECT_WORDS[one]) for one in EFFECT_ORDER]),
        ("card-topic", "Topics of cards", "What a card is about.", CARD_TOPICS.items()),
    )  # fmt: skip
    for name, title, said, concepts in tables:
        yield _code_system(shelf, name, title, said, dict(concepts), governance)


def _code_system(
    shelf: Shelf, name: str, title: str, said: str, concepts: dict[str, str], governance: Governance
) -> Resource:
    found = metadata(
        shelf,
        "CodeSystem",
        code_system_url(shelf.base, name),
        computable_name(f"spine cds {name}".replace("-", " ")),
        title,
        said,
        governance,
        profiles=(f"{SHAREABLE}codesystem",),
    )
    found["caseSensitive"] = True
    found["content"] = "complete"
    found["count"] = len(concepts)
    if concepts:
        found["concept"] = [{"code": code, "display": display} for code, display in concepts.items()]
    return found


def _value_set(
    shelf: Shelf, name: str, title: str, said: str, members: list[_Member], governance: Governance
) -> Resource:
    found = metadata(
        shelf,
        "ValueSet",
        value_set_url(shelf.base, name),
        computable_name(name.replace("_", " ").replace("-", " ")),
        title,
        said,
        governance,
        profiles=(f"{SHAREABLE}valueset",),
        systems=sorted({one.system for one in members}),
    )
    listed: dict[str, list[Resource]] = {}
    families: list[Resource] = []
    for member in members:
        system, code = official(member.system, member.code)
        if member.is_family:
            beginning = {"property": "code", "op": "regex", "value": re.escape(code) + ".*"}
            families.append({"system": system, "filter": [beginning]})
        else:
            listed.setdefault(system, []).append(_concept(member, code))
    included = [{"system": system, "concept": concepts} for system, concepts in listed.items()]
    found["compose"] = {"include": included + families}
    return found


def _concept(member: _Member, code: str) -> Resource:
    """A term is a display only where it is the system's own; words of ours stand as a comment."""
    if member.system in _NUMBER_ONLY:
        return {"code": code}
    if member.is_official:
        return {"code": code, "display": member.term}
    return {"extension": [{"url": _COMMENT, "valueString": member.term}], "code": code}
