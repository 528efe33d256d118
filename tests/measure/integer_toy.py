"""A residual model of integers, with every patched output worked out by hand.

Three tokens (CLS, t1, t2) of two coordinates (u, v). The clip is two numbers (p, q):

    embed     CLS = (1, 0), t1 = (p, 0), t2 = (q, 0)
    attn 0    every token: v += sum of u over tokens
    mlp 0     each token:  u += v * v
    attn 1    every token: u += sum of v over tokens
    mlp 1     each token:  v += u * v
    readout   of CLS: logits (u + v, u - v); the summary is (2u, 2v)

    donor (2, 3)       CLS (1,0) (1,6) (37,6) (55,6) (55,336);  t1 ends (56,342), t2 ends (57,348)
    recipient (1, 1)   CLS (1,0) (1,3) (10,3) (19,3) (19,60);   t1 and t2 end (19,60)
    so D at CLS = (36, 276), <D,D> = 77472

Patched at CLS, donor -> recipient:

    attn_out 0   (1,6) and from there as the donor's CLS: (55,336)              d = (36,276)
    mlp_out 0    (1,3) + 36 -> (37,3) + 9 -> (46,3) -> (46, 3 + 138) = (46,141)     d = (27,81)
    attn_out 1   (10,3) + 18 -> (28,3) -> (28, 3 + 84) = (28,87)                d = (9,27)
    mlp_out 1    (19,3) -> (19, 3 + 330) = (19,333)                             d = (0,273)

and recipient -> donor (the roles swapped; D = (-36,-276)):

    mlp_out 0    (1,6) + 9 -> (10,6) + 18 -> (28,6) -> (28, 6 + 168) = (28,174)     d = (-27,-162)
    attn_out 1   (37,6) + 9 -> (46,6) -> (46, 6 + 276) = (46,282)               d = (-9,-54)
    mlp_out 1    (55,6) + 57 -> (55,63)                                         d = (0,-273)
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from circuit_claims.models.pool import Pool
from circuit_claims.models.residual import Frozen, Heads, Readout, ResidualModel, Write
from circuit_claims.models.sites import attn_out, mlp_out, resid_mid, resid_post


def clip(p: float, q: float) -> Tensor:
    """A clip of one frame of 2 x 2 pixels that says (p, q)."""
    pixels = torch.zeros(1, 3, 2, 2)
    pixels[0, 0, 0, 0], pixels[0, 0, 0, 1] = p, q
    return pixels


DONOR, RECIPIENT = clip(2, 3), clip(1, 1)


def _embed(pixels: Tensor) -> Tensor:
    u = torch.stack([torch.ones(len(pixels)), pixels[:, 0, 0, 0, 0], pixels[:, 0, 0, 0, 1]], dim=1)
    return torch.stack([u, torch.zeros_like(u)], dim=-1)


def _write(u: Tensor, v: Tensor) -> Tensor:
    return torch.stack([u, v], dim=-1)


def _attn_0(resid: Tensor) -> Tensor:
    u = resid[..., 0]
    return _write(torch.zeros_like(u), u.sum(-1, keepdim=True).expand_as(u))


def _mlp_0(resid: Tensor) -> Tensor:
    v = resid[..., 1]
    return _write(v * v, torch.zeros_like(v))


def _attn_1(resid: Tensor) -> Tensor:
    v = resid[..., 1]
    return _write(v.sum(-1, keepdim=True).expand_as(v), torch.zeros_like(v))


def _mlp_1(resid: Tensor) -> Tensor:
    u, v = resid[..., 0], resid[..., 1]
    return _write(torch.zeros_like(u), u * v)


def _readout(resid: Tensor) -> Readout:
    u, v = resid[:, 0, 0], resid[:, 0, 1]
    return Readout(logits=torch.stack([u + v, u - v], dim=-1), summary=2 * resid[:, 0])


def _one_head(read: int, written: int) -> Heads:
    """A head that sums coordinate `read` over all tokens into `written`; its pattern is all ones."""

    def pattern(resid: Tensor, rows: slice) -> Tensor:
        count = resid.shape[1]
        return torch.ones(len(resid), 1, count, count)[:, :, rows]

    def values(resid: Tensor) -> Tensor:
        return resid[:, None, :, read : read + 1]

    output = torch.zeros(1, 1, 2)
    output[0, 0, written] = 1.0
    return Heads(
        pattern,
        values,
        lambda reading, of, rows: pattern(reading, rows) @ values(of),
        output,
        torch.zeros(2),
    )


def _frozen_readout(_resid: Tensor) -> Frozen:
    """The toy has no norm: logits (u + v, u - v)."""
    linear = torch.tensor([[1.0, 1.0], [1.0, -1.0]]).double()
    return Frozen(linear, torch.zeros(2).double(), torch.ones(1).double())


def integer_toy(**changes: Any) -> ResidualModel:
    """The toy; `changes` replace its fields."""
    fields: dict[str, Any] = {
        "name": "toy",
        "embed": _embed,
        "writes": (
            Write(0, "attn", attn_out(0), resid_mid(0), _attn_0, heads=_one_head(0, 1)),
            Write(0, "mlp", mlp_out(0), resid_post(0), _mlp_0),
            Write(1, "attn", attn_out(1), resid_mid(1), _attn_1, heads=_one_head(1, 0)),
            Write(1, "mlp", mlp_out(1), resid_post(1), _mlp_1),
        ),
        "readout": _readout,
        "n_heads": 1,
        "d_model": 2,
        "token_grid": (1, 1, 2),
        "pool": Pool.of_token(0, 3),
        "patch_rows": slice(1, None),
        "labels": ("sum", "difference"),
        "frames": 1,
        "image_size": 2,
        "preprocess": torch.from_numpy,
        "frozen_readout": _frozen_readout,
        "classifier": torch.tensor([[0.5, 0.5], [0.5, -0.5]]),
        "fingerprint": "toy",
    }
    return ResidualModel(**{**fields, **changes})
