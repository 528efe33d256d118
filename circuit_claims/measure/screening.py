"""Screening: attribution patching finds where exact patches are worth their cost.

One run of each clip and one backward give the first-order effect of every patch at once, of all writes, heads
and tokens (Nanda 2023, "Attribution patching"; Syed et al. 2023, arXiv 2310.10348):

    attribution of a site = <donor's write - recipient's write, dP/d(write) in the recipient's run>

with P the projection at the summary. It is exact where the model is linear between the two clips, and can be
far off where it is not: attention saturates, norms rescale. So it only chooses: the largest are patched
exactly, and how well the two agree on these is reported, never assumed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from circuit_claims.measure.controls import CONTROLS
from circuit_claims.measure.errors import MeasurementError
from circuit_claims.measure.heads import Head, sweep_heads
from circuit_claims.measure.recovery import Norms, UndefinedRecovery, projection
from circuit_claims.measure.runs import Step, clean_run, one_clip
from circuit_claims.models.residual import EVERY_ROW, ResidualModel, Write
from circuit_claims.models.sites import Site

if TYPE_CHECKING:
    from circuit_claims.clips.pairs import Pair
    from circuit_claims.measure.assay import Assay


@dataclass(frozen=True)
class Screen:
    """First-order recoveries of one pair, all fractions of the outcome signal."""

    writes: Mapping[Site, float]
    heads: Mapping[Head, float]
    """By layer and head; empty where the model's table takes no attention apart."""
    tokens: Mapping[Site, Tensor]
    """`[token]`: what a patch of a write at this token alone would recover; the sum is `writes`."""


def screen(model: ResidualModel, donor_pixels: Tensor, recipient_pixels: Tensor) -> Screen:
    """Attribute the projection at the summary to every write, head and token.

    Args:
        model: the model.
        donor_pixels: the clip whose writes would be taken, `[frame, 3, h, w]`.
        recipient_pixels: the clip into whose run they would be taken, of the same shape.

    Raises:
        UndefinedRecovery: the two clips do not differ at the summary.
        MeasurementError: clips of the wrong shape, and NaN or Inf.
    """
    with torch.inference_mode():
        donors = list(clean_run(model, donor_pixels, "donor"))
        whole = model.readout(donors[-1].after).summary
    outs, own = _followed(model, one_clip(model, recipient_pixels, "recipient").clone())
    D = (whole - own.detach()).clone()
    size = float((D.double() * D.double()).sum())
    if size == 0.0:
        raise UndefinedRecovery("the donor does not differ from the recipient at the summary (x/0)")
    slopes = torch.autograd.grad((own * D).sum() / size, [step.out for step in outs], allow_unused=True)
    writes: dict[Site, float] = {}
    heads: dict[Head, float] = {}
    tokens: dict[Site, Tensor] = {}
    with torch.no_grad():
        for theirs, ours, slope in zip(donors, outs, slopes, strict=True):
            along = torch.zeros_like(ours.out) if slope is None else slope
            by_token = ((theirs.out - ours.out) * along).double().sum(-1)[0].cpu()
            if not torch.isfinite(by_token).all():
                raise MeasurementError(f"{model.name}: the slope at {ours.write.site} is NaN or Inf")
            tokens[ours.write.site], writes[ours.write.site] = by_token, float(by_token.sum())
            for head, share in enumerate(_by_head(ours.write, theirs.before, ours.before, along)):
                heads[ours.write.layer, head] = share
    return Screen(writes, heads, tokens)


def _followed(model: ResidualModel, clip: Tensor) -> tuple[list[Step], Tensor]:
    """A run whose writes can be differentiated by, and its summary `[1, d_model]`."""
    with torch.enable_grad():
        resid = model.embed(clip).detach().requires_grad_()
        steps = []
        for write in model.writes:
            out = write(resid)
            steps.append(Step(write, resid, out, resid + out))
            resid = steps[-1].after
        return steps, model.readout(resid).summary


def _by_head(write: Write, donor: Tensor, recipient: Tensor, along: Tensor) -> list[float]:
    """What each head's change adds to an attention's attribution."""
    if write.heads is None:
        return []
    mix = write.heads.mix
    change = write.heads.writes(mix(donor, donor, EVERY_ROW) - mix(recipient, recipient, EVERY_ROW))
    shares: list[float] = (change[0] * along).double().sum((1, 2)).tolist()
    return shares


@dataclass(frozen=True)
class Screened:
    """The heads that a screen chose, patched exactly."""

    first_order: Mapping[Head, float]
    """Of all heads."""
    exact: Mapping[Head, Norms]
    """Of the chosen ones, the norms at the summary."""

    @property
    def apart(self) -> float:
        """The largest difference between exact and first-order recovery among the chosen heads."""
        return max(abs(projection(norms) - self.first_order[head]) for head, norms in self.exact.items())


def screened_heads(
    model: ResidualModel, donor_pixels: Tensor, recipient_pixels: Tensor, top: int
) -> Screened:
    """Patch exactly the `top` heads with the largest first-order recovery, of either sign.

    Raises as `screen` does, and MeasurementError for a model whose attentions cannot be taken apart.
    """
    found = screen(model, donor_pixels, recipient_pixels).heads
    if not found:
        raise MeasurementError(f"{model.name}: no attention has heads in its table, so none can be screened")
    ranked = sorted(found, key=lambda head: (-abs(found[head]), head))
    return Screened(found, sweep_heads(model, donor_pixels, recipient_pixels, ranked[:top]))


def _heads(assay: Assay, pair: Pair, params: Mapping[str, Any]) -> dict[str, Any]:
    """First-order recoveries of all heads, and the norms of the `top` ones, by `layer.head`."""
    roles = CONTROLS[params["control"]](assay, pair)
    found = screened_heads(assay.model(), roles.donor, roles.recipient, params["top"])
    return {
        "first order": {f"{layer}.{head}": share for (layer, head), share in found.first_order.items()},
        "exact": {f"{layer}.{head}": asdict(norms) for (layer, head), norms in found.exact.items()},
    }


MEASUREMENTS: Mapping[str, Callable[[Assay, Pair, Mapping[str, Any]], Any]] = {"heads": _heads}
"""By the name in the store's key."""
