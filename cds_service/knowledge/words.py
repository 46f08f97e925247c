"""Read cards/words: the signs of surgical free text and the words that show them. Reads files; judges no text."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from cds_service.errors import Fault
from cds_service.knowledge.level_words import LevelWords, compile_levels
from cds_service.knowledge.model import Mark, Status
from cds_service.knowledge.vocabulary import (
    SHORTEST_FUZZY,
    SHORTEST_FUZZY_OTHER,
    SHORTEST_SKELETON,
    SHORTEST_STEM_SKELETON,
    Combination,
    Kind,
    Needs,
    Node,
    Sign,
    Stems,
    Words,
    begin_alike,
    deletions_of,
    fold,
    keys_of_known,
    number_words,
    skeleton,
)
from cds_service.knowledge.yaml_text import PathKey, TextFile, read_yaml_text

SIGNS_FILE = "signs.yaml"
LEVELS_FILE = "levels.yaml"


_ONE_MEANING = {Kind.OPERATION, Kind.GENERIC}
# misspellings are forgiven only in words of these kinds: elsewhere they would turn plain words into signs
_NAMING = {Kind.OPERATION, Kind.REGION, Kind.SPINE}
_FORGIVEN = _NAMING | {Kind.DETAIL, Kind.NOT_OPERATION, Kind.NEGATION, Kind.PLANNED, Kind.REMOVAL, Kind.PART}


# --- shapes of the files -------------------------------------------------------------------------------------------


class _Yes(fields.Field):
    """`yes` or `no` as written; YAML's own booleans never arise because values stay text."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if value not in ("yes", "no"):
            raise ValidationError("must be yes or no")
        return value == "yes"


def _one_of(values: Iterable[str]) -> validate.OneOf:
    return validate.OneOf(sorted(values))


_OPERATIONS = (
    "fusion", "discectomy", "laminectomy", "decompression", "foraminotomy", "laminoplasty", "corpectomy", "arthroplasty",
    "augmentation", "stimulator", "stimulator_removal", "hardware_removal", "dynamic", "fixation", "tumour",
    "deformity", "other", "unnamed",
)  # fmt: skip
_REGIONS = (
    "cervical", "cervicothoracic", "thoracic", "thoracolumbar", "lumbar", "lumbosacral", "sacral", "occipitocervical",
)  # fmt: skip


class _SignShape(Schema):
    class Meta:
        unknown = RAISE

    kind = fields.Enum(Kind, by_value=True, required=True)
    operation = fields.String(validate=_one_of(_OPERATIONS))
    needs = fields.Enum(Needs, by_value=True)
    region = fields.String(validate=_one_of(_REGIONS))
    approach = fields.String(validate=_one_of(("anterior", "posterior", "lateral", "combined", "percutaneous")))
    technique = fields.String()
    fusion = _Yes()
    instrumented = _Yes()
    minimally_invasive = _Yes()
    revision = _Yes()
    trial = _Yes()
    deformity = _Yes()
    paediatric = _Yes()
    tumour = _Yes()
    side = fields.String(validate=_one_of(("left", "right", "bilateral")))
    reaches = fields.String(validate=_one_of(("before", "after", "both")))
    narrow = _Yes()
    beside_level = _Yes()
    takes_over = _Yes()
    note = fields.String()


class _CombinationShape(Schema):
    class Meta:
        unknown = RAISE

    first = fields.String(required=True)
    second = fields.String(required=True)
    gives = fields.String(required=True)
    within = fields.Integer(required=True, validate=validate.Range(min=1, max=20))


class _Governed(Schema):
    class Meta:
        unknown = RAISE

    status = fields.Enum(Status, by_value=True, required=True)
    written_by = fields.String(required=True, validate=validate.Length(min=3))
    checked_by = fields.String(required=True, validate=validate.Length(min=3))
    checked_on = fields.String(required=True, validate=validate.Regexp(r"not yet$|\d{4}-\d{2}-\d{2}$"))
    next_check = fields.Date(required=True)
    mark = fields.Enum(Mark, by_value=True, required=True)
    source = fields.String(required=True, validate=validate.Length(min=3))


class _SignsShape(_Governed):
    signs = fields.Dict(keys=fields.String(), values=fields.Nested(_SignShape), required=True)
    combinations = fields.List(fields.Nested(_CombinationShape), load_default=list)


_TEXTS = fields.List(fields.String(validate=validate.Length(min=1)), load_default=list)


class _LanguageShape(_Governed):
    language = fields.String(required=True, validate=validate.Regexp(r"[a-z]{2}$"))
    glue = _TEXTS
    short_forms = fields.Dict(keys=fields.String(), values=fields.String(), load_default=dict)
    ordinary = _TEXTS
    words = fields.Dict(keys=fields.String(), values=fields.List(fields.String()), required=True)


_LEVEL_LISTS = (
    "to", "joined", "pelvis", "sacrum", "occiput", "not_after", "not_before", "units", "nouns", "up_to", "more", "count_fillers", "many",
)  # fmt: skip


class _LevelsShape(_Governed):
    letters = fields.Dict(keys=fields.String(), values=fields.String(validate=_one_of("CTLS")), required=True)
    numbers = fields.Dict(keys=fields.String(), values=fields.Integer(validate=validate.Range(1, 25)), required=True)
    ordinals = fields.Dict(keys=fields.String(), values=fields.Integer(validate=validate.Range(1, 12)), required=True)
    bones = fields.Dict(keys=fields.String(), values=fields.String(validate=_one_of("CTLS")), required=True)
    lists = fields.Dict(
        keys=fields.String(validate=_one_of(_LEVEL_LISTS)),
        values=fields.List(fields.String(validate=validate.Length(min=1)), validate=validate.Length(min=1)),
        required=True,
    )


def _load(shape: Schema, text: TextFile, faults: list[Fault]) -> dict[str, Any] | None:
    faults.extend(text.faults)
    if text.content is None and text.faults:
        return None
    try:
        return shape.load(text.content if text.content is not None else {})
    except ValidationError as error:
        faults.extend(_faults_of(error.messages, (), text))
        return None


def _faults_of(messages: Any, path: PathKey, text: TextFile) -> Iterable[Fault]:
    if isinstance(messages, dict):
        for key, below in messages.items():
            # marshmallow names a broken dict entry {"key": [...]} or {"value": ...} and a broken shape "_schema"
            step = () if key in ("value", "key", "_schema") else (key,)
            yield from _faults_of(below, (*path, *step), text)
    else:
        for message in messages:
            yield Fault(text.place(path), str(message), "the shape told in cards/words/README.md")


# --- compiling -----------------------------------------------------------------------------------------------------


def load_words(folder: Path, faults: list[Fault]) -> Words:
    """Read every file of *folder* (cards/words); what is wrong is added to *faults*, each with file and line.

    The Words given back are whole only when no fault was added.
    """
    before = len(faults)
    signs, combinations = _read_signs(folder / SIGNS_FILE, faults)
    if len(faults) > before:
        return Words()  # without its signs every word of every language would be a fault
    builder = _Builder(signs, faults)
    for file in sorted(folder.glob("*.yaml")):
        if file.name not in (SIGNS_FILE, LEVELS_FILE):
            builder.add_language(read_yaml_text(file, f"words/{file.name}"))
    levels = _read_levels(folder / LEVELS_FILE, faults)
    return builder.words(combinations, levels)


def _read_file(file: Path, shape: Schema, faults: list[Fault]) -> tuple[TextFile, dict[str, Any] | None]:
    name = f"words/{file.name}"
    if not file.is_file():
        faults.append(Fault(f"{name}:1", "the file is missing", "a file with the shape told in cards/words/README.md"))
        return TextFile(name), None
    text = read_yaml_text(file, name)
    return text, _load(shape, text, faults)


def _read_signs(file: Path, faults: list[Fault]) -> tuple[dict[str, Sign], tuple[Combination, ...]]:
    text, content = _read_file(file, _SignsShape(), faults)
    if content is None:
        return {}, ()
    signs = {}
    for name, said in content["signs"].items():
        said.pop("note", None)
        signs[name] = Sign(id=name, **said)
        if (signs[name].kind in (Kind.OPERATION, Kind.GENERIC)) != (signs[name].operation is not None):
            place = text.place(("signs", name))
            faults.append(Fault(place, "operation and kind do not fit", "`operation` with kind operation or generic"))
    combinations = []
    for index, said in enumerate(content["combinations"]):
        for key in ("first", "second", "gives"):
            if said[key] not in signs:
                place = text.place(("combinations", index, key))
                faults.append(Fault(place, f"no sign {said[key]!r}", "a sign of this file"))
        if all(said[key] in signs for key in ("first", "second", "gives")):
            combinations.append(Combination(said["first"], said["second"], signs[said["gives"]], said["within"]))
    return signs, tuple(combinations)


def _read_levels(file: Path, faults: list[Fault]) -> LevelWords | None:
    text, content = _read_file(file, _LevelsShape(), faults)
    if content is None:
        return None
    missing = [name for name in _LEVEL_LISTS if name not in content["lists"]]
    faults.extend(Fault(text.place(("lists",)), f"the list {name!r} is missing", "every list") for name in missing)
    if missing:
        return None
    return compile_levels(
        letters={fold(key): value for key, value in content["letters"].items()},
        numbers={fold(key): value for key, value in content["numbers"].items()},
        ordinals={fold(key): value for key, value in content["ordinals"].items()},
        bones={fold(key): value for key, value in content["bones"].items()},
        lists={name: tuple(fold(word) for word in words) for name, words in content["lists"].items()},
    )


class _Builder:
    """Collects phrases of all languages into one tree."""

    def __init__(self, signs: Mapping[str, Sign], faults: list[Fault]):
        self._signs = signs
        self._faults = faults
        self._tree: Node = {}
        self._glue: set[str] = set()
        self._ordinary: set[str] = set()
        self._short_forms: dict[str, str] = {}
        self._keys: set[str] = set()
        self._forgiven: set[str] = set()
        self._naming_stems: set[str] = set()

    def add_language(self, text: TextFile) -> None:
        content = _load(_LanguageShape(), text, self._faults)
        if content is None:
            return
        self._glue |= {fold(word) for word in content["glue"]}
        self._ordinary |= {fold(word) for word in content["ordinary"]}
        self._short_forms |= {fold(short): fold(long) for short, long in content["short_forms"].items()}
        for name, phrases in content["words"].items():
            if name not in self._signs:
                place = text.place(("words", name))
                self._faults.append(Fault(place, f"no sign {name!r}", f"a sign of {SIGNS_FILE}"))
                continue
            for index, phrase in enumerate(phrases):
                self._add_phrase(self._signs[name], phrase, text.place(("words", name, index)))

    def _add_phrase(self, sign: Sign, phrase: str, place: str) -> None:
        spelled = {fold(phrase), fold(phrase.lower().translate(_UMLAUTS))}
        for spelling in sorted(spelled):
            for consumed, context in _alternatives(spelling):
                if not consumed:
                    self._faults.append(Fault(place, f"nothing to match in {phrase!r}", "words outside < >"))
                    return
                self._add_words(sign, consumed, context, place)

    def _add_words(self, sign: Sign, consumed: list[str], context: list[str], place: str) -> None:
        node = self._tree
        shortest = SHORTEST_FUZZY if sign.kind in _NAMING and len(consumed) == 1 else SHORTEST_FUZZY_OTHER
        for word in (*consumed, *context):
            self._keys.add(word)
            if sign.kind in _FORGIVEN and len(word) >= shortest and word.isalpha():
                self._forgiven.add(word)
            if sign.kind in _NAMING and word.endswith("*"):
                self._naming_stems.add(word[:-1])
            node = node.setdefault(word, {})
        taken, _ = node.get("", ((), 0))
        clash = [one.id for one in taken if one.id != sign.id and {one.kind, sign.kind} <= _ONE_MEANING]
        if clash:
            said = " ".join((*consumed, *context))
            self._faults.append(Fault(place, f"{said!r} already means {clash[0]!r}", "one operation for each phrase"))
        if sign not in taken:
            node[""] = ((*taken, sign), len(consumed))

    def words(self, combinations: tuple[Combination, ...], levels: LevelWords | None) -> Words:
        stems = Stems(key[:-1] for key in self._keys if key.endswith("*"))
        suffixes = {key[1:] for key in self._keys if key.startswith("*")}
        plain = frozenset(key for key in self._keys if "*" not in key)
        deletions: dict[str, list[str]] = {}
        for word in sorted(self._forgiven):
            for cut in {word, *deletions_of(word)}:
                deletions.setdefault(cut, []).append(word)
        openings, endings = begin_alike(self._forgiven)
        bones = {skeleton(word): word for word in sorted(self._forgiven) if len(skeleton(word)) >= SHORTEST_SKELETON}
        for stem in sorted(self._naming_stems):
            if len(skeleton(stem)) >= SHORTEST_STEM_SKELETON:
                bones[skeleton(stem)] = stem + "*"
        short = sorted(self._short_forms, key=len, reverse=True)
        pattern = "|".join(re.escape(form) for form in short)
        cut = [_WORD.findall(form) for form in short]
        words = Words(
            signs=self._signs,
            combinations=combinations,
            combining=frozenset(name for one in combinations for name in (one.first, one.second)),
            levels=levels,
            short_forms=self._short_forms,
            short_form_pattern=re.compile(rf"(?<![a-z0-9])(?:{pattern})(?![a-z0-9])") if short else None,
            short_form_words=frozenset(pieces[0] for pieces in cut if len(pieces) == 1),
            short_form_starts=frozenset(pieces[0] for pieces in cut if len(pieces) > 1),
            short_form_pairs=frozenset((pieces[0], pieces[1]) for pieces in cut if len(pieces) > 1),
            glue=frozenset(self._glue),
            tree=self._tree,
            known=keys_of_known(plain, frozenset(self._ordinary), stems),
            stems=stems,
            suffixes=frozenset(suffixes),
            suffix_lengths=tuple(sorted({len(suffix) for suffix in suffixes}, reverse=True)),
            deletions={cut: tuple(words) for cut, words in deletions.items()},
            openings=openings,
            endings=endings,
            skeletons=bones,
            skeleton_lengths=tuple(sorted({len(bone) for bone in bones}, reverse=True)),
        )
        return replace(words, numbers=number_words(words))


_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})
_PIECE = re.compile(r"[<>]|\([^)]*\)|\*?[a-z]+\*?|\d+|[^\s<>a-z\d]")
_WORD = re.compile(r"\*?[a-z]+\*?|\d+|[^\sa-z\d]")


def _alternatives(phrase: str) -> Iterable[tuple[list[str], list[str]]]:
    """Spell out a phrase: `(a|b) c <d>` gives a c and b c, each followed by d which must stand there unconsumed."""
    pieces: list[list[str]] = []
    consumed = 0
    inside = False
    for piece in _PIECE.findall(phrase):
        if piece in "<>":
            inside = piece == "<"
            continue
        options = [option.strip() for option in piece[1:-1].split("|")] if piece.startswith("(") else [piece]
        pieces.append(options)
        consumed += not inside
    for chosen in itertools.product(*pieces):
        words = [word for option in chosen[:consumed] for word in _WORD.findall(option)]
        context = [word for option in chosen[consumed:] for word in _WORD.findall(option)]
        yield words, context
