"""The words of vertebral levels (cards/words/levels.yaml), compiled to the patterns of the level grammar."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LevelWords:
    """The level grammar as patterns over folded text.

    *start* finds a vertebra with its letter (or the occiput); *further*, *bare* and *to_bone* match what may continue
    a run; *bare_pair* a second pair without letter ("L3-4, 4-5"); *root* what makes a vertebra a nerve root, *not_before*
    what it must not follow;
    *count* finds "two-level", *many* "multilevel". *letters* gives C, T, L or S for each prefix. *in_words* finds
    "fourth and fifth lumbar vertebrae", with the numbers of *ordinals* and the letters of *bones*.
    """

    letters: Mapping[str, str]
    numbers: Mapping[str, int]
    start: re.Pattern[str]
    further: re.Pattern[str]
    bare: re.Pattern[str]
    to_bone: re.Pattern[str]
    bare_pair: re.Pattern[str]
    root: re.Pattern[str]
    not_before: re.Pattern[str]
    count: re.Pattern[str]
    many: re.Pattern[str]
    in_words: re.Pattern[str]
    ordinals: Mapping[str, int]
    bones: Mapping[str, str]
    gates: Gates

    def may_be_in_words(self, seen: AbstractSet[str]) -> bool:
        """False where no vertebra can be told in words among the words *seen* of a text."""
        return not seen.isdisjoint(self.gates.bones) and not seen.isdisjoint(self.gates.ordinals)

    def may_open(self, word: str) -> bool:
        """False where no level can begin with *word*, in figures or in words."""
        gates = self.gates
        return word in gates.letters or word in gates.occiput or word in gates.ordinals

    def opening_words(self) -> frozenset[str]:
        """Give the words with which a level can begin, and the nouns of a count."""
        gates = self.gates
        return gates.letters | gates.occiput | gates.ordinals | frozenset(gates.nouns)

    def may_be_levels(self, seen: AbstractSet[str], text: str) -> bool:
        """False where *start* cannot match in *text* (folded), whose words and signs are *seen*."""
        gates = self.gates
        return not seen.isdisjoint(gates.occiput) or not seen.isdisjoint(gates.letters) and bool(_DIGIT.search(text))

    def may_be_counts(self, seen: AbstractSet[str]) -> bool:
        """False where neither *count* nor *many* can match in a text whose words and signs are *seen*."""
        gates = self.gates
        for word in seen:
            if (
                word[-_TAIL:] in gates.noun_tails
                and word.endswith(gates.nouns)
                or word[: gates.many_size] in gates.many
            ):
                return True
        return "x" in seen


@dataclass(frozen=True, slots=True)
class Gates:
    """What must stand among the words of a text before a pattern of the level grammar can match there.

    The patterns bound their words by anything but letters, so what they begin with stands in the text as a word:
    *letters*, *occiput*, *ordinals*, *bones*. The noun of a count may be the end of a word (bisegmental): *nouns*, with their last
    letters as *noun_tails* for a quick no. The words of "multilevel" may run on: *many* are their first *many_size*
    letters. Behind *binding* words and marks ("more than", "up to", "-") a number is no count by itself.
    """

    letters: frozenset[str]
    occiput: frozenset[str]
    ordinals: frozenset[str]
    bones: frozenset[str]
    nouns: tuple[str, ...]
    noun_tails: frozenset[str]
    many: frozenset[str]
    many_size: int
    binding: frozenset[str]


_DIGIT = re.compile(r"\d")
_PIECES = re.compile(r"[a-z]+|\d+|[^\sa-z\d]")
_TAIL = 3  # letters
_BINDING = ("up_to", "more", "to")


def _gates(
    letters: Mapping[str, str], ordinals: Iterable[str], bones: Mapping[str, str], lists: Mapping[str, tuple[str, ...]]
) -> Gates:
    nouns = {piece for noun in lists["nouns"] for piece in _PIECES.findall(noun)[-1:]}
    many = _openings(lists["many"])
    many_size = min((len(word) for word in many), default=0)
    return Gates(
        letters=_openings(letters),
        occiput=_openings(lists["occiput"]),
        ordinals=_openings(ordinals),
        bones=_openings(bones),
        nouns=tuple(sorted(nouns)),
        noun_tails=frozenset(noun[-_TAIL:] for noun in nouns),
        many=frozenset(word[:many_size] for word in many),
        many_size=many_size,
        binding=frozenset({"-", *(_PIECES.findall(words)[-1] for key in _BINDING for words in lists[key])}),
    )


def _openings(words: Iterable[str]) -> frozenset[str]:
    return frozenset(piece for word in words for piece in _PIECES.findall(word)[:1])


def _any_of(words: Iterable[str]) -> str:
    ordered = sorted(words, key=len, reverse=True)
    return "|".join(re.escape(word).replace(r"\ ", r"\s+") for word in ordered)


def compile_levels(
    letters: Mapping[str, str],
    numbers: Mapping[str, int],
    ordinals: Mapping[str, int],
    bones: Mapping[str, str],
    lists: Mapping[str, tuple[str, ...]],
) -> LevelWords:
    """Compile the words of levels.yaml, all folded already. *lists* holds its word lists by key."""
    prefix = _any_of(letters)
    to = _any_of(lists["to"])
    joined = _any_of(lists["joined"])
    # a vertebra may run into the next one (L5S1) or into a side letter (L5L), into no other letter (s2ai, d5w)
    ends = rf"(?=$|[^a-z\d]|[lr](?![a-z\d])|(?:{prefix})\d)"
    return LevelWords(
        letters=letters,
        numbers=numbers,
        start=re.compile(
            rf"(?<![a-z\d.])(?:(?P<occiput>{_any_of(lists['occiput'])})(?=\s*-|\s*/|\s+(?:{to})\s)"
            rf"|(?P<letter>{prefix})(?P<gap>[ -]?)(?P<number>\d{{1,3}}){ends})"
        ),
        further=re.compile(
            rf"(?:\s*(?:-|/|>)+\s*|\s+(?:{to})\s+(?:the\s+)?|)(?P<letter>{prefix})[ -]?(?P<number>\d{{1,2}}){ends}"
        ),
        bare=re.compile(
            rf"(?:\s*(?P<tight>[-/])\s*|\s*(?P<loose>,|&|\+|\s(?:{joined}|{to})\s)\s*)(?P<number>\d{{1,2}}){ends}"
            rf"(?!\s*(?:{_any_of(lists['units'])})(?![a-z]))(?![ ]?[-/]\d{{2}})"
        ),
        to_bone=re.compile(
            rf"(?:\s*[-/]\s*|\s+(?:{to})\s+)(?:(?P<pelvis>{_any_of(lists['pelvis'])})"
            rf"|(?P<sacrum>{_any_of(lists['sacrum'])}))(?![a-z])"
        ),
        bare_pair=re.compile(
            rf"\s*(?:,|;|&|\+|/|\s(?:{joined})\s)*\s*(?P<one>\d)\s?[-/]\s?(?P<letter>{prefix})?(?P<two>\d){ends}(?![-/]\d)"
        ),
        root=re.compile(
            rf"\s*(?:left|right|l|r|bilateral)?\s*[\-(,]?\s*(?:spinal\s)?(?:{_any_of(lists['not_after'])})"
        ),
        not_before=re.compile(rf"(?<![a-z])(?:{_any_of(lists['not_before'])})\s*$"),
        count=re.compile(
            rf"(?<![a-z\d/.\-])(?:(?P<up_to>{_any_of(lists['up_to'])})\s*|(?P<more>{_any_of(lists['more'])})\s*)?(?:(?P<least>\d{{1,2}})\s*(?:-|(?:{to})\s)\s*)?(?P<number>\d{{1,2}}|{_any_of(numbers)})"
            rf"(?P<orless>\+|\s+or\s+more|\s+oder\s+mehr|\s+o\s+mas|\s+ou\s+plus)?[\s-]*"
            rf"(?:{_any_of(lists['count_fillers'])})?\s*(?:{_any_of(lists['nouns'])})(?![a-z])"
            rf"|(?<![a-z\d])x\s?(?P<times>[2-9])(?![\d./a-z])"
        ),
        many=re.compile(rf"(?<![a-z])(?:{_any_of(lists['many'])})"),
        in_words=re.compile(
            rf"(?<![a-z\d.])(?P<first>{_any_of(ordinals)})(?:\s+(?:{joined}|{to})\s+(?:the\s+)?(?P<last>{_any_of(ordinals)}))?"
            rf"\s+(?P<bone>{_any_of(bones)})(?![a-z])"
        ),
        ordinals=ordinals,
        bones=bones,
        gates=_gates(letters, ordinals, bones, lists),
    )
