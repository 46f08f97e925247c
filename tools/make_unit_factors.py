"""Write cds_service/patient/unit_factors.py: what the UCUM library says of the units that charts really send.

    PYTHONPATH=. python tools/make_unit_factors.py [--check]

The library takes a third of a second to start; with its answers for the usual units written down, a call needs it only for a
unit nobody has seen yet. Nothing in the written file is typed by hand.
"""

from __future__ import annotations

import sys
from pathlib import Path

from cds_service.knowledge.load import load_knowledge
from cds_service.patient.quantity import AS_SENT, ask_library

ROOT = Path(__file__).parents[1]
FILE = ROOT / "cds_service" / "patient" / "unit_factors.py"
ALSO_SENT = (
    "g/L", "g/dL", "mg/L", "mg/dL", "ug/L", "ug/dL", "ng/mL", "ng/dL", "pg/mL", "mg/mL", "ug/mL", "mmol/L", "umol/L", "nmol/L", "pmol/L",
    "mmol/mol", "10*3/uL", "10*9/L", "10*6/L", "/uL", "/mm3", "/min", "min-1", "s", "min", "h", "d", "wk", "mo", "a", "m", "cm", "mm", "km",
    "[ft_i]", "[in_i]", "[mi_i]", "kg", "g", "[lb_av]", "kg/m2", "mL", "L", "cm3", "Cel", "[degF]", "K", "%", "1", "mm[Hg]", "kPa",
)  # fmt: skip

HEAD = '''"""What the UCUM library (ucumvert on pint) says of the units that charts really send. Written by tools/make_unit_factors.py."""

from __future__ import annotations

# fmt: off
'''


def content() -> str:
    """Give the file's text: every known source unit against every unit of a measure, asked of the library."""
    targets = sorted({measure.unit for measure in load_knowledge(ROOT / "cards").measures.values()})
    sources = sorted({*AS_SENT.values(), *ALSO_SENT, *targets})
    lines = [HEAD, "FACTORS: dict[tuple[str, str], tuple[float, float] | None] = {"]
    for source in sources:
        for target in targets:
            if source != target:
                lines.append(f"    ({source!r}, {target!r}): {ask_library(source, target)!r},")
    lines += ["}", '"""(source, target) -> (factor, offset); None where the two measure different things."""', ""]
    return "\n".join(lines)


def main() -> None:
    text = content()
    if "--check" in sys.argv[1:]:
        if FILE.read_text(encoding="utf-8") != text:
            raise SystemExit(
                f"{FILE.relative_to(ROOT)} is not what the library says now; run tools/make_unit_factors.py"
            )
        return
    FILE.write_text(text, encoding="utf-8")
    print(f"{FILE.relative_to(ROOT)}: {text.count('): ')} pairs")


if __name__ == "__main__":
    main()
