"""Commands that show our reasoning without a server: `explain` one patient, `classify` procedures."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime, time
from typing import Any

import click

from cds_service.cards import CallFacts, build_cards
from cds_service.cli.exits import INPUT_FAULTS, tells_errors
from cds_service.clinical.advise import advise
from cds_service.clinical.surgery.classify import read_procedure as classify_procedure
from cds_service.clinical.surgery.classify import reading_as_json
from cds_service.errors import InputFaults
from cds_service.explain import explain as explain_as_json
from cds_service.explain import explain_text
from cds_service.hooks import PATIENT_VIEW
from cds_service.intake.read import read_bundle, read_procedure
from cds_service.knowledge.load import load_knowledge
from cds_service.knowledge.model import Knowledge
from cds_service.settings import Settings

_FILE = click.Path(exists=True, dir_okay=False, allow_dash=True)


def _knowledge(settings: Settings) -> Knowledge:
    return load_knowledge(settings.cards, settings.overlay, settings.use_draft)


@click.command()
@click.argument("bundle", type=_FILE)
@click.option("--on", "on", type=click.DateTime(["%Y-%m-%d"]), required=True, help="the day asked about, YYYY-MM-DD")
@click.option("--json", "as_json", is_flag=True, help="the public contract as JSON instead of text")
@tells_errors
def explain(bundle: str, on: datetime, as_json: bool) -> None:
    """Show every step of the reasoning for one patient: BUNDLE is a file with a FHIR Bundle (or an array, one
    resource, or one resource a line), or - for standard input."""
    settings = Settings.from_env(os.environ)
    knowledge = _knowledge(settings)
    with click.open_file(bundle, "rb") as file:
        record = read_bundle(file.read(), zone=settings.timezone)
    advice = advise(record, knowledge, on.date())
    call = CallFacts(
        hook=PATIENT_VIEW.hook,
        patient_id=record.patient.reference.rpartition("/")[2] if record.patient else "unknown",
        at=datetime.combine(on.date(), time(12), settings.timezone),
        service_base_url=settings.base_url,
        card_secret=settings.card_key,
        orders=record.orders,
    )
    cards = build_cards(advice, knowledge, call)
    if as_json:
        click.echo(json.dumps(explain_as_json(advice, knowledge, cards), ensure_ascii=False, indent=2))
    else:
        click.echo(explain_text(advice, knowledge, cards))


@click.command()
@click.argument("procedures", type=_FILE)
@tells_errors
def classify(procedures: str) -> None:
    """Tell for each FHIR Procedure what operation it says: PROCEDURES has one a line (NDJSON), or - for standard input.

    One JSON answer a line, in order. A line that is no Procedure gives {"line": n, "error": ...}, and exit code 3 at
    the end.
    """
    settings = Settings.from_env(os.environ)
    knowledge = _knowledge(settings)
    faulty = False
    with click.open_file(procedures, "rb") as lines:
        for answer in _classified(lines, knowledge, settings):
            faulty = faulty or "error" in answer
            click.echo(json.dumps(answer, ensure_ascii=False))
    if faulty:
        sys.exit(INPUT_FAULTS)


def _classified(lines: Iterable[bytes], knowledge: Knowledge, settings: Settings) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            procedure = read_procedure(line, zone=settings.timezone)
        except InputFaults as error:
            yield {"line": number, "error": "; ".join(str(fault) for fault in error.faults)}
            continue
        yield reading_as_json(classify_procedure(procedure, knowledge.surgery))


COMMANDS = (explain, classify)
