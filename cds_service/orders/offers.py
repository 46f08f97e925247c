"""From advice to suggestions: what may be ordered, held, referred or followed up, and what is ordered already.

Offers nothing to a user who may not order, nothing twice, and no programme where the advice refuses one.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from html import escape

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
from cds_service.orders.ids import part_ids
from cds_service.orders.own import GoalOfPhase, InJson, Own, actions_mould, cast, stand_ins
from cds_service.orders.shapes import (
    EXERCISE_THERAPY,
    ICD10CM,
    SNOMED,
    Resource,
    care_plan,
    concept,
    goal,
    goal_target,
    period,
    service_request,
    signed,
    supporting,
)  # fmt: skip
from cds_service.orders.suggestion import Action, Suggestion, with_json
from cds_service.orders.timing import next_gate, phase_span, week_starts
from cds_service.orders.words import exercise_name, lower_first, operation_name, operation_text, weeks_text
from cds_service.patient.chart_text import known_line, one_line
from cds_service.wire.mould import Written, stand_in

_NO_PROGRAMME = (Effect.STOP_ALL, Effect.BASELINE_ONLY)
_NO_CARD = "00000000-0000-0000-0000-000000000000"
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
    return _programme_offers(_Made(advice, knowledge, call, card), due) if advice.plans else Offers()


def programme_offers_in_mould(advice: Advice, knowledge: Knowledge, call: CallFacts) -> tuple[Offers, Own] | None:
    """Give what `programme_offers` suggests with stand-ins for the patient's own parts, and those parts.

    The stand-in `operated` is for the operation with its levels and day.  None where more than these parts would differ
    between two patients after the same operation: see `_Made.what_is_ours`.
    """
    made = _Made(advice, knowledge, call, _NO_CARD)
    own, operated = made.own, advice.plans[0].operation.date
    named = f"{own.operations} on {operated}"
    if made.what_is_ours is None or own.reason != f"Aftercare: {named}" or not own.rationale.startswith(f"{named}: "):
        return None
    made.write_in_mould(
        replace(
            stand_ins(own),
            rationale=stand_in("operated") + own.rationale[len(named) :],
            reason=f"Aftercare: {stand_in('operated')}",
        )
    )
    return _programme_offers(made, None), own


def _programme_offers(made: _Made, due: FollowUp | None) -> Offers:
    advice, call = made.advice, made.call
    notes: list[str] = []
    ordered = dict.fromkeys((HOME_PROGRAMME, REFER_PHYSIOTHERAPY, CONSULT_SURGEON, FOLLOW_UP))
    if call.orders:
        ordered = {kind: made.existing(kind) for kind in ordered}
        notes += [_already(kind, found) for kind, found in ordered.items() if found is not None]
    if call.requester is None:
        return Offers((), tuple(notes))
    if call.orders is None:
        notes.append("Existing orders could not be read: check for duplicates before ordering.")
    choices: list[tuple[str, str, Sequence[Action]]] = []
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
    choices: list[tuple[str, str, Sequence[Action]]] = []
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
    """The actions of one card. Ids of what is created follow from the card's id, so a repeat gives the same.

    What is written takes the patient's own parts from `own` alone: the orders that nearly every programme card offers are
    cast in moulds, which are written by the same methods with stand-ins.
    """

    def __init__(self, advice: Advice, knowledge: Knowledge, call: CallFacts, card: str):
        self.advice = advice
        self.knowledge = knowledge
        self.content = knowledge.order_content
        self.call = call
        self.plans = advice.plans
        self._gate = next_gate(self.plans)
        self.own = self._own(card)
        self.what_is_ours = self._what_is_ours()
        self._is_mould = False
        self._in_json: InJson | None = None

    def write_in_mould(self, stand_ins: Own) -> None:
        """Write all from here on with *stand_ins*, for a mould of the whole card."""
        self.own, self._is_mould = stand_ins, True

    def _own(self, card: str) -> Own:
        on = self.advice.on
        start, end = phase_span(self.plans)
        by = signed(self.call)
        named = [operation_text(plan) for plan in self.plans]
        operations = " and ".join(named)
        operated = self.plans[0].operation.date if len(named) == 1 else None
        return Own(
            by=by,
            id_of=part_ids(card),
            on=on.isoformat(),
            start=start.isoformat() if start else None,
            end=end.isoformat() if end else None,
            refer_from=max(start, on).isoformat() if start else None,
            operations=operations,
            rationale=self._rationale(named),
            reason=f"Aftercare: {operations} on {operated.isoformat()}" if operated else f"Aftercare: {operations}",
            facts=supporting(by, self._facts()),
            procedures=supporting(by, self._procedures()),
            goals=tuple(self._goals()),
            gate=self._gate[1].isoformat() if self._gate is not None else None,
        )

    def existing(self, kind: str) -> Existing | None:
        return find_existing(self.call.orders, kind, self.content, self.advice.on)

    def suggestions(self, choices: list[tuple[str, str, Sequence[Action]]]) -> tuple[Suggestion, ...]:
        """The first choice is the recommended one."""
        return with_json(
            [
                Suggestion(
                    self.own.id_of(name), label, actions if isinstance(actions, Written) else tuple(actions), index == 0
                )
                for index, (name, label, actions) in enumerate(choices)
            ]
        )

    def programme(self) -> Sequence[Action]:
        """Goal(s), CarePlan and the home programme's ServiceRequest, in the order of a transaction."""
        shown = tuple([(one.exercise, one.dose, one.caution) for one in self.advice.programme])
        return self._cast("programme", shown, self._programme)

    def referral(self) -> Sequence[Action]:
        shown = tuple([(one.exercise, one.dose) for one in self.advice.supervised])
        return self._cast("referral", (shown, order_refusal(self.advice)), self._referral)

    def _cast(self, what: str, shown: Hashable, write: Callable[[Own], list[Action]]) -> Sequence[Action]:
        """Give the actions from their mould, where one protocol of ours says all that is not the patient's own.

        The question holds what of ours the mould says, and which of the patient's own parts there are, never what
        these say.
        """
        own = self.own
        if self.what_is_ours is None or self._is_mould:
            return write(own)
        mould = self.knowledge.kept((what, shown, self.what_is_ours), lambda: actions_mould(write(stand_ins(own))))
        if not mould.is_full:
            return write(own)
        if self._in_json is None:
            self._in_json = InJson(own)
        return cast(mould, self._in_json)

    def _what_is_ours(self) -> Hashable | None:
        """What every mould of this card says beside its exercises; None where no mould fits.

        One does for one protocol as knowledge has it, in one of its phases, with goals that all are to be set, and with
        levels that stand the same in plain text and in a narrative.
        """
        own = self.own
        if len(self.plans) != 1 or any([one.known for one in own.goals]) or escape(own.operations) != own.operations:
            return None
        plan, by = self.plans[0], own.by
        if plan.phase is None or self.knowledge.protocols.get(plan.protocol.id) is not plan.protocol:
            return None
        test = plan.next_test
        return (
            by.profile, by.in_r5, self.call.service_base_url, self.advice.knowledge_version, plan.protocol.id,
            tuple([say for _, say in plan.restrictions]), test and (test.week, test.say), plan.operation.fusion,
            tuple([one.text for one in own.goals]), by.encounter is None, own.start is None, own.end is None,
            bool(own.facts),
        )  # fmt: skip

    def _programme(self, own: Own) -> list[Action]:
        plan_id, request_id = own.id_of("care-plan"), own.id_of("home-programme")
        goals = [one.known or f"Goal/{own.id_of(f'goal-{number}')}" for number, one in enumerate(own.goals, start=1)]
        span = period(own.start, own.end)
        title = f"Exercise programme: {own.operations}, {self._weeks(own)}"
        plan = care_plan(
            own.by, plan_id, title, self._plan_lines(), self._canonicals(HOME_PROGRAMME), span, goals,
            [f"ServiceRequest/{request_id}"],
        )  # fmt: skip
        request = service_request(
            own.by, "ServiceRequest", request_id,
            concept(*EXERCISE_THERAPY, text=title), self._canonicals(HOME_PROGRAMME), own.rationale,
            self._reason(own), own.facts, period=span, based_on=f"CarePlan/{plan_id}", goals=goals,
            by_patient=True, instruction=self._instruction(own),
        )  # fmt: skip
        return [
            *self._set_goals(own),
            Action("create", f"Plan: {title}", plan),
            Action("create", f"Order the home programme ({len(self.advice.programme)} exercises)", request),
        ]

    def _referral(self, own: Own) -> list[Action]:
        supervised = [
            f"Supervised only: {self._name(one)} ({known_line(one.dose, 120)})" for one in self.advice.supervised
        ]
        refusal = order_refusal(self.advice)
        if refusal:
            supervised.insert(0, f"Agree the programme with the surgeon first: {one_line(refusal, 200)}")
        request = service_request(
            own.by, "referral", own.id_of("referral"),
            concept(SNOMED, "410158009", "Assessment for physical therapy", f"Physiotherapy after {own.operations}"),
            self._canonicals(REFER_PHYSIOTHERAPY), own.rationale, self._reason(own), own.facts,
            period=period(own.refer_from, own.end), details=supervised,
        )  # fmt: skip
        return [Action("create", f"Refer to physiotherapy after {own.operations}", request)]

    def consultation(self) -> list[Action]:
        own = self.own
        why = order_refusal(self.advice) or "the programme needs the surgeon's agreement"
        request = service_request(
            own.by, "referral", own.id_of("consultation"),
            concept(SNOMED, "11429006", "Consultation", "Spine surgeon: agree the exercise programme"),
            self._canonicals(CONSULT_SURGEON), f"Asked because {one_line(why, 300)}.", self._reason(own),
            own.facts, occurs_on=own.by.moment,
        )  # fmt: skip
        return [Action("create", "Ask the spine surgeon to agree the exercise programme", request)]

    def evaluation(self, alerts: list[Alert]) -> list[Action]:
        own = self.own
        titles = "; ".join(one_line(one.title, 80) for one in alerts)
        asked = (
            "Urgent evaluation" if any(one.severity is Severity.CRITICAL for one in alerts) else "Review by the surgeon"
        )
        facts = [evidence.reference for one in alerts for evidence in one.evidence]
        rationale = " ".join(f"{one.rule} {one_line(one.title, 80)}: {one_line(one.because, 300)}." for one in alerts)
        worst = min(alerts, key=lambda one: list(Severity).index(one.severity))
        request = service_request(
            own.by, "referral", own.id_of("evaluation"),
            concept(SNOMED, "11429006", "Consultation", f"{asked}: {titles}"),
            self._canonicals(URGENT_EVALUATION), rationale,
            {"text": f"{titles} after {own.operations or 'spine surgery'}"},
            supporting(own.by, [*self._procedures(), *(one for one in facts if not one.startswith("Condition/"))]),
            conditions=[one for one in facts if one.startswith("Condition/")],
            priority=_URGENT.get(worst.severity, "urgent"), occurs_on=own.by.moment,
            details=[one_line(one.do, 200) for one in alerts],
        )  # fmt: skip
        return [Action("create", f"Request: {lower_first(asked)}: {titles}", request)]

    def follow_up(self) -> list[Action]:
        """A follow-up where a phase gate is at most *gate_notice_days* away; nothing where none is."""
        if self._gate is None or self.own.gate is None or self.content is None:
            return []
        plan, day = self._gate
        if not 0 <= (day - self.advice.on).days <= self.content.gate_notice_days:
            return []
        return self._follow_up(plan, plan.next_test, self.own.gate)

    def follow_up_due(self, due: FollowUp) -> list[Action]:
        """The follow-up *due*, however far away; nothing where one is known already."""
        return self._follow_up(due.plan, due.test, due.day.isoformat()) if due.known is None else []

    def _follow_up(self, plan: Plan, test: ProgressionTest | None, day: str) -> list[Action]:
        if test is None:
            return []
        own = self.own
        named = own.operations if len(self.plans) == 1 else operation_text(plan)
        request = service_request(
            own.by, "referral", own.id_of("follow-up"),
            concept(SNOMED, "390906007", "Follow-up encounter", f"Follow-up at week {test.week}: {named}"),
            self._canonicals(FOLLOW_UP),
            f"Phase gate {test.from_phase} to {test.to_phase} at week {test.week}: {known_line(test.say, 400)}",
            self._reason(own), own.procedures, occurs_on=day,
            details=[known_line(test.say, 400)],
        )  # fmt: skip
        return [Action("create", f"Request the follow-up on {day} (week {test.week})", request)]

    def _set_goals(self, own: Own) -> list[Action]:
        """The actions for those goals that the chart does not hold yet."""
        actions: list[Action] = []
        for number, one in enumerate(own.goals, start=1):
            if one.known is not None:
                continue
            target = one.target and goal_target(
                one.target.measure, one.target.measure_display, one.target.value, one.target.unit_text, one.target.unit,
                one.due,
            )  # fmt: skip
            made = goal(own.by, own.id_of(f"goal-{number}"), one.text, own.on, target)
            actions.append(Action("create", f"Set the goal: {one.text}", made))
        return actions

    def _goals(self) -> Iterable[GoalOfPhase]:
        """The goals of the phases on this day; a goal that the chart holds already is pointed to, not set again."""
        for plan in self.plans:
            if plan.phase is None:
                continue
            for target in self._targets(plan.protocol.id, plan.phase.id):
                due = week_starts(plan, target.week)
                if due is None or due < self.advice.on:
                    continue
                text = known_line(target.say, 200)
                yield GoalOfPhase(text, target, due.isoformat(), self._known(text))
            text = known_line(f"{operation_name(plan.protocol)}, {weeks_text(plan.phase)}: {plan.phase.goal}", 300)
            yield GoalOfPhase(text, None, None, self._known(text))

    def _known(self, goal_text: str) -> str | None:
        found = find_goal(self.call.orders, goal_text) if self.call.orders else None
        return found.reference if found is not None else None

    def _targets(self, protocol: str, phase: str) -> tuple[ActivityTarget, ...]:
        every = self.content.targets if self.content is not None else ()
        return self.knowledge.once(
            ("targets", protocol, phase),
            lambda: tuple(one for one in every if protocol in one.protocols and one.phase == phase),
        )

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

    def _instruction(self, own: Own) -> str:
        names = " and ".join(
            dict.fromkeys(lower_first(known_line(plan.protocol.plain_name, 120)) for plan in self.plans)
        )
        lines = [f"Your home exercises ({self._weeks(own)}) after: {names}."]
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

    def _rationale(self, named: Sequence[str]) -> str:
        parts = []
        for plan, name in zip(self.plans, named, strict=True):
            operation = plan.operation
            phase = f", phase {plan.phase.id} ({weeks_text(plan.phase)})" if plan.phase else ""
            week = f"completed week {operation.completed_week}" if operation.completed_week is not None else "no week"
            if operation.shift_weeks:
                week += f", counted as week {operation.effective_week}"
            day = f" on {operation.date.isoformat()}" if operation.date else ""
            parts.append(f"{name}{day}: {week}{phase}, protocol {plan.protocol.id}.")
        rules = sorted({one.rule for one in self.advice.alerts})
        if rules:
            parts.append(f"Rules that fired: {', '.join(rules)}.")
        parts.append(f"Knowledge {self.advice.knowledge_version}.")
        if self.advice.draft_knowledge:
            parts.append("Draft knowledge, not yet signed off by a clinician.")
        return " ".join(parts)

    def _reason(self, own: Own) -> Resource:
        if self.plans[0].operation.fusion:
            return concept(ICD10CM, "Z98.1", "Arthrodesis status", own.reason)
        return concept(ICD10CM, "Z98.890", "Other specified postprocedural states", own.reason)

    def _canonicals(self, kind: str) -> list[str]:
        base, version = self.call.service_base_url, self.advice.knowledge_version
        plans = [protocol_url(base, plan.protocol.id) for plan in self.plans]
        return [f"{one}|{version}" for one in (request_url(base, kind), *dict.fromkeys(plans))]

    def _procedures(self) -> list[str]:
        return [one for plan in self.plans for one in plan.operation.procedures]

    def _facts(self) -> list[str]:
        facts = [evidence.reference for one in self.advice.alerts for evidence in one.evidence]
        facts += [evidence.reference for one in self.advice.modifiers for evidence in one.evidence]
        return [*self._procedures(), *(one for one in facts if not one.startswith("Patient/"))]

    def _weeks(self, own: Own) -> str:
        phases = [plan.phase for plan in self.plans if plan.phase is not None]
        return weeks_text(phases[0]) if len(phases) == 1 else f"{own.start or ''} to {own.end or 'open'}"

    def _name(self, one: Allowed) -> str:
        return exercise_name(self.knowledge, one.exercise)
