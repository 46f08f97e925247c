"""What happens when a chart holds more, or less: red flags add up, a lost fact never reads as a normal one.

Each example is a patient made of an operation (or two) and any red flags together. SPINE_CDS_PROPERTIES=long tries more.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cds_service.clinical.advice import Advice
from cds_service.knowledge.model import Effect
from tests.builders import PatientBuilder, a_patient, knowledge
from tests.changed import replace
from tests.properties.red_flags import RED_FLAGS, UNIVERSAL, RedFlag, plain, shown
from tests.properties.test_one_operation import TYPES

_EXAMPLES = 3000 if os.environ.get("SPINE_CDS_PROPERTIES") == "long" else 250
_usual = settings(
    max_examples=_EXAMPLES, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow], database=None
)
_KINDS = ("observations", "conditions", "medications")


def _one_of_each_family(flags: list[RedFlag]) -> list[RedFlag]:
    """Two values of one measure would replace each other: the newest judges. Thrombosis under treatment is one finding
    with a dossier line of its own (RF06: known and treated is told, not stopped), so it stands without the drug."""
    kept = list({flag.family: flag for flag in flags}.values())
    if any(flag.family == "I82.411" for flag in kept):
        kept = [flag for flag in kept if flag.family != "B01AA03"]
    return kept


_facts = st.fixed_dictionaries({}, optional={
    "level_count": st.sampled_from((None, 1, 3, 5)),
    "revision": st.sampled_from((None, True)),
    "instrumented": st.sampled_from((None, True, False)),
    "approach": st.sampled_from((None, "anterior", "lateral")),
    "technique": st.sampled_from((None, "TLIF", "LLIF", "ALIF")),
    "region": st.none(),
})  # fmt: skip
"""What a record may or may not tell of an operation."""
_operations = st.lists(st.tuples(st.sampled_from(TYPES), st.integers(0, 60), _facts), min_size=1, max_size=2)
_flags = st.lists(st.sampled_from(RED_FLAGS), max_size=5).map(_one_of_each_family)


def _patient(operations: list[tuple[str, int, dict]], flags: list[RedFlag]) -> PatientBuilder:
    patient = a_patient()
    for surgery_type, week, facts in operations:
        patient = patient.after(surgery_type, weeks=week, **facts)
    for flag in flags:
        patient = flag.add(patient)
    return patient


@_usual
@given(_operations, _flags, st.sampled_from(RED_FLAGS))
def test_one_more_red_flag_never_adds_an_exercise(operations, flags, more: RedFlag):
    flags = [flag for flag in flags if flag.family != more.family]
    if {more.family, *(flag.family for flag in flags)} >= {"I82.411", "B01AA03"}:
        return
    before, after = _patient(operations, flags).advice(), _patient(operations, [*flags, more]).advice()

    assert plain(after) <= plain(before)
    assert shown(after) <= shown(before)


@_usual
@given(_operations, _flags)
def test_the_lists_obey_their_alerts(operations, flags):
    advice = _patient(operations, flags).advice()
    exercises = knowledge().exercises

    if advice.effect is Effect.STOP_ALL:
        assert not shown(advice)
    if advice.effect is Effect.BASELINE_ONLY:
        assert shown(advice) <= UNIVERSAL
    removed = {tag for alert in advice.alerts for tag in alert.removes}
    assert not [one for one in shown(advice) if exercises[one].tags & removed]
    assert not plain(advice) & {one.exercise for one in advice.supervised}
    assert not shown(advice) & {one.exercise for one in advice.withheld}


@_usual
@given(_operations, _flags, st.data())
def test_a_lost_fact_lifts_only_the_alerts_that_rested_on_it(operations, flags, data):
    patient = _patient(operations, flags)
    facts = [("observations", one) for one in patient.observations] + [
        ("conditions", one) for one in patient.conditions
    ]
    if not facts:
        return
    kind, lost = data.draw(st.sampled_from(facts))
    less = replace(patient, **{kind: tuple(one for one in getattr(patient, kind) if one is not lost)})

    before, after = patient.advice(), less.advice()

    if not shown(after) <= shown(before) or not plain(after) <= plain(before):
        lifted = [alert for alert in before.alerts if alert not in after.alerts]
        assert lifted
        assert all(lost.reference in {one.reference for one in alert.evidence} for alert in lifted)


@_usual
@given(_operations, _flags, st.sampled_from(_KINDS))
def test_a_kind_that_could_not_be_had_leaves_its_lifted_rules_unknown(operations, flags, kind: str):
    patient = _patient(operations, flags)

    before, after = patient.advice(), patient.without(kind).advice()

    lifted = {alert.rule for alert in before.alerts} - {alert.rule for alert in after.alerts}
    assert _not_asked(after, lifted) == set()
    if not shown(after) <= shown(before):
        softened = {alert.rule for alert in before.alerts if alert not in after.alerts}
        assert softened and _not_asked(after, softened) == set()


def _not_asked(advice: Advice, rules: set[str]) -> set[str]:
    return rules - {one.rule for one in advice.unknown} - {alert.rule for alert in advice.alerts}
