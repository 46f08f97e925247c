"""Be the EHR: read a patient from a FHIR server with a service's own templates, and call the service. HTTP only."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import click
import requests

TIMEOUT_SECONDS = 30
MAX_PAGES = 20
TAG = {
    "system": "https://spine-cds.org/fixtures",
    "code": "spine-cds-example",
    "display": "Spine CDS example patient, invented",
}
SEED_ORDER = (
    "Patient",
    "Practitioner",
    "Encounter",
    "Condition",
    "Procedure",
    "Observation",
    "MedicationRequest",
    "CarePlan",
    "Goal",
    "ServiceRequest",
    "Appointment",
)

_TOKEN = re.compile(r"\{\{\s*context\.([A-Za-z]+)\s*\}\}")


class ClientTrouble(click.ClickException):
    """Something an integrator can act on: what was asked, what came back, what to try."""


@dataclass(frozen=True, slots=True)
class FhirAccess:
    """A FHIR server: base URL without a trailing slash, and a bearer token where it needs one."""

    base_url: str
    token: str | None = None

    def headers(self) -> dict[str, str]:
        headers = {"Accept": "application/fhir+json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        return headers

    def get(self, path: str) -> dict[str, Any]:
        """Read *path* (relative or absolute on this server). Raises ClientTrouble with status and advice."""
        url = urljoin(self.base_url + "/", path)
        if urlsplit(url)[:2] != urlsplit(self.base_url)[:2]:
            raise ClientTrouble(f"{urlsplit(url).netloc} is not the server that was named; its page was not read")
        return _answer("GET", url, self.headers())

    def send(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        url = f"{self.base_url}/{path}".rstrip("/")
        return _answer(method, url, {**self.headers(), "Content-Type": "application/fhir+json"}, body)


def _answer(method: str, url: str, headers: Mapping[str, str], body: Any = None) -> dict[str, Any]:
    try:
        answer = requests.request(
            method, url, headers=dict(headers), json=body, timeout=TIMEOUT_SECONDS, allow_redirects=False
        )
    except requests.RequestException as error:
        raise ClientTrouble(
            f"{method} {_bare(url)}: {type(error).__name__}. Is the server up and the address right?"
        ) from error
    if not answer.ok:
        raise ClientTrouble(
            f"{method} {_bare(url)} answered {answer.status_code}{_advice(answer.status_code)}{_diagnostics(answer)}"
        )
    if not answer.content:
        return {}
    try:
        return answer.json()
    except ValueError as error:
        kind = answer.headers.get("Content-Type", "no content type")
        raise ClientTrouble(
            f"{method} {_bare(url)} answered {kind}, not JSON. Is this the base URL of the FHIR server?"
        ) from error


def _bare(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"


def _advice(status: int) -> str:
    words = {
        401: ": give a token with --token",
        403: ": the token's scopes do not allow this",
        404: ": is the base URL complete?",
        429: ": too many calls, wait a little",
    }
    return words.get(status, "")


def _diagnostics(answer: requests.Response) -> str:
    try:
        issues = answer.json().get("issue", [])
    except (ValueError, AttributeError):
        return ""
    said = "; ".join(
        str(one.get("diagnostics") or one.get("details", {}).get("text") or one.get("code")) for one in issues
    )
    return f" ({said})" if said else ""


def discover(service_url: str, authorization: str | None = None) -> list[dict[str, Any]]:
    """Give the services that *service_url* publishes."""
    headers = {"Accept": "application/json", **({"Authorization": authorization} if authorization else {})}
    services = _answer("GET", f"{service_url}/cds-services", headers).get("services")
    if not isinstance(services, list):
        raise ClientTrouble(f"{service_url}/cds-services is no CDS Hooks discovery: `services` is missing")
    return services


def expand(template: str, context: Mapping[str, str]) -> str | None:
    """Fill a prefetch template; None where it holds a token that this client cannot resolve."""
    filled = _TOKEN.sub(lambda match: quote(context.get(match.group(1), match.group(0)), safe="/"), template)
    return None if "{{" in filled else filled


def prefetch(
    service: Mapping[str, Any], context: Mapping[str, str], fhir: FhirAccess
) -> tuple[dict[str, Any], list[str]]:
    """Fill every template from the FHIR server. A key that fails is left out and named in the second value, as EHRs do."""
    filled: dict[str, Any] = {}
    trouble: list[str] = []
    for key, template in service.get("prefetch", {}).items():
        query = expand(template, context)
        if query is None:
            trouble.append(f"{key}: a token of the template is not known to this client")
            continue
        try:
            filled[key] = fhir.get(query)
        except ClientTrouble as error:
            trouble.append(f"{key}: {error}")
    return filled, trouble


def build_call(
    hook: str,
    context: Mapping[str, Any],
    filled: Mapping[str, Any] | None,
    fhir: FhirAccess | None,
    authorize: bool,
    on: str | None,
) -> dict[str, Any]:
    """Build a hook call. *on* sets the day asked about (services in development mode only)."""
    call: dict[str, Any] = {"hook": hook, "hookInstance": str(uuid.uuid4()), "context": dict(context)}
    if filled is not None:
        call["prefetch"] = dict(filled)
    if fhir is not None and (authorize or filled is None):
        call["fhirServer"] = fhir.base_url
        if fhir.token:
            call["fhirAuthorization"] = {
                "access_token": fhir.token, "token_type": "Bearer", "expires_in": 300,
                "scope": "patient/*.read", "subject": "spine-cds-call", "patient": context["patientId"],
            }  # fmt: skip
    if on:
        call["extension"] = {"org.spine-cds.on": on}
    return call


def post_call(
    service_url: str, service_id: str, call: Mapping[str, Any], authorization: str | None = None
) -> tuple[int, Any]:
    """Post a hook call; gives the status and the body as JSON (or text where it is none)."""
    headers = {"Accept": "application/json", **({"Authorization": authorization} if authorization else {})}
    url = f"{service_url}/cds-services/{quote(service_id)}"
    try:
        answer = requests.post(url, json=call, headers=headers, timeout=TIMEOUT_SECONDS, allow_redirects=False)
    except requests.RequestException as error:
        raise ClientTrouble(
            f"POST {_bare(url)}: {type(error).__name__}. Is the service running? Start it with: spine-cds serve"
        ) from error
    try:
        return answer.status_code, answer.json()
    except ValueError:
        return answer.status_code, answer.text


def pages(fhir: FhirAccess, query: str) -> Iterator[dict[str, Any]]:
    """Give every resource of a search, following `next` links on the same server."""
    next_page: str | None = query
    for _ in range(MAX_PAGES):
        if next_page is None:
            return
        bundle = fhir.get(next_page)
        for entry in bundle.get("entry", []):
            if isinstance(entry.get("resource"), dict):
                yield entry["resource"]
        next_page = next((link["url"] for link in bundle.get("link", []) if link.get("relation") == "next"), None)


def seed_transaction(bundle: Mapping[str, Any]) -> dict[str, Any]:
    """Turn an example patient's Bundle into a repeatable transaction: PUT by id, every resource tagged."""
    resources = sorted((entry["resource"] for entry in bundle["entry"]), key=_seed_rank)
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"resource": _tagged(one), "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"}}
            for one in resources
        ],
    }


def _seed_rank(resource: Mapping[str, Any]) -> int:
    kind = resource["resourceType"]
    return SEED_ORDER.index(kind) if kind in SEED_ORDER else len(SEED_ORDER)


def _tagged(resource: Mapping[str, Any]) -> dict[str, Any]:
    meta = dict(resource.get("meta", {}))
    others = [tag for tag in meta.get("tag", []) if tag.get("code") != TAG["code"]]
    return {**resource, "meta": {**meta, "tag": [*others, TAG]}}


def tagged_resources(fhir: FhirAccess, kinds: tuple[str, ...]) -> list[str]:
    """List `Type/id` of everything on the server that carries our tag, dependants first, so that deletes succeed in order."""
    query = f"_tag={quote(TAG['system'])}%7C{TAG['code']}&_count=200"
    found: list[str] = []
    for kind in sorted(
        kinds, key=lambda one: SEED_ORDER.index(one) if one in SEED_ORDER else len(SEED_ORDER), reverse=True
    ):
        found += [f"{kind}/{one['id']}" for one in pages(fhir, f"{kind}?{query}") if one.get("resourceType") == kind]
    return found
