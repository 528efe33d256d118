"""A file gives its own frames in their own order, or a ClipError that names it."""

import os
import pickle
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import av
import numpy as np
import pytest
from drawn_clips import N_FRAMES, RAMP, drawn, encode, reference

from circuit_claims.clips.choice import version
from circuit_claims.clips.decode import ClipError, Decoder


def assert_refused(decoder: Decoder, path: Path, *words: str) -> ClipError:
    with pytest.raises(ClipError) as caught:
        decoder.decode(path)
    message = str(caught.value)
    assert caught.value.path == path
    assert message.startswith(f"{path}: ")
    assert "; " in message, "says what is wrong, but not what to do"
    for word in words:
        assert word in message
    return caught.value


def test_frames_equal_the_reference(shared_decoder: Decoder, ramp: Path) -> None:
    clip = shared_decoder.decode(ramp)
    assert clip.frames.shape == (N_FRAMES, 64, 128, 3)
    assert clip.frames.dtype == np.uint8
    assert (clip.path, clip.timeline.fps, clip.timeline.n_frames) == (ramp, 12.0, N_FRAMES)
    np.testing.assert_array_equal(clip.frames, reference(ramp))


def test_each_frame_is_the_one_that_was_drawn(shared_decoder: Decoder, ramp: Path) -> None:
    frames = shared_decoder.decode(ramp).frames
    levels = frames[:, 16:].mean(axis=(1, 2, 3))
    assert [int(np.abs(np.array(RAMP) - level).argmin()) for level in levels] == list(range(N_FRAMES))
    blocks = frames[:, 2:6, :40].reshape(N_FRAMES, 4, 5, 8, 3).mean(axis=(1, 3, 4)) > 127
    assert [int(sum(bit << place for place, bit in enumerate(row))) for row in blocks] == list(
        range(N_FRAMES)
    )


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("closed.mp4", {"g": "1"}),
        ("one_keyframe.mp4", {"g": "999", "bf": "3"}),
        ("open_gop.mp4", {"g": "6", "bf": "3", "x264-params": "open-gop=1:scenecut=0"}),
        ("matroska.mkv", {"bf": "2"}),
        ("mpeg4_bf.avi", {"bf": "2"}),
    ],
)
def test_b_frames_and_containers(
    shared_decoder: Decoder, tmp_path: Path, name: str, options: dict[str, str]
) -> None:
    path = encode(tmp_path / name, drawn(), "mpeg4" if name.endswith("avi") else "libx264", **options)
    np.testing.assert_array_equal(shared_decoder.decode(path).frames, reference(path))


@pytest.mark.parametrize("width", [64, 66, 98, 128])
def test_widths(shared_decoder: Decoder, tmp_path: Path, width: int) -> None:
    path = encode(tmp_path / "clip.mp4", drawn(width))
    np.testing.assert_array_equal(shared_decoder.decode(path).frames, reference(path))


def test_odd_names(
    shared_decoder: Decoder, ramp: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("café 日本.MP4", "new\nline.mp4", "-leading.mp4", "file:a.mp4", "none"):
        Path(name).write_bytes(ramp.read_bytes())
        assert len(shared_decoder.decode(name).frames) == N_FRAMES
    stray = os.fsdecode(b"\xff.mp4")
    Path(stray).write_bytes(ramp.read_bytes())
    np.testing.assert_array_equal(shared_decoder.decode(stray).frames, reference(ramp))
    with pytest.raises(ClipError, match=r"^'lost\\nline\.mp4': does not exist") as caught:
        shared_decoder.decode("lost\nline.mp4")
    assert caught.value.path == Path("lost\nline.mp4")


def test_no_regular_file(shared_decoder: Decoder, tmp_path: Path) -> None:
    assert_refused(shared_decoder, tmp_path / "missing.mp4", "does not exist")
    (tmp_path / "folder.mp4").mkdir()
    assert_refused(shared_decoder, tmp_path / "folder.mp4", "is a directory")
    (tmp_path / "dangling.mp4").symlink_to("gone.mp4")
    assert_refused(shared_decoder, tmp_path / "dangling.mp4", "link to gone.mp4")
    (tmp_path / "loop.mp4").symlink_to("loop.mp4")
    assert_refused(shared_decoder, tmp_path / "loop.mp4", "cannot be reached")
    os.mkfifo(tmp_path / "fifo.mp4")
    assert_refused(shared_decoder, tmp_path / "fifo.mp4", "no regular file")
    assert_refused(shared_decoder, tmp_path / ("x" * 300), "cannot be reached")
    with pytest.raises(ClipError, match="cannot be reached"):
        shared_decoder.decode("a\0b.mp4")


def test_no_video(shared_decoder: Decoder, tmp_path: Path) -> None:
    files = {"empty.mp4": b"", "text.mp4": b"not a video\n" * 400, "random.mp4": bytes(range(256)) * 64}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        assert_refused(shared_decoder, tmp_path / name, "is empty" if not content else "is no video")


def test_sound_only(shared_decoder: Decoder, tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    assert_refused(shared_decoder, path, "no video stream")


def test_cut_short(shared_decoder: Decoder, ramp: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.mp4"
    path.write_bytes(ramp.read_bytes()[:-900])
    error = assert_refused(shared_decoder, path, "cut short", "fetch it again")
    counts = re.search(rf"holds (\d+) of the {N_FRAMES} frames that its header promises", str(error))
    assert counts is not None
    assert 0 < int(counts[1]) < N_FRAMES


def test_damaged_in_the_middle(
    shared_decoder: Decoder, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = encode(
        tmp_path / "clip.mp4", np.random.default_rng(0).integers(0, 255, (24, 64, 128, 3), np.uint8)
    )
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 30000] = bytes(30000)
    path.write_bytes(content)
    assert_refused(shared_decoder, path, "fetch it again")
    assert capfd.readouterr() == ("", ""), "the decoder's noise reached the terminal"


def test_an_error_survives_pickling(shared_decoder: Decoder, tmp_path: Path) -> None:
    error = assert_refused(shared_decoder, tmp_path / "missing.mp4")
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.path) == (str(error), error.path)


def test_version_names_the_distribution(monkeypatch: pytest.MonkeyPatch) -> None:
    assert version("decord2") == f"decord2 {metadata.version('decord2')}"
    monkeypatch.setattr(metadata, "version", {"decord2": "3.4.0", "decord": "0.6.0", "av": "18"}.__getitem__)
    assert version("av") == "av 18"
    assert version("decord2") == "decord2 3.4.0 and decord 0.6.0"


def test_light_imports() -> None:
    heavy = "{'numpy', 'decord', 'av', 'torch', 'scipy'} & set(sys.modules)"
    for module in ("pairs", "sampling", "hashing", "errors", "decode", "decoder_child", "choice", "readers"):
        code = f"import sys, circuit_claims.clips.{module}; print(sorted({heavy}))"
        run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert run.stdout == "[]\n", module
