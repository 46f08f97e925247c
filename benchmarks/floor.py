"""The floor: the least that a Python service of this kind can do with a call. Imports nothing of ours.

Flask under gunicorn's sync worker; one selective msgspec pass over the body into the fields that a rule could ask for; canned
cards. It validates nothing, knows nothing and is the same in every run, so that ratios to it outlive machines.
"""

from __future__ import annotations

import gc
import json

import msgspec
from flask import Flask, Response, request


class Coding(msgspec.Struct):
    system: str | None = None
    code: str | None = None
    display: str | None = None


class Concept(msgspec.Struct):
    coding: list[Coding] = []
    text: str | None = None


class Quantity(msgspec.Struct):
    value: float | None = None
    unit: str | None = None
    code: str | None = None
    comparator: str | None = None


class Period(msgspec.Struct):
    start: str | None = None
    end: str | None = None


class Component(msgspec.Struct):
    code: Concept | None = None
    valueQuantity: Quantity | None = None
    valueCodeableConcept: Concept | None = None
    valueString: str | None = None


class Resource(msgspec.Struct):
    resourceType: str
    id: str | None = None
    status: str | None = None
    code: Concept | None = None
    birthDate: str | None = None
    performedDateTime: str | None = None
    performedPeriod: Period | None = None
    effectiveDateTime: str | None = None
    valueQuantity: Quantity | None = None
    valueCodeableConcept: Concept | None = None
    valueString: str | None = None
    component: list[Component] = []


class Entry(msgspec.Struct):
    resource: Resource


class Bundle(msgspec.Struct):
    entry: list[Entry] = []


class Prefetch(msgspec.Struct):
    patient: Resource
    procedures: Bundle
    observations: Bundle


class Call(msgspec.Struct):
    hook: str
    hookInstance: str
    context: dict[str, str]
    prefetch: Prefetch


_DECODER = msgspec.json.Decoder(Call)
_CARDS = json.dumps(
    {
        "cards": [
            {
                "uuid": "00000000-0000-4000-8000-000000000001",
                "summary": "A canned card",
                "detail": "The same for everybody. " * 100,
                "indicator": "info",
                "source": {"label": "Nobody"},
            }
        ]
    }
).encode()

app = Flask(__name__)


@app.post("/cds-services/patient-view")
def call() -> Response:
    asked = _DECODER.decode(request.get_data())
    if not asked.prefetch.procedures.entry:
        return Response(b'{"cards": []}', content_type="application/json")
    return Response(_CARDS, content_type="application/json")


gc.collect()
gc.freeze()
gc.set_threshold(50_000, 20, 50)
