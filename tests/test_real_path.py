"""The real path: a ViViT-B in a folder, as the hub has it, on real clips, through the command line."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from circuit_claims.clips.hashing import file_sha256

ROOT = Path(__file__).resolve().parents[1]
REAL = ROOT.parent / "shared" / "videos" / "real"
CLIPS = ("askany_guitar.mp4", "askany_yoga.mp4")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not REAL.is_dir(), reason="the folder of real clips is not beside the checkout"),
]

KINETICS_PREPROCESSOR = {
    "image_processor_type": "VivitImageProcessor",
    "do_resize": True,
    "size": {"shortest_edge": 256},
    "do_center_crop": True,
    "crop_size": {"height": 224, "width": 224},
    "rescale_factor": 1 / 127.5,
    "offset": True,
    "do_normalize": True,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
}
"""The settings of the Kinetics checkpoint; with its default offset, pixels come out in [-3, 1]."""


def manifest(folder: Path, frames: int) -> Path:
    """Two real clips as one pair, sampled as the paper's notebook does (every fourth frame)."""
    for name in CLIPS:
        shutil.copy(REAL / name, folder / name)
    sides = [f'{{ file = "{name}", sha256 = "{file_sha256(folder / name)}" }}' for name in CLIPS]
    path = folder / "pairs.toml"
    path.write_text(
        'name = "real"\n'
        f'[sampling]\nrule = "stride"\nframes = {frames}\nstride = 4\nstart = 0\n'
        '[[pair]]\nname = "guitar-yoga"\naction = "any"\nlabel = "LABEL_1"\nkind = "outcome"\n'
        f"positive = {sides[0]}\nnegative = {sides[1]}\n"
    )
    return path


def save_vivit(folder: Path, **settings: object) -> Path:
    """A ViViT of random weights, saved as `save_pretrained` saves one."""
    import torch
    from transformers import VivitConfig, VivitForVideoClassification

    torch.manual_seed(0)
    VivitForVideoClassification(VivitConfig(**settings)).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(KINETICS_PREPROCESSOR))
    return folder


def run(tmp_path: Path, *arguments: str) -> tuple[int, dict, str]:
    command = [sys.executable, "-m", "pytest", str(ROOT / "claims"), "-q", "--tb=short"]
    options = ["--circuit-report-dir", str(tmp_path / "reports"), "--circuit-cache", str(tmp_path / "cache")]
    done = subprocess.run(
        [*command, *options, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    path = tmp_path / "reports" / "latest.json"
    assert path.exists(), done.stdout + done.stderr
    return done.returncode, json.loads(path.read_text()), done.stdout


def by_key(report: dict) -> dict[str, dict]:
    return {entry["key"]: entry for entry in report["claims"] if entry["model"]}


def test_two_real_clips_go_through_decoding_model_and_report(tmp_path):
    # Full frames and depth; narrow, and with few frames, so that every claim runs in a minute.
    model = save_vivit(
        tmp_path / "small", num_frames=8, hidden_size=48, num_attention_heads=12, intermediate_size=96
    )
    pairs = manifest(tmp_path, frames=8)
    status, report, text = run(tmp_path, "--circuit-model", str(model), "--circuit-pairs", str(pairs))

    found = by_key(report)
    assert not [key for key, entry in found.items() if entry["verdict"] == "error"], text
    # One pair decides no claim about meaning, and a reproduction by its point value. Claims that need what
    # this manifest has not, other pairs or masks of the objects, do not apply, and say so.
    trained = [e for e in found.values() if e["kind"] == "means" and e["scope"] == "trained"]
    without = {e["key"]: e["sentence"] for e in trained if e["verdict"] == "not applicable"}
    assert {e["verdict"] for e in trained if e["key"] not in without} == {"inconclusive"}
    assert all(re.search(r"\bpairs?\b|`tracks`", said) for said in without.values()), without
    assert found["mlp-sufficient-100/reproduces"]["verdict"] == "refuted"
    assert found["identity-patch/exact"]["verdict"] == "supported"
    assert status == 1


def test_vivit_b_at_full_size_goes_through_a_whole_claim(tmp_path):
    model = save_vivit(tmp_path / "vivit-b")
    pairs = manifest(tmp_path, frames=32)
    status, report, text = run(
        tmp_path,
        *("--circuit-model", str(model), "--circuit-pairs", str(pairs)),
        *("--circuit-claim", "delta-growth-300", "--circuit-claim", "sites-are-what-they-say"),
    )

    found = by_key(report)
    (facts,) = report["models"]
    assert (facts["n_tokens"], facts["n_layers"], facts["d_model"]) == (3137, 12, 768), text
    assert facts["identity"]["passed"]
    assert found["sites-are-what-they-say/exact"]["verdict"] == "supported"
    growth = found["delta-growth-300/reproduces"]
    # Random weights do not amplify fourfold, and the number is one of a kind: one pair, one value.
    assert growth["verdict"] == "refuted"
    assert growth["measurements"][0]["n"] == 1
    assert status == 1
