"""What cards and orders must know of the call they answer. Values only."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from msgspec import Struct

from cds_service.patient.record import Order

# FHIR ids end at 64 characters and know no underscore; servers in the field are freer, and their users order too.
_REQUESTER = re.compile(r"(Practitioner|PractitionerRole)/[A-Za-z0-9._\-]{1,128}\Z")
ORDER_PROFILES = ("pa", "us-core", "cpg-proposal", "r5")


@dataclass(frozen=True, slots=True)
class Link:
    """A link of a card: *url* is absolute; *type_* is absolute or smart."""

    label: str
    url: str
    type_: str = "absolute"
    app_context: str | None = None


class CallFacts(Struct, frozen=True):
    """One hook call, as far as its answer depends on it.

    *at* is the moment of the request, with time zone. *user* is context.userId (`Practitioner/123`). *orders* are the
    patient's existing orders, None where they could not be had. *card_secret* keys the ids of cards, so that nobody
    can find the patient from them. *service_base_url* has no slash at its end; canonicals of our knowledge stand
    under it. *links* is the short fixed set of links that the installation allows on every programme card.
    """

    hook: str
    patient_id: str
    at: datetime
    service_base_url: str
    card_secret: bytes
    hook_instance: str | None = None
    user: str | None = None
    encounter_id: str | None = None
    fhir_version: str = "4.0.1"
    order_profile: str = "pa"
    language: str = "en"
    tenant: str = ""
    orders: tuple[Order, ...] | None = None
    links: tuple[Link, ...] = ()

    def __post_init__(self) -> None:
        if self.order_profile not in ORDER_PROFILES:
            raise ValueError(f"order profile {self.order_profile!r}; known: {', '.join(ORDER_PROFILES)}")
        if self.at.tzinfo is None:
            raise ValueError("the moment of the request needs a time zone")

    @property
    def requester(self) -> str | None:
        """The user's reference where that user may sign an order (Practitioner, PractitionerRole), else None."""
        return self.user if self.user and _REQUESTER.match(self.user) else None

    @property
    def writes_r5(self) -> bool:
        """True where resources are written in the R5 shape: by profile, or because the client's version is R5."""
        return self.order_profile == "r5" or self.fhir_version.startswith("5")
