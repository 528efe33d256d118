"""Which frames of a clip the model sees: a stated, deterministic rule, stored with every measurement.

    stride      frame i of the window is source frame  start + i * stride
    notebook    the window of the paper's notebook: drawn once from a seeded generator, then spread evenly

A rule is shifted as a whole for the jitter control: the same spacing, some frames earlier or later.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, get_args

Rule: TypeAlias = Literal["stride", "notebook"]
RULES: tuple[str, ...] = get_args(Rule)


class SamplingError(ValueError):
    """A rule that cannot be, or that a clip is too short for."""


@dataclass(frozen=True)
class Sampling:
    """A rule that turns a clip's number of frames into the source indices of the model's window."""

    rule: Rule
    """``stride`` or ``notebook``."""
    frames: int
    """The model's window, in frames."""
    stride: int = 1
    """Source frames from one frame of the window to the next (the notebook's ``frame_sample_rate``)."""
    start: int = 0
    """``stride``: the first source frame. ``notebook``: source frames by which the drawn window is moved."""
    seed: int | None = None
    """``notebook`` only: the seed of NumPy's legacy generator (42 in the notebook)."""

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise SamplingError(f"rule is {self.rule!r}; it has to be one of {', '.join(RULES)}")
        if self.frames < 1:
            raise SamplingError(f"frames is {self.frames}; a window has at least 1 frame")
        if self.stride < 1:
            raise SamplingError(f"stride is {self.stride}; it has to be at least 1")
        if self.rule == "stride" and self.start < 0:
            raise SamplingError(
                f"start is {self.start}, before the clip's first frame; it has to be at least 0"
            )
        if self.rule == "stride" and self.seed is not None:
            raise SamplingError("seed belongs to the rule notebook; leave it out, or set rule = 'notebook'")
        if self.rule == "notebook" and self.seed is None:
            raise SamplingError(
                "the rule notebook draws its window from a seed; give one (the paper's is 42)"
            )
        if self.seed is not None and not 0 <= self.seed < 2**32:
            raise SamplingError(f"seed is {self.seed}; NumPy's legacy generator takes 0 to 2**32 - 1")

    def indices(self, n_frames: int) -> tuple[int, ...]:
        """Return the source index of each frame of the window, ascending, for a clip of ``n_frames`` frames.

        Raises SamplingError where the window does not fit into the clip.
        """
        drawn = self._stride() if self.rule == "stride" else self._notebook(n_frames)
        if drawn[0] < 0 or drawn[-1] >= n_frames:
            raise SamplingError(
                f"{self._words()} takes frames {drawn[0]} to {drawn[-1]}, and the clip has frames 0 to "
                f"{n_frames - 1}; take a smaller stride or start, or a longer clip"
            )
        return drawn

    def shifted(self, by: int) -> "Sampling":
        """Return the same rule with its window moved ``by`` source frames (jitter).

        Raises SamplingError where a ``stride`` window would begin before the clip does.
        """
        return replace(self, start=self.start + by)

    def as_dict(self) -> Mapping[str, str | int | None]:
        """Return the rule as plain data: what a store's key and a report hold."""
        return dict(vars(self))

    def _stride(self) -> tuple[int, ...]:
        return tuple(range(self.start, self.start + self.frames * self.stride, self.stride))

    def _notebook(self, n_frames: int) -> tuple[int, ...]:
        """Return ``linspace(end - w, end, frames)``, clipped and truncated; ``end = randint(w, n_frames)``.

        ``w = frames * stride``, and the generator seeded anew for every clip, as in the notebook.
        """
        import numpy as np

        window = self.frames * self.stride
        if n_frames <= window:
            raise SamplingError(
                f"{self._words()} draws a window of {window} frames out of more than {window}, and the clip "
                f"has {n_frames}; take a smaller stride, or a longer clip"
            )
        end = int(np.random.RandomState(self.seed).randint(window, n_frames))
        start = end - window
        spread = np.clip(np.linspace(start, end, num=self.frames), start, end - 1).astype(np.int64)
        return tuple(int(index) + self.start for index in spread)

    def _words(self) -> str:
        return f"rule {self.rule} ({self.frames} frames, stride {self.stride}, start {self.start})"
