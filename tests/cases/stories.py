"""The stories of this folder, read from YAML and told one by one. Faults name the file and the story."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.cases.chart import StoryFault

FOLDER = Path(__file__).parent
ON = date(2026, 5, 20)
"""The day asked about, where a story names none."""
DATA = ("operations", "conditions", "observations", "medicines", "instructions", "plus")
EXPECTATIONS = frozenset({
    "operation", "day", "week", "effective_week", "phase", "region", "levels", "fusion", "revision", "instrumented",
    "effect", "must_show", "must_not_show", "supervised", "withheld", "clearance", "alerts", "silent", "unknown",
    "not_unknown", "data_quality", "no_data_quality", "modifiers", "no_modifiers", "cards", "no_card", "card_says",
    "card_silent_on", "order", "only", "why", "limits", "restrictions_gone", "next_test", "instruction", "quiet",
    "date_taken", "unread", "gaps",
})  # fmt: skip
_STORY = frozenset(
    {"story", "from", "on", "at", "patient", "expect", "variants", "missing", "incomplete", "days", "weeks", *DATA}
)


class _Loader(yaml.SafeLoader):
    """YAML in which `on`, `yes` and `no` are the words they look like; only true and false are truth values."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"true|false"), ["t", "f"])


@dataclass(frozen=True)
class Story:
    """One telling: the chart and what must come out of it."""

    name: str
    title: str
    source: str
    told: Mapping[str, Any]
    expect: Mapping[str, Any]


@cache
def all_stories() -> tuple[Story, ...]:
    """Read every story of the folder; each variant of a story is a telling of its own."""
    found = [story for path in sorted(FOLDER.glob("*.yaml")) for story in _of_file(path)]
    names = [story.name for story in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise StoryFault(f"two stories of one name: {', '.join(twice)}")
    return tuple(found)


def _of_file(path: Path) -> Iterator[Story]:
    for told in yaml.load(path.read_text(encoding="utf-8"), _Loader):  # noqa: S506  a safe loader of its own
        name = told.get("story")
        place = f"{path.name}: {name}"
        unknown = set(told) - _STORY
        if not name or not told.get("from") or unknown:
            raise StoryFault(
                f"{place}: a story needs 'story' and 'from'; not known: {', '.join(sorted(unknown)) or 'nothing'}"
            )
        variants = told.get("variants")
        if not variants:
            yield _story(f"{path.stem}: {name}", place, told, told.get("expect"))
            continue
        for variant in variants:
            if set(variant) - _STORY - {"but"} or "but" not in variant:
                raise StoryFault(f"{place}: a variant needs 'but' (in which it differs) and knows the keys of a story")
            expect = {**(told.get("expect") or {}), **(variant.get("expect") or {})}
            yield _story(f"{path.stem}: {name}: {variant['but']}", place, _merged(told, variant), expect)


def _merged(told: Mapping[str, Any], variant: Mapping[str, Any]) -> dict[str, Any]:
    """Lists of data grow, everything else of the variant replaces what the story says."""
    merged = {**told, **{key: value for key, value in variant.items() if key not in DATA}}
    for kind in DATA:
        merged[kind] = [*(told.get(kind) or ()), *(variant.get(kind) or ())]
    if {"days", "weeks"} & set(variant):
        merged = {key: value for key, value in merged.items() if key not in ("days", "weeks") or key in variant}
    return merged


_TIMES = frozenset({"days", "weeks", "date", "when_text", "period", "no_date"})


def _dated(told: Mapping[str, Any]) -> list[dict[str, Any]]:
    """`days` or `weeks` of the story tell how long ago every operation was that has no date of its own."""
    since = {key: told[key] for key in ("days", "weeks") if key in told}
    dated = [{**since, **one} if not _TIMES & set(one) else one for one in told.get("operations") or ()]
    return [{key: value for key, value in one.items() if key != "no_date"} for one in dated]


def _story(name: str, place: str, told: Mapping[str, Any], expect: Mapping[str, Any] | None) -> Story:
    if not expect:
        raise StoryFault(f"{place}: a story needs 'expect'")
    unknown = set(expect) - EXPECTATIONS
    if unknown:
        raise StoryFault(f"{place}: no such expectation: {', '.join(sorted(unknown))}")
    on = told.get("on", ON)
    if not isinstance(on, date):
        raise StoryFault(f"{place}: 'on' is a day, YYYY-MM-DD")
    moment = told.get("at")
    at = datetime.fromisoformat(moment) if moment else None
    chart = {**told, "on": on, "at": at, "operations": _dated(told)}
    return Story(name, place, told["from"], chart, {key: value for key, value in expect.items() if value != "skip"})
