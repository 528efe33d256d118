"""Direct logit attribution: what every write, head and source token adds to one logit at the CLS token.

With the scale of the final norm frozen as it is for this clip, the logit is linear in the last CLS token, and
that token is a sum. Row `a` of the frozen readout and its constant c then share the logit out exactly:

    logit = c + a . embed + sum_l a . mlp_l + sum_l a . bias_l + sum_l,h,j A_lh[CLS, j] a . (V_lhj O_lh)

with A the attention weights, V the values and O_h a head's slice of the output projection. What a source
token j adds is the last term summed over layers and heads. It is *direct*: what a token adds by way of
another token counts for that one.

The paper's own token map is another thing: patch tokens of the last block, before the norm, times the
classifier's row (E1 B.1, E3 4.1.2). It is kept as `token_map`, under that name. Nothing reads those tokens.
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
from circuit_claims.models.residual import CLS_ROW, Heads, ResidualModel, Write
from circuit_claims.models.sites import Site, resid_pre

if TYPE_CHECKING:
    from circuit_claims.clips.pairs import Pair


@dataclass(frozen=True)
class Attribution:
    """One logit of one clip, shared out. All tensors float64; the shares sum to `total`."""

    label: int
    logit: float
    """As the model gives it."""
    constant: float
    """What the readout adds whatever the clip: the classifier's bias and the norm's."""
    embed: float
    """The CLS token before the first write."""
    mlps: Tensor
    """`[layer]`."""
    biases: Tensor
    """`[layer]`: what an attention adds whatever it reads."""
    heads: Tensor
    """`[layer, head]`, each the sum over its source tokens."""
    sources: Tensor
    """`[token]`: what each source token adds by way of all heads; CLS is the first."""
    lens: Tensor
    """`[1 + layer]`: the logit lens, the readout of the embedding and of the stream after each block."""
    lens_mean: Tensor
    """`[1 + layer]`: the same, as a mean over all labels."""
    unfrozen: Tensor
    """`[layer, 2]`: by how much the logit falls when the attention's, the MLP's write is taken out of the
    last CLS token and the norm finds a scale anew. `writes` is the same with the scale frozen."""
    token_map: Tensor | None
    """`[token - 1]`: the paper's own map, of the patch tokens; None where the model names no classifier."""
    attention: Tensor
    """`[layer, head, token]`: what CLS attends to; each row sums to 1."""
    norms: Tensor
    """`[layer, token]`: the norm of each token as the attention of that layer reads it."""

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
    """Share a logit of a clip `[frame, 3, h, w]` out among what the CLS token is the sum of.

    `label` is by default the clip's top label. Raises MeasurementError for clips of the wrong shape, NaN or
    Inf, a label that there is not, and an attention that cannot be taken apart.
    """
    read: dict[Site, Tensor] = {}  # the stream that each attention reads: all that has to be kept whole
    at_cls: dict[Site, Tensor] = {}
    mixing = {write.site for write in model.writes if write.mixes_tokens}
    last = torch.empty(0)
    for site, value in clean_walk(model, pixels, "clip"):
        at_cls[site] = value[:, CLS_ROW].clone()  # a view would keep the whole stream
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
    rows, constants = model.frozen_readout(last)
    row = rows[label]

    shape = (model.n_layers, model.n_heads)
    heads = torch.zeros(shape, dtype=torch.float64)
    mlps, biases = (torch.zeros(model.n_layers, dtype=torch.float64) for _ in range(2))
    sources = torch.zeros(model.n_tokens, dtype=torch.float64)
    attention = torch.zeros(*shape, model.n_tokens, dtype=torch.float64)
    norms = torch.zeros(model.n_layers, model.n_tokens, dtype=torch.float64)
    for write in model.writes:
        if write.mixes_tokens:
            parts, stream = _heads_of(model, write), read[write.site]
            pattern = float64(parts.pattern(stream, CLS_ROW)[0, :, 0])
            # Values along the row, without writing any: [head, d_head] . [head, token, d_head].
            along = torch.einsum("hkd,d->hk", float64(parts.output), row)
            read_along = torch.einsum("hk,htk->ht", along, float64(parts.values(stream)[0]))
            shares = pattern * read_along
            heads[write.layer] += shares.sum(-1)
            sources += shares.sum(0)
            biases[write.layer] += float(float64(parts.bias) @ row)
            attention[write.layer] = pattern
            norms[write.layer] = float64(stream[0]).norm(dim=-1)
        else:
            mlps[write.layer] += float(float64(at_cls[write.site][0, 0]) @ row)
    lens = _read(model, [value for site, value in at_cls.items() if site.kind in ("resid_pre", "resid_post")])
    without = _read(model, [last[:, CLS_ROW] - at_cls[write.site] for write in model.writes])
    unfrozen = torch.zeros(model.n_layers, 2, dtype=torch.float64)
    for write, logit in zip(model.writes, without[:, label], strict=True):
        unfrozen[write.layer, int(not write.mixes_tokens)] += float(logits[label]) - logit
    return Attribution(
        label=label,
        logit=float(logits[label]),
        constant=float(constants[label]),
        embed=float(float64(at_cls[resid_pre(0)][0, 0]) @ row),
        mlps=mlps,
        biases=biases,
        heads=heads,
        sources=sources,
        lens=lens[:, label],
        lens_mean=lens.mean(-1),
        unfrozen=unfrozen,
        token_map=None
        if model.classifier is None
        else float64(last[0, 1:]) @ float64(model.classifier[label]),
        attention=attention,
        norms=norms,
    )


def _read(model: ResidualModel, rows: list[Tensor]) -> Tensor:
    """The logits `[row, label]`, float64, that the readout gives CLS tokens `[1, 1, d_model]`."""
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
        "lens": digits(found.lens),
        "lens_mean": digits(found.lens_mean),
        "token_map": None if found.token_map is None else digits(found.token_map),
    }
