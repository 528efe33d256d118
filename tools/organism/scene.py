"""What a scene is: a camera, a light, a still backdrop, and a function that draws the moving things.

`draw(canvas, t, success)` draws source frame t. For t before the outcome frame it must not look at
`success`; all chance is drawn when the scene is made, so both outcomes share everything up to that moment.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tools.organism.canvas import Box, Camera, Canvas, Colour, Point, shade


@dataclass(frozen=True)
class Marks:
    """Boxes in canvas pixels around the thing that moves and around what it is aimed at."""

    object: Box | None
    target: Box | None


@dataclass(frozen=True)
class Scene:
    """One action at one place, ready to be drawn with either outcome."""

    camera: Camera
    light: float
    backdrop: Callable[[Canvas], None]
    draw: Callable[[Canvas, float, bool], Marks]


def vary(rng: np.random.Generator, colour: Colour, amount: float = 18.0) -> Colour:
    """A colour near the given one: common brightness and a little of each channel."""
    shift = rng.normal(0, amount) + rng.normal(0, amount / 2, 3)
    r, g, b = (float(min(max(c + s, 4), 251)) for c, s in zip(colour, shift, strict=True))
    return (r, g, b)


def camera(rng: np.random.Generator, eye: Point, pitch: float, focal: float) -> Camera:
    """A camera near the given place."""
    x, y, z = eye
    return Camera(
        eye=(x + float(rng.normal(0, 0.1)), y + float(rng.normal(0, 0.05)), z + float(rng.normal(0, 0.12))),
        pitch=pitch + float(rng.normal(0, 0.012)),
        focal=focal * float(rng.uniform(0.95, 1.05)),
    )


def light(rng: np.random.Generator) -> float:
    """Where the light comes from: -1 left to 1 right, never from straight behind the camera."""
    return float(rng.choice([-1.0, 1.0]) * rng.uniform(0.4, 1.0))


def meadow(rng: np.random.Generator, stripes: bool = True) -> Callable[[Canvas], None]:
    """Sky, a row of trees and mown grass."""
    sky = vary(rng, (112, 168, 224), 16)
    grass = vary(rng, (84, 152, 62), 14)
    tree = vary(rng, (44, 88, 42), 10)
    crowns = [
        (float(x), float(rng.uniform(0.8, 2.0))) for x in np.arange(-16, 16, 1.4) + rng.normal(0, 0.4, 23)
    ]
    phase = float(rng.uniform(0, 1.2))

    def paint(canvas: Canvas) -> None:
        canvas.backdrop(sky, shade(sky, 1.55), shade(grass, 1.1), shade(grass, 0.85))
        for x, r in crowns:
            canvas.disc((x, r * 0.7, 14), r, shade(tree, 0.85))
            canvas.disc((x + canvas.light * 0.3 * r, r * 1.0, 14), 0.6 * r, shade(tree, 1.15))
        if stripes:
            for k in range(9):
                z = -4 + phase + 2.4 * k
                canvas.poly(
                    [(-20, 0, z), (20, 0, z), (20, 0, z + 1.2), (-20, 0, z + 1.2)], shade(grass, 1.1), 0.55
                )

    return paint


def at(a: Point, b: Point, share: float) -> Point:
    """The point `share` of the way from a to b."""
    return (a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1]), a[2] + share * (b[2] - a[2]))


def clamp(value: float, low: float = 0.0, high: float = 1.0) -> float:
    """The value, kept between low and high."""
    return min(max(value, low), high)


def bounce(t: float, start: float, height: float, fall: float, spring: float = 0.5) -> float:
    """Height at time t of something let go at `start`, which takes `fall` frames to land and then bounces."""
    since = t - start
    if since < fall:
        return height * (1 - (max(since, 0.0) / fall) ** 2)
    since -= fall
    for _ in range(3):
        height, duration = height * spring**2, 2 * fall * spring
        if since < duration:
            return height * (1 - (2 * since / duration - 1) ** 2)
        since, fall = since - duration, fall * spring
    return 0.0
