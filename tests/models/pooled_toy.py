"""A small video transformer without a CLS token: it classifies from the mean of its normed tokens.

Its patches are not square, so its grid of 4 x 2 x 4 tubelets has fewer rows than columns. `PooledToy` is the
reference: a plain forward, in which any write may be replaced. `pooled_toy` is the same weights as a table.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from circuit_claims.models.pool import Pool
from circuit_claims.models.residual import (
    Frozen,
    Heads,
    HookPoint,
    Readout,
    Reference,
    ResidualModel,
    Write,
)
from circuit_claims.models.sites import Site, attn_out, mlp_out, resid_mid, resid_post, resid_pre

FRAMES, SIZE, TUBELET = 8, 16, (2, 8, 4)
GRID = (4, 2, 4)
TOKENS = 32
LAYERS, HEADS, D_HEAD, LABELS = 6, 3, 4, 5
D_MODEL = HEADS * D_HEAD


class Attention(nn.Module):
    """Softmax attention, its norm included."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(D_MODEL)
        self.query, self.key, self.value, self.output = (nn.Linear(D_MODEL, D_MODEL) for _ in range(4))

    def split(self, flat: Tensor) -> Tensor:
        return flat.unflatten(-1, (HEADS, D_HEAD)).transpose(1, 2)

    def pattern(self, resid: Tensor) -> Tensor:
        """`[batch, head, token, token]`."""
        normed = self.norm(resid)
        scores = self.split(self.query(normed)) @ self.split(self.key(normed)).transpose(-1, -2)
        return (scores / D_HEAD**0.5).softmax(-1)

    def values(self, resid: Tensor) -> Tensor:
        """`[batch, head, token, d_head]`."""
        return self.split(self.value(self.norm(resid)))

    def by_head(self, resid: Tensor) -> Tensor:
        """What each head writes, `[batch, head, token, d_model]`; the bias belongs to none."""
        weight = self.output.weight.unflatten(1, (HEADS, D_HEAD))
        return torch.einsum("bhtk,dhk->bhtd", self.pattern(resid) @ self.values(resid), weight)

    def forward(self, resid: Tensor) -> Tensor:
        return self.output((self.pattern(resid) @ self.values(resid)).transpose(1, 2).flatten(2))


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = Attention()
        self.mlp = nn.Sequential(
            nn.LayerNorm(D_MODEL), nn.Linear(D_MODEL, 24), nn.GELU(), nn.Linear(24, D_MODEL)
        )

    def forward(self, resid: Tensor) -> Tensor:
        resid = resid + self.attention(resid)
        return resid + self.mlp(resid)


class PooledToy(nn.Module):
    """Random weights of a seed; `weights` `[token]` is the pool, by default a mean."""

    def __init__(self, seed: int = 0, weights: Tensor | None = None) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.patches = nn.Conv3d(3, D_MODEL, TUBELET, stride=TUBELET)
            self.places = nn.Parameter(torch.randn(1, TOKENS, D_MODEL) * 0.5)
            self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))
            self.norm = nn.LayerNorm(D_MODEL)
            self.classifier = nn.Linear(D_MODEL, LABELS)
            with torch.no_grad():
                for parameter in self.parameters():
                    parameter.add_(torch.randn(parameter.shape) * 0.2)
        self.weights = torch.full((TOKENS,), 1 / TOKENS, dtype=torch.float64) if weights is None else weights
        self.eval().requires_grad_(False)

    def embed(self, pixels: Tensor) -> Tensor:
        return self.patches(pixels.transpose(1, 2)).flatten(2).transpose(1, 2) + self.places

    def summary(self, resid: Tensor) -> Tensor:
        """The weighted mean of the normed tokens, `[batch, d_model]`."""
        return (self.weights[:, None].float() * self.norm(resid)).sum(1)

    def forward(self, pixels: Tensor) -> Tensor:
        resid = self.embed(pixels)
        for block in self.blocks:
            resid = block(resid)
        return self.classifier(self.summary(resid))

    def streams(self, pixels: Tensor, replaced: Mapping[Site, Tensor] | None = None) -> dict[Site, Tensor]:
        """Every site of a plain forward of one clip `[frame, 3, h, w]`, some writes replaced."""
        replaced = replaced or {}
        resid = self.embed(pixels[None])
        found = {resid_pre(0): resid}
        for layer, block in enumerate(self.blocks):
            attn = replaced.get(attn_out(layer), block.attention(resid))
            middle = resid + attn
            mlp = replaced.get(mlp_out(layer), block.mlp(middle))
            resid = middle + mlp
            found |= {attn_out(layer): attn, resid_mid(layer): middle}
            found |= {mlp_out(layer): mlp, resid_post(layer): resid}
        return found

    def last(self, pixels: Tensor, replaced: Mapping[Site, Tensor] | None = None) -> Tensor:
        """The last stream of such a forward, `[1, token, d_model]`."""
        return self.streams(pixels, replaced)[resid_post(LAYERS - 1)]


def preprocess(frames: np.ndarray) -> Tensor:
    """uint8 `[frame, h, w, 3]` -> `[frame, 3, 16, 16]` in [-1, 1]."""
    pixels = torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2).float()
    return interpolate(pixels, (SIZE, SIZE), mode="bilinear") / 127.5 - 1.0


def pooled_toy(module: PooledToy) -> ResidualModel:
    """The module as a table of its writes."""
    pool, norm, classifier = Pool(module.weights), module.norm, module.classifier

    def readout(resid: Tensor) -> Readout:
        summary = pool(norm(resid))
        return Readout(classifier(summary), summary)

    def frozen_readout(resid: Tensor) -> Frozen:
        # Every token has a scale of its own, which goes with its weight.
        rows = pool.read(resid)[0].double()
        scales = (rows.var(dim=-1, unbiased=False) + norm.eps).sqrt()
        weighted = classifier.weight.double() * norm.weight.double()
        constant = classifier.weight.double() @ norm.bias.double() + classifier.bias.double()
        return Frozen(weighted - weighted.mean(1, keepdim=True), constant, pool.weights[pool.rows] / scales)

    points = {resid_pre(0): HookPoint(module.blocks[0], "input")}
    writes: list[Write] = []
    for layer, block in enumerate(module.blocks):
        points |= {
            attn_out(layer): HookPoint(block.attention, "output"),
            resid_mid(layer): HookPoint(block.mlp, "input", replaces=False),
            mlp_out(layer): HookPoint(block.mlp, "output"),
            resid_post(layer): HookPoint(block, "output"),
        }
        heads = _heads(block.attention)
        writes.append(
            Write(layer, "attn", attn_out(layer), resid_mid(layer), block.attention, heads=heads),
        )
        writes.append(Write(layer, "mlp", mlp_out(layer), resid_post(layer), block.mlp))
    return ResidualModel(
        name="pooled",
        embed=module.embed,
        writes=tuple(writes),
        readout=readout,
        n_heads=HEADS,
        d_model=D_MODEL,
        token_grid=GRID,
        pool=pool,
        patch_rows=slice(None),
        labels=tuple(f"LABEL_{i}" for i in range(LABELS)),
        frames=FRAMES,
        image_size=SIZE,
        preprocess=preprocess,
        frozen_readout=frozen_readout,
        fingerprint="pooled",
        classifier=classifier.weight.detach(),
        reference=Reference(logits=module, points=points),
    )


def _heads(attention: Attention) -> Heads:
    def pattern(resid: Tensor, rows: slice) -> Tensor:
        return attention.pattern(resid)[:, :, rows]

    return Heads(
        pattern=pattern,
        values=attention.values,
        mix=lambda reading, read, rows: pattern(reading, rows) @ attention.values(read),
        output=attention.output.weight.detach().T.reshape(HEADS, D_HEAD, D_MODEL),
        bias=attention.output.bias.detach(),
    )
