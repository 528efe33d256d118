"""Ablation: a clip is run without what an attention, an MLP or a head writes, and the label's margin is read.

In the place of a write stands nothing (`zero`), its mean over the clips of the pair set, token by token
(`mean`), or what the same component writes in a clip of another action (`resample`). Resampling is the clean
one: zero and mean take the model to streams that no clip has. The other clip shows another action, since a
clip of the same one would give back the very label that is asked about.

The total effect lets all later components react. The direct effect holds them as they were: the write's
difference at the tokens read through the readout with its norm frozen. What later components make good is the
gap between the two (self-repair: McGrath et al. 2023, arXiv 2307.15771; Rushing & Nanda 2024, arXiv
2402.15390).

The clip's run is walked once. At every write the ablated streams begin, and go to the end as a batch: no
prefix is computed twice, and no more is in memory than the streams of one write.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary
from zlib import crc32

import torch
from torch import Tensor

from circuit_claims.measure.controls import CONTROLS
from circuit_claims.measure.errors import MeasurementError
from circuit_claims.measure.margin import said, spread
from circuit_claims.measure.runs import (
    Step,
    batch_plan,
    clean_run,
    go_on,
    in_batches,
    narrow_at,
    require_finite,
)
from circuit_claims.models.device import float64
from circuit_claims.models.residual import EVERY_ROW, ResidualModel
from circuit_claims.models.sites import Site, attn_out, mlp_out

if TYPE_CHECKING:
    from circuit_claims.clips.pairs import Pair
    from circuit_claims.measure.assay import Assay


@dataclass(frozen=True)
class StandIn:
    """What takes the place of one write."""

    write: Tensor
    """`[1, token, d_model]`."""
    mixed: Tensor | None = None
    """What its heads have mixed before their output, `[1, head, token, d_head]`; only for ablating heads."""


def zero(model: ResidualModel) -> Iterator[StandIn]:
    """Nothing, for every write in turn."""
    blank = torch.zeros(1, 1, 1, device=model.device)
    for _ in model.writes:
        yield StandIn(blank, blank[None])


def resample(model: ResidualModel, pixels: Tensor, *, heads: bool = False) -> Iterator[StandIn]:
    """What each component writes in another clip `[frame, 3, h, w]`, in that clip's own run."""
    for write, before, out, _ in clean_run(model, pixels, "other clip"):
        mixes = heads and write.heads is not None
        yield StandIn(out, write.heads.mix(before, before, EVERY_ROW) if mixes and write.heads else None)


def mean(model: ResidualModel, clips: Iterable[Tensor]) -> tuple[StandIn, ...]:
    """Each write's mean over clips, token by token. Memory does not grow with the clips."""
    totals: list[Tensor] = []
    n = 0
    with torch.inference_mode():
        for n, pixels in enumerate(clips, 1):  # noqa: B007 - the last is the number of clips
            writes = [stand_in.write for stand_in in resample(model, pixels)]
            totals = (
                [total + write for total, write in zip(totals, writes, strict=True)] if totals else writes
            )
        if not totals:
            raise MeasurementError(f"{model.name}: a mean write needs a clip, and there is none")
        return tuple(StandIn(total / n) for total in totals)


def ablate_each(
    model: ResidualModel,
    pixels: Tensor,
    stand_ins: Iterable[StandIn],
    sites: Collection[Site] | None = None,
    *,
    heads: bool = False,
) -> dict[str, Any]:
    """Ablate components one at a time, at all tokens.

    Args:
        model: the model.
        pixels: the clip, `[frame, 3, h, w]`.
        stand_ins: what takes the place of each write, in the order of `model.writes`.
        sites: the writes to ablate; by default all.
        heads: ablate each head of the sites' attentions instead; an output bias belongs to no head and stays.

    Returns:
        `label` (the one that the clip gets), `logit` and `margin` of the clean run, the `spread` (standard
        deviation) of its logits over the labels; and for each component in `ablated`, by `site.key` or
        `site.key.head.N`: `logit` and `margin` (total effect), `direct` (the margin by the direct effect
        alone). Raises MeasurementError for unknown sites, and NaN or Inf.
    """
    wanted = _wanted(model, sites)
    chosen = [w.site for w in model.writes if w.site in wanted and (w.heads or not heads)]
    narrow, plan = narrow_at(model), batch_plan(model)
    names: list[str] = []
    directs: list[Tensor] = []
    resid = started = torch.empty(0)
    with torch.inference_mode():
        run = clean_run(model, pixels, "clip")
        for index, (step, stand_in) in enumerate(zip(run, stand_ins, strict=True)):
            write, resid = step.write, step.after
            if index == 0:
                count = len(chosen) * (model.n_heads if heads else 1)
                started = resid.new_empty((count, *resid.shape[1:]))
            started = go_on(write, started, len(names), model.reads if index == narrow else EVERY_ROW, plan)
            if write.site not in chosen:
                continue
            states = _without(step, stand_in) if heads else step.before + stand_in.write
            read = model.pool.read(states)
            directs.append(read - model.pool.read(resid))
            needed = states if narrow is None or index < narrow else read
            started[len(names) : len(names) + len(states)] = needed
            names += [f"{write.site.key}.head.{h}" for h in range(len(states))] if heads else [write.site.key]
        clean, logits = (model.readout(streams).logits for streams in (resid, started))
        require_finite(model, "ablated run, logits", model.writes[-1].after, logits)
        label = int(clean[0].argmax())
        frozen = model.frozen_readout(resid)
        direct = float64(clean) + frozen.pooled(torch.cat(directs)) @ frozen.linear.T
    ablated = zip(names, said(logits, label), said(direct, label), strict=True)
    return {
        "label": label,
        **said(clean, label)[0],
        "spread": spread(clean),
        "ablated": {name: {**total, "direct": only["margin"]} for name, total, only in ablated},
    }


def _without(step: Step, stand_in: StandIn) -> Tensor:
    """The streams after an attention, each without one of its heads: `[head, token, d_model]`."""
    heads = step.write.heads
    if heads is None or stand_in.mixed is None:
        raise MeasurementError(f"{step.write.site}: this stand-in does not say what its heads mix")
    change = stand_in.mixed - heads.mix(step.before, step.before, EVERY_ROW)
    return step.after + heads.writes(change)[0]


def ablate_together(
    model: ResidualModel,
    pixels: Tensor,
    stand_ins: Iterable[StandIn],
    groups: Mapping[str, Collection[Site]],
) -> dict[str, Any]:
    """Ablate all sites of a group in one run, each group in a run of its own.

    Returns as `ablate_each`, without direct effects, by the group's name. Raises MeasurementError.
    """
    wanted = [_wanted(model, sites) for sites in groups.values()]
    order: list[int] = []
    with torch.inference_mode():
        resid = started = torch.empty(0)
        run = clean_run(model, pixels, "clip")
        for step, stand_in in zip(run, stand_ins, strict=True):
            write, before, resid = step.write, step.before, step.after
            started = started if order else before[:0]
            outs = [write(batch) for batch in in_batches(model, started)]
            for place, out in enumerate(one for batch in outs for one in batch):
                started[place] += stand_in.write[0] if write.site in wanted[order[place]] else out
            begins = [g for g, sites in enumerate(wanted) if g not in order and write.site in sites]
            if begins:
                started = torch.cat([started, *[before + stand_in.write] * len(begins)])
                order += begins
            require_finite(model, "clip with groups ablated", write.after, started)
        clean = model.readout(resid).logits
        label = int(clean[0].argmax())
        ablated = said(model.readout(started).logits, label)
    names = list(groups)
    return {
        "label": label,
        **said(clean, label)[0],
        "spread": spread(clean),
        "ablated": {names[group]: one for group, one in zip(order, ablated, strict=True)},
    }


def _wanted(model: ResidualModel, sites: Collection[Site] | None) -> set[Site]:
    known = {write.site for write in model.writes}
    unknown = sorted(set(sites or ()) - known)
    if unknown:
        last = model.writes[-1].site
        raise MeasurementError(f"{model.name} has no {unknown[0]} to ablate; its last write is {last}")
    return known if sites is None else set(sites)


_MEANS: WeakKeyDictionary[Assay, tuple[StandIn, ...]] = WeakKeyDictionary()
"""The mean writes of an assay's clips, which all of its pairs share."""


def _stand_ins(assay: Assay, pair: Pair, params: Mapping[str, Any]) -> Iterable[StandIn]:
    """`by`: zero, mean or resample."""
    model = assay.model()
    if params["by"] == "zero":
        return zero(model)
    if params["by"] == "resample":
        other = CONTROLS["other class"](assay, pair).donor
        return resample(model, other, heads="of" in params)
    if assay not in _MEANS:
        clips = (clip for one in assay.chosen("outcome") for clip in (assay.success(one), assay.failure(one)))
        _MEANS[assay] = mean(model, clips)
    return _MEANS[assay]


def clip_of(assay: Assay, pair: Pair, params: Mapping[str, Any]) -> Tensor:
    """The `success` or `failure` clip of a pair, as `clip` in the parameters says: `[frame, 3, h, w]`."""
    return assay.success(pair) if params["clip"] == "success" else assay.failure(pair)


def _each(assay: Assay, pair: Pair, params: Mapping[str, Any]) -> dict[str, Any]:
    """Every attention and MLP alone, of some layers or of all."""
    model, layers = assay.model(), params.get("layers")
    sites = None if layers is None else [make(layer) for layer in layers for make in (attn_out, mlp_out)]
    return ablate_each(model, clip_of(assay, pair, params), _stand_ins(assay, pair, params), sites)


def _heads(assay: Assay, pair: Pair, params: Mapping[str, Any]) -> dict[str, Any]:
    """The heads of every `of`-th layer alone: another set of layers for another pair.

    All heads of ViViT-B are 144 runs a clip. A share of heads over pairs is as well told by a part of them.
    """
    model = assay.model()
    start = crc32(pair.name.encode()) % params["of"]
    sites = [attn_out(layer) for layer in range(start, model.n_layers, params["of"])]
    stand_ins = _stand_ins(assay, pair, params)
    return ablate_each(model, clip_of(assay, pair, params), stand_ins, sites, heads=True)


def _joint(assay: Assay, pair: Pair, params: Mapping[str, Any]) -> dict[str, Any]:
    """All attentions, all MLPs, and both, of some layers at once; and everything there is."""
    model, layers = assay.model(), params["layers"]
    groups = {
        "attn": [attn_out(layer) for layer in layers],
        "mlp": [mlp_out(layer) for layer in layers],
        "both": [make(layer) for layer in layers for make in (attn_out, mlp_out)],
        "everything": [write.site for write in model.writes],
    }
    return ablate_together(model, clip_of(assay, pair, params), _stand_ins(assay, pair, params), groups)


def _cascade(assay: Assay, pair: Pair, params: Mapping[str, Any]) -> dict[str, Any]:
    """The MLPs of some layers alone, and all of them at once: what random weights are asked for."""
    model, clip = assay.model(), clip_of(assay, pair, params)
    sites = [mlp_out(layer) for layer in params["layers"]]
    with torch.inference_mode():
        stand_ins = tuple(_stand_ins(assay, pair, params))
    alone = ablate_each(model, clip, stand_ins, sites)
    together = ablate_together(model, clip, stand_ins, {"mlp": sites})
    return {**alone, "ablated": {**alone["ablated"], **together["ablated"]}}


MEASUREMENTS: Mapping[str, Callable[[Assay, Pair, Mapping[str, Any]], Any]] = {
    "each": _each,
    "heads": _heads,
    "joint": _joint,
    "cascade": _cascade,
}
"""By the name in the store's key."""
