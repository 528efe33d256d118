"""The clips of the planted circuits: squares on grey, 64 x 64 pixels, drawn from a seed.

    l0 .  .  l1     two lamps, bright or dark all the time: their four states are the labels
    .  A  .  .      facts: bright or dark from the outcome on, unseen before
    .  .  B  .
    n  n  n  n      nuisance: four red or four blue squares, drawn anew at the outcome

Two clips of a pair share their lamps and everything that happens before the outcome, sensor noise included.
From there on an outcome pair differs in the facts alone, so that what is recovered has nothing else to be;
a `noise` control in its sensor noise and its colour cast, and an `other-clip` control in the nuisance too.
A confounded outcome pair differs in all of these: without the facts it is just another `other-clip` pair.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from circuit_claims.clips.hashing import file_sha256
from circuit_claims.organisms.encode import encode
from circuit_claims.organisms.planted.circuit import LABELS, Evidence
from circuit_claims.organisms.planted.parts import CELLS, CONTRAST, SQUARE

SIZE, TILE = 64, 16
GREY = 128.5
"""Decoded it is 127.5, the model's 0: conversion to YUV and back costs one level."""
FRAMES, FPS = 48, 24
QP = 0
"""Lossless: any other leaves a trace of the outcome in lamps and nuisance, which an amplifier would find."""
START, STRIDE, WINDOW = 8, 2, 16
"""The window is source frames 8, 10, ... 38: a jitter of 4 frames either way stays inside the clip."""
OUTCOME_FRAMES = (16, 20)
"""Earliest and latest outcome: before the tubelets that are read, even in a window 4 frames earlier."""
NOISE, CAST = 1.0, 8.0
"""In levels: standard deviation of each pixel in each frame, and the strongest red or blue cast of a clip."""
PAIRS, CONTROLS = 24, 12
"""Outcome pairs, and controls of each kind: the labels in turn."""


@dataclass(frozen=True)
class Scene:
    """One clip before it is drawn. What it does not say is drawn from its seeds."""

    seed: int
    label: int
    """Index in LABELS."""
    a: bool
    b: bool
    noise: int = 0
    """Another number is other sensor noise and another colour cast from the outcome on."""
    nuisance: int = 0
    """0 or 1: the other colour from the outcome on."""


def outcome_frame(seed: int) -> int:
    """The first frame that shows the facts."""
    low, high = OUTCOME_FRAMES
    return low + int(np.random.default_rng([seed, 1]).integers(high - low + 1))


def draw(scene: Scene) -> NDArray[np.uint8]:
    """All frames of a clip, uint8 [frame, 64, 64, 3]."""
    frames = np.full((FRAMES, SIZE, SIZE, 3), GREY, np.float64)
    outcome = outcome_frame(scene.seed)
    before, after = slice(0, outcome), slice(outcome, FRAMES)
    for tag, lit in (("tag_l0", scene.label >= 2), ("tag_l1", scene.label % 2 == 1)):
        paint(frames, slice(None), CELLS[tag][0], grey(lit))
    for tag, shown in (("tag_a", scene.a), ("tag_b", scene.b)):
        paint(frames, after, CELLS[tag][0], grey(shown))
    for when, variant in ((before, 0), (after, 1 + scene.nuisance)):
        colours = _colours(scene.seed, variant)
        for cell, colour in zip(CELLS["tag_n"], colours, strict=True):
            paint(frames, when, cell, (colour, 0.0, -colour))
    for when, variant in ((before, 0), (after, 1 + scene.noise)):
        rng = np.random.default_rng([scene.seed, 3, variant])
        cast = hue(scene.seed, variant) * rng.uniform(0.5, 1.0) * CAST
        frames[when] += rng.normal(0.0, NOISE, frames[when].shape) + np.array([cast, 0.0, -cast])
    return np.clip(frames + 0.5, 0, 255).astype(np.uint8)


def write_pairs(folder: Path, evidence: Evidence, seed: int = 0) -> Path:
    """Draw and encode the pairs of one kind of evidence, and return their manifest in `folder`.

    The same arguments give the same bytes. Kinds share a folder, and the clips that they have in common.
    """
    folder.mkdir(parents=True, exist_ok=True)
    entries: list[str] = []

    def enter(name: str, label: str, kind: str, positive: Scene, negative: Scene) -> None:
        files = {_stem(scene): partial(draw, scene) for scene in (positive, negative)}
        entries.append(entry(folder, name, label.replace("-", " "), kind, files))

    for index in range(PAIRS):
        scene, label = _success(seed, index)
        failure = replace(scene, b=False, a=evidence is Evidence.ONE)
        if evidence is Evidence.CONFOUNDED:
            failure = replace(failure, noise=1, nuisance=1)
        kind = f'kind = "outcome"\noutcome_frame = {outcome_frame(scene.seed)}'
        enter(f"{label}-{index + 1}", label, kind, scene, failure)
    for number, control in enumerate(("noise", "other-clip"), 1):
        for index in range(CONTROLS):
            scene, label = _success(seed, PAIRS * number + index)
            if index // len(LABELS) % 2:  # one in two rounds of the labels is of failures
                scene = replace(scene, b=False, a=evidence is Evidence.ONE)
            other = replace(scene, noise=1, nuisance=int(control == "other-clip"))
            kind = f'kind = "control"\ncontrol = "{control}"'
            enter(f"{label}-{index + 1}-{control}", label, kind, scene, other)
    return write_manifest(folder, evidence, entries)


def write_manifest(folder: Path, evidence: Evidence, entries: list[str]) -> Path:
    """Write the manifest of some entries, named after their evidence."""
    manifest = folder / f"{evidence}.toml"
    sampling = f'[sampling]\nrule = "stride"\nframes = {WINDOW}\nstride = {STRIDE}\nstart = {START}\n'
    manifest.write_text(f'name = "planted {evidence}"\n\n{sampling}\n' + "\n".join(entries), encoding="utf-8")
    return manifest


def _success(seed: int, index: int) -> tuple[Scene, str]:
    """The `index`-th success, and its label as it stands in names."""
    label = index % len(LABELS)
    return Scene(seed * 1_000 + index, label, a=True, b=True), LABELS[label].replace(" ", "-")


def entry(
    folder: Path, name: str, action: str, kind: str, clips: Mapping[str, Callable[[], NDArray[np.uint8]]]
) -> str:
    """One pair of a manifest. Its two clips, by the stems of their files, are drawn where they are new."""
    lines = [f'[[pair]]\nname = "{name}"\naction = "{action}"\nlabel = "{action}"\n{kind}']
    for side, (stem, drawn) in zip(("positive", "negative"), clips.items(), strict=True):
        file = folder / f"{stem}.mp4"
        if not file.exists():
            part = file.with_suffix(".part")
            encode(part, drawn(), FPS, QP)
            part.replace(file)
        lines.append(f'{side} = {{ file = "{file.name}", sha256 = "{file_sha256(file)}" }}')
    return "\n".join(lines) + "\n"


def _stem(scene: Scene) -> str:
    facts = "ab" if scene.b else "a" if scene.a else "neither"
    return f"{scene.seed:04d}-{facts}-noise{scene.noise}-nuisance{scene.nuisance}"


def _colours(seed: int, variant: int) -> NDArray[np.float64]:
    """Red minus grey of the nuisance squares, in levels."""
    strength = np.random.default_rng([seed, 2, variant]).uniform(0.4, 1.0, len(CELLS["tag_n"]))
    return CONTRAST * strength * hue(seed, variant)


def hue(seed: int, variant: int) -> int:
    """Red (1) or blue (-1): variants take turns, so that two differ, and which is red goes with the seed."""
    return 1 if np.random.default_rng([seed, 4]).integers(2) == variant % 2 else -1


def paint(
    frames: NDArray[np.float64], when: slice, cell: tuple[int, int], rgb: tuple[float, float, float]
) -> None:
    """A square in the middle of a cell, so many levels from grey."""
    top, left = (TILE * place + (TILE - SQUARE) // 2 for place in cell)
    frames[when, top : top + SQUARE, left : left + SQUARE] = GREY + np.array(rgb)


def grey(lit: bool) -> tuple[float, float, float]:
    """Levels above the picture's grey of a square that is bright, or dark."""
    level = CONTRAST if lit else -CONTRAST
    return (level, level, level)
