"""A smoke run of the embedded model ends with 0, and with 1 where the model changed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.what_ci_catches.changes import AGAIN, GROSS, write

ROOT = Path(__file__).resolve().parents[1]
BY_NAME = {change.name: change for change in (*GROSS, AGAIN)}
pytestmark = pytest.mark.slow
TWO_CLAIMS = ("--circuit-claim", "mlp-42-60", "--circuit-claim", "delta-growth-300")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


def smoke(store: Path, reports: Path, *options: str) -> tuple[int, dict]:
    """The exit status and the report of a smoke run of the paper's claims."""
    where = [f"--circuit-report-dir={reports}", f"--circuit-cache={store}", "--circuit-profile=smoke"]
    quiet = ["-q", "--tb=no", "-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
    alone = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")}
    command = [sys.executable, "-m", "pytest", str(ROOT / "claims"), *quiet, *where, *options]
    done = subprocess.run(command, cwd=ROOT, env=alone, capture_output=True, text=True, check=False)
    assert (reports / "latest.json").exists(), done.stdout + done.stderr
    return done.returncode, json.loads((reports / "latest.json").read_text())


def drifts(report: dict) -> set[str]:
    return {entry["record"]["drift"] for entry in report["claims"]}


def test_the_embedded_model_is_as_recorded(store, tmp_path):
    status, report = smoke(store, tmp_path)
    assert (status, drifts(report)) == (0, {"as recorded"})
    (model,) = report["models"]
    assert model["record"] == "organism.smoke.toml"
    assert model["compared"]["compared"] == model["compared"]["recorded"] > 60


@pytest.mark.parametrize(
    ("change", "status"), [("saved-again", 0), ("best-mlp-halved", 1), ("wrong-normalisation", 1)], ids=str
)
def test_a_changed_model_is_not(store, tmp_path, change, status):
    model = write(BY_NAME[change], tmp_path / "organism")
    found, report = smoke(store, tmp_path / "reports", *TWO_CLAIMS, f"--circuit-model={model}")
    assert report["models"][0]["record"] == "organism.smoke.toml"
    assert (found, bool(drifts(report) & {"moved", "flipped"})) == (status, bool(status))
