"""ViViT (Arnab et al. 2021, factor-free "model 1") as a table of where its writes are.

A write is a chain of the model's own modules, applied one after another to the stream. Nothing is computed
anew and no weight is changed, with one exception that `identity.py` holds against the whole: the attention of
the last block at the tokens that are read (`AttentionParts`), for which Hugging Face has no entry point.

transformers 5.9 keeps the residual out of its modules. Before, `encoder.layer[i].output` *adds* the residual,
so the MLP's own write ends at `output.dense`: a table of its own, not a branch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from circuit_claims.models.device import float64
from circuit_claims.models.kernels import together
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
from circuit_claims.models.source import ModelError

if TYPE_CHECKING:
    import numpy as np

MLP_ROWS = 512
"""Tokens that go through an MLP at once on a CPU, at most: their hidden layer stays in the cache."""


@dataclass(frozen=True)
class AttentionParts:
    """Module paths of an attention's four maps, below the attention module."""

    query: str
    key: str
    value: str
    output: str


@dataclass(frozen=True)
class VivitTable:
    """Where a version of transformers keeps ViViT's parts: module paths below the model or one block."""

    embeddings: str
    blocks: str
    attention: tuple[str, ...]
    """The chain from `resid_pre` to `attn_out`; its last module computes the write."""
    mlp: tuple[str, ...]
    """The chain from `resid_mid` to `mlp_out`; its first module reads `resid_mid`."""
    parts: AttentionParts
    final_norm: str
    classifier: str

    def paths(self) -> tuple[str, ...]:
        """Every path that a model must have for this table to describe it (of its blocks, the first)."""
        chains = (*self.attention, *self.mlp)
        maps = (self.parts.query, self.parts.key, self.parts.value, self.parts.output)
        return (
            self.embeddings,
            self.final_norm,
            self.classifier,
            *(f"{self.blocks}.0.{path}" for path in chains),
            *(f"{self.blocks}.0.{self.attention[-1]}.{path}" for path in maps),
        )

    def describes(self, model: nn.Module) -> bool:
        """Whether the model has every module of the table."""
        modules = dict(model.named_modules())
        return all(path in modules for path in self.paths())


TABLES = {
    "transformers 5.9": VivitTable(
        embeddings="vivit.embeddings",
        blocks="vivit.layers",
        attention=("layernorm_before", "attention"),
        mlp=("layernorm_after", "mlp"),
        parts=AttentionParts("q_proj", "k_proj", "v_proj", "o_proj"),
        final_norm="vivit.layernorm",
        classifier="classifier",
    ),
    "transformers 4.56 to 5.8": VivitTable(
        embeddings="vivit.embeddings",
        blocks="vivit.encoder.layer",
        attention=("layernorm_before", "attention"),
        # `output` itself adds the residual: its sum is `resid_post`, and the write ends at its `dense`.
        mlp=("layernorm_after", "intermediate", "output.dense"),
        parts=AttentionParts("attention.query", "attention.key", "attention.value", "output.dense"),
        final_norm="vivit.layernorm",
        classifier="classifier",
    ),
}

NEWER_NAMES = {
    r"^vivit\.layers\.(\d+)\.attention\.q_proj\.": r"vivit.encoder.layer.\1.attention.attention.query.",
    r"^vivit\.layers\.(\d+)\.attention\.k_proj\.": r"vivit.encoder.layer.\1.attention.attention.key.",
    r"^vivit\.layers\.(\d+)\.attention\.v_proj\.": r"vivit.encoder.layer.\1.attention.attention.value.",
    r"^vivit\.layers\.(\d+)\.attention\.o_proj\.": r"vivit.encoder.layer.\1.attention.output.dense.",
    r"^vivit\.layers\.(\d+)\.mlp\.fc1\.": r"vivit.encoder.layer.\1.intermediate.dense.",
    r"^vivit\.layers\.(\d+)\.mlp\.fc2\.": r"vivit.encoder.layer.\1.output.dense.",
    r"^vivit\.layers\.(\d+)\.layernorm": r"vivit.encoder.layer.\1.layernorm",
}
"""The names that weights have in transformers 5.9, as in the embedded models' files, and had before."""


def vivit_residual(
    hf_model: Any,
    name: str,
    preprocess: Callable[[np.ndarray], Tensor],
    *,
    fingerprint: str = "",
    table: VivitTable | None = None,
) -> ResidualModel:
    """A `VivitForVideoClassification` in eval mode as a `ResidualModel`.

    Raises ModelError when no table describes where this transformers version keeps the writes, or when the
    model's frames are not square.
    """
    table = table or _table_for(hf_model, name)
    config = hf_model.config
    blocks: list[nn.Module] = list(hf_model.get_submodule(table.blocks))
    embeddings = hf_model.get_submodule(table.embeddings)
    final_norm = hf_model.get_submodule(table.final_norm)
    classifier: Any = hf_model.get_submodule(table.classifier)

    height, width = _pair(config.image_size)
    if height != width:
        raise ModelError(name, f"its frames are {height} x {width} pixels; only square frames are supported")
    tubelet = config.tubelet_size
    grid = (config.num_frames // tubelet[0], height // tubelet[1], width // tubelet[2])
    # The CLS token goes before the patch tokens, and is all that the classifier reads.
    pool = Pool.of_token(0, 1 + grid[0] * grid[1] * grid[2])

    def readout(resid: Tensor) -> Readout:
        # Norm first and then CLS, as Hugging Face does it: the other order rounds differently.
        summary = pool(final_norm(resid))
        return Readout(logits=classifier(summary), summary=summary)

    def frozen_readout(resid: Tensor) -> Frozen:
        # LayerNorm is (x - mean) / scale * weight + bias; with the scale held, all of it is linear in x.
        scale = (float64(pool(resid)[0]).var(unbiased=False) + final_norm.eps).sqrt()
        weighted = float64(classifier.weight) * float64(final_norm.weight)
        centred = weighted - weighted.mean(dim=1, keepdim=True)
        constant = float64(classifier.weight) @ float64(final_norm.bias) + float64(classifier.bias)
        return Frozen(centred / scale, constant, centred.new_ones(1))

    def reference_logits(pixels: Tensor) -> Tensor:
        logits: Tensor = hf_model(pixel_values=pixels).logits
        return logits

    return ResidualModel(
        name=name,
        embed=embeddings,
        writes=tuple(write for layer, block in enumerate(blocks) for write in _writes(table, layer, block)),
        readout=readout,
        n_heads=config.num_attention_heads,
        d_model=config.hidden_size,
        token_grid=grid,
        pool=pool,
        patch_rows=slice(1, None),
        labels=tuple(config.id2label[index] for index in sorted(config.id2label)),
        frames=config.num_frames,
        image_size=height,
        preprocess=preprocess,
        frozen_readout=frozen_readout,
        fingerprint=fingerprint,
        classifier=classifier.weight.detach(),
        device=str(hf_model.device),
        reference=Reference(logits=reference_logits, points=_hook_points(table, blocks)),
    )


def _table_for(hf_model: nn.Module, name: str) -> VivitTable:
    for table in TABLES.values():
        if table.describes(hf_model):
            return table
    raise ModelError(
        name,
        f"no table says where {type(hf_model).__name__} of this transformers version keeps its writes "
        f"(tables: {', '.join(TABLES)})",
        "add a VivitTable to circuit_claims/models/vivit.py, or install a transformers version of the table",
    )


def _writes(table: VivitTable, layer: int, block: nn.Module) -> tuple[Write, Write]:
    attention = [block.get_submodule(path) for path in table.attention]
    mlp = [block.get_submodule(path) for path in table.mlp]
    return (
        Write(
            layer,
            "attn",
            attn_out(layer),
            resid_mid(layer),
            lambda resid: _chain(attention, resid),
            lambda resid, rows: _attention_at(attention, table.parts, resid, rows),
            _heads(attention, table.parts),
        ),
        Write(layer, "mlp", mlp_out(layer), resid_post(layer), lambda resid: _token_by_token(mlp, resid)),
    )


def _chain(modules: list[nn.Module], value: Tensor) -> Tensor:
    for module in modules:
        out = module(value)
        # An attention module answers (write, attention weights).
        value = out[0] if isinstance(out, tuple) else out
    return value


def _token_by_token(modules: list[nn.Module], resid: Tensor) -> Tensor:
    """A chain that reads each token by itself; of a long clip on a CPU some tokens at a time."""
    parts = -(-resid.shape[1] // MLP_ROWS) if resid.device.type == "cpu" else 1
    if parts <= 1:
        return _chain(modules, resid)
    return torch.cat([_chain(modules, some) for some in resid.tensor_split(parts, dim=1)], dim=1)


def _attention_at(chain: list[nn.Module], parts: AttentionParts, resid: Tensor, rows: slice) -> Tensor:
    """The attention's write for the queries `rows`: O softmax(q k^T / sqrt(d_head)) v, keys of all tokens."""
    mixed = _heads(chain, parts).mix(resid, resid, rows)
    out: Tensor = chain[-1].get_submodule(parts.output)(mixed.transpose(1, 2).flatten(2))
    return out


def _heads(chain: list[nn.Module], parts: AttentionParts) -> Heads:
    """An attention taken apart at its own four maps."""
    *norms, attention = chain
    query, key, value = (attention.get_submodule(path) for path in (parts.query, parts.key, parts.value))
    output: Any = attention.get_submodule(parts.output)
    # In transformers 4 the module that holds the maps (`attention.attention`) has it, not the one around it.
    config: Any = attention.get_submodule(parts.query.rpartition(".")[0]).config
    n_heads = config.num_attention_heads

    def split(flat: Tensor) -> Tensor:
        return flat.view(*flat.shape[:-1], n_heads, -1).transpose(1, 2)

    def queries_and_keys(resid: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
        normed = _chain(norms, resid)
        return split(query(normed[:, rows])), split(key(normed))

    def pattern(resid: Tensor, rows: slice) -> Tensor:
        q, k = queries_and_keys(resid, rows)
        weights: Tensor = (q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5).softmax(dim=-1)
        return weights

    def values(resid: Tensor) -> Tensor:
        return split(value(_chain(norms, resid)))

    def mix(reading: Tensor, read: Tensor, rows: slice) -> Tensor:
        q, k = queries_and_keys(reading, rows)
        return scaled_dot_product_attention(together(q), together(k), together(values(read)))

    weight = output.weight.detach()
    return Heads(
        pattern,
        values,
        mix,
        output=weight.T.reshape(n_heads, -1, weight.shape[0]),
        bias=weight.new_zeros(weight.shape[0]) if output.bias is None else output.bias.detach(),
    )


def _hook_points(table: VivitTable, blocks: list[nn.Module]) -> Mapping[Site, HookPoint]:
    points = {resid_pre(0): HookPoint(blocks[0], "input")}
    for layer, block in enumerate(blocks):
        points[attn_out(layer)] = HookPoint(block.get_submodule(table.attention[-1]), "output")
        points[resid_mid(layer)] = HookPoint(block.get_submodule(table.mlp[0]), "input", replaces=False)
        points[mlp_out(layer)] = HookPoint(block.get_submodule(table.mlp[-1]), "output")
        points[resid_post(layer)] = HookPoint(block, "output")
    return points


def _pair(size: int | list[int] | tuple[int, int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (size[0], size[1])
