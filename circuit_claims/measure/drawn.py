"""Colours that are known, on the way of every clip: drawn, encoded, decoded, sampled and preprocessed.

A clip that is read as BGR, or whose colours are inverted, gives other numbers without a warning. So clips of
one colour each are drawn and go to the model by way of the run's own decoder and the model's own processor:
black, white, and one colour with as much red, green and blue as `DRAWN` says. Black and white show the range
of each channel, and in it the third clip has to show what was drawn, whatever the processor scales by.

Clips are of two widths, since a rule gives each to another of the two decoders (`clips/choice.py`).
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from circuit_claims.clips.pairs import ClipFile, Pair, PairKind, PairSet
from circuit_claims.clips.sampling import Sampling
from circuit_claims.measure.assay import Assay
from circuit_claims.measure.questions.known_answers import DRAWN
from circuit_claims.models.pixels import range_of

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

CHANNELS = ("red", "green", "blue")
HEIGHT = 64
WIDTHS = {"decord2": 64, "av": 66}
"""By the decoder that reads a clip of that width: decord pads rows of the second (rule `narrow`)."""
RATE = 24


def levels(assay: Assay) -> dict[str, dict[str, float]]:
    """What the model under test sees of drawn colours, by decoder (its distribution and version).

    `red`, `green` and `blue` are the levels of the three channels between black and white, as fractions;
    `black` and `white` where these two lie in the range that the processor's settings give, 0 and 1.
    """
    lowest, highest = range_of(assay.source)
    found: dict[str, dict[str, float]] = {}
    with TemporaryDirectory() as folder:
        for width in WIDTHS.values():
            drawn = _drawn(assay, Path(folder), width)
            colour, white = drawn.pairs.pairs
            shown, black, bright = (
                _means(pixels)
                for pixels in (drawn.success(colour), drawn.failure(colour), drawn.success(white))
            )
            spans = bright - black
            read = {
                name: float((shown[channel] - black[channel]) / spans[channel]) if spans[channel] else 0.0
                for channel, name in enumerate(CHANNELS)
            }
            ends = {"black": float(black.min()), "white": float(bright.max())}
            read |= {name: (end - lowest) / (highest - lowest) for name, end in ends.items()}
            found[drawn.bench.footage.timeline(colour.positive).decoder] = read
    return found


def _drawn(assay: Assay, folder: Path, width: int) -> Assay:
    """The model under test on two pairs of drawn clips."""
    frames = assay.model("float32").frames
    colours = {
        "colour": tuple(DRAWN[name] for name in CHANNELS),
        "black": (0, 0, 0),
        "white": (255, 255, 255),
    }
    clips = {name: _clip(folder / f"{name}-{width}.mp4", frames, width, rgb) for name, rgb in colours.items()}
    pairs = tuple(
        Pair(
            name=name,
            action="drawn",
            label=None,
            kind=PairKind.OUTCOME,
            control=None,
            positive=clips[name],
            negative=clips["black"],
            outcome_frame=None,
        )
        for name in ("colour", "white")
    )
    sampling = Sampling("stride", frames)
    other = Assay(assay.source, PairSet("drawn", folder, sampling, pairs, None), assay.bench)
    other._model = assay.model("float32")
    return other


def _clip(path: Path, frames: int, width: int, rgb: tuple[int, ...]) -> ClipFile:
    """A clip of one colour, H.264 in mp4; the same frames give the same bytes."""
    import av
    import numpy as np

    picture: np.ndarray = np.full((HEIGHT, width, 3), rgb, dtype=np.uint8)
    with av.open(str(path), "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libx264", rate=RATE, options={"qp": "10", "x264-params": "threads=1"})
        stream.height, stream.width, stream.pix_fmt = HEIGHT, width, "yuv420p"
        for _ in range(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return ClipFile(path, hashlib.sha256(path.read_bytes()).hexdigest())


def _means(pixels: Tensor) -> Tensor:
    """The mean of each channel of `[frame, 3, h, w]`, in float64."""
    from circuit_claims.models.device import float64

    return float64(pixels).mean(dim=(0, 2, 3))
