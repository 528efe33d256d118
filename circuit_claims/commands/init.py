"""``circuit-claims init``: a folder in which `pytest` judges a claim of one's own."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

CONFTEST = '''\
"""What the claims of this folder share."""

import pytest


@pytest.fixture
def controls(circuit):
    """What a claim about meaning has to exceed: the same where no outcome differs, or on random weights.

    `noise` pairs come from `circuit-claims pair add ... --make-control`, or from clips of one outcome.
    """

    def of(site):
        return {
            "same outcome": circuit.recovery(site, pairs="noise"),
            "random weights": circuit.over_seeds(lambda random: random.recovery(site)),
        }

    return of
'''

CLAIMS = '''\
"""Claims, judged by `pytest` on the pairs of pairs.toml.

`pytest --circuit-model NAME` tests another model than the embedded one; `circuit-claims list models` names
some. A claim without Python goes into a file that ends in .claims.toml.
"""

import pytest

from circuit_claims import above, attn_out, claim, mlp_out  # noqa: F401


@claim(
    "mlp-recovers-half",  # its name in reports and records, with its kind: mlp-recovers-half/means
    "Patching a single MLP recovers more than half of the outcome signal.",
    source="our own question, asked before any run",  # or the paper, with section and table
    kind="means",  # the scientific content; "reproduces" judges a published number
    scope="trained",  # it must not hold on random weights
    each="layer",  # every layer has to pass; `any` asks for one
)
@pytest.mark.parametrize("layer", [0.35, 0.6, 0.85])
def test_each_mlp_recovers_half(circuit, judge, controls, layer):
    site = mlp_out(circuit.at(layer))  # by depth, for a model of any number of layers; at(4) is layer 4 of 12
    # A number for each pair: 100 % is all of the difference between the clips, at the classifier's input.
    judge(circuit.recovery(site), above("50 %"), controls=controls(site))
'''

MANIFEST = """\
# Pairs of clips: one shows an action that succeeds, the other the same action as it fails.
#
#     circuit-claims pair add NAME SUCCESS.mp4 FAILURE.mp4 --action "golf putt" --make-control
#
# adds one, `circuit-claims pair check` checks all.

name = {name}

[sampling]        # which frames the model sees, of every clip
rule = "stride"
frames = {frames}       # as many as the model takes: 16 the embedded ones, 32 a ViViT of Kinetics
stride = {stride}        # from one frame of the window to the next
start = {start}         # the first one; a pair of its own start: pair add --start
# Clips of different frame rates are sampled by time, all of them or one pair (pair add --every 0.08s):
#   rule = "time"
#   every = "0.08 s"
#   start = "0 s"
"""

IGNORED = """\
.circuit-cache/
reports/
__pycache__/
.pytest_cache/
"""

EXAMPLE = "bowling-1"
"""The rendered pair that `--example` brings along, with its control."""


class InitError(Exception):
    """A folder that cannot be begun in: what is wrong; what to do."""


def add_parser(commands: Any) -> None:
    """Add the command to the parser's sub-commands."""
    parser = commands.add_parser("init", help="write a start: a claim, a manifest, a conftest")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(), help="where (default: here)")
    parser.add_argument(
        "--frames", type=int, choices=range(1, 1025), default=16, metavar="N", help="the model's window"
    )
    parser.add_argument(
        "--example", action="store_true", help="bring a rendered pair along, to try things on"
    )


def faults() -> tuple[type[Exception], ...]:
    """Faults of the user's input, which explain themselves."""
    from circuit_claims.clips.errors import ManifestError

    return InitError, ManifestError


def run(options: argparse.Namespace) -> int:
    """Write the files and say what comes next. Raises InitError; nothing is written then."""
    folder: Path = options.folder
    written = start(folder, frames=options.frames, example=options.example)
    print(f"wrote {', '.join(path.name for path in written)} in {folder.absolute().name}/")
    here = "" if folder == Path() else f"cd {folder} && "
    if options.example:
        print(f"next: {here}pytest")
    else:
        print(
            f"next: {here}circuit-claims pair add NAME SUCCESS.mp4 FAILURE.mp4 --action ACTION --make-control"
        )
        print("then: pytest")
    return 0


def start(folder: Path, *, frames: int = 16, example: bool = False) -> list[Path]:
    """Write a start into a folder; return the files.

    Raises:
        InitError: a file of that name is there already, or cannot be written. Nothing is written then.
    """
    sampling = {"frames": frames, "stride": 2, "start": 0}
    name = folder.absolute().name
    if example:
        sampling = _example_sampling(frames)
    texts = {
        "conftest.py": CONFTEST,
        "pairs.toml": MANIFEST.format(name=_quoted(name or "pairs"), **sampling),
        "test_claims.py": CLAIMS,
    }
    there = [name for name in texts if (folder / name).exists() or (folder / name).is_symlink()]
    if there:
        raise InitError(
            f"{folder}: {', '.join(there)} {'is' if len(there) == 1 else 'are'} there already, and nothing "
            "was written; name an empty folder: circuit-claims init FOLDER"
        )
    if not (folder / ".gitignore").exists():
        texts[".gitignore"] = IGNORED
    written: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            with (folder / name).open("x", encoding="utf-8") as out:
                written.append(folder / name)
                out.write(text)
        if example:
            _add_example(folder / "pairs.toml")
    except BaseException as fault:
        for path in written:
            path.unlink(missing_ok=True)
        if isinstance(fault, OSError):
            raise InitError(f"{folder}: cannot be written ({fault.strerror}); name another folder") from None
        raise
    return written


def _quoted(text: str) -> str:
    import json

    return json.dumps(text)


def _example_sampling(frames: int) -> dict[str, int]:
    from circuit_claims.clips.pairs import load_sampling
    from circuit_claims.organisms.registry import pairs_of, resolve

    stated = load_sampling(pairs_of(resolve("organism")))
    if frames != stated.frames:
        raise InitError(
            f"the example has a window of {stated.frames} frames; leave --frames out, or --example"
        )
    return {"frames": stated.frames, "stride": stated.stride, "start": int(stated.start)}


def _add_example(manifest: Path) -> None:
    """The first rendered pair and its controls, copied beside the manifest."""
    from circuit_claims.clips.adding import NewClip, NewPair, add
    from circuit_claims.clips.pairs import load_pairs
    from circuit_claims.organisms.registry import pairs_of, resolve

    whole = load_pairs(pairs_of(resolve("organism")))
    chosen = [pair for pair in whole.pairs if pair.name == EXAMPLE or pair.name == f"{EXAMPLE}-noise"]
    new = [
        NewPair(
            pair.name,
            pair.action,
            NewClip(pair.positive.path, pair.positive.sha256),
            NewClip(pair.negative.path, pair.negative.sha256),
            label=pair.label,
            control=pair.control,
            outcome_frame=pair.outcome_frame,
        )
        for pair in chosen
    ]
    add(manifest, whole.sampling, new)
