"""Commands for those who write the knowledge: check it, compare it, play it week by week, render it."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import click

from cds_service.cli.exits import EXIT_CODES, tells_errors
from cds_service.cli.sample_orders import order_faults
from cds_service.clinical.advice import Advice
from cds_service.clinical.simulate import SimulatedWeek, simulate
from cds_service.errors import KnowledgeFaults
from cds_service.knowledge.diff import Difference, diff_knowledge
from cds_service.knowledge.load import Checked, check_knowledge, load_knowledge
from cds_service.knowledge.model import Status
from cds_service.knowledge.strictness import Strictness
from cds_service.reference.build import write_site
from cds_service.settings import Settings

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


def _folders(cards: Path | None, overlay: Path | None) -> tuple[Path, Path | None]:
    """Give the folders named on the command line, else those of the settings."""
    if cards is not None:
        return cards, overlay
    settings = Settings.from_env(os.environ)
    return settings.cards, overlay or settings.overlay


def _today() -> date:
    return datetime.now().astimezone().date()


@click.command()
@click.argument("cards", required=False, type=_FOLDER)
@click.option("--overlay", type=_FOLDER, help="a hospital's own folder to lay over it")
@click.option(
    "--on", "on", type=click.DateTime(["%Y-%m-%d"]), help="the day for which reviews may be overdue; today without it"
)
@click.option("--strict", is_flag=True, help="warnings count as faults")
@tells_errors
def check(cards: Path | None, overlay: Path | None, on: datetime | None, strict: bool) -> None:
    """Check the knowledge folder CARDS (or the one of the settings) and tell every fault with file and line.

    Where the files are sound, the orders that they make are held against FHIR.
    """
    folder, local = _folders(cards, overlay)
    checked = check_knowledge(folder, local, on.date() if on else _today())
    forbidden = order_faults(checked.knowledge) if checked.knowledge is not None else []
    if forbidden:
        checked = replace(checked, knowledge=None, faults=tuple(forbidden))
    for fault in checked.faults:
        click.echo(f"fault: {fault}")
    for warning in checked.warnings:
        click.echo(f"warning: {warning}")
    click.echo(_summary(checked))
    if checked.faults or strict and checked.warnings:
        raise SystemExit(EXIT_CODES[KnowledgeFaults])


def _summary(checked: Checked) -> str:
    knowledge = checked.knowledge
    if knowledge is None:
        return f"{len(checked.faults)} fault{'' if len(checked.faults) == 1 else 's'}; this folder cannot be used"
    drafts = [protocol for protocol in knowledge.protocols.values() if protocol.governance.status is Status.DRAFT]
    lines = [
        f"knowledge {knowledge.version} ({knowledge.content_hash[:12]}) can be used: "
        f"{len(knowledge.protocols)} protocols ({len(drafts)} draft), {len(knowledge.exercises)} exercises, "
        f"{len(knowledge.rules)} safety rules, {len(knowledge.sources)} sources; {len(checked.warnings)} warnings"
    ]
    if knowledge.overlay:
        lines.append(f"laid over it: {knowledge.overlay}")
    for change in knowledge.local_changes:
        approved = f" (approved by {change.approved_by}: {change.reason})" if change.approved_by else ""
        lines.append(f"  {change.strictness}: {change.what}: {change.theirs}, ours is {change.ours}{approved}")
    return "\n".join(lines)


@click.command()
@click.argument("old", type=_FOLDER)
@click.argument("new", type=_FOLDER)
@click.option("--overlay", type=_FOLDER, help="a hospital's own folder, laid over NEW")
@tells_errors
def diff(old: Path, new: Path, overlay: Path | None) -> None:
    """Tell in clinical words what changes for patients between the knowledge folders OLD and NEW."""
    differences = diff_knowledge(load_knowledge(old), load_knowledge(new, overlay))
    for line in _grouped(differences):
        click.echo(line)
    looser = sum(difference.strictness is Strictness.LOOSER for difference in differences)
    click.echo(
        f"{len(differences)} changes, {looser} of them looser than before" if differences else "no change for patients"
    )


def _grouped(differences: tuple[Difference, ...]) -> list[str]:
    lines: list[str] = []
    for where in dict.fromkeys(difference.where for difference in differences):
        lines.append(where)
        lines += [f"  {one.strictness.value}: {one.what}" for one in differences if one.where == where]
    return lines


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--cards", type=_FOLDER, help="the knowledge folder; that of the settings without it")
@click.option("--overlay", type=_FOLDER, help="a hospital's own folder to lay over it")
@tells_errors
def reference(folder: Path, cards: Path | None, overlay: Path | None) -> None:
    """Write the whole knowledge base as a readable site of plain pages into FOLDER, to review and print."""
    known, local = _folders(cards, overlay)
    count = write_site(load_knowledge(known, local), folder)
    click.echo(f"{count} pages in {folder}; begin with {folder / 'index.html'}")


def _weeks(_: click.Context, __: click.Parameter, given: str) -> range:
    """Read `6`, or `0..60` with both ends."""
    found = re.fullmatch(r"(\d{1,3})(?:\.\.(\d{1,3}))?", given)
    if found is None or found[2] is not None and int(found[2]) < int(found[1]):
        raise click.BadParameter(f"{given!r}; write a week (6) or a range (0..60)")
    return range(int(found[1]), int(found[2] or found[1]) + 1)


@click.command(name="simulate")
@click.option("--surgery", required=True, help="the operation, such as LUM_FUS")
@click.option(
    "--weeks", default="0..60", show_default=True, callback=_weeks, help="completed weeks, both ends included"
)
@click.option("--with", "facts", multiple=True, help="a modifier (osteoporosis), a safety rule (RF10) or a code list")
@click.option("--full", is_flag=True, help="the whole list every week, not only what changes")
@click.option("--cards", type=_FOLDER, help="the knowledge folder; that of the settings without it")
@click.option("--overlay", type=_FOLDER, help="a hospital's own folder to lay over it")
@tells_errors
def simulate_weeks(
    surgery: str, weeks: range, facts: tuple[str, ...], full: bool, cards: Path | None, overlay: Path | None
) -> None:
    """Print the list of one operation week by week, for an imagined patient of 50 years with the facts named."""
    known, local = _folders(cards, overlay)
    knowledge = load_knowledge(known, local)
    played = simulate(surgery, weeks, facts, knowledge)
    click.echo(f"{surgery}, knowledge {knowledge.version}" + (f", with {', '.join(facts)}" if facts else ""))
    before: _Lists = ({}, {}, ())
    for simulated in played:
        lists = _lists(simulated.advice)
        if full or lists != before:
            for line in _week_lines(simulated, lists, before, full):
                click.echo(line)
        before = lists


_Lists = tuple[dict[str, None], dict[str, None], tuple[str, ...]]


def _lists(advice: Advice) -> _Lists:
    alerts = tuple(
        f"{alert.rule} {alert.severity.value} {alert.effect.value}: {alert.title}" for alert in advice.alerts
    )
    return (
        dict.fromkeys(one.exercise for one in advice.exercises),
        dict.fromkeys(one.exercise for one in advice.supervised),
        alerts,
    )


def _week_lines(simulated: SimulatedWeek, lists: _Lists, before: _Lists, full: bool) -> list[str]:
    plan = simulated.advice.plans[0]
    phase = plan.phase.id if plan.phase else "no phase"
    effective = plan.operation.effective_week
    shifted = f", counts as week {effective}" if effective != simulated.week else ""
    plain, supervised, alerts = lists
    lines = [f"week {simulated.week} ({phase}{shifted}): {len(plain)} exercises, {len(supervised)} supervised"]
    for word, now, then in (("", plain, before[0]), (" supervised", supervised, before[1])):
        if full:
            lines.append(f"  list{word}: {', '.join(now) or 'none'}")
        else:
            new, gone = [one for one in now if one not in then], [one for one in then if one not in now]
            lines += [f"  new{word}: {', '.join(new)}"] if new else []
            lines += [f"  gone{word}: {', '.join(gone)}"] if gone else []
    return lines + [f"  alert {alert}" for alert in alerts if full or alert not in before[2]]


COMMANDS = (check, diff, simulate_weeks, reference)
