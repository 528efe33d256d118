"""What an embedded model can do, measured on clips it has never seen, and written down as its model card.

Accuracy is counted on one clip a scene, so that the clips are independent and the exact (Clopper-Pearson)
interval means what it says. The outcome probe is a ridge classifier on the CLS token after each layer, fitted
for each action alone and scored on the pair that was left out of the fit.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from scipy.stats import binomtest
from transformers import VivitForVideoClassification

from circuit_claims.organisms.encode import decode
from tools.organism.examples import (
    PROBE_SEEDS,
    START,
    STRIDE,
    WINDOW,
    Examples,
    resize,
)
from tools.organism.render import ACTIONS
from tools.organism.train import config, normalise, states

RIDGE = 10.0


def load(folder: Path) -> VivitForVideoClassification:
    """The saved model, computed in float32."""
    model = VivitForVideoClassification(config())
    weights = load_file(folder / "model.safetensors")
    model.load_state_dict({name: value.float() for name, value in weights.items()})
    model.train(False)
    return model


@dataclass(frozen=True)
class Readings:
    """predicted [clip], a label index; cls [layer + 1, clip, d_model], before layer 0 and after each."""

    predicted: NDArray[np.int64]
    cls: NDArray[np.float32]


def read(model: VivitForVideoClassification, pixels: NDArray[np.uint8], batch: int = 32) -> Readings:
    """Run the model on uint8 pixels [clip, frame, 3, 64, 64]."""
    predicted, cls = [], []
    with torch.no_grad():
        for i in range(0, len(pixels), batch):
            tokens, trace = states(model, normalise(torch.from_numpy(pixels[i : i + batch])))
            predicted.append(model.classifier(tokens[:, 0]).argmax(1).numpy())
            cls.append(torch.stack(trace).numpy())
    return Readings(np.concatenate(predicted), np.concatenate(cls, axis=1))


def probe(cls: NDArray[np.float32], success: NDArray[np.int64]) -> float:
    """Leave-one-pair-out accuracy of the outcome, from cls [clip, d_model]; clips 2k, 2k+1 are a pair."""
    x = cls.astype(np.float64)
    spread = x.std(axis=0)
    x = (x - x.mean(axis=0)) / np.where(spread > 1e-9, spread, 1.0)
    x = np.hstack([x, np.ones((len(x), 1))])
    y = 2.0 * success - 1.0
    gram, cross, right = x.T @ x + RIDGE * np.eye(x.shape[1]), x.T @ y, 0
    for k in range(0, len(x), 2):
        pair, target = x[k : k + 2], y[k : k + 2]
        weights = np.linalg.solve(gram - pair.T @ pair, cross - pair.T @ target)
        right += int(((pair @ weights > 0) == (target > 0)).sum())
    return right / len(x)


def fixture_pixels(file: Path) -> NDArray[np.uint8]:
    """A committed clip as the model's window of it, uint8 [frame, 3, 64, 64]."""
    window = decode(file)[START : START + WINDOW * STRIDE : STRIDE]
    return (resize(window) + 0.5).clamp(0, 255).byte().numpy()


def measure(folder: Path, fixtures: Path, fresh: Examples) -> dict[str, object]:
    """Everything the card says, as plain data; clips 2k and 2k+1 of `fresh` are the outcomes of a scene."""
    torch.set_num_threads(1)
    model, labels = load(folder), list(ACTIONS)
    readings = read(model, fresh.pixels)
    single = np.arange(0, len(fresh), 2) + np.arange(len(fresh) // 2) // len(labels) % 2
    right = int((readings.predicted[single] == fresh.label[single]).sum())
    interval = binomtest(right, len(single)).proportion_ci(0.95, method="exact")
    probes = {
        action: [
            round(probe(layer[fresh.label == index], fresh.success[fresh.label == index]), 3)
            for layer in readings.cls
        ]
        for index, action in enumerate(labels)
    }
    manifest = tomllib.loads((fixtures / "pairs.toml").read_text())
    files = sorted({pair[side]["file"] for pair in manifest["pair"] for side in ("positive", "negative")})
    predicted = dict(
        zip(
            files, read(model, np.stack([fixture_pixels(fixtures / f) for f in files])).predicted, strict=True
        )
    )
    truth = {pair[s]["file"]: pair["label"] for pair in manifest["pair"] for s in ("positive", "negative")}
    kinds: dict[str, list[tuple[bool, bool]]] = {}
    for pair in manifest["pair"]:
        a, b = (labels[predicted[pair[side]["file"]]] for side in ("positive", "negative"))
        kinds.setdefault(pair.get("control", "outcome"), []).append((a == b, a == b == pair["label"]))
    return {
        "held_out": {"right": right, "clips": len(single), "low": interval.low, "high": interval.high},
        "fixture_clips": {"right": sum(labels[predicted[f]] == truth[f] for f in files), "clips": len(files)},
        "pairs": {
            kind: {"pairs": len(v), "same_label": sum(s for s, _ in v), "both_right": sum(b for _, b in v)}
            for kind, v in kinds.items()
        },
        "probe": probes,
    }


def card(name: str, story: str, measured: dict[str, object], training: str) -> str:
    """The model card, in Markdown."""
    held = measured["held_out"]
    clips = measured["fixture_clips"]
    pairs = measured["pairs"]
    probes = measured["probe"]
    assert isinstance(held, dict)
    assert isinstance(clips, dict)
    assert isinstance(pairs, dict)
    assert isinstance(probes, dict)
    pair_rows = "\n".join(
        f"| {kind} | {row['pairs']} | {row['same_label']} | {row['both_right']} |"
        for kind, row in pairs.items()
    )
    layers = len(next(iter(probes.values())))
    mean = [round(float(np.mean([p[k] for p in probes.values()])), 3) for k in range(layers)]
    head = "| action | embed | " + " | ".join(str(k) for k in range(layers - 1)) + " |"
    rule = "|" + " --- |" * (layers + 1)
    probe_rows = "\n".join(
        f"| {action} | " + " | ".join(f"{v:.2f}" for v in values) + " |"
        for action, values in [*probes.items(), ("mean", mean)]
    )
    return f"""# {name}

{story}

A ViViT (`VivitForVideoClassification`): 16 frames of 64x64, tubelets of 2x16x16 (8x4x4 tokens and CLS), width
96, 12 layers, 12 heads, MLP 384, {len(probes)} labels. Stored in fp16, to be computed in float32.
Preprocessing: resize to 64x64 (bilinear, antialiased; on float pixels, nothing rounded), then x / 127.5 - 1.

## Training

{training}

## Measured

Held-out accuracy: {held["right"]} of {held["clips"]} fresh clips, one a scene, after an mp4 round trip:
{held["right"] / held["clips"]:.4f} (exact 95 % interval {held["low"]:.4f} to {held["high"]:.4f}).
Committed fixture clips: {clips["right"]} of {clips["clips"]} right.

| committed pairs | pairs | same label for both clips | right label for both |
| --- | --- | --- | --- |
{pair_rows}

Outcome probe: share of clips whose success or failure a ridge classifier reads off the CLS token (before the
final norm) after each layer, for each action alone, left-out pair by left-out pair
({held["clips"] // len(probes)} pairs an action; chance is 0.50).
"embed" is before layer 0, where CLS holds nothing of the clip.

{head}
{rule}
{probe_rows}
"""


def fresh_seeds(pairs_an_action: int = 100) -> range:
    """Scenes that no training and no fixture has used."""
    return range(PROBE_SEEDS, PROBE_SEEDS + pairs_an_action * len(ACTIONS))


def write_card(folder: Path, story: str, training: str, measured: dict[str, object]) -> None:
    """MODEL_CARD.md for people and measured.json for the tests."""
    (folder / "MODEL_CARD.md").write_text(card(folder.name, story, measured, training))
    (folder / "measured.json").write_text(json.dumps(measured, indent=1) + "\n")
