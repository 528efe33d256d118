"""Scenes of a shot at goal: a basketball shot, a penalty kick."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from math import cos, pi, sin

import numpy as np

from tools.organism.canvas import Canvas, Point, shade
from tools.organism.figure import (
    CHEER,
    DESPAIR,
    STAND,
    Pose,
    animate,
    blend,
    draw,
    person,
    smooth,
    stride,
)
from tools.organism.scene import Marks, Scene, at, bounce, camera, clamp, light, meadow, vary


def basketball(rng: np.random.Generator, outcome: int) -> Scene:
    """A shot at a basket: the ball goes through the net, or bounces off the rim."""
    cam, lamp = camera(rng, (0.25, 1.75, -4.6), 0.0, 0.98), light(rng)
    player = replace(person(rng, 1.8, bare_legs=True))
    floor, wall = (
        vary(rng, (204, 148, 92), 12),
        vary(rng, ((138, 146, 156), (156, 140, 122), (124, 142, 132))[rng.integers(3)], 12),
    )
    pad, orange = (
        vary(rng, ((40, 70, 150), (150, 36, 40), (40, 110, 80))[rng.integers(3)], 14),
        vary(rng, (226, 110, 36), 8),
    )
    rim = (1.2, 2.35, 0.0)
    release = (-0.95, 2.3, 0.0)

    def backdrop(c: Canvas) -> None:
        c.backdrop(shade(wall, 0.9), wall, floor, shade(floor, 0.85))
        c.poly([(-20, 0, 3), (20, 0, 3), (20, 1.3, 3), (-20, 1.3, 3)], pad)
        c.poly([(-20, 1.3, 3), (20, 1.3, 3), (20, 6, 3), (-20, 6, 3)], wall)
        for k in range(-8, 9):
            c.line((k * 1.2, 0.0, 3), (k * 1.2, 1.3, 3), 0.03, shade(pad, 0.75))
        c.poly([(-20, 0, -5), (20, 0, -5), (20, 0, 3), (-20, 0, 3)], floor)
        for k in range(-12, 13):
            c.line((k * 0.7, 0, -3), (k * 0.7, 0, 3), 0.02, shade(floor, 0.86))
        c.poly([(-0.6, 0, -1.5), (2.2, 0, -1.5), (2.2, 0, 1.4), (-0.6, 0, 1.4)], shade(pad, 1.1), 0.55)
        c.line((-0.6, 0, -1.5), (-0.6, 0, 1.4), 0.06, (245, 245, 240))
        c.line((2.35, 0, 0.3), (2.35, 2.9, 0.3), 0.16, (60, 62, 70))
        c.line((2.35, 2.75, 0.3), (1.75, 2.75, 0.1), 0.1, (60, 62, 70))
        board = [(1.5, 2.25, 0.55), (1.9, 2.25, -0.5), (1.9, 3.2, -0.5), (1.5, 3.2, 0.55)]
        c.poly([(p[0], 2.725 + 1.08 * (p[1] - 2.725), 1.08 * p[2]) for p in board], (70, 74, 84))
        c.poly(board, (236, 238, 242))
        c.poly([(1.6, 2.4, 0.28), (1.78, 2.4, -0.22), (1.78, 2.8, -0.22), (1.6, 2.8, 0.28)], (220, 60, 40))
        c.poly(
            [(1.63, 2.45, 0.22), (1.76, 2.45, -0.16), (1.76, 2.74, -0.16), (1.63, 2.74, 0.22)],
            (236, 238, 242),
        )
        c.shadow(2.2, 0.2, 0.4, 0.2)

    def net(c: Canvas, front: bool, swish: float) -> None:
        for k in range(12):
            a = 2 * pi * k / 12
            if (sin(a) < 0) == front:
                top = (rim[0] + 0.33 * cos(a), rim[1], 0.33 * sin(a))
                low = (rim[0] + 0.17 * cos(a + 0.4), rim[1] - 0.46 + 0.12 * swish, 0.17 * sin(a + 0.4))
                other = (rim[0] + 0.17 * cos(a - 0.4), low[1], 0.17 * sin(a - 0.4))
                c.line(top, low, 0.022, (250, 250, 250))
                c.line(top, other, 0.022, (250, 250, 250))
        arc = [
            (rim[0] + 0.34 * cos(pi * k / 8), rim[1], (-0.34 if front else 0.34) * sin(pi * k / 8))
            for k in range(9)
        ]
        for p, q in pairwise(arc):
            c.line(p, q, 0.055, (232, 84, 30))

    def ball_at(t: float, success: bool) -> Point:
        start = 8.0
        since = t - outcome
        end = (rim[0] - 0.16, rim[1] + 0.42, 0.0)
        if since <= 0:
            u = clamp((t - start) / (outcome - start))
            p = at(release, end, u)
            return (p[0], p[1] + 0.75 * 4 * u * (1 - u) * 0.8, 0.0)
        if success:
            u = clamp(since / 4)
            if since < 4:
                return at(end, (rim[0], rim[1] - 0.1, 0), u)
            return (rim[0] - 0.02 * (since - 4), 0.2 + bounce(since, 4, rim[1] - 0.3, 7, 0.55), -0.01)
        hit = (rim[0] - 0.4, rim[1] + 0.22, -0.1)
        if since < 2:
            return at(end, hit, since / 2)
        drop = since - 2
        rise = 1.5 * drop * 0.12 - 0.0115 * drop**2 * 1.9
        y = hit[1] + rise
        if y < 0.2 or drop > 19:
            y = 0.2 + abs(0.5 * sin(0.4 * (drop - 19)))
        return (hit[0] - 0.052 * drop, y, -0.2 - 0.02 * drop)

    def play(c: Canvas, t: float, success: bool) -> Marks:
        crouch = Pose(
            lean=8, arm_a=40, fore_a=120, arm_b=30, fore_b=110, thigh_a=44, shin_a=-30, thigh_b=36, shin_b=-34
        )
        shoot = Pose(
            lean=4,
            arm_a=150,
            fore_a=165,
            arm_b=140,
            fore_b=160,
            thigh_a=8,
            shin_a=0,
            thigh_b=-4,
            shin_b=-12,
            lift=0.18,
        )
        land = replace(shoot, lift=0.0, arm_a=140, fore_a=120)
        keys = [(0.0, crouch), (3.0, crouch), (8.0, shoot), (13.0, land)]
        after = [(outcome + 4.0, land), (outcome + 9.0, CHEER if success else DESPAIR)]
        pose = animate(t, keys + (after if t >= outcome else []))
        c.shadow(-1.3, 0.0, 0.4, 0.2)
        since = t - outcome
        centre = ball_at(t, success)
        c.shadow(centre[0], centre[2], 0.2, 0.14, 0.3)
        net(c, False, 0)
        held = t < 8
        figure = None if held else draw(c, player, pose, (-1.3, 0, 0))
        if held:
            figure = draw(c, player, pose, (-1.3, 0, 0))
            hand = figure.hands[0]
            centre = at((hand[0] + 0.12, hand[1] + 0.12, 0.0), release, smooth(t, 6, 8))
        ball = c.ball(centre, 0.2, orange, 0.15)
        for k in range(2):
            a = 0.35 * t + pi * k / 2
            c.line(
                (centre[0] - 0.19 * cos(a), centre[1] - 0.19 * sin(a), centre[2]),
                (centre[0] + 0.19 * cos(a), centre[1] + 0.19 * sin(a), centre[2]),
                0.022,
                (70, 34, 16),
            )
        swish = sin(clamp((since - 3) / 6) * pi) if success and since > 0 else 0.0
        net(c, True, swish)
        u, v = c.project((rim[0] - 0.34, rim[1] + 0.1, 0)), c.project((rim[0] + 0.34, rim[1] - 0.46, 0))
        return Marks(ball, (u[0], u[1], v[0], v[1]))

    return Scene(cam, lamp, backdrop, play)


def penalty(rng: np.random.Generator, outcome: int) -> Scene:
    """A penalty kick: the ball ends in the net, or the keeper throws himself in its way."""
    cam, lamp = camera(rng, (0.0, 1.45, -3.6), 0.1, 1.08), light(rng)
    field = meadow(rng)
    kicker, keeper = (
        person(rng, 1.7, bare_legs=True),
        person(rng, 1.5, ((250, 220, 30), (250, 130, 20), (160, 230, 60))),
    )
    side = 1.0
    crowd = [
        (float(x), float(y), vary(rng, (120, 110, 120), 55))
        for x, y in zip(rng.uniform(-9, 9, 170), rng.uniform(1.2, 3.9, 170), strict=True)
    ]
    goal_z, spot = 1.9, (0.1, 0.17, -0.75)

    def backdrop(c: Canvas) -> None:
        field(c)
        c.poly([(-12, 0, 7), (12, 0, 7), (12, 4.3, 8), (-12, 4.3, 8)], (60, 60, 74))
        for x, y, colour in crowd:
            c.disc((x, y, 7), 0.15, colour)
        c.poly([(-12, 0, 6.5), (12, 0, 6.5), (12, 0.9, 6.5), (-12, 0.9, 6.5)], (36, 66, 150))
        for k in range(-4, 5):
            c.poly(
                [
                    (2.6 * k, 0.15, 6.4),
                    (2.6 * k + 1.7, 0.15, 6.4),
                    (2.6 * k + 1.7, 0.7, 6.4),
                    (2.6 * k, 0.7, 6.4),
                ],
                (236, 236, 230),
            )
        c.line((-12, 0, goal_z), (12, 0, goal_z), 0.07, (240, 244, 240))
        back = goal_z + 0.9
        for k in range(13):
            x = -1.9 + 3.8 * k / 12
            c.line((x, 0, back), (x, 1.5, back - 0.2), 0.018, (226, 230, 230), 0.75)
            c.line((x, 1.5, back - 0.2), (x, 1.75, goal_z), 0.018, (226, 230, 230), 0.75)
        for k in range(7):
            y = 1.5 * k / 6
            c.line((-1.9, y, back), (1.9, y, back), 0.018, (226, 230, 230), 0.75)
            for s in (-1.9, 1.9):
                c.line((s, y * 1.15, goal_z), (s, y, back), 0.018, (226, 230, 230), 0.75)
        for s in (-1.9, 1.9):
            c.line((s, 0, goal_z), (s, 1.75, goal_z), 0.1, (250, 250, 250))
        c.line((-1.95, 1.75, goal_z), (1.95, 1.75, goal_z), 0.1, (250, 250, 250))
        c.ring((spot[0], 0, spot[2]), (0.12, 0, 0), (0, 0, 0.1), (240, 244, 240))

    def ball_at(t: float, success: bool) -> Point:
        kick, half = outcome - 7.0, (spot[0] + side * 0.62, 0.62, 0.55)
        if t <= kick:
            return spot
        since = t - outcome
        if since <= 0:
            u = (t - kick) / 7
            p = at(spot, half, u)
            return (p[0], p[1] + 0.1 * sin(pi * u), p[2])
        if success:
            u = clamp(since / 5)
            p = at(half, (side * 1.3, 0.95, goal_z + 0.6), u)
            return (
                p
                if since < 5
                else (p[0], max(0.17, p[1] - 0.014 * (since - 5) ** 2), p[2] - 0.01 * min(since - 5, 15))
            )
        u = clamp(since / 4)
        block = (side * 1.0, 0.75, goal_z - 0.25)
        if since < 4:
            return at(half, block, u)
        u = since - 4
        return (block[0] - side * 0.02 * u, max(0.17, 0.75 + 0.05 * u - 0.012 * u * u), block[2] - 0.09 * u)

    def play(c: Canvas, t: float, success: bool) -> Marks:
        since = t - outcome
        way = (-side if success else side) if since > 0 else 0.0
        u = smooth(since, 0, 6) if since > 0 else 0.0
        ready = Pose(arm_a=50, fore_a=70, arm_b=-50, fore_b=-70, thigh_a=18, shin_a=-2, thigh_b=-18, shin_b=2)
        sway = 0.08 * sin(t * 0.55) * clamp((outcome - t) / 6)
        dive = Pose(
            arm_a=160,
            fore_a=172,
            arm_b=-160,
            fore_b=-172,
            thigh_a=20,
            shin_a=10,
            thigh_b=-6,
            shin_b=-30,
            turn=-way * 82,
        )
        pose = blend(ready, dive, u)
        height = keeper.height * (0.5 - 0.4 * smooth(since, 5, 13) + 0.1 * sin(pi * clamp(u)))
        c.shadow(sway + way * 0.7 * u, goal_z - 0.2, 0.35 + 0.5 * u, 0.2)
        centre = ball_at(t, success)
        ball = None
        in_net = centre[2] > goal_z - 0.2

        def football() -> tuple[float, float, float, float]:
            if centre[1] < 0.6:
                c.shadow(centre[0], centre[2], 0.19, 0.13)
            box = c.ball(centre, 0.17, (250, 250, 250), 0)
            for k in range(5):
                a = 0.5 * (t - outcome + 7 if t > outcome - 7 else 0) + 2 * pi * k / 5
                if k < 4:
                    c.disc(
                        (centre[0] + 0.1 * cos(a), centre[1] + 0.1 * sin(a), centre[2]), 0.042, (24, 24, 28)
                    )
            return box

        if in_net:
            ball = football()
        draw(c, keeper, pose, (0, 0, 0), hips=(sway + way * 0.72 * u, height, goal_z - 0.2))
        if not in_net:
            ball = football()
        kick = outcome - 7.0
        run = stride(1.1 * t, 34, 10)
        swing = Pose(
            lean=-8, arm_a=-60, fore_a=-70, arm_b=60, fore_b=80, thigh_a=62, shin_a=50, thigh_b=-8, shin_b=-12
        )
        wind = Pose(
            lean=10, arm_a=50, fore_a=70, arm_b=-60, fore_b=-40, thigh_a=-40, shin_a=-95, thigh_b=14, shin_b=2
        )
        pose = (
            run
            if t < kick - 4
            else animate(t, [(kick - 4, run), (kick - 2, wind), (kick + 1, swing), (kick + 8, STAND)])
        )
        if t >= outcome:
            pose = animate(t, [(outcome + 3.0, pose), (outcome + 8.0, CHEER if success else DESPAIR)])
        place = at((-1.7, 0, -1.2), (-0.6, 0, -0.85), smooth(t, -4, kick))
        c.shadow(place[0], place[2], 0.4, 0.2)
        draw(c, kicker, pose, place)
        corner, opposite = c.project((-1.9, 1.75, goal_z)), c.project((1.9, 0, goal_z))
        return Marks(ball, (*corner, *opposite))

    return Scene(cam, lamp, backdrop, play)
