"""Every error of ours, in one tree; none knows HTTP or exit codes.

    SpineCdsError
    ├── InputFaults            what the caller sent cannot be used (list of Fault)
    │   ├── CallFaults         a hook call or feedback body
    │   └── KnowledgeFaults    files under cards/ (stops the start)
    ├── RequiredDataMissing    a required prefetch key can be had in no way
    ├── UnknownService         no service with that id
    ├── NotTrusted             the caller's token was refused
    ├── OutboundRefused        a URL the guard does not let us read
    ├── FhirReadFailed         the caller's FHIR server did not answer usefully
    ├── StoreUnavailable       the feedback store cannot write now
    └── SettingsFaults         the environment holds settings we cannot start with

A class exists only where somebody catches it differently. Errors carry facts; the table in
web/problems.py turns them into status codes, the table in cli/exits.py into exit codes.
"""

from __future__ import annotations

from dataclasses import dataclass


class SpineCdsError(Exception):
    """Root of the tree."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: where it is, what was found, what was expected, what to do."""

    where: str
    what: str
    expected: str = ""
    todo: str = ""

    def __str__(self) -> str:
        parts = [f"{self.where}: {self.what}"]
        if self.expected:
            parts.append(f"expected {self.expected}")
        if self.todo:
            parts.append(self.todo)
        return "; ".join(parts)


class InputFaults(SpineCdsError):
    """All faults found in one piece of input, reported together."""

    def __init__(self, faults: tuple[Fault, ...] | list[Fault]):
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class CallFaults(InputFaults):
    """A hook call or feedback body that breaks the contract; each fault names its JSON path."""


class KnowledgeFaults(InputFaults):
    """Knowledge files that cannot be used; each fault names file and line."""


class SettingsFaults(InputFaults):
    """Settings that cannot be used; each fault names the variable."""


class RequiredDataMissing(SpineCdsError):
    """A required prefetch key could be had neither from the call nor from the FHIR server.

    missing: tuples of (prefetch key, template, what was tried, in words without patient data).
    """

    def __init__(self, missing: tuple[tuple[str, str, str], ...]):
        self.missing = missing
        super().__init__("; ".join(f"{key}: {tried}" for key, _, tried in missing))


class UnknownService(SpineCdsError):
    """No CDS service carries the id that was called."""


class NotTrusted(SpineCdsError):
    """The caller's token was refused. *reason* helps the honest and holds nothing of the token."""

    def __init__(self, reason: str, check: str = ""):
        self.reason = reason
        self.check = check
        super().__init__(reason)


class OutboundRefused(SpineCdsError):
    """The guard does not let us read this URL. *reason* never repeats the URL's query."""

    def __init__(self, reason: str):
        self.reason = reason
        super().__init__(reason)


class FhirReadFailed(SpineCdsError):
    """A FHIR server did not give what was asked. *retry_may_help* tells a passing fault from a final one."""

    def __init__(self, reason: str, retry_may_help: bool = False, retry_after_seconds: float | None = None):
        self.reason = reason
        self.retry_may_help = retry_may_help
        self.retry_after_seconds = retry_after_seconds
        super().__init__(reason)


class StoreUnavailable(SpineCdsError):
    """The store cannot take the write now; nothing was acknowledged."""

    def __init__(self, reason: str, retry_after_seconds: int = 30):
        self.reason = reason
        self.retry_after_seconds = retry_after_seconds
        super().__init__(reason)
