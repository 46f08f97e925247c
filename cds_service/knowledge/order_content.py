"""Read cards/orders.yaml: what our orders carry beside the programme. All faults are reported with file and line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from marshmallow import fields, validate

from cds_service.errors import Fault
from cds_service.knowledge.model import ActivityTarget, OrderContent, Protocol, Source
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
from cds_service.knowledge.yaml_text import TextFile, read_yaml_text
from cds_service.patient.codes import code_key

FILE = "orders.yaml"


class _Target(Shape):
    id = fields.String(required=True)
    protocols = fields.List(fields.String(), required=True, validate=validate.Length(min=1))
    phase = fields.String(required=True)
    measure = fields.String(required=True, validate=validate.Regexp(r"\d{4,6}-\d\Z", error="no LOINC code"))
    measure_display = Words(required=True)
    value = Whole(required=True)
    unit = Words(required=True)
    unit_text = Words(required=True)
    week = Whole(required=True)
    say = Words(required=True)
    mark = MarkField(required=True)
    sources = fields.List(fields.String(), required=True, validate=validate.Length(min=1))


class _Notice(Shape):
    days = Whole(required=True)
    mark = MarkField(required=True)
    say = Words(required=True)


class _Sign(Shape):
    say = Words(required=True)
    sources = fields.List(fields.String(), required=True)


class _Code(Shape):
    system = Words(required=True)
    code = Words(required=True)
    term = Words(required=True)
    mark = MarkField(required=True)
    sources = fields.List(fields.String(), load_default=list)


class _OrdersFile(Governed):
    gate_notice = fields.Nested(_Notice, required=True)
    targets = fields.List(fields.Nested(_Target), required=True)
    stop_and_call = fields.List(fields.Nested(_Sign), required=True, validate=validate.Length(min=1))
    same_as_exercise = fields.List(fields.Nested(_Code), required=True)
    same_as_physiotherapy = fields.List(fields.Nested(_Code), required=True)
    physiotherapy_words = fields.List(Words(), required=True)


def load_order_content(
    folder: Path, protocols: Mapping[str, Protocol], sources: Mapping[str, Source], faults: list[Fault]
) -> OrderContent | None:
    """Read `orders.yaml` of *folder*; None (and faults appended) where it cannot be used.

    *protocols* and *sources* hold what may be named in it.
    """
    if not (folder / FILE).is_file():
        faults.append(Fault(FILE, "this file is missing", "what our orders carry (goals, stop signs, codes)"))
        return None
    text = read_yaml_text(folder / FILE, FILE)
    data = read_shape(_OrdersFile(), text, faults)
    if data is None:
        return None
    for index, target in enumerate(data["targets"]):
        _check_target(target, index, protocols, text, faults)
    for key in ("targets", "stop_and_call", "same_as_exercise", "same_as_physiotherapy"):
        for index, block in enumerate(data[key]):
            check_known(block["sources"], sources, "source", text.place((key, index, "sources")), faults)
    return OrderContent(
        gate_notice_days=data["gate_notice"]["days"],
        targets=tuple(_target(one) for one in data["targets"]),
        stop_and_call=tuple(one["say"] for one in data["stop_and_call"]),
        exercise_codes=_codes(data["same_as_exercise"]),
        physiotherapy_codes=_codes(data["same_as_physiotherapy"]),
        physiotherapy_words=tuple(word.lower() for word in data["physiotherapy_words"]),
        governance=governance_of(data, text, (), faults),
    )


def _check_target(
    target: dict[str, Any], index: int, protocols: Mapping[str, Protocol], text: TextFile, faults: list[Fault]
) -> None:
    check_known(target["protocols"], protocols, "protocol", text.place(("targets", index, "protocols")), faults)
    for protocol in target["protocols"]:
        phases = {phase.id: phase for phase in protocols[protocol].phases} if protocol in protocols else {}
        if phases and target["phase"] not in phases:
            expected = f"one of {', '.join(phases)}"
            faults.append(
                Fault(text.place(("targets", index, "phase")), f"{protocol} has no phase {target['phase']}", expected)
            )


def _target(read: dict[str, Any]) -> ActivityTarget:
    return ActivityTarget(**{**read, "protocols": tuple(read["protocols"]), "sources": tuple(read["sources"])})


def _codes(read: list[dict[str, Any]]) -> frozenset[tuple[str, str]]:
    return frozenset(code_key(one["system"], one["code"]) for one in read)
