"""Clips of every width, and long ones: no limit but on silence, and memory that does not grow with them."""

import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest
from drawn_clips import encode

from circuit_claims.clips.decode import Decoder

FAST = {"preset": "ultrafast", "crf": "30"}


def bars(width: int, height: int) -> Iterator[np.ndarray]:
    """A bar that moves over a ramp: encoded in no time."""
    across = np.linspace(20, 200, width, dtype=np.uint8)
    picture = np.empty((height, width, 3), np.uint8)
    at = 0
    while True:
        picture[:] = across[None, :, None]
        picture[:, at % (width - 8) :][:, :8] = 255
        yield picture
        at += 3


def drawn(path: Path, width: int, height: int, frames: int, pix_fmt: str = "yuv420p") -> Path:
    return encode(path, islice(bars(width, height), frames), pix_fmt=pix_fmt, **FAST)


def repeated(source: Path, target: Path, times: int) -> Path:
    """The packets of a clip again and again, a frame every twelfth of a second."""
    with av.open(str(source)) as read, av.open(str(target), "w") as written:
        packets = [packet for packet in read.demux(video=0) if packet.dts is not None]
        stream = written.add_stream_from_template(read.streams.video[0])
        length = sum(packet.duration or 0 for packet in packets)
        for at in range(times):
            for packet in packets:
                copy = av.Packet(bytes(packet))
                copy.stream, copy.time_base, copy.is_keyframe = stream, packet.time_base, packet.is_keyframe
                copy.pts, copy.dts = packet.pts + at * length, packet.dts + at * length
                copy.duration = packet.duration
                written.mux(copy)
    return target


def same(decoder: Decoder, path: Path) -> int:
    """Hold every frame against PyAV's; return how many there are."""
    count = 0
    with av.open(str(path)) as container:
        theirs = container.decode(container.streams.best("video"))
        for ours, frame in zip(decoder.stream(path), theirs, strict=True):
            assert np.array_equal(ours, frame.to_ndarray(format="rgb24")), f"{path.name}: frame {count}"
            count += 1
    return count


@pytest.mark.slow
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p", "yuv444p"])
@pytest.mark.parametrize("height", [48, 64, 90])
def test_every_width(shared_decoder: Decoder, tmp_path: Path, height: int, pix_fmt: str) -> None:
    for width in range(16, 202, 2):
        assert same(shared_decoder, drawn(tmp_path / f"{width}.mp4", width, height, 6, pix_fmt)) == 6


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "frames"), [((1920, 1080), 120), ((1280, 720), 300)], ids=["10 s of 1080p", "25 s of 720p"]
)
def test_large_frames(shared_decoder: Decoder, tmp_path: Path, size: tuple[int, int], frames: int) -> None:
    path = drawn(tmp_path / "large.mp4", *size, frames)
    assert same(shared_decoder, path) == frames


@pytest.mark.slow
def test_six_minutes(shared_decoder: Decoder, tmp_path: Path) -> None:
    minute = drawn(tmp_path / "minute.mp4", 320, 240, 720)
    assert same(shared_decoder, repeated(minute, tmp_path / "six.mp4", 6)) == 6 * 720


MEASURED = """
import resource, sys
from pathlib import Path
from circuit_claims.clips.decode import Decoder

def megabytes(decoder):
    status = Path(f"/proc/{decoder.pid}/status").read_text()
    child = int(status.split("VmHWM:")[1].split()[0])
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss + child) / 1024

with Decoder() as decoder:
    small, hour = sys.argv[1:]
    decoder.decode(small, [0])
    idle = megabytes(decoder)
    timeline = decoder.timeline(hour)
    clip = decoder.decode(hour, range(timeline.n_frames - 32 * 4, timeline.n_frames, 4))
    print(timeline.n_frames, timeline.times[-1], clip.frames.shape, megabytes(decoder) - idle)
    assert timeline.n_frames == 43200 and abs(timeline.times[-1] - 3600) < 0.1
    assert megabytes(decoder) - idle < 300
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc, which this system lacks")
def test_an_hour_takes_no_more_memory_than_its_window(tmp_path: Path) -> None:
    """43,200 frames of 320x240 are 10 GB; parent and child together stay below 300 MB above idle."""
    minute = drawn(tmp_path / "minute.mp4", 320, 240, 720)
    hour = repeated(minute, tmp_path / "hour.mp4", 60)
    run = subprocess.run(
        [sys.executable, "-c", MEASURED, str(minute), str(hour)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    print(run.stdout)
