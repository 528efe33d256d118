"""What the decoder's two processes say to each other, over a pair of pipes.

A request is a line of JSON: the absolute path of a clip, which of its frames are wanted, and whether decord
may read it. An answer is a sequence of messages, each a kind, a length and so many bytes:

    ready      the libraries are loaded
    progress   nothing yet, but packets are being walked or frames skipped
    timeline   what is known of the clip before its frames: JSON, a newline, its times as float64
    frame      height * width * 3 bytes of RGB, as often as frames were asked for
    end        everything has been sent
    error      what is wrong; what to do (after any number of frames)
"""

import json
import struct
from dataclasses import dataclass
from typing import BinaryIO

from circuit_claims.clips.timeline import Timeline

HEAD = struct.Struct(">cQ")
"""Kind and length of a message."""
READY, PROGRESS, TIMELINE, FRAME, END, ERROR = b"R", b"P", b"T", b"F", b"E", b"X"


@dataclass(frozen=True)
class Request:
    """What the parent asks of one clip."""

    path: str
    """Absolute: `x:y.mp4` would be a protocol otherwise."""
    indices: tuple[int, ...] | None
    """The frames that are wanted, ascending, each once; None for all of them, none for the timeline alone."""
    decord: bool = True
    """Whether decord may read it: not where it ended an earlier process."""

    def line(self) -> bytes:
        """Return the request as it is sent."""
        return json.dumps([self.path, self.indices, self.decord]).encode() + b"\n"


def request_of(line: bytes) -> Request:
    """Read a request's line."""
    path, indices, decord = json.loads(line)
    return Request(path, None if indices is None else tuple(indices), decord)


def timeline_bytes(timeline: Timeline) -> bytes:
    """Return a timeline as it is sent."""
    facts = {name: value for name, value in vars(timeline).items() if name != "times"}
    times = struct.pack(f"<{timeline.n_frames}d", *timeline.times)
    return json.dumps(facts).encode() + b"\n" + times


def timeline_of(content: bytes) -> Timeline:
    """Read a timeline that was sent."""
    facts, _, times = content.partition(b"\n")
    return Timeline(times=struct.unpack(f"<{len(times) // 8}d", times), **json.loads(facts))


def send(replies: BinaryIO, kind: bytes, content: bytes | memoryview = b"") -> None:
    """Write one message of an answer."""
    replies.write(HEAD.pack(kind, len(content)))
    replies.write(content)
    replies.flush()
