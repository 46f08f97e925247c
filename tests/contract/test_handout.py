"""The patient sheet over HTTP: open to all because it knows nobody, strict about what it is asked."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.contract.conftest import fixture_calls, read_json, service_of

GOOD = "/handout?surgery=LUM_FUS&week=6&exercises=walking_progressive,bridge&language=de"


@pytest.fixture()
def client(service: Flask) -> FlaskClient:
    return service.test_client()


def test_the_sheet_is_a_page_in_the_language_asked_for(client: FlaskClient) -> None:
    answer = client.get(GOOD)

    assert answer.status_code == 200
    assert answer.content_type == "text/html; charset=utf-8"
    assert answer.headers["Content-Language"] == "de" and '<html lang="de">' in answer.text
    assert answer.text.count("<svg") == 2


def test_without_exercises_the_usual_programme_stands_on_it(client: FlaskClient) -> None:
    assert client.get("/handout?surgery=LUM_DISC&week=1").text.count("<svg") >= 5


def test_no_script_runs_and_nothing_is_kept_or_framed(client: FlaskClient) -> None:
    headers = client.get(GOOD).headers

    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "style-src 'self'" in policy and "unsafe" not in policy
    assert "script-src" not in policy and "frame-ancestors 'none'" in policy
    assert headers["Cache-Control"] == "no-store" and headers["Referrer-Policy"] == "no-referrer"


def test_the_style_sheet_is_served(client: FlaskClient) -> None:
    answer = client.get("/handout/handout.css")

    assert answer.status_code == 200 and answer.mimetype == "text/css" and "@page" in answer.text


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", "surgery: is missing"),
        ("surgery=LUM_FUS", "week: is missing"),
        ("surgery=HIP&week=6", "this surgery type is not known"),
        ("surgery=LUM_FUS&week=six", "week: is no whole number"),
        ("surgery=LUM_FUS&week=-1", "week: is no whole number"),
        ("surgery=LUM_FUS&week=٦", "week: is no whole number"),
        ("surgery=LUM_FUS&week=99999", "week: is no whole number"),
        ("surgery=LUM_FUS&week=6000", "no completed week"),
        ("surgery=LUM_FUS&week=6&language=fr", "no sheet in this language"),
        ("surgery=LUM_FUS&week=6&exercises=", "number 1 of the list is no exercise we know"),
        ("surgery=LUM_FUS&week=6&exercises=bridge,jump", "number 2 of the list is no exercise we know"),
        ("surgery=LUM_FUS&week=5&exercises=bridge", "begins in week 6"),
        ("surgery=LUM_FUS&week=60&exercises=sit_up_crunch", "never done after this operation"),
        ("surgery=LUM_FUS&week=60&exercises=contact_sport", "needs the surgeon's clearance"),
        ("surgery=LUM_FUS&week=6&week=7", "week: is given more than once"),
        ("surgery=LUM_FUS&week=6&name=x", "a parameter that we do not know"),
    ],
)
def test_what_is_not_known_or_not_allowed_is_refused_in_words(query: str, said: str, client: FlaskClient) -> None:
    answer = client.get(f"/handout?{query}")

    assert answer.status_code == 400
    assert said in " ".join(issue["diagnostics"] for issue in answer.json["issue"])


def test_a_refusal_repeats_nothing_that_was_sent(client: FlaskClient) -> None:
    answer = client.get("/handout?surgery=Jane&week=Jane&exercises=Jane&language=Jane&Jane=Jane")

    assert answer.status_code == 400 and "Jane" not in answer.text


def test_nothing_of_the_query_is_logged(make_service, capsys: pytest.CaptureFixture[str]) -> None:
    client = make_service(log_level="debug").test_client()
    capsys.readouterr()

    client.get(GOOD)

    (line,) = capsys.readouterr().out.splitlines()
    assert "handout.sheet" in line and "bridge" not in line and "LUM_FUS" not in line


def test_the_programme_card_of_the_main_patient_links_to_the_sheet(client: FlaskClient) -> None:
    call = read_json(next(path for path in fixture_calls() if path.stem == "patient-view"))

    (card,) = client.post(service_of(call), json=call).json["cards"]

    assert [link["label"] for link in card["links"]] == ["Patient sheet"]


@pytest.mark.parametrize("path", fixture_calls(), ids=lambda path: path.stem)
def test_every_link_on_a_card_opens_and_tells_type_week_and_exercises_only(path, client: FlaskClient) -> None:
    call = read_json(path)
    cards = client.post(service_of(call), json=call).json["cards"]
    for link in [one for card in cards for one in card.get("links", ())]:
        address, _, query = link["url"].partition("?")
        assert link["label"] == "Patient sheet" and link["type"] == "absolute" and address.endswith("/handout")
        assert [part.partition("=")[0] for part in query.split("&")] == ["surgery", "week", "exercises", "language"]

        page = client.get(f"/handout?{query}")

        assert page.status_code == 200
        for secret in _names_of(call):
            assert secret not in page.text and secret not in link["url"]


def _names_of(call: dict) -> list[str]:
    patient = call["prefetch"].get("patient") or {}
    named = [part for name in patient.get("name", ()) for part in (name.get("family"), *name.get("given", ())) if part]
    return [*named, patient.get("birthDate", "no birth date"), call["context"]["patientId"]]
