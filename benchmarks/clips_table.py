"""A Markdown table of clips: which decoder reads each and why, and whether its frames are PyAV's.

    python benchmarks/clips_table.py [FOLDER]

FOLDER (../shared/videos where none is named) is read with the folders below it; after its clips come clips
that are made on the spot, of the kinds that people have. The reference is PyAV, first frame to last, turned
as the file asks.
"""

import sys
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np

from circuit_claims.clips.decode import Decoder
from circuit_claims.clips.errors import ClipError, shown

DEFAULT = Path(__file__).parents[1].parent / "shared" / "videos"
KINDS = {".mp4", ".mov", ".avi", ".mkv", ".webm", ".ts", ".h264", ".ogv", ".m3u8", ""}


def row(decoder: Decoder, path: Path) -> str:
    """What comes of one clip."""
    started = time.monotonic()
    try:
        timeline = decoder.timeline(path)
        walked = time.monotonic() - started
        equal = against_reference(decoder, path)
    except ClipError as error:
        seconds = f"{time.monotonic() - started:.2f}"
        return f"| {shown(path.name)} | – | – | – | refused: {error.problem} | {seconds} |"
    size = f"{timeline.n_frames} of {timeline.width}x{timeline.height}, {timeline.fps:.4g}/s"
    seconds = f"{walked:.2f} + {time.monotonic() - started - walked:.2f}"
    return f"| {shown(path.name)} | {timeline.decoder} | {timeline.why} | {size} | {equal} | {seconds} |"


def against_reference(decoder: Decoder, path: Path) -> str:
    """How the frames compare with PyAV's, streamed side by side."""
    wrong = 0
    theirs = reference(path)
    for number, ours in enumerate(decoder.stream(path)):
        other = next(theirs, None)
        if other is None:
            return f"PyAV has only {number} frames"
        wrong += not np.array_equal(ours, other)
    more = sum(1 for _ in theirs)
    if more:
        return f"PyAV has {more} frames more"
    return f"{wrong} frames differ" if wrong else "equal"


def reference(path: Path) -> Iterator[np.ndarray]:
    """PyAV's frames, one by one."""
    with av.open(str(path)) as container:
        for frame in container.decode(container.streams.best("video")):
            yield np.rot90(frame.to_ndarray(format="rgb24"), frame.rotation // 90)


def pictures(width: int, height: int) -> Iterator[np.ndarray]:
    """A bar that moves over a ramp."""
    across = np.linspace(20, 200, width, dtype=np.uint8)
    picture = np.empty((height, width, 3), np.uint8)
    number = 0
    while True:
        picture[:] = across[None, :, None]
        at = number * 3 % max(1, width - 8)
        picture[:, at : at + 8] = 255
        yield picture
        number += 1


def encode(
    path: Path,
    frames: int,
    width: int,
    height: int,
    *,
    codec: str = "libx264",
    rate: int = 25,
    pix_fmt: str = "yuv420p",
    muxing: dict[str, str] | None = None,
    **options: str,
) -> Path:
    """Draw and encode a clip."""
    if codec == "libx264":
        options = {"preset": "ultrafast", "crf": "30", "threads": "1", **options}
    with av.open(str(path), "w", options=muxing or {}) as container:
        stream = container.add_stream(codec, rate=rate, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        for picture in islice(pictures(width, height), frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


def repeat(source: Path, target: Path, times: int) -> Path:
    """A long clip: the packets of a short one, again and again, with later timestamps."""
    with av.open(str(source)) as read, av.open(str(target), "w") as written:
        first = read.streams.video[0]
        packets = [packet for packet in read.demux(first) if packet.dts is not None]
        unit, rate = first.time_base, first.average_rate
        assert unit is not None
        assert rate is not None
        length = int(len(packets) / rate / unit)
        stream = written.add_stream_from_template(first)
        for at in range(times):
            for packet in packets:
                copy = av.Packet(bytes(packet))
                copy.stream, copy.time_base, copy.is_keyframe = stream, Fraction(unit), packet.is_keyframe
                copy.pts, copy.dts = packet.pts + at * length, packet.dts + at * length
                copy.duration = packet.duration
                written.mux(copy)
    return target


def remux(source: Path, target: Path, hidden: int = 0) -> Path:
    """Put packets into another container, shown earlier by so many frames: an edit list hides those."""
    muxing = {"avoid_negative_ts": "disabled", "movflags": "negative_cts_offsets"} if hidden else {}
    with av.open(str(source)) as read, av.open(str(target), "w", options=muxing) as written:
        stream = written.add_stream_from_template(read.streams.video[0])
        for packet in read.demux(video=0):
            if packet.dts is not None:
                shift = hidden * packet.duration
                packet.dts, packet.pts, packet.stream = packet.dts - shift, packet.pts - shift, stream
                written.mux(packet)
    return target


def made(folder: Path) -> Iterator[Path]:
    """Clips of the kinds that people have."""
    base = encode(folder / "base.mp4", 60, 320, 240, g="20")
    yield encode(folder / "1080p_10s.mp4", 300, 1920, 1080, rate=30)
    yield encode(folder / "720p_25s.mp4", 750, 1280, 720, rate=30)
    minute = encode(folder / "minute.mp4", 1500, 320, 240)
    yield repeat(minute, folder / "6_minutes.mp4", 6)
    yield repeat(minute, folder / "an_hour.mp4", 60)
    yield remux(base, folder / "edit_list_9.mp4", hidden=9)
    yield remux(encode(folder / "b.mp4", 60, 320, 240, g="60", bf="3"), folder / "edit_list_b_frames.mp4", 13)
    yield remux(base, folder / "raw.h264")
    yield remux(base, folder / "packets.ts")
    yield encode(folder / "live.webm", 60, 320, 240, codec="libvpx", muxing={"live": "1"})
    yield encode(folder / "25_a_second.mp4", 50, 320, 240, rate=25)
    yield encode(folder / "30_a_second.mp4", 60, 320, 240, rate=30)
    whole = remux(base, folder / "whole.mkv").read_bytes()
    cut = folder / "cut_short.mkv"
    cut.write_bytes(whole[: len(whole) * 2 // 3])
    yield cut


def widths(decoder: Decoder, folder: Path) -> Iterator[str]:
    """Widths from 16 to 200 in steps of 2, three heights, three pixel formats: a row for each format."""
    for pix_fmt in ("yuv420p", "yuv422p", "yuv444p"):
        read: dict[str, list[int]] = {}
        wrong = []
        for width in range(16, 202, 2):
            for height in (48, 64, 90):
                path = encode(folder / "width.mp4", 5, width, height, pix_fmt=pix_fmt)
                name = decoder.timeline(path).decoder
                read.setdefault(name, []).append(width)
                if against_reference(decoder, path) != "equal":
                    wrong.append(f"{width}x{height}")
        by = "; ".join(f"{name}: {len(set(those))} widths" for name, those in sorted(read.items()))
        equal = f"differ: {', '.join(wrong)}" if wrong else "equal"
        yield f"| widths 16 to 200, {pix_fmt} | {by} | | 279 clips of 5 frames | {equal} | |"


def main(folder: Path) -> None:
    print("| clip | decoder | why | frames | against PyAV | seconds (walk + read) |")
    print("| --- | --- | --- | --- | --- | --- |")
    with Decoder() as decoder, tempfile.TemporaryDirectory() as aside:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.suffix.lower() in KINDS:
                print(row(decoder, path), flush=True)
        for path in made(Path(aside)):
            print(row(decoder, path), flush=True)
        for line in widths(decoder, Path(aside)):
            print(line, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT)
