"""What reading a chart costs above a plain selective decode of the same bytes.

Run: python benchmarks/reading.py [observations ...]. For each size it prints medians over interleaved rounds: the plain decode
(one msgspec pass into five fields), the decode of intake/, the whole reading, the whole reading with a rule's questions asked
(every code of the chart, the newest three looked at), and the same with everything looked at.
"""

from __future__ import annotations

import gc
import json
import statistics
import sys
import time
from collections.abc import Callable

import msgspec

from cds_service.intake.bundles import open_page
from cds_service.intake.read import read_record
from cds_service.patient.codes import code_key

ROUNDS = 31
LOINC = ("8867-4", "9279-1", "8310-5", "59408-5", "1988-5", "718-7", "6690-2", "72514-3")
PANEL = "85354-9"


class Coding(msgspec.Struct, gc=False):
    system: str | None = None
    code: str | None = None


class Concept(msgspec.Struct, gc=False):
    coding: list[Coding] = []


class Quantity(msgspec.Struct, gc=False):
    value: float | None = None
    unit: str | None = None
    code: str | None = None


class Plain(msgspec.Struct, gc=False):
    id: str | None = None
    status: str | None = None
    code: Concept | None = None
    effectiveDateTime: str | None = None
    valueQuantity: Quantity | None = None


class PlainEntry(msgspec.Struct, gc=False):
    resource: Plain


class PlainBundle(msgspec.Struct):
    entry: list[PlainEntry]


PLAIN = msgspec.json.Decoder(PlainBundle)


def an_observation(number: int) -> dict:
    """Make a synthetic vital sign or laboratory value of about 1.27 kB, as US Core servers write them."""
    code = LOINC[number % len(LOINC)]
    category = {
        "system": "http://terminology.hl7.org/CodeSystem/observation-category",
        "code": "vital-signs",
        "display": "Vital Signs",
    }
    resource = {
        "resourceType": "Observation",
        "id": f"obs-{number}",
        "meta": {
            "versionId": "1",
            "lastUpdated": "2026-03-01T10:00:00.000+00:00",
            "profile": ["http://hl7.org/fhir/us/core/StructureDefinition/us-core-vital-signs"],
        },
        "status": "final",
        "category": [{"coding": [category], "text": "Vital Signs"}],
        "code": {"coding": [{"system": "http://loinc.org", "code": code, "display": "A measure"}], "text": "A measure"},
        "subject": {"reference": "Patient/p1"},
        "encounter": {"reference": f"Encounter/e{number // 20}"},
        "effectiveDateTime": f"2026-{1 + number % 9:02}-{1 + number % 28:02}T10:{number % 60:02}:00+02:00",
        "issued": "2026-03-01T10:00:00.000+00:00",
        "performer": [{"reference": "Practitioner/n1"}],
        "valueQuantity": {
            "value": 60.5 + number % 40,
            "unit": "/min",
            "system": "http://unitsofmeasure.org",
            "code": "/min",
        },
        "referenceRange": [{"low": {"value": 60, "unit": "/min"}, "high": {"value": 100, "unit": "/min"}}],
    }
    return {
        "fullUrl": f"https://ehr.example.org/fhir/Observation/obs-{number}",
        "resource": resource,
        "search": {"mode": "match"},
    }


def a_chart(observations: int) -> bytes:
    """Make a searchset of *observations* Observations."""
    entries = [an_observation(number) for number in range(observations)]
    bundle = {"resourceType": "Bundle", "type": "searchset", "total": observations, "entry": entries}
    return json.dumps(bundle, separators=(",", ":")).encode()


def ask(body: bytes, looked_at: int | None) -> None:
    """Read the chart and look at the newest *looked_at* Observations of each code (None: at all)."""
    observations = read_record({"observations": [body]}, patient_id="p1").observations
    for code in (*LOINC, PANEL):
        found = observations.coded(frozenset({code_key("http://loinc.org", code)}))
        for _ in found[:looked_at]:
            pass


def main(sizes: list[int]) -> None:
    """Print one line for each size."""
    titles = ("plain ms", "decode", "record", "asked", "all asked")
    gc.disable()  # the service freezes and raises its thresholds; here collections would hit steps at random
    print(f"{'N':>6} {'kB each':>8}" + "".join(f"{title:>12}" for title in titles) + "   above plain")
    for size in sizes:
        body = a_chart(size)
        steps: list[Callable[[], object]] = [
            lambda body=body: PLAIN.decode(body),
            lambda body=body: open_page(body),
            lambda body=body: read_record({"observations": [body]}, patient_id="p1"),
            lambda body=body: ask(body, 3),
            lambda body=body: ask(body, None),
        ]
        times: list[list[float]] = [[] for _ in steps]
        for _ in range(ROUNDS):
            for taken, step in zip(times, steps, strict=True):
                gc.collect()
                began = time.perf_counter()
                step()
                taken.append((time.perf_counter() - began) * 1000)
        medians = [statistics.median(taken) for taken in times]
        above = (medians[3] - medians[0]) / size * 1000
        print(
            f"{size:>6} {len(body) / size / 1000:>8.2f}"
            + "".join(f"{median:>12.3f}" for median in medians)
            + f"   asked: {medians[3] / medians[0]:.2f} x, {above:.2f} ms per 1000"
        )


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or [100, 1000, 5000])
