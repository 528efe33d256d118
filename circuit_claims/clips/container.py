"""What a file says of its video before its frames are read: opened through a gate, its packets walked.

The gate lets in files that hold their own frames, and nothing that names other files: what was hashed is what
is read. The walk decodes key frames alone: a clip that changes its size does so there.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from circuit_claims.clips.refusal import ENCODE, FETCH, RefusedError, cut_short, size_changed

if TYPE_CHECKING:
    from av import VideoStream
    from av.container import InputContainer

DEMUXERS = (
    "mov,mp4,m4a,3gp,3g2,mj2",
    "matroska,webm",
    "avi",
    "mpegts",
    "mpeg",
    "flv",
    "ogg",
    "asf",
    "gif",
    "ivf",
    "obu",
    "av1",
    "h264",
    "hevc",
    "m4v",
    "mpegvideo",
    "yuv4mpegpipe",
    "wav",
)
"""Containers and raw streams that hold their own frames, by FFmpeg's names. Playlists, lists of files, image
patterns, streaming manifests and devices are not among them."""
RAW = ("h264", "hevc", "m4v", "mpegvideo", "obu", "av1")
"""Those without timestamps: frame number / rate."""
STATE_DURATION = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "flv")
"""Those whose header says how long they are."""
SLACK_S = 0.25
"""Seconds by which a stated duration may exceed the frames and sound that are there."""
TS_PACKETS = (188, 192, 204)
"""Bytes of a packet of MPEG-TS: plain, with a timecode (M2TS), with error correction."""
GATE = {"format_whitelist": ",".join(DEMUXERS), "protocol_whitelist": "file"}

Tell = Callable[[], None]
"""Says that something is being done."""


@dataclass(frozen=True)
class Walk:
    """What the packets of a file's best video stream (the one that decord takes) and its key frames say."""

    path: str
    format: str
    """The demuxer, by FFmpeg's name."""
    codec: str
    width: int
    """Pixels, as shown: after the file's rotation."""
    height: int
    """Pixels, as shown: after the file's rotation."""
    rate: Fraction
    """Average frames a second; 0 where the file does not say."""
    bits: int
    """Most bits of a colour."""
    interlaced: bool
    packets: int
    """Packets that hold something."""
    hidden: int
    """Packets that an edit list leaves out of the presentation."""
    times: tuple[Fraction, ...]
    """Seconds, of the packets that are shown and have a timestamp; ascending."""
    starts_with_key: bool
    """The first packet is a key frame, and none is shown before it."""
    promised: int
    """Frames by the header; 0 where it does not say."""
    duration: float
    """Seconds by the header; 0 where it does not say."""

    @property
    def in_order(self) -> bool:
        """Every packet that is shown has a timestamp of its own."""
        return len(set(self.times)) == len(self.times) == self.packets - self.hidden


@contextmanager
def opened(path: str, **options: str) -> Iterator[tuple["InputContainer", "VideoStream"]]:
    """Open a file that holds its own frames, and its best video stream; decoders run in one thread.

    Raises RefusedError for everything else, and where reading fails inside the block.
    """
    import av

    try:
        with av.open(path, metadata_errors="ignore", options={**GATE, **options}) as container:
            stream = container.streams.best("video")
            if not isinstance(stream, av.VideoStream):
                raise RefusedError("holds no video stream; name a video file")
            if stream.codec_context is None:
                raise RefusedError(f"holds video in a codec that is not known here; {ENCODE}")
            stream.codec_context.thread_count = 1
            yield container, stream
    except av.error.ArgumentError as error:
        if error.filename is None:  # a decoder's
            raise RefusedError(f"is damaged ({error.strerror}); {FETCH}, or {ENCODE}") from None
        raise RefusedError(
            "is no file that holds its own frames (but a playlist, a list of files, a picture, or a rare "
            "format); name the video file itself, or convert it (ffmpeg -i IN OUT.mp4)"
        ) from None
    except av.error.InvalidDataError as error:
        if str(error.filename) == path:
            raise RefusedError(f"is no video, or a damaged one ({error.strerror}); {FETCH}") from None
        raise RefusedError(f"is damaged ({error.strerror}); {FETCH}") from None
    except av.FFmpegError as error:
        raise RefusedError(f"cannot be read ({error.strerror}); {FETCH}, or {ENCODE}") from None


def walk(path: str, tell: Tell) -> Walk:
    """Walk the packets of a file and decode its key frames. Raises RefusedError for what is damaged."""
    packets = entries = hidden = damaged = 0
    end = 0.0
    stamps: list[int] = []
    keys = _KeyFrames()
    first_is_key, first = False, None
    with opened(path) as (container, stream):
        context = stream.codec_context
        context.skip_frame = "NONKEY"
        for packet in container.demux():
            tell()
            if packet.pts is not None and packet.time_base:
                end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
            if packet.stream.index != stream.index:
                continue
            if packet.size or packet.dts is not None:  # the last one is empty: it flushes the decoder
                entries += 1
            if packet.size:
                if not packets:
                    first_is_key, first = packet.is_keyframe, packet.pts
                packets += 1
                hidden += packet.is_discard
                damaged += packet.is_corrupt
                if not packet.is_discard and packet.pts is not None:
                    stamps.append(packet.pts)
            keys.decode(packet)
        unit = Fraction(stream.time_base or 0)
        found = Walk(
            path=path,
            format=container.format.name,
            codec=stream.codec.name,
            width=keys.width or stream.width,
            height=keys.height or stream.height,
            rate=_rate(stream, container.format.name),
            bits=keys.bits,
            interlaced=keys.interlaced,
            packets=packets,
            hidden=hidden,
            times=tuple(stamp * unit for stamp in sorted(stamps)),
            starts_with_key=first_is_key and first is not None and first <= min(stamps, default=first),
            promised=stream.frames,
            duration=(container.duration or 0) / 1e6,
        )
        begin = (container.start_time or 0) / 1e6
        known_rate = bool(context.bit_rate) and not found.format.startswith("mov")
    if not (found.width and found.height and packets):
        raise RefusedError(
            f"holds no frames (its header says {found.width}x{found.height}, {packets} packets follow); "
            f"{FETCH}"
        )
    if entries < found.promised:
        found = _with_all_edits(found, entries, tell)
    if keys.error is not None:
        raise RefusedError(f"is damaged ({keys.error}); {FETCH}")
    if damaged:
        raise RefusedError(f"is damaged in {damaged} of its {packets} packets; {FETCH}")
    if (
        keys.changed is not None and keys.changed[0] is not None
    ):  # without timestamps frames are counted later
        at, before, after = keys.changed
        raise size_changed(sum(stamp < at for stamp in stamps), before, after)
    if found.format == "mpegts" and all(os.stat(path).st_size % length for length in TS_PACKETS):  # noqa: PTH116
        raise RefusedError(f"ends within a packet: it is cut short; {FETCH}")
    # Where a header says nothing FFmpeg guesses a duration from the bit rate.
    stated = found.duration if found.format in STATE_DURATION and not known_rate else 0.0
    if not found.promised and stated - (end - begin) > max(SLACK_S, 2 * _longest_gap(found.times)):
        raise RefusedError(
            f"holds {end - begin:.2f} of the {stated:.2f} seconds that its header promises: it is cut short; "
            f"{FETCH}"
        )
    return found


class _KeyFrames:
    """What the key frames of a clip are like, taken one by one."""

    def __init__(self) -> None:
        self.width = self.height = 0
        self.bits = 8
        self.interlaced = False
        self.changed: tuple[int, tuple[int, int], tuple[int, int]] | None = None
        """Timestamp of the first frame of another size; the size before, and after. Without timestamps frames
        are counted later, and their sizes looked at then."""
        self.error: str | None = None
        """What the decoder says of the first packet that it cannot read: the last that it is given."""

    def decode(self, packet: Any) -> None:
        import av

        try:
            for frame in () if self.error else packet.decode():
                self._take(frame)
        except av.FFmpegError as error:
            self.error = error.strerror

    def _take(self, frame: Any) -> None:
        width, height = shown_size(frame)
        if not self.width:
            self.width, self.height = width, height
        elif (width, height) != (self.width, self.height) and not self.changed and frame.pts is not None:
            self.changed = (frame.pts, (self.width, self.height), (width, height))
        self.bits = max(self.bits, *(component.bits for component in frame.format.components))
        self.interlaced = self.interlaced or bool(frame.interlaced_frame)


def shown_size(frame: Any) -> tuple[int, int]:
    """Width and height of a PyAV frame after the file's rotation."""
    return (frame.height, frame.width) if frame.rotation % 180 == 90 else (frame.width, frame.height)


def _rate(stream: "VideoStream", demuxer: str) -> Fraction:
    """Average frames a second; of a raw stream what its codec says, where the demuxer assumes 25."""
    rates = [stream.average_rate, stream.guessed_rate]
    if demuxer in RAW:
        rates.insert(0, stream.codec_context.framerate)
    return Fraction(next(filter(None, rates), 0))


def _with_all_edits(found: Walk, entries: int, tell: Tell) -> Walk:
    """A walk that met fewer packets than promised: an edit list left the others out, or they are missing."""
    there = 0
    with opened(found.path, ignore_editlist="1") as (container, stream):
        for packet in container.demux(stream):
            tell()
            there += bool(packet.size or packet.dts is not None)
    if there < found.promised:
        raise cut_short(there, found.promised)
    left_out = there - entries
    return replace(found, packets=found.packets + left_out, hidden=found.hidden + left_out)


def _longest_gap(times: tuple[Fraction, ...]) -> float:
    """Seconds between two frames, at most."""
    return float(max((b - a for a, b in pairwise(times)), default=0))
