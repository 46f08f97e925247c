"""Feedback bodies: the shape of today, the older ones with a warning, and no free text kept."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from cds_service.errors import CallFaults
from cds_service.wire.feedback import LARGEST_REPORT, read_feedback

CARD = "278d98fe-e025-56ff-a970-208ec68379e1"
SUGGESTION = "7b074ad0-6e1d-51c5-aa56-0ce765812caf"


def an_entry(**changes) -> dict:
    entry = {
        "card": CARD,
        "outcome": "accepted",
        "outcomeTimestamp": "2026-11-22T10:23:01.634Z",
        "acceptedSuggestions": [{"id": SUGGESTION}],
    }
    entry.update(changes)
    return {key: value for key, value in entry.items() if value is not ...}


def an_override(**changes) -> dict:
    return an_entry(outcome="overridden", acceptedSuggestions=..., **changes)


def read(content):
    return read_feedback(json.dumps(content).encode())


def faults_of(content) -> set[str]:
    with pytest.raises(CallFaults) as caught:
        read(content)
    return {fault.where for fault in caught.value.faults}


@pytest.mark.rule("F1")
def test_f1_an_accepted_entry_is_read() -> None:
    report = read({"feedback": [an_entry()]})

    (outcome,) = report.outcomes
    assert (outcome.card, outcome.accepted_suggestions) == (CARD, (SUGGESTION,))
    assert outcome.at == datetime(2026, 11, 22, 10, 23, 1, 634000, tzinfo=UTC)
    assert report.warnings == ()


@pytest.mark.rule("F1")
def test_f1_many_entries_are_read() -> None:
    assert len(read({"feedback": [an_entry(), an_override()]}).outcomes) == 2


@pytest.mark.rule("F1")
@pytest.mark.parametrize(
    "reason", [..., {"reason": {"code": "a", "system": "b"}}, {"userComment": "x"}, {"userComment": ""}]
)
def test_f1_an_override_may_come_with_reason_comment_or_neither(reason: object) -> None:
    (outcome,) = read({"feedback": [an_override(overrideReason=reason)]}).outcomes

    assert outcome.outcome == "overridden"


def test_a_comment_is_noticed_and_not_kept() -> None:
    (outcome,) = read({"feedback": [an_override(overrideReason={"userComment": "Mrs Canary is ill"})]}).outcomes

    assert outcome.has_comment and "Canary" not in repr(outcome)


@pytest.mark.rule("F1")
@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("card", ...),
        ("card", 7),
        ("outcome", ...),
        ("outcome", "ignored"),
        ("outcomeTimestamp", ...),
        ("outcomeTimestamp", "yesterday"),
        ("outcomeTimestamp", "2026-11-22"),
        ("outcomeTimestamp", "2026-11-22T10:23:01"),
        ("outcomeTimestamp", 1795343288),
        ("acceptedSuggestions", ...),
        ("acceptedSuggestions", []),
        ("acceptedSuggestions", "x"),
        ("overrideReason", "x"),
    ],
)
def test_f1_each_fault_of_an_entry_is_named_with_its_path(member: str, value: object) -> None:
    assert f"feedback[1].{member}" in faults_of({"feedback": [an_entry(), an_entry(**{member: value})]})


@pytest.mark.rule("F1")
@pytest.mark.parametrize(
    "content", [{}, {"feedback": None}, {"feedback": {}}, {"feedback": []}, "x", 7, {"feedback": [7]}]
)
def test_f1_a_body_without_entries_is_refused(content: object) -> None:
    assert faults_of(content)


@pytest.mark.parametrize("reason", [{"reason": {"code": "a"}}, {"reason": {"system": "b"}}, {"reason": {}}, {}])
def test_an_override_reason_that_says_nothing_is_named(reason: object) -> None:
    assert any(
        path.startswith("feedback[0].overrideReason")
        for path in faults_of({"feedback": [an_override(overrideReason=reason)]})
    )


@pytest.mark.parametrize(
    "content",
    [
        [an_entry()],
        an_entry(),
        {"feedback": [an_entry(acceptedSuggestions=[SUGGESTION])]},
        {"feedback": [an_entry(acceptedSuggestions={"id": SUGGESTION})]},
        {"feedback": [an_override(overrideReasons=[{"reason": {"code": "a", "system": "b"}}])]},
        {"feedback": [an_override(overrideReason={"code": "a", "system": "b"})]},
    ],
    ids=["array", "single", "bare ids", "object", "plural", "bare coding"],
)
def test_older_shapes_are_read_with_a_warning(content: object) -> None:
    report = read(content)

    assert len(report.outcomes) == 1 and len(report.warnings) == 1


def test_a_report_of_too_many_entries_is_refused() -> None:
    assert faults_of({"feedback": [an_override()] * (LARGEST_REPORT + 1)}) == {"feedback"}


def test_no_value_is_echoed() -> None:
    with pytest.raises(CallFaults) as caught:
        read({"feedback": [an_entry(outcome="Canary", outcomeTimestamp="Canary", acceptedSuggestions="Canary")]})

    assert "Canary" not in str(caught.value)
