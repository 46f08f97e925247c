"""Kinds of data <-> prefetch keys and query templates, and the gathering of what a call did not bring.

Templates keep to what servers and clients widely support: no parameter twice (the reference client merges them), no modifier,
no chain, and only tokens of CDS Hooks 2.0.  Source: CDS Hooks 2.0.1, prefetch template; rules D4, D5, C4, C5.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

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
    "serviceRequests": "ServiceRequest?patient={{context.patientId}}&status=active&_count={count}",
    "carePlans": "CarePlan?patient={{context.patientId}}&status=active&_count={count}",
    "goals": "Goal?patient={{context.patientId}}&_count={count}",
    "appointments": "Appointment?patient={{context.patientId}}&_count={count}",
}
_OBSERVATIONS_SINCE = "Observation?patient={{context.patientId}}&category={categories}&date=ge{{today() - {days} days}}&_sort=-date&_count={count}"


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
    unknown = set(needs) - set(KINDS)
    if unknown:
        raise KeyError(f"{', '.join(sorted(unknown))}: no kind of data; known: {', '.join(KINDS)}")
    wanted = {key for kind in ("patient", *needs) for key in KINDS[kind]}
    return tuple(key for key in _TEMPLATES if key in wanted)


def offered(needs: Collection[str], templates: Templates = TEMPLATES) -> dict[str, str]:
    """Give the prefetch that discovery offers for the kinds of data in *needs*: key -> template."""
    return {key: templates.of(key) for key in keys_for(needs)}
