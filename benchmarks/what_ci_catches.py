"""What CI catches, and what it must not cry about: changes of the embedded model against its record.

    python benchmarks/what_ci_catches.py build/changes docs/what-ci-catches.md [CASE...]

Each case is judged against the committed records of `organism`: with one pair an action against that of the
smoke profile, with all pairs against the model's own. A run that is there is not repeated. The page says
which claims notice, and by how much. Exit status 1 where a change that must be caught is not, one that must
be noticed moves no number, or a harmless circumstance raises an alarm.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from circuit_claims.judge.record import Record, read_record
from circuit_claims.judge.tolerance import ELSEWHERE as WIDER
from tools.what_ci_catches.changes import (
    AGAIN,
    BASE,
    FINE,
    GROSS,
    Change,
    labelled,
    manifest,
    record_of_base,
    write,
)

if TYPE_CHECKING:
    from torch import Tensor

    from circuit_claims.models.source import ModelSource

ROOT = Path(__file__).resolve().parents[1]
CORE = ("claims/test_0_calibration.py", "claims/test_1_setting.py", "claims/test_2_amplification.py",
        "claims/test_3_division_of_labour.py")  # fmt: skip
AND_ATTENTION = (*CORE, "claims/test_7_attention.py")
"""The embedded model hardly heeds positions: recoveries and growth stay as they are without them, and where
CLS attends does not."""
ALL = ("claims",)
SMOKE = ("--circuit-profile", "smoke")
UNCHANGED = Change("unchanged", "as it is")
SAME_DIGITS = 5e-6
"""The record and the report keep six significant digits."""


@dataclass(frozen=True)
class Case:
    """A changed model, or the same one judged in other circumstances."""

    name: str
    words: str
    change: Change
    options: tuple[str, ...] = ()
    files: Sequence[str] = CORE
    store: str = "store"
    """Under the folder; cases of changed models share one, for what they have in common is random weights."""

    @property
    def pairs(self) -> str:
        """On how many it is judged."""
        return "one an action" if SMOKE[0] in self.options else "all"


def _harmless() -> Iterator[Case]:
    """Each in a store of its own: the same model, measured anew."""
    unchanged = UNCHANGED
    threads, memory = ("--circuit-threads", "2"), "--circuit-memory"
    shuffled = ("-p", "shuffled_order", "--shuffle-seed")
    for name, words, change, options in (
        ("smoke-shards", "saved again, in shards of 200 kB", AGAIN, SMOKE),
        ("smoke-order-1", "the tests in an order drawn with seed 1", unchanged, (*SMOKE, *shuffled, "1")),
        ("smoke-order-2", "the tests in an order drawn with seed 2", unchanged, (*SMOKE, *shuffled, "2")),
        ("smoke-plan-1", "one patched state at a time", unchanged, (*SMOKE, memory, "2.04MiB")),
        ("smoke-plan-2", "two patched states at a time", unchanged, (*SMOKE, memory, "2.1MiB")),
        ("smoke-plan-10", "sweeps in parts of ten sites", unchanged, (*SMOKE, memory, "2.5MiB")),
        ("smoke-plan-21", "sweeps in parts of 21 sites, order of seed 3", unchanged,
         (*SMOKE, memory, "3MiB", *shuffled, "3")),
        ("smoke-threads", "two threads", unchanged, (*SMOKE, *threads)),
        ("shards", "saved again, in shards of 200 kB", AGAIN, ()),
        ("all", "shards, two threads, one state at a time, order of seed 4", AGAIN,
         (*threads, memory, "2.04MiB", *shuffled, "4")),
    ):  # fmt: skip
        files = ALL if SMOKE[0] in options else CORE
        yield Case(f"harmless-{name}", words, change, options, files, store=f"harmless-{name}/store")


ATTENTIVE = ("positions-shuffled", "noise-10")
MUST_BE_CAUGHT = tuple(
    Case(change.name, change.words, change, files=AND_ATTENTION)
    if change.name in ATTENTIVE
    else Case(change.name, change.words, change, SMOKE, ALL)
    for change in GROSS
)
MEASURED = tuple(Case(change.name, change.words, change, SMOKE, ALL) for change in FINE)
NOTICED = ("head-10-8-zero", "noise-1")
"""Of those: small ones that a run has to say something of, whether or not it fails."""
ENVIRONMENT = (
    Case("wrong-head", "a head's patch takes the slice of the head before it",
         UNCHANGED, (*SMOKE, "-p", "wrong_head"), ALL, "wrong-head/store"),
)  # fmt: skip
"""The same weights, measured wrongly: each must be caught, as a changed environment."""
HARMLESS = tuple(_harmless())
ELSEWHERE = (
    Case("in-bfloat16", "computed in bfloat16", UNCHANGED,
         (*SMOKE, "--circuit-precision", "bfloat16"), ALL),
)  # fmt: skip
GROUPS = {
    "must": MUST_BE_CAUGHT,
    "environment": ENVIRONMENT,
    "harmless": HARMLESS,
    "measured": MEASURED,
    "elsewhere": ELSEWHERE,
}


def record_of(case: Case) -> Path:
    """The committed record of `organism`, of the smoke profile for a smoke run."""
    own = record_of_base()
    return own.with_suffix(".smoke.toml") if SMOKE[0] in case.options else own


def judge(case: Case, folder: Path, *words: str, record: Path) -> dict[str, Any]:
    """The report of a case held against the record; measured unless it is there."""
    here = (folder / case.name).resolve()
    report = here / "reports" / "latest.json"
    if not _whole(report):
        # The embedded model itself, where nothing is changed: saved again it is other weights, by its hash.
        model = BASE if case.change == UNCHANGED else write(case.change, here / BASE)
        clips = manifest(case.change, here / "clips")
        command = [
            *(sys.executable, "-m", "pytest", *case.files, "-q", "--tb=no", "-p", "no:cacheprovider"),
            *("--circuit-model", str(model), "--circuit-record", str(record)),
            *("--circuit-cache", str(here.parent / case.store), "--circuit-report-dir", str(report.parent)),
            *(("--circuit-pairs", str(clips)) if clips else ()),
            *(*case.options, *words),
        ]
        path = os.pathsep.join([str(ROOT), str(Path(__file__).parent)])
        env = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, cwd=ROOT, env=env, check=False, capture_output=True, text=True)
        if not _whole(report):
            raise RuntimeError(f"{case.name}: {done.stderr.strip() or done.stdout.strip()}"[-2000:])
    loaded: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    return loaded


def _whole(report: Path) -> bool:
    """Whether a report is there, and not of a run that was stopped."""
    return report.exists() and json.loads(report.read_text(encoding="utf-8"))["run"]["complete"] is True


def logits_moved(case: Case, folder: Path) -> float:
    """How far the logits of the clips lie from the embedded model's, relative to their spread over clips."""
    from circuit_claims.models.source import parse_source
    from circuit_claims.organisms.registry import pairs_of, resolve

    source = resolve(BASE)
    own = pairs_of(source)
    changed = parse_source(str((folder / case.name / BASE).resolve()))
    before = _logits(source, own)
    after = _logits(changed, manifest(case.change, folder / case.name / "clips") or own)
    return float((after - before).norm() / (before - before.mean(dim=0)).norm())


@cache
def _logits(source: ModelSource, pairs: Path) -> Tensor:
    """The logits of all clips of the outcome pairs, `[clip, label]`."""
    import torch

    from circuit_claims.clips.pairs import load_pairs
    from circuit_claims.models.load import load
    from circuit_claims.models.residual import run

    torch.set_num_threads(1)
    model = load(source)
    clips = labelled(model, load_pairs(pairs))
    return torch.stack([run(model, pixels[None]).logits[0] for pixels, _ in clips])


@dataclass(frozen=True)
class Alarm:
    """A claim that is not as recorded."""

    key: str
    drift: str
    sentence: str


def alarms(report: Mapping[str, Any]) -> Iterator[Alarm]:
    """The claims on the model that fail a run: flipped first, then moved, parts with their claim."""
    for drift in ("flipped", "moved"):
        for entry in report["claims"]:
            said = [entry["record"], *(part["record"] for part in entry["parts"])]
            drifts = [one["drift"] for one in said]
            worst = "flipped" if "flipped" in drifts else "moved" if "moved" in drifts else ""
            if entry["model"] and worst == drift:
                one = next(one for one in said if one["drift"] == drift)
                yield Alarm(entry["key"], drift, one["sentence"])


@dataclass(frozen=True)
class Move:
    """How far an estimate lies from the recorded one."""

    key: str
    share: float
    """Of its tolerance."""
    differs: bool
    """In the digits that are kept."""


def moves(report: Mapping[str, Any], record: Record) -> Iterator[Move]:
    """Every recorded estimate of a claim on the model, or of one of its parts."""
    for entry in report["claims"]:
        for one in entry["measurements"]:
            recorded = record.entries.get((entry["key"], one["part"]))
            if not entry["model"] or recorded is None or None in (recorded.estimate, one["value"]):
                continue
            apart = abs(recorded.estimate - one["value"])
            differs = apart > max(SAME_DIGITS * abs(recorded.estimate), 1e-9)
            share = apart / recorded.tolerance if recorded.tolerance else float(differs)
            yield Move(f"{entry['key']} {one['part']}".strip(), share, differs)


@dataclass(frozen=True)
class Found:
    """A case with what was seen of it."""

    case: Case
    seen: Sequence[Alarm]
    judged: Sequence[str]
    """The claims on the model."""
    moved: float | None = None
    """The logits; None where the model is unchanged."""
    moves: Sequence[Move] = ()
    by_pair: tuple[int, int] = (0, 0)
    """Estimates of which the value of some pair moved by more than rounding, and all that were compared."""

    @property
    def size(self) -> str:
        """How far the logits moved, in per cent."""
        return f"{float(f'{100 * (self.moved or 0.0):.2g}'):g} %"


def find(case: Case, folder: Path) -> Found:
    """Judge a case, or read what was judged."""
    record = record_of(case)
    report = judge(case, folder, record=record)
    judged = [entry["key"] for entry in report["claims"] if entry["model"]]
    unchanged = (*HARMLESS, *ELSEWHERE, *ENVIRONMENT)
    return Found(
        case,
        list(alarms(report)),
        judged,
        None if case in unchanged else logits_moved(case, folder),
        list(moves(report, read_record(record))),
        moved_by_pair(report),
    )


def moved_by_pair(report: Mapping[str, Any]) -> tuple[int, int]:
    """How many estimates of the model a run says moved, pair by pair, and how many it compared so."""
    from circuit_claims.report.moves import moves as table

    (model,) = report["models"]
    found, compared = table(report, model["name"])
    return len(found), compared


def page(
    *,
    must: Sequence[Found],
    harmless: Sequence[Found],
    measured: Sequence[Found],
    environment: Sequence[Found] = (),
    elsewhere: Sequence[Found] = (),
) -> str:
    """The tables: of changes, of harmless circumstances, and of the smallest change that a claim noticed."""
    lines = [
        "# What CI catches\n",
        "Changes of the embedded model, judged by `make what-ci-catches`: with one pair an action "
        "(`--circuit-profile smoke`) on all claims, against `claims/recorded/organism.smoke.toml`, or, "
        "where it says so, with all 32 outcome pairs and their controls on the core claims "
        "(`claims/test_0` to `3`), against `claims/recorded/organism.toml`, changes then on the claims on "
        "attention (`claims/test_7`) too. An alarm is a claim whose verdict flipped, or of which the "
        "difference to the record, pair by pair, lies beyond its declared tolerance with its whole "
        "interval: either fails the run. *Values moved* counts the estimates of which some pair's value "
        "is not the recorded one up to rounding: the run says so, and does not fail for it. *Logits "
        "moved* says how large a change is: the distance between the changed and the unchanged model's "
        "logits over all clips of the outcome pairs, relative to the spread of the unchanged model's "
        "logits over those clips.\n",
    ]
    for title, group in (("Must be caught", must), ("Measured", measured)):
        lines += [f"## {title}\n"]
        lines.append("| change | pairs | logits moved | values moved | alarms | flipped | one of them |")
        lines.append("| --- | --- | --- | --- | --- | --- | --- |")
        for one in sorted(group, key=lambda one: -(one.moved or 0.0)):
            flipped = sum(alarm.drift == "flipped" for alarm in one.seen)
            first = f"`{one.seen[0].key}`: {one.seen[0].sentence}" if one.seen else "none"
            alarmed = f"{len(one.seen)} of {len(one.judged)}"
            values = "{} of {}".format(*one.by_pair) if one.by_pair[1] else "not compared"
            cells = (one.case.words, one.case.pairs, one.size, values, alarmed, str(flipped), first)
            lines.append(f"| {' | '.join(cells)} |")
        lines.append("")
    lines += [
        *_environment_table(environment),
        *_harmless_table(harmless),
        *_elsewhere_table(elsewhere),
        *_by_claim([*must, *measured]),
    ]
    return "\n".join(lines) + "\n"


def _environment_table(found: Sequence[Found]) -> Iterator[str]:
    yield "## The same weights, measured wrongly\n"
    yield (
        "The weights are the record's, so estimates have to agree within the numeric tolerance "
        "([machines](machines.md)): a number that does not is a changed environment, here the code itself.\n"
    )
    yield "| what is wrong | pairs | alarms | one of them |"
    yield "| --- | --- | --- | --- |"
    for one in found:
        first = f"`{one.seen[0].key}`: {one.seen[0].sentence}" if one.seen else "none"
        yield f"| {one.case.words} | {one.case.pairs} | {len(one.seen)} of {len(one.judged)} | {first} |"
    yield ""


def _harmless_table(found: Sequence[Found]) -> Iterator[str]:
    yield "## Must raise no alarm\n"
    yield (
        f"The embedded model itself, in {len(found)} runs, each measured anew into an empty store. An "
        "estimate differs that is not the record's to 5 parts in a million.\n"
    )
    yield "| circumstance | pairs | alarms | estimates that differ | largest difference, of its tolerance |"
    yield "| --- | --- | --- | --- | --- |"
    for one in found:
        differ = [move for move in one.moves if move.differs]
        worst = max(differ, key=lambda move: move.share, default=None)
        most = f"{100 * worst.share:.2g} % (`{worst.key}`)" if worst else ""
        alarmed, compared = f"{len(one.seen)} of {len(one.judged)}", f"{len(differ)} of {len(one.moves)}"
        yield f"| {one.case.words} | {one.case.pairs} | {alarmed} | {compared} | {most} |"
    yield ""


def _elsewhere_table(found: Sequence[Found]) -> Iterator[str]:
    yield "## Another precision\n"
    yield (
        "Where precision or device are not the record's, an estimate may lie "
        f"{WIDER:g} times half a point, or {WIDER:g} per cent of a ratio, away from it. How many estimates "
        "of the unchanged model, with one pair an action, lie further from it than their declared "
        "tolerance:\n"
    )
    yield f"| how | alarms | beyond 1 tolerance | beyond {WIDER:g} | largest difference |"
    yield "| --- | --- | --- | --- | --- |"
    for one in found:
        shares = [move.share for move in one.moves]
        worst = max(one.moves, key=lambda move: move.share)
        beyond = " | ".join(f"{sum(s > most for s in shares)} of {len(shares)}" for most in (1, WIDER))
        alarmed = f"{len(one.seen)} of {len(one.judged)}"
        yield f"| {one.case.words} | {alarmed} | {beyond} | {worst.share:.2g} times (`{worst.key}`) |"
    yield ""


def _by_claim(found: Sequence[Found]) -> Iterator[str]:
    noticed: dict[str, list[Found]] = {}
    for one in sorted(found, key=lambda one: one.moved or 0.0):
        for alarm in one.seen:
            noticed.setdefault(alarm.key, []).append(one)
    yield "## The smallest change that each claim noticed\n"
    yield "By how far the logits moved.\n"
    yield f"| claim | smallest change noticed | logits moved | noticed, of {len(found)} |"
    yield "| --- | --- | --- | --- |"
    for key, which in sorted(noticed.items(), key=lambda item: (item[1][0].moved or 0.0, item[0])):
        yield f"| `{key}` | {which[0].case.words} | {which[0].size} | {len(which)} |"
    none = sorted({key for one in found for key in one.judged} - noticed.keys())
    yield f"\nNo change was noticed by: {', '.join(f'`{key}`' for key in none) or 'none of them'}."


def main(words: Sequence[str]) -> int:
    """Judge every case and write the page."""
    folder, target, *names = words
    groups: dict[str, list[Found]] = {name: [] for name in GROUPS}
    all_of = [(group, case) for group, cases in GROUPS.items() for case in cases]
    for group, case in sorted(all_of, key=lambda one: one[1].pairs == "all"):  # the short runs first
        if names and case.name not in names:
            continue
        one = find(case, Path(folder))
        groups[group].append(one)
        told = [alarm.key for alarm in one.seen[:3]]
        print(f"{case.name}: {len(one.seen)} of {len(one.judged)}", *told, flush=True)
    Path(target).write_text(page(**groups), encoding="utf-8")
    wrong = [one.case.name for one in groups["must"] if not one.seen] + [
        one.case.name for one in groups["harmless"] if one.seen
    ]
    wrong += [one.case.name for one in groups["environment"] if not _named(one)]
    wrong += [one.case.name for one in groups["measured"] if one.case.name in NOTICED and not one.by_pair[0]]
    for name in wrong:
        print(f"{name}: not as it has to be")
    return 1 if wrong else 0


def _named(found: Found) -> bool:
    """Whether an alarm says that the environment changed and not the model."""
    return any("the environment changed and not the model" in alarm.sentence for alarm in found.seen)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
