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


def test_away_from_a_terminal_a_line_a_minute_with_the_time_left(screen, clock):
    capture = Capture()
    with progress(False, capture, None) as advance:
        for done in range(1, 11):
            clock[0] += LINE_EVERY_S / 4
            advance("sweep of organism", done, 10)
    assert screen.getvalue() == (
        "sweep of organism: 4 of 10, about 1.5 min left\nsweep of organism: 8 of 10, about 30 s left\n"
    )
    assert capture.suspended == 3, "once to ask whether there is a terminal, and for each line"


def test_the_time_left_is_by_the_rate_of_what_is_measured_now(screen, clock):
    with progress(False, None, None) as advance:
        for done in range(1, 31):
            clock[0] += 1.0
            advance("trace", done, 30)
        for done in (1, 2):
            clock[0] += LINE_EVERY_S
            advance("sweep", done, 3)
    assert screen.getvalue() == "sweep: 1 of 3, about 2 min left\nsweep: 2 of 3, about 60 s left\n"


def test_a_second_measurement_of_the_same_name_begins_anew(screen, clock):
    with progress(False, None, None) as advance:
        for done in range(1, 4):
            clock[0] += 1.0
            advance("sweep", done, 3)
        clock[0] += LINE_EVERY_S
        advance("sweep", 1, 3)
    assert screen.getvalue() == "sweep: 1 of 3, about 2 min left\n"


def test_what_is_done_has_no_time_left(screen, clock):
    with progress(False, None, None) as advance:
        clock[0] += LINE_EVERY_S
        advance("sweep", 1, 1)
    assert screen.getvalue() == "sweep: 1 of 1\n"


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
