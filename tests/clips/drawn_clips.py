"""Small videos with a known content, written with PyAV, and PyAV's sequential reading as the reference."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np

N_FRAMES = 24
RAMP = [10 + 9 * i for i in range(N_FRAMES)]


def drawn(width: int = 128, height: int = 64) -> np.ndarray:
    """Draw a grey ramp in time, whose frames also carry their number as a row of black and white blocks."""
    frames = np.empty((N_FRAMES, height, width, 3), dtype=np.uint8)
    for i, frame in enumerate(frames):
        frame[:] = RAMP[i]
        for bit in range(5):
            frame[:8, bit * 8 : bit * 8 + 8] = 255 * (i >> bit & 1)
    return frames


def encode(
    path: Path,
    frames: Iterable[np.ndarray],
    codec: str = "libx264",
    *,
    format: str | None = None,
    muxing: dict[str, str] | None = None,
    pix_fmt: str = "yuv420p",
    **options: str,
) -> Path:
    """Encode frames at 12 a second; `muxing` are the container's options, the rest the codec's."""
    muxing = muxing or ({"movflags": "faststart"} if path.suffix == ".mp4" else {})
    frames = iter(frames)
    first = next(frames)
    with av.open(str(path), "w", format=format, options=muxing) as container:
        stream = container.add_stream(codec, rate=12, options=options)
        stream.height, stream.width = first.shape[:2]
        stream.pix_fmt = pix_fmt
        for frame in chain([first], frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return path


def remuxed(source: Path, target: Path, muxing: dict[str, str] | None = None, hidden: int = 0) -> Path:
    """Put packets into another container, shown earlier by so many frames: an edit list hides those."""
    muxing = dict(muxing or {})
    if hidden:
        muxing |= {"avoid_negative_ts": "disabled", "movflags": "negative_cts_offsets"}
    with av.open(str(source)) as read, av.open(str(target), "w", options=muxing) as written:
        stream = written.add_stream_from_template(read.streams.video[0])
        for packet in read.demux(video=0):
            if packet.dts is not None:
                shift = hidden * packet.duration
                packet.dts, packet.pts, packet.stream = packet.dts - shift, packet.pts - shift, stream
                written.mux(packet)
    return target


def packets(frames: np.ndarray, codec: str = "libx264", pix_fmt: str = "yuv420p") -> list[bytes]:
    """Each frame as a key frame of its own, with what it takes to decode it."""
    options = {"g": "1", "bf": "0"} if codec == "libx264" else {}
    context: Any = av.CodecContext.create(codec, "w")
    context.height, context.width, context.pix_fmt = frames.shape[1], frames.shape[2], pix_fmt
    context.time_base, context.framerate, context.options = Fraction(1, 12), 12, options
    made = []
    for number, frame in enumerate(frames):
        picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
        picture.pts = number
        made += context.encode(picture)
    return [bytes(packet) for packet in (*made, *context.encode(None))]


def muxed(
    path: Path,
    content: Sequence[bytes],
    size: tuple[int, int],
    codec: str = "libx264",
    stamps: Sequence[int | None] | None = None,
    format: str | None = None,
) -> Path:
    """Put packets into a container, 12 a second or at the given twelfths of one; `size` is width, height."""
    with av.open(str(path), "w", format=format) as container:
        stream = container.add_stream(codec, rate=12)
        stream.width, stream.height = size
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for number, (one, stamp) in enumerate(zip(content, stamps or range(len(content)), strict=True)):
            packet = av.Packet(one)
            packet.stream, packet.is_keyframe, packet.time_base = stream, True, Fraction(1, 12)
            packet.pts, packet.dts = stamp, number if stamp is None else min(stamp, number)
            packet.duration = 1
            container.mux(packet)
    return path


def reference(path: Path) -> np.ndarray:
    """Decode with PyAV, first frame to last: uint8 [frame, height, width, 3]."""
    with av.open(str(path)) as container:
        stream = container.streams.best("video")
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(stream)])
