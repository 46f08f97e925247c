"""Every rule of CDS Hooks has its test, and docs/traceability.md tells which."""

from __future__ import annotations

import importlib.util
import re

import pytest

from tests.contract.conftest import ROOT, SHARED

SPEC = importlib.util.spec_from_file_location("traceability", ROOT / "tools" / "traceability.py")
assert SPEC is not None and SPEC.loader is not None
traceability = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(traceability)


def test_every_rule_is_proved_by_a_test_and_every_mark_names_a_rule() -> None:
    assert traceability.faults(traceability.proofs()) == []


def test_the_table_in_docs_is_what_the_tests_say() -> None:
    assert traceability.main(["--check"]) == 0


def test_no_rule_of_the_specification_is_left_out() -> None:
    file = SHARED / "cds-hooks.md"
    if not file.exists():
        pytest.skip("the digest of the specification is not on this machine")
    ids = set(re.findall(r"^- ([A-Z]\d+) ", file.read_text(encoding="utf-8"), re.MULTILINE))

    assert ids == set(traceability.RULES)
