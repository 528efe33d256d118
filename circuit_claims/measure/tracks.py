"""Where the tracked things of a rendered clip are, as a mask over the model's tokens.

The pair set's `tracks` file holds, for each clip and source frame, the boxes of the object (the ball) and of
the target (the pins) as fractions of the picture, `[left, top, right, bottom]`. They are painted white on
black and go through the model's own preprocessing, so that its resizing and cropping hold for them too.
"""

from __future__ import annotations

import json
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from circuit_claims.clips.hashing import file_sha256
from circuit_claims.measure.errors import MeasurementError, NotApplicable
from circuit_claims.models.device import float64

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from circuit_claims.clips.pairs import Pair, PairSet
    from circuit_claims.clips.sampling import Sampling
    from circuit_claims.measure.assay import Assay
    from circuit_claims.measure.seen import Seen

THINGS = ("object", "target")


def tracks_hash(pairs: PairSet) -> str:
    """What a mask depends on besides the clip. Raises NotApplicable where the pair set tracks nothing."""
    if pairs.tracks is None:
        raise NotApplicable(f"nothing says where things are in the clips of {pairs.name} (no `tracks`)")
    return file_sha256(pairs.tracks)


def mask(assay: Assay, pair: Pair, positive: bool) -> NDArray[np.float64]:
    """How much of each token of a clip's window is covered, `[tubelet, row, column]`, from 0 to 1.

    The same for every model that sees the clip by the same preprocessing: made once for all of them.
    """
    kept = _COVERED.setdefault(assay.seen, {})
    which = (pair.name, positive, assay.pairs.sampling_of(pair))
    if which not in kept:
        kept[which] = _covered(assay, pair, positive)
    return kept[which]


_COVERED: WeakKeyDictionary[Seen, dict[tuple[str, bool, Sampling], NDArray[np.float64]]] = WeakKeyDictionary()


def _covered(assay: Assay, pair: Pair, positive: bool) -> NDArray[np.float64]:
    model = assay.model()
    window = assay.window(pair, positive)
    n, height, width, _ = window.shape
    picture = np.zeros_like(window)
    for frame, boxes in enumerate(_boxes(assay, pair, positive)):
        for left, top, right, bottom in boxes:
            # No wider than the box: a box that ends in the middle of a pixel leaves that pixel out.
            rows = slice(round(max(top, 0.0) * height), max(0, round(bottom * height)))
            columns = slice(round(max(left, 0.0) * width), max(0, round(right * width)))
            picture[frame, rows, columns] = 255
    black, white = _black_and_white(model.preprocess, n, height, width)
    covered = ((model.preprocess(picture) - black) / (white - black)).mean(dim=1)
    t, h, w = model.token_grid
    frames, rows_, columns_ = covered.shape
    cells = covered.reshape(t, frames // t, h, rows_ // h, w, columns_ // w)
    found: NDArray[np.float64] = float64(cells.mean(dim=(1, 3, 5))).clamp(0.0, 1.0).numpy()
    return found


def _boxes(assay: Assay, pair: Pair, positive: bool) -> list[list[list[float]]]:
    """The boxes of each frame of a clip's window."""
    clip = pair.clip(positive)
    path = assay.pairs.tracks
    assert path is not None  # tracks_hash was asked first
    tracks = _read(path, path.stat().st_mtime_ns)
    if clip.path.name not in tracks:
        raise MeasurementError(f"{path}: {clip.path.name} is not in it; track the clip, or drop `tracks`")
    track = tracks[clip.path.name]
    frames = assay.bench.footage.timeline(clip).n_frames
    for thing in THINGS:
        if len(track.get(thing, ())) != frames:
            raise MeasurementError(
                f"{path}: {clip.path.name} has {frames} frames, and its {thing} is tracked in "
                f"{len(track.get(thing, ()))}; give a box (or null) for each frame"
            )
    chosen = assay.indices(pair, positive)
    return [[track[thing][i] for thing in THINGS if track[thing][i] is not None] for i in chosen]


@cache
def _read(path: Path, _changed: int) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def _black_and_white(preprocess: Callable[[NDArray[np.uint8]], Tensor], *shape: int) -> tuple[Tensor, Tensor]:
    black, white = (preprocess(np.full((*shape, 3), level, np.uint8)) for level in (0, 255))
    return black, white
