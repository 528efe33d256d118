"""An amplifier planted into trained weights: MLPs 5 to 10 add what CLS says of the outcome once more.

Two neurons of opposite sign pass a number on: gelu(z) - gelu(-z) = z, exactly, for GELU and for its tanh
form. Three such pairs take the place of the six least used neurons of each MLP, which then adds

    alpha V V^T (n(x) - centre)

to what it wrote, at every token: n(x) is the stream in units of its own standard deviation sigma (the norm
of the block without its affine part), V `[d_model, 3]` holds orthonormal directions. A delta along V grows by
the factor 1 + alpha / sigma in each of these blocks, while sigma itself stays what it was.

V is fitted by `directions.py`: the directions in which the outcome moves CLS most, compared with what moves
it between clips of one outcome, among those that no label's logit reads. It is kept beside the weights that
it was fitted to. Imports no torch until a model is made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from circuit_claims.models.checkpoint import WEIGHTS, locate
from circuit_claims.models.source import ModelError, ModelSource

if TYPE_CHECKING:
    from torch import Tensor

FIRST, LAST = 5, 10
"""The layers whose MLPs amplify."""
BLOCKS = range(FIRST, LAST + 1)
PAIRS = 3
"""Directions, each of which takes two neurons."""
FILE = "amplifier.safetensors"
FITTED_TO = "fitted_to"
"""Key of the file's metadata: sha256 of the weights that the directions belong to."""


@dataclass(frozen=True)
class Directions:
    """What is amplified, and where there is room for it."""

    directions: Tensor
    """[3, d_model], orthonormal."""
    centre: Tensor
    """[6, 3]: the mean of V^T n(x) at CLS before each of the six MLPs."""
    neurons: Tensor
    """[6, 6], int64: the least used neurons of each MLP."""


def amplify(hf_model: Any, base: ModelSource, alpha: float) -> None:
    """Plant the amplifier that was fitted to a base model's weights. Raises ModelError."""
    plant(hf_model.vivit.layers, read_directions(base), alpha)


def plant(layers: Sequence[Any], fitted: Directions, alpha: float) -> None:
    """Replace the neurons of `fitted` in MLPs 5 to 10 (modules of a ViViT's blocks)."""
    import torch

    for block, centre, neurons in zip(layers[FIRST : LAST + 1], fitted.centre, fitted.neurons, strict=True):
        norm, fc1, fc2 = block.layernorm_after, block.mlp.fc1, block.mlp.fc2
        with torch.no_grad():
            # The norm's own scale and shift are undone, so that the pair reads n(x).
            read = fitted.directions / norm.weight
            shift = -(read @ norm.bias) - centre
            write = alpha * fitted.directions
            fc1.weight[neurons] = torch.cat([read, -read])
            fc1.bias[neurons] = torch.cat([shift, -shift])
            fc2.weight[:, neurons] = torch.cat([write, -write]).T


def read_directions(base: ModelSource) -> Directions:
    """What was fitted to a base model's weights.

    Raises:
        ModelError: nothing was, or it was fitted to other weights.
    """
    from safetensors import safe_open

    if base.build is not None:
        raise ModelError(base.name, *_unfitted("it is built in memory"))
    folder = locate(base)
    path = folder / FILE
    if not path.is_file():
        raise ModelError(base.name, *_unfitted(f"there is no {path}"))
    with safe_open(path, framework="pt") as file:
        found = Directions(*(file.get_tensor(name) for name in ("directions", "centre", "neurons")))
        fitted_to = (file.metadata() or {}).get(FITTED_TO)
    if fitted_to != weights_hash(folder):
        raise ModelError(base.name, *_unfitted(f"{path} was fitted to other weights"))
    return found


def weights_hash(folder: Path) -> str:
    """sha256 of a model's weights."""
    with (folder / WEIGHTS).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unfitted(why: str) -> tuple[str, str]:
    return (
        f"no direction to amplify was fitted to it ({why})",
        "fit one to the embedded models by `python -m tools.organism.directions`",
    )
