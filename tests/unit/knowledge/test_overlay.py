"""An overlay: stricter freely, looser or unclear only with an approver and a reason, always named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cds_service.errors import Fault, KnowledgeFaults
from cds_service.knowledge.load import content_hash, load_knowledge
from cds_service.knowledge.model import Dosing, Effect, Knowledge, Permission, SafetyRule
from cds_service.knowledge.overlay import lay_over, local_names, read_overlay
from cds_service.knowledge.rules import Ground
from tests.unit.knowledge.conftest import CARDS
from tests.unit.knowledge.questions import a_grade, a_rule

HEAD = """\
name: Example General Hospital, protocol 3
status: {status}
written_by: B. Example, physiotherapist
checked_by: Dr A. Example
checked_on: 2026-02-12
next_check: 2027-02-12
changes:
"""
APPROVED = "    approved_by: Dr A. Example\n    reason: our own series\n"


def an_overlay(folder: Path, changes: str, status: str = "active") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    text = HEAD.format(status=status)
    (folder / "overlay.yaml").write_text(
        text.replace("changes:\n", "changes: []\n") if not changes else text + changes, encoding="utf-8"
    )
    return folder


def laid(
    shipped: Knowledge, tmp_path: Path, changes: str, rules: tuple[SafetyRule, ...] = ()
) -> tuple[Knowledge, list[Fault]]:
    faults: list[Fault] = []
    overlay = read_overlay(an_overlay(tmp_path / "local", changes), a_ground(shipped), faults)
    assert overlay is not None, faults
    return lay_over(shipped, replace(overlay, rules=(*overlay.rules, *rules)), faults), faults


def a_ground(knowledge: Knowledge) -> Ground:
    return Ground(knowledge.known, knowledge.sources, knowledge.tags, knowledge.exercises, knowledge.protocols)


def test_a_later_week_needs_nobody(shipped: Knowledge, tmp_path: Path) -> None:
    knowledge, faults = laid(shipped, tmp_path, "  - {protocol: LUM_FUS, exercise: bridge, from_week: 8}\n")

    assert faults == []
    assert knowledge.protocols["LUM_FUS"].first_weeks["bridge"].week == 8
    assert shipped.protocols["LUM_FUS"].first_weeks["bridge"].week == 6
    assert knowledge.local_changes[0].strictness == "stricter"


def test_an_earlier_week_without_approver_is_refused_with_its_line(shipped: Knowledge, tmp_path: Path) -> None:
    _, faults = laid(shipped, tmp_path, "  - {protocol: LUM_FUS, exercise: bridge, from_week: 4}\n")

    assert len(faults) == 1
    assert faults[0].where == "overlay.yaml:8: changes.0"
    assert "from week 4 instead of from week 6 is looser than ours" in faults[0].what


@pytest.mark.parametrize("half", ["    approved_by: Dr A. Example\n", "    reason: our own series\n"])
def test_half_an_approval_is_none(shipped: Knowledge, tmp_path: Path, half: str) -> None:
    changes = "  - protocol: LUM_FUS\n    exercise: bridge\n    from_week: 4\n" + half

    assert len(laid(shipped, tmp_path, changes)[1]) == 1


def test_nobody_yet_approves_nothing(shipped: Knowledge, tmp_path: Path) -> None:
    changes = (
        "  - protocol: LUM_FUS\n    exercise: bridge\n    from_week: 4\n    approved_by: nobody yet\n    reason: soon\n"
    )

    assert len(laid(shipped, tmp_path, changes)[1]) == 1


def test_an_approved_earlier_week_is_used_and_named(shipped: Knowledge, tmp_path: Path) -> None:
    knowledge, faults = laid(
        shipped, tmp_path, "  - protocol: LUM_FUS\n    exercise: bridge\n    from_week: 4\n" + APPROVED
    )

    assert faults == []
    assert knowledge.overlaid == {"LUM_FUS.first_weeks.bridge": "Example General Hospital, protocol 3"}
    assert knowledge.local_changes[0].approved_by == "Dr A. Example"


@pytest.mark.parametrize(
    ("keys", "permission", "week"),
    [
        ("never: yes", Permission.NEVER, None),
        ("clearance: yes", Permission.CLEARANCE, None),
        ("supervised: yes", Permission.SUPERVISED, 6),
        ("supervised: yes, from_week: 9", Permission.SUPERVISED, 9),
    ],
)
def test_every_way_to_be_stricter(
    shipped: Knowledge, tmp_path: Path, keys: str, permission: Permission, week: int | None
) -> None:
    knowledge, faults = laid(shipped, tmp_path, f"  - {{protocol: LUM_FUS, exercise: bridge, {keys}}}\n")

    cell = knowledge.protocols["LUM_FUS"].first_weeks["bridge"]
    assert (faults, cell.permission, cell.week) == ([], permission, week)


def test_what_was_never_needs_a_week_to_be_unlocked(shipped: Knowledge, tmp_path: Path) -> None:
    _, faults = laid(shipped, tmp_path, "  - {protocol: LUM_FUS, exercise: sit_up_crunch, supervised: yes}\n")

    assert [fault.what for fault in faults] == ["no first week"]


def test_the_text_of_a_restriction_needs_an_approver(shipped: Knowledge, tmp_path: Path) -> None:
    changes = (
        '  - protocol: LUM_FUS\n    restriction: Sitting\n    steps: [{from_week: 0, say: "sit at most 15 min"}]\n'
    )

    _, faults = laid(shipped, tmp_path, changes)
    knowledge, none = laid(shipped, tmp_path, changes + APPROVED)

    assert "whose strictness we cannot judge" in faults[0].what
    assert none == []
    sitting = {one.topic: one for one in knowledge.protocols["LUM_FUS"].restrictions}["Sitting"]
    assert sitting.at(3) == "sit at most 15 min"


def test_only_the_default_of_a_restriction_may_change(shipped: Knowledge, tmp_path: Path) -> None:
    changes = "  - protocol: LUM_FUS\n    restriction: Sitting\n    default: 20 to 25 minutes\n" + APPROVED

    _, faults = laid(shipped, tmp_path, changes)

    assert faults == []


def test_steps_with_a_gap_are_refused(shipped: Knowledge, tmp_path: Path) -> None:
    changes = '  - protocol: LUM_FUS\n    restriction: Sitting\n    steps: [{from_week: 2, say: "sit"}]\n' + APPROVED

    assert "leaves a gap" in laid(shipped, tmp_path, changes)[1][0].what


def test_a_progression_test_of_ones_own(shipped: Knowledge, tmp_path: Path) -> None:
    changes = "  - protocol: LUM_FUS\n    progression: P1 to P2\n    say: walks one hour\n" + APPROVED

    knowledge, faults = laid(shipped, tmp_path, changes)

    assert faults == []
    assert knowledge.protocols["LUM_FUS"].progression[0].say == "walks one hour"


def test_a_stricter_number_is_free_and_a_looser_one_is_not(shipped: Knowledge, tmp_path: Path) -> None:
    knowledge, free = laid(shipped, tmp_path, "  - {number: pool_week, value: 16}\n")
    _, refused = laid(shipped, tmp_path, "  - {number: pool_week, value: 8}\n")

    assert free == []
    assert knowledge.settings["pool_week"] == 16
    assert len(refused) == 1


def test_an_overlay_cannot_raise_the_number_of_cards(shipped: Knowledge, tmp_path: Path) -> None:
    changes = "  - number: max_cards\n    value: 4\n" + APPROVED

    assert "at most 3" in str(laid(shipped, tmp_path, changes)[1][0])


def test_a_dose_of_ones_own_drops_the_numbers_counted_for_ours(shipped: Knowledge, tmp_path: Path) -> None:
    changes = "  - exercise: bridge\n    dose: 3 slow ones\n    how: As shown.\n" + APPROVED

    knowledge, faults = laid(shipped, tmp_path, changes)

    assert faults == []
    assert knowledge.exercises["bridge"].dosing == Dosing()
    assert knowledge.exercises["bridge"].how == "As shown."
    assert len(knowledge.local_changes) == 2


def test_how_alone_keeps_the_dose(shipped: Knowledge, tmp_path: Path) -> None:
    knowledge, _ = laid(shipped, tmp_path, "  - exercise: bridge\n    how: As shown.\n" + APPROVED)

    assert knowledge.exercises["bridge"].dosing == shipped.exercises["bridge"].dosing


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("{protocol: LUM_FUSION, exercise: bridge, from_week: 8}", "'LUM_FUSION' is no protocol we know"),
        ("{protocol: LUM_FUS, exercise: bridges, from_week: 8}", "'bridges' is no exercise we know"),
        ("{protocol: LUM_FUSION, restriction: Sitting, default: less}", "'LUM_FUSION' is no protocol we know"),
        ("{protocol: LUM_FUS, restriction: Standing, default: less}", "'Standing' is no restriction we know"),
        ("{protocol: LUM_FUSION, progression: P1 to P2, say: more}", "'LUM_FUSION' is no protocol we know"),
        ("{protocol: LUM_FUS, progression: P1 to P3, say: more}", "'P1 to P3' is no progression test we know"),
        ("{number: pool_weeks, value: 16}", "'pool_weeks' is no number we know"),
        ("{exercise: bridges, dose: more}", "'bridges' is no exercise we know"),
        ("{rule: LX99}", "'LX99' is no rule of safety/ in this overlay we know"),
        ("{protocol: LUM_FUS}", "these keys make no change we know: protocol"),
        ("{protocol: LUM_FUS, exercise: bridge}", "these keys make no change we know"),
        ("{protocol: LUM_FUS, exercise: bridge, from_week: 8, value: 3}", "these keys make no change we know"),
        ("{protocol: LUM_FUS, exercise: bridge, from_week: 6}", "is the same as ours"),
    ],
)
def test_a_change_that_is_none_is_told(shipped: Knowledge, tmp_path: Path, change: str, said: str) -> None:
    _, faults = laid(shipped, tmp_path, f"  - {change}\n")

    assert any(said in fault.what and fault.where.startswith("overlay.yaml:8") for fault in faults), faults


def test_a_rule_of_ones_own_is_one_rule_more(shipped: Knowledge, tmp_path: Path) -> None:
    knowledge, faults = laid(shipped, tmp_path, "", (a_rule("LX98"),))

    assert faults == []
    assert knowledge.rules[-1].id == "LX98"
    assert knowledge.overlaid["rules.LX98"] == "Example General Hospital, protocol 3"


def _with_rule(knowledge: Knowledge) -> Knowledge:
    return replace(knowledge, rules=(*knowledge.rules, a_rule("LX98")))


def test_a_stricter_rule_of_the_same_id_replaces_ours(shipped: Knowledge, tmp_path: Path) -> None:
    local = a_rule("LX98", grades=(a_grade(effect=Effect.STOP_ALL),))

    knowledge, faults = laid(_with_rule(shipped), tmp_path, "", (local,))

    assert faults == []
    assert knowledge.rules[-1] is local


def test_a_looser_rule_needs_its_entry(shipped: Knowledge, tmp_path: Path) -> None:
    local = a_rule("LX98", grades=(a_grade(effect=Effect.INFO),))

    _, refused = laid(_with_rule(shipped), tmp_path, "", (local,))
    _, approved = laid(_with_rule(shipped), tmp_path, "  - rule: LX98\n" + APPROVED, (local,))

    assert "in an entry with rule: LX98" in refused[0].todo
    assert approved == []


def test_local_names_are_found_by_what_they_change(shipped: Knowledge, tmp_path: Path) -> None:
    knowledge, _ = laid(shipped, tmp_path, "  - {protocol: LUM_FUS, exercise: bridge, from_week: 8}\n")

    assert local_names(knowledge, ("LUM_FUS.",)) == ("Example General Hospital, protocol 3",)
    assert local_names(knowledge, ("LUM_DISC.", "rules.RF10")) == ()


def test_load_lays_the_overlay_and_hashes_it(tmp_path: Path) -> None:
    local = an_overlay(tmp_path / "local", "  - {protocol: LUM_FUS, exercise: bridge, from_week: 8}\n")

    knowledge = load_knowledge(CARDS, local)

    assert knowledge.overlay == "Example General Hospital, protocol 3"
    assert knowledge.content_hash != content_hash(CARDS)
    assert knowledge.protocols["LUM_FUS"].first_weeks["bridge"].week == 8


@pytest.mark.parametrize("missing", ["folder", "file", "name"])
def test_an_overlay_that_cannot_be_read_stops_the_start(tmp_path: Path, missing: str) -> None:
    local = an_overlay(tmp_path / "local", "")
    if missing == "file":
        (local / "overlay.yaml").unlink()
    if missing == "name":
        (local / "overlay.yaml").write_text("changes: []\n", encoding="utf-8")

    with pytest.raises(KnowledgeFaults):
        load_knowledge(CARDS, tmp_path / "nowhere" if missing == "folder" else local)


def test_an_unsigned_overlay_is_refused_where_drafts_are_off(tmp_path: Path) -> None:
    local = an_overlay(tmp_path / "local", "", status="draft")

    with pytest.raises(KnowledgeFaults, match="the overlay is not active"):
        load_knowledge(CARDS, local, use_draft=False)


def test_a_signed_overlay_is_taken_where_drafts_are_off(tmp_path: Path) -> None:
    local = an_overlay(tmp_path / "local", "")

    assert load_knowledge(CARDS, local, use_draft=False).overlay == "Example General Hospital, protocol 3"


def test_a_file_in_the_wrong_place_is_told_and_not_passed_over(shipped: Knowledge, tmp_path: Path) -> None:
    local = an_overlay(tmp_path / "local", "")
    (local / "safty").mkdir()
    (local / "safty" / "fever.yaml").write_text("rules: []\n", encoding="utf-8")
    faults: list[Fault] = []

    read_overlay(local, a_ground(shipped), faults)

    assert [fault.where for fault in faults] == ["overlay/safty/fever.yaml"]


def a_local_copy(tmp_path: Path, before: str, after: str, changes: str = "") -> Path:
    """An overlay whose safety/ folder holds our vital-signs rules with one thing changed."""
    local = an_overlay(tmp_path / "local", changes)
    (local / "safety").mkdir()
    text = (CARDS / "safety" / "vital_signs.yaml").read_text(encoding="utf-8")
    assert before in text
    rules = text[text.index("  - id: RF18") :]
    one = rules[: rules.index("\n  - id:", 5) + 1]
    head = text[: text.index("rules:\n")] + "rules:\n"
    (local / "safety" / "pulse.yaml").write_text(head + one.replace(before, after, 1), encoding="utf-8")
    return local


def test_a_stricter_threshold_of_ones_own_needs_nobody(tmp_path: Path) -> None:
    knowledge = load_knowledge(CARDS, a_local_copy(tmp_path, "above: 130", "above: 125"))

    assert [(change.path, change.strictness) for change in knowledge.local_changes] == [("rules.RF18", "stricter")]
    assert local_names(knowledge, ("rules.RF18",)) == ("Example General Hospital, protocol 3",)


def test_a_looser_threshold_of_ones_own_is_refused_until_approved(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeFaults, match="is looser than ours"):
        load_knowledge(CARDS, a_local_copy(tmp_path / "a", "above: 130", "above: 140"))

    approved = a_local_copy(tmp_path / "b", "above: 130", "above: 140", "  - rule: RF18\n" + APPROVED)
    assert load_knowledge(CARDS, approved).local_changes[0].approved_by == "Dr A. Example"


def test_a_fault_in_a_local_rule_names_the_overlay(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeFaults, match=r"overlay/safety/pulse.yaml:\d+"):
        load_knowledge(CARDS, a_local_copy(tmp_path, "above: 130", "over: 130"))
