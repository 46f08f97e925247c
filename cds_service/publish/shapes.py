"""The parts that every published resource shares: metadata, codes, durations, citations, narrative."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from cds_service.knowledge.canonical import fhir_id
from cds_service.knowledge.model import Governance, Knowledge, Mark, Source, Status

Resource = dict[str, Any]

FHIR_VERSION = "4.0.1"
PUBLISHER = "Spine CDS"
UCUM = "http://unitsofmeasure.org"
SNOMED = "http://snomed.info/sct"
PLAIN_TEXT = "text/plain"
"""The language of our conditions: words for people. The engine that asks them is this service."""

CPG = "http://hl7.org/fhir/uv/cpg/StructureDefinition"
SHAREABLE = "http://hl7.org/fhir/StructureDefinition/shareable"
_KNOWLEDGE_CAPABILITY = f"{CPG}/cpg-knowledgeCapability"
_REPRESENTATION_LEVEL = f"{CPG}/cpg-knowledgeRepresentationLevel"

_STATUS = {Status.DRAFT: "draft", Status.ACTIVE: "active", Status.RETIRED: "retired"}

MARK_WORDS = {
    Mark.V: "Seen in its source",
    Mark.D: "Our conservative default",
    Mark.M: "From memory, not verified",
    Mark.SEC: "Seen second-hand only",
}

_OWN_NOTICE = "Apache-2.0 for our own words. Codes and terms of others keep their own licence."
_NOTICES = {
    "snomed": "SNOMED CT codes; a term shown as display comes from the International Patient Summary free set, published by "
    "SNOMED International and HL7 under CC BY 4.0. Use of SNOMED CT beyond that set may need an affiliate licence.",
    "cpt": "CPT codes are the property of the American Medical Association. They stand here as numbers without their "
    "descriptions; use them only under a CPT licence.",
    "loinc": "LOINC codes are copyright Regenstrief Institute, Inc. and the LOINC Committee, used free of charge under the "
    "LOINC licence (https://loinc.org/license).",
    "icd9": "ICD-9-CM procedure codes are published by the United States government.",
    "icd10": "ICD-10-CM and ICD-10-PCS are published by the United States government, ICD-10 by the World Health Organization.",
    "opcs4": "OPCS-4 codes are published by NHS England under the Open Government Licence.",
    "hcpcs": "HCPCS Level II codes are published by the United States government.",
    "atc": "ATC codes are published by the WHO Collaborating Centre for Drug Statistics Methodology.",
}
"""Beginning of a system's short name -> whose it is, in the words of a resource that stands alone."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where the resources stand: the knowledge they are made from, and the base of their canonical URLs."""

    knowledge: Knowledge
    base: str

    @property
    def version(self) -> str:
        return self.knowledge.version

    def versioned(self, url: str) -> str:
        return f"{url}|{self.version}"

    def citations(self, keys: Iterable[str]) -> list[Resource]:
        """Give the sources as relatedArtifacts; one that was never verified is not cited."""
        found = (self.knowledge.sources.get(key) for key in dict.fromkeys(keys))
        return [citation(one) for one in found if one is not None and one.citable]

    def documentation(self, mark: Mark, keys: Iterable[str]) -> list[Resource]:
        """Give how far an action's number was verified, and its sources by key and short name.

        The whole citation stands once, at the head of the resource.
        """
        found = (self.knowledge.sources.get(key) for key in dict.fromkeys(keys))
        return [{"type": "justification", "label": mark.value, "display": MARK_WORDS[mark]}] + [
            {"type": "citation", "label": one.key, "display": f"{one.author} {one.year}"}
            for one in found
            if one is not None and one.citable
        ]


def metadata(
    shelf: Shelf,
    kind: str,
    url: str,
    name: str,
    title: str,
    description: str,
    governance: Governance,
    *,
    profiles: Iterable[str] = (),
    capabilities: Iterable[str] = ("shareable",),
    level: str | None = None,
    systems: Collection[str] = (),
) -> Resource:
    """Give the head of a resource: identity, version, status by *governance*, who answers for it, its licence.

    *experimental* is true as long as no clinician has signed. *level* is the CPG level of representation.
    """
    found: Resource = {"resourceType": kind, "id": url.rsplit("/", 1)[-1]}
    if profiles:
        found["meta"] = {"profile": list(profiles)}
    found["text"] = {"status": "generated", "div": _narrative(title, description)}
    extensions = [{"url": _KNOWLEDGE_CAPABILITY, "valueCode": one} for one in capabilities]
    if level:
        extensions.append({"url": _REPRESENTATION_LEVEL, "valueCode": level})
    found["extension"] = extensions
    found["url"] = url
    found["version"] = shelf.version
    found["name"] = computable_name(name)
    found["title"] = title
    found["status"] = _STATUS[governance.status]
    found["experimental"] = governance.status is not Status.ACTIVE
    found["publisher"] = PUBLISHER
    found["description"] = description
    found["copyright"] = licence(systems)
    return found


def authored(governance: Governance) -> Resource:
    """Give who wrote and who checked; ValueSet and CodeSystem have no such elements."""
    found: Resource = {"author": [{"name": governance.written_by}]}
    if governance.checked_on is not None:
        found["reviewer"] = [{"name": governance.checked_by}]
        found["approvalDate"] = found["lastReviewDate"] = governance.checked_on.isoformat()
    return found


def computable_name(name: str) -> str:
    """Give *name* as FHIR wants machine names: `lumbar fusion` -> `LumbarFusion`, at most 255 characters."""
    words = re.findall(r"[A-Za-z0-9]+", name)
    found = "".join(word[0].upper() + word[1:] for word in words)[:255]
    return found if found[:1].isalpha() else f"N{found}"


def coding(system: str, code: str, display: str | None = None) -> Resource:
    return {"system": system, "code": code} | ({"display": display} if display else {})


def concept(*codings: Mapping[str, Any], text: str | None = None) -> Resource:
    return ({"coding": [dict(one) for one in codings]} if codings else {}) | ({"text": text} if text else {})


def weeks(number: int) -> Resource:
    return {"value": number, "unit": "weeks" if number != 1 else "week", "system": UCUM, "code": "wk"}


def week_range(from_week: int, to_week: int | None) -> Resource:
    return {"low": weeks(from_week)} | ({} if to_week is None else {"high": weeks(to_week)})


def citation(source: Source) -> Resource:
    parts = (source.author, source.year, source.title, source.publication)
    said = ". ".join(part.rstrip(".") for part in parts if part) + "."
    found = {"type": "citation", "label": source.key, "citation": said}
    return found | ({"url": source.url} if source.url else {})


def applicability(words: str, kind: str = "applicability") -> Resource:
    """Give a condition told in words; its language says that no machine is meant to evaluate it."""
    return {"kind": kind, "expression": {"description": words, "language": PLAIN_TEXT, "expression": words}}


def licence(systems: Collection[str]) -> str:
    """Give the licence of our words, and of every terminology in *systems* (short names)."""
    named = [words for start, words in _NOTICES.items() if any(one.startswith(start) for one in systems)]
    return "\n\n".join([_OWN_NOTICE, *named])


def sentence(words: str) -> str:
    """Give *words* with a capital and a full stop."""
    return f"{words[:1].upper()}{words[1:]}" + ("" if words.endswith((".", "?", "!")) else ".")


def element_id(*parts: str) -> str:
    """Give an id for an action or goal, unique where the parts are unique: letters, digits and hyphens."""
    return fhir_id("-".join(parts))


def _narrative(title: str, description: str) -> str:
    paragraphs = "".join(f"<p>{escape(one)}</p>" for one in description.split("\n\n") if one)
    return f'<div xmlns="http://www.w3.org/1999/xhtml"><p><b>{escape(title)}</b></p>{paragraphs}</div>'
