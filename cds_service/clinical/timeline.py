"""Where an operation stands on its timeline: completed week, shift, effective week, phase. Reads no rule."""

from __future__ import annotations

from msgspec.structs import replace

from cds_service.clinical.operation import Operation
from cds_service.knowledge.model import Protocol

DAYS_A_WEEK = 7


def place(operation: Operation, protocol: Protocol, shift_weeks: int) -> Operation:
    """Place *operation* on the ladder of *protocol*, *shift_weeks* later than its completed week tells.

    Effective week = completed week minus shift, never below 0. Without a date there is no week and no phase.
    Source: dossier section 0, RF45.
    """
    if operation.completed_week is None:
        return replace(operation, surgery_type=protocol.id, shift_weeks=shift_weeks, effective_week=None, phase=None)
    effective_week = max(0, operation.completed_week - shift_weeks)
    return replace(
        operation,
        surgery_type=protocol.id,
        shift_weeks=shift_weeks,
        effective_week=effective_week,
        phase=protocol.phase_at(effective_week),
    )
