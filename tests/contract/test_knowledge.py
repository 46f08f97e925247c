"""The knowledge over HTTP: read, searched and cached as FHIR describes it, by anybody, and never changed."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from flask import Flask
from flask.testing import FlaskClient

FHIR_JSON = "application/fhir+json"
ELSEWHERE = {"Origin": "https://reader.example.org"}


def test_the_capability_statement_is_valid_and_offers_what_is_there(client: FlaskClient) -> None:
    answer = client.get("/fhir/metadata")

    statement = CapabilityStatement.model_validate(answer.json)
    assert (answer.status_code, answer.mimetype) == (200, FHIR_JSON)
    assert (statement.fhirVersion, statement.kind) == ("4.0.1", "instance")
    for resource in statement.rest[0].resource:
        assert {one.code for one in resource.interaction} == {"read", "search-type"}
        first = client.get(f"/fhir/{resource.type}?_count=1").json["entry"][0]["resource"]
        for parameter in resource.searchParam:
            value = first["id" if parameter.name == "_id" else parameter.name]
            found = client.get(f"/fhir/{resource.type}", query_string={parameter.name: value}).json
            assert first["id"] in [one["resource"]["id"] for one in found["entry"]], parameter.name


def test_every_page_of_every_type_is_a_valid_bundle_and_no_resource_is_lost(client: FlaskClient) -> None:
    for kind in ("ActivityDefinition", "CodeSystem", "Library", "PlanDefinition", "ValueSet"):
        seen: list[str] = []
        path = f"/fhir/{kind}?_count=40"
        while path:
            page = client.get(path).json
            Bundle.model_validate(page)
            seen += [one["resource"]["id"] for one in page["entry"]]
            following = [urlsplit(one["url"]) for one in page["link"] if one["relation"] == "next"]
            path = f"{following[0].path}?{following[0].query}" if following else ""
        assert len(seen) == len(set(seen)) == page["total"]


@pytest.mark.parametrize(
    ("query", "total"),
    [
        ("_id=lum-fus", 1),
        ("_id=lum-fus,lum-disc", 2),
        ("url=http://127.0.0.1:8000/fhir/PlanDefinition/lum-fus", 1),
        ("url=http://127.0.0.1:8000/fhir/PlanDefinition/lum-fus|{version}", 1),
        ("url=http://127.0.0.1:8000/fhir/PlanDefinition/lum-fus|1999", 0),
        ("name=lum", 4),
        ("name:exact=lum", 0),
        ("name:exact=LumFus", 1),
        ("title:contains=PLIF, tlif", 1),
        ("name=lum&status=draft", 4),
        ("name=lum&status=retired", 0),
        ("name=lum&colour=red", 4),
        ("name=lum&_count=0", 4),
    ],
)
def test_a_search_finds_what_fits_and_nothing_else(query: str, total: int, client: FlaskClient) -> None:
    version = client.get("/version").json["knowledge"]["version"]
    answer = client.get(f"/fhir/PlanDefinition?{query.format(version=version)}")

    assert answer.status_code == 200
    assert answer.json["total"] == total
    assert len(answer.json.get("entry", [])) == (0 if "_count=0" in query else total)


def test_the_self_link_tells_what_was_understood(client: FlaskClient) -> None:
    (link, *_) = client.get("/fhir/PlanDefinition?name=lum&colour=red&_count=2").json["link"]

    assert link == {"relation": "self", "url": "http://127.0.0.1:8000/fhir/PlanDefinition?name=lum&_count=2&_offset=0"}


def test_a_canonical_of_an_order_is_read_by_its_own_address(client: FlaskClient) -> None:
    found = client.get("/fhir/PlanDefinition?_id=lum-fus").json["entry"][0]

    read = client.get(urlsplit(found["resource"]["url"]).path)

    assert read.json == found["resource"]


def test_what_the_client_holds_already_is_not_sent_again(client: FlaskClient) -> None:
    for path in ("/fhir/metadata", "/fhir/PlanDefinition?name=lum", "/fhir/PlanDefinition/lum-fus"):
        first = client.get(path)
        again = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
        other = client.get(path, headers={"If-None-Match": 'W/"other"'})

        assert first.headers["ETag"].startswith('W/"')
        assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
        assert other.status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/fhir/Patient", {}, 404),
        ("GET", "/fhir/Patient/1", {}, 404),
        ("GET", "/fhir/PlanDefinition/nobody", {}, 404),
        ("GET", "/fhir", {}, 404),
        ("POST", "/fhir/PlanDefinition", {}, 405),
        ("PUT", "/fhir/PlanDefinition/lum-fus", {}, 405),
        ("DELETE", "/fhir/PlanDefinition/lum-fus", {}, 405),
        ("GET", "/fhir/PlanDefinition/lum-fus", {"Accept": "application/fhir+xml"}, 406),
        ("GET", "/fhir/metadata?_format=xml", {}, 406),
        ("GET", "/fhir/PlanDefinition?_count=many", {}, 400),
        ("GET", "/fhir/PlanDefinition?name:missing=true", {}, 400),
    ],
)
def test_what_is_not_offered_is_refused_with_an_operation_outcome(
    method, path, headers, status, client: FlaskClient
) -> None:
    answer = client.open(path, method=method, headers=headers)

    assert (answer.status_code, answer.mimetype) == (status, FHIR_JSON)
    assert answer.json["resourceType"] == "OperationOutcome"
    assert "nobody" not in answer.text and "many" not in answer.text
    assert (status == 405) == ("Allow" in answer.headers)


@pytest.mark.parametrize("accept", ["application/fhir+json", "application/json", "*/*", "text/html, */*;q=0.1", ""])
def test_any_client_that_reads_json_is_served(accept: str, client: FlaskClient) -> None:
    headers = {"Accept": accept} if accept else {}

    assert client.get("/fhir/Library/knowledge", headers=headers).status_code == 200


@pytest.mark.parametrize("wanted", ["json", "application/json", "application/fhir%2Bjson", "application/fhir+json"])
def test_the_format_may_be_named_in_the_url(wanted: str, client: FlaskClient) -> None:
    answer = client.get(f"/fhir/Library/knowledge?_format={wanted}", headers={"Accept": "text/html"})

    assert (answer.status_code, answer.mimetype) == (200, FHIR_JSON)


def test_head_and_options_answer_without_a_body(client: FlaskClient) -> None:
    head = client.head("/fhir/PlanDefinition/lum-fus")
    options = client.options("/fhir/PlanDefinition/lum-fus")

    assert (head.status_code, head.data) == (200, b"")
    assert head.headers["ETag"] == client.get("/fhir/PlanDefinition/lum-fus").headers["ETag"]
    assert options.status_code == 200 and "GET" in options.headers["Allow"] and "POST" not in options.headers["Allow"]


def test_a_page_of_any_origin_may_read_the_knowledge_and_only_the_knowledge(guarded: Flask) -> None:
    client = guarded.test_client()
    asking = ELSEWHERE | {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "If-None-Match"}

    read = client.get("/fhir/PlanDefinition/lum-fus", headers=ELSEWHERE)
    preflight = client.options("/fhir/PlanDefinition/lum-fus", headers=asking)

    assert (read.status_code, read.headers["Access-Control-Allow-Origin"]) == (200, "*")
    assert preflight.headers["Access-Control-Allow-Methods"] == "GET, HEAD, OPTIONS"
    assert "If-None-Match" in preflight.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Origin" not in client.get("/version", headers=ELSEWHERE).headers
