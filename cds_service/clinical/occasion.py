"""What a hook's answer is about, beside the day's advice. Values only."""

from __future__ import annotations

from dataclasses import dataclass

from cds_service.clinical.drafts import Judged


@dataclass(frozen=True, slots=True)
class Drafted:
    """Orders are picked or signed: the drafts that ask for exercise, therapy, an activity or equipment, each judged."""

    judged: tuple[Judged, ...]


Occasion = Drafted
