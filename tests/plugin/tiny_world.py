"""A ViViT of two layers and a handful of clips, small enough to be swept in a blink."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import av
import numpy as np

ACTIONS, TAKES, FRAMES, SIDE, OUTCOME = ("bowling", "golf"), 3, 24, 64, 12
CLAIMS = """
from circuit_claims import attn_out, mlp_out, resid_post

@says("sites", kind="exact")
def test_sites(circuit, judge):
    judge(circuit.closure(), below(1e-5))

@says("identity", kind="exact", each="layer")
@pytest.mark.parametrize("layer", [0, 1])
def test_identity(circuit, judge, layer):
    judge(circuit.recovery(resid_post(layer)), exactly(1.0, within=1e-3))

@says("attn", each="layer")
@pytest.mark.parametrize("layer", [0, 1])
def test_attn(circuit, judge, layer):
    judge(circuit.recovery(attn_out(layer)), above("-900 %"))

@says("mlp-backward")
def test_mlp_backward(circuit, judge):
    judge(circuit.recovery(mlp_out(0), direction="failure -> success"), above("-900 %"))

@says("mlp-forward")
def test_mlp_forward(circuit, judge):
    judge(circuit.recovery(mlp_out(0)), above("-900 %"))

@says("growth")
def test_growth(circuit, judge):
    judge(circuit.growth(0, 1), above(0.0))

@says("twelve-layers")
def test_twelve_layers(circuit, judge):
    circuit.needs_layers(5)
    judge(circuit.recovery(mlp_out(5)), above(0.0))

@says("printed", kind="exact")
def test_printed(judge):
    judge(sample(0.5), above(0.0))
"""
"""Every kind of question, without an opinion on the answers: a random model gives any."""

TELLS_MODULES = """
import sys, pathlib
def pytest_unconfigure():
    pathlib.Path("modules.txt").write_text("\\n".join(sys.modules))
"""
"""A conftest that writes down what was imported."""


def scale_last_block(folder: Path, by: float) -> None:
    """Multiply the matrices of a saved model's second block: growth changes alike in every pair."""
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    weights = load_file(path)
    last = [name for name in weights if ".1." in name and weights[name].ndim == 2]
    assert last
    save_file({**weights, **{name: by * weights[name] for name in last}}, path, metadata={"format": "pt"})


def save_model(folder: Path, seed: int, **settings: Any) -> Path:
    """A random model as `save_pretrained` writes it."""
    import torch
    from transformers import VivitConfig, VivitForVideoClassification, VivitImageProcessor
    from transformers.utils import logging

    torch.set_num_threads(1)
    logging.disable_progress_bar()
    config = VivitConfig(
        **{
            "num_hidden_layers": 2,
            "hidden_size": 16,
            "num_attention_heads": 2,
            "intermediate_size": 32,
            "image_size": 32,
            "num_frames": 8,
            "tubelet_size": [2, 16, 16],
            "num_labels": 5,
            **settings,
        }
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = VivitForVideoClassification(config).eval()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn(parameter.shape) * 0.2)
    model.save_pretrained(folder)
    VivitImageProcessor(
        size={"height": 32, "width": 32}, do_center_crop=False, do_normalize=False
    ).save_pretrained(folder)
    return folder


def save_clips(folder: Path) -> Path:
    """Outcome pairs and noise controls: a square that turns left or right; returns the manifest."""
    folder.mkdir(parents=True)
    lines = ['name = "squares"', "[sampling]", 'rule = "stride"', "frames = 8", "stride = 1", "start = 8"]
    seed = 0
    for action in ACTIONS:
        for take in range(TAKES):
            seed += 1
            success, failure, noisy = (
                _clip(folder / f"{action}-{take}-{name}.mp4", seed, turn, noise)
                for name, turn, noise in (("success", 1, 0), ("failure", -1, 0), ("noise", 1, 1))
            )
            lines += _pair(f"{action}-{take}", action, 'kind = "outcome"', success, failure)
            if take < 1:
                control = 'kind = "control"\ncontrol = "noise"'
                lines += _pair(f"{action}-{take}-noise", action, control, success, noisy)
    (folder / "pairs.toml").write_text("\n".join(lines) + "\n")
    return folder / "pairs.toml"


def _pair(name: str, action: str, kind: str, positive: Path, negative: Path) -> list[str]:
    clips = [
        f'{role} = {{ file = "{path.name}", sha256 = "{hashlib.sha256(path.read_bytes()).hexdigest()}" }}'
        for role, path in (("positive", positive), ("negative", negative))
    ]
    return ["[[pair]]", f'name = "{name}"', f'action = "{action}"', 'label = "LABEL_0"', kind, *clips]


def _clip(path: Path, seed: int, turn: int, noise: int) -> Path:
    draw = np.random.default_rng([seed, noise])
    scene = np.random.default_rng(seed)
    background = scene.integers(0, 120, 3)
    frames = np.empty((FRAMES, SIDE, SIDE, 3), dtype=np.uint8)
    for i, frame in enumerate(frames):
        frame[:] = background + draw.integers(0, 20, (SIDE, SIDE, 1))
        x = 24 + (turn * (i - OUTCOME) * 2 if i > OUTCOME else 0)
        y = 8 + i
        frame[y : y + 12, max(x, 0) : x + 12] = 250
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=12, options={"qp": "16"})
        stream.height, stream.width, stream.pix_fmt = SIDE, SIDE, "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return path
