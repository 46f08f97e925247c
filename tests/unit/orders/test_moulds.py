"""Orders cast in moulds say what orders written anew say, and no mould holds anything of a patient."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from cds_service.knowledge.model import Knowledge
from cds_service.orders.offers import _Made, programme_offers
from cds_service.patient.record import Concept, Order
from cds_service.wire.mould import Mould, Written
from tests.advice_maker import AT, OPERATED, a_call, a_plan, an_advice, knowledge, osteoporosis
from tests.changed import replace

CARD = "06f0cce3-dedf-5469-9f42-71374acde92f"
PROFILES = ("pa", "us-core", "cpg-proposal", "r5")
HOSTILE = 'a"b\\c%s\n<é>'
WEEKS = (0, 3, 7, 13, 30, 60)


def made(advice, ours: Knowledge, **call) -> _Made:
    return _Made(advice, ours, a_call(**call), CARD)


def moulds(ours: Knowledge) -> list[Mould]:
    return [one for part in ours._kept for one in part.values() if isinstance(one, Mould)]


@pytest.mark.parametrize("order_profile", PROFILES)
@pytest.mark.parametrize("kind", sorted(knowledge().protocols))
def test_a_cast_order_is_the_written_one(kind: str, order_profile: str) -> None:
    ours = replace(knowledge())
    calls = (
        {"patient_id": HOSTILE},
        {"encounter_id": None},
        {"at": AT + timedelta(days=1), "user": "PractitionerRole/r_1"},
    )
    for week in WEEKS:
        for alerts, call in zip(((), (osteoporosis(),), ()), calls, strict=True):
            found = made(an_advice(kind, week, alerts=alerts), ours, order_profile=order_profile, **call)
            for cast, write in ((found.programme(), found._programme), (found.referral(), found._referral)):
                assert isinstance(cast, Written)
                assert list(cast) == write(found.own)


def test_what_does_not_fit_a_mould_is_written_anew() -> None:
    ours = replace(knowledge())
    goal = Order("Goal/g", "Goal", "active", code=(Concept((), "Walk 30 to 40 minutes a day by week 12"),))
    changed = replace(a_plan(), protocol=replace(ours.protocols["LUM_FUS"], plain_name="something else"))
    for advice, call in (
        (an_advice(plans=(a_plan("LUM_FUS", 7), a_plan("LUM_DISC", 7))), {}),
        (an_advice(plans=(changed,)), {}),
        (an_advice(plans=(replace(a_plan(), phase=None),)), {}),
        (an_advice(levels=("L4 & L5",)), {}),
        (an_advice(), {"orders": (goal,)}),
    ):
        assert isinstance(made(advice, ours, **call).programme(), list)

    assert moulds(ours) == []


def test_a_mould_with_an_empty_value_is_not_used() -> None:
    ours = replace(knowledge())
    found = made(an_advice(), ours, order_profile="us-core")
    found._programme = lambda own: [
        replace(one, resource={**one.resource, "note": []}) for one in _Made._programme(found, own)
    ]

    assert isinstance(found.programme(), list)


def test_no_mould_and_no_question_holds_anything_of_a_patient() -> None:
    ours = replace(knowledge())
    for week in WEEKS:
        for alerts in ((), (osteoporosis(),)):
            advice = an_advice("LUM_FUS", week, alerts=alerts, levels=("T11-T12",))
            call = a_call(patient_id="pat-secret", user="Practitioner/dr-secret", encounter_id="enc-secret")
            programme_offers(advice, ours, call, CARD)

    kept = repr([*ours._kept[0]]) + repr([one._pieces for one in moulds(ours)])

    assert len(moulds(ours)) > 5
    for own in ("secret", "T11", OPERATED.isoformat()[:7], AT.isoformat()[:10], CARD, "p-1", "c-1", "RF29"):
        assert own not in kept
    assert not re.search(r"\d{4}-\d\d-\d\d|[0-9a-f]{8}-[0-9a-f]{4}-", kept)


def test_two_patients_in_the_same_week_share_a_mould() -> None:
    ours = replace(knowledge())
    for number, day in enumerate((0, 1)):
        plan = a_plan("LUM_FUS", 7, date=OPERATED + timedelta(days=day), procedures=(f"Procedure/{number}",))
        advice = an_advice(plans=(plan,), on=OPERATED + timedelta(days=50 + day))
        programme_offers(advice, ours, a_call(patient_id=f"p{number}"), CARD)

    assert len(moulds(ours)) == 2  # programme and referral
