"""What a planted circuit is made of: features of the stream, and the parts that read and write them.

A feature is a direction of the stream of its own, whose coordinates add up to 0, so that every stream has
mean exactly 0: `u = (e_2i - e_2i+1) / sqrt 2`, and for those beyond the 48th waves over e_2i + e_2i+1. The
feature `const` is large and the same everywhere, hence LN(x) is nearly x, and a part may be thought of as
reading the stream itself. Facts are coded +1 and -1, so that no norm tells them apart.

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
    *("tag_l2", "l2"),  # a third lamp, for eight labels
    *("tag_a_then", "tag_b_then"),  # 1 at the squares when they are seen the second time
    "x",  # the exclusive or of two facts, in front of the outcome
    *(f"tag_t{cell}" for cell in range(7)),  # 1 at the tubelets of a texture
    *(f"block{part}" for part in range(8)),  # brightness of an eighth of a tubelet, SCALE for white
    *(f"f{number}" for number in range(56)),  # copies of all blocks of all textures at CLS: a fingerprint
)

TOKEN_GRID = (8, 4, 4)
"""Tubelets in time, height, width: 16 frames of 64 pixels in tubelets of 2 x 16 x 16."""


@dataclass(frozen=True)
class Stage:
    """Where the squares of a kind of scene are, when they are read, and what their lamps mean."""

    cells: Mapping[str, tuple[tuple[int, int], ...]]
    """Row and column of the squares that a tag marks."""
    times: Mapping[str, range]
    """Tubelets in time that carry a tag."""
    labels: tuple[str, ...]
    """By the states of the lamps l0, l1, ..., the last of them changing fastest, dark before bright."""

    @property
    def lamps(self) -> tuple[str, ...]:
        """As many lamps as it takes to tell the labels apart."""
        return tuple(f"l{number}" for number in range((len(self.labels) - 1).bit_length()))


CELLS: Mapping[str, tuple[tuple[int, int], ...]] = {
    "tag_a": ((1, 1),),
    "tag_b": ((2, 2),),
    "tag_l0": ((0, 0),),
    "tag_l1": ((0, 3),),
    "tag_n": ((3, 0), (3, 1), (3, 2), (3, 3)),
    "tag_c": ((1, 1), (1, 2), (2, 1), (2, 2)),
}
"""Of the scenes in which facts are squares that stay."""
TIMES: Mapping[str, range] = {
    "tag_a": range(4, 8),
    "tag_b": range(4, 8),
    "tag_l0": range(8),
    "tag_l1": range(8),
    "tag_n": range(4, 8),
    "tag_c": range(8),
}
"""Facts and nuisance are read from the second half of the window."""
STILL = Stage(CELLS, TIMES, ("neither lamp", "right lamp", "left lamp", "both lamps"))
"""Facts are squares that are bright or dark to the end."""

BLOCKS = 8
"""Of a tubelet: eighths, four rows of two."""
TEXTURED = ((0, 1), (1, 0), (1, 2), (1, 3), (2, 0), (2, 1), (2, 3))
"""Squares with a texture that differs from clip to clip."""
ORDERED = Stage(
    cells={
        **{tag: CELLS[tag] for tag in ("tag_a", "tag_b", "tag_l0", "tag_l1", "tag_n")},
        "tag_a_then": CELLS["tag_a"],
        "tag_b_then": CELLS["tag_b"],
        "tag_l2": ((0, 2),),
        **{f"tag_t{number}": (cell,) for number, cell in enumerate(TEXTURED)},
    },
    times={
        "tag_a": range(2),
        "tag_a_then": range(2, 4),
        "tag_b": range(4, 6),
        "tag_b_then": range(6, 8),
        **{f"tag_t{number}": range(8) for number in range(len(TEXTURED))},
        **dict.fromkeys(("tag_l0", "tag_l1", "tag_l2", "tag_n"), range(8)),
    },
    labels=tuple(f"lamps {number:03b}" for number in range(8)),
)
"""Facts are orders: bright, then dark, or the other way round; first of the square A, then of B."""

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
    more: tuple[tuple[str, str, float], ...] = ()
    """Further sources with their targets and gains, looked up at the same tokens: seven at most."""


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
