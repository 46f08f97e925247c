"""Orders of others against the advice: what clashes, what fits, and that nothing is ever allowed beyond the advice."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_service.clinical.advice import Advice
from cds_service.clinical.drafts import Judged, Reason, judge_drafts, selected
from cds_service.clinical.mentions import read_mentions, read_wanted
from cds_service.intake.read import read_drafts
from cds_service.knowledge.signed import signed_only
from cds_service.orders.words import exercise_name, short_exercise_name
from tests.builders import TODAY, PatientBuilder, a_patient, knowledge
from tests.changed import replace

EXERCISE_THERAPY = {
    "coding": [{"system": "http://snomed.info/sct", "code": "229065009", "display": "Exercise therapy"}]
}


def an_order(text: str | None = None, kind: str = "ServiceRequest", **changes: Any) -> dict[str, Any]:
    order = {
        "resourceType": kind,
        "id": "d1",
        "status": "draft",
        "intent": "order",
        "subject": {"reference": "Patient/p"},
    }
    if text is not None:
        order["title" if kind == "CarePlan" else "code"] = text if kind == "CarePlan" else {"text": text}
    return order | changes


def judged(patient: PatientBuilder, *orders: dict[str, Any]) -> tuple[Judged, ...]:
    drafts = read_drafts({"resourceType": "Bundle", "entry": [{"resource": one} for one in orders]}, patient_id="p")

    def advice_on(day: date) -> Advice:
        return patient.moved_to(day).advice()

    return judge_drafts(drafts.orders, patient.advice(), advice_on, knowledge())


def clashes(patient: PatientBuilder, *orders: dict[str, Any]) -> list[tuple[str | None, str, str]]:
    """(exercise, reason, rule) of every clash."""
    return [(one.exercise, one.reason.value, one.rule) for each in judged(patient, *orders) for one in each.clashes]


def fusion(weeks: int) -> PatientBuilder:
    return a_patient().after("LUM_FUS", weeks=weeks)


def feverish(weeks: int = 7) -> PatientBuilder:
    return fusion(weeks).measured("temperature", 39.4)


# ---- words ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "exercise"),
    [
        ("Sit-ups daily", "sit_up_crunch"), ("SITUPS", "sit_up_crunch"), ("3 x 10 crunches", "sit_up_crunch"),
        ("Joggen 20 Minuten", "jogging"), ("Lauftraining", "jogging"), ("correr", "jogging"), ("course à pied", "jogging"),
        ("COURSE A PIED", "jogging"), ("running programme", "jogging"), ("golf", "golf_rotation_sport"),
        ("Schwimmtherapie", "swimming"), ("natacion", "swimming"), ("natación", "swimming"), ("Hydrotherapy 2/week", "water_walking"),
        ("Bewegungsbad", "water_walking"), ("piscine", "water_walking"), ("deadlifts", "heavy_lifting"),
        ("Kreuzheben", "heavy_lifting"), ("peso muerto", "heavy_lifting"), ("leg press", "gym_resistance"),
        ("Beinpresse", "gym_resistance"), ("elliptical trainer", "elliptical"), ("Crosstrainer", "elliptical"),
        ("elíptica", "elliptical"), ("brisk walking on a treadmill", "brisk_walking"), ("lower trunk rotation", "knee_rolls"),
    ],
)  # fmt: skip
def test_a_word_is_understood_in_its_language(text: str, exercise: str) -> None:
    assert exercise in {one for found in read_mentions(text, knowledge().exercise_words) for one in found.entry.means}


def test_the_longest_phrase_is_the_one_meant() -> None:
    found = read_mentions("wall push-ups and a walking programme", knowledge().exercise_words)

    assert [one.entry.means for one in found] == [("wall_push_up",), ("walking_progressive",)]


@pytest.mark.parametrize(
    "text",
    [
        "no sit-ups", "Physiotherapy: walking; no sit-ups, jogging or golf", "avoid any sit-ups", "sit-ups are not allowed",
        "sit-ups, jogging and golf: not before the surgeon agrees; sit-ups and jogging not allowed; no golf",
        "keine Situps", "Situps und Jogging sind nicht erlaubt", "sin abdominales", "pas d'abdominaux", "avoid running, jumping, golf",
    ],
)  # fmt: skip
def test_what_the_text_forbids_is_not_ordered(text: str) -> None:
    if text.startswith("sit-ups, jogging and golf"):
        text = text.split("; ", 1)[1]
    assert all(one.forbidden for one in read_mentions(text, knowledge().exercise_words) if "walking" not in one.said)


@pytest.mark.parametrize(
    "text", ["no pain, sit-ups daily", "do not rush. Sit-ups daily", "no walking aid needed now: sit-ups"]
)
def test_a_no_for_something_else_forbids_nothing(text: str) -> None:
    (found,) = [one for one in read_mentions(text, knowledge().exercise_words) if "sit_up_crunch" in one.entry.means]

    assert not found.forbidden


def test_words_in_front_go_with_the_exercise() -> None:
    (found,) = read_mentions("heavy loaded sit-ups", knowledge().exercise_words)

    assert found.said == "heavy loaded sit-ups"


@pytest.mark.parametrize("exercise", knowledge().exercises)
def test_our_own_name_of_an_exercise_is_read_as_that_exercise(exercise: str) -> None:
    """What a changed draft says must not be read as something else."""
    universal = {one.id for one in knowledge().exercises.values() if one.universal}

    for name in (exercise_name(knowledge(), exercise), short_exercise_name(knowledge(), exercise)):
        for found in read_mentions(name, knowledge().exercise_words):
            assert found.entry.means == (exercise,) or universal.issuperset(found.entry.means), name


# ---- the week -----------------------------------------------------------------------------------------------------------------


def test_an_exercise_before_its_week_clashes_with_its_first_week_day_and_stand_in() -> None:
    ((clash,),) = [one.clashes for one in judged(fusion(3), an_order("Elliptical trainer"))]

    assert (clash.reason, clash.rule, clash.from_week) == (Reason.TOO_EARLY, "MATRIX", 16)
    assert clash.earliest == TODAY + timedelta(weeks=13)
    assert clash.instead == "walking_progressive"
    assert "from week 16" in clash.because


def test_what_is_never_done_after_the_operation_clashes_in_every_week() -> None:
    assert clashes(fusion(60), an_order("sit-ups")) == [("sit_up_crunch", "never", "MATRIX")]


def test_what_fits_gets_nothing() -> None:
    assert clashes(fusion(7), an_order("Physiotherapy: walking and hip strength", code=EXERCISE_THERAPY)) == []
    assert clashes(fusion(20), an_order("elliptical trainer")) == []


def test_of_a_word_with_two_meanings_the_stricter_counts_and_the_other_is_offered() -> None:
    ((clash,),) = [one.clashes for one in judged(a_patient().after("LUM_DISC", weeks=5), an_order("stationary bike"))]

    assert (clash.exercise, clash.from_week, clash.instead) == ("upright_bike", 6, "recumbent_bike")


def test_surgeons_clearance_is_named_and_never_given() -> None:
    assert clashes(a_patient().after("SCS", weeks=40), an_order("contact sport")) == [
        ("contact_sport", "clearance", "MATRIX")
    ]


@pytest.mark.parametrize(
    ("order", "clash"),
    [
        (an_order("cat-camel"), True),
        (an_order("cat-camel", kind="CarePlan"), True),
        (an_order("Physiotherapy: cat-camel"), False),
        (an_order("Physiotherapy: cat-camel, home exercises"), True),
        (an_order("Physiotherapy: cat-camel", performer={"reference": "Patient/p"}), True),
        (
            an_order("Physiotherapy: cat-camel", performer=[{"reference": "Practitioner/x"}, {"display": "nobody"}]),
            False,
        ),
        (an_order("cat-camel under supervision"), False),
        (an_order("cat-camel", kind="DeviceRequest", codeCodeableConcept={"text": "cat-camel"}), True),
    ],
)
def test_supervised_only_clashes_unless_somebody_is_there(order: dict, clash: bool) -> None:
    assert clashes(fusion(13), order) == ([("cat_camel", "supervised", "MATRIX")] if clash else [])


def test_a_draft_that_begins_later_is_judged_for_its_first_day() -> None:
    later = {"start": (TODAY + timedelta(weeks=14)).isoformat()}

    assert clashes(fusion(3), an_order("elliptical trainer", occurrencePeriod=later)) == []
    assert clashes(fusion(3), an_order("elliptical trainer", occurrencePeriod={"start": "2026-06-20"})) != []


def test_a_text_that_waits_for_the_week_itself_fits() -> None:
    assert clashes(fusion(3), an_order("walking, jogging from week 26")) == []
    assert clashes(fusion(3), an_order("jogging from week 12")) == [("jogging", "too early", "MATRIX")]
    assert clashes(fusion(3), an_order("from week 52 contact sport")) == [("contact_sport", "too early", "MATRIX")]
    assert clashes(fusion(3), an_order("sit-ups from week 12")) == [("sit_up_crunch", "never", "MATRIX")]


def test_pool_waits_for_the_wound() -> None:
    assert clashes(fusion(9), an_order("hydrotherapy")) == [("water_walking", "withheld", "RF43")]


def test_a_pool_order_for_a_later_week_does_not_ask_for_the_wound_of_today() -> None:
    later = {"start": (TODAY + timedelta(weeks=5)).isoformat()}

    assert clashes(fusion(9), an_order("hydrotherapy", occurrencePeriod=later)) == []


def test_an_old_operation_forbids_only_what_it_forbids_for_good() -> None:
    assert clashes(fusion(150), an_order("exercise therapy: jogging, elliptical")) == []
    assert clashes(fusion(150), an_order("sit-ups")) == [("sit_up_crunch", "never", "MATRIX")]


# ---- alerts -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "order", [an_order("sit-ups"), an_order("Physiotherapy"), an_order(code=EXERCISE_THERAPY), an_order("walking")]
)
def test_under_stop_all_every_order_for_training_clashes_once_and_nothing_is_offered(order: dict) -> None:
    ((clash,),) = [one.clashes for one in judged(feverish(), order)]

    assert (clash.reason, clash.rule, clash.instead) == (Reason.STOPPED, "RF10", None)
    assert clash.evidence and clash.sources


def test_an_alert_of_today_counts_for_a_draft_that_begins_later() -> None:
    later = {"start": (TODAY + timedelta(weeks=30)).isoformat()}

    assert clashes(feverish(), an_order("walking", occurrencePeriod=later)) == [(None, "stopped", "RF10")]
    baseline = fusion(27).measured("temperature", 38.4)
    assert clashes(baseline, an_order("elliptical", occurrencePeriod=later)) == [("elliptical", "withheld", "RF10")]


def test_under_baseline_only_exercise_as_such_clashes_and_an_assessment_fits() -> None:
    patient = fusion(7).measured("temperature", 38.4)

    assert clashes(patient, an_order(code=EXERCISE_THERAPY)) == [(None, "withheld", "RF10")]
    assert clashes(patient, an_order("Physiotherapy")) == [(None, "withheld", "RF10")]
    assert clashes(patient, an_order("Physiotherapy assessment")) == []
    assert clashes(patient, an_order("Exercise: deep breathing and ankle pumps")) == []


def test_what_a_rule_takes_away_names_the_rule() -> None:
    patient = fusion(30).has("icd10cm", "M81.0")

    assert clashes(patient, an_order("jogging")) == [("jogging", "withheld", "RF29")]


def test_a_list_to_agree_with_the_surgeon_is_not_ordered_before_that_but_a_referral_is() -> None:
    patient = a_patient().after("THX_FUS", weeks=8)

    assert clashes(patient, an_order("Home exercise programme")) == [(None, "agree first", "AGREE_FIRST")]
    assert clashes(patient, an_order("Physiotherapy")) == []


# ---- restrictions ---------------------------------------------------------------------------------------------------------------


def test_a_restriction_in_force_is_named_with_the_week_in_which_it_ends() -> None:
    ((clash,),) = [one.clashes for one in judged(fusion(3), an_order("driving assessment"))]

    assert (clash.rule, clash.from_week, clash.earliest) == ("RESTRICTION", 6, TODAY + timedelta(weeks=3))
    assert clash.because == "driving: no driving"


def test_a_restriction_that_never_ends_names_no_week() -> None:
    order = an_order(kind="DeviceRequest", codeCodeableConcept={"text": "soft collar"})
    ((clash,),) = [one.clashes for one in judged(a_patient().after("CRV_CDA", weeks=3), order)]

    assert (clash.from_week, clash.earliest) == (None, None)
    assert clashes(a_patient().after("CRV_ACDF", weeks=3), order) == []


@pytest.mark.parametrize("text", ["no driving", "driving not allowed"])
def test_an_order_that_forbids_an_activity_agrees(text: str) -> None:
    assert clashes(fusion(3), an_order(f"Return home: {text}")) == []


# ---- what is passed over ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "order",
    [
        an_order("sit-ups", doNotPerform=True),
        an_order("sit-ups", status="entered-in-error"),
        an_order("sit-ups", status="revoked"),
        an_order("MRI of the lumbar spine", note=[{"text": "fell while running"}]),
        an_order("Blood count"),
        an_order(),
        an_order(code={"coding": [{}]}, reasonCode=[]),
        {"resourceType": "MedicationRequest", "id": "m", "medicationCodeableConcept": {"text": "golf"}},
        {"resourceType": "Goal", "id": "g", "description": {"text": "running"}},
    ],
)
def test_what_orders_nothing_of_ours_gets_nothing(order: dict) -> None:
    assert clashes(fusion(3), order) == []


@pytest.mark.parametrize("status", ["active", "on-hold", None, "unknown"])
def test_an_order_signed_again_is_judged_whatever_its_status(status: str | None) -> None:
    assert clashes(fusion(3), an_order("sit-ups", status=status)) != []


def test_notes_count_where_the_order_is_about_exercise() -> None:
    order = an_order(code=EXERCISE_THERAPY, patientInstruction="Jogging twice a week", note=[{"text": "and golf"}])

    assert {one for one, _, _ in clashes(fusion(3), order)} == {"jogging", "golf_rotation_sport"}


def test_codes_are_understood_without_words() -> None:
    jog = an_order(code={"coding": [{"system": "http://snomed.info/sct", "code": "229166008"}]})
    pool = an_order(code={"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": "97113"}]})

    assert clashes(fusion(3), jog) == [("jogging", "too early", "MATRIX")]
    assert clashes(fusion(3), pool) == [("water_walking", "too early", "MATRIX")]


def test_no_spine_operation_means_no_word() -> None:
    assert judged(a_patient(), an_order("sit-ups")) == ()


def test_only_what_was_picked_is_looked_at() -> None:
    drafts = read_drafts({"entry": [{"resource": an_order("sit-ups")}, {"resource": an_order("golf", id="d2")}]}).orders

    assert [one.reference for one in selected(drafts, ("ServiceRequest/d2", "ServiceRequest/gone"))] == [
        "ServiceRequest/d2"
    ]
    assert selected(drafts, ()) == ()


# ---- the promise ------------------------------------------------------------------------------------------------------------------

WORDS = sorted(
    {one.name.split(" (")[0] for one in knowledge().exercises.values()} | {"gym", "bike", "pool", "golf", "running"}
)


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(sorted(knowledge().protocols)),
    weeks=st.integers(0, 60),
    said=st.lists(st.sampled_from(WORDS), min_size=1, max_size=4),
    state=st.sampled_from(["well", "fever", "warm", "osteoporosis"]),
    later=st.integers(0, 30),
)
def test_nothing_is_offered_that_the_advice_of_today_and_of_that_day_does_not_list(
    kind: str, weeks: int, said: list[str], state: str, later: int
) -> None:
    patient = a_patient().after(kind, weeks=weeks)
    if state in ("fever", "warm"):
        patient = patient.measured("temperature", 39.4 if state == "fever" else 38.4)
    elif state == "osteoporosis":
        patient = patient.has("icd10cm", "M81.0")
    start = TODAY + timedelta(weeks=later)
    lists = [{one.exercise for one in each.advice().exercises} for each in (patient, patient.moved_to(start))]

    for each in judged(patient, an_order(", ".join(said), occurrencePeriod={"start": start.isoformat()})):
        for clash in each.clashes:
            assert clash.instead is None or (clash.instead in lists[0] and clash.instead in lists[1])
            assert clash.exercise is None or clash.exercise not in lists[0] & lists[1]


# ---- edges --------------------------------------------------------------------------------------------------------------------


def test_a_protocol_that_nobody_signed_judges_no_order_where_drafts_are_turned_off() -> None:
    signed = signed_only(knowledge())
    drafts = read_drafts({"entry": [{"resource": an_order("golf")}]}).orders
    advice = fusion(3).advice(signed)

    (one,) = judge_drafts(drafts, advice, lambda day: advice, signed)

    assert one.is_training and one.clashes == ()


def test_where_an_operation_may_hide_the_order_is_told_but_does_not_clash() -> None:
    advice = replace(a_patient().advice(), may_hide_an_operation=True)
    drafts = read_drafts({"entry": [{"resource": an_order("golf")}]}).orders

    (one,) = judge_drafts(drafts, advice, lambda day: advice, knowledge())

    assert one.is_training and one.clashes == ()


def test_without_order_content_codes_of_orders_say_nothing() -> None:
    (order,) = read_drafts({"entry": [{"resource": an_order(code=EXERCISE_THERAPY)}]}).orders

    assert read_wanted(order, knowledge().exercise_words, None).kinds == {"exercise"}
    (order,) = read_drafts({"entry": [{"resource": an_order(code={"coding": EXERCISE_THERAPY["coding"][:1]})}]}).orders
    bare = replace(
        order,
        code=tuple(replace(one, codings=tuple(replace(c, display=None) for c in one.codings)) for one in order.code),
    )
    assert read_wanted(bare, knowledge().exercise_words, None).kinds == frozenset()
