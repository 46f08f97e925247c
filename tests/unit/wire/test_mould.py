"""JSON made ahead of time says what JSON made at once says, whatever is filled in."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.wire.mould import Mould, Written, inner_json, inner_json_of_all, json_of, stand_in, stand_in_for_whole
from cds_service.wire.response import cards_body

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]))


def written(*pieces: bytes) -> Written:
    return Written(pieces, str.upper)


@given(ANY_TEXT, st.lists(ANY_TEXT), ANY_TEXT)
def test_a_filled_mould_is_the_json_of_the_filled_value(text: str, many: list[str], ours: str) -> None:
    mould = Mould({"a": f"100 % {stand_in('x')}, {stand_in('x')}", "b": stand_in_for_whole("y"), "%c": ours})

    filled = mould.filled({"x": inner_json(text), "y": json_of(many)})

    assert json.loads(filled) == {"a": f"100 % {text}, {text}", "b": many, "%c": ours}


@given(st.lists(ANY_TEXT | st.text(alphabet='",\\\\ \x7f', max_size=6)))
def test_texts_in_one_go_are_those_one_by_one(texts: list[str]) -> None:
    assert inner_json_of_all(texts) == [inner_json(text) for text in texts]


@pytest.mark.parametrize("empty", [None, "", [], {}, {"a": [{"b": ""}]}, [1, None]])
def test_a_mould_knows_of_empty_values_in_it(empty: object) -> None:
    assert not Mould([{"a": 1, "b": empty}]).is_full


def test_no_and_nought_are_not_empty() -> None:
    assert Mould([{"a": False, "b": 0}]).is_full


def test_a_written_list_reads_as_the_list_it_is() -> None:
    found = written(b'"a","b"', b'"c"')

    assert found == ("A", "B", "C") == tuple(found) and list(found) == ["A", "B", "C"]
    assert found[0] == "A" and found[1:] == ("B", "C") and len(found) == 3 and bool(found)
    assert found == written(b'"a","b","c"') and found != ("A",)
    assert not written()


def test_two_written_lists_make_one_that_is_still_unread() -> None:
    both = written(b'"a"') + written(b'"b"')

    assert isinstance(both, Written) and json.loads(both.json) == ["a", "b"]
    assert written(b'"a"') + ["x"] == ("A", "x")
    assert ["x"] + written(b'"a"') == ("x", "A")


def test_a_written_list_is_sent_as_it_is() -> None:
    assert (
        cards_body([{"detail": "", "actions": written(b'"a"', b'{"b":1}')}]) == b'{"cards":[{"actions":["a",{"b":1}]}]}'
    )
