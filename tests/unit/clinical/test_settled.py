"""Asking only the rules that a chart can change gives the answer of asking all of them."""

from __future__ import annotations

from datetime import date
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cds_service.clinical import safety, settled, trees, walk
from cds_service.clinical.advice import Advice
from cds_service.clinical.advise import advise, advise_after
from cds_service.clinical.operation import Surgical
from cds_service.clinical.safety import Silent
from cds_service.clinical.settled import Settled
from cds_service.intake.read import read_bundle
from cds_service.patient.record import Observations, PatientRecord, When
from tests.builders import TODAY, PatientBuilder, a_concept, a_day, a_patient, knowledge
from tests.cases.chart import bundle_of
from tests.cases.stories import Story, all_stories
from tests.changed import replace
from tests.properties.red_flags import RED_FLAGS
from tests.properties.test_one_operation import TYPES


def _asking_all(ask) -> Advice:
    with patch.object(safety, "settle", return_value=None):
        return ask()


@pytest.mark.parametrize("story", all_stories(), ids=lambda story: story.name)
def test_every_story_has_the_answer_of_asking_all_rules(story: Story):
    missing, incomplete = story.told.get("missing") or (), story.told.get("incomplete") or ()
    gaps = tuple((kind, "the server did not answer") for kind in (*missing, *incomplete))

    def ask() -> Advice:
        record = replace(read_bundle(bundle_of(story.told)), **dict.fromkeys(missing), gaps=gaps)
        return advise(record, knowledge(), story.told["on"], story.told["at"])

    assert ask() == _asking_all(ask)


_OPERATION = st.fixed_dictionaries(
    {"surgery_type": st.sampled_from(TYPES), "days": st.none() | st.integers(0, 430)},
    optional={
        "level_count": st.sampled_from((None, 1, 2, 3, 5)),
        "level_count_is_minimum": st.booleans(),
        "revision": st.sampled_from((None, True)),
        "instrumented": st.sampled_from((None, True, False)),
        "fusion": st.sampled_from((None, True, False)),
        "approach": st.sampled_from((None, "anterior", "lateral")),
        "technique": st.sampled_from((None, "TLIF", "LLIF", "ALIF")),
        "region": st.none(),
        "also_types": st.sampled_from(((), ("LUM_FUS",), ("CRV_ACDF", "THX_FUS"))),
        "text_type": st.sampled_from((None, "LUM_TDR", "CRV_PFUS")),
    },
)
_BIRTH = st.sampled_from(
    (None, date(1931, 2, 3), date(1961, 5, 20), date(1968, 3, 1), date(2009, 1, 1), date(2030, 1, 1))
)
_VALUE = st.tuples(
    st.sampled_from(("temperature", "pain", "crp", "haemoglobin", "inr", "systolic", "spo2", "odi", "tug", "glucose")),
    st.sampled_from((0.5, 3, 7, 12, 38.6, 95, 130, 210)),
    st.integers(-1, 60),
)


@settings(max_examples=300, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(
    _OPERATION,
    _BIRTH,
    st.lists(_VALUE, max_size=4),
    st.lists(st.sampled_from(RED_FLAGS), max_size=2),
    st.sets(st.sampled_from(("observations", "conditions", "medications")), max_size=1),
)
def test_any_chart_has_the_answer_of_asking_all_rules(operation, born, values, flags, missing):
    patient = a_patient().after(**operation).born(born)
    for measure, value, days_ago in values:
        patient = patient.measured(measure, value, days_ago=days_ago)
    for flag in flags:
        patient = flag.add(patient)
    for kind in missing:
        patient = patient.without(kind)

    assert patient.advice() == _asking_all(patient.advice)


DISC = a_patient().after("LUM_DISC", days=21)


def test_an_age_that_may_lie_on_both_sides_of_a_limit_is_asked_about():
    born = When(date(1961, 1, 1), date(1961, 12, 31), None, "1961")
    patient = replace(DISC, patient=replace(DISC.patient, birth_date=born))

    assert patient.advice() == _asking_all(patient.advice)


def test_a_rule_that_puts_another_protocol_in_place_is_followed_by_all_others():
    patient = DISC.has("icd10cm", "C79.51", "Metastasis in the lumbar spine")

    assert patient.advice().operations[0].surgery_type == "TUMOUR"
    assert patient.advice() == _asking_all(patient.advice)


def test_a_measure_told_by_words_alone_is_asked_about():
    said = DISC.observed(a_concept("http://ward.example.org", "NRS", "Pain score"), 9.0)

    assert said.advice() == _asking_all(said.advice)


@pytest.mark.parametrize("kind", ("conditions", "medications"))
def test_part_of_a_list_is_not_the_whole(kind: str):
    whole, part = DISC.advice(), _with_part_of(DISC, kind)

    assert {one.rule for one in part.unknown} > {one.rule for one in whole.unknown}


def _with_part_of(patient: PatientBuilder, kind: str) -> Advice:
    record = replace(patient.record(), gaps=((kind, "more pages exist"),))
    return advise_after(Surgical(patient.operations), record, knowledge(), patient.on)


def test_silent_rules_are_put_into_words_once_and_only_when_read():
    told = []
    silent = Silent(lambda: told.append(1) or DISC.advice().trace[:])

    assert not told
    assert len(silent) == len(list(silent)) and silent[0] == DISC.advice().trace[0]
    assert silent == DISC.advice().trace and hash(silent) == hash(tuple(silent)) and silent != ()
    assert len(told) == 1


@pytest.mark.parametrize(("room", "most"), [(trees, "_MOST_BRANCHES"), (walk, "_MOST_STEPS"), (settled, "_MOST_WALKS")])
def test_a_chart_that_goes_no_known_way_is_asked_about(room, most: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(room, most, 1)
    ours = replace(knowledge())
    for patient in (DISC.measured("temperature", 38.2).measured("heart_rate", 125), DISC.measured("pain", 3)):
        assert patient.advice(ours) == _asking_all(lambda patient=patient: patient.advice(ours))


@pytest.mark.parametrize("value", (35.9, 36, 37.9, 38, 38.2, 38.5, 38.6, 39, 41))
@pytest.mark.parametrize("days", (1, 3, 30))
def test_a_value_on_or_beside_a_limit_goes_its_own_way(value: float, days: int):
    for surgery_type in ("LUM_DISC", "CRV_PFUS"):
        patient = a_patient().after(surgery_type, days=days).measured("temperature", value)

        assert patient.advice() == _asking_all(patient.advice)


@pytest.mark.parametrize("comparator", ("<", ">", ">="))
def test_a_value_that_is_no_plain_number_is_asked_about(comparator: str):
    patient = DISC.measured("temperature", 38.2, comparator=comparator)

    assert patient.advice() == _asking_all(patient.advice)


@pytest.mark.parametrize("days", (3, 4, 5, 6, 8, 9, 13, 14, 41, 42, 60, None))
@pytest.mark.parametrize("value", (4, 12, 35, 50, 120))
def test_a_value_counts_with_the_day_on_which_it_was_taken(days: int | None, value: float):
    operated = a_patient().after("LUM_FUS", days=days, technique="TLIF").measured("crp", value)
    for patient in (operated, operated.measured("crp", 3, days_ago=1), operated.measured("wbc", 14, when=None)):
        assert patient.advice() == _asking_all(patient.advice)


def test_what_has_been_imagined_of_one_chart_does_not_hide_a_finding_of_the_next():
    low = DISC.measured("systolic", 85)

    for patient in (low, low.has("snomed", "404640003", "Dizziness"), low.takes("atc", "B01AA03", "Warfarin"), low):
        assert patient.advice() == _asking_all(patient.advice)


def test_values_set_aside_are_told_as_if_all_had_been_asked():
    patient = (
        DISC.measured("temperature", 38, days_ago=9).measured("heart_rate", 70, unit="furlong").measured("spo2", 95)
    )
    later = patient.measured("respiratory_rate", 14, days_ago=-1).measured("pain", 3, days_ago=30)

    assert {one.rule for one in later.advice().data_quality} == {"DQ09", "DQ10", "DQ11"}
    assert later.advice() == _asking_all(later.advice)


def test_nothing_of_a_chart_is_kept():
    ours = replace(knowledge())
    patient = replace(a_patient(date(2031, 3, 9)), patient=replace(DISC.patient, birth_date=a_day(date(1957, 7, 13))))
    patient = patient.after("LUM_FUS", days=47, technique="TLIF").measured("temperature", 36.83).measured("crp", 7.77)
    alarming = patient.measured("pain", 8).has("icd10cm", "M81.0", "Brittle as glass", days_ago=5000)

    patient.advice(ours), alarming.advice(ours)

    settled = [one for one in ours._worked_out.values() if isinstance(one, Settled)]
    kept = repr((ours._worked_out, [list(one.trees._roots.values()) for one in settled]))
    assert "LUM_FUS" in kept and "Fork" in kept and "golf_rotation_sport" in kept
    for theirs in ("36.83", "7.77", "2031", "2032", "1957", "Brittle", "Observation/", "Condition/"):
        assert theirs not in kept


def test_what_is_asked_for_the_history_of_an_imagined_chart_must_be_asked_about_the_real_one() -> None:
    blank = trees.BlankChart(PatientRecord(observations=Observations()), knowledge().known, TODAY)

    with pytest.raises(trees._LooksCloser):
        blank.history(knowledge().known.measures["pain"])


@pytest.mark.parametrize(("pains", "speaks"), [((3, 3), False), ((3, 1), True), ((3,), False), ((3, 2, 1), True)])
def test_a_comparison_that_a_tree_has_grown_for_one_chart_holds_for_the_next_one_only_if_it_comes_out_alike(
    pains: tuple[int, ...], speaks: bool
) -> None:
    patient = DISC
    for days_ago, pain in enumerate(pains):
        patient = patient.measured("pain", pain, days_ago=days_ago)

    for told in (patient, DISC.measured("pain", 3), patient):
        assert told.advice() == _asking_all(told.advice)
    assert speaks is any(alert.rule == "RF22" for alert in patient.advice().alerts)
