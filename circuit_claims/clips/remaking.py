"""A control clip made from another: its cut moved by a few frames, and encoded again.

It shows the same outcome, so that what a claim about outcomes finds between it and its original is an
artifact of cut and codec. It is no second recording: the camera's noise is the original's.
"""

from fractions import Fraction
from pathlib import Path

from circuit_claims.clips.decode import Decoder
from circuit_claims.clips.errors import ClipError

QUALITY = 28
"""x264's constant rate factor for the copy: a visible loss, as of a clip that was uploaded twice."""


def remake(source: Path, target: Path, decoder: Decoder, jitter: int) -> str:
    """Write a copy of a clip without its first `jitter` frames, encoded again; say what was done.

    Raises:
        ClipError: the clip cannot be read, or has no more than `jitter` frames.
    """
    import av

    clip = decoder.decode(source)
    if jitter < 1 or jitter >= len(clip.frames):
        raise ClipError(source, f"has {len(clip.frames)} frames, and its cut cannot be moved by {jitter}")
    height, width = clip.frames.shape[1:3]
    rate = Fraction(clip.timeline.fps or 25).limit_denominator(1001)
    with av.open(str(target), "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.height, stream.width = height, width
        stream.pix_fmt = "yuv444p" if height % 2 or width % 2 else "yuv420p"
        stream.codec_context.thread_count = 1
        stream.codec_context.options = {"crf": str(QUALITY), "bf": "0", "flags": "+bitexact"}
        for picture in clip.frames[jitter:]:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    made = decoder.decode(target)
    if len(made.frames) != len(clip.frames) - jitter:
        raise ClipError(target, "was made with another number of frames than its original; leave it out")
    return (
        f"cut {jitter} frames later and encoded again (H.264, crf {QUALITY}); the camera's noise is the same"
    )
