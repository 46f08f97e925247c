"""Accepted suggestions land on a FHIR server that we did not write, and the next call offers nothing twice.

The test plays the EHR: it calls our running service over HTTP without any prefetch, so that the service reads the chart
from that server itself; it applies the actions of a suggestion as the transaction that CDS Hooks describes; it calls
again. Needs `npm ci --prefix tests/independent`.
"""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cds_service.publish import publish
from tests.advice_maker import BASE, knowledge
from tests.contract.conftest import PATIENT_VIEW
from tests.contract.conftest import Ehr as Signer
from tests.independent.test_medplum import HERE, needs_medplum
from tests.live import running_service

FIXTURES = Path(__file__).parents[2] / "fhir_fixtures"
DAYS = {one["id"]: one["on"] for one in json.loads((FIXTURES / "index.json").read_text(encoding="utf-8"))["patients"]}
PROFILES = ("pa", "us-core", "cpg-proposal")
AUDIENCE = "https://cds.example.org"


class FhirServer:
    """A FHIR server that we did not write, over HTTP."""

    def __init__(self, base: str):
        self.base = base

    def send(self, method: str, path: str, body: dict | None = None) -> dict:
        url = f"{self.base}/{path}" if path else self.base
        return _ask(method, url, body, {"Content-Type": "application/fhir+json"})

    def load(self, story: str) -> str:
        """Put a fixture patient on the server under an id of its own, so that each test has a fresh chart."""
        text = (FIXTURES / "patients" / f"{story}.json").read_text(encoding="utf-8")
        own = uuid.uuid4().hex[:8]
        text = text.replace("fixture-", f"f-{own}-")
        resources = [one["resource"] for one in json.loads(text)["entry"]]
        for resource in resources:
            self.send("PUT", f"{resource['resourceType']}/{resource['id']}", resource)
        return resources[0]["id"]

    def accept(self, suggestion: dict) -> list[dict]:
        """Apply the actions as one transaction: all or nothing, references between new resources resolved.

        The specification infers each fullUrl from the client's FHIR server and the temporary id.
        """
        actions = suggestion["actions"]
        new = {
            f"{one['resource']['resourceType']}/{one['resource']['id']}": f"urn:uuid:{one['resource']['id']}"
            for one in actions
            if one["type"] == "create"
        }
        entries = []
        for action in actions:
            text = json.dumps(action["resource"])
            for reference, full_url in new.items():
                text = text.replace(json.dumps(reference), json.dumps(full_url))
            resource = json.loads(text)
            kind, id_ = resource["resourceType"], resource["id"]
            if action["type"] == "create":
                del resource["id"]
                entries.append(
                    {"fullUrl": f"urn:uuid:{id_}", "request": {"method": "POST", "url": kind}, "resource": resource}
                )
            else:
                entries.append({"request": {"method": "PUT", "url": f"{kind}/{id_}"}, "resource": resource})
        answer = self.send("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": entries})
        statuses = [one["response"]["status"] for one in answer["entry"]]
        assert all(status[:1] == "2" for status in statuses), answer
        return [
            self.send("GET", one["response"]["location"].split("/fhir/")[-1].removeprefix("/"))
            for one in answer["entry"]
        ]


class Ehr:
    """A hospital that calls our service: its key, its FHIR server, the order profile agreed for it."""

    def __init__(self, service: str, fhir: FhirServer, signer: Signer, order_profile: str):
        self.service, self.fhir, self.signer, self.order_profile = service, fhir, signer, order_profile

    def cards(self, patient: str, on: str) -> list[dict]:
        """Open the chart: a call without prefetch; the service reads the chart by itself."""
        call = {
            "hook": "patient-view",
            "hookInstance": str(uuid.uuid4()),
            "fhirServer": self.fhir.base,
            "context": {"userId": "Practitioner/surgeon-1", "patientId": patient},
            "extension": {"org.spine-cds.on": on},
        }
        token = self.signer.header(PATIENT_VIEW, iss=_issuer(self.order_profile), aud=AUDIENCE + PATIENT_VIEW)
        return _ask("POST", self.service + PATIENT_VIEW, call, {"Content-Type": "application/json", **token})["cards"]


def _ask(method: str, url: str, body: dict | None, headers: dict[str, str]) -> dict:
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        raise AssertionError(f"{method} {url}: {error.read()[:800]!r}") from error


def _issuer(order_profile: str) -> str:
    return f"https://{order_profile}.example.org"


@pytest.fixture(scope="module")
def fhir() -> Iterator[FhirServer]:
    server = subprocess.Popen(["node", "fhir_server.mjs"], cwd=HERE, stdout=subprocess.PIPE, text=True)
    try:
        yield FhirServer(f"http://127.0.0.1:{int(server.stdout.readline())}/fhir")
    finally:
        server.terminate()
        server.wait(10)
        server.stdout.close()


@pytest.fixture(scope="module")
def hospital(fhir: FhirServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Ehr]]:
    """Our service with one tenant for each order profile; gives the hospital that works with a profile."""
    folder, signer = tmp_path_factory.mktemp("service"), Signer()
    tenants = [
        {
            "id": order_profile,
            "profile": "development",
            "issuers": [_issuer(order_profile)],
            "jwks": {"keys": [signer.jwk]},
            "base_urls": [AUDIENCE],
            "algorithms": ["ES384"],
            "order_profile": order_profile,
            "missing_data": "412",
        }
        for order_profile in PROFILES
    ]
    (folder / "tenants.yaml").write_text(json.dumps({"tenants": tenants}), encoding="utf-8")
    settings = {"SPINE_CDS_TENANTS": str(folder / "tenants.yaml"), "SPINE_CDS_GATHER_MILLISECONDS": "30000"}
    with running_service(folder, **settings) as service:
        yield lambda order_profile: Ehr(service, fhir, signer, order_profile)


def _asked_for(actions: list[dict]) -> set[str]:
    """What the actions would bring into the chart: the kinds of request, and the orders to be changed."""
    found = set()
    for action in actions:
        resource = action["resource"]
        if action["type"] == "update":
            found.add(f"update of {resource['resourceType']}/{resource['id']}")
        elif resource["resourceType"] == "ServiceRequest":
            found.add(resource["instantiatesCanonical"][0])
    return found


def _suggestions(cards: list[dict]) -> list[dict]:
    return [suggestion for card in cards for suggestion in card.get("suggestions", [])]


STORIES = {
    "lumbar_fusion_week_6": {"home-programme", "refer-physiotherapy"},
    "lumbar_fusion_week_3": {"home-programme"},
    "lumbar_discectomy_week_3": {"home-programme"},
    "lumbar_laminectomy_week_8": {"home-programme"},
    "acdf_week_9": {"home-programme"},
    "osteoporosis_fusion": {"home-programme"},
    "two_operations": {"home-programme"},
    "hardware_removal": {"consult-surgeon"},
    "paediatric_scoliosis": {"consult-surgeon"},
    "cauda_equina": {"urgent-evaluation"},
    "fever_wound_infection": {"urgent-evaluation"},
}
"""Fixture patient -> requests that must be among those accepted in the end."""


@needs_medplum
@pytest.mark.parametrize("order_profile", PROFILES)
@pytest.mark.parametrize("story", STORIES)
def test_whatever_is_accepted_is_not_offered_again(story: str, order_profile: str, hospital, fhir: FhirServer) -> None:
    ehr, patient, on = hospital(order_profile), fhir.load(story), DAYS[story]
    accepted: set[str] = set()
    offered = _suggestions(ehr.cards(patient, on))
    assert offered

    while offered:
        for one in offered:
            assert not _asked_for(one["actions"]) & accepted, (one["label"], accepted)
        chosen = next((one for one in offered if one.get("isRecommended")), offered[0])
        fhir.accept(chosen)
        accepted |= _asked_for(chosen["actions"])
        offered = _suggestions(ehr.cards(patient, on))

    assert STORIES[story] <= {one.rsplit("/", 1)[-1].partition("|")[0] for one in accepted}


@needs_medplum
def test_an_accepted_programme_is_in_the_chart_and_is_not_offered_again(hospital, fhir: FhirServer) -> None:
    ehr, patient, on = hospital("pa"), fhir.load("lumbar_fusion_week_6"), DAYS["lumbar_fusion_week_6"]
    (card,) = ehr.cards(patient, on)
    both = next(one for one in card["suggestions"] if one["label"] == "Order this programme and refer to physiotherapy")

    stored = fhir.accept(both)
    (again,) = ehr.cards(patient, on)

    kinds = [one["resourceType"] for one in stored]
    assert kinds == ["Goal", "Goal", "CarePlan", "ServiceRequest", "ServiceRequest"]
    plan, request = stored[2], stored[3]
    assert [one["reference"] for one in plan["goal"]] == [f"Goal/{one['id']}" for one in stored[:2]]
    assert plan["activity"] == [{"reference": {"reference": f"ServiceRequest/{request['id']}"}}]
    assert request["basedOn"] == [{"reference": f"CarePlan/{plan['id']}"}]
    assert "suggestions" not in again
    assert again["uuid"] == card["uuid"]
    assert again["detail"].count(f"already ordered on {request['authoredOn'][:10]}") == 2


@needs_medplum
def test_an_accepted_hold_puts_the_running_order_on_hold_and_asks_once(hospital, fhir: FhirServer) -> None:
    ehr, patient, on = hospital("pa"), fhir.load("fever_wound_infection"), DAYS["fever_wound_infection"]
    (card,) = ehr.cards(patient, on)

    stored = fhir.accept(card["suggestions"][0])
    (again,) = ehr.cards(patient, on)

    held = next(one for one in stored if one.get("occurrencePeriod"))
    assert held["id"].endswith("-fever-wound-infection-servicerequest-1") and held["status"] == "on-hold"
    assert "suggestions" not in again
    assert "Urgent evaluation: already ordered on " in again["detail"]


@needs_medplum
def test_the_canonicals_of_an_accepted_order_are_read_from_the_service_that_offered_it(
    hospital, fhir: FhirServer
) -> None:
    ehr, patient, on = hospital("pa"), fhir.load("acdf_week_9"), DAYS["acdf_week_9"]
    suggestion = _suggestions(ehr.cards(patient, on))[0]

    canonicals = {one for order in fhir.accept(suggestion) for one in order.get("instantiatesCanonical", [])}

    assert len(canonicals) >= 2
    for canonical in canonicals:
        url, _, version = canonical.partition("|")
        resource = _ask("GET", url, None, {"Accept": "application/fhir+json"})
        assert (resource["url"], resource["version"]) == (url, version)


@needs_medplum
def test_the_published_knowledge_is_taken_whole_by_another_server_and_found_there_by_its_canonicals(
    fhir: FhirServer,
) -> None:
    published = publish(knowledge(), BASE)

    answer = fhir.send("POST", "", published.bundle())

    statuses = [one["response"]["status"] for one in answer["entry"]]
    assert len(statuses) == len(published.resources) and {status[:1] for status in statuses} == {"2"}
    for key in ("PlanDefinition/lum-fus", "ActivityDefinition/bird-dog", "ValueSet/dvt", "Library/knowledge"):
        kind, url = key.split("/")[0], published.resources[key]["url"]
        (entry,) = fhir.send("GET", f"{kind}?url={url}")["entry"]
        assert entry["resource"]["title"] == published.resources[key]["title"]
