"""The two decoders, read alike: first frame to last, in the order of presentation, turned by the file.

Both read sequentially. decord's random access returns wrong frames, silently, on files with edit lists, open
GOPs or B-frames in AVI; and a seek lands on a key frame, so that a window costs its distance from one anyway.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from circuit_claims.clips.container import Tell, opened, shown_size
from circuit_claims.clips.refusal import FETCH, RefusedError, gist, size_changed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FIRST_REPEAT = 1e-9
"""decord's ``fault_tol`` as a share of the frames: the first frame that it fills in is an error."""


class GaveUpError(Exception):
    """decord, at some frame: PyAV may still read it."""

    def __init__(self, number: int, why: str) -> None:
        super().__init__(number, why)
        self.number = number
        """The frame that was to come."""
        self.why = why


def by_decord(
    path: str, indices: Sequence[int], size: tuple[int, int], tell: Tell
) -> "Iterator[NDArray[np.uint8]]":
    """Yield the frames that are asked for (ascending), uint8 [height, width, 3]; `size` is width, height.

    Raises GaveUpError for whatever is wrong.
    """
    import decord

    at = 0
    try:
        reader = decord.VideoReader(path, num_threads=1, fault_tol=FIRST_REPEAT)
        for wanted in indices:
            while at < wanted:
                reader.next()
                at += 1
                tell()
            frame = reader.next().asnumpy()
            if frame.shape != (size[1], size[0], 3):
                found = "x".join(map(str, frame.shape))
                raise GaveUpError(at, f"its rows are padded: {found} for {size[1]}x{size[0]}x3")
            at += 1
            yield frame
    except GaveUpError:
        raise
    except (StopIteration, IndexError):
        raise GaveUpError(at, "it finds no more frames") from None
    except decord.DECORDLimitReachedError:
        raise GaveUpError(at, "it would repeat frames that it cannot place") from None
    except Exception as error:
        raise GaveUpError(at, gist(error)) from None


def by_pyav(path: str, indices: Sequence[int], tell: Tell) -> "Iterator[NDArray[np.uint8]]":
    """Yield the frames that are asked for (ascending), uint8 [height, width, 3].

    Raises RefusedError where the file is damaged, ends early, or changes its size.
    """
    wanted = iter(indices)
    index = next(wanted, None)
    number = -1
    for number, frame in enumerate(shown_frames(path)):
        if index is None:
            return
        if number != index:
            tell()
            continue
        yield turned(frame)
        index = next(wanted, None)
    if index is not None:
        raise RefusedError(f"has {number + 1} frames, and no frame {index}; {FETCH}")


def shown_frames(path: str) -> Iterator[Any]:
    """Yield PyAV's frames: those that a player shows. Raises RefusedError as `by_pyav` does."""
    size = None
    with opened(path) as (container, stream):
        for number, frame in enumerate(container.decode(stream)):
            if frame.is_corrupt:
                raise RefusedError(f"is damaged at frame {number}; {FETCH}")
            size = size or shown_size(frame)
            if shown_size(frame) != size:
                raise size_changed(number, size, shown_size(frame))
            yield frame


def turned(frame: Any) -> "NDArray[np.uint8]":
    """The picture of a PyAV frame, turned as the file asks."""
    import numpy as np

    picture: NDArray[np.uint8] = frame.to_ndarray(format="rgb24")
    if frame.rotation % 90 == 0 and frame.rotation % 360:
        picture = np.rot90(picture, frame.rotation // 90)
    return np.ascontiguousarray(picture)


def shown_times(path: str, rate: Fraction, tell: Tell) -> tuple[Fraction, ...]:
    """Decode a file for the times of its frames alone, in seconds.

    Where frames have no timestamps: number / rate. Raises RefusedError where nothing says when a frame is
    shown, or timestamps run backwards.
    """
    times: list[Fraction] = []
    missing = False
    for frame in shown_frames(path):
        tell()
        missing = missing or frame.pts is None
        times.append(Fraction(0) if frame.pts is None else frame.pts * Fraction(frame.time_base))
    if missing and not rate:
        raise RefusedError(
            "has neither timestamps nor a frame rate, so that nothing says when its frames are shown; give "
            "it a rate (ffmpeg -r 25 -i IN -c:v libx264 OUT.mp4)"
        )
    if missing:
        return tuple(number / rate for number in range(len(times)))
    for number, (before, after) in enumerate(pairwise(times), 1):
        if after < before:
            raise RefusedError(
                f"has timestamps that run backwards: frame {number} is shown at {float(after):.3f} s, and "
                f"the frame before it at {float(before):.3f} s; re-encode it with new ones (ffmpeg -i IN -vf "
                "setpts=N/25/TB OUT.mp4)"
            )
    return tuple(times)
