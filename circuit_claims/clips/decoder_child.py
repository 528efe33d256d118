"""The decoder's own process: reads clips one after another, and may hang, crash or print as it likes.

`decode.Decoder` starts this file as a script and kills it when a clip takes too long. It imports
nothing of the package, so that it starts quickly. A request is a line of JSON with an absolute path.
An answer is a sequence of messages, each a kind, a length and so many bytes:

    ready     the libraries are loaded
    header    JSON: frames, height, width, fps, container_frames
    frame     height * width * 3 bytes of RGB, as often as the header says
    end       every frame has been sent
    error     what is wrong; what to do (after any number of frames)

decord decodes, sequentially: its random access returns wrong frames, silently, on files with edit
lists, open GOPs or B-frames in AVI. PyAV walks the packets first, without decoding them: decord
repeats the last frame where packets are hidden, and believes a file that is cut short.
"""

import os
import queue
import re
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from itertools import chain
from typing import Any, BinaryIO

from circuit_claims.clips.protocol import (
    END,
    ERROR,
    FRAME,
    READY,
    TIMELINE,
    Request,
    request_of,
    send,
    timeline_bytes,
)
from circuit_claims.clips.timeline import Timeline

MAX_PIXELS = 2**29
"""Width x height x frames of a clip: 1.6 GB of RGB, or 19 s of 720p at 30 frames a second."""
MAX_FRAMES = 10_000
"""Frames of a clip, however small: five minutes at 30 frames a second."""

FIRST_REPEAT = 1e-9
"""decord's ``fault_tol`` as a share of the frames: the first frame that it fills in is an error."""

FETCH = "fetch it again"
ENCODE = "re-encode it (ffmpeg -i IN -c:v libx264 -pix_fmt yuv420p OUT.mp4)"
SCALE = "scale it (ffmpeg -i IN -vf scale=256:-2 OUT.mp4)"
CUT = "cut it (ffmpeg -i IN -frames:v 1000 OUT.mp4)"


class RefusedError(Exception):
    """A clip that is not to be used: what is wrong; what to do."""


@dataclass(frozen=True)
class Container:
    """What a file says of its video before a frame is decoded."""

    width: int
    """Pixels, before any rotation."""
    height: int
    """Pixels, before any rotation."""
    fps: float
    """Average frames a second; 0 where the file does not say."""
    promised: int
    """Frames by the header, or by the packets where the header gives no number."""
    packets: int
    """Packets that are there; beyond the limits nobody counts on."""
    hidden: int
    """Packets that the edit list leaves out of the presentation."""
    damaged: int
    """Packets that the demuxer marks as corrupt."""
    times: tuple[float, ...] = ()
    """Seconds, of the packets that are shown, ascending."""


def read_container(path: str) -> Container:
    """Walk the packets of the file's best video stream (the one that decord takes), decoding none."""
    import av

    try:
        with av.open(path, metadata_errors="ignore") as container:
            stream = container.streams.best("video")
            if not isinstance(stream, av.VideoStream):
                raise RefusedError("holds no video stream; name a video file")
            packets = hidden = damaged = 0
            times = []
            most = most_frames(stream.width, stream.height)
            for packet in container.demux(stream):
                packets += packet.size > 0  # the last one is empty: it flushes a decoder
                hidden += packet.is_discard
                if packet.size and not packet.is_discard and packet.pts is not None:
                    times.append(float(packet.pts * packet.time_base))
                damaged += packet.is_corrupt
                if packets > most:
                    break
            return Container(
                width=stream.width,
                height=stream.height,
                fps=float(stream.average_rate or stream.guessed_rate or 0),
                promised=stream.frames or packets,
                packets=packets,
                hidden=hidden,
                damaged=damaged,
                times=tuple(sorted(times)),
            )
    except av.FFmpegError as error:
        raise RefusedError(f"is no video, or a damaged one ({error.strerror}); {FETCH}") from None


def check_container(container: Container) -> None:
    """Refuse what decord would read wrongly without a word, or at a price that nobody meant."""
    width, height, promised = container.width, container.height, container.promised
    frames, most = max(promised, container.packets), most_frames(width, height)
    if not (width and height and container.packets):
        raise RefusedError(
            f"holds no frames (its header says {width}x{height}, {container.packets} packets follow); {FETCH}"
        )
    if frames > most:
        if most == MAX_FRAMES:
            raise RefusedError(f"has {frames} frames or more, where {MAX_FRAMES} are the limit; {CUT}")
        raise RefusedError(
            f"has {frames} frames or more of {width}x{height}, where {MAX_PIXELS / 1e6:.0f} million pixels "
            f"are the limit ({most} frames of this size); {CUT}, or {SCALE}"
        )
    if container.packets != promised:
        raise RefusedError(miscounted(container.packets, promised))
    if container.damaged:
        raise RefusedError(f"is damaged in {container.damaged} of its {promised} packets; {FETCH}")
    if container.hidden:
        raise RefusedError(
            f"hides {container.hidden} of its {promised} frames by an edit list (a cut without re-encoding), "
            f"which the decoder would fill with repeated frames; {ENCODE}"
        )


def most_frames(width: int, height: int) -> int:
    """How many frames of a size a clip may have."""
    return min(MAX_FRAMES, MAX_PIXELS // max(width * height, 1))


def miscounted(read: int, promised: int) -> str:
    """Say that a file holds fewer or more frames than its header promises."""
    if read < promised:
        return f"holds {read} of the {promised} frames that its header promises: it is cut short; {FETCH}"
    return f"holds {read} frames or more where its header promises {promised}; {ENCODE}"


def frames_of(path: str, container: Container) -> Iterator[Any]:
    """Yield each frame in the order of presentation, uint8 [height, width, 3], as many as were promised.

    decord turns frames by the file's rotation, so height and width may have changed places.
    """
    import decord

    try:
        reader = decord.VideoReader(path, num_threads=1, fault_tol=FIRST_REPEAT)
    except UnicodeEncodeError:
        raise RefusedError("has a name that is not UTF-8; rename it") from None
    except (RuntimeError, decord.DECORDError) as error:
        raise RefusedError(f"cannot be opened by the decoder ({gist(error)}); {FETCH}, or {ENCODE}") from None
    sizes = {(container.height, container.width), (container.width, container.height)}
    shape: tuple[int, ...] = ()
    read = 0
    while read <= container.promised:
        try:
            frame = reader.next().asnumpy()
        except (StopIteration, IndexError):
            break
        except decord.DECORDLimitReachedError:
            raise RefusedError(
                f"has frames that the decoder cannot place, and would fill with repeated ones; {ENCODE}"
            ) from None
        except (RuntimeError, decord.DECORDError) as error:
            raise RefusedError(
                f"is damaged: the decoder gave up before its end ({gist(error)}); {FETCH}"
            ) from None
        shape = shape or frame.shape
        if frame.shape != shape or shape[-1] != 3 or shape[:2] not in sizes:
            raise RefusedError(
                f"comes out of the decoder misshapen, as {'x'.join(map(str, frame.shape))} where its header "
                f"says {container.height}x{container.width}x3 (some widths below 80 pixels do); {SCALE}"
            )
        read += 1
        if read <= container.promised:
            yield frame
    if read != container.promised:
        raise RefusedError(miscounted(read, container.promised))


def gist(error: Exception) -> str:
    """Return the clause of a native error that says something, without clock, source line and path."""
    text = re.sub(r"\[\d\d:\d\d:\d\d\] \S+: |Check failed: .*\(-?\d+ vs\. -?\d+\) |\[/.*\] ", "", str(error))
    clause = text.strip().split("\n", 1)[0].rstrip(".")
    return f"{type(error).__name__}: {clause[-120:]}" if clause else type(error).__name__


def answer(request: Request, replies: BinaryIO) -> None:
    """Send one clip, or what is wrong with it."""
    try:
        container = read_container(request.path)
        check_container(container)
        frames = frames_of(request.path, container)
        first = next(frames)
        height, width = first.shape[:2]
        times = tuple(time - container.times[0] for time in container.times)
        version = f"decord2 {metadata.version('decord2')}"
        timeline = Timeline(times, width, height, container.fps, version)
        send(replies, TIMELINE, timeline_bytes(timeline))
        wanted = range(timeline.n_frames) if request.indices is None else request.indices
        numbered = enumerate(chain([first], frames))
        for index in wanted:
            frame = next((frame for number, frame in numbered if number == index), None)
            if frame is None:
                raise RefusedError(f"has {timeline.n_frames} frames, and no frame {index}")
            send(replies, FRAME, memoryview(frame.reshape(-1)))
        send(replies, END)
    except RefusedError as refused:
        send(replies, ERROR, str(refused).encode())
    except Exception as error:
        send(replies, ERROR, f"cannot be decoded ({gist(error)}); {ENCODE}".encode())


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
    while True:
        answer(requests.get(), replies)


if __name__ == "__main__":
    main()
