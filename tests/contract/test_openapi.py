"""openapi.yaml is complete and true: routes, bodies, errors and examples, both ways."""

from __future__ import annotations

import importlib.util
import re

import pytest
import schemathesis
import yaml
from flask import Flask
from hypothesis import HealthCheck, settings
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from tests.contract.conftest import PATIENT_VIEW, ROOT, a_call, fixture_calls, read_json, service_of

OPENAPI = yaml.safe_load((ROOT / "openapi.yaml").read_text(encoding="utf-8"))
_REGISTRY = Registry().with_resource("urn:openapi", Resource.from_contents(OPENAPI, default_specification=DRAFT202012))
PAGES = {"/", "/workbench/static/{name}", "/workbench/fixtures/{name}"}
"""The page that plays an EHR: static files, no part of the contract."""


def validate(schema_name: str, value: object) -> None:
    Draft202012Validator({"$ref": f"urn:openapi#/components/schemas/{schema_name}"}, registry=_REGISTRY).validate(value)


def _example(name: str) -> object:
    return OPENAPI["components"]["examples"][name]["value"]


def _routes(app: Flask) -> set[tuple[str, str]]:
    found = set()
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(?:path:)?(\w+)>", r"{\1}", rule.rule).replace("{service_id}", "{id}")
        found |= {(method, path) for method in rule.methods - {"HEAD", "OPTIONS"} if path not in PAGES}
    return found


def _documented() -> set[tuple[str, str]]:
    return {
        (method.upper(), path) for path, item in OPENAPI["paths"].items() for method in item if method != "parameters"
    }


def test_every_route_is_documented_and_every_documented_path_is_served(service: Flask) -> None:
    served = _routes(service)
    ids = {one["id"] for one in service.test_client().get("/cds-services").json["services"]}
    spelled_out = {("POST", f"/cds-services/{one}") for one in ids}

    assert _documented() == (served - {("POST", "/cds-services/{id}")}) | spelled_out


def test_every_reference_leads_somewhere() -> None:
    def walk(node: object) -> None:
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                place: object = OPENAPI
                for step in node["$ref"].removeprefix("#/").split("/"):
                    place = place[step]  # type: ignore[index]
            for inner in node.values():
                walk(inner)
        if isinstance(node, list):
            for inner in node:
                walk(inner)

    walk({key: value for key, value in OPENAPI.items() if key != "components"})
    walk({key: value for key, value in OPENAPI["components"].items() if key != "examples"})


def test_every_example_is_used_and_fits_its_schema() -> None:
    used: set[str] = set()

    def walk(node: object) -> None:
        if isinstance(node, dict):
            if "schema" in node and "examples" in node:
                for one in node["examples"].values():
                    name = one["$ref"].rsplit("/", 1)[-1]
                    used.add(name)
                    validate(node["schema"]["$ref"].rsplit("/", 1)[-1], _example(name))
            for inner in node.values():
                walk(inner)

    walk({"paths": OPENAPI["paths"], "responses": OPENAPI["components"]["responses"]})

    assert used == set(OPENAPI["components"]["examples"])


def test_the_examples_are_the_real_answers_of_the_service() -> None:
    spec = importlib.util.spec_from_file_location("openapi_examples", ROOT / "tools" / "openapi_examples.py")
    assert spec is not None and spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)

    assert tool.main(["--check"]) == 0


@pytest.mark.parametrize("path", fixture_calls(), ids=lambda path: path.stem)
def test_fixture_calls_and_their_answers_fit_the_schemas(path, service: Flask) -> None:
    call = read_json(path)
    name = "".join(word.capitalize() for word in call["hook"].split("-"))

    answer = service.test_client().post(service_of(call), json=call)

    validate(f"{name}Call", call)
    validate("Cards", answer.json)


@pytest.mark.parametrize(
    ("method", "path", "options", "status"),
    [
        ("POST", PATIENT_VIEW, {"json": {}}, 400),
        ("POST", "/cds-services/unknown", {"json": {}}, 404),
        ("GET", PATIENT_VIEW, {}, 405),
        ("POST", PATIENT_VIEW, {"json": a_call(prefetch={})}, 412),
        ("POST", PATIENT_VIEW, {"data": "x"}, 415),
        ("POST", PATIENT_VIEW + "/feedback", {"json": {}}, 400),
    ],
)
def test_errors_fit_the_schema_and_are_documented(method, path, options, status, service: Flask) -> None:
    answer = service.test_client().open(path, method=method, **options)

    assert answer.status_code == status
    validate("OperationOutcome", answer.json)
    item = (
        OPENAPI["paths"].get(path)
        or OPENAPI["paths"][PATIENT_VIEW if "feedback" not in path else "/cds-services/{id}/feedback"]
    )
    operation = item.get(method.lower(), item.get("post"))
    assert str(status) in operation["responses"]


# A call that is well formed in every way can still lack the data that an answer needs: 412.
_FINE = ["2xx", "401", "403", "404", "409", "412", "429"]
_ACCEPTED = {
    "checks": {
        "positive_data_acceptance": {"expected-statuses": _FINE},
        # The description draws a fhirServer more narrowly than we read it: such a call may go on to lack its data.
        "negative_data_rejection": {"expected-statuses": ["400", "401", "403", "404", "406", "412", "415", "422"]},
    },
    # Which exercise may stand on a sheet depends on type and week together, which no schema can say.
    "operations": [
        {"include-path": "/handout", "checks": {"positive_data_acceptance": {"expected-statuses": [*_FINE, "400"]}}}
    ],
}
SCHEMA = schemathesis.openapi.from_path(ROOT / "openapi.yaml", config=schemathesis.Config.from_dict(_ACCEPTED))


@SCHEMA.parametrize()
@settings(max_examples=25, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
def test_the_running_service_keeps_what_the_description_says(case, running: str) -> None:
    case.call_and_validate(base_url=running)
