"""Claims that no known model supports can be supported: on models and clips for which they are true."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from apart import CENTRAL, apart_model, central_model, draw_central, write_apart_pairs

ROOT = Path(__file__).resolve().parents[2]


def save(model: Any, folder: Path) -> Path:
    from transformers import VivitImageProcessor

    model.save_pretrained(folder)
    VivitImageProcessor(
        size={"height": 64, "width": 64}, do_center_crop=False, do_normalize=False
    ).save_pretrained(folder)
    return folder


def judged(model: Path, manifest: Path, folder: Path, *words: str) -> dict[str, str]:
    """The verdicts of a run, by claim."""
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
    words = [word for key in asked for word in ("--circuit-claim", key)]
    found = judged(model, manifest, tmp_path, str(ROOT / "claims/test_8_ablation.py"), *words)
    assert found == dict.fromkeys(asked, "supported")
    report = json.loads((tmp_path / "reports" / "latest.json").read_text())
    (apart,) = [entry for entry in report["claims"] if entry["key"] == asked[1]]
    assert [part["part"] for part in apart["parts"]] == ["by=direction", "by=margin", "by=ablation"]


@pytest.mark.slow
def test_a_label_in_the_middle_of_the_picture_is_found_there(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    manifest = write_apart_pairs(tmp_path / "clips", each=3, draw=draw_central, labels=CENTRAL)
    model = save(central_model(), tmp_path / "central")
    words = [str(ROOT / "claims/test_6_attribution.py"), "--circuit-claim", "dla-central-tokens/means"]
    assert judged(model, manifest, tmp_path, *words) == {"dla-central-tokens/means": "supported"}
