"""Which decoder reads a clip: decord, unless a rule says that it cannot be trusted with it.

The rules look at the file and never at the processor, but for the last one, and the frames are the same
whichever decoder reads them: a clip gives the same numbers on every machine.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata

from circuit_claims.clips.container import RAW, Tell, Walk, walk
from circuit_claims.clips.readers import GaveUpError, by_decord, by_pyav, shown_times
from circuit_claims.clips.refusal import FETCH, RefusedError
from circuit_claims.clips.timeline import Timeline

FIRST, SECOND = "decord2", "av"
"""The distributions of the two decoders: decord and PyAV."""
INDEXED = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi")
"""Containers that say of every packet when it is shown."""
ONE_EACH = ("h264", "hevc", "vvc", "mjpeg", "ffv1", "prores", "dnxhd", "png", "rawvideo")
"""Codecs of which every packet in such a container is one frame, whose size key frames alone change."""
CHECKED = 4
"""First frames that both decoders read."""
AHEAD = 128 * 2**20
"""Bytes of frames that decord may decode ahead: 17 seconds of 340 by 256. Of an hour it held 3 GB."""
WIDEST_VECTOR = 64
"""Bytes: decord hands on rows as long as the processor's vectors ask for, up to AVX-512."""


@dataclass(frozen=True)
class Rule:
    """A kind of file that PyAV reads."""

    name: str
    holds: Callable[[Walk], bool]
    words: str
    """Why, as the report says it."""


def _padded(found: Walk) -> bool:
    """Whether decord takes the padding of a row for another colour on some processor."""
    return -(-found.width // WIDEST_VECTOR) * WIDEST_VECTOR * 3 // found.width != 3


def _long(found: Walk) -> bool:
    """Whether decord may hold more decoded frames than a machine should lend it: it has no bound."""
    return found.packets * found.width * found.height * 3 > AHEAD


def _apart(found: Walk) -> bool:
    """Whether the first frames of the two decoders differ, or decord does not give them."""
    import numpy as np

    first = range(min(CHECKED, found.packets - found.hidden))
    try:
        theirs = by_decord(found.path, first, (found.width, found.height), _quietly)
        ours = by_pyav(found.path, first, _quietly)
        return not all(np.array_equal(one, other) for one, other in zip(ours, theirs, strict=True))
    except (GaveUpError, ValueError):
        return True


def _quietly() -> None:
    """A few frames need no report of progress."""


RULES = (
    Rule("container", lambda w: w.format not in INDEXED, "its container keeps no index of frames"),
    Rule("duration", lambda w: not w.duration, "its header gives no duration"),
    Rule("edit list", lambda w: w.hidden > 0, "an edit list hides some of its packets"),
    Rule("timestamps", lambda w: not w.in_order, "packets have no timestamp, or share one"),
    Rule("start", lambda w: not w.starts_with_key, "it does not begin with a key frame"),
    Rule("count", lambda w: 0 < w.promised < w.packets, "it holds more frames than its header says"),
    Rule("depth", lambda w: w.bits > 8, "it has more than 8 bits a colour"),
    Rule("interlaced", lambda w: w.interlaced, "it is interlaced"),
    Rule("narrow", _padded, "decord pads rows of this width on some processors"),
    Rule("length", _long, "decord decodes ahead of what is read, without a bound, and the clip is long"),
    Rule("first frames", _apart, "decord does not give its first frames as PyAV does"),
)
"""The first rule that holds says why PyAV reads the clip. `docs/how-to/pairs.md` has the same table."""
NO_FRAME = "some of its packets show no frame"
"""Found where frames are counted: PyAV reads it too."""
ENDED = "decord ended its process on it"
"""Found by the parent, which asks again without it."""


def look(path: str, tell: Tell, decord: bool = True) -> Timeline:
    """Walk a clip, and choose its decoder; without `decord` it is PyAV. Raises RefusedError for no clip."""
    found = walk(path, tell)
    rules = RULES if decord else (*RULES[:-1], Rule("ended", lambda _: True, ENDED))
    why = next((rule.words for rule in rules if rule.holds(found)), "")
    times = found.times
    if _has_to_be_counted(found):
        times = shown_times(path, found.rate, tell)
        why = why or (NO_FRAME if len(times) != found.packets else "")
    if not times:
        raise RefusedError(f"shows none of its {found.packets} frames; {FETCH}")
    length = float(times[-1] - times[0])
    return Timeline(
        times=tuple(float(time - times[0]) for time in times),
        width=found.width,
        height=found.height,
        fps=float(found.rate) or ((len(times) - 1) / length if length else 0.0),
        decoder=version(SECOND if why else FIRST),
        why=why,
    )


def _has_to_be_counted(found: Walk) -> bool:
    """Whether packets do not tell which frames are shown, and when."""
    return (
        found.format in RAW
        or found.format not in INDEXED
        or found.format == "avi"  # it may hold packets without a frame, and frames without a packet
        or found.codec not in ONE_EACH
        or found.hidden > 0
        or not found.in_order
        or not found.starts_with_key
        or found.interlaced
    )


def version(distribution: str) -> str:
    """Return a decoder's distribution and version, such as ``av 18.1.0``.

    decord and decord2 install the same files: where both are installed both are named, because nobody can
    tell whose files they are. Raises PackageNotFoundError where it is not installed.
    """
    names = [f"{distribution} {metadata.version(distribution)}"]
    if distribution == FIRST:
        with suppress(metadata.PackageNotFoundError):
            names.append(f"decord {metadata.version('decord')}")
    return " and ".join(names)
