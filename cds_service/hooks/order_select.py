"""A clinician picks orders: drafts that clash with the phase or an alert are named; fitting drafts get nothing."""

from __future__ import annotations

from cds_service.hooks.hook import Adds, Hook, OrderSelectContextShape

ORDER_SELECT = Hook(
    id="spine-rehab-order-select",
    hook="order-select",
    hook_version="1.0",
    title="Spine surgery rehabilitation: draft orders against the protocol",
    description=(
        "Compares draft orders for exercise, therapy, activity and equipment with the patient's phase after spine "
        "surgery and with red flags in the chart. Speaks only where an order clashes, and offers what is allowed."
    ),
    context=OrderSelectContextShape,
    adds=Adds.DRAFTS,
    drafts="draftOrders",
)
