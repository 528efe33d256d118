"""A file becomes a Clip: the frames that are asked for, or one ClipError: what is wrong and what to do.

Decoders hang, crash and print on files that are a little unusual, so the decoder is a process of its
own (`decoder_child.py`), which is started when first needed, kept from clip to clip, killed when it
falls silent, and started again for the next.

    with Decoder(timeout_s=30) as decoder:
        timeline = decoder.timeline(path)
        clip = decoder.decode(path, sampling.indices(timeline.n_frames))

The limit is on silence, not on the clip: an hour of video takes minutes, and all the while the process says
that it gets on; a decoder that hangs sends nothing more, however idle the machine.
"""

import contextlib
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from circuit_claims.clips import decoder_child
from circuit_claims.clips.answer import Answer
from circuit_claims.clips.errors import ClipError
from circuit_claims.clips.protocol import END, READY, TIMELINE, Request, timeline_of
from circuit_claims.clips.timeline import Timeline

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Clip", "ClipError", "Decoder", "Timeline"]

START_S = 60.0
"""Seconds that the decoder's process may take to load its libraries (0.3 on an idle machine)."""

PIPE_BYTES = 2**20


@dataclass(frozen=True, eq=False)
class Clip:
    """The decoded frames of a video, all of them or some."""

    path: Path
    """The file, as the caller named it."""
    frames: "NDArray[np.uint8]"
    """RGB, uint8 [frame, height, width, 3], in the order of presentation, turned by the file's rotation."""
    indices: tuple[int, ...]
    """Which frame of the clip each of them is."""
    timeline: Timeline
    """When the clip shows its frames, and which decoder reads them."""


class Decoder:
    """One decoder process, for one clip at a time (threads wait for one another)."""

    def __init__(self, timeout_s: float = 30.0) -> None:
        """Set how long nothing may come of a clip, in seconds; start nothing yet."""
        self.timeout_s = timeout_s
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._reader: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """The process that decodes, or None while none has been started."""
        return None if self._process is None else self._process.pid

    def timeline(self, path: str | Path) -> Timeline:
        """Return when the clip at ``path`` shows its frames, and which decoder reads it; keep no frame.

        Raises ClipError where it cannot be read.
        """
        with self._one_clip(Path(path)):
            return self._read(Path(path), ())[1]

    def decode(self, path: str | Path, indices: Sequence[int] | None = None) -> Clip:
        """Return the frames of the clip at ``path`` that are asked for, in that order (None: all of them).

        The clip is decoded from its start to the last of them. Raises ClipError where it cannot be read, or
        has no such frame; ValueError for a frame before the first.
        """
        import numpy as np

        path = Path(path)
        wanted = None if indices is None else tuple(sorted({int(index) for index in indices}))
        if wanted and wanted[0] < 0:
            raise ValueError(f"frames are counted from 0; {wanted[0]} was asked for")
        with self._one_clip(path):
            frames, timeline = self._read(path, wanted)
        wanted = tuple(range(timeline.n_frames)) if wanted is None else wanted
        asked = wanted if indices is None else tuple(int(index) for index in indices)
        if asked != wanted:
            frames = frames[np.searchsorted(wanted, asked)]
        return Clip(path, frames, asked, timeline)

    def stream(self, path: str | Path) -> "Iterator[NDArray[np.uint8]]":
        """Yield every frame of the clip at ``path``, uint8 [height, width, 3], one at a time.

        Memory does not grow with the clip. Until the iterator ends, or is closed, this decoder reads nothing
        else; two decoders may stream two clips side by side. Raises ClipError where it cannot be read.
        """
        import numpy as np

        path = Path(path)
        with self._one_clip(path):
            shown = 0
            for decord in (True, False):
                try:
                    answer, timeline = self._begin(path, None, decord)
                    for number in range(timeline.n_frames):
                        frame = np.empty((timeline.height, timeline.width, 3), dtype=np.uint8)
                        answer.frame(path, frame)
                        if number >= shown:  # otherwise it was shown before decord ended its process
                            shown += 1
                            yield frame
                    answer.expect(END, path)
                    return
                except EOFError:
                    if not decord:
                        raise
                    self._stop()

    def close(self) -> None:
        """End the process; a later `decode` starts another."""
        with self._lock:
            self._stop()

    @contextlib.contextmanager
    def _one_clip(self, path: Path) -> Iterator[None]:
        """Hold the process for one clip, and turn what goes wrong with it into one ClipError."""
        _check_file(path)
        if self._reader == threading.get_ident():
            raise RuntimeError("this decoder streams a clip; end that first, or take another decoder")
        with self._lock:
            self._reader = threading.get_ident()
            try:
                yield
            except ClipError:
                raise
            except TimeoutError as late:
                self._stop()
                raise ClipError(
                    path,
                    f"was not decoded: {late}, and the decoder was stopped; re-encode it, or try again on a "
                    "less busy machine",
                ) from None
            except EOFError:
                raise ClipError(
                    path, f"ended the decoder's process ({self._stop()}); re-encode it, or leave it out"
                ) from None
            except MemoryError:
                self._stop()
                raise ClipError(
                    path, "needs more memory than there is; cut it, scale it down, or take fewer frames"
                ) from None
            except BaseException:
                self._stop()  # interrupted in the middle of an answer: the next one would be misread
                raise
            finally:
                self._reader = None

    def _read(
        self, path: Path, indices: tuple[int, ...] | None, decord: bool = True
    ) -> "tuple[NDArray[np.uint8], Timeline]":
        """Read frames in order, by PyAV alone where the process ends with decord. Raises EOFError."""
        import numpy as np

        try:
            answer, timeline = self._begin(path, indices, decord)
            count = timeline.n_frames if indices is None else len(indices)
            frames = np.empty((count, timeline.height, timeline.width, 3), dtype=np.uint8)
            for frame in frames:
                answer.frame(path, frame)
            other = answer.expect(END, path)
            return frames, timeline_of(other) if other else timeline
        except EOFError:
            if not decord:
                raise
            self._stop()
            return self._read(path, indices, decord=False)

    def _begin(self, path: Path, indices: tuple[int, ...] | None, decord: bool) -> "tuple[Answer, Timeline]":
        """Send one request and read its answer up to the frames."""
        request = Request(os.path.abspath(path), indices, decord)  # noqa: PTH100 - links stay links
        if self._alive():
            with contextlib.suppress(EOFError):  # killed while it was idle: no fault of this clip
                return self._asked(path, request)
            self._stop()
        return self._asked(path, request)

    def _asked(self, path: Path, request: Request) -> "tuple[Answer, Timeline]":
        answer = Answer(self._running(path), self.timeout_s)
        answer.request(request)
        return answer, timeline_of(answer.expect(TIMELINE, path))

    def _alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _running(self, path: Path) -> subprocess.Popen[bytes]:
        """Return a process that is ready for a request, starting one where none is alive."""
        if self._process is not None and self._alive():
            return self._process
        self._stop()
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", decoder_child.__name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pipesize=PIPE_BYTES,
            env=_environment(),
        )
        answer = Answer(self._process, START_S)
        try:
            kind, content = answer.message()
            problem = "" if kind == READY else content.decode()
        except TimeoutError:
            problem = f"no sign of life within {START_S:g} s; try again on a less busy machine"
        except EOFError:
            problem = f"{self._stop()}; see what `python -c 'import av, decord'` says"
        if problem:
            self._stop()
            raise ClipError(path, f"was not read, because the decoder does not start: {problem}")
        return self._process

    def _stop(self) -> str:
        """End the process where there is one, and return how it ended."""
        process, self._process = self._process, None
        if process is None:
            return "never started"
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()  # a healthy child leaves by itself
        try:
            code = process.wait(0.2)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        return signal.Signals(-code).name if code < 0 else f"exit status {code}"


def _environment() -> dict[str, str]:
    """Return the process's environment: it finds this package, and nothing changes which files decode."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("DECORD_")}
    package = str(Path(__file__).parents[2])
    ours["PYTHONPATH"] = os.pathsep.join([*filter(None, [ours.get("PYTHONPATH")]), package])
    return ours


def _check_file(path: Path) -> None:
    """Refuse what is no regular file with something in it: FFmpeg would wait on a fifo for ever."""
    try:
        status = path.stat()
    except FileNotFoundError:
        problem = "does not exist; check the name, or fetch it"
        if path.is_symlink():
            problem = f"is a link to {path.readlink()}, which does not exist; fix the link"
        raise ClipError(path, problem) from None
    except (OSError, ValueError) as error:  # a loop of links, a closed folder, a NUL in the name
        reason = getattr(error, "strerror", None) or error
        raise ClipError(path, f"cannot be reached ({reason}); check the path") from None
    if stat.S_ISDIR(status.st_mode):
        raise ClipError(path, "is a directory; name a video file")
    if not stat.S_ISREG(status.st_mode):
        raise ClipError(path, "is no regular file (a pipe, socket or device); name a video file")
    if status.st_size == 0:
        raise ClipError(path, "is empty (0 bytes); fetch it again")
    if not os.access(path, os.R_OK):
        raise ClipError(path, "may not be read by this user; change its permissions")
