"""The pool: the weights over its tokens by which a model makes one vector of a stream.

    pooled = w @ x          # [token] @ [batch, token, d_model] -> [batch, d_model]

A model that classifies from one token (the CLS token of ViViT) has a single weight of 1; a model that
averages its n tokens has n weights of 1/n. The tokens that are *read* are those with weight: what becomes of
the others after the last attention reaches no logit.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import isclose

import torch
from torch import Tensor

EVERY_ROW = slice(None)


@dataclass(frozen=True, eq=False)
class Pool:
    """Weights over the tokens of a stream, none below 0, of sum 1. Tokens with weight are neighbours.

    Raises ValueError for any other weights.
    """

    weights: Tensor
    """`[token]`, float64, on the CPU."""

    def __post_init__(self) -> None:
        weights = self.weights
        if weights.ndim != 1 or not len(weights):
            raise ValueError(f"a pool has a weight for each token, [token], and these are {[*weights.shape]}")
        if not isclose(float(weights.sum()), 1.0, abs_tol=1e-9) or float(weights.min()) < 0.0:
            raise ValueError(
                f"the weights of a pool are a mean's, none below 0 and 1 in all; these run from "
                f"{float(weights.min()):g} to {float(weights.max()):g} and sum to {float(weights.sum()):g}"
            )
        if (weights[self.rows] == 0.0).any():
            raise ValueError("the tokens that a pool reads lie side by side, and these have a gap")

    @classmethod
    def of_token(cls, row: int, n_tokens: int) -> Pool:
        """All weight on one token of `n_tokens`."""
        weights = torch.zeros(n_tokens, dtype=torch.float64)
        weights[row] = 1.0
        return cls(weights)

    @classmethod
    def mean(cls, n_tokens: int, rows: slice = EVERY_ROW) -> Pool:
        """The same weight on every token of `rows`, by default on all `n_tokens`."""
        weights = torch.zeros(n_tokens, dtype=torch.float64)
        weights[rows] = 1.0 / len(range(n_tokens)[rows])
        return cls(weights)

    @property
    def n_tokens(self) -> int:
        """Tokens of a stream, those without weight included."""
        return len(self.weights)

    @cached_property
    def rows(self) -> slice:
        """The tokens that are read: `EVERY_ROW` where all of them are."""
        read = self.weights.nonzero().flatten().tolist()
        first, last = read[0], read[-1]
        return EVERY_ROW if last - first + 1 == self.n_tokens else slice(first, last + 1)

    @cached_property
    def others(self) -> list[int]:
        """The tokens that are not read, in order; empty where all of them are."""
        return (self.weights == 0.0).nonzero().flatten().tolist()

    @cached_property
    def n_read(self) -> int:
        """How many tokens are read."""
        return self.n_tokens - len(self.others)

    def read(self, resid: Tensor) -> Tensor:
        """The tokens that are read, of a whole stream or of one that has been narrowed to them.

        `[batch, token, d_model]` or `[batch, row, d_model]` -> `[batch, row, d_model]`, a view.
        """
        return resid if resid.shape[1] == self.n_read else resid[:, self.rows]

    def __call__(self, resid: Tensor) -> Tensor:
        """The weighted mean of a stream's tokens: as for `read` -> `[batch, d_model]`.

        Where one token is read it is that token, to the last bit.
        """
        rows = self.read(resid)
        if self.n_read == 1:
            return rows[:, 0]
        # The rounding of a sum, and more so of a matrix product, rests on how a stream lies in memory.
        return (self.weights[self.rows, None].to(rows) * rows.contiguous()).sum(dim=1)
