"""What is measured of one pair, as the plain data that the store keeps.

`success` and `failure` are the pixels of a pair's clips, each `[frame, 3, h, w]`. Every function answers
one measurement by name; `circuit.py` says which pairs, and keeps the answers.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from circuit_claims.measure import calibration
from circuit_claims.measure.patching import patch, sweep
from circuit_claims.measure.recovery import UndefinedRecovery, projection
from circuit_claims.measure.trace import delta_trace
from circuit_claims.models.identity import check_identities
from circuit_claims.models.residual import ResidualModel
from circuit_claims.models.sites import Site, attn_out, mlp_out, resid_post

EVERY_LAYER_UP_TO = 4_000
"""Tokens times layers up to which the causal identities are checked in every layer; above, in three."""


def describe(model: ResidualModel, success: Tensor, failure: Tensor) -> dict[str, Any]:
    """What a model is, and whether its sites are what their names say (on one pair)."""
    small = model.n_tokens * model.n_layers <= EVERY_LAYER_UP_TO
    identity = check_identities(model, success, failure, layers="all" if small else "ends")
    return {
        "n_layers": model.n_layers,
        "n_heads": model.n_heads,
        "d_model": model.d_model,
        "n_tokens": model.n_tokens,
        "labels": list(model.labels),
        "identity": identity.as_dict(),
    }


def sweep_writes(model: ResidualModel, donor: Tensor, recipient: Tensor) -> dict[str, Any]:
    """Every attention and MLP write, and every block's output, patched alone at all tokens."""
    sites = [make(layer) for layer in range(model.n_layers) for make in (attn_out, mlp_out, resid_post)]
    return sweep(model, donor, recipient, sites).as_dict()


def trace(model: ResidualModel, success: Tensor, failure: Tensor) -> dict[str, Any]:
    """How far the two streams are apart, block by block."""
    return delta_trace(model, success, failure).as_dict()


def calibrate(model: ResidualModel, success: Tensor, failure: Tensor) -> dict[str, float | None]:
    """Checks whose answer is known beforehand; None where there is nothing to recover (0/0)."""
    identity = calibration.identity_patch(model, success, failure)
    return {
        "null patch": calibration.null_patch(model, failure),
        "identity patch": _projection(identity.norms["summary"]),
        "attention at CLS": _projection(calibration.attention_at_cls(model, success, failure)),
        "final patch tokens": calibration.final_patch_tokens(model, failure),
        "direct shares": calibration.direct_shares(model, success, failure).total,
    }


def _projection(norms: Any) -> float | None:
    try:
        return projection(norms)
    except UndefinedRecovery:
        return None


def drifting_baseline(
    model: ResidualModel, success: Tensor, failure: Tensor, later: Tensor, site: Site
) -> dict[str, float]:
    """Numerator and denominator of a norm ratio whose recipients come from two windows of one clip.

    ``mean_t ||patched - failure||`` over ``mean_t ||success - later||``, over all tokens of the last block.
    """
    numerator = patch(model, success, failure, [site]).norms["tokens"].mean_d
    denominator = patch(model, success, later, [site]).norms["tokens"].mean_D
    return {"numerator": numerator, "denominator": denominator}
