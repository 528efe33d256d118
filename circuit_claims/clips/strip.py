"""A pair as a strip of frames: the success clip above the failure clip, in a PNG and in a terminal."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from circuit_claims.clips.inspecting import Inspected

COLUMNS = 8
"""Frames of a row; a longer window is thinned, evenly, first and last frame kept."""
HEIGHT = 120
"""Pixels of a frame in the PNG."""
MARGIN = 4


def strip(clips: "Sequence[Inspected]") -> "NDArray[np.uint8]":
    """One row for each clip, of evenly spaced frames of its window: `[height, width, 3]`."""
    import numpy as np

    rows = []
    widest = max(max(1, round(clip.width * HEIGHT / clip.height)) for clip in clips)
    for clip in clips:
        chosen = np.linspace(0, len(clip.sampled) - 1, min(COLUMNS, len(clip.sampled))).round().astype(int)
        frames = [_framed(clip.sampled[number], widest) for number in chosen]
        rows.append(np.concatenate(frames, axis=1))
    return np.concatenate(rows, axis=0)


def _framed(frame: "NDArray[np.uint8]", width: int) -> "NDArray[np.uint8]":
    """A frame at the strip's height, in the middle of a white cell."""
    import numpy as np
    from PIL import Image

    own = min(width, max(1, round(frame.shape[1] * HEIGHT / frame.shape[0])))
    cell = Image.new("RGB", (width + MARGIN, HEIGHT + MARGIN), "white")
    cell.paste(Image.fromarray(frame).resize((own, HEIGHT), Image.Resampling.BOX), ((width - own) // 2, 0))
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
