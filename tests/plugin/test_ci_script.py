"""The workflow to copy: a changed model fails with a message, and nothing in it is more than it needs."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tiny_world import scale_last_block

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "ci" / "circuit-claims.sh"
WORKFLOW = ROOT / ".github" / "workflows" / "circuit-claims.yml"
GUIDE = ROOT / "docs" / "how-to" / "ci.md"


@pytest.fixture
def scratch(on_models):
    """A repository with a model, its record, and the script."""
    here = on_models.pytester.path
    shutil.copytree(on_models.world.model, here / "tiny")
    shutil.copytree(on_models.world.pairs.parent, here / "clips")
    shutil.copy(on_models.world.pairs, here / "clips" / "pairs.toml")
    (here / "ci").mkdir()
    shutil.copy(SCRIPT, here / "ci")
    on_models.write(
        '@says("growth")\ndef test_growth(circuit, judge):\n    judge(circuit.growth(0, 1), above(0.0))\n'
    )

    def run(*args, **more):
        env = {
            **os.environ,
            "PYTHON": sys.executable,
            "CIRCUIT_MODEL": "./tiny",
            **more,
        }
        words = ["sh", "ci/circuit-claims.sh", "--circuit-pairs=clips/pairs.toml", *args]
        return subprocess.run(words, cwd=here, env=env, capture_output=True, text=True, timeout=900)

    return here, run


def test_a_changed_model_fails_and_names_the_claim_and_both_numbers(scratch):
    here, run = scratch
    assert run("--circuit-record-update").returncode == 0
    record = {"CIRCUIT_RECORD": "claims/recorded/tiny.toml"}
    shutil.copy(here / "reports" / "latest.json", here / "run.json")
    same = run(CIRCUIT_RUN="run.json", CIRCUIT_BEFORE="run.json", **record)
    assert same.returncode == 0, same.stdout + same.stderr
    assert same.stdout.count("compared 1 of 1 recorded claim with tiny.toml") == 2, "judged again, and judged"

    text = (here / "claims" / "recorded" / "tiny.toml").read_text()
    (old,) = re.findall(r"\nestimate = (\S+)", text)
    scale_last_block(here / "tiny", 0.1)
    changed = run(CIRCUIT_RUN="run.json", CIRCUIT_BEFORE="run.json", **record)
    assert changed.returncode == 1
    said = (
        rf"growth/reproduces: supported, as recorded, but the estimate moved: recorded {float(old):.4g}, now "
    )
    number = r"-?\d\S*"
    moved = rf"{number} by {number} \[{number}, {number} over 6 pairs, each by {number} on average"
    assert re.search(said + moved, changed.stdout), changed.stdout
    assert "tiny.toml was written with other weights" in changed.stdout
    assert "moved" in (here / "reports" / "compared.md").read_text()


def test_a_record_that_has_nothing_to_compare_fails(scratch):
    here, run = scratch
    other = here / "other.toml"
    other.write_text('schema = 1\nmodel = "tiny"\n[claims."else/means"]\nverdict = "supported"\n')
    result = run(CIRCUIT_RECORD="other.toml")
    assert result.returncode == 4
    assert "it has none of this run's claims" in result.stderr


def test_every_action_is_pinned_and_the_workflow_may_only_read():
    for text in (WORKFLOW.read_text(), *re.findall(r"```yaml\n(.*?)```", GUIDE.read_text(), re.S)):
        used = re.findall(r"uses: *(.*)", text)
        assert len(used) >= 4
        assert all(re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line) for line in used)
        flow = yaml.safe_load(text)
        assert flow["permissions"] == {"contents": "read"}
        assert "pull_request_target" not in text
        assert "secrets." not in text
        assert all("permissions" not in job for job in flow["jobs"].values())
        checkouts = [
            step
            for job in flow["jobs"].values()
            for step in job["steps"]
            if step.get("uses", "").startswith("actions/checkout")
        ]
        assert all(step["with"]["persist-credentials"] is False for step in checkouts)
        assert not re.search(r"run:.*\$\{\{ *(github|inputs)\.", text), "no text of others in a shell line"


def test_the_workflow_names_files_that_are_there():
    flow = yaml.safe_load(WORKFLOW.read_text())
    named = [
        value
        for job in flow["jobs"].values()
        for step in job["steps"]
        for value in step.get("env", {}).values()
        if "/" in value and not value.startswith(".venv")
    ]
    assert named
    assert all((ROOT / name).exists() for name in named)


def test_versions_that_were_not_run_say_so():
    rows = yaml.safe_load(WORKFLOW.read_text())["jobs"]["versions"]["strategy"]["matrix"]["include"]
    assert {row["state"] for row in rows} == {"run", "not yet run"}
    ran = [row for row in rows if row["state"] == "run"]
    assert {(row["python"], row["torch"]) for row in ran} == {("3.11", "2.13.0")}
