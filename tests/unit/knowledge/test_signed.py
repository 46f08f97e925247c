"""With draft knowledge turned off only signed protocols on signed ground speak; silence is never a licence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cds_service.clinical.simulate import simulate
from cds_service.knowledge.load import load_knowledge
from cds_service.knowledge.model import Knowledge, Permission, Status
from cds_service.knowledge.signed import SILENT_WHY, signed_only, silenced
from tests.unit.knowledge.conftest import CARDS


def sign(thing: Any) -> Any:
    return replace(thing, governance=replace(thing.governance, status=Status.ACTIVE))


def all_signed(knowledge: Knowledge) -> Knowledge:
    return replace(
        knowledge,
        protocols={key: sign(protocol) for key, protocol in knowledge.protocols.items()},
        tables={key: replace(governance, status=Status.ACTIVE) for key, governance in knowledge.tables.items()},
        rules=tuple(sign(rule) for rule in knowledge.rules),
    )


def speaking(knowledge: Knowledge) -> set[str]:
    return {key for key, protocol in knowledge.protocols.items() if protocol.agree_first_why != SILENT_WHY}


def test_while_all_is_draft_no_protocol_speaks_and_no_rule_is_left() -> None:
    knowledge = load_knowledge(CARDS, use_draft=False)

    assert speaking(knowledge) == set()
    assert knowledge.rules == ()
    assert not knowledge.is_draft


def test_a_silent_protocol_offers_nothing_and_says_why() -> None:
    knowledge = load_knowledge(CARDS, use_draft=False)

    for surgery in knowledge.protocols:
        (played,) = simulate(surgery, [8], [], knowledge)
        assert (played.advice.exercises, played.advice.supervised) == ((), ())
        assert SILENT_WHY in (played.advice.order_refusal or "")


def test_what_is_never_proposed_stays_forbidden(shipped: Knowledge) -> None:
    silent = silenced(shipped.protocols["LUM_FUS"])

    never = {key for key, cell in silent.first_weeks.items() if cell.permission is Permission.NEVER}
    assert never == {"sit_up_crunch", "double_knee_to_chest", "prone_press_up"}
    assert {cell.week for cell in silent.first_weeks.values()} == {None}


def test_signed_knowledge_speaks_as_before(shipped: Knowledge) -> None:
    signed = all_signed(shipped)

    assert signed_only(signed).protocols == signed.protocols
    assert signed_only(signed).rules == signed.rules


def test_a_signed_protocol_waits_while_a_table_it_rests_on_is_draft(shipped: Knowledge) -> None:
    signed = all_signed(shipped)
    draft = replace(signed.tables["exercises.csv"], status=Status.DRAFT)

    assert speaking(signed_only(replace(signed, tables={**signed.tables, "exercises.csv": draft}))) == set()


def test_a_signed_protocol_waits_while_a_safety_rule_is_draft(shipped: Knowledge) -> None:
    signed = all_signed(shipped)

    assert speaking(signed_only(replace(signed, rules=(shipped.rules[0], *signed.rules[1:])))) == set()


def test_one_draft_protocol_silences_only_itself(shipped: Knowledge) -> None:
    signed = all_signed(shipped)
    protocols = {**signed.protocols, "SCS": shipped.protocols["SCS"]}

    assert speaking(signed_only(replace(signed, protocols=protocols))) == set(shipped.protocols) - {"SCS"}
