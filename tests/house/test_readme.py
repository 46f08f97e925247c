"""House test 3: the README's settings table is the one the service prints, its files exist, its commands run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from cds_service.cli.main import main

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_settings_table_is_what_the_service_prints() -> None:
    printed = CliRunner().invoke(main, ["settings", "--markdown"]).output.strip()

    stands = re.search(r"<!-- settings:.*?-->\n(.*?)\n<!-- /settings -->", README, re.DOTALL)

    assert stands is not None and stands.group(1).strip() == printed, "put the output of: spine-cds settings --markdown"


@pytest.mark.parametrize("target", re.findall(r"\]\((?!https?:)([^)#]+)\)", README))
def test_every_link_leads_to_a_file(target: str) -> None:
    assert (ROOT / target).exists()


def test_the_two_make_verbs_exist() -> None:
    verbs = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)

    assert {"run", "test"} <= set(verbs)


def test_the_explain_command_runs_as_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    command = next(line for line in README.splitlines() if "spine-cds explain" in line)

    result = CliRunner().invoke(main, shlex.split(command)[1:])

    assert result.exit_code == 0, result.output
    assert "LUM_FUS" in result.output


def test_the_curl_names_a_call_that_exists() -> None:
    for file in re.findall(r"-d @(\S+)", README):
        assert (ROOT / file).is_file()
