"""A value for each token of a clip, over the clip's own frames."""

from collections.abc import Mapping
from io import BytesIO
from typing import TYPE_CHECKING, Any

from circuit_claims.report.style import FAINT, INK, Frames, folded, numbers

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def token_map(figure: Mapping[str, Any], frames: Frames) -> "Figure":
    """A row of frames for each map: the clip's frame at each tubelet, with the map's colours over it."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    maps = figure["maps"]
    clip = frames.get((figure["pair"], figure["clip"]), ())
    tubelets = len(maps[0]["values"])
    width = max(7.0, 0.86 * tubelets)
    tile = (width - 1.2) / tubelets
    made = Figure(
        figsize=(width, (tile + 0.08) * len(maps) + 0.3),
        layout=ConstrainedLayoutEngine(w_pad=0.01, h_pad=0.02, wspace=0.01, hspace=0.02),
        facecolor="none",
    )
    grid = made.subplots(len(maps), tubelets, squeeze=False)
    values = [v for some in maps for frame in some["values"] for row in frame for v in row if v is not None]
    peak = max((abs(value) for value in values), default=1.0) or 1.0
    signed = any(some.get("signed") for some in maps)
    norm = Normalize(-peak if signed else 0.0, peak)
    colours = _clear_to_strong(signed=signed)
    for row, some in zip(grid, maps, strict=True):
        for t, axes in enumerate(row):
            axes.set_xticks([])
            axes.set_yticks([])
            axes.set_facecolor("#dddddd")
            axes.spines[:].set_visible(False)
            if clip:
                axes.imshow(
                    _grey(clip[int((t + 0.5) / tubelets * len(clip))]), extent=(0, 1, 0, 1), cmap="gray"
                )
            axes.imshow(
                [numbers(line) for line in some["values"][t]],
                extent=(0, 1, 0, 1),
                cmap=colours,
                norm=norm,
                interpolation="nearest",
            )
        row[0].set_ylabel(folded(some["name"], 14), color=INK, fontsize=8)
    bar = made.colorbar(ScalarMappable(norm, colours), ax=grid, shrink=0.9, pad=0.01, aspect=12)
    bar.set_label(figure["y"]["label"], color=INK, fontsize=8)
    bar.ax.tick_params(colors=INK, labelsize=8)
    bar.outline.set_edgecolor(FAINT)
    return made


def _clear_to_strong(*, signed: bool) -> Any:
    """Colours that hide nothing of a frame where a map is near zero, and are strong where it is not."""
    from matplotlib.colors import ListedColormap

    red, blue = (0.84, 0.15, 0.11), (0.08, 0.32, 0.85)
    steps = 128
    rising = [0.85 * step / (steps - 1) for step in range(steps)]
    up = [(*red, alpha) for alpha in rising]
    return ListedColormap([*((*blue, alpha) for alpha in reversed(rising)), *up] if signed else up)


def _grey(jpeg: bytes) -> Any:
    from PIL import Image

    with Image.open(BytesIO(jpeg)) as image:
        return image.convert("L")
