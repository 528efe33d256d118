"""A pair as a strip of frames: the success clip above the failure clip, in a PNG and in a terminal."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

COLUMNS = 8
"""Frames of a row; a longer window is thinned, evenly, first and last frame kept."""
HEIGHT = 120
"""Pixels of a frame in the PNG."""
MARGIN = 4
CAPTION = 18
"""Pixels below a frame for its time."""
TYPE_SIZE = 13
NARROWEST = 52
"""Pixels of a cell that a caption such as ``12.345 s`` needs."""


def positions(n: int) -> list[int]:
    """Return which frames of a window of ``n`` are shown: evenly spaced, first and last kept."""
    import numpy as np

    return [int(position) for position in np.linspace(0, n - 1, min(COLUMNS, n)).round()]


def scaled(frame: "NDArray[np.uint8]") -> "NDArray[np.uint8]":
    """Return a frame `[height, width, 3]` at the strip's height."""
    import numpy as np
    from PIL import Image

    width = max(1, round(frame.shape[1] * HEIGHT / frame.shape[0]))
    return np.asarray(Image.fromarray(frame).resize((width, HEIGHT), Image.Resampling.BOX))


def strip(
    rows: "Sequence[Sequence[NDArray[np.uint8]]]", captions: Sequence[Sequence[str]] | None = None
) -> "NDArray[np.uint8]":
    """Put together a row for each clip, of frames at the strip's height: `[height, width, 3]`.

    With captions, one for each frame, they stand below the frames.
    """
    import numpy as np

    widest = max(frame.shape[1] for row in rows for frame in row)
    if captions is not None:
        widest = max(widest, NARROWEST)
    drawn = []
    for number, row in enumerate(rows):
        below = captions[number] if captions is not None else [""] * len(row)
        cells = [_cell(frame, widest, text) for frame, text in zip(row, below, strict=True)]
        drawn.append(np.concatenate(cells, axis=1))
    return np.concatenate(drawn, axis=0)


def _cell(frame: "NDArray[np.uint8]", width: int, caption: str) -> "NDArray[np.uint8]":
    """A frame in the middle of a white cell, above its caption."""
    import numpy as np
    from PIL import Image, ImageDraw, ImageFont

    below = CAPTION if caption else 0
    cell = Image.new("RGB", (width + MARGIN, HEIGHT + MARGIN + below), "white")
    cell.paste(Image.fromarray(frame), ((width - frame.shape[1]) // 2, 0))
    if caption:
        at = (width / 2, HEIGHT + CAPTION / 2)
        font = ImageFont.load_default(TYPE_SIZE)
        ImageDraw.Draw(cell).text(at, caption, fill="black", font=font, anchor="mm")
    return np.asarray(cell)


def save(picture: "NDArray[np.uint8]", path: Path) -> None:
    """Write a strip as PNG."""
    from PIL import Image

    Image.fromarray(picture).save(path, format="PNG")


def in_terminal(picture: "NDArray[np.uint8]", columns: int) -> Any:
    """The strip in characters, two pixels each (a half block in two colours): a rich `Text`."""
    import numpy as np
    from PIL import Image
    from rich.style import Style
    from rich.text import Text

    width = max(1, min(columns, 160))
    height = max(2, round(picture.shape[0] * width / picture.shape[1] / 2) * 2)
    small = np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BOX))
    text = Text(no_wrap=True)
    for upper, lower in zip(small[::2], small[1::2], strict=True):
        for above, below in zip(upper, lower, strict=True):
            colours = ["#{:02x}{:02x}{:02x}".format(*map(int, pixel)) for pixel in (above, below)]
            text.append("▀", Style(color=colours[0], bgcolor=colours[1]))
        text.append("\n")
    return text
