"""What a model must pass before anything is measured on it: every site is what its name says.

Six questions of every site, asked of the Hugging Face model itself by forward hooks, and of the loop:

1. does it exist, and fire exactly once in a forward?
2. has it the shape `[1, token, d_model]`?
3. is the stream before plus the write the stream after (a hook that includes the residual fails here)?
4. does the loop see the same tensor there?
5. does replacing it by itself change nothing, bit for bit?
6. replaced by the donor's, does it read back as the donor's, do the logits change, and does the loop, patched
   at the same site, give the same logits?

Hooks that silently do nothing are the classic failure of this field (TransformerLens #1639, #1659).
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor
from torch.utils.hooks import RemovableHandle

from circuit_claims.models.device import float64
from circuit_claims.models.residual import HookPoint, ResidualModel, run, walk
from circuit_claims.models.sites import Site
from circuit_claims.models.source import ModelError

CLOSURE = 1e-5
"""Largest ||resid + write - next|| / ||next|| that counts as closed."""
AGREEMENT = 1e-5
"""Largest ||the loop's - Hugging Face's|| / ||Hugging Face's|| that counts as the same."""


@dataclass(frozen=True)
class SiteCheck:
    """What was found at one site."""

    site: str
    """`site.key`."""
    fires: int
    """How often its hook fired in one forward: 1."""
    shape: tuple[int, ...]
    expected_shape: tuple[int, ...]
    closure_max: float | None
    """Largest |stream + write - next stream| (None for a stream: it is the next one)."""
    closure: float | None
    """||stream + write - next stream|| / ||next stream||."""
    loop: float | None
    """||the loop's tensor - the hook's|| / ||the hook's||."""
    null_effect: float | None = None
    """Largest |change of a logit| when it is replaced by itself: exactly 0. None where it was not asked."""
    reads_back: bool | None = None
    """Replaced by the donor's, the stream after it holds the donor's, bit for bit."""
    differs: bool | None = None
    """Whether donor and recipient differ there at all."""
    effect: float | None = None
    """Largest |change of a logit| when it is replaced by the donor's."""
    loop_effect: float | None = None
    """||logits of the patched loop - those of the patched Hugging Face model|| / ||the latter||."""


@dataclass(frozen=True)
class IdentityReport:
    """All sites of a model, held against what their names say."""

    model: str
    logits: float
    """||logits of the loop - those of Hugging Face|| / ||the latter||."""
    rows: float
    """Largest relative difference between a write at the tokens that are read and the same write at all, and
    between the logits of these tokens alone and of the whole stream."""
    heads: float
    """Largest relative difference between an attention's write at the tokens that are read and the sum over
    its heads (pattern, values and output slice) plus its bias."""
    frozen: float
    """||A (w @ x) + b - logits|| / ||logits|| of the readout with the norm's scale frozen."""
    sites: tuple[SiteCheck, ...]

    @property
    def worst_closure(self) -> float:
        """The largest relative closure error of any write."""
        return max((check.closure for check in self.sites if check.closure is not None), default=0.0)

    @property
    def failures(self) -> tuple[str, ...]:
        """What does not hold, a sentence for each; empty when all sites are what their names say."""
        found = [failure for check in self.sites for failure in _failures(check)]
        if self.logits > AGREEMENT:
            found.insert(0, f"the loop's logits are not Hugging Face's (off by {self.logits:.3g})")
        if self.heads > AGREEMENT:
            found.insert(0, f"the heads of an attention do not sum to its write (off by {self.heads:.3g})")
        if self.frozen > AGREEMENT:
            found.insert(0, f"the readout with its norm frozen gives other logits (by {self.frozen:.3g})")
        if self.rows > AGREEMENT:
            found.insert(0, f"the last attention or readout differs at the tokens read (by {self.rows:.3g})")
        return tuple(found)

    @property
    def inert(self) -> tuple[str, ...]:
        """Sites where donor and recipient differ and that yet move no logit.

        Not a failure: they read back as the donor's, so it is the model that does not use them.
        """
        return tuple(check.site for check in self.sites if check.differs and check.effect == 0.0)

    @property
    def passed(self) -> bool:
        """Whether all sites are what their names say."""
        return not self.failures

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for the store and the report."""
        return {
            **asdict(self),
            "passed": self.passed,
            "failures": list(self.failures),
            "inert": list(self.inert),
            "worst_closure": self.worst_closure,
        }


def check_identities(
    model: ResidualModel,
    donor_pixels: Tensor,
    recipient_pixels: Tensor,
    layers: Literal["all", "ends"] = "all",
) -> IdentityReport:
    """Hold every site of a model against its name, on two clips `[frame, 3, h, w]`.

    `layers="ends"` asks questions 5 and 6, which cost a forward and a half a site, of the first, middle and
    last layer only; 1 to 4 are always asked of every layer. Raises ModelError without a reference.
    """
    if model.reference is None:
        raise ModelError(model.name, "there is no Hugging Face model to hold its loop against")
    n = model.n_layers
    asked = set(range(n)) if layers == "all" else {0, n // 2, n - 1}
    causal = [site for site in model.sites if site.layer in asked and model.reference.points[site].replaces]
    with torch.inference_mode():
        donor_clip, recipient_clip = (
            (pixels[None] if pixels.ndim == 4 else pixels).to(model.device)
            for pixels in (donor_pixels, recipient_pixels)
        )
        donor = _forward(model, donor_clip, causal)
        own = _forward(model, recipient_clip, model.sites)
        loop = _loop_errors(model, recipient_clip, own)
        asked_of = [site for site in causal if len(own.seen[site]) == len(donor.seen[site]) == 1]
        null_effects = _null_effects(model, recipient_clip, own, asked_of)
        checks = []
        for site in model.sites:
            check = _shape_and_closure(model, site, own, loop)
            if site in asked_of:
                check = replace(check, null_effect=null_effects[site])
                check = _causal(model, check, site, recipient_clip, own, donor)
            checks.append(check)
        return IdentityReport(
            model=model.name,
            logits=_relative(run(model, recipient_clip).logits, own.logits),
            rows=_rows_error(model, recipient_clip),
            heads=_heads_error(model, recipient_clip),
            frozen=_frozen_error(model, recipient_clip),
            sites=tuple(checks),
        )


@dataclass(frozen=True)
class _Forward:
    """One forward of the Hugging Face model."""

    logits: Tensor
    seen: Mapping[Site, list[Tensor]]
    """What each hook saw, every time it fired."""


def _forward(
    model: ResidualModel,
    clip: Tensor,
    watched: Collection[Site],
    replaced: Mapping[Site, Tensor] | None = None,
) -> _Forward:
    """Run the Hugging Face model with hooks that replace some sites and watch others."""
    assert model.reference is not None
    points = model.reference.points
    seen: dict[Site, list[Tensor]] = {site: [] for site in watched}
    with contextlib.ExitStack() as hooks:
        for site, value in (replaced or {}).items():
            hooks.callback(_replace(points[site], value).remove)
        for site in watched:
            hooks.callback(_watch(points[site], seen[site]).remove)
        return _Forward(model.reference.logits(clip), seen)


def _watch(point: HookPoint, seen: list[Tensor]) -> RemovableHandle:
    if point.side == "input":
        return point.module.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    return point.module.register_forward_hook(lambda _module, _args, out: seen.append(_tensor(out)))


def _replace(point: HookPoint, value: Tensor) -> RemovableHandle:
    if point.side == "input":
        return point.module.register_forward_pre_hook(lambda _, args: (value, *args[1:]))
    return point.module.register_forward_hook(
        lambda _module, _args, out: (value, *out[1:]) if isinstance(out, tuple) else value
    )


def _tensor(out: Any) -> Tensor:
    found: Tensor = out[0] if isinstance(out, tuple) else out
    return found


def _loop_errors(model: ResidualModel, clip: Tensor, own: _Forward) -> dict[Site, float]:
    """How far the loop's tensor is from the hook's, at every site whose hook fired."""
    return {site: _relative(value, own.seen[site][0]) for site, value in walk(model, clip) if own.seen[site]}


def _shape_and_closure(
    model: ResidualModel, site: Site, own: _Forward, loop: Mapping[Site, float]
) -> SiteCheck:
    """Questions 1 to 4."""
    index = model.sites.index(site)
    seen = own.seen[site]
    error = after = None
    if site.is_write and all(own.seen[near] for near in model.sites[index - 1 : index + 2]):
        before, write, after = (float64(own.seen[near][0]) for near in model.sites[index - 1 : index + 2])
        error = before + write - after
    return SiteCheck(
        site=site.key,
        fires=len(seen),
        shape=tuple(seen[0].shape) if seen else (),
        expected_shape=(1, model.n_tokens, model.d_model),
        closure_max=None if error is None else float(error.abs().max()),
        closure=None if error is None or after is None else _ratio(error.norm(), after.norm()),
        loop=loop.get(site),
    )


def _causal(
    model: ResidualModel, check: SiteCheck, site: Site, clip: Tensor, own: _Forward, donor: _Forward
) -> SiteCheck:
    """Question 6."""
    value = donor.seen[site][0]
    index = model.sites.index(site)
    watched = model.sites[index + 1 : index + 2] if site.is_write else ()
    patched = _forward(model, clip, watched, {site: value})
    if site.is_write:
        expected = own.seen[model.sites[index - 1]][0] + value
        reads_back = torch.equal(patched.seen[watched[0]][0], expected)
    else:
        # The donor's whole stream: from here on the run is the donor's.
        reads_back = torch.equal(patched.logits, donor.logits)
    resid = _loop_from(model, site, value, own)
    return replace(
        check,
        reads_back=reads_back,
        differs=not torch.equal(value, own.seen[site][0]),
        effect=float((patched.logits - own.logits).abs().max()),
        loop_effect=_relative(model.readout(resid).logits, patched.logits),
    )


def _null_effects(
    model: ResidualModel, clip: Tensor, own: _Forward, sites: Collection[Site]
) -> dict[Site, float]:
    """Question 5: all sites replaced by themselves at once; one by one only where that changes a logit."""

    def effect(some: Collection[Site]) -> float:
        null = _forward(model, clip, (), {site: own.seen[site][0] for site in some})
        return float((null.logits - own.logits).abs().max())

    if effect(sites) == 0.0:
        return dict.fromkeys(sites, 0.0)
    return {site: effect([site]) for site in sites}


def _loop_from(model: ResidualModel, site: Site, value: Tensor, own: _Forward) -> Tensor:
    """The last stream of a loop that starts at a site, replaced by `value`, on the stream before it."""
    index = model.sites.index(site)
    resid = own.seen[model.sites[index - 1]][0] + value if site.is_write else value
    # Sites are the embedding, then a write and the stream after it, in turn.
    for write in model.writes[(index + 1) // 2 :]:
        resid = resid + write(resid)
    return resid


def _rows_error(model: ResidualModel, clip: Tensor) -> float:
    """The last attention at the tokens that are read, and the readout of these alone, against the whole."""
    resid = model.embed(clip)
    worst = 0.0
    last = max(index for index, write in enumerate(model.writes) if write.mixes_tokens)
    for index, write in enumerate(model.writes):
        whole = write(resid)
        if index >= last:
            worst = max(worst, _relative(write.at(resid, model.reads), whole[:, model.reads]))
        resid = resid + whole
    alone, logits = (model.readout(rows).logits for rows in (model.pool.read(resid), resid))
    return max(worst, _relative(alone, logits))


def _heads_error(model: ResidualModel, clip: Tensor) -> float:
    """Every attention at the tokens that are read, put together from its heads."""
    resid = model.embed(clip)
    worst = 0.0
    for write in model.writes:
        whole = write(resid)
        if write.heads is not None:
            heads = write.heads
            from_pattern = heads.pattern(resid, model.reads) @ heads.values(resid)
            for mixed in (from_pattern, heads.mix(resid, resid, model.reads)):
                summed = heads.writes(mixed).sum(dim=1) + heads.bias
                worst = max(worst, _relative(summed, whole[:, model.reads]))
        resid = resid + whole
    return worst


def _frozen_error(model: ResidualModel, clip: Tensor) -> float:
    resid = model.embed(clip)
    for write in model.writes:
        resid = resid + write(resid)
    frozen = model.frozen_readout(resid)
    logits = frozen.linear @ frozen.pooled(model.pool.read(resid)[0]) + frozen.constant
    return _relative(logits, model.readout(resid).logits[0])


def _failures(check: SiteCheck) -> list[str]:
    if check.fires != 1:
        return [f"{check.site} fires {check.fires} times in a forward, not once"]
    asked: list[tuple[bool, str]] = [
        (check.shape != check.expected_shape, f"has shape {check.shape}, not {check.expected_shape}"),
        ((check.closure or 0.0) > CLOSURE, f"does not close: stream + write is off by {check.closure}"),
        ((check.loop or 0.0) > AGREEMENT, f"is another tensor in the loop (off by {check.loop})"),
        (bool(check.null_effect), f"changes the logits by {check.null_effect} when replaced by itself"),
        (check.reads_back is False, "does not read back as the donor's when it is patched"),
        (
            (check.loop_effect or 0.0) > AGREEMENT,
            f"patched in the loop gives others (off by {check.loop_effect})",
        ),
    ]
    return [f"{check.site} {sentence}" for failed, sentence in asked if failed]


def _relative(value: Tensor, reference: Tensor) -> float:
    """||value - reference|| / ||reference||, in float64; infinite where the shapes differ."""
    if value.shape != reference.shape:
        return float("inf")
    return _ratio((float64(value) - float64(reference)).norm(), float64(reference).norm())


def _ratio(part: Tensor, whole: Tensor) -> float:
    """part / whole, and 0 for 0/0: a write that is zero everywhere is off by nothing."""
    return 0.0 if float(part) == 0.0 else float(part / whole)
