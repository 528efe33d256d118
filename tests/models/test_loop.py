"""The residual loop is the model: logits, streams and writes, for configurations drawn at random."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_vivit import build_vivit

from circuit_claims.models.load import ModelError, ModelSource, load
from circuit_claims.models.residual import canonical, run, walk
from circuit_claims.models.sites import attn_out, mlp_out, resid_mid, resid_post, resid_pre
from circuit_claims.models.vivit import TABLES, vivit_residual

pytestmark = pytest.mark.machines

CONFIGS = st.fixed_dictionaries(
    {
        "num_hidden_layers": st.integers(1, 4),
        "num_attention_heads": st.sampled_from([1, 2, 4]),
        "hidden_size": st.sampled_from([16, 24]),
        "num_frames": st.sampled_from([2, 4]),
        "image_size": st.sampled_from([8, 16]),
        "num_labels": st.integers(2, 7),
        "qkv_bias": st.booleans(),
        "hidden_act": st.sampled_from(["gelu_fast", "gelu", "relu"]),
    }
)


def load_built(model: Any) -> Any:
    return load(ModelSource(name="tiny", build=lambda: model, build_fingerprint="tiny"))


@settings(deadline=None, max_examples=25)
@given(config=CONFIGS, seed=st.integers(0, 2**16), batch=st.integers(1, 3))
def test_the_loop_gives_the_logits_of_hugging_face(config: dict[str, Any], seed: int, batch: int) -> None:
    hf_model = build_vivit(seed, **config)
    shape = (batch, config["num_frames"], 3, config["image_size"], config["image_size"])
    pixels = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    with torch.inference_mode():
        # Before loading, which fuses the activation: this is the model as its authors run it.
        expected = hf_model(pixel_values=pixels).logits
    logits = run(load_built(hf_model), pixels).logits
    assert (logits - expected).abs().max() <= 1e-5 * expected.abs().max().clamp(min=1.0)
    if config["hidden_act"] != "gelu_fast":
        assert torch.equal(logits, expected)


def test_the_streams_are_the_hidden_states_bit_for_bit(vivit: Callable[..., Any]) -> None:
    hf_model = vivit(hidden_act="gelu")
    model = load_built(hf_model)
    pixels = torch.randn(2, 8, 3, 16, 16)
    with torch.inference_mode():
        hidden = hf_model(pixel_values=pixels, output_hidden_states=True).hidden_states
        seen = dict(walk(model, pixels))
    assert len(hidden) == 4
    assert torch.equal(seen[resid_pre(0)], hidden[0])
    for layer in range(3):
        assert torch.equal(seen[resid_post(layer)], hidden[layer + 1])


def test_a_write_is_what_the_stream_gains(vivit: Callable[..., Any]) -> None:
    model = load_built(vivit())
    with torch.inference_mode():
        seen = dict(walk(model, torch.randn(1, 8, 3, 16, 16)))
    for layer in range(3):
        before = seen[canonical(resid_pre(layer))]
        assert torch.equal(before + seen[attn_out(layer)], seen[resid_mid(layer)])
        assert torch.equal(seen[resid_mid(layer)] + seen[mlp_out(layer)], seen[resid_post(layer)])


def test_an_edit_replaces_a_site_for_everything_after_it(vivit: Callable[..., Any]) -> None:
    model = load_built(vivit())
    donor, recipient = torch.randn(1, 8, 3, 16, 16), torch.randn(1, 8, 3, 16, 16)
    with torch.inference_mode():
        theirs = dict(walk(model, donor))[resid_post(1)]
        *_, (_, resid) = walk(model, recipient, {resid_post(1): lambda _: theirs})
    assert torch.equal(model.readout(resid).logits, run(model, donor).logits)


def test_a_write_at_the_tokens_that_are_read_is_those_rows_of_the_write(vivit: Callable[..., Any]) -> None:
    model = load_built(vivit())
    resid = torch.randn(2, model.n_tokens, model.d_model)
    with torch.inference_mode():
        for write in model.writes:
            whole = write(resid)[:, model.reads]
            assert torch.allclose(write.at(resid, model.reads), whole, rtol=1e-5, atol=1e-6)


def test_the_readout_takes_the_tokens_that_it_reads_alone(vivit: Callable[..., Any]) -> None:
    model = load_built(vivit())
    resid = torch.randn(2, model.n_tokens, model.d_model)
    with torch.inference_mode():
        whole, alone = model.readout(resid), model.readout(resid[:, model.reads])
    assert torch.allclose(whole.logits, alone.logits, rtol=1e-5, atol=1e-6)
    assert torch.allclose(whole.summary, alone.summary, rtol=1e-5, atol=1e-6)


def test_the_summary_is_what_the_classifier_multiplies(vivit: Callable[..., Any]) -> None:
    hf_model = vivit()
    model = load_built(hf_model)
    says = run(model, torch.randn(1, 8, 3, 16, 16))
    by_hand = says.summary @ hf_model.classifier.weight.T + hf_model.classifier.bias
    assert torch.allclose(says.logits, by_hand, atol=1e-6)


@pytest.mark.parametrize(("t", "y", "x"), [(0, 0, 0), (0, 0, 1), (0, 1, 0), (3, 1, 1)])
def test_tokens_are_ordered_by_time_then_row_then_column(
    vivit: Callable[..., Any], t: int, y: int, x: int
) -> None:
    model = load_built(vivit())
    _, height, width = model.token_grid
    pixels = torch.zeros(1, 8, 3, 16, 16)
    lit = pixels.clone()
    lit[0, 2 * t : 2 * t + 2, :, 8 * y : 8 * y + 8, 8 * x : 8 * x + 8] = 1.0
    with torch.inference_mode():
        changed = (model.embed(lit) - model.embed(pixels))[0].abs().amax(dim=-1).nonzero().flatten()
    assert changed.tolist() == [1 + height * width * t + width * y + x]


def test_what_the_model_is(vivit: Callable[..., Any]) -> None:
    model = load_built(vivit())
    assert (model.n_layers, model.n_heads, model.d_model, model.n_tokens) == (3, 2, 16, 17)
    assert (model.frames, model.image_size, model.token_grid) == (8, 16, (4, 2, 2))
    assert model.labels == ("LABEL_0", "LABEL_1", "LABEL_2", "LABEL_3", "LABEL_4")
    assert model.sites[:5] == (resid_pre(0), attn_out(0), resid_mid(0), mlp_out(0), resid_post(0))
    assert len(model.sites) == 1 + 4 * 3


def test_a_version_that_no_table_describes_is_refused(vivit: Callable[..., Any]) -> None:
    hf_model = vivit()
    hf_model.vivit.encoder = hf_model.vivit.layers
    del hf_model.vivit.layers
    assert not any(table.describes(hf_model) for table in TABLES.values())
    with pytest.raises(ModelError, match="no table says where VivitForVideoClassification"):
        vivit_residual(hf_model, "renamed", lambda frames: frames)


def test_frames_that_are_not_square_are_refused(vivit: Callable[..., Any]) -> None:
    with pytest.raises(ModelError, match="8 x 16 pixels; only square"):
        load_built(vivit(image_size=[8, 16]))


@settings(deadline=None, max_examples=25)
@given(config=CONFIGS, seed=st.integers(0, 2**16), batch=st.integers(1, 3))
def test_an_attention_is_the_sum_of_its_heads_and_its_bias(
    config: dict[str, Any], seed: int, batch: int
) -> None:
    model = load_built(build_vivit(seed, **config))
    generator = torch.Generator().manual_seed(seed)
    resid = torch.randn(batch, model.n_tokens, model.d_model, generator=generator)
    with torch.inference_mode():
        for write in model.writes:
            if write.heads is None:
                continue
            whole = write(resid)
            pattern = write.heads.pattern(resid, slice(None))
            assert pattern.shape == (batch, model.n_heads, model.n_tokens, model.n_tokens)
            assert torch.allclose(pattern.sum(dim=-1), torch.ones(()))
            mixed = pattern @ write.heads.values(resid)
            assert torch.allclose(mixed, write.heads.mix(resid, resid, slice(None)), atol=1e-5)
            summed = write.heads.writes(mixed).sum(dim=1) + write.heads.bias
            assert (summed - whole).abs().max() <= 1e-5 * whole.abs().max().clamp(min=1.0)
    assert [write.heads is None for write in model.writes] == [not w.mixes_tokens for w in model.writes]


@settings(deadline=None, max_examples=25)
@given(config=CONFIGS, seed=st.integers(0, 2**16))
def test_the_frozen_readout_gives_the_logits_of_its_own_stream(config: dict[str, Any], seed: int) -> None:
    model = load_built(build_vivit(seed, **config))
    resid = torch.randn(1, model.n_tokens, model.d_model, generator=torch.Generator().manual_seed(seed)) + 0.5
    with torch.inference_mode():
        frozen = model.frozen_readout(resid)
        expected = model.readout(resid).logits[0].double()
    assert frozen.linear.shape == (len(model.labels), model.d_model)
    found = frozen.linear @ frozen.pooled(model.pool.read(resid)[0]) + frozen.constant
    assert (found - expected).abs().max() <= 1e-5 * expected.abs().max().clamp(min=1.0)
