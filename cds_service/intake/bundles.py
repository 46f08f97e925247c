"""One body of FHIR JSON -> a Page of entries: a Bundle, a single resource, an array, or one resource a line.

A sound Bundle is decoded in one pass; anything else entry by entry, so that a broken entry never hides the others. Bundles
inside Bundles are opened. What cannot be read is named with its JSON path, never with its value.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

import msgspec
from msgspec import Raw, Struct

from cds_service.intake import shapes
from cds_service.intake.mend import UNDECODABLE, Faults, NoJson, mend, read_leniently, read_part
from cds_service.intake.shapes import Bundle, Entry, OperationOutcome
from cds_service.patient.record import Unreadable

NESTED_BUNDLES_MOST = 4
"""How deep Bundles inside Bundles are opened."""

_FAILING = ("error", "fatal")
_TOP = msgspec.json.Decoder(shapes.Resource)
_BUNDLE = msgspec.json.Decoder(Bundle)
_ENTRY = msgspec.json.Decoder(Entry)


class _LooseBundle(shapes.Shape):
    """A Bundle of which only the frame is trusted."""

    resource_type: str | None = None
    total: Raw = shapes.NOTHING
    link: Raw = shapes.NOTHING
    entry: list[Raw] = []


class _RawEntry(shapes.Shape):
    resource: Raw = shapes.NOTHING


class _RawBundle(shapes.Shape):
    entry: list[_RawEntry] = []


_LOOSE = msgspec.json.Decoder(_LooseBundle)
_RAW = msgspec.json.Decoder(_RawBundle)


class Page(Struct):
    """What one body held.

    *places* names each entry's JSON path where it is not plainly `entry[i].resource`. *is_null* tells a JSON null;
    *not_fhir* says in words what stood there instead of FHIR. *sound_kinds* are the types of the entries where the page was
    decoded strictly and holds nothing else than resources of plain types, and None where that cannot be said: who sees
    them need not look for faults.
    """

    root: str = ""
    entries: list[Entry] = []
    places: list[str] | None = None
    unreadable: list[Unreadable] = []
    is_bundle: bool = False
    is_null: bool = False
    not_fhir: str = ""
    next_url: str | None = None
    total: float | None = None
    outcomes: list[OperationOutcome] = []
    other_types: set[str] = set()
    sound_kinds: Set[type] | None = None
    bodies: dict[int, dict] = {}
    """Whole resources as received, by entry, for the types an order can be updated from."""

    def is_plainly_all(self, types: Set[type]) -> bool:
        """Tell whether the page is sound, of resources of *types* only, and says of no more than it holds."""
        kinds = self.sound_kinds
        if kinds is None or self.next_url is not None or not kinds <= types:
            return False
        return self.total is None or self.total <= len(self.entries)

    @property
    def is_observations(self) -> bool:
        """Every entry is an Observation; told of sound pages only."""
        return self.sound_kinds == _OBSERVATIONS

    def place(self, number: int) -> str:
        path = self.places[number] if self.places is not None else f"entry[{number}].resource"
        return join(self.root, path)

    @property
    def failure(self) -> str | None:
        """The code of the first failing issue of an OperationOutcome that stands here, None without one."""
        for outcome in self.outcomes:
            for issue in outcome.issue:
                if issue.severity not in ("warning", "information", "success"):
                    return issue.code if issue.code and issue.code.isascii() and len(issue.code) < 40 else "unspecified"
            if not outcome.issue:
                return "unspecified"
        return None


def join(root: str, path: str) -> str:
    if not root or not path:
        return root or path
    return f"{root}{path}" if path.startswith("[") else f"{root}.{path}"


def open_page(body: bytes | Raw, root: str = "") -> Page:
    """Open one body. Never raises on its content: what is not FHIR is told in `not_fhir`."""
    if len(body) < 16 and bytes(body).strip() == b"null":
        return Page(root, is_null=True)
    try:
        top = _TOP.decode(body)
    except UNDECODABLE:
        return _open_kindly(body, root)
    kind = type(top)
    if kind is Bundle:
        return _framed(top, root) or _open_kindly(body, root)
    if kind in _PLAIN:
        return Page(root, [Entry(top)], [""], sound_kinds={kind})
    if isinstance(top, OperationOutcome):
        return Page(root, places=[], outcomes=[top])
    return _open_kindly(body, root)


def open_strictly(body: bytes | memoryview, root: str = "") -> Page | None:
    """Open a Bundle in one pass; None for everything that `open_page` must look at twice, or that is no Bundle."""
    try:
        return _framed(_BUNDLE.decode(body), root)
    except UNDECODABLE:
        return None


def open_decoded(value: Mapping[str, Any], root: str = "") -> Page:
    """Open a Bundle or resource that is decoded already, as kindly as `open_page`."""
    page = Page(root=root, places=[])
    _take_top(page, dict(value))
    return page


def open_lines(body: bytes, root: str = "") -> Page | None:
    """Open a text of one resource a line; None where it is not that (fewer than two lines, or no objects)."""
    lines = [(number, line) for number, line in enumerate(bytes(body).splitlines(), 1) if line.strip()]
    if len(lines) < 2 or not all(line.lstrip(b"\xef\xbb\xbf").lstrip()[:1] == b"{" for _, line in lines[:2]):
        return None
    page = Page(root=root, is_bundle=True, places=[])
    for number, line in lines:
        try:
            strict = _TOP.decode(line)
        except UNDECODABLE:
            pass
        else:
            if type(strict) in _PLAIN:
                page.entries.append(Entry(strict))
                page.places.append(f"line {number}")
                continue
        try:
            resource = read_leniently(line)
        except NoJson as error:
            page.unreadable.append(Unreadable(join(root, f"line {number}"), None, str(error)))
            continue
        _take(page, resource, None, f"line {number}", 0)
    return page


def _framed(bundle: Bundle, root: str) -> Page | None:
    """Make the page of a strictly decoded Bundle; None where it must be opened kindly.

    So must a Bundle with entries without a resource, with Bundles inside, or with orders, whose bodies are kept whole.
    """
    entries = bundle.entry
    kinds = {type(entry.resource) for entry in entries} if entries else _NO_KINDS
    page = Page(root, entries, is_bundle=True, total=bundle.total, sound_kinds=kinds if kinds <= _PLAIN else None)
    if bundle.link:
        page.next_url = _next_of(bundle.link)
    if page.sound_kinds is not None:
        return page
    if not kinds <= _PLAIN_OR_OUTCOME:
        return None
    page.outcomes = [entry.resource for entry in bundle.entry if isinstance(entry.resource, OperationOutcome)]
    kept = [
        (entry, f"entry[{number}].resource")
        for number, entry in enumerate(bundle.entry)
        if not isinstance(entry.resource, OperationOutcome)
    ]
    page.entries = [entry for entry, _ in kept]
    page.places = [place for _, place in kept]
    return page


_WHOLE = frozenset(shapes.ORDERS) - {shapes.MedicationRequest}
"""Types whose whole resource is kept, because an `update` must carry it."""
_PLAIN_OR_OUTCOME = frozenset(shapes.READABLE.values()) - _WHOLE
_PLAIN = _PLAIN_OR_OUTCOME - {OperationOutcome}
_NO_KINDS: frozenset[type] = frozenset()
_OBSERVATIONS = {shapes.Observation}


def _open_kindly(body: bytes | Raw, root: str) -> Page:
    page = Page(root=root, places=[])
    try:
        loose = _LOOSE.decode(body)
    except UNDECODABLE:
        return _open_anything(page, body)
    if loose.resource_type not in (None, "Bundle") or not loose.entry:
        return _open_anything(page, body)
    page.is_bundle = True
    faults: Faults = []
    page.next_url = _next_of(read_part(loose.link, list[shapes.Link], "link", faults))
    page.total = read_part(loose.total, float, "total", faults)
    for number, raw in enumerate(loose.entry):
        _take_entry(page, raw, f"entry[{number}]")
    return page


def _take_entry(page: Page, raw: Raw, path: str) -> None:
    try:
        entry = _ENTRY.decode(raw)
    except UNDECODABLE:
        entry = None
    if entry is not None and type(entry.resource) in _PLAIN:
        page.entries.append(entry)
        page.places.append(f"{path}.resource")
        return
    try:
        value = read_leniently(raw)
    except NoJson as error:
        page.unreadable.append(Unreadable(join(page.root, path), None, str(error)))
        return
    _take_frame(page, value, path, 0)


def _open_anything(page: Page, body: bytes | Raw) -> Page:
    """Open a body of which not even the frame is sound."""
    try:
        value = read_leniently(body)
    except NoJson as error:
        start = bytes(body[:200]).lstrip()[:1] if isinstance(body, bytes) else bytes(body)[:200].lstrip()[:1]
        page.not_fhir = "a web page" if start == b"<" else str(error)
        return page
    if isinstance(value, dict):
        _take_top(page, value)
    elif isinstance(value, list):
        page.is_bundle = True
        for number, one in enumerate(value):
            if isinstance(one, dict) and "resourceType" not in one and "resource" in one:
                _take_frame(page, one, f"[{number}]", 0)
            else:
                _take(page, one, None, f"[{number}]", 0)
    elif isinstance(value, str):
        page.not_fhir = "a web page" if value.lstrip()[:1] == "<" else "a text"
    else:
        page.not_fhir = "a bare value"
    return page


def _take_top(page: Page, value: dict) -> None:
    if value.get("resourceType") == "Bundle" or ("resourceType" not in value and "entry" in value):
        page.is_bundle = True
        faults: Faults = []
        frame = mend({key: value.get(key) for key in ("link", "total")}, Bundle, faults)
        page.total, page.next_url = frame.total, _next_of(frame.link)
        _take_bundle(page, value, "", 0)
    elif "resourceType" not in value:
        page.not_fhir = "an object without resourceType"
    else:
        _take(page, value, None, "", 0)


def _take_bundle(page: Page, bundle: dict, path: str, depth: int) -> None:
    entries = bundle.get("entry")
    if entries is None:
        return
    for number, entry in enumerate(entries if isinstance(entries, list) else [entries]):
        _take_frame(page, entry, join(path, f"entry[{number}]"), depth)


def _take_frame(page: Page, entry: Any, path: str, depth: int) -> None:
    if not isinstance(entry, dict):
        page.unreadable.append(Unreadable(join(page.root, path), None, "expected an object"))
        return
    resource = entry.get("resource")
    if resource is None and "resourceType" in entry:
        _take(page, entry, None, path, depth)
        return
    if resource is None:
        return
    full_url = entry.get("fullUrl")
    _take(page, resource, full_url if isinstance(full_url, str) else None, f"{path}.resource", depth)


def _take(page: Page, resource: Any, full_url: str | None, path: str, depth: int) -> None:
    where = join(page.root, path)
    if not isinstance(resource, dict):
        page.unreadable.append(Unreadable(where, None, "expected an object"))
        return
    kind = resource.get("resourceType")
    if not isinstance(kind, str):
        page.unreadable.append(Unreadable(where, None, "resourceType is missing"))
    elif kind == "Bundle":
        if depth >= NESTED_BUNDLES_MOST:
            page.unreadable.append(Unreadable(where, "Bundle", "Bundles are nested too deeply"))
        else:
            _take_bundle(page, resource, path, depth + 1)
    elif kind not in shapes.READABLE:
        page.other_types.add(kind if kind.isascii() and kind.isalpha() and len(kind) < 64 else "?")
    else:
        _take_known(page, resource, kind, full_url, path)


def _take_known(page: Page, resource: dict, kind: str, full_url: str | None, path: str) -> None:
    where = join(page.root, path)
    shape = shapes.READABLE[kind]
    faults: Faults = []
    read = mend(resource, shape, faults)
    if isinstance(read, OperationOutcome):
        page.outcomes.append(read)
        return
    deciding = [fault for fault in faults if fault[0] == "code"]
    if deciding and kind in _DECIDED_BY_CODE:
        page.unreadable.append(Unreadable(join(where, "code"), kind, f"expected {deciding[0][1]}"))
        return
    page.unreadable += [
        Unreadable(join(where, path), kind, f"left out: expected {expected}", skipped=False)
        for path, expected in faults
    ]
    if shape in _WHOLE:
        page.bodies[len(page.entries)] = resource
    page.entries.append(Entry(read, full_url))
    page.places.append(path)


_DECIDED_BY_CODE = ("Observation", "Procedure", "Condition")


def _next_of(links: list[shapes.Link] | None) -> str | None:
    return next((link.url for link in links or () if link.relation == "next" and link.url), None)
