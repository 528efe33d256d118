"""What a model sees of clips, frame by frame: a window that is moved shares nearly all frames with the last.

Preprocessing takes a clip's frames one by one, and as many at a time as the model reads. The jitter controls
and the questions of robustness ask for seven windows of every clip, which together have few frames more than
one: each is preprocessed once while there is room, and windows are put together from them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from torch import Tensor

KEPT = 192 * 2**20
"""Bytes of preprocessed frames kept: two windows of every clip of the embedded set."""


class Seen:
    """Preprocessed frames, by clip; the clips that were asked for first go first."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._known: dict[Path, dict[int, Tensor]] = {}
        self._bytes: dict[Path, int] = {}

    def window(
        self,
        path: Path,
        frames: Callable[[Sequence[int]], np.ndarray],
        count: int,
        chosen: Sequence[int],
        preprocess: Callable[[np.ndarray], Tensor],
    ) -> Tensor:
        """The pixels `[frame, 3, h, w]` of some frames of a clip, to the bit what `preprocess` makes of them.

        `frames` reads those that are missing, of the `count` frames that the clip has.
        Where only some of them are known, the rest of the call that preprocesses the others reads ahead.
        """
        import torch  # not for what is in the store

        with torch.inference_mode(False):  # what is kept is read inside and outside of it
            known = self._known.setdefault(path, {})
            missing = [index for index in dict.fromkeys(chosen) if index not in known]
            if missing:
                together = [
                    *missing,
                    *islice(_around(chosen, known, count), len(chosen) - len(missing)),
                ]
                together += missing[:1] * (len(chosen) - len(together))
                made = preprocess(frames(together))
                known.update(zip(together, made, strict=True))
                self._make_room(path, made.nbytes)
                if together == list(chosen):
                    return made
            return torch.stack([known[index] for index in chosen])

    def _make_room(self, path: Path, more: int) -> None:
        self._bytes[path] = self._bytes.get(path, 0) + more
        while sum(self._bytes.values()) > self._kept:
            oldest = next(iter(self._bytes))
            del self._bytes[oldest], self._known[oldest]


def _around(chosen: Sequence[int], known: dict[int, Tensor], count: int) -> Iterator[int]:
    """The unknown frames on both sides of a window, at its own spacing, the nearest first."""
    step = max(1, chosen[-1] - chosen[-2]) if len(chosen) > 1 else 1
    for away in range(step, count, step):
        for index in (chosen[-1] + away, chosen[0] - away):
            if 0 <= index < count and index not in known and index not in chosen:
                yield index
