"""The card that is cast whole says what the written one says, byte for byte, and its mould holds nothing of a patient."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta

import pytest

from cds_service.cards import Link, OrdinaryCard, build_cards, cards_to_send
from cds_service.cards.ordinary import _Form, ordinary_card
from cds_service.clinical.advice import Advice, Modifier
from cds_service.clinical.advise import advise
from cds_service.clinical.occasion import GoingHome
from cds_service.clinical.operation import Basis, DataQuality
from cds_service.intake.read import read_bundle
from cds_service.knowledge.model import Knowledge, Severity
from cds_service.orders.call import ORDER_PROFILES
from cds_service.patient.finding import Evidence
from cds_service.patient.record import Concept, Order, Unreadable
from cds_service.wire.response import cards_body
from tests.advice_maker import AT, a_call, an_alert
from tests.builders import a_patient, knowledge
from tests.cases.chart import bundle_of
from tests.cases.stories import all_stories
from tests.changed import replace

HOSTILE = 'a"b\\c%s%%b\n<é>'
DAYS = (0, 1, 9, 42, 45, 49, 77, 83, 84, 91, 180, 300, 364, 400)
SEEN = (
    Evidence("Procedure/p-secret", f"Fusion {HOSTILE}", "22633", "http://www.ama-assn.org/go/cpt", None, "2026-04-01"),
)
CALLS = (
    {},
    {"patient_id": HOSTILE, "encounter_id": HOSTILE, "user": "PractitionerRole/r_1", "language": "de"},
    {"user": None, "orders": None},
    {"user": f"Practitioner/{HOSTILE}", "encounter_id": None, "links": (Link(HOSTILE, "https://example.org/%20a"),)},
    {"fhir_version": "5.0.0", "at": AT + timedelta(hours=3, microseconds=5)},
)


def advice_after(kind: str = "LUM_FUS", days: int = 45, ours: Knowledge | None = None, **facts) -> Advice:
    told = {"levels": ("L4-L5",), "evidence": SEEN, **facts}
    return a_patient().after(kind, days=days, **told).advice(ours or knowledge())


def told(cards) -> list[tuple]:
    return [(one.uuid, one.indicator, one.kind, tuple(one.rules), tuple(one.suggestion_uuids)) for one in cards]


def is_cast(advice: Advice, ours: Knowledge, call) -> bool:
    """Compare both ways, the first time and again; tell whether the card was cast."""
    written = build_cards(advice, ours, call)
    for _ in range(2):
        sent = cards_to_send(advice, ours, call)
        assert cards_body(sent) == cards_body(written)
        assert told(sent) == told(written)
    return bool(sent) and isinstance(sent[0], OrdinaryCard)


def forms(ours: Knowledge) -> list[_Form]:
    return [one for part in ours._kept for one in part.values() if isinstance(one, _Form)]


@pytest.mark.parametrize("order_profile", ORDER_PROFILES)
@pytest.mark.parametrize("kind", sorted(knowledge().protocols))
def test_the_cast_card_is_the_written_one(kind: str, order_profile: str) -> None:
    ours = replace(knowledge())
    cast = []
    for number, days in enumerate(DAYS):
        levels = (("L4-L5",), (), ("T11-T12", "T12-L1"))[number % 3]
        advice = advice_after(
            kind, days, ours, levels=levels, procedures=("Procedure/p-1",) if days % 2 else ("urn:x",)
        )
        for call in CALLS:
            cast.append(is_cast(advice, ours, a_call(order_profile=order_profile, **call)))

    ordinary = not ours.protocols[kind].agree_first and kind != "UNKNOWN_SPINE"
    assert any(cast) == ordinary


def test_the_stories_are_told_alike_with_a_user() -> None:
    cast = 0
    for number, story in enumerate(all_stories()):
        on, at = story.told["on"], story.told["at"]
        gone = story.told.get("missing") or ()
        gaps = tuple((kind, "the server did not answer") for kind in gone)
        record = replace(read_bundle(bundle_of(story.told)), **dict.fromkeys(gone), gaps=gaps)
        call = a_call(
            at=at or datetime.combine(on, time(12), UTC),
            order_profile=ORDER_PROFILES[number % 4],
            patient_id=HOSTILE,
            orders=record.orders if number % 2 else (),
        )
        cast += is_cast(advise(record, knowledge(), on, at), knowledge(), call)

    assert cast > 30


def test_what_is_not_ordinary_is_written() -> None:
    ours = replace(knowledge())
    plain = advice_after(ours=ours)
    plan = plain.plans[0]
    operation = plan.operation
    order = Order("Goal/g", "Goal", "active", code=(Concept((), "Walk"),))
    asked = {"": (plain, {}, True)}
    for name, value in {
        "lists_of": None, "plans": (plan, plan), "alerts": (an_alert(severity=Severity.INFO),),
        "modifiers": (Modifier("RF38", "older"),), "surgeon_instructions": SEEN, "order_refusal": "no",
        "local_protocols": ("ours",), "unread": (Unreadable("procedures", "Procedure", "no id"),),
        "gaps": (("observations", "the server did not answer"),), "on": plain.on + timedelta(weeks=1),
        "data_quality": (DataQuality("DQ08", Severity.INFO, "long ago"),), "programme": plain.programme[:2],
    }.items():  # fmt: skip
        asked[name] = (replace(plain, **{name: value}), {}, False)
    for name, value in {
        "date_is_partial": True, "shift_weeks": 1, "alternatives": ("LUM_DISC",), "basis": Basis.TEXT, "evidence": (),
        "also_types": ("LUM_DISC",), "effective_week": 5, "levels": ("L4 & L5",),
    }.items():  # fmt: skip
        changed = replace(plan, operation=replace(operation, **{name: value}))
        asked[name] = (replace(plain, plans=(changed,)), {}, False)
    asked["protocol"] = (replace(plain, plans=(replace(plan, protocol=replace(plan.protocol)),)), {}, False)
    asked["phase"] = (replace(plain, plans=(replace(plan, phase=None),)), {}, False)
    asked["ordered"] = (plain, {"orders": (order,)}, False)
    asked["orders unknown"] = (plain, {"orders": None}, False)

    found = {name: is_cast(advice, ours, a_call(**call)) for name, (advice, call, _) in asked.items()}

    assert found == {name: expected for name, (_, _, expected) in asked.items()}


def test_only_an_opened_chart_has_an_ordinary_card() -> None:
    advice = advice_after()

    assert not isinstance(cards_to_send(advice, knowledge(), a_call(), GoingHome((), None))[0], OrdinaryCard)
    assert cards_to_send(replace(advice, relevant=False), knowledge(), a_call()) == ()


def test_a_mould_is_not_made_where_a_text_of_ours_leaves_no_room() -> None:
    plain = knowledge()
    protocol = plain.protocols["LUM_FUS"]
    for name in ("Fusion of " + "the back " * 10, "Fusion & more", "Fusion >= 3 levels"):
        ours = replace(plain, protocols={**plain.protocols, "LUM_FUS": replace(protocol, name=name)})

        assert not is_cast(advice_after(ours=ours), ours, a_call())


def test_no_form_holds_anything_of_a_patient() -> None:
    ours = replace(knowledge())
    call = a_call(patient_id="pat-secret", user="Practitioner/dr-secret", encounter_id="enc-secret")
    for days in DAYS:
        advice = advice_after(days=days, ours=ours, levels=("T11-T12",), procedures=("Procedure/op-secret",))
        ordinary_card(advice, ours, call)

    kept = repr([*ours._kept[0]]) + repr([(one.told[5:8], one.name, one.mould._pieces) for one in forms(ours)])

    assert len(forms(ours)) > 8
    assert not re.search(r"secret|T11|\d{4}-\d\d-\d\d|[1-9a-f]{8}-[0-9a-f]{4}-|Procedure/", kept)


def test_two_patients_in_the_same_week_share_a_form() -> None:
    ours = replace(knowledge())
    bodies = set()
    for number, levels in enumerate((("L4-L5",), ("L3-L4", "L4-L5"), ())):
        advice = advice_after(days=44 + number, ours=ours, levels=levels)
        bodies.add(cards_body(cards_to_send(advice, ours, a_call(patient_id=f"p{number}"))))

    assert len(forms(ours)) == 1 and len(bodies) == 3
