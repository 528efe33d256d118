"""A run as a person sees it: on a pseudo-terminal, with pytest capturing as it always does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import Any

import pytest

pty = pytest.importorskip("pty", reason="pseudo-terminals are of POSIX")


def on_a_terminal(cwd: Any, *words: str) -> str:
    """What a terminal of 100 columns receives from a run of pytest."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "40"}
    ran = subprocess.Popen(
        [sys.executable, "-m", "pytest", "claims", "-p", "no:hypothesispytest", *words],
        cwd=cwd,
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        close_fds=True,
    )
    os.close(theirs)
    received = b""
    while True:
        try:
            some = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not some:
            break
        received += some
    os.close(ours)
    ran.wait()
    return received.decode()


def test_a_bar_is_seen_while_a_model_is_measured(on_models: Any) -> None:
    shown = on_a_terminal(on_models.pytester.path, *on_models.options())
    counts = re.findall(r"sweep of \S+.*?(\d+)/(\d+)", shown)
    assert counts, shown
    assert {done for done, total in counts} > {"1"}, "it moves"
    assert "circuit claims" in shown


def test_a_run_that_measures_nothing_shows_no_bar(on_models: Any) -> None:
    words = on_models.options()
    assert "sweep of" in on_a_terminal(on_models.pytester.path, *words)
    assert "sweep of" not in on_a_terminal(on_models.pytester.path, *words)
