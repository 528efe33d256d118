"""What a planted circuit is made of: features of the stream, and the parts that read and write them.

A feature is a direction of the stream of its own: `u = (e_2i - e_2i+1) / sqrt 2`, so that every stream has
mean exactly 0. The feature `const` is large and the same everywhere, hence LN(x) is nearly x, and a part may
be thought of as reading the stream itself. Facts are coded +1 and -1, so that no norm tells them apart.

    Head      the CLS token += gain * source, as found at the tokens that carry a tag
    Linear    every token += gain * source
    Gate      every token += height * clip((z + w) / 2w, 0, 1),  z = sum of coefficient * input - threshold

Imports neither torch nor NumPy: a circuit is a table, and can be listed and hashed without weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

FEATURES = (
    "const",  # the same at every token: makes LayerNorm nearly linear
    "cls",  # 1 at the CLS token only
    "lum",  # brightness of a tubelet, SCALE for white
    "chrom",  # its red minus blue, SCALE for pure red
    *("tag_a", "tag_b", "tag_l0", "tag_l1", "tag_n"),  # 1 at the tubelets of a square
    *("a", "b"),  # copies of the two facts at CLS
    "o",  # the outcome
    "acc",  # an accumulator in front of the outcome
    *("l0", "l1"),  # the two lamps, whose four states are the labels
    "n",  # nuisance: the colour of the bottom row
    "z",  # written by busy work, read by nothing
    "tag_c",  # 1 at the tubelets of the middle of the picture
)

TOKEN_GRID = (8, 4, 4)
"""Tubelets in time, height, width: 16 frames of 64 pixels in tubelets of 2 x 16 x 16."""
CELLS: Mapping[str, tuple[tuple[int, int], ...]] = {
    "tag_a": ((1, 1),),
    "tag_b": ((2, 2),),
    "tag_l0": ((0, 0),),
    "tag_l1": ((0, 3),),
    "tag_n": ((3, 0), (3, 1), (3, 2), (3, 3)),
    "tag_c": ((1, 1), (1, 2), (2, 1), (2, 2)),
}
"""Row and column of the squares that a tag marks."""
TIMES: Mapping[str, range] = {
    "tag_a": range(4, 8),
    "tag_b": range(4, 8),
    "tag_l0": range(8),
    "tag_l1": range(8),
    "tag_n": range(4, 8),
    "tag_c": range(8),
}
"""Tubelets in time that carry a tag: facts and nuisance are read from the second half of the window."""

SCALE = 0.03
"""Of `lum` and `chrom`: small, so that evidence weighs little in the norm of its token."""
SQUARE = 14
"""Side of a painted square in pixels, inside a tubelet of 16."""
CONTRAST = 100
"""Levels (of 255) by which a bright square is above the grey of the picture, and a dark one below it."""
BRIGHT = SCALE * (CONTRAST / 127.5) * (SQUARE / 16) ** 2
"""`lum` of a tubelet with a bright square in it, and `chrom` of one whose colour is at its strongest."""


@dataclass(frozen=True)
class Head:
    """An attention head: the CLS token looks at the tokens tagged `at`, every other token at `rest`.

    All others find nothing there: `source` has to be 0 at `rest`, unless something is to be broadcast.
    """

    layer: int
    at: str
    """A tag; or any feature that is 1 where CLS is to look, and 0 elsewhere."""
    source: str
    target: str
    gain: float
    rest: str = "cls"
    index: int | None = None
    """Which head of the layer it is; None for the first that is free."""
    glance: float = 1.0
    """How much harder than usual CLS looks at `at`: below a half it looks at `rest`, and among the other
    tokens a little more at those."""


@dataclass(frozen=True)
class Linear:
    """Part of an MLP: `gelu(s) - gelu(-s) = s`, so that two neurons make a linear map."""

    layer: int
    source: str
    target: str
    gain: float


@dataclass(frozen=True)
class Gate:
    """Part of an MLP: closed below `threshold - half_width`, open above `threshold + half_width`."""

    layer: int
    inputs: tuple[tuple[str, float], ...]
    """Features with their coefficients."""
    threshold: float
    half_width: float
    target: str
    height: float
    """What it adds when open; closed it adds 0."""


Part: TypeAlias = Head | Linear | Gate
