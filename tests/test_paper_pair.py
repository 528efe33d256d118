"""The paper's own model and pair, by their names on the command line, on a local stand-in for the hub.

The stand-in serves a ViViT of random weights and other clips under the paper's names: what is tested is the
way, not the numbers.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from hub import COMMIT, Hub, hub

from circuit_claims.clips.paper import SAMPLING

ROOT = Path(__file__).resolve().parents[1]
MODEL = "google/vivit-b-16x2-kinetics400"
DATASET = "datasets/chereddysaivreddy/kinetics-400"
FRAMES = 150
KINETICS = {
    "image_processor_type": "VivitImageProcessor",
    "size": {"shortest_edge": 36},
    "crop_size": {"height": 32, "width": 32},
    "rescale_factor": 1 / 127.5,
    "do_normalize": True,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
}
"""The Kinetics checkpoint's settings at a small size: black is -3."""
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def small_vivit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve layers and 32 frames, as the paper's, and narrow; saved as the hub has it."""
    import torch
    from transformers import VivitConfig, VivitForVideoClassification

    folder = tmp_path_factory.mktemp("vivit")
    config = VivitConfig(
        num_frames=32,
        image_size=32,
        hidden_size=24,
        num_attention_heads=12,
        intermediate_size=48,
        id2label={0: "archery", 1: "bowling"},
        label2id={"archery": 0, "bowling": 1},
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = VivitForVideoClassification(config)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn(parameter.shape) * 0.1)
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(KINETICS))
    return folder


@pytest.fixture(scope="module")
def bowling(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clips under the paper's names."""
    folder = tmp_path_factory.mktemp("kinetics")
    (folder / "bowling").mkdir()
    for name, turn in (("bowling_plain", 1), ("bowling_gutter", -1)):
        with av.open(str(folder / "bowling" / f"{name}.mp4"), "w") as container:
            stream = container.add_stream("libx264", rate=25)
            stream.height, stream.width, stream.pix_fmt = 64, 96, "yuv420p"
            for i in range(FRAMES):
                frame = np.full((64, 96, 3), 90, np.uint8)
                x = 44 + turn * (i - 60) // 3 if i > 60 else 44
                frame[i // 3 : i // 3 + 10, max(x, 0) : x + 10] = (240, 220, 30)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            container.mux(stream.encode())
    return folder


@pytest.fixture
def served(small_vivit: Path, bowling: Path) -> Iterator[Hub]:
    with hub() as stand_in:
        stand_in.give(MODEL, small_vivit)
        stand_in.give(DATASET, bowling)
        yield stand_in


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def go(endpoint: str, *args: str) -> "subprocess.CompletedProcess[str]":
        words = [str(ROOT / "claims"), "-q", "-p", "no:cacheprovider"]
        words += ["--circuit-model", MODEL, "--circuit-pairs", "paper"]
        words += [
            "--circuit-report-dir",
            str(tmp_path / "reports"),
            "--circuit-cache",
            str(tmp_path / "cache"),
        ]
        environment = {**os.environ, "HF_ENDPOINT": endpoint, "HF_HOME": str(tmp_path / "hf")}
        return subprocess.run(
            [sys.executable, "-m", "pytest", *words, *args],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )

    return go


CLAIMS = [
    word
    for claim in ("mlp-42-60", "delta-growth-300", "same-label", "delta-amplification-5-11", "null-patch")
    for word in ("--circuit-claim", claim)
]


@pytest.mark.slow
def test_the_papers_claims_on_the_papers_model_and_pair(served: Hub, run: Run, tmp_path: Path) -> None:
    done = run(served.url, *CLAIMS)
    report = json.loads((tmp_path / "reports" / "latest.json").read_text())
    found = {entry["key"]: entry for entry in report["claims"]}
    assert not [key for key, entry in found.items() if entry["verdict"] == "error"], done.stdout

    # The calibration holds, and one pair decides no claim about meaning.
    assert found["null-patch/exact"]["verdict"] == "supported"
    for key in ("same-label/means", "delta-amplification-5-11/means"):
        assert found[key]["verdict"] == "inconclusive"
    # A reproduction is judged by its one value, beside the published one: random weights have another.
    layers = {measured["name"]: measured for measured in found["mlp-42-60/reproduces"]["measurements"]}
    assert len(layers) == 7
    assert layers["norm ratio of mlp_out 4"]["published"] == pytest.approx(0.601673)
    assert {measured["n"] for measured in layers.values()} == {1}
    assert found["mlp-42-60/reproduces"]["verdict"] == "refuted"
    assert found["delta-growth-300/reproduces"]["measurements"][0]["published"] == pytest.approx(2.68827)

    # What was under test: the model's own preprocessing, and the paper's window.
    (model,) = report["models"]
    assert model["pixel_range"] == [-3.0, 1.0]
    assert "black is -3 and white 1 by its own preprocessor_config.json" in done.stdout
    assert report["run"]["pairs"] == 1
    manifest = (tmp_path / "cache" / "paper" / "pairs.toml").read_text()
    assert manifest.count(f'revision = "{COMMIT}"') == 2
    assert 'rule = "notebook"' in manifest
    assert "seed = 42" in manifest

    # Everything is here now: the same again without a hub.
    again = run("http://127.0.0.1:9", *CLAIMS)
    assert again.returncode == done.returncode == 1
    assert json.loads((tmp_path / "reports" / "latest.json").read_text())["claims"] == report["claims"]


def test_the_model_sees_the_notebooks_frames(served: Hub, bowling: Path) -> None:
    """The frames that reach the preprocessing are those of the notebook's rule, read by PyAV as it does."""
    from circuit_claims.clips.decode import Decoder

    np.random.seed(42)
    end = np.random.randint(128, FRAMES)
    indices = np.clip(np.linspace(end - 128, end, num=32), end - 128, end - 1).astype(np.int64)
    path = bowling / "bowling" / "bowling_plain.mp4"
    with av.open(str(path)) as container:
        wanted = set(indices.tolist())
        read = enumerate(container.decode(video=0))
        theirs = [frame.to_ndarray(format="rgb24") for number, frame in read if number in wanted]
    with Decoder() as decoder:
        ours = decoder.decode(path).frames[list(SAMPLING.indices(FRAMES))]
    assert len(theirs) == 32
    assert np.array_equal(ours, np.stack(theirs))


TELLS_WAITS = """
import time
from pathlib import Path
time.sleep = lambda seconds: Path("waits.txt").open("a").write(f"{seconds}\\n")
"""
"""A plugin that writes down what a process waits for, in place of waiting."""


def test_without_a_network_it_fails_at_once_and_says_what_to_download(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tells_waits.py").write_text(TELLS_WAITS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    done = run("http://127.0.0.1:9", "-p", "tells_waits", *CLAIMS)
    assert not (tmp_path / "waits.txt").exists(), "it tries once, and waits for nothing"
    assert done.returncode == 4
    errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR: ")]
    assert len(errors) == 2
    assert (
        "hf download --repo-type dataset chereddysaivreddy/kinetics-400 bowling/bowling_plain.mp4"
        in errors[0]
    )
    assert "the pair needs bowling/bowling_plain.mp4 and bowling/bowling_gutter.mp4" in errors[0]
    assert f"hf download {MODEL} config.json preprocessor_config.json model.safetensors" in errors[1]
    assert not (tmp_path / "reports").exists()


def test_a_model_that_the_hub_has_not(served: Hub, run: Run) -> None:
    done = run(served.url, "--circuit-model", "google/vivit-c", *CLAIMS)
    assert done.returncode == 4
    assert "google/vivit-c: the hub gives no config.json of google/vivit-c (Repository" in done.stderr
