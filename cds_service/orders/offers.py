"""From advice to suggestions: what may be ordered, held, referred or followed up, and what is ordered already.

Offers nothing to a user who may not order, nothing twice, and no programme where the advice refuses one.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from cds_service.clinical.advice import Advice, Alert, Allowed, Plan
from cds_service.clinical.follow_up import FollowUp
from cds_service.knowledge.canonical import (
    CONSULT_SURGEON,
    FOLLOW_UP,
    HOME_PROGRAMME,
    REFER_PHYSIOTHERAPY,
    URGENT_EVALUATION,
    protocol_url,
    request_url,
)  # fmt: skip
from cds_service.knowledge.model import ActivityTarget, Effect, Knowledge, ProgressionTest, Severity
from cds_service.orders.call import CallFacts
from cds_service.orders.existing import Existing, find_existing, find_goal, running_programmes
from cds_service.orders.ids import part_id
from cds_service.orders.shapes import (
    EXERCISE_THERAPY,
    ICD10CM,
    SNOMED,
    Resource,
    care_plan,
    concept,
    goal,
    goal_target,
    moment,
    period,
    service_request,
)  # fmt: skip
from cds_service.orders.suggestion import Action, Suggestion
from cds_service.orders.timing import next_gate, phase_span, week_starts
from cds_service.orders.words import exercise_name, lower_first, operation_name, operation_text, weeks_text
from cds_service.patient.chart_text import known_line, one_line

_NO_PROGRAMME = (Effect.STOP_ALL, Effect.BASELINE_ONLY)
_URGENT = {Severity.CRITICAL: "stat", Severity.WARNING: "urgent"}


@dataclass(frozen=True, slots=True)
class Offers:
    """What a card may suggest; *notes* are sentences that the card must say about orders (already ordered ...)."""

    suggestions: tuple[Suggestion, ...] = ()
    notes: tuple[str, ...] = ()


def programme_offers(
    advice: Advice, knowledge: Knowledge, call: CallFacts, card: str, due: FollowUp | None = None
) -> Offers:
    """Give the suggestions of the exercise-programme card with the id *card*; *due* is the follow-up of a patient who goes
    home, offered together with the programme however far away it is.

    Where the list is "to agree with the surgeon first" (or an order is refused otherwise) only a referral and a
    consultation are offered.
    """
    if not advice.plans:
        return Offers()
    made = _Made(advice, knowledge, call, card)
    notes: list[str] = []
    ordered = {kind: made.existing(kind) for kind in (HOME_PROGRAMME, REFER_PHYSIOTHERAPY, CONSULT_SURGEON, FOLLOW_UP)}
    notes += [_already(kind, found) for kind, found in ordered.items() if found is not None]
    if call.requester is None:
        return Offers((), tuple(notes))
    if call.orders is None:
        notes.append("Existing orders could not be read: check for duplicates before ordering.")
    choices: list[tuple[str, str, list[Action]]] = []
    refusal = order_refusal(advice)
    referral = made.referral() if ordered[REFER_PHYSIOTHERAPY] is None and (advice.supervised or refusal) else []
    gate = made.follow_up_due(due) if due is not None and ordered[FOLLOW_UP] is None else []
    if refusal:
        if referral:
            choices.append(("refer", "Refer to physiotherapy", referral))
        if ordered[CONSULT_SURGEON] is None:
            choices.append(("consult", "Ask the surgeon to agree the programme", made.consultation()))
    elif advice.effect in _NO_PROGRAMME:
        notes.append("A programme can be ordered once the alert is resolved.")
    else:
        if ordered[HOME_PROGRAMME] is None and advice.programme:
            programme = made.programme()
            if gate:
                choices.append(("going-home", "Order this programme and request the follow-up", programme + gate))
            choices.append(("programme", "Order this programme", programme))
            if referral:
                both = "Order this programme and refer to physiotherapy"
                choices.append(("programme-and-refer", both, programme + referral))
        if referral:
            choices.append(("refer", "Refer to physiotherapy", referral))
        if due is None and ordered[FOLLOW_UP] is None and (follow_up := made.follow_up()):
            choices.append(("follow-up", "Request the follow-up at the phase gate", follow_up))
    if gate:
        choices.append(("follow-up", "Request the follow-up at the phase gate", gate))
    return Offers(made.suggestions(choices), tuple(notes))


def follow_up_offers(due: FollowUp, advice: Advice, knowledge: Knowledge, call: CallFacts, card: str) -> Offers:
    """Give the suggestion that asks for the follow-up *due*; nothing where it is ordered already."""
    made = _Made(advice, knowledge, call, card)
    if call.requester is None or made.existing(FOLLOW_UP) is not None or not (gate := made.follow_up_due(due)):
        return Offers()
    return Offers(made.suggestions([("follow-up", "Request the follow-up at the phase gate", gate)]))


def red_flag_offers(
    advice: Advice, knowledge: Knowledge, call: CallFacts, card: str, alerts: tuple[Alert, ...]
) -> Offers:
    """Give the suggestions of a red-flag card: hold what runs, ask for an evaluation, or both at once.

    An urgent evaluation is offered for critical alerts; for others that stop the list or leave the baseline only, a
    review by the surgeon.
    """
    pressing = [one for one in alerts if one.severity is Severity.CRITICAL or one.effect in _NO_PROGRAMME]
    if call.requester is None or not pressing:
        return Offers()
    made = _Made(advice, knowledge, call, card)
    notes: list[str] = []
    hold: list[Action] = []
    for order in running_programmes(call.orders, made.content, advice.on):
        if order.resource is None:
            notes.append(f"Active exercise order {one_line(order.reference, 80)}: hold it by hand.")
        else:
            held = copy.deepcopy(order.resource)
            held["status"] = "on-hold"
            hold.append(Action("update", "Put the active exercise order on hold", held))
    ordered = made.existing(URGENT_EVALUATION)
    if ordered is not None:
        notes.append(_already(URGENT_EVALUATION, ordered))
    evaluation = made.evaluation(pressing) if ordered is None else []
    choices: list[tuple[str, str, list[Action]]] = []
    asked = (
        "urgent evaluation" if any(one.severity is Severity.CRITICAL for one in pressing) else "review by the surgeon"
    )
    if hold and evaluation:
        choices.append(("hold-and-evaluate", f"Hold the exercise order and request {asked}", hold + evaluation))
    if evaluation:
        choices.append(("evaluate", f"Request {asked}", evaluation))
    if hold:
        choices.append(("hold", "Hold the exercise order", hold))
    return Offers(made.suggestions(choices), tuple(notes))


def order_refusal(advice: Advice) -> str | None:
    """Give why no programme may be ordered, as a clause without full stop; None where it may."""
    if advice.order_refusal:
        return advice.order_refusal.rstrip(". ")
    for plan in advice.plans:
        if plan.protocol.agree_first:
            return (plan.protocol.agree_first_why or "to agree with the surgeon first").rstrip(". ")
    return None


def _already(kind: str, found: Existing) -> str:
    what = {
        HOME_PROGRAMME: "Exercise programme",
        REFER_PHYSIOTHERAPY: "Physiotherapy",
        CONSULT_SURGEON: "Consultation",
        FOLLOW_UP: "Follow-up",
        URGENT_EVALUATION: "Urgent evaluation",
    }[kind]
    day = f" on {one_line(found.day, 10)}" if found.day else ""
    status = f", {one_line(found.order.status, 20)}" if found.order.status else ""
    return f"{what}: already ordered{day} ({one_line(found.order.reference, 80)}{status})."


class _Made:
    """The actions of one card. Ids of what is created follow from the card's id, so a repeat gives the same."""

    def __init__(self, advice: Advice, knowledge: Knowledge, call: CallFacts, card: str):
        self.advice = advice
        self.knowledge = knowledge
        self.content = knowledge.order_content
        self.call = call
        self.card = card
        self.plans = advice.plans
        self.operations = " and ".join(operation_text(plan) for plan in advice.plans)

    def existing(self, kind: str) -> Existing | None:
        return find_existing(self.call.orders, kind, self.content, self.advice.on)

    def suggestions(self, choices: list[tuple[str, str, list[Action]]]) -> tuple[Suggestion, ...]:
        """The first choice is the recommended one."""
        return tuple(
            Suggestion(part_id(self.card, name), label, tuple(actions), is_recommended=index == 0)
            for index, (name, label, actions) in enumerate(choices)
        )

    def programme(self) -> list[Action]:
        """Goal(s), CarePlan and the home programme's ServiceRequest, in the order of a transaction."""
        goals, goal_actions = self._goals()
        plan_id, request_id = part_id(self.card, "care-plan"), part_id(self.card, "home-programme")
        start, end = phase_span(self.plans)
        span = period(start, end)
        title = f"Exercise programme: {self.operations}, {self._weeks()}"
        plan = care_plan(
            self.call, plan_id, title, self._plan_lines(), self._canonicals(HOME_PROGRAMME), span, goals,
            [f"ServiceRequest/{request_id}"],
        )  # fmt: skip
        request = service_request(
            self.call, "ServiceRequest", request_id,
            concept(*EXERCISE_THERAPY, text=title), self._canonicals(HOME_PROGRAMME), self._rationale(),
            self._reason(), self._supporting(), period=span, based_on=f"CarePlan/{plan_id}", goals=goals,
            by_patient=True, instruction=self._instruction(),
        )  # fmt: skip
        return [
            *goal_actions,
            Action("create", f"Plan: {title}", plan),
            Action("create", f"Order the home programme ({len(self.advice.programme)} exercises)", request),
        ]

    def referral(self) -> list[Action]:
        supervised = [
            f"Supervised only: {self._name(one)} ({known_line(one.dose, 120)})" for one in self.advice.supervised
        ]
        refusal = order_refusal(self.advice)
        if refusal:
            supervised.insert(0, f"Agree the programme with the surgeon first: {one_line(refusal, 200)}")
        start, end = phase_span(self.plans)
        if start is not None and start < self.advice.on:
            start = self.advice.on
        request = service_request(
            self.call, "referral", part_id(self.card, "referral"),
            concept(SNOMED, "410158009", "Assessment for physical therapy", f"Physiotherapy after {self.operations}"),
            self._canonicals(REFER_PHYSIOTHERAPY), self._rationale(), self._reason(), self._supporting(),
            period=period(start, end), details=supervised,
        )  # fmt: skip
        return [Action("create", f"Refer to physiotherapy after {self.operations}", request)]

    def consultation(self) -> list[Action]:
        why = order_refusal(self.advice) or "the programme needs the surgeon's agreement"
        request = service_request(
            self.call, "referral", part_id(self.card, "consultation"),
            concept(SNOMED, "11429006", "Consultation", "Spine surgeon: agree the exercise programme"),
            self._canonicals(CONSULT_SURGEON), f"Asked because {one_line(why, 300)}.", self._reason(),
            self._supporting(), occurs_on=moment(self.call),
        )  # fmt: skip
        return [Action("create", "Ask the spine surgeon to agree the exercise programme", request)]

    def evaluation(self, alerts: list[Alert]) -> list[Action]:
        titles = "; ".join(one_line(one.title, 80) for one in alerts)
        asked = (
            "Urgent evaluation" if any(one.severity is Severity.CRITICAL for one in alerts) else "Review by the surgeon"
        )
        facts = [evidence.reference for one in alerts for evidence in one.evidence]
        rationale = " ".join(f"{one.rule} {one_line(one.title, 80)}: {one_line(one.because, 300)}." for one in alerts)
        worst = min(alerts, key=lambda one: list(Severity).index(one.severity))
        request = service_request(
            self.call, "referral", part_id(self.card, "evaluation"),
            concept(SNOMED, "11429006", "Consultation", f"{asked}: {titles}"),
            self._canonicals(URGENT_EVALUATION), rationale,
            {"text": f"{titles} after {self.operations or 'spine surgery'}"},
            [*self._procedures(), *(one for one in facts if not one.startswith("Condition/"))],
            conditions=[one for one in facts if one.startswith("Condition/")],
            priority=_URGENT.get(worst.severity, "urgent"), occurs_on=moment(self.call),
            details=[one_line(one.do, 200) for one in alerts],
        )  # fmt: skip
        return [Action("create", f"Request: {lower_first(asked)}: {titles}", request)]

    def follow_up(self) -> list[Action]:
        """A follow-up where a phase gate is at most *gate_notice_days* away; nothing where none is."""
        gate = next_gate(self.plans)
        if gate is None or self.content is None:
            return []
        plan, day = gate
        if not 0 <= (day - self.advice.on).days <= self.content.gate_notice_days:
            return []
        return self._follow_up(plan, plan.next_test, day)

    def follow_up_due(self, due: FollowUp) -> list[Action]:
        """The follow-up *due*, however far away; nothing where one is known already."""
        return self._follow_up(due.plan, due.test, due.day) if due.known is None else []

    def _follow_up(self, plan: Plan, test: ProgressionTest | None, day: date) -> list[Action]:
        if test is None:
            return []
        request = service_request(
            self.call, "referral", part_id(self.card, "follow-up"),
            concept(SNOMED, "390906007", "Follow-up encounter", f"Follow-up at week {test.week}: {operation_text(plan)}"),
            self._canonicals(FOLLOW_UP),
            f"Phase gate {test.from_phase} to {test.to_phase} at week {test.week}: {known_line(test.say, 400)}",
            self._reason(), self._procedures(), occurs_on=day.isoformat(), details=[known_line(test.say, 400)],
        )  # fmt: skip
        return [Action("create", f"Request the follow-up on {day.isoformat()} (week {test.week})", request)]

    def _goals(self) -> tuple[list[str], list[Action]]:
        """References of every goal of the programme, and the actions for those that the chart does not hold yet."""
        pointed: list[str] = []
        actions: list[Action] = []
        for number, (text, target) in enumerate(self._goal_texts(), start=1):
            known = find_goal(self.call.orders, text)
            if known is not None:
                pointed.append(known.reference)
                continue
            made = goal(self.call, part_id(self.card, f"goal-{number}"), text, self.advice.on, target)
            pointed.append(f"Goal/{made['id']}")
            actions.append(Action("create", f"Set the goal: {text}", made))
        return pointed, actions

    def _goal_texts(self) -> Iterable[tuple[str, Resource | None]]:
        for plan in self.plans:
            if plan.phase is None:
                continue
            for number in self._targets(plan):
                due = week_starts(plan, number.week)
                if due is None or due < self.advice.on:
                    continue
                target = goal_target(
                    number.measure, number.measure_display, number.value, number.unit_text, number.unit, due
                )
                yield known_line(number.say, 200), target
            yield known_line(f"{operation_name(plan.protocol)}, {weeks_text(plan.phase)}: {plan.phase.goal}", 300), None

    def _targets(self, plan: Plan) -> list[ActivityTarget]:
        if self.content is None or plan.phase is None:
            return []
        return [one for one in self.content.targets if plan.protocol.id in one.protocols and one.phase == plan.phase.id]

    def _plan_lines(self) -> list[tuple[str, list[str]]]:
        return [
            ("Exercises", [f"{self._name(one)}: {known_line(one.dose, 200)}" for one in self.advice.programme]),
            ("Limits", self._limits()),
            ("Before the next phase", [
                f"Week {plan.next_test.week}: {known_line(plan.next_test.say, 400)}"
                for plan in self.plans
                if plan.next_test is not None and plan.next_test.week is not None
            ]),
            ("Above all", ["The surgeon's own instruction overrides this plan."]),
        ]  # fmt: skip

    def _limits(self) -> list[str]:
        return [known_line(say, 300) for plan in self.plans for _, say in plan.restrictions]

    def _instruction(self) -> str:
        names = " and ".join(
            dict.fromkeys(lower_first(known_line(plan.protocol.plain_name, 120)) for plan in self.plans)
        )
        lines = [f"Your home exercises ({self._weeks()}) after: {names}."]
        for number, one in enumerate(self.advice.programme, start=1):
            exercise = self.knowledge.exercises.get(one.exercise)
            how = f" {known_line(exercise.how, 400)}" if exercise else ""
            caution = f" Take care: {one_line(one.caution, 200)}." if one.caution and " " in one.caution else ""
            lines.append(f"{number}. {self._name(one)}: {known_line(one.dose, 200).rstrip('.')}.{how}{caution}")
        limits = self._limits()
        if limits:
            lines.append("Limits for now:")
            lines += [f"- {one}" for one in limits]
        if self.content is not None:
            lines.append("Stop and call your care team if you notice:")
            lines += [f"- {one}" for one in self.content.stop_and_call]
        lines.append("What your own surgeon told you comes first.")
        return "\n".join(lines)

    def _rationale(self) -> str:
        parts = []
        for plan in self.plans:
            operation = plan.operation
            phase = f", phase {plan.phase.id} ({weeks_text(plan.phase)})" if plan.phase else ""
            week = f"completed week {operation.completed_week}" if operation.completed_week is not None else "no week"
            if operation.shift_weeks:
                week += f", counted as week {operation.effective_week}"
            day = f" on {operation.date.isoformat()}" if operation.date else ""
            parts.append(f"{operation_text(plan)}{day}: {week}{phase}, protocol {plan.protocol.id}.")
        rules = sorted({one.rule for one in self.advice.alerts})
        if rules:
            parts.append(f"Rules that fired: {', '.join(rules)}.")
        parts.append(f"Knowledge {self.advice.knowledge_version}.")
        if self.advice.draft_knowledge:
            parts.append("Draft knowledge, not yet signed off by a clinician.")
        return " ".join(parts)

    def _reason(self) -> Resource:
        plan = self.plans[0]
        day = f" on {plan.operation.date.isoformat()}" if plan.operation.date else ""
        text = (
            " and ".join(operation_text(one) for one in self.plans)
            if len(self.plans) > 1
            else operation_text(plan) + day
        )
        if plan.operation.fusion:
            return concept(ICD10CM, "Z98.1", "Arthrodesis status", f"Aftercare: {text}")
        return concept(ICD10CM, "Z98.890", "Other specified postprocedural states", f"Aftercare: {text}")

    def _canonicals(self, kind: str) -> list[str]:
        base, version = self.call.service_base_url, self.advice.knowledge_version
        plans = [protocol_url(base, plan.protocol.id) for plan in self.plans]
        return [f"{one}|{version}" for one in (request_url(base, kind), *dict.fromkeys(plans))]

    def _procedures(self) -> list[str]:
        return [one for plan in self.plans for one in plan.operation.procedures]

    def _supporting(self) -> list[str]:
        facts = [evidence.reference for one in self.advice.alerts for evidence in one.evidence]
        facts += [evidence.reference for one in self.advice.modifiers for evidence in one.evidence]
        return [*self._procedures(), *(one for one in facts if not one.startswith("Patient/"))]

    def _weeks(self) -> str:
        phases = [plan.phase for plan in self.plans if plan.phase is not None]
        if len(phases) == 1:
            return weeks_text(phases[0])
        start, end = phase_span(self.plans)
        return f"{start.isoformat() if start else ''} to {end.isoformat() if end else 'open'}"

    def _name(self, one: Allowed) -> str:
        return exercise_name(self.knowledge, one.exercise)
