"""What may be used where draft knowledge is turned off: signed protocols on signed ground, and silence for the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from cds_service.knowledge.model import FirstWeek, Governance, Knowledge, Permission, Phase, Protocol, Status
from cds_service.knowledge.sheet import SheetWords

SILENT_WHY = (
    "No signed protocol: draft knowledge is turned off here, and no clinician has signed the protocol of this operation "
    "with all the rules it rests on"
)


def governed(knowledge: Knowledge) -> Mapping[str, Governance]:
    """Give who answers for every file and rule, by file (and rule)."""
    found = dict(knowledge.tables)
    found.update((protocol.file, protocol.governance) for protocol in knowledge.protocols.values())
    found.update((f"{rule.file}: {rule.id}", rule.governance) for rule in knowledge.rules)
    return found


def signed_only(knowledge: Knowledge) -> Knowledge:
    """Give *knowledge* without anything that nobody has signed.

    A protocol stands only on signed ground: while a table, a rule or the clinical path is still draft, every protocol is
    silent, because a list without the rules that stop it would be the looser answer.
    """
    grounded = all(
        governance.status is not Status.DRAFT
        for name, governance in governed(knowledge).items()
        if not name.startswith("protocols/") and not is_of_the_sheet(name)
    )
    return replace(
        knowledge,
        protocols={
            key: protocol if grounded and protocol.governance.status is Status.ACTIVE else silenced(protocol)
            for key, protocol in knowledge.protocols.items()
        },
        rules=tuple(rule for rule in knowledge.rules if rule.governance.status is Status.ACTIVE),
        sheets=replace(knowledge.sheets, languages=_signed_languages(knowledge)),
    )


def is_of_the_sheet(name: str) -> bool:
    """Tell whether a file belongs to the patient sheet only: whether its words are signed changes no list."""
    return name.startswith("handout/") or name == "figures.yaml"


def _signed_languages(knowledge: Knowledge) -> dict[str, SheetWords]:
    """The languages whose words are signed, none while the drawings or the danger signs are not."""
    status = {name: governance.status for name, governance in knowledge.tables.items()}
    if any(status.get(name) is not Status.ACTIVE for name in ("handout/sheet.yaml", "figures.yaml")):
        return {}
    languages = knowledge.sheets.languages.items()
    return {key: words for key, words in languages if status.get(f"handout/{key}.yaml") is Status.ACTIVE}


def silenced(protocol: Protocol) -> Protocol:
    """Give a protocol of the same name that offers nothing: what is never proposed stays so, all else waits for the surgeon.

    The blocks stay because an old fusion must go on forbidding what it forbids beside a signed protocol.
    """
    cells = {
        key: replace(cell, permission=Permission.CLEARANCE, week=None) if _is_offered(cell) else cell
        for key, cell in protocol.first_weeks.items()
    }
    return replace(
        protocol,
        phases=(Phase("P0", 0, None, "agree everything with the surgeon"),),
        first_weeks=cells,
        restrictions=(),
        progression=(),
        walking=(),
        evidence=(),
        disagreement="",
        agree_first=True,
        agree_first_why=SILENT_WHY,
        governance=replace(protocol.governance, status=Status.RETIRED),
    )


def _is_offered(cell: FirstWeek) -> bool:
    return cell.permission in (Permission.PLAIN, Permission.SUPERVISED)
