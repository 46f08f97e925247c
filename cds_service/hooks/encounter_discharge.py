"""The patient goes home: home programme, limits, red flags to tell, follow-up due."""

from __future__ import annotations

from cds_service.hooks.hook import Adds, EncounterContextShape, Hook

ENCOUNTER_DISCHARGE = Hook(
    id="spine-rehab-encounter-discharge",
    hook="encounter-discharge",
    hook_version="1.0",
    title="Spine surgery rehabilitation: going home",
    description=(
        "When a patient after spine surgery is discharged: the home programme for the phase, limits, the warning "
        "signs to tell the patient, and the follow-up that is due."
    ),
    context=EncounterContextShape,
    adds=Adds.DISCHARGE,
    extra_kinds=("orders", "appointments"),
)
