"""The embedded model on the machines of others: do tests and verdicts depend on the processor?

    python benchmarks/machines.py build/machines docs/machines.md [--only NAME,...] [--parts tests,smoke,full]

ATen, oneDNN and MKL choose their code by the processor, and so do numpy and its OpenBLAS. Each can be held to
an older instruction set, so that one machine plays several. Every setting runs the fast tests, the smoke
profile and the full claims, in processes and with a store of its own. A run that is there is not repeated,
unless the code has changed since. Exit status 1 where a test fails, a verdict is not the native one's, a run
of claims fails, or a default tolerance has too little room over the spread. `--short` runs what CI does.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from circuit_claims.files import write_whole
from circuit_claims.models.processor import flags

sys.path.insert(0, str(Path(__file__).parent))
import machines_page
import spread

ROOT = Path(__file__).resolve().parents[1]
ATEN, ONEDNN, MKL = "ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "MKL_ENABLE_INSTRUCTIONS"
NUMPY, OPENBLAS = "NPY_DISABLE_CPU_FEATURES", "OPENBLAS_CORETYPE"
HOLDING = (ATEN, ONEDNN, MKL, NUMPY, OPENBLAS)
RESTING_ON = ("circuit_claims", "claims", "fixtures", "pyproject.toml", "constraints.txt")
"""What a run of claims rests on; tests rest on `tests/` too."""
PARTS = ("smoke", "full", "tests")
CLAIMS = ("smoke", "full")
SHORT_PARTS = ("full", "marked")
NATIVE = "native"


@dataclass(frozen=True)
class Setting:
    """How the same work is computed otherwise."""

    name: str
    words: str
    environment: Mapping[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    """Of pytest, for claims."""
    parts: tuple[str, ...] = (*PARTS, "marked")
    needs: tuple[str, ...] = ()
    """Flags of a processor that can, any one of which is enough; without, it is left out."""
    same_without: str = ""
    """The flag of a processor that computes otherwise than this natively; without, this is the native run."""
    spreads: bool = True
    """Whether its numbers are those that a tolerance has to have room for; another precision has its own."""

    def absent(self, known: Collection[str]) -> str:
        """Why a processor of these flags cannot play it, or need not; empty where it can."""
        if self.needs and not set(self.needs) & set(known):
            return f"the processor has no {' or '.join(machines_page.in_words(self.needs))}"
        if self.same_without and self.same_without not in known:
            return "the processor computes so natively"
        return ""


def _held(
    name: str, words: str, *, needs: str = "", parts: tuple[str, ...] = (*PARTS, "marked"), **variables: str
) -> Setting:
    """Libraries held to an instruction set that the widest processors exceed."""
    above = "avx512f" if needs else "avx"
    return Setting(name, words, variables, parts=parts, needs=(needs,) if needs else (), same_without=above)


def _on_smoke(name: str, words: str, *options: str) -> Setting:
    """A circumstance that only the spread is taken of."""
    return Setting(name, words, options=options, parts=("smoke",))


NUMPY_AVX2 = {NUMPY: "X86_V4 AVX512_ICL AVX512_SPR", OPENBLAS: "Haswell"}
NUMPY_SSE = {NUMPY: f"X86_V3 {NUMPY_AVX2[NUMPY]}", OPENBLAS: "Nehalem"}
SETTINGS = (
    Setting(NATIVE, "as it comes: one thread"),
    _held("all-avx2", "all of them held to AVX2", needs="avx2",
          **{ATEN: "avx2", ONEDNN: "AVX2", MKL: "AVX2", **NUMPY_AVX2}),
    _held("all-lowest", "all of them held to SSE",
          **{ATEN: "default", ONEDNN: "SSE41", MKL: "SSE4_2", **NUMPY_SSE}),
    _held("aten-default", "ATen held to no AVX", **{ATEN: "default"}),
    _held("aten-avx2", "ATen held to AVX2", needs="avx2", **{ATEN: "avx2"}),
    _held("onednn-sse41", "oneDNN held to SSE4.1", **{ONEDNN: "SSE41"}),
    _held("onednn-avx2", "oneDNN held to AVX2", needs="avx2", **{ONEDNN: "AVX2"}),
    Setting("onednn-avx512", "oneDNN held to AVX-512, without its later additions", {ONEDNN: "AVX512_CORE"},
            needs=("avx512f",)),
    _held("mkl-sse42", "MKL held to SSE4.2", **{MKL: "SSE4_2"}),
    _held("mkl-avx2", "MKL held to AVX2", needs="avx2", **{MKL: "AVX2"}),
    _held("numpy-sse", "numpy and OpenBLAS held to SSE", parts=("smoke",), **NUMPY_SSE),
    _held("numpy-avx2", "numpy and OpenBLAS held to AVX2", needs="avx2", parts=("smoke",), **NUMPY_AVX2),
    Setting("threads-2", "two threads, in one process", {"OMP_NUM_THREADS": "2"},
            ("--circuit-threads", "2", "-n", "0")),
    Setting("precision-auto", "bfloat16, where the first pair allows it", {}, ("--circuit-precision", "auto"),
            parts=CLAIMS, needs=("avx512_bf16", "amx_bf16"), spreads=False),
    _on_smoke("one-process", "one process, not two", "-n", "0"),
    _on_smoke("plan-1", "one patched state at a time", "--circuit-memory", "2.04MiB"),
    _on_smoke("plan-2", "two patched states at a time", "--circuit-memory", "2.1MiB"),
    _on_smoke("plan-10", "sweeps in parts of ten sites", "--circuit-memory", "2.5MiB"),
    _on_smoke("plan-21", "sweeps in parts of 21 sites", "--circuit-memory", "3MiB"),
)  # fmt: skip
SHORT = ("all-avx2", "all-lowest")


@dataclass(frozen=True)
class Run:
    """What one part came to under one setting."""

    exit_status: int
    seconds: float
    passed: int = 0
    failed: tuple[str, ...] = ()
    """Tests that failed."""
    report: Mapping[str, Any] = field(default_factory=dict)
    """Of claims: what `spread` reads of their report."""


def run(setting: Setting, part: str, folder: Path) -> Run:
    """One part under one setting; run unless its result is there, of this code and this setting."""
    here = folder.resolve() / setting.name
    how = " ".join([*map("=".join, setting.environment.items()), *setting.options])
    result, state = here / f"{part}.json", f"{code_state(part)} {how}"
    if result.exists():
        kept = json.loads(result.read_text(encoding="utf-8"))
        if kept.pop("state") == state:
            return Run(**{**kept, "failed": tuple(kept["failed"])})
    begun = time.monotonic()
    found = (_claims if part in CLAIMS else _tests)(setting, part, here)
    found = Run(**{**vars(found), "seconds": round(time.monotonic() - begun, 1)})
    if not state.startswith(code_state(part)):
        raise RuntimeError(f"{setting.name}, {part}: the code changed while it ran; start again")
    write_whole(result, json.dumps({"state": state, **vars(found)}))
    return found


def code_state(part: str, root: Path = ROOT) -> str:
    """A sha256 over the processor and over every file that a part rests on."""
    digest = hashlib.sha256(" ".join(sorted(flags())).encode())
    for name in (*RESTING_ON, *(() if part in CLAIMS else ("tests", "conftest.py"))):
        place = root / name
        files = sorted(place.rglob("*")) if place.is_dir() else [place]
        for file in files:
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(file.relative_to(root).as_posix().encode() + b"\0")
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _claims(setting: Setting, part: str, here: Path) -> Run:
    report, store = here / part / "latest.json", here / f"{part}-store"
    report.unlink(missing_ok=True)
    own = ["--circuit-cache", str(store), "--circuit-report-dir", str(report.parent)]
    profile = ("--circuit-profile", "smoke") if part == "smoke" else ()
    done = _pytest(
        setting, "claims", "-p", "no:hypothesispytest", "-n", "2", *profile, *own, *setting.options
    )
    if (
        not report.exists()
        or not (loaded := json.loads(report.read_text(encoding="utf-8")))["run"]["complete"]
    ):
        raise RuntimeError(f"{setting.name}, {part}: {done.stderr.strip() or done.stdout.strip()}"[-3000:])
    shutil.rmtree(store)
    return Run(done.returncode, 0.0, report=spread.slim(loaded))


def _tests(setting: Setting, part: str, here: Path) -> Run:
    told = here / f"{part}.xml"
    told.unlink(missing_ok=True)
    chosen = "machines and not slow" if part == "marked" else "not slow"
    done = _pytest(setting, "-m", chosen, "-n", "2", f"--junitxml={told}")
    if not told.exists():
        raise RuntimeError(f"{setting.name}, {part}: {done.stderr.strip() or done.stdout.strip()}"[-3000:])
    passed, failed = told_of_tests(told)
    return Run(done.returncode, 0.0, passed, failed)


def _pytest(setting: Setting, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", *words, "-q", "--tb=no", "-p", "no:cacheprovider"]
    plain = {name: value for name, value in os.environ.items() if name not in HOLDING}
    env = {**plain, "OMP_NUM_THREADS": "1", **setting.environment}
    return subprocess.run(command, cwd=ROOT, env=env, check=False, capture_output=True, text=True)


def told_of_tests(xml: Path) -> tuple[int, tuple[str, ...]]:
    """How many tests passed, and the names of those that did not."""
    passed, failed = 0, []
    for case in ElementTree.parse(xml).iter("testcase"):
        states = {child.tag for child in case}
        if states & {"failure", "error"}:
            failed.append(f"{case.get('classname')}::{case.get('name')}")
        passed += not states & {"failure", "error", "skipped"}
    return passed, tuple(failed)


Runs = Mapping[str, Mapping[str, Run]]
"""By setting and part."""


def wrong(runs: Runs) -> Iterator[str]:
    """What must not be: each in a line."""
    for name, parts in runs.items():
        for part, one in parts.items():
            for test in one.failed:
                yield f"{name}: {test} fails"
            native = runs.get(NATIVE, {}).get(part)
            if part in CLAIMS and native:
                for told in spread.differing(spread.verdicts(native.report), spread.verdicts(one.report)):
                    yield f"{name}, {part}: {told}"
            if one.exit_status and not one.failed:
                drifted = "".join(f"; {told}" for told in spread.drifts(one.report)) if one.report else ""
                yield f"{name}, {part}: exit status {one.exit_status}{drifted}"


def groups_of(runs: Runs) -> list[spread.Group]:
    """The spreads of all numbers, each over the settings that read the same pairs."""
    counted = {setting.name for setting in SETTINGS if setting.spreads}
    return spread.grouped(
        one
        for part in CLAIMS
        for one in spread.spreads(
            [parts[part].report for name, parts in runs.items() if name in counted and part in parts]
        )
    )


def asked(words: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("page", type=Path, nargs="?", help="written where every setting is run")
    parser.add_argument("--only", type=_names([one.name for one in SETTINGS]), help="settings, by commas")
    parser.add_argument("--parts", type=_names([*PARTS, "marked"]), help="parts, by commas")
    parser.add_argument("--short", action="store_true", help="two settings, the full claims and marked tests")
    return parser.parse_args(words)


def _names(known: Sequence[str]) -> Any:
    def split(text: str) -> list[str]:
        unknown = [name for name in text.split(",") if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}; known are {', '.join(known)}")
        return text.split(",")

    return split


def main(words: Sequence[str]) -> int:
    """Run what is asked for and missing, and print the table."""
    given = asked(words)
    names = given.only or (SHORT if given.short else [one.name for one in SETTINGS])
    wanted = given.parts or (SHORT_PARTS if given.short else PARTS)
    known = flags()
    settings = [one for one in SETTINGS if one.name in names]
    left_out = {one.name: why for one in settings if (why := one.absent(known))}
    for name, why in left_out.items():
        print(f"{name} is left out: {why}", flush=True)
    settings = [one for one in settings if one.name not in left_out]
    runs: dict[str, dict[str, Run]] = {}
    for part in wanted:  # the short ones of every setting first
        for setting in settings:
            if part not in setting.parts:
                continue
            one = runs.setdefault(setting.name, {})[part] = run(setting, part, given.folder)
            failed = f", {len(one.failed)} tests failed" if one.failed else ""
            print(
                f"{setting.name}, {part}: exit status {one.exit_status}{failed}, {one.seconds:.0f} s",
                flush=True,
            )
    faults = list(wrong(runs))
    print(f"\n{machines_page.table(settings, runs)}")
    if not given.short and NATIVE in runs and set(CLAIMS) & set(wanted):
        groups = groups_of(runs)
        faults += [f"{one.kind}, {one.unit}: {machines_page.told(one)}" for one in groups if not one.fits]
        print(f"\n{machines_page.spread_table(groups)}")
        if given.page and not given.only:
            given.page.write_text(
                machines_page.page(known, settings, left_out, runs, groups), encoding="utf-8"
            )
    print("\n".join(faults) or "nothing differs")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
