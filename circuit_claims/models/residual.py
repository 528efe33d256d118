"""The one abstraction: a residual stream and its writes.

    resid = model.embed(pixels)                 # [batch, token, d_model]
    for write in model.writes:                  # attn 0, mlp 0, attn 1, mlp 1, ...
        resid = resid + write(resid)
    readout = model.readout(resid)              # logits [batch, label]; summary [batch, d_model]

An architecture is a table that fills in `embed`, `writes` and `readout`. It is ready when this loop gives the
logits of the Hugging Face model, and trace, patching and every other method are written once against it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
from torch import Tensor

from circuit_claims.models.device import float64
from circuit_claims.models.pool import EVERY_ROW as EVERY_ROW
from circuit_claims.models.pool import Pool
from circuit_claims.models.precision import MEMORY
from circuit_claims.models.sites import Site, resid_post, resid_pre

if TYPE_CHECKING:
    import numpy as np
    from torch import nn


@dataclass(frozen=True)
class Heads:
    """An attention taken apart: which token reads which, what is read, and what each head makes of it.

    With A the pattern, V the values and O_h the slice of the output projection that head h writes through,

        attention(resid) = sum_h A_h V_h O_h + bias

    The full pattern of a long clip does not fit into memory: ask for it at a few rows.
    """

    pattern: Callable[[Tensor, slice], Tensor]
    """The stream, query rows -> attention weights `[batch, head, row, token]`; each row sums to 1."""
    values: Callable[[Tensor], Tensor]
    """The stream -> values `[batch, head, token, d_head]`."""
    mix: Callable[[Tensor, Tensor, slice], Tensor]
    """Stream of queries and keys, stream of values, query rows -> `[batch, head, row, d_head]`: A V."""
    output: Tensor
    """`[head, d_head, d_model]`: what a head's mixed values are multiplied with to become its write."""
    bias: Tensor
    """`[d_model]`: what the attention adds whatever it reads; belongs to no head."""

    def writes(self, mixed: Tensor) -> Tensor:
        """Mixed values `[batch, head, row, d_head]` -> each head's write `[batch, head, row, d_model]`."""
        return torch.einsum("bhrk,hkd->bhrd", mixed, self.output)

    def whole(self, mixed: Tensor) -> Tensor:
        """Mixed values `[batch, head, row, d_head]` -> the attention's write `[batch, row, d_model]`."""
        return mixed.transpose(1, 2).flatten(2) @ self.output.flatten(0, 1) + self.bias


@dataclass(frozen=True)
class Write:
    """One addition to the stream: what an attention or an MLP of a block adds to what it reads."""

    layer: int
    kind: Literal["attn", "temporal_attn", "mlp"]
    site: Site
    """Where the write itself is patched, e.g. `mlp_out 4`."""
    after: Site
    """The stream once the write is added, e.g. `resid_post 4`."""
    function: Callable[[Tensor], Tensor]
    """The stream `[batch, token, d_model]` -> the write, of the same shape, without the residual."""
    at_rows: Callable[[Tensor, slice], Tensor] | None = None
    """The same write at a few tokens only, where that is cheaper than all of it."""
    heads: Heads | None = None
    """The attention's heads; None for an MLP."""

    def __call__(self, resid: Tensor) -> Tensor:
        """The write at every token `[batch, token, d_model]`."""
        return self.function(resid)

    @property
    def mixes_tokens(self) -> bool:
        """Attention reads other tokens; an MLP reads only its own."""
        return self.kind != "mlp"

    def at(self, resid: Tensor, rows: slice) -> Tensor:
        """The write at `rows` of a whole stream `[batch, token, d_model]` -> `[batch, row, d_model]`."""
        if rows == EVERY_ROW:
            return self(resid)
        if self.at_rows is not None:
            return self.at_rows(resid, rows)
        return self(resid)[:, rows] if self.mixes_tokens else self(resid[:, rows])


class Readout(NamedTuple):
    """What a model says of a clip, and the vector that it says it from."""

    logits: Tensor
    """`[batch, label]`."""
    summary: Tensor
    """`[batch, d_model]`: the vector that the classifier's linear map multiplies (after the final norm)."""


class Frozen(NamedTuple):
    """The readout with its norm's scale held as it is for one stream, which makes it linear. All float64.

        logits = linear @ (weights @ rows) + constant

    with `rows` the tokens that are read, before the norm. Where each token is normed by a scale of its own
    before the pool, `weights` holds the pool's weight over that scale.
    """

    linear: Tensor
    """`[label, d_model]`."""
    constant: Tensor
    """`[label]`: what the readout adds whatever the stream."""
    weights: Tensor
    """`[row]`: of the tokens that are read."""

    def pooled(self, rows: Tensor) -> Tensor:
        """The tokens read `[..., row, d_model]` -> the vector `[..., d_model]` that `linear` multiplies."""
        return self.weights @ float64(rows)


@dataclass(frozen=True)
class HookPoint:
    """Where the Hugging Face model itself computes the tensor of a site: a module's output, or its input."""

    module: nn.Module
    side: Literal["output", "input"]
    replaces: bool = True
    """False where a replacement reaches only some readers (`resid_mid`: the residual goes past it)."""


@dataclass(frozen=True)
class Reference:
    """The model as its authors run it, to hold the loop against (`identity.py`)."""

    logits: Callable[[Tensor], Tensor]
    """`hf_model(pixels).logits`, `[batch, frame, 3, h, w]` -> `[batch, label]`."""
    points: Mapping[Site, HookPoint]
    """One hook point for each site of the loop."""


@dataclass(frozen=True)
class ResidualModel:
    """A video transformer as a stream, its ordered writes, and a readout. All in float32, in eval mode."""

    name: str
    embed: Callable[[Tensor], Tensor]
    """pixels `[batch, frame, 3, h, w]` float32 -> the first stream `[batch, token, d_model]`."""
    writes: tuple[Write, ...]
    readout: Callable[[Tensor], Readout]
    """The last stream -> `Readout`. It reads the tokens of `pool`, and takes those alone as well."""
    n_heads: int
    d_model: int
    token_grid: tuple[int, int, int]
    """Tubelets in time, height, width."""
    pool: Pool
    """What the readout weights each token by."""
    patch_rows: slice
    """The patch tokens: the tubelet (t, y, x) is number ``h*w*t + w*y + x`` of them."""
    labels: tuple[str, ...]
    frames: int
    """Frames of one clip."""
    image_size: int
    """Height and width of one frame in pixels."""
    preprocess: Callable[[np.ndarray], Tensor]
    """frames uint8 `[frame, h, w, 3]` (any size) -> pixels float32 `[frame, 3, image_size, image_size]`."""
    frozen_readout: Callable[[Tensor], Frozen]
    """The last stream `[1, token, d_model]` -> the readout with the final norm's scale held as it is for this
    stream, so that what each write added to the tokens read has a share of its own. It holds for this
    stream alone."""
    fingerprint: str
    """What the weights, the configuration and the preprocessing are, as a sha256."""
    classifier: Tensor | None = field(default=None, repr=False)
    """`[label, d_model]`: the linear map that the summary is multiplied with, where there is one."""
    device: str = "cpu"
    memory: int = MEMORY
    """Bytes that the patched states of one sweep may take (`measure/runs.py`)."""
    reference: Reference | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        t, h, w = self.token_grid
        found = len(range(self.n_tokens)[self.patch_rows])
        if found != t * h * w:
            raise ValueError(
                f"{self.name}: its grid has {t} x {h} x {w} tubelets, and {found} of its tokens are patches"
            )

    @property
    def n_layers(self) -> int:
        """Number of blocks."""
        return 1 + max(write.layer for write in self.writes)

    @property
    def n_tokens(self) -> int:
        """Tokens of the stream."""
        return self.pool.n_tokens

    @property
    def reads(self) -> slice:
        """The tokens of the last stream that the readout reads: those with weight in the pool."""
        return self.pool.rows

    @property
    def sites(self) -> tuple[Site, ...]:
        """Every site in the order of the run: resid_pre 0, attn_out 0, resid_mid 0, mlp_out 0, ..."""
        return (resid_pre(0), *(site for write in self.writes for site in (write.site, write.after)))


def canonical(site: Site) -> Site:
    """The name under which a run meets a site: `resid_pre l` is `resid_post l-1`, but for l = 0."""
    return resid_post(site.layer - 1) if site.kind == "resid_pre" and site.layer > 0 else site


@torch.inference_mode()
def run(model: ResidualModel, pixels: Tensor) -> Readout:
    """Run clips `[batch, frame, 3, h, w]` through the model."""
    resid = model.embed(pixels)
    for write in model.writes:
        resid = resid + write(resid)
    return model.readout(resid)


Edit = Callable[[Tensor], Tensor]
"""Takes the tensor `[batch, token, d_model]` that a run has at a site, returns what the run goes on with."""


def walk(
    model: ResidualModel, pixels: Tensor, edits: Mapping[Site, Edit] | None = None
) -> Iterator[tuple[Site, Tensor]]:
    """Every site of a run with its tensor `[batch, token, d_model]`, in order; the last is the last stream.

    `edits` replaces the tensor at a site, so that the run goes on from another one (a patch, an ablation).
    The tensor that is yielded is the one after the edit. Call it under `torch.inference_mode()`.
    """
    edits = edits or {}

    def edited(site: Site, value: Tensor) -> Tensor:
        return edits[site](value) if site in edits else value

    resid = edited(resid_pre(0), model.embed(pixels))
    yield resid_pre(0), resid
    for write in model.writes:
        out = edited(write.site, write(resid))
        yield write.site, out
        resid = edited(write.after, resid + out)
        yield write.after, resid
