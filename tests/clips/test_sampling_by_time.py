"""Windows by time: against a reference that walks the frames one by one, in exact fractions."""

from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from circuit_claims.clips.sampling import CLOSE_S, Sampling, SamplingError, ends_at, shown_at
from circuit_claims.clips.seconds import in_words, seconds
from circuit_claims.clips.timeline import Timeline


def timeline(times: list[Fraction], fps: float = 0.0) -> Timeline:
    return Timeline(tuple(float(time) for time in times), 64, 48, fps, "made by hand")


def steady(fps: Fraction, n: int) -> Timeline:
    return timeline([i / fps for i in range(n)], float(fps))


def by_time(frames: int, every: str, start: str = "0 s") -> Sampling:
    return Sampling("time", frames, every=seconds(every), start=seconds(start))


# What is taken ------------------------------------------------------------------------------------------


GAPS = st.lists(st.fractions(Fraction(1, 240), Fraction(3), max_denominator=90_000), min_size=1, max_size=60)
TIMES = st.decimals(0, 2, places=4)
STEPS = st.decimals("0.001", "0.5", places=4)


@given(gaps=GAPS, start=TIMES, every=STEPS, frames=st.integers(1, 32))
def test_a_window_is_what_a_player_shows(
    gaps: list[Fraction], start: Decimal, every: Decimal, frames: int
) -> None:
    """A player replaces the frame on the screen by each one whose time has come."""
    times = [sum(gaps[:i], Fraction()) for i in range(len(gaps) + 1)]
    clip = timeline(times)
    assume(float(start + (frames - 1) * every) < ends_at(clip) - 2 * CLOSE_S)
    shown = []
    for i in range(frames):
        now, on_screen = Fraction(start) + i * Fraction(every), 0
        for number, time in enumerate(times):
            if time <= now + Fraction(CLOSE_S):
                on_screen = number
        shown.append(on_screen)
    assert Sampling("time", frames, start=start, every=every).indices(clip) == tuple(shown)


@given(
    fps=st.sampled_from(
        [Fraction(24000, 1001), Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(30)]
    ),
    start=st.integers(0, 200),
    frames=st.integers(1, 40),
    timescale=st.sampled_from([90_000, 12_800, 1_000_000, 0]),
)
def test_a_frame_whose_time_has_just_come_is_shown(
    fps: Fraction, start: int, frames: int, timescale: int
) -> None:
    """Times in a file are whole ticks, and floats here: neither may cost a frame."""
    exact = [i / fps for i in range(300)]
    times = exact if not timescale else [Fraction(round(t * timescale), timescale) for t in exact]
    for i in range(start, start + frames):
        assert shown_at([float(t) for t in times], float(times[i])) == i
        if timescale == 1_000_000:  # half a tick away, at most
            assert shown_at([float(t) for t in times], float(exact[i])) == i


def test_what_counts_as_the_same_time() -> None:
    """A microsecond, and not two."""
    assert shown_at([0.0, 1.0], 1.0 - 0.9e-6) == 1
    assert shown_at([0.0, 1.0], 1.0 - 2e-6) == 0


def test_by_hand() -> None:
    """Frames at 0, 0.1, 0.2, 1.0 and 1.1 s, the last for 0.275 s (the average)."""
    clip = timeline([Fraction(0), Fraction(1, 10), Fraction(1, 5), Fraction(1), Fraction(11, 10)])
    assert by_time(4, "0.1 s").indices(clip) == (0, 1, 2, 2)
    assert by_time(4, "300 ms", "0.15 s").indices(clip) == (1, 2, 2, 3)
    assert by_time(2, "1.3 s").indices(clip) == (0, 4)
    with pytest.raises(SamplingError, match=r"asks for the time 1.4 s, .* lasts 1.375 s \(5 frames\)"):
        by_time(2, "1.4 s").indices(clip)


@pytest.mark.parametrize("fps", [Fraction(25), Fraction(30000, 1001)])
def test_the_last_frame_is_shown_until_the_clip_ends_and_no_longer(fps: Fraction) -> None:
    clip = steady(fps, 50)
    end = Decimal(str(round(float(50 / fps), 6)))
    assert by_time(1, "1 s", in_words(end - Decimal("0.001"))).indices(clip) == (49,)
    with pytest.raises(SamplingError, match="take a smaller every or start, or another clip"):
        by_time(1, "1 s", in_words(end)).indices(clip)


def test_a_single_frame_without_a_rate_is_shown_at_once_only() -> None:
    clip = timeline([Fraction(0)])
    assert by_time(1, "1 s").indices(clip) == (0,)
    with pytest.raises(SamplingError, match="the clip lasts 0 s"):
        by_time(2, "1 s").indices(clip)


@given(
    start=TIMES,
    every=st.decimals("0.04", "0.5", places=3),
    frames=st.integers(1, 32),
    rates=st.sampled_from([(25, 30), (24, 30), (24, 25), (30, 60), (15, 25)]),
)
def test_clips_of_two_frame_rates_show_the_same_times(
    start: Decimal, every: Decimal, frames: int, rates: tuple[int, int]
) -> None:
    """A frame is at most its own duration old: both windows are within half of one of the same times."""
    sampling = Sampling("time", frames, start=start, every=every)
    wanted = [float(start + i * every) for i in range(frames)]
    for rate in rates:
        clip = steady(Fraction(rate), 20 * rate)
        middles = [clip.times[i] + 0.5 / rate for i in sampling.indices(clip)]
        assert all(abs(a - b) <= 0.5 / rate + 2e-6 for a, b in zip(middles, wanted, strict=True))
        assert list(sampling.times(clip)) == pytest.approx(wanted)


def test_by_frames_those_windows_drift_apart() -> None:
    """What the rule is for: 16 frames at stride 2 are 1.2 s of one clip and 1 s of the other."""
    slow, fast = steady(Fraction(25), 100), steady(Fraction(30), 100)
    counted, timed = Sampling("stride", 16, 2), by_time(16, "0.08 s")
    assert counted.times(slow)[-1] - counted.times(fast)[-1] == pytest.approx(0.2)
    assert max(abs(slow.times[i] - fast.times[j]) for i, j in zip(timed.indices(slow), timed.indices(fast), strict=True)) < 1 / 30  # fmt: skip  # noqa: E501


# Shifts ---------------------------------------------------------------------------------------------------


@given(every=st.decimals("0.04", "0.5", places=3), by=st.sampled_from([-6, -4, -2, 2, 4, 6]))
def test_a_shift_moves_both_clips_by_the_same_time_and_changes_every_frame(every: Decimal, by: int) -> None:
    sampling = Sampling("time", 16, start=Decimal(3), every=every)
    moved = sampling.shifted(by)
    for rate in (25, 30):
        clip = steady(Fraction(rate), 20 * rate)
        apart = [b - a for a, b in zip(sampling.times(clip), moved.times(clip), strict=True)]
        assert apart == pytest.approx([by * float(every) / 2] * 16)
        both = zip(sampling.indices(clip), moved.indices(clip), strict=True)
        assert all(a != b for a, b in both)


@given(every=st.decimals("0.0001", "0.5", places=4), by=st.integers(-50, 50))
def test_shifting_there_and_back_is_the_same_rule(every: Decimal, by: int) -> None:
    rule = Sampling("time", 16, start=Decimal("1.2"), every=every)
    assert rule.shifted(by).shifted(-by) == rule
    assert dict(rule.shifted(by).shifted(-by).as_dict()) == dict(rule.as_dict())


def test_the_least_shift_is_a_step() -> None:
    rule = by_time(4, "0.04 s")
    clip = steady(Fraction(25), 20)
    assert rule.shifted(1).indices(clip) == rule.indices(clip), "half a step shows the same frames"
    later = rule.shifted(rule.least_shift).indices(clip)
    assert later == tuple(index + 1 for index in rule.indices(clip))
    assert Sampling("stride", 4).least_shift == 1


def test_a_shift_in_words() -> None:
    assert by_time(4, "0.08 s").shift_in_words(-2) == "-0.08 s"
    assert Sampling("stride", 4).shift_in_words(-2, 2) == "-2 and 2 source frames"
    assert Sampling("stride", 4).shift_in_words(1) == "1 source frame"


def test_a_window_shifted_to_before_the_clip_fits_into_none() -> None:
    """It is no error to ask: other pairs of the set may have a later window."""
    rule = by_time(4, "0.08 s", "0.04 s").shifted(-2)
    with pytest.raises(SamplingError, match=r"begins at -0.04 s, before the clip's first frame"):
        rule.indices(steady(Fraction(25), 100))


# Plain data ---------------------------------------------------------------------------------------------


def test_as_plain_data() -> None:
    """What keys hold: a time is one text, however it was written."""
    plain = {"rule": "time", "frames": 16, "every": "0.08 s", "start": "1.2 s"}
    assert by_time(16, "0.08 s", "1.2 s").as_dict() == plain
    assert by_time(16, "80 ms", "1200.0 ms").as_dict() == plain
    assert by_time(16, "80 ms", "1200 ms") == by_time(16, "0.080 s", "1.20 s")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"rule": "time", "frames": 8}, "the rule time needs a step; give one, such as every"),
        ({"rule": "time", "frames": 8, "every": Decimal(0)}, "every is 0 s; it has to be more than 0 s"),
        ({"rule": "time", "frames": 8, "every": Decimal(-1)}, "every is -1 s"),
        (
            {"rule": "time", "frames": 8, "every": Decimal(1), "stride": 2},
            "stride belongs to the other",
        ),
        ({"rule": "time", "frames": 8, "every": Decimal(1), "seed": 2}, "seed belongs to the rule notebook"),
        ({"rule": "stride", "frames": 8, "every": Decimal(1)}, "every belongs to the rule time"),
        (
            {"rule": "stride", "frames": 8, "start": Decimal("1.2")},
            "start is 1.2 s, and the rule stride",
        ),
    ],
)
def test_rules_that_cannot_be(fields: dict[str, object], words: str) -> None:
    with pytest.raises(SamplingError, match=words):
        Sampling(**fields)


@given(time=st.decimals(0, 999_999, places=9))
def test_a_time_is_read_back_as_it_was_written(time: Decimal) -> None:
    assert seconds(in_words(time)) == time
    assert seconds(f"{time:f} ms") * 1000 == time


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0.08", "is 0.08 without a unit; write the unit, such as 0.08 s"),
        ("1.2 min", "min is no unit here; write s or ms"),
        ("1.2 S", "S is no unit here"),
        ("soon", "is 'soon', which is no time; write one such as 0.08 s or 80 ms"),
        ("", "is '', which is no time"),
        ("nan s", "is no time"),
        ("inf s", "is no time"),
        ("1e3 s", "is no time"),
        ("0,08 s", "is no time"),
        ("1234567 s", "is no time"),
        ("1 s 2 ms", "is no time"),
        ("٣ s", "is no time"),
    ],
)
def test_what_is_no_time(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        seconds(text)


def test_times_in_words() -> None:
    assert [in_words(Decimal(text)) for text in ("0.080", "100", "-0", "-0.4")] == ["0.08 s", "100 s", "0 s", "-0.4 s"]  # fmt: skip  # noqa: E501
    assert (in_words(1 / 3), in_words(2.0)) == ("0.333 s", "2 s")
    assert in_words(Decimal("0.4"), sign="+") == "+0.4 s"


def test_windows_by_time_ascend() -> None:
    found = by_time(16, "0.01 s").indices(steady(Fraction(25), 30))
    assert all(a <= b for a, b in pairwise(found))
    assert len(set(found)) == 4, "the same frame more than once where a step is shorter than a frame"
