"""Commands for those who run the service: bring the store up to date, show the settings."""

from __future__ import annotations

import os

import click

from cds_service.cli.exits import tells_errors
from cds_service.settings import Settings, as_markdown
from cds_service.store.feedback import Store


@click.command()
@tells_errors
def migrate() -> None:
    """Bring the tables of the store (SPINE_CDS_DATABASE_URL) up to date."""
    store = Store(Settings.from_env(os.environ).database_url)
    click.echo(f"the store is at revision {store.migrate()}")
    store.close()


@click.command()
@click.option("--markdown", is_flag=True, help="the table for the README")
@tells_errors
def settings(markdown: bool) -> None:
    """Show every setting with its meaning, unit and default; or check the environment's."""
    if markdown:
        click.echo(as_markdown(), nl=False)
        return
    Settings.from_env(os.environ)
    click.echo(as_markdown(), nl=False)


COMMANDS = (migrate, settings)
