"""The exercise-programme card: what fits now with its dose, what waits and why, the limits, the next step."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from operator import attrgetter, is_
from typing import Any
from urllib.parse import urlencode

from cds_service.cards.card import Card
from cds_service.cards.markdown import fixed, plain, plain_after, table
from cds_service.cards.phrases import (
    alert_text,
    card_source,
    could_not_check,
    draft_line,
    evidence_as_json,
    extension,
    fact,
    override_reasons,
    summary,
)  # fmt: skip
from cds_service.clinical.advice import Advice, Alert, Allowed, Plan, Unknown, Withheld
from cds_service.clinical.follow_up import FollowUp
from cds_service.clinical.operation import Basis
from cds_service.clinical.take_home import take_home
from cds_service.knowledge.model import Effect, Knowledge, Permission, Severity
from cds_service.orders.call import CallFacts, Link
from cds_service.orders.ids import card_uuid
from cds_service.orders.offers import Offers, order_refusal, programme_offers
from cds_service.orders.suggestion import Suggestion
from cds_service.orders.words import (
    exercise_name,
    lower_first,
    operation_name,
    operation_text,
    phase_number,
    short_exercise_name,
    weeks_text,
    with_names,
)  # fmt: skip
from cds_service.patient.chart_text import one_line
from cds_service.wire.mould import stand_in

KIND = "exercise-programme"
SHEET_LABEL = "Patient sheet"
MATRIX = "MATRIX"
"""Stands where a rule id would: the protocol's own weeks."""

# A bracket in a dose that tells what some source says ("(a UK leaflet: 5 repetitions)").
_REMARK = re.compile(r" \([^()]*[:;] [^()]*\)")
_NAMES_IN_A_GROUP = 3
_GROUPS = 5
_ALSO_NAMED = 8
TO_CONFIRM = (Basis.TEXT, Basis.CONFLICTING)
_UNCHECKED_SIGNS_MOST = 700
_MANY = 30
"""So many that names would say less than their number."""


def programme_card(
    advice: Advice,
    knowledge: Knowledge,
    call: CallFacts,
    phases: tuple[str, ...],
    kind: str = KIND,
    more: Sequence[str] = (),
    due: FollowUp | None = None,
) -> Card | None:
    """Give the card, None where nothing may be listed (STOP_ALL, or no operation with a week).

    *more* are parts of the detail that a card of another *kind* adds; *due* is the follow-up of a patient who goes home.
    """
    plans = tuple(plan for plan in advice.plans if plan.operation.completed_week is not None)
    if not plans or advice.effect is Effect.STOP_ALL or not (advice.programme or advice.exercises):
        return None
    rules = _rules(advice)
    own = patient_specific(advice)
    uuid = card_uuid(call, kind, rules, phases, advice.knowledge_version)
    offers = Offers() if is_long_past(advice) else programme_offers(advice, knowledge, call, uuid, due)
    evidence = [one for plan in plans for one in plan.operation.evidence]
    evidence += [one for alert in advice.alerts for one in alert.evidence]
    evidence += [one for modifier in advice.modifiers for one in modifier.evidence]
    shown = Shown(
        uuid,
        summary_text(advice, plans, own),
        _detail(advice, knowledge, plans, offers, own, more),
        offers.suggestions,
        rules,
        evidence_as_json(evidence),
    )
    return put_together(shown, advice, knowledge, call, plans, kind)


@dataclass(frozen=True, slots=True)
class Shown:
    """What of a programme card is worked out from this patient's advice."""

    uuid: str
    summary: str
    detail: str
    suggestions: tuple[Suggestion, ...]
    rules: Any
    evidence: Any


def put_together(
    shown: Shown, advice: Advice, knowledge: Knowledge, call: CallFacts, plans: tuple[Plan, ...], kind: str
) -> Card:
    """Give the card that shows *shown*, with its source, its links and what a clinician may tick."""
    return Card(
        uuid=shown.uuid,
        summary=shown.summary,
        detail=shown.detail,
        indicator="info",
        source=card_source(knowledge, advice, _carrying(plans), kind, call.service_base_url),
        override_reasons=override_reasons(kind),
        suggestions=shown.suggestions,
        selection_behavior="at-most-one" if shown.suggestions else None,
        links=(*call.links, *_sheet_link(advice, knowledge, call)),
        extension=extension(kind, shown.rules, advice.knowledge_version, shown.evidence),
    )


def _sheet_link(advice: Advice, knowledge: Knowledge, call: CallFacts) -> tuple[Link, ...]:
    """The programme as a page for the patient; its address tells the type, the week and the exercises, nothing else."""
    languages = knowledge.sheets.languages
    printed = take_home(advice)
    if printed is None or not languages:
        return ()
    spoken = call.language.partition("-")[0].lower()
    language = spoken if spoken in languages else next(iter(languages))
    asked = (printed.surgery_type, printed.week, printed.exercises, language)
    query = knowledge.once(("sheet query", *asked), lambda: _sheet_query(*asked))
    return (Link(SHEET_LABEL, f"{call.service_base_url}/handout?{query}"),)


def _sheet_query(surgery_type: str, week: int, exercises: Sequence[str], language: str) -> str:
    told = {"surgery": surgery_type, "week": week, "exercises": ",".join(exercises), "language": language}
    return urlencode(told, safe=",")


def _carrying(plans: tuple[Plan, ...]) -> list[str]:
    """Sources of the trials and reviews on rehabilitation after this operation, where the protocol names them; else the
    protocol's own."""
    found = [key for plan in plans for statement in plan.protocol.evidence for key in statement.sources]
    return found or [key for plan in plans for key in plan.protocol.sources]


def _rules(advice: Advice) -> list[str]:
    told = [one.rule for one in advice.alerts] + [one.rule for one in advice.modifiers]
    told += [one.rule for one in advice.data_quality]
    return list(dict.fromkeys(told))


def summary_text(advice: Advice, plans: tuple[Plan, ...], own: Sequence[Withheld], operation: str | None = None) -> str:
    """Give the summary, which calls the only operation *operation*, or else by its own name and levels."""
    if len(plans) > 1:
        first = " + ".join(f"{operation_name(one.protocol)} week {one.operation.completed_week}" for one in plans)
        return summary(f"{first}: only what both allow", *_tail(advice, plans, own))
    plan = plans[0]
    place = f"{operation or operation_text(plan)}, week {plan.operation.completed_week}"
    if plan.phase is None:
        return summary(f"{place}: exercise programme", *_tail(advice, plans, own))
    number = f"phase {phase_number(plan.phase)} " if len(plan.protocol.phases) > 1 else ""
    if is_long_past(advice):
        return summary(f"{place}: long past, general advice only")
    if order_refusal(advice):
        return summary(f"{place}: {number}list to agree with the surgeon first", *_tail(advice, plans, own))
    return summary(f"{place}: {number}programme ready", *_tail(advice, plans, own))


def _tail(advice: Advice, plans: tuple[Plan, ...], own: Sequence[Withheld]) -> list[str]:
    """Parts after the first one: what is particular of this patient, else the next gate."""
    if advice.effect is Effect.BASELINE_ONLY:
        return ["; baseline set only while the alert stands"]
    told = []
    slowed = [one.title for one in advice.alerts if one.effect is Effect.NO_PROGRESSION]
    if slowed:
        told.append(f"; no progression for now ({lower_first(slowed[0])})")
    held = [one for one in own if _rule_title(advice, one.rule)]
    if held:
        told.append(f"; {len(held)} held back ({lower_first(_rule_title(advice, held[0].rule))})")
    gates = [plan.next_test.week for plan in plans if plan.next_test is not None and plan.next_test.week is not None]
    if not told and gates:
        told.append(f"; next gate week {min(gates)}")
    return told


def _detail(
    advice: Advice,
    knowledge: Knowledge,
    plans: tuple[Plan, ...],
    offers: Offers,
    own: Sequence[Withheld],
    more: Sequence[str] = (),
) -> str:
    unchecked = unchecked_text(advice, knowledge)
    question = _page_question(advice, knowledge, plans, offers, own, more)
    if question is not None:
        page = knowledge.kept((*question, bool(unchecked)), lambda: _page(advice, knowledge, plans, bool(unchecked)))
        if all(map(is_, page.lists, lists_told(advice))):
            return f"{page.before}{unchecked}{page.after}"
    return write_detail(advice, knowledge, plans, offers, own, more, unchecked)


@dataclass(frozen=True, slots=True)
class _Page:
    """The text of a programme on an ordinary day, but for what could not be checked: it stands between the two parts.

    *lists* are those of the advice that it tells.
    """

    lists: tuple[tuple[Any, ...], ...]
    before: str
    after: str


def lists_told(advice: Advice) -> tuple[tuple[Any, ...], ...]:
    return (advice.exercises, advice.supervised, advice.clearance, advice.withheld, advice.programme)


def _page_question(
    advice: Advice,
    knowledge: Knowledge,
    plans: tuple[Plan, ...],
    offers: Offers,
    own: Sequence[Withheld],
    more: Sequence[str],
) -> tuple[Any, ...] | None:
    """Tell what the text follows from, in ids and sentences of ours; None where more of this patient stands in it."""
    plan = plans[0]
    operation = plan.operation
    if (
        advice.lists_of is None
        or len(plans) > 1
        or plan.phase is None
        or plan.protocol is not knowledge.protocols.get(plan.protocol.id)
    ):
        return None
    if advice.alerts or advice.modifiers or advice.surgeon_instructions or advice.order_refusal or advice.effect:
        return None
    if own or more or offers.notes or operation.shift_weeks or operation.date_is_partial or is_long_past(advice):
        return None
    if operation.alternatives or operation.basis in TO_CONFIRM:
        return None
    test = plan.next_test
    return (
        "page", advice.lists_of, advice.knowledge_version, advice.draft_knowledge, plan.phase.id, test and test.week,
        tuple([say for _, say in plan.restrictions]),
    )  # fmt: skip


def _page(advice: Advice, knowledge: Knowledge, plans: tuple[Plan, ...], something_unchecked: bool) -> _Page:
    gap = stand_in("unchecked") if something_unchecked else ""
    text = write_detail(advice.but(data_quality=()), knowledge, plans, Offers(), (), (), gap)
    before, _, after = text.partition(gap) if gap else (text, "", "")
    return _Page(lists_told(advice), before, after)


def write_detail(
    advice: Advice,
    knowledge: Knowledge,
    plans: tuple[Plan, ...],
    offers: Offers,
    own: Sequence[Withheld],
    more: Sequence[str],
    unchecked: str,
) -> str:
    parts = [f"**{_heading(advice, plans)}**"]
    parts += [_instruction(advice)] if advice.surgeon_instructions else []
    if advice.programme and not is_long_past(advice):
        rows = [(fixed(exercise_name(knowledge, one.exercise), 80), _dose(one)) for one in advice.programme]
        parts.append(table(("Exercise", "Dose"), rows))
    parts.append("\n".join(f"- {line}" for line in _lines(advice, knowledge, plans, offers, own, unchecked)))
    parts += more
    footer = ["The surgeon's own instruction overrides this list.", draft_line(advice)]
    parts.append(" ".join(filter(None, footer)))
    return "\n\n".join(parts)


def is_long_past(advice: Advice) -> bool:
    """DQ08: the only operation lies so far back that a table of exercises would be noise."""
    if "DQ08" not in [one.rule for one in advice.data_quality]:
        return False
    return all(
        plan.operation.completed_week is None or plan.phase is None or plan.phase.to_week is None
        for plan in advice.plans
    )


def _heading(advice: Advice, plans: tuple[Plan, ...]) -> str:
    if is_long_past(advice):
        return "Long past: general advice only"
    refusal = order_refusal(advice)
    if refusal:
        why = lower_first(refusal.split("; ")[0].split(": ")[0])
        return f"To agree with the surgeon first: {fixed(why, 200)}"
    if advice.effect is Effect.BASELINE_ONLY:
        return "Now: the baseline set only, while the alert stands"
    if len(plans) > 1:
        return "Now: only what every operation allows, each with its own week"
    plan = plans[0]
    if plan.phase is None:
        return "Now"
    return f"Now, {weeks_text(plan.phase)}: {fixed(plan.phase.goal, 200)}"


def _instruction(advice: Advice) -> str:
    told = "; ".join(plain(fact(one), 300) for one in advice.surgeon_instructions[:3])
    return f"**The surgeon's instruction in the chart comes first:** {told}"


def _dose(one: Allowed) -> str:
    """The dose without its remarks; the full sentence stands in `explain`."""
    dose = _without_remarks(one.dose)
    return f"{dose} ({plain(one.caution, 160)})" if one.caution else dose


@lru_cache(maxsize=512)
def _without_remarks(dose: str) -> str:
    """Give a dose of the catalogue as Markdown, made once."""
    return fixed(_REMARK.sub("", dose).split("; ")[0], 200)


def _lines(
    advice: Advice,
    knowledge: Knowledge,
    plans: tuple[Plan, ...],
    offers: Offers,
    own: Sequence[Withheld],
    unchecked: str,
) -> Iterable[str]:
    if len(plans) > 1 or plans[0].operation.shift_weeks or plans[0].operation.date_is_partial:
        yield "**Counted:** " + "; ".join(_counted(plan) for plan in plans) + "."
    for plan in plans:
        if plan.operation.basis in TO_CONFIRM or plan.operation.alternatives:
            yield "**Operation to confirm:** " + _doubt(plan, knowledge) + "."
    for alert in _quiet(advice):
        yield f"**{plain(alert.title, 100)}:** {alert_text(alert, knowledge, alert.rule)}"
    named = {alert.rule for alert in advice.alerts}
    modifiers = list(dict.fromkeys(one.say for one in advice.modifiers if one.rule not in named))
    if modifiers:
        yield "**Changed for this patient:** " + "; ".join(plain(one, 200).rstrip(".") for one in modifiers) + "."
    if advice.supervised:
        yield "**With a therapist only:** " + _names(knowledge, [one.exercise for one in advice.supervised]) + "."
    held = _held_back(advice, knowledge, own)
    if held:
        yield "**Held back:** " + " · ".join(held) + "."
    clearance = [one.exercise for one in advice.clearance]
    if len(clearance) > _MANY:
        yield f"**Needs the surgeon's clearance:** everything else ({len(clearance)} exercises)."
    elif clearance:
        yield "**Needs the surgeon's clearance:** " + _names(knowledge, clearance, _NAMES_IN_A_GROUP) + "."
    yield from limits(plans)
    for plan in plans:
        if plan.next_test is not None and not _no_progress(advice):
            week = f", week {plan.next_test.week}" if plan.next_test.week is not None else ""
            after = f" ({operation_name(plan.protocol)})" if len(plans) > 1 else ""
            yield f"**Next step{week}{after}:** {fixed(plan.next_test.say, 400).rstrip('.')}."
    if unchecked:
        yield f"**Could not check:** {unchecked}."
    shown = set() if is_long_past(advice) else {one.exercise for one in advice.programme}
    newest = sorted(advice.exercises, key=attrgetter("since_week"), reverse=True)
    also = [one.exercise for one in newest if one.exercise not in shown]
    if also:
        label = "Also fits" if shown else "Always fits"
        yield f"**{label} ({len(also)}):** " + _names(knowledge, also, _ALSO_NAMED) + "."
    for note in offers.notes:
        yield f"**Orders:** {plain(note, 300)}"


def limits(plans: tuple[Plan, ...]) -> Iterable[str]:
    """The restrictions of the week, told for each operation; of two that differ the stricter holds."""
    several = len(plans) > 1
    for plan in plans:
        limits = "; ".join(fixed(say, 240).rstrip(".") for _, say in plan.restrictions)
        if limits:
            after = f" ({lower_first(operation_name(plan.protocol))}; the stricter holds)" if several else ""
            yield f"**Limits this week{after}:** {limits}."


def _no_progress(advice: Advice) -> bool:
    return advice.effect in (Effect.NO_PROGRESSION, Effect.BASELINE_ONLY) or any(
        one.effect is Effect.NO_PROGRESSION for one in advice.alerts
    )


def _counted(plan: Plan) -> str:
    operation = plan.operation
    counted = f", counted as week {operation.effective_week}" if operation.shift_weeks else ""
    day = f" on {operation.date.isoformat()}" if operation.date else ""
    if operation.date_is_partial:
        day += f" (recorded as {operation.date_as_recorded}: the latest day it allows)"
    phase = f", phase {phase_number(plan.phase)}" if plan.phase else ""
    return plain(f"{operation_text(plan)}{day}: week {operation.completed_week}{counted}{phase}", 200)


def _doubt(plan: Plan, knowledge: Knowledge) -> str:
    operation = plan.operation
    said = "; ".join(operation.because) or "the record does not say enough"
    alternatives = with_names(", ".join(operation.alternatives), knowledge)
    told = plain(with_names(said, knowledge), 300).rstrip(".")
    return told + (f"; could also be {plain(alternatives, 160)}" if alternatives else "")


def _quiet(advice: Advice) -> list[Alert]:
    """Alerts that have no card of their own and change something."""
    return [
        one
        for one in advice.alerts
        if one.severity is Severity.INFO and one.effect is not Effect.INFO or one.severity is Severity.INFO and one.say
    ]


def patient_specific(advice: Advice) -> list[Withheld]:
    """What waits for a reason of this patient's own, not because of the protocol's weeks."""
    cleared = {one.exercise for one in advice.clearance}
    return [one for one in advice.withheld if one.rule not in (MATRIX, "DQ08") and one.exercise not in cleared]


def _rule_title(advice: Advice, rule: str) -> str:
    return next((one.title for one in advice.alerts if one.rule == rule), "")


def _held_back(advice: Advice, knowledge: Knowledge, own: Sequence[Withheld]) -> list[str]:
    """Groups of withheld exercises: this patient's own reasons first, then the next weeks, then what never comes."""
    told = []
    if own:
        reasons = _grouped(sorted(own, key=lambda one: one.from_week or 0), _own_reason(advice))
        told = [_group(knowledge, names, reason) for reason, names in reasons.items()]
    cleared = {one.exercise for one in advice.clearance}
    by_matrix = [one for one in advice.withheld if one.rule == MATRIX and one.exercise not in cleared]
    operations = frozenset([one.surgery_type for one in advice.operations])
    question = (
        "held back by the matrix", operations, tuple([one.exercise for one in by_matrix]),
        tuple([one.from_week for one in by_matrix]), tuple([one.because for one in by_matrix]),
    )  # fmt: skip
    weeks, never = knowledge.kept(question, lambda: _by_matrix(by_matrix, operations, knowledge))
    room = max(_GROUPS - len(told) - len(never), 1)
    told += [group for group, _ in weeks[:room]]
    told += never
    later = sum([number for _, number in weeks[room:]])
    return [*told, f"{later} more later"] if later else told


def _by_matrix(
    withheld: Sequence[Withheld], operations: Collection[str], knowledge: Knowledge
) -> tuple[list[tuple[str, int]], list[str]]:
    """What the protocols themselves hold back: groups by week with their numbers of exercises, then what never comes."""
    waiting = sorted((one for one in withheld if one.from_week is not None), key=lambda one: one.from_week or 0)
    weeks = _grouped(waiting, lambda one: f"from week {one.from_week}")
    never = _grouped((one for one in withheld if one.from_week is None), _never_reason(operations, knowledge))
    return (
        [(_group(knowledge, names, reason), len(names)) for reason, names in weeks.items()],
        [_group(knowledge, names, reason) for reason, names in never.items()],
    )


def _group(knowledge: Knowledge, exercises: Sequence[str], reason: str) -> str:
    return f"{_names(knowledge, exercises, _NAMES_IN_A_GROUP)} ({plain(reason, 160)})"


def _grouped(withheld: Iterable[Withheld], reason: Callable[[Withheld], str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for one in withheld:
        groups.setdefault(reason(one), []).append(one.exercise)
    return groups


def _own_reason(advice: Advice) -> Callable[[Withheld], str]:
    def reason(one: Withheld) -> str:
        title = lower_first(_rule_title(advice, one.rule)) or lower_first(one.because.rstrip("."))
        if one.from_week is not None and _rule_title(advice, one.rule):
            return f"{title}: from week {one.from_week}, {one.rule}"
        return f"{title}, {one.rule}"

    return reason


def _never_reason(operations: Collection[str], knowledge: Knowledge) -> Callable[[Withheld], str]:
    """The operations that forbid it for ever, by their short names, be they old ones; else the reason as given."""

    def reason(one: Withheld) -> str:
        forbidding = [
            lower_first(operation_name(protocol))
            for protocol in knowledge.protocols.values()
            if protocol.first_weeks[one.exercise].permission is Permission.NEVER
            and (protocol.id in operations or one.because.endswith(lower_first(operation_name(protocol))))
        ]
        return f"never after {' or '.join(forbidding)}" if forbidding else lower_first(one.because.rstrip("."))

    return reason


def unchecked_text(advice: Advice, knowledge: Knowledge) -> str:
    """What the record could not answer and what of it could not be used, as Markdown; "" where there is neither."""
    not_usable = "; ".join([one.because.rstrip(".") for one in advice.data_quality if one.rule in ("DQ09", "DQ11")])
    open_ = [one for one in advice.unknown if one.matters]
    # Nearly always whole rules in their own words, so put together only once.
    question = ("could not check", *[(one.rule, one.group) for one in open_])
    ours = knowledge.kept(question, lambda: _in_own_words(open_, knowledge))
    if ours.says == [one.say for one in open_]:
        if not not_usable:
            return ours.shown
        if ours.line:
            return plain_after(ours.line, ours.shown, not_usable, _UNCHECKED_SIGNS_MOST)
    told = could_not_check(open_)
    return plain("; ".join([*told, not_usable] if not_usable else told), _UNCHECKED_SIGNS_MOST)


@dataclass(frozen=True, slots=True)
class _InOwnWords:
    """What rules that cannot be asked *say* in knowledge, and what a card makes of it: the line, "" where it is none yet, and
    its Markdown."""

    says: list[str]
    line: str
    shown: str


def _in_own_words(unknown: Sequence[Unknown], knowledge: Knowledge) -> _InOwnWords:
    words = {rule.id: rule.if_unknown for rule in knowledge.rules}
    ours = [replace(one, say=words.get(one.rule, "")) for one in unknown]
    told = "; ".join(could_not_check(ours))
    line = told if told == one_line(told, _UNCHECKED_SIGNS_MOST) else ""
    return _InOwnWords([one.say for one in ours], line, plain(told, _UNCHECKED_SIGNS_MOST))


def _names(knowledge: Knowledge, exercises: Sequence[str], most: int = 12) -> str:
    shown = ", ".join([fixed(short_exercise_name(knowledge, one), 80) for one in exercises[:most]])
    return f"{shown} + {len(exercises) - most} more" if len(exercises) > most else shown
