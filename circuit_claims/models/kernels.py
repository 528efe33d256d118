"""The same functions as Hugging Face computes, in forms that take less time.

tanh-GELU    in one kernel in place of seven elementwise steps: within 3e-7, five times as fast
attention    of a long clip from queries, keys and values that lie together in memory: the same sums,
             to the last bit where measured, a fourteenth faster
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

LONG = 1024
"""Tokens from which on a copy of queries, keys and values costs less than walking through them in strides."""
ATTENTION = "circuit_claims_sdpa"
"""What the attention is called among transformers' implementations."""


def use_fast_kernels(hf_model: Any) -> None:
    """Let a Hugging Face model compute its activations and its sdpa attention in their faster forms.

    A model whose attention is another than sdpa keeps it.
    """
    _fuse_activations(hf_model)
    if hf_model.config._attn_implementation == "sdpa":
        _register()
        hf_model.set_attn_implementation(ATTENTION)


def together(tensor: Tensor) -> Tensor:
    """Queries, keys or values `[batch, head, token, d_head]` as an attention reads them fastest."""
    return tensor.contiguous() if tensor.shape[2] >= LONG else tensor


def _fuse_activations(hf_model: Any) -> None:
    """Compute `gelu_fast` by PyTorch's fused tanh-GELU.

    Written out in seven elementwise steps it costs more than the matrix product before it.
    """
    from transformers.activations import FastGELUActivation

    for module in list(hf_model.modules()):
        for name, child in module.named_children():
            if isinstance(child, FastGELUActivation):
                setattr(module, name, torch.nn.GELU(approximate="tanh"))


def _register() -> None:
    """Tell transformers of the attention; again is the same."""
    from transformers import AttentionInterface
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    def attend(module: Any, query: Tensor, key: Tensor, value: Tensor, *args: Any, **how: Any) -> Any:
        return sdpa_attention_forward(module, together(query), together(key), together(value), *args, **how)

    AttentionInterface.register(ATTENTION, attend)
