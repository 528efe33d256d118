"""Small videos with a known content, written with PyAV, and PyAV's sequential reading as the reference."""

from pathlib import Path

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


def encode(path: Path, frames: np.ndarray, codec: str = "libx264", **options: str) -> Path:
    muxing = {"movflags": "faststart"} if path.suffix == ".mp4" else {}
    with av.open(str(path), "w", options=muxing) as container:
        stream = container.add_stream(codec, rate=12, options=options)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return path


def reference(path: Path) -> np.ndarray:
    """Decode with PyAV, first frame to last: uint8 [frame, height, width, 3]."""
    with av.open(str(path)) as container:
        stream = container.streams.best("video")
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(stream)])
