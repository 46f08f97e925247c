"""Types chosen from what a text says, by the dossier's tables; what stays open stays None."""

from __future__ import annotations

import pytest

from cds_service.clinical.surgery.text_types import TextReading, choose_type


def said(*operations: str, **more: object) -> TextReading:
    return TextReading(operations=operations, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (said("fusion", region="lumbar"), ("LUM_FUS", ())),
        (said("fusion", region="lumbosacral"), ("LUM_FUS", ())),
        (said("fusion", region="sacral"), (None, ())),
        (said("fusion"), (None, ())),
        (said("fusion", deformity=True, paediatric=True), ("DEF_PED", ())),
        (said("fusion", region="cervical", approach="anterior"), ("CRV_ACDF", ())),
        (said("fusion", region="cervicothoracic", approach="posterior"), ("CRV_PFUS", ())),
        (said("fusion", region="cervical"), (None, ("CRV_ACDF", "CRV_PFUS"))),
        (said("fusion", region="cervical", approach="combined"), (None, ("CRV_ACDF", "CRV_PFUS"))),
        (said("fusion", region="thoracic", level_count=3), ("THX_FUS", ())),
        (said("fusion", region="thoracic"), ("THX_FUS", ("DEF_ADULT",))),
        (said("fusion", region="thoracic", level_count=2, level_count_is_minimum=True), ("THX_FUS", ("DEF_ADULT",))),
        (said("fusion", region="thoracolumbar", level_count=8), ("DEF_ADULT", ("DEF_PED",))),
        (said("fusion", region="thoracolumbar", level_count=8, paediatric=False), ("DEF_ADULT", ())),
        (said("fusion", region="thoracolumbar", level_count=8, paediatric=True), ("DEF_PED", ())),
        (said("fusion", region="lumbar", level_count=3, to_pelvis=True), ("LUM_FUS", ())),
        (said("fusion", region="thoracic", deformity=True), (None, ("DEF_ADULT", "DEF_PED"))),
        (said("fusion", region="lumbar", deformity=True, level_count=2), ("LUM_FUS", ())),
        (said("fusion", region="lumbar", deformity=True, paediatric=True), ("DEF_PED", ())),
        (said("fusion", region="lumbar", tumour=True), ("TUMOUR", ())),
        (said("tumour", region="thoracic"), ("TUMOUR", ())),
        (said("tumour", region="thoracic", tumour=True), ("TUMOUR", ())),
        (said("stimulator"), ("SCS", ())),
        (said("stimulator", "laminectomy"), ("SCS", ())),
        (said("stimulator_removal"), (None, ())),
        (said("hardware_removal"), ("HW_REM", ())),
        (said("hardware_removal", "laminectomy", region="lumbar"), (None, ())),
        (said("fixation", region="thoracic"), (None, ())),
        (said("deformity", region="thoracolumbar", level_count=14), ("DEF_ADULT", ("DEF_PED",))),
        (said("deformity"), (None, ("DEF_ADULT", "DEF_PED"))),
        (said("other", "laminectomy", region="lumbar"), (None, ())),
        (said("augmentation"), ("VERT_AUG", ())),
        (said("augmentation", "laminectomy", region="lumbar"), (None, ())),
        (said("dynamic", "decompression", region="lumbar"), ("LUM_FUS", ())),
        (said("dynamic"), (None, ("LUM_FUS",))),
        (said("arthroplasty", region="cervical"), ("CRV_CDA", ())),
        (said("arthroplasty", "discectomy", region="lumbar"), ("LUM_TDR", ())),
        (said("arthroplasty"), (None, ("CRV_CDA", "LUM_TDR"))),
        (said("corpectomy", region="cervical"), ("CRV_ACDF", ())),
        (said("corpectomy", region="lumbar"), (None, ())),
        (said("laminoplasty"), ("CRV_LPLASTY", ())),
        (said("laminoplasty", region="lumbar"), (None, ())),
        (said("discectomy", "laminectomy", region="lumbar"), ("LUM_DISC", ())),
        (said("foraminotomy", region="lumbar"), ("LUM_LAMI", ())),
        (said("laminectomy", region="cervical"), ("CRV_FORAM", ())),
        (said("decompression", region="cervical"), (None, ("CRV_ACDF", "CRV_FORAM"))),
        (said("discectomy", region="cervical", approach="posterior"), ("CRV_FORAM", ())),
        (said("discectomy", region="cervical", approach="anterior"), ("CRV_ACDF", ())),
        (
            said("discectomy", region="cervical", approach="anterior", fusion_denied=True),
            (None, ("CRV_ACDF", "CRV_FORAM")),
        ),
        (said("corpectomy", "fixation", region="cervical", approach="posterior"), (None, ())),
        (said("corpectomy", "fixation", region="cervical", approach="anterior"), ("CRV_ACDF", ())),
        (said("discectomy"), (None, ("LUM_DISC",))),
        (said("laminectomy"), (None, ("LUM_LAMI", "CRV_FORAM"))),
        (said("laminectomy", region="thoracic"), (None, ())),
        (said("unnamed", "laminectomy", region="lumbar"), ("LUM_LAMI", ())),
        (said("unnamed", region="lumbar"), (None, ())),
        (said("discectomy", "augmentation"), (None, ())),
    ],
)
def test_type_follows_the_dossier(told: TextReading, expected: tuple[str | None, tuple[str, ...]]) -> None:
    assert choose_type(told) == expected
