"""The command line as a user types it: explain, classify, settings, migrate, and what the exit codes mean."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import create_engine, inspect

from cds_service.cli.exits import EXIT_CODES, exit_code_of
from cds_service.cli.main import main
from cds_service.errors import (
    CallFaults,
    FhirReadFailed,
    KnowledgeFaults,
    NotTrusted,
    SettingsFaults,
    SpineCdsError,
    StoreUnavailable,
)
from cds_service.settings import as_markdown
from tests.contract.conftest import FIXTURES, read_json

CONTRACT = {
    "on", "knowledgeVersion", "operations", "effect", "exercises", "supervised",
    "withheld", "alerts", "unknown", "dataQuality", "cards",
}  # fmt: skip
OPERATION = {
    "surgeryType", "date", "postOpDay", "completedWeek", "effectiveWeek",
    "phase", "region", "levels", "fusion", "basis", "evidence",
}  # fmt: skip
READING = {
    "isSpineSurgery", "surgeryType", "region", "levels", "levelCount",
    "fusion", "instrumented", "approach", "revision", "assertion", "basis", "because",
}  # fmt: skip
WEEK_6 = str(FIXTURES / "patients" / "lumbar_fusion_week_6.json")


def run(*arguments: str, given: str | bytes | None = None, **environment: str) -> Result:
    return CliRunner().invoke(main, list(arguments), input=given, env=environment)


def test_explain_gives_the_public_contract_as_json() -> None:
    done = run("explain", WEEK_6, "--on", "2026-05-15", "--json")

    told = json.loads(done.stdout)
    assert done.exit_code == 0 and set(told) >= CONTRACT and told["on"] == "2026-05-15"
    (operation,) = told["operations"]
    assert set(operation) >= OPERATION
    assert (operation["surgeryType"], operation["completedWeek"], operation["phase"]) == ("LUM_FUS", 6, "P2")
    assert told["exercises"] and all(isinstance(one, str) for one in told["exercises"])
    assert all(set(one) >= {"exercise", "rule", "because"} for one in told["withheld"])


def test_explain_reads_standard_input_and_tells_a_story_in_words() -> None:
    done = run("explain", "-", "--on", "2026-05-15", given=Path(WEEK_6).read_bytes())

    assert done.exit_code == 0
    assert all(word in done.stdout for word in ("LUM_FUS", "WITHHELD", "2026-05-15"))


def test_explain_needs_a_day() -> None:
    assert run("explain", WEEK_6).exit_code == 2
    assert run("explain", WEEK_6, "--on", "tomorrow").exit_code == 2


@pytest.mark.parametrize("body", ["", "{", "null", "<html>", '"x"'])
def test_explain_of_what_is_no_fhir_is_an_input_fault(body: str) -> None:
    done = run("explain", "-", "--on", "2026-05-15", given=body)

    assert done.exit_code == 3 and done.stderr and "Traceback" not in done.stderr


def _procedures() -> list[str]:
    bundle = read_json(Path(WEEK_6))
    return [json.dumps(one["resource"]) for one in bundle["entry"] if one["resource"]["resourceType"] == "Procedure"]


def test_classify_answers_line_by_line_in_order() -> None:
    lines = [
        *_procedures(),
        "",
        '{"resourceType": "Procedure", "status": "completed", "code": {"text": "Total knee replacement"}}',
    ]

    done = run("classify", "-", given="\n".join(lines))

    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.exit_code == 0 and len(answers) == len(lines) - 1
    assert all(set(one) >= READING for one in answers)
    assert answers[0]["surgeryType"] == "LUM_FUS" and answers[-1]["isSpineSurgery"] is False


def test_classify_goes_on_after_a_bad_line_and_fails_at_the_end() -> None:
    lines = ["{", *_procedures()[:1], '{"resourceType": "Patient"}']

    done = run("classify", "-", given="\n".join(lines))

    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.exit_code == 3
    assert [one.get("line") for one in answers] == [1, None, 3] and "surgeryType" in answers[1]


def test_settings_prints_the_table_of_the_readme() -> None:
    assert run("settings", "--markdown").stdout == as_markdown()


def test_broken_settings_are_named_and_exit_5() -> None:
    done = run("settings", SPINE_CDS_PORT="x", SPINE_CDS_TIMEZONE="y")

    assert done.exit_code == 5
    assert "SPINE_CDS_PORT" in done.stderr and "SPINE_CDS_TIMEZONE" in done.stderr


def test_broken_knowledge_exits_4(tmp_path: Path) -> None:
    assert run("explain", WEEK_6, "--on", "2026-05-15", SPINE_CDS_CARDS=str(tmp_path)).exit_code == 4


def test_migrate_makes_the_tables_and_may_be_repeated(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.sqlite3'}"

    first, second = run("migrate", SPINE_CDS_DATABASE_URL=url), run("migrate", SPINE_CDS_DATABASE_URL=url)

    assert first.exit_code == second.exit_code == 0 and first.stdout == second.stdout
    engine = create_engine(url)
    assert {"issued_card", "feedback", "seen_token"} <= set(inspect(engine).get_table_names())
    engine.dispose()


def test_a_store_that_is_down_exits_6() -> None:
    done = run("migrate", SPINE_CDS_DATABASE_URL="postgresql://u:hunter2@127.0.0.1:1/x")

    assert done.exit_code == 6 and "hunter2" not in done.output


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CallFaults([]), 3),
        (KnowledgeFaults([]), 4),
        (SettingsFaults([]), 5),
        (StoreUnavailable("x"), 6),
        (NotTrusted("x"), 7),
        (FhirReadFailed("x"), 1),
        (SpineCdsError("x"), 1),
    ],
)
def test_every_error_has_one_exit_code(error: SpineCdsError, code: int) -> None:
    assert exit_code_of(error) == code


def test_the_help_names_every_exit_code() -> None:
    told = run("--help").stdout

    assert all(str(code) in told for code in EXIT_CODES.values())
