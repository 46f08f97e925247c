"""Rules R1 to R10, on every card that any fixture gives."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient

from tests.contract.conftest import FIXTURES, PATIENT_VIEW, a_call, fixture_calls, patient_call, read_json, service_of

INDEX = read_json(FIXTURES / "index.json") if (FIXTURES / "index.json").exists() else {"patients": []}


def _patients() -> list[tuple[str, str]]:
    listed = INDEX["patients"] if isinstance(INDEX, dict) else INDEX
    return [(one["file"].rsplit("/")[-1].removesuffix(".json"), one["on"]) for one in listed]


@pytest.fixture(scope="module")
def cards(service) -> list[dict[str, Any]]:
    """Every card of every fixture patient, for opening the chart and for going home, and of every fixture call."""
    client = service.test_client()
    calls = [
        patient_call(name, on, hook) for name, on in _patients() for hook in ("patient-view", "encounter-discharge")
    ]
    calls += [read_json(path) for path in fixture_calls()]
    answers = [client.post(service_of(call), json=call) for call in calls]
    assert all(answer.status_code == 200 for answer in answers)
    assert all(len(answer.json["cards"]) <= 3 for answer in answers)
    found = [card for answer in answers for card in answer.json["cards"]]
    assert len(found) > 20
    return found


def suggestions(cards: list[dict]) -> Iterator[dict]:
    return (one for card in cards for one in card.get("suggestions", ()))


def actions(cards: list[dict]) -> Iterator[dict]:
    return (one for suggestion in suggestions(cards) for one in suggestion["actions"])


def links(cards: list[dict]) -> Iterator[dict]:
    return (one for card in cards for one in card.get("links", ()))


def is_absolute(url: str) -> bool:
    return urlsplit(url).scheme in ("http", "https") and bool(urlsplit(url).netloc)


@pytest.mark.rule("R1")
@pytest.mark.parametrize("patient", ["no_data", "knee_replacement", "planned_fusion", "entered_in_error"])
def test_r1_nothing_to_say_is_an_empty_list_and_never_a_filler(patient: str, client: FlaskClient) -> None:
    answer = client.post(PATIENT_VIEW, json=patient_call(patient, dict(_patients())[patient]))

    assert answer.status_code == 200 and answer.json == {"cards": []}


@pytest.mark.rule("R2")
def test_r2_every_card_is_short_indicated_and_identified(cards: list[dict]) -> None:
    for card in cards:
        assert 0 < len(card["summary"]) < 140 and "\n" not in card["summary"]
        assert card["indicator"] in ("info", "warning", "critical")
        assert str(uuid.UUID(card["uuid"])) == card["uuid"]
        assert not re.search(r"<[a-zA-Z/!?]", card["detail"])


@pytest.mark.rule("R2")
def test_r2_cards_come_worst_first(client: FlaskClient) -> None:
    answer = client.post(PATIENT_VIEW, json=read_json(FIXTURES / "calls" / "patient-view-red-flag.json"))

    order = [("critical", "warning", "info").index(card["indicator"]) for card in answer.json["cards"]]
    assert order == sorted(order) and order[0] == 0


@pytest.mark.rule("R3")
def test_r3_every_source_has_a_label_and_a_topic_and_no_link_to_the_patient(cards: list[dict]) -> None:
    for card in cards:
        source = card["source"]
        assert source["label"] and source["topic"]
        assert "icon" not in source
        if "url" in source:
            assert is_absolute(source["url"]) and "fixture" not in source["url"]


@pytest.mark.rule("R4")
def test_r4_suggestions_say_how_many_may_be_taken(cards: list[dict]) -> None:
    with_choice = [card for card in cards if "suggestions" in card]
    assert with_choice
    for card in with_choice:
        assert card["selectionBehavior"] in ("at-most-one", "any")
        if card["selectionBehavior"] == "at-most-one":
            assert sum(one.get("isRecommended", False) for one in card["suggestions"]) <= 1


@pytest.mark.rule("R5")
def test_r5_every_suggestion_has_a_label_a_uuid_and_actions(cards: list[dict]) -> None:
    found = list(suggestions(cards))
    assert found
    for one in found:
        assert one["label"] and str(uuid.UUID(one["uuid"])) == one["uuid"] and one["actions"]
        assert "actionSelectionBehavior" not in one


@pytest.mark.rule("R6")
def test_r6_every_action_says_what_it_does_and_carries_what_it_needs(cards: list[dict]) -> None:
    found = list(actions(cards))
    assert found
    for one in found:
        assert one["description"]
        if one["type"] == "delete":
            assert re.fullmatch(r"[A-Z][A-Za-z]+/.+", one["resourceId"]) and "resource" not in one
        else:
            assert one["type"] in ("create", "update")
            assert one["resource"]["resourceType"] and "resourceId" not in one


@pytest.mark.rule("R7")
def test_r7_every_card_offers_reasons_for_not_following_it(cards: list[dict]) -> None:
    for card in cards:
        assert card["overrideReasons"]
        assert all(one["code"] and one["system"] and one["display"] for one in card["overrideReasons"])


@pytest.mark.rule("R8")
def test_r8_links_are_absolute_and_launch_nothing_by_themselves(cards: list[dict]) -> None:
    for one in links(cards):
        assert one["label"] and is_absolute(one["url"]) and one["type"] in ("absolute", "smart")
        assert "autolaunchable" not in one
        assert "appContext" not in one or one["type"] == "smart"


@pytest.mark.rule("R9")
def test_r9_no_answer_has_system_actions(client: FlaskClient) -> None:
    for path in fixture_calls():
        call = read_json(path)
        assert list(client.post(service_of(call), json=call).json) == ["cards"]


@pytest.mark.rule("R10")
def test_r10_every_coding_of_a_card_has_code_and_system(cards: list[dict]) -> None:
    codings = [one for card in cards for one in (card["source"]["topic"], *card["overrideReasons"])]
    assert codings and all(one["code"] and one["system"] for one in codings)


def test_a_repeated_call_gets_the_same_cards_with_the_same_ids(client: FlaskClient) -> None:
    call = patient_call("lumbar_fusion_week_6", "2026-05-15")

    first = client.post(PATIENT_VIEW, json=call | {"hookInstance": str(uuid.uuid4())})
    second = client.post(PATIENT_VIEW, json=call | {"hookInstance": str(uuid.uuid4())})

    assert first.json["cards"] and [one["uuid"] for one in first.json["cards"]] == [
        one["uuid"] for one in second.json["cards"]
    ]


def test_chart_text_never_becomes_markup(client: FlaskClient) -> None:
    call = patient_call("cauda_equina", dict(_patients())["cauda_equina"])
    evil = json.dumps(call)
    for entry in call["prefetch"]["conditions"]["entry"]:
        text = entry["resource"].get("code", {}).get("text")
        if text:
            evil = evil.replace(json.dumps(text)[1:-1], "<img src=x onerror=alert(1)> [x](javascript:alert(1))")

    cards = client.post(PATIENT_VIEW, data=evil, content_type="application/json").json["cards"]

    assert cards and all("<img" not in card["detail"] and "](javascript" not in card["detail"] for card in cards)


def test_a_service_that_knows_nobody_says_nothing(client: FlaskClient) -> None:
    assert client.post(PATIENT_VIEW, json=a_call()).json == {"cards": []}
