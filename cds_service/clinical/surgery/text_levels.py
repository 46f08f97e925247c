"""Find vertebral levels and counts of levels in folded text (L4/5, C5-C7, T10 to pelvis). Knows no operations."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from cds_service.knowledge.level_words import LevelWords

_SIZES = {"C": 7, "T": 12, "L": 5, "S": 5}
_NEXT = {"C": "T", "T": "L", "L": "S"}
_ORDER = tuple(["C0"] + [f"{letter}{number}" for letter, size in _SIZES.items() for number in range(1, size + 1)])
_SEGMENTS = tuple(f"{upper}-{lower}" for upper, lower in zip(_ORDER, _ORDER[1:], strict=False))
_NUMBERS = {name: number for number, name in enumerate(_ORDER)}
_PLACES: dict[str, float] = dict(_NUMBERS)
_SIXTH = "L6"  # a transitional vertebra between L5 and S1, counted only where the text names it
_PLACES[_SIXTH] = _PLACES["L5"] + 0.5


class LevelMention(NamedTuple):
    """One run of levels. *first* and *last* are vertebrae from cranial to caudal, equal for a single vertebra.

    *start* and *end* are places in the folded text. *is_root*: the vertebra names a nerve root or its palsy (C5 palsy),
    no level operated on.
    """

    start: int
    end: int
    first: str
    last: str
    to_pelvis: bool = False
    is_root: bool = False

    @property
    def is_single(self) -> bool:
        return self.first == self.last


class CountMention(NamedTuple):
    """A count of levels in words or figures; *is_minimum* for "more than 2 levels" and "multilevel"."""

    start: int
    end: int
    levels: int
    is_minimum: bool


def vertebrae_between(first: str, last: str) -> tuple[str, ...]:
    """Give the vertebrae from *first* to *last*, both included, cranial first."""
    if _SIXTH in (first, last):
        names = {name for name in _ORDER if _PLACES[first] <= _PLACES[name] <= _PLACES[last]} | {_SIXTH}
        return tuple(sorted(names, key=_PLACES.__getitem__))
    return _ORDER[_NUMBERS[first] : _NUMBERS[last] + 1]


def segments_between(first: str, last: str) -> tuple[str, ...]:
    """Give the motion segments ("L4-L5") between two vertebrae, cranial first; () for a single vertebra."""
    if _SIXTH in (first, last):
        names = vertebrae_between(first, last)
        return tuple(f"{upper}-{lower}" for upper, lower in zip(names, names[1:], strict=False))
    return _SEGMENTS[_NUMBERS[first] : _NUMBERS[last]]


def in_order(levels: Collection[str]) -> tuple[str, ...]:
    """Sort levels (segments or vertebrae) from cranial to caudal."""
    if len(levels) < 2:
        return tuple(levels)
    return tuple(sorted(levels, key=lambda level: (_PLACES[level.split("-")[0]], "-" in level)))


_REGIONS = {"C": "cervical", "T": "thoracic", "L": "lumbar", "S": "sacral"}


def region_of_vertebra(vertebra: str) -> str:
    return _REGIONS[vertebra[0]]


def write_out(text: str, words: LevelWords) -> str:
    """Write vertebrae told in words as levels ("fourth and fifth lumbar vertebrae": "L4-L5")."""
    return words.in_words.sub(lambda match: _in_figures(match, words), text)


def _in_figures(match, words: LevelWords) -> str:
    letter = words.bones[" ".join(match["bone"].split())].lower()
    first = f"{letter}{words.ordinals[match['first']]}"
    return f"{first}-{letter}{words.ordinals[match['last']]}" if match["last"] else first


def find_levels(text: str, words: LevelWords) -> list[LevelMention]:
    """Find every run of levels in *text* (folded), in the order of the text."""
    found: list[LevelMention] = []
    place = 0
    while place < len(text) and (match := words.start.search(text, place)):
        mentions, place = _read_run(text, match, words)
        found += mentions
    return found


def find_counts(text: str, words: LevelWords) -> list[CountMention]:
    """Find every count of levels in *text* (folded)."""
    found = []
    for match in words.count.finditer(text):
        if match["up_to"]:
            continue  # "up to 6 segments" counts nothing
        if match["times"]:
            found.append(CountMention(match.start(), match.end(), int(match["times"]), False))
            continue
        if match["least"]:
            found.append(CountMention(match.start(), match.end(), int(match["least"]), True))  # "7 to 12 segments"
            continue
        said = match["number"]
        count = int(said) if said.isdigit() else words.numbers[said]
        more = (match["more"] or "").strip()
        strictly = more not in ("", "at least", ">=", "minimum", "mindestens", "au moins", "al menos")
        found.append(CountMention(match.start(), match.end(), count + strictly, bool(more or match["orless"])))
    found += [CountMention(match.start(), match.end(), 2, True) for match in words.many.finditer(text)]
    return found


def _known(letter: str, number: int) -> str | None:
    if 1 <= number <= _SIZES[letter] or (letter == "L" and number == 6):
        return f"{letter}{number}"
    return None


def _beyond(vertebra: str, number: int) -> str | None:
    """Give the vertebra that a bare *number* after *vertebra* means: a later one of its region, or 1 after the last."""
    letter, at = vertebra[0], int(vertebra[1:])
    if number > at:
        return _known(letter, number)
    if number == 1 and at == _SIZES[letter] and letter in _NEXT:
        return f"{_NEXT[letter]}1"
    return None


def _first_of_run(match, words: LevelWords) -> list[str]:
    """Read the opening of a run: one vertebra, or two and more written as one number (L45 = L4-5)."""
    if match["occiput"]:
        return ["C0"]
    letter, digits = words.letters[match["letter"]], match["number"]
    whole = _known(letter, int(digits))
    if whole is not None:
        return [whole]
    run = [_known(letter, int(digits[0]))]
    for digit in digits[1:]:
        following = run[-1] and _beyond(run[-1], int(digit))
        consecutive = following is not None and int(following[1:]) == int(run[-1][1:]) + 1
        run.append(following if consecutive else None)
    return [] if None in run else run


def _read_run(text: str, match, words: LevelWords) -> tuple[list[LevelMention], int]:
    run = _first_of_run(match, words)
    end = match.end()
    if not run:
        return [], end
    to_pelvis = False
    while end < len(text):
        step, after, reaches_pelvis = _continue_run(text, end, run[-1], words)
        if step is None:
            break
        to_pelvis = to_pelvis or reaches_pelvis
        run.append(step)
        end = after
    first, last = run[0], run[-1]
    if len(run) > 1:
        first, last = min(run, key=_PLACES.__getitem__), max(run, key=_PLACES.__getitem__)
    if text[end : end + 1] == "." and text[end + 1 : end + 2].isdigit():
        return [], end
    is_single = first == last
    is_loose = match["gap"] == " " and len(match["letter"]) == 1
    if is_single and (match["occiput"] or is_loose or words.not_before.search(text, 0, match.start())):
        return [], end
    is_root = is_single and words.root.match(text, end) is not None
    mentions = [LevelMention(match.start(), end, first, last, to_pelvis, is_root)]
    while not is_single and end < len(text) and (pair := words.bare_pair.match(text, end)):
        following = _pair_after(mentions[-1], pair, words)
        if following is None:
            break
        end = pair.end()
        mentions.append(LevelMention(pair.start("one"), end, *following))
    return mentions, end


def _continue_run(text: str, end: int, last: str, words: LevelWords) -> tuple[str | None, int, bool]:
    if bone := words.to_bone.match(text, end):
        return "S1", bone.end(), bone["pelvis"] is not None
    if further := words.further.match(text, end):
        return _known(words.letters[further["letter"]], int(further["number"])), further.end(), False
    if bare := words.bare.match(text, end):
        step = _beyond(last, int(bare["number"]))
        if step is not None and bare["loose"] and len(segments_between(last, step)) != 1:
            step = None
        return step, bare.end(), False
    return None, end, False


def _pair_after(before: LevelMention, pair, words: LevelWords) -> tuple[str, str] | None:
    first = _known(before.last[0], int(pair["one"]))
    if first is None or _PLACES[first] < _PLACES[before.first]:
        return None
    letter = pair["letter"]
    last = _known(words.letters[letter], int(pair["two"])) if letter else _beyond(first, int(pair["two"]))
    if last is None or len(segments_between(first, last)) != 1:
        return None
    return first, last
