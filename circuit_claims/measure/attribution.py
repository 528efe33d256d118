"""Direct logit attribution: what every write, head and source token adds to one logit by way of the pool.

With the scale of the final norm frozen as it is for this clip, the logit is linear in the last tokens that
are read, and each of these is a sum. The frozen readout's weights p over those tokens, its row `a` and its
constant c then share the logit out exactly, with p . x the weighted sum of a write's tokens:

    logit = c + a . (p . embed) + sum_l a . (p . mlp_l) + sum_l a . (p . bias_l)
              + sum_l,h,j (p^T A_lh)[j] a . (V_lhj O_lh)

with A the attention weights, V the values and O_h a head's slice of the output projection. Where one token is
read (CLS), ``p^T A`` is its row of A. What a source token j adds is the last term summed over layers and
heads. It is *direct*: what a token adds by way of another token counts for that one.

The paper's own token map is another thing: patch tokens of the last block, before the norm, times the
classifier's row (E1 B.1, E3 4.1.2). It is kept as `token_map`, under that name. In a model with a CLS token
nothing reads those tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from circuit_claims.measure.digits import digits
from circuit_claims.measure.errors import MeasurementError, NotApplicable
from circuit_claims.measure.runs import clean_walk
from circuit_claims.models.device import float64
from circuit_claims.models.residual import Frozen, Heads, ResidualModel, Write
from circuit_claims.models.sites import Site, resid_pre

if TYPE_CHECKING:
    from circuit_claims.clips.pairs import Pair

ROWS = 64
"""Rows of an attention's pattern that are computed at once, at most."""


@dataclass(frozen=True)
class Attribution:
    """One logit of one clip, shared out. All tensors float64; the shares sum to `total`."""

    label: int
    logit: float
    """As the model gives it."""
    constant: float
    """What the readout adds whatever the clip: the classifier's bias and the norm's."""
    embed: float
    """The tokens that are read, before the first write."""
    mlps: Tensor
    """`[layer]`."""
    biases: Tensor
    """`[layer]`: what an attention adds whatever it reads."""
    heads: Tensor
    """`[layer, head]`, each the sum over its source tokens."""
    sources: Tensor
    """`[token]`: what each source token adds by way of all heads."""
    lens: Tensor
    """`[1 + layer]`: the logit lens, the readout of the embedding and of the stream after each block."""
    lens_mean: Tensor
    """`[1 + layer]`: the same, as a mean over all labels."""
    unfrozen: Tensor
    """`[layer, 2]`: by how much the logit falls when the attention's, the MLP's write is taken out of the
    last tokens that are read and the norm finds a scale anew. `writes` is the same with the scale frozen."""
    token_map: Tensor | None
    """`[patch]`: the paper's own map, of the patch tokens; None where the model names no classifier."""
    attention: Tensor
    """`[layer, head, token]`: what the tokens read attend to, their mean by the pool's weights (of a model
    that reads CLS, its row); each sums to 1."""
    norms: Tensor
    """`[layer, token]`: the norm of each token as the attention of that layer reads it."""
    patch_rows: slice
    """Which of the tokens are patch tokens, in the grid's order."""

    @property
    def total(self) -> float:
        """The sum of all shares: the logit, but for rounding."""
        parts = (self.mlps, self.biases, self.heads)
        return self.constant + self.embed + sum(float(part.sum()) for part in parts)

    @property
    def size(self) -> float:
        """The sum of the shares' sizes: what the rounding of their sum is relative to."""
        parts = (self.mlps, self.biases, self.heads)
        return abs(self.constant) + abs(self.embed) + sum(float(part.abs().sum()) for part in parts)

    @property
    def writes(self) -> Tensor:
        """`[layer, 2]`: the share of each attention and each MLP."""
        return torch.stack([self.heads.sum(-1) + self.biases, self.mlps], dim=-1)


@torch.inference_mode()
def attribute(model: ResidualModel, pixels: Tensor, label: int | None = None) -> Attribution:
    """Share a logit of a clip `[frame, 3, h, w]` out among what the tokens read are the sum of.

    `label` is by default the clip's top label. Raises MeasurementError for clips of the wrong shape, NaN or
    Inf, a label that there is not, and an attention that cannot be taken apart.
    """
    read: dict[Site, Tensor] = {}  # the stream that each attention reads: all that has to be kept whole
    at_reads: dict[Site, Tensor] = {}
    mixing = {write.site for write in model.writes if write.mixes_tokens}
    last = torch.empty(0)
    for site, value in clean_walk(model, pixels, "clip"):
        at_reads[site] = value[:, model.reads].clone()  # a view would keep the whole stream
        if site in mixing:
            read[site] = last
        if not site.is_write:
            last = value
    logits = model.readout(last).logits[0]
    label = int(logits.argmax()) if label is None else label
    if not 0 <= label < len(logits):
        raise MeasurementError(
            f"{model.name}: there is no label {label}; its labels are 0 to {len(logits) - 1}"
        )
    frozen = model.frozen_readout(last)
    row = frozen.linear[label]

    shape = (model.n_layers, model.n_heads)
    heads = torch.zeros(shape, dtype=torch.float64)
    mlps, biases = (torch.zeros(model.n_layers, dtype=torch.float64) for _ in range(2))
    sources = torch.zeros(model.n_tokens, dtype=torch.float64)
    attention = torch.zeros(*shape, model.n_tokens, dtype=torch.float64)
    norms = torch.zeros(model.n_layers, model.n_tokens, dtype=torch.float64)
    for write in model.writes:
        if write.mixes_tokens:
            parts, stream = _heads_of(model, write), read[write.site]
            pattern, looked = _patterns(model, parts, stream, frozen)
            # Values along the row, without writing any: [head, d_head] . [head, token, d_head].
            along = torch.einsum("hkd,d->hk", float64(parts.output), row)
            read_along = torch.einsum("hk,htk->ht", along, float64(parts.values(stream)[0]))
            shares = pattern * read_along
            heads[write.layer] += shares.sum(-1)
            sources += shares.sum(0)
            biases[write.layer] += float(frozen.weights.sum()) * float(float64(parts.bias) @ row)
            attention[write.layer] = looked
            norms[write.layer] = float64(stream[0]).norm(dim=-1)
        else:
            mlps[write.layer] += float(frozen.pooled(at_reads[write.site][0]) @ row)
    streams = [value for site, value in at_reads.items() if site.kind in ("resid_pre", "resid_post")]
    lens = _read(model, streams)
    without = _read(model, [last[:, model.reads] - at_reads[write.site] for write in model.writes])
    unfrozen = torch.zeros(model.n_layers, 2, dtype=torch.float64)
    for write, logit in zip(model.writes, without[:, label], strict=True):
        unfrozen[write.layer, int(not write.mixes_tokens)] += float(logits[label]) - logit
    return Attribution(
        label=label,
        logit=float(logits[label]),
        constant=float(frozen.constant[label]),
        embed=float(frozen.pooled(at_reads[resid_pre(0)][0]) @ row),
        mlps=mlps,
        biases=biases,
        heads=heads,
        sources=sources,
        lens=lens[:, label],
        lens_mean=lens.mean(-1),
        unfrozen=unfrozen,
        token_map=None
        if model.classifier is None
        else float64(last[0, model.patch_rows]) @ float64(model.classifier[label]),
        attention=attention,
        norms=norms,
        patch_rows=model.patch_rows,
    )


def _patterns(model: ResidualModel, heads: Heads, stream: Tensor, frozen: Frozen) -> tuple[Tensor, Tensor]:
    """Rows of an attention's pattern at the tokens that are read, summed `[head, token]`, float64.

    By the weights of the frozen readout, and by those of the pool. `ROWS` rows are computed at a time: the
    full pattern of a long clip does not fit into memory.
    """
    read = range(model.n_tokens)[model.reads]
    weights = torch.stack([frozen.weights, model.pool.weights[model.reads]])
    sums = torch.zeros(2, model.n_heads, model.n_tokens, dtype=torch.float64)
    for first in range(0, len(read), ROWS):
        some = read[first : first + ROWS]
        pattern = float64(heads.pattern(stream, slice(some.start, some.stop))[0])
        sums += torch.einsum("kr,hrt->kht", weights[:, first : first + ROWS], pattern)
    by_readout, by_pool = sums
    return by_readout, by_pool


def _read(model: ResidualModel, rows: list[Tensor]) -> Tensor:
    """The logits `[stream, label]`, float64, of streams at the tokens that are read, `[1, row, d_model]`."""
    return float64(model.readout(torch.cat(rows)).logits)


def _heads_of(model: ResidualModel, write: Write) -> Heads:
    if write.heads is None:
        raise MeasurementError(
            f"{model.name}: {write.site} has no heads in its table, so it cannot be shared out among tokens; "
            "give its Write `heads`"
        )
    return write.heads


def label_of(model: ResidualModel, pair: Pair) -> int | None:
    """The index of a pair's label; None (the clip's top label) where the manifest names none.

    Raises NotApplicable where the model has no such label.
    """
    if pair.label is None:
        return None
    if pair.label not in model.labels:
        raise NotApplicable(f"{model.name} has no label {pair.label!r} (pair {pair.name})")
    return model.labels.index(pair.label)


def plain(found: Attribution) -> dict[str, Any]:
    """What the store keeps of an attribution; `gap` is what its shares, of that `size`, miss of the logit."""
    return {
        "label": found.label,
        "logit": found.logit,
        "gap": found.total - found.logit,
        "size": found.size,
        "constant": found.constant,
        "embed": found.embed,
        "heads": digits(found.heads),
        "writes": digits(found.writes),
        "unfrozen": digits(found.unfrozen),
        "sources": digits(found.sources),
        "patch_rows": list(found.patch_rows.indices(len(found.sources))[:2]),
        "lens": digits(found.lens),
        "lens_mean": digits(found.lens_mean),
        "token_map": None if found.token_map is None else digits(found.token_map),
    }
