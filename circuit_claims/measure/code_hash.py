"""A hash of the source code that a measurement depends on. Imports no torch, and none of that code.

A number is measured again when a module that it is made by changes, directly or through what that module
imports, and only then: a new measurement beside it leaves it alone.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

PACKAGE = "circuit_claims"
EVERY_MEASUREMENT = ("measure.assay", "models.load")
"""What each of them goes through: which frames and clips, and how the model is loaded and preprocesses."""
READING = ("clips.decode", "clips.decoder_child")
"""Both sides of the pipe: the second is started by its name."""
NO_NUMBER = ("files.py", "measure/store.py", "measure/code_hash.py")
"""What is on the way, and no number depends on: how numbers are kept, and under which key. An entry's own
format and hash say whether it can be read."""


@functools.cache
def code_hash(module: str, package: Path | None = None) -> str:
    """A sha256 of a module (`measure.patching`) and of all modules of the package that it imports.

    Imports inside functions count, and those for type checking too: too much is measured again, never too
    little. Raises FileNotFoundError for a module that is not there.
    """
    return _hash_of((module, *EVERY_MEASUREMENT), package or Path(__file__).parents[1])


@functools.cache
def reading_hash() -> str:
    """A sha256 of the code that reads clips: what a clip's timeline depends on."""
    return _hash_of(READING, Path(__file__).parents[1])


def _hash_of(modules: tuple[str, ...], root: Path) -> str:
    digest = hashlib.sha256()
    left_out = {root / name for name in NO_NUMBER}
    for path in sorted(_reached(root, modules) - left_out):
        digest.update(f"{path.relative_to(root).as_posix()}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _reached(root: Path, modules: tuple[str, ...]) -> set[Path]:
    """The files of modules and of everything that they import, directly or not."""
    waiting = [root.joinpath(*module.split(".")).with_suffix(".py") for module in modules]
    seen: set[Path] = set()
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            waiting += _imported(root, path)
    return seen


@functools.cache
def _imported(root: Path, path: Path) -> tuple[Path, ...]:
    names = _names(path.read_text(encoding="utf-8"))
    return tuple(file for name in names if (file := _file_of(root, name)) is not None)


_NAMED = rf"{PACKAGE}(?:\.\w+)*"
_FROM = re.compile(rf"\bfrom\s+({_NAMED})\s+import\s*(\([^)]*\)|(?:\\\n|[^\n;])*)")
_IMPORT = re.compile(r"\bimport\s+((?:\\\n|[^\n;])*)")


def _names(source: str) -> Iterator[str]:
    """The modules that a text may import; one that a docstring quotes counts (too much, not too little).

    A warm run asks this of every module that measures: parsing them takes a tenth of its time.
    """
    for module, imported in _FROM.findall(source):
        yield module
        yield from (f"{module}.{name}" for name in re.findall(r"\w+", imported))
    for imported in _IMPORT.findall(source):
        yield from re.findall(_NAMED, imported)


def _file_of(root: Path, name: str) -> Path | None:
    """The file of a module of this package; None for other packages, and for names that are no module."""
    package, _, rest = name.partition(".")
    if package != PACKAGE or not rest:
        return None
    path = root.joinpath(*rest.split(".")).with_suffix(".py")
    return path if path.is_file() else None
