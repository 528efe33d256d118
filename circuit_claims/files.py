"""Writing files so that a killed run leaves the old one, or the new one, and never a part of either."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

UNFINISHED = ".tmp"
"""Suffix of what a killed process leaves beside a file: `.NAME-xxxxxxxx.tmp`."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """An empty file beside `path` that takes its place when the block ends, and is removed if it raises.

    A file that is replaced keeps its permissions; a link keeps pointing where it does. The folder is made.
    """
    target = path.resolve() if path.is_symlink() else path
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=UNFINISHED)
    os.close(handle)
    aside = Path(name)
    try:
        yield aside
        aside.chmod(target.stat().st_mode & 0o777 if target.exists() else 0o644)
        aside.replace(target)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def write_whole(path: Path, text: str) -> None:
    """Put a text in a file's place at once."""
    with replacing(path) as aside:
        aside.write_text(text, encoding="utf-8", newline="")
