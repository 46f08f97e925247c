"""A card cannot be invalid, and tells which field was wrong without repeating its content."""

from __future__ import annotations

import pytest

from cds_service.cards import build_cards
from cds_service.cards.card import CardSource, Coding
from cds_service.orders.call import Link
from cds_service.orders.suggestion import Action, Suggestion
from tests.advice_maker import a_call, an_advice, knowledge
from tests.changed import replace

CARD = build_cards(an_advice(), knowledge(), a_call())[0]
TOPIC = Coding("urn:x", "a", "A")
WRONG = {
    "an empty summary": {"summary": ""},
    "a summary of 140 characters": {"summary": "x" * 140},
    "a summary of two lines": {"summary": "one\ntwo"},
    "an indicator of 1.0": {"indicator": "hard-stop"},
    "an empty detail": {"detail": ""},
    "HTML in the detail": {"detail": "hello <b>you</b>"},
    "an HTML comment": {"detail": "hello <!-- you -->"},
    "a source without label": {"source": CardSource("", TOPIC)},
    "a source that is no https address": {"source": CardSource("a", TOPIC, "http://a.example")},
    "a topic without display": {"source": CardSource("a", Coding("urn:x", "a", ""))},
    "a reason without system": {"override_reasons": (Coding("", "a", "A"),)},
    "no selection behaviour": {"selection_behavior": None},
    "a selection behaviour of our own": {"selection_behavior": "all"},
    "a selection behaviour without suggestions": {"suggestions": ()},
    "two recommended": {"suggestions": tuple(replace(one, is_recommended=True) for one in CARD.suggestions)},
    "the same suggestion twice": {"suggestions": CARD.suggestions[1:] * 2},
    "a relative link": {"links": (Link("here", "/here"),)},
    "a link without label": {"links": (Link("", "https://a.example"),)},
    "no uuid": {"uuid": "card-1"},
}


@pytest.mark.parametrize("changes", WRONG.values(), ids=WRONG)
def test_an_invalid_card_cannot_be_made(changes: dict) -> None:
    with pytest.raises(ValueError) as caught:
        replace(CARD, **changes)

    for value in changes.values():
        assert not isinstance(value, str) or not value or value not in str(caught.value) or value == "card-1"


def test_a_card_knows_its_kind_and_rules() -> None:
    assert CARD.kind == "exercise-programme"
    assert CARD.rules == ()


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (("run", "x", {}), "creates, updates or deletes"),
        (("create", "", {"resourceType": "Goal"}), "description"),
        (("create", "x", None), "whole resource"),
        (("update", "x", None), "whole resource"),
        (("create", "x", {"resourceType": "Goal"}, "Goal/1"), "no resource id"),
        (("delete", "x", None, None), "names its resource"),
        (("delete", "x", {"resourceType": "Goal"}, "Goal/1"), "carries none"),
    ],
)
def test_an_action_carries_what_its_type_asks_for(values: tuple, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Action(*values)


@pytest.mark.parametrize("values", [("", (Action("delete", "x", None, "Goal/1"),)), ("label", ())])
def test_a_suggestion_has_a_label_and_an_action(values: tuple) -> None:
    with pytest.raises(ValueError, match="label and an action"):
        Suggestion("u", *values)


def test_json_has_the_names_of_cds_hooks_and_nothing_empty() -> None:
    smart, plain = (
        Link("App", "https://a.example", "smart", "week=7"),
        Link("Why", "https://b.example", "absolute", "x"),
    )

    told = replace(CARD, links=(smart, plain)).as_json()

    assert list(told) == [
        "uuid", "summary", "indicator", "detail", "source", "suggestions", "selectionBehavior", "overrideReasons", "links",
        "extension",
    ]  # fmt: skip
    assert told["links"][0] == {"label": "App", "url": "https://a.example", "type": "smart", "appContext": "week=7"}
    assert "appContext" not in told["links"][1]
    assert [one.get("isRecommended") for one in told["suggestions"]] == [True, None, None]


def test_a_bare_card_sends_only_what_it_has() -> None:
    bare = replace(
        CARD,
        suggestions=(),
        links=(),
        selection_behavior=None,
        override_reasons=(),
        extension={},
        source=CardSource("a", TOPIC),
    )

    assert set(bare.as_json()) == {"uuid", "summary", "indicator", "detail", "source"}
    assert set(bare.as_json()["source"]) == {"label", "topic"}
