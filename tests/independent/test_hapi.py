"""HL7's reference validator, as HAPI FHIR carries it, agrees that our orders and our published knowledge are FHIR R4.

It checks what model classes cannot: invariants, terminology bindings, the R4 profiles shareable*, where an extension may
stand. Needs Java and `mvn -q -B -f tests/independent/java dependency:copy-dependencies`.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import pytest

from cds_service.publish import publish
from cds_service.publish.search import capability_statement, search
from tests.advice_maker import BASE, knowledge
from tests.independent.test_medplum import _created

HERE = Path(__file__).parent / "java"
needs_hapi = pytest.mark.skipif(
    shutil.which("java") is None or not (HERE / "target" / "dependency").is_dir(),
    reason="Java and `mvn -q -B -f tests/independent/java dependency:copy-dependencies` are needed",
)
NOT_AT_HAND = (
    # Profiles of guides that the validator does not carry: tests/profiles and test_published.py check their rules.
    re.compile(
        r"Profile reference 'http://hl7\.org/fhir/(us/(core|physical-activity|pacio-pfe)|uv/cpg)/StructureDefinition/[a-z-]+' "
        r"has not been checked because it could not be found"
    ),
    # Terminologies that the validator does not carry.
    re.compile(
        r"The code '[^']+' is not valid in the system (http://snomed\.info/sct|http://loinc\.org|http://www\.ama-assn\.org/go/cpt"
        r"|http://hl7\.org/fhir/sid/icd-(10|9)-cm|https://fhir\.hl7\.org\.uk/Id/opcs-4|http://www\.whocc\.no/atc"
        r"|http://www\.cms\.gov/Medicare/Coding/HCPCSReleaseCodeSets) \(Validation failed\)"
    ),
    # LOINC's own unit for steps.
    re.compile(r"UCUM Codes that contain human readable annotations like \{steps\}"),
    # Best practice, no rule: Goals and ServiceRequests are read by machines, the CarePlan of the set has the narrative.
    re.compile(r"Constraint failed: dom-6"),
)


def _findings(resources: Iterable[dict]) -> list[list[str]]:
    """Give for each resource what the validator finds, errors and warnings, without what it cannot look up."""
    lines = "".join(json.dumps(one) + "\n" for one in resources)
    command = ["java", "-XX:TieredStopAtLevel=1", "-Xmx700m", "-cp", "target/dependency/*", "Validate.java"]
    done = subprocess.run(command, cwd=HERE, input=lines, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-2000:]
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return [[one for one in issues if not any(known.search(one) for known in NOT_AT_HAND)] for issues in found]


def _sample() -> list[dict]:
    """Orders of each profile, and published resources of each kind."""
    orders = [one for order_profile in ("pa", "us-core", "cpg-proposal") for one in _created(order_profile)[::61]]
    held = publish(knowledge(), BASE)
    plans = ("lum-fus", "tumour", "rf01", "rf29", "rf10")
    return (
        orders
        + [held.resources[f"PlanDefinition/{one}"] for one in plans]
        + list(held.of_type("ActivityDefinition"))[::12]
        + list(held.of_type("ValueSet"))[::14]
        + list(held.of_type("CodeSystem"))
        + list(held.of_type("Library"))
        + [
            capability_statement(held, "1.0", date(2026, 5, 20)),
            search(held, "CodeSystem", [("_count", "2")]),
            search(held, "PlanDefinition", [("name", "nobody")]),
        ]
    )


@needs_hapi
def test_hapi_finds_nothing_wrong_and_finds_what_is_wrong() -> None:
    """One start of Java for both, because it costs ten seconds."""
    sample = _sample()
    plan = publish(knowledge(), BASE).resources["PlanDefinition/lum-fus"]
    broken = [
        {**plan, "status": "ready"},
        {**plan, "action": [{"id": "a", "relatedAction": [{"actionId": "b", "relationship": "later"}]}]},
        {key: value for key, value in plan.items() if key != "publisher"},
        {**plan, "name": "two words"},
    ]

    *findings, status, relation, publisher, name = _findings(sample + broken)

    assert len(findings) == len(sample) > 60
    assert {f"{place} {sample[place]['resourceType']}": one for place, one in enumerate(findings) if one} == {}
    assert "status" in " ".join(status) and "relationship" in " ".join(relation)
    assert "publisher" in " ".join(publisher), "the profile shareableplandefinition is checked"
    assert "pdf-0" in " ".join(name)
