"""Rules A1 and A2: whom we read from, and what becomes of the token."""

from __future__ import annotations

import json

import pytest
from flask.testing import FlaskClient

from cds_service.store.tables import METADATA
from tests.contract.conftest import PATIENT_VIEW, a_call, patient_call

TOKEN = "s3cret-t0ken-of-the-call"
AUTHORIZATION = {
    "access_token": TOKEN,
    "token_type": "Bearer",
    "expires_in": 300,
    "scope": "user/*.read",
    "subject": "x",
}


@pytest.mark.rule("A1")
def test_a1_every_read_carries_the_token_and_nothing_of_it_stays(make_service, fhir_server, capsys) -> None:
    server = fhir_server("lumbar_fusion_week_6")
    app = make_service(log_level="debug")
    call = patient_call("lumbar_fusion_week_6", "2026-05-15")
    call |= {"prefetch": {}, "fhirServer": server.url, "fhirAuthorization": AUTHORIZATION}

    answer = app.test_client().post(PATIENT_VIEW, json=call)
    store = app.extensions["spine-cds-store"]
    store.close()

    assert answer.status_code == 200 and server.seen
    assert {headers.get("Authorization") for _, headers in server.seen} == {f"Bearer {TOKEN}"}
    with store.engine.connect() as connection:
        kept = [tuple(row) for table in METADATA.sorted_tables for row in connection.execute(table.select())]
    told = capsys.readouterr()
    assert kept and TOKEN not in repr(kept) + told.out + told.err + answer.text
    assert TOKEN not in app.test_client().get("/metrics").text


@pytest.mark.rule("A1")
def test_a1_without_a_token_an_open_server_is_read_without_one(client: FlaskClient, fhir_server) -> None:
    server = fhir_server("lumbar_fusion_week_6")
    call = patient_call("lumbar_fusion_week_6", "2026-05-15") | {"prefetch": {}, "fhirServer": server.url}

    assert client.post(PATIENT_VIEW, json=call).json["cards"]
    assert not [1 for _, headers in server.seen if "Authorization" in headers]


@pytest.mark.rule("A2")
@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example.org/fhir",
        "http://169.254.169.254/latest/meta-data",
        "https://ehr.example.org.evil.org/fhir",
        "https://ehr.example.org@evil.org/fhir",
        "http://ehr.example.org/fhir",
        "https://10.0.0.1/fhir",
        "http://127.0.0.1:9/fhir",
        "https://[::1]/fhir",
    ],
)
def test_a2_a_server_that_is_not_agreed_is_not_read(url: str, guarded, ehr) -> None:
    # The suite refuses every connection but loopback: a read would show as an error of another kind.
    call = a_call(prefetch={}, fhirServer=url, fhirAuthorization=AUTHORIZATION)

    answer = guarded.test_client().post(PATIENT_VIEW, json=call, headers=ehr.header(PATIENT_VIEW))

    assert answer.status_code == 412
    assert TOKEN not in answer.text and url not in answer.text


def test_a_refused_kind_of_data_is_said_and_the_rest_is_used(client: FlaskClient, fhir_server) -> None:
    server = fhir_server("lumbar_fusion_week_6")
    server.refused.add("Condition")
    call = patient_call("lumbar_fusion_week_6", "2026-05-15") | {"fhirServer": server.url}
    del call["prefetch"]["conditions"]

    cards = client.post(PATIENT_VIEW, json=call).json["cards"]

    assert cards and "could not check" in json.dumps(cards).lower()
