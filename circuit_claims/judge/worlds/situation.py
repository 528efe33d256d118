"""What a situation of the study is, and the samples that several of them draw."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Array = NDArray[np.float64]
Decision = Callable[[Generator], bool]

ALPHA = 0.05


@dataclass(frozen=True)
class Situation:
    """One rule in one world."""

    rule: str
    """What decides."""
    world: str
    """What is drawn, in words."""
    kind: Literal["null", "effect", "misuse"]
    """Null: nothing to find, at the edge of H0, where the rule errs most. Effect: something of stated size.
    Misuse: what would happen with the rule left out, and why it exists."""
    draw: Decision
    """Whether the rule finds something in one random data set."""
    nominal: float = ALPHA
    """The error that the rule promises (null), or the power that its planner promises (effect; 0: none)."""
    assumption: str = ""
    """What the rule assumes and this world breaks."""


def normal(rng: Generator, n: int) -> Array:
    """Mean 0, standard deviation 1."""
    return rng.normal(size=n)


def heavy(rng: Generator, n: int) -> Array:
    """Student's t with 3 degrees of freedom: symmetric, with outliers."""
    return rng.standard_t(3, size=n)


def skewed(rng: Generator, n: int) -> Array:
    """Exponential with mean 0: a long tail to the right (skewness 2)."""
    return rng.exponential(size=n) - 1


def skewed_left(rng: Generator, n: int) -> Array:
    """The mirror image: most values near a ceiling, a long tail below."""
    return 1 - rng.exponential(size=n)
