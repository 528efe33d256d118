"""The models and clips that come with the package, by the names that the command line takes."""

from collections.abc import Mapping
from pathlib import Path

from circuit_claims.models.source import ModelSource, parse_source

_PACKAGE = Path(__file__).resolve().parents[1]
_WEIGHTS = Path(__file__).resolve().parent / "weights"

EMBEDDED: Mapping[str, str] = {
    "organism": "a 12-layer ViViT trained here on eight rendered actions, never told the outcome",
    "organism-outcome": "its positive control: also trained to tell the outcome, by a head thrown away",
}


def beside(name: str) -> Path:
    """A top-level folder of the project (`claims`, `fixtures`): in the repository, or inside the wheel."""
    inside = _PACKAGE / name
    return inside if inside.is_dir() else _PACKAGE.parent / name


def resolve(name: str) -> ModelSource:
    """The model that a name on the command line means.

    Raises:
        ModelError: nothing goes by that name.
    """
    return parse_source(name, {known: _WEIGHTS / known for known in EMBEDDED})


def pairs_of(source: ModelSource) -> Path:
    """The manifest of the pairs that a model is judged on unless another is named."""
    return beside("fixtures") / "videos" / "pairs.toml"
