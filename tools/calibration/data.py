"""Samples that several worlds draw, and the claims and evidence that they become."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from circuit_claims.types import Claim, Control, Evidence, Kind, Quantifier, Scope
from tools.calibration.study import M

Array = NDArray[np.float64]
Noise = Callable[[Generator, tuple[int, ...]], Array]

MEANS = Claim("means", "", "", Kind.MEANS, Scope.TRAINED)
REPRODUCES = Claim("reproduces", "", "", Kind.REPRODUCES, Scope.TRAINED)
EACH = Claim("each", "", "", Kind.REPRODUCES, Scope.TRAINED, Quantifier.EACH, "part")
ANY = Claim("any", "", "", Kind.REPRODUCES, Scope.TRAINED, Quantifier.ANY, "part")


def normal(rng: Generator, shape: tuple[int, ...]) -> Array:
    """Mean 0, standard deviation 1, as all of these."""
    return rng.normal(size=shape)


def heavy(rng: Generator, shape: tuple[int, ...]) -> Array:
    """Student's t with 3 degrees of freedom: symmetric, with outliers."""
    return np.asarray(rng.standard_t(3, size=shape) / np.sqrt(3))


def tail_up(rng: Generator, shape: tuple[int, ...]) -> Array:
    """Exponential: a long tail upwards (skewness 2)."""
    return rng.exponential(size=shape) - 1


def tail_down(rng: Generator, shape: tuple[int, ...]) -> Array:
    """The mirror image: most values near a ceiling, a long tail below."""
    return 1 - rng.exponential(size=shape)


def rare(rng: Generator, shape: tuple[int, ...]) -> Array:
    """One pair in fifty carries everything, and most small samples do not hold it."""
    return np.asarray(((rng.random(shape) < 0.02) - 0.02) / np.sqrt(0.02 * 0.98))


NOISES: dict[str, Noise] = {
    "normal": normal,
    "heavy tails (t, 3 df)": heavy,
    "long tail upwards (exponential)": tail_up,
    "long tail downwards (exponential)": tail_down,
}


def row(values: Array) -> tuple[float, ...]:
    """As evidence holds it."""
    return tuple(values.tolist())


def actions(count: int, each: int) -> tuple[str, ...]:
    """Labels of pairs, action by action."""
    return tuple(f"action {action}" for action in range(count) for _ in range(each))


def shared(clips: int, each: int) -> tuple[tuple[str, ...], ...]:
    """Each success clip in some pairs, with a failure clip of its own in each."""
    return tuple((f"success {clip}", f"failure {clip}.{at}") for clip in range(clips) for at in range(each))


def evidence(
    values: Array,
    controls: Sequence[Control] = (),
    *,
    unit: str = "fraction",
    groups: tuple[str, ...] = (),
    clips: tuple[tuple[str, ...], ...] = (),
    margin: float = M,
) -> Evidence:
    """What a measurement would hand to the judge."""
    return Evidence(
        "number", unit, row(values), groups=groups, clips=clips, controls=tuple(controls), margin=margin
    )
