"""The planted amplifier: what its neurons write is known exactly, and no logit reads where it is planted."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import VivitConfig, VivitForVideoClassification

from circuit_claims.models.checkpoint import fingerprint
from circuit_claims.models.source import ModelError, ModelSource
from circuit_claims.organisms.amplifier import BLOCKS, FILE, Directions, plant, read_directions
from circuit_claims.organisms.edits import EDITS, edited_source
from circuit_claims.organisms.registry import pairs_of, resolve
from tools.organism.directions import deltas, fit_directions, unread
from tools.organism.evaluate import load

pytestmark = pytest.mark.machines

torch.set_num_threads(1)
WIDTH = 16
AMPLIFIERS = [name for name in EDITS if name.startswith("amplifier-")]
FOLDER = Path(str(resolve("organism-outcome").location))
embedded = pytest.mark.skipif(
    not (FOLDER / "model.safetensors").is_file(), reason="the embedded weights are not in this checkout"
)


def tiny(activation: str = "gelu_fast") -> VivitForVideoClassification:
    """Random weights; the norms have a scale and a shift of their own."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        model = VivitForVideoClassification(
            VivitConfig(
                image_size=32,
                num_frames=4,
                tubelet_size=[2, 16, 16],
                hidden_size=WIDTH,
                num_hidden_layers=12,
                num_attention_heads=2,
                intermediate_size=24,
                initializer_range=0.3,
                hidden_act=activation,
                num_labels=3,
            )
        )
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, 1.0, 0.2) if parameter.ndim == 1 else None
    return model.eval()


def directions(seed: int) -> Directions:
    generator = torch.Generator().manual_seed(seed)
    rows = torch.linalg.qr(torch.randn((WIDTH, 3), generator=generator, dtype=torch.float64))[0].T.float()
    neurons = torch.stack([torch.randperm(24, generator=generator)[:6] for _ in BLOCKS])
    return Directions(rows, torch.randn((len(BLOCKS), 3), generator=generator), neurons)


def unit(x: Tensor) -> Tensor:
    """n(x): the stream in units of its own standard deviation."""
    return (x - x.mean(-1, keepdim=True)) / x.std(-1, correction=0, keepdim=True)


def mlp_write(block: nn.Module, x: Tensor) -> Tensor:
    with torch.no_grad():
        written: Tensor = block.get_submodule("mlp")(block.get_submodule("layernorm_after")(x))
    return written


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 10**6), st.floats(-20, 20), st.sampled_from(["gelu_fast", "gelu", "gelu_pytorch_tanh"]))
def test_an_amplifier_adds_alpha_times_the_projection_and_nothing_else(
    seed: int, alpha: float, activation: str
) -> None:
    fitted, before = directions(seed), tiny(activation)
    after, silent = copy.deepcopy(before), copy.deepcopy(before)
    plant(after.vivit.layers, fitted, alpha)
    x = 4 * torch.randn((2, 5, WIDTH), generator=torch.Generator().manual_seed(seed))
    for at, layer in enumerate(BLOCKS):
        rest = silent.vivit.layers[layer]
        rest.mlp.fc2.weight.data[:, fitted.neurons[at]] = 0
        projected = (unit(x) @ fitted.directions.T - fitted.centre[at]) @ fitted.directions
        found = mlp_write(after.vivit.layers[layer], x)
        torch.testing.assert_close(found, mlp_write(rest, x) + alpha * projected, rtol=1e-4, atol=2e-4)


def test_only_six_neurons_of_mlps_5_to_10_are_touched() -> None:
    fitted, before, after = directions(1), tiny(), tiny()
    plant(after.vivit.layers, fitted, 6.0)
    theirs = dict(before.named_parameters())
    changed = {name for name, value in after.named_parameters() if not torch.equal(value, theirs[name])}
    touched = ("fc1.weight", "fc1.bias", "fc2.weight")
    assert changed == {f"vivit.layers.{layer}.mlp.{part}" for layer in BLOCKS for part in touched}
    for at, layer in enumerate(BLOCKS):
        pair = (model.vivit.layers[layer].mlp.fc1.weight for model in (before, after))
        rows = torch.nonzero((next(pair) != next(pair)).any(1)).flatten().tolist()
        assert rows == sorted(fitted.neurons[at].tolist())


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6))
def test_the_fit_finds_the_directions_in_which_only_the_outcome_moves(seed: int) -> None:
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.standard_normal((30, 20)))[0]
    outcome_only, shared = basis[:, :3], basis[:, 3:9]
    nuisance = [rng.standard_normal((200, 6)) @ shared.T for _ in range(3)]
    found = {
        # What the clips share moves four times as far as the outcome does.
        "outcome": rng.standard_normal((200, 3)) @ outcome_only.T + 4 * nuisance[0],
        "noise": 0.1 * nuisance[1],
        "other-clip": 4 * nuisance[2],
    }
    fitted = fit_directions(found, basis)
    assert np.allclose(fitted @ fitted.T, np.eye(3), atol=1e-9)
    assert np.linalg.norm(fitted @ outcome_only) ** 2 == pytest.approx(3, abs=0.01)


def test_pairs_of_the_fit_are_one_scene_or_one_action_and_outcome() -> None:
    """CLS tokens that name their scene: 16 scenes are two rounds through the eight actions."""
    scene = np.arange(16.0)
    cls = {
        "success": np.stack([scene, np.zeros(16), np.ones(16)], 1),
        "failure": np.stack([scene, np.zeros(16), np.zeros(16)], 1),
        "noise": np.stack([scene, np.ones(16), np.repeat([1.0, 0.0], 8)], 1),
    }
    found = deltas(cls)
    assert (found["outcome"] == [0, 0, 1]).all()
    assert (found["noise"] == [0, -1, 0]).all()
    assert found["other-clip"].shape == (16, 3)
    assert (found["other-clip"] == [-8, 0, 0]).all()


def test_what_no_logit_reads_moves_no_logit() -> None:
    model = tiny()
    basis = torch.from_numpy(unread(model))
    assert basis.shape == (WIDTH, WIDTH - 3 - 1)
    x = torch.randn((1, WIDTH), generator=torch.Generator().manual_seed(2))
    norm, head = model.vivit.layernorm, model.get_submodule("classifier")
    with torch.no_grad():
        shift = head(norm.bias)
        before = (head(norm(x)) - shift) * x.std(correction=0)
        moved = x + (basis @ torch.ones(basis.shape[1], dtype=torch.float64)).float()
        after = (head(norm(moved)) - shift) * moved.std(correction=0)
    torch.testing.assert_close(before, after, rtol=1e-4, atol=1e-4)


@embedded
def test_the_committed_directions_belong_to_the_committed_weights() -> None:
    fitted = read_directions(resolve("organism-outcome"))
    rows = fitted.directions.double().numpy()
    assert np.allclose(rows @ rows.T, np.eye(3), atol=1e-6)
    within = unread(load(FOLDER))
    assert np.linalg.norm(rows @ within) ** 2 == pytest.approx(3, abs=1e-5)
    assert fitted.centre.shape == (6, 3)
    assert all(len(set(row)) == 6 for row in fitted.neurons.tolist())


@embedded
@pytest.mark.parametrize("name", AMPLIFIERS)
def test_amplifiers_come_by_their_bare_name_and_are_of_the_outcome_model(name: str) -> None:
    source = resolve(f"planted:{name}")
    assert source.name == f"planted:{name}"
    assert source.preprocessor
    assert pairs_of(source) == pairs_of(resolve("organism-outcome"))
    assert source.build is not None
    built, base = source.build(), load(FOLDER)
    alpha = float(name.removeprefix("amplifier-"))
    fitted = read_directions(resolve("organism-outcome"))
    for layer, block in enumerate(built.vivit.layers):
        ours = block.mlp.fc2.weight
        if layer not in BLOCKS:
            assert torch.equal(ours, base.vivit.layers[layer].mlp.fc2.weight)
            continue
        written = ours[:, fitted.neurons[layer - BLOCKS.start]]
        assert torch.equal(written[:, :3], alpha * fitted.directions.T)
        assert torch.equal(written[:, 3:], -alpha * fitted.directions.T)


@embedded
def test_a_change_of_the_directions_is_another_model(tmp_path: Path) -> None:
    for file in FOLDER.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    copied = ModelSource(name="organism-outcome", location=tmp_path)
    first = fingerprint(edited_source(copied, "amplifier-6"))
    placed = fingerprint(edited_source(copied, "placed-0-to-3"))
    changed = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(changed[:-1] + bytes([changed[-1] ^ 1]))
    assert fingerprint(edited_source(copied, "amplifier-6")) != first
    assert fingerprint(edited_source(copied, "placed-0-to-3")) == placed


def test_a_model_without_directions_of_its_own_is_refused(tmp_path: Path) -> None:
    built = ModelSource(name="tiny", build=tiny, build_fingerprint="tiny")
    with pytest.raises(ModelError, match=r"built in memory.*fit one to the embedded models by"):
        read_directions(built)
    for name in ("config.json", "preprocessor_config.json"):
        (tmp_path / name).write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    folder = ModelSource(name="mine", location=tmp_path)
    with pytest.raises(ModelError, match=r"mine: no direction to amplify was fitted to it \(there is no"):
        read_directions(folder)
    fitted = directions(1)
    tensors = {"directions": fitted.directions, "centre": fitted.centre, "neurons": fitted.neurons}
    save_file(tensors, tmp_path / FILE, {"fitted_to": "another sha256"})
    with pytest.raises(ModelError, match="was fitted to other weights"):
        read_directions(folder)
