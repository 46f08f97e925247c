"""Read cards/figures.yaml: the postures from which handout/drawing.py draws each exercise. Draws nothing itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from marshmallow import ValidationError, fields, validate

from cds_service.errors import Fault
from cds_service.knowledge.model import Governance
from cds_service.knowledge.shapes import Governed, Shape, check_known, governance_of, read_shape
from cds_service.knowledge.yaml_text import read_yaml_text

FILE = "figures.yaml"
PROPS = frozenset({
    "ball", "band", "barbell", "bed", "bike", "chair", "chest_water", "club", "crank", "deep_water", "dumbbell",
    "elliptical", "ground_arrow", "ground_arrow2", "line", "mat", "pillow", "plate", "plumb", "rail", "recumbent",
    "roll", "speed", "stairs", "step", "strap", "wall", "wall_behind", "worktop",
})  # fmt: skip
"""Things around the figure that can be drawn."""
PARTS = (
    "back", "belly", "calf", "chest", "elbow", "foot", "foot2", "forehead", "hand", "head", "hip", "knee", "shoulder",
)  # fmt: skip
_POSTURE_KEYS = ("trunk", "head", "arm", "arm2", "leg", "leg2")


class Angle(fields.Field[float]):
    """Degrees on the page, or a length of the drawing: a number between -360 and 360."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> float:
        if not isinstance(value, str) or not re.fullmatch(r"-?\d{1,3}(\.\d)?", value) or abs(float(value)) > 360:
            raise ValidationError(f"{value!r} is no angle; write degrees from -360 to 360")
        return float(value)


def _angles(count: int) -> fields.List:
    return fields.List(Angle(), validate=validate.Length(equal=count, error=f"{count} angles belong here"))


class _Angles(Shape):
    trunk = Angle()
    head = Angle()
    arm = _angles(2)
    arm2 = _angles(2)
    leg = _angles(3)
    leg2 = _angles(3)
    curve = Angle()
    lift = Angle()
    shrug = Angle()


class _Posture(_Angles):
    preset = fields.String(required=True)


class _Figure(Shape):
    view = fields.String(load_default="side", validate=validate.OneOf(["side", "front"]))
    focus = fields.String(validate=validate.OneOf(["head"]))
    start = fields.Nested(_Posture, data_key="from")
    end = fields.Nested(_Posture, data_key="to", required=True)
    arrow = fields.String(validate=validate.OneOf(PARTS))
    turn = fields.String(validate=validate.OneOf(PARTS))
    press = fields.String(validate=validate.OneOf(PARTS))
    squeeze = fields.String(validate=validate.OneOf(PARTS))
    props = fields.List(fields.String(validate=validate.OneOf(sorted(PROPS))), load_default=list)


class _FiguresFile(Governed):
    presets = fields.Dict(keys=fields.String(), values=fields.Nested(_Angles), required=True)
    figures = fields.Dict(keys=fields.String(), values=fields.Nested(_Figure), required=True)


@dataclass(frozen=True, slots=True)
class Drawings:
    """Postures by name and figures by exercise; empty, without governance, where faults forbid them."""

    postures: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    figures: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    governance: Governance | None = None


def load_figures(folder: Path, exercises: Mapping[str, Any], faults: list[Fault]) -> Drawings:
    """Read the file, or add every fault with file and line. Every exercise of *exercises* needs its figure."""
    text = read_yaml_text(folder / FILE, FILE)
    read = read_shape(_FiguresFile(), text, faults)
    if read is None:
        return Drawings()
    for name, posture in read["presets"].items():
        missing = [key for key in _POSTURE_KEYS if key not in posture]
        if missing:
            faults.append(
                Fault(text.place(("presets", name)), f"the posture lacks {', '.join(missing)}", "a whole body")
            )
    figures = {}
    for name, figure in read["figures"].items():
        check_known([name], exercises, "exercise", text.place(("figures", name)), faults)
        for key, data_key in (("start", "from"), ("end", "to")):
            if key in figure:
                place = text.place(("figures", name, data_key))
                check_known([figure[key]["preset"]], read["presets"], "posture", place, faults)
        figures[name] = {{"start": "from", "end": "to"}.get(key, key): value for key, value in figure.items()}
    for name in exercises:
        if name not in figures:
            faults.append(Fault(text.place(("figures",)), f"{name} has no figure", "a drawing of every exercise"))
    return Drawings(read["presets"], figures, governance_of(read, text, (), faults))
