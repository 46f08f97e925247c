"""Tell which terminology a recorded procedure code belongs to: by its system where that fits, else by the code's shape."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cds_service.patient.codes import CodeKey, canonical_system, normal_code

_SHAPES: dict[str, re.Pattern[str]] = {
    "icd10pcs": re.compile(r"[0-9A-HJ-NP-Z]{7}"),
    "cpt": re.compile(r"\d{4}[0-9TFUMA]"),
    "hcpcs": re.compile(r"[A-V]\d{4}"),
    "icd9": re.compile(r"\d{2}\d{0,2}"),
    "opcs4": re.compile(r"[A-HJ-Z]\d{2,3}"),
    "snomed": re.compile(r"[1-9]\d{5,17}"),
    "loinc": re.compile(r"(LA)?\d{1,7}-\d"),
}
# Where no system helps, these shapes are tried in this order; each code fits at most one.
_ORDER = ("loinc", "icd10pcs", "snomed", "cpt", "hcpcs", "icd9", "opcs4")
_WEAK = frozenset({"cpt", "hcpcs", "icd9", "opcs4"})
_PROCEDURE_SYSTEMS = frozenset(_SHAPES)
_MODIFIED = re.compile(r"^(\d{4}[0-9TFUMA]|[A-V]\d{4})([-,]?[0-9A-Z]{2})+$")  # 63030-50: a code with its modifiers
_STRAY = " \t\n.,;:'\""  # signs at either end of a code that belong to no terminology ("22633.")
_DOTTED_ICD9 = re.compile(r"\d{2}\.\d{1,2}")
_LONGEST_CODE = 20
"""Characters; no terminology we know has a longer code. Longer ones are text in the wrong place."""


@dataclass(frozen=True, slots=True)
class ReadCode:
    """A recorded coding, understood. *by_shape* where the system was missing, unknown or wrong for the code.

    *needs_support*: the recorded system is one we do not know and the shape is one that local code systems use too
    (five digits), so a text that says nothing of a spine speaks against it.
    """

    key: CodeKey
    by_shape: bool = False
    needs_support: bool = False


def read_code(system: str | None, code: str | None) -> ReadCode:
    """Tell the terminology and the normalised code of a recorded procedure coding; system "" where nothing fits."""
    if code is not None and len(code) > _LONGEST_CODE:
        return ReadCode((canonical_system(system), ""))
    recorded = canonical_system(system)
    code = (code or "").strip(_STRAY)
    text = normal_code(recorded, code)
    if recorded == "cpt" or recorded == "hcpcs":
        recorded = "hcpcs" if text[:1].isalpha() else "cpt"  # one code space, two addresses in feeds
        text = _MODIFIED.sub(r"\1", text)
    shape = _SHAPES.get(recorded)
    if shape is not None and shape.fullmatch(text):
        return ReadCode((recorded, text))
    for name in _ORDER:
        if name == "icd9" and "." in code and not _DOTTED_ICD9.fullmatch(code):
            continue
        plain = normal_code(name, code)
        if _SHAPES[name].fullmatch(plain) and _is_plausible(name, plain):
            return ReadCode((name, plain), by_shape=True, needs_support=bool(system) and name in _WEAK)
    return ReadCode((recorded, text))


def _is_plausible(name: str, code: str) -> bool:
    """Keep look-alikes apart: seven digits are SNOMED CT unless they begin with 0 (no SNOMED CT id does)."""
    if name == "icd10pcs":
        return not code.isdigit() or code[0] == "0"
    if name == "icd9":
        return len(code) >= 3
    return True
