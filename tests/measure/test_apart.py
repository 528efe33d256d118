"""Claims that no known model supports can be supported: on models and clips for which they are true."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from apart import (
    CENTRAL,
    LAMPS,
    apart_model,
    cascade_model,
    central_model,
    draw_cascade,
    draw_central,
    write_apart_pairs,
)

ROOT = Path(__file__).resolve().parents[2]


def save(model: Any, folder: Path) -> Path:
    from transformers import VivitImageProcessor

    model.save_pretrained(folder)
    VivitImageProcessor(
        size={"height": 64, "width": 64}, do_center_crop=False, do_normalize=False
    ).save_pretrained(folder)
    return folder


def judged(model: Path, manifest: Path, folder: Path, file: str, *claims: str) -> dict[str, str]:
    """The verdicts of a run, by claim."""
    words = [str(ROOT / "claims" / file), *(word for key in claims for word in ("--circuit-claim", key))]
    where = ["--circuit-report-dir", str(folder / "reports"), "--circuit-cache", str(folder / "cache")]
    what = ["--circuit-model", str(model), "--circuit-pairs", str(manifest), "--circuit-record", "none"]
    command = [sys.executable, "-m", "pytest", *words, "-q", "--tb=short", *what, *where]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    report = folder / "reports" / "latest.json"
    assert report.exists(), done.stdout + done.stderr
    claims: list[dict[str, Any]] = json.loads(report.read_text())["claims"]
    return {one["key"]: one["verdict"] for one in claims}


@pytest.mark.slow
def test_claims_on_what_can_be_taken_away_are_supported_where_they_are_true(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    manifest = write_apart_pairs(tmp_path / "clips", each=4)
    model = save(apart_model(), tmp_path / "apart")
    asked = ("topk-ablation-negligible/means", "circuit-separation/means")
    found = judged(model, manifest, tmp_path, "test_8_ablation.py", *asked)
    assert found == dict.fromkeys(asked, "supported")
    report = json.loads((tmp_path / "reports" / "latest.json").read_text())
    (apart,) = [entry for entry in report["claims"] if entry["key"] == asked[1]]
    parts = {part["part"]: (part["verdict"], part["reason"]) for part in apart["parts"]}
    assert parts == dict.fromkeys(("by=direction", "by=margin", "by=ablation"), ("supported", ""))


@pytest.mark.slow
def test_a_label_in_the_middle_of_the_picture_is_found_there_and_in_its_own_frames(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    manifest = write_apart_pairs(tmp_path / "clips", each=3, draw=draw_central, labels=CENTRAL)
    model = save(central_model(), tmp_path / "central")
    for file, key in (
        ("test_6_attribution.py", "dla-central-tokens/means"),
        ("test_8_ablation.py", "region-ablation-negligible/means"),
    ):
        assert judged(model, manifest, tmp_path, file, key) == {key: "supported"}


@pytest.mark.slow
def test_a_label_that_any_of_seven_mlps_makes_is_a_redundant_cascade(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    manifest = write_apart_pairs(tmp_path / "clips", each=4, draw=draw_cascade, labels=LAMPS)
    model = save(cascade_model(), tmp_path / "cascade")
    asked = ("component-ablation-robust/means", "joint-ablation-breaks/means", "redundant-mlp-cascade/means")
    found = judged(model, manifest, tmp_path, "test_8_ablation.py", *asked)
    assert found == dict.fromkeys(asked, "supported")
