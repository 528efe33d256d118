"""Fit the directions that the planted amplifier amplifies, and keep them beside the weights.

    python -m tools.organism.directions         for organism-outcome; about three minutes

Scenes of training seeds are rendered anew, sampled and encoded as the fixtures are; no fixture is looked at.
Everything is seeded. None of this is part of the tests or of CI.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from importlib.metadata import version

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from scipy.linalg import eigh, null_space
from torch import Tensor, nn
from transformers import VivitForVideoClassification

from circuit_claims.organisms.amplifier import (
    BLOCKS,
    FILE,
    FIRST,
    FITTED_TO,
    PAIRS,
    Directions,
    weights_hash,
)
from circuit_claims.organisms.encode import round_trip
from circuit_claims.organisms.registry import WEIGHTS
from tools.organism.evaluate import load
from tools.organism.examples import START, STRIDE, TRAIN_SEEDS, WINDOW, resize
from tools.organism.render import ACTIONS, FPS, render
from tools.organism.train import normalise, states

MODEL = "organism-outcome"
SCENES = range(TRAIN_SEEDS, TRAIN_SEEDS + 256)
"""32 scenes of each action."""
NOISE_SEED = 1_000_000
"""Added to a scene's seed for its other sensor noise."""
NOISE_WEIGHT = 3.0
"""Of noise pairs in the control covariance: their deltas are far smaller than those of other clips."""
RIDGE = 0.01
"""Of the mean eigenvalue of the control covariance, added to all of them."""

Clips = Mapping[str, NDArray[np.uint8]]
"""`success`, `failure` and `noise` (one of the two again, under other sensor noise), each uint8
[scene, frame, 3, 64, 64]; consecutive scenes go through the actions in turn."""


def draw(seeds: range) -> Clips:
    """Render every scene three times."""
    drawn: dict[str, list[NDArray[np.uint8]]] = {"success": [], "failure": [], "noise": []}
    for seed, again in zip(seeds, _again(len(seeds)), strict=True):
        drawn["success"].append(_window(True, seed, seed))
        drawn["failure"].append(_window(False, seed, seed))
        drawn["noise"].append(_window(bool(again), seed, seed + NOISE_SEED))
    return {kind: np.stack(clips) for kind, clips in drawn.items()}


def _again(scenes: int) -> NDArray[np.bool_]:
    """Whether the noise clip of a scene is its success: by turns, once through the actions each."""
    return np.asarray(np.arange(scenes) // len(ACTIONS) % 2 == 0)


def _window(success: bool, seed: int, noise_seed: int) -> NDArray[np.uint8]:
    """One clip as the model sees it, after the fixtures' codec."""
    action, window = list(ACTIONS)[seed % len(ACTIONS)], range(START, START + WINDOW * STRIDE, STRIDE)
    frames = round_trip(render(action, success, seed, noise_seed, frames=window).frames, FPS)
    return (resize(frames) + 0.5).clamp(0, 255).byte().numpy()


def deltas(cls: Mapping[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    """Deltas [pair, d_model] of outcome, noise and other-clip pairs, from CLS tokens [scene, d_model].

    An other-clip pair is two scenes of one action with one outcome; no scene is in two of them.
    """
    again = _again(len(cls["success"]))
    same = np.where(again[:, None], cls["success"], cls["failure"])
    other = [clips[again] - clips[~again] for clips in (cls["success"], cls["failure"])]
    return {
        "outcome": cls["success"] - cls["failure"],
        "noise": same - cls["noise"],
        "other-clip": np.concatenate(other),
    }


def unread(model: VivitForVideoClassification) -> NDArray[np.float64]:
    """An orthonormal basis [d_model, d_model - labels - 1] of what no logit reads.

    A vector added to the stream before the final norm leaves ``W (gamma * (x - mean x))`` alone where
    ``W diag(gamma)`` and the mean map it to 0; the norm's own division scales all logits alike.
    """
    final = model.get_submodule("vivit.layernorm").get_parameter("weight").detach().double().numpy()
    head = model.get_submodule("classifier").get_parameter("weight")
    read = head.detach().double().numpy() * final
    return np.asarray(null_space(np.vstack([read, np.ones((1, len(final)))])))


def fit_directions(
    found: Mapping[str, NDArray[np.float64]], basis: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Orthonormal rows [3, d_model]: where outcome deltas are largest against those of the controls.

    The span of the first generalised eigenvectors of the outcome's second moment against that of
    other-clip plus `NOISE_WEIGHT` times noise pairs, within a basis [d_model, k].
    """
    moment = {kind: basis.T @ (d.T @ d / len(d)) @ basis for kind, d in found.items()}
    control = moment["other-clip"] + NOISE_WEIGHT * moment["noise"]
    control += RIDGE * np.trace(control) / len(control) * np.eye(len(control))
    vectors = eigh(moment["outcome"], control)[1][:, ::-1][:, :PAIRS]
    return np.asarray(np.linalg.qr(basis @ vectors)[0].T)


def watch(model: VivitForVideoClassification) -> tuple[list[list[Tensor]], list[list[Tensor]]]:
    """Gather, while a model runs, what the MLPs of `BLOCKS` read and use; each by block and by batch.

    First n(x) of CLS before the MLP [clip, d_model]; then every neuron's write, squared and averaged over
    tokens [clip, neuron].
    """
    reads: list[list[Tensor]] = [[] for _ in BLOCKS]
    uses: list[list[Tensor]] = [[] for _ in BLOCKS]

    def read(seen: list[Tensor], _: nn.Module, inputs: tuple[Tensor]) -> None:
        x = inputs[0][:, 0]
        seen.append((x - x.mean(-1, keepdim=True)) / x.std(-1, correction=0, keepdim=True))

    def use(seen: list[Tensor], fc2: nn.Module, inputs: tuple[Tensor]) -> None:
        length = fc2.get_parameter("weight").norm(dim=0)
        seen.append((inputs[0] * length).square().mean(1))

    for layer, read_here, used_here in zip(BLOCKS, reads, uses, strict=True):
        block = model.get_submodule(f"vivit.layers.{layer}")
        block.get_submodule("layernorm_after").register_forward_pre_hook(partial(read, read_here))
        block.get_submodule("mlp.fc2").register_forward_pre_hook(partial(use, used_here))
    return reads, uses


def fit(model: VivitForVideoClassification, clips: Clips, batch: int = 32) -> Directions:
    """Directions, centres and unused neurons of a trained model."""
    reads, uses = watch(model)
    cls: dict[str, NDArray[np.float64]] = {}
    with torch.no_grad():
        for kind, pixels in clips.items():
            batches = [torch.from_numpy(pixels[i : i + batch]) for i in range(0, len(pixels), batch)]
            cls[kind] = torch.cat([states(model, normalise(b))[1][FIRST] for b in batches]).double().numpy()
    directions = torch.from_numpy(fit_directions(deltas(cls), unread(model))).float()
    return Directions(
        directions,
        torch.stack([torch.cat(seen).mean(0) @ directions.T for seen in reads]),
        torch.stack([torch.cat(used).mean(0).argsort()[: 2 * PAIRS] for used in uses]),
    )


def main() -> None:
    """Fit the embedded model's amplifier and write it."""
    torch.set_num_threads(1)
    folder = WEIGHTS / MODEL
    fitted = fit(load(folder), draw(SCENES))
    packages = ("torch", "numpy", "scipy", "pillow", "av")
    provenance = {
        FITTED_TO: weights_hash(folder),
        "by": "python -m tools.organism.directions",
        "scenes": f"{SCENES.start} to {SCENES.stop - 1}, sampled and encoded as the fixtures",
        "versions": ", ".join(f"{name} {version(name)}" for name in packages),
    }
    tensors = {
        "directions": fitted.directions,
        "centre": fitted.centre,
        "neurons": fitted.neurons,
    }
    save_file({name: value.contiguous() for name, value in tensors.items()}, folder / FILE, provenance)
    print(f"{folder / FILE}: {PAIRS} directions, fitted to {len(SCENES)} scenes")


if __name__ == "__main__":
    main()
