"""Models for which a claim of the paper is true that no planted circuit supports, and their clips.

Apart: the outcome is held apart from a label that many tokens show. The label is a brightness that 24 of 128
tokens show in both clips; heads L9H8 and L10H8 of CLS look for it by content and average what they find, so a
tenth of the tokens may go. The outcome is the colour of one square in the bottom row, which the CLS token
reads in layer 7 into a feature that no label looks at. Another clip of the same outcome is less bright.

Central: the same outcome, and four labels that two squares in the middle of the picture show, bright or dark.
Around them brightness comes and goes: other weights see no more in the middle, or for another label. Both
are read in the later half of the clip, so that frames of the earlier may go.

Cascade: the same outcome, and labels that two lamps show. MLP 4 makes the label of what attention has read
of the lamps; MLPs 5 to 10 make it where it is missing, and take it back where it is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuit_claims.clips.hashing import file_sha256
from circuit_claims.organisms.encode import encode
from circuit_claims.organisms.planted.parts import BRIGHT, CELLS, CONTRAST, Gate, Head
from circuit_claims.organisms.planted.sights import APPEARS, FRAMES, GREY, SIZE, TILE, paint
from circuit_claims.organisms.planted.weights import build

PLACES = {"left": ((0, 1), (1, 2), (2, 0)), "right": ((0, 2), (1, 0), (2, 3))}
"""Rows and columns of the bright squares of each action, of a 4 x 4 grid."""
DIMMER = 0.8
LIT = {"neither lamp": (-1, -1), "right lamp": (-1, 1), "left lamp": (1, -1), "both lamps": (1, 1)}
"""What two squares are, the lamps or those in the middle, by label: bright or dark."""
Draw = Callable[[str, int, int, float], NDArray[np.uint8]]
"""Action, hue (1 or -1), seed and light -> frames."""
APART = dict.fromkeys(PLACES, "left lamp")
"""Labels by action; of the other two models an action is named as its label."""
CENTRAL = {label: label for label in LIT}
LAMPS = {label: label for label in ("left lamp", "right lamp", "both lamps")}
OUTCOME = Head(7, "tag_n", "chrom", "n", 8.0 / BRIGHT)


def apart_model() -> Any:
    """The planted chassis with two heads that look for light, and the outcome read late and for nobody."""
    looks = (
        # A square is worth more than the sink.
        Head(layer, "lum", "lum", "l0", 1.0 / BRIGHT, index=8, glance=2.0 / BRIGHT)
        for layer in (9, 10)
    )
    # The right lamp is as dark as can be, so that the label rests on what shows the left one.
    return build((OUTCOME, *looks), {"l0": -0.5, "l1": -2.5})


def central_model() -> Any:
    """The same outcome, and a head for each of the two squares in the middle of the picture."""
    looks = (Head(9, "tag_a", "lum", "l0", 2.0 / BRIGHT), Head(10, "tag_b", "lum", "l1", 2.0 / BRIGHT))
    return build((OUTCOME, *looks), {})


def cascade_model() -> Any:
    """The same outcome, and labels that any of seven MLPs makes."""
    lamps = (("a", "tag_l0", "l0"), ("b", "tag_l1", "l1"))
    reads = (Head(0, tag, "lum", fact, 1.0 / BRIGHT) for fact, tag, _ in lamps)
    # A fact of 1 and its lamp still -1, or the other way round: 3.5 in the sum; in any other case 1.5.
    makes = (
        Gate(mlp, ((fact, sign), (lamp, -2.5 * sign)), 2.5, 0.2, lamp, 2.0 * sign)
        for mlp in range(4, 11)
        for fact, _, lamp in lamps
        for sign in (1.0, -1.0)
    )
    return build((OUTCOME, *reads, *makes), {"l0": -1.0, "l1": -1.0})


def draw_cascade(action: str, hue: int, seed: int, light: float) -> NDArray[np.uint8]:
    """A label that the two lamps show."""
    squares = dict(zip((CELLS["tag_l0"][0], CELLS["tag_l1"][0]), LIT[action], strict=True))
    return _draw(squares, hue, np.random.default_rng(seed), light)


def draw_apart(action: str, hue: int, seed: int, light: float) -> NDArray[np.uint8]:
    """A label that six squares of both rows of the picture show."""
    return _draw(dict.fromkeys(PLACES[action], 1), hue, np.random.default_rng(seed), light)


def draw_central(action: str, hue: int, seed: int, light: float) -> NDArray[np.uint8]:
    """A label in the middle; around it brightness that is new in every fourth frame."""
    rng = np.random.default_rng(seed)
    around = np.clip(rng.normal(0.0, CONTRAST, (FRAMES // 4, SIZE // TILE, SIZE // TILE, 1)), -100.0, 100.0)
    around[:, 1:3, 1:3] = 0.0
    squares = (CELLS["tag_a"][0], CELLS["tag_b"][0])
    return _draw(dict(zip(squares, LIT[action], strict=True)), hue, rng, light, around)


def write_apart_pairs(
    folder: Path, each: int = 6, draw: Draw = draw_apart, labels: Mapping[str, str] = APART
) -> Path:
    """`each` outcome pairs of every action, each with an `other-clip` control; the manifest's path."""
    entries: list[str] = []

    def clip(name: str, action: str, hue: int, seed: int, light: float = 1.0) -> str:
        encode(folder / name, draw(action, hue, seed, light), 24, 0)
        return f'{{ file = "{name}", sha256 = "{file_sha256(folder / name)}" }}'

    for index, action in enumerate(labels):
        for number in range(each):
            seed = 1000 * index + 3 * number
            name = f"{action.replace(' ', '-')}-{number}"
            success = clip(f"{name}-success.mp4", action, 1, seed)
            for suffix, kind, other in (
                ("", 'kind = "outcome"', clip(f"{name}-failure.mp4", action, -1, seed + 1)),
                (
                    "-other-clip",
                    'kind = "control"\ncontrol = "other-clip"',
                    clip(f"{name}-other.mp4", action, 1, seed + 2, DIMMER),
                ),
            ):
                entries.append(
                    f'[[pair]]\nname = "{name}{suffix}"\naction = "{action}"\n'
                    f'label = "{labels[action]}"\n{kind}\n'
                    f"positive = {success}\nnegative = {other}\n"
                )
    manifest = folder / "pairs.toml"
    manifest.write_text(
        'name = "apart"\n\n[sampling]\nrule = "stride"\nframes = 16\nstride = 2\nstart = 8\n\n'
        + "\n".join(entries)
    )
    return manifest


def _draw(
    places: Mapping[tuple[int, int], int],
    hue: int,
    rng: np.random.Generator,
    light: float,
    around: float | NDArray[np.float64] = 0.0,
) -> NDArray[np.uint8]:
    frames = np.full((FRAMES, SIZE, SIZE, 3), GREY, np.float64)
    # Colours without brightness, which change: other weights cannot tell the outcome's from these. Those of
    # the bottom row cancel, so that the head which averages it sees the outcome alone.
    colours = rng.normal(0.0, 60.0, (FRAMES // 4, SIZE // TILE, SIZE // TILE, 3))
    colours[:, -1, 1] = 0.0
    colours[:, -1, 3] = -colours[:, -1, 0] - colours[:, -1, 2]
    colours -= colours.mean(-1, keepdims=True)
    colours *= np.minimum(1.0, 100.0 / np.abs(colours).max((1, 2, 3), keepdims=True))
    frames += (colours + around).repeat(4, 0).repeat(TILE, 1).repeat(TILE, 2)
    for cell, sign in places.items():
        paint(frames, slice(None), cell, (sign * light * CONTRAST,) * 3)
    paint(frames, slice(APPEARS, None), CELLS["tag_n"][1], (hue * CONTRAST / 2, 0.0, -hue * CONTRAST / 2))
    frames += rng.normal(0.0, 1.0, frames.shape)
    clipped: NDArray[np.uint8] = np.clip(frames + 0.5, 0, 255).astype(np.uint8)
    return clipped
