"""Every story of this folder comes out as a clinician wrote it: read, reasoned and told for real."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from cds_service.cards import CallFacts, build_cards
from cds_service.clinical.advise import advise
from cds_service.explain import explain
from cds_service.intake.read import read_bundle
from cds_service.knowledge.load import load_knowledge
from cds_service.knowledge.model import Knowledge
from tests.cases.chart import bundle_of
from tests.cases.check import differences
from tests.cases.stories import Story, all_stories
from tests.changed import replace

CARDS = Path(__file__).parents[2] / "cards"


@cache
def _knowledge() -> Knowledge:
    return load_knowledge(CARDS)


def told(story: Story) -> Mapping[str, Any]:
    """What `spine-cds explain --json` says of the story."""
    on, at = story.told["on"], story.told["at"]
    missing, incomplete = story.told.get("missing") or (), story.told.get("incomplete") or ()
    gaps = [(kind, "the server did not answer") for kind in missing]
    gaps += [(kind, "not complete, more pages exist; the server did not answer") for kind in incomplete]
    record = replace(read_bundle(bundle_of(story.told)), **dict.fromkeys(missing), gaps=tuple(gaps))
    advice = advise(record, _knowledge(), on, at)
    call = CallFacts(
        hook="patient-view", patient_id="p", at=at or datetime.combine(on, time(12), UTC),
        service_base_url="https://cds.example.org", card_secret=b"stories", orders=record.orders,
    )  # fmt: skip
    return explain(advice, _knowledge(), build_cards(advice, _knowledge(), call))


@pytest.mark.parametrize("story", all_stories(), ids=lambda story: story.name)
def test_story(story: Story):
    found = told(story)

    faults = differences(found, story.expect)
    assert not faults, "\n".join(("", *faults))
    assert len(found["cards"]) <= 3
    assert all(len(card["summary"]) < 140 for card in found["cards"])


def _rules_named(key: str) -> set[str]:
    return {rule for story in all_stories() for rule in story.expect.get(key) or ()}


def test_every_safety_rule_fires_in_a_story_and_is_silent_in_another():
    rules = {rule.id for rule in _knowledge().rules}
    firing = _rules_named("alerts") | {
        rule for story in all_stories() for rule in (story.expect.get("withheld") or {}).values()
    }

    assert sorted(rules - firing) == []
    assert sorted(rules - _rules_named("silent")) == []


def test_every_data_quality_rule_is_told_in_a_story_and_not_in_another():
    # DQ02 and DQ03 are told by silence: what they set aside is nowhere in the answer.
    rules = set(_knowledge().data_quality) - {"DQ02", "DQ03"}

    assert sorted(rules - _rules_named("data_quality")) == []
    assert sorted(rules - _rules_named("no_data_quality")) == []


def test_every_protocol_has_a_story():
    operations: set[str] = set()
    for story in all_stories():
        named = story.expect.get("operation") or ()
        operations.update([named] if isinstance(named, str) else named)

    assert sorted(set(_knowledge().protocols) - operations) == []


def test_there_are_at_least_120_stories():
    assert len({story.title for story in all_stories()}) >= 120
