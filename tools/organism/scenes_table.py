"""Scenes on a table, close up: stacking blocks, pouring into a glass."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, pi, radians, sin

import numpy as np

from tools.organism.canvas import Box, Canvas, Colour, Point, shade, union
from tools.organism.figure import SHIRTS, SKINS, smooth
from tools.organism.scene import Marks, Scene, at, camera, clamp, light, vary


def _room(rng: np.random.Generator, wood: Colour) -> Callable[[Canvas], None]:
    """A wall and a wooden table top."""
    wall, wood = (
        vary(rng, ((214, 206, 190), (170, 190, 200), (206, 184, 170))[rng.integers(3)], 14),
        vary(rng, wood, 12),
    )
    panel = float(rng.uniform(-2.5, 2.5))

    def paint(c: Canvas) -> None:
        c.backdrop(shade(wall, 0.85), wall, shade(wall, 0.7), shade(wall, 0.7))
        c.poly(
            [(panel - 0.9, 1.2, 4), (panel + 0.9, 1.2, 4), (panel + 0.9, 2.9, 4), (panel - 0.9, 2.9, 4)],
            shade(wall, 0.72),
        )
        c.poly(
            [(panel - 0.8, 1.3, 4), (panel + 0.8, 1.3, 4), (panel + 0.8, 2.8, 4), (panel - 0.8, 2.8, 4)],
            shade(wall, 1.35),
        )
        for k in range(12):
            z = -2.4 + 0.3 * k
            tone = shade(wood, 0.78 + 0.02 * k + 0.05 * ((k * 5) % 3))
            c.poly([(-6, 0, z), (6, 0, z), (6, 0, z + 0.3), (-6, 0, z + 0.3)], tone)

    return paint


def _hand(c: Canvas, wrist: Point, grip: Point, skin: Colour, sleeve: Colour, shoulder: Point) -> None:
    """A forearm from outside the picture and a hand whose fingers end at `grip`."""
    c.limb(shoulder, wrist, 0.19, 0.13, sleeve)
    knuckle = at(wrist, grip, 0.55)
    c.limb(wrist, knuckle, 0.1, 0.11, skin)
    for k in (-1.5, -0.5, 0.5, 1.5):
        tip = (grip[0] + 0.055 * k, grip[1] + 0.015 * abs(k), grip[2] - 0.06)
        c.limb((knuckle[0] + 0.05 * k, knuckle[1], knuckle[2] - 0.05), tip, 0.042, 0.034, skin)


def stacking(rng: np.random.Generator, outcome: int) -> Scene:
    """A hand puts one more block on a tower: it stays, or it topples."""
    cam, lamp = camera(rng, (0.0, 1.35, -2.7), 0.18, 1.05), light(rng)
    room = _room(rng, (170, 120, 74))
    paints: list[Colour] = [
        (214, 50, 46),
        (46, 104, 200),
        (244, 196, 48),
        (62, 160, 84),
        (238, 130, 40),
        (146, 74, 170),
    ]
    colours = [vary(rng, paints[i], 10) for i in rng.permutation(6)[:4]]
    skin, sleeve = SKINS[rng.integers(len(SKINS))], SHIRTS[rng.integers(len(SHIRTS))]
    size, side = 0.36, float(rng.choice([-1.0, 1.0]))
    base = float(rng.normal(0, 0.08))
    offsets = [base + float(rng.normal(0, 0.025)) for _ in range(4)]
    yaws = [float(rng.normal(0.5, 0.12)) for _ in range(4)]
    rests = [
        (float(rng.uniform(0.2, 0.3)), float(rng.normal(0, 0.2)), float(rng.uniform(0.2, 0.9)))
        for _ in range(4)
    ]

    def play(c: Canvas, t: float, success: bool) -> Marks:
        put = outcome - 3.0
        since = t - outcome
        spread = clamp(since / 10) if since > 0 and not success else 0.0
        c.shadow(base, 0.0, 0.42, 0.3, 0.5)
        lean = 0.02 * sin(t * 0.8) * clamp((t - put) / 3) if t < outcome else 0.0
        boxes: list[tuple[float, Callable[[], Box | None], int]] = []
        start = (base + 1.0, 2.35, 0.0)
        spot = (offsets[3], 3.5 * size, 0.0)
        for k in range(4):
            x, y, z, roll = offsets[k], (k + 0.5) * size, 0.0, 0.0
            if k == 3:
                x, y, z = (
                    at(start, (spot[0], spot[1] + 0.35, 0.0), smooth(t, -6, put - 4))
                    if t < put - 4
                    else at((spot[0], spot[1] + 0.35, 0.0), spot, smooth(t, put - 4, put))
                )
            x += lean * k * 0.5
            if spread > 0 and k > 0:
                reach, dz, turn = rests[k]
                land = 4 + 1.6 * k
                u = clamp(since / land)
                x += side * (reach * k + 0.18) * u
                y = max(size / 2, y - (y - size / 2) * u * u)
                z += dz * u
                roll = -side * u * pi / 2 * (1 + (k > 2))
                if u >= 1:
                    roll = 0.0
                yaw = yaws[k] + turn * u
            else:
                yaw = yaws[k]

            def paint(k: int = k, p: Point = (x, y, z), roll: float = roll, yaw: float = yaw) -> Box | None:
                if p[1] < size * 0.8:
                    c.shadow(p[0], p[2], 0.26, 0.2)
                return c.block(p, (size, size, size), colours[k], roll, yaw)

            boxes.append((-z + 0.01 * k, paint, k))
        drawn = {k: paint() for _, paint, k in sorted(boxes, key=lambda item: item[0])}
        away = smooth(t, put + 0.5, put + 8)
        held = start if t < -6 else at(start, (spot[0], spot[1] + 0.35, 0.0), smooth(t, -6, put - 4))
        block = held if t < put - 4 else at((spot[0], spot[1] + 0.35, 0.0), spot, smooth(t, put - 4, put))
        grip = (block[0] + 1.3 * away, block[1] + 0.1 + 0.55 * away, -0.1)
        _hand(
            c, (grip[0] + 0.2, grip[1] + 0.3, -0.05), grip, skin, sleeve, (grip[0] + 1.3, grip[1] + 0.75, 0.1)
        )
        return Marks(drawn[3], union(drawn[k] for k in range(3)))

    return Scene(cam, lamp, room, play)


_DRINKS: tuple[Colour, ...] = ((246, 150, 34), (244, 242, 236), (170, 30, 50), (110, 60, 30), (90, 170, 230))


def pouring(rng: np.random.Generator, outcome: int) -> Scene:
    """A drink is poured from a jug: the glass fills, or it is knocked over and the drink spills."""
    cam, lamp = camera(rng, (0.05, 1.2, -2.5), 0.17, 0.94), light(rng)
    room = _room(rng, (120, 84, 60))
    drink = vary(rng, _DRINKS[rng.integers(len(_DRINKS))], 8)
    jug_colour = vary(
        rng, ((226, 226, 230), (120, 160, 190), (196, 120, 90), (90, 140, 110))[rng.integers(4)], 14
    )
    skin, sleeve = SKINS[rng.integers(len(SKINS))], SHIRTS[rng.integers(len(SHIRTS))]
    glass_x, radius, tall = 0.2 + float(rng.normal(0, 0.06)), 0.27, 0.78
    puddle = [float(rng.uniform(0.8, 1.2)) for _ in range(18)]

    def glass(c: Canvas, level: float, fall: float) -> Box | None:
        foot = (glass_x + radius, 0.0, 0.0)  # it tips over its right-hand edge

        def p(x: float, y: float, z: float = 0.0) -> Point:
            dx = x - radius
            return (foot[0] + dx * cos(fall) + y * sin(fall), foot[1] + y * cos(fall) - dx * sin(fall), z)

        def hoop(y: float, r: float) -> list[Point]:
            return [p(r * cos(2 * pi * k / 20), y, r * 0.8 * sin(2 * pi * k / 20)) for k in range(20)]

        low, top = radius * 0.8, radius
        c.poly([p(-low, 0), p(low, 0), p(top, tall), p(-top, tall)], (232, 242, 250), 0.28)
        if level > 0.02:
            y = level * tall
            r = low + (top - low) * level
            c.poly(
                [p(-low * 0.94, 0.04), p(low * 0.94, 0.04), p(r * 0.94, y), p(-r * 0.94, y)],
                shade(drink, 0.85),
            )
            c.poly([p(-low * 0.94, 0.04), p(-low * 0.3, 0.04), p(-r * 0.3, y), p(-r * 0.94, y)], drink, 0.7)
            c.poly(hoop(y, r * 0.94), shade(drink, 1.15))
        box = c.poly(hoop(tall, top), (255, 255, 255), 0.25)
        for a, b in ((p(-low, 0), p(-top, tall)), (p(low, 0), p(top, tall)), (p(-low, 0), p(low, 0))):
            box = union([box, c.line(a, b, 0.03, (248, 252, 255), 0.9)])
        edge = hoop(tall, top)
        for a, b in zip(edge, edge[1:] + edge[:1], strict=True):
            c.line(a, b, 0.02, (250, 253, 255), 0.9)
        c.line(p(-low * 0.6, 0.1), p(-top * 0.65, tall * 0.9), 0.035, (255, 255, 255), 0.5)
        return box

    def jug(c: Canvas, lip: Point, tilt: float) -> None:
        def p(x: float, y: float) -> Point:
            return (lip[0] + x * cos(tilt) + y * sin(tilt), lip[1] + y * cos(tilt) - x * sin(tilt), lip[2])

        c.limb(p(-0.62, -0.14), p(-0.86, -0.2), 0.045, 0.045, shade(jug_colour, 0.8))
        c.limb(p(-0.86, -0.2), p(-0.84, -0.52), 0.045, 0.045, shade(jug_colour, 0.8))
        c.limb(p(-0.84, -0.52), p(-0.66, -0.58), 0.045, 0.045, shade(jug_colour, 0.8))
        body = [
            p(0, 0),
            p(-0.12, -0.12),
            p(-0.04, -0.5),
            p(-0.12, -0.78),
            p(-0.62, -0.78),
            p(-0.7, -0.5),
            p(-0.58, -0.12),
            p(-0.6, 0),
        ]
        c.poly(body, shade(jug_colour, 0.72))
        lit = [p(-0.2, -0.1), p(-0.14, -0.5), p(-0.22, -0.74), p(-0.46, -0.74), p(-0.5, -0.5), p(-0.44, -0.1)]
        c.poly(lit, jug_colour)
        c.poly(
            [p(-0.26, -0.12), p(-0.24, -0.7), p(-0.32, -0.7), p(-0.34, -0.12)], shade(jug_colour, 1.5), 0.8
        )
        c.poly([p(0, 0), p(-0.3, 0.05), p(-0.6, 0), p(-0.3, -0.06)], shade(jug_colour, 0.5))
        wrist, grip = p(-1.08, -0.32), p(-0.86, -0.36)
        c.limb((wrist[0] - 1.2, wrist[1] + 0.25, 0.0), wrist, 0.2, 0.13, sleeve)
        c.limb(wrist, grip, 0.1, 0.12, skin)
        for k in range(4):
            c.limb(p(-0.95, -0.24 - 0.08 * k), p(-0.78, -0.24 - 0.08 * k), 0.042, 0.036, skin)

    def play(c: Canvas, t: float, success: bool) -> Marks:
        since = t - outcome
        spilt = since > 0 and not success
        fill = 0.5 * clamp((t - 5) / (outcome - 5)) + (
            0.38 * clamp(since / 12) if success and since > 0 else 0.0
        )
        tilt = radians(18 + 52 * smooth(t, 0, 6))
        lip = (glass_x - 0.1, 1.22, 0.0)
        pours = t > 4
        if spilt:
            push = smooth(since, 0, 4)
            lip = (
                lip[0] + 0.25 * push - 0.75 * smooth(since, 5, 14),
                lip[1] - 0.25 * push + 0.4 * smooth(since, 5, 14),
                0.0,
            )
            tilt = radians(70 - 60 * smooth(since, 1, 8))
            pours = since < 2
        elif success and since > 12:
            tilt = radians(70 - 55 * smooth(since, 12, 18))
            pours = since < 13
        fall = (pi / 2 + 0.06) * smooth(since, 1, 6) ** 1.5 if spilt else 0.0
        c.shadow(glass_x + 0.5 * fall, 0, 0.36 + 0.2 * fall, 0.22, 0.45)
        wet: list[Box | None] = []
        if spilt and since > 3:
            grow = 1 - (1 - clamp((since - 3) / 12)) ** 2
            centre = (glass_x + radius + tall + 0.02, 0.0, -0.12)
            for scale, tone in ((1.0, shade(drink, 0.7)), (0.93, drink)):
                points = []
                for k, wobble in enumerate(puddle):
                    a = 2 * pi * k / len(puddle)
                    points.append(
                        (
                            centre[0] - 0.45 * grow + 1.0 * grow * scale * wobble * cos(a),
                            0.0,
                            centre[2] - 0.1 * grow + 0.5 * grow * scale * wobble * sin(a),
                        )
                    )
                wet.append(c.poly(points, tone))
            c.ring(
                (centre[0] - 0.5 * grow, 0, centre[2] - 0.2 * grow),
                (0.3 * grow, 0, 0),
                (0, 0, 0.07 * grow),
                (255, 255, 255),
                0.35,
            )
        level = fill * (1 - smooth(since, 2, 7)) if spilt else fill
        target = glass(c, level, fall)
        if pours:
            end = (glass_x + 0.0, level * tall + 0.02, 0.0)
            wet.append(c.limb(lip, (lip[0] + 0.06, lip[1] - 0.16, 0.0), 0.05, 0.045, drink))
            wet.append(c.limb((lip[0] + 0.06, lip[1] - 0.16, 0.0), end, 0.045, 0.032, drink))
        jug(c, lip, tilt)
        if not wet and level > 0.02 and target is not None:
            wet.append((target[0], target[3] - level * (target[3] - target[1]), target[2], target[3]))
        return Marks(union(wet), target)

    return Scene(cam, lamp, room, play)
