"""What the tokens that are read attend to, held against where things are and against the attribution.

Of a model that reads one token (CLS) that is its row of the pattern; of one that pools several, the mean of
their rows by the pool's weights. The weights on patch tokens are taken by themselves (what CLS puts on itself
is left out), since a map is compared by shares.

A clip is run once, for its attention and its attribution (`attribution.py`), and both are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from circuit_claims.measure.attribution import Attribution, attribute, label_of, plain
from circuit_claims.measure.controls import CONTROLS
from circuit_claims.measure.digits import digits
from circuit_claims.measure.token_maps import (
    Map,
    agreement,
    concentration,
    high_norm,
    later_half,
    lift,
    mass_share,
)
from circuit_claims.measure.tracks import mask

if TYPE_CHECKING:
    from torch import Tensor

    from circuit_claims.clips.pairs import Pair
    from circuit_claims.measure.assay import Assay

ONE_FRAME = "one frame, repeated"
"""The control without time: how uneven a map still is in time is a matter of positions alone."""


def describe(
    found: Attribution,
    grid: tuple[int, int, int],
    layers: Sequence[int] = (),
    heads: Sequence[tuple[int, int]] = (),
    covered: Map | None = None,
) -> dict[str, Any]:
    """The attention of the tokens that are read in numbers, as plain data.

    Args:
        found: a clip's attention and attribution.
        grid: the model's tokens, `(tubelets, rows, columns)`.
        layers: whose mean over heads is kept as a map, and whose mean is held against the attribution.
        heads: `(layer, head)` whose maps are kept.
        covered: how much of each token the tracked things cover, where they are tracked.

    Returns:
        By layer and head: `later` (the later half's share), `concentration` and `lift` (on what is covered),
        each with the high-norm tokens and, as `..._kept`, without; `high_norm`, how many these are in each
        layer, and for `layers` which (`set_aside`); `maps`; and `agreement` with the exact attribution and
        with the paper's token map.
    """
    weights = _maps(found.attention[..., found.patch_rows], grid)
    kept = ~high_norm(_maps(found.norms[:, found.patch_rows], grid))
    half = later_half(grid)
    lifts: dict[str, Any] = {"lift": None, "lift_kept": None}
    if covered is not None:
        lifts = {
            "lift": digits(lift(weights, covered), undefined=True),
            "lift_kept": digits(lift(weights, covered, kept[:, None]), undefined=True),
        }
    return {
        "later": digits(mass_share(weights, half), undefined=True),
        "later_kept": digits(mass_share(weights * kept[:, None], half), undefined=True),
        "concentration": digits(concentration(weights), undefined=True),
        **lifts,
        "high_norm": [int(count) for count in (~kept).sum((1, 2, 3))],
        "maps": {
            **{str(layer): digits(weights[layer].mean(0), undefined=True) for layer in layers},
            **{f"{layer}.{head}": digits(weights[layer, head], undefined=True) for layer, head in heads},
        },
        "set_aside": {str(layer): np.flatnonzero(~kept[layer]).tolist() for layer in layers},
        "agreement": _agreement(found, grid, weights, kept, layers) if layers else {},
    }


def _agreement(
    found: Attribution,
    grid: tuple[int, int, int],
    weights: Map,
    kept: NDArray[np.bool_],
    layers: Sequence[int],
) -> dict[str, Any]:
    """Spearman's correlation of the mean attention of `layers` with each attribution, and over its shifts."""
    looked = weights[list(layers)].mean((0, 1))
    everywhere = np.logical_and.reduce(kept[list(layers)])
    scores = {"sources": found.sources[found.patch_rows], "token_map": found.token_map}
    answers = {}
    for name, values in scores.items():
        if values is not None:
            rho, shifted = agreement(looked, _maps(values, grid), everywhere)
            answers[name] = digits({"rho": rho, "shifted": shifted}, undefined=True)
    return answers


def _maps(values: Tensor, grid: tuple[int, int, int]) -> NDArray[np.float64]:
    """`[..., token]` -> `[..., tubelet, row, column]`."""
    array: NDArray[np.float64] = values.numpy().reshape(*values.shape[:-1], *grid)
    return array


def pixels_of(assay: Assay, pair: Pair, control: str, positive: bool) -> Tensor:
    """One clip of a pair as a control of `controls.py` has it (or `ONE_FRAME`), `[frame, 3, h, w]`."""
    if control == ONE_FRAME:
        pixels = assay.success(pair) if positive else assay.failure(pair)
        return pixels[[len(pixels) // 2] * len(pixels)]
    roles = CONTROLS[control](assay, pair)
    return roles.donor if positive else roles.recipient


def _clips(assay: Assay, pair: Pair, params: Mapping[str, Any]) -> dict[str, Any]:
    """Attribution and attention of the success clip, and where `both` is asked of the failure clip too."""
    model = assay.model()
    label = label_of(model, pair)
    answers = {}
    for side, positive in (("success", True), ("failure", False))[: 1 + params["both"]]:
        found = attribute(model, pixels_of(assay, pair, params["control"], positive), label)
        covered = mask(assay, pair, positive) if params["tracks"] else None
        looked = describe(found, model.token_grid, params["layers"], params["heads"], covered)
        answers[side] = {
            "grid": list(model.token_grid),
            "attribution": plain(found),
            "attention": looked,
            "mask": None if covered is None else digits(covered, undefined=True),
        }
    return answers


MEASUREMENTS: Mapping[str, Callable[[Assay, Pair, Mapping[str, Any]], Any]] = {"clips": _clips}
"""By the name in the store's key."""
