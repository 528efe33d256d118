"""Measurements whose answer is known before they are made: the assay itself is under test.

They hold for every model, trained or not, since they follow from the architecture alone:

- an identity patch (the donor's whole stream) gives the donor's run, so recovery is 1 at every layer;
- a null patch (the recipient's own write) changes nothing;
- a token is moved by its own writes only, and what an MLP writes follows from the token, so patching what all
  attentions write at the tokens read, and these tokens' embedding, recovers them whole (a CLS token's
  embedding is the same in both clips, and attention alone brings it the donor's);
- nothing reads the tokens of the last block that have no weight in the pool;
- the delta of what is pooled is the sum of what the writes add to it, so their shares sum to 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from circuit_claims.measure.errors import NotApplicable
from circuit_claims.measure.patching import patch, sweep
from circuit_claims.measure.recovery import Norms
from circuit_claims.measure.results import Patch
from circuit_claims.measure.runs import clean_walk, last_stream
from circuit_claims.models.device import float64
from circuit_claims.models.residual import ResidualModel
from circuit_claims.models.sites import Site, resid_post, resid_pre


@dataclass(frozen=True)
class Shares:
    """What each kind of write adds directly to the last pooled delta D: <delta of the write, D> / <D, D>.

    None everywhere where D is 0 (nothing to share).
    """

    embed: float | None
    attn: float | None
    """Sum over layers of every attention's share."""
    mlp: float | None
    by_site: dict[str, float]
    """Each write's share, by `site.key`."""

    @property
    def total(self) -> float | None:
        """Of everything: 1, but for rounding."""
        parts = (self.embed, self.attn, self.mlp)
        return None if None in parts else sum(part for part in parts if part is not None)


def identity_patch(model: ResidualModel, donor_pixels: Tensor, recipient_pixels: Tensor) -> Patch:
    """Patch the embedding and every stream after it with the donor's: the donor's run, at every place."""
    streams = [site for site in model.sites if not site.is_write]
    return patch(model, donor_pixels, recipient_pixels, streams)


def block_outputs(
    model: ResidualModel,
    donor_pixels: Tensor,
    recipient_pixels: Tensor,
    layers: Iterable[int] | None = None,
    *,
    tokens: bool = True,
) -> dict[int, Patch]:
    """Patch one block's whole output (`resid_post`), by layer: an identity patch, 1 by every metric.

    The first edition's "MLP" patch was this one: the same number at every layer.
    """
    chosen = range(model.n_layers) if layers is None else layers
    done = sweep(
        model, donor_pixels, recipient_pixels, [resid_post(layer) for layer in chosen], tokens=tokens
    )
    return {layer: done.patches[resid_post(layer).key] for layer in chosen}


def null_patch(model: ResidualModel, pixels: Tensor, sites: Iterable[Site] | None = None) -> float:
    """Patch a clip into itself, each write alone, unbatched. Largest ||d|| anywhere: exactly 0."""
    chosen = None if sites is None else list(sites)
    done = sweep(model, pixels, pixels, chosen, max_states=1)
    return max(norms.d for one in done.patches.values() for norms in one.norms.values())


def attention_at_pool(model: ResidualModel, donor_pixels: Tensor, recipient_pixels: Tensor) -> Norms:
    """Patch the embedding and what every attention writes, at the tokens that are read and nowhere else.

    The norms of what is pooled: P = 1.
    """
    sites = [resid_pre(0), *(write.site for write in model.writes if write.mixes_tokens)]
    return patch(model, donor_pixels, recipient_pixels, sites, rows=model.reads).norms["cls"]


def final_patch_tokens(model: ResidualModel, pixels: Tensor, seed: int = 0) -> float:
    """Replace every token of the last stream that is not read by noise of its own size.

    Returns the largest |change of a logit|: exactly 0, so a metric that averages over these tokens is inert.
    Raises NotApplicable for a model that reads every token.
    """
    if not model.pool.others:
        raise NotApplicable(f"{model.name} reads every token of its last block, so none of them is inert")
    with torch.inference_mode():
        resid = last_stream(clean_walk(model, pixels, "clip"))
        noise = torch.randn(resid.shape, generator=torch.Generator().manual_seed(seed)).to(resid)
        noisy = noise * resid.std()
        noisy[:, model.reads] = resid[:, model.reads]
        change = model.readout(noisy).logits - model.readout(resid).logits
        return float(change.abs().max())


def direct_shares(model: ResidualModel, donor_pixels: Tensor, recipient_pixels: Tensor) -> Shares:
    """Share the last pooled delta out among the embedding and the writes that it is the sum of."""
    deltas: dict[Site, Tensor] = {}
    with torch.inference_mode():
        runs = [
            clean_walk(model, pixels, role)
            for role, pixels in (("donor", donor_pixels), ("recipient", recipient_pixels))
        ]
        last = torch.empty(0)
        for (site, donor), (_, recipient) in zip(*runs, strict=True):
            last = (float64(model.pool(donor)) - float64(model.pool(recipient)))[0]
            if site.is_write or site == resid_pre(0):
                deltas[site] = last
    size = float(last @ last)
    if size == 0.0:
        return Shares(None, None, None, {})
    shares = {site: float(delta @ last) / size for site, delta in deltas.items()}
    kinds = {write.site: write.kind for write in model.writes}
    return Shares(
        embed=shares[resid_pre(0)],
        attn=sum(share for site, share in shares.items() if kinds.get(site, "mlp") != "mlp"),
        mlp=sum(share for site, share in shares.items() if kinds.get(site) == "mlp"),
        by_site={site.key: share for site, share in shares.items() if site.is_write},
    )
