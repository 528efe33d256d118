"""Scenes in which a ball is rolled along the ground: bowling, golf putt."""

from __future__ import annotations

from dataclasses import replace
from math import cos, pi, radians, sin

import numpy as np

from tools.organism.canvas import Box, Canvas, Colour, Point, shade, union
from tools.organism.figure import CHEER, DESPAIR, STAND, Pose, animate, draw, person, smooth
from tools.organism.scene import Marks, Scene, at, camera, clamp, light, meadow, vary

_PIN = (
    (0.0, 0.09),
    (0.12, 0.13),
    (0.34, 0.16),
    (0.55, 0.1),
    (0.7, 0.065),
    (0.82, 0.085),
    (0.93, 0.08),
    (1.0, 0.03),
)


def _pin(canvas: Canvas, foot: Point, height: float, fall: float, red: Colour) -> Box | None:
    """A bowling pin turned by `fall` radians in the picture plane about its foot."""
    boxes = []
    for width, tone in ((1.0, (150, 148, 150)), (0.74, (226, 224, 222)), (0.4, (252, 250, 246))):
        left: list[Point] = []
        right: list[Point] = []
        for up, half in _PIN:
            for side, edge in ((-1.0, left), (1.0, right)):
                x = side * half * width * height + canvas.light * (1 - width) * half * 0.5 * height
                y = up * height
                edge.append(
                    (
                        foot[0] + x * cos(fall) + y * sin(fall),
                        foot[1] + y * cos(fall) - x * sin(fall),
                        foot[2],
                    )
                )
        boxes.append(canvas.poly(left + right[::-1], tone))
    for up in (0.64, 0.74):
        a, b = (
            (
                foot[0] + s * 0.075 * height * cos(fall) + up * height * sin(fall),
                foot[1] + up * height * cos(fall) - s * 0.075 * height * sin(fall),
                foot[2],
            )
            for s in (-1, 1)
        )
        canvas.line(a, b, 0.05 * height, red)
    return union(boxes)


def bowling(rng: np.random.Generator, outcome: int) -> Scene:
    """A ball rolls down a lane: it strikes the pins, or drops into the gutter."""
    cam = camera(rng, (0.1, 1.55, -3.0), 0.21, 1.25)
    lamp = light(rng)
    wood, wall = vary(rng, (206, 158, 98), 12), vary(rng, (70, 50, 96), 22)
    mask = vary(rng, (40, 110, 190), 40)
    ball_colour = vary(rng, ((30, 60, 170), (150, 24, 40), (24, 24, 30), (20, 120, 80))[rng.integers(4)], 14)
    bowler, red = person(rng, 1.75), vary(rng, (200, 30, 36), 8)
    spots = [
        (0.36 * (c - row / 2) + 0.0, 2.5 + 0.34 * row, float(rng.uniform(0, 2.5)), float(rng.normal(0, 1)))
        for row in range(4)
        for c in range(row + 1)
    ]
    start = (float(rng.uniform(-0.12, 0.12)), 0.0, -0.5)

    def backdrop(c: Canvas) -> None:
        c.backdrop(shade(wall, 0.7), shade(wall, 0.9), shade(wood, 0.6), shade(wood, 0.75))
        c.poly([(-9, 0, 4.2), (9, 0, 4.2), (9, 3.4, 4.2), (-9, 3.4, 4.2)], shade(wall, 0.8))
        c.poly([(-1.6, 0, 4.1), (1.6, 0, 4.1), (1.6, 1.3, 4.1), (-1.6, 1.3, 4.1)], (16, 14, 20))
        c.poly([(-1.75, 1.2, 4), (1.75, 1.2, 4), (1.75, 2.1, 4), (-1.75, 2.1, 4)], mask)
        c.poly([(-1.75, 1.55, 4), (1.75, 1.75, 4), (1.75, 1.95, 4), (-1.75, 1.7, 4)], shade(mask, 1.6))
        for s in (-1, 1):
            c.poly([(0.85 * s, 0, -4), (1.3 * s, 0, -4), (1.3 * s, 0, 4), (0.85 * s, 0, 4)], (52, 46, 46))
            c.poly([(0.95 * s, 0, -4), (1.18 * s, 0, -4), (1.18 * s, 0, 4), (0.95 * s, 0, 4)], (28, 25, 28))
            c.poly(
                [(1.3 * s, 0, -4), (1.55 * s, 0, -4), (1.55 * s, 0.1, 4), (1.3 * s, 0.1, 4)], shade(wood, 0.8)
            )
        for k in range(10):
            x = -0.85 + 0.17 * k
            tone = shade(wood, 0.94 + 0.08 * ((k * 7) % 3))
            c.poly([(x, 0, -4), (x + 0.17, 0, -4), (x + 0.17, 0, 4), (x, 0, 4)], tone)
        for k in range(-2, 3):
            c.poly([(0.25 * k - 0.04, 0, 0.6), (0.25 * k + 0.04, 0, 0.6), (0.25 * k, 0, 0.95)], (120, 60, 30))
        c.line((-0.85, 0, -0.55), (0.85, 0, -0.55), 0.05, (60, 40, 30))

    def ball_at(t: float, success: bool) -> Point:
        share = clamp((t - 3) / (outcome - 3), 0, 4)
        z, x = -0.5 + 1.9 * share, start[0] * (1 - clamp(share))
        since = t - outcome
        if since <= 0 or success:
            return (x + 0.1 * clamp(since / 8), 0.22, min(z, 4.05))
        swing = smooth(since, 0, 5)
        return (x + 1.06 * swing, 0.22 - 0.13 * smooth(since, 3, 6), min(z, 4.05))

    def pins(c: Canvas, t: float, success: bool) -> Box | None:
        boxes = []
        for x, z, delay, way in sorted(spots, key=lambda spot: -spot[1]):
            hit = outcome + 4 + delay + (z - 2.5) * 2.5
            u = smooth(t, hit, hit + 6) if success else 0.0
            if t < outcome:
                u = 0.0
            out = (1 if way > 0 else -1) * u
            foot = (
                x + 0.1 * out + 0.16 * u * way,
                0.3 * sin(pi * u) + 0.08 * u,
                z + (0.3 * abs(way) - 0.35) * u,
            )
            if u < 0.9:
                c.shadow(foot[0], z, 0.16, 0.1)
            boxes.append(_pin(c, foot, 0.82, out * (pi / 2 + 0.22 * way * u), red))
        return union(boxes)

    def play(c: Canvas, t: float, success: bool) -> Marks:
        centre = ball_at(t, success)
        behind = centre[2] > 2.6
        if behind:
            ball = c.ball(centre, 0.22, ball_colour)
        target = pins(c, t, success)
        if not behind:
            c.shadow(centre[0], centre[2], 0.25, 0.2)
            ball = c.ball(centre, 0.22, ball_colour)
            spin = t * 0.9
            for k in range(2):
                a = spin + 0.7 * k
                if cos(a) > 0:
                    c.disc(
                        (centre[0] + 0.06 * k, centre[1] + 0.16 * sin(a), centre[2] - 0.1), 0.03, (12, 12, 14)
                    )
        release = Pose(
            lean=22,
            arm_a=95,
            fore_a=120,
            arm_b=-60,
            fore_b=-50,
            thigh_a=40,
            shin_a=-10,
            thigh_b=-48,
            shin_b=-62,
        )
        keys = [(0.0, replace(release, arm_a=-30, fore_a=-25)), (4.0, release), (14.0, STAND)]
        after = (outcome + 6.0, STAND), (outcome + 11.0, CHEER if success else DESPAIR)
        pose = animate(t, [*keys, *(after if t >= outcome else ())])
        c.shadow(-0.9, -0.2, 0.45, 0.25)
        draw(c, bowler, pose, (-0.9, 0, -0.2))
        return Marks(ball, target)

    return Scene(cam, lamp, backdrop, play)


def golf(rng: np.random.Generator, outcome: int) -> Scene:
    """A putt on a green: the ball drops into the hole, or rolls past it."""
    cam, lamp = camera(rng, (0.15, 1.35, -3.3), 0.2, 1.15), light(rng)
    field, player = meadow(rng), person(rng, 1.75)
    green = vary(rng, (116, 186, 84), 10)
    flag = vary(rng, ((220, 40, 40), (240, 200, 40), (250, 250, 250))[rng.integers(3)], 10)
    hole = (0.85, 0.0, -0.35)
    start = (-0.62, 0.12, -0.5)

    def backdrop(c: Canvas) -> None:
        field(c)
        c.ring((0.2, 0, 0.3), (3.4, 0, 0), (0, 0, 2.4), shade(green, 0.93), n=36)
        c.ring((0.2, 0, 0.3), (3.25, 0, 0), (0, 0, 2.25), green, n=36)
        c.shadow(hole[0] - lamp * 0.6, hole[2] + 0.15, 0.6, 0.04, 0.25)
        c.ring(hole, (0.24, 0, 0), (0, 0, 0.19), (250, 250, 245))
        c.ring(hole, (0.21, 0, 0), (0, 0, 0.16), (20, 26, 18))

    def ball_at(t: float, success: bool) -> Point:
        share = clamp((t - 5) / (outcome - 5))
        edge = (hole[0] - 0.32, 0.12, hole[2] - 0.05)
        since = t - outcome
        if since <= 0:
            return at(start, edge, 1 - (1 - share) ** 1.35)
        if success:
            return (min(edge[0] + 0.11 * since, hole[0]), 0.12 - 0.3 * smooth(since, 2, 6), hole[2])
        rest = (hole[0] - 0.1, 0.12, hole[2] - 0.85)
        return at(edge, rest, 1 - (1 - clamp(since / 13)) ** 2)

    def play(c: Canvas, t: float, success: bool) -> Marks:
        c.shadow(-0.95, 0.0, 0.5, 0.2)
        c.line((hole[0], 0, hole[2] + 0.02), (hole[0], 1.55, hole[2] + 0.02), 0.035, (236, 230, 200))
        wave = 0.05 * sin(t * 0.5)
        c.poly(
            [(hole[0], 1.55, hole[2]), (hole[0] + 0.52, 1.4 + wave, hole[2]), (hole[0], 1.2, hole[2])], flag
        )
        putt = Pose(
            lean=34, arm_a=4, fore_a=4, arm_b=12, fore_b=12, thigh_a=12, shin_a=-6, thigh_b=-6, shin_b=-14
        )
        back, through = (
            replace(putt, arm_a=-14, fore_a=-14, arm_b=-6, fore_b=-6),
            replace(putt, arm_a=30, fore_a=30, arm_b=36, fore_b=36),
        )
        keys = [(0.0, putt), (3.0, back), (6.5, through), (16.0, putt)]
        after = [(outcome + 3.0, putt), (outcome + 8.0, CHEER if success else DESPAIR)]
        pose = animate(t, keys + (after if t >= outcome else []))
        figure = draw(c, player, pose, (-1.05, 0, -0.1))
        hand = figure.hands[0]
        tilt = radians(pose.arm_a * 0.9)
        head = (hand[0] + 0.8 * sin(tilt), max(hand[1] - 0.8 * cos(tilt), 0.05), hand[2] - 0.02)
        c.line(hand, head, 0.03, (70, 70, 76))
        c.line((head[0] - 0.05, head[1], head[2]), (head[0] + 0.13, head[1], head[2]), 0.07, (196, 196, 204))
        ball: Box | None = None
        centre = ball_at(t, success)
        if centre[1] > 0.0:
            if centre[1] > 0.1:
                c.shadow(centre[0], centre[2], 0.14, 0.09)
            ball = c.ball(centre, 0.12, (250, 250, 250))
            if centre[1] < 0.1:  # sinking: the near lip of the hole hides the lower part
                c.poly(
                    [
                        (hole[0] - 0.3, 0, hole[2] - 0.5),
                        (hole[0] + 0.3, 0, hole[2] - 0.5),
                        (hole[0] + 0.25, 0, hole[2] - 0.15),
                        (hole[0] - 0.25, 0, hole[2] - 0.15),
                    ],
                    green,
                )
        u, v = c.project((hole[0] - 0.24, 0.1, hole[2])), c.project((hole[0] + 0.24, -0.1, hole[2]))
        return Marks(ball, (u[0], u[1], v[0], v[1]))

    return Scene(cam, lamp, backdrop, play)
