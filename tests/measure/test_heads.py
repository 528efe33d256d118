"""A patch of one head is one hook in the Hugging Face model; and a head that is alone is its attention."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from integer_toy import DONOR, RECIPIENT, clip, integer_toy
from tiny_vivit import build_vivit
from torch import Tensor

from circuit_claims.measure.errors import MeasurementError
from circuit_claims.measure.heads import sweep_heads
from circuit_claims.measure.patching import norms_between, sweep
from circuit_claims.models.load import ModelSource, load
from circuit_claims.models.residual import run
from circuit_claims.models.sites import attn_out

pytestmark = pytest.mark.machines


def test_the_only_head_of_an_attention_is_the_attention() -> None:
    """By the toy's docstring: d at CLS is (36, 276) for attn 0 and (9, 27) for attn 1, D = (36, 276), and the
    summary is twice CLS."""
    toy = integer_toy()
    heads = sweep_heads(toy, DONOR, RECIPIENT, [(0, 0), (1, 0)])
    attentions = sweep(toy, DONOR, RECIPIENT, [attn_out(0), attn_out(1)])
    for layer in (0, 1):
        assert heads[layer, 0] == attentions[attn_out(layer)]["summary"]
    assert heads[1, 0].dot == 4 * (9 * 36 + 27 * 276)
    assert heads[0, 0].rest == 0.0


def hooked(hf_model: Any, pixels: Tensor, edit: Any = None) -> tuple[Tensor, list[Tensor]]:
    """One forward: (summary, what enters each `o_proj`), with `edit(layer, mixed)` in its place."""
    seen: list[Tensor] = []
    summary: list[Tensor] = []
    handles = [hf_model.classifier.register_forward_pre_hook(lambda _m, args: summary.append(args[0]))]

    def fire(layer: int) -> Any:
        def hook(_module: Any, args: Any) -> Any:
            seen.append(args[0])
            return None if edit is None else (edit(layer, args[0]),)

        return hook

    for layer, block in enumerate(hf_model.vivit.layers):
        handles.append(block.attention.o_proj.register_forward_pre_hook(fire(layer)))
    with torch.inference_mode():
        hf_model(pixel_values=pixels[None])
    for handle in handles:
        handle.remove()
    return summary[0], seen


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 2**16), layers=st.integers(1, 3), heads=st.sampled_from([1, 2, 4]))
def test_a_head_is_its_slice_of_what_enters_the_output_projection(seed: int, layers: int, heads: int) -> None:
    hf_model = build_vivit(seed, num_hidden_layers=layers, num_attention_heads=heads)
    model = load(ModelSource(name="tiny", build=lambda: hf_model, build_fingerprint="tiny"))
    generator = torch.Generator().manual_seed(seed)
    donor, recipient = torch.randn(
        2, model.frames, 3, model.image_size, model.image_size, generator=generator
    )
    every = [(layer, head) for layer in range(layers) for head in range(heads)]
    found = sweep_heads(model, donor, recipient, every)

    whole, mixed = hooked(hf_model, donor)
    own, _ = hooked(hf_model, recipient)
    d_head = model.d_model // heads
    for layer, head in every:

        def patched(here: int, value: Tensor, layer: int = layer, head: int = head) -> Tensor:
            if here != layer:
                return value
            new = value.clone()
            part = slice(head * d_head, (head + 1) * d_head)
            new[..., part] = mixed[layer][..., part]
            return new

        summary, _ = hooked(hf_model, recipient, patched)
        expected = norms_between(summary, whole, own)
        assert found[layer, head].d == pytest.approx(expected.d, rel=1e-3, abs=1e-5)
        assert pytest.approx(expected.D, rel=1e-5) == found[layer, head].D
        assert found[layer, head].dot == pytest.approx(expected.dot, rel=1e-3, abs=1e-4)


def test_a_clip_patched_into_itself_changes_nothing(tiny: Any, clips: Any) -> None:
    model = tiny()
    pixels, _ = clips(model)
    found = sweep_heads(model, pixels, pixels, [(0, 0), (2, 1)])
    size = float(run(model, pixels[None]).summary.norm())
    # Not 0: states go through the model in batches, and a head apart from its attention, which sum in another
    # order. Six writes round at most 32 terms each by half an epsilon, in either direction.
    rounding = (6 * 32) ** 0.5 * torch.finfo(torch.float32).eps / 2 * size
    assert all(norms.d <= rounding and norms.D == 0.0 for norms in found.values())


def test_heads_that_there_are_not() -> None:
    toy = integer_toy()
    with pytest.raises(MeasurementError, match="no head 1 in layer 0; it has 2 layers of 1 heads"):
        sweep_heads(toy, DONOR, RECIPIENT, [(0, 1)])
    with pytest.raises(MeasurementError, match="no head 0 in layer 2"):
        sweep_heads(toy, DONOR, RECIPIENT, [(2, 0)])
    with pytest.raises(MeasurementError, match=r"toy, donor, mlp_out 0: 3 of 6"):
        sweep_heads(toy, clip(1e30, 0), RECIPIENT, [(0, 0)])
