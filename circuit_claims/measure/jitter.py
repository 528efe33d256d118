"""Measurements in a window that was moved, which may lie outside a clip: those of `per_pair.py`, and what the
model says of each clip.

They are entries of the store like any other (the window is part of the key), so that a warm run need not
decode a clip to learn that the window does not fit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from circuit_claims.clips.pairs import Pair
from circuit_claims.clips.sampling import SamplingError
from circuit_claims.measure import per_pair
from circuit_claims.measure.margin import run_on, said
from circuit_claims.measure.runs import one_clip

if TYPE_CHECKING:
    from circuit_claims.measure.assay import Assay

Measurement = Callable[["Assay", Pair, Mapping[str, Any]], Any]


def _where_it_fits(measure: Measurement, assay: Assay, pair: Pair, params: Mapping[str, Any]) -> Any:
    """What is measured, or why this window does not fit into the pair's clips."""
    try:
        return measure(assay, pair, params)
    except SamplingError as why:
        return {"outside": str(why)}


def _says(assay: Assay, pair: Pair, _params: Mapping[str, Any]) -> dict[str, Any]:
    """Each clip's own top label, with its logit and margin; or why this window does not fit into the clip."""
    found: dict[str, Any] = {}
    clips: dict[str, torch.Tensor] = {}
    for side, pixels in (("success", assay.success), ("failure", assay.failure)):
        try:
            clips[side] = pixels(pair)
        except SamplingError as why:
            found[side] = {"outside": str(why)}
    if clips:
        model = assay.model()
        with torch.inference_mode():
            both = torch.cat([one_clip(model, pixels, role) for role, pixels in clips.items()])
            logits = run_on(model, model.embed(both)).logits
        for side, label, of_one in zip(clips, logits.argmax(dim=-1).tolist(), logits, strict=True):
            found[side] = {"label": label, **(said(of_one[None], label)[0] if len(of_one) > 1 else {})}
    return found


MEASUREMENTS: Mapping[str, Measurement] = {
    **{name: partial(_where_it_fits, per_pair.MEASUREMENTS[name]) for name in ("trace", "sweep")},
    "says": _says,
}
"""By the name in the store's key."""
