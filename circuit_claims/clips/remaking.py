"""A control clip made from another: its cut moved by a few frames, and encoded again.

It shows the same outcome, so that what a claim about outcomes finds between it and its original is an
artifact of cut and codec. It is no second recording: the camera's noise is the original's. Frames pass from
decoder to encoder one at a time, each shown when the original shows it.
"""

from fractions import Fraction
from itertools import islice
from pathlib import Path

from circuit_claims.clips.decode import Decoder
from circuit_claims.clips.errors import ClipError
from circuit_claims.clips.timeline import Timeline

QUALITY = 28
"""x264's constant rate factor for the copy: a visible loss, as of a clip that was uploaded twice."""
TICKS = 90_000
"""Ticks a second, for the times of a copy whose frame rate varies."""
ROUNDED_S = 1.5e-3
"""Seconds by which the times of a steady frame rate may be off: some containers count in milliseconds."""


def remake(source: Path, target: Path, decoder: Decoder, jitter: int) -> str:
    """Write a copy of a clip without its first `jitter` frames, encoded again; say what was done.

    Raises:
        ClipError: the clip cannot be read, or has no more than `jitter` frames.
    """
    import av

    clip = decoder.timeline(source)
    if jitter < 1 or jitter >= clip.n_frames:
        raise ClipError(source, f"has {clip.n_frames} frames, and its cut cannot be moved by {jitter}")
    rate = Fraction(clip.fps or 25).limit_denominator(1001)
    ticks = ticks_of(clip, rate)
    with av.open(str(target), "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.height, stream.width = clip.height, clip.width
        stream.pix_fmt = "yuv444p" if clip.height % 2 or clip.width % 2 else "yuv420p"
        stream.codec_context.thread_count = 1
        stream.codec_context.options = {"crf": str(QUALITY), "bf": "0", "flags": "+bitexact"}
        if ticks is not None:
            stream.codec_context.time_base = Fraction(1, TICKS)
        for number, picture in enumerate(islice(decoder.stream(source), jitter, None), jitter):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            if ticks is not None:
                frame.pts, frame.time_base = ticks[number] - ticks[jitter], Fraction(1, TICKS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    _check(target, decoder.timeline(target), clip, jitter)
    return (
        f"cut {jitter} frames later and encoded again (H.264, crf {QUALITY}); the camera's noise is the same"
    )


def ticks_of(clip: Timeline, rate: Fraction) -> list[int] | None:
    """Return when a clip shows its frames, in ticks; None where it shows all of them at a steady rate."""
    if all(abs(time - number / rate) <= ROUNDED_S for number, time in enumerate(clip.times)):
        return None
    return [round(time * TICKS) for time in clip.times]


def _check(target: Path, made: Timeline, clip: Timeline, jitter: int) -> None:
    """Refuse a copy that shows other frames than its original, or at other times."""
    if made.n_frames != clip.n_frames - jitter:
        raise ClipError(target, "was made with another number of frames than its original; leave it out")
    expected = [time - clip.times[jitter] for time in clip.times[jitter:]]
    if any(abs(a - b) > 2 * ROUNDED_S for a, b in zip(made.times, expected, strict=True)):
        raise ClipError(target, "was made with other times than its original; leave it out")
