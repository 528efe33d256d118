"""Patching single heads: what one head writes in the donor's run is taken into the recipient's.

A wavefront, as `patching.sweep`: the recipient's run is walked once, and at every attention one more state
begins for each head that is asked for. A head's write is linear in what it mixed, so the difference that a
patch makes is

    (A V)_h(donor) O_h - (A V)_h(recipient) O_h

With 12 layers of 12 heads all of them cost as much as 72 runs; the later a head, the cheaper.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from circuit_claims.measure.controls import CONTROLS
from circuit_claims.measure.errors import MeasurementError
from circuit_claims.measure.patching import norms_between
from circuit_claims.measure.recovery import Norms
from circuit_claims.measure.runs import (
    Step,
    batch_plan,
    clean_run,
    go_on,
    in_chunks,
    narrow_at,
    require_finite,
)
from circuit_claims.models.residual import EVERY_ROW, ResidualModel

if TYPE_CHECKING:
    from circuit_claims.clips.pairs import Pair
    from circuit_claims.measure.assay import Assay

Name = TypeVar("Name")
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
    with torch.inference_mode():
        for some in in_chunks(model, sorted(set(heads)), batch_plan(model)):
            layers = {layer for layer, _ in some}
            found |= patch_heads(model, _steps(model, donor_pixels, recipient_pixels, layers), some)
    return found


class PairStep(NamedTuple):
    """One write of both clips' own runs. From the last attention on, only the rows that are read."""

    own: Step
    """The recipient's."""
    donor: Step
    mixed: Tensor | None
    """What the donor's heads mixed less what the recipient's did, `[1, head, row, d_head]`; None for an MLP,
    and where no head of the layer is asked for."""


def _steps(
    model: ResidualModel, donor_pixels: Tensor, recipient_pixels: Tensor, layers: Collection[int]
) -> Iterator[PairStep]:
    """The steps of a pair, its heads compared in these layers."""
    narrow = narrow_at(model)
    donors = clean_run(model, donor_pixels, "donor", narrow)
    recipients = clean_run(model, recipient_pixels, "recipient", narrow)
    for index, (theirs, own) in enumerate(zip(donors, recipients, strict=True)):
        rows, heads, mixed = model.reads if index == narrow else EVERY_ROW, own.write.heads, None
        if heads is not None and own.write.layer in layers:
            mixed = heads.mix(theirs.before, theirs.before, rows) - heads.mix(own.before, own.before, rows)
        yield PairStep(own, theirs, mixed)


def patch_heads(
    model: ResidualModel, steps: Iterable[PairStep], heads: Collection[Head]
) -> dict[Head, Norms]:
    """The wavefront of `sweep_heads` along the steps of a pair, as `patch_parts`."""

    def begin(step: PairStep) -> Iterator[tuple[Head, Tensor]]:
        of, layer = step.own.write.heads, step.own.write.layer
        if of is not None and step.mixed is not None:
            for head in sorted(head for at, head in heads if at == layer):
                yield (layer, head), step.mixed[0, head] @ of.output[head]

    return patch_parts(model, steps, len(heads), begin)


def patch_parts(
    model: ResidualModel,
    steps: Iterable[PairStep],
    count: int,
    begin: Callable[[PairStep], Iterable[tuple[Name, Tensor]]],
) -> dict[Name, Norms]:
    """Patch parts of writes, each alone, along the steps of a pair.

    `begin` names the parts of a write, each with what the donor's changes of it, `[row, d_model]`; there are
    `count` in all, and all their states are in memory at once. By name, the norms at the summary. Call it
    under `torch.inference_mode()`. Raises MeasurementError at NaN or Inf.
    """
    max_states, narrow = batch_plan(model), narrow_at(model)
    donor = recipient = started = torch.empty(0)
    names: list[Name] = []
    for index, step in enumerate(steps):
        write, rows = step.own.write, model.reads if index == narrow else EVERY_ROW
        if index == 0:
            started = step.own.before.new_empty((count, *step.own.before.shape[1:]))
        started = go_on(write, started, len(names), rows, max_states)
        donor, recipient = step.donor.after, step.own.after
        for name, change in begin(step):
            started[len(names)] = recipient[0] + change
            names.append(name)
        require_finite(model, f"recipient with parts of {write.site}", write.after, started[: len(names)])
    whole, own = (model.readout(stream).summary for stream in (donor, recipient))
    summaries = model.readout(started).summary
    return {
        name: norms_between(patched[None], whole, own) for name, patched in zip(names, summaries, strict=True)
    }


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
