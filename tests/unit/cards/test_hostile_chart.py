"""A chart that attacks: whatever its texts hold, the cards show text and nothing else. From JSON to card, for real."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from cds_service.cards import CallFacts, build_cards
from cds_service.clinical.advise import advise
from cds_service.intake.read import read_bundle
from tests.advice_maker import BASE, knowledge

FIXTURES = Path(__file__).parents[3] / "fhir_fixtures" / "patients"
RENDER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
ATTACKS = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "![x](https://evil.example/p.png)",
    "[click](javascript:alert(1))", "x | y\n|---|---|\n| a | b |", "\n\n# Approved by the surgeon\n\n", "- [ ] done\n- b",
    "```\ncode", "<!-- hidden", "&lt;script&gt;", "https://evil.example/steal", "[r]: https://evil.example\n[r]",
    "\u202eegnahc\u202c", "a\u0000b\u0007", "\ud800", "A" * 20_000, "${7*7}", "{{constructor}}", "'); DROP TABLE x;--",
]  # fmt: skip
_SAFE = {
    "paragraph_open", "paragraph_close", "inline", "text", "text_special", "entity", "strong_open", "strong_close", "softbreak",
    "bullet_list_open", "bullet_list_close", "list_item_open", "list_item_close", "table_open", "table_close", "thead_open",
    "thead_close", "tbody_open", "tbody_close", "tr_open", "tr_close", "th_open", "th_close", "td_open", "td_close",
}  # fmt: skip


def _poisoned(story: str, attack: str) -> bytes:
    """The story with the attack in every text a clinician or another system may have typed."""
    bundle = json.loads((FIXTURES / f"{story}.json").read_text())

    def poison(value):
        if isinstance(value, dict):
            return {
                key: f"{attack} {one}" if key in ("display", "text", "unit") and isinstance(one, str) else poison(one)
                for key, one in value.items()
            }
        return [poison(one) for one in value] if isinstance(value, list) else value

    return json.dumps(poison(bundle)).encode()


@pytest.mark.parametrize(
    "story", ["cauda_equina", "osteoporosis_fusion", "text_only", "no_date", "already_ordered", "tumour"]
)
@pytest.mark.parametrize("attack", ATTACKS, ids=range(len(ATTACKS)))
def test_no_text_of_a_chart_becomes_markup(story: str, attack: str) -> None:
    index = json.loads((FIXTURES.parent / "index.json").read_text())["patients"]
    on = date.fromisoformat(next(one["on"] for one in index if one["id"] == story))
    record = read_bundle(_poisoned(story, attack))
    call = CallFacts(
        "patient-view",
        "p",
        datetime.combine(on, time(12), UTC),
        BASE,
        b"s",
        user="Practitioner/1",
        orders=record.orders,
    )

    cards = build_cards(advise(record, knowledge(), on), knowledge(), call)

    assert cards
    for card in cards:
        tokens = RENDER.parse(card.detail)
        kinds = {token.type for token in tokens} | {child.type for token in tokens for child in token.children or ()}
        assert kinds <= _SAFE
        assert "evil.example/" not in card.detail.replace(": //evil.example", "")
        assert "<script" not in card.summary + card.detail
        assert len(card.detail) < 12_000
        json.dumps(card.as_json()).encode("utf-8")
