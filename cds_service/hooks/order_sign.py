"""Orders are about to be signed: the last look before a clashing order takes effect."""

from __future__ import annotations

from cds_service.hooks.hook import Adds, DraftOrdersContextShape, Hook

ORDER_SIGN = Hook(
    id="spine-rehab-order-sign",
    hook="order-sign",
    hook_version="1.0",
    title="Spine surgery rehabilitation: orders before signature",
    description=(
        "Before orders are signed: names each order for exercise, therapy, activity or equipment that clashes with "
        "the patient's phase after spine surgery or with a red flag, and offers to delete or change it."
    ),
    context=DraftOrdersContextShape,
    adds=Adds.DRAFTS,
    drafts="draftOrders",
)
