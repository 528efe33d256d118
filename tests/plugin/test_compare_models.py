"""`circuit-claims compare MODEL_A MODEL_B`: both are judged by the same claims, and compared pair by pair."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from tiny_world import scale_last_block


@pytest.fixture
def compare(on_models):
    """Run the command in a folder of claims; its status, and what it printed."""
    here = on_models.pytester.path

    def run(*words: str):
        command = [sys.executable, "-m", "circuit_claims.cli", "compare", *map(str, words)]
        return subprocess.run(
            [*command, f"--circuit-pairs={on_models.world.pairs}"], cwd=here, env=dict(os.environ),
            capture_output=True, text=True, check=False, timeout=900,
        )  # fmt: skip

    return run


def test_two_models_are_judged_and_compared(on_models, compare):
    changed = on_models.pytester.path / "changed"
    shutil.copytree(on_models.world.model, changed)
    scale_last_block(changed, 0.1)
    done = compare(on_models.world.model, "./changed", "--fail-on", "moves", "--format", "json")
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout)
    moved = {one["key"]: one["by_pair"] for one in found["differences"]}
    assert moved["growth/reproduces"].endswith("n=6")
    assert found["second"].endswith("changed")
    assert (on_models.pytester.path / "reports" / "compared" / "latest.html").exists()


def test_a_model_that_is_none_is_refused_in_pytests_own_words(compare, on_models):
    done = compare(on_models.world.model, "./nowhere")
    assert (done.returncode, done.stdout) == (4, "")
    assert "nowhere" in done.stderr
    assert "Traceback" not in done.stderr
