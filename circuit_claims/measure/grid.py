"""Which pixels a token stands for: cells of a clip, by the right map and by the published one. No torch.

A cell is one frame of one tubelet: `(frame, row, column)`, with row and column in the token grid. A token is
counted from 0 among the patch tokens: the tubelet (t, y, x) is the token `h w t + w y + x`.
"""

from __future__ import annotations

Cell = tuple[int, int, int]
Grid = tuple[int, int, int]
"""Tubelets in time, height, width."""


def tubelet_cells(token: int, grid: Grid, frames: int) -> tuple[Cell, ...]:
    """Every cell of a token: its place, in each frame of its tubelet."""
    time, height, width = grid
    depth = frames // time
    t, place = divmod(token, height * width)
    return tuple((frame, *divmod(place, width)) for frame in range(t * depth, (t + 1) * depth))


def published_cells(token: int, grid: Grid) -> tuple[Cell, ...]:
    """The one cell that the paper's notebook ablates for a token: a tubelet's index taken as a frame's.

    `token // 196` counts tubelets, of which ViViT-B has 16, and was used to index its 32 frames: one of the
    tubelet's two frames at most, at the wrong time, and never any frame of the later half.
    """
    _, height, width = grid
    frame, place = divmod(token, height * width)
    return ((frame, *divmod(place, width)),)


def count(share: float, grid: Grid) -> int:
    """How many tokens are a share of a clip's: rounded down, as 10 % of 3,136 are 313."""
    time, height, width = grid
    # 0.6 * 5 is 2.9999999999999996 in binary.
    return int(share * time * height * width + 1e-9)
