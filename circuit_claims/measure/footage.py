"""The clips of a run, for all of its models: when each shows its frames, and the frames that were asked for.

A timeline is kept in the store, so that a warm run knows which decoder read a clip and starts none. Frames
are kept in memory while there is room. The jitter controls ask for seven windows of every clip: a short one
is decoded whole, and of a longer one the window with the frames around it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Any

from circuit_claims.clips.choice import FIRST, SECOND
from circuit_claims.clips.timeline import Timeline
from circuit_claims.measure.code_hash import reading_hash

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from circuit_claims.clips.decode import Decoder
    from circuit_claims.clips.pairs import ClipFile
    from circuit_claims.measure.store import Store

TIMELINE = "timeline"
"""What the store calls one."""
KEPT = 512 * 2**20
"""Bytes of decoded frames kept of all clips together: all of the embedded set."""
WHOLE = 32 * 2**20
"""Bytes of a clip that is decoded whole: 4 seconds of 340 by 256, all clips of the embedded set."""
STRETCH = 128 * 2**20
"""Bytes of a stretch around a window that is decoded together: 17 seconds of 340 by 256, a second of 720p."""
MARGIN = 8
"""Frames on either side of a window that a stretch has, for windows that are moved by up to 6."""


@dataclass(frozen=True, eq=False)
class _Stretch:
    """Frames of a clip that are in memory."""

    frames: NDArray[np.uint8]
    place: dict[int, int]
    """Where in `frames` each frame of the clip is."""


class Footage:
    """Timelines and decoded frames, by the hash of the clip."""

    def __init__(self, decoder: Decoder, store: Store) -> None:
        self._decoder = decoder
        self._store = store
        self._timelines: dict[str, Timeline] = {}
        self._kept: dict[str, _Stretch] = {}

    def timeline(self, clip: ClipFile) -> Timeline:
        """When a clip shows its frames. Raises ClipError where it cannot be read."""
        if clip.sha256 not in self._timelines:
            fields = timeline_fields(clip.sha256)
            found = self._store.get(fields)
            if found is None:
                found = _plain(self._decoder.timeline(clip.path))
                self._store.put(fields, found)
            self._timelines[clip.sha256] = Timeline(**{**found, "times": tuple(found["times"])})
        return self._timelines[clip.sha256]

    def frames(self, clip: ClipFile, indices: Sequence[int]) -> NDArray[np.uint8]:
        """Frames of a clip, uint8 `[frame, h, w, 3]`, in the order asked for. Raises ClipError as above."""
        stretch = self._kept.get(clip.sha256)
        if stretch is None or not stretch.place.keys() >= set(indices):
            self._kept.pop(clip.sha256, None)
            stretch = self._decoded(clip, sorted(set(indices)))
            kept = self._kept.values()
            while kept and sum(k.frames.nbytes for k in kept) + stretch.frames.nbytes > KEPT:
                self._kept.pop(next(iter(self._kept)))
            self._kept[clip.sha256] = stretch
        found: NDArray[np.uint8] = stretch.frames[[stretch.place[index] for index in indices]]
        return found

    def read_by(self) -> dict[str, tuple[str, str]]:
        """By the hash of each clip that was asked for: its decoder, and why it is the second one (or not)."""
        return {sha256: (known.decoder, known.why) for sha256, known in self._timelines.items()}

    def _decoded(self, clip: ClipFile, needed: list[int]) -> _Stretch:
        """Decode the frames that are needed, with others that will be where they take little room."""
        timeline = self.timeline(clip)
        size = timeline.width * timeline.height * 3
        around = range(max(0, needed[0] - MARGIN), min(timeline.n_frames, needed[-1] + 1 + MARGIN))
        chosen: Sequence[int] = needed
        if timeline.n_frames * size <= WHOLE:
            chosen = range(timeline.n_frames)
        elif len(around) * size <= STRETCH:
            chosen = around
        read = self._decoder.decode(clip.path, chosen)
        if read.timeline.decoder != timeline.decoder:  # decord gave up on the way
            self._timelines[clip.sha256] = read.timeline
            self._store.put(timeline_fields(clip.sha256), _plain(read.timeline))
        return _Stretch(read.frames, {index: place for place, index in enumerate(read.indices)})


def decoders(read_by: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """What a report says of the decoders: how many clips each one read, and for which reason."""
    counts = Counter((decoder, why) for decoder, why in read_by.values())
    return [
        {"decoder": decoder, "clips": clips, "why": why} for (decoder, why), clips in sorted(counts.items())
    ]


def timeline_fields(sha256: str) -> dict[str, Any]:
    """What a timeline depends on: the clip, the decoders, and the code that reads clips."""
    return {
        "measurement": TIMELINE,
        "clips": [sha256],
        "versions": {name: metadata.version(name) for name in (FIRST, SECOND)},
        "code": reading_hash(),
    }


def _plain(timeline: Timeline) -> dict[str, Any]:
    """A timeline as plain data."""
    return {**vars(timeline), "times": list(timeline.times)}
