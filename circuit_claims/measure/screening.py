"""Screening: attribution patching finds where exact patches are worth their cost.

One run of each clip and one backward give the first-order effect of every patch at once, of all writes, heads
and tokens (Nanda 2023, "Attribution patching"; Syed et al. 2023, arXiv 2310.10348):

    attribution of a site = <donor's write - recipient's write, dP/d(write) in the recipient's run>

with P the projection at the summary. It is exact where the model is linear between the two clips, and can be
far off where it is not: attention saturates, norms rescale. So it only chooses: the largest are patched
exactly, and how well the two agree on these is reported, never assumed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from circuit_claims.measure.controls import CONTROLS
from circuit_claims.measure.errors import MeasurementError
from circuit_claims.measure.heads import Head, PairStep, patch_heads, patch_parts
from circuit_claims.measure.patching import sweep_along
from circuit_claims.measure.recovery import Norms, UndefinedRecovery, projection
from circuit_claims.measure.results import Sweep
from circuit_claims.measure.runs import Step, batch_plan, in_chunks, narrow_at, one_clip, require_finite
from circuit_claims.models.device import float64
from circuit_claims.models.residual import EVERY_ROW, ResidualModel
from circuit_claims.models.sites import Site, parse_site

if TYPE_CHECKING:
    from circuit_claims.clips.pairs import Pair
    from circuit_claims.measure.assay import Assay

STREAMS_A_LAYER = 24
"""Tensors as large as the stream that a block's run and its backward keep: 18 to 21 were measured."""


@dataclass(frozen=True)
class Screen:
    """First-order recoveries of one pair, all fractions of the outcome signal."""

    writes: Mapping[Site, float]
    heads: Mapping[Head, float]
    """By layer and head; empty where the model's table takes no attention apart."""
    tokens: Mapping[Site, Tensor]
    """`[token]`: what a patch of a write at this token alone would recover; the sum is `writes`."""


class Part(NamedTuple):
    """One write of a run, an attention with what its heads mixed."""

    step: Step
    mixed: Tensor | None
    """`[1, head, row, d_head]`; None for an MLP, and where the table takes no attention apart."""


class _Runs(NamedTuple):
    donor: list[Part]
    recipient: list[Part]
    screen: Screen


def screen(model: ResidualModel, donor_pixels: Tensor, recipient_pixels: Tensor) -> Screen:
    """Attribute the projection at the summary to every write, head and token.

    Args:
        model: the model.
        donor_pixels: the clip whose writes would be taken, `[frame, 3, h, w]`.
        recipient_pixels: the clip into whose run they would be taken, of the same shape.

    Raises:
        UndefinedRecovery: the two clips do not differ at the summary.
        MeasurementError: clips of the wrong shape, NaN or Inf, and no room for it (`--circuit-memory`).
    """
    return _screened(model, donor_pixels, recipient_pixels).screen


def _screened(model: ResidualModel, donor_pixels: Tensor, recipient_pixels: Tensor) -> _Runs:
    """The screen, with the two runs that it was made from."""
    needed = STREAMS_A_LAYER * model.n_layers * 4 * model.n_tokens * model.d_model
    if needed > model.memory:
        raise MeasurementError(
            f"{model.name}: {model.memory / 2**20:.4g} MiB has no room for the run that a screen goes back "
            f"through; --circuit-memory {math.ceil(needed / 2**20)}MiB is the least that would do"
        )
    with torch.inference_mode():
        donors = _parts(model, donor_pixels, "donor")
        whole = model.readout(donors[-1].step.after).summary
    with torch.enable_grad():
        recipients = _parts(model, recipient_pixels, "recipient")
        own = model.readout(recipients[-1].step.after).summary
    D = (whole - own.detach()).clone()
    size = float((float64(D) * float64(D)).sum())
    if size == 0.0:
        raise UndefinedRecovery("the donor does not differ from the recipient at the summary (x/0)")
    at = [part.step.out for part in recipients] + [
        part.mixed for part in recipients if part.mixed is not None
    ]
    slopes = torch.autograd.grad((own * D).sum() / size, at, allow_unused=True)
    along = dict(zip(map(id, at), slopes, strict=True))
    writes: dict[Site, float] = {}
    heads: dict[Head, float] = {}
    tokens: dict[Site, Tensor] = {}
    with torch.no_grad():
        for theirs, ours in zip(donors, recipients, strict=True):
            site, layer = ours.step.write.site, ours.step.write.layer
            # A token that the readout does not reach any more has no share: those rows are not computed.
            tokens[site] = torch.zeros(model.n_tokens, dtype=torch.float64)
            rows = EVERY_ROW if ours.step.out.shape[1] == model.n_tokens else model.reads
            shares = _first_order(theirs.step.out, ours.step.out, along[id(ours.step.out)])
            tokens[site][rows] = shares.sum(-1)[0]
            writes[site] = float(tokens[site].sum())
            if not math.isfinite(writes[site]):
                raise MeasurementError(f"{model.name}: the slope at {site} is NaN or Inf")
            if theirs.mixed is not None and ours.mixed is not None:
                of_heads = _first_order(theirs.mixed, ours.mixed, along[id(ours.mixed)]).sum((0, 2, 3))
                heads |= {(layer, head): share for head, share in enumerate(of_heads.tolist())}
    return _Runs(donors, recipients, Screen(writes, heads, tokens))


def _first_order(donor: Tensor, recipient: Tensor, slope: Tensor | None) -> Tensor:
    return float64(donor - recipient) * (0.0 if slope is None else float64(slope))


def _parts(model: ResidualModel, pixels: Tensor, role: str) -> list[Part]:
    """A run with its attentions taken apart; with gradients where they are on.

    From the last attention on, only at the rows that the readout reads.
    """
    resid = model.embed(one_clip(model, pixels, role))
    if torch.is_grad_enabled():
        resid = resid.detach().clone().requires_grad_()
    narrow = narrow_at(model)
    parts = []
    for index, write in enumerate(model.writes):
        rows = model.reads if index == narrow else EVERY_ROW
        mixed = None if write.heads is None else write.heads.mix(resid, resid, rows)
        out = write.at(resid, rows) if write.heads is None or mixed is None else write.heads.whole(mixed)
        after = resid[:, rows] + out
        require_finite(model, role, write.after, after.detach())
        parts.append(Part(Step(write, resid, out, after), mixed))
        resid = after
    return parts


@dataclass(frozen=True)
class Screened:
    """What a screen chose, patched exactly."""

    first_order: Mapping[Head, float]
    """Of all heads."""
    exact: Mapping[Head, Norms]
    """Of the chosen ones, the norms at the summary."""
    writes: Sweep | None = None
    """Every write patched exactly, read at the summary, where that was asked for."""

    @property
    def apart(self) -> float:
        """The largest difference between exact and first-order recovery among the chosen heads."""
        return max(abs(projection(norms) - self.first_order[head]) for head, norms in self.exact.items())


def screened_heads(
    model: ResidualModel, donor_pixels: Tensor, recipient_pixels: Tensor, top: int, *, writes: bool = False
) -> Screened:
    """Patch exactly the `top` heads with the largest first-order recovery, of either sign.

    With `writes`, every attention and MLP write too, as `sweep(..., tokens=False)` does, along the runs that
    the screen was made from. Raises as `screen` does, and MeasurementError for a model whose attentions
    cannot be taken apart.
    """
    runs = _screened(model, donor_pixels, recipient_pixels)
    found = runs.screen.heads
    if not found:
        raise MeasurementError(f"{model.name}: no attention has heads in its table, so none can be screened")
    ranked = sorted(found, key=lambda head: (-abs(found[head]), head))
    with torch.inference_mode():
        steps = [_step(theirs, own) for theirs, own in zip(runs.donor, runs.recipient, strict=True)]
        del runs  # and with it what the backward needed
        exact: dict[Head, Norms] = {}
        for chosen in in_chunks(model, ranked[:top], batch_plan(model)):
            exact |= patch_heads(model, steps, chosen)
        both = [step.donor for step in steps], [step.own for step in steps]
        sites = [write.site for write in model.writes] if writes else []
        swept = [
            sweep_along(model, *both, some, False, None, batch_plan(model))
            for some in in_chunks(model, sites, batch_plan(model))
            if some
        ]
    patches = {key: patch for part in swept for key, patch in part.patches.items()}
    return Screened(found, exact, replace(swept[0], patches=patches) if swept else None)


def screened_tokens(
    model: ResidualModel, donor_pixels: Tensor, recipient_pixels: Tensor, site: Site, top: int
) -> ScreenedTokens:
    """Patch one write exactly at each of the `top` tokens with the largest first-order recovery.

    Of either sign; a token at a time. Raises as `screen` does, and MeasurementError for a site that is no
    write of the model.
    """
    if site not in {write.site for write in model.writes}:
        raise MeasurementError(f"{model.name} has no write {site} whose tokens could be patched")
    runs = _screened(model, donor_pixels, recipient_pixels)
    found = runs.screen.tokens[site]
    ranked = sorted(range(model.n_tokens), key=lambda token: (-abs(float(found[token])), token))
    with torch.inference_mode():
        steps = [_step(theirs, own) for theirs, own in zip(runs.donor, runs.recipient, strict=True)]
        del runs
        # From the last attention on, a write has only the rows that are read, and no other token matters.
        rows = next(step.own.out.shape[1] for step in steps if step.own.write.site == site)
        there = range(model.n_tokens) if rows == model.n_tokens else range(model.n_tokens)[model.reads]
        chosen = [token for token in ranked if token in there][:top]
        exact: dict[int, Norms] = {}
        for some in in_chunks(model, chosen, batch_plan(model)):
            begin = partial(_one_token, site=site, there=there, tokens=some)
            exact |= patch_parts(model, steps, len(some), begin)
    return ScreenedTokens(found, exact)


def _one_token(
    step: PairStep, site: Site, there: Sequence[int], tokens: Sequence[int]
) -> Iterator[tuple[int, Tensor]]:
    """What the donor's write changes at each of these tokens alone."""
    if step.own.write.site == site:
        for token in tokens:
            row = there.index(token)
            change = torch.zeros_like(step.own.out[0])
            change[row] = step.donor.out[0, row] - step.own.out[0, row]
            yield token, change


@dataclass(frozen=True)
class ScreenedTokens:
    """What a screen chose of one write's tokens, patched exactly."""

    first_order: Tensor
    """`[token]`."""
    exact: Mapping[int, Norms]
    """Of the chosen ones, the norms at the summary."""


def _step(theirs: Part, own: Part) -> PairStep:
    step = own.step
    plain = Step(step.write, step.before.detach(), step.out.detach(), step.after.detach())
    mixed = None if own.mixed is None or theirs.mixed is None else theirs.mixed - own.mixed.detach()
    return PairStep(plain, theirs.step, mixed)


def _heads(assay: Assay, pair: Pair, params: Mapping[str, Any]) -> dict[str, Any]:
    """First-order recoveries of all heads, and the norms of the `top` ones, by `layer.head`."""
    roles = CONTROLS[params["control"]](assay, pair)
    try:
        found = screened_heads(assay.model(), roles.donor, roles.recipient, params["top"])
    except UndefinedRecovery as why:
        return {"first order": {}, "exact": {}, "undefined": str(why)}
    return {
        "first order": {f"{layer}.{head}": share for (layer, head), share in found.first_order.items()},
        "exact": {f"{layer}.{head}": asdict(norms) for (layer, head), norms in found.exact.items()},
        "undefined": "",
    }


def _tokens(assay: Assay, pair: Pair, params: Mapping[str, Any]) -> dict[str, Any]:
    """First-order and exact recoveries of a write's `top` tokens, by token."""
    roles = CONTROLS[params["control"]](assay, pair)
    site, top = parse_site(params["site"]), params["top"]
    try:
        found = screened_tokens(assay.model(), roles.donor, roles.recipient, site, top)
    except UndefinedRecovery as why:
        return {"first order": {}, "exact": {}, "undefined": str(why)}
    return {
        "first order": {str(token): float(found.first_order[token]) for token in found.exact},
        "exact": {str(token): asdict(norms) for token, norms in found.exact.items()},
        "undefined": "",
    }


MEASUREMENTS: Mapping[str, Callable[[Assay, Pair, Mapping[str, Any]], Any]] = {
    "heads": _heads,
    "tokens": _tokens,
}
"""By the name in the store's key."""
