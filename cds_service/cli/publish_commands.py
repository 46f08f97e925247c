"""Hand the knowledge to others: `spine-cds export --fhir`."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from cds_service.cli.exits import tells_errors
from cds_service.knowledge.load import load_knowledge
from cds_service.publish import publish
from cds_service.settings import Settings

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.option(
    "--fhir", "target", required=True, type=click.Path(path_type=Path),
    help="a folder for one file per resource, or a file ending in .json for one batch Bundle",
)  # fmt: skip
@click.option("--base-url", help="what the canonical URLs begin with; that of the settings without it")
@click.option("--cards", type=_FOLDER, help="the knowledge folder; that of the settings without it")
@click.option("--overlay", type=_FOLDER, help="a hospital's own folder to lay over it")
@tells_errors
def export(target: Path, base_url: str | None, cards: Path | None, overlay: Path | None) -> None:
    """Write protocols, exercises, safety rules and codelists as FHIR R4 resources.

    The Bundle can be posted to any FHIR server: it puts each resource under its own id, so a repeat changes nothing.
    """
    settings = Settings.from_env(os.environ)
    knowledge = load_knowledge(
        cards or settings.cards, overlay or (None if cards else settings.overlay), settings.use_draft
    )
    published = publish(knowledge, (base_url or settings.base_url).rstrip("/"))
    if target.suffix == ".json":
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(_json(published.bundle()), encoding="utf-8")
        click.echo(f"{len(published.resources)} resources in {target}")
        return
    target.mkdir(parents=True, exist_ok=True)
    for key, resource in published.resources.items():
        (target / f"{key.replace('/', '-')}.json").write_text(_json(resource), encoding="utf-8")
    click.echo(f"{len(published.resources)} resources in {target}, one file each")


def _json(resource: dict[str, object]) -> str:
    return json.dumps(resource, indent=2, ensure_ascii=False) + "\n"


COMMANDS = (export,)
