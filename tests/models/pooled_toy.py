"""A video transformer without a CLS token: it norms its tokens and classifies their mean.

Written as a plain module and, beside it, as the writes that the loop runs; the module is the reference that
identities are asked of. Frames are square, the grid of tubelets is not.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, layer_norm

from circuit_claims.models.pool import Pool
from circuit_claims.models.residual import Frozen, Heads, HookPoint, Readout, Reference, ResidualModel, Write
from circuit_claims.models.sites import Site, attn_out, mlp_out, resid_mid, resid_post, resid_pre

LAYERS, HEADS, D_HEAD, FRAMES, SIDE = 6, 3, 8, 8, 32
TUBELET, GRID = (2, 16, 8), (4, 2, 4)
D_MODEL = HEADS * D_HEAD


class Attention(nn.Module):
    """Multi-head attention over all tokens `[batch, token, d_model]`."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value, self.out = (nn.Linear(D_MODEL, D_MODEL) for _ in range(4))

    def split(self, flat: Tensor) -> Tensor:
        return flat.view(*flat.shape[:-1], HEADS, D_HEAD).transpose(1, 2)

    def pattern(self, normed: Tensor, rows: slice) -> Tensor:
        q, k = self.split(self.query(normed[:, rows])), self.split(self.key(normed))
        return (q @ k.transpose(-1, -2) * D_HEAD**-0.5).softmax(dim=-1)

    def forward(self, normed: Tensor) -> Tensor:
        mixed = self.pattern(normed, slice(None)) @ self.split(self.value(normed))
        return self.out(mixed.transpose(1, 2).flatten(2))


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm_attn, self.attn = nn.LayerNorm(D_MODEL), Attention()
        self.norm_mlp = nn.LayerNorm(D_MODEL)
        self.mlp = nn.Sequential(nn.Linear(D_MODEL, 48), nn.GELU(), nn.Linear(48, D_MODEL))

    def forward(self, resid: Tensor) -> Tensor:
        resid = resid + self.attn(self.norm_attn(resid))
        return resid + self.mlp(self.norm_mlp(resid))


class Pooled(nn.Module):
    """Pixels `[batch, frame, 3, h, w]` -> logits `[batch, label]`."""

    def __init__(self, labels: int) -> None:
        super().__init__()
        self.tubelets = nn.Conv3d(3, D_MODEL, TUBELET, stride=TUBELET)
        self.place = nn.Parameter(torch.zeros(GRID[0] * GRID[1] * GRID[2], D_MODEL).normal_(std=0.2))
        self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))
        self.norm = nn.LayerNorm(D_MODEL)
        self.classifier = nn.Linear(D_MODEL, labels)

    def embed(self, pixels: Tensor) -> Tensor:
        return self.tubelets(pixels.transpose(1, 2)).flatten(2).transpose(1, 2) + self.place

    def forward(self, pixels: Tensor) -> Tensor:
        resid = self.embed(pixels)
        for block in self.blocks:
            resid = block(resid)
        return self.classifier(self.norm(resid).mean(dim=1))


def preprocess(frames: np.ndarray) -> Tensor:
    """uint8 `[frame, h, w, 3]` -> float32 `[frame, 3, 32, 32]` in [-1, 1]."""
    pixels = torch.from_numpy(frames.copy()).permute(0, 3, 1, 2).float() / 127.5 - 1.0
    return interpolate(pixels, (SIDE, SIDE), mode="bilinear", antialias=True)


def module(labels: int, seed: int = 0) -> Pooled:
    """Random weights, large enough for blocks to matter."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made = Pooled(labels).eval().requires_grad_(False)
    for block in made.blocks:
        for linear in (block.attn.out, block.mlp[2], block.attn.query, block.attn.key):
            linear.weight.mul_(2.0)
    return made


def pooled_toy(labels: tuple[str, ...] = ("LABEL_0", "LABEL_1", "LABEL_2"), seed: int = 0) -> ResidualModel:
    """The toy as the loop runs it."""
    own = module(len(labels), seed)
    pool = Pool.mean(GRID[0] * GRID[1] * GRID[2])

    def readout(resid: Tensor) -> Readout:
        summary = pool(own.norm(resid))
        return Readout(own.classifier(summary), summary)

    def frozen_readout(resid: Tensor) -> Frozen:
        rows = resid[0].double()
        scale = (rows.var(dim=-1, unbiased=False) + own.norm.eps).sqrt()
        weighted = own.classifier.weight.double() * own.norm.weight.double()
        centred = weighted - weighted.mean(dim=1, keepdim=True)
        constant = own.classifier.weight.double() @ own.norm.bias.double() + own.classifier.bias.double()
        return Frozen(centred, constant, pool.weights / scale)

    return ResidualModel(
        name="pooled",
        embed=own.embed,
        writes=tuple(write for layer, block in enumerate(own.blocks) for write in _writes(layer, block)),
        readout=readout,
        n_heads=HEADS,
        d_model=D_MODEL,
        token_grid=GRID,
        pool=pool,
        patch_rows=slice(None),
        labels=labels,
        frames=FRAMES,
        image_size=SIDE,
        preprocess=preprocess,
        frozen_readout=frozen_readout,
        fingerprint=f"pooled {seed}",
        classifier=own.classifier.weight,
        reference=Reference(logits=own, points=dict(_points(own))),
    )


def _writes(layer: int, block: Block) -> tuple[Write, Write]:
    attn, output = block.attn, block.attn.out.weight.T.reshape(HEADS, D_HEAD, D_MODEL)

    def normed(resid: Tensor) -> Tensor:
        return layer_norm(resid, (D_MODEL,), block.norm_attn.weight, block.norm_attn.bias)

    def values(resid: Tensor) -> Tensor:
        return attn.split(attn.value(normed(resid)))

    def pattern(resid: Tensor, rows: slice) -> Tensor:
        return attn.pattern(normed(resid), rows)

    heads = Heads(
        pattern,
        values,
        lambda reading, of, rows: pattern(reading, rows) @ values(of),
        output,
        attn.out.bias,
    )
    return (
        Write(
            layer,
            "attn",
            attn_out(layer),
            resid_mid(layer),
            lambda resid: attn(block.norm_attn(resid)),
            heads=heads,
        ),
        Write(
            layer,
            "mlp",
            mlp_out(layer),
            resid_post(layer),
            lambda resid: block.mlp(block.norm_mlp(resid)),
        ),
    )


def _points(own: Pooled) -> Iterator[tuple[Site, HookPoint]]:
    yield resid_pre(0), HookPoint(own.blocks[0], "input")
    for layer, block in enumerate(own.blocks):
        yield attn_out(layer), HookPoint(block.attn, "output")
        yield resid_mid(layer), HookPoint(block.norm_mlp, "input", replaces=False)
        yield mlp_out(layer), HookPoint(block.mlp, "output")
        yield resid_post(layer), HookPoint(block, "output")
