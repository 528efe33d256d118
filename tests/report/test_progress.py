"""Progress: a bar on a terminal, a line a minute elsewhere, silence in a worker."""

import io
import sys
from contextlib import contextmanager

import pytest

import circuit_claims.report.progress as module
from circuit_claims.report.progress import LINE_EVERY_S, progress


class Screen(io.StringIO):
    """A standard error that is a terminal or not."""

    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


class Capture:
    """Pytest's capture manager, as far as it is needed: counts how often it is suspended."""

    suspended = 0

    @contextmanager
    def global_and_fixture_disabled(self):
        self.suspended += 1
        yield


@pytest.fixture
def screen(monkeypatch, request):
    made = Screen(terminal=getattr(request, "param", False))
    monkeypatch.setattr(sys, "__stderr__", made)
    return made


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_quiet_says_nothing(screen):
    with progress(True, None, None) as advance:
        advance("sweep", 1, 2)
    assert screen.getvalue() == ""


def test_away_from_a_terminal_a_line_a_minute(screen, clock):
    capture = Capture()
    with progress(False, capture, None) as advance:
        for done in range(10):
            clock[0] += LINE_EVERY_S / 4
            advance("sweep of organism", done, 10)
    assert screen.getvalue() == "sweep of organism: 3 of 10\nsweep of organism: 7 of 10\n"
    assert capture.suspended == 2


@pytest.mark.parametrize("screen", [True], indirect=True)
def test_a_bar_on_a_terminal_is_drawn_and_erased(screen, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    with progress(False, Capture(), None) as advance:
        advance("sweep of organism", 1, 2)
        assert "sweep of organism" in screen.getvalue()
        assert "1/2" in screen.getvalue()
        advance("sweep of organism", 2, 2)
    assert screen.getvalue().endswith("\x1b[2K"), "the last line is erased"


@pytest.mark.parametrize("screen", [True], indirect=True)
def test_a_bar_that_an_error_interrupts_is_erased_too(screen, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")

    def measure():
        with progress(False, None, None) as advance:
            advance("sweep", 1, 9)
            raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        measure()
    assert screen.getvalue().endswith("\x1b[2K")


def test_a_process_without_standard_error_is_served_too(monkeypatch, clock):
    monkeypatch.setattr(sys, "__stderr__", None)
    with progress(False, None, None) as advance:
        advance("sweep", 1, 2)
