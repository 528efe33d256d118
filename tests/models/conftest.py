from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch
from tiny_vivit import build_vivit, save

torch.set_num_threads(1)


@pytest.fixture
def vivit() -> Callable[..., Any]:
    return build_vivit


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., Path]:
    return lambda model, name="model", **kwargs: save(model, tmp_path / name, **kwargs)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return save(build_vivit(), tmp_path / "checkpoint")


@pytest.fixture
def clips() -> Callable[..., tuple[torch.Tensor, torch.Tensor]]:
    """Pixels of a donor and a recipient for a model, `[frame, 3, h, w]` each."""

    def draw(model: Any, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
        generator = torch.Generator().manual_seed(seed)
        shape = (model.frames, 3, model.image_size, model.image_size)
        return torch.randn(shape, generator=generator), torch.randn(shape, generator=generator)

    return draw
