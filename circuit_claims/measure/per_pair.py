"""What is measured of one pair, as the plain data that the store keeps.

Every function answers one measurement; `assay.py` says of which pairs, and keeps the answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from zlib import crc32

from circuit_claims.clips.pairs import Pair
from circuit_claims.clips.sampling import SamplingError
from circuit_claims.measure import calibration
from circuit_claims.measure.controls import CONTROLS
from circuit_claims.measure.patching import patch, sweep
from circuit_claims.measure.recovery import Norms, UndefinedRecovery, projection
from circuit_claims.measure.trace import delta_trace
from circuit_claims.models.identity import check_identities
from circuit_claims.models.sites import Site, parse_site

if TYPE_CHECKING:
    from circuit_claims.measure.assay import Assay

EVERY_LAYER_UP_TO = 4_000
"""Tokens times layers up to which the causal identities are checked in every layer; above, in three, and so
in fresh or shuffled weights."""


def _facts(assay: Assay, pair: Pair, _params: Mapping[str, Any]) -> dict[str, Any]:
    """What a model is, and whether its sites are what their names say (on one pair), in float32."""
    model = assay.model("float32")
    # Other weights in the same modules, as controls have them, have the same sites.
    small = model.n_tokens * model.n_layers <= EVERY_LAYER_UP_TO and assay.source.reinit is None
    identity = check_identities(
        model, assay.success(pair), assay.failure(pair), layers="all" if small else "ends"
    )
    return {
        "n_layers": model.n_layers,
        "n_heads": model.n_heads,
        "d_model": model.d_model,
        "n_tokens": model.n_tokens,
        "tokens_read": model.pool.n_read,
        "labels": list(model.labels),
        "identity": identity.as_dict(),
    }


def _sweep(assay: Assay, pair: Pair, params: Mapping[str, Any]) -> dict[str, Any]:
    """Every attention and MLP write, and every block's output, patched alone at all tokens.

    Of a control only the writes of the layers that are asked for: a whole stream costs as much again.
    """
    model = assay.model()
    roles = CONTROLS[params["control"]](assay, pair)
    kinds = ["attn_out", "mlp_out", "resid_post"] if params["tokens"] else ["attn_out", "mlp_out"]
    first, last = params["layers"]
    sites = [Site(kind, layer) for layer in range(first, last) for kind in params.get("kinds", kinds)]
    return sweep(
        model,
        roles.donor,
        roles.recipient,
        sites,
        source_pixels=roles.source,
        noise=roles.noise,
        tokens=params["tokens"],
        vectors=params.get("vectors", False),
    ).as_dict()


def _trace(assay: Assay, pair: Pair, params: Mapping[str, Any]) -> dict[str, Any]:
    """How far the two streams are apart, block by block."""
    roles = CONTROLS[params["control"]](assay, pair)
    return delta_trace(assay.model(), roles.donor, roles.recipient).as_dict()


def _calibrate(assay: Assay, pair: Pair, _params: Mapping[str, Any]) -> dict[str, float | None]:
    """Checks whose answer is known beforehand; None where there is nothing to recover (0/0) or to replace."""
    model, success, failure = assay.model(), assay.success(pair), assay.failure(pair)
    identity = calibration.identity_patch(model, success, failure)
    # Unbatched, every write is as much as everything else here: another third of them for another pair.
    of = min(3, len(assay.chosen("outcome")))
    sites = [write.site for write in model.writes][crc32(pair.name.encode()) % of :: of]
    return {
        "null patch": calibration.null_patch(model, failure, sites),
        "identity patch": _projection(identity.norms["summary"]),
        "attention at CLS": _projection(calibration.attention_at_pool(model, success, failure)),
        "final patch tokens": calibration.final_patch_tokens(model, failure) if model.pool.others else None,
        "direct shares": calibration.direct_shares(model, success, failure).total,
    }


def _projection(norms: Norms) -> float | None:
    try:
        return projection(norms)
    except UndefinedRecovery:
        return None


def _drift(assay: Assay, pair: Pair, params: Mapping[str, Any]) -> dict[str, float | str]:
    """Numerator and denominator of a norm ratio whose recipients come from two windows of one clip.

    ``mean_t ||patched - failure||`` and ``mean_t ||success - later||``, over all tokens of the last block.
    """
    model, site = assay.model(), parse_site(params["site"])
    success, failure = assay.success(pair), assay.failure(pair)
    try:
        later = assay.moved(pair, False, int(params["shift"]))
    except SamplingError as why:
        return {"outside": str(why)}
    numerator = patch(model, success, failure, [site]).norms["tokens"].mean_d
    denominator = patch(model, success, later, [site]).norms["tokens"].mean_D
    return {"numerator": numerator, "denominator": denominator}


MEASUREMENTS: Mapping[str, Callable[[Assay, Pair, Mapping[str, Any]], Any]] = {
    "facts": _facts,
    "sweep": _sweep,
    "trace": _trace,
    "calibration": _calibrate,
    "drift": _drift,
}
"""By the name in the store's key."""
