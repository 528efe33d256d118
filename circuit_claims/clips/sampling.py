"""Which frames of a clip the model sees: a stated, deterministic rule, stored with every measurement.

    stride      frame i of the window is source frame  start + i * stride
    notebook    the window of the paper's notebook: drawn once from a seeded generator, then spread evenly
    time        frame i of the window is what a player shows at the time  start + i * every

The rule ``time`` is for clips whose frame rates differ or vary: it goes by the time that the file gives each
frame, never by its number.

A rule is shifted as a whole for the jitter control: the same spacing, earlier or later. The unit of a shift
is one source frame or, of the rule ``time``, half a step (``every / 2``): a shift of 2 is then one step, as
it is at a stride of 2, and both clips of a pair move by the same time whatever their frame rates.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal, TypeAlias, get_args

from circuit_claims.clips.seconds import in_words
from circuit_claims.clips.timeline import Timeline

Rule: TypeAlias = Literal["stride", "notebook", "time"]
RULES: tuple[str, ...] = get_args(Rule)
CLOSE_S = 1e-6
"""Seconds by which a frame may begin after the time at which it is shown: files and floats round."""


class SamplingError(ValueError):
    """A rule that cannot be, or that a clip is too short for."""


@dataclass(frozen=True)
class Sampling:
    """A rule that turns a clip's timeline into the source indices of the model's window."""

    rule: Rule
    """``stride``, ``notebook`` or ``time``."""
    frames: int
    """The model's window, in frames."""
    stride: int = 1
    """Source frames from one frame of the window to the next (the notebook's ``frame_sample_rate``)."""
    start: int | Decimal = 0
    """``stride``: the first source frame. ``notebook``: source frames by which the drawn window is moved.
    ``time``: when the window begins, in seconds after the clip's first frame; less than 0 only in a window
    that was shifted, which fits into no clip."""
    seed: int | None = None
    """``notebook`` only: the seed of NumPy's legacy generator (42 in the notebook)."""
    every: Decimal | None = None
    """``time`` only: seconds from one frame of the window to the next."""

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
        if self.rule != "notebook" and self.seed is not None:
            raise SamplingError("seed belongs to the rule notebook; leave it out, or set rule = 'notebook'")
        if self.rule == "notebook" and self.seed is None:
            raise SamplingError(
                "the rule notebook draws its window from a seed; give one (the paper's is 42)"
            )
        if self.seed is not None and not 0 <= self.seed < 2**32:
            raise SamplingError(f"seed is {self.seed}; NumPy's legacy generator takes 0 to 2**32 - 1")
        if self.rule == "time":
            self._check_times()
        elif self.every is not None:
            raise SamplingError("every belongs to the rule time; leave it out, or set rule = 'time'")
        elif not isinstance(self.start, int):
            raise SamplingError(
                f"start is {in_words(self.start)}, and the rule {self.rule} counts source frames; give the "
                'frame, or sample by time (every = "0.08 s")'
            )

    def _check_times(self) -> None:
        if self.every is None:
            raise SamplingError('the rule time needs a step; give one, such as every = "0.08 s"')
        if self.every <= 0:
            raise SamplingError(f"every is {in_words(self.every)}; it has to be more than 0 s")
        if self.stride != 1:
            raise SamplingError("stride belongs to the other rules; leave it out: every is the step in time")
        object.__setattr__(self, "start", Decimal(self.start))

    @property
    def by_time(self) -> bool:
        """Whether the window goes by time; otherwise by the frames' numbers."""
        return self.every is not None

    def indices(self, clip: Timeline | int) -> tuple[int, ...]:
        """Return the source index of each frame of the window, ascending.

        ``clip`` is its timeline; its number of frames is enough for the rules that count frames. By time, a
        frame stands twice where the clip shows it for longer than a step.
        Raises SamplingError where the window does not fit into the clip.
        """
        if self.every is not None:
            if isinstance(clip, int):
                raise TypeError("the rule time needs the clip's timeline")
            return self._by_time(clip, self.every)
        n_frames = clip if isinstance(clip, int) else clip.n_frames
        drawn = self._stride() if self.rule == "stride" else self._notebook(n_frames)
        if drawn[0] < 0 or drawn[-1] >= n_frames:
            raise SamplingError(
                f"{self._words()} takes frames {drawn[0]} to {drawn[-1]}, and the clip has frames 0 to "
                f"{n_frames - 1}; take a smaller stride or start, or a longer clip"
            )
        return drawn

    def times(self, clip: Timeline) -> tuple[float, ...]:
        """Return the time of each frame of the window, in seconds after the clip's first frame.

        By time it is the time asked for, otherwise the time at which the frame begins.
        """
        if self.every is not None:
            return tuple(float(self.start + i * self.every) for i in range(self.frames))
        return tuple(clip.times[index] for index in self.indices(clip))

    def moved(self, by: int | Decimal) -> "Sampling":
        """Return the same rule with its window moved by source frames or, by time, by seconds.

        Raises SamplingError where a ``stride`` window would begin before the clip does.
        """
        return replace(self, start=self.start + by) if by else self

    def shifted(self, by: int) -> "Sampling":
        """Return the same rule moved by ``by`` units of jitter: source frames, or half steps in time.

        Raises SamplingError where a ``stride`` window would begin before the clip does.
        """
        return self.moved(by if self.every is None else by * self.every / 2)

    @property
    def least_shift(self) -> int:
        """The least shift that changes every frame of the window, where no frame of it stands twice."""
        return 2 if self.by_time else 1

    def shift_in_words(self, *by: int) -> str:
        """How far `shifted` moves a window, such as ``-2 and 2 source frames`` or ``0.08 s``."""
        if self.every is not None:
            return " and ".join(in_words(one * self.every / 2) for one in by)
        return f"{' and '.join(map(str, by))} source frame{'' if by == (1,) else 's'}"

    def as_dict(self) -> Mapping[str, str | int | None]:
        """Return the rule as plain data: what a store's key, a record and a manifest hold."""
        if self.every is not None:
            times = {"every": in_words(self.every), "start": in_words(self.start)}
            return {"rule": self.rule, "frames": self.frames, **times}
        return {key: value for key, value in vars(self).items() if key != "every"}

    def _stride(self) -> tuple[int, ...]:
        start = int(self.start)
        return tuple(range(start, start + self.frames * self.stride, self.stride))

    def _by_time(self, clip: Timeline, every: Decimal) -> tuple[int, ...]:
        first, last = self.start, self.start + (self.frames - 1) * every
        length = ends_at(clip)
        if first < 0:
            raise SamplingError(
                f"{self._words()} begins at {in_words(first)}, before the clip's first frame; take "
                "a later start"
            )
        if float(last) > max(length - CLOSE_S, clip.times[-1] + CLOSE_S):
            raise SamplingError(
                f"{self._words()} asks for the time {in_words(last)}, and the clip lasts "
                f"{in_words(length)} ({clip.n_frames} frames); take a smaller every or start, or another clip"
            )
        return tuple(shown_at(clip.times, float(first + i * every)) for i in range(self.frames))

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
        return tuple(int(index) + int(self.start) for index in spread)

    def _words(self) -> str:
        if self.every is not None:
            times = f"every {in_words(self.every)}, start {in_words(self.start)}"
            return f"rule time ({self.frames} frames, {times})"
        return f"rule {self.rule} ({self.frames} frames, stride {self.stride}, start {self.start})"


def shown_at(times: Sequence[float], time: float) -> int:
    """Return the index of the frame that a player shows at a time: the last one that has begun, or the first.

    ``times`` are those at which the frames begin, ascending, in seconds.
    """
    return max(bisect_right(times, time + CLOSE_S) - 1, 0)


def ends_at(clip: Timeline) -> float:
    """Return when a clip's last frame is gone, in seconds: it is shown as long as a frame is on average."""
    if clip.fps > 0:
        return clip.times[-1] + 1 / clip.fps
    return clip.times[-1] * clip.n_frames / max(clip.n_frames - 1, 1)
