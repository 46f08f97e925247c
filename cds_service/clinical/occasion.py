"""What a hook's answer is about, beside the day's advice. Values only."""

from __future__ import annotations

from dataclasses import dataclass

from cds_service.clinical.drafts import Judged
from cds_service.clinical.follow_up import FollowUp
from cds_service.knowledge.sheet import DangerSign


@dataclass(frozen=True, slots=True)
class Drafted:
    """Orders are picked or signed: the drafts that ask for exercise, therapy, an activity or equipment, each judged."""

    judged: tuple[Judged, ...]


@dataclass(frozen=True, slots=True)
class Booked:
    """Appointments are booked: those for exercise or therapy, each judged, and the follow-up that should be among them."""

    judged: tuple[Judged, ...]
    follow_up: FollowUp | None


@dataclass(frozen=True, slots=True)
class GoingHome:
    """The patient is discharged: what to warn of, emergencies first, and the follow-up due."""

    signs: tuple[DangerSign, ...]
    follow_up: FollowUp | None


Occasion = Drafted | Booked | GoingHome
