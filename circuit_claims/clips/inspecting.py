"""What two clips of a pair are like, before anything is measured: size, length, window, where they part.

A clip is decoded once, reduced to what is compared and shown, and let go: two long ones need not fit into
memory together.
"""

from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from circuit_claims.clips.decode import Decoder
from circuit_claims.clips.errors import ClipError
from circuit_claims.clips.hashing import file_sha256
from circuit_claims.clips.sampling import Sampling, SamplingError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

THUMB = 64
"""Pixels, both ways, to which frames are scaled to be compared."""
SHOWN = 160
"""Height in pixels, at most, of the frames that are kept to be shown."""


@dataclass(frozen=True, eq=False)
class Inspected:
    """A clip that was decoded whole, and its window."""

    path: Path
    sha256: str
    n_frames: int
    width: int
    """Pixels, as decoded: turned by the file's rotation."""
    height: int
    fps: float
    """0 where the file does not say."""
    window: tuple[int, ...]
    """Source frames that the model sees."""
    pixel_shape: float
    """Width of a pixel by its height, as the file says: 1 for square ones."""
    bits: int
    """Bits of a colour in the file; the decoder brings them to 8."""
    rotation: int
    """Degrees by which the decoder has turned the frames."""
    interlaced: bool
    frame_hashes: tuple[bytes, ...]
    thumbs: "NDArray[np.uint8]"
    """Every frame in grey, `[frame, 64, 64]`."""
    sampled: "NDArray[np.uint8]"
    """The window's frames at full size, `[frame, height, width, 3]`: what a model is given."""

    @property
    def at(self) -> str:
        """Size, length and rate in words."""
        rate = f"{self.fps:g} frames a second" if self.fps else "no frame rate"
        return f"{self.n_frames} frames of {self.width}x{self.height}, {rate}"


def inspect(path: Path, sampling: Sampling, decoder: Decoder) -> Inspected:
    """Decode a clip and look at it.

    Raises:
        ClipError: it cannot be read, or is shorter than the window.
    """
    import numpy as np

    clip = decoder.decode(path)
    sha256 = file_sha256(path)
    try:
        window = sampling.indices(len(clip.frames))
    except SamplingError as error:
        raise ClipError(path, str(error)) from None
    pixel_shape, bits, rotation, interlaced = _container(path)
    return Inspected(
        path=path,
        sha256=sha256,
        n_frames=len(clip.frames),
        width=clip.frames.shape[2],
        height=clip.frames.shape[1],
        fps=clip.timeline.fps,
        window=window,
        pixel_shape=pixel_shape,
        bits=bits,
        rotation=rotation,
        interlaced=interlaced,
        frame_hashes=tuple(blake2b(frame.tobytes(), digest_size=16).digest() for frame in clip.frames),
        thumbs=np.stack([_thumb(frame) for frame in clip.frames]),
        sampled=clip.frames[list(window)],
    )


def _thumb(frame: "NDArray[np.uint8]") -> "NDArray[np.uint8]":
    import numpy as np
    from PIL import Image

    image = Image.fromarray(frame).convert("L")
    return np.asarray(image.resize((THUMB, THUMB), Image.Resampling.BOX))


def _container(path: Path) -> tuple[float, int, int, bool]:
    """Shape of a pixel, bits of a colour, rotation in degrees, interlaced: of a file that was decoded."""
    import av

    with av.open(str(path), metadata_errors="ignore") as container:
        stream = container.streams.best("video")
        assert isinstance(stream, av.VideoStream)
        shape = float(stream.sample_aspect_ratio or 1)
        frame = next(container.decode(stream))
        bits = max((component.bits for component in frame.format.components), default=8)
        return shape, bits, int(frame.rotation) % 360, bool(frame.interlaced_frame)


def first_difference(one: Inspected, other: Inspected) -> int | None:
    """The first frame of `one` in which two clips differ; None where they are alike as far as both go.

    Clips whose windows begin with different frames are compared from there: window beside window.
    """
    skipped, other_skipped = _offsets(one, other)
    if (one.height, one.width) != (other.height, other.width):
        return skipped
    both = zip(one.frame_hashes[skipped:], other.frame_hashes[other_skipped:], strict=False)
    return next((number for number, (a, b) in enumerate(both, skipped) if a != b), None)


def differences(one: Inspected, other: Inspected) -> "NDArray[np.float64]":
    """How far apart the clips are, frame by frame from where both begin: mean |difference| in grey levels."""
    import numpy as np

    skipped, other_skipped = _offsets(one, other)
    n = min(one.n_frames - skipped, other.n_frames - other_skipped)
    thumbs, others = one.thumbs[skipped:][:n], other.thumbs[other_skipped:][:n]
    found: NDArray[np.float64] = np.abs(thumbs.astype(float) - others.astype(float)).mean(axis=(1, 2))
    return found


def _offsets(one: Inspected, other: Inspected) -> tuple[int, int]:
    """Frames to leave out at the start of each clip, so that their windows begin together."""
    ahead = one.window[0] - other.window[0]
    return max(ahead, 0), max(-ahead, 0)


def oddities(clip: Inspected) -> list[str]:
    """What is unusual in a file and reaches the model, a sentence each."""
    found = []
    if abs(clip.pixel_shape - 1) > 0.01:
        found.append(
            f"{clip.path.name}: its pixels are not square ({clip.pixel_shape:.3g} times as wide as high), "
            "and the model sees them as if they were: the picture is squeezed"
        )
    if clip.bits > 8:
        found.append(f"{clip.path.name}: {clip.bits} bits a colour are brought to 8, as decoders differ in")
    if clip.interlaced:
        found.append(f"{clip.path.name}: it is interlaced, so that moving edges are combed")
    if clip.rotation:
        found.append(f"{clip.path.name}: its frames were turned by {clip.rotation} degrees, as the file asks")
    return found


def warnings(one: Inspected, other: Inspected, outcome_frame: int | None = None) -> list[str]:
    """What of a pair a claim about outcomes could mistake for the outcome, a sentence each."""
    found = oddities(one) + oddities(other)
    if (one.width, one.height) != (other.width, other.height):
        found.append(
            f"the clips differ in size ({one.width}x{one.height} and {other.width}x{other.height}), "
            "so that scaling differs too"
        )
    if one.n_frames != other.n_frames:
        found.append(f"the clips differ in length ({one.n_frames} and {other.n_frames} frames)")
    if abs(one.fps - other.fps) > 0.01:
        found.append(
            f"the clips differ in frame rate ({one.fps:g} and {other.fps:g} a second): the same stride is "
            "another time"
        )
    if first_difference(one, other) is None:
        found.append("the clips have the same frames throughout: there is no outcome to find")
    elif _seen(one) == _seen(other):
        found.append(
            f"the clips do not differ in the frames that the model sees ({one.window[0]} to "
            f"{one.window[-1]}): nothing can be measured on them; move the window (--start), or widen its "
            "stride"
        )
    if outcome_frame is not None:
        found += _around(one, other, outcome_frame)
    return found


def _seen(clip: Inspected) -> tuple[int, int, list[bytes]]:
    """What the model is given of a clip, to be compared."""
    return clip.height, clip.width, [clip.frame_hashes[number] for number in clip.window]


def _around(one: Inspected, other: Inspected, outcome_frame: int) -> list[str]:
    """Whether the clips differ before the outcome, and whether the window sees it."""
    found = []
    first = first_difference(one, other)
    if first is not None and first < outcome_frame:
        before = differences(one, other)[: max(1, outcome_frame - _offsets(one, other)[0])].mean()
        found.append(
            f"the clips differ from frame {first}, before the outcome (frame {outcome_frame}), by "
            f"{before:.1f} grey levels of 255 on average: a claim may find that instead"
        )
    if outcome_frame > max(one.window[-1], other.window[-1]):
        found.append(
            f"the outcome (frame {outcome_frame}) comes after the window (frames {one.window[0]} to "
            f"{one.window[-1]}): the model does not see it"
        )
    return found


def parting(one: Inspected, other: Inspected) -> str:
    """Where in time two clips first differ, and by how much, in a sentence."""
    apart = differences(one, other)
    first, skipped = first_difference(one, other), _offsets(one, other)[0]
    if first is None:
        return f"they are alike in all {len(apart)} frames that both have"
    when = f" ({first / one.fps:.2f} s)" if one.fps else ""
    peak = int(apart.argmax())
    most = f"the largest difference is in frame {skipped + peak} ({apart[peak]:.1f} grey levels of 255)"
    if first == skipped:
        return f"they differ from the first frame, by {apart.mean():.1f} grey levels on average; {most}"
    return f"they first differ in frame {first}{when}, and are identical before; {most}"
