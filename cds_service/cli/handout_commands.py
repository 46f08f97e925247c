"""The command `handout`: a printable sheet for the patient, from a week alone or from one patient's record."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import click

from cds_service.cli.exits import tells_errors
from cds_service.clinical.advice import Advice
from cds_service.clinical.advise import advise
from cds_service.clinical.take_home import no_sheet_because, take_home
from cds_service.errors import Fault, InputFaults
from cds_service.handout.page import render_sheet
from cds_service.handout.sheet import Sheet, make_sheet
from cds_service.intake.read import read_bundle
from cds_service.knowledge.handout import LANGUAGES
from cds_service.knowledge.load import load_knowledge
from cds_service.knowledge.model import Knowledge
from cds_service.settings import Settings

_FILE = click.Path(exists=True, dir_okay=False, allow_dash=True)


@click.command()
@click.option("--surgery", help="the surgery type, for example LUM_FUS; found in the record where --bundle is given")
@click.option("--week", type=int, help="the completed week after the operation; counted where --bundle is given")
@click.option("--bundle", type=_FILE, help="a patient's FHIR Bundle, or - for standard input; needs --on")
@click.option("--on", "on", type=click.DateTime(["%Y-%m-%d"]), help="the day asked about, YYYY-MM-DD")
@click.option("--exercise", "exercises", multiple=True, metavar="ID", help="an exercise to print; may be repeated")
@click.option("--language", type=click.Choice(LANGUAGES), default="en", show_default=True)
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="the HTML file to write; else standard output"
)
@tells_errors
def handout(
    surgery: str | None, week: int | None, bundle: str | None, on: datetime | None, exercises: tuple[str, ...],
    language: str, output: Path | None,
) -> None:  # fmt: skip
    """Write the patient's sheet: pictures, steps, dose, limits and signs of danger, as one page to print.

    It never holds an exercise that the protocol does not allow in that week, and no patient data.
    """
    settings = Settings.from_env(os.environ)
    knowledge = load_knowledge(settings.cards, settings.overlay, settings.use_draft)
    if bundle is not None:
        if on is None:
            raise click.UsageError("--bundle needs --on, the day asked about")
        with click.open_file(bundle, "rb") as file:
            record = read_bundle(file.read(), zone=settings.timezone)
        sheet = _of_patient(advise(record, knowledge, on.date()), knowledge, surgery, week, exercises, language)
    elif surgery is None or week is None:
        raise click.UsageError("give --surgery and --week, or --bundle and --on")
    else:
        sheet = make_sheet(knowledge, surgery, week, exercises or None, language)
    page = render_sheet(sheet, knowledge)
    if output is None:
        click.echo(page)
        return
    output.write_text(page, encoding="utf-8")
    click.echo(f"{output}: {len(sheet.exercises)} exercises, week {sheet.week} after {sheet.surgery_type}, {language}")


def _of_patient(
    advice: Advice,
    knowledge: Knowledge,
    surgery: str | None,
    week: int | None,
    exercises: tuple[str, ...],
    language: str,
) -> Sheet:
    """The sheet of this patient's advice; what the advice holds back cannot be asked for."""
    found = take_home(advice)
    if found is None:
        raise InputFaults([Fault("--bundle", f"no sheet for this patient: {no_sheet_because(advice)}")])
    faults = []
    if surgery not in (None, found.surgery_type):
        faults.append(Fault("--surgery", f"the record says {found.surgery_type}", "the same, or leave it out"))
    if week not in (None, found.week):
        faults.append(Fault("--week", f"the record counts week {found.week}", "the same, or leave it out"))
    allowed = {one.exercise for one in (*advice.exercises, *advice.supervised)}
    faults += [
        Fault("--exercise", f"{one} is held back for this patient", "see `explain`")
        for one in exercises
        if one not in allowed
    ]
    if faults:
        raise InputFaults(faults)
    return make_sheet(knowledge, found.surgery_type, found.week, exercises or found.exercises, language)


COMMANDS = (handout,)
