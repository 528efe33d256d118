"""The oldest and the newest transformers, each in a process of its own: the same sites, the same numbers."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "benchmarks" / "transformers_versions.py"
ASKS = """
import json
import torch, transformers
from circuit_claims.models.identity import check_identities
from circuit_claims.models.load import load
from circuit_claims.organisms.registry import resolve
from circuit_claims.models.sites import resid_post

torch.set_num_threads(1)
model = load(resolve("organism"))
generator = torch.Generator().manual_seed(0)
donor, clip = (torch.randn(16, 3, 64, 64, generator=generator) for _ in range(2))
report = check_identities(model, donor, clip, layers="ends")
with torch.inference_mode():
    logits = model.reference.logits(clip[None])[0].tolist()
    resid = model.embed(clip[None])
    for write in model.writes[:10]:
        resid = resid + write(resid)
    seen = {}
    site = getattr(model.reference.points[resid_post(4)].module, "output", None)
    if site is not None:
        handle = site.register_forward_hook(lambda _m, _i, out: seen.update(out=out))
        model.reference.logits(clip[None])
        handle.remove()
told = {
    "version": transformers.__version__,
    "passed": report.passed,
    "logits": logits,
    "layer_output_is_the_stream": None
    if not seen
    else float((seen["out"] - resid).abs().max() / resid.abs().max()),
}
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def versions():
    spec = importlib.util.spec_from_file_location("transformers_versions", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def asked(versions, tmp_path_factory):
    folder = tmp_path_factory.mktemp("versions")
    told = {}
    for version in (versions.VERSIONS[0], versions.VERSIONS[-1]):
        try:
            site = versions.install(version, folder)
        except (versions.NotInstalledError, subprocess.TimeoutExpired) as fault:
            pytest.skip(f"the package index gives no transformers {version}: {fault}")
        done = subprocess.run(
            [sys.executable, "-c", ASKS],
            env=versions.environment(site),
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        told[version] = json.loads(done.stdout.splitlines()[-1])
    return told


@pytest.mark.slow
def test_every_site_is_what_it_says_in_both(versions, asked):
    assert [one["version"] for one in asked.values()] == [versions.VERSIONS[0], versions.VERSIONS[-1]]
    assert all(one["passed"] for one in asked.values())


@pytest.mark.slow
def test_both_compute_the_same_logits(asked):
    old, new = (one["logits"] for one in asked.values())
    assert old == pytest.approx(new, rel=1e-5, abs=1e-6)


@pytest.mark.slow
def test_the_first_editions_site_is_the_whole_stream_after_the_block(versions, asked):
    """`encoder.layer[i].output` adds the residual: patching it is patching everything."""
    assert asked[versions.VERSIONS[0]]["layer_output_is_the_stream"] < 1e-6
    assert asked[versions.VERSIONS[-1]]["layer_output_is_the_stream"] is None, "5.9 has no such module"


# The page -----------------------------------------------------------------------------------------------


def a_report(values, verdict="supported", passed=True):
    return {
        "run": {"packages": {"transformers": "1", "huggingface_hub": "2"}},
        "models": [{"identity": {"passed": passed, "worst_closure": 1e-8}}],
        "claims": [
            {
                "key": "a/means",
                "model": "organism",
                "verdict": verdict,
                "measurements": [
                    {"part": part, "unit": unit, "value": value} for part, unit, value in values
                ],
            }
        ],
    }


def test_the_page_names_the_largest_difference_and_the_flips(versions):
    reports = {
        "4": a_report([("x=1", "fraction", 0.5), ("x=2", "ratio", 2.0)], "refuted"),
        "5": a_report([("x=1", "fraction", 0.502), ("x=2", "ratio", 2.2), ("x=3", "ratio", 9.0)]),
    }
    text = versions.page(reports)
    assert "| 4 | 2 | pass | 1.0e-08 | a/means | 2 | 0.091 (a/means x=2) |" in text
    assert "| 5 | 2 | pass | 1.0e-08 | none | 3 |  |" in text


def test_equal_estimates_are_said_to_be_equal(versions):
    reports = {version: a_report([("x=1", "fraction", 0.5), ("x=2", "ratio", 2.0)]) for version in "45"}
    assert "| 4 | 2 | pass | 1.0e-08 | none | 2 | 0: all are equal |" in versions.page(reports)


def test_a_version_on_which_nothing_could_be_measured_is_no_pass(versions):
    reports = {version: a_report([("x=1", "fraction", 0.5)]) for version in "45"}
    del reports["4"]["models"][0]["identity"]
    assert "| 4 | 2 | FAIL | nan |" in versions.page(reports)
