"""The checker finds what is wrong: a checker that finds nothing would prove nothing."""

from __future__ import annotations

import copy

import pytest

from cds_service.cards import build_cards
from tests.advice_maker import a_call, an_advice, knowledge
from tests.profiles.checker import CPG, PA, PFE, profile_faults


def _made(profile: str, **call) -> dict:
    (card,) = build_cards(an_advice(), knowledge(), a_call(**call))
    created = [action.resource for one in card.suggestions for action in one.actions]
    return copy.deepcopy(next(one for one in created if profile in one["meta"]["profile"]))


SR, PLAN, GOAL, REFERRAL = PA + "pa-servicerequest", PA + "pa-careplan", PA + "pa-goal", PFE + "pfe-service-request"
BREAKS = [
    (SR, lambda one: one.update(intent="proposal"), "intent"),
    (SR, lambda one: one["category"].pop(), "exactly one of US Core's four"),
    (SR, lambda one: one["category"].append(one["category"][0]), "PhysicalActivity exactly once"),
    (SR, lambda one: one.pop("authoredOn"), "authoredOn"),
    (SR, lambda one: one.update(requester={"reference": "Patient/1"}), "requester"),
    (SR, lambda one: one.pop("reasonCode"), "a reason"),
    (SR, lambda one: one.update(reasonReference=[{"reference": "Procedure/1"}]), "reasonReference"),
    (SR, lambda one: one.update(doNotPerform=True), "doNotPerform"),
    (SR, lambda one: one.update(note=[{"text": "x"}]), "author and time"),
    (SR, lambda one: one["code"]["coding"][0].update(code="1"), "code from the interventions"),
    (SR, lambda one: one.pop("performer"), "performed by the patient"),
    (SR, lambda one: one["code"]["coding"][0].pop("display"), "without display"),
    (SR, lambda one: one["subject"].update(reference="urn:uuid:1"), "urn:uuid"),
    (SR, lambda one: one["supportingInfo"][0].update(reference="https://x/Procedure/1"), "not relative"),
    (SR, lambda one: one.update(instantiatesCanonical=["https://x/y"]), "carry a version"),
    (SR, lambda one: one.update(extension=[]), "rationale"),
    (PLAN, lambda one: one.update(intent="order"), "intent is plan"),
    (PLAN, lambda one: one["text"].update(div="plain"), "XHTML"),
    (PLAN, lambda one: one.update(activity=[{"detail": {"status": "not-started"}}]), "references"),
    (PLAN, lambda one: one["category"].pop(0), "assess-plan"),
    (GOAL, lambda one: one["target"][0].pop("detailQuantity"), "UCUM"),
    (GOAL, lambda one: one["target"][0]["detailQuantity"].update(code="minutes"), "UCUM"),
    (GOAL, lambda one: one["target"][0]["measure"]["coding"][0].update(code="1-8"), "measure"),
    (GOAL, lambda one: one.pop("startDate"), "start day"),
    (GOAL, lambda one: one.pop("category"), "PhysicalActivity"),
    (GOAL, lambda one: one.update(id="a b"), "id:"),
    (REFERRAL, lambda one: one.update(performer=[{"reference": "Patient/1"}]), "performer open"),
    (REFERRAL, lambda one: one.update(category=[]), "category"),
    (CPG + "cpg-servicerequest", lambda one: one.update(intent="order"), "intent"),
]


@pytest.mark.parametrize(("profile", "damage", "says"), BREAKS)
def test_each_break_of_a_rule_is_found(profile: str, damage, says: str) -> None:
    resource = _made(profile, order_profile="cpg-proposal" if "cpg" in profile else "pa")
    assert profile_faults(resource) == []

    damage(resource)

    assert any(says in fault for fault in profile_faults(resource)), profile_faults(resource)


def test_an_unknown_profile_is_a_fault() -> None:
    assert profile_faults({"id": "1", "meta": {"profile": ["https://x"]}}) == [
        "https://x: no such profile is known here"
    ]
