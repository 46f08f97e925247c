"""What a chart says: freshness, before and after the operation, findings of every kind, medicines."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from cds_service.patient.facts import Chart, duration
from cds_service.patient.known import Codelist, CodelistEntry, CodelistIndex, match_key
from cds_service.patient.record import Coding, Component, Concept, Observations, Precision, Quantity, When
from tests.builders import TODAY, a_concept, a_day, a_moment, a_patient, knowledge, noon
from tests.changed import replace

MEASURES = knowledge().measures
DISC = a_patient().after("LUM_DISC", days=20)


def _fresh(patient, measure: str):
    return patient.asked().fresh(MEASURES[measure], MEASURES[measure].fresh_hours)


# ---- freshness


@pytest.mark.parametrize(("days_ago", "fresh"), [(0, True), (1, True), (2, False)])
def test_without_clock_times_a_day_is_24_hours(days_ago: int, fresh: bool) -> None:
    assert bool(_fresh(DISC.measured("temperature", 37.0, days_ago=days_ago), "temperature").newest) is fresh


@pytest.mark.parametrize(("hours", "fresh"), [(23.9, True), (24, True), (24.1, False)])
def test_with_both_moments_hours_count(hours: float, fresh: bool) -> None:
    taken = noon() - timedelta(hours=hours)
    patient = DISC.measured("temperature", 37.0, when=a_moment(taken)).but(at=noon())

    assert bool(_fresh(patient, "temperature").newest) is fresh


@pytest.mark.parametrize("which", ["ask", "value"])
def test_a_clock_time_without_zone_falls_back_to_days(which: str) -> None:
    naive = datetime(TODAY.year, TODAY.month, TODAY.day, 12)
    at, taken = (naive, noon()) if which == "ask" else (noon(), naive)
    patient = DISC.measured("temperature", 37.0, when=a_moment(taken)).but(at=at)

    assert _fresh(patient, "temperature").newest


def test_a_value_later_today_is_in_the_future_when_the_moment_is_known() -> None:
    patient = DISC.measured("temperature", 39.5, when=a_moment(noon() + timedelta(minutes=1))).but(at=noon())

    assert not _fresh(patient, "temperature").newest
    assert [event.rule for event in _fresh(patient, "temperature").events] == ["DQ10"]


def test_a_partial_date_counts_as_its_earliest_day() -> None:
    month = When(date(2026, 5, 1), date(2026, 5, 31), Precision.MONTH, "2026-05")

    assert not _fresh(DISC.measured("pain", 5, when=month), "pain").newest


def test_a_value_of_the_day_of_the_operation_counts_as_after_it() -> None:
    assert _fresh(DISC.measured("crp", 5, days_ago=20), "crp").why_none == "no CRP in the last 7 days"
    assert _fresh(DISC.measured("crp", 5, days_ago=21), "crp").why_none == "no CRP since the operation"
    assert _fresh(DISC, "crp").why_none == "no CRP recorded"


def test_who_asks_for_a_day_gets_no_more_where_others_have_asked_for_a_month() -> None:
    patient = DISC
    for days_ago in range(10):
        patient = patient.measured("pain", 5, days_ago=days_ago)
    pain, chart = MEASURES["pain"], patient.asked().chart

    asked_alone = patient.asked().chart.series(pain, 24)

    assert len(chart.series(pain, 5 * 24).values) > len(asked_alone.values)
    assert [value.when for value in chart.series(pain, 24).values] == [value.when for value in asked_alone.values]
    assert len(chart.series(pain).values) == 10


def test_bone_density_may_be_older_than_the_operation() -> None:
    assert _fresh(DISC.measured("t_score", -3, days_ago=400), "t_score").newest


def test_observations_that_could_not_be_had_give_no_answer() -> None:
    asked = DISC.without("observations").asked()

    assert asked.fresh(MEASURES["crp"], 24) is None
    assert list(asked.after_operation(MEASURES["crp"])) == []
    assert list(asked.before_operation(MEASURES["crp"])) == []


def test_a_faulty_value_matters_only_while_a_good_one_would() -> None:
    old = _fresh(DISC.measured("temperature", 38, None, days_ago=5), "temperature")
    new = _fresh(DISC.measured("temperature", 38, None), "temperature")
    undated = _fresh(DISC.measured("temperature", 38, None, when=None), "temperature")
    odd = When(None, None, None, "last spring")

    assert [event.rule for event in old.events] == []
    assert [event.rule for event in new.events] == ["DQ09"]
    assert [event.rule for event in undated.events] == ["DQ09"]
    assert [event.rule for event in _fresh(DISC.measured("temperature", 38, None, when=odd), "temperature").events] == [
        "DQ09"
    ]
    assert DISC.measured("odi", 130).asked().fresh(MEASURES["odi"], None).events[0].rule == "DQ09"


@pytest.mark.parametrize("status", ["entered-in-error", "cancelled"])
def test_mistaken_observations_do_not_exist(status: str) -> None:
    assert not _fresh(DISC.measured("temperature", 39.5, status=status), "temperature").newest


def test_blood_pressure_is_read_from_components_and_alone() -> None:
    panel = DISC.observed(
        a_concept("loinc", "85354-9"),
        components=(
            Component(a_concept("loinc", "8480-6"), Quantity(131, "mmHg")),
            Component(a_concept("loinc", "8462-4"), Quantity(81, "mmHg")),
        ),
    )

    assert _fresh(panel, "systolic").newest[0].amount.low == 131
    assert _fresh(panel, "diastolic").newest[0].amount.low == 81


def test_a_measure_without_code_is_known_by_its_words() -> None:
    patient = DISC.observed(Concept((), "Timed Up and Go"), Quantity(13, "s")).measured("tug", 9, days_ago=3)
    other = DISC.observed(Concept((Coding("http://local", "x", "Timed up and go"),)), Quantity(13, "s"))
    coded_else = DISC.observed(a_concept("loinc", "1-8", "timed up and go"), Quantity(13, "s"))

    assert [value.amount.low for value in patient.asked().chart.series(MEASURES["tug"]).values] == [13, 9]
    assert _fresh(other, "tug").newest
    assert not _fresh(coded_else, "tug").newest


def test_leg_pain_needs_the_leg_to_be_named() -> None:
    noted = DISC.measured("pain", 5, notes=("pain in the left leg",))

    assert _fresh(noted, "leg_pain").newest
    assert not _fresh(DISC.measured("pain", 5), "leg_pain").newest


def test_a_comparator_is_shown_as_sent() -> None:
    assert _fresh(DISC.measured("crp", 5, comparator="<"), "crp").newest[0].evidence.value == "<5 mg/L"
    assert _fresh(DISC.measured("inr", 2, None), "inr").newest[0].evidence.value == "2"
    assert _fresh(DISC.measured("crp", "<5 mg/L"), "crp").newest[0].evidence.value == "<5 mg/L"


@pytest.mark.parametrize(
    ("hours", "said"), [(None, "any time"), (24.0, "24 hours"), (168.0, "7 days"), (17520.0, "2 years")]
)
def test_lengths_of_time_in_words(hours: float | None, said: str) -> None:
    assert duration(hours) == said


# ---- conditions and findings


def _mentions(patient, codelist: str):
    return patient.asked().chart.mentions(codelist)


def test_a_condition_counts_from_its_onset_else_from_its_record() -> None:
    recorded = DISC.has("icd10cm", "M81.0", days_ago=None, recorded=a_day(date(2026, 5, 1)))

    assert _mentions(recorded, "osteoporosis")[0].evidence.date == "2026-05-01"


def test_what_is_recorded_later_than_the_day_asked_about_is_not_known_yet() -> None:
    assert not _mentions(DISC.has("icd10cm", "M81.0", days_ago=-1), "osteoporosis")
    later = DISC.has("icd10cm", "M81.0", days_ago=None, recorded=a_day(date(2026, 5, 21)))
    assert not _mentions(later, "osteoporosis")
    known_since = DISC.has("icd10cm", "M81.0", days_ago=10, recorded=a_day(date(2026, 5, 21)))
    assert _mentions(known_since, "osteoporosis")


@pytest.mark.parametrize(
    ("facts", "active"),
    [
        ({}, True), ({"clinical_status": None}, True), ({"clinical_status": "recurrence"}, True),
        ({"clinical_status": "resolved"}, False), ({"clinical_status": "inactive"}, False),
        ({"abatement": a_day(date(2026, 5, 20))}, False), ({"abatement": a_day(date(2026, 5, 21))}, True),
    ],
)  # fmt: skip
def test_status_and_abatement_decide_what_is_active(facts: dict, active: bool) -> None:
    assert _mentions(DISC.has("icd10cm", "M81.0", **facts), "osteoporosis")[0].is_active is active


@pytest.mark.parametrize("status", ["refuted", "entered-in-error"])
def test_refuted_conditions_do_not_exist(status: str) -> None:
    assert not _mentions(DISC.has("icd10cm", "M81.0", verification_status=status), "osteoporosis")


@pytest.mark.parametrize(
    ("system", "code", "found"),
    [
        ("icd10cm", "M81.0", True), ("icd10", "M81", True), ("icd10cm", "m810", True), (None, "M81.0", True),
        (None, "64859006", True), ("snomed", "64859006", True), ("http://local.example", "M81.0", False),
        ("icd10cm", "M79.9", False), (None, "whatever", False),
    ],
)  # fmt: skip
def test_codes_are_found_by_themselves_and_by_family(system: str | None, code: str, found: bool) -> None:
    assert bool(_mentions(DISC.has(system, code), "osteoporosis")) is found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Foot drop on the left", True), ("no foot drop", False), ("denies any foot drop", False),
        ("History of foot drop", False), ("No pain. Foot drop since yesterday", True), ("footdropper", False),
    ],
)  # fmt: skip
def test_text_only_conditions_are_read_by_words(text: str, found: bool) -> None:
    mentions = _mentions(DISC.has(None, None, text), "motor_loss")

    assert bool(mentions) is found
    assert all(mention.is_text_only for mention in mentions)


def test_a_coded_condition_is_not_read_by_its_words() -> None:
    assert not _mentions(DISC.has("icd10cm", "Z99.9", "foot drop"), "motor_loss")


@pytest.mark.parametrize(
    ("value", "present"),
    [
        (True, True), (False, False), ("yes", True), ("absent", False), ("perhaps", None), (Quantity(1), None), (None, None),
        (a_concept("snomed", "52101004"), True), (a_concept("snomed", "2667000"), False), (Concept((), "Present"), True),
        (Concept((), "No"), False), (Concept((), "see note"), None),
    ],
)  # fmt: skip
def test_a_finding_sent_as_an_observation_says_present_or_absent(value: object, present: bool | None) -> None:
    mentions = _mentions(DISC.observed(a_concept("snomed", "404640003", "Dizziness"), value), "dizziness")

    assert bool(mentions) is bool(present)


def test_the_newest_answer_settles_a_finding() -> None:
    dizzy = a_concept("snomed", "404640003")

    assert not _mentions(DISC.observed(dizzy, True, days_ago=2).observed(dizzy, False), "dizziness")
    assert len(_mentions(DISC.observed(dizzy, True, days_ago=2).observed(dizzy, True), "dizziness")) == 1


def test_a_symptom_observation_names_its_finding_in_the_value() -> None:
    symptom = a_concept("loinc", "75325-1", "Symptom")
    coded = DISC.observed(symptom, Concept((Coding("http://snomed.info/sct", "271594007"), Coding(None, None, "x"))))
    worded = DISC.observed(symptom, "fainted in the gym")

    assert _mentions(coded, "syncope")[0].evidence.what == "Syncope"
    assert _mentions(worded, "syncope")[0].is_text_only


def test_an_observation_known_by_words_only() -> None:
    present = DISC.observed(Concept((), "calf tenderness"), True, body_site=Concept((), "left leg"))
    absent = DISC.observed(Concept((), "calf tenderness"), False)

    assert _mentions(present, "calf_pain")[0].words[0] == "left leg"
    assert not _mentions(absent, "calf_pain")


def test_findings_of_mistaken_or_later_observations_do_not_count() -> None:
    dizzy = a_concept("snomed", "404640003")

    assert not _mentions(DISC.observed(dizzy, True, days_ago=-1), "dizziness")
    assert not _mentions(DISC.observed(dizzy, True, status="entered-in-error"), "dizziness")


def test_codings_without_a_code_are_passed_over() -> None:
    concept = Concept((Coding("http://snomed.info/sct", None, "x"), Coding("http://snomed.info/sct", "404640003")))

    assert _mentions(DISC.observed(concept, True), "dizziness")


# ---- medicines


def _drugs(patient, codelist: str = "opioids"):
    return patient.asked().chart.drugs(codelist)


@pytest.mark.parametrize(
    ("facts", "taken"),
    [
        ({}, True), ({"status": "stopped"}, False), ({"status": "draft"}, False), ({"intent": "proposal"}, False),
        ({"when": a_day(date(2026, 5, 21))}, False), ({"ends": a_day(date(2026, 5, 19))}, False),
        ({"ends": a_day(date(2026, 5, 20))}, True), ({"ends": When(None, None, None, "soon")}, True),
    ],
)  # fmt: skip
def test_only_what_is_taken_now_counts(facts: dict, taken: bool) -> None:
    assert bool(_drugs(DISC.takes("atc", "N02AA05", **facts))) is taken


def test_medicines_are_known_by_code_and_by_name() -> None:
    rxnorm = DISC.takes("http://www.nlm.nih.gov/research/umls/rxnorm", "1049618", "Oxycodone 5 MG Oral Tablet")
    nameless = DISC.takes("atc", "N02AA05").but()

    assert _drugs(rxnorm)[0].what == "Oxycodone 5 MG Oral Tablet"
    assert _drugs(nameless)[0].what == "Opioids"
    assert not _drugs(DISC.takes("atc", "A02BC01", "omeprazole"))
    assert not _drugs(DISC.without("medications"))
    medication = replace(DISC.takes("atc", "x").medications[0], code=Concept((Coding("s", None, "oxycodone"),)))
    assert _drugs(DISC.but(medications=(medication,)))


# ---- the index


def test_a_code_may_stand_in_several_lists() -> None:
    entry = CodelistEntry("snomed", "1", "one", "V", "C02")
    index = CodelistIndex(
        (Codelist("a", (entry,)), Codelist("b", (entry,)), Codelist("c", (replace(entry, is_prefix=True),)))
    )

    assert index.lists_of(Coding("http://snomed.info/sct", "1")) == ("a", "b", "c")
    assert match_key(Coding(None, "abc")) == ("", "ABC")


def test_who_asks_about_today_pays_for_no_history() -> None:
    patient = DISC
    for days_ago in range(15):
        patient = patient.measured("pain", 3, days_ago=days_ago)

    assert len(patient.asked().chart.series(MEASURES["pain"], 24).values) == 4
    assert len(patient.asked().chart.series(MEASURES["pain"]).values) == 15


def test_a_chart_reads_each_measure_once() -> None:
    class Counting(Observations):
        asked = 0

        def coded(self, codes):
            self.asked += 1
            return super().coded(codes)

    observations = Counting(DISC.measured("crp", 5).observations)
    chart = Chart(replace(DISC.record(), observations=observations), knowledge().known, TODAY)

    chart.series(MEASURES["crp"])
    chart.series(MEASURES["crp"])

    assert observations.asked == 1
