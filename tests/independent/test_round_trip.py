"""Accepted suggestions land on a FHIR server that we did not write, and the next call offers nothing twice.

The test plays the EHR: it applies the actions of a suggestion as the transaction that CDS Hooks describes, reads the
chart back over HTTP with our own prefetch templates, and calls again. Needs `npm ci --prefix tests/independent`.
"""

from __future__ import annotations

import json
import re
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest

from cds_service.cards import CallFacts, build_cards
from cds_service.clinical.advise import advise
from cds_service.intake.prefetch import offered
from cds_service.intake.read import read_record
from tests.advice_maker import BASE, knowledge
from tests.independent.test_medplum import HERE, needs_medplum

FIXTURES = Path(__file__).parents[2] / "fhir_fixtures"
KEYS = ("patient", "procedures", "observations", "conditions", "serviceRequests", "carePlans", "goals")


class Ehr:
    """The EHR's side: a FHIR server, and what a client does with cards."""

    def __init__(self, base: str):
        self.base = base

    def send(self, method: str, path: str, body: dict | None = None) -> dict:
        url = f"{self.base}/{path}" if path else self.base
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(url, data, {"Content-Type": "application/fhir+json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.read()[:800]!r}") from error

    def load(self, story: str) -> str:
        """Put a fixture patient on the server; the ids stay as they are."""
        bundle = json.loads((FIXTURES / "patients" / f"{story}.json").read_text())
        resources = [one["resource"] for one in bundle["entry"]]
        for resource in resources:
            self.send("PUT", f"{resource['resourceType']}/{resource['id']}", resource)
        return resources[0]["id"]

    def accept(self, suggestion) -> list[dict]:
        """Apply the actions as one transaction: all or nothing, references between new resources resolved.

        The specification infers each fullUrl from the client's FHIR server and the temporary id.
        """
        new = {
            f"{one.resource['resourceType']}/{one.resource['id']}": f"urn:uuid:{one.resource['id']}"
            for one in suggestion.actions
            if one.type_ == "create"
        }
        entries = []
        for action in suggestion.actions:
            text = json.dumps(action.resource)
            for reference, full_url in new.items():
                text = text.replace(json.dumps(reference), json.dumps(full_url))
            resource = json.loads(text)
            kind, id_ = resource["resourceType"], resource["id"]
            if action.type_ == "create":
                del resource["id"]
                entries.append({"fullUrl": f"urn:uuid:{id_}", "request": {"method": "POST", "url": kind}, "resource": resource})
            else:
                entries.append({"request": {"method": "PUT", "url": f"{kind}/{id_}"}, "resource": resource})
        answer = self.send("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": entries})
        statuses = [one["response"]["status"] for one in answer["entry"]]
        assert all(status[:1] == "2" for status in statuses), answer
        return [self.send("GET", one["response"]["location"].split("/fhir/")[-1].removeprefix("/")) for one in answer["entry"]]

    def cards(self, patient: str, on: date):
        """Read the chart with the templates that discovery offers, and ask for cards."""
        templates = offered({"procedures", "observations", "conditions", "orders"})
        bodies = {}
        for key in KEYS:
            query = re.sub(r"\{\{context\.patientId\}\}", patient, templates[key])
            bodies[key] = [json.dumps(self.send("GET", query)).encode()]
        record = read_record(bodies, patient_id=patient)
        call = CallFacts(
            "patient-view", patient, datetime.combine(on, time(12), UTC), BASE, b"s", user="Practitioner/surgeon-1",
            orders=record.orders,
        )  # fmt: skip
        return build_cards(advise(record, knowledge(), on), knowledge(), call)


@pytest.fixture(scope="module")
def ehr() -> Iterator[Ehr]:
    server = subprocess.Popen(["node", "fhir_server.mjs"], cwd=HERE, stdout=subprocess.PIPE, text=True)
    try:
        yield Ehr(f"http://127.0.0.1:{int(server.stdout.readline())}/fhir")
    finally:
        server.terminate()
        server.wait(10)
        server.stdout.close()


@needs_medplum
def test_an_accepted_programme_is_in_the_chart_and_is_not_offered_again(ehr: Ehr) -> None:
    patient, on = ehr.load("lumbar_fusion_week_6"), date(2026, 5, 15)
    (card,) = ehr.cards(patient, on)
    both = next(one for one in card.suggestions if one.label == "Order this programme and refer to physiotherapy")

    stored = ehr.accept(both)
    (again,) = ehr.cards(patient, on)

    kinds = [one["resourceType"] for one in stored]
    assert kinds == ["Goal", "Goal", "CarePlan", "ServiceRequest", "ServiceRequest"]
    plan, request = stored[2], stored[3]
    assert [one["reference"] for one in plan["goal"]] == [f"Goal/{one['id']}" for one in stored[:2]]
    assert plan["activity"] == [{"reference": {"reference": f"ServiceRequest/{request['id']}"}}]
    assert request["basedOn"] == [{"reference": f"CarePlan/{plan['id']}"}]
    assert again.suggestions == ()
    assert again.uuid == card.uuid
    assert again.detail.count("already ordered on 2026-05-15") == 2


@needs_medplum
def test_an_accepted_hold_puts_the_running_order_on_hold_and_asks_once(ehr: Ehr) -> None:
    patient, on = ehr.load("fever_wound_infection"), date(2026, 4, 12)
    (card,) = ehr.cards(patient, on)

    stored = ehr.accept(card.suggestions[0])
    (again,) = ehr.cards(patient, on)

    held = next(one for one in stored if one.get("occurrencePeriod"))
    assert (held["id"], held["status"]) == ("fixture-fever-wound-infection-servicerequest-1", "on-hold")
    assert again.suggestions == ()
    assert "Urgent evaluation: already ordered on 2026-04-12" in again.detail
