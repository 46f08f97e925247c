"""`spine-cds export`: one file per resource, or one Bundle that any FHIR server takes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from fhir.resources.R4B.bundle import Bundle

from cds_service.cli.main import main

BASE = "https://hospital.example.org/spine"


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPINE_CDS_PUBLIC_URL", "")


def run(*arguments: str):
    return CliRunner().invoke(main, ["export", *arguments])


def test_a_folder_gets_one_file_per_resource(tmp_path: Path) -> None:
    told = run("--fhir", str(tmp_path / "out"), "--base-url", BASE + "/")

    files = sorted((tmp_path / "out").iterdir())
    assert told.exit_code == 0, told.output
    assert told.output.startswith(f"{len(files)} resources in ")
    for file in files:
        resource = json.loads(file.read_text(encoding="utf-8"))
        assert file.name == f"{resource['resourceType']}-{resource['id']}.json"
        assert resource["url"] == f"{BASE}/fhir/{resource['resourceType']}/{resource['id']}"


def test_a_json_file_gets_one_batch(tmp_path: Path) -> None:
    told = run("--fhir", str(tmp_path / "deep" / "knowledge.json"), "--base-url", BASE)

    bundle = json.loads((tmp_path / "deep" / "knowledge.json").read_text(encoding="utf-8"))
    Bundle.model_validate(bundle)
    assert told.exit_code == 0, told.output
    assert bundle["type"] == "batch" and len(bundle["entry"]) > 200
    for entry in bundle["entry"]:
        resource = entry["resource"]
        assert entry["request"] == {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"}
        assert entry["fullUrl"] == resource["url"]


def test_faulty_knowledge_is_told_and_nothing_is_written(tmp_path: Path) -> None:
    told = run("--fhir", str(tmp_path / "out"), "--cards", str(tmp_path))

    assert told.exit_code == 4
    assert not (tmp_path / "out").exists()
