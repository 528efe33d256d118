"""Which pixels a token stands for, and regions that a claim names by rows, columns and frames. No torch.

A cell is one frame of one tubelet: `(frame, row, column)`, with row and column in the token grid. A token is
counted from 0 among the patch tokens: the tubelet (t, y, x) is the token `h w t + w y + x`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

Cell = tuple[int, int, int]
Grid = tuple[int, int, int]
"""Tubelets in time, height, width."""
Stretch = tuple[float, float, bool]
"""First and last, both included; or, where the third is true, from one fraction up to another."""
AXES = ("rows", "columns", "frames")
PATCHES, READ = "patch tokens", "tokens read"
HOW = 'write "rows 0 to 6, columns 2 to 9, frames 50 % to 100 %", or some of the three'
_BEGINS = re.compile(rf"\s*({'|'.join(AXES)})\s+\d")
_STRETCH = re.compile(r"(\w+) (\d+(?:\.\d+)?)( ?%)? to (\d+(?:\.\d+)?)( ?%)?")


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


@dataclass(frozen=True)
class Region:
    """A block of a clip: rows and columns of the token grid, and frames that the model reads."""

    text: str
    stretches: dict[str, Stretch]
    """By axis; an axis that is not named is taken whole."""

    def cells(self, grid: Grid, frames: int) -> Iterator[Cell]:
        """Its cells on a model. Raises ValueError, naming what there is, where it lies outside."""
        chosen = {
            axis: self._chosen(axis, there)
            for axis, there in zip(AXES, (grid[1], grid[2], frames), strict=True)
        }
        for frame in chosen["frames"]:
            for row in chosen["rows"]:
                for column in chosen["columns"]:
                    yield frame, row, column

    def tokens(self, grid: Grid, frames: int) -> list[int]:
        """Its patch tokens: those with a cell in it, in order. Raises as `cells`."""
        depth = frames // grid[0]
        held = {
            (frame // depth * grid[1] + row) * grid[2] + column
            for frame, row, column in self.cells(grid, frames)
        }
        return sorted(held)

    def _chosen(self, axis: str, there: int) -> range:
        first, last, by_share = self.stretches.get(axis, (0.0, 1.0, True))
        if not by_share:
            if last >= there:
                raise ValueError(
                    f"the claim speaks of {axis} up to {last:g}, and there are {axis} 0 to {there - 1}"
                )
            return range(int(first), int(last) + 1)
        inside = [at for at in range(there) if first <= at / there < last]
        if not inside:
            raise ValueError(f"none of the {there} {axis} lies in {first:.0%} to {last:.0%}")
        return range(inside[0], inside[-1] + 1)


def parse_region(text: str) -> Region:
    """Read ``"rows 0 to 6, columns 2 to 9, frames 50 % to 100 %"``.

    Whole numbers count from 0 and include both ends; percentages travel to any model. Raises ValueError.
    """
    stretches: dict[str, Stretch] = {}
    for part in text.split(","):
        found = _STRETCH.fullmatch(part.strip())
        if not found or found[1] not in AXES or bool(found[3]) != bool(found[5]):
            raise ValueError(f"region has {part.strip()!r:.60}; {HOW}")
        axis, by_share = found[1], bool(found[3])
        first, last = (float(found[at]) / (100 if by_share else 1) for at in (2, 4))
        if axis in stretches:
            raise ValueError(f"region names {axis} twice; {HOW}")
        if not by_share and not (first.is_integer() and last.is_integer()):
            raise ValueError(f"region has {part.strip()!r:.60}; {axis} are whole numbers or percentages")
        if first > last or (by_share and (first == last or last > 1)):
            raise ValueError(f"region has {part.strip()!r:.60}, which is empty or outside; {HOW}")
        stretches[axis] = (first, last, by_share)
    return Region(text, stretches)


def is_own_region(text: object) -> bool:
    """Whether a text means to name a region by rows, columns or frames."""
    return isinstance(text, str) and _BEGINS.match(text) is not None
