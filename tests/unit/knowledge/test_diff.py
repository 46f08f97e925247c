"""What diff tells a clinician: every change once, in clinical words, with its direction."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cds_service.knowledge.diff import diff_knowledge
from cds_service.knowledge.model import Effect, Knowledge, Permission, Status
from cds_service.patient.questions.logic import Always, Not
from tests.unit.knowledge.questions import a_grade, a_rule


def told(old: Knowledge, new: Knowledge) -> list[tuple[str, str, str]]:
    return [(one.where, one.strictness.value, one.what) for one in diff_knowledge(old, new)]


def with_protocol(knowledge: Knowledge, key: str, **changes: Any) -> Knowledge:
    return replace(knowledge, protocols={**knowledge.protocols, key: replace(knowledge.protocols[key], **changes)})


def with_exercise(knowledge: Knowledge, key: str, **changes: Any) -> Knowledge:
    return replace(knowledge, exercises={**knowledge.exercises, key: replace(knowledge.exercises[key], **changes)})


def without(mapping: Any, key: str) -> Any:
    return {name: value for name, value in mapping.items() if name != key}


def test_the_same_folder_has_no_difference(shipped: Knowledge) -> None:
    assert diff_knowledge(shipped, shipped) == ()


def test_a_first_week_is_told_as_a_patient_meets_it(shipped: Knowledge) -> None:
    cells = dict(shipped.protocols["LUM_FUS"].first_weeks)
    cells["bridge"] = replace(cells["bridge"], week=8, permission=Permission.SUPERVISED)

    assert told(shipped, with_protocol(shipped, "LUM_FUS", first_weeks=cells)) == [
        ("LUM_FUS", "stricter", "Bridge: from week 8, supervised (was: from week 6)")
    ]


def test_a_protocol_that_comes_or_goes(shipped: Knowledge) -> None:
    fewer = replace(shipped, protocols=without(shipped.protocols, "SCS"))

    assert told(shipped, fewer) == [
        ("SCS", "stricter", "the protocol is gone: patients after this operation get no programme")
    ]
    assert told(fewer, shipped)[0][1:] == (
        "looser",
        "a new protocol: patients after this operation get its programme",
    )


def test_words_beside_the_weeks(shipped: Knowledge) -> None:
    protocol = shipped.protocols["LUM_FUS"]
    phases = (replace(protocol.phases[0], goal="rest"), *protocol.phases[1:])
    new = with_protocol(
        shipped, "LUM_FUS", phases=phases, restrictions=protocol.restrictions[1:], progression=protocol.progression[:-1],
        why="because", agree_first=True, governance=replace(protocol.governance, status=Status.ACTIVE),
    )  # fmt: skip

    lines = told(shipped, new)

    assert ("LUM_FUS", "stricter", "the surgeon has to agree first") in lines
    said = " | ".join(line[2] for line in lines)
    for part in ("phase P1: weeks 0 to 6, rest (was:", "restriction Lifting: gone", "test from P4 to P5: gone",
                 "status: active (was: draft)", "why: because"):  # fmt: skip
        assert part in said
    assert ("LUM_FUS", "looser", "the programme may now be ordered") in told(new, shipped)


def test_a_cell_of_an_exercise_that_is_gone_is_told_once(shipped: Knowledge) -> None:
    cells = without(shipped.protocols["LUM_FUS"].first_weeks, "bridge")

    assert told(shipped, with_protocol(shipped, "LUM_FUS", first_weeks=cells)) == []


def test_a_rule_that_comes_or_goes(shipped: Knowledge) -> None:
    more = replace(shipped, rules=(*shipped.rules, a_rule()))

    assert told(shipped, more) == [("RF99", "stricter", "Test rule: a new rule")]
    assert told(more, shipped) == [("RF99", "looser", "Test rule: the rule is gone")]


def rules(knowledge: Knowledge, **changes: Any) -> Knowledge:
    return replace(knowledge, rules=(a_rule(**changes),))


def test_what_changes_inside_a_rule(shipped: Knowledge) -> None:
    old = rules(shipped)
    new = rules(
        shipped,
        applies=Not(Always(), frozenset()),
        if_unknown="look",
        grades=(a_grade(effect=Effect.STOP_ALL, supervises=("balance",)),),
    )

    lines = told(old, new)

    assert [line[1] for line in lines] == ["not comparable", "not comparable", "stricter"]
    assert "applies where not always (was: always)" in lines[0][2]
    assert "when unknown it says 'look'" in lines[1][2]
    assert "warning when always; stops every exercise" in lines[2][2]


def test_steps_of_a_rule_that_come_go_or_move(shipped: Knowledge) -> None:
    one, two = a_grade("one"), a_grade("two")

    assert told(rules(shipped, grades=(one,)), rules(shipped, grades=(one, two)))[0][1:] == (
        "stricter",
        "Test rule: step two is new",
    )
    assert told(rules(shipped, grades=(one, two)), rules(shipped, grades=(one,)))[0][1:] == (
        "looser",
        "Test rule: step two is gone",
    )
    moved = told(rules(shipped, grades=(one, two)), rules(shipped, grades=(two, one)))
    assert moved == [("RF99", "not comparable", "Test rule: the steps come in another order")]


def test_a_new_title_of_a_rule_is_no_change(shipped: Knowledge) -> None:
    assert told(rules(shipped), rules(shipped, title="Other")) == []


def test_exercises(shipped: Knowledge) -> None:
    assert told(shipped, with_exercise(shipped, "bridge", dose="20 times"))[0] == (
        "bridge", "not comparable", "Bridge: dose: 20 times (was: hold 5 seconds, 10 times, 2 sets)",
    )  # fmt: skip
    assert told(shipped, with_exercise(shipped, "bridge", universal=True)) == [
        ("bridge", "looser", "Bridge: universal: yes")
    ]
    assert told(shipped, with_exercise(shipped, "bridge", not_alone=True)) == [
        ("bridge", "stricter", "Bridge: not alone: yes")
    ]
    gone = replace(shipped, exercises=without(shipped.exercises, "bridge"))
    assert told(shipped, gone)[0] == ("bridge", "stricter", "Bridge: the exercise is gone")
    assert told(gone, shipped)[0] == ("bridge", "looser", "Bridge: a new exercise")


def test_tags(shipped: Knowledge) -> None:
    smaller = replace(shipped, tags={**shipped.tags, "pool": frozenset({"swimming"})})

    assert told(shipped, smaller) == [
        ("tag pool", "looser", "rules that take away pool no longer take away water_walking")
    ]
    assert told(smaller, shipped)[0][1] == "stricter"


def test_numbers(shipped: Knowledge) -> None:
    notes = {**shipped.setting_notes, "pool_week": replace(shipped.setting_notes["pool_week"], value=16)}

    lines = told(shipped, replace(shipped, setting_notes=notes))

    assert lines[0][:2] == ("pool_week", "stricter")
    assert "16 weeks (was: 12 weeks)" in lines[0][2]


def test_sources(shipped: Knowledge) -> None:
    sources = {**without(shipped.sources, "P01"), "E12": replace(shipped.sources["E12"], citable=False)}

    assert [line[::2] for line in told(shipped, replace(shipped, sources=sources))] == [
        ("source P01", "the source is gone"),
        ("source E12", "Bono et al., Restriction 2 vs 6 weeks after discectomy: may no longer be cited"),
    ]
    assert told(replace(shipped, sources=sources), shipped)[0][2] == "a new source"
