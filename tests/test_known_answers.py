"""The suite on models whose answer is known: what was planted is found, and nothing on random weights."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tools.pages.near_misses import near_misses
from tools.pages.truth import cells, supported_misses

ROOT = Path(__file__).resolve().parents[1]
RECORDED = ROOT / "claims" / "recorded"
PLANTED = [tomllib.loads(path.read_text())["model"] for path in sorted(RECORDED.glob("planted-*.toml"))]
EIGHT_PAIRS = [
    word
    for glob in ("*-[1-8]", "*-[1-8]-noise", "*-[1-8]-other-clip", "*-other")
    for word in ("--circuit-pair", glob)
]
"""Two pairs for each of the four labels, with their controls: planted pairs hardly vary."""
SIBLINGS = {
    *("planted:composes-3", "planted:composes-9", "planted:attn-carries-8", "planted:redundant2"),
    *("planted:onset-3", "planted:onset-8", "planted:amplifier-2", "planted:amplifier-15"),
    *("planted:placed-0-to-3", "planted:placed-8-to-11"),
}
"""The same circuit at another layer or strength as one that is judged here; `make truth-table` has all."""
ORDERS = [model for model in PLANTED if model.startswith("planted:xor-")]
"""On scenes of two orders, each label has four kinds of pairs: these are judged on all 32."""
FOUR_CLAIMS = ("*delta-is-outcome*", "*probe-later-layers*", "*probe-misleading*", "*generalises*")
"""Those that no circuit on scenes of squares that stay can support."""
GROUPS = 6
"""Models are judged in groups, which workers share; random weights are measured once for all of them."""
CORE = [
    f"test_{name}.py"
    for name in (
        *("0_calibration", "1_setting", "2_amplification", "3_division_of_labour", "5_forensics"),
        "11_necessity",
    )
]
LATER = [
    f"test_{name}.py"
    for name in ("6_attribution", "7_attention", "8_ablation", "9_probing", "10_generalises")
]
NULL_SEEDS = (1, 2)
LOOKS = ["planted:gaze", "planted:gaze-everywhere", "planted:by-place", "planted:stares"]
"""Models of what CLS looks at, on clips with a tracked object."""
NEAR = [
    f"planted:{name}"
    for name in (
        *("jump-6", "barely-specific", "doubles-then-triples", "late-rise", "dip-4", "close-call"),
        *("norm-driver", "norm-gatherer", "round-trip", "copies-one", "two-parcels"),
    )
]
"""Models that were built as near misses: what each must not support is judged here, `make truth-table` has
the rest."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of this session's own, for all its workers."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "known-answers"


def run_claims(measured: Path, reports: Path, models: list[str], files: list[str], *options: str) -> dict:
    chosen = [word for model in models for word in ("--circuit-model", model)]
    where = ["--circuit-report-dir", str(reports), "--circuit-cache", str(measured)]
    paths = [str(ROOT / "claims" / name) for name in files]
    command = [sys.executable, "-m", "pytest", *paths, "-q", "--tb=no", "-p", "no:cacheprovider"]
    alone = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")}
    done = subprocess.run(
        [*command, *chosen, *where, *options],
        cwd=ROOT,
        env=alone,
        capture_output=True,
        text=True,
        check=False,
    )
    path = reports / "latest.json"
    assert path.exists(), done.stdout + done.stderr
    return json.loads(path.read_text())


def broken(reports: list[dict], models: list[str]) -> list[str]:
    """The cells of some models that do not hold; each model has to have some."""
    table = cells(reports, RECORDED)
    assert {cell.model for cell in table} == set(models)
    return [
        f"{cell.model} {cell.key}: predicted {cell.predicted.verdict}, found {cell.found}. {cell.sentence}"
        for cell in table
        if not cell.holds
    ]


@pytest.mark.parametrize("group", range(GROUPS))
def test_every_planted_circuit_is_found_and_every_decoy_refused(measured, tmp_path, group):
    models = [model for model in PLANTED if model not in {*SIBLINGS, *NEAR, *LOOKS, *ORDERS}][group::GROUPS]
    labels = ["--circuit-claim", "*-label/reproduces"]
    # Shares of yes and no need all 24 pairs, and no sweep.
    reports = [
        run_claims(measured, tmp_path / "all", models, CORE, *EIGHT_PAIRS),
        run_claims(measured, tmp_path / "labels", models, ["test_1_setting.py"], *labels),
    ]
    assert broken(reports, models) == []
    assert supported_misses(cells(reports, RECORDED), near_misses()) == []


@pytest.mark.parametrize("group", range(3))
def test_no_near_miss_is_supported(measured, tmp_path, group):
    models = NEAR[group::3]
    missed = [key for key, near in near_misses().items() if set(near) & set(models)]
    chosen = [word for key in missed for word in ("--circuit-claim", key)]
    report = run_claims(measured, tmp_path, models, CORE, *EIGHT_PAIRS, *chosen)
    assert broken([report], models) == []
    assert supported_misses(cells([report], RECORDED), near_misses()) == []


def test_claims_on_attention_and_attribution_hold_where_they_are_true_and_nowhere_near(measured, tmp_path):
    report = run_claims(measured, tmp_path, LOOKS, LATER[:2], *EIGHT_PAIRS)
    assert broken([report], LOOKS) == []
    assert supported_misses(cells([report], RECORDED), near_misses()) == []


def test_claims_of_a_new_pair_have_supporters_and_refuters_where_no_order_alone_tells(measured, tmp_path):
    claims = [word for claim in FOUR_CLAIMS for word in ("--circuit-claim", claim)]
    files = ["test_2_amplification.py", "test_9_probing.py", "test_10_generalises.py"]
    report = run_claims(measured, tmp_path, ORDERS, files, *claims)
    assert broken([report], ORDERS) == []
    found = {(entry["claim"], entry["verdict"]) for entry in report["claims"]}
    judged = {claim for claim, _ in found}
    assert len(judged) == len(FOUR_CLAIMS)
    assert found >= {(claim, verdict) for claim in judged for verdict in ("supported", "refuted")}


@pytest.mark.parametrize("kind", ["random", "shuffled"])
def test_claims_that_need_training_are_not_supported_on_random_weights(measured, tmp_path, kind):
    models = [f"{kind}:organism#{seed}" for seed in NULL_SEEDS]
    options = ["--circuit-profile", "smoke", "--circuit-record", "none"]
    report = run_claims(measured, tmp_path, models, CORE + LATER, *options)

    judged = [entry for entry in report["claims"] if entry["model"] and entry["scope"] == "trained"]
    assert len(judged) >= 20 * len(models)
    supported = [f"{entry['model']} {entry['key']}" for entry in judged if entry["verdict"] == "supported"]
    assert len(supported) <= 0.05 * len(judged), supported
