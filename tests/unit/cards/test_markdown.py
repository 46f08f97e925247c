"""Whatever a chart says, the Markdown that we send shows it as text and does nothing else."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from cds_service.cards import markdown
from cds_service.cards.markdown import _AUTOLINK, _may_be_linked, plain, plain_after, readable, table
from cds_service.patient.chart_text import one_line

GFM = MarkdownIt("commonmark", {"html": True, "linkify": False}).enable(["table", "strikethrough"])
HOSTILE = st.one_of(
    st.text(max_size=120),
    st.text(alphabet="<>[]()!`*_~#|\\&;:/@.-+\n\r\t\u202e\u2066\u200b\ud800wjavscriptht123$", max_size=80),
    st.sampled_from([
        "<script>alert(1)</script>", "![x](https://evil.example/p.png)", "[click](javascript:alert(1))",
        "a | b\n|---|---|\n| c | d", "# heading", "- item\n- item", "```\ncode\n```", "&lt;b&gt;", "&#60;b&#62;",
        "https://evil.example/x", "www.evil.example", "mail me@evil.example", "<https://evil.example>", "1. one",
        "~~gone~~", "**bold**", "__bold__", "a\u2028b", "x\u202egnp.exe", "$$x$$", "[ref]: https://evil.example",
    ]),
)  # fmt: skip
_ALLOWED = {"paragraph_open", "inline", "paragraph_close", "text", "text_special", "entity"}


@given(HOSTILE)
def test_chart_text_in_a_sentence_stays_text(text: str) -> None:
    tokens = GFM.parse("Seen: " + plain(text))

    kinds = {token.type for token in tokens} | {child.type for token in tokens for child in token.children or ()}
    assert kinds <= _ALLOWED


SENTENCES = st.one_of(
    HOSTILE,
    st.text(alphabet="aT1 :;-+.,()/%'", max_size=60),
    st.sampled_from([
        "temperature of 2026-05-10 01:00 is older than 24 hours; measure again", "2026-05-10T01:00:00Z", "at 12:30, 10 %",
        "101 degF", "degF", " degF", "Cel 3", "38 Cel", "file:1", "file:a", "1:2:3", "1:", ":1", "3.1415", "4:a", "", " ", ".",
    ]),
)  # fmt: skip


@given(SENTENCES)
def test_a_quiet_text_is_what_the_long_way_gives(text: str) -> None:
    shown = plain(text)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(markdown, "_QUIET", re.compile("(?!)"))

        assert plain(text) == shown


@given(SENTENCES.map(lambda text: one_line(text, 60)).filter(bool), SENTENCES, st.sampled_from([20, 60, 700]))
def test_a_text_after_one_of_ours_is_shown_as_both_at_once(ours: str, text: str, limit: int) -> None:
    assert plain_after(ours, plain(ours, limit), text, limit) == plain(f"{ours}; {text}", limit)


@given(HOSTILE)
def test_chart_text_in_a_table_stays_in_its_cell(text: str) -> None:
    tokens = GFM.parse(table(("A", "B"), [(plain(text), "end")]))

    assert [token.type for token in tokens].count("td_open") == 2
    assert not {child.type for token in tokens for child in token.children or ()} - _ALLOWED


@given(HOSTILE)
def test_what_is_shown_is_printable_and_has_no_tag(text: str) -> None:
    shown = plain(text)

    assert shown.isprintable()
    assert "<" not in shown
    shown.encode("utf-8")


@pytest.mark.parametrize(
    "address",
    ["https://evil.example/x", "HTTP://evil.example", "www.evil.example", "me@evil.example", "javascript:alert(1)"],
)
def test_a_client_that_looks_for_addresses_in_the_finished_text_finds_none(address: str) -> None:
    linkify = MarkdownIt("gfm-like", {"html": False}) if _has_linkify() else GFM

    shown = linkify.render("Note: " + plain(address))

    assert "<a" not in shown
    assert address.lower() not in shown.lower()


def _has_linkify() -> bool:
    try:
        MarkdownIt("gfm-like").render("x")
    except ModuleNotFoundError:
        return False
    return True


def test_text_is_bounded_and_says_that_it_was_cut() -> None:
    assert one_line("a" * 500, 40) == "a" * 39 + "…"
    assert plain("word " * 500, 40).endswith("…")


@pytest.mark.parametrize(
    ("recorded", "shown"),
    [
        ("a\nb\tc", "a b c"),
        ("x\u202eevil\u2066y", "xevily"),
        ("a\u200bb\ufeffc", "abc"),
        ("lone \ud800 half", "lone half"),
        ("e\u0301\u0301\u0301\u0301\u0301", "e\u0301\u0301"),
        ("e\u0301a\u0301", "e\u0301a\u0301"),
        ("", ""),
        (None, ""),
    ],
)
def test_one_line_keeps_the_words_and_drops_the_tricks(recorded: str | None, shown: str) -> None:
    assert one_line(recorded) == shown


def test_units_and_comparisons_are_written_as_people_write_them() -> None:
    assert readable("39.2 Cel and 120 mm[Hg], pain 4 {score}, WBC >=12 10*3/uL") == (
        "39.2 °C and 120 mmHg, pain 4 points, WBC ≥12 10³/µL"
    )


@pytest.mark.parametrize(
    ("recorded", "shown"),
    [
        ("at 2026-05-20T07:30:59.123Z", "at 2026-05-20 07:30"),
        ("at 2026-05-20T07:30+02:00;", "at 2026-05-20 07:30;"),
        ("temperature 38.6111 Cel", "temperature 38.61 °C"),
        ("38.61 and 7.5 stay", "38.61 and 7.5 stay"),
        ("101.5 degF", "101.5 °F"),
        ("T10-T11", "T10-T11"),
    ],
)
def test_moments_and_converted_values_are_short(recorded: str, shown: str) -> None:
    assert readable(recorded) == shown


ADDRESSES = st.text(st.sampled_from("aA:/@w.W ſKıjvscriptdatmlxfe_-1"), max_size=12)
NEAR_ADDRESSES = st.builds(
    "{}{}{}".format,
    ADDRESSES,
    st.sampled_from(
        ["", "javascript:", "JavaScript:", "data:", "VBSCRIPT:", "mailto:", "xmpp:", "file:", "www.", "://"]
    ),
    ADDRESSES,
)


@given(NEAR_ADDRESSES)
def test_the_quick_look_for_addresses_misses_none(text: str) -> None:
    assert _may_be_linked(text) or not _AUTOLINK.search(text)


@given(st.text(st.sampled_from("a \t\n\u2003\u200b\u0301é")))
def test_a_line_has_one_space_between_words(text: str) -> None:
    line = one_line(text)

    assert line == " ".join(line.split())
