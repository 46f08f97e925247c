"""Find the signs of cards/words in one text: which words stand where and what they show. Judges nothing."""

from __future__ import annotations

import bisect
import re
from collections.abc import Sequence
from typing import NamedTuple

from cds_service.clinical.surgery.text_levels import CountMention, LevelMention, find_counts, find_levels, write_out
from cds_service.knowledge.vocabulary import Kind, Node, Sign, Words, fold

LEVEL = "#"
_TOKEN = re.compile(r"[a-z]+|\d+|\x00+|\n|[^\sa-z\d\x00]")
_LONGEST_GLUE = 3  # words of no weight that may stand inside a phrase in a row
_MASK = "\x00"  # what levels are covered with before the rest of a text is cut into words
_SENTENCE_ENDS = frozenset((";", "\n", "!", "?"))
_SENTENCE_MARKS = _SENTENCE_ENDS | {"."}
_SHORTEST_BEFORE_STOP = 3  # letters; a point after a shorter word is an abbreviation's


class Mention(NamedTuple):
    """A sign at a place. *first* and *end* count words (half-open); *words* is the text that showed it."""

    sign: Sign
    first: int
    end: int
    words: str


class Signs(NamedTuple):
    """Everything found in one text. *tokens* are its folded words, a level being one `#`.

    *sentence_of* numbers the sentence of every token; *levels* and *counts* come with the token they stand at.
    """

    text: str
    tokens: Sequence[str]
    sentence_of: Sequence[int]
    mentions: Sequence[Mention]
    levels: Sequence[tuple[int, LevelMention]]
    counts: Sequence[tuple[int, CountMention]]
    by_kind: dict[Kind, list[Mention]]

    def of(self, *kinds: Kind) -> list[Mention]:
        """Give the mentions of *kinds*, kind by kind, each in the order of the text."""
        return [mention for kind in kinds for mention in self.by_kind.get(kind, ())]


class Cut(NamedTuple):
    """One text cut into words: see `Signs`, of which it is what no sign is needed for."""

    text: str
    tokens: Sequence[str]
    sentence_of: Sequence[int]
    levels: Sequence[tuple[int, LevelMention]]
    counts: Sequence[tuple[int, CountMention]]


words_of = _TOKEN.findall
"""Give the words and marks of a folded text."""


def cut_text(folded: str, tokens: Sequence[str], words: Words) -> Cut:
    """Find the levels and counts of a *folded* text, and cut it into words around them; *tokens* are its `words_of`.

    The patterns of the level grammar are slow, and few texts hold a level: each is asked only where the words of the text
    leave room for a match (`LevelWords.may_be_...`).
    """
    cut = folded
    seen = set(tokens)
    if words.short_form_pattern is not None and words.may_hold_short_form(tokens, seen):
        folded = cut = words.short_form_pattern.sub(lambda match: words.short_forms[match[0]], folded)
        tokens = _TOKEN.findall(cut)
        seen = set(tokens)
    masked = folded
    levels: list[LevelMention] = []
    counts: list[CountMention] = []
    starts: list[int] = []
    if words.levels is not None:
        if words.levels.may_be_in_words(seen):
            folded = masked = write_out(folded, words.levels)
            seen.update(_TOKEN.findall(folded))
        if words.levels.may_be_levels(seen, folded):
            levels = find_levels(folded, words.levels)
            for level in levels:
                masked = masked[: level.start] + _MASK * (level.end - level.start) + masked[level.end :]
        if words.levels.may_be_counts(seen):
            counts = find_counts(masked, words.levels)
    if masked != cut or counts or "." in seen:
        starts = [match.start() for match in _TOKEN.finditer(masked)]
        if masked != cut:
            tokens = _TOKEN.findall(masked)
    if _MASK in masked:
        tokens = [LEVEL if token[0] == _MASK else token for token in tokens]
    return Cut(
        folded,
        tokens,
        _sentences(tokens, starts, folded),
        [(_token_at(starts, level.start), level) for level in levels],
        [(_token_at(starts, count.start), count) for count in counts],
    )


def find_signs(text: str, words: Words) -> Signs | None:
    """Find every sign in *text*; None where there is no sign and no level."""
    folded = fold(text)
    cut = cut_text(folded, words_of(folded), words)
    mentions = _find_mentions(cut.tokens, words)
    if not mentions and not cut.levels:
        return None
    by_kind: dict[Kind, list[Mention]] = {}
    for mention in mentions:
        kind = mention.sign.kind
        if kind in by_kind:
            by_kind[kind].append(mention)
        else:
            by_kind[kind] = [mention]
    return Signs(cut.text, cut.tokens, cut.sentence_of, mentions, cut.levels, cut.counts, by_kind)


def _token_at(starts: list[int], place: int) -> int:
    return bisect.bisect_right(starts, place) - 1


def _sentences(tokens: Sequence[str], starts: list[int], text: str) -> Sequence[int]:
    if _SENTENCE_MARKS.isdisjoint(tokens):
        return (0,) * len(tokens)
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
    return numbers


def _find_mentions(tokens: Sequence[str], words: Words) -> list[Mention]:
    keys: list[tuple[str, ...]] = []
    for token in tokens:
        known = words.known.get(token)
        keys.append(words.keys_of_token(token) if known is None else known)
    tree = words.tree
    found: list[Mention] = []
    free = 0
    for place, options in enumerate(keys):
        if place < free or not options:
            continue
        if len(options) == 1:  # by far the most words: the root need not be walked
            node = tree.get(options[0])
            match = _longest(node, place + 1, (place + 1,), keys, tokens, words.glue) if node is not None else None
        else:
            match = _longest(tree, place, (), keys, tokens, words.glue)
        if match is None:
            continue
        signs, free, _ = match
        if free - place == 1:
            for sign in signs:
                found.append(Mention(sign, place, free, tokens[place]))
            continue
        said = " ".join(tokens[place:free])
        for sign in signs:
            found.append(Mention(sign, place, free, said))
        if any(map(_may_hold_region, signs)):
            found += _regions_inside(place, free, keys, words)
    return found


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
    tokens: Sequence[str],
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
        if len(node) == 1:
            return best
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
