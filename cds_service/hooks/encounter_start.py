"""A visit begins: the same view as on opening the chart, at the start of an encounter."""

from __future__ import annotations

from cds_service.hooks.hook import EncounterContextShape, Hook

ENCOUNTER_START = Hook(
    id="spine-rehab-encounter-start",
    hook="encounter-start",
    hook_version="1.0",
    title="Spine surgery rehabilitation: at the start of a visit",
    description=(
        "At the start of an encounter with a patient after spine surgery: phase, exercises that fit it, what is "
        "withheld and why, and what in the chart calls for a look at the patient first."
    ),
    context=EncounterContextShape,
)
