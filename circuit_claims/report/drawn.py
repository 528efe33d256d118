"""Figures as markup, kept beside the measurements: a run that measures nothing draws nothing either.

Drawing costs matplotlib's import and half a second a figure. What a figure looks like depends on its data,
on the frames below it, on the code that draws it and on matplotlib; the name of the kept file hashes it all.
"""

import functools
import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from typing import Any

from circuit_claims.files import write_whole
from circuit_claims.report.style import Frames
from circuit_claims.report.text import cleaned

DRAWS = ("matplotlib", "numpy", "pillow")


def drawn(figure: Mapping[str, Any], frames: Frames, kept: Path | None) -> str:
    """A figure as an SVG element: read from the folder `kept`, or drawn and kept there."""
    shown = cleaned(figure)
    below = frames.get((shown.get("pair", ""), shown.get("clip", "")), ())
    file = None if kept is None else kept / f"{_key(shown, below)}.svg"
    found = "" if file is None else _read(file)
    if found:
        return found
    from circuit_claims.report import figures

    made = figures.svg(figures.draw(shown, frames), shown["title"])
    if file is not None:
        _keep(file, made)
    return made


def _key(figure: Mapping[str, Any], below: Sequence[bytes]) -> str:
    digest = sha256(json.dumps(figure, sort_keys=True).encode())
    digest.update(_drawer())
    for frame in below:
        digest.update(sha256(frame).digest())
    return digest.hexdigest()


@functools.cache
def _drawer() -> bytes:
    """What draws: the libraries' versions and this room's source (too much rather than too little)."""
    digest = sha256(" ".join(f"{name} {metadata.version(name)}" for name in DRAWS).encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.digest()


def _read(file: Path) -> str:
    """A kept figure; nothing where there is none, or where it is not whole."""
    try:
        hashed, _, text = file.read_text(encoding="utf-8").partition("\n")
    except (OSError, ValueError):
        return ""
    return text if hashed == sha256(text.encode()).hexdigest() else ""


def _keep(file: Path, text: str) -> None:
    """Keep a figure; where that cannot be, it is drawn again next time."""
    try:
        write_whole(file, f"{sha256(text.encode()).hexdigest()}\n{text}")
    except OSError:
        return
