"""What a hook declaration is, and the shapes its context is checked against. Declares; answers no call.

The tables of required and optional context fields are those of the published hook definitions (CDS Hooks Library).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from marshmallow import EXCLUDE, Schema, fields, validate

SPECIFICATION_VERSION = "3.0.0"
"""The CDS Hooks version that discovery names (rule D2); everything of 2.0.1 is kept."""

ANY_USER = ("Practitioner", "PractitionerRole", "Patient", "RelatedPerson")
STAFF = ("Practitioner", "PractitionerRole")

# FHIR ids are [A-Za-z0-9.-]{1,64}; the underscore and the longer form are seen in the field and harm nothing.
# An id of dots alone is a path trick.
_ID = r"(?!\.+$)[A-Za-z0-9._-]{1,128}"
_IS_ID = re.compile(rf"^{_ID}\Z")
_IS_LOCAL_REFERENCE = re.compile(rf"^[A-Z][A-Za-z]{{1,63}}/{_ID}\Z")


class PlainId(fields.String):
    """The logical id of a resource, without its type; a form feed or a slash would reach a URL, so none passes."""

    default_error_messages = {"id": "is no resource id: expected 1 to 128 of A-Z a-z 0-9 . _ - (no type, no slash)"}

    def _deserialize(self, value, attr, data, **kwargs):
        text = super()._deserialize(value, attr, data, **kwargs)
        if not self.is_plain(text):
            raise self.make_error("id")
        return text

    def is_plain(self, value: object) -> bool:
        """Tell whether *value* passes as it is; so with the other fields here. It saves asking the whole of marshmallow."""
        return type(value) is str and _IS_ID.match(value) is not None


class LocalReference(fields.String):
    """`Type/id`, where the type may be limited to *types*."""

    default_error_messages = {"reference": "is no local reference: expected {expected}"}

    def __init__(self, types: tuple[str, ...] = (), **kwargs):
        self.types = types
        super().__init__(**kwargs)

    def _deserialize(self, value, attr, data, **kwargs):
        text = super()._deserialize(value, attr, data, **kwargs)
        if not self.is_plain(text):
            expected = " or ".join(f"{one}/id" for one in self.types) or "Type/id"
            raise self.make_error("reference", expected=expected)
        return text

    def is_plain(self, value: object) -> bool:
        return (
            type(value) is str
            and _IS_LOCAL_REFERENCE.match(value) is not None
            and (not self.types or value.partition("/")[0] in self.types)
        )


class ResourceBundle(fields.Raw):
    """A Bundle as clients write it: an object that, when it names its type, names Bundle; its `type` may be missing.

    The reference sandbox leaves `Bundle.type` out (recorded 2026-11), so only what we must rely on is asked for.
    """

    default_error_messages = {
        "object": "is no JSON object: expected a FHIR Bundle",
        "bundle": "is no Bundle: expected resourceType Bundle",
        "entry": "has an entry that is no array of objects: expected Bundle.entry as a list",
    }

    def _deserialize(self, value, attr, data, **kwargs):
        if not isinstance(value, dict):
            raise self.make_error("object")
        if value.get("resourceType") != "Bundle":
            raise self.make_error("bundle")
        entries = value.get("entry")
        if (
            isinstance(entries, dict) and entries
        ):  # an object for an array, as the reference sandbox writes other fields
            return value
        if entries is not None and not (isinstance(entries, list) and all(isinstance(one, dict) for one in entries)):
            raise self.make_error("entry")
        return value


class ContextShape(Schema):
    """What every hook context has in common. Unknown fields are tolerated (rule B2)."""

    class Meta:
        unknown = EXCLUDE

    userId = LocalReference(types=ANY_USER, required=True)
    patientId = PlainId(required=True)
    encounterId = PlainId(allow_none=True)


class StaffContextShape(ContextShape):
    userId = LocalReference(types=STAFF, required=True)


class EncounterContextShape(ContextShape):
    encounterId = PlainId(required=True)


class DraftOrdersContextShape(ContextShape):
    draftOrders = ResourceBundle(required=True)


class OrderSelectContextShape(StaffContextShape):
    selections = fields.List(LocalReference(), required=True, validate=validate.Length(max=1000))
    draftOrders = ResourceBundle(required=True)


class AppointmentsContextShape(ContextShape):
    appointments = ResourceBundle(required=True)


class Adds(Enum):
    """What a hook's answer is about."""

    PROGRAMME = "the programme for the day"
    DISCHARGE = "what the patient takes home"
    DRAFTS = "drafts that clash"
    BOOKINGS = "appointments that come too early, a follow-up that is missing"


@dataclass(frozen=True, slots=True)
class Hook:
    """One CDS service of ours: the hook it answers, how it presents itself, the shape of its context.

    *adds* tells what the answer is about. *hook_version* is that of the published hook definition (rule D2). *drafts*
    names the context field that holds draft resources to compare with our advice, None where the hook brings none. *extra_kinds* are kinds of data
    (words of intake/prefetch.py) that this service looks at beside those the rules ask for: by default the existing orders,
    so that nothing is offered twice.
    """

    id: str
    hook: str
    hook_version: str
    title: str
    description: str
    context: type[Schema]
    adds: Adds = Adds.PROGRAMME
    drafts: str | None = None
    extra_kinds: tuple[str, ...] = ("orders",)
