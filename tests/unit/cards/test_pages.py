"""The kept text of an ordinary day says what text written anew says, and holds nothing of a patient."""

from __future__ import annotations

import re

import pytest

from cds_service.cards import programme
from cds_service.cards.programme import _Page, programme_card
from cds_service.clinical.advice import Unknown
from cds_service.knowledge.model import Knowledge
from tests.advice_maker import a_call
from tests.builders import a_patient, knowledge
from tests.changed import replace

WEEKS = (0, 1, 3, 6, 7, 11, 13, 25, 30, 51)


def pages(ours: Knowledge) -> list[_Page]:
    return [one for part in ours._kept for one in part.values() if isinstance(one, _Page)]


def detail(advice, ours: Knowledge) -> str | None:
    card = programme_card(advice, ours, a_call(), ("phase",))
    return card.detail if card is not None else None


@pytest.mark.parametrize("kind", sorted(knowledge().protocols))
def test_the_kept_text_is_the_written_one(kind: str, monkeypatch) -> None:
    ours, never = replace(knowledge()), replace(knowledge())
    patients = [a_patient().after(kind, weeks=week) for week in WEEKS]
    patients += [one.aged(84) for one in patients] + [a_patient().after(kind, weeks=7).without("observations")]
    found = [detail(one.advice(ours), ours) for one in patients for _ in range(2)]

    monkeypatch.setattr(programme, "_page_question", lambda *asked: None)
    written = [detail(one.advice(never), never) for one in patients for _ in range(2)]

    assert found == written
    assert pages(never) == []


def test_what_could_not_be_checked_is_this_patients_own() -> None:
    ours = replace(knowledge())
    silent = replace(a_patient().after("LUM_FUS", weeks=7).advice(ours), unknown=(), data_quality=())
    asking = a_patient().after("LUM_FUS", weeks=7).advice(ours)

    texts = [detail(one, ours) for one in (asking, silent, asking)]

    assert "Could not check" in texts[0] and "Could not check" not in texts[1] and texts[2] == texts[0]
    assert "hole" not in "".join(texts)


def test_words_that_are_no_rules_own_are_told_and_never_kept() -> None:
    ours = replace(knowledge())
    advice = a_patient().after("LUM_FUS", weeks=7).advice(ours)
    other = tuple(replace(one, say="No secret word in the last 3 days.") for one in advice.unknown)
    unheard = (Unknown("RF99", "nobody asked", "A secret rule could not be checked."),)

    texts = [detail(replace(advice, unknown=one), ours) for one in (other, advice.unknown, other, unheard)]

    assert "secret word (none in the last 3 days)" in texts[0] and texts[2] == texts[0]
    assert "secret" not in texts[1] and "could not check:** a secret rule" in texts[3].lower()
    assert "secret" not in repr(ours._kept)


def test_changed_lists_are_told_and_not_those_that_were_kept() -> None:
    ours = replace(knowledge())
    advice = a_patient().after("LUM_FUS", weeks=7).advice(ours)
    whole = detail(advice, ours)

    fewer = detail(replace(advice, programme=advice.programme[:2]), ours)

    assert whole.count("\n| ") == 9 and fewer.count("\n| ") == 3
    assert detail(advice, ours) == whole


def test_no_page_holds_anything_of_a_patient() -> None:
    ours = replace(knowledge())
    for kind in ours.protocols:
        for week in WEEKS:
            detail(a_patient().after(kind, days=week * 7 + 2, levels=("T11-T12",)).advice(ours), ours)

    kept = repr([key for part in ours._kept for key in part]) + repr([one.before + one.after for one in pages(ours)])

    assert len(pages(ours)) > 30
    assert not re.search(r"\d{4}-\d\d-\d\d|T11|Procedure/|Patient/", kept)
