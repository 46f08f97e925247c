"""Phrases that several cards share: summaries that fit, facts with value and time, sources, override reasons."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from cds_service.cards.card import EXTENSION_KEY, SUMMARY_LIMIT, CardSource, Coding
from cds_service.cards.markdown import fixed, plain, readable
from cds_service.clinical.advice import Advice, Alert, Unknown
from cds_service.knowledge.canonical import CARD_TOPICS, topic_system
from cds_service.knowledge.model import Knowledge, Source
from cds_service.orders.words import lower_first, with_names
from cds_service.patient.chart_text import known_line, moment_text, one_line
from cds_service.patient.finding import Evidence
from cds_service.wire.mould import Full
from cds_service.wire.response import ready

_NON_ADHERENCE = "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"
_REASONS = {
    "expert-contradicts": "Advice from expert contradicts the recommended action",
    "patient-contraindication": "Patient has contraindication to recommended action",
    "action-completed": "Recommended action was already completed",
    "risk-benefit-ratio": "Recipient assessment of risk/benefit ratio",
    "patient-ineligible": "Patient does not meet eligibility for recommended action",
    "need-more-info": (
        "Could not address recommended action due to need for more information/pending results/pending consult"
    ),
    "inappropriate-recipient": "PC CDS delivered to inappropriate recipient/role",
}
_REASONS_BY_KIND = {
    # The surgeon's own instruction is the reason we expect most: it stands first on a programme.
    "exercise-programme": (
        "expert-contradicts", "patient-contraindication", "action-completed", "risk-benefit-ratio", "need-more-info",
    ),
    "red-flag": (
        "action-completed", "risk-benefit-ratio", "patient-ineligible", "need-more-info", "inappropriate-recipient",
    ),
    "record-gap": (
        "need-more-info", "action-completed", "patient-ineligible", "inappropriate-recipient", "expert-contradicts",
    ),
    "order-check": (
        "expert-contradicts", "risk-benefit-ratio", "patient-contraindication", "action-completed", "need-more-info",
    ),
    "appointment-check": (
        "expert-contradicts", "risk-benefit-ratio", "action-completed", "patient-ineligible", "need-more-info",
    ),
    "follow-up": (
        "action-completed", "expert-contradicts", "patient-ineligible", "inappropriate-recipient", "need-more-info",
    ),
    "going-home": (
        "expert-contradicts", "patient-contraindication", "action-completed", "risk-benefit-ratio", "need-more-info",
    ),
}  # fmt: skip


# The two ways in which cards/safety says that a question could not be asked.
_NONE_IN_SPAN = re.compile(r"No (?P<what>[^;.]+?) in the last (?P<span>[^;.]+)(?:; (?P<todo>[^.]+))?\.?\Z")
_NOT_CHECKED = re.compile(r"(?P<what>[^;.]+?) could not be checked(?: together)?(?:; (?P<todo>[^.]+))?\.?\Z")

_TAG_START = re.compile(r"<(?=[A-Za-z/!?])")


def summary(first: str, *more: str) -> str:
    """Give one sentence of at most 139 characters: *first*, and each of *more* that still fits, in order."""
    text = readable(one_line(first, SUMMARY_LIMIT - 1)).rstrip(".")
    for part in more:
        part = readable(one_line(part, SUMMARY_LIMIT))
        if part and len(text) + len(part) < SUMMARY_LIMIT:
            text += part.rstrip(".")
    if len(text) >= SUMMARY_LIMIT:
        text = text[: SUMMARY_LIMIT - 2].rstrip() + "…"
    # A summary is no Markdown and must not be HTML either, for clients that forget to escape it.
    if "<" in text:
        text = _TAG_START.sub("‹", text)
    return text if text.endswith("…") else text + "."


def fact(evidence: Evidence, beside: str = "") -> str:
    """Give what was seen, its value and its time, as plain text ("Body temperature 39.2 °C, 2026-05-20 07:30").

    Next to the heading *beside* the same words are not said again.
    """
    words = one_line(evidence.what, 100)
    if beside and words.lower() in beside.lower():
        words = "" if evidence.value else "recorded"
    if evidence.value:
        words += f" {one_line(evidence.value, 60)}"
    when = moment_text(evidence.date)
    return readable(words.strip()) + (f", {when}" if when else "")


def facts(evidence: Iterable[Evidence], most: int = 3, beside: str = "") -> list[str]:
    """Give the facts without repeats, at most *most* of them and then how many more there are."""
    found = list(dict.fromkeys(fact(one, beside) for one in evidence))
    if len(found) > most:
        return [*found[:most], f"{len(found) - most} more"]
    return found


def alert_text(alert: Alert, knowledge: Knowledge, also: str = "") -> str:
    """Give what an alert says, as Markdown, with every value and time that its sentence does not hold already.

    *also* is told in the same bracket (the rule's id).
    """
    say = with_names((alert.say or alert.because).rstrip("."), knowledge)
    if say.lower().startswith(alert.title.lower()) and len(say) > len(alert.title):
        say = say[len(alert.title) :].lstrip(" :")
    missing = [one for one in alert.evidence if not _holds(say, one)]
    beside = [plain(one, 240) for one in facts(missing, beside=alert.title)] + ([plain(also, 40)] if also else [])
    return plain(say, 400) + (f" ({'; '.join(beside)})" if beside else "") + "."


def _holds(say: str, evidence: Evidence) -> bool:
    named = evidence.value.split()[0] if evidence.value and evidence.value.strip() else evidence.what
    return named in say and (not evidence.date or evidence.date[:10] in say)


def card_source(knowledge: Knowledge, advice: Advice, keys: Iterable[str], kind: str, base: str) -> CardSource:
    """Give the guideline or trial that carries the advice: the best citable of *keys*, grade A before B before C.

    A local protocol that changed what is shown is named first. Without a citable source the label says so.
    """
    if advice.local_protocols:
        label = "Local protocol: " + one_line(", ".join(advice.local_protocols), 120)
        return CardSource(label, Coding(topic_system(base), kind, CARD_TOPICS[kind]))
    asked = tuple(keys)
    return knowledge.once(("card source", kind, base, asked), lambda: _best_source(knowledge, asked, kind, base))


def _best_source(knowledge: Knowledge, keys: Sequence[str], kind: str, base: str) -> CardSource:
    topic = Coding(topic_system(base), kind, CARD_TOPICS[kind])
    citable = [source for key in keys if (source := knowledge.sources.get(key)) is not None and source.citable]
    if not citable:
        version = one_line(knowledge.version, 30)
        return CardSource(f"Spine CDS knowledge {version}: default without a citable source", topic)
    best = min(citable, key=lambda source: (source.grade, source.url is None))
    url = best.url if best.url and best.url.startswith("https://") and " " not in best.url else None
    return CardSource(source_label(best), topic, url)


def source_label(source: Source) -> str:
    """Give "Oestergaard et al. 2012: Early vs late start of rehab after lumbar fusion"."""
    year = "" if source.year in ("", "n.d.") else f" {source.year}"
    return known_line(f"{source.author}{year}: {source.title}", 160)


def cited(knowledge: Knowledge, keys: Iterable[str], most: int = 2) -> str:
    """Give the citable sources of *keys* as Markdown ("R26 Mayo et al. 2018"), "" where none may be cited."""
    found = [source for key in keys if (source := knowledge.sources.get(key)) is not None and source.citable]
    shown = []
    for source in found[:most]:
        year = "" if source.year in ("", "n.d.") else f" {source.year}"
        shown.append(fixed(f"{source.author}{year}", 80))
    return "; ".join(shown)


@cache
def override_reasons(kind: str) -> tuple[Coding, ...]:
    """Give the five reasons a clinician would tick on a card of this *kind* (HL7 non-adherence reason codes)."""
    return ready(Coding(_NON_ADHERENCE, code, _REASONS[code]) for code in _REASONS_BY_KIND[kind])


def could_not_check(unknown: Iterable[Unknown]) -> list[str]:
    """Give what the record could not answer, as plain text without full stops, compactly, and only what matters.

    "No temperature in the last 24 hours" and its like are told together, as one row for each span of time; what the
    rules say beside them about the same group is left to `explain`.
    """
    spans: dict[str, list[str]] = {}
    rest: list[tuple[str | None, str]] = []
    groups_told: set[str] = set()
    for one in unknown:
        if not one.matters:
            continue
        found = _NONE_IN_SPAN.match(one.say)
        if found:
            todo = f"; {found['todo']}" if found["todo"] else ""
            spans.setdefault(found["span"] + todo, []).append(found["what"])
            groups_told.add(one.group or "")
        else:
            rest.append((one.group, one.say))
    told = [f"{', '.join(dict.fromkeys(whats))} (none in the last {span})" for span, whats in spans.items()]
    for group, say in rest:
        if group is None or group not in groups_told:
            told.append(_unchecked(say))
    return list(dict.fromkeys(told))


def _unchecked(say: str) -> str:
    found = _NOT_CHECKED.match(say)
    if found is None:
        return lower_first(say.rstrip("."))
    todo = f" ({found['todo']})" if found["todo"] else ""
    return lower_first(found["what"]) + todo


def evidence_as_json(evidence: Iterable[Evidence]) -> Sequence[dict[str, str]]:
    """Give evidence for a card's extension: references, codes, values, dates; nothing empty."""
    told = Full()
    for one in evidence:
        pairs = (
            ("reference", one.reference), ("what", one.what), ("system", one.system), ("code", one.code),
            ("value", one.value), ("date", one.date),
        )  # fmt: skip
        item = {key: str(value) for key, value in pairs if value}
        if not _are_lines(item.values(), 200):
            item = {key: line for key, value in item.items() if (line := one_line(value, 200))}
        if item not in told:
            told.append(item)
    return told


def _are_lines(texts: Iterable[str], limit: int) -> bool:
    """A quick look at several texts at once; True only where `one_line` would give each as it is."""
    joined = " ".join(texts)
    return (
        len(joined) <= limit
        and joined.isascii()
        and joined.isprintable()
        and "  " not in joined
        and joined == joined.strip()
    )


def extension(
    kind: str, rules: Sequence[str], knowledge_version: str, evidence: Sequence[Any] = (), **more: Any
) -> dict[str, Any]:
    """Give the extension that every card carries: its kind, the rules it rests on, *more* of its own, and the *evidence*,
    as JSON already."""
    told = {"kind": kind, "rules": rules, "knowledgeVersion": knowledge_version, **more}
    return {EXTENSION_KEY: {**told, "evidence": evidence} if evidence else told}


def draft_line(advice: Advice) -> str:
    """Give the line that draft knowledge must carry, "" where everything was signed."""
    if not advice.draft_knowledge:
        return ""
    return f"Draft knowledge {fixed(advice.knowledge_version, 30)}, not yet signed off by a clinician."
