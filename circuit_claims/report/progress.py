"""How far a measurement is: a bar on a terminal, a line a minute elsewhere, nothing in a worker."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from circuit_claims.judge.counted import told

Advance = Callable[[str, int, int], None]
"""Called with what is measured, how many pairs are done, and of how many."""
LINE_EVERY_S = 60.0


@contextmanager
def progress(quiet: bool, capture: Any, reporter: Any) -> Iterator[Advance]:
    """A callable to report progress with; what it shows is gone when the measurement is done."""
    if quiet:
        yield lambda _what, _done, _total: None
        return
    with _uncaptured(capture):  # while pytest captures the descriptor, it is a file
        terminal = sys.__stderr__ is not None and sys.__stderr__.isatty()
    if not terminal:
        yield _lines(capture, reporter)
        return
    bar = _Bar(capture, reporter)
    try:
        yield bar
    finally:
        bar.close()


def _lines(capture: Any, reporter: Any) -> Advance:
    line = call = time.monotonic()  # of the last line that was printed, and of the last report
    current, begun, before = "", call, 0  # what is measured, since when, and how far it was

    def advance(what: str, done: int, total: int) -> None:
        nonlocal line, call, current, begun, before
        if what != current or done <= before:
            current, begun = what, call  # it began when the one before ended
        call, before = time.monotonic(), done
        if call - line >= LINE_EVERY_S:
            line = call
            left = (total - done) * (call - begun) / done if done else 0.0
            with _uncaptured(capture):
                if reporter is not None:
                    reporter.ensure_newline()
                print(f"{what}: {done} of {total}{_left(left)}", file=sys.__stderr__, flush=True)

    return advance


def _left(seconds: float) -> str:
    return f", about {told(seconds)} left" if seconds else ""


class _Bar:
    """A transient rich bar on stderr, drawn while pytest's capture is suspended."""

    def __init__(self, capture: Any, reporter: Any) -> None:
        self._capture, self._reporter = capture, reporter
        self._live: Any = None
        self._task: Any = None
        self._what = ""

    def __call__(self, what: str, done: int, total: int) -> None:
        with _uncaptured(self._capture):
            if what != self._what:
                self.close()
                self._open(what, total)
            self._live.update(self._task, completed=done)
            self._live.refresh()
            if done >= total:
                self.close()

    def _open(self, what: str, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        if self._reporter is not None:
            # rich overwrites an unterminated line, such as pytest's row of dots.
            self._reporter.ensure_newline()
        self._live = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(file=sys.__stderr__),
            transient=True,
            auto_refresh=False,
        )
        self._live.start()
        self._task = self._live.add_task(what, total=total)
        self._what = what

    def close(self) -> None:
        """Erase the bar."""
        if self._live is not None:
            self._live.stop()
        self._live, self._what = None, ""


@contextmanager
def _uncaptured(capture: Any) -> Iterator[None]:
    if capture is None:
        yield
        return
    with capture.global_and_fixture_disabled():
        yield
