"""From a sheet to one printable page with its pictures inside. Loads nothing from elsewhere, runs no script."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from cds_service.handout.drawing import draw
from cds_service.handout.sheet import Sheet
from cds_service.knowledge.model import Knowledge

STYLE_FILE = Path(__file__).with_name("handout.css")


def render_sheet(sheet: Sheet, knowledge: Knowledge, style_url: str | None = None) -> str:
    """Give the page as HTML. *style_url* names the style sheet; None writes it into the page, for a file on a disk."""
    return (
        _environment()
        .get_template("sheet.html.j2")
        .render(
            sheet=sheet,
            say=sheet.words.phrases,
            pictures={
                one.id: _picture(knowledge, one.id, sheet.words.phrases["picture_of"].format(name=one.name))
                for one in sheet.exercises
            },
            style_url=style_url,
            style=Markup(STYLE_FILE.read_text(encoding="utf-8")) if style_url is None else "",
        )
    )


def _picture(knowledge: Knowledge, exercise: str, title: str) -> Markup:
    return Markup(draw(knowledge.sheets.figures[exercise], knowledge.sheets.postures, title))


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("cds_service.handout"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
