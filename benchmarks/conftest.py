"""`make bench`: options, and the tables at the end of a run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

SIZES: dict[str, dict[str, int]] = {
    "vivit-b": {"layers": 12, "width": 768, "heads": 12, "image": 224},
    "tiny": {"layers": 3, "width": 48, "heads": 4, "image": 64},
}
WORKER = Path(__file__).with_name("worker.py")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("circuit-claims benchmarks")
    group.addoption(
        "--bench-frames", type=int, default=8, help="frames of a clip (default: 8; the paper's: 32)"
    )
    group.addoption("--bench-size", choices=SIZES, default="vivit-b", help="default: %(default)s")
    group.addoption("--bench-threads", type=int, default=1, help="default: %(default)s")
    group.addoption(
        "--bench-plain-sites",
        type=int,
        default=0,
        metavar="N",
        help="patch only N writes by the plain methods, where all 24 take too long; the table says so",
    )
    group.addoption("--bench-write", type=Path, metavar="FILE.md", help="write the tables and the plot here")


class Worker:
    """A process that sweeps in one way."""

    def __init__(self, method: str, settings: dict[str, Any]) -> None:
        threads = str(settings["threads"])
        self._process = subprocess.Popen(
            [sys.executable, str(WORKER), method, json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads},
        )
        self.ready = self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process ended with {self._process.wait()}; its error stands above")
        found: dict[str, Any] = json.loads(line)
        return found

    def ask(self, command: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()
        return self._read()

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


@dataclass
class Bench:
    """What was measured in this run."""

    settings: dict[str, Any]
    plain_sites: int
    sweeps: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By method: seconds, recoveries, peak memory, operations, and `matmul`: operations a second of the best
    matrix product at the MLP's shape, in the same process just before and after, and `sustained`, the median
    one."""
    scaling: list[dict[str, Any]] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)

    def open(self, method: str, **more: Any) -> Worker:
        return Worker(method, {**self.settings, **more})


BENCH: pytest.StashKey[Bench] = pytest.StashKey()


@pytest.fixture(scope="session")
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    option = request.config.getoption
    settings = {
        **SIZES[option("--bench-size")],
        "frames": option("--bench-frames"),
        "threads": option("--bench-threads"),
        "sites": "writes",
        "count": 0,
        "tokens": False,
    }
    made = Bench(settings, option("--bench-plain-sites"))
    request.config.stash[BENCH] = made
    return made


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    made = terminalreporter.config.stash.get(BENCH, None)
    if made is None:
        return
    from tables import lines, write

    terminalreporter.write_sep("=", "sweeps of one pair")
    for line in lines(made):
        terminalreporter.write_line(line)
    target = terminalreporter.config.getoption("--bench-write")
    if target:
        write(made, target)
        terminalreporter.write_line(f"written: {target}")
