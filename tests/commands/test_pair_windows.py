"""`circuit-claims pair add` by time: clips of two frame rates, and of one that varies, end to end."""

import subprocess
import sys
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numbered import VARYING, clip, number_in, steady

from circuit_claims.cli import USAGE, main
from circuit_claims.clips.decode import Decoder
from circuit_claims.clips.pairs import load_pairs, verify_hashes
from circuit_claims.clips.sampling import Sampling

VIDEOS = Path(__file__).resolve().parents[3] / "shared" / "videos"


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rates")
    clip(folder / "a25.mp4", steady(25), turn_s=1.0)
    clip(folder / "b25.mp4", steady(25))
    clip(folder / "b30.mp4", steady(30))
    clip(folder / "varying.mp4", VARYING)
    clip(folder / "varying_too.mp4", VARYING, turn_s=1.0)
    return folder


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def add(made: Path, success: str, failure: str, *args: str, name: str = "p1") -> int:
    clips = (str(made / f"{success}.mp4"), str(made / f"{failure}.mp4"))
    return main(["pair", "add", name, *clips, "--action", "putt", *args])


def windows(name: str = "p1") -> list[list[int]]:
    """The numbers that the pictures of a pair's two windows carry."""
    pairs = load_pairs("pairs.toml")
    verify_hashes(pairs)
    (pair,) = (pair for pair in pairs.pairs if pair.name == name)
    found = []
    with Decoder() as decoder:
        for one in (pair.positive, pair.negative):
            indices = pairs.sampling_of(pair, one).indices(decoder.timeline(one.path))
            frames = decoder.decode(one.path).frames
            found.append([number_in(frames[index]) for index in indices])
    return found


# Two frame rates ------------------------------------------------------------------------------------------


def test_two_frame_rates_are_told_with_the_options_that_sample_them_by_time(here, made, capsys):
    assert add(made, "a25", "b30", "--start", "10,13") == 0
    told = (
        "warning: the clips differ in frame rate (25 and 30 a second): the same stride is another time; take "
        "the pair out of the manifest, and add it by time: --every 0.08s --start 0.4s,0.434s"
    )
    assert told in capsys.readouterr().out.splitlines()
    Path("pairs.toml").unlink()
    assert add(made, "a25", "b30", "--every", "0.08s", "--start", "0.4s,0.434s") == 0
    out = capsys.readouterr().out
    assert "same stride" not in out
    assert "(25 and 30 a second): frames of one time are up to 0.04 s apart" in out
    assert "success: 75 frames of 128x128, 25 frames a second; the model sees frames 10 to 40 (0.4 s to 1.6 s)" in out  # fmt: skip  # noqa: E501


def test_both_windows_show_the_same_times(here, made):
    """By hand: at 1.2 s and every 0.08 s after it, which is every other frame of 25 a second."""
    assert add(made, "a25", "b30", "--every", "80 ms", "--start", "1.2 s") == 0
    assert load_pairs("pairs.toml").sampling == Sampling(
        "time", 16, start=Decimal("1.2"), every=Decimal("0.08")
    )
    slow, fast = windows()
    assert slow == [30 + 2 * i for i in range(16)]
    assert fast == [(120 + 8 * i) * 30 // 100 for i in range(16)]


def test_a_pair_of_its_own_in_a_set_that_counts_frames(here, made, capsys):
    assert add(made, "a25", "b25") == 0
    assert add(made, "a25", "b30", "--every", "0.08s", "--start", "0.4s,0.5s", name="p2") == 0
    assert add(made, "a25", "b30", "--every", "0.04s", name="p3") == 0
    pairs = load_pairs("pairs.toml")
    assert pairs.sampling == Sampling("stride", 16, 2)
    first, second, third = pairs.pairs
    assert first.sampling is None
    assert second.sampling == Sampling("time", 16, start=Decimal("0.4"), every=Decimal("0.08"))
    assert (second.positive.start, second.negative.start) == (0, Decimal("0.1"))
    assert third.sampling == Sampling("time", 16, start=Decimal(0), every=Decimal("0.04"))
    assert windows("p1") == [[2 * i for i in range(16)]] * 2
    assert windows("p2") == [
        [10 + 2 * i for i in range(16)],
        [(50 + 8 * i) * 30 // 100 for i in range(16)],
    ]
    capsys.readouterr()
    assert main(["pair", "check"]) == 0
    assert "3 of 3 pairs are good" in capsys.readouterr().out


def test_a_pair_of_its_own_in_a_set_by_time(here, made):
    assert add(made, "a25", "b30", "--every", "0.08s", "--start", "0.4s") == 0
    assert add(made, "b25", "b30", "--start", "0.8s", name="p2") == 0
    assert add(made, "a25", "b25", "--every", "80ms", name="p3") == 0
    first, second, third = load_pairs("pairs.toml").pairs
    assert (first.sampling, third.sampling) == (None, None)
    assert second.sampling == Sampling("time", 16, start=Decimal("0.8"), every=Decimal("0.08"))
    assert windows("p3") == [[10 + 2 * i for i in range(16)]] * 2


def test_clips_are_compared_at_the_same_times(here, made, capsys):
    """Frames 0 to 4 of the slow clip stand beside 0 to 4 of the fast one, and frame 5 (0.2 s) beside 6."""
    assert add(made, "a25", "b30", "--every", "0.2s", "--frames", "10", "--outcome-frame", "25") == 0
    out = capsys.readouterr().out
    assert "they first differ in frame 5 (0.20 s), and are identical before" in out
    assert "comes after the window" not in out


def test_a_turn_in_time_is_found_where_it_is(here, made, capsys):
    assert add(made, "a25", "b25", "--every", "0.08s", "--start", "0.2s") == 0
    assert "they first differ in frame 25 (1.00 s), and are identical before" in capsys.readouterr().out


# A rate that varies -----------------------------------------------------------------------------------


def test_a_rate_that_varies_goes_by_timestamps(here, made, capsys):
    assert add(made, "varying_too", "varying", "--every", "0.1s", "--start", "0.2s") == 0
    expected = [30 * t // 10 if t < 10 else 30 + (t - 10) for t in range(2, 18)]
    assert windows() == [expected] * 2
    assert "they first differ in frame 30 (1.00 s), and are identical before" in capsys.readouterr().out


def test_a_rate_that_varies_is_told(here, made, capsys):
    assert add(made, "varying_too", "varying") == 0
    out = capsys.readouterr().out
    assert "varying_too.mp4 and varying.mp4: the frame rate varies: a stride is no fixed time; take" in out


def test_a_made_control_keeps_the_times_of_its_clip(here, made):
    assert add(made, "varying_too", "varying", "--every", "0.1s", "--make-control", "--jitter", "3") == 0
    control = load_pairs("pairs.toml").pairs[1]
    assert control.sampling == load_pairs("pairs.toml").pairs[0].sampling
    with Decoder() as decoder:
        own, copy = (decoder.timeline(one.path).times for one in (control.positive, control.negative))
    assert list(copy) == pytest.approx([float(time - VARYING[3]) for time in VARYING[3:]], abs=1e-4)
    assert list(own) == pytest.approx([float(time) for time in VARYING], abs=1e-4)
    assert windows("p1-noise")[1] == [30 * t // 10 + 3 if t < 9 else 30 + (t - 9) for t in range(16)]


@pytest.mark.skipif(not VIDEOS.exists(), reason="the folder shared/videos is not beside the checkout")
@pytest.mark.parametrize("name", ["vfr", "vfr_gap3s"])
def test_real_files_of_varying_rate(here, capsys, name):
    """Against PyAV's timestamps, frame by frame."""
    path = VIDEOS / "nasty" / f"{name}.mp4"
    with av.open(str(path)) as container:
        stream = container.streams.best("video")
        times = [frame.pts * frame.time_base for frame in container.decode(stream)]
    args = ["--every", "0.2s", "--start", "0.1s,0.3s"]
    assert main(["pair", "add", "p1", str(path), str(path), "--action", "x", *args]) == 0
    pairs = load_pairs("pairs.toml")
    (pair,) = pairs.pairs
    with Decoder() as decoder:
        for one, start in ((pair.positive, Fraction(1, 10)), (pair.negative, Fraction(3, 10))):
            wanted = [start + i * Fraction(1, 5) for i in range(16)]
            begun = [max(i for i, time in enumerate(times) if time - times[0] <= t) for t in wanted]
            found = pairs.sampling_of(pair, one).indices(decoder.timeline(one.path))
            assert list(found) == begun


# The strip --------------------------------------------------------------------------------------------


def test_the_strip_has_a_time_below_each_frame(here, made):
    from PIL import Image

    assert add(made, "a25", "b30", "--every", "0.08s", "--strip", "with.png") == 0
    picture = np.asarray(Image.open("with.png").convert("L"))
    row = len(picture) // 2
    below = picture[120:row, : picture.shape[1] // 8]
    assert below.max() == 255
    assert (below < 100).any(), "black on white"
    again = np.asarray(Image.open("with.png").convert("L"))[120:row]
    cells = np.split(again, 8, axis=1)
    assert len({cell.tobytes() for cell in cells}) == 8, "eight times, each another"


# What cannot be ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--every", "0.08s", "--stride", "2"], "--every samples by time and --stride by frames; leave one"),
        (["--every", "0.08s", "--rule", "stride"], "--every samples by time and --rule by frames"),
        (["--every", "0.08s", "--start", "12"], "--start 12 is a frame, and the window goes by time; write"),
        (["--start", "1.2s"], "--start 1.2 s is a time, and the window counts source frames; give the frame"),
        (
            ["--every", "0.2s", "--start", "0.1s"],
            r"asks for the time 3.1 s, and the clip lasts 3 s (75 frames); take a smaller every",
        ),
    ],
)
def test_options_that_do_not_go_together(here, made, capsys, args, said):
    assert add(made, "a25", "b30", *args) == USAGE
    out, err = capsys.readouterr()
    assert said in err
    assert len(err.splitlines()) == 1
    assert (out, list(Path().iterdir())) == ("", [])


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--every", "0.08"], "argument --every: is 0.08 without a unit; write the unit, such as 0.08 s"),
        (["--every", "0s"], "argument --every: is 0 s; give more than 0s"),
        (["--every=-1s"], "argument --every: is -1 s, before the clip"),
        (["--every", "2 frames"], "frames is no unit here; write s or ms"),
        (["--start", "1.2"], "argument --start: is 1.2 without a unit"),
        (["--start", "12,1.2s"], "argument --start: is 12 without a unit"),
        (["--start", "soon"], "is no time; write one such as 0.08 s or 80 ms (or a source frame such as 12)"),
        (["--start=-1s"], "argument --start: is -1 s, before the clip"),
    ],
)
def test_times_that_are_none(here, made, capsys, args, said):
    with pytest.raises(SystemExit) as ended:
        add(made, "a25", "b30", *args)
    assert ended.value.code == USAGE
    assert said in capsys.readouterr().err


def test_a_frame_that_stands_twice_is_told(here, made, capsys):
    assert add(made, "a25", "b25", "--every", "10ms", "--start", "0.9s") == 0
    out = capsys.readouterr().out
    told = "a25.mp4: 11 of the 16 frames that the model sees are the frame before once more: it is shown for"
    assert told in out
    assert "longer than 0.01 s; take a larger --every" in out


# Memory -----------------------------------------------------------------------------------------------

PEAK = """
import resource, sys
from pathlib import Path
from circuit_claims.clips.comparing import compare
from circuit_claims.clips.decode import Decoder
from circuit_claims.clips.inspecting import inspect
from circuit_claims.clips.sampling import Sampling
paths = [Path(name) for name in sys.argv[1:]]
with Decoder() as one, Decoder() as other:
    clips = [inspect(path, Sampling("stride", 16, 2), one) for path in paths]
    compare(*clips, (one, other))
whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)  # of the children, the larger one
print(sum(resource.getrusage(who).ru_maxrss for who in whose) // 1024)
"""


def flat(path: Path, n: int, side: int) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "ultrafast", "crf": "40"})
        stream.width = stream.height = side
        stream.pix_fmt = "yuv420p"
        for number in range(n):
            picture = np.full((side, side, 3), number % 200, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


def test_memory_does_not_grow_with_the_clips(tmp_path: Path) -> None:
    """300 frames of 512 x 512 are 236 MB; this process and a decoder's stay within a fifth of it."""
    peaks = []
    for n in (40, 340):
        paths = [flat(tmp_path / f"{side}-{n}.mp4", n, 512) for side in "ab"]
        done = subprocess.run(
            [sys.executable, "-c", PEAK, *paths], capture_output=True, check=True, text=True
        )
        peaks.append(int(done.stdout))
    assert peaks[1] - peaks[0] < 48, peaks
