"""Regions and parts that a claim names itself: painted over in the input, or patched at their tokens alone.

What the paper's claims ask comes out of shared sweeps (`patching.py`, `heads.py`, `regions.py`). Here one
write, stream or head is patched at the tokens of one region, for whoever asks:

    patched = recipient's run, with  own + (donor's - own)  at the region's tokens of the site
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from circuit_claims.measure.controls import CONTROLS, Roles
from circuit_claims.measure.errors import NotApplicable
from circuit_claims.measure.grid import PATCHES, READ, parse_region
from circuit_claims.measure.patching import noise_like, read_patch
from circuit_claims.measure.regions import ablate_regions, differences_left, mask_of
from circuit_claims.measure.runs import checked, clean_walk, last_stream, one_clip
from circuit_claims.models.residual import EVERY_ROW, Heads, ResidualModel, walk
from circuit_claims.models.sites import Site, parse_site

if TYPE_CHECKING:
    from circuit_claims.clips.pairs import Pair
    from circuit_claims.measure.assay import Assay
    from circuit_claims.measure.recovery import Norms
    from circuit_claims.measure.results import Place


class At(NamedTuple):
    """A clip's own run at one site."""

    before: Tensor
    """The stream that the site's write reads, `[1, token, d_model]`."""
    value: Tensor
    last: Tensor
    """The last stream."""


def patch_part(
    model: ResidualModel, roles: Roles, site: Site, rows: Tensor, head: int | None = None
) -> Mapping[Place, Norms]:
    """Patch a site, or one head of an attention, at some tokens.

    Args:
        model: the model.
        roles: donor, recipient and what stands for the donor's write in a control.
        site: a write or a stream of the model; `attn_out` where a head is named.
        rows: the tokens that are patched, `[row]`.
        head: one head of it, counted from 0.

    Returns:
        The norms at each readout. Raises MeasurementError at NaN or Inf.
    """
    with torch.inference_mode():
        own = _at(model, roles.recipient, "recipient", site)
        donor = _at(model, roles.donor, "donor", site)
        other = donor if roles.source is None else _at(model, roles.source, "source", site)
        change = other.value - own.value if head is None else _head(model, site, head, other, own)
        if roles.noise is not None:
            change = noise_like(change, torch.Generator().manual_seed(roles.noise))
        kept = torch.zeros_like(change)
        kept[:, rows] = change[:, rows]
        clip = one_clip(model, roles.recipient, "recipient")
        run = walk(model, clip, {site: lambda value: value + kept})
        patched = last_stream(checked(model, f"recipient with part of the donor's {site}", run))
        return read_patch(model, patched, donor.last, own.last, (), tokens=True).norms


def _at(model: ResidualModel, pixels: Tensor, role: str, site: Site) -> At:
    before = stream = value = torch.empty(0)
    for at, tensor in clean_walk(model, pixels, role):
        if at == site:
            before, value = stream, tensor
        if not at.is_write:
            stream = tensor
    return At(before, value, stream)


def _head(model: ResidualModel, site: Site, head: int, other: At, own: At) -> Tensor:
    """What one head writes in another run less what it writes here, `[1, token, d_model]`."""
    heads = _heads(model, site)
    mixed = heads.mix(other.before, other.before, EVERY_ROW) - heads.mix(own.before, own.before, EVERY_ROW)
    change: Tensor = mixed[:, head] @ heads.output[head]
    return change


def _heads(model: ResidualModel, site: Site) -> Heads:
    for write in model.writes:
        if write.site == site and write.heads is not None:
            return write.heads
    raise NotApplicable(f"{model.name}: {site} has no heads in its table, so none can be patched")


def rows_of(model: ResidualModel, region: str) -> Tensor:
    """The tokens of a region, or all `patch tokens`, or the `tokens read`; all of them where it is empty.

    Raises NotApplicable where the model has no such place.
    """
    every = torch.arange(model.n_tokens)
    if not region:
        return every
    if region == READ:
        return every[model.reads]
    patches = every[model.patch_rows]
    if region == PATCHES:
        return patches
    try:
        return patches[parse_region(region).tokens(model.token_grid, model.frames)]
    except ValueError as why:
        raise NotApplicable(f"{model.name}: {why}") from None


def _patch(assay: Assay, pair: Pair, params: Mapping[str, Any]) -> dict[str, Any]:
    model = assay.model()
    roles = CONTROLS[params["control"]](assay, pair)
    rows = rows_of(model, params["region"])
    found = patch_part(model, roles, parse_site(params["site"]), rows, params["head"])
    return {place: asdict(norms) for place, norms in found.items()}


def _painted(assay: Assay, pair: Pair, params: Mapping[str, Any]) -> dict[str, Any]:
    """What both clips' margins lose, and what is left of the outcome, with a region painted over."""
    model, region = assay.model(), params["region"]
    success, failure = assay.success(pair), assay.failure(pair)
    try:
        mask = mask_of(model, parse_region(region).cells(model.token_grid, model.frames))
    except ValueError as why:
        raise NotApplicable(f"{model.name}: {why}") from None
    regions = {region: (mask, params["baseline"])}
    both = differences_left(model, success, failure, regions, [region])
    kept = {"apart": both.pop("apart"), "left": both.pop("left")}
    return {"success": both, "failure": ablate_regions(model, failure, regions), **kept}


MEASUREMENTS: Mapping[str, Callable[[Assay, Pair, Mapping[str, Any]], Any]] = {
    "patch": _patch,
    "painted": _painted,
}
"""By the name in the store's key."""
