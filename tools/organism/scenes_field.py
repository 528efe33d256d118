"""Scenes out of doors: archery, high jump."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from math import cos, pi, sin

import numpy as np

from tools.organism.canvas import Canvas, Point, shade, union
from tools.organism.figure import (
    STAND,
    Pose,
    animate,
    draw,
    person,
    smooth,
    stride,
)
from tools.organism.scene import Marks, Scene, at, camera, clamp, light, meadow, vary


def archery(rng: np.random.Generator, outcome: int) -> Scene:
    """An arrow is shot at a butt: it sticks in the gold, or in the ground in front."""
    cam, lamp = camera(rng, (0.1, 1.35, -3.7), 0.04, 1.02), light(rng)
    field, archer = meadow(rng, stripes=False), person(rng, 1.75)
    straw, wood = vary(rng, (206, 176, 110), 10), vary(rng, (110, 76, 46), 10)
    fletch = vary(rng, ((230, 40, 60), (250, 220, 40), (250, 120, 20))[rng.integers(3)], 8)
    gold = (1.15, 1.3, 0.0)
    wide, high = (0.36, 0.0, -0.28), (0.0, 0.66, 0.0)
    rings = ((244, 244, 240), (34, 34, 38), (52, 140, 214), (214, 40, 44), (250, 212, 50))

    def backdrop(c: Canvas) -> None:
        field(c)
        c.shadow(1.2, 0.2, 0.8, 0.35)
        for x in (0.85, 1.6):
            c.line((1.2, 1.9, 0.3), (x, 0, 0.25), 0.09, wood)
        c.line((1.2, 1.9, 0.3), (1.4, 0, 0.9), 0.08, shade(wood, 0.8))
        back = (gold[0] + 0.14, gold[1], gold[2] + 0.12)
        c.ring(back, wide, (0, 0.7, 0), shade(straw, 0.6), n=28)
        c.ring(gold, tuple(1.06 * v for v in wide), (0, 0.7, 0), straw, n=28)  # type: ignore[arg-type]
        for k, colour in enumerate(rings):
            s = 1 - 0.2 * k
            c.ring(gold, (wide[0] * s, 0, wide[2] * s), (0, high[1] * s, 0), colour, n=28)

    def arrow(c: Canvas, tip: Point, slope: float) -> tuple[float, float, float, float] | None:
        tail = (tip[0] - 0.85 * cos(slope), tip[1] - 0.85 * sin(slope), tip[2])
        shaft = c.line(tail, tip, 0.038, (58, 42, 30))
        n = (-sin(slope) * 0.075, cos(slope) * 0.075)
        mid = at(tail, tip, 0.24)
        feather = c.poly(
            [
                (tail[0] + n[0], tail[1] + n[1], tail[2]),
                (mid[0], mid[1], mid[2]),
                (tail[0] - n[0], tail[1] - n[1], tail[2]),
                at(tail, tip, 0.06),
            ],
            fletch,
        )
        return union([shaft, feather])

    def play(c: Canvas, t: float, success: bool) -> Marks:
        loose = outcome - 4.0
        drawn = Pose(
            lean=-2, arm_a=91, fore_a=91, arm_b=-100, fore_b=84, thigh_a=14, shin_a=8, thigh_b=-14, shin_b=-12
        )
        ready = replace(drawn, arm_a=50, fore_a=50, arm_b=-40, fore_b=60)
        loosed = replace(drawn, arm_b=-95, fore_b=-60)
        keys = [(0.0, ready), (6.0, drawn), (loose, drawn), (loose + 2.0, loosed)]
        # The bow stays in the near hand: the far arm alone shows triumph or dismay.
        glad = replace(STAND, arm_a=60, fore_a=60, arm_b=-165, fore_b=-178)
        sad = replace(STAND, lean=22, arm_a=14, fore_a=10, arm_b=75, fore_b=195)
        after = [(outcome + 4.0, loosed), (outcome + 9.0, glad if success else sad)]
        pose = animate(t, keys + (after if t >= outcome else []))
        c.shadow(-1.2, 0.0, 0.5, 0.2)
        figure = draw(c, archer, pose, (-1.2, 0, 0))
        bow, nock = figure.hands
        tilt = (pose.arm_a - 90) * pi / 180
        points = []
        for k in range(9):
            a = -1 + k / 4
            x, y = 0.16 - 0.3 * a * a, 0.68 * a
            points.append(
                (bow[0] + x * cos(tilt) - y * sin(tilt), bow[1] + x * sin(tilt) + y * cos(tilt), -0.02)
            )
        for p, q in pairwise(points):
            c.line(p, q, 0.055, wood)
        pulled = t < loose and t >= 1
        middle = nock if pulled else at(points[0], points[-1], 0.5)
        c.line(points[0], middle, 0.015, (240, 240, 230))
        c.line(points[-1], middle, 0.015, (240, 240, 230))
        since = t - outcome
        if t < loose:
            tip, slope = ((nock[0] + 0.85 * cos(tilt), nock[1] + 0.85 * sin(tilt), -0.04), tilt)
        else:
            path = at((-0.35, 1.47, -0.04), (0.4, 1.5, -0.04), clamp((t - loose) / 4))
            if since <= 0:
                tip, slope = path, 0.02
            elif success:
                u = clamp(since / 3)
                tip, slope = at((0.4, 1.5, -0.04), (gold[0] + 0.12, gold[1] + 0.02, -0.04), u), -0.16 * u
                slope += 0.06 * sin(since * 2.2) * max(0.0, 1 - since / 9) if since > 3 else 0.0
            else:
                u = clamp(since / 5)
                tip = at((0.4, 1.5, -0.04), (0.7, 0.0, -0.5), u * (0.4 + 0.6 * u))
                slope = -1.15 * smooth(u, 0, 0.8)
        shot = arrow(c, tip, slope)
        corner, opposite = (
            c.project((gold[0] - 0.36, gold[1] + 0.66, 0)),
            c.project((gold[0] + 0.36, gold[1] - 0.66, 0)),
        )
        return Marks(shot, (*corner, *opposite))

    return Scene(cam, lamp, backdrop, play)


def high_jump(rng: np.random.Generator, outcome: int) -> Scene:
    """A high jump: the bar stays up, or the jumper brings it down."""
    cam, lamp = camera(rng, (0.0, 1.5, -3.7), 0.08, 1.0), light(rng)
    jumper = person(rng, 1.65, bare_legs=True)
    track, mat = (
        vary(rng, (190, 84, 60), 12),
        vary(rng, ((36, 80, 190), (30, 130, 120), (90, 60, 170))[rng.integers(3)], 12),
    )
    sky, grass = vary(rng, (140, 184, 226), 14), vary(rng, (92, 150, 76), 12)
    height = 1.3

    def backdrop(c: Canvas) -> None:
        c.backdrop(sky, shade(sky, 1.5), grass, shade(grass, 0.9))
        c.poly([(-14, 0, 9), (14, 0, 9), (14, 2.4, 9), (-14, 2.4, 9)], (150, 150, 160))
        for k in range(5):
            c.line((-14, 0.5 * k + 0.3, 9), (14, 0.5 * k + 0.3, 9), 0.12, (110, 110, 124))
        c.poly([(-9, 0, -4), (9, 0, -4), (9, 0, 0.6), (-9, 0, 0.6)], track)
        for k in range(4):
            c.line((-9, 0, -1.6 + 0.6 * k), (9, 0, -1.6 + 0.6 * k), 0.03, shade(track, 1.6))
        c.shadow(0, 0.6, 2.0, 0.5)
        c.block((0, 0.3, 1.3), (3.0, 0.6, 1.5), mat)
        c.line((-1.5, 0.32, 0.55), (1.5, 0.32, 0.55), 0.06, shade(mat, 1.7))
        for s in (-1.45, 1.45):
            c.shadow(s, 0.15, 0.25, 0.12)
            c.line((s, 0, 0.2), (s, 1.75, 0.2), 0.08, (238, 238, 240))
            c.line((s - 0.2, 0.03, 0.2), (s + 0.2, 0.03, 0.2), 0.08, (90, 90, 96))

    def bar(c: Canvas, left: Point, right: Point) -> tuple[float, float, float, float] | None:
        boxes = []
        for k in range(8):
            a, b = at(left, right, k / 8), at(left, right, (k + 1) / 8)
            boxes.append(c.line(a, b, 0.075, (226, 40, 44) if k % 2 else (252, 250, 246)))
        return union(boxes)

    def play(c: Canvas, t: float, success: bool) -> Marks:
        since, off = t - outcome, outcome - 7.0
        fallen = since > 0 and not success
        f = smooth(since, 1, 9) if fallen else 0.0
        left = (-1.4, height + (0.08 - height) * smooth(since, 2, 10) if fallen else height, 0.12 - 0.25 * f)
        right = (
            1.4 - 0.25 * f,
            height + (0.7 - height) * smooth(since, 1, 7) if fallen else height,
            0.12 + 0.3 * f,
        )
        over = since > 1
        if over and not fallen:
            target = bar(c, left, right)
        run = stride(1.15 * t, 40, 8)
        leap = Pose(
            lean=-6,
            arm_a=150,
            fore_a=160,
            arm_b=120,
            fore_b=150,
            thigh_a=70,
            shin_a=-10,
            thigh_b=-6,
            shin_b=-14,
        )
        arch = Pose(
            lean=-14,
            arm_a=20,
            fore_a=20,
            arm_b=-10,
            fore_b=-16,
            thigh_a=20,
            shin_a=-66,
            thigh_b=10,
            shin_b=-76,
            turn=92,
        )
        place = at((-2.3, 0, -0.9), (-0.6, 0, -0.3), smooth(t, -8, off))
        stand = 0.5 * jumper.height
        if t < off:
            pose, hips = (run if t < off - 2 else animate(t, [(off - 2, run), (off, leap)])), None
            c.shadow(place[0], place[2], 0.4, 0.2)
        else:
            u = clamp((t - off) / 7)
            pose = animate(t, [(off, leap), (off + 7, arch)])
            top = (0.05, height + 0.3, 0.1)
            hips = (-0.6 + 0.65 * u, stand + (top[1] - stand) * sin(pi / 2 * u), -0.3 + 0.4 * u)
            c.shadow(hips[0], hips[2], 0.4, 0.2, 0.3)
            if since > 0:
                d = clamp(since / 8)
                low = 0.78
                hips = (
                    0.05 + 0.5 * d,
                    top[1] + (low - top[1]) * d * d - (0.12 * sin(pi * d) if fallen else 0),
                    0.1 + 1.0 * d,
                )
                sit = Pose(
                    lean=10,
                    arm_a=150,
                    fore_a=170,
                    arm_b=-150,
                    fore_b=-170,
                    thigh_a=80,
                    shin_a=40,
                    thigh_b=70,
                    shin_b=30,
                )
                flat = replace(
                    arch, turn=84, thigh_a=10, shin_a=-10, thigh_b=0, shin_b=-24, arm_a=60, fore_a=110
                )
                pose = animate(
                    t, [(outcome, arch), (outcome + 8.0, flat), (outcome + 14.0, sit if success else flat)]
                )
        if not over:
            target = bar(c, left, right)
        figure = draw(c, jumper, pose, place, hips)
        if over and fallen:
            target = bar(c, left, right)
        return Marks(figure.box, target)

    return Scene(cam, lamp, backdrop, play)
