"""Kinds of data <-> prefetch keys and query templates, and the gathering of what a call did not bring.

Templates keep to what servers and clients widely support: no parameter twice (the reference client merges them), no modifier,
no chain, and only tokens of CDS Hooks 2.0.  Source: CDS Hooks 2.0.1, prefetch template; rules D4, D5, C4, C5.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import Enum
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from msgspec import Raw, Struct

from cds_service.errors import CallFaults, Fault, FhirReadFailed, OutboundRefused, RequiredDataMissing
from cds_service.intake.bundles import Page, open_page
from cds_service.intake.fhir_server import FhirServer
from cds_service.intake.read import TYPES
from cds_service.intake.shapes import Patient

KINDS: dict[str, tuple[str, ...]] = {
    "patient": ("patient",),
    "procedures": ("procedures",),
    "observations": ("observations",),
    "conditions": ("conditions",),
    "medications": ("medications",),
    "orders": ("serviceRequests", "carePlans", "goals"),
    "serviceRequests": ("serviceRequests",),
    "carePlans": ("carePlans",),
    "goals": ("goals",),
    "appointments": ("appointments",),
}
"""Kind of data that a rule may ask for -> the prefetch keys that bring it."""

OBSERVATION_CATEGORIES = ("vital-signs", "laboratory", "survey", "exam", "imaging", "social-history")
"""Used where the caller names none. Several EHRs refuse an Observation search with neither category nor code."""

_TEMPLATES: dict[str, str] = {
    "patient": "Patient/{{context.patientId}}",
    "procedures": "Procedure?patient={{context.patientId}}&_count={count}",
    "observations": "Observation?patient={{context.patientId}}&category={categories}&_sort=-date&_count={count}",
    "conditions": "Condition?patient={{context.patientId}}&_count={count}",
    "medications": "MedicationRequest?patient={{context.patientId}}&status=active&_count={count}",
    "serviceRequests": "ServiceRequest?patient={{context.patientId}}&status=draft,active,on-hold&_count={count}",
    "carePlans": "CarePlan?patient={{context.patientId}}&status=draft,active,on-hold&_count={count}",
    "goals": "Goal?patient={{context.patientId}}&_count={count}",
    "appointments": "Appointment?patient={{context.patientId}}&_count={count}",
}
_OBSERVATIONS_SINCE = (
    "Observation?patient={{context.patientId}}&category={categories}"
    "&date=ge{{today() - {days} days}}&_sort=-date&_count={count}"
)


@dataclass(frozen=True, slots=True)
class Templates:
    """How queries are written for one installation.

    *observation_days*: None keeps to the 2.0 tokens; a number of days adds CDS Hooks 3.0's `today()` to the Observation
    query. *own* replaces single templates by key, for servers that want other parameters.
    """

    page_size: int = 200
    observation_categories: tuple[str, ...] = OBSERVATION_CATEGORIES
    observation_days: int | None = None
    own: dict[str, str] = field(default_factory=dict)

    def of(self, key: str) -> str:
        """Give the query template of a prefetch key."""
        if key in self.own:
            return self.own[key]
        template = _TEMPLATES[key]
        if key == "observations" and self.observation_days is not None:
            template = _OBSERVATIONS_SINCE.replace("{days}", str(self.observation_days))
        return template.replace("{categories}", ",".join(self.observation_categories)).replace(
            "{count}", str(self.page_size)
        )


TEMPLATES = Templates()


def keys_for(needs: Collection[str]) -> tuple[str, ...]:
    """Give the prefetch keys for *needs*, in the order of KINDS; the patient always among them.  Raises KeyError."""
    return _keys_for(frozenset(needs))


@lru_cache(maxsize=32)
def _keys_for(needs: frozenset[str]) -> tuple[str, ...]:
    unknown = needs - set(KINDS)
    if unknown:
        raise KeyError(f"{', '.join(sorted(unknown))}: no kind of data; known: {', '.join(KINDS)}")
    wanted = {key for kind in ("patient", *needs) for key in KINDS[kind]}
    return tuple(key for key in _TEMPLATES if key in wanted)


def offered(needs: Collection[str], templates: Templates = TEMPLATES) -> dict[str, str]:
    """Give the prefetch that discovery offers for the kinds of data in *needs*: key -> template."""
    return {key: templates.of(key) for key in keys_for(needs)}


class State(Enum):
    """What the call brought under one prefetch key (rule C4)."""

    SUPPLIED = "supplied"
    NULL = "null"
    OPERATION_OUTCOME = "OperationOutcome"
    WRONG_TYPE = "wrong type"
    MISSING = "missing"


class KeyReport(Struct, frozen=True):
    """What became of one prefetch key, in words without patient data: for logs, metrics and the card.

    *fetched* tells that the FHIR server gave it; *failure* is why it could not be had, or is not complete; *tried* is what was
    done. *seconds* is the time its reads took, *answer_bytes* what they brought, *pages* how many pages were read in all.
    """

    key: str
    state: State
    fetched: bool = False
    failure: str | None = None
    tried: str = ""
    pages: int = 0
    answer_bytes: int = 0
    seconds: float = 0.0


class Gathered(Struct, frozen=True):
    """Everything there is for one call. *pages* holds the keys that could be had (an empty tuple: looked, nothing there);
    *gaps* (kind, reason) goes into the record; *reports* stand in the order of the keys, for who wants to know more."""

    pages: dict[str, tuple[Page, ...]]
    gaps: tuple[tuple[str, str], ...]
    _keys: tuple[str, ...]
    _tasks: list[_Task]

    @property
    def reports(self) -> tuple[KeyReport, ...]:
        tasks = {task.key: task.report() for task in self._tasks}
        return tuple(tasks.get(key) or KeyReport(key, State.SUPPLIED, pages=1) for key in self._keys)

    @property
    def fetched(self) -> int:
        """How many keys the FHIR server gave."""
        return sum([task.fetched for task in self._tasks]) if self._tasks else 0

    @property
    def is_of_another_patient(self) -> bool:
        """The Patient that came is not the one asked about."""
        return any(key == "patient" and "another patient" in failure for key, failure in self.gaps)


def expand(template: str, context: Mapping[str, Any], today: date | None = None) -> str:
    """Fill a template's tokens from *context*: root fields of primitive type, the user tokens, and `today() - n days`.

    Values are URL-encoded, ids checked. Raises CallFaults where a token has no usable value.
    """
    return _TOKEN.sub(lambda token: _value_of(token[1].strip(), context, today), template)


def gather(
    prefetch: Mapping[str, bytes | Raw | Page],
    *,
    needs: Collection[str],
    context: Mapping[str, Any],
    server: FhirServer | None,
    seconds: float,
    required: Collection[str] = ("procedures",),
    templates: Templates = TEMPLATES,
    today: date | None = None,
    no_server_because: str = "the call names no fhirServer",
) -> Gathered:
    """Give what the call brought, and read from *server* what it did not bring, all at once, within *seconds*.

    *server* None makes no outbound call at all (prefetch-only installations, calls without fhirServer); the reason is then
    *no_server_because*. A key that holds null was looked for and is empty; one that holds an OperationOutcome is not asked
    again; one that holds something else than FHIR of its type counts as missing. Pages behind a `next` link are read too.
    A value of *prefetch* may be opened already (a Page).
    Raises RequiredDataMissing for *required* keys that can be had in no way, CallFaults for ids that are none.
    """
    keys = keys_for(needs)
    patient_id = id_of(context.get("patientId"), "context.patientId")
    pages: dict[str, tuple[Page, ...]] = {}
    tasks: list[_Task] = []
    empty: tuple[Page, ...] = ()
    empty_body: bytes | Raw | Page | None = None
    for key in keys:
        body = prefetch.get(key)
        if body is None:
            page = None
        elif body == empty_body:  # a server writes all its empty answers alike
            pages[key] = empty
            continue
        else:
            page = body if isinstance(body, Page) else open_page(body, f"prefetch.{key}")
            if page.is_plainly_all(_EXPECTED[key]) and (key != "patient" or _is_of(page, patient_id)):
                pages[key] = (page,)
                if not page.entries:
                    empty, empty_body = pages[key], body
                continue
        pages[key] = ()
        tasks.append(_look(key, body, page, patient_id, templates))
    gaps: tuple[tuple[str, str], ...] = ()
    if tasks:
        wanted = [task for task in tasks if task.wants_reading]
        if wanted and server is not None:
            _read_all(wanted, server, context, today, seconds, patient_id)
        else:
            for task in wanted:
                task.fail(f"not read: {no_server_because}")
        gaps = _put_together(tasks, pages)
        _insist(tasks, required)
    return Gathered(pages, gaps, keys, tasks)


def _is_of(page: Page, patient_id: str) -> bool:
    """Tell whether a *page* of a Patient is plainly of the one asked about; what is doubtful is looked at with care."""
    return len(page.entries) == 1 and page.entries[0].resource.id == patient_id  # type: ignore[union-attr]


def _put_together(tasks: list[_Task], pages: dict[str, tuple[Page, ...]]) -> tuple[tuple[str, str], ...]:
    """Give *pages* what came of *tasks*, in its place, and tell what is missing or in doubt."""
    gaps: list[tuple[str, str]] = []
    for task in tasks:
        if task.pages and task.failure is None:
            task.failure = _doubt_about(task.pages)
        if task.was_had:
            pages[task.key] = tuple(task.pages)
        else:
            del pages[task.key]
        if task.failure is not None:
            gaps.append((task.key, task.failure))
    return tuple(gaps)


def id_of(value: Any, where: str) -> str:
    """Give the bare id of `id` or `Type/id`.  Raises CallFaults (never repeating the value)."""
    text = value.rpartition("/")[2] if isinstance(value, str) else ""
    if not _ID.fullmatch(text) or text in (".", ".."):
        raise CallFaults([Fault(where, "is no FHIR id", "letters, digits, '-', '.', '_', at most 128")])
    return text


_TOKEN = re.compile(r"\{\{(.*?)\}\}")
_TODAY = re.compile(r"today\(\)(?:\s*-\s*(\d{1,5})\s*days?)?\Z")
_ID = re.compile(r"[A-Za-z0-9\-._~]{1,128}")
_USER_TOKENS = {
    "userPractitionerId": "Practitioner",
    "userPractitionerRoleId": "PractitionerRole",
    "userPatientId": "Patient",
    "userRelatedPersonId": "RelatedPerson",
}


def _value_of(token: str, context: Mapping[str, Any], today: date | None) -> str:
    day = _TODAY.match(token)
    if day and today is not None:
        return (today - timedelta(days=int(day[1] or 0))).isoformat()
    if token in _USER_TOKENS:
        kind, _, number = str(context.get("userId", "")).partition("/")
        if kind != _USER_TOKENS[token]:
            raise CallFaults([Fault("context.userId", f"is no {_USER_TOKENS[token]}", f"{_USER_TOKENS[token]}/id")])
        return quote(id_of(number, "context.userId"), safe="")
    name = token.removeprefix("context.")
    if name == token or not name.isidentifier():
        raise CallFaults([Fault("prefetch", f"the template token {token!r} is not known")])
    value = context.get(name)
    if name.endswith("Id"):
        return quote(id_of(value, f"context.{name}"), safe="")
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise CallFaults([Fault(f"context.{name}", "is missing, or no plain value", "text or a number")])
    return quote(str(value), safe="")


class _Task(Struct):
    """One prefetch key on its way."""

    key: str
    templates: Templates
    state: State
    pages: list[Page] = []
    failure: str | None = None
    tried: list[str] = []
    fetched: bool = False
    answer_bytes: int = 0
    seconds: float = 0.0

    @property
    def template(self) -> str:
        return self.templates.of(self.key)

    @property
    def lacks_everything(self) -> bool:
        return self.state in (State.MISSING, State.WRONG_TYPE) and not self.fetched

    @property
    def wants_reading(self) -> bool:
        return self.lacks_everything or self.next_url is not None

    @property
    def next_url(self) -> str | None:
        return self.pages[-1].next_url if self.pages else None

    @property
    def was_had(self) -> bool:
        return self.state is State.NULL or bool(self.pages)

    def fail(self, reason: str) -> None:
        if self.lacks_everything:
            brought = "absent from the call" if self.state is State.MISSING else f"the call brought {self.failure}"
            self.failure = f"{brought}; {reason}"
        else:
            self.failure = f"not complete, more pages exist; {reason}"

    def report(self) -> KeyReport:
        return KeyReport(
            key=self.key,
            state=self.state,
            fetched=self.fetched,
            failure=self.failure,
            tried="; ".join(self.tried),
            pages=len(self.pages),
            answer_bytes=self.answer_bytes,
            seconds=self.seconds,
        )


def _look(key: str, body: bytes | Raw | Page | None, page: Page | None, patient_id: str, templates: Templates) -> _Task:
    """Tell what the call brought under *key* (*body*, opened as *page*): its state, its pages, and what is wrong with it."""
    if page is None:
        return _Task(key, templates, State.MISSING)
    if page.is_null:
        failure = "the client holds no Patient resource" if key == "patient" else None
        return _Task(key, templates, State.NULL, failure=failure)
    refused = _refusal(page)
    if refused is not None:
        failure = f"the client could not get it (OperationOutcome: {refused})"
        return _Task(key, templates, State.OPERATION_OUTCOME, failure=failure)
    fault = _fault_of(page, key, patient_id)
    if fault is None and not page.entries and not isinstance(body, Page) and bytes(body)[:1] == b"[":
        fault = "an array of nothing instead of FHIR"
    if fault is not None:
        return _Task(key, templates, State.WRONG_TYPE, failure=fault)
    return _Task(key, templates, State.SUPPLIED, [page])


_EXPECTED = {key: frozenset(types) for key, types in TYPES.items()}


def _refusal(page: Page) -> str | None:
    """Give the issue code where *page* is an OperationOutcome and nothing else, None where it is not.

    A Bundle that counts zero matches and carries only a warning is an empty answer: some EHRs warn so whenever a search
    has no hit.
    """
    if not page.outcomes or page.entries or page.other_types or page.unreadable:
        return None
    if page.is_bundle and page.total == 0 and page.failure is None:
        return None
    return page.failure or "no failing issue"


def _fault_of(page: Page, key: str, patient_id: str) -> str | None:
    """Tell why *page* is not what *key* is for, None where it is."""
    wanted = TYPES[key]
    name = wanted[0].__name__
    if page.not_fhir:
        return f"{page.not_fhir} instead of FHIR"
    kinds = {type(entry.resource) for entry in page.entries}
    if key == "patient":
        ids = [entry.resource.id for entry in page.entries if isinstance(entry.resource, Patient)]
        if ids and not any(one in (None, patient_id) for one in ids):
            return "another patient"
    if kinds & set(wanted) or any(one.resource_type == name for one in page.unreadable):
        return None
    if kinds or page.other_types:
        return f"resources of another type than {name}"
    if page.unreadable:
        return "nothing that can be read"
    return None


def _doubt_about(pages: list[Page]) -> str | None:
    """Tell why pages that hold data may not be all of it, None where nothing says so."""
    failure = next((page.failure for page in pages if page.failure is not None), None)
    if failure is not None:
        return f"not complete: the answer carries an OperationOutcome ({failure})"
    total = next((page.total for page in pages if page.total is not None), None)
    given = sum(len(page.entries) + len(page.unreadable) for page in pages)
    if pages[0].is_bundle and total is not None and total > given:
        return "not complete: the Bundle counts more matches than it holds"
    return None


@dataclass(slots=True)
class _Reading:
    """What the reads of one key brought so far. Filled by its thread, looked at by the caller when time is up."""

    pages: list[Page] = field(default_factory=list)
    failure: str | None = None
    answer_bytes: int = 0
    seconds: float = 0.0
    is_done: bool = False
    bug: Exception | None = None


class _Budget:
    """The bytes that one call may still fetch."""

    def __init__(self, left_bytes: int):
        self._left = left_bytes
        self._lock = threading.Lock()

    def spend(self, size: int) -> bool:
        with self._lock:
            self._left -= size
            return self._left >= 0


def _read_all(
    tasks: list[_Task],
    server: FhirServer,
    context: Mapping[str, Any],
    today: date | None,
    seconds: float,
    patient_id: str,
) -> None:
    """Read what *tasks* want, each in its own thread, and give up on what is not there when the time is up.

    Threads are daemons and bounded in number by the server's client, because a hostile server can hold one (by headers
    that never end) longer than any time-out of the socket.
    """
    deadline = server.clock() + seconds
    budget = _Budget(server.limits.total_bytes)
    started: list[tuple[_Task, _Reading, threading.Thread | None]] = []
    for task in tasks:
        reading = _Reading()
        thread = None
        try:
            query = expand(task.template, context, today) if task.lacks_everything else None
        except CallFaults:
            reading.failure, reading.is_done = "its template cannot be filled from the context", True
        else:
            thread = server.start(
                lambda task=task, reading=reading, query=query: _read_task(  # type: ignore[misc]
                    task, reading, query, server, deadline, budget, patient_id
                )
            )
            if thread is None:
                reading.failure, reading.is_done = "too many earlier reads still wait for the server", True
        started.append((task, reading, thread))
    for task, reading, thread in started:
        if thread is not None:
            thread.join(max(0.0, deadline - server.clock()))
        _settle(task, reading, seconds)


def _settle(task: _Task, reading: _Reading, seconds: float) -> None:
    if reading.bug is not None:
        raise reading.bug
    pages = list(reading.pages)
    failure = reading.failure if reading.is_done else f"no answer within {seconds:g} seconds"
    task.answer_bytes, task.seconds = reading.answer_bytes, reading.seconds if reading.is_done else seconds
    if pages and task.lacks_everything:
        task.fetched, task.failure = True, None
    task.pages += pages
    task.tried.append(f"read from the FHIR server: {failure or 'answered'}")
    if failure is not None:
        task.fail(failure)


def _read_task(
    task: _Task,
    reading: _Reading,
    query: str | None,
    server: FhirServer,
    deadline: float,
    budget: _Budget,
    patient_id: str,
) -> None:
    began = server.clock()
    try:
        what = task.template.partition("?")[0].partition("/")[0]
        what = f"{what} read" if task.key == "patient" else f"{what} search"
        url = server.url_of(query) if query is not None else server.next_url(task.next_url or "")
        seen = {url}
        while True:
            body = server.read(url, what, deadline)
            reading.answer_bytes += len(body)
            if not budget.spend(len(body)):
                raise FhirReadFailed(f"{what}: this call has fetched as much as it may")
            page = open_page(body, f"{task.key}[{len(task.pages) + len(reading.pages)}]")
            _check_answer(page, task.key, what, patient_id)
            reading.pages.append(page)
            if page.next_url is None:
                break
            url = server.next_url(page.next_url)
            if url in seen:
                raise FhirReadFailed(f"{what}: the pages go round in a circle")
            if len(task.pages) + len(reading.pages) >= server.limits.pages:
                raise FhirReadFailed(f"{what}: more than {server.limits.pages} pages")
            seen.add(url)
    except FhirReadFailed as failure:
        reading.failure = failure.reason
    except OutboundRefused as refusal:
        reading.failure = f"refused: {refusal.reason}"
    except Exception as error:  # a bug of ours: carried over to the caller's thread, which raises it
        reading.bug = error
    finally:
        reading.seconds = server.clock() - began
        reading.is_done = True


def _check_answer(page: Page, key: str, what: str, patient_id: str) -> None:
    refused = _refusal(page)
    if refused is not None:
        raise FhirReadFailed(f"{what}: answered with an OperationOutcome ({refused})")
    if page.is_null:
        raise FhirReadFailed(f"{what}: answered with null")
    fault = _fault_of(page, key, patient_id)
    if fault is not None:
        raise FhirReadFailed(f"{what}: answered with {fault}")


def _insist(tasks: list[_Task], required: Collection[str]) -> None:
    missing = [task for task in tasks if task.key in required and not task.was_had]
    if missing:
        raise RequiredDataMissing(
            tuple((task.key, task.template, task.failure or "could not be had") for task in missing)
        )
