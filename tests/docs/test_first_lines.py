"""The lines that a start prints: each of them works as it stands."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.live import ROOT, running_service

pytestmark = pytest.mark.xdist_group("docs")


def test_every_line_that_a_start_prints_works(tmp_path: Path) -> None:
    with running_service(tmp_path) as base_url:
        printed = dict(
            re.findall(r"^(discovery|try it|page|sandbox) +(.+)$", (tmp_path / "service.log").read_text(), re.MULTILINE)
        )
        discovered = requests.get(printed["discovery"], headers={"Origin": "https://sandbox.cds-hooks.org"}, timeout=10)
        tried = subprocess.run(["bash", "-c", printed["try it"]], cwd=ROOT, capture_output=True, text=True, timeout=30)
        page = requests.get(printed["page"], timeout=10)

    link = urlsplit(printed["sandbox"])
    assert discovered.status_code == 200 and discovered.json()["services"]
    assert discovered.headers["Access-Control-Allow-Origin"] == f"{link.scheme}://{link.netloc}"
    assert "Lumbar fusion" in tried.stdout and "-d @fhir_fixtures/calls/patient-view.json" in printed["try it"]
    assert page.status_code == 200 and "workbench" in page.text.lower()
    assert parse_qs(link.query) == {"serviceDiscoveryURL": [f"{base_url}/cds-services"], "hook": ["patient-view"]}
