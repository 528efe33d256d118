"""Encoding of rendered clips so that the codec leaks nothing about the outcome before it happens.

With x264's defaults the two clips of a pair differ up to three frames *before* the outcome: B-frames refer
to later frames, and the look-ahead spends bits on what is to come. Constant QP, no B-frames, no look-ahead,
no macroblock tree, no scene cut and one thread make every decoded frame a function of the frames up to it.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
from numpy.typing import NDArray

QP = 16
_X264 = "rc-lookahead=0:mbtree=0:scenecut=0:sync-lookahead=0:threads=1:lookahead-threads=1:sliced-threads=0"


def encode(to: Path | BinaryIO, frames: NDArray[np.uint8], fps: int, qp: int = QP) -> None:
    """Write uint8 frames [frame, height, width, 3] as H.264 in mp4; same frames, same bytes."""
    target = str(to) if isinstance(to, Path) else to
    options = {"fflags": "+bitexact"}
    with av.open(target, "w", format="mp4", options=options) as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        stream.codec_context.options = {
            "qp": str(qp),
            "bf": "0",
            "g": "250",
            "preset": "medium",
            "flags": "+bitexact",
            "x264-params": _X264,
        }
        for picture in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def decode(source: Path | BinaryIO) -> NDArray[np.uint8]:
    """All frames of a clip, uint8 [frame, height, width, 3], by PyAV: the reference decoder."""
    with av.open(str(source) if isinstance(source, Path) else source, "r") as container:
        container.streams.video[0].thread_count = 1
        frames = [np.asarray(f.to_ndarray(format="rgb24"), np.uint8) for f in container.decode(video=0)]
    return np.stack(frames)


def round_trip(frames: NDArray[np.uint8], fps: int, qp: int = QP) -> NDArray[np.uint8]:
    """What a decoder makes of the encoded frames."""
    buffer = io.BytesIO()
    encode(buffer, frames, fps, qp)
    buffer.seek(0)
    return decode(buffer)


def first_difference(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> int | None:
    """Index of the first frame in which two clips differ; None when they do not."""
    differs = np.flatnonzero((a != b).reshape(len(a), -1).any(axis=1))
    return int(differs[0]) if len(differs) else None
