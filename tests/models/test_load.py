"""From a source to a model: what is loaded is what was saved, in float32, and nothing is random unasked."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import VivitConfig, VivitForVideoClassification

from circuit_claims.models.architectures import KNOWN
from circuit_claims.models.load import ARCHITECTURES, ModelError, ModelSource, load, parse_source
from circuit_claims.models.residual import ResidualModel, run
from circuit_claims.models.vivit import NEWER_NAMES

pytestmark = pytest.mark.machines


def logits(model: ResidualModel) -> torch.Tensor:
    shape = (1, model.frames, 3, model.image_size, model.image_size)
    return run(model, torch.randn(shape, generator=torch.Generator().manual_seed(0))).logits


def load_folder(folder: Path, prefix: str = "", seed: str = "") -> ResidualModel:
    return load(parse_source(f"{prefix}{folder}{seed}"))


def rewrite(folder: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> None:
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def test_a_saved_model_comes_back_bit_for_bit(vivit: Callable[..., Any], saved: Callable[..., Path]) -> None:
    hf_model = vivit(hidden_act="gelu")
    model = load_folder(saved(hf_model))
    with torch.inference_mode():
        pixels = torch.randn(1, 8, 3, 16, 16, generator=torch.Generator().manual_seed(0))
        assert torch.equal(logits(model), hf_model(pixel_values=pixels).logits)
    assert model.name.endswith("model")
    assert len(model.fingerprint) == 64


def test_shards_load_as_one_file_does(vivit: Callable[..., Any], saved: Callable[..., Path]) -> None:
    whole, shards = saved(vivit(), "whole"), saved(vivit(), "shards", max_shard_size="20KB")
    assert torch.equal(logits(load_folder(whole)), logits(load_folder(shards)))


def test_the_names_for_older_versions_are_those_that_hugging_face_saves(
    vivit: Callable[..., Any], saved: Callable[..., Path]
) -> None:
    """It writes the older names itself, so that files can be read by all versions."""

    def older(name: str) -> str:
        for pattern, called in NEWER_NAMES.items():
            name = re.sub(pattern, called, name)
        return name

    hf_model = vivit()
    held = {older(name): tensor for name, tensor in hf_model.state_dict().items()}
    written = load_file(saved(hf_model) / "model.safetensors")
    assert held.keys() == written.keys() != hf_model.state_dict().keys()
    assert all(torch.equal(held[name], tensor) for name, tensor in written.items())


def test_float16_weights_compute_in_float32(vivit: Callable[..., Any], saved: Callable[..., Path]) -> None:
    rounded = vivit().half()
    model = load_folder(saved(rounded))
    assert logits(model).dtype == torch.float32
    built = load(ModelSource(name="x", build=lambda: rounded.float(), build_fingerprint="x"))
    assert torch.equal(logits(model), logits(built))


def test_loading_says_nothing(checkpoint: Path, capfd: pytest.CaptureFixture[str]) -> None:
    load_folder(checkpoint)
    load_folder(checkpoint, "random:", "#1")
    assert capfd.readouterr() == ("", "")


def test_fresh_weights_need_no_trained_ones(checkpoint: Path) -> None:
    """They are what Hugging Face draws for the same configuration under the same seed; no file is read."""
    drawn = logits(load_folder(checkpoint, "random:", "#1"))
    config = json.loads((checkpoint / "config.json").read_text())
    with torch.random.fork_rng():
        torch.manual_seed(1)
        own = VivitForVideoClassification(VivitConfig(**config))
    assert torch.equal(drawn, logits(load(ModelSource(name="x", build=lambda: own, build_fingerprint="x"))))
    (checkpoint / "model.safetensors").write_bytes(b"")
    assert torch.equal(drawn, logits(load_folder(checkpoint, "random:", "#1")))


def test_fresh_weights_are_those_of_the_seed_and_of_hugging_face(checkpoint: Path) -> None:
    one, again, two = (load_folder(checkpoint, "random:", f"#{seed}") for seed in (1, 1, 2))
    assert torch.equal(logits(one), logits(again))
    assert not torch.equal(logits(one), logits(two))
    assert not torch.equal(logits(one), logits(load_folder(checkpoint)))
    # Hugging Face initialises the CLS token and the position embeddings to zero.
    with torch.inference_mode():
        embedded = one.embed(torch.zeros(1, 8, 3, 16, 16))
    assert embedded.abs().max() == 0.0


def test_shuffled_weights_are_the_trained_values_in_no_order(vivit: Callable[..., Any]) -> None:
    trained = {name: tensor.clone() for name, tensor in vivit().state_dict().items()}
    built = vivit()
    load(ModelSource(name="x", build=lambda: built, build_fingerprint="x", reinit=("shuffled", 3)))
    for name, tensor in built.state_dict().items():
        assert torch.equal(tensor.flatten().sort().values, trained[name].flatten().sort().values), name
        assert tensor.numel() < 8 or not torch.equal(tensor, trained[name]), name


def test_shuffles_of_one_seed_are_equal(checkpoint: Path) -> None:
    one, again, two = (load_folder(checkpoint, "shuffled:", f"#{seed}") for seed in (1, 1, 2))
    assert torch.equal(logits(one), logits(again))
    assert not torch.equal(logits(one), logits(two))


def test_the_random_numbers_of_the_caller_are_left_alone(checkpoint: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    load_folder(checkpoint, "random:", "#1")
    load_folder(checkpoint, "shuffled:", "#1")
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_that_are_not_numbers_are_named(checkpoint: Path, bad: float) -> None:
    def spoil(tensors: dict[str, torch.Tensor]) -> None:
        tensors["classifier.weight"][1, 2] = bad

    rewrite(checkpoint, spoil)
    with pytest.raises(ModelError, match=r"1 of 80 weights in classifier\.weight are NaN or infinite"):
        load_folder(checkpoint)


def test_weights_that_are_missing_are_not_drawn_at_random(checkpoint: Path) -> None:
    rewrite(checkpoint, lambda tensors: [tensors.pop(f"classifier.{part}") for part in ("weight", "bias")])
    with pytest.raises(ModelError, match=r"lacks the weights of classifier\.bias, classifier\.weight"):
        load_folder(checkpoint)


def test_weights_of_another_shape_are_refused(checkpoint: Path) -> None:
    rewrite(checkpoint, lambda tensors: tensors.update({"classifier.bias": torch.zeros(9)}))
    with pytest.raises(ModelError, match=r"classifier\.bias|does not load"):
        load_folder(checkpoint)


def test_a_file_that_was_cut_off_is_refused(checkpoint: Path) -> None:
    weights = checkpoint / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(ModelError, match=r"does not load .*; save or download it again"):
        load_folder(checkpoint)


@pytest.mark.parametrize(
    ("model_type", "said"),
    [
        ("vivits", "did you mean vivit"),
        (
            "bert",
            r"known architectures are vivit \(VivitForVideoClassification\); docs/how-to/architecture.md",
        ),
        (None, "model_type is None"),
    ],
)
def test_an_unknown_architecture_is_told_the_known_ones(
    checkpoint: Path, model_type: str | None, said: str
) -> None:
    config = json.loads((checkpoint / "config.json").read_text())
    (checkpoint / "config.json").write_text(json.dumps({**config, "model_type": model_type}))
    with pytest.raises(ModelError, match=said):
        load_folder(checkpoint)


def test_what_is_known_before_loading_is_what_can_be_loaded() -> None:
    assert KNOWN.keys() == ARCHITECTURES.keys()
    assert {known.model for known in KNOWN.values()} == {one.model for one in ARCHITECTURES.values()}


@pytest.mark.parametrize("text", ["{", "[]", '"vivit"'])
def test_a_configuration_that_is_no_object_is_refused(checkpoint: Path, text: str) -> None:
    (checkpoint / "config.json").write_text(text)
    with pytest.raises(ModelError, match=r"config\.json .*; save it again"):
        load_folder(checkpoint)


def test_the_fused_activation_is_gelu_fast(vivit: Callable[..., Any]) -> None:
    from transformers.activations import ACT2FN

    hf_model = vivit()
    load(ModelSource(name="x", build=lambda: hf_model, build_fingerprint="x"))
    fused = hf_model.vivit.layers[0].mlp.activation_fn
    assert type(fused) is torch.nn.GELU
    x = torch.linspace(-12, 12, 10_001)
    assert (fused(x) - ACT2FN["gelu_fast"](x)).abs().max() < 2e-6


@pytest.mark.slow
def test_vivit_b_at_its_width_and_depth() -> None:
    from tiny_vivit import build_vivit

    sizes = {
        "hidden_size": 768,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "intermediate_size": 3072,
    }
    hf_model = build_vivit(
        std=0.01, num_frames=8, image_size=112, tubelet_size=[2, 16, 16], num_labels=400, **sizes
    )
    pixels = torch.randn(1, 8, 3, 112, 112)
    with torch.inference_mode():
        expected = hf_model(pixel_values=pixels).logits
    model = load(ModelSource(name="vivit-b", build=lambda: hf_model, build_fingerprint="b"))
    assert model.n_tokens == 1 + 4 * 7 * 7
    assert (run(model, pixels).logits - expected).abs().max() <= 1e-5 * expected.abs().max().clamp(min=1.0)
