"""What may stand on a patient sheet, and what never."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cds_service.clinical.protocol import needs_clearance
from cds_service.errors import InputFaults
from cds_service.handout.sheet import Sheet, count_dose, make_sheet
from cds_service.knowledge.handout import LANGUAGES
from cds_service.knowledge.load import load_knowledge
from cds_service.knowledge.model import Knowledge, Permission, Restriction, RestrictionStep, Status
from cds_service.knowledge.signed import signed_only
from tests.unit.handout.conftest import CARDS

_KNOWN = load_knowledge(CARDS)
PHASES = [(protocol.id, phase.from_week) for protocol in _KNOWN.protocols.values() for phase in protocol.phases]
LAST_WEEKS = range(0, 61, 4)


def refusal(knowledge: Knowledge, *asked: object, **named: object) -> str:
    with pytest.raises(InputFaults) as refused:
        make_sheet(knowledge, *asked, **named)  # type: ignore[arg-type]
    return str(refused.value)


def the(sheet: Sheet, exercise: str) -> object:
    return next(one for one in sheet.exercises if one.id == exercise)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("surgery_type", "week"), PHASES)
def test_every_phase_of_every_protocol_has_a_sheet_in_every_language(
    surgery_type: str, week: int, language: str, knowledge: Knowledge
) -> None:
    sheet = make_sheet(knowledge, surgery_type, week, language=language)

    assert sheet.exercises and sheet.emergencies and sheet.calls
    assert all(one.name and one.steps and one.dose and one.stops for one in sheet.exercises)
    assert sheet.local_restrictions == ()


@pytest.mark.parametrize("surgery_type", sorted(_KNOWN.protocols))
def test_only_what_the_matrix_allows_in_that_week_can_be_printed(surgery_type: str, knowledge: Knowledge) -> None:
    protocol = knowledge.protocols[surgery_type]
    for week in LAST_WEEKS:
        for cell in protocol.first_weeks.values():
            opened = cell.week is not None and cell.week <= week
            allowed = opened and not needs_clearance(knowledge.exercises[cell.exercise], cell.permission)
            try:
                sheet = make_sheet(knowledge, surgery_type, week, [cell.exercise])
            except InputFaults:
                assert not allowed, (week, cell)
            else:
                assert allowed, (week, cell)
                assert sheet.exercises[0].supervised or cell.permission is Permission.PLAIN, cell


def test_never_and_clearance_are_refused_in_words(knowledge: Knowledge) -> None:
    told = refusal(knowledge, "LUM_FUS", 60, ["sit_up_crunch", "contact_sport"])

    assert "number 1 of the list (sit_up_crunch) is never done after this operation" in told
    assert "number 2 of the list (contact_sport) needs the surgeon's clearance" in told


def test_an_exercise_before_its_week_is_refused_with_the_week(knowledge: Knowledge) -> None:
    assert "(bridge) begins in week 6" in refusal(knowledge, "LUM_FUS", 5, ["bridge"])


def test_what_was_asked_for_is_never_repeated_when_it_is_not_ours(knowledge: Knowledge) -> None:
    told = refusal(knowledge, "Jane Doe", -1, ["Jane Doe"], "Jane Doe")

    assert "Jane" not in told
    assert "surgery type is not known" in told and "no sheet in this language" in told and "no completed week" in told
    assert "Jane" not in refusal(knowledge, "LUM_FUS", 6, ["Jane Doe"])


def test_an_exercise_asked_for_twice_is_told(knowledge: Knowledge) -> None:
    assert "number 2 of the list stands in the list twice" in refusal(knowledge, "LUM_FUS", 6, ["bridge", "bridge"])


def test_an_empty_list_prints_nothing(knowledge: Knowledge) -> None:
    assert "print no sheet" in refusal(knowledge, "LUM_FUS", 6, [])


def test_supervised_exercises_are_marked_and_stand_apart(knowledge: Knowledge) -> None:
    sheet = make_sheet(knowledge, "LUM_FUS", 8, ["recumbent_bike", "bridge"])

    assert the(sheet, "recumbent_bike").supervised  # type: ignore[attr-defined]
    assert not the(sheet, "bridge").supervised  # type: ignore[attr-defined]


def test_what_the_catalogue_wants_a_therapist_for_is_never_for_home(knowledge: Knowledge) -> None:
    sheet = make_sheet(knowledge, "LUM_FUS", 26, ["overhead_press", "arm_ergometer", "dead_bug"])

    assert knowledge.protocols["LUM_FUS"].first_weeks["overhead_press"].permission is Permission.PLAIN
    assert [one.supervised for one in sheet.exercises] == [True, True, False]
    assert the(sheet, "dead_bug").shown_first  # type: ignore[attr-defined]


def test_a_sheet_holds_until_a_phase_or_a_limit_changes(knowledge: Knowledge) -> None:
    # Phase 2 of lumbar fusion is weeks 6 to 12, but the limits on work and pool change in week 8.
    assert make_sheet(knowledge, "LUM_FUS", 6).last_week == 7
    assert make_sheet(knowledge, "LUM_FUS", 8).last_week == 11
    assert make_sheet(knowledge, "LUM_FUS", 60).last_week is None


@pytest.mark.parametrize(("surgery_type", "week"), PHASES)
def test_no_limit_changes_while_a_sheet_holds(surgery_type: str, week: int, knowledge: Knowledge) -> None:
    first = make_sheet(knowledge, surgery_type, week)
    for later in range(week, (first.last_week or week) + 1):
        assert make_sheet(knowledge, surgery_type, later).restrictions == first.restrictions


def test_operations_to_agree_on_say_so_on_the_sheet(knowledge: Knowledge) -> None:
    assert make_sheet(knowledge, "DEF_ADULT", 6).agree_first
    assert not make_sheet(knowledge, "LUM_DISC", 6).agree_first


def test_throat_signs_stand_only_where_the_throat_was_passed(knowledge: Knowledge) -> None:
    throat = knowledge.sheets.languages["en"].signs["throat"]

    assert throat in make_sheet(knowledge, "CRV_ACDF", 2).emergencies
    assert throat not in make_sheet(knowledge, "LUM_FUS", 2).emergencies


@pytest.mark.parametrize(
    ("exercise", "said"),
    [
        ("quad_sets", "Do it 10 times. Hold for 5 seconds each time. 3 times a day."),
        (
            "bridge",
            "Do it 10 times. Hold for 5 seconds each time. Rest, then start again, until you have done 2 rounds.",
        ),
        ("brisk_walking", "Do it for 20 minutes. On 3 days a week."),
        ("sit_to_stand", "Do it 5 times. 2 times a day."),
        ("knee_rolls", "Do it 5 times. Twice a day."),
        ("relaxation", "Do it for 5 minutes. Once a day."),
        ("arm_raise_overhead", "Do it 8 times. Every day."),
        ("arm_raise_below_90", "Do it 8 times on each side. Twice a day."),
    ],
)
def test_the_dose_is_the_low_end_of_the_catalogue(exercise: str, said: str, knowledge: Knowledge) -> None:
    found = " ".join(count_dose(knowledge.exercises[exercise], knowledge.sheets.languages["en"]))

    assert found == said.replace("2 times a day", "Twice a day")


def test_no_dose_is_more_than_the_card_would_say_at_first(knowledge: Knowledge) -> None:
    words = knowledge.sheets.languages["en"]
    for exercise in knowledge.exercises.values():
        dosing = exercise.dosing
        highest = [
            span.high or span.low for span in (dosing.reps, dosing.hold_seconds, dosing.minutes, dosing.sets) if span
        ]
        numbers = [
            int(word.rstrip("."))
            for one in count_dose(exercise, words)
            for word in one.split()
            if word.rstrip(".").isdigit()
        ]
        assert not numbers or max(numbers) <= max(highest + [7]), exercise.id


def test_a_local_limit_without_plain_words_is_shown_as_it_is_and_marked(knowledge: Knowledge) -> None:
    protocol = knowledge.protocols["LUM_DISC"]
    step = RestrictionStep(0, None, "lift up to 3 kg in this house")
    local = Restriction("Lifting", "x", (step,), "", (), protocol.restrictions[0].mark)
    changed = replace(
        knowledge,
        protocols={**knowledge.protocols, "LUM_DISC": replace(protocol, restrictions=(local,))},
        overlaid={"LUM_DISC.restrictions.Lifting": "Hilltop Hospital", "LUM_FUS.phases": "Another"},
    )

    sheet = make_sheet(changed, "LUM_DISC", 1, language="de")

    assert sheet.local_restrictions == ("Lift up to 3 kg in this house.",)
    assert sheet.local_protocols == ("Hilltop Hospital",)


def test_where_drafts_are_off_no_unsigned_sheet_is_printed(knowledge: Knowledge) -> None:
    told = refusal(signed_only(knowledge), "LUM_FUS", 6)

    assert "wait for a clinician's signature" in told


def test_signed_words_of_one_language_speak_alone(knowledge: Knowledge) -> None:
    signed = ("handout/sheet.yaml", "handout/de.yaml", "figures.yaml")
    tables = {
        name: replace(one, status=Status.ACTIVE) if name in signed else one for name, one in knowledge.tables.items()
    }

    assert set(signed_only(replace(knowledge, tables=tables)).sheets.languages) == {"de"}


def test_draft_is_told_until_words_drawings_and_protocols_are_signed(knowledge: Knowledge) -> None:
    def active(one):
        return replace(one, governance=replace(one.governance, status=Status.ACTIVE))

    signed = replace(
        knowledge,
        protocols={key: active(one) for key, one in knowledge.protocols.items()},
        rules=tuple(active(one) for one in knowledge.rules),
    )
    tables = {name: replace(one, status=Status.ACTIVE) for name, one in knowledge.tables.items()}

    assert make_sheet(knowledge, "LUM_FUS", 6).draft
    assert make_sheet(signed, "LUM_FUS", 6).draft
    assert not make_sheet(replace(signed, tables=tables), "LUM_FUS", 6).draft
