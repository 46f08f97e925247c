"""The audit trail and the spans: what they hold, and what can never get into them."""

from __future__ import annotations

import json
import multiprocessing
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from cds_service.audit import AuditEntry, AuditTrail
from cds_service.tracing import Tracing, configure_tracing

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def an_entry(**changes: object) -> AuditEntry:
    told = {
        "at": AT,
        "request_id": "r1",
        "tenant": "general",
        "issuer": "https://ehr.example.org",
        "route": "services.call",
        "service": "spine-rehab",
        "hook": "patient-view",
        "status": 200,
        "cards": 1,
        "rules": ("RF01",),
        "knowledge": "2026.1",
    }
    return AuditEntry(**{**told, **changes})  # type: ignore[arg-type]


def test_an_entry_tells_who_called_which_rules_spoke_and_which_knowledge(tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"

    assert AuditTrail(str(file)).write(an_entry())

    assert json.loads(file.read_text()) == {
        "event": "spine_cds.audit",
        "at": "2026-03-01T12:00:00.000+00:00",
        "request_id": "r1",
        "tenant": "general",
        "issuer": "https://ehr.example.org",
        "route": "services.call",
        "service": "spine-rehab",
        "hook": "patient-view",
        "status": 200,
        "cards": 1,
        "rules": ["RF01"],
        "knowledge": "2026.1",
    }
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("value", ["a\nb", 'a"b', "a\r\n{}", "\x1b[31m", "\u2028", "\ud800", "a\x00b"])
def test_an_entry_is_one_line_whatever_a_value_holds(tmp_path: Path, value: str) -> None:
    file = tmp_path / "audit.jsonl"

    assert AuditTrail(str(file)).write(an_entry(issuer=value))

    lines = file.read_bytes().split(b"\n")
    assert len(lines) == 2 and lines[1] == b""
    assert json.loads(lines[0])["issuer"] == value


def _write_many(target: str) -> None:
    trail = AuditTrail(target)
    for _ in range(300):
        assert trail.write(an_entry())


def test_processes_that_share_a_file_do_not_mix_their_lines(tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_write_many, args=(str(file),)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)

    assert [json.loads(line)["rules"] for line in file.read_text().splitlines()] == [["RF01"]] * 900


def test_a_rotated_file_is_begun_anew(tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    trail = AuditTrail(str(file))
    trail.write(an_entry())
    file.rename(tmp_path / "audit.jsonl.1")

    trail.write(an_entry())

    assert len(file.read_text().splitlines()) == 1


def test_an_entry_that_cannot_be_written_is_told_not_raised(tmp_path: Path) -> None:
    assert not AuditTrail(str(tmp_path / "missing" / "audit.jsonl")).write(an_entry())


def test_entries_can_go_to_standard_output(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert AuditTrail("stdout").write(an_entry())

    assert json.loads(capsysbinary.readouterr().out)["tenant"] == "general"


def test_nowhere_is_a_choice(tmp_path: Path) -> None:
    assert AuditTrail(None).write(an_entry())


def _spans(tracing: Tracing, exporter: InMemorySpanExporter) -> list[object]:
    tracing.close()
    return list(exporter.get_finished_spans())


def test_a_span_carries_only_what_is_allowed() -> None:
    exporter = InMemorySpanExporter()
    tracing = configure_tracing(None, "1.0", exporter)

    with tracing.span("call") as span:
        span.tell(tenant="general", rules=("RF01",), cards=2, hook=None)
        with pytest.raises(ValueError, match="patient"):
            span.tell(patient="pat-1")

    (told,) = _spans(tracing, exporter)
    assert dict(told.attributes) == {"spine_cds.tenant": "general", "spine_cds.rules": ("RF01",), "spine_cds.cards": 2}


def test_a_failure_is_told_by_its_class_and_never_by_its_text() -> None:
    exporter = InMemorySpanExporter()
    tracing = configure_tracing(None, "1.0", exporter)

    with pytest.raises(ValueError, match="canary"), tracing.span("call"):
        raise ValueError("canary: Joan Harness")

    (told,) = _spans(tracing, exporter)
    assert "canary" not in told.to_json() and told.events == () and told.attributes["spine_cds.error"] == "ValueError"


def test_without_a_setting_nothing_is_traced() -> None:
    with configure_tracing(None, "1.0").span("call") as span:
        span.tell(tenant="general")
