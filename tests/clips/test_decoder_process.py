"""The decoder's process may die, hang, print or fail to start; the next clip is read all the same."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from drawn_clips import N_FRAMES, reference

from circuit_claims.clips.answer import Answer
from circuit_claims.clips.decode import ClipError, Decoder


def pid_of(decoder: Decoder) -> int:
    assert decoder.pid is not None
    return decoder.pid


def test_one_process_serves_many_clips(decoder: Decoder, ramp: Path, tmp_path: Path) -> None:
    assert decoder.pid is None
    (tmp_path / "text.mp4").write_text("no video")
    pids = set()
    for path in (ramp, tmp_path / "text.mp4", ramp):
        try:
            decoder.decode(path)
        except ClipError:
            assert path != ramp
        pids.add(pid_of(decoder))
    assert len(pids) == 1


def test_killed_between_two_clips(decoder: Decoder, ramp: Path) -> None:
    decoder.decode(ramp)
    for _ in range(2):
        os.kill(pid_of(decoder), signal.SIGKILL)
        assert len(decoder.decode(ramp).frames) == N_FRAMES


def test_stopped_process_runs_into_the_limit(ramp: Path) -> None:
    with Decoder() as decoder:
        decoder.decode(ramp)
        first = pid_of(decoder)
        os.kill(first, signal.SIGSTOP)
        decoder.timeout_s = 0.3
        with pytest.raises(ClipError, match=r"no frame came for 0\.3 s"):
            decoder.decode(ramp)
        decoder.timeout_s = 30
        np.testing.assert_array_equal(decoder.decode(ramp).frames, reference(ramp))
        assert decoder.pid != first
    assert decoder.pid is None


def test_over_its_time_limit(ramp: Path) -> None:
    with Decoder(timeout_s=1e-4) as decoder:
        with pytest.raises(ClipError, match=r"was not decoded: .* the decoder was stopped; "):
            decoder.decode(ramp)
        decoder.timeout_s = 30
        assert len(decoder.decode(ramp).frames) == N_FRAMES


def test_a_decoder_that_is_slow_is_not_a_decoder_that_hangs(
    decoder: Decoder, ramp: Path, fake_decord: Callable[..., None]
) -> None:
    """A busy machine: each frame takes its time, and all of them longer than the limit on silence."""
    fake_decord("time.sleep(0.05)\nreturn self.real.next()")
    decoder.timeout_s = 0.6
    started = time.monotonic()
    np.testing.assert_array_equal(decoder.decode(ramp).frames, reference(ramp))
    assert time.monotonic() - started > N_FRAMES * 0.05 > decoder.timeout_s


def test_frames_that_are_skipped_are_progress(
    decoder: Decoder, ramp: Path, fake_decord: Callable[..., None]
) -> None:
    fake_decord("time.sleep(0.05)\nreturn self.real.next()")
    decoder.timeout_s = 0.6
    clip = decoder.decode(ramp, [N_FRAMES - 1])
    np.testing.assert_array_equal(clip.frames, reference(ramp)[-1:])
    assert clip.timeline.decoder.startswith("decord2 "), "nothing came before the last frame but progress"


def test_interrupted_in_the_middle_of_an_answer(
    decoder: Decoder, ramp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoder.decode(ramp)
    into, calls = Answer._into, 0

    def interrupted(self: Answer, buffer: memoryview) -> None:
        nonlocal calls
        calls += 1
        if calls == 9:
            raise KeyboardInterrupt
        into(self, buffer)

    with monkeypatch.context() as patch:
        patch.setattr(Answer, "_into", interrupted)
        with pytest.raises(KeyboardInterrupt):
            decoder.decode(ramp)
    np.testing.assert_array_equal(decoder.decode(ramp).frames, reference(ramp))


def test_native_loop(decoder: Decoder, ramp: Path, fake_decord: Callable[..., None]) -> None:
    fake_decord("while True: time.sleep(0.05)")
    decoder.timeout_s = 0.5
    started = time.monotonic()
    with pytest.raises(ClipError, match=r"no frame came for 0\.5 s"):
        decoder.decode(ramp)
    assert decoder.pid is None
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("after", [0, 10])
def test_where_decord_ends_the_process_pyav_takes_over(
    decoder: Decoder, ramp: Path, fake_decord: Callable[..., None], after: int
) -> None:
    """In its check of the first frames, and in the middle of a clip; the frames are the same."""
    fake_decord("os.kill(os.getpid(), 11)", after=after)
    clip = decoder.decode(ramp)
    np.testing.assert_array_equal(clip.frames, reference(ramp))
    assert clip.timeline.decoder == f"av {av.__version__}"
    assert clip.timeline.why == "decord ended its process on it"
    np.testing.assert_array_equal(np.stack(list(decoder.stream(ramp))), reference(ramp))


def test_a_process_that_ends_without_decord_too_is_an_error(
    decoder: Decoder, ramp: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyAV dies in the walk of the packets."""
    real = Path(av.__file__).parents[1]
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\n"
        f"sys.path.append({str(real)!r})\n"
        "import av\n"
        "av.open = lambda *a, **k: os.kill(os.getpid(), 11)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(ClipError, match=r"ended the decoder's process \(SIGSEGV\); re-encode it"):
        decoder.decode(ramp)


@pytest.mark.parametrize(
    ("raised", "words"),
    [
        ("RuntimeError('Error reading')", "RuntimeError: Error reading"),
        (
            "DECORDError('[03:13:36] /src/a.cc:61: Check failed: f(x) >= 0 (-1 vs. 0) Thread worker: lost')",
            "DECORDError: Thread worker: lost",
        ),
        ("DECORDLimitReachedError()", "it would repeat frames that it cannot place"),
        ("IndexError('7')", "it finds no more frames"),
        ("StopIteration()", "it finds no more frames"),
        ("ValueError('unheard of')", "ValueError: unheard of"),
        ("MemoryError()", "MemoryError"),
    ],
)
def test_where_decord_gives_up_pyav_takes_over(
    decoder: Decoder, ramp: Path, fake_decord: Callable[..., None], raised: str, words: str
) -> None:
    fake_decord(f"raise {raised}", after=10)
    assert decoder.timeline(ramp).decoder.startswith("decord2 ")
    clip = decoder.decode(ramp)
    np.testing.assert_array_equal(clip.frames, reference(ramp))
    assert clip.timeline.why == f"decord gives up at frame 10 ({words})"
    assert clip.timeline.decoder == decoder.timeline(ramp).decoder == f"av {av.__version__}"
    np.testing.assert_array_equal(np.stack(list(decoder.stream(ramp))), reference(ramp))


@pytest.mark.parametrize(
    "body",
    [
        "raise StopIteration",
        "raise DECORDError('no')",
        "return Frame(numpy.pad(self.real.next().asnumpy(), ((0, 0), (0, 0), (0, 1))))",
        "self.kept = getattr(self, 'kept', None) or self.real.next()\nreturn self.kept",
        "self.real.next()\nreturn self.real.next()",
    ],
    ids=["none", "an error", "padded rows", "the first one repeated", "every other one"],
)
def test_what_is_wrong_with_the_first_frames_is_noticed(
    decoder: Decoder, ramp: Path, fake_decord: Callable[..., None], body: str
) -> None:
    fake_decord(f"import numpy\n{body}")
    clip = decoder.decode(ramp)
    assert clip.timeline.why == "decord does not give its first frames as PyAV does"
    np.testing.assert_array_equal(clip.frames, reference(ramp))


def test_a_padded_row_in_the_middle_is_noticed(
    decoder: Decoder, ramp: Path, fake_decord: Callable[..., None]
) -> None:
    fake_decord("import numpy\nreturn Frame(numpy.zeros((64, 128, 4), numpy.uint8))", after=10)
    clip = decoder.decode(ramp, [3, 9, 10, 20])
    assert clip.timeline.why == "decord gives up at frame 10 (its rows are padded: 64x128x4 for 64x128x3)"
    np.testing.assert_array_equal(clip.frames, reference(ramp)[[3, 9, 10, 20]])


def test_noise_of_native_code(
    decoder: Decoder, ramp: Path, fake_decord: Callable[..., None], capfd: pytest.CaptureFixture[str]
) -> None:
    fake_decord("os.write(1, b'out' * 9999); os.write(2, b'err' * 9999)\nreturn self.real.next()")
    np.testing.assert_array_equal(decoder.decode(ramp).frames, reference(ramp))
    assert capfd.readouterr() == ("", "")


def test_libraries_that_do_not_load(
    decoder: Decoder, ramp: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "decord.py").write_text("raise ImportError('no such luck')")
    with monkeypatch.context() as patch:
        patch.setenv("PYTHONPATH", str(tmp_path))
        with pytest.raises(ClipError, match="does not start: ImportError: no such luck; install both"):
            decoder.decode(ramp)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", "/bin/false")
        with pytest.raises(ClipError, match="does not start: exit status 1; see what"):
            decoder.decode(ramp)
    assert len(decoder.decode(ramp).frames) == N_FRAMES


def test_environment_of_the_user(
    decoder: Decoder, ramp: Path, fake_decord: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DECORD_EOF_RETRY_MAX", "1")
    fake_decord("raise ValueError(sorted(name for name in os.environ if name.startswith('DECORD')))", after=9)
    assert "(ValueError: [])" in decoder.decode(ramp).timeline.why


@pytest.mark.skipif(
    not Path("/proc/self/maps").exists(), reason="reads /proc, which this system does not have"
)
def test_no_torch_in_the_process(decoder: Decoder, ramp: Path) -> None:
    decoder.decode(ramp)
    maps = Path(f"/proc/{decoder.pid}/maps").read_text()
    assert "decord" in maps
    assert "libtorch" not in maps


@pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="reads /proc, which this system does not have"
)
def test_the_process_follows_a_killed_parent(ramp: Path) -> None:
    code = (
        "import os, signal, sys\n"
        "from circuit_claims.clips.decode import Decoder\n"
        "decoder = Decoder()\n"
        "decoder.decode(sys.argv[1])\n"
        "print(decoder.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    run = subprocess.run([sys.executable, "-c", code, str(ramp)], capture_output=True, text=True, check=False)
    child = Path(f"/proc/{int(run.stdout)}/stat")
    for _ in range(100):
        if not child.exists() or child.read_text().rsplit(")", 1)[1].split()[0] == "Z":
            break
        time.sleep(0.05)
    else:
        pytest.fail("the decoder's process outlives its parent")
    assert run.returncode == -signal.SIGKILL
