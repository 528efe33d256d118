"""The parent's side of the pipe: one answer of the decoder's process, read within a limit on its silence."""

import os
import select
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from circuit_claims.clips.errors import ClipError
from circuit_claims.clips.protocol import ERROR, FRAME, HEAD, PROGRESS, Request

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Answer:
    """One answer of the child, read from its pipe within a limit on its silence."""

    def __init__(self, process: subprocess.Popen[bytes], silence_s: float) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._requests = process.stdin
        self._replies = process.stdout.fileno()
        self._poll = select.poll()
        self._poll.register(self._replies, select.POLLIN)
        self._silence_s = silence_s

    def request(self, request: Request) -> None:
        """Send what is asked. Raises EOFError when the child is gone."""
        try:
            self._requests.write(request.line())
            self._requests.flush()
        except BrokenPipeError:
            raise EOFError from None

    def expect(self, wanted: bytes, path: Path) -> bytes:
        """Return the content of the next message but for progress. Raises ClipError where it is an error."""
        kind, content = self.message()
        if kind == ERROR:
            raise ClipError(path, content.decode())
        if kind != wanted:
            raise EOFError
        return content

    def frame(self, path: Path, frame: "NDArray[np.uint8]") -> None:
        """Read the next frame in place."""
        kind, length = self._head()
        if kind == ERROR:
            raise ClipError(path, self._content(length).decode())
        if kind != FRAME or length != frame.nbytes:
            raise EOFError
        self._into(frame.reshape(-1).data)

    def message(self) -> tuple[bytes, bytes]:
        """Return kind and content of the next message but for progress."""
        kind, length = self._head()
        return kind, self._content(length)

    def _head(self) -> tuple[bytes, int]:
        while True:
            head = bytearray(HEAD.size)
            self._into(memoryview(head))
            kind, length = HEAD.unpack(head)
            if kind != PROGRESS:
                return kind, length

    def _content(self, length: int) -> bytes:
        content = bytearray(length)
        self._into(memoryview(content))
        return bytes(content)

    def _into(self, buffer: memoryview) -> None:
        """Fill the buffer. Raises TimeoutError after too long a silence; EOFError when the child is gone."""
        while buffer:
            if not self._poll.poll(self._silence_s * 1000):
                raise TimeoutError(f"no frame came for {self._silence_s:g} s")
            read = os.readv(self._replies, [buffer])
            if not read:
                raise EOFError
            buffer = buffer[read:]
