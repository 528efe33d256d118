"""Which frames of two clips are compared, and what is said of them: against both clips held whole."""

from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from drawn_clips import encode, reference
from PIL import Image

from circuit_claims.clips.comparing import alongside, compare
from circuit_claims.clips.decode import Decoder
from circuit_claims.clips.inspecting import Inspected, inspect
from circuit_claims.clips.remarks import by_time_options, varies
from circuit_claims.clips.sampling import Sampling
from circuit_claims.clips.timeline import Timeline


def clip(times: list[Fraction], sampling: Sampling, fps: float = 0.0) -> Inspected:
    timeline = Timeline(tuple(float(time) for time in times), 64, 48, fps, "made by hand")
    window = sampling.indices(timeline)
    return Inspected(Path("a.mp4"), "", timeline, sampling, window, 1.0, 8, 0, False)


def steady(fps: int, n: int, sampling: Sampling) -> Inspected:
    return clip([Fraction(i, fps) for i in range(n)], sampling, fps)


def at(start: str) -> Sampling:
    return Sampling("time", 2, start=Decimal(start), every=Decimal("0.1"))


# Which frames -------------------------------------------------------------------------------------------


def test_by_frames_from_where_the_windows_begin_together() -> None:
    one, other = steady(25, 10, Sampling("stride", 2, 1, 3)), steady(25, 12, Sampling("stride", 2, 1, 1))
    assert list(alongside(one, other)) == [(2 + k, k) for k in range(8)]
    assert list(alongside(other, one)) == [(k, 2 + k) for k in range(8)]


def test_by_time_each_frame_stands_beside_what_the_other_shows_then() -> None:
    one, other = steady(25, 25, at("0")), steady(30, 30, at("0"))
    assert list(alongside(one, other)) == [(i, i * 30 // 25) for i in range(25)]
    assert list(alongside(other, one)) == [(i, i * 25 // 30) for i in range(30)]


def test_by_time_from_where_the_windows_begin_together() -> None:
    """Frame i of the one, at i / 10, is 0.3 s ahead in the other, which has a frame every 0.2 s."""
    one, other = steady(10, 10, at("0.2")), steady(5, 5, at("0.5"))
    assert list(alongside(one, other)) == [(i, (i + 3) // 2) for i in range(7)]
    back = list(alongside(other, one))
    assert back == [(1, 0), *((i, 2 * i - 3) for i in range(2, 5))], "frame 1 is on the screen at 0.3 s"


def test_by_time_a_held_frame_stands_beside_several() -> None:
    held = clip([Fraction(0), Fraction(1, 10), Fraction(9, 10)], at("0"))
    assert [j for _, j in alongside(steady(10, 10, at("0")), held)] == [0, 1, 1, 1, 1, 1, 1, 1, 1, 2]
    late = clip([Fraction(0), Fraction(1, 10), Fraction(9, 10)], at("0.3"))
    assert list(alongside(late, steady(10, 3, at("0")))) == [(1, 0)], "two clips always have a frame each"


# What is said -------------------------------------------------------------------------------------------


def grey(frame: np.ndarray) -> np.ndarray:
    image = Image.fromarray(frame).convert("L").resize((64, 64), Image.Resampling.BOX)
    return np.asarray(image).astype(float)


def test_differences_are_those_of_whole_clips(tmp_path: Path) -> None:
    """Frames 6 and on differ, by more and more, and the model sees frames 4, 6, 8, 10."""
    rng = np.random.default_rng(5)
    first = rng.integers(0, 255, (12, 4, 8, 3), np.uint8).repeat(16, 1).repeat(16, 2)
    second = first.copy()
    for number in range(6, 12):
        second[number, :, : 10 * (number - 4)] = 255 - second[number, :, : 10 * (number - 4)]
    paths = [
        encode(tmp_path / f"{name}.mp4", frames, bf="0", qp="20", preset="ultrafast")
        for name, frames in (("a", first), ("b", second))
    ]
    with Decoder() as one, Decoder() as other:
        clips = [inspect(path, Sampling("stride", 4, 2, 4), one) for path in paths]
        found = compare(clips[0], clips[1], (one, other), outcome_frame=8)
        same = compare(clips[0], clips[0], (one, other))
    both = [reference(path) for path in paths]
    apart = [np.abs(grey(a) - grey(b)).mean() for a, b in zip(*both, strict=True)]
    differ = [not np.array_equal(a, b) for a, b in zip(*both, strict=True)]
    assert (found.begins, found.n, found.first) == (0, 12, differ.index(True))
    assert found.mean == pytest.approx(np.mean(apart))
    assert found.before == pytest.approx(np.mean(apart[:8]))
    assert (found.peak, found.most) == (int(np.argmax(apart)), pytest.approx(max(apart)))
    assert not found.seen_alike
    assert [len(row) for row in found.shown] == [4, 4]
    assert all(picture.shape == (120, 240, 3) for row in found.shown for picture in row)
    assert (same.first, same.mean, same.most, same.seen_alike) == (None, 0.0, 0.0, True)


# What is proposed ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("rates", [(25, 30), (24, 30), (30, 24), (15, 50)])
@pytest.mark.parametrize("stride", [1, 2, 4])
def test_the_options_that_are_proposed_sample_the_slower_clip_as_its_stride_does(
    rates: tuple[int, int], stride: int
) -> None:
    counted = Sampling("stride", 16, stride, 3)
    one, other = (steady(rate, 200, counted) for rate in rates)
    _, every, _, starts = by_time_options(one, other).split()
    slower, start = min(zip((one, other), starts.split(","), strict=True), key=lambda c: c[0].timeline.fps)
    timed = Sampling("time", 16, start=Decimal(start.rstrip("s")), every=Decimal(every.rstrip("s")))
    assert timed.indices(slower.timeline) == slower.window


def test_a_rate_that_varies() -> None:
    assert varies(clip([Fraction(0), Fraction(1, 10), Fraction(3, 10)], at("0")).timeline)
    assert not varies(steady(25, 10, at("0")).timeline)
    milliseconds = [Fraction(round(i * 1000 / 30), 1000) for i in range(60)]
    assert not varies(clip(milliseconds, at("0")).timeline), "a container that counts in milliseconds"
