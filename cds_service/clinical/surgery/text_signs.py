"""Find the signs of cards/words in one text: which words stand where and what they show. Judges nothing."""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass

from cds_service.clinical.surgery.text_levels import CountMention, LevelMention, find_counts, find_levels, write_out
from cds_service.knowledge.vocabulary import Kind, Node, Sign, Words, fold

LEVEL = "#"
_TOKEN = re.compile(r"[a-z]+|\d+|\x00+|\n|[^\sa-z\d\x00]")
_LONGEST_GLUE = 3  # words of no weight that may stand inside a phrase in a row
_SENTENCE_ENDS = frozenset((";", "\n", "!", "?"))
_SHORTEST_BEFORE_STOP = 3  # letters; a point after a shorter word is an abbreviation's


@dataclass(frozen=True, slots=True)
class Mention:
    """A sign at a place. *first* and *end* count words (half-open); *words* is the text that showed it."""

    sign: Sign
    first: int
    end: int
    words: str


@dataclass(frozen=True, slots=True)
class Signs:
    """Everything found in one text. *tokens* are its folded words, a level being one `#`.

    *sentence_of* numbers the sentence of every token; *level_at* gives the token of each level mention.
    """

    text: str
    tokens: tuple[str, ...]
    sentence_of: tuple[int, ...]
    mentions: tuple[Mention, ...]
    levels: tuple[tuple[int, LevelMention], ...]
    counts: tuple[tuple[int, CountMention], ...]
    by_kind: dict[Kind, list[Mention]]

    def of(self, *kinds: Kind) -> list[Mention]:
        """Give the mentions of *kinds*, kind by kind, each in the order of the text."""
        return [mention for kind in kinds for mention in self.by_kind.get(kind, ())]


def find_signs(text: str, words: Words) -> Signs:
    """Fold *text*, cut it into words, and find levels, counts and every sign."""
    folded = fold(text)
    if words.short_form_pattern is not None:
        folded = words.short_form_pattern.sub(lambda match: words.short_forms[match[0]], folded)
    if words.levels:
        folded = write_out(folded, words.levels)
    levels = find_levels(folded, words.levels) if words.levels else []
    masked = folded
    for level in levels:
        masked = masked[: level.start] + "\x00" * (level.end - level.start) + masked[level.end :]
    counts = find_counts(masked, words.levels) if words.levels else []
    spans = [(match[0], match.start()) for match in _TOKEN.finditer(masked)]
    tokens = tuple(LEVEL if token[0] == "\x00" else token for token, _ in spans)
    starts = [start for _, start in spans]
    mentions = _find_mentions(tokens, words)
    by_kind: dict[Kind, list[Mention]] = {}
    for mention in mentions:
        by_kind.setdefault(mention.sign.kind, []).append(mention)
    return Signs(
        text=folded,
        tokens=tokens,
        sentence_of=_sentences(tokens, starts, folded),
        mentions=mentions,
        by_kind=by_kind,
        levels=tuple((_token_at(starts, level.start), level) for level in levels),
        counts=tuple((_token_at(starts, count.start), count) for count in counts),
    )


def _token_at(starts: list[int], place: int) -> int:
    return bisect.bisect_right(starts, place) - 1


def _sentences(tokens: tuple[str, ...], starts: list[int], text: str) -> tuple[int, ...]:
    numbers, current = [], 0
    for index, token in enumerate(tokens):
        numbers.append(current)
        if token in _SENTENCE_ENDS:
            # a heading's line end ("Plan:\n") leaves the sentence open
            current += not (token == "\n" and index > 0 and tokens[index - 1] == ":")
        elif token == "." and index > 0:
            before = tokens[index - 1]
            follows = text[starts[index] + 1 : starts[index] + 2]
            ends = before == LEVEL or not before.isalpha() or len(before) >= _SHORTEST_BEFORE_STOP
            current += ends and follows in ("", " ", "\n")
    return tuple(numbers)


def _find_mentions(tokens: tuple[str, ...], words: Words) -> tuple[Mention, ...]:
    keys = [words.keys_of(token) if token.isalpha() else (token,) for token in tokens]
    found: list[Mention] = []
    place = 0
    while place < len(tokens):
        match = _longest(words.tree, place, (), keys, tokens, words.glue) if keys[place] else None
        if match is None:
            place += 1
            continue
        signs, end, _ = match
        said = " ".join(tokens[place:end])
        found += [Mention(sign, place, end, said) for sign in signs]
        if end - place > 1 and any(_may_hold_region(sign) for sign in signs):
            found += _regions_inside(place, end, keys, words)
        place = end
    return tuple(found)


def _may_hold_region(sign: Sign) -> bool:
    return sign.region is None and (sign.operation is not None or sign.kind is Kind.PART)


def _regions_inside(first: int, end: int, keys: list[tuple[str, ...]], words: Words) -> list[Mention]:
    """A phrase may hold the region as one of its words ("cervical spine surgery")."""
    found = []
    for place in range(first, end):
        for key in keys[place]:
            signs, _ = words.tree.get(key, {}).get("", ((), 0))
            found += [Mention(sign, place, place + 1, key) for sign in signs if sign.kind is Kind.REGION]
    return found


_Match = tuple[tuple[Sign, ...], int, int]


def _longest(
    node: Node,
    place: int,
    ends: tuple[int, ...],
    keys: list[tuple[str, ...]],
    tokens: tuple[str, ...],
    glue: frozenset[str],
) -> _Match | None:
    """Walk the phrase tree from *node* at *place*; give signs, end and length of the longest phrase, or None.

    *ends* holds where each word so far ended: a phrase may look at words beyond those it uses up. Glue words
    ("of the") may stand between two words of a phrase.
    """
    best: _Match | None = None
    here = node.get("")
    if here is not None:
        best = (here[0], ends[here[1] - 1], len(ends))
    skipped = 0
    while place < len(tokens):
        for key in keys[place]:
            below = node.get(key)
            if below is not None:
                deeper = _longest(below, place + 1, (*ends, place + 1), keys, tokens, glue)
                if deeper is not None and (best is None or deeper[2] > best[2]):
                    best = deeper
        if not ends or tokens[place] not in glue or skipped == _LONGEST_GLUE:
            break
        skipped += 1
        place += 1
    return best
