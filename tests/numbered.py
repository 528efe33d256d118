"""Clips whose frames carry their own number, shown at given times: what a window takes can be read off."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

SIDE, DIGITS = 128, 8
TICKS = 1000


def clip(path: Path, times: list[Fraction], *, turn_s: float = 0.0, label: int | None = None) -> Path:
    """A clip that shows, at each of these times, a bar as far down as the time, and the frame's number.

    The number stands in black and white blocks at the top. From the turn on, the lower left corner is white.
    """
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=round(1 / times[1]), options={"qp": "10", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = SIDE, SIDE, "yuv420p"
        stream.codec_context.time_base = Fraction(1, TICKS * 600)
        for number, time in enumerate(times):
            picture = np.full((SIDE, SIDE, 3), 90, np.uint8)
            for digit in range(DIGITS):
                picture[:16, digit * 16 : digit * 16 + 16] = 255 * (number >> digit & 1)
            picture[20 : 20 + int(time * 30), 100:] = 200
            if turn_s and time >= turn_s:
                picture[-32:, :32] = 255
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = round(time * TICKS * 600), Fraction(1, TICKS * 600)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def number_in(picture: np.ndarray) -> int:
    """The frame number that a picture carries."""
    blocks = [picture[4:12, digit * 16 + 4 : digit * 16 + 12].mean() > 128 for digit in range(DIGITS)]
    return sum(1 << digit for digit, white in enumerate(blocks) if white)


def steady(fps: int, seconds: int = 3) -> list[Fraction]:
    return [Fraction(i, fps) for i in range(seconds * fps)]


VARYING = [Fraction(i, 30) for i in range(30)] + [1 + Fraction(i, 10) for i in range(20)]
"""30 frames a second in the first, 10 in the others."""
