"""Shares of a logit: worked out by hand with integers, and held against hooks in the Hugging Face model."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from integer_toy import DONOR, RECIPIENT, clip, integer_toy
from tiny_vivit import build_vivit
from torch import Tensor

from circuit_claims.measure.attribution import attribute, plain
from circuit_claims.measure.errors import MeasurementError
from circuit_claims.models.load import ModelSource, load
from circuit_claims.models.residual import ResidualModel

pytestmark = pytest.mark.machines

CONFIGS = st.fixed_dictionaries(
    {
        "num_hidden_layers": st.integers(1, 4),
        "num_attention_heads": st.sampled_from([1, 2, 4]),
        "hidden_size": st.sampled_from([16, 24]),
        "image_size": st.sampled_from([8, 16]),
        "num_frames": st.sampled_from([2, 4]),
    }
)


def loaded(hf_model: Any) -> ResidualModel:
    return load(ModelSource(name="tiny", build=lambda: hf_model, build_fingerprint="tiny"))


def drawn(model: ResidualModel, seed: int = 0) -> Tensor:
    shape = (model.frames, 3, model.image_size, model.image_size)
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_the_integer_toy_by_hand() -> None:
    """Donor (2, 3), logit u + v of CLS = 55 + 336. Into v go 1 + 2 + 3 from the three tokens (attn 0) and
    55 * 6 = 330 (mlp 1); into u the first 1, 6 * 6 = 36 (mlp 0) and 6 + 6 + 6 (attn 1). Attention reads
    streams (1,0) (2,0) (3,0), then (37,6) (38,6) (39,6). The last streams of t1 and t2 are (56,342) and
    (57,348), and the classifier's row is (1/2, 1/2). There is no norm, so that no scale is to be frozen."""
    found = attribute(integer_toy(), DONOR, 0)
    assert (found.label, found.logit, found.constant, found.embed) == (0, 391, 0, 1)
    assert found.heads.tolist() == [[6], [18]]
    assert found.mlps.tolist() == [36, 330]
    assert found.writes.tolist() == found.unfrozen.tolist() == [[6, 36], [18, 330]]
    assert found.biases.tolist() == [0, 0]
    assert found.sources.tolist() == [1 + 6, 2 + 6, 3 + 6]
    assert found.total == found.logit
    assert found.lens.tolist() == [1, 43, 391]
    assert found.lens_mean.tolist() == [1, 37, 55]
    assert found.token_map is not None
    assert found.token_map.tolist() == [(56 + 342) / 2, (57 + 348) / 2]
    assert found.attention.tolist() == [[[1, 1, 1]], [[1, 1, 1]]]
    assert found.norms.tolist() == [[1, 2, 3], [sqrt(u * u + 36) for u in (37, 38, 39)]]


def test_the_other_label_of_the_integer_toy() -> None:
    """u - v = 55 - 336: what goes into v counts against it."""
    found = attribute(integer_toy(), DONOR, 1)
    assert found.logit == found.total == -281
    assert found.writes.tolist() == [[-6, 36], [18, -330]]
    assert found.sources.tolist() == [6 - 1, 6 - 2, 6 - 3]


def test_the_label_is_the_top_one_unless_named() -> None:
    assert attribute(integer_toy(), RECIPIENT).label == 0
    assert attribute(integer_toy(), clip(-5, 0)).label == 1


@settings(deadline=None, max_examples=15)
@given(config=CONFIGS, seed=st.integers(0, 2**16), label=st.integers(0, 4))
def test_the_shares_sum_to_the_logit(config: Any, seed: int, label: int) -> None:
    hf_model = build_vivit(seed, **config)
    model = loaded(hf_model)
    pixels = drawn(model, seed)
    found = attribute(model, pixels, label)
    with torch.inference_mode():
        assert found.logit == float(hf_model(pixel_values=pixels[None]).logits[0, label])
    assert found.total == pytest.approx(found.logit, abs=1e-5 * found.size)
    assert float(found.sources.sum()) == pytest.approx(float(found.heads.sum()), abs=1e-10)
    assert torch.allclose(found.attention.sum(-1), torch.ones(()).double(), atol=1e-5)
    assert float(found.lens[-1]) == pytest.approx(found.logit, abs=1e-5)  # in a batch


@pytest.mark.parametrize("seed", [0, 1])
def test_heads_writes_and_the_frozen_scale_by_hooks(seed: int) -> None:
    """The same numbers out of the Hugging Face model: what enters `o_proj`, what leaves each MLP, the weights
    of attention that it gives itself, and its final norm with mean and variance written out."""
    hf_model = build_vivit(seed)
    hf_model.set_attn_implementation("eager")
    model = loaded(hf_model)
    pixels, label = drawn(model, seed), 3
    mixed: list[Tensor] = []
    mlps: list[Tensor] = []
    last: list[Tensor] = []
    handles = [hf_model.vivit.layernorm.register_forward_pre_hook(lambda _m, args: last.append(args[0][0]))]
    for block in hf_model.vivit.layers:
        handles += [
            block.attention.o_proj.register_forward_pre_hook(lambda _m, args: mixed.append(args[0][0, 0])),
            block.mlp.register_forward_hook(lambda _m, _args, out: mlps.append(out[0, 0])),
        ]
    with torch.inference_mode():
        said = hf_model(pixel_values=pixels[None], output_attentions=True, output_hidden_states=True)
    for handle in handles:
        handle.remove()
    found = attribute(model, pixels, label)

    norm, row = hf_model.vivit.layernorm, hf_model.classifier.weight[label].double()
    cls = last[0][0].double()
    scale = (cls.var(unbiased=False) + norm.eps).sqrt()

    def share(part: Tensor) -> float:
        part = part.double()
        return float(((part - part.mean()) / scale * norm.weight.double()) @ row)

    d_head = model.d_model // model.n_heads
    for layer, block in enumerate(hf_model.vivit.layers):
        weight, bias = block.attention.o_proj.weight, block.attention.o_proj.bias
        for head in range(model.n_heads):
            part = slice(head * d_head, (head + 1) * d_head)
            assert float(found.heads[layer, head]) == pytest.approx(
                share(weight[:, part] @ mixed[layer][part]), abs=1e-5
            )
        assert float(found.biases[layer]) == pytest.approx(share(bias), abs=1e-6)
        assert float(found.mlps[layer]) == pytest.approx(share(mlps[layer]), abs=1e-5)
        assert torch.allclose(found.attention[layer].float(), said.attentions[layer][0, :, 0], atol=1e-6)
        assert torch.allclose(
            found.norms[layer].float(), said.hidden_states[layer][0].norm(dim=-1), rtol=1e-5
        )
        without = norm(last[0][None, :1] - mlps[layer])
        assert float(found.unfrozen[layer, 1]) == pytest.approx(
            found.logit - float(hf_model.classifier(without)[0, 0, label]), abs=1e-5
        )
    assert found.token_map is not None
    assert torch.allclose(found.token_map.float(), last[0][1:] @ hf_model.classifier.weight[label], atol=1e-5)
    hidden = torch.stack([norm(stream[0, 0]) for stream in said.hidden_states])
    assert torch.allclose(found.lens.float(), hf_model.classifier(hidden)[:, label], atol=1e-5)


def test_a_source_token_is_what_the_logit_loses_when_heads_cannot_read_it() -> None:
    """With one attention as the only reader, a token's share is what is written of its value alone."""
    hf_model = build_vivit(3, num_hidden_layers=1)
    model = loaded(hf_model)
    pixels = drawn(model, 3)
    whole = attribute(model, pixels, 0)
    write = model.writes[0]
    assert write.heads is not None
    with torch.inference_mode():
        stream = model.embed(pixels[None])
        values = write.heads.values(stream)
        for token in range(model.n_tokens):
            only = torch.zeros_like(values)
            only[:, :, token] = values[:, :, token]
            mixed = write.heads.pattern(stream, slice(0, 1)) @ only
            written = write.heads.writes(mixed).sum(1)[0, 0].double()
            streams = model.embed(pixels[None])
            for one in model.writes:
                streams = streams + one(streams)
            row = model.frozen_readout(streams).linear[0]
            assert float(whole.sources[token]) == pytest.approx(float(written @ row), abs=1e-6)


def test_an_attribution_is_plain_data() -> None:
    import json

    data = plain(attribute(integer_toy(), DONOR, 0))
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    assert data["gap"] == 0.0
    assert data["size"] >= abs(data["logit"])
    assert data["sources"] == [7, 8, 9]


def test_a_model_without_a_named_classifier_has_no_token_map() -> None:
    found = attribute(integer_toy(classifier=None), DONOR, 0)
    assert found.token_map is None
    assert plain(found)["token_map"] is None


def test_what_cannot_be_shared_out_is_an_error_that_says_why() -> None:
    toy = integer_toy()
    with pytest.raises(MeasurementError, match="no label 2; its labels are 0 to 1"):
        attribute(toy, DONOR, 2)
    with pytest.raises(MeasurementError, match="NaN or Inf among the pixels"):
        attribute(toy, clip(float("nan"), 0))
    with pytest.raises(MeasurementError, match=r"toy, clip, mlp_out 0: 3 of 6 numbers are NaN or Inf"):
        attribute(toy, clip(1e30, 0))
    with pytest.raises(MeasurementError, match=r"reads one clip \[1, 3, 2, 2\]"):
        attribute(toy, DONOR.repeat(1, 1, 2, 2))
    headless = replace(toy, writes=(replace(toy.writes[0], heads=None), *toy.writes[1:]))
    with pytest.raises(MeasurementError, match=r"attn_out 0 has no heads in its table.*give its Write"):
        attribute(headless, DONOR)
