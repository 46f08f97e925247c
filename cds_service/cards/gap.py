"""The data-gap card: only where the gap changes what we can say, with what to record so that we can say more."""

from __future__ import annotations

from cds_service.cards.card import Card
from cds_service.cards.markdown import plain
from cds_service.cards.phrases import (
    card_source,
    draft_line,
    evidence_as_json,
    extension,
    facts,
    override_reasons,
    summary,
)
from cds_service.clinical.advice import Advice, DataQuality
from cds_service.knowledge.model import Knowledge, Severity
from cds_service.orders.call import CallFacts
from cds_service.orders.ids import card_uuid
from cds_service.orders.words import with_names

KIND = "record-gap"

_SHORT = {
    "DQ04": "Spine operation of unknown type: only the universal exercise set until level and type are recorded",
    "DQ05": "Spine operation known from text only: only the universal exercise set until it is coded",
    "DQ06": "Spine operation without a date: no week, no exercise list until the date is recorded",
}
_TODO = {
    "DQ04": "Record the operation with its level and type (a procedure code, or region and operation in the text).",
    "DQ05": "Record the operation with a code (CPT, ICD-10-PCS, OPCS-4 or SNOMED CT).",
    "DQ06": "Record the date of the operation.",
}
_ORDER = ("DQ06", "DQ04", "DQ05")


def gap_card(advice: Advice, knowledge: Knowledge, call: CallFacts, phases: tuple[str, ...]) -> Card | None:
    """Give the card, None where no gap keeps us from saying more."""
    found = [one for rule in _ORDER for one in advice.data_quality if one.rule == rule]
    if not found:
        return None
    rules = list(dict.fromkeys(one.rule for one in found))
    evidence = [one for gap in found for one in gap.evidence]
    return Card(
        uuid=card_uuid(call, KIND, rules, phases, advice.knowledge_version),
        summary=summary(_SHORT[rules[0]]),
        detail=_detail(advice, knowledge, found),
        indicator="warning" if any(one.severity is Severity.WARNING for one in found) else "info",
        source=card_source(knowledge, advice, (), KIND, call.service_base_url),
        override_reasons=override_reasons(KIND),
        extension=extension(KIND, rules, advice.knowledge_version, evidence_as_json(evidence)),
    )


def _detail(advice: Advice, knowledge: Knowledge, found: list[DataQuality]) -> str:
    lines = []
    for gap in found:
        seen = "; ".join(plain(one, 240) for one in facts(gap.evidence))
        gap_text = with_names(gap.because[:1].upper() + gap.because[1:], knowledge)
        lines.append(f"- **{plain(gap_text, 300).rstrip('.')}** ({gap.rule}){': ' + seen if seen else ''}")
        lines.append(f"  - **Do:** {_TODO[gap.rule]}")
    footer = " ".join(filter(None, ["Until then the stricter answer stands.", draft_line(advice)]))
    return "\n".join(dict.fromkeys(lines)) + "\n\n" + footer
