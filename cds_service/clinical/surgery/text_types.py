"""What one text says, and the surgery type it tells of, by the dossier's tables 1.1 to 1.3; None where it leaves it open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cds_service.clinical.operation import Assertion
from cds_service.clinical.surgery.text_acts import Act
from cds_service.clinical.surgery.text_levels import LevelMention
from cds_service.clinical.surgery.text_signs import Signs
from cds_service.knowledge.vocabulary import Kind

_LUMBAR = frozenset(("lumbar", "lumbosacral"))
_CERVICAL = frozenset(("cervical", "occipitocervical", "cervicothoracic"))
_THORACIC = frozenset(("thoracic", "thoracolumbar"))
_NECK_FUSIONS = {"anterior": "CRV_ACDF", "posterior": "CRV_PFUS"}
_DECOMPRESSIONS = frozenset(("laminectomy", "decompression", "foraminotomy"))
_BESIDE_CORPECTOMY = _DECOMPRESSIONS | {"corpectomy", "discectomy", "fixation"}
_LONG_FUSION_LEVELS = 5  # Source: dossier 1.1, DEF_ADULT ">= 5 levels"


class TextReading(NamedTuple):
    """What one text says. What it does not say is None or empty, never guessed.

    *is_spine_surgery*: True where the text names an operation on the spine (done, past, planned or denied: see
    *assertion*); False where it names something else (an injection, a knee, a relative's operation); None where it
    names no act at all. *operations* are the classes of the operations that the reading is about.
    *levels* are motion segments ("L4-L5") or single vertebrae ("L1"), cranial first. *found* is what was found in the
    text, kept so that type and `phrases` are only worked out where somebody asks for them.
    """

    is_spine_surgery: bool | None = None
    assertion: Assertion = Assertion.PERFORMED
    of_family: bool = False
    operations: tuple[str, ...] = ()
    region: str | None = None
    levels: tuple[str, ...] = ()
    level_count: int | None = None
    level_count_is_minimum: bool = False
    to_pelvis: bool = False
    fusion: bool | None = None
    fusion_denied: bool = False
    instrumented: bool | None = None
    approach: str | None = None
    technique: str | None = None
    minimally_invasive: bool | None = None
    revision: bool | None = None
    side: str | None = None
    trial: bool | None = None
    deformity: bool = False
    paediatric: bool | None = None
    tumour: bool = False
    found: tuple[Signs, Sequence[Act]] | None = None

    @property
    def surgery_type(self) -> str | None:
        """One of the dossier's types, or None where the text does not decide."""
        return choose_type(self)[0] if self.is_spine_surgery else None

    @property
    def alternatives(self) -> tuple[str, ...]:
        """The types that the text leaves open."""
        return choose_type(self)[1] if self.is_spine_surgery else ()

    @property
    def phrases(self) -> tuple[tuple[str, str], ...]:
        """The words found, each with what it was taken for, in the order of the text."""
        return _phrases(*self.found) if self.found is not None else ()

    @property
    def was_performed(self) -> bool:
        """True for an operation on this patient's spine that the text says happened, now or in the past."""
        return self.is_spine_surgery is True and self.assertion in (Assertion.PERFORMED, Assertion.HISTORY)


_Choice = tuple[str | None, tuple[str, ...]]


def choose_type(said: TextReading) -> _Choice:
    """Give the surgery type and the other types the text leaves open.

    Source: dossier 1.1 (taxonomy), 1.2 (strictness), 1.3 (types by code), section 0 step 3.
    """
    operations = set(said.operations)
    if said.tumour and operations & {"tumour", "fusion", "corpectomy", "laminectomy", "decompression", "fixation"}:
        return "TUMOUR", ()
    if "fusion" in operations:
        return _fusion(said)
    if "tumour" in operations:
        return "TUMOUR", ()
    operations -= {"unnamed"}
    if "stimulator" in operations and operations <= {"stimulator", *_DECOMPRESSIONS}:
        return "SCS", ()
    if operations == {"hardware_removal"}:
        return "HW_REM", ()
    if "deformity" in operations:
        return _long_fusion(said) if _is_long(said) else (None, ("DEF_ADULT", "DEF_PED"))
    if "corpectomy" in operations and operations <= _BESIDE_CORPECTOMY:
        return ("CRV_ACDF", ()) if said.region == "cervical" and said.approach != "posterior" else (None, ())
    if operations & {"other", "fixation"}:
        return None, ()
    if operations == {"augmentation"}:
        return "VERT_AUG", ()
    if "dynamic" in operations and operations <= {"dynamic", "discectomy", *_DECOMPRESSIONS}:
        return ("LUM_FUS", ()) if said.region in _LUMBAR else (None, ("LUM_FUS",))
    if "arthroplasty" in operations and operations <= {"arthroplasty", "discectomy", *_DECOMPRESSIONS}:
        return _arthroplasty(said)
    if "laminoplasty" in operations and operations <= {"laminoplasty", *_DECOMPRESSIONS}:
        return ("CRV_LPLASTY", ()) if said.region in (None, "cervical", "cervicothoracic") else (None, ())
    if operations and operations <= {"discectomy", *_DECOMPRESSIONS}:
        return _decompression(said, operations)
    return None, ()


def _fusion(said: TextReading) -> _Choice:
    if said.region is None and said.deformity and _is_long(said):
        return _long_fusion(said)
    if said.region is None:
        return ("DEF_PED", ()) if said.deformity and said.paediatric else (None, ())
    if said.region in _CERVICAL:
        from_skull = any(level.startswith("C0") for level in said.levels)  # fused from behind
        chosen = _NECK_FUSIONS.get(said.approach or ("posterior" if from_skull else ""))
        return (chosen, ()) if chosen else (None, ("CRV_ACDF", "CRV_PFUS"))
    if said.paediatric and said.deformity:
        return "DEF_PED", ()
    if _is_long(said):
        return _long_fusion(said)
    if said.deformity and (said.level_count is None or said.level_count_is_minimum):
        return None, ("DEF_ADULT", "DEF_PED")
    if said.region in _THORACIC:
        unsure = said.level_count is None or said.level_count_is_minimum
        return "THX_FUS", ("DEF_ADULT",) if unsure else ()
    return ("LUM_FUS", ()) if said.region in _LUMBAR else (None, ())


def _is_long(said: TextReading) -> bool:
    return said.level_count is not None and said.level_count >= _LONG_FUSION_LEVELS


def _long_fusion(said: TextReading) -> _Choice:
    """Age decides between the two long fusions; a text mostly leaves it open."""
    if said.paediatric:
        return "DEF_PED", ()
    return "DEF_ADULT", ("DEF_PED",) if said.paediatric is None else ()


def _arthroplasty(said: TextReading) -> _Choice:
    if said.region in ("cervical", "cervicothoracic"):
        return "CRV_CDA", ()
    return ("LUM_TDR", ()) if said.region in _LUMBAR else (None, ("CRV_CDA", "LUM_TDR"))


def _decompression(said: TextReading, operations: set[str]) -> _Choice:
    if said.region in _LUMBAR:
        return ("LUM_DISC" if "discectomy" in operations else "LUM_LAMI"), ()
    if said.region in ("cervical", "cervicothoracic"):
        from_behind = said.approach is None and operations & _DECOMPRESSIONS and operations != {"decompression"}
        if said.approach == "posterior" or from_behind:
            return "CRV_FORAM", ()
        if "discectomy" in operations and said.approach == "anterior" and not said.fusion_denied:
            return "CRV_ACDF", ()  # dossier 1.3, free-text hints: "anterior cervical discectomy"
        return None, ("CRV_ACDF", "CRV_FORAM")
    if said.region is None:
        return None, ("LUM_DISC",) if "discectomy" in operations else ("LUM_LAMI", "CRV_FORAM")
    return None, ()


def _phrases(signs: Signs, acts: Sequence[Act]) -> tuple[tuple[str, str], ...]:
    said = [
        (mention.first, mention.words, mention.sign.id)
        for mention in signs.mentions
        if mention.sign.kind is not Kind.NOTHING
    ]
    said += [(act.first, act.words, act.sign.id) for act in acts if "+" in act.words]
    said += [(place, signs.text[level.start : level.end], _level_name(level)) for place, level in signs.levels]
    return tuple((words, meaning.replace("_", " ")) for _, words, meaning in sorted(set(said)))


def _level_name(level: LevelMention) -> str:
    if level.is_root:
        return f"nerve root {level.first}"
    return f"vertebra {level.first}" if level.is_single else f"levels {level.first}-{level.last}"
