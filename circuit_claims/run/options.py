"""The ``--circuit-*`` options, defined once for pytest and read as plain data."""

from __future__ import annotations

import argparse
import os
import re
import shlex
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from circuit_claims.models.compute import MEMORY, Compute

if TYPE_CHECKING:
    import pytest

    from circuit_claims.judge.ledger import Planned

DEFAULT_MODEL = "organism"


def add_options(group: Any) -> None:
    """Add the options to a pytest option group."""
    add = group.addoption
    add(
        "--circuit-model",
        action="append",
        metavar="NAME",
        help="what is tested: organism (the default), organism-outcome, random:NAME#SEED, "
        "shuffled:NAME#SEED, planted:NAME, a hub name with an optional @REVISION, or a folder; "
        "may be given more than once",
    )
    add(
        "--circuit-pairs",
        metavar="FILE|paper",
        help="the manifest of video pairs, or the paper's own pair "
        "(default: pairs.toml beside the claims, else the model's own)",
    )
    add("--circuit-pair", action="append", metavar="GLOB", help="only the pairs of these names")
    add("--circuit-claim", action="append", metavar="GLOB", help="only the claims of these ids")
    add(
        "--circuit-profile",
        choices=("full", "smoke"),
        default="full",
        help="smoke: one pair an action, held against a record of its own, MODEL.smoke.toml "
        "(default: %(default)s)",
    )
    add("--circuit-report-dir", metavar="DIR", default="reports", help="default: %(default)s/")
    add(
        "--circuit-record",
        metavar="FILE|none",
        help="the record to hold verdicts against (default: the model's in recorded/ beside the claims)",
    )
    add(
        "--circuit-drift",
        choices=("verdict", "estimate"),
        default="estimate",
        help="what fails where the weights are not the record's: a verdict that changed, or also an estimate "
        "whose difference to the record, pair by pair, lies beyond its tolerance (default: %(default)s)",
    )
    add("--circuit-record-update", action="store_true", help="write what is found into the record")
    add("--circuit-record-add", action="store_true", help="the same, but new entries only")
    add(
        "--circuit-record-force",
        action="store_true",
        help="with --circuit-record-update: write what was judged even of a selection or an incomplete run",
    )
    add(
        "--circuit-plan",
        action="store_true",
        help="say what would be measured and about how long that takes, by claim, and judge nothing",
    )
    add(
        "--circuit-rejudge",
        metavar="RUN.json",
        help="judge again what a run measured, from its report: no model, no clips, no torch",
    )
    add("--circuit-strict", action="store_true", help="an inconclusive claim that is not recorded fails (11)")
    add("--circuit-seed", type=int, default=0, metavar="N", help="seed of resampling (default: %(default)s)")
    add(
        "--circuit-device",
        choices=("auto", "cpu", "cuda", "mps"),
        default="cpu",
        help="auto: cuda where there is one, else mps, else cpu (default: %(default)s)",
    )
    add(
        "--circuit-threads",
        type=_positive,
        default=1,
        metavar="N",
        help="torch's threads in each process; more than one is slower on a busy machine "
        "(default: %(default)s)",
    )
    add(
        "--circuit-precision",
        choices=("auto", "float32", "bfloat16"),
        default="float32",
        help="auto: bfloat16 where the hardware has it and the first pair's recoveries agree with float32's "
        "within 0.2 points (default: %(default)s, whose numbers are the same on every machine)",
    )
    add(
        "--circuit-memory",
        type=_bytes,
        default=MEMORY,
        metavar="SIZE",
        help="for the patched states of one sweep, such as 512MiB; a longer sweep goes in parts (default: "
        f"{MEMORY // 2**30}GiB)",
    )
    add(
        "--circuit-cache",
        metavar="DIR|off",
        help="where measurements are kept (default: .circuit-cache/ in the root directory)",
    )
    add(
        "--circuit-progress",
        choices=("auto", "off"),
        default="auto",
        help="a bar on a terminal, a line a minute elsewhere (default: %(default)s)",
    )


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of threads: give 1 or more")
    return int(text)


def _bytes(text: str) -> int:
    """``512MiB`` or ``4GiB`` in bytes."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([MG])i?B?", text.strip(), re.IGNORECASE)
    if not found or float(found[1]) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no amount of memory: give one such as 512MiB or 4GiB")
    return int(float(found[1]) * 2 ** {"m": 20, "g": 30}[found[2].lower()])


@dataclass(frozen=True)
class Options:
    """What the command line asked for."""

    models: tuple[str, ...]
    models_named: bool
    """Whether the command line named them, or they are the default."""
    pairs: str | None
    pair_globs: tuple[str, ...]
    claim_globs: tuple[str, ...]
    profile: str
    report_dir: Path
    record: str | None
    drift: str
    """`verdict` or `estimate`: what fails a run with other weights than the record's."""
    update: bool
    add: bool
    force: bool
    rejudge: Path | None
    plan: bool
    """Whether to say how long it takes, in place of doing it."""
    strict: bool
    seed: int
    compute: Compute
    """As asked for: `device` and `precision` may be `auto`."""
    cache: Path | None
    progress: str
    root: Path
    invoked: Path
    """Where the user stands."""
    words: tuple[str, ...]
    """The options as typed, for the command that runs one claim again."""

    @classmethod
    def of(cls, config: pytest.Config) -> Options:
        """Read them from pytest's configuration."""
        value = config.getoption
        cache = value("circuit_cache")
        invoked = Path(str(config.invocation_params.dir))
        words = [str(word) for word in config.invocation_params.args]
        return cls(
            models=tuple(dict.fromkeys(value("circuit_model") or [DEFAULT_MODEL])),
            models_named=bool(value("circuit_model")),
            pairs=value("circuit_pairs"),
            pair_globs=tuple(value("circuit_pair") or ()),
            claim_globs=tuple(value("circuit_claim") or ()),
            profile=value("circuit_profile"),
            report_dir=invoked / value("circuit_report_dir"),
            record=_file(value("circuit_record"), invoked),
            drift=value("circuit_drift"),
            update=value("circuit_record_update"),
            add=value("circuit_record_add"),
            force=value("circuit_record_force"),
            rejudge=invoked / value("circuit_rejudge") if value("circuit_rejudge") else None,
            plan=_plan(config),
            strict=value("circuit_strict"),
            seed=value("circuit_seed"),
            compute=Compute(**{field.name: value(f"circuit_{field.name}") for field in fields(Compute)}),
            cache=None
            if cache == "off"
            else Path(cache).absolute()
            if cache
            else config.rootpath / ".circuit-cache",
            progress=value("circuit_progress"),
            root=config.rootpath,
            invoked=invoked,
            words=tuple(_circuit_words(words)),
        )

    def wants(self, claim_id: str, key: str) -> bool:
        """Whether ``--circuit-claim`` selects a claim, by its id or its ``id/kind``."""
        if not self.claim_globs:
            return True
        return any(fnmatchcase(claim_id, glob) or fnmatchcase(key, glob) for glob in self.claim_globs)

    def again(self) -> list[str]:
        """The options that another run of a claim has to be given too; its model is named by its report.

        Those that no verdict depends on, and that name places of this machine, are left out.
        """
        elsewhere = (
            "--circuit-model",
            "--circuit-claim",
            "--circuit-report-dir",
            "--circuit-cache",
            "--circuit-rejudge",
        )
        kept: list[str] = []
        wanted = False
        for word in self.words:
            if word.startswith("--circuit-"):
                wanted = word.split("=")[0] not in elsewhere
            kept += [word] if wanted else []
        return kept

    def rerun(self, planned: Planned) -> str:
        """The command that judges one item again, alone, from where the user stands."""
        file, _, test = planned.nodeid.partition("::")
        node = os.path.relpath(self.root / file, self.invoked)
        return shlex.join(["pytest", f"{node}::{test}", *self.words])


def _plan(config: pytest.Config) -> bool:
    """Whether ``--circuit-plan`` is given; refuses what it cannot go together with."""
    if not config.getoption("circuit_plan"):
        return False
    for option, why in (
        ("numprocesses", "-n: rates are measured in one process"),
        ("circuit_rejudge", "--circuit-rejudge: it measures nothing, so there is nothing to plan"),
        (
            "circuit_record_update",
            "--circuit-record-update: it judges nothing, so there is nothing to record",
        ),
        ("circuit_record_add", "--circuit-record-add: it judges nothing, so there is nothing to record"),
    ):
        if config.getoption(option, None):
            import pytest

            raise pytest.UsageError(f"--circuit-plan does not go with {why}")
    return True


def _file(record: str | None, invoked: Path) -> str | None:
    """A record as the user named it, from where the user stands; `none` is no file."""
    return record if record in (None, "none") else str(invoked / record)


def _circuit_words(words: list[str]) -> list[str]:
    """The ``--circuit-*`` options among the words of a command line, with their values."""
    flags = {
        "--circuit-record-update",
        "--circuit-record-add",
        "--circuit-record-force",
        "--circuit-plan",
        "--circuit-strict",
    }
    kept: list[str] = []
    take_next = False
    for word in words:
        if take_next:
            kept.append(word)
            take_next = False
        elif word.startswith("--circuit-") and word not in flags - {"--circuit-strict"}:
            kept.append(word)
            take_next = "=" not in word and word not in flags
    return kept
