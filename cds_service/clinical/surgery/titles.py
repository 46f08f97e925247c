"""Read titles that say the same in other words once: what a title says hangs on the numbers of its words, not on its words.

A title is turned into its outline: the number of each word (`Words.numbers`, all strangers having one), and the levels and
counts in it. What an outline says is kept from call to call; the outline holds signs of ours and nothing of the chart, and
what it says lacks the words that led to it. Whoever wants those reads the text again with `read_text`, which knows no outlines.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from cds_service.clinical.surgery.spoken import title_fact
from cds_service.clinical.surgery.text import TextReading, read_text
from cds_service.clinical.surgery.text_levels import CountMention, LevelMention, find_counts, find_levels
from cds_service.clinical.surgery.text_signs import LEVEL, Cut, cut_text, words_of
from cds_service.knowledge.surgery import SurgicalFact
from cds_service.knowledge.vocabulary import Words, fold

_LONGEST = 24  # words; a longer text is a note and no title, and rarely said twice


@dataclass(frozen=True, slots=True, eq=False)
class Title:
    """What a title says, whatever its words: one and the same for all titles of one outline, and compared so."""

    said: TextReading
    fact: SurgicalFact | None


def read_title(text: str, words: Words) -> Title | None:
    """Read *text* by its outline; None where it is too long to have one."""
    folded = fold(text)
    tokens = words_of(folded)
    if len(tokens) > _LONGEST:
        return None
    outline: list[Hashable] = [*map(words.numbers.plain.get, tokens)]
    if None in outline:
        for place, number in enumerate(outline):
            if number is None:
                token = tokens[place]
                if token in words.numbers.hiding or words.hides_more(token):
                    outline = _outline_of_end(outline, place, folded, tokens, words) or _outline_of_cut(
                        cut_text(folded, tokens, words), words
                    )
                    break
                outline[place] = words.number_of(token)
    key = tuple(outline)
    title = words.outlines.get(key)
    if title is None:
        said = read_text(text, words)._replace(found=None)
        title = Title(said, title_fact(said))
        words.outlines.keep(key, title)
    return title


_SHORTEST_RUN, _LONGEST_RUN = 4, 5  # words and marks: l 4 - 5, l 4 - l 5
_COUNT = 2  # words: two levels


def _outline_of_end(
    before: list[Hashable], place: int, folded: str, tokens: list[str], words: Words
) -> list[Hashable] | None:
    """Give what `_outline_of_cut` gives for the commonest titles: words that hide nothing, then "l4-l5" or "two levels";
    None for others.

    *before* are the numbers of the words before *place*, the first that may hide more. A run of two vertebrae that ends
    the text hangs on nothing before it but the blank (`text_levels.find_levels`); so does a number of levels, unless what
    stands before it binds it.
    """
    rest = len(tokens) - place
    if rest <= _COUNT:
        place = len(tokens) - _COUNT
        if place < 1 or words.levels is None or tokens[place - 1] in words.levels.gates.binding:
            return None
        end = " ".join(tokens[place:])
    elif _SHORTEST_RUN <= rest <= _LONGEST_RUN:
        end = "".join(tokens[place:])
    else:
        return None
    if folded[-len(end) - 1 :] != " " + end:
        return None
    told = words.runs.get(end) or _read_end(end, tokens[place:], words)
    if told is None:
        return None
    if rest > _COUNT:
        return [*before[:place], words.number_of(LEVEL), (0,) * (place + 1), (place, *told), None]
    numbers = [words.number_of(token) for token in tokens[place:]]
    return [*before[:place], *numbers, (0,) * len(tokens), None, (place, *told)]


def _read_end(end: str, tokens: list[str], words: Words) -> tuple[Hashable, ...] | None:
    """Read *end* by the patterns; None where it is not wholly one run of vertebrae, or one number of levels."""
    levels = words.levels
    if levels is None or words.may_hold_short_form(tokens, set(tokens)):
        return None
    found: Sequence[LevelMention | CountMention]
    if len(tokens) > _COUNT:
        found = [run for run in find_levels(end, levels) if not run.is_single]
    else:
        found = find_counts(end, levels)
    if len(found) != 1 or found[0].start > 0 or found[0].end < len(end):
        return None
    told = found[0][2:]
    words.runs.keep(end, told)
    return told


def _outline_of_cut(cut: Cut, words: Words) -> list[Hashable]:
    known = words.numbers.of
    outline: list[Hashable] = [known[token] if token in known else words.number_of(token) for token in cut.tokens]
    outline.append(tuple(cut.sentence_of))
    for place, level in cut.levels:
        outline.append((place, *level[2:]))
    outline.append(None)
    for place, count in cut.counts:
        outline.append((place, *count[2:]))
    return outline
