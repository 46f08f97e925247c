"""Drafts and bookings of others against the advice: what clashes with the week, a restriction or an alert, and what would fit.

Speaks only where something clashes; allows nothing that the advice does not allow. Takes values and returns values.

    1. What does the order ask for?            clinical/mentions
    2. On which day does it begin?             today, or the first day it names
    3. May that be, on that day and today?     the advice for both days; alerts of today count on both
    4. What would fit in its place?            the exercise table's stand-ins, as far as the advice lists them
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import Enum

from cds_service.clinical.advice import Advice, Alert, Allowed, Plan, Withheld
from cds_service.clinical.mentions import (
    ASSESSMENT,
    EXERCISE,
    HOME,
    THERAPY,
    WITH_THERAPIST,
    Mention,
    Wanted,
    read_wanted,
)
from cds_service.clinical.protocol import MATRIX
from cds_service.knowledge.model import EFFECT_ORDER, Effect, Knowledge, Status
from cds_service.patient.finding import Evidence
from cds_service.patient.record import Order

JUDGED = ("ServiceRequest", "CarePlan", "DeviceRequest")
AGREE_FIRST = "AGREE_FIRST"
"""Stands where a rule id would: the protocol's list is to be agreed with the surgeon before it is ordered."""
RESTRICTION = "RESTRICTION"
"""Stands where a rule id would: a restriction of the protocol forbids it in this week."""
_LONG_PAST = "DQ08"
_OVER = frozenset({"entered-in-error", "revoked", "cancelled", "stopped", "completed", "noshow", "ended", "fulfilled"})

AdviceOn = Callable[[date], Advice]
"""Gives the advice for a day."""


class Reason(Enum):
    """Why something clashes, worst first."""

    STOPPED = "stopped"
    NEVER = "never"
    WITHHELD = "withheld"
    TOO_EARLY = "too early"
    CLEARANCE = "clearance"
    SUPERVISED = "supervised"
    RESTRICTED = "restricted"
    AGREE_FIRST = "agree first"


@dataclass(frozen=True, slots=True)
class Clash:
    """One thing of an order that does not fit.

    *said* are the order's own words, *exercise* the id they stand for (None where the order as such clashes). *from_week*
    and *earliest* tell when it would fit, None where no week answers that. *instead* is an exercise the advice lists.
    """

    reason: Reason
    rule: str
    because: str
    said: str
    exercise: str | None = None
    from_week: int | None = None
    earliest: date | None = None
    instead: str | None = None
    evidence: tuple[Evidence, ...] = ()
    sources: tuple[str, ...] = ()
    title: str = ""
    """The alert's title, where an alert takes it away."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One order or booking, what it asks for, the day it was judged for, and its clashes, worst first."""

    order: Order
    wanted: Wanted
    on: date
    clashes: tuple[Clash, ...] = ()

    @property
    def is_training(self) -> bool:
        return self.wanted.is_training


def judge_drafts(
    drafts: Iterable[Order], today: Advice, advice_on: AdviceOn, knowledge: Knowledge
) -> tuple[Judged, ...]:
    """Judge every draft that asks for exercise, therapy, an activity or equipment; the others are passed over.

    *today* is the advice for the day of the call, *advice_on* gives it for a later day on which a draft begins. A draft that
    forbids, or that is over, cannot clash. Where no operation was found, nothing clashes; what asks for training is
    still told, because an operation may hide in what could not be read.
    """
    if knowledge.exercise_words is None or not (today.relevant or today.may_hide_an_operation):
        return ()
    judged = []
    for order in drafts:
        if order.kind in JUDGED and not order.do_not_perform and not is_over(order):
            wanted = read_wanted(order, knowledge.exercise_words, knowledge.order_content)
            if wanted.is_training or wanted.activities:
                judged.append(judge(order, wanted, _first_day(order, today.on), today, advice_on, knowledge))
    return tuple(judged)


def is_over(order: Order) -> bool:
    """True for an order or appointment that will not take place, or has."""
    return order.status in _OVER


def selected(drafts: Iterable[Order], selections: Sequence[str]) -> tuple[Order, ...]:
    """Give the drafts that the clinician has just picked (`Type/id`), in the order of the Bundle."""
    return tuple(one for one in drafts if any(_names(one.reference, picked) for picked in selections))


def _names(reference: str, picked: str) -> bool:
    reference = reference.split("/_history/")[0]
    return reference == picked or reference.endswith(f"/{picked}")


def _first_day(order: Order, today: date) -> date:
    """The first day of the order where it lies ahead, else today. A partial date begins with its first day."""
    start = order.period_start.earliest if order.period_start is not None else None
    return start if start is not None and start > today else today


def judge(order: Order, wanted: Wanted, on: date, today: Advice, advice_on: AdviceOn, knowledge: Knowledge) -> Judged:
    """Judge one order for the day *on* and by the alerts of *today*."""
    if not today.relevant:
        return Judged(order, wanted, on)
    then = today if on == today.on else advice_on(on)
    stopping = _stopping(today)
    if stopping is not None and wanted.is_training:
        return Judged(order, wanted, on, (_stopped(stopping, wanted),))
    if _is_silent(today.plans):
        return Judged(order, wanted, on)
    clashes: list[Clash] = []
    for mention in wanted.mentions:
        if not mention.forbidden:
            clash = _clash(
                mention, _is_supervised(order, wanted), today, then, knowledge, [one.instead for one in clashes]
            )
            if clash is not None and all(one.exercise != clash.exercise for one in clashes):
                clashes.append(clash)
    clashes += _restricted(wanted, then.plans)
    if not clashes and (general := _general(order, wanted, today)) is not None:
        clashes.append(general)
    found = list(dict.fromkeys(clashes))
    return Judged(order, wanted, on, tuple(sorted(found, key=lambda one: list(Reason).index(one.reason))))


def _is_silent(plans: Sequence[Plan]) -> bool:
    """Nobody has signed the protocol and draft knowledge is turned off: its weeks judge nobody's order."""
    return any(plan.protocol.governance.status is Status.RETIRED for plan in plans)


def _stopping(advice: Advice) -> Alert | None:
    return next((one for one in advice.alerts if one.effect is Effect.STOP_ALL), None)


def _stopped(alert: Alert, wanted: Wanted) -> Clash:
    return Clash(
        Reason.STOPPED, alert.rule, f"an alert stops all exercise: {alert.title}", wanted.said or "exercise",
        evidence=alert.evidence, sources=alert.sources,
    )  # fmt: skip


# ---- one exercise --------------------------------------------------------------------------------------------------------


def _clash(
    mention: Mention, supervised: bool, today: Advice, then: Advice, knowledge: Knowledge, taken: Sequence[str | None]
) -> Clash | None:
    """Give the worst clash among the exercises that *mention* may mean, with what fits in its place.

    *taken* are the stand-ins of the order's other clashes, which come last here.
    """
    found = [
        clash
        for exercise in mention.entry.means
        if (clash := _one(exercise, mention, supervised, today, then, knowledge)) is not None
    ]
    if not found:
        return None
    worst = min(found, key=lambda one: (list(Reason).index(one.reason), -(one.from_week or 0)))
    instead = mention.entry.instead if len(found) == len(mention.entry.means) else (
        *(one for one in mention.entry.means if one not in {clash.exercise for clash in found}), *mention.entry.instead
    )  # fmt: skip
    stand_ins = _stand_ins(instead, worst, today, then, knowledge)
    fresh = [one for one in stand_ins if one not in taken]
    return replace(worst, instead=next(iter(fresh or stand_ins), None))


def _one(
    exercise: str, mention: Mention, supervised: bool, today: Advice, then: Advice, knowledge: Knowledge
) -> Clash | None:
    held_today = _held(today, exercise)
    if (
        held_today is not None
        and held_today.rule in {alert.rule for alert in today.alerts}
        and not _by_week(held_today)
    ):
        return _from_held(held_today, mention, today, knowledge)
    held = _held(then, exercise)
    if held is not None:
        if _text_waits(mention, held, then, knowledge):
            return None
        return _from_held(held, mention, then, knowledge)
    watched = next((one for one in (*then.supervised, *today.supervised) if one.exercise == exercise), None)
    if watched is None or supervised:
        return None
    rule = watched.caution if watched.caution and " " not in watched.caution else MATRIX
    return Clash(
        Reason.SUPERVISED, rule, f"with a therapist only, {watched.because}", mention.said, exercise,
        sources=_sources(rule, exercise, then, knowledge),
    )  # fmt: skip


def _held(advice: Advice, exercise: str) -> Withheld | None:
    found = next((one for one in (*advice.withheld, *advice.clearance) if one.exercise == exercise), None)
    return None if found is not None and found.rule == _LONG_PAST else found


def _by_week(held: Withheld) -> bool:
    """True where only time is wanting."""
    return held.from_week is not None


def _text_waits(mention: Mention, held: Withheld, advice: Advice, knowledge: Knowledge) -> bool:
    """The text itself has the exercise begin late enough ("jogging from week 12")."""
    if mention.from_week is None or held.from_week is None or len(advice.plans) != 1:
        return False
    surgeon_first = knowledge.exercises[held.exercise].supervision.startswith("surgeon")
    return mention.from_week >= held.from_week and not surgeon_first


def _from_held(held: Withheld, mention: Mention, advice: Advice, knowledge: Knowledge) -> Clash:
    alert = next((one for one in advice.alerts if one.rule == held.rule), None)
    cleared = any(one.exercise == held.exercise for one in advice.clearance)
    if cleared:
        reason = Reason.CLEARANCE
    elif _by_week(held):
        reason = Reason.TOO_EARLY
    elif held.rule == MATRIX:
        reason = Reason.NEVER
    else:
        reason = Reason.WITHHELD
    because = (
        f"{alert.title}: {held.because}" if alert is not None and alert.title not in held.because else held.because
    )
    return Clash(
        reason, held.rule, because, mention.said, held.exercise, held.from_week,
        advice.opening_day(held),
        evidence=alert.evidence if alert is not None else (),
        sources=_sources(held.rule, held.exercise, advice, knowledge), title=alert.title if alert is not None else "",
    )  # fmt: skip


def _sources(rule: str, exercise: str, advice: Advice, knowledge: Knowledge) -> tuple[str, ...]:
    """Sources of the rule, else of the exercise's row, on which its weeks are anchored."""
    alert = next((one for one in advice.alerts if one.rule == rule), None)
    return alert.sources if alert is not None and alert.sources else knowledge.exercises[exercise].sources


def _stand_ins(wished: Sequence[str], clash: Clash, today: Advice, then: Advice, knowledge: Knowledge) -> list[str]:
    """Give what fits in place of the clashing exercise, best first: those of *wished* that both plain lists hold, else the
    newest of its category that they hold."""
    fits = _listed(today) & _listed(then)
    found = [one for one in wished if one in fits and one != clash.exercise]
    if found or clash.exercise is None:
        return found
    category = knowledge.exercises[clash.exercise].category
    alike = [one for one in then.exercises if one.exercise in fits and _category(one, knowledge) == category]
    return [one.exercise for one in sorted(alike, key=lambda one: -one.since_week)]


def _listed(advice: Advice) -> set[str]:
    return {one.exercise for one in advice.exercises}


def _category(one: Allowed, knowledge: Knowledge) -> str:
    return knowledge.exercises[one.exercise].category


def _is_supervised(order: Order, wanted: Wanted) -> bool:
    """True only where the order says that somebody is there: a therapy order that is not the patient's own to do.

    Source: HL7 US Physical Activity guide: a prescription has the patient as performer, a referral has not.
    """
    if WITH_THERAPIST in wanted.kinds:
        return True
    by_patient = any(one.split("/")[-2:-1] == ["Patient"] for one in order.performers)
    if by_patient or HOME in wanted.kinds or order.kind == "DeviceRequest":
        return False
    return THERAPY in wanted.kinds or (EXERCISE in wanted.kinds and order.kind == "ServiceRequest")


# ---- the order as such -----------------------------------------------------------------------------------------------------


def _general(order: Order, wanted: Wanted, today: Advice) -> Clash | None:
    """Judge exercise as such, where no exercise is named that clashes: by the effect of alerts, and by agree-first.

    An assessment by a therapist always fits; a referral to therapy is what we offer ourselves where a list must be agreed.
    """
    if not wanted.kinds & {EXERCISE, THERAPY} or wanted.kinds & {ASSESSMENT}:
        return None
    named = [one for one in wanted.mentions if not one.forbidden]
    if today.effect is Effect.BASELINE_ONLY and not named:
        alert = next(one for one in sorted(today.alerts, key=_worst) if one.effect is Effect.BASELINE_ONLY)
        return Clash(
            Reason.WITHHELD, alert.rule, f"only the baseline set while this stands: {alert.title}", wanted.said or "exercise",
            evidence=alert.evidence, sources=alert.sources, title=alert.title,
        )  # fmt: skip
    if today.order_refusal and not _is_supervised(order, wanted) and not _is_long_past(today):
        return Clash(Reason.AGREE_FIRST, AGREE_FIRST, today.order_refusal, wanted.said or "exercise")
    return None


def _worst(alert: Alert) -> int:
    return EFFECT_ORDER.index(alert.effect)


def _is_long_past(advice: Advice) -> bool:
    return any(one.rule == _LONG_PAST for one in advice.data_quality)


def _restricted(wanted: Wanted, plans: Sequence[Plan]) -> list[Clash]:
    """Give the activities that a restriction in force forbids, with the first week in which it no longer says so."""
    clashes = []
    for activity, said in wanted.activities:
        for plan in plans:
            for restriction, sentence in plan.restrictions:
                if sentence in activity.sentences:
                    week = _free_from(plan, activity.sentences, restriction.topic)
                    clashes.append(
                        Clash(
                            Reason.RESTRICTED,
                            RESTRICTION,
                            f"{restriction.topic.lower()}: {sentence}",
                            said,
                            from_week=week,
                            earliest=plan.opens(week),
                            sources=restriction.sources,
                        )  # fmt: skip
                    )
    return clashes


def _free_from(plan: Plan, sentences: Sequence[str], topic: str) -> int | None:
    """The first week after which none of *sentences* is said any more under *topic*; None where it has no end."""
    steps = [
        step.to_week
        for one in plan.protocol.restrictions
        if one.topic == topic
        for step in one.steps
        if step.say in sentences
    ]
    ends = [week for week in steps if week is not None]
    return max(ends) if len(ends) == len(steps) else None
