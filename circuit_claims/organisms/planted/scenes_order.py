"""Clips whose outcome is the exclusive or of two orders, so that no picture and no order alone tells it.

    l0 t  l2 l1     three lamps, bright or dark all the time: their eight states are the labels
    t  A  t  t      facts: A is bright and then dark, or dark and then bright; then B is the same
    t  t  B  t      textures of eight blocks, drawn for each clip
    n  n  n  n      nuisance: four red or four blue squares, drawn for each clip

                    frames 4..15   16..23   24..31   32..43    from 44 on A and B are grey
    A  bright first   bright        dark     grey     grey
    B  bright first    grey         grey    bright    dark

Success: A and B in different orders; failure: in the same. What this makes impossible, by design:

- *One picture*, or all of them in any order: every clip shows each of four pictures equally often.
- *Any direction in pixels, or in what is linear in one fact*: half of the pairs differ in A's order and half
  in B's, with both signs, each equally often for every label; the mean difference is 0.
- *The nuisance's colour*: the success clip is the red one in half of the pairs of each of these kinds.

The clips of an outcome pair are two videos: sensor noise, colour cast, textures and nuisance differ too, as
they do in an `other-clip` control, half of which show both facts in the other order (and so one outcome).
A `noise` control differs in noise and cast.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from circuit_claims.organisms.planted import scenes
from circuit_claims.organisms.planted.circuit import Evidence
from circuit_claims.organisms.planted.parts import BLOCKS, CONTRAST, ORDERED, SQUARE, TEXTURED

FIRST, A_TURNS, B_STARTS, B_TURNS, LAST = 4, 16, 24, 32, 44
"""Source frames: facts, textures and nuisance begin; A changes; B follows A; B changes; B ends."""
TEXTURE = 60.0
"""Levels by which a block of a texture lies at most above or below grey."""
PAIRS, CONTROLS = 32, 16
"""Outcome pairs, and controls of each kind: the labels in turn."""


@dataclass(frozen=True)
class Scene:
    """One clip before it is drawn. What it does not say is drawn from its seeds."""

    seed: int
    label: int
    """Index in the labels."""
    a: bool
    """Whether A is bright first."""
    b: bool
    hue: int
    """Of the nuisance: 1 is red, -1 blue."""
    noise: int = 0
    """Another number is other sensor noise and another colour cast."""
    video: int = 0
    """Another number is other textures and other strengths of the nuisance."""

    @property
    def success(self) -> bool:
        """Whether the orders differ."""
        return self.a is not self.b


def draw(scene: Scene) -> NDArray[np.uint8]:
    """All frames of a clip, uint8 [frame, 64, 64, 3]."""
    frames = np.full((scenes.FRAMES, scenes.SIZE, scenes.SIZE, 3), scenes.GREY, np.float64)
    before, after = slice(0, FIRST), slice(FIRST, scenes.FRAMES)
    bits = format(scene.label, f"0{len(ORDERED.lamps)}b")
    for lamp, bit in zip(ORDERED.lamps, bits, strict=True):
        scenes.paint(frames, slice(None), ORDERED.cells[f"tag_{lamp}"][0], scenes.grey(bit == "1"))
    for tag, bright_first, (start, turn, end) in (
        ("tag_a", scene.a, (FIRST, A_TURNS, B_STARTS)),
        ("tag_b", scene.b, (B_STARTS, B_TURNS, LAST)),
    ):
        (cell,) = ORDERED.cells[tag]
        scenes.paint(frames, slice(start, turn), cell, scenes.grey(bright_first))
        scenes.paint(frames, slice(turn, end), cell, scenes.grey(not bright_first))
    rng = np.random.default_rng([scene.seed, 5, scene.video])
    for cell, blocks in zip(TEXTURED, rng.uniform(-TEXTURE, TEXTURE, (len(TEXTURED), BLOCKS)), strict=True):
        _weave(frames[after], cell, blocks)
    for cell, strength in zip(ORDERED.cells["tag_n"], rng.uniform(0.4, 1.0, 4), strict=True):
        red = CONTRAST * strength * scene.hue
        scenes.paint(frames, after, cell, (red, 0.0, -red))
    for when, variant in ((before, 0), (after, 1 + scene.noise)):
        rng = np.random.default_rng([scene.seed, 3, variant])
        cast = scenes.CAST * rng.uniform(-1.0, 1.0)
        frames[when] += rng.normal(0.0, scenes.NOISE, frames[when].shape) + np.array([cast, 0.0, -cast])
    return np.clip(frames + 0.5, 0, 255).astype(np.uint8)


def outcome_pair(seed: int, index: int) -> tuple[Scene, Scene]:
    """The success and the failure of the `index`-th pair of 32, which differ in one fact and are two videos.

    Over the four rounds of a label: each of the four successes and failures that differ in one fact once, and
    either hue twice; over all labels each fact, sign and hue together equally often, also in each round.
    """
    round_, label = divmod(index, len(ORDERED.labels))
    kind, hue = (label + round_) % 4, 1 if (label // 4 + round_ // 2) % 2 else -1
    a_differs, a = divmod(kind, 2)
    success = Scene(seed * 3_000 + index, label, a=bool(a), b=not a, hue=hue)
    failure = replace(success, a=not a) if a_differs else replace(success, b=bool(a))
    return success, replace(failure, hue=-hue, noise=1, video=1)


def control_pair(seed: int, index: int, control: str) -> tuple[Scene, Scene]:
    """Two clips of one outcome, of failures in every other round of the labels; `control` as in a manifest.

    Each label has one `other-clip` control with both facts the other way round, and one with the same facts.
    """
    round_, label = divmod(index, len(ORDERED.labels))
    a, turned, hue = (bool(bit) for bit in ((label + round_) % 2, (label // 2 + round_) % 2, label // 4 % 2))
    fails = bool(round_ % 2)
    first = Scene(seed, label, a=a, b=a if fails else not a, hue=1 if hue else -1, noise=0)
    if control == "noise":
        return first, replace(first, noise=1)
    other = replace(first, hue=-first.hue, noise=1, video=1)
    return first, replace(other, a=not other.a, b=not other.b) if turned else other


def write_pairs(folder: Path, seed: int = 0) -> Path:
    """Draw and encode all pairs, and return their manifest in `folder`. Same arguments, same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for index in range(PAIRS):
        kind = f'kind = "outcome"\noutcome_frame = {FIRST}'
        entries.append(_entry(folder, f"{index + 1}", kind, outcome_pair(seed, index)))
    for (number, control), index in product(enumerate(("noise", "other-clip"), 1), range(CONTROLS)):
        kind = f'kind = "control"\ncontrol = "{control}"'
        pair = control_pair(seed * 3_000 + number * 1_000 + index, index, control)
        entries.append(_entry(folder, f"{index + 1}-{control}", kind, pair))
    return scenes.write_manifest(folder, Evidence.ORDER, entries)


def _entry(folder: Path, name: str, kind: str, pair: tuple[Scene, Scene]) -> str:
    label = ORDERED.labels[pair[0].label]
    clips = {_stem(scene): partial(draw, scene) for scene in pair}
    return scenes.entry(folder, f"{label.replace(' ', '-')}-{name}", label, kind, clips)


def _stem(scene: Scene) -> str:
    orders = "".join("bd" if first else "db" for first in (scene.a, scene.b))
    colour = "red" if scene.hue > 0 else "blue"
    return f"order-{scene.seed:04d}-{orders}-{colour}-noise{scene.noise}-video{scene.video}"


def _weave(frames: NDArray[np.float64], cell: tuple[int, int], blocks: NDArray[np.float64]) -> None:
    """A texture in the middle of a cell: four rows of two blocks, each so many levels from grey."""
    top, left = (scenes.TILE * place + (scenes.TILE - SQUARE) // 2 for place in cell)
    woven = blocks.reshape(4, 2).repeat(4, axis=0).repeat(8, axis=1)
    margin = (scenes.TILE - SQUARE) // 2
    woven = woven[margin : margin + SQUARE, margin : margin + SQUARE, None]
    frames[:, top : top + SQUARE, left : left + SQUARE] = scenes.GREY + woven
