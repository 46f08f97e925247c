"""Write docs/traceability.md: every rule of CDS Hooks, and the tests that prove it. Made from the tests themselves.

python tools/traceability.py            writes the table
python tools/traceability.py --check    fails where the table is not what the tests say, or a rule has no test
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "docs" / "traceability.md"
TESTS = ROOT / "tests"

RULES: dict[str, str] = {
    "B1": "JSON in UTF-8; nothing empty is sent, except no cards and no services",
    "B2": "unknown fields and extensions of a request are tolerated; our own have reverse-domain names",
    "B3": "embedded resources are FHIR JSON",
    "D1": "discovery is at /cds-services",
    "D2": "what each service tells of itself",
    "D3": "one shared id for several hooks replaces stale guidance",
    "D4": "tokens of prefetch templates",
    "D5": "prefetch queries stay in the widely supported subset",
    "C1": "what a call must have",
    "C2": "what fhirAuthorization must have",
    "C3": "wrong hook, id, method, content type, JSON, size",
    "C4": "the states of a prefetch key",
    "C5": "reading what is missing; 412 for required data",
    "C6": "answer in the order of 500 ms",
    "C7": "errors are OperationOutcomes without traces and patient data",
    "R1": "nothing to say is an empty list",
    "R2": "summary, indicator, uuid, Markdown",
    "R3": "source and topic",
    "R4": "selectionBehavior and isRecommended",
    "R5": "suggestions",
    "R6": "actions",
    "R7": "overrideReasons",
    "R8": "links",
    "R9": "no systemActions",
    "R10": "codings have code and system",
    "F1": "the shape of feedback",
    "F2": "every report is kept, repeats are harmless",
    "F3": "2xx means stored",
    "J1": "every call carries a token",
    "J2": "header and claims of the token",
    "J3": "the audience is the URL called",
    "J4": "asymmetric algorithms from an explicit set",
    "J5": "allow-listed issuers and key sets; the key is chosen by kid",
    "J6": "times, and no token twice",
    "J7": "CORS by an exact origin list",
    "A1": "reads carry the token, which stays nowhere",
    "A2": "the FHIR server of a call is hostile until agreed",
}
"""The rules in our own words, with the ids that tests name."""


def proofs() -> dict[str, list[str]]:
    """Rule id -> the tests marked with it, as `file::test`."""
    found: dict[str, list[str]] = {rule: [] for rule in RULES}
    for file in sorted(TESTS.rglob("test_*.py")):
        for name, rules in _marked(ast.parse(file.read_text(encoding="utf-8"))):
            for rule in rules:
                found.setdefault(rule, []).append(f"{file.relative_to(ROOT)}::{name}")
    return found


def _marked(tree: ast.AST) -> Iterator[tuple[str, list[str]]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            yield node.name, [rule for mark in node.decorator_list for rule in _rules_of(mark)]


def _rules_of(mark: ast.expr) -> list[str]:
    if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.rule":
        return [one.value for one in mark.args if isinstance(one, ast.Constant)]
    return []


def table(found: dict[str, list[str]]) -> str:
    lines = [
        "# From the rules of CDS Hooks to the tests that prove them",
        "",
        "Made by `python tools/traceability.py` from the tests (`@pytest.mark.rule`). Rules of CDS Hooks 2.0.1 and of the",
        "3.0.0 ballot in our own words; the letter tells the part: B bodies, D discovery, C calls, R response, F feedback,",
        "J trust in clients, A access to FHIR.",
        "",
        "| Rule | What it asks | Tests |",
        "|---|---|---|",
    ]
    for rule, meaning in RULES.items():
        tests = "<br>".join(f"`{one.removeprefix('tests/')}`" for one in found[rule])
        lines.append(f"| {rule} | {meaning} | {tests} |")
    return "\n".join(lines) + "\n"


def faults(found: dict[str, list[str]]) -> list[str]:
    unproved = [f"{rule}: no test is marked with it" for rule in RULES if not found[rule]]
    return unproved + [f"{rule}: no rule has this id; named by {found[rule][0]}" for rule in found if rule not in RULES]


def main(arguments: list[str]) -> int:
    found = proofs()
    wrong = faults(found)
    if (
        not wrong
        and "--check" in arguments
        and (not TABLE.exists() or TABLE.read_text(encoding="utf-8") != table(found))
    ):
        wrong = [f"{TABLE.relative_to(ROOT)} is not what the tests say; run python tools/traceability.py"]
    for one in wrong:
        print(one, file=sys.stderr)
    if not wrong and "--check" not in arguments:
        TABLE.write_text(table(found), encoding="utf-8")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
