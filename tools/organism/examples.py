"""Training and held-out examples: one window of one rendered clip, as the model sees it, in files of many.

Both outcomes of every scene are in, with the same window; half of the scenes go through the fixtures' codec.
Seeds below FIXTURE_SEEDS belong to the fixtures, so that nothing here was ever seen in one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from circuit_claims.organisms.encode import round_trip
from tools.organism.render import ACTIONS, FPS, FRAMES, render

WINDOW, STRIDE, START = 16, 2, 8  # the model's frames and how the fixtures are sampled
IMAGE_SIZE = 64
FIXTURE_SEEDS, TRAIN_SEEDS, HELD_OUT_SEEDS, PROBE_SEEDS = 1_000, 100_000, 900_000, 950_000


def resize(frames: NDArray[np.uint8]) -> Tensor:
    """uint8 [frame, height, width, 3] -> float32 [frame, 3, 64, 64], still 0 to 255.

    This is the resize of the saved preprocessor: bilinear with antialiasing, nothing rounded.
    """
    pixels = torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2).float()
    return torch.nn.functional.interpolate(
        pixels, size=(IMAGE_SIZE, IMAGE_SIZE), mode="bilinear", antialias=True, align_corners=False
    )


@dataclass(frozen=True)
class Examples:
    """pixels uint8 [clip, frame, 3, 64, 64]; label [clip]; success [clip] (0 or 1)."""

    pixels: NDArray[np.uint8]
    label: NDArray[np.int64]
    success: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.label)


def scene_examples(
    seed: int, start: int | None, codec: bool | None
) -> Iterator[tuple[NDArray[np.uint8], int, int]]:
    """Both outcomes of one scene; the action goes with the seed, window start and codec by chance if None."""
    rng = np.random.default_rng([seed, 77])
    begin = int(rng.integers(0, FRAMES - (WINDOW - 1) * STRIDE)) if start is None else start
    through = bool(rng.random() < 0.5) if codec is None else codec
    index = seed % len(ACTIONS)
    for success in (True, False):
        window = range(begin, begin + WINDOW * STRIDE, STRIDE)
        frames = render(list(ACTIONS)[index], success, seed, frames=window).frames
        if through:
            frames = round_trip(frames, FPS)
        yield (resize(frames) + 0.5).clamp(0, 255).byte().numpy(), index, int(success)


def make_examples(seeds: range, start: int | None = None, codec: bool | None = None) -> Examples:
    """Both outcomes of each scene seed; consecutive seeds go through the actions in turn."""
    rows = [row for seed in seeds for row in scene_examples(seed, start, codec)]
    return Examples(
        np.stack([r[0] for r in rows]), np.array([r[1] for r in rows]), np.array([r[2] for r in rows])
    )


def write_examples(path: Path, examples: Examples) -> None:
    """Save, so that a reader never meets half a file."""
    part = path.with_suffix(".part.npy")
    np.save(part, examples.pixels)
    np.savez(path.with_suffix(".labels.npz"), label=examples.label, success=examples.success)
    part.rename(path)


def read_examples(path: Path) -> Examples:
    """What write_examples saved."""
    labels = np.load(path.with_suffix(".labels.npz"))
    return Examples(np.load(path), labels["label"], labels["success"])


def produce(folder: Path, seeds: range, scenes: int = 128, **options: object) -> None:
    """Fill a folder with files of examples, skipping what is there; several processes may share the seeds."""
    folder.mkdir(parents=True, exist_ok=True)
    for first in range(seeds.start, seeds.stop, scenes):
        path = folder / f"{first}.npy"
        if not path.exists():
            write_examples(path, make_examples(range(first, min(first + scenes, seeds.stop)), **options))  # type: ignore[arg-type]
