"""Rules C1 to C7: how we are called, and what we say when we cannot answer."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from flask.testing import FlaskClient

from cds_service.hooks import ALL_HOOKS
from tests.contract.conftest import NOON, PATIENT_VIEW, a_call, patient_call

WEEK_6 = ("lumbar_fusion_week_6", "2026-05-15")


def problems(answer) -> dict[str, str]:
    assert answer.json["resourceType"] == "OperationOutcome"
    return {issue.get("expression", ["$"])[0]: issue["details"]["text"] for issue in answer.json["issue"]}


def summaries(answer) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [card["summary"] for card in answer.json["cards"]]


def an_authorization(**changes: Any) -> dict[str, Any]:
    found = {"access_token": "t0ken", "token_type": "Bearer", "expires_in": 300, "scope": "user/*.read", "subject": "x"}
    return {key: value for key, value in (found | changes).items() if value is not ...}


# -- C1, C2, C3


@pytest.mark.rule("C1")
@pytest.mark.parametrize("hook", ALL_HOOKS, ids=lambda hook: hook.hook)
def test_c1_a_call_with_the_required_members_is_answered(hook, client: FlaskClient) -> None:
    assert client.post(f"/cds-services/{hook.id}", json=a_call(hook.hook)).json == {"cards": []}


@pytest.mark.rule("C1")
@pytest.mark.parametrize("member", ["hook", "hookInstance", "context"])
def test_c1_a_call_without_a_required_member_is_400_and_names_it(member: str, client: FlaskClient) -> None:
    answer = client.post(PATIENT_VIEW, json=a_call(**{member: ...}))

    assert answer.status_code == 400 and member in problems(answer)


@pytest.mark.rule("C1")
@pytest.mark.parametrize("hook", ALL_HOOKS, ids=lambda hook: hook.hook)
def test_c1_each_required_field_of_a_context_is_insisted_on(hook, client: FlaskClient) -> None:
    required = [name for name, one in hook.context().fields.items() if one.required]
    for name in required:
        call = a_call(hook.hook)
        del call["context"][name]

        answer = client.post(f"/cds-services/{hook.id}", json=call)

        assert answer.status_code == 400 and f"context.{name}" in problems(answer)


@pytest.mark.rule("C1")
def test_c1_all_problems_of_a_call_are_told_at_once(client: FlaskClient) -> None:
    answer = client.post(PATIENT_VIEW, json=a_call(hookInstance="x", context={}, fhirServer=7))

    assert {"hookInstance", "context.userId", "context.patientId", "fhirServer"} <= set(problems(answer))


@pytest.mark.rule("C2")
@pytest.mark.parametrize("member", ["access_token", "token_type", "expires_in", "scope", "subject"])
def test_c2_each_member_of_fhir_authorization_is_required(member: str, client: FlaskClient) -> None:
    call = a_call(fhirServer="http://127.0.0.1:9/fhir", fhirAuthorization=an_authorization(**{member: ...}))

    answer = client.post(PATIENT_VIEW, json=call)

    assert answer.status_code == 400 and f"fhirAuthorization.{member}" in problems(answer)


@pytest.mark.rule("C2")
def test_c2_fhir_authorization_without_patient_passes_as_the_reference_client_sends_it(client: FlaskClient) -> None:
    call = a_call(fhirServer="http://127.0.0.1:9/fhir", fhirAuthorization=an_authorization(scope="patient/*.read"))

    assert client.post(PATIENT_VIEW, json=call).status_code == 200


@pytest.mark.rule("C3")
def test_c3_a_hook_the_service_is_not_listed_for_is_400_and_says_so(client: FlaskClient) -> None:
    answer = client.post(PATIENT_VIEW, json=a_call("order-sign"))

    assert answer.status_code == 400 and "patient-view" in problems(answer)["hook"]


@pytest.mark.rule("C3")
@pytest.mark.parametrize(
    "path", ["/cds-services/unknown", "/cds-services/unknown/feedback", "/nowhere", "/cds-services/a/b"]
)
def test_c3_an_unknown_id_is_404(path: str, client: FlaskClient) -> None:
    answer = client.post(path, json=a_call())

    assert answer.status_code == 404 and problems(answer)


@pytest.mark.rule("C3")
@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", PATIENT_VIEW, {"POST", "OPTIONS"}),
        ("DELETE", PATIENT_VIEW, {"POST", "OPTIONS"}),
        ("PUT", PATIENT_VIEW + "/feedback", {"POST", "OPTIONS"}),
        ("POST", "/cds-services", {"GET", "HEAD", "OPTIONS"}),
        ("PATCH", "/alive", {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_c3_a_wrong_method_is_405_and_names_the_right_ones(
    method: str, path: str, allowed: set, client: FlaskClient
) -> None:
    answer = client.open(path, method=method)

    assert answer.status_code == 405 and problems(answer)
    assert {one.strip() for one in answer.headers["Allow"].split(",")} == allowed


@pytest.mark.rule("C3")
@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/fhir+json"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json; charset=iso-8859-1"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        {},
    ],
)
@pytest.mark.parametrize("path", [PATIENT_VIEW, PATIENT_VIEW + "/feedback"])
def test_c3_a_wrong_content_type_is_415(path: str, headers: dict, client: FlaskClient) -> None:
    answer = client.post(path, data=json.dumps(a_call()), headers=headers)

    assert answer.status_code == 415 and problems(answer)


@pytest.mark.rule("C3")
@pytest.mark.parametrize(
    "kind", ["application/json", "application/json; charset=utf-8", "application/json;charset=UTF-8"]
)
def test_c3_json_in_utf8_passes_however_it_is_spelled(kind: str, client: FlaskClient) -> None:
    assert client.post(PATIENT_VIEW, data=json.dumps(a_call()), content_type=kind).status_code == 200


@pytest.mark.rule("C3")
@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"7", b'"x"', b"{}{}", b'{"hook": NaN}', b"\x00", b"<html>"]
)
def test_c3_malformed_json_is_400(body: bytes, client: FlaskClient) -> None:
    answer = client.post(PATIENT_VIEW, data=body, content_type="application/json")

    assert answer.status_code == 400 and problems(answer)


@pytest.mark.rule("C3")
def test_c3_a_body_that_is_too_large_is_413_before_it_is_read(make_service) -> None:
    client = make_service(max_body_megabytes=1).test_client()
    body = json.dumps(a_call(padding="x" * 2**20))

    began = time.perf_counter()
    answer = client.post(PATIENT_VIEW, data=body, content_type="application/json")

    assert answer.status_code == 413 and problems(answer)
    assert answer.headers["Connection"] == "close"
    assert time.perf_counter() - began < 0.2


@pytest.mark.rule("C3")
def test_c3_no_error_repeats_what_was_sent(client: FlaskClient) -> None:
    canary = "Zebulon-Canary"
    call = a_call(
        hook=canary,
        hookInstance=canary,
        fhirServer=canary,
        fhirAuthorization=an_authorization(access_token=canary + " ", token_type=canary),
        context={"userId": canary, "patientId": canary + "/"},
    )

    answer = client.post(PATIENT_VIEW, json=call)

    assert answer.status_code == 400 and canary not in answer.text


@pytest.mark.rule("C3")
@pytest.mark.parametrize("place", ["context", "extension", "prefetch"])
@pytest.mark.parametrize("depth", [300, 5_000])
def test_c3_a_json_bomb_is_refused_or_harmless(place: str, depth: int, client: FlaskClient) -> None:
    body = json.dumps(a_call(extension={"a": 1})).replace(
        f'"{place}": {{', f'"{place}": {{"bomb": ' + "[" * depth + "]" * depth + ", ", 1
    )

    status = client.post(PATIENT_VIEW, data=body, content_type="application/json").status_code

    assert status == (200 if (place, depth) == ("prefetch", 300) else 400)


# -- C4: the five states of a prefetch key


@pytest.mark.rule("C4")
def test_c4_supplied_data_are_used(client: FlaskClient) -> None:
    assert summaries(client.post(PATIENT_VIEW, json=patient_call(*WEEK_6)))


@pytest.mark.rule("C4")
def test_c4_null_means_there_is_nothing(client: FlaskClient) -> None:
    call = patient_call(*WEEK_6)
    call["prefetch"]["procedures"] = None

    assert summaries(client.post(PATIENT_VIEW, json=call)) == []


@pytest.mark.rule("C4")
def test_c4_an_empty_bundle_means_there_is_nothing(client: FlaskClient) -> None:
    call = patient_call(*WEEK_6)
    call["prefetch"]["procedures"] = {"resourceType": "Bundle", "type": "searchset", "total": 0}

    assert summaries(client.post(PATIENT_VIEW, json=call)) == []


FAILED = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "timeout"}]}


@pytest.mark.rule("C4")
@pytest.mark.parametrize(
    "failed",
    [
        FAILED,
        {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": FAILED, "search": {"mode": "outcome"}}]},
    ],
    ids=["alone", "in a Bundle"],
)
def test_c4_an_operation_outcome_is_not_asked_again(failed: dict, client: FlaskClient, fhir_server) -> None:
    server = fhir_server(WEEK_6[0])
    call = patient_call(*WEEK_6) | {"fhirServer": server.url}
    call["prefetch"]["procedures"] = failed

    answer = client.post(PATIENT_VIEW, json=call)

    assert answer.status_code == 412 and "prefetch.procedures" in problems(answer)
    assert not [path for path, _ in server.seen if "Procedure" in path]


@pytest.mark.rule("C4")
@pytest.mark.parametrize("wrong", ["<html>", 7, [], {}, {"resourceType": "Patient", "id": "x"}], ids=str)
def test_c4_what_is_no_fhir_of_the_key_counts_as_missing_and_is_fetched(
    wrong: object, client: FlaskClient, fhir_server
) -> None:
    server = fhir_server(WEEK_6[0])
    call = patient_call(*WEEK_6) | {"fhirServer": server.url}
    whole = summaries(client.post(PATIENT_VIEW, json=call))
    call["prefetch"]["procedures"] = wrong

    assert summaries(client.post(PATIENT_VIEW, json=call)) == whole
    assert [path for path, _ in server.seen if "Procedure" in path]


@pytest.mark.rule("C4")
def test_c4_the_next_pages_of_a_supplied_bundle_are_read(client: FlaskClient, fhir_server) -> None:
    server = fhir_server(WEEK_6[0])
    call = patient_call(*WEEK_6) | {"fhirServer": server.url}
    whole = summaries(client.post(PATIENT_VIEW, json=call))
    first = server.answer("/fhir/Procedure")[1]
    rest = {**first, "entry": [], "link": [{"relation": "next", "url": f"{server.url}/Procedure?_page=1"}]}
    call["prefetch"]["procedures"] = rest

    assert summaries(client.post(PATIENT_VIEW, json=call)) == whole


@pytest.mark.rule("C4")
def test_c4_the_data_of_another_patient_are_refused(client: FlaskClient) -> None:
    call = patient_call(*WEEK_6)
    call["context"]["patientId"] = "somebody-else"

    answer = client.post(PATIENT_VIEW, json=call)

    assert answer.status_code == 422 and "prefetch.patient" in problems(answer)


# -- C5


@pytest.mark.rule("C5")
def test_c5_absent_keys_are_read_from_the_fhir_server(client: FlaskClient, fhir_server) -> None:
    server = fhir_server(WEEK_6[0])
    call = patient_call(*WEEK_6)
    whole = summaries(client.post(PATIENT_VIEW, json=call))

    answer = client.post(PATIENT_VIEW, json=call | {"prefetch": {}, "fhirServer": server.url})

    assert summaries(answer) == whole
    assert len({path.partition("?")[0] for path, _ in server.seen}) >= 4


@pytest.mark.rule("C5")
def test_c5_required_data_that_cannot_be_had_is_412_naming_the_key(client: FlaskClient) -> None:
    answer = client.post(PATIENT_VIEW, json=a_call(prefetch={}))

    told = problems(answer)
    assert answer.status_code == 412 and list(told) == ["prefetch.procedures"]
    assert "Procedure?patient=" in told["prefetch.procedures"]


@pytest.mark.rule("C5")
def test_c5_a_client_that_shows_412_as_all_clear_gets_a_card_instead(make_service) -> None:
    client = make_service(missing_data="card").test_client()

    (card,) = client.post(PATIENT_VIEW, json=a_call(prefetch={})).json["cards"]

    assert card["indicator"] == "warning" and "not an all-clear" in card["detail"] and "procedures" in card["detail"]


@pytest.mark.rule("C5")
def test_c5_useful_data_that_cannot_be_had_never_causes_412_and_are_said(client: FlaskClient) -> None:
    call = patient_call(*WEEK_6)
    del call["prefetch"]["observations"]

    answer = client.post(PATIENT_VIEW, json=call)

    assert summaries(answer)
    assert any("could not check" in card["detail"].lower() for card in answer.json["cards"])


@pytest.mark.rule("C5")
def test_c5_a_service_set_to_prefetch_only_calls_nobody(make_service, fhir_server) -> None:
    server = fhir_server(WEEK_6[0])
    client = make_service(prefetch_only=True).test_client()

    answer = client.post(PATIENT_VIEW, json=a_call(prefetch={}, fhirServer=server.url))

    assert answer.status_code == 412 and server.seen == []


# -- C6


@pytest.mark.rule("C6")
def test_c6_a_whole_call_is_answered_within_the_time_a_clinician_waits(client: FlaskClient) -> None:
    call = patient_call(*WEEK_6)
    client.post(PATIENT_VIEW, json=call)

    began = time.perf_counter()
    client.post(PATIENT_VIEW, json=call)

    assert time.perf_counter() - began < 0.5


@pytest.mark.rule("C6")
def test_c6_a_slow_fhir_server_does_not_hold_up_the_answer(make_service, fhir_server) -> None:
    server = fhir_server(WEEK_6[0], seconds=1.5)
    client = make_service(gather_milliseconds=200).test_client()
    call = patient_call(*WEEK_6) | {"fhirServer": server.url}
    del call["prefetch"]["observations"]
    client.get("/cds-services")

    began = time.perf_counter()
    answer = client.post(PATIENT_VIEW, json=call)
    waited = time.perf_counter() - began

    assert summaries(answer) and waited < 1.0


# -- C7


@pytest.mark.rule("C7")
def test_c7_a_bug_is_500_with_an_id_and_without_a_trace(make_service, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    def fail(*given: object) -> None:
        raise RuntimeError("Zebulon Canary, born 1950")

    client = make_service().test_client()
    monkeypatch.setattr("cds_service.respond.find_operations", fail)

    answer = client.post(PATIENT_VIEW, json=a_call())

    logged = capsys.readouterr().out
    assert answer.status_code == 500 and problems(answer)
    assert "Canary" not in answer.text and "Traceback" not in answer.text
    assert "Canary" not in logged and answer.headers["X-Request-Id"] in logged


@pytest.mark.rule("C7")
def test_c7_every_error_carries_the_request_id_in_header_and_body(client: FlaskClient) -> None:
    for answer in (
        client.get("/nowhere"),
        client.get(PATIENT_VIEW),
        client.post(PATIENT_VIEW),
        client.post(PATIENT_VIEW, json={}),
    ):
        assert answer.json["id"] == answer.headers["X-Request-Id"]
        assert answer.headers["Cache-Control"] == "no-store"


def test_head_and_options_behave(client: FlaskClient) -> None:
    head, options = client.head("/cds-services"), client.options(PATIENT_VIEW)

    assert head.status_code == 200 and head.data == b""
    assert options.status_code == 200 and {"POST", "OPTIONS"} == {
        one.strip() for one in options.headers["Allow"].split(",")
    }


def test_the_day_may_be_chosen_in_development_only(client: FlaskClient, guarded, ehr) -> None:
    call = patient_call(*WEEK_6)
    later = call | {"extension": {"org.spine-cds.on": NOON.date().isoformat()}}
    production = guarded.test_client()

    chosen = summaries(client.post(PATIENT_VIEW, json=call))
    today = summaries(client.post(PATIENT_VIEW, json=call | {"extension": {}}))

    assert today == summaries(client.post(PATIENT_VIEW, json=later))
    assert today == summaries(production.post(PATIENT_VIEW, json=call, headers=ehr.header(PATIENT_VIEW)))
    assert chosen and today
