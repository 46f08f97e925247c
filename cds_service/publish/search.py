"""Search over the published resources, as FHIR R4 describes it for tokens, strings and URIs; and the server's statement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from urllib.parse import urlencode

from cds_service.errors import Fault, InputFaults
from cds_service.publish.published import TYPES, Published
from cds_service.publish.shapes import FHIR_VERSION, PUBLISHER, Resource

PAGE_SIZE = 50
LARGEST_PAGE = 500

_STRINGS = ("name", "title")
_TOKENS = ("_id", "status", "version")
PARAMETERS: Mapping[str, tuple[str, str]] = {
    "_id": ("token", "the id of the resource"),
    "url": ("uri", "the canonical URL, with or without |version"),
    "version": ("token", "the version of the knowledge"),
    "name": ("string", "the machine name: how it begins, or with :exact or :contains"),
    "title": ("string", "the title: how it begins, or with :exact or :contains"),
    "status": ("token", "draft, active or retired"),
}
_MODIFIERS = ("exact", "contains")
_PAGING = ("_count", "_offset")


@dataclass(frozen=True, slots=True)
class _Criterion:
    parameter: str
    modifier: str
    values: tuple[str, ...]

    def fits(self, resource: Resource) -> bool:
        return any(self._fits_one(resource, value) for value in self.values)

    def _fits_one(self, resource: Resource, value: str) -> bool:
        if self.parameter == "url":
            url, _, version = value.partition("|")
            return resource["url"] == url and version in ("", resource["version"])
        if self.parameter in _TOKENS:
            return resource["id" if self.parameter == "_id" else self.parameter] == value
        held = resource[self.parameter]
        if self.modifier == "exact":
            return held == value
        held, value = held.lower(), value.lower()
        return value in held if self.modifier == "contains" else held.startswith(value)


def search(published: Published, kind: str, asked: Iterable[tuple[str, str]]) -> Resource:
    """Give a searchset Bundle of the resources of the type *kind* that fit *asked*, pairs as they stand in the URL.

    A parameter that we do not know is passed over, as FHIR allows; the `self` link tells what was understood.
    Raises InputFaults for modifiers that we do not offer and for pages that are no number; no value is repeated.
    """
    faults: list[Fault] = []
    criteria: list[_Criterion] = []
    understood: list[tuple[str, str]] = []
    pages = {"_count": PAGE_SIZE, "_offset": 0}
    for key, value in asked:
        parameter, _, modifier = key.partition(":")
        if parameter in _PAGING and not modifier:
            pages[parameter] = _number(parameter, value, faults)
        elif parameter in PARAMETERS and value:
            if modifier and (modifier not in _MODIFIERS or parameter not in _STRINGS):
                faults.append(
                    Fault(
                        parameter, "has a modifier that is not offered", ", ".join(_MODIFIERS) + " for name and title"
                    )
                )
            criteria.append(_Criterion(parameter, modifier, tuple(value.split(","))))
            understood.append((key, value))
    if faults:
        raise InputFaults(faults)
    found = [one for one in published.of_type(kind) if all(criterion.fits(one) for criterion in criteria)]
    return _bundle(
        f"{published.base}/fhir", kind, found, understood, min(pages["_count"], LARGEST_PAGE), pages["_offset"]
    )


def _number(parameter: str, value: str, faults: list[Fault]) -> int:
    if not value.isascii() or not value.isdigit() or len(value) > 6:
        faults.append(Fault(parameter, "cannot be used", "a whole number of at most six digits"))
        return 0
    return int(value)


def _bundle(
    address: str, kind: str, found: list[Resource], understood: list[tuple[str, str]], count: int, offset: int
) -> Resource:
    def page(start: int) -> str:
        return f"{address}/{kind}?" + urlencode([*understood, ("_count", str(count)), ("_offset", str(start))])

    links = [{"relation": "self", "url": page(offset)}]
    if count and offset + count < len(found):
        links.append({"relation": "next", "url": page(offset + count)})
    bundle: Resource = {"resourceType": "Bundle", "type": "searchset", "total": len(found), "link": links}
    shown = found[offset : offset + count]
    if shown:
        bundle["entry"] = [
            {"fullUrl": f"{address}/{kind}/{one['id']}", "resource": one, "search": {"mode": "match"}} for one in shown
        ]
    return bundle


def capability_statement(published: Published, service_version: str, on: date) -> Resource:
    """Give what this server offers under `/fhir`: reading and searching the knowledge, nothing else.

    *on* is the day since which it stands so (the start of the service).
    """
    address = f"{published.base}/fhir"
    parameters = [{"name": name, "type": kind, "documentation": words} for name, (kind, words) in PARAMETERS.items()]
    return {
        "resourceType": "CapabilityStatement",
        "id": "spine-cds",
        "url": f"{address}/CapabilityStatement/spine-cds",
        "version": service_version,
        "name": "SpineCdsKnowledgeServer",
        "title": "Spine CDS: the knowledge, read only",
        "status": "active",
        "experimental": published.knowledge.is_draft,
        "date": on.isoformat(),
        "publisher": PUBLISHER,
        "description": "Protocols, exercises, safety rules and codelists for rehabilitation after spine surgery. "
        "No patient data: advice about a patient is given as CDS Hooks cards.",
        "kind": "instance",
        "software": {"name": "Spine CDS", "version": service_version},
        "implementation": {"description": f"Knowledge {published.knowledge.version}", "url": address},
        "fhirVersion": FHIR_VERSION,
        "format": ["json", "application/fhir+json"],
        "rest": [
            {
                "mode": "server",
                "documentation": "Read only. Every ETag is weak and follows the content.",
                "security": {"cors": True},
                "resource": [
                    {
                        "type": kind,
                        "interaction": [{"code": "read"}, {"code": "search-type"}],
                        "versioning": "no-version",
                        "readHistory": False,
                        "searchParam": parameters,
                    }
                    for kind in TYPES
                ],
            }
        ],
    }
