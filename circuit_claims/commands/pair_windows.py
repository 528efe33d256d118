"""Which windows `circuit-claims pair add` gives a pair: those of its manifest, and what the options say."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from circuit_claims.clips.errors import ManifestError
from circuit_claims.clips.pairs import load_sampling
from circuit_claims.clips.sampling import Sampling, SamplingError
from circuit_claims.clips.seconds import in_words

FRAMES, STRIDE = 16, 2
"""The window of a new manifest where nothing else is said: what the embedded models take."""
PAPER_SEED = 42
"""Of the rule ``notebook``."""


@dataclass(frozen=True)
class Windows:
    """How a new pair is sampled."""

    of_set: Sampling
    """What the manifest says, or a new one is to say."""
    own: Sampling | None
    """By time, where this pair is not sampled as its set."""
    starts: tuple[int | Decimal, int | Decimal]
    """Where the windows of SUCCESS and of FAILURE begin: source frames, or seconds."""

    @property
    def of_pair(self) -> Sampling:
        """How the pair is sampled, before its clips are moved to their own starts."""
        return self.own or self.of_set


def windows_of(manifest: Path, options: argparse.Namespace, takes: int | None) -> Windows:
    """Return how a pair is to be sampled; `takes` is how many frames the model takes, if one was named.

    Raises:
        ManifestError: the manifest samples otherwise, or cannot be read.
        SamplingError: the options do not go together.
    """
    if options.every is not None and (options.stride or options.rule):
        other = "--stride" if options.stride else "--rule"
        raise SamplingError(f"--every samples by time and {other} by frames; leave one of them out")
    stated = _stated(manifest, options, takes) if manifest.exists() else None
    by_time = options.every is not None or (stated is not None and stated.by_time)
    _check_starts(options.start or (), by_time)
    of_set = stated or _new(options, takes)
    own = _own(of_set, options)
    start = (own or of_set).start
    return Windows(of_set, own, options.start or (start, start))


def _new(options: argparse.Namespace, takes: int | None) -> Sampling:
    """The sampling of a manifest that does not exist yet."""
    frames = options.frames or takes or FRAMES
    start = min(options.start) if options.start else 0
    if options.every is not None:
        return Sampling("time", frames, start=start, every=options.every)
    stride = options.stride or STRIDE
    if options.rule == "notebook":
        return Sampling("notebook", frames, stride, start, PAPER_SEED)
    return Sampling("stride", frames, stride, start)


def _stated(manifest: Path, options: argparse.Namespace, takes: int | None) -> Sampling:
    """The sampling of a manifest, with which the options have to go."""
    stated = load_sampling(manifest)
    for key in ("rule", "frames", "stride"):
        asked, there = getattr(options, key), getattr(stated, key)
        if asked not in (None, there):
            raise ManifestError(
                manifest,
                f"sampling: {key}",
                f"is {there}, and --{key} says {asked}; all pairs of a manifest are sampled alike: leave "
                f"--{key} out, or name another manifest with --circuit-pairs",
            )
    if takes not in (None, stated.frames):
        raise ManifestError(
            manifest, "sampling: frames", f"is {stated.frames}, and {options.model} takes {takes}"
            "; name another manifest with --circuit-pairs, or another model",
        )  # fmt: skip
    return stated


def _own(of_set: Sampling, options: argparse.Namespace) -> Sampling | None:
    """The window of a pair alone, by time, where it is not that of its set."""
    every = options.every or of_set.every
    if every is None:
        return None
    start = min(options.start) if options.start else of_set.start if of_set.by_time else 0
    own = Sampling("time", of_set.frames, start=start, every=every)
    return None if own == of_set else own


def _check_starts(starts: tuple[int | Decimal, ...], by_time: bool) -> None:
    """Refuse frames where the window goes by time, and times where it counts frames."""
    for start in starts:
        if by_time and isinstance(start, int):
            raise SamplingError(
                f"--start {start} is a frame, and the window goes by time; write the unit, such as "
                f"--start {start}s"
            )
        if not by_time and not isinstance(start, int):
            raise SamplingError(
                f"--start {in_words(start)} is a time, and the window counts source frames; give the frame, "
                "or sample by time too (--every 0.08s)"
            )
