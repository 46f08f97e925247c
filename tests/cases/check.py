"""Hold what `explain` says against what a story expects. Collects every difference, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

UNIVERSAL = frozenset({
    "diaphragmatic_breathing", "deep_breathing_expansion", "ankle_pumps", "ankle_circles", "quad_sets", "glute_sets",
    "relaxation", "log_roll", "sit_to_stand", "neutral_spine_posture", "walking_short", "stairs_practice",
})  # fmt: skip
"""Dossier section 0, BASELINE_ONLY: written here again, because a test that asks our own file proves nothing."""
Told = Mapping[str, Any]


def differences(told: Told, expect: Told) -> list[str]:
    """Give each expectation that *told* (the JSON of explain) does not meet, as a sentence; none where all are met."""
    return [fault for key, wanted in expect.items() for fault in _CHECKS[key](told, wanted)]


def _same(key: str) -> Callable[[Told, Any], Iterable[str]]:
    """One fact of the only operation."""

    def check(told: Told, wanted: Any) -> Iterable[str]:
        found = [one[key] for one in told["operations"]]
        wanted = wanted if isinstance(wanted, list) and key != "levels" else [wanted]
        if sorted(map(str, found)) != sorted(map(str, wanted)):
            yield f"{key}: {found} instead of {wanted}"

    return check


def _effect(told: Told, wanted: str) -> Iterable[str]:
    found = told["effect"] or "none"
    if found != wanted:
        yield f"effect: {found} instead of {wanted}"


def _must_show(told: Told, wanted: list[str]) -> Iterable[str]:
    held = {one["exercise"]: f"{one['rule']}: {one['because']}" for one in told["withheld"]}
    for one in wanted:
        if one not in told["exercises"]:
            yield f"{one} is not shown ({held.get(one) or 'supervised only'})"


def _must_not_show(told: Told, wanted: list[str]) -> Iterable[str]:
    yield from (f"{one} is shown" for one in wanted if one in told["exercises"] or one in told["supervised"])


def _supervised(told: Told, wanted: list[str]) -> Iterable[str]:
    for one in wanted:
        if one not in told["supervised"] or one in told["exercises"]:
            yield f"{one} is not in the supervised list alone"


def _withheld(told: Told, wanted: Mapping[str, str]) -> Iterable[str]:
    found = {one["exercise"]: one["rule"] for one in told["withheld"]}
    for exercise, rule in wanted.items():
        if found.get(exercise) != rule:
            yield f"{exercise} is withheld by {found.get(exercise)} instead of {rule}"


def _clearance(told: Told, wanted: list[str]) -> Iterable[str]:
    yield from (f"{one} does not wait for clearance" for one in wanted if one not in told["clearance"])


def _alerts(told: Told, wanted: Mapping[str, str]) -> Iterable[str]:
    found = {one["rule"]: f"{one['severity']} {one['effect']}" for one in told["alerts"]}
    for rule, answer in wanted.items():
        if found.get(rule) != answer:
            yield f"{rule}: {found.get(rule) or _quiet_because(told, rule)} instead of {answer}"


def _quiet_because(told: Told, rule: str) -> str:
    silent = [f"unknown ({one['because']})" for one in told["unknown"] if one["rule"] == rule]
    silent += [f"{one['answer']} ({one['because']})" for one in told["trace"] if one["rule"] == rule]
    return silent[0] if silent else "not asked"


def _silent(told: Told, wanted: list[str]) -> Iterable[str]:
    """The rule was asked, was answered, and has nothing to say."""
    for rule in wanted:
        loud = [one for one in told["alerts"] if one["rule"] == rule]
        held = [one for one in told["withheld"] if one["rule"] == rule]
        if loud or held:
            yield f"{rule} speaks: {loud[0]['because'] if loud else 'withholds ' + held[0]['exercise']}"
        if any(one["rule"] == rule for one in told["unknown"]):
            yield f"{rule} is unknown, not silent: {_quiet_because(told, rule)}"


def _unknown(told: Told, wanted: list[str]) -> Iterable[str]:
    found = {one["rule"] for one in told["unknown"]}
    yield from (
        f"{rule} does not stand as unknown: {_quiet_because(told, rule)}" for rule in wanted if rule not in found
    )


def _not_unknown(told: Told, wanted: list[str]) -> Iterable[str]:
    found = {one["rule"]: one["because"] for one in told["unknown"]}
    yield from (f"{rule} stands as unknown: {found[rule]}" for rule in wanted if rule in found)


def _quality(told: Told, wanted: list[str]) -> Iterable[str]:
    found = {one["rule"] for one in told["dataQuality"]}
    yield from (f"{rule} is not told; told: {sorted(found)}" for rule in wanted if rule not in found)


def _no_quality(told: Told, wanted: list[str]) -> Iterable[str]:
    found = {one["rule"]: one["because"] for one in told["dataQuality"]}
    yield from (f"{rule} is told: {found[rule]}" for rule in wanted if rule in found)


def _modifiers(told: Told, wanted: list[str]) -> Iterable[str]:
    found = " | ".join(one["say"] for one in told["modifiers"])
    yield from (f"no modifier says {one!r}: {found}" for one in wanted if one.lower() not in found.lower())


def _no_modifiers(told: Told, wanted: list[str]) -> Iterable[str]:
    found = " | ".join(one["say"] for one in told["modifiers"])
    yield from (f"a modifier says {one!r}" for one in wanted if one.lower() in found.lower())


def _cards(told: Told, wanted: list[str]) -> Iterable[str]:
    found = [one["indicator"] for one in told["cards"]]
    if found != wanted:
        yield f"cards: {found} instead of {wanted}: {[one['summary'] for one in told['cards']]}"


def _no_card(told: Told, wanted: bool) -> Iterable[str]:
    if bool(told["cards"]) is wanted:
        yield f"cards: {[one['summary'] for one in told['cards']]}"


def _texts(told: Told) -> str:
    return "\n".join(f"{one['summary']}\n{one['detail']}" for one in told["cards"]).replace("\\", "").replace("**", "")


def _card_says(told: Told, wanted: list[str]) -> Iterable[str]:
    yield from (f"no card says {one!r}:\n{_texts(told)}" for one in wanted if one.lower() not in _texts(told).lower())


def _card_silent_on(told: Told, wanted: list[str]) -> Iterable[str]:
    yield from (f"a card says {one!r}:\n{_texts(told)}" for one in wanted if one.lower() in _texts(told).lower())


def _order(told: Told, wanted: str) -> Iterable[str]:
    refused = told["orderRefusal"] is not None
    if refused is not (wanted == "refused"):
        yield f"a programme as an order: {told['orderRefusal'] or 'free'} instead of {wanted}"


def _only(told: Told, wanted: str) -> Iterable[str]:
    shown = {*told["exercises"], *told["supervised"]}
    allowed = {"universal": UNIVERSAL, "nothing": frozenset()}[wanted]
    if wanted == "nothing" and shown or shown - allowed:
        yield f"shows {sorted(shown - allowed)} beyond {wanted}"
    if wanted == "universal" and not shown:
        yield "shows nothing instead of the universal set"


def _why(told: Told, wanted: Mapping[str, Any]) -> Iterable[str]:
    """What is said of a rule or of a withheld exercise."""
    said: dict[str, str] = {}
    for one in (*told["alerts"], *told["unknown"], *told["dataQuality"], *told["trace"]):
        said[one["rule"]] = f"{said.get(one['rule'], '')} {one['because']} {one.get('say', '')} {one.get('do', '')}"
    said |= {one["exercise"]: one["because"] for one in told["withheld"]}
    for key, words in wanted.items():
        for part in words if isinstance(words, list) else [words]:
            if part.lower() not in said.get(key, "").lower():
                yield f"{key} does not say {part!r}: {said.get(key)}"


def _limits(told: Told, wanted: list[str]) -> Iterable[str]:
    found = " | ".join(one["say"] for plan in told["plans"] for one in plan["restrictions"])
    yield from (f"no limit says {one!r}: {found}" for one in wanted if one.lower() not in found.lower())


def _limits_gone(told: Told, wanted: list[str]) -> Iterable[str]:
    found = " | ".join(one["say"] for plan in told["plans"] for one in plan["restrictions"])
    yield from (f"a limit still says {one!r}: {found}" for one in wanted if one.lower() in found.lower())


def _next_test(told: Told, wanted: Any) -> Iterable[str]:
    found = [plan["nextTest"] and plan["nextTest"]["week"] for plan in told["plans"]]
    wanted = [None if one == "none" else one for one in (wanted if isinstance(wanted, list) else [wanted])]
    if found != wanted:
        yield f"next test at week {found} instead of {wanted}"


def _instruction(told: Told, wanted: str) -> Iterable[str]:
    found = " | ".join(one.get("value", "") for one in told["surgeonInstructions"])
    if wanted not in found:
        yield f"the surgeon's instruction {wanted!r} is not told: {found!r}"


def _quiet(told: Told, wanted: bool) -> Iterable[str]:
    if wanted and told["alerts"]:
        yield f"alerts: {[one['rule'] for one in told['alerts']]}"


def _unread(told: Told, wanted: list[str]) -> Iterable[str]:
    found = [one["resourceType"] for one in told["unread"]]
    if sorted(map(str, found)) != sorted(wanted):
        yield f"unread: {found} instead of {wanted}"


def _gaps(told: Told, wanted: list[str]) -> Iterable[str]:
    found = [one["kind"] for one in told["gaps"]]
    if sorted(found) != sorted(wanted):
        yield f"gaps: {found} instead of {wanted}"


_CHECKS: dict[str, Callable[[Told, Any], Iterable[str]]] = {
    "operation": _same("surgeryType"), "day": _same("postOpDay"), "week": _same("completedWeek"),
    "effective_week": _same("effectiveWeek"), "phase": _same("phase"), "region": _same("region"),
    "levels": _same("levels"), "fusion": _same("fusion"), "revision": _same("revision"),
    "instrumented": _same("instrumented"), "date_taken": _same("date"), "effect": _effect, "must_show": _must_show,
    "must_not_show": _must_not_show, "supervised": _supervised, "withheld": _withheld, "clearance": _clearance,
    "alerts": _alerts, "silent": _silent, "unknown": _unknown, "not_unknown": _not_unknown, "data_quality": _quality,
    "no_data_quality": _no_quality, "modifiers": _modifiers, "no_modifiers": _no_modifiers, "cards": _cards,
    "no_card": _no_card, "card_says": _card_says, "card_silent_on": _card_silent_on, "order": _order, "only": _only,
    "why": _why, "limits": _limits, "restrictions_gone": _limits_gone, "next_test": _next_test,
    "instruction": _instruction, "quiet": _quiet, "unread": _unread, "gaps": _gaps,
}  # fmt: skip
