"""Draw an exercise from its posture: one hand, one line, SVG. Knows bodies and things, nothing clinical."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import escape

WIDTH, GROUND = 320, 196
PROPORTION, FLATTEST, MARGIN, SMALLEST_WIDTH, FOCUS_WIDTH = 0.76, 0.42, 12, 190, 130
"""Height to width of a picture; space around what is drawn; the closest look at a body, and at a head."""
LENGTHS = {
    "trunk": 60.0,
    "neck": 9.0,
    "head": 11.0,
    "upper": 31.0,
    "fore": 29.0,
    "thigh": 44.0,
    "shin": 42.0,
    "foot": 15.0,
}
DARK, LIGHT, PROP, MOVE = "#1f3d46", "#b9c7cb", "#8a9aa0", "#c2571a"
SHOULDER_HALF, HIP_HALF = 20.0, 11.0

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Body:
    """Joints of one posture on the page (y grows downwards), and how far the trunk is rounded."""

    joints: Mapping[str, Point]
    curve: float


def _go(start: Point, angle: float, length: float) -> Point:
    radians = math.radians(angle)
    return (start[0] + length * math.cos(radians), start[1] - length * math.sin(radians))


def side_body(posture: Mapping[str, Any]) -> Body:
    """Place the joints of a posture seen from the side, its lowest point on the ground (plus *lift*)."""
    hip = (0.0, 0.0)
    shoulder = _go(hip, posture["trunk"], LENGTHS["trunk"])
    neck = _go(shoulder, posture["head"], LENGTHS["neck"])
    joints = {"hip": hip, "shoulder": shoulder, "neck": neck, "head": _go(neck, posture["head"], LENGTHS["head"])}
    for mark in ("", "2"):
        upper, fore = posture["arm" + mark]
        joints["elbow" + mark] = _go(shoulder, upper, LENGTHS["upper"])
        joints["hand" + mark] = _go(joints["elbow" + mark], fore, LENGTHS["fore"])
        thigh, shin, foot = posture["leg" + mark]
        joints["knee" + mark] = _go(hip, thigh, LENGTHS["thigh"])
        joints["ankle" + mark] = _go(joints["knee" + mark], shin, LENGTHS["shin"])
        joints["foot" + mark] = _go(joints["ankle" + mark], foot, LENGTHS["foot"])
    return _placed(joints, posture)


def front_body(posture: Mapping[str, Any]) -> Body:
    """Place the joints of a posture seen from the front; the near arm is the one on the right of the page."""
    shrug = float(posture.get("shrug", 0))
    middle = (0.0, 0.0)
    top = (0.0, -LENGTHS["trunk"])
    neck = (0.0, top[1] - LENGTHS["neck"] + 2)
    joints = {"hip": middle, "shoulder": (SHOULDER_HALF, top[1] - shrug), "shoulder2": (-SHOULDER_HALF, top[1] - shrug), "neck": neck,
              "head": _go(neck, posture["head"], LENGTHS["head"] + 3), "chest": top}  # fmt: skip
    upper, fore = posture["arm"]
    joints["elbow"] = _go(joints["shoulder"], upper, LENGTHS["upper"])
    joints["hand"] = _go(joints["elbow"], fore, LENGTHS["fore"])
    joints["elbow2"] = _go(joints["shoulder2"], -98, LENGTHS["upper"])
    joints["hand2"] = _go(joints["elbow2"], -94, LENGTHS["fore"])
    for mark, sign in (("", 1), ("2", -1)):
        side = (sign * HIP_HALF, 0.0)
        joints["hip" + (mark or "1")] = side
        joints["knee" + mark] = (side[0] + sign, LENGTHS["thigh"])
        joints["ankle" + mark] = (side[0] + sign * 2, LENGTHS["thigh"] + LENGTHS["shin"])
        joints["foot" + mark] = (side[0] + sign * 11, LENGTHS["thigh"] + LENGTHS["shin"] + 3)
    return _placed(joints, posture)


def _placed(joints: Mapping[str, Point], posture: Mapping[str, Any]) -> Body:
    lowest = max(y for _, y in joints.values())
    left, right = min(x for x, _ in joints.values()), max(x for x, _ in joints.values())
    down = GROUND - float(posture.get("lift", 0)) - lowest - 4
    across = WIDTH / 2 - (left + right) / 2
    return Body({name: (x + across, y + down) for name, (x, y) in joints.items()}, float(posture.get("curve", 0)))


def _fixed_joint(full: Mapping[str, Mapping[str, Any]]) -> str:
    """Name what stays in place between start and end: the far foot of a standing body, the hip of a lying one."""
    upright = all(30 <= posture["trunk"] <= 125 for posture in full.values())
    return "foot2" if upright else "hip"


def _held(body: Body, other: Body, joint: str) -> Body:
    """Shift *body* sideways until its *joint* stands over the same joint of *other*."""
    across = other.joints[joint][0] - body.joints[joint][0]
    return Body({name: (x + across, y) for name, (x, y) in body.joints.items()}, body.curve)


def _line(points: list[Point], colour: str, width: float = 7.0, dash: str = "") -> str:
    path = " ".join(f"{'M' if index == 0 else 'L'}{x:.1f} {y:.1f}" for index, (x, y) in enumerate(points))
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width}" stroke-linecap="round" stroke-linejoin="round"{dashed}/>'


def _trunk(body: Body, colour: str) -> str:
    hip, shoulder = body.joints["hip"], body.joints["shoulder"]
    if not body.curve:
        return _line([hip, shoulder], colour, 13)
    middle = ((hip[0] + shoulder[0]) / 2, (hip[1] + shoulder[1]) / 2)
    across = math.atan2(shoulder[1] - hip[1], shoulder[0] - hip[0]) - math.pi / 2
    bend = (middle[0] + 2 * body.curve * math.cos(across), middle[1] + 2 * body.curve * math.sin(across))
    return (f'<path d="M{hip[0]:.1f} {hip[1]:.1f} Q{bend[0]:.1f} {bend[1]:.1f} {shoulder[0]:.1f} {shoulder[1]:.1f}" '
            f'fill="none" stroke="{colour}" stroke-width="13" stroke-linecap="round"/>')  # fmt: skip


def _figure(body: Body, view: str, colour: str, far: str) -> list[str]:
    j = body.joints
    if view == "front":
        parts = [_line([j["shoulder"], j["shoulder2"]], colour, 9), _line([j["hip1"], j["hip2"]], colour, 9)]
        parts.append(_line([j["chest"], j["hip"]], colour, 15))
        for mark, hip in (("", "hip1"), ("2", "hip2")):
            parts += [
                _line([j["shoulder" + mark], j["elbow" + mark], j["hand" + mark]], colour),
                _line([j[hip], j["knee" + mark], j["ankle" + mark], j["foot" + mark]], colour),
            ]
        neck = j["chest"]
    else:
        parts = [
            _line([j["hip"], j["knee2"], j["ankle2"], j["foot2"]], far),
            _line([j["shoulder"], j["elbow2"], j["hand2"]], far),
        ]
        parts += [
            _trunk(body, colour),
            _line([j["hip"], j["knee"], j["ankle"], j["foot"]], colour),
            _line([j["shoulder"], j["elbow"], j["hand"]], colour),
        ]
        neck = j["shoulder"]
    parts.append(_line([neck, j["head"]], colour, 6))
    x, y = j["head"]
    parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{LENGTHS["head"]}" fill="{colour}"/>')
    return parts + _face(view, neck, j["head"], colour)


def _face(view: str, neck: Point, head: Point, colour: str) -> list[str]:
    """A nose where a head is seen from the side, eyes where it looks at the reader: which way is the front."""
    tilt = math.degrees(math.atan2(-(head[1] - neck[1]), head[0] - neck[0]))
    if view == "front":
        eyes = [_go(_go(head, tilt, 2), tilt + side, 4) for side in (90, -90)]
        return [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="1.500" fill="#ffffff"/>' for x, y in eyes]
    low, high, tip = _go(head, tilt - 112, 10), _go(head, tilt - 68, 10), _go(head, tilt - 94, 15)
    return [
        f'<path d="M{low[0]:.1f} {low[1]:.1f} L{tip[0]:.1f} {tip[1]:.1f} L{high[0]:.1f} {high[1]:.1f} Z" fill="{colour}"/>'
    ]


def _spot(body: Body, part: str) -> Point:
    j = body.joints
    hip, shoulder = j["hip"], j["shoulder"]
    middle = ((hip[0] + shoulder[0]) / 2, (hip[1] + shoulder[1]) / 2)
    if part in ("belly", "chest", "back"):
        lean = math.atan2(shoulder[1] - hip[1], shoulder[0] - hip[0])
        share = {"belly": 0.35, "chest": 0.7, "back": 0.4}[part]
        base = (hip[0] + (shoulder[0] - hip[0]) * share, hip[1] + (shoulder[1] - hip[1]) * share)
        out = lean + (math.pi / 2 if part != "back" else -math.pi / 2)
        if abs(math.sin(lean)) < 0.5:
            return (base[0], base[1] - 14)
        return (base[0] + 16 * math.cos(out), base[1] + 16 * math.sin(out))
    if part == "forehead":
        return (j["head"][0] + 16, j["head"][1] - 2)
    if part == "calf":
        return ((j["knee2"][0] + j["ankle2"][0]) / 2, (j["knee2"][1] + j["ankle2"][1]) / 2)
    return j.get(part, middle)


def _arrow_head(tip: Point, angle: float) -> str:
    left, right = _go(tip, angle + 152, 11), _go(tip, angle - 152, 11)
    return f'<path d="M{tip[0]:.1f} {tip[1]:.1f} L{left[0]:.1f} {left[1]:.1f} L{right[0]:.1f} {right[1]:.1f} Z" fill="{MOVE}"/>'


def _arrow(start: Point, end: Point) -> list[str]:
    length = math.dist(start, end)
    if length < 4:
        return []
    middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    across = math.atan2(end[1] - start[1], end[0] - start[0]) - math.pi / 2
    bend = (middle[0] + length * 0.22 * math.cos(across), middle[1] + length * 0.22 * math.sin(across))
    angle = math.degrees(math.atan2(-(end[1] - bend[1]), end[0] - bend[0]))
    path = f"M{start[0]:.1f} {start[1]:.1f} Q{bend[0]:.1f} {bend[1]:.1f} {end[0]:.1f} {end[1]:.1f}"
    return [
        f'<path d="{path}" fill="none" stroke="{MOVE}" stroke-width="3.500" stroke-linecap="round"/>',
        _arrow_head(end, angle),
    ]


def _turn(centre: Point) -> list[str]:
    x, y = centre
    radius = 21
    start, end = _go(centre, 200, radius), _go(centre, -20, radius)
    path = f"M{start[0]:.1f} {start[1]:.1f} A{radius} {radius} 0 1 1 {end[0]:.1f} {end[1]:.1f}"
    return [
        f'<path d="{path}" fill="none" stroke="{MOVE}" stroke-width="3.500" stroke-linecap="round"/>',
        _arrow_head((end[0] - 1, end[1] + 3), -108),
    ]


def _press(point: Point) -> list[str]:
    x, y = point
    return _arrow((x, y - 34), (x, y - 8))


def _push(point: Point) -> list[str]:
    return _arrow((point[0] - 40, point[1] - 14), (point[0] + 2, point[1] - 14))


def _squeeze(point: Point) -> list[str]:
    x, y = point
    return [
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="none" stroke="{MOVE}" stroke-width="2.500" stroke-dasharray="4 4"/>'
        for radius in (9, 16)
    ]


def _props(names: list[str], body: Body, start: Body | None) -> list[str]:
    j = body.joints
    first = (start or body).joints
    xs = [x for x, _ in j.values()]
    left, right = min(xs), max(xs)
    drawn: list[str] = []

    def line(*points: Point, width: float = 5.0, dash: str = "") -> None:
        drawn.append(_line(list(points), PROP, width, dash))

    def ring(x: float, y: float, radius: float) -> None:
        drawn.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="none" stroke="{PROP}" stroke-width="5"/>')

    hip, hand, foot = j["hip"], j["hand"], j["foot"]
    seat = first["hip"]
    for name in names:
        if name == "mat":
            line((left - 14, GROUND + 2), (right + 14, GROUND + 2), width=7)
        elif name == "bed":
            line((40, 158), (236, 158), width=8)
            line((50, 158), (50, GROUND)), line((226, 158), (226, GROUND))
        elif name == "chair":
            (
                line((seat[0] - 20, seat[1] + 10), (seat[0] + 26, seat[1] + 10)),
                line((seat[0] - 20, seat[1] - 52), (seat[0] - 20, GROUND)),
            )
            line((seat[0] + 22, seat[1] + 10), (seat[0] + 22, GROUND))
        elif name == "pillow":
            drawn.append(
                f'<ellipse cx="{j["head"][0]:.1f}" cy="{GROUND - 5}" rx="24" ry="6" fill="{PROP}" opacity=".6"/>'
            )
        elif name == "roll":
            ring(j["knee"][0], j["knee"][1] + 5, 3)
        elif name in ("wall", "plate"):
            x = max(hand[0], foot[0]) + 8
            line((x, 30 if name == "wall" else foot[1] - 40), (x, GROUND if name == "wall" else foot[1] + 24), width=8)
        elif name == "wall_behind":
            line((hip[0] - 17, 30), (hip[0] - 17, GROUND), width=8)
        elif name == "worktop":
            (
                line((hand[0] - 6, hand[1] + 8), (hand[0] + 46, hand[1] + 8)),
                line((hand[0] + 40, hand[1] + 8), (hand[0] + 40, GROUND)),
            )
        elif name in ("step", "stairs"):
            top = foot[1] + 6
            line((foot[0] - 26, GROUND), (foot[0] - 26, top), (foot[0] + 30, top))
            if name == "stairs":
                line((foot[0] + 30, top), (foot[0] + 30, top - 26), (foot[0] + 66, top - 26))
        elif name == "rail":
            (
                line((hand[0] - 40, hand[1] + 24), (hand[0] + 46, hand[1] - 12)),
                line((hand[0] + 30, hand[1] - 4), (hand[0] + 30, GROUND - 30)),
            )
        elif name == "band":
            line(hand, (306, hand[1] + 4), width=3), line((306, hand[1] - 20), (306, hand[1] + 30))
        elif name == "strap":
            line(hand, j["ankle"], width=3)
        elif name in ("dumbbell", "barbell"):
            reach = 8 if name == "dumbbell" else 4
            line((hand[0] - reach, hand[1]), (hand[0] + reach, hand[1]))
            ring(hand[0], hand[1], 5 if name == "dumbbell" else 15)
        elif name == "club":
            line(first["hand"], _go(first["hand"], -62, 58), width=3)
        elif name == "ball":
            ring(right + 24, GROUND - 12, 11)
        elif name == "crank":
            ring(hand[0], hand[1], 15), line((hand[0], hand[1] + 15), (hand[0] + 4, GROUND))
        elif name == "plumb":
            line((j["head"][0], j["head"][1] - 26), (hip[0], hip[1] + 2), width=2, dash="5 5")
        elif name in ("ground_arrow", "ground_arrow2"):
            y = GROUND + (10 if name == "ground_arrow" else 19)
            drawn.extend(_arrow((right - 10, y), (right + (50 if name == "ground_arrow" else 78), y)))
        elif name == "speed":
            for step in range(3):
                line((left - 34, 90 + step * 26), (left - 12, 90 + step * 26), width=3)
        elif name == "bike":
            (
                ring(hip[0] + 44, GROUND - 24, 22),
                line((hip[0], hip[1] + 10), (hip[0] + 4, GROUND)),
                line((hip[0] - 14, hip[1] + 9), (hip[0] + 14, hip[1] + 9)),
            )
            line((hand[0], hand[1] + 4), (hand[0] + 2, GROUND - 24), (hip[0] + 4, GROUND - 30))
        elif name == "recumbent":
            (
                ring(foot[0] + 4, foot[1] + 4, 18),
                line((hip[0] - 14, hip[1] + 10), (hip[0] + 24, hip[1] + 10)),
                line((hip[0] - 14, hip[1] + 10), (hip[0] - 42, hip[1] - 56)),
            )
            line((hip[0], hip[1] + 12), (hip[0], GROUND - 4), (foot[0] + 4, GROUND - 4), (foot[0] + 4, foot[1] + 22))
        elif name == "elliptical":
            (
                line((j["foot"][0] - 20, j["foot"][1] + 6), (j["foot"][0] + 10, j["foot"][1] + 6)),
                line((j["foot2"][0] - 20, j["foot2"][1] + 6), (j["foot2"][0] + 10, j["foot2"][1] + 6)),
            )
            line((hand[0], hand[1] - 14), (hand[0] + 12, GROUND)), ring(right + 24, GROUND - 20, 18)
        elif name in ("chest_water", "deep_water"):
            y = j["shoulder"][1] + (16 if name == "chest_water" else 8)
            waves = "".join(f"q8 -7 16 0 t16 0 {''}" for _ in range(9))
            drawn.append(f'<path d="M14 {y:.1f} {waves}" fill="none" stroke="#4a90a4" stroke-width="3.500"/>')
        elif name == "line":
            line((left - 20, GROUND + 2), (right + 40, GROUND + 2), width=3, dash="9 7")
        else:
            raise ValueError(f"no drawing for the prop {name!r}")
    return drawn


_POINT = re.compile(r"(-?\d+\.\d) (-?\d+\.\d)")
_CENTRE = re.compile(r'cx="(-?[\d.]+)" cy="(-?[\d.]+)" r="([\d.]+)"')


def _frame(parts: list[str], end: Body, figure: Mapping[str, Any]) -> str:
    """Give the viewBox: all that is drawn with a margin, or head and shoulders; lying bodies get a flat one."""
    if figure.get("focus") == "head":
        x, y = end.joints["neck"]
        width = FOCUS_WIDTH
        return f"{x - width / 2:.0f} {y - width * PROPORTION * 0.52:.0f} {width:.0f} {width * PROPORTION:.0f}"
    drawn = "".join(parts)
    points = [(float(x), float(y)) for x, y in _POINT.findall(drawn)]
    for x, y, radius in _CENTRE.findall(drawn):
        reach = float(radius) + 2
        points += [(float(x) - reach, float(y) - reach), (float(x) + reach, float(y) + reach)]
    left, right = min(x for x, _ in points) - MARGIN, max(x for x, _ in points) + MARGIN
    top, bottom = min(y for _, y in points) - MARGIN, max(max(y for _, y in points) + MARGIN, GROUND + MARGIN)
    width = max(right - left, (bottom - top) / PROPORTION, SMALLEST_WIDTH)
    height = min(max(bottom - top, width * FLATTEST), width * PROPORTION)
    return f"{(left + right - width) / 2:.0f} {bottom - height:.0f} {width:.0f} {height:.0f}"


def draw(figure: Mapping[str, Any], presets: Mapping[str, Mapping[str, Any]], title: str) -> str:
    """Draw one exercise as an SVG. *figure* is its entry in cards/figures.yaml, *title* its name for readers."""
    view = figure.get("view", "side")
    build = front_body if view == "front" else side_body
    full = {key: {**presets[figure[key]["preset"]], **figure[key]} for key in ("from", "to") if key in figure}
    end = build(full["to"])
    start = _held(build(full["from"]), end, _fixed_joint(full)) if "from" in full else None
    parts = _props(list(figure.get("props", ())), end, start)
    ground: list[str] = []
    if "mat" not in figure.get("props", ()):
        ground.append(f'<path d="M-200 {GROUND + 2} H600" stroke="#d5dee1" stroke-width="2"/>')
    if start is not None:
        parts += _figure(start, view, LIGHT, LIGHT)
    parts += _figure(end, view, DARK, "#5d7a83")
    if "arrow" in figure:
        here = _spot(end, figure["arrow"])
        there = _spot(start, figure["arrow"]) if start is not None else (here[0], here[1] + 4)
        if start is None:
            parts += _arrow((here[0], here[1] + 4), (here[0], here[1] - 24))
        elif figure["arrow"] == "head":
            # Above the head, so that the face stays free.
            parts += _arrow((there[0], there[1] - 20), (here[0], here[1] - 20))
        else:
            parts += _arrow(there, here)
    for key, drawing in (("turn", _turn), ("press", _press), ("squeeze", _squeeze)):
        if key in figure:
            parts += drawing(_spot(end, figure[key])) if figure[key] != "forehead" else _push(_spot(end, "forehead"))
    label = escape(title)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{_frame(parts, end, figure)}" role="img" aria-label="{label}">'
            f"<title>{label}</title>{''.join(ground)}{''.join(parts)}</svg>")  # fmt: skip
