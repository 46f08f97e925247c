"""A validator from another ecosystem (Medplum, npm) agrees that our orders are FHIR R4.

Needs Node and the packages of package.json: `npm ci --prefix tests/independent`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from cds_service.cards import build_cards
from cds_service.publish import publish
from tests.advice_maker import BASE, a_call, an_advice, an_alert, knowledge, osteoporosis

HERE = Path(__file__).parent
needs_medplum = pytest.mark.skipif(
    shutil.which("node") is None or not (HERE / "node_modules" / "@medplum" / "core").is_dir(),
    reason="Node and `npm ci --prefix tests/independent` are needed",
)


def _issues(resources: list[dict]) -> list[list[str]]:
    lines = "".join(json.dumps(one) + "\n" for one in resources)
    done = subprocess.run(["node", "validate.mjs"], cwd=HERE, input=lines, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def _created(order_profile: str) -> list[dict]:
    found = []
    for kind, protocol in sorted(knowledge().protocols.items()):
        for phase in protocol.phases:
            for alerts in ((), (osteoporosis(),), (an_alert(),)):
                advice = an_advice(kind, phase.from_week, alerts=alerts)
                for card in build_cards(advice, knowledge(), a_call(order_profile=order_profile)):
                    found += [dict(action.resource) for one in card.suggestions for action in one.actions]
    return found


@needs_medplum
@pytest.mark.parametrize("order_profile", ["pa", "us-core", "cpg-proposal"])
def test_medplum_finds_nothing_wrong_with_what_we_offer(order_profile: str) -> None:
    resources = _created(order_profile)

    issues = _issues(resources)

    assert len(issues) == len(resources) > 300
    assert [one for one in issues if one] == []


@needs_medplum
def test_medplum_finds_nothing_wrong_with_what_we_publish() -> None:
    resources = list(publish(knowledge(), BASE).resources.values())

    issues = _issues(resources)

    assert len(issues) == len(resources) > 200
    assert [one for one in issues if one] == []


@needs_medplum
def test_medplum_finds_what_is_wrong() -> None:
    (goal, *_) = _created("pa")
    broken = [
        {**goal, "subject": "Patient/1"},
        {**goal, "colour": "red"},
        {k: v for k, v in goal.items() if k != "lifecycleStatus"},
    ]

    assert all(_issues(broken))
