"""What all drawings share: colours, which a page replaces by its own, and gaps for what is no number."""

from collections.abc import Mapping, Sequence
from math import nan

Frames = Mapping[tuple[str, str], Sequence[bytes]]
"""JPEG frames of some clips, by pair and clip (``success``, ``failure``), evenly over the model's window."""

INK, FAINT, PAPER = "#222831", "#8a929e", "#fefdfb"
CLAIM = ("#1f5fd0", "#c2410c", "#0f766e", "#9d174d", "#6d28d9", "#4d7c0f", "#0369a1", "#92400e")
CONTROL = ("#7b8494", "#a0a7b4", "#5d6675")
PUBLISHED = ("#8b3fd1", "#b07be3", "#6b2fa8", "#c9a4ee")


def numbers(values: Sequence[float | None]) -> list[float]:
    """Values to draw: a gap where there is none."""
    return [nan if value is None else value for value in values]


def folded(name: str, width: int = 16) -> str:
    """A name on several lines, of whole words."""
    from textwrap import fill

    return fill(name, width, break_long_words=False)
