"""The audit trail: one JSON line for each answer - who called, which rules answered, which knowledge. No patient, no user.

Lines go to a file or to standard output, each written in one piece, so that several processes can share the target and
a shipper can follow it. What cannot be written is told to the caller of `write`: it never stops an answer.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

STANDARD_OUTPUT = "stdout"
EVENT = "spine_cds.audit"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One answer. *at* is when it was given, with zone; *tenant* and *issuer* tell who called (issuer None: nobody signed).

    *rules* are the ids of the rules that spoke, *cards* how many cards went out, *status* the HTTP status, *request_id*
    the id under which the request log has the same call.
    """

    at: datetime
    request_id: str
    tenant: str
    issuer: str | None
    route: str
    service: str | None
    hook: str | None
    status: int
    cards: int | None = None
    rules: tuple[str, ...] = ()
    knowledge: str | None = None

    def line(self) -> bytes:
        """Give the entry as one line of JSON; whatever a value holds, it stays one line."""
        told = {name: value for name, value in asdict(self).items() if value not in (None, ())}
        told["at"] = self.at.isoformat(timespec="milliseconds")
        return json.dumps({"event": EVENT, **told}, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"


class AuditTrail:
    """Where the entries go: a file (appended to, made readable for its owner only), standard output, or nowhere."""

    def __init__(self, target: str | None):
        self._target = target

    @property
    def is_kept(self) -> bool:
        """False where the trail goes nowhere: then no entry need be made."""
        return self._target is not None

    def write(self, entry: AuditEntry) -> bool:
        """Write *entry*; False when it could not be written, which the caller must tell."""
        if self._target is None:
            return True
        try:
            if self._target == STANDARD_OUTPUT:
                sys.stdout.buffer.write(entry.line())
                sys.stdout.buffer.flush()
                return True
            return self._append(Path(self._target), entry.line())
        except (OSError, ValueError):
            return False

    def _append(self, file: Path, line: bytes) -> bool:
        """Append with one system call; the file is opened each time, so that a rotated one is begun anew."""
        handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            return os.write(handle, line) == len(line)
        finally:
            os.close(handle)
