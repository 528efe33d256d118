"""Two clips, decoded whole and side by side: where they part, by how much, and what the model sees of them.

Two decoders stream, and a frame is let go when it has been compared, so that memory is the same for a second
and for an hour. Clips that are sampled by frames are compared frame by frame, from where their windows begin
together. Clips sampled by time are compared at the times of the first one's frames, reckoned from where the
windows begin: each beside the frame that the other clip shows then.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Self

from circuit_claims.clips.decode import Decoder
from circuit_claims.clips.inspecting import Inspected
from circuit_claims.clips.sampling import CLOSE_S, ends_at, shown_at
from circuit_claims.clips.strip import positions, scaled

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Frame = NDArray[np.uint8]
    """RGB, `[height, width, 3]`."""

THUMB = 64
"""Pixels, both ways, to which frames are scaled to say how far apart they are."""


@dataclass(frozen=True, eq=False)
class Compared:
    """How two clips differ. Frames are numbered as in the first; differences are mean |difference| of grey
    levels, from 0 to 255, over both frames at 64 by 64 pixels."""

    begins: int
    """The first frame that was compared."""
    n: int
    """How many were."""
    first: int | None
    """The first in which the clips differ in any pixel; None where they are alike as far as both go."""
    mean: float
    """Difference, on average."""
    before: float
    """Difference before the outcome, on average; of the first frame alone where it comes before that."""
    peak: int
    """The frame of the largest difference."""
    most: float
    """The largest difference."""
    seen_alike: bool
    """Whether the model sees the same frames of both."""
    shown: "tuple[tuple[Frame, ...], tuple[Frame, ...]]"
    """Some frames of both windows, scaled for the strip."""


def compare(
    one: Inspected, other: Inspected, decoders: tuple[Decoder, Decoder], outcome_frame: int | None = None
) -> Compared:
    """Decode both clips to their ends, and compare them; the frames of the first are numbered.

    Raises ClipError where either cannot be decoded.
    """
    sums, before, n_before = 0.0, 0.0, 0
    begins, n, first, peak, most = 0, 0, None, 0, -1.0
    with _Passing(one, decoders[0]) as here, _Passing(other, decoders[1]) as there:
        for i, j in alongside(one, other):
            a, b = here.frame(i), there.frame(j)
            same = alike(a, b)
            apart = 0.0 if same else difference(a, b)
            if n == 0:
                begins = i
            if first is None and not same:
                first = i
            if outcome_frame is not None and (n == 0 or i < outcome_frame):
                before, n_before = before + apart, n_before + 1
            if apart > most:
                peak, most = i, apart
            sums, n = sums + apart, n + 1
        here.finish()
        there.finish()
    return Compared(
        begins=begins,
        n=n,
        first=first,
        mean=sums / max(n, 1),
        before=before / max(n_before, 1),
        peak=peak,
        most=max(most, 0.0),
        seen_alike=here.seen() == there.seen(),
        shown=(here.shown(), there.shown()),
    )


def alongside(one: Inspected, other: Inspected) -> Iterator[tuple[int, int]]:
    """Yield which frames of two clips are compared, both in ascending order."""
    if not one.sampling.by_time:
        ahead = one.window[0] - other.window[0]
        frames = range(max(ahead, 0), one.timeline.n_frames)
        yield from zip(frames, range(max(-ahead, 0), other.timeline.n_frames), strict=False)
        return
    ahead_s = float(other.sampling.start - one.sampling.start)
    times = one.timeline.times
    for number in range(shown_at(times, max(-ahead_s, 0.0)), len(times)):
        there = max(times[number] + ahead_s, 0.0)
        if there > ends_at(other.timeline) - CLOSE_S:
            return
        yield number, shown_at(other.timeline.times, there)


def alike(a: "Frame", b: "Frame") -> bool:
    """Return whether two frames have the same size and pixels."""
    import numpy as np

    return np.array_equal(a, b)


def difference(a: "Frame", b: "Frame") -> float:
    """Return the mean |difference| of two frames of any size in grey levels, at 64 by 64 pixels."""
    import numpy as np

    return float(np.abs(_thumb(a) - _thumb(b)).mean())


def _thumb(frame: "Frame") -> "NDArray[np.float64]":
    import numpy as np
    from PIL import Image

    small = Image.fromarray(frame).convert("L").resize((THUMB, THUMB), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float64)


class _Passing:
    """The frames of a clip as they pass, one at a time; of those in its window, a hash and a few pictures."""

    def __init__(self, clip: Inspected, decoder: Decoder) -> None:
        self._clip = clip
        self._at = -1
        self._hashes: dict[int, bytes] = {}
        self._pictures: dict[int, Frame] = {}
        self._window = set(clip.window)
        self._to_show = [clip.window[position] for position in positions(len(clip.window))]
        self._frames = decoder.stream(clip.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if isinstance(self._frames, Generator):
            self._frames.close()  # the decoder reads nothing else before

    def frame(self, number: int) -> "Frame":
        """Let frames pass up to one, which is none before the last one asked for."""
        while self._at < number:
            self._next(next(self._frames))
        return self._now

    def finish(self) -> None:
        """Let all others pass: a clip that is damaged further on is damaged."""
        for frame in self._frames:
            self._next(frame)

    def seen(self) -> list[tuple[tuple[int, ...], bytes]]:
        """Return what the model is given, to be compared: size and hash of each frame of the window."""
        size = (self._clip.timeline.height, self._clip.timeline.width)
        return [(size, self._hashes[number]) for number in self._clip.window]

    def shown(self) -> "tuple[Frame, ...]":
        """Return the pictures for the strip."""
        return tuple(self._pictures[number] for number in self._to_show)

    def _next(self, frame: "Frame") -> None:
        self._at += 1
        self._now = frame
        if self._at in self._window:
            self._hashes[self._at] = blake2b(frame.tobytes(), digest_size=16).digest()
        if self._at in self._to_show:
            self._pictures[self._at] = scaled(frame)
