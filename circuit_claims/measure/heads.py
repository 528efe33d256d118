"""Patching single heads: what one head writes in the donor's run is taken into the recipient's.

A wavefront, as `patching.sweep`: the recipient's run is walked once, and at every attention one more state
begins for each head that is asked for. A head's write is linear in what it mixed, so the difference that a
patch makes is

    (A V)_h(donor) O_h - (A V)_h(recipient) O_h

With 12 layers of 12 heads all of them cost as much as 72 runs; the later a head, the cheaper.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from circuit_claims.measure.controls import CONTROLS
from circuit_claims.measure.errors import MeasurementError
from circuit_claims.measure.patching import norms_between
from circuit_claims.measure.recovery import Norms
from circuit_claims.measure.runs import batch_plan, clean_run, go_on, in_chunks, narrow_at, require_finite
from circuit_claims.models.residual import EVERY_ROW, ResidualModel, Write

if TYPE_CHECKING:
    from circuit_claims.clips.pairs import Pair
    from circuit_claims.measure.assay import Assay

Head = tuple[int, int]
"""A layer and a head, both counted from 0: (9, 8) is the paper's L9H8."""


def sweep_heads(
    model: ResidualModel, donor_pixels: Tensor, recipient_pixels: Tensor, heads: Collection[Head]
) -> dict[Head, Norms]:
    """Patch each head alone, at all tokens, from the donor's run into the recipient's.

    Args:
        model: the model.
        donor_pixels: the clip whose heads are taken, `[frame, 3, h, w]` as `model.preprocess` gives it.
        recipient_pixels: the clip into whose run they are taken, of the same shape.
        heads: pairs of a layer and a head.

    Returns:
        By head, the norms at the summary. Raises MeasurementError for clips of the wrong shape, heads that
        there are not, and NaN or Inf.
    """
    _require_heads(model, heads)
    found: dict[Head, Norms] = {}
    for some in in_chunks(model, sorted(set(heads)), batch_plan(model)):
        found |= _sweep(model, donor_pixels, recipient_pixels, some)
    return found


def _sweep(
    model: ResidualModel, donor_pixels: Tensor, recipient_pixels: Tensor, heads: Collection[Head]
) -> dict[Head, Norms]:
    max_states = batch_plan(model)
    narrow = narrow_at(model)
    with torch.inference_mode():
        runs = (
            clean_run(model, pixels, role, narrow)
            for role, pixels in (("donor", donor_pixels), ("recipient", recipient_pixels))
        )
        donor = recipient = started = torch.empty(0)
        names: list[Head] = []
        for index, (theirs, own) in enumerate(zip(*runs, strict=True)):
            write, rows = own.write, model.reads if index == narrow else EVERY_ROW
            if index == 0:
                started = own.before.new_empty((len(heads), *own.before.shape[1:]))
            started = go_on(write, started, len(names), rows, max_states)
            chosen = sorted(head for layer, head in heads if write.mixes_tokens and layer == write.layer)
            changes = _changes(write, theirs.before, own.before, rows, chosen)
            donor, recipient = theirs.after, own.after
            for head, change in zip(chosen, changes, strict=True):
                started[len(names)] = recipient[0] + change
                names.append((write.layer, head))
            require_finite(model, "recipient with the donor's heads", write.after, started[: len(names)])
        whole, own = (model.readout(stream).summary for stream in (donor, recipient))
        summaries = model.readout(started).summary
        return {
            name: norms_between(patched[None], whole, own)
            for name, patched in zip(names, summaries, strict=True)
        }


def _changes(write: Write, donor: Tensor, recipient: Tensor, rows: slice, chosen: list[int]) -> Tensor:
    """By how much each chosen head's write differs, `[head, row, d_model]`."""
    if not chosen or write.heads is None:
        return donor.new_empty((0, *donor[0, rows].shape))
    mixed = write.heads.mix(donor, donor, rows) - write.heads.mix(recipient, recipient, rows)
    return torch.einsum("hrk,hkd->hrd", mixed[0, chosen], write.heads.output[chosen])


def _require_heads(model: ResidualModel, heads: Collection[Head]) -> None:
    apart = {write.layer for write in model.writes if write.heads is not None}
    for layer, head in sorted(heads):
        if not 0 <= layer < model.n_layers or not 0 <= head < model.n_heads:
            raise MeasurementError(
                f"{model.name} has no head {head} in layer {layer}; it has {model.n_layers} layers of "
                f"{model.n_heads} heads, counted from 0"
            )
        if layer not in apart:
            raise MeasurementError(
                f"{model.name}: attn_out {layer} has no heads in its table, so that none can be patched; "
                "give its Write `heads`"
            )


def _patches(assay: Assay, pair: Pair, params: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """The norms of each head's patch, by `layer.head`."""
    roles = CONTROLS[params["control"]](assay, pair)
    heads = [(layer, head) for layer, head in params["heads"]]
    found = sweep_heads(assay.model(), roles.donor, roles.recipient, heads)
    return {f"{layer}.{head}": asdict(norms) for (layer, head), norms in found.items()}


MEASUREMENTS: Mapping[str, Callable[[Assay, Pair, Mapping[str, Any]], Any]] = {"patches": _patches}
"""By the name in the store's key."""
