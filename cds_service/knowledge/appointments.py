"""Read cards/appointments.yaml: the week in which outpatient therapy opens. All faults are told with file and line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from marshmallow import fields, validate

from cds_service.errors import Fault
from cds_service.knowledge.model import Governance, Mark, Protocol, Source
from cds_service.knowledge.shapes import (
    Governed,
    MarkField,
    Shape,
    Whole,
    Words,
    check_known,
    governance_of,
    read_shape,
)  # fmt: skip
from cds_service.knowledge.yaml_text import read_yaml_text

FILE = "appointments.yaml"


@dataclass(frozen=True, slots=True)
class TherapyStart:
    """From completed week *week* on outpatient therapy fits; *say* tells why."""

    week: int
    say: str
    mark: Mark
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Appointments:
    """*therapy_from*: protocol -> its start; a protocol that is missing states no week."""

    therapy_from: Mapping[str, TherapyStart]
    governance: Governance


class _Start(Shape):
    protocols = fields.List(fields.String(), required=True, validate=validate.Length(min=1))
    week = Whole(required=True)
    mark = MarkField(required=True)
    sources = fields.List(fields.String(), load_default=list)
    say = Words(required=True)


class _AppointmentsFile(Governed):
    therapy_from = fields.List(fields.Nested(_Start), required=True, validate=validate.Length(min=1))
    no_week = fields.List(fields.String(), load_default=list)


def load_appointments(
    folder: Path, protocols: Mapping[str, Protocol], sources: Mapping[str, Source], faults: list[Fault]
) -> Appointments | None:
    """Read `appointments.yaml` of *folder*; every protocol stands in it once. None where it cannot be used."""
    if not (folder / FILE).is_file():
        faults.append(Fault(FILE, "this file is missing", "the weeks in which therapy opens"))
        return None
    text = read_yaml_text(folder / FILE, FILE)
    data = read_shape(_AppointmentsFile(), text, faults)
    if data is None:
        return None
    starts: dict[str, TherapyStart] = {}
    told = list(data["no_week"])
    check_known(told, protocols, "protocol", text.place(("no_week",)), faults)
    for index, body in enumerate(data["therapy_from"]):
        check_known(body["protocols"], protocols, "protocol", text.place(("therapy_from", index, "protocols")), faults)
        check_known(body["sources"], sources, "source", text.place(("therapy_from", index, "sources")), faults)
        told += body["protocols"]
        start = TherapyStart(body["week"], body["say"], body["mark"], tuple(body["sources"]))
        starts |= dict.fromkeys(body["protocols"], start)
    for protocol in protocols:
        if told.count(protocol) != 1:
            found = f"{protocol} stands here {told.count(protocol)} times"
            faults.append(Fault(text.place(("therapy_from",)), found, "each protocol once, in therapy_from or no_week"))
    return Appointments(starts, governance_of(data, text, (), faults))
