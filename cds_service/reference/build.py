"""The whole knowledge base as a readable, printable site of plain pages. Holds no patient and no script."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from cds_service.knowledge.in_words import say_cell, say_condition, say_effect, say_weeks
from cds_service.knowledge.model import Exercise, FirstWeek, Knowledge, Mark, Permission, Protocol, Source

MARK_WORDS = {
    Mark.V: "seen in its source",
    Mark.D: "our conservative default",
    Mark.M: "from memory, not verified",
    Mark.SEC: "seen second-hand only",
}
LAST_WEEK_DRAWN = 60
"""The timelines end here: the last gate of any protocol is week 52."""


def pages(knowledge: Knowledge) -> Iterator[tuple[str, str]]:
    """Give every page as (path in the site, HTML)."""
    render = _renderer(knowledge)
    yield "index.html", render("index.html.j2", root="")
    for protocol in knowledge.protocols.values():
        yield (
            f"protocols/{protocol.id}.html",
            render("protocol.html.j2", root="../", protocol=protocol, weeks=by_week(protocol), bars=bars(protocol)),
        )
    yield "exercises/index.html", render("exercises.html.j2", root="../", groups=by_category(knowledge))
    for exercise in knowledge.exercises.values():
        cells = [(protocol, protocol.first_weeks[exercise.id]) for protocol in knowledge.protocols.values()]
        yield (
            f"exercises/{exercise.id}.html",
            render(
                "exercise.html.j2",
                root="../",
                exercise=exercise,
                cells=cells,
                rules=rules_that_take(knowledge, exercise),
            ),
        )
    yield "rules.html", render("rules.html.j2", root="")
    yield "numbers.html", render("numbers.html.j2", root="")
    yield "bibliography.html", render("bibliography.html.j2", root="")


def write_site(knowledge: Knowledge, folder: Path) -> int:
    """Write all pages and the style sheet into *folder* (made if missing); gives the number of pages."""
    count = 0
    for path, html in pages(knowledge):
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(html, encoding="utf-8")
        count += 1
    style = Path(__file__).with_name("reference.css").read_text(encoding="utf-8")
    (folder / "reference.css").write_text(style, encoding="utf-8")
    return count


def by_week(protocol: Protocol) -> list[tuple[int, list[FirstWeek]]]:
    """Give the protocol's cells with a week, grouped by that week, earliest first."""
    groups: dict[int, list[FirstWeek]] = {}
    for cell in protocol.first_weeks.values():
        if cell.week is not None:
            groups.setdefault(cell.week, []).append(cell)
    return sorted(groups.items())


def bars(protocol: Protocol) -> list[Mapping[str, Any]]:
    """Give the phases as bars of a timeline: left edge and width in percent of the weeks drawn."""
    drawn = []
    for phase in protocol.phases:
        end = min(phase.to_week or LAST_WEEK_DRAWN, LAST_WEEK_DRAWN)
        left = 100 * phase.from_week / LAST_WEEK_DRAWN
        drawn.append({"phase": phase, "left": left, "width": 100 * (end - phase.from_week) / LAST_WEEK_DRAWN})
    return drawn


def by_category(knowledge: Knowledge) -> dict[str, list[Exercise]]:
    groups: dict[str, list[Exercise]] = {}
    for exercise in knowledge.exercises.values():
        groups.setdefault(exercise.category, []).append(exercise)
    return groups


def rules_that_take(knowledge: Knowledge, exercise: Exercise) -> list[tuple[str, str]]:
    """Name the rules (id, title) that can take this very exercise away by its tags or its id."""
    return [
        (rule.id, rule.title)
        for rule in knowledge.rules
        if any(
            exercise.tags & {*grade.removes, *grade.supervises} or exercise.id in grade.removes_exercises
            for grade in rule.grades
        )
    ]


def cite(source: Source) -> str:
    """Write a source in one line."""
    parts = (source.author, source.year, source.title, source.publication)
    return ". ".join(part for part in parts if part) + "."


def _renderer(knowledge: Knowledge) -> Any:
    environment = Environment(
        loader=PackageLoader("cds_service.reference"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        k=knowledge,
        Permission=Permission,
        mark_words=MARK_WORDS,
        say_cell=say_cell,
        say_condition=say_condition,
        say_effect=say_effect,
        say_weeks=say_weeks,
        cite=cite,
        last_week=LAST_WEEK_DRAWN,
    )

    def render(template: str, **values: Any) -> str:
        return environment.get_template(template).render(**values)

    return render
