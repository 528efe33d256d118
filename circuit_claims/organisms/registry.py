"""The models and clips that come with the package, by the names that the command line takes."""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from circuit_claims.models.source import ModelError, ModelSource, parse_source
from circuit_claims.organisms.edits import EDITS, edited_source
from circuit_claims.organisms.planted import PLANTED, PREFIX, planted_source, scenes_hash, write_pairs

_PACKAGE = Path(__file__).resolve().parents[1]
WEIGHTS = Path(__file__).resolve().parent / "weights"
"""The folder of the embedded models."""

EMBEDDED: Mapping[str, str] = {
    "organism": "a 12-layer ViViT trained here on eight rendered actions, never told the outcome",
    "organism-outcome": "its positive control: also trained to tell the outcome, by a head thrown away",
}


def beside(name: str) -> Path:
    """A top-level folder of the project (`claims`, `fixtures`): in the repository, or inside the wheel."""
    inside = _PACKAGE / name
    return inside if inside.is_dir() else _PACKAGE.parent / name


def names() -> dict[str, str]:
    """Every model that comes with the package, and what it is."""
    planted = {PREFIX + name: circuit.summary for name, circuit in PLANTED.items()}
    return {**EMBEDDED, **planted, **{PREFIX + name: edit.summary for name, edit in EDITS.items()}}


def about(name: str) -> str:
    """What a model that comes with the package is, for a reader of a report; empty for others."""
    told = names().get(name, "")
    planted = name.removeprefix(PREFIX) in PLANTED and name.startswith(PREFIX)
    return f"weights written by hand, so that the answer is known: {told}" if planted else told


def resolve(name: str) -> ModelSource:
    """The model that a name on the command line means.

    Raises:
        ModelError: nothing goes by that name.
    """
    known: dict[str, Path | ModelSource] = {model: WEIGHTS / model for model in EMBEDDED}
    mentioned = re.search(rf"{PREFIX}([\w.-]+)", name)
    if mentioned:
        known[mentioned[0]] = _planted(mentioned[1])
    return parse_source(name, known)


def _planted(short: str) -> ModelSource:
    if short in EDITS:
        base = EDITS[short].base
        return edited_source(ModelSource(name=base, location=WEIGHTS / base), short)
    if short in PLANTED:
        return planted_source(short)
    there = ", ".join([*PLANTED, *EDITS])
    raise ModelError(PREFIX + short, "nothing of this name is planted", f"there are {there}")


def pairs_of(source: ModelSource, cache: Path | None = None) -> Path:
    """The manifest of the pairs that a model is judged on unless another is named.

    Planted circuits have clips of their own, drawn on first use into `cache` (or a temporary folder).
    """
    mentioned = re.search(rf"{PREFIX}([\w.-]+)", source.name)
    if mentioned is None or mentioned[1] not in PLANTED:
        return beside("fixtures") / "videos" / "pairs.toml"
    circuit = PLANTED[mentioned[1]]
    drawn = hashlib.sha256(f"{circuit.evidence} {scenes_hash()}".encode()).hexdigest()[:12]
    home = (cache or Path(tempfile.gettempdir()) / "circuit-claims") / "planted-clips" / drawn
    if not home.is_dir():
        home.parent.mkdir(parents=True, exist_ok=True)
        # Drawn aside and moved whole: another process may be drawing the same clips.
        aside = Path(tempfile.mkdtemp(dir=home.parent, prefix=f".{drawn}-"))
        try:
            write_pairs(aside, circuit)
            aside.rename(home)
        except OSError:
            if not home.is_dir():
                raise
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    return next(home.glob("*.toml"))
