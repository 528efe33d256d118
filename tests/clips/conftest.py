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


@pytest.fixture
def fake_decord(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a decord with the given body of ``VideoReader.next`` before the real one, for new processes."""

    def install(body: str) -> None:
        folder = tmp_path / "fake"
        folder.mkdir()
        lines = "\n        ".join(body.splitlines())
        (folder / "decord.py").write_text(
            "import os, sys, time\n"
            "class DECORDError(Exception): pass\n"
            "class DECORDLimitReachedError(Exception): pass\n"
            "class VideoReader:\n"
            "    def __init__(self, path, **options): pass\n"
            f"    def next(self):\n        {lines}\n"
        )
        monkeypatch.setenv("PYTHONPATH", str(folder))

    return install
