"""The faster forms are the functions that Hugging Face computes."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_vivit import build_vivit
from torch.nn import GELU

from circuit_claims.models import kernels
from circuit_claims.models.kernels import ATTENTION, use_fast_kernels

pytestmark = pytest.mark.machines


def pixels_for(hf_model: Any, seed: int) -> torch.Tensor:
    config = hf_model.config
    shape = (2, config.num_frames, 3, config.image_size, config.image_size)
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def logits(hf_model: Any, pixels: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        found: torch.Tensor = hf_model(pixel_values=pixels).logits
    return found


@settings(max_examples=10, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    heads=st.sampled_from([1, 2, 4]),
    frames=st.sampled_from([2, 4]),
    long=st.sampled_from([1, 5, 10**6]),
)
def test_the_attention_is_sdpa(seed: int, heads: int, frames: int, long: int) -> None:
    plain = build_vivit(seed, num_attention_heads=heads, num_frames=frames, hidden_act="gelu")
    faster = copy.deepcopy(plain)
    use_fast_kernels(faster)
    assert plain.config._attn_implementation == "sdpa"
    assert faster.config._attn_implementation == ATTENTION
    pixels = pixels_for(plain, seed)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(kernels, "LONG", long)
        expected = logits(plain, pixels)
        # The same products of the same numbers. A kernel may choose its blocks by their strides, and sum in
        # another order: six writes round at most 32 terms each by half an epsilon, in either direction.
        rounding = (6 * 32) ** 0.5 * torch.finfo(torch.float32).eps / 2 * float(expected.norm())
        assert float((logits(faster, pixels) - expected).norm()) <= rounding


def test_the_activation_is_the_seven_steps_within_float32() -> None:
    from transformers.activations import FastGELUActivation

    faster = build_vivit(3, hidden_act="gelu_fast")
    assert any(isinstance(module, FastGELUActivation) for module in faster.modules())
    use_fast_kernels(faster)
    assert not any(isinstance(module, FastGELUActivation) for module in faster.modules())
    assert any(isinstance(module, GELU) for module in faster.modules())
    x = torch.linspace(-12, 12, 20_001)
    apart = (GELU(approximate="tanh")(x) - FastGELUActivation()(x)).abs()
    # Each of the seven steps rounds to half an epsilon of a number no larger than x, or than 1.
    assert float((apart / x.abs().clamp(min=1.0)).max()) <= 7 * torch.finfo(torch.float32).eps / 2


def test_an_attention_that_was_chosen_stays() -> None:
    eager = build_vivit(1, attn_implementation="eager")
    use_fast_kernels(eager)
    assert eager.config._attn_implementation == "eager"
