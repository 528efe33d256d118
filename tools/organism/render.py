"""Rendered clips with a success and a failure outcome: `render(action, success, seed)` -> frames and boxes.

A scene seed fixes everything but the outcome: place, colours, people, camera, light, and the moment of the
outcome. Both outcomes of a seed are identical, noise included, before `outcome_frame`. A `noise_seed` of its
own redraws the sensor noise and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import pi, sin

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tools.organism.canvas import Box, Canvas
from tools.organism.scene import Scene
from tools.organism.scenes_ball import bowling, golf
from tools.organism.scenes_court import basketball, penalty
from tools.organism.scenes_field import archery, high_jump
from tools.organism.scenes_table import pouring, stacking

FRAMES = 48
FPS = 24
SUPERSAMPLING = 2
OUTCOME_FRAMES = (22, 26)  # earliest and latest first frame in which the two outcomes differ

ACTIONS: dict[str, Callable[[np.random.Generator, int], Scene]] = {
    "archery": archery,
    "basketball shot": basketball,
    "bowling": bowling,
    "golf putt": golf,
    "high jump": high_jump,
    "penalty kick": penalty,
    "pouring": pouring,
    "stacking blocks": stacking,
}


@dataclass(frozen=True)
class Rendering:
    """One clip: frames uint8 [frame, size, size, 3] and, per frame, normalised boxes [x0, y0, x1, y1]."""

    action: str
    success: bool
    frames: NDArray[np.uint8]
    object_boxes: tuple[Box | None, ...]
    target_boxes: tuple[Box | None, ...]
    outcome_frame: int


def render(
    action: str,
    success: bool,
    seed: int,
    noise_seed: int | None = None,
    size: int = 128,
    frames: Sequence[int] = range(FRAMES),
) -> Rendering:
    """Render the given source frames of one scene. Deterministic in all arguments."""
    code = list(ACTIONS).index(action)
    rng = np.random.default_rng([seed, code])
    outcome = int(rng.integers(OUTCOME_FRAMES[0], OUTCOME_FRAMES[1] + 1))
    scene = ACTIONS[action](rng, outcome - 1)  # scenes take the last frame that both outcomes share
    mirror = bool(rng.random() < 0.5)
    gain = float(rng.uniform(0.82, 1.12)) * (1 + rng.normal(0, 0.035, 3))
    sigma = float(rng.uniform(1.5, 4.0))
    pan, sway = float(rng.uniform(-0.05, 0.05)), float(rng.uniform(0, 0.012))
    rate, tilt = float(rng.uniform(0.1, 0.25)), float(rng.uniform(-0.02, 0.02))
    noise_base = seed if noise_seed is None else noise_seed

    width = size * SUPERSAMPLING
    still = Canvas(width, scene.camera, scene.light)
    scene.backdrop(still)
    out = np.empty((len(frames), size, size, 3), np.uint8)
    objects, targets = [], []
    for i, t in enumerate(frames):
        canvas = still.over()
        marks = scene.draw(canvas, float(t), success)
        share = t / (FRAMES - 1) - 0.5
        left = canvas.margin + round(width * (pan * share + sway * sin(rate * t)))
        top = canvas.margin + round(width * (tilt * share + 0.6 * sway * sin(1.3 * rate * t + pi / 3)))
        crop = canvas.image.crop((left, top, left + width, top + width)).reduce(SUPERSAMPLING)
        noise = np.random.default_rng([noise_base, code, t, 1]).standard_normal((size, size, 3), np.float32)
        picture = np.asarray(crop, np.float32) * gain.astype(np.float32) + np.float32(sigma) * noise
        picture = np.clip(picture + 0.5, 0, 255)
        out[i] = picture[:, ::-1] if mirror else picture
        objects.append(_normalised(marks.object, left, top, width, mirror))
        targets.append(_normalised(marks.target, left, top, width, mirror))
    return Rendering(action, success, out, tuple(objects), tuple(targets), outcome)


def _normalised(box: Box | None, left: int, top: int, width: int, mirror: bool) -> Box | None:
    """Canvas pixels to fractions of the frame; None when nothing of it is in the frame."""
    if box is None:
        return None
    x0, x1 = ((v - left) / width for v in (box[0], box[2]))
    y0, y1 = ((v - top) / width for v in (box[1], box[3]))
    if mirror:
        x0, x1 = 1 - x1, 1 - x0
    x0, y0, x1, y1 = (min(max(v, 0.0), 1.0) for v in (x0, y0, x1, y1))
    return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None


def contact_sheet(action: str, seed: int, columns: int = 8, size: int = 128) -> Image.Image:
    """Success above failure, at evenly spaced frames: for a person to look at."""
    ts = [round(k * (FRAMES - 1) / (columns - 1)) for k in range(columns)]
    rows = [
        np.hstack(list(render(action, success, seed, size=size, frames=ts).frames))
        for success in (True, False)
    ]
    return Image.fromarray(np.vstack(rows))
