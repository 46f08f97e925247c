"""Which cards there are, in which order, and what they must say."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.cards import build_cards, phrases
from cds_service.cards.phrases import evidence_as_json, summary
from cds_service.clinical.advice import DataQuality, Modifier
from cds_service.clinical.operation import Basis
from cds_service.knowledge.model import Effect, Severity
from cds_service.orders.call import CallFacts, Link
from cds_service.patient.finding import Evidence
from tests.advice_maker import (
    AT,
    a_call,
    a_plan,
    an_advice,
    an_alert,
    knowledge,
    nothing_to_say,
    osteoporosis,
    some_unknown,
)  # fmt: skip
from tests.changed import replace

PROTOCOLS = sorted(knowledge().protocols)
WEEKS = (0, 1, 2, 3, 6, 7, 11, 12, 20, 26, 30, 52, 60)
FALL_RISK = an_alert("RF40", Severity.WARNING, Effect.REMOVE, title="Fall risk", removes=("balance", "step_risk"))
PAIN = an_alert("RF22", Severity.INFO, Effect.NO_PROGRESSION, title="Pain score", say="Stay at this level.")
STATES = {
    "quiet": (),
    "critical": (an_alert(),),
    "baseline": (an_alert("RF08", Severity.WARNING, Effect.BASELINE_ONLY, title="Wound problem"),),
    "osteoporosis": (osteoporosis(),),
    "fall risk and pain": (FALL_RISK, PAIN),
    "many": (an_alert(), an_alert("RF08", Severity.CRITICAL), FALL_RISK, PAIN, osteoporosis()),
}
DATELESS = DataQuality(
    "DQ06", Severity.WARNING, "the operation has no date", (Evidence("Procedure/p-1", "Lumbar fusion"),)
)
TEXT_ONLY = DataQuality("DQ05", Severity.WARNING, "the operation is known from text only")


TOLD = st.none() | st.text(max_size=8) | st.text(alphabet="ab \t\u00e9", max_size=4) | st.just("x" * 201)


@given(st.lists(st.builds(Evidence, TOLD.map(lambda text: text or "P/1"), TOLD, TOLD, TOLD, TOLD, TOLD), max_size=3))
def test_evidence_that_is_plain_at_a_glance_is_told_as_all_evidence(evidence: list[Evidence]) -> None:
    told = evidence_as_json(evidence)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(phrases, "_are_lines", lambda texts, limit: False)

        assert evidence_as_json(evidence) == told


def cards(advice, **call):
    return build_cards(advice, knowledge(), a_call(**call))


def test_nothing_to_say_is_no_card() -> None:
    assert cards(nothing_to_say()) == ()


@pytest.mark.parametrize("kind", PROTOCOLS)
@pytest.mark.parametrize("alerts", STATES.values(), ids=STATES)
def test_every_protocol_week_and_state_makes_valid_cards(kind: str, alerts: tuple) -> None:
    for week in WEEKS:
        made = cards(an_advice(kind, week, alerts=alerts, unknown=some_unknown()))

        assert 1 <= len(made) <= 3
        order = [("critical", "warning", "info").index(one.indicator) for one in made]
        assert order == sorted(order)
        for card in made:
            assert len(card.summary) < 140
            assert len(card.override_reasons) == 5
            assert "surgeon's own instruction overrides" in card.detail
            assert "not yet signed off by a clinician" in card.detail


def test_under_stop_all_no_exercise_is_shown_anywhere() -> None:
    advice = an_advice(alerts=(an_alert(), osteoporosis()))

    (card,) = cards(advice)

    assert card.kind == "red-flag"
    for exercise in knowledge().exercises.values():
        assert exercise.name.lower() not in card.detail.lower()


def test_a_red_flag_tells_fact_value_time_what_to_do_and_who_says_so() -> None:
    (card,) = cards(an_advice(alerts=(an_alert(),)))

    assert card.indicator == "critical"
    assert card.summary == (
        "Stop exercises: fever: body temperature 39.2 °C, 2026-05-20 07:30; day 49 after lumbar fusion L4-L5."
    )
    for said in ("39.2 °C", "2026-05-20 07:30", "**Do:** Check wound", "RF10", "Mayo et al. 2018"):
        assert said in card.detail
    assert card.source.label.startswith("Mayo et al. 2018")


@pytest.mark.parametrize(
    ("say", "shown"),
    [
        ("Fever: 39.2 Cel on 2026-05-20.", "**Fever:** 39.2 °C on 2026-05-20.\n"),
        ("Look at the wound.", "**Fever:** Look at the wound (Body temperature 39.2 °C, 2026-05-20 07:30).\n"),
        ("Now 39.2 Cel.", "**Fever:** Now 39.2 °C (Body temperature 39.2 °C, 2026-05-20 07:30).\n"),
        ("", "**Fever:** temperature 39.2 °C is at or above 39.0 °C (Body temperature 39.2 °C, 2026-05-20 07:30).\n"),
        ("Fever", "**Fever:** Fever (Body temperature 39.2 °C, 2026-05-20 07:30).\n"),
    ],
)
def test_value_and_time_are_told_once(say: str, shown: str) -> None:
    (card,) = cards(an_advice(alerts=(an_alert(say=say),)))

    assert shown in card.detail


def test_a_fact_without_value_is_recorded_and_without_date_is_undated() -> None:
    evidence = (Evidence("Condition/c", "Fever", date="2026-05-20"), Evidence("Condition/d", "Chills"))

    (card,) = cards(an_advice(alerts=(an_alert(evidence=evidence, say="Hot."),)))

    assert "**Fever:** Hot (recorded, 2026-05-20; Chills)." in card.detail
    assert card.summary.startswith("Stop exercises: fever: recorded, 2026-05-20;")


def test_many_facts_are_counted_not_listed() -> None:
    evidence = tuple(Evidence(f"Observation/{n}", f"Value {n}") for n in range(6))

    (card,) = cards(an_advice(alerts=(an_alert(evidence=evidence, say="Hot."),)))

    assert "(Value 0; Value 1; Value 2; 3 more)" in card.detail


def test_several_alerts_share_one_card_worst_first() -> None:
    made = cards(
        an_advice(
            alerts=(FALL_RISK, an_alert("RF08", Severity.WARNING, Effect.BASELINE_ONLY, title="Wound"), an_alert())
        )
    )

    assert [one.kind for one in made] == ["red-flag"]
    assert made[0].rules == ("RF10", "RF08", "RF40")
    assert made[0].detail.index("Fever") < made[0].detail.index("Wound") < made[0].detail.index("Fall risk")
    assert "(+2 more)" in made[0].summary


def test_a_warning_that_stops_everything_stays_a_warning() -> None:
    (card,) = cards(an_advice(alerts=(an_alert("RF17", Severity.WARNING, Effect.STOP_ALL, title="Oxygen saturation"),)))

    assert card.indicator == "warning"


def test_the_programme_card_answers_in_five_seconds() -> None:
    (card,) = cards(an_advice(alerts=(osteoporosis(),), unknown=some_unknown()))

    assert card.indicator == "info"
    assert card.summary == "Lumbar fusion L4-L5, week 7: phase 2 programme ready; 9 held back (osteoporosis)."
    assert card.detail.startswith("**Now, weeks 6 to 12: light stabilisation")
    assert card.detail.count("\n| ") == 9  # heading and eight exercises
    for said in (
        "**With a therapist only:** median / ulnar nerve slider",
        "(osteoporosis, RF29)",
        "(from week 12)",
        "never after lumbar fusion",
        "lift up to 4.5 kg (10 lb)",
        "**Next step, week 12:** walks 30 to 40 minutes",
        "**Could not check:** temperature, heart rate (none in the last 24 hours); pain score (none in the last 7 days); "
        "new weakness (test leg and arm power before any exercise); the number of levels is not recorded.",
    ):
        assert said in card.detail
    assert "INR" not in card.detail
    assert "together" not in card.detail


def test_without_progression_the_next_step_is_not_shown() -> None:
    (card,) = cards(an_advice(alerts=(PAIN,)))

    assert "Next step" not in card.detail
    assert "no progression for now (pain score)" in card.summary
    assert "Stay at this level" in card.detail


def test_agree_first_is_the_heading_and_only_referral_or_consultation_are_offered() -> None:
    (card,) = cards(an_advice("THX_FUS", 10))

    assert card.detail.startswith("**To agree with the surgeon first: ")
    assert "to agree with the surgeon first" in card.summary
    assert [one.label for one in card.suggestions] == [
        "Refer to physiotherapy",
        "Ask the surgeon to agree the programme",
    ]


def test_two_operations_show_each_with_its_own_week() -> None:
    plans = (a_plan("LUM_FUS", 7), a_plan("CRV_ACDF", 20, levels=("C5-C6",)))

    (card,) = cards(an_advice(plans=plans))

    assert "Lumbar fusion week 7 + Anterior cervical discectomy and fusion week 20" in card.summary
    assert "**Counted:**" in card.detail
    assert "**Next step, week 12 (Lumbar fusion):**" in card.detail


def test_a_shifted_ladder_says_which_week_is_counted() -> None:
    modifier = Modifier("RF45", "Revision fusion: four weeks later")

    (card,) = cards(an_advice(week=14, shift_weeks=4, modifiers=(modifier,)))

    assert "week 14, counted as week 10" in card.detail
    assert "**Changed for this patient:** Revision fusion: four weeks later." in card.detail


def test_a_doubtful_operation_is_to_be_confirmed_with_its_alternatives() -> None:
    (card,) = cards(an_advice(basis=Basis.CONFLICTING, alternatives=("LUM_DISC",), because=("two codes disagree",)))

    assert (
        "**Operation to confirm:** two codes disagree; could also be lumbar discectomy or microdiscectomy."
        in card.detail
    )


def test_a_missing_date_gives_only_the_gap_card_and_says_what_to_record() -> None:
    (card,) = cards(an_advice(week=None, data_quality=(DATELESS,), exercises=(), programme=()))

    assert card.kind == "record-gap"
    assert card.indicator == "warning"
    assert card.summary == "Spine operation without a date: no week, no exercise list until the date is recorded."
    assert "**Do:** Record the date of the operation." in card.detail


def test_text_only_gives_the_gap_card_before_the_universal_set() -> None:
    made = cards(an_advice("UNKNOWN_SPINE", 3, data_quality=(TEXT_ONLY,)))

    assert [one.kind for one in made] == ["record-gap", "exercise-programme"]


def test_a_gap_that_changes_nothing_makes_no_card() -> None:
    made = cards(an_advice(data_quality=(DataQuality("DQ12", Severity.INFO, "the age is not known"),)))

    assert [one.kind for one in made] == ["exercise-programme"]


def test_a_value_that_could_not_be_used_is_told() -> None:
    quality = DataQuality("DQ09", Severity.WARNING, "temperature 38.9 without unit was not used")

    (card,) = cards(an_advice(data_quality=(quality,)))

    assert "temperature 38.9 without unit was not used" in card.detail


def test_the_surgeons_own_instruction_comes_first() -> None:
    instruction = Evidence("CarePlan/cp-1", "No lifting above 2 kg for 8 weeks", date="2026-04-02")

    (card,) = cards(an_advice(surgeon_instructions=(instruction,)))

    assert card.detail.index("comes first:** No lifting above 2 kg") < card.detail.index("| Exercise |")


def test_a_local_protocol_is_named_as_the_source() -> None:
    (card,) = cards(an_advice(local_protocols=("City Hospital fusion pathway 2026",)))

    assert card.source.label == "Local protocol: City Hospital fusion pathway 2026"
    assert card.source.url is None


def test_a_source_that_was_never_verified_is_not_cited() -> None:
    unverified = [key for key, source in knowledge().sources.items() if not source.citable]

    (card,) = cards(an_advice(alerts=(an_alert(sources=(unverified[0],)),)))

    assert card.source.label == f"Spine CDS knowledge {knowledge().version}: default without a citable source"
    assert "source:" not in card.detail


def test_signed_knowledge_has_no_draft_line() -> None:
    (card,) = cards(an_advice(draft_knowledge=False))

    assert "Draft knowledge" not in card.detail


def test_the_same_call_gives_the_same_ids_and_another_patient_others() -> None:
    advice = an_advice(alerts=(an_alert(),))

    first, again = cards(advice)[0], cards(advice, hook_instance="another")[0]
    others = [
        cards(advice, patient_id="pat-2")[0],
        cards(advice, card_secret=b"other")[0],
        cards(advice, tenant="other")[0],
        cards(an_advice(week=14, alerts=(an_alert(),)))[0],
        cards(replace(advice, knowledge_version="2027.1"))[0],
    ]

    assert first.uuid == again.uuid
    assert UUID(first.uuid).version == 5
    assert [one.uuid for one in first.suggestions] == [one.uuid for one in again.suggestions]
    assert len({first.uuid, *(one.uuid for one in others)}) == 1 + len(others)


def test_no_id_on_a_card_holds_the_patient() -> None:
    for card in cards(an_advice(alerts=(osteoporosis(),)), patient_id="MRN-4711"):
        assert "4711" not in card.uuid + "".join(one.uuid for one in card.suggestions)


def test_links_of_the_installation_come_before_the_patient_sheet() -> None:
    link = Link("Why this advice", "https://cds.example.org/why")

    (card,) = cards(an_advice(), links=(link,))

    assert card.links[0] == link
    assert [one.label for one in card.links] == ["Why this advice", "Patient sheet"]


@given(st.text(max_size=400), st.lists(st.text(max_size=90), max_size=4))
def test_a_summary_is_one_printable_line_of_fewer_than_140_characters(first: str, more: list[str]) -> None:
    made = summary(first or "x", *more)

    assert 0 < len(made) < 140
    assert made.isprintable()


@given(
    title=st.text(max_size=300), what=st.text(max_size=300), value=st.text(max_size=200), date=st.text(max_size=60),
    levels=st.lists(st.text(max_size=30), max_size=6), do=st.text(max_size=900),
)  # fmt: skip
def test_whatever_the_chart_says_the_cards_are_valid(title, what, value, date, levels, do) -> None:
    seen = (Evidence("Observation/o", what, None, None, value, date),)
    alert = an_alert(title=title or "x", evidence=seen, do=do, because=what)
    info = replace(osteoporosis(), evidence=seen, title=title or "x")

    for alerts in ((alert,), (info,)):
        for card in cards(an_advice(alerts=alerts, levels=tuple(levels), surgeon_instructions=seen)):
            assert len(card.summary) < 140
            assert "\n#" not in card.detail


def test_a_call_needs_a_known_order_profile_and_a_time_zone() -> None:
    with pytest.raises(ValueError, match="order profile"):
        a_call(order_profile="fhir")
    with pytest.raises(ValueError, match="time zone"):
        CallFacts("patient-view", "p", AT.replace(tzinfo=None), "https://x", b"s")
