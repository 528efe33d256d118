"""Is the outcome held apart from the label (the paper's camera-ready, section 4.3)?

- *direction*: with D the difference of what the model pools between success and failure, before the final
  norm, how much of ``||D||^2`` lies in the row space of the classifier's label differences (the norm's scale
  does not turn that space). A random direction has ``rank / d_model`` of it there: in a model with few labels
  most of what any two clips differ in is invisible in the logits.
- *margin*: how far the outcome moves the margin of the label.
- *ablation*: the tokens that the label owes most to are painted over in both clips, the same ones; what is
  left of the outcome signal, as the projection ``<D', D> / <D, D>`` at the summary, against random tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from circuit_claims.measure.digits import digits
from circuit_claims.measure.grid import count
from circuit_claims.measure.margin import margins, run_on
from circuit_claims.measure.regions import painted, scores, seed_of, tubelets
from circuit_claims.measure.runs import clean_walk, last_stream, one_clip
from circuit_claims.models.device import float64
from circuit_claims.models.residual import ResidualModel

if TYPE_CHECKING:
    from circuit_claims.clips.pairs import Pair
    from circuit_claims.measure.assay import Assay

RANK_TOLERANCE = 1e-6
"""Singular values below this share of the largest are rounding."""


def direction(model: ResidualModel, success: Tensor, failure: Tensor) -> dict[str, Any]:
    """Where the outcome's difference lies, and how far it moves the margin.

    Two clips `[frame, 3, h, w]` -> `share` of ``||D||^2`` in the row space (None where D is 0), `expected` of
    a random direction, and the margins `success` and `failure` of the label that the success clip gets.
    """
    with torch.inference_mode():
        lasts = [
            last_stream(clean_walk(model, pixels, role))
            for role, pixels in (("success", success), ("failure", failure))
        ]
        says = torch.cat([model.readout(last).logits for last in lasts])
        readout = model.frozen_readout(lasts[1]).linear
        D = (float64(model.pool(lasts[0])) - float64(model.pool(lasts[1])))[0]
        _, sizes, rows = torch.linalg.svd(readout - readout.mean(dim=0), full_matrices=False)
        rows = rows[sizes > RANK_TOLERANCE * sizes[0]]
        size = float(D @ D)
        label = int(says[0].argmax())
        of_success, of_failure = margins(says, label).tolist()
    return {
        "share": digits(float((rows @ D).square().sum()) / size) if size else None,
        "expected": digits(len(rows) / model.d_model),
        "success": digits(of_success),
        "failure": digits(of_failure),
    }


def outcome_kept(
    model: ResidualModel, success: Tensor, failure: Tensor, share: float, seed: int
) -> dict[str, Any]:
    """Paint over the tokens that both clips' label owes most to (`top`), and as many `random` ones.

    Returns for each what is `kept` of the outcome signal at the summary (None where it is 0), and the
    `margin` of the success clip's label, mean of both clips; the unpainted clips' margin is `margin`.
    """
    with torch.inference_mode():
        clips = [
            one_clip(model, pixels, role) for role, pixels in (("success", success), ("failure", failure))
        ]
        clean = run_on(model, torch.cat([model.embed(clip) for clip in clips]))
        label = int(clean.logits[0].argmax())
        owed = scores(model, success, label) + scores(model, failure, label)
        best = owed[model.patch_rows].argsort(descending=True, stable=True).tolist()
        drawn = torch.randperm(len(best), generator=torch.Generator().manual_seed(seed)).tolist()
        found: dict[str, Any] = {"margin": digits(float(margins(clean.logits, label).mean()))}
        D = float64(clean.summary[0] - clean.summary[1])
        size = float(D @ D)
        for name, tokens in (("top", best), ("random", drawn)):
            mask = tubelets(model, tokens[: count(share, model.token_grid)])
            states = torch.cat([model.embed(painted(clip[0], mask)[None]) for clip in clips])
            says = run_on(model, states)
            left = float(float64(says.summary[0] - says.summary[1]) @ D)
            found[name] = {
                "kept": digits(left / size) if size else None,
                "margin": digits(float(margins(says.logits, label).mean())),
            }
    return found


def _direction(assay: Assay, pair: Pair, _params: Mapping[str, Any]) -> dict[str, Any]:
    return direction(assay.model(), assay.success(pair), assay.failure(pair))


def _ablation(assay: Assay, pair: Pair, params: Mapping[str, Any]) -> dict[str, Any]:
    success, failure = assay.success(pair), assay.failure(pair)
    return outcome_kept(assay.model(), success, failure, params["share"], seed_of(pair, "both"))


MEASUREMENTS: Mapping[str, Callable[[Assay, Pair, Mapping[str, Any]], Any]] = {
    "direction": _direction,
    "ablation": _ablation,
}
"""By the name in the store's key."""
