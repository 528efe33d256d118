"""A human figure as a jointed skeleton: poses in degrees, interpolated between key frames, drawn with limbs.

Angles are measured in the picture plane from straight down, positive towards +x; a pose is a lean of the
trunk and two angles for each arm and leg. `a` limbs are the near side, `b` limbs the far side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from math import cos, radians, sin

import numpy as np

from tools.organism.canvas import Box, Canvas, Colour, Point, shade, union


@dataclass(frozen=True)
class Pose:
    """Angles in degrees; `turn` turns the body about the hips, `lift` raises the feet."""

    lean: float = 0.0
    arm_a: float = 12.0
    fore_a: float = 18.0
    arm_b: float = -12.0
    fore_b: float = -4.0
    thigh_a: float = 6.0
    shin_a: float = 2.0
    thigh_b: float = -6.0
    shin_b: float = -8.0
    turn: float = 0.0
    lift: float = 0.0


STAND = Pose()
CHEER = Pose(arm_a=155, fore_a=175, arm_b=-155, fore_b=-175, thigh_a=10, shin_a=6, thigh_b=-10, shin_b=-8)
DESPAIR = Pose(
    lean=18, arm_a=95, fore_a=205, arm_b=70, fore_b=190, thigh_a=14, shin_a=-10, thigh_b=-2, shin_b=-20
)


@dataclass(frozen=True)
class Person:
    """What someone looks like: height in metres and colours."""

    height: float
    skin: Colour
    hair: Colour
    shirt: Colour
    trousers: Colour
    shoes: Colour
    bare_legs: bool = False


SKINS: tuple[Colour, ...] = ((241, 200, 170), (224, 172, 135), (198, 140, 100), (150, 100, 68), (104, 68, 46))
HAIRS: tuple[Colour, ...] = ((40, 28, 20), (84, 54, 30), (24, 20, 20), (176, 130, 70), (120, 116, 112))
SHIRTS: tuple[Colour, ...] = (
    (206, 44, 44), (38, 84, 178), (240, 240, 236), (236, 186, 40),
    (40, 140, 90), (120, 56, 140), (232, 120, 36),
)  # fmt: skip


def person(
    rng: np.random.Generator, height: float, shirts: Sequence[Colour] = SHIRTS, bare_legs: bool = False
) -> Person:
    """Someone at random."""
    dark = float(rng.uniform(28, 90))
    return Person(
        height=height * float(rng.uniform(0.95, 1.06)),
        skin=SKINS[rng.integers(len(SKINS))],
        hair=HAIRS[rng.integers(len(HAIRS))],
        shirt=shade(shirts[int(rng.integers(len(shirts)))], float(rng.uniform(0.8, 1.1))),
        trousers=(dark * 0.9, dark, dark * float(rng.uniform(1.0, 1.6))),
        shoes=(230, 230, 230) if rng.random() < 0.5 else (40, 40, 44),
        bare_legs=bare_legs,
    )


def smooth(t: float, start: float, end: float) -> float:
    """0 before `start`, 1 after `end`, and smooth between."""
    u = min(max((t - start) / (end - start), 0.0), 1.0)
    return u * u * (3 - 2 * u)


def blend(a: Pose, b: Pose, share: float) -> Pose:
    """The pose `share` of the way from a to b."""
    if share <= 0:
        return a
    values = {f.name: (1 - share) * getattr(a, f.name) + share * getattr(b, f.name) for f in fields(Pose)}
    return replace(a, **values)


def animate(t: float, keys: Sequence[tuple[float, Pose]]) -> Pose:
    """The pose at time t between key frames (time, pose) in rising order of time."""
    pose = keys[0][1]
    for (start, a), (end, b) in pairwise(keys):
        if t > start:
            pose = blend(a, b, smooth(t, start, end))
    return pose


def stride(phase: float, reach: float = 34.0, lean: float = 10.0) -> Pose:
    """A running pose; phase in radians, towards +x for a positive reach."""
    s, c, sign = sin(phase), cos(phase), 1.0 if reach > 0 else -1.0
    return Pose(
        lean=lean * sign, arm_a=-40 * s * sign, fore_a=-40 * s * sign + 70 * sign, arm_b=40 * s * sign,
        fore_b=40 * s * sign + 70 * sign, thigh_a=reach * s + 8 * sign, thigh_b=-reach * s + 8 * sign,
        shin_a=reach * s - 35 * sign * max(c, 0.1), shin_b=-reach * s - 35 * sign * max(-c, 0.1),
        lift=0.03 * abs(c),
    )  # fmt: skip


@dataclass(frozen=True)
class Drawn:
    """Where a drawn figure's hands (near, far) and head are, and its box in canvas pixels."""

    hands: tuple[Point, Point]
    head: Point
    box: Box | None


def draw(canvas: Canvas, who: Person, pose: Pose, foot: Point, hips: Point | None = None) -> Drawn:
    """Draw a figure standing at `foot` (its lowest foot touches it), or with its hips at `hips`."""
    h = who.height

    def step(start: tuple[float, float], degrees: float, length: float) -> tuple[float, float]:
        angle = radians(degrees + pose.turn)
        return (start[0] + sin(angle) * length * h, start[1] - cos(angle) * length * h)

    hip = (0.0, 0.0)
    chest = step(hip, 180 - pose.lean, 0.29)
    head = step(hip, 180 - pose.lean, 0.415)
    shoulder_a, shoulder_b = step(chest, 90 - pose.lean, 0.06), step(chest, -90 - pose.lean, 0.06)
    joints = {}
    for side, shoulder in (("a", shoulder_a), ("b", shoulder_b)):
        elbow = step(shoulder, getattr(pose, f"arm_{side}"), 0.165)
        joints[f"arm_{side}"] = (shoulder, elbow, step(elbow, getattr(pose, f"fore_{side}"), 0.16))
        knee = step(hip, getattr(pose, f"thigh_{side}"), 0.245)
        joints[f"leg_{side}"] = (hip, knee, step(knee, getattr(pose, f"shin_{side}"), 0.235))
    if hips is None:
        lowest = min(joints["leg_a"][2][1], joints["leg_b"][2][1])
        hips = (foot[0], foot[1] - lowest + 0.03 * h + pose.lift, foot[2])
    origin = hips

    def at(p: tuple[float, float]) -> Point:
        return (origin[0] + p[0], origin[1] + p[1], origin[2])

    boxes: list[Box | None] = []
    sleeve, leg = shade(who.shirt, 0.82), who.skin if who.bare_legs else who.trousers
    for side in ("b", "a"):
        dim = 0.8 if side == "b" else 1.0
        start, knee, ankle = joints[f"leg_{side}"]
        boxes.append(canvas.limb(at(start), at(knee), 0.058 * h, 0.042 * h, shade(who.trousers, dim)))
        boxes.append(canvas.limb(at(knee), at(ankle), 0.04 * h, 0.027 * h, shade(leg, dim)))
        toe = step(ankle, 80 if pose.lean >= 0 else -80, 0.055)
        boxes.append(canvas.limb(at(ankle), at(toe), 0.03 * h, 0.024 * h, shade(who.shoes, dim)))
        if side == "b":
            _arm(canvas, who, [at(p) for p in joints["arm_b"]], shade(sleeve, 0.85), 0.85, boxes)
    boxes.append(canvas.limb(at(hip), at(chest), 0.07 * h, 0.088 * h, who.shirt))
    crown = step(head, 180 - pose.lean, 0.018)
    boxes.append(canvas.limb(at(chest), at(head), 0.03 * h, 0.03 * h, shade(who.skin, 0.85)))
    boxes.append(canvas.ball(at(crown), 0.072 * h, who.hair, 0))
    boxes.append(canvas.ball(at(step(head, 90 if pose.lean >= 0 else -90, 0.012)), 0.064 * h, who.skin, 0))
    boxes.append(canvas.disc(at(step(crown, 180 - pose.lean, 0.032)), 0.05 * h, who.hair))
    _arm(canvas, who, [at(p) for p in joints["arm_a"]], sleeve, 1.0, boxes)
    hands = (at(joints["arm_a"][2]), at(joints["arm_b"][2]))
    return Drawn(hands, at(head), union(boxes))


def _arm(
    canvas: Canvas, who: Person, joints: list[Point], sleeve: Colour, dim: float, boxes: list[Box | None]
) -> None:
    shoulder, elbow, hand = joints
    h = who.height
    boxes.append(canvas.limb(shoulder, elbow, 0.042 * h, 0.033 * h, sleeve))
    boxes.append(canvas.limb(elbow, hand, 0.03 * h, 0.023 * h, shade(who.skin, dim)))
    boxes.append(canvas.disc(hand, 0.03 * h, shade(who.skin, dim)))
