"""What a clip of a pair is like before a frame is compared: its file, its timeline and its window."""

from dataclasses import dataclass
from pathlib import Path

from circuit_claims.clips.container import opened
from circuit_claims.clips.decode import Decoder
from circuit_claims.clips.errors import ClipError
from circuit_claims.clips.hashing import file_sha256
from circuit_claims.clips.refusal import RefusedError
from circuit_claims.clips.sampling import Sampling, SamplingError
from circuit_claims.clips.seconds import in_words
from circuit_claims.clips.timeline import Timeline


@dataclass(frozen=True)
class Inspected:
    """A clip whose packets were walked, and its window."""

    path: Path
    sha256: str
    timeline: Timeline
    sampling: Sampling
    """How it is sampled, moved by its own start."""
    window: tuple[int, ...]
    """Source frames that the model sees."""
    pixel_shape: float
    """Width of a pixel by its height, as the file says: 1 for square ones."""
    bits: int
    """Bits of a colour in the file; the decoder brings them to 8."""
    rotation: int
    """Degrees by which the decoder turns the frames."""
    interlaced: bool

    @property
    def at(self) -> str:
        """Size, length and rate in words."""
        clip = self.timeline
        rate = f"{clip.fps:g} frames a second" if clip.fps else "no frame rate"
        return f"{clip.n_frames} frames of {clip.width}x{clip.height}, {rate}"

    @property
    def seen(self) -> str:
        """What the model sees of it, in words."""
        times = self.sampling.times(self.timeline)
        return (
            f"the model sees frames {self.window[0]} to {self.window[-1]} "
            f"({in_words(times[0])} to {in_words(times[-1])})"
        )


def inspect(path: Path, sampling: Sampling, decoder: Decoder) -> Inspected:
    """Look at a clip, and find its window; decode no more than its first frame.

    Raises:
        ClipError: it cannot be read, or is shorter than the window.
    """
    timeline = decoder.timeline(path)
    try:
        window = sampling.indices(timeline)
    except SamplingError as error:
        raise ClipError(path, str(error)) from None
    pixel_shape, bits, rotation, interlaced = _container(path)
    return Inspected(
        path=path,
        sha256=file_sha256(path),
        timeline=timeline,
        sampling=sampling,
        window=window,
        pixel_shape=pixel_shape,
        bits=bits,
        rotation=rotation,
        interlaced=interlaced,
    )


def _container(path: Path) -> tuple[float, int, int, bool]:
    """Shape of a pixel, bits of a colour, rotation in degrees, interlaced: of a file that can be decoded."""
    try:
        with opened(str(path.absolute())) as (container, stream):
            shape = float(stream.sample_aspect_ratio or 1)
            frame = next(container.decode(stream))
            bits = max((component.bits for component in frame.format.components), default=8)
            return shape, bits, int(frame.rotation) % 360, bool(frame.interlaced_frame)
    except RefusedError as error:
        raise ClipError(path, str(error)) from None
