"""Runs that are killed at random moments: `python killed_runs.py SEED ARGUMENT...`, in pytest's folder.

Python and torch are loaded once; each run is a fork. In each of `ROUNDS` rounds a store of its own is begun,
`KILLS` runs on it are killed one after the other, and one is let finish. What came of it is JSON on stdout.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROUNDS, KILLS = 5, 5


def main(seed: int, arguments: list[str]) -> None:
    load()
    draw = random.Random(seed)
    began = time.monotonic()
    assert run(arguments, "undisturbed") == 0
    lasts = time.monotonic() - began
    killed = []
    for at in range(ROUNDS):
        for kill in range(KILLS):
            # Two in five die in the middle of a write; a clock alone would nearly always hit arithmetic.
            if kill % 5 in (1, 3):
                write = draw.randrange(6)
                how, status = f"write {write}", run(arguments, f"round{at}", lambda n=write: die_in_write(n))
            else:
                after = draw.uniform(0, lasts / 2)
                how, status = f"{after:.2f} s", run(arguments, f"round{at}", after=after)
            killed.append({"round": at, "how": how, "died": status == -signal.SIGKILL})
        assert run(arguments, f"round{at}") == 0
    print(json.dumps({"lasts": lasts, "killed": killed}))


def load() -> None:
    """Import what a run needs, once for all."""
    import matplotlib.figure
    import scipy.special
    from transformers import VivitConfig, VivitForVideoClassification, VivitImageProcessor

    import circuit_claims.measure.per_pair
    import circuit_claims.models.load
    import circuit_claims.run.frames

    _ = (matplotlib.figure, scipy.special, VivitConfig, VivitForVideoClassification, VivitImageProcessor)
    _ = (circuit_claims.run.frames, circuit_claims.measure.per_pair, circuit_claims.models.load)


def run(
    arguments: list[str], store: str, prepare: Callable[[], None] | None = None, after: float | None = None
) -> int:
    """One run in a process of its own, killed `after` so many seconds; its status, or minus the signal."""
    child = os.fork()
    if not child:
        quiet = os.open(f"{store}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        os.setpgid(0, 0)
        import pytest

        if prepare:
            prepare()
        where = [f"--circuit-cache={store}", f"--circuit-report-dir={store}-report"]
        os._exit(int(pytest.main([*arguments, *where])))
    if after is not None:
        time.sleep(after)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


class Dying(type(Path())):
    """A file whose renaming the process does not live to see."""

    def replace(self, _target: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


def die_in_write(nth: int) -> None:
    """Die half way through the nth entry that is written from now on."""
    from circuit_claims import files
    from circuit_claims.measure import store

    whole = store.write_whole
    seen = 0

    def half(path: Path, text: str) -> None:
        nonlocal seen
        if seen == nth:
            files.Path = Dying  # what is written lies there, and does not get its name
            text = text[: len(text) // 2]
        seen += 1
        whole(path, text)

    store.write_whole = half


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
