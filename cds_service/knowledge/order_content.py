"""Read cards/orders.yaml: what our orders carry beside the programme. All faults are reported with file and line."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from cds_service.errors import Fault
from cds_service.knowledge.model import ActivityTarget, Governance, Mark, OrderContent, Status
from cds_service.knowledge.yaml_text import TextFile, read_yaml_text
from cds_service.patient.codes import code_key

_WORDS = validate.Length(min=1)
_MARKS = [mark.value for mark in Mark]


class _Target(Schema):
    id = fields.String(required=True, validate=_WORDS)
    protocols = fields.List(fields.String(), required=True, validate=_WORDS)
    phase = fields.String(required=True)
    measure = fields.String(required=True, validate=validate.Regexp(r"\d{4,6}-\d\Z"))
    measure_display = fields.String(required=True, validate=_WORDS)
    value = fields.Float(required=True, validate=validate.Range(min=0, min_inclusive=False))
    unit = fields.String(required=True, validate=_WORDS)
    unit_text = fields.String(required=True, validate=_WORDS)
    week = fields.Integer(required=True, validate=validate.Range(min=0))
    say = fields.String(required=True, validate=_WORDS)
    mark = fields.String(required=True, validate=validate.OneOf(_MARKS))
    sources = fields.List(fields.String(), required=True, validate=_WORDS)


class _Notice(Schema):
    days = fields.Integer(required=True, validate=validate.Range(min=1, max=60))
    mark = fields.String(required=True, validate=validate.OneOf(_MARKS))
    why = fields.String(required=True, validate=_WORDS)


class _Sign(Schema):
    say = fields.String(required=True, validate=_WORDS)
    source = fields.String(required=True)


class _Code(Schema):
    system = fields.String(required=True, validate=validate.URL(require_tld=False))
    code = fields.String(required=True, validate=_WORDS)
    term = fields.String(required=True, validate=_WORDS)
    source = fields.String(required=True)


class _OrdersFile(Schema):
    status = fields.String(required=True, validate=validate.OneOf([status.value for status in Status]))
    written_by = fields.String(required=True, validate=_WORDS)
    checked_by = fields.String(required=True, validate=_WORDS)
    checked_on = fields.String(load_default="")
    next_check = fields.Date(required=True)
    gate_notice = fields.Nested(_Notice, required=True)
    targets = fields.List(fields.Nested(_Target), required=True)
    stop_and_call = fields.List(fields.Nested(_Sign), required=True, validate=_WORDS)
    same_as_exercise = fields.List(fields.Nested(_Code), required=True)
    same_as_physiotherapy = fields.List(fields.Nested(_Code), required=True)
    physiotherapy_words = fields.List(fields.String(validate=_WORDS), required=True)


def load_order_content(
    file: Path, protocols: Collection[str], sources: Collection[str], faults: list[Fault]
) -> OrderContent | None:
    """Read *file*; None (and faults appended) where it cannot be used.

    *protocols* and *sources* are the ids that may be named. A source `memory` is allowed only for codes.
    """
    text = read_yaml_text(file)
    if text.faults:
        faults.extend(text.faults)
        return None
    try:
        read = _OrdersFile().load(text.content if isinstance(text.content, dict) else {})
    except ValidationError as error:
        faults.extend(_faults(error.messages, (), text))
        return None
    before = len(faults)
    for index, target in enumerate(read["targets"]):
        _known(target["protocols"], protocols, "protocol", text, ("targets", index, "protocols"), faults)
        _known(target["sources"], sources, "source", text, ("targets", index, "sources"), faults)
    for index, sign in enumerate(read["stop_and_call"]):
        _known([sign["source"]], sources, "source", text, ("stop_and_call", index, "source"), faults)
    for key in ("same_as_exercise", "same_as_physiotherapy"):
        for index, code in enumerate(read[key]):
            _known([code["source"]], {*sources, "memory"}, "source", text, (key, index, "source"), faults)
    if len(faults) > before:
        return None
    return OrderContent(
        gate_notice_days=read["gate_notice"]["days"],
        targets=tuple(_target(one) for one in read["targets"]),
        stop_and_call=tuple(one["say"] for one in read["stop_and_call"]),
        exercise_codes=_codes(read["same_as_exercise"]),
        physiotherapy_codes=_codes(read["same_as_physiotherapy"]),
        physiotherapy_words=tuple(word.lower() for word in read["physiotherapy_words"]),
        governance=Governance(
            Status(read["status"]), read["written_by"], read["checked_by"], None, read["next_check"]
        ),
    )


def _target(read: dict[str, Any]) -> ActivityTarget:
    lists = {"protocols": tuple(read["protocols"]), "sources": tuple(read["sources"]), "mark": Mark(read["mark"])}
    return ActivityTarget(**{**read, **lists})


def _codes(read: list[dict[str, Any]]) -> frozenset[tuple[str, str]]:
    return frozenset(code_key(one["system"], one["code"]) for one in read)


def _known(
    named: list[str], known: Collection[str], what: str, text: TextFile, path: tuple, faults: list[Fault]
) -> None:
    for one in named:
        if one not in known:
            faults.append(Fault(text.place(path), f"{one!r} is not a {what} we know", f"an id of a known {what}"))


def _faults(messages: Any, path: tuple[str | int, ...], text: TextFile) -> list[Fault]:
    if isinstance(messages, dict):
        return [fault for key, inner in messages.items() for fault in _faults(inner, (*path, key), text)]
    return [Fault(text.place(path), "; ".join(str(message) for message in messages))]
