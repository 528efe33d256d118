"""Tiny random ViViTs, as Hugging Face builds and saves them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch


def build_vivit(seed: int = 0, std: float = 0.2, **settings: Any) -> Any:
    """A `VivitForVideoClassification` of 3 layers, 16 dimensions and 17 tokens unless told otherwise."""
    from transformers import VivitConfig, VivitForVideoClassification

    config = VivitConfig(
        **{
            "num_hidden_layers": 3,
            "hidden_size": 16,
            "num_attention_heads": 2,
            "intermediate_size": 32,
            "image_size": 16,
            "num_frames": 8,
            "tubelet_size": [2, 8, 8],
            "num_labels": 5,
            **settings,
        }
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = VivitForVideoClassification(config).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * std)
    return model


def save(model: Any, folder: Path, **kwargs: Any) -> Path:
    """A folder as `save_pretrained` writes it, with the preprocessing beside the weights."""
    from transformers import VivitImageProcessor
    from transformers.utils import logging

    logging.disable_progress_bar()
    size = model.config.image_size
    model.save_pretrained(folder, **kwargs)
    VivitImageProcessor(
        size={"height": size, "width": size}, do_center_crop=False, do_normalize=False
    ).save_pretrained(folder)
    return folder
