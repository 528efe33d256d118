"""What can be wrong with the clips and with the manifest that names them.

Both errors name a file, what is wrong with it and what to do, in a sentence or two, and can be
pickled, so a worker's error reaches the controller whole.
"""

from pathlib import Path


class ClipError(Exception):
    """A clip that cannot be read as it should be: ``<file>: what is wrong; what to do``."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(path, problem)
        self.path = path
        """The file, as the caller named it."""
        self.problem = problem
        """What is wrong and what to do, without the file's name."""

    def __str__(self) -> str:
        return f"{shown(self.path)}: {self.problem}"


class ManifestError(Exception):
    """A manifest that cannot be used: ``<file>: <key>: what is wrong; what to do``."""

    def __init__(self, path: Path, key: str | None, problem: str) -> None:
        super().__init__(path, key, problem)
        self.path = path
        """The manifest, as the caller named it."""
        self.key = key
        """Where in it, such as ``pair "bowling-1": kind``; None when the whole file is meant."""
        self.problem = problem
        """What is wrong and what to do."""

    def __str__(self) -> str:
        where = shown(self.path) if self.key is None else f"{shown(self.path)}: {self.key}"
        return f"{where}: {self.problem}"


def shown(path: Path | str) -> str:
    """Return a path or name as it may be printed: quoted, escaped where it holds newlines or stray bytes."""
    text = str(path)
    return text if text.isprintable() else ascii(text)
