"""A file becomes a Clip: all of its frames in order, or one ClipError: what is wrong and what to do.

Decoders hang, crash and print on files that are a little unusual, so the decoder is a process of its
own (`decoder_child.py`), which is started when first needed, kept from clip to clip, killed when it
falls silent or a clip takes too long, and started again for the next.

    with Decoder(timeout_s=30) as decoder:
        clip = decoder.decode(path)

The limit is on silence, not on the clip: on a busy machine a long clip takes minutes, and a frame of it
comes every second; a decoder that hangs sends nothing more, however idle the machine.
"""

import contextlib
import json
import os
import select
import signal
import stat
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Self

from circuit_claims.clips import decoder_child
from circuit_claims.clips.decoder_child import END, ERROR, FETCH, FRAME, MESSAGE, READY
from circuit_claims.clips.errors import ClipError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Clip", "ClipError", "Decoder", "decoder_version"]

START_S = 60.0
"""Seconds that the decoder's process may take to load its libraries (0.3 on an idle machine)."""

PATIENCE = 10
"""A clip may take so many times as long as its decoder may be silent."""

PIPE_BYTES = 2**20


@dataclass(frozen=True, eq=False)
class Clip:
    """A decoded video."""

    path: Path
    """The file, as the caller named it."""
    frames: "NDArray[np.uint8]"
    """RGB, uint8 [frame, height, width, 3], in the order of presentation, turned by the file's rotation."""
    fps: float
    """Average frames a second by the container; 0 where it does not say."""
    container_frames: int
    """Frames that the container promises; the decoder has read as many."""


def decoder_version() -> str:
    """Return the decoder's distribution and version, such as ``decord2 3.4.0``.

    decord and decord2 install the same files: where both are installed both are named, because
    nobody can tell whose files they are. Raises PackageNotFoundError where decord2 is not installed.
    """
    names = [f"decord2 {metadata.version('decord2')}"]
    with contextlib.suppress(metadata.PackageNotFoundError):
        names.append(f"decord {metadata.version('decord')}")
    return " and ".join(names)


class Decoder:
    """One decoder process, for one clip at a time (threads wait for one another)."""

    def __init__(self, timeout_s: float = 30.0) -> None:
        """Set how long no frame may come, in seconds (a clip may take ten times that); start nothing yet."""
        self.timeout_s = timeout_s
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """The process that decodes, or None while none has been started."""
        return None if self._process is None else self._process.pid

    def decode(self, path: str | Path) -> Clip:
        """Return every frame of the clip at ``path``, within the time limits. Raises ClipError otherwise."""
        path = Path(path)
        _check_file(path)
        with self._lock:
            try:
                if self._alive():
                    with contextlib.suppress(EOFError):  # killed while it was idle: no fault of this clip
                        return self._decode(path)
                    self._stop()
                return self._decode(path)
            except ClipError:
                raise
            except TimeoutError as late:
                self._stop()
                raise ClipError(
                    path,
                    f"was not decoded: {late}, and the decoder was stopped; re-encode it, cut it, or try "
                    "again on a less busy machine",
                ) from None
            except EOFError:
                raise ClipError(
                    path, f"ended the decoder's process ({self._stop()}); re-encode it, or leave it out"
                ) from None
            except MemoryError:
                self._stop()
                raise ClipError(path, "needs more memory than there is; cut it or scale it down") from None
            except BaseException:
                self._stop()  # interrupted in the middle of an answer: the next one would be misread
                raise

    def close(self) -> None:
        """End the process; a later `decode` starts another."""
        with self._lock:
            self._stop()

    def _decode(self, path: Path) -> Clip:
        """Send one request and read its answer. Raises EOFError or TimeoutError where none comes."""
        import numpy as np

        answer = _Answer(self._running(path), self.timeout_s)
        answer.request(os.path.abspath(path))  # noqa: PTH100 - "x:y.mp4" would be a protocol; links stay links
        kind, length = answer.message()
        if kind == ERROR:
            raise ClipError(path, answer.text(length))
        header = json.loads(answer.text(length))
        frames = np.empty((header["frames"], header["height"], header["width"], 3), dtype=np.uint8)
        for frame in frames:
            kind, length = answer.message()
            if kind != FRAME:
                break
            answer.into(memoryview(frame.reshape(-1)))
        else:
            kind, length = answer.message()
        if kind == ERROR:
            raise ClipError(path, answer.text(length))
        if kind != END:
            raise EOFError
        return Clip(path, frames, header["fps"], header["container_frames"])

    def _alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _running(self, path: Path) -> subprocess.Popen[bytes]:
        """Return a process that is ready for a request, starting one where none is alive."""
        if self._process is not None and self._alive():
            return self._process
        self._stop()
        self._process = subprocess.Popen(
            # -P: the script's folder is this room, whose modules are not to be found as top-level ones
            [sys.executable, "-P", decoder_child.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pipesize=PIPE_BYTES,
            # DECORD_EOF_RETRY_MAX and its kin change which files decode
            env={name: value for name, value in os.environ.items() if not name.startswith("DECORD_")},
        )
        answer = _Answer(self._process, START_S)
        try:
            kind, length = answer.message()
            problem = "" if kind == READY else answer.text(length)
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


class _Answer:
    """One answer of the child, read from its pipe within two limits: on its silence, and on all of it."""

    def __init__(self, process: subprocess.Popen[bytes], silence_s: float) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._requests = process.stdin
        self._replies = process.stdout.fileno()
        self._poll = select.poll()
        self._poll.register(self._replies, select.POLLIN)
        self._silence_s = silence_s
        self._whole_s = PATIENCE * silence_s
        self._deadline = time.monotonic() + self._whole_s

    def request(self, absolute: str) -> None:
        try:
            self._requests.write(json.dumps(absolute).encode() + b"\n")
            self._requests.flush()
        except BrokenPipeError:
            raise EOFError from None

    def message(self) -> tuple[bytes, int]:
        """Return kind and length of the next message."""
        head = bytearray(MESSAGE.size)
        self.into(memoryview(head))
        kind, length = MESSAGE.unpack(head)
        return kind, length

    def text(self, length: int) -> str:
        content = bytearray(length)
        self.into(memoryview(content))
        return content.decode()

    def into(self, buffer: memoryview) -> None:
        """Fill the buffer. Raises TimeoutError, which names the limit; EOFError when the child is gone."""
        while buffer:
            left_s = max(self._deadline - time.monotonic(), 0)
            if not self._poll.poll(min(self._silence_s, left_s) * 1000) or not left_s:
                raise TimeoutError(
                    f"no frame came for {self._silence_s:g} s"
                    if self._silence_s < left_s
                    else f"it took more than {self._whole_s:g} s"
                )
            read = os.readv(self._replies, [buffer])
            if not read:
                raise EOFError
            buffer = buffer[read:]


def _check_file(path: Path) -> None:
    """Refuse what is no regular file with something in it: FFmpeg would wait on a fifo for ever."""
    try:
        status = path.stat()
    except FileNotFoundError:
        problem = "does not exist; check the name, or fetch it"
        if path.is_symlink():
            problem = f"is a link to {path.readlink()}, which does not exist; mend the link"
        raise ClipError(path, problem) from None
    except (OSError, ValueError) as error:  # a loop of links, a closed folder, a NUL in the name
        reason = getattr(error, "strerror", None) or error
        raise ClipError(path, f"cannot be reached ({reason}); check the path") from None
    if stat.S_ISDIR(status.st_mode):
        raise ClipError(path, "is a directory; name a video file")
    if not stat.S_ISREG(status.st_mode):
        raise ClipError(path, "is no regular file (a pipe, socket or device); name a video file")
    if status.st_size == 0:
        raise ClipError(path, f"is empty (0 bytes); {FETCH}")
    if not os.access(path, os.R_OK):
        raise ClipError(path, "may not be read by this user; change its permissions")
