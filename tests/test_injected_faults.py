"""Faults that break no identity, each injected into the source: a smoke run without a record names it.

The faults are in the files of a copy of the package, as a slip of whoever changes it would be. So every name
that another module has imported is faulty too, and so is the decoder's own process. A run is the smoke run of
a user (`pytest claims/ --circuit-profile smoke --circuit-record none`), its calibrations alone.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "circuit_claims"
FOUR = ("archery-1", "archery-2", "basketball-shot-1", "basketball-shot-2")
FOUR_PAIRS = [word for name in FOUR for word in ("--circuit-pair", name)]
"""Two of each of two actions: there is a third video, and another action."""
SMOKE = ["--circuit-profile", "smoke"]
KNOWN = {
    *("donor-is-the-donor", "copies-are-of-the-failure", "third-video-is-a-failure"),
    *("other-class-is-another-action", "ablated-clip-is-the-clip", "resampled-from-another-action"),
    *("sign-is-kept", "head-is-the-head", "ablated-head-is-the-head", "colours-are-in-order"),
}

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Fault:
    """An edit of one file, and the calibrations that have to fail for it."""

    file: str
    edits: tuple[tuple[str, str], ...]
    named: frozenset[str]
    """Claims that are refuted."""
    also: frozenset[str]
    """Claims that may be: another head's write has another size, and one sign or the other. No others may."""


def fault(file: str, *edits: tuple[str, str], named: str, also: str = "") -> Fault:
    return Fault(file, edits, frozenset(named.split()), frozenset(also.split()))


OWN = "return Roles(assay.success(pair), assay.failure(pair))"
SWAPPED = "return Roles(assay.failure(pair), assay.success(pair))"
DONOR, CLIP = "donor-is-the-donor", "ablated-clip-is-the-clip"
THIRD, OTHER = "third-video-is-a-failure", "other-class-is-another-action"
COPIES, RESAMPLED = "copies-are-of-the-failure", "resampled-from-another-action"
HEAD, ABLATED, SIGN, COLOURS = (
    *("head-is-the-head", "ablated-head-is-the-head"),
    *("sign-is-kept", "colours-are-in-order"),
)


def exchanged(one: str, other: str) -> tuple[tuple[str, str], ...]:
    """Two texts of a file in each other's place."""
    return (one, "<exchanged>"), (other, one), ("<exchanged>", other)


MAIN = {
    "donor and recipient swapped in the controls": fault(
        "measure/controls.py", *exchanged(OWN, SWAPPED), named=DONOR
    ),
    "a sign dropped in the projection": fault(
        "measure/recovery.py", ("norms.dot / norms.D if", "abs(norms.dot) / norms.D if"), named=SIGN
    ),
    "the next head's slice in a head's patch": fault(
        "measure/heads.py",
        ("@ of.output[head]", "@ of.output[(head + 1) % len(of.output)]"),
        named=HEAD,
        also=f"{DONOR} {SIGN}",
    ),
    "the next head's slice in a head's ablation": fault(
        "measure/ablation.py",
        ("heads.writes(change)[0]", "heads.writes(change.roll(1, 1))[0]"),
        named=ABLATED,
    ),
    "channels read as BGR by both decoders": fault(
        "clips/decoder_child.py",
        ("frame.reshape(-1).data", "frame[..., ::-1].copy().reshape(-1).data"),
        named=COLOURS,
    ),
}
"""The faults of issue 13, each in a whole smoke run of the calibrations."""

FAULTS = {
    # Donor and recipient.
    "the claim's own direction swapped, and no other": fault(
        "measure/controls.py",
        (
            f"def _outcome(assay: Assay, pair: Pair) -> Roles:\n    {OWN}",
            f"_n = 0\n\n\ndef _outcome(assay: Assay, pair: Pair) -> Roles:\n    {SWAPPED}",
        ),
        named=DONOR,
    ),
    "success and failure swapped in the assay": fault(
        "measure/assay.py",
        *exchanged("return self._clip(pair, True)", "return self._clip(pair, False)"),
        named=f"{DONOR} {OTHER} {COPIES} {CLIP} {RESAMPLED} {THIRD} {COLOURS}",
    ),
    "success and failure swapped in a pair": fault(
        "clips/pairs.py",
        ("self.positive if positive else self.negative", "self.negative if positive else self.positive"),
        named=f"{DONOR} {OTHER} {COPIES} {CLIP} {RESAMPLED} {THIRD} {COLOURS}",
    ),
    "donor and recipient swapped in the sweep": fault(
        "measure/patching.py",
        *exchanged('clean(donor_pixels, "donor")', 'clean(recipient_pixels, "recipient")'),
        named=f"{DONOR} {OTHER} {COPIES} {THIRD} {HEAD}",
    ),
    "donor and recipient swapped where norms are taken": fault(
        "measure/patching.py",
        ("in (patched, donor, recipient))\n    d, D", "in (patched, recipient, donor))\n    d, D"),
        named=f"{DONOR} {OTHER} {COPIES} {THIRD} {HEAD} {SIGN}",
    ),
    "donor and recipient swapped in patches of heads": fault(
        "measure/heads.py",
        *exchanged(
            'clean_run(model, donor_pixels, "donor"', 'clean_run(model, recipient_pixels, "recipient"'
        ),
        named=f"{DONOR} {HEAD}",
    ),
    "donor and recipient swapped in joint patches": fault(
        "measure/labour.py",
        (
            '("donor", donor_pixels), ("recipient", recipient_pixels)',
            '("donor", recipient_pixels), ("recipient", donor_pixels)',
        ),
        named=f"{DONOR} {THIRD}",
    ),
    "donor and recipient swapped in the screen": fault(
        "measure/screening.py",
        *exchanged('_parts(model, donor_pixels, "donor")', '_parts(model, recipient_pixels, "recipient")'),
        named=f"{DONOR} {HEAD}",
    ),
    "the third video is a success": fault(
        "measure/controls.py", ("source=assay.failure(donor)", "source=assay.success(donor)"), named=THIRD
    ),
    "the third video is read and not taken": fault(
        "measure/patching.py", ("theirs.out if other is None else other.out", "theirs.out"), named=THIRD
    ),
    "another class is a failure": fault(
        "measure/controls.py",
        (
            "assay.success(other(assay.pairs, pair, same_action=False))",
            "assay.failure(other(assay.pairs, pair, same_action=False))",
        ),
        named=f"{OTHER} {RESAMPLED}",
    ),
    "the copy is of the success clip": fault(
        "measure/controls.py",
        ("return Roles(copy, assay.failure(pair))", "return Roles(copy, assay.success(pair))"),
        named=COPIES,
    ),
    "noise with donor and recipient swapped": fault(
        "measure/controls.py",
        (
            "Roles(assay.success(pair), assay.failure(pair), noise=",
            "Roles(assay.failure(pair), assay.success(pair), noise=",
        ),
        named=DONOR,
    ),
    "the other clip ablated": fault(
        "measure/ablation.py",
        ('params["clip"] == "success" else', 'params["clip"] != "success" else'),
        named=f"{CLIP} {RESAMPLED}",
    ),
    "resampled from the recipient": fault(
        "measure/ablation.py",
        ('CONTROLS["other class"](assay, pair).donor', 'CONTROLS["other class"](assay, pair).recipient'),
        named=RESAMPLED,
    ),
    # Signs.
    "a sign dropped in the cosine": fault(
        "measure/recovery.py",
        ("norms.dot / norms.d, norms.D)", "abs(norms.dot) / norms.d, norms.D)"),
        named=SIGN,
    ),
    "a sign dropped in the distance": fault(
        "measure/recovery.py",
        ("return 1.0 - _ratio(norms, norms.rest", "return abs(1.0 - _ratio(norms, norms.rest"),
        ("norms.rest, norms.D)", "norms.rest, norms.D))"),
        named=SIGN,
    ),
    "a sign dropped where norms are taken": fault(
        "measure/patching.py", ("dot=float((d * D).sum())", "dot=float((d * D).sum().abs())"), named=SIGN
    ),
    "a sign dropped in the screen": fault(
        "measure/screening.py",
        ("(layer, head): share for head, share", "(layer, head): abs(share) for head, share"),
        named=SIGN,
    ),
    # Heads.
    "the slice of the head before in a head's patch": fault(
        "measure/heads.py", ("@ of.output[head]", "@ of.output[head - 1]"), named=HEAD, also=f"{DONOR} {SIGN}"
    ),
    "what the next head mixed in a head's patch": fault(
        "measure/heads.py",
        ("step.mixed[0, head] @", "step.mixed[0, head - 1] @"),
        named=HEAD,
        also=f"{DONOR} {SIGN}",
    ),
    "a patch by the name of the next head": fault(
        "measure/heads.py",
        ("yield (layer, head), step", "yield (layer, (head + 1) % len(of.output)), step"),
        named=HEAD,
        also=f"{DONOR} {SIGN}",
    ),
    "first order by the name of the next head": fault(
        "measure/screening.py",
        ("enumerate(of_heads.tolist())", "enumerate(of_heads.roll(1).tolist())"),
        named=HEAD,
        also=f"{DONOR} {SIGN}",
    ),
    "an ablation by the name of the next head": fault(
        "measure/ablation.py",
        (
            '.head.{h}" for h in range(len(states))',
            '.head.{(h + 1) % len(states)}" for h in range(len(states))',
        ),
        named=ABLATED,
    ),
    # Colours.
    "channels read as BGR after the decoder": fault(
        "clips/decode.py",
        (
            "return Clip(path, frames, asked, timeline)",
            "return Clip(path, frames[..., ::-1], asked, timeline)",
        ),
        named=COLOURS,
    ),
    "channels read as BGR before the processor": fault(
        "models/load.py", ("processor(list(frames),", "processor(list(frames[..., ::-1]),"), named=COLOURS
    ),
    "channels read as BGR after the processor": fault(
        "models/load.py",
        ("return pixels\n\n    return preprocess", "return pixels.flip(1)\n\n    return preprocess"),
        named=COLOURS,
    ),
    "channels read as BGR among the frames that are seen": fault(
        "measure/seen.py",
        ("made = preprocess(frames(together))", "made = preprocess(frames(together)[..., ::-1].copy())"),
        named=f"{COLOURS} {DONOR}",
        also=" ".join(KNOWN),  # no clip is the one that the manifest names
    ),
    "colours inverted": fault(
        "models/load.py", ("processor(list(frames),", "processor(list(255 - frames),"), named=COLOURS
    ),
}
"""The same faults elsewhere, each in a run of these calibrations alone, on four pairs."""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository by links, in which a file can be another."""
    folder = tmp_path_factory.mktemp("copy")
    for name in ("claims", "fixtures", "pyproject.toml", "conftest.py"):
        (folder / name).symlink_to(ROOT / name)
    leave = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / PACKAGE, folder / PACKAGE, copy_function=os.symlink, ignore=leave)
    return folder


@contextmanager
def injected(copy: Path, one: Fault) -> Iterator[None]:
    """One file of the copy is faulty."""
    file = copy / PACKAGE / one.file
    text = file.read_text(encoding="utf-8")
    for old, new in one.edits:
        assert text.count(old) == 1, f"{one.file} no longer has one {old!r}"
        text = text.replace(old, new)
    file.unlink()
    file.write_text(text, encoding="utf-8")
    try:
        yield
    finally:
        file.unlink()
        file.symlink_to(ROOT / PACKAGE / one.file)


@pytest.fixture
def run(copy: Path, tmp_path: Path) -> Callable[..., tuple[int, dict[str, Any]]]:
    """The calibrations in a process of their own, nothing stored: exit status, and the report."""

    def ran(*options: str) -> tuple[int, dict[str, Any]]:
        command = [sys.executable, "-m", "pytest", "claims/test_0_calibration.py", "-q", "--tb=no"]
        never = ["--circuit-record", "none", "--circuit-cache", "off"]
        where = ["--circuit-report-dir", str(tmp_path), "-p", "no:cacheprovider"]
        alone = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")}
        done = subprocess.run(
            [*command, *never, *where, *options],
            cwd=copy,
            env={**alone, "PYTHONPATH": str(copy)},
            capture_output=True,
            text=True,
            check=False,
        )
        path = tmp_path / "latest.json"
        assert path.exists(), done.stdout + done.stderr
        return done.returncode, json.loads(path.read_text())

    return ran


def refuted(report: dict[str, Any]) -> set[str]:
    """The ids of claims that are refuted. None may end in an error."""
    errors = [
        f"{entry['key']}: {entry['sentence']}" for entry in report["claims"] if entry["verdict"] == "error"
    ]
    assert not errors
    return {entry["claim"] for entry in report["claims"] if entry["verdict"] == "refuted"}


def test_a_run_without_a_fault_passes(run) -> None:
    status, report = run(*SMOKE)
    assert (status, refuted(report)) == (0, set())
    said = {entry["claim"]: entry["verdict"] for entry in report["claims"]}
    assert said.keys() > KNOWN
    # A smoke run has one pair of each action, so that there is no third video.
    assert {claim for claim, verdict in said.items() if verdict != "supported"} == {THIRD}


@pytest.mark.parametrize("name", MAIN)
def test_a_fault_of_the_issue_is_named_in_a_smoke_run(copy, run, name) -> None:
    with injected(copy, MAIN[name]):
        status, report = run(*SMOKE)
    assert status == 1
    assert MAIN[name].named <= refuted(report) <= MAIN[name].named | MAIN[name].also


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_elsewhere_is_named_too(copy, run, name) -> None:
    chosen = [word for claim in sorted(KNOWN) for word in ("--circuit-claim", f"{claim}/exact")]
    with injected(copy, FAULTS[name]):
        status, report = run(*chosen, *FOUR_PAIRS)
    assert status == 1
    assert FAULTS[name].named <= refuted(report) <= FAULTS[name].named | FAULTS[name].also
