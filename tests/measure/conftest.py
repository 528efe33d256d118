from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch
from torch import Tensor

# The tiny ViViTs and the integer toy are modules beside the tests that are about them.
sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "models")]

torch.set_num_threads(1)


@pytest.fixture
def tiny() -> Callable[..., Any]:
    """A loaded tiny ViViT: `tiny(seed, num_hidden_layers=2)`."""
    from tiny_vivit import build_vivit

    from circuit_claims.models.load import ModelSource, load

    def loaded(seed: int = 0, **settings: Any) -> Any:
        hf_model = build_vivit(seed, **settings)
        return load(ModelSource(name="tiny", build=lambda: hf_model, build_fingerprint=f"{seed}"))

    return loaded


@pytest.fixture
def clips() -> Callable[..., tuple[Tensor, Tensor]]:
    """Pixels of a donor and a recipient for a model, `[frame, 3, h, w]` each."""

    def draw(model: Any, seed: int = 0) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(seed)
        shape = (model.frames, 3, model.image_size, model.image_size)
        return torch.randn(shape, generator=generator), torch.randn(shape, generator=generator)

    return draw
