"""What a patient takes home beside the programme: signs of danger after this operation, and the follow-up that is due."""

from __future__ import annotations

from cds_service.clinical.advice import Advice
from cds_service.clinical.follow_up import next_follow_up
from cds_service.clinical.occasion import GoingHome
from cds_service.knowledge.model import Knowledge
from cds_service.patient.record import PatientRecord


def going_home(advice: Advice, record: PatientRecord, knowledge: Knowledge) -> GoingHome:
    """Give the signs that hold after any of the operations, emergencies first, and the next follow-up."""
    types = {operation.surgery_type for operation in advice.operations}
    signs = [sign for sign in knowledge.sheets.signs if any(sign.holds_after(one) for one in types)]
    return GoingHome(
        signs=tuple(sorted(signs, key=lambda one: not one.emergency)),
        follow_up=next_follow_up(advice, record, knowledge),
    )
