"""Input ablation: part of a clip is painted over, and the label's margin is read.

A region is a mask of cells `[frame, row, column]` (`grid.py`): the tokens that the label owes most to, or
least, random ones, or whole frames. In its place stands 0 in model space (the paper's), the clip's mean
colour, or what another frame shows there.

What it costs the outcome is read from both clips of a pair, the same cells painted over in each: the
difference of their summaries that is left.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import chain, islice
from typing import TYPE_CHECKING, Any
from zlib import crc32

import torch
from torch import Tensor

from circuit_claims.measure.ablation import clip_of
from circuit_claims.measure.attribution import attribute
from circuit_claims.measure.digits import digits
from circuit_claims.measure.errors import MeasurementError, NotApplicable
from circuit_claims.measure.grid import Cell, count, published_cells, tubelet_cells
from circuit_claims.measure.margin import run_on, said
from circuit_claims.measure.runs import batch_plan, one_clip
from circuit_claims.models.device import float64
from circuit_claims.models.residual import Readout, ResidualModel

if TYPE_CHECKING:
    from circuit_claims.clips.pairs import Pair
    from circuit_claims.measure.assay import Assay

SHARES = (0.05, 0.1, 0.2, 0.4, 0.6)
"""Of the tokens: the points of the curve. The paper's is 10 %."""
PAPER = 0.1
HOTSPOT = (10 / 32, 14 / 32)
"""Frames 10 to 13 of 32, which the paper's notebook calls the hotspot and ablates whole; by fraction."""
AROUND_IT = (3 / 32, 22 / 32)
"""Six in ten frames about the hotspot's middle."""
SHARED = (f"top {PAPER:g}", "hotspot frames", "frames around it")
"""Regions that are painted over in the failure clip too, to read what is left of the outcome."""
RANDOM_SEED = 5


def scores(model: ResidualModel, pixels: Tensor, label: int | None = None) -> Tensor:
    """What a label's logit owes to each token that an attention reads for the pool, directly: `[token]`.

    The label is the clip's own top label unless given.

    ``sum over layers and heads of (p^T A_h)[j] V_h[j] O_h . w``, with p the pool and w the label's row of the
    readout, its norm frozen. What tokens give to each other, and MLPs make of it, is not in it.

    Raises MeasurementError for clips of the wrong shape, and for NaN or Inf.
    """
    return attribute(model, pixels, label).sources


def mask_of(model: ResidualModel, cells: Iterable[Cell]) -> Tensor:
    """Cells as a mask `[frame, row, column]`."""
    mask = torch.zeros(model.frames, *model.token_grid[1:], dtype=torch.bool)
    for cell in cells:
        mask[cell] = True
    return mask


def tubelets(model: ResidualModel, tokens: Iterable[int]) -> Tensor:
    """The mask of patch tokens, counted among themselves: every frame of each tubelet."""
    return mask_of(
        model, (c for token in tokens for c in tubelet_cells(token, model.token_grid, model.frames))
    )


def as_published(model: ResidualModel, tokens: Iterable[int]) -> Tensor:
    """The mask that the paper's notebook makes of tokens: half of the cells, at other times."""
    return mask_of(model, (c for token in tokens for c in published_cells(token, model.token_grid)))


def whole_frames(model: ResidualModel, ends: tuple[float, float]) -> Tensor:
    """The mask of the frames from one fraction of the clip up to another."""
    chosen = [frame for frame in range(model.frames) if ends[0] <= frame / model.frames < ends[1]]
    if not chosen:
        raise NotApplicable(
            f"{model.name}: none of its {model.frames} frames lies in {ends[0]:g} to {ends[1]:g} of a clip"
        )
    mask = mask_of(model, ())
    mask[chosen] = True
    return mask


def painted(pixels: Tensor, mask: Tensor, baseline: str = "zero") -> Tensor:
    """A clip `[frame, 3, h, w]` with the cells of a mask painted over.

    `baseline`: `zero` in model space, the `clip mean` of each channel, or the same place in `another frame`,
    half a clip away.
    """
    tall, wide = (size // cells for size, cells in zip(pixels.shape[-2:], mask.shape[1:], strict=True))
    where = mask.to(pixels.device).repeat_interleave(tall, 1).repeat_interleave(wide, 2)[:, None]
    fillings: Mapping[str, Callable[[], Tensor]] = {
        "zero": lambda: torch.zeros_like(pixels),
        "clip mean": lambda: pixels.mean(dim=(0, 2, 3), keepdim=True).expand_as(pixels),
        "another frame": lambda: pixels.roll(len(pixels) // 2, dims=0),
    }
    if baseline not in fillings:
        raise MeasurementError(f"no baseline is called {baseline!r}; there are {', '.join(fillings)}")
    return torch.where(where, fillings[baseline](), pixels)


def ablate_regions(
    model: ResidualModel, pixels: Tensor, regions: Mapping[str, tuple[Tensor, str]]
) -> dict[str, Any]:
    """Run a clip with each region (a mask and a baseline) painted over.

    Returns `label`, `logit` and `margin` of the clip itself, and `logit`, `margin` and `area` (share of the
    pixels that was painted over) of each region in `ablated`. Raises MeasurementError.
    """
    return _told(_run_painted(model, pixels, regions).logits, regions)


def _run_painted(model: ResidualModel, pixels: Tensor, regions: Mapping[str, tuple[Tensor, str]]) -> Readout:
    """What the model says of a clip itself, and then with each region painted over."""
    clip = one_clip(model, pixels, "clip")[0]
    with torch.inference_mode():
        # A batch at a time: 20 clips of ViViT-B are half a gigabyte.
        clips = chain([clip], (painted(clip, *region) for region in regions.values()))
        batches = iter(lambda: list(islice(clips, batch_plan(model))), [])
        says = [run_on(model, model.embed(torch.stack(batch))) for batch in batches]
        return Readout(torch.cat([one.logits for one in says]), torch.cat([one.summary for one in says]))


def _told(logits: Tensor, regions: Mapping[str, tuple[Tensor, str]]) -> dict[str, Any]:
    """What `ablate_regions` says of the logits `[1 + region, label]`."""
    label = int(logits[0].argmax())
    clean, *ablated = said(logits, label)
    areas = {name: {"area": float(mask.float().mean())} for name, (mask, _) in regions.items()}
    told = {name: {**one, **areas[name]} for name, one in zip(regions, ablated, strict=True)}
    return {"label": label, **clean, "ablated": told}


def differences_left(
    model: ResidualModel,
    success: Tensor,
    failure: Tensor,
    regions: Mapping[str, tuple[Tensor, str]],
    shared: Collection[str],
) -> dict[str, Any]:
    """As `ablate_regions` of the success clip; the `shared` regions are painted over in both clips.

    Returns besides, at the summary, `apart`, success less failure `[d_model]`, and in `left` the same with
    each shared region painted over in both. Raises MeasurementError.
    """
    ours = _run_painted(model, success, regions)
    theirs = _run_painted(model, failure, {name: regions[name] for name in shared})
    rows = [0, *(1 + list(regions).index(name) for name in shared)]
    apart, *left = (float64(ours.summary)[rows] - float64(theirs.summary)).tolist()
    found = _told(ours.logits, regions)
    return {**found, "apart": digits(apart), "left": dict(zip(shared, digits(left), strict=True))}


def orders(model: ResidualModel, pixels: Tensor, seed: int) -> dict[str, list[int]]:
    """The patch tokens from the first to be ablated on: `top` and `bottom` by attribution, `random`."""
    by_score = scores(model, pixels)[model.patch_rows].argsort(descending=True, stable=True).tolist()
    drawn = torch.randperm(len(by_score), generator=torch.Generator().manual_seed(seed)).tolist()
    return {"top": by_score, "bottom": by_score[::-1], "random": drawn}


def seed_of(pair: Pair, what: str) -> int:
    """A seed for a pair's draws, the same in every run."""
    return RANDOM_SEED + crc32(f"{pair.name} {what}".encode())


def moved_in_time(mask: Tensor, depth: int, seed: int) -> Tensor:
    """The same region a random number of tubelets later, around the end: same places, same shape."""
    by = 1 + seed % max(1, mask.shape[0] // depth - 1)
    return mask.roll(by * depth, dims=0)


def _regions(assay: Assay, pair: Pair, params: Mapping[str, Any]) -> dict[str, Any]:
    """Tokens by attribution and by chance; with `curve` the whole curve, frames, and the failure clip too.

    `others` are the top tokens at another time, and with other baselines.
    """
    model, pixels = assay.model(), clip_of(assay, pair, params)
    seed = seed_of(pair, params["clip"])
    ordered = orders(model, pixels, seed)

    def first(name: str, share: float) -> Tensor:
        return tubelets(model, ordered[name][: count(share, model.token_grid)])

    top = first("top", PAPER)
    paper = ordered["top"][: count(PAPER, model.token_grid)]
    regions = {
        f"{name} {share:g}": (first(name, share), "zero")
        for share in (SHARES if params["curve"] else (PAPER, SHARES[-1]))
        for name in (ordered if params["curve"] else ("top", "random"))
    }
    regions["published map"] = (as_published(model, paper), "zero")
    if params.get("others"):
        depth = model.frames // model.token_grid[0]
        regions["moved in time"] = (moved_in_time(top, depth, seed), "zero")
        for baseline in ("clip mean", "another frame"):
            regions[f"top, {baseline}"] = (top, baseline)
    if params["curve"]:
        regions["hotspot frames"] = (whole_frames(model, HOTSPOT), "zero")
        regions["frames around it"] = (whole_frames(model, AROUND_IT), "zero")
    if params["curve"] and not params.get("others"):
        return differences_left(model, pixels, assay.failure(pair), regions, SHARED)
    return ablate_regions(model, pixels, regions)


MEASUREMENTS: Mapping[str, Callable[[Assay, Pair, Mapping[str, Any]], Any]] = {"regions": _regions}
"""By the name in the store's key."""
