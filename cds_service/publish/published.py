"""All published resources of one knowledge base under one base URL, built once; found by type and id, or searched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from cds_service.knowledge.canonical import REQUEST_KINDS, library_url, protocol_url, rule_url
from cds_service.knowledge.model import Governance, Knowledge, Permission, Status
from cds_service.publish.activities import avoided_activity, exercise_activity, request_activity
from cds_service.publish.protocols import protocol_plan
from cds_service.publish.rules import rule_plan
from cds_service.publish.shapes import PUBLISHER, SHAREABLE, Resource, Shelf, authored, coding, concept, metadata
from cds_service.publish.terminology import codelist_value_set, operation_value_sets, own_code_systems

TYPES = ("ActivityDefinition", "CodeSystem", "Library", "PlanDefinition", "ValueSet")


@dataclass(frozen=True)
class Published:
    """The knowledge as FHIR R4. *base* is the service's base URL without `/fhir`, as in its orders."""

    knowledge: Knowledge
    base: str

    @cached_property
    def resources(self) -> Mapping[str, Resource]:
        """Every resource by `Type/id`, in the order of types and then of the knowledge. Not to be changed."""
        made = sorted(_make(Shelf(self.knowledge, self.base)), key=lambda one: TYPES.index(one["resourceType"]))
        found = {f"{one['resourceType']}/{one['id']}": one for one in made}
        if len(found) != len(made):
            raise ValueError("two published resources have the same type and id")
        return found

    def of_type(self, kind: str) -> tuple[Resource, ...]:
        return tuple(one for key, one in self.resources.items() if key.startswith(kind + "/"))

    def bundle(self) -> Resource:
        """Give everything as a batch that puts each resource under its own id; a repeat changes nothing.

        No transaction: servers in the field limit how many updates one may hold, and no resource needs another to be stored.
        """
        entries = [
            {"fullUrl": one["url"], "resource": one, "request": {"method": "PUT", "url": key}}
            for key, one in self.resources.items()
        ]
        return {"resourceType": "Bundle", "type": "batch", "entry": entries}


def publish(knowledge: Knowledge, base: str) -> Published:
    """Give *knowledge* as FHIR under *base*, without a slash at its end. Nothing is built before it is asked for."""
    return Published(knowledge, base)


def _make(shelf: Shelf) -> Iterator[Resource]:
    knowledge = shelf.knowledge
    whole = _whole(knowledge)
    exercises, codelists = (knowledge.tables.get(name, whole) for name in ("exercises.csv", "codelists"))
    yield from _parts(shelf, exercises, codelists)
    for protocol in knowledge.protocols.values():
        yield protocol_plan(shelf, protocol)
    for rule in knowledge.rules:
        yield rule_plan(shelf, rule)
    yield _library(shelf)


def _parts(shelf: Shelf, exercises: Governance, codelists: Governance) -> Iterator[Resource]:
    knowledge = shelf.knowledge
    for exercise in knowledge.exercises.values():
        yield exercise_activity(shelf, exercise, exercises)
    for exercise in _ever_forbidden(knowledge):
        yield avoided_activity(shelf, knowledge.exercises[exercise], exercises)
    orders = knowledge.tables.get("orders.yaml", exercises)
    for kind in REQUEST_KINDS:
        yield request_activity(shelf, kind, orders)
    for codelist in knowledge.codelists.values():
        if codelist.entries:
            yield codelist_value_set(shelf, codelist, knowledge.tables.get("codelists/cond_codes.csv", codelists))
    yield from operation_value_sets(shelf, codelists)
    yield from own_code_systems(shelf, codelists)


def _ever_forbidden(knowledge: Knowledge) -> list[str]:
    cells = [cell for protocol in knowledge.protocols.values() for cell in protocol.first_weeks.values()]
    return list(dict.fromkeys(cell.exercise for cell in cells if cell.permission is Permission.NEVER))


def _library(shelf: Shelf) -> Resource:
    knowledge = shelf.knowledge
    governance = _whole(knowledge)
    notes = knowledge.notes
    found = metadata(
        shelf,
        "Library",
        library_url(shelf.base),
        "SpineCdsKnowledge",
        notes.get("title", PUBLISHER),
        notes.get("about", "The knowledge base of this service."),
        governance,
        profiles=(f"{SHAREABLE}library",),
        level="structured",
        systems=("snomed", "cpt", "loinc", "icd10cm", "opcs4"),
    )
    found["identifier"] = [{"system": f"{shelf.base}/fhir/knowledge-sha256", "value": knowledge.content_hash}]
    found["type"] = concept(
        coding("http://terminology.hl7.org/CodeSystem/library-type", "asset-collection", "Asset Collection")
    )
    found |= authored(governance)
    parts = [protocol_url(shelf.base, one) for one in knowledge.protocols]
    parts += [rule_url(shelf.base, one.id) for one in knowledge.rules]
    found["relatedArtifact"] = [
        {"type": "composed-of", "resource": shelf.versioned(part)} for part in parts
    ] + shelf.citations(knowledge.sources)
    return found


def _whole(knowledge: Knowledge) -> Governance:
    """The governance of the whole: as unfinished as its least finished part."""
    governed = [one.governance for one in (*knowledge.protocols.values(), *knowledge.rules)] + list(
        knowledge.tables.values()
    )
    return min(governed, key=lambda one: (one.status is not Status.DRAFT, one.checked_on is not None))
