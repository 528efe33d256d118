"""What probes are fitted to: pooled streams after every block, coarse pixels, and tokens of two clips mixed.

The paper fits a linear probe to the CLS tokens of its two clips, and to their patch tokens split at random
(E1 appendix C.2 and figure 5; E3 section 4.1.4). CLS is what ViViT pools; the mean of a model that pools one
takes its place. Here the streams are measured, a pair at a time; probes over many pairs are fitted to what is
kept of them (`linear_probe.py`), when they are judged.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool3d

from circuit_claims.clips.pairs import Pair
from circuit_claims.clips.sampling import SamplingError
from circuit_claims.measure.controls import CONTROLS, Roles
from circuit_claims.measure.digits import digits
from circuit_claims.measure.logistic import split_accuracy
from circuit_claims.measure.runs import clean_walk
from circuit_claims.models.device import float64
from circuit_claims.models.residual import ResidualModel

if TYPE_CHECKING:
    from circuit_claims.measure.assay import Assay

COARSE = (4, 4, 4)
"""Raw pixels as a probe sees them: means of blocks in time, height and width, all colours together."""
SPLIT_SEED = 13
HELD_OUT = 0.25
"""Share of the tokens that a token split scores (scikit-learn's default)."""


def pooled_streams(model: ResidualModel, pixels: Tensor, layers: int | None = None) -> list[list[float]]:
    """What the model would pool, `[layer][d_model]`, of one clip `[frame, 3, h, w]` after each block.

    With `layers` of the first so many blocks only; the rest is not run. Raises MeasurementError for a clip
    of the wrong shape, and for NaN or Inf.
    """
    with torch.inference_mode():
        blocks = islice(_blocks(model, pixels, "clip"), layers or model.n_layers)
        return [digits(model.pool(resid)[0]) for _, resid in blocks]


def coarse_pixels(pixels: Tensor) -> list[float]:
    """One clip `[frame, 3, h, w]` as the means of `COARSE` blocks, flat: 64 numbers."""
    grey = pixels.mean(dim=1)[None, None]
    blocks: list[float] = digits(adaptive_avg_pool3d(grey, COARSE).flatten())
    return blocks


def token_split(
    model: ResidualModel,
    positive_pixels: Tensor,
    negative_pixels: Tensor,
    layers: Collection[int],
    seed: int = SPLIT_SEED,
) -> dict[int, float]:
    """The published "test accuracy", by layer: which of two clips a patch token is from.

    The patch tokens of both clips after a block are split at random, so each clip is in the fit and in the
    test. Logistic regression on the one part, the share read right of the other (`HELD_OUT`).
    """
    rows = model.patch_rows
    count = len(range(model.n_tokens)[rows])
    y = np.repeat([1.0, -1.0], count)
    held_out = np.random.default_rng(seed).permutation(2 * count) < round(HELD_OUT * 2 * count)
    runs = [_blocks(model, positive_pixels, "positive"), _blocks(model, negative_pixels, "negative")]
    accuracies = {}
    with torch.inference_mode():
        for (layer, positive), (_, negative) in zip(*runs, strict=True):
            if layer in layers:
                tokens = float64(torch.cat([positive[0, rows], negative[0, rows]])).numpy()
                accuracies[layer] = split_accuracy(tokens, y, held_out)
    return accuracies


def _blocks(model: ResidualModel, pixels: Tensor, role: str) -> Iterator[tuple[int, Tensor]]:
    """Each block's layer and the stream after it `[1, token, d_model]`; call it under inference mode."""
    for site, resid in clean_walk(model, pixels, role):
        if site.kind == "resid_post":
            yield site.layer, resid


def _streams(assay: Assay, pair: Pair, params: Mapping[str, Any]) -> dict[str, Any]:
    """The pooled streams of both clips; or that this window does not fit into them."""
    try:
        roles = _roles(assay, pair, params)
    except SamplingError as why:
        return {"outside": str(why)}
    return {
        "success": pooled_streams(assay.model(), roles.donor, params["layers"]),
        "failure": pooled_streams(assay.model(), roles.recipient, params["layers"]),
    }


def _pixels(assay: Assay, pair: Pair, params: Mapping[str, Any]) -> dict[str, list[float]]:
    """Both clips as coarse pixels, as the model's preprocessing leaves them."""
    roles = _roles(assay, pair, params)
    return {"success": coarse_pixels(roles.donor), "failure": coarse_pixels(roles.recipient)}


def _token_split(assay: Assay, pair: Pair, params: Mapping[str, Any]) -> dict[str, float]:
    """The accuracy of a probe whose tokens were split at random, by layer."""
    model, roles = assay.model(), _roles(assay, pair, params)
    found = token_split(model, roles.donor, roles.recipient, params["layers"])
    return {str(layer): accuracy for layer, accuracy in found.items()}


def _roles(assay: Assay, pair: Pair, params: Mapping[str, Any]) -> Roles:
    return CONTROLS[params["control"]](assay, pair)


MEASUREMENTS: Mapping[str, Callable[[Assay, Pair, Mapping[str, Any]], Any]] = {
    "streams": _streams,
    "pixels": _pixels,
    "token_split": _token_split,
}
"""By the name in the store's key."""
