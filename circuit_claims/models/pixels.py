"""What a checkpoint's preprocessing makes of black and of white, from its configuration alone. No torch.

Pixels in another range than the model was trained on give other numbers without a warning. ViViT's processor
subtracts 1 after scaling (to [-1, 1]); a configuration that normalises as well ends in [-3, 1], which is
what the Kinetics checkpoint ships, and what it is read with here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from circuit_claims.models.checkpoint import PREPROCESSOR, locate, read_json
from circuit_claims.models.source import ModelSource

USUAL = (-1.0, 1.0)


def range_of(source: ModelSource) -> tuple[float, float]:
    """The range of a model's pixels. Raises ModelError where its files are not here."""
    if source.build is not None:
        return USUAL if source.preprocessor is None else pixel_range(source.preprocessor)
    folder: Path = locate(source)
    return pixel_range(read_json(source.name, folder / PREPROCESSOR))


def pixel_range(settings: Mapping[str, Any]) -> tuple[float, float]:
    """The smallest and the largest pixel that a `VivitImageProcessor` of these settings gives.

    `settings` are those of preprocessor_config.json; what is left out is the processor's own default.
    """
    ends = [0.0, 255.0]
    if settings.get("do_rescale", True):
        ends = [end * settings.get("rescale_factor", 1 / 127.5) for end in ends]
        ends = [end - 1.0 for end in ends] if settings.get("offset", True) else ends
    if settings.get("do_normalize", True):
        means, stds = (_each(settings.get(key, 0.5)) for key in ("image_mean", "image_std"))
        ends = [(end - mean) / std for end in ends for mean, std in zip(means, stds, strict=True)]
    return min(ends), max(ends)


def _each(value: float | Sequence[float]) -> list[float]:
    return [float(value)] * 3 if isinstance(value, int | float) else [float(one) for one in value]
