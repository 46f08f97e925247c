"""What cannot be run here is at least linted by real linters; licences are checked and a bill of materials is made."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from cds_service.security.tenants import load_tenants
from cds_service.settings import Settings

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


def _needs(*tools: str) -> None:
    missing = [tool for tool in tools if shutil.which(tool, path=f"{BIN}{os.pathsep}{os.environ['PATH']}") is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (they come with the extra `test`)")


def test_the_linters_find_nothing_in_dockerfile_compose_and_manifests() -> None:
    _needs("hadolint", "compose-lint", "kubernetes-validate")

    run = subprocess.run(
        [ROOT / "tools" / "lint_deploy.sh"], env={**os.environ, "PYTHON_BIN": str(BIN)}, capture_output=True, text=True
    )

    assert run.returncode == 0, run.stdout + run.stderr


def test_the_image_runs_as_nobody_special_from_hashed_packages() -> None:
    text = (ROOT / "Dockerfile").read_text()

    assert re.search(r"^USER 10001:10001$", text, re.MULTILINE)
    assert "--require-hashes" in text and "HEALTHCHECK" in text and "SPINE_CDS_MODE=production" in text


def test_every_container_has_a_read_only_file_system_and_no_privileges() -> None:
    for name, service in yaml.safe_load((ROOT / "compose.yaml").read_text())["services"].items():
        assert service["read_only"] and service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name
    pods = [
        document["spec"]["template"]["spec"]
        for document in yaml.safe_load_all((ROOT / "deploy" / "kubernetes" / "spine-cds.yaml").read_text())
        if document["kind"] == "Deployment"
    ]
    assert pods and all(
        container["securityContext"]["readOnlyRootFilesystem"]
        and container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        for pod in pods
        for container in pod["containers"]
    )


def test_the_example_tenants_are_good_enough_for_production(tmp_path: Path) -> None:
    assert load_tenants(ROOT / "deploy" / "tenants.example.yaml", production=True).all[0].id == "general-hospital"
    documents = yaml.safe_load_all((ROOT / "deploy" / "kubernetes" / "spine-cds.yaml").read_text())
    held = next(document["data"] for document in documents if document["kind"] == "ConfigMap")
    file = tmp_path / "tenants.yaml"
    file.write_text(held["tenants.yaml"])
    assert load_tenants(file, production=True).all[0].algorithms == ("RS384",)


def test_every_locked_package_has_hashes() -> None:
    for name in ("requirements.lock", "requirements-test.lock"):
        blocks = re.split(r"\n(?=[a-z0-9])", (ROOT / name).read_text())
        pinned = [block for block in blocks if re.match(r"[A-Za-z0-9_.\[\]-]+==", block)]
        assert pinned and all("--hash=sha256:" in block for block in pinned), name


def test_licences_are_on_the_list_and_a_bill_of_materials_is_made(tmp_path: Path) -> None:
    _needs("pip-licenses", "cyclonedx-py")

    run = subprocess.run(
        [ROOT / "tools" / "supply_chain.sh", tmp_path],
        env={**os.environ, "PYTHON": sys.executable, "TOOLS": str(BIN)},
        capture_output=True,
        text=True,
    )

    assert "all on the list" in run.stdout, run.stdout + run.stderr
    bill = json.loads((tmp_path / "sbom.cdx.json").read_text())
    assert bill["bomFormat"] == "CycloneDX" and {"flask", "pyjwt"} <= {
        part["name"].lower() for part in bill["components"]
    }


def test_the_settings_of_both_deployments_start_the_service(tmp_path: Path) -> None:
    image = dict(re.findall(r"(SPINE_CDS_[A-Z_]+)=(\S+)", (ROOT / "Dockerfile").read_text()))
    image |= {"SPINE_CDS_CARDS": str(ROOT / "cards"), "SPINE_CDS_COMMIT": "unknown"}
    documents = list(yaml.safe_load_all((ROOT / "deploy" / "kubernetes" / "spine-cds.yaml").read_text()))
    pod = next(one for one in documents if one["kind"] == "Deployment")["spec"]["template"]["spec"]
    tenants = tmp_path / "tenants.yaml"
    tenants.write_text(next(one["data"] for one in documents if one["kind"] == "ConfigMap")["tenants.yaml"])
    given = {"SPINE_CDS_DATABASE_URL": "postgresql://spine:word@db/spine", "SPINE_CDS_CARD_SECRET": "0" * 64}
    cluster = {one["name"]: one.get("value", given.get(one["name"], "")) for one in pod["containers"][0]["env"]}
    trial = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["cds"]["environment"]

    in_cluster = Settings.from_env(image | cluster | {"SPINE_CDS_TENANTS": str(tenants)})
    on_trial = Settings.from_env(image | trial)

    assert not in_cluster.is_development and in_cluster.card_secret == "0" * 64
    assert on_trial.is_development
