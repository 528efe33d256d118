"""The decoder's own process: reads clips one after another, and may hang, crash or print as it likes.

`decode.Decoder` starts it, speaks to it as `protocol.py` says, and kills it when it falls silent. It imports
nothing of the package but what reads clips, so that it starts quickly.
"""

import os
import queue
import signal
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO

from circuit_claims.clips.choice import SECOND, look, version
from circuit_claims.clips.protocol import (
    END,
    ERROR,
    FRAME,
    PROGRESS,
    READY,
    TIMELINE,
    Request,
    request_of,
    send,
    timeline_bytes,
)
from circuit_claims.clips.readers import GaveUpError, by_decord, by_pyav
from circuit_claims.clips.refusal import ENCODE, RefusedError, gist
from circuit_claims.clips.timeline import Timeline

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TELL_S = 0.2
"""Seconds from one report of progress to the next."""
KNOWN_FRAMES = 1_000_000
"""Frames whose times are kept, so that a clip is not walked for every window of it (32 MB)."""

Stamp = tuple[str, int, int, int]


class Reading:
    """Answers requests; keeps the timelines of the clips that it has walked."""

    def __init__(self, replies: BinaryIO) -> None:
        self._replies = replies
        self._known: OrderedDict[Stamp, Timeline] = OrderedDict()
        self._told = 0.0

    def answer(self, request: Request) -> None:
        """Send one clip, or what is wrong with it."""
        try:
            self._told = time.monotonic()
            stamp = _stamp(request.path)
            known = self._known.get(stamp) if request.decord else None
            timeline = known or look(request.path, self._tell, request.decord)
            self._keep(stamp, timeline)
            wanted = range(timeline.n_frames) if request.indices is None else request.indices
            if wanted and wanted[-1] >= timeline.n_frames:
                raise RefusedError(
                    f"has {timeline.n_frames} frames, and no frame {wanted[-1]}; take earlier ones"
                )
            send(self._replies, TIMELINE, timeline_bytes(timeline))
            for frame in self._frames(request.path, timeline, wanted, stamp):
                send(self._replies, FRAME, frame.reshape(-1).data)
            # The timeline again where decord gave up and PyAV took over.
            now = self._known.get(stamp, timeline)
            send(self._replies, END, b"" if now is timeline else timeline_bytes(now))
        except RefusedError as refused:
            send(self._replies, ERROR, str(refused).encode(errors="backslashreplace"))
        except Exception as error:
            problem = f"cannot be decoded ({gist(error)}); {ENCODE}"
            send(self._replies, ERROR, problem.encode(errors="backslashreplace"))

    def _frames(
        self, path: str, timeline: Timeline, wanted: Sequence[int], stamp: Stamp
    ) -> "Iterator[NDArray[np.uint8]]":
        """Yield the frames that are wanted by the clip's decoder, and by PyAV where decord gives up."""
        if not wanted:
            return
        left = list(wanted)
        if not timeline.why:
            try:
                for frame in by_decord(path, wanted, (timeline.width, timeline.height), self._tell):
                    yield frame
                    del left[0]
                return
            except GaveUpError as gave_up:
                why = f"decord gives up at frame {gave_up.number} ({gave_up.why})"
                timeline = replace(timeline, decoder=version(SECOND), why=why)
        yield from by_pyav(path, left, self._tell)
        self._keep(stamp, timeline)

    def _tell(self) -> None:
        """Report progress, now and then."""
        now = time.monotonic()
        if now - self._told > TELL_S:
            self._told = now
            send(self._replies, PROGRESS)

    def _keep(self, stamp: Stamp, timeline: Timeline) -> None:
        self._known[stamp] = timeline
        while sum(known.n_frames for known in self._known.values()) > KNOWN_FRAMES and len(self._known) > 1:
            self._known.popitem(last=False)


def _stamp(path: str) -> Stamp:
    """What tells a file from another that takes its place."""
    status = os.stat(path)  # noqa: PTH116
    return path, status.st_ino, status.st_size, status.st_mtime_ns


def listen(requests: "queue.SimpleQueue[Request]") -> None:
    """Take requests until the parent closes the pipe or dies; then leave, even out of a native loop."""
    for line in sys.stdin.buffer:
        requests.put(request_of(line))
    os._exit(0)


def main() -> None:
    """Answer requests for ever."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt means
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # native libraries print there, into the answers
    requests: queue.SimpleQueue[Request] = queue.SimpleQueue()
    threading.Thread(target=listen, args=(requests,), daemon=True).start()
    try:
        import av  # noqa: F401
        import decord  # noqa: F401
    except Exception as error:
        send(replies, ERROR, f"{gist(error)}; install both (pip install av decord2)".encode())
        return
    send(replies, READY)
    reading = Reading(replies)
    while True:
        reading.answer(requests.get())


if __name__ == "__main__":
    main()
