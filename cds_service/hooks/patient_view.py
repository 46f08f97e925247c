"""The chart is opened: programme, alerts and gaps for the day."""

from __future__ import annotations

from cds_service.hooks.hook import ContextShape, Hook

PATIENT_VIEW = Hook(
    id="spine-rehab-patient-view",
    hook="patient-view",
    hook_version="1.0",
    title="Spine surgery rehabilitation: today's programme and alerts",
    description=(
        "For a patient after spine surgery: the exercises that fit today's week after the operation, what is withheld "
        "and by which rule, and the facts in the chart that should stop or soften training. Silent for everyone else."
    ),
    context=ContextShape,
)
