"""The services we offer, one file each. To add one: a file here, its name in ALL_HOOKS, a fixture call, a contract test."""

from __future__ import annotations

from cds_service.hooks.appointment_book import APPOINTMENT_BOOK
from cds_service.hooks.encounter_discharge import ENCOUNTER_DISCHARGE
from cds_service.hooks.encounter_start import ENCOUNTER_START
from cds_service.hooks.hook import Hook
from cds_service.hooks.order_select import ORDER_SELECT
from cds_service.hooks.order_sign import ORDER_SIGN
from cds_service.hooks.patient_view import PATIENT_VIEW

ALL_HOOKS: tuple[Hook, ...] = (
    PATIENT_VIEW,
    ENCOUNTER_START,
    ORDER_SELECT,
    ORDER_SIGN,
    ENCOUNTER_DISCHARGE,
    APPOINTMENT_BOOK,
)
