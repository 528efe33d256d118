"""A model for which the paper's statements about attribution and attention are true, and its clips.

A bright square appears in the later half of the window, in the centre, where the action says; in a failure it
is dark. Heads L9H8 and L10H8 of CLS look for brightness (by content, not by position) and write what they
find into the label, and MLP 11 adds a tenth. MLP 3 copies brightness to the patch tokens' label feature,
where the paper's token map sees it and nothing else does. All other heads attend evenly.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from circuit_claims.clips.hashing import file_sha256
from circuit_claims.organisms.encode import encode
from circuit_claims.organisms.planted.parts import BRIGHT, CELLS, CONTRAST, SQUARE, Head, Linear
from circuit_claims.organisms.planted.weights import D_MODEL, HEADS, build

PLACES = {"left lamp": (1, 1), "both lamps": (2, 2)}
"""Where the square of each action appears: row and column of a 4 x 4 grid."""
FRAMES, SIZE, TILE, GREY, APPEARS = 48, 64, 16, 128.5, 24
"""The window is source frames 8, 10, ... 38, so that its later half begins with frame 24."""
SEEN = 8
"""The head that looks, in layers 9 and 10."""


def gazing_model() -> Any:
    """The planted chassis with two heads that look for light, moved to the place that the paper names."""
    return looking_model(
        (
            Head(0, "tag_n", "chrom", "n", 0.2 / BRIGHT),
            Linear(3, "lum", "l0", 1.5 / BRIGHT),
            Linear(11, "l0", "l0", 0.1),
        )
    )


def looking_model(others: tuple[Any, ...], **biases: float) -> Any:
    """Heads L9H8 and L10H8 look for brightness and write it into the label; with some other parts."""
    looks = (Head(layer, "lum", "lum", "l0", 1.0 / BRIGHT) for layer in (9, 10))
    model = build((*others, *looks), {"l0": -0.5, **biases})
    d_head = D_MODEL // HEADS
    first, there = slice(0, d_head), slice(SEEN * d_head, (SEEN + 1) * d_head)
    with torch.no_grad():
        for layer in (9, 10):
            attention = model.vivit.layers[layer].attention
            # A square is worth more than the sink: 2 LOOK * 2 against LOOK.
            attention.k_proj.weight[0] *= 2.0 / BRIGHT
            for projection in (attention.q_proj, attention.k_proj, attention.v_proj):
                for value in (projection.weight, projection.bias):
                    value[there] = value[first].clone()
                    value[first] = 0.0
            attention.o_proj.weight[:, there] = attention.o_proj.weight[:, first].clone()
            attention.o_proj.weight[:, first] = 0.0
    return model


def write_gaze_pairs(folder: Path, each: int = 3) -> Path:
    """`each` outcome pairs and `other-clip` controls of both actions, with tracks; the manifest's path."""
    tracks: dict[str, Any] = {}
    entries: list[str] = []

    def clip(name: str, action: str, bright: bool, seed: int, hue: int) -> str:
        encode(folder / name, _draw(PLACES[action], bright, seed, hue), 24, 0)
        row, column = PLACES[action]
        edge = (TILE - SQUARE) / 2
        box = [(column * TILE + edge) / SIZE, (row * TILE + edge) / SIZE]
        box += [box[0] + SQUARE / SIZE, box[1] + SQUARE / SIZE]
        seen = [None] * APPEARS + [box] * (FRAMES - APPEARS)
        tracks[name] = {"object": seen, "target": [None] * FRAMES}
        return f'{{ file = "{name}", sha256 = "{file_sha256(folder / name)}" }}'

    for index, action in enumerate(PLACES):
        for number in range(each):
            seed = 10 * index + number
            name = f"{action.replace(' ', '-')}-{number}"
            success = clip(f"{name}-success.mp4", action, True, seed, 1)
            for kind, other in (
                ('kind = "outcome"', clip(f"{name}-failure.mp4", action, False, seed, 1)),
                (
                    'kind = "control"\ncontrol = "other-clip"',
                    clip(f"{name}-other.mp4", action, True, 100 + seed, -1),
                ),
            ):
                suffix = "" if "outcome" in kind else "-other-clip"
                entries.append(
                    f'[[pair]]\nname = "{name}{suffix}"\naction = "{action}"\nlabel = "{action}"\n{kind}\n'
                    f"positive = {success}\nnegative = {other}\n"
                )
    (folder / "tracks.json").write_text(json.dumps(tracks))
    manifest = folder / "pairs.toml"
    manifest.write_text(
        'name = "gaze"\ntracks = "tracks.json"\n\n[sampling]\nrule = "stride"\nframes = 16\nstride = 2\n'
        "start = 8\n\n" + "\n".join(entries)
    )
    return manifest


def _draw(place: tuple[int, int], bright: bool, seed: int, hue: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    frames = np.full((FRAMES, SIZE, SIZE, 3), GREY, np.float64)
    # Colours without brightness, new in every fourth frame: on plain grey the square would be all that any
    # weights, random ones too, could tell from the rest.
    colours = rng.normal(0.0, 80.0, (FRAMES // 4, SIZE // TILE, SIZE // TILE, 3))
    colours[:, -1] = 0.0
    colours = np.clip(colours - colours.mean(-1, keepdims=True), -100.0, 100.0)
    frames += colours.repeat(4, 0).repeat(TILE, 1).repeat(TILE, 2)
    _paint(frames[APPEARS:], place, np.full(3, CONTRAST if bright else -CONTRAST))
    for cell in CELLS["tag_n"]:
        _paint(frames[APPEARS:], cell, np.array([1.0, 0.0, -1.0]) * hue * CONTRAST / 2)
    frames += rng.normal(0.0, 1.0, frames.shape)
    return np.clip(frames + 0.5, 0, 255).astype(np.uint8)


def _paint(frames: NDArray[np.float64], cell: tuple[int, int], rgb: NDArray[np.float64]) -> None:
    top, left = (TILE * at + (TILE - SQUARE) // 2 for at in cell)
    frames[:, top : top + SQUARE, left : left + SQUARE] = GREY + rgb
