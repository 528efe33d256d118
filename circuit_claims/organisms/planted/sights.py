"""Clips with an object that is tracked: a square that appears late, in one of two places, bright or dark.

    l  .  .  l      two lamps, dark all the time
    .  1  c  .      the object: at 1 in one action, at 2 in the other; bright in success, dark in failure
    c  c  2  c      c and .: colours without brightness, new in every fourth frame
    n  n  n  n      nuisance: the hue of the bottom row

Two clips of an outcome pair share everything but the object's brightness. A `noise` control is one clip under
other sensor noise and another colour cast; an `other-clip` control another clip, of other hue.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuit_claims.clips.hashing import file_sha256
from circuit_claims.organisms.encode import encode
from circuit_claims.organisms.planted.parts import CELLS, CONTRAST, SQUARE
from circuit_claims.organisms.planted.scenes import CAST, FPS, FRAMES, GREY, NOISE, QP, SIZE, TILE, paint

LABEL = "left lamp"
PLACES = {"upper place": CELLS["tag_a"][0], "lower place": CELLS["tag_b"][0]}
"""Where the object appears: row and column, by action."""
APPEARS = 24
"""The window is source frames 8, 10, ... 38, so that its later half begins with this one."""
PAIRS, CONTROLS = 24, 12
COLOUR, STRONGEST = 80.0, 100.0
"""In levels: standard deviation of a cell's colour in each channel, and the largest."""


@dataclass(frozen=True)
class Sight:
    """One clip before it is drawn."""

    seed: int
    action: str
    bright: bool
    noise: int = 0
    """Another number is other sensor noise and another colour cast, from when the object appears."""
    hue: int = 1
    """1 or -1: of the bottom row."""


def draw(sight: Sight) -> NDArray[np.uint8]:
    """All frames of a clip, uint8 [frame, 64, 64, 3]."""
    frames = np.full((FRAMES, SIZE, SIZE, 3), GREY, np.float64)
    colours = np.random.default_rng([sight.seed, 1]).normal(
        0.0, COLOUR, (FRAMES // 4, SIZE // TILE, SIZE // TILE, 3)
    )
    colours -= colours.mean(-1, keepdims=True)
    colours *= np.minimum(1.0, STRONGEST / np.abs(colours).max(-1, keepdims=True))
    colours[:, -1] = 0.0
    frames += colours.repeat(4, 0).repeat(TILE, 1).repeat(TILE, 2)
    for lamp in ("tag_l0", "tag_l1"):
        paint(frames, slice(None), CELLS[lamp][0], (-CONTRAST,) * 3)
    paint(frames, slice(APPEARS, None), PLACES[sight.action], ((1 if sight.bright else -1) * CONTRAST,) * 3)
    for cell in CELLS["tag_n"]:
        paint(frames, slice(None), cell, (sight.hue * CONTRAST / 2, 0.0, -sight.hue * CONTRAST / 2))
    for when, variant in ((slice(0, APPEARS), 0), (slice(APPEARS, FRAMES), 1 + sight.noise)):
        rng = np.random.default_rng([sight.seed, 2, variant])
        # The two halves of the window differ in nothing but the object, or any weights could tell them apart.
        cast = (-0.5 if variant == 2 else 0.5) * CAST
        frames[when] += rng.normal(0.0, NOISE, frames[when].shape) + np.array([cast, 0.0, -cast])
    return np.clip(frames + 0.5, 0, 255).astype(np.uint8)


def write_pairs(folder: Path, seed: int = 0) -> Path:
    """Draw and encode the pairs with an object, and return their manifest in `folder`, `tracks.json` beside.

    The same arguments give the same bytes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tracks: dict[str, Any] = {}
    entries = []
    for index in range(PAIRS):
        sight, name = _success(seed, index, index)
        kind = f'kind = "outcome"\noutcome_frame = {APPEARS}'
        entries.append(_entry(folder, tracks, name, kind, sight, replace(sight, bright=False)))
    for number, control in enumerate(("noise", "other-clip"), 1):
        for index in range(CONTROLS):
            sight, name = _success(seed, index, PAIRS * number + index)
            if index // len(PLACES) % 2:  # one in two rounds of the actions is of failures
                sight = replace(sight, bright=False)
            other = replace(sight, noise=1)
            if control == "other-clip":
                other = replace(other, seed=sight.seed + 500, hue=-1)
            kind = f'kind = "control"\ncontrol = "{control}"'
            entries.append(_entry(folder, tracks, f"{name}-{control}", kind, sight, other))
    (folder / "tracks.json").write_text(json.dumps(tracks), encoding="utf-8")
    manifest = folder / "object.toml"
    manifest.write_text(
        'name = "planted object"\ntracks = "tracks.json"\n\n'
        '[sampling]\nrule = "stride"\nframes = 16\nstride = 2\nstart = 8\n\n' + "\n".join(entries),
        encoding="utf-8",
    )
    return manifest


def _success(seed: int, index: int, drawn: int) -> tuple[Sight, str]:
    """A success of the actions in turn, and its name: `index` counts, `drawn` is what it is drawn from."""
    action = list(PLACES)[index % len(PLACES)]
    return Sight(seed * 1_000 + drawn, action, bright=True), f"{action.replace(' ', '-')}-{index + 1}"


def _entry(
    folder: Path, tracks: dict[str, Any], name: str, kind: str, positive: Sight, negative: Sight
) -> str:
    lines = [f'[[pair]]\nname = "{name}"\naction = "{positive.action}"\nlabel = "{LABEL}"\n{kind}']
    for side, sight in (("positive", positive), ("negative", negative)):
        shown = "bright" if sight.bright else "dark"
        hue = "red" if sight.hue > 0 else "blue"
        file = folder / f"{sight.seed:04d}-{shown}-noise{sight.noise}-{hue}.mp4"
        if not file.exists():
            encode(file, draw(sight), FPS, QP)
        tracks[file.name] = {"object": _track(sight), "target": [None] * FRAMES}
        lines.append(f'{side} = {{ file = "{file.name}", sha256 = "{file_sha256(file)}" }}')
    return "\n".join(lines) + "\n"


def _track(sight: Sight) -> list[list[float] | None]:
    """The object's box in each frame, as fractions of the picture; None before it appears."""
    top, left = ((TILE * at + (TILE - SQUARE) // 2) / SIZE for at in PLACES[sight.action])
    box = [left, top, left + SQUARE / SIZE, top + SQUARE / SIZE]
    return [None] * APPEARS + [box] * (FRAMES - APPEARS)
