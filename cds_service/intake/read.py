"""FHIR JSON -> PatientRecord: selective, tolerant, resource by resource; says what it could not read.

Reads R4, R4B and R5. Decides nothing clinical: status, doubt and contradiction are kept for those who know.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from functools import lru_cache

from msgspec import Raw

from cds_service.errors import Fault, InputFaults
from cds_service.intake import shapes
from cds_service.intake.bundles import Page, open_decoded, open_lines, open_page
from cds_service.intake.events import read_conditions, read_medications, read_patient, read_procedures
from cds_service.intake.fields import Fields
from cds_service.intake.inbox import Inbox
from cds_service.intake.ordered import read_orders
from cds_service.patient.record import Order, PatientRecord, Procedure, Unreadable

Body = bytes | Raw | Page

ORDER_KINDS = ("serviceRequests", "carePlans", "goals")
TYPES: dict[str, tuple[type[shapes.Shape], ...]] = {
    "patient": (shapes.Patient,),
    "procedures": (shapes.Procedure,),
    "observations": (shapes.Observation,),
    "conditions": (shapes.Condition,),
    "medications": (shapes.MedicationRequest, shapes.MedicationStatement),
    "serviceRequests": (shapes.ServiceRequest,),
    "carePlans": (shapes.CarePlan,),
    "goals": (shapes.Goal,),
    "appointments": (shapes.Appointment,),
}
"""Kind of data -> the resource types that hold it."""


@dataclass(frozen=True, slots=True)
class Drafts:
    """The draft orders of a call, in the order sent, and what of them could not be read."""

    orders: tuple[Order, ...]
    unreadable: tuple[Unreadable, ...] = ()


def read_record(
    resources: Mapping[str, Iterable[Body]],
    *,
    patient_id: str | None = None,
    zone: tzinfo = UTC,
    gaps: Iterable[tuple[str, str]] = (),
) -> PatientRecord:
    """Read the bodies of each kind of data (see TYPES) into one record.

    A kind that is not among the keys stays None ("could not be had"); a kind with no body, a JSON null or an empty Bundle
    becomes an empty tuple ("looked, there is none"). *patient_id* is the patient the call is about: resources of
    anybody else are left out and named. *zone* is the service's time zone. Unknown kinds raise KeyError.
    """
    inbox = Inbox(patient_id.rpartition("/")[2] if patient_id else None)
    for kind, bodies in resources.items():
        types = TYPES.get(kind)
        if types is None:
            raise KeyError(f"{kind!r} is no kind of data; known: {', '.join(TYPES)}")
        for number, body in enumerate(bodies):
            page = body if isinstance(body, Page) else open_page(body, f"{kind}[{number}]" if number else kind)
            if page.entries or page.unreadable:
                inbox.add(page, types)
    return _record(inbox, zone, frozenset(resources), tuple(gaps))


def read_bundle(body: bytes, *, zone: tzinfo = UTC, patient_id: str | None = None) -> PatientRecord:
    """Read a whole record in one body: a Bundle of anything, an array, a single resource, or one resource a line.

    The body is taken as all there is, so a kind that does not occur is an empty tuple. The patient is *patient_id*, else
    the first Patient in the body, else the first subject named. Raises InputFaults where the body is not FHIR at all.
    """
    page = open_page(body)
    if page.not_fhir:
        page = open_lines(body) or page
    if page.is_null or (page.not_fhir and not page.entries):
        raise InputFaults(
            [Fault("$", page.not_fhir or "null", "a FHIR Bundle, resource, array or one resource a line")]
        )
    if page.failure is not None and not page.entries:
        raise InputFaults([Fault("$", "an OperationOutcome, no patient data", "a FHIR Bundle, resource or array")])
    inbox = Inbox(patient_id)
    inbox.add(page, None)
    return _record(inbox, zone, frozenset(TYPES), ())


def read_procedure(body: bytes | Raw, *, zone: tzinfo = UTC) -> Procedure:
    """Read one Procedure.  Raises InputFaults where the body is no JSON, no Procedure, or its code cannot be read."""
    page = open_page(body, "")
    if page.not_fhir == "an object without resourceType":
        page = open_page(_with_type(bytes(body)))
    if page.not_fhir or page.is_null:
        raise InputFaults([Fault("$", page.not_fhir or "null", "a FHIR Procedure")])
    if page.unreadable and not page.entries:
        raise InputFaults([Fault(one.where or "$", one.what) for one in page.unreadable])
    if page.is_bundle or len(page.entries) != 1 or not isinstance(page.entries[0].resource, shapes.Procedure):
        raise InputFaults([Fault("$.resourceType", "not one Procedure", "a FHIR Procedure")])
    inbox = Inbox(None, take_anybody=True)
    inbox.add(page, (shapes.Procedure,))
    return read_procedures(Fields(inbox, zone))[0]


def read_drafts(
    body: bytes | Raw | Mapping | None, *, patient_id: str | None = None, zone: tzinfo = UTC, root: str = ""
) -> Drafts:
    """Read the Bundle of draft orders or proposed appointments that a hook's context carries.

    Read as tolerantly as clients write: no Bundle type, no entry, objects for arrays, codings without a code. Types that
    we do not compare are passed over. The body may be JSON or decoded already; *root* is its JSON path, for naming what
    could not be read.
    """
    if body is None:
        return Drafts(())
    page = open_decoded(body, root) if isinstance(body, Mapping) else open_page(body, root)
    if page.not_fhir:
        return Drafts((), (Unreadable(root, None, page.not_fhir),))
    inbox = Inbox(patient_id)
    inbox.add(page, shapes.ORDERS)
    return Drafts(read_orders(Fields(inbox, zone), shapes.ORDERS), tuple(inbox.unreadable))


def _record(inbox: Inbox, zone: tzinfo, kinds: frozenset[str], gaps: tuple[tuple[str, str], ...]) -> PatientRecord:
    """Put the record together; the patient comes first, because ages need the birth date."""
    fields = Fields(inbox, zone)
    chosen = inbox.choose_patient()
    patient = read_patient(fields, chosen) if chosen is not None else None
    ordered = _ordered_types(kinds)
    return PatientRecord(
        patient=patient,
        procedures=read_procedures(fields) if "procedures" in kinds else None,
        observations=inbox.own_observations(zone) if "observations" in kinds else None,
        conditions=read_conditions(fields) if "conditions" in kinds else None,
        medications=read_medications(fields) if "medications" in kinds else None,
        orders=read_orders(fields, ordered) if ordered else None,
        appointments=read_orders(fields, (shapes.Appointment,)) if "appointments" in kinds else None,
        gaps=gaps,
        unreadable=tuple(inbox.unreadable),
    )


@lru_cache(maxsize=32)
def _ordered_types(kinds: frozenset[str]) -> tuple[type[shapes.Shape], ...]:
    """The types of existing orders among *kinds*; a DeviceRequest belongs to no kind of its own."""
    ordered = tuple(shape for kind in ORDER_KINDS if kind in kinds for shape in TYPES[kind])
    return (*ordered, shapes.DeviceRequest) if len(ordered) == len(ORDER_KINDS) else ordered


def _with_type(body: bytes) -> bytes:
    return body.replace(b"{", b'{"resourceType":"Procedure",', 1)
