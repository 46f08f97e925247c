"""Read titles that say the same in other words once: what a title says hangs on the numbers of its words, not on its words.

A title is turned into its outline: the number of each word (`Words.numbers`, all strangers having one), and the levels and
counts in it. What an outline says is kept from call to call; the outline holds signs of ours and nothing of the chart, and
what it says lacks the words that led to it. Whoever wants those reads the text again with `read_text`, which knows no outlines.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

from cds_service.clinical.surgery.spoken import title_fact
from cds_service.clinical.surgery.text import TextReading, read_text
from cds_service.clinical.surgery.text_signs import cut_text, words_of
from cds_service.knowledge.surgery import SurgicalFact
from cds_service.knowledge.vocabulary import Words, fold

_LONGEST = 24  # words; a longer text is a note and no title, and rarely said twice


class Title(NamedTuple):
    """What a title says, whatever its words: *said* and *fact* are the same for all titles of one outline."""

    said: TextReading
    fact: SurgicalFact | None


def read_title(text: str, words: Words) -> Title | None:
    """Read *text* by its outline; None where it is too long to have one."""
    tokens = words_of(fold(text))
    if len(tokens) > _LONGEST:
        return None
    outline = outline_of(tokens, text, words)
    title = words.outlines.get(outline)
    if title is None:
        said = read_text(text, words)._replace(found=None)
        title = Title(said, title_fact(said))
        words.outlines.keep(outline, title)
    return title


def outline_of(tokens: list[str], text: str, words: Words) -> Hashable:
    """Give all of *text* that its reading hangs on; *tokens* are its words as they stand."""
    numbers = [*map(words.numbers.plain.get, tokens)]
    if None in numbers:
        for place, number in enumerate(numbers):
            if number is None:
                if words.hides_more(tokens[place]):
                    return _outline_of_cut(text, words)
                numbers[place] = words.number_of(tokens[place])
    return tuple(numbers)


def _outline_of_cut(text: str, words: Words) -> Hashable:
    cut = cut_text(text, words)
    return (
        tuple([words.number_of(token) for token in cut.tokens]),
        tuple(cut.sentence_of),
        tuple([(place, *level[2:]) for place, level in cut.levels]),
        tuple([(place, *count[2:]) for place, count in cut.counts]),
    )
