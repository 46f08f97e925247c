"""Appointments are booked: therapy too early for the protocol, or a follow-up missing at a phase gate."""

from __future__ import annotations

from cds_service.hooks.hook import Adds, AppointmentsContextShape, Hook

APPOINTMENT_BOOK = Hook(
    id="spine-rehab-appointment-book",
    hook="appointment-book",
    hook_version="1.0",
    title="Spine surgery rehabilitation: appointments against the protocol",
    description=(
        "While appointments are booked for a patient after spine surgery: a therapy appointment before the protocol "
        "allows it, or the follow-up that is missing before the next phase."
    ),
    context=AppointmentsContextShape,
    adds=Adds.BOOKINGS,
    drafts="appointments",
    extra_kinds=("orders", "appointments"),
)
