"""Two operations never allow more than either of them alone: every pair of types."""

from __future__ import annotations

from itertools import combinations_with_replacement

import pytest

from tests.builders import a_patient
from tests.properties.red_flags import plain, shown
from tests.properties.test_one_operation import TYPES, quiet

WEEKS = ((2, 2), (12, 6), (6, 52), (60, 60))


@pytest.mark.parametrize("weeks", WEEKS, ids=str)
def test_two_operations_show_no_more_than_either(weeks: tuple[int, int]):
    for one, other in combinations_with_replacement(TYPES, 2):
        both = a_patient().after(one, weeks=weeks[0]).after(other, weeks=weeks[1]).advice()
        for alone in (quiet(one, weeks[0]), quiet(other, weeks[1])):
            assert shown(both) <= shown(alone), f"{one} and {other}"
            assert plain(both) <= plain(alone), f"{one} and {other}"


def test_what_an_old_fusion_forbids_is_never_shown_again():
    for old in TYPES:
        for new in TYPES:
            both = a_patient().after(new, weeks=60).after(old, weeks=300, permanent_blocks_only=True).advice()
            assert shown(both) <= shown(quiet(new, 60))
            forbidden = {one.exercise for one in quiet(old, 60).withheld if one.because.startswith("never")}
            assert not shown(both) & forbidden, f"{new} after {old}"
