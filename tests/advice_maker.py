"""Advice made by hand for tests of cards, orders and explain: a protocol at a week, with any alerts one wants.

It fills lists from the real matrix of cards/, but it is no engine: the effects of alerts are applied just well enough
to make cards of every kind. The engine's own tests prove the lists.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path

from cds_service.cards import CallFacts
from cds_service.clinical.advice import Advice, Alert, Allowed, DataQuality, Modifier, Plan, Unknown, Withheld
from cds_service.clinical.operation import Basis, Operation
from cds_service.knowledge.load import load_knowledge
from cds_service.knowledge.model import EFFECT_ORDER, Effect, Knowledge, Permission, Severity
from cds_service.patient.finding import Evidence
from tests.changed import replace

CARDS = Path(__file__).parents[1] / "cards"
OPERATED = date(2026, 4, 1)
AT = datetime(2026, 5, 20, 9, 30, tzinfo=UTC)
BASE = "https://cds.example.org"


@cache
def knowledge() -> Knowledge:
    return load_knowledge(CARDS)


def a_call(**changes) -> CallFacts:
    facts = {
        "hook": "patient-view", "patient_id": "pat-1", "at": AT, "service_base_url": BASE, "card_secret": b"secret",
        "hook_instance": "d8f45f76-3f35-4363-a2b8-cbc9e33d5919", "user": "Practitioner/dr-1", "orders": (),
        "encounter_id": "enc-1",
    }  # fmt: skip
    return CallFacts(**{**facts, **changes})


def an_operation(kind: str = "LUM_FUS", week: int | None = 7, **changes) -> Operation:
    known = knowledge().protocols[kind]
    shift = changes.pop("shift_weeks", 0)
    effective = None if week is None else max(week - shift, 0)
    values = {
        "surgery_type": kind, "date": OPERATED if week is not None else None, "date_as_recorded": "2026-04-01",
        "date_is_partial": False, "post_op_day": None if week is None else week * 7, "completed_week": week,
        "effective_week": effective, "shift_weeks": shift,
        "phase": None if effective is None else known.phase_at(effective), "region": known.region,
        "levels": ("L4-L5",) if kind.startswith("LUM") else (), "level_count": 1, "level_count_is_minimum": False,
        "fusion": known.fusion, "instrumented": True, "approach": "posterior", "technique": None, "revision": False,
        "staged": False, "basis": Basis.CODED, "because": ("CPT 22633 is a lumbar fusion",),
        "evidence": (Evidence("Procedure/p-1", "Lumbar fusion", "22633", "http://www.ama-assn.org/go/cpt", None, "2026-04-01"),),
        "procedures": ("Procedure/p-1",),
    }  # fmt: skip
    return Operation(**{**values, **changes})


def a_plan(kind: str = "LUM_FUS", week: int | None = 7, **changes) -> Plan:
    operation = an_operation(kind, week, **changes)
    protocol = knowledge().protocols[kind]
    effective = operation.effective_week
    said = [] if effective is None else [
        (one, step.say)
        for one in protocol.restrictions
        for step in one.steps
        if step.from_week <= effective and (step.to_week is None or effective < step.to_week)
    ]  # fmt: skip
    phase = operation.phase
    test = next((one for one in protocol.progression if phase and one.from_phase == phase.id), None)
    return Plan(operation, protocol, phase, tuple(said), test)


def an_alert(
    rule: str = "RF10", severity: Severity = Severity.CRITICAL, effect: Effect = Effect.STOP_ALL, **changes
) -> Alert:
    values = {
        "rule": rule, "grade": severity.value, "title": "Fever", "severity": severity, "effect": effect,
        "removes": (), "because": "temperature 39.2 Cel is at or above 39.0 Cel", "say": "High fever after spine surgery.",
        "do": "Check wound, chest, urine, calves and CRP today.",
        "evidence": (Evidence("Observation/t-1", "Body temperature", "8310-5", "http://loinc.org", "39.2 Cel", "2026-05-20T07:30:00Z"),),
        "sources": ("R26",), "mark": "V",
    }  # fmt: skip
    return Alert(**{**values, **changes})


def osteoporosis() -> Alert:
    return an_alert(
        "RF29", Severity.INFO, Effect.REMOVE, title="Osteoporosis", removes=("impact", "trunk_flexion", "trunk_rotation"),
        because="osteoporosis stands on the problem list", say="No loaded bending or twisting, no impact.", do="Protect the bone.",
        evidence=(Evidence("Condition/c-1", "Osteoporosis", "M81.0", "http://hl7.org/fhir/sid/icd-10-cm", None, "2024-02-01"),),
        sources=("E25",),
    )  # fmt: skip


def some_unknown() -> tuple[Unknown, ...]:
    """In the words of cards/safety."""
    return (
        Unknown(
            "RF02",
            "the problem list could not be had",
            "New weakness could not be checked; test leg and arm power before any exercise.",
        ),
        Unknown("RF10", "no temperature in the last 24 h", "No temperature in the last 24 hours.", "vital signs"),
        Unknown("RF18", "no heart rate in the last 24 h", "No heart rate in the last 24 hours.", "vital signs"),
        Unknown(
            "RF07",
            "no heart rate in the last 24 h",
            "Breathing, pulse and oxygen could not be checked together.",
            "vital signs",
        ),
        Unknown("RF22", "no pain score in the last 7 days", "No pain score in the last 7 days."),
        Unknown("RF45", "no level", "The number of levels is not recorded."),
        Unknown("RF16", "no INR", "No INR in the last 7 days.", "blood tests", matters=False),
    )


def an_advice(
    kind: str = "LUM_FUS", week: int | None = 7, *, alerts: tuple[Alert, ...] = (), unknown: tuple[Unknown, ...] = (),
    data_quality: tuple[DataQuality, ...] = (), modifiers: tuple[Modifier, ...] = (), on: date | None = None,
    plans: tuple[Plan, ...] | None = None, **changes,
) -> Advice:  # fmt: skip
    if plans is None:
        plans = (a_plan(kind, week, **{key: changes.pop(key) for key in list(changes) if key in Operation.__slots__}),)
    effect = min((one.effect for one in alerts), key=EFFECT_ORDER.index, default=None)
    plain, supervised, clearance, withheld = _lists(plans, alerts, effect)
    day = on or (OPERATED + timedelta(weeks=plans[0].operation.completed_week or 0))
    values = {
        "on": day, "knowledge_version": knowledge().version, "relevant": True,
        "operations": tuple(one.operation for one in plans), "plans": plans, "effect": effect, "exercises": plain,
        "supervised": supervised, "clearance": clearance, "withheld": withheld, "programme": _programme(plain),
        "alerts": alerts, "unknown": unknown, "data_quality": data_quality, "modifiers": modifiers, "trace": (),
        "draft_knowledge": True,
        "order_refusal": next((one.protocol.agree_first_why for one in plans if one.protocol.agree_first), None),
    }  # fmt: skip
    return Advice(**{**values, **changes})


def nothing_to_say() -> Advice:
    return replace(an_advice(), relevant=False, operations=(), plans=(), exercises=(), programme=(), withheld=())


def _programme(plain: tuple[Allowed, ...]) -> tuple[Allowed, ...]:
    return tuple(sorted(plain, key=lambda one: -one.since_week))[:8]


def _lists(plans: tuple[Plan, ...], alerts: tuple[Alert, ...], effect: Effect | None):
    removed = {tag: one for one in alerts for tag in one.removes}
    plain, supervised, clearance, withheld = [], [], [], []
    for exercise in knowledge().exercises.values():
        cells = [(plan, plan.protocol.first_weeks[exercise.id]) for plan in plans]
        weeks = [cell.week for _, cell in cells if cell.week is not None]
        since = max(weeks, default=0)
        stopping = next((removed[tag] for tag in exercise.tags if tag in removed), None)
        late = [
            (plan, cell)
            for plan, cell in cells
            if cell.week is not None and cell.week > (plan.operation.effective_week or 0)
        ]
        if any(plan.operation.effective_week is None for plan, _ in cells) or effect is Effect.STOP_ALL:
            withheld.append(Withheld(exercise.id, alerts[0].rule if alerts else "DQ06", "nothing is listed now"))
        elif any(cell.permission is Permission.NEVER for _, cell in cells):
            withheld.append(
                Withheld(exercise.id, "MATRIX", f"never after {plans[0].protocol.name.split(':')[0].lower()}")
            )
        elif any(cell.permission is Permission.CLEARANCE for _, cell in cells):
            clearance.append(Withheld(exercise.id, "MATRIX", "needs the surgeon's clearance"))
        elif stopping is not None:
            withheld.append(Withheld(exercise.id, stopping.rule, f"{stopping.title.lower()}: not now"))
        elif late:
            withheld.append(
                Withheld(exercise.id, "MATRIX", f"from week {late[0][1].week} after the operation", late[0][1].week)
            )
        elif effect is Effect.BASELINE_ONLY and not exercise.universal:
            withheld.append(Withheld(exercise.id, alerts[0].rule, "only the baseline set while the alert stands"))
        elif any(cell.permission is Permission.SUPERVISED for _, cell in cells):
            supervised.append(Allowed(exercise.id, exercise.dose, since, "supervised from this week"))
        else:
            plain.append(Allowed(exercise.id, exercise.dose, since, "allowed from this week"))
    return tuple(plain), tuple(supervised), tuple(clearance), tuple(withheld)
