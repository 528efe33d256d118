"""The suite on models whose answer is known: what was planted is found, and nothing on random weights."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from circuit_claims.report.truth import cells

ROOT = Path(__file__).resolve().parents[1]
RECORDED = ROOT / "claims" / "recorded"
PLANTED = [tomllib.loads(path.read_text())["model"] for path in sorted(RECORDED.glob("planted-*.toml"))]
EIGHT_PAIRS = [
    word
    for glob in ("*-[1-8]", "*-[1-8]-noise", "*-[1-8]-other-clip", "*-other")
    for word in ("--circuit-pair", glob)
]
"""Two pairs for each of the four labels, with their controls: planted pairs hardly vary."""
NULL_SEEDS = (1, 2, 3)

pytestmark = pytest.mark.slow


def run_claims(tmp_path: Path, models: list[str], *options: str) -> dict:
    chosen = [word for model in models for word in ("--circuit-model", model)]
    where = ["--circuit-report-dir", str(tmp_path / "reports"), "--circuit-cache", str(tmp_path / "cache")]
    command = [sys.executable, "-m", "pytest", str(ROOT / "claims"), "-q", "--tb=no", "-n", "2"]
    done = subprocess.run(
        [*command, *chosen, *where, *options], cwd=ROOT, capture_output=True, text=True, check=False
    )
    path = tmp_path / "reports" / "latest.json"
    assert path.exists(), done.stdout + done.stderr
    return json.loads(path.read_text())


def test_every_planted_circuit_is_found_and_every_decoy_refused(tmp_path):
    # Shares of yes and no need all 24 pairs, and no sweep.
    reports = [
        run_claims(tmp_path, PLANTED, *EIGHT_PAIRS),
        run_claims(tmp_path, PLANTED, "--circuit-claim", "*-label/reproduces"),
    ]

    table = cells(reports, RECORDED)
    assert {cell.model for cell in table} == set(PLANTED)
    broken = [
        f"{cell.model} {cell.key}: predicted {cell.predicted.verdict}, found {cell.found}. {cell.sentence}"
        for cell in table
        if not cell.holds
    ]
    assert broken == []
    # A claim that no known model can pass, or none can fail, would say nothing of any other.
    for key in {cell.key for cell in table if "/means" in cell.key or "/reproduces" in cell.key}:
        assert "supported" in {cell.found for cell in table if cell.key == key}, key


def test_claims_that_need_training_are_not_supported_on_random_weights(tmp_path):
    models = [f"{kind}:organism#{seed}" for kind in ("random", "shuffled") for seed in NULL_SEEDS]
    report = run_claims(tmp_path, models, "--circuit-profile", "smoke", "--circuit-record", "none")

    judged = [entry for entry in report["claims"] if entry["model"] and entry["scope"] == "trained"]
    assert len(judged) >= 6 * len(models)
    supported = [f"{entry['model']} {entry['key']}" for entry in judged if entry["verdict"] == "supported"]
    assert len(supported) <= 0.05 * len(judged), supported
