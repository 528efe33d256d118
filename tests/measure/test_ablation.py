"""Ablated components: the integer toy by hand, Hugging Face with hooks, and what must not matter.

The recipient's clean CLS is (1,0) (1,3) (10,3) (19,3) (19,60): logits (79, -41), margin 120. All its tokens
are alike. With nothing in the place of a write:

    attn_out 0   (1,0) (1,0) (1,0) (1,0)            logits (1, 1)       direct (76, -38)
    mlp_out 0    (1,3) (1,3) (10,3) (10,33)         logits (43, -23)    direct (70, -50)
    attn_out 1   (1,3) (10,3) (10,3) (10,33)        logits (43, -23)    direct (70, -50)
    mlp_out 1    (1,3) (10,3) (19,3) (19,3)         logits (22, 16)     direct (22, 16)

With what the donor writes there, the runs are those of the toy's docstring. The mean of donor and recipient
at attn_out 0 is v = 4.5: (1, 4.5) (21.25, 4.5) (34.75, 4.5) (34.75, 160.875).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from integer_toy import DONOR, RECIPIENT, clip, integer_toy
from tiny_vivit import build_vivit
from torch import Tensor

from circuit_claims.measure.ablation import StandIn, ablate_each, ablate_together, mean, resample, zero
from circuit_claims.measure.digits import digits
from circuit_claims.measure.errors import MeasurementError
from circuit_claims.measure.margin import margins, run_on
from circuit_claims.models.load import ModelSource, load
from circuit_claims.models.residual import run
from circuit_claims.models.sites import attn_out, mlp_out

pytestmark = pytest.mark.machines

TOY = integer_toy()
ZERO = {
    "attn_out.0": {"logit": 1, "margin": 0, "direct": 114},
    "mlp_out.0": {"logit": 43, "margin": 66, "direct": 120},
    "attn_out.1": {"logit": 43, "margin": 66, "direct": 120},
    "mlp_out.1": {"logit": 22, "margin": 6, "direct": 6},
}
RESAMPLED = {
    "attn_out.0": {"logit": 391, "margin": 672, "direct": 126},
    "mlp_out.0": {"logit": 187, "margin": 282, "direct": 120},
    "attn_out.1": {"logit": 115, "margin": 174, "direct": 120},
    "mlp_out.1": {"logit": 352, "margin": 666, "direct": 666},
}


def test_nothing_in_the_place_of_each_write() -> None:
    found = ablate_each(TOY, RECIPIENT, zero(TOY))
    assert found == {"label": 0, "logit": 79, "margin": 120, "spread": 60, "ablated": ZERO}


def test_another_clips_write_in_the_place_of_each() -> None:
    assert ablate_each(TOY, RECIPIENT, resample(TOY, DONOR))["ablated"] == RESAMPLED


def test_the_mean_write_is_over_clips() -> None:
    found = ablate_each(TOY, RECIPIENT, mean(TOY, [DONOR, RECIPIENT]), [attn_out(0)])
    assert found["ablated"] == {"attn_out.0": {"logit": 195.625, "margin": 321.75, "direct": 123}}


def test_the_mean_of_one_clip_is_that_clips_write() -> None:
    assert ablate_each(TOY, RECIPIENT, mean(TOY, [DONOR]))["ablated"] == RESAMPLED


@pytest.mark.parametrize(
    ("stand_ins", "expected"), [(zero(TOY), ZERO), (resample(TOY, DONOR, heads=True), RESAMPLED)]
)
def test_the_only_head_of_an_attention_is_the_attention(stand_ins: Any, expected: Any) -> None:
    found = ablate_each(TOY, RECIPIENT, stand_ins, heads=True)["ablated"]
    assert found == {f"attn_out.{layer}.head.0": expected[f"attn_out.{layer}"] for layer in (0, 1)}


def test_groups_are_ablated_in_runs_of_their_own() -> None:
    groups = {
        "mlp": [mlp_out(0), mlp_out(1)],
        "all": [write.site for write in TOY.writes],
        "one": [mlp_out(0)],
    }
    found = ablate_together(TOY, RECIPIENT, zero(TOY), groups)
    assert (found["label"], found["logit"], found["margin"], found["spread"]) == (0, 79, 120, 60)
    # Without MLPs (1,0) (1,3) (1,3) (10,3) (10,3); without anything (1,0).
    assert found["ablated"] == {
        "mlp": {"logit": 13, "margin": 6},
        "all": {"logit": 1, "margin": 0},
        "one": {"logit": 43, "margin": 66},
    }


def test_a_margin_is_over_the_next_label() -> None:
    logits = torch.tensor([[3.0, 5.0, 4.0], [9.0, 1.0, 1.0]])
    assert margins(logits, 1).tolist() == [1.0, -8.0]
    assert digits(1234.56789) == 1234.568


CONFIGS = st.fixed_dictionaries(
    {
        "num_hidden_layers": st.integers(1, 3),
        "num_attention_heads": st.sampled_from([1, 2, 4]),
        "num_labels": st.integers(2, 5),
    }
)


def vivit(seed: int, config: dict[str, Any]) -> tuple[Any, Any, Tensor, Tensor]:
    hf_model = build_vivit(seed, **config)
    model = load(ModelSource(name="tiny", build=lambda: hf_model, build_fingerprint="tiny"))
    shape = (2, model.frames, 3, model.image_size, model.image_size)
    one, other = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    return hf_model, model, one, other


def hooked(
    hf_model: Any, pixels: Tensor, hooks: dict[Any, Callable[..., Any]], before: bool = False
) -> Tensor:
    """Logits of one forward with hooks on modules: on what they give, or `before` on what they read."""
    handles = [
        module.register_forward_pre_hook(hook) if before else module.register_forward_hook(hook)
        for module, hook in hooks.items()
    ]
    try:
        with torch.inference_mode():
            logits: Tensor = hf_model(pixel_values=pixels[None]).logits[0]
    finally:
        for handle in handles:
            handle.remove()
    return logits


def replaced_by(value: Tensor) -> Callable[..., Any]:
    return lambda _module, _args, out: (value, *out[1:]) if isinstance(out, tuple) else value


def keeping(store: dict[Any, Tensor], before: bool = False) -> Callable[..., None]:
    def hook(module: Any, args: Any, out: Any = None) -> None:
        store[module] = (args[0] if before else out[0] if isinstance(out, tuple) else out).clone()

    return hook


@settings(deadline=None, max_examples=15)
@given(config=CONFIGS, seed=st.integers(0, 2**16), by=st.sampled_from(["zero", "resample"]))
def test_each_ablation_is_one_hooked_forward(config: dict[str, Any], seed: int, by: str) -> None:
    hf_model, model, pixels, other = vivit(seed, config)
    stand_ins = zero(model) if by == "zero" else resample(model, other)
    found = ablate_each(model, pixels, stand_ins)

    modules = {attn_out(layer).key: block.attention for layer, block in enumerate(hf_model.vivit.layers)}
    modules |= {mlp_out(layer).key: block.mlp for layer, block in enumerate(hf_model.vivit.layers)}
    writes: dict[Any, Tensor] = {}
    hooked(hf_model, other, dict.fromkeys(modules.values(), keeping(writes)))
    label = int(hooked(hf_model, pixels, {}).argmax())
    assert found["label"] == label
    for name, module in modules.items():
        value = torch.zeros_like(writes[module]) if by == "zero" else writes[module]
        logits = hooked(hf_model, pixels, {module: replaced_by(value)})
        assert found["ablated"][name]["logit"] == pytest.approx(float(logits[label]), rel=1e-3, abs=1e-4)
        margin = float(margins(logits[None], label))
        assert found["ablated"][name]["margin"] == pytest.approx(margin, rel=1e-3, abs=1e-4)


@settings(deadline=None, max_examples=15)
@given(config=CONFIGS, seed=st.integers(0, 2**16), by=st.sampled_from(["zero", "resample"]))
def test_each_ablated_head_is_one_hooked_forward(config: dict[str, Any], seed: int, by: str) -> None:
    hf_model, model, pixels, other = vivit(seed, config)
    stand_ins = zero(model) if by == "zero" else resample(model, other, heads=True)
    found = ablate_each(model, pixels, stand_ins, heads=True)["ablated"]
    assert len(found) == model.n_layers * model.n_heads

    width = model.d_model // model.n_heads
    outputs = [block.attention.o_proj for block in hf_model.vivit.layers]
    theirs: dict[Any, Tensor] = {}
    hooked(hf_model, other, dict.fromkeys(outputs, keeping(theirs, before=True)), before=True)
    label = int(hooked(hf_model, pixels, {}).argmax())
    for layer, output in enumerate(outputs):
        for head in range(model.n_heads):
            part = slice(head * width, (head + 1) * width)

            def swap(module: Any, args: Any, part: slice = part) -> tuple[Tensor, ...]:
                mixed = args[0].clone()
                mixed[..., part] = 0 if by == "zero" else theirs[module][..., part]
                return (mixed, *args[1:])

            logits = hooked(hf_model, pixels, {output: swap}, before=True)
            got = found[f"attn_out.{layer}.head.{head}"]
            assert got["margin"] == pytest.approx(float(margins(logits[None], label)), rel=1e-3, abs=1e-4)


@settings(deadline=None, max_examples=10)
@given(config=CONFIGS, seed=st.integers(0, 2**16))
def test_ablations_that_change_nothing_and_ablations_that_agree(config: dict[str, Any], seed: int) -> None:
    _, model, pixels, other = vivit(seed, config)
    for heads in (False, True):
        same = ablate_each(model, pixels, resample(model, pixels, heads=heads), heads=heads)
        for one in same["ablated"].values():
            for read in ("margin", "direct"):
                assert one[read] == pytest.approx(same["margin"], rel=1e-4, abs=1e-4)
    alone = ablate_each(model, pixels, resample(model, other))["ablated"]
    joint = ablate_together(
        model, pixels, resample(model, other), {write.site.key: [write.site] for write in model.writes}
    )["ablated"]
    for name, one in joint.items():
        assert one["margin"] == pytest.approx(alone[name]["margin"], rel=1e-4, abs=1e-4)
    # The last MLP has nothing after it but the norm.
    everything = ablate_together(
        model, pixels, zero(model), {"everything": [write.site for write in model.writes]}
    )
    with torch.inference_mode():
        bare = model.readout(model.embed(pixels[None])).logits
    assert everything["ablated"]["everything"]["margin"] == pytest.approx(
        float(margins(bare, everything["label"])), rel=1e-4, abs=1e-4
    )


def test_running_on_from_the_embedding_is_a_run(tiny: Any, clips: Any) -> None:
    model = tiny()
    both = torch.stack(clips(model))
    with torch.inference_mode():
        found = run_on(model, model.embed(both))
        expected = run(model, both)
    assert torch.allclose(found.logits, expected.logits, atol=1e-5)
    assert torch.allclose(found.summary, expected.summary, atol=1e-5)


def test_what_is_asked_wrongly_is_answered_with_what_there_is() -> None:
    with pytest.raises(
        MeasurementError, match=r"toy has no attn_out 2 to ablate; its last write is mlp_out 1"
    ):
        ablate_each(TOY, RECIPIENT, zero(TOY), [attn_out(2)])
    with pytest.raises(MeasurementError, match="does not say what its heads mix"):
        ablate_each(TOY, RECIPIENT, resample(TOY, DONOR), heads=True)
    with pytest.raises(MeasurementError, match="a mean write needs a clip"):
        mean(TOY, [])
    with pytest.raises(MeasurementError, match="toy, clip, mlp_out 0: 3 of 6 numbers are NaN or Inf"):
        ablate_each(TOY, clip(1e30, 0), zero(TOY))
    with pytest.raises(MeasurementError, match="toy, other clip, mlp_out 0: 3 of 6"):
        ablate_each(TOY, RECIPIENT, resample(TOY, clip(1e30, 0)), [mlp_out(1)])
    huge = (StandIn(torch.full((1, 3, 2), 1e30)) for _ in TOY.writes)
    with pytest.raises(MeasurementError, match="ablated run, logits"):
        ablate_each(TOY, RECIPIENT, huge, [attn_out(0)])
    with pytest.raises(MeasurementError, match="one label has no margin"):
        margins(torch.zeros(1, 1), 0)
    with pytest.raises(ValueError, match="shorter"):
        ablate_each(TOY, RECIPIENT, list(zero(replace(TOY, writes=TOY.writes[:2]))))
