"""Each fixture shows on its cards what its line in fhir_fixtures/README.md promises: read, reasoned and told for real."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest

from cds_service.cards import CallFacts, build_cards
from cds_service.clinical.advise import advise
from cds_service.explain import explain, explain_text
from cds_service.intake.read import read_bundle
from cds_service.orders.validation import fhir_faults
from tests.advice_maker import BASE, knowledge
from tests.profiles.checker import profile_faults

FIXTURES = Path(__file__).parents[3] / "fhir_fixtures"
INDEX = {one["id"]: one for one in json.loads((FIXTURES / "index.json").read_text())["patients"]}

PROGRAMME, BOTH, REFER = (
    "Order this programme",
    "Order this programme and refer to physiotherapy",
    "Refer to physiotherapy",
)
CONSULT, FOLLOW_UP = "Ask the surgeon to agree the programme", "Request the follow-up at the phase gate"

# story -> for each card: indicator, what its text must hold, what it must not hold, the suggestions.
EXPECTED: dict[str, list[tuple[str, list[str], list[str], list[str]]]] = {
    "lumbar_fusion_week_6": [(
        "info", ["Lumbar fusion L4-L5, week 6: phase 2 programme ready", "Progressive walking", "never after lumbar fusion",
                 "lift up to 4.5 kg", "**Next step, week 12:**", "median / ulnar nerve slider"],
        ["Could not check", "Orders:"], [PROGRAMME, BOTH, REFER],
    )],
    "lumbar_fusion_week_3": [(
        "info", ["week 3: phase 1", "no progression for now (pain score)", "2026-04-22 09:00",
                 "temperature, oxygen saturation, heart rate, blood pressure, breathing rate (none in the last 24 hours)"],
        ["Next step", "T09:00"], [PROGRAMME],
    )],
    "lumbar_discectomy_week_3": [(
        "info", ["Lumbar discectomy or microdiscectomy L5-S1, week 3: phase 2", "sciatic nerve slider", "(from week 4)"],
        ["Could not check"], [PROGRAMME, BOTH, REFER],
    )],
    "lumbar_laminectomy_week_8": [(
        "info", ["Lumbar laminectomy or decompression L3-L4, week 8: phase 3"], ["Could not check"], [PROGRAMME, BOTH, REFER],
    )],
    "acdf_week_9": [(
        "info", ["Anterior cervical discectomy and fusion C5-C6, week 9: phase 2", "neck rolls (never after",
                 "no bridging"], ["RF45", "| Neck rolls"], [PROGRAMME, BOTH, REFER],
    )],
    "cauda_equina": [(
        "critical", ["Stop exercises: suspected cauda equina syndrome", "2026-05-09 06:40", "MRI the same day", "RF01",
                     "Retention of urine"], ["| Exercise |", "walking"], ["Request urgent evaluation"],
    )],
    "fever_wound_infection": [(
        "critical", ["Stop exercises: wound problem", "38.61 °C", "2026-04-12 07:20", "RF08", "RF10"], ["| Exercise |"],
        ["Hold the exercise order and request urgent evaluation", "Request urgent evaluation", "Hold the exercise order"],
    )],
    "crp_course": [
        ("warning", ["Baseline exercises only", "88 mg/L", "61 mg/L", "2026-04-11 07:30", "RF11"], ["148"],
         ["Request review by the surgeon"]),
        ("info", ["baseline set only while the alert stands", "once the alert is resolved"], ["Next step"], []),
    ],
    "osteoporosis_fusion": [
        ("warning", ["osteoporosis", "-2.9", "RF29"], [], []),
        ("info", ["held back (osteoporosis)", "(osteoporosis: from week 10, RF29)", "single-leg stance"],
         ["| Single-leg stance"], [PROGRAMME, BOTH, REFER]),
    ],
    "two_operations": [(
        "info", ["cervical discectomy and fusion week 28 + Lumbar discectomy", "only what both allow", "the stricter holds",
                 "**Next step, week 6 (Lumbar discectomy"], [], [PROGRAMME, BOTH, REFER, FOLLOW_UP],
    )],
    "knee_replacement": [],
    "planned_fusion": [],
    "entered_in_error": [],
    "no_data": [],
    "partial_date": [(
        "info", ["week 7: phase 3", "on 2026-03-31 (recorded as 2026-03: the latest day it allows)"], [],
        [PROGRAMME, BOTH, REFER],
    )],
    "no_date": [("warning", ["without a date", "Record the date of the operation", "DQ06"], ["| Exercise |"], [])],
    "old_operation": [("info", ["long past, general advice only", "never after lumbar fusion"], ["| Exercise |"], [])],
    "text_only": [
        ("warning", ["known from text only", "suggest lumbar discectomy", "L4/5 microdiscectomy, left"], ["LUM_DISC"], []),
        ("info", ["to agree with the surgeon first", "**Operation to confirm:**"], ["| Bridge |"], [REFER, CONSULT]),
    ],
    "unknown_level": [
        ("warning", ["unknown type", "Laminectomy"], [], []),
        ("info", ["to agree with the surgeon first", "could also be"], ["| Bridge |"], [REFER, CONSULT]),
    ],
    "hardware_removal": [(
        "info", ["Removal of spinal hardware", "To agree with the surgeon first", "sit-up / curl-up", "never after lumbar fusion"],
        [], [REFER, CONSULT],
    )],
    "paediatric_scoliosis": [
        ("warning", ["age", "14", "RF42"], [], []),
        ("info", ["scoliosis fusion T4-L1", "To agree with the surgeon first"], ["| Jogging"], [REFER, CONSULT]),
    ],
    "tumour": [
        ("warning", ["Baseline exercises only", "active cancer in the spine", "RF34"], [], ["Request review by the surgeon"]),
        ("info", ["spinal tumour", "to agree with the surgeon first", "everything else"], ["| Bridge |"], [REFER, CONSULT]),
    ],
    "spinal_cord_stimulator": [(
        "info", ["Spinal cord stimulator implant, week 5", "arms not above the shoulders", "no progression"], [], [PROGRAMME],
    )],
    "units_in_doubt": [(
        "info", ["temperature without a unit", "CRP of 2026-04-12 07:00 is older than 7 days"], ["38.9", "141"],
        [PROGRAMME, BOTH, REFER, FOLLOW_UP],
    )],
    "already_ordered": [(
        "info", ["Exercise programme: already ordered on 2026-05-14", "Physiotherapy: already ordered on 2026-05-14"], [], [],
    )],
}  # fmt: skip


def told(entry: dict):
    record = read_bundle((FIXTURES / entry["file"]).read_bytes())
    on = date.fromisoformat(entry["on"])
    advice = advise(record, knowledge(), on)
    call = CallFacts(
        "patient-view", entry["patient"], datetime.combine(on, time(12), UTC), BASE, b"secret",
        user="Practitioner/surgeon-1", orders=record.orders,
    )  # fmt: skip
    return advice, build_cards(advice, knowledge(), call)


def test_every_story_has_its_expectation() -> None:
    assert set(EXPECTED) == set(INDEX)


@pytest.mark.parametrize("story", EXPECTED)
def test_the_cards_show_what_the_story_promises(story: str) -> None:
    _, cards = told(INDEX[story])

    assert [card.indicator for card in cards] == [one[0] for one in EXPECTED[story]]
    for card, (_, holds, lacks, labels) in zip(cards, EXPECTED[story], strict=True):
        text = f"{card.summary}\n{card.detail}"
        for words in holds:
            assert words in text
        for words in lacks:
            assert words not in text
        assert [one.label for one in card.suggestions] == labels
        assert card.detail.count("\n| ") <= 9


@pytest.mark.parametrize("story", EXPECTED)
def test_what_the_cards_offer_is_valid(story: str) -> None:
    _, cards = told(INDEX[story])

    for card in cards:
        for suggestion in card.suggestions:
            for action in suggestion.actions:
                faults = fhir_faults(action.resource)
                if action.type_ == "create":
                    faults += profile_faults(dict(action.resource))
                assert faults == []


@pytest.mark.parametrize("story", EXPECTED)
def test_the_trace_of_every_story_can_be_followed(story: str) -> None:
    advice, cards = told(INDEX[story])

    text = explain_text(advice, knowledge(), cards)
    found = explain(advice, knowledge(), cards)

    assert text.startswith("DAY ASKED ABOUT\n")
    assert json.loads(json.dumps(found)) == found
    if advice.plans:
        listed = found["exercises"] + found["supervised"] + [one["exercise"] for one in found["withheld"]]
        assert sorted(listed) == sorted(knowledge().exercises)
        for heading in ("OPERATION", "WEEK AND PHASE", "WITHHELD", "CARDS"):
            assert f"\n{heading}" in text


def test_no_name_of_a_patient_is_on_a_card() -> None:
    for entry in INDEX.values():
        bundle = json.loads((FIXTURES / entry["file"]).read_text())
        (name,) = bundle["entry"][0]["resource"]["name"]
        _, cards = told(entry)
        for card in cards:
            body = json.dumps(card.as_json())
            assert name["family"] not in body
            assert name["given"][0] not in body
