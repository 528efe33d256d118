"""A good clip, decoders, and a decord that misbehaves."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from drawn_clips import drawn, encode

from circuit_claims.clips.decode import Decoder


@pytest.fixture(scope="session")
def ramp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good clip: 24 frames of 128x64, with B-frames."""
    return encode(tmp_path_factory.mktemp("ramp") / "ramp.mp4", drawn(), bf="3", g="8")


@pytest.fixture(scope="session")
def shared_decoder() -> Iterator[Decoder]:
    with Decoder() as decoder:
        yield decoder


@pytest.fixture
def decoder() -> Iterator[Decoder]:
    """A decoder that a test may ill-treat."""
    with Decoder() as decoder:
        yield decoder


FAKE = """
import os, sys, time
from pathlib import Path

ours, folder = sys.modules.pop("decord"), str(Path(__file__).parent)
sys.path.remove(folder)
import decord as real
sys.modules["decord"] = ours
DECORDError, DECORDLimitReachedError = real.DECORDError, real.DECORDLimitReachedError

class Frame:
    def __init__(self, pixels): self.pixels = pixels
    def asnumpy(self): return self.pixels

class VideoReader:
    def __init__(self, path, **options): self.real, self.read = real.VideoReader(path, **options), 0
    def next(self):
        self.read += 1
        if self.read <= AFTER:
            return self.real.next()
        BODY
"""


@pytest.fixture
def fake_decord(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Put a decord before the real one, for new processes: its ``VideoReader.next`` has the given body.

    The first frames, ``after`` of them, are the real one's.
    """

    def install(body: str, after: int = 0) -> None:
        folder = tmp_path / "fake"
        folder.mkdir()
        lines = "\n        ".join(body.splitlines())
        (folder / "decord.py").write_text(FAKE.replace("AFTER", str(after)).replace("BODY", lines))
        monkeypatch.setenv("PYTHONPATH", str(folder))

    return install
