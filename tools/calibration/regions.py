"""Worlds of one sample: is the mean in the asserted region, is an effect negligible pair by pair?"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.random import Generator

from circuit_claims.judge.expectation import Expectation, above, below, between, negligible
from circuit_claims.judge.verdict import decide
from circuit_claims.types import Claim, Outcome
from tools.calibration.data import (
    MEANS,
    NOISES,
    REPRODUCES,
    Array,
    Noise,
    actions,
    evidence,
    normal,
    rare,
    shared,
)
from tools.calibration.study import NS, SD, Decide, M, Situation

HALF = 0.5
RARE = "one pair in fifty carries everything"
"""Where no rule can hold (Bahadur & Savage 1956): most small samples are without spread."""


def situations() -> Iterator[Situation]:
    """Means over pairs."""
    for n in NS:
        for name, noise in NOISES.items():
            yield Situation("above", name, n, _mean(n, above(M), noise))
        yield Situation("above", RARE, n, _mean(n, above(M), rare))
        yield Situation("below", "normal", n, _mean(n, below(M), normal), true="below")
        drawn = _mean(n, between(-M, M))
        words = "normal, between -m and m"
        yield Situation("between", words, n, drawn, true="below", monotone=False)
    yield Situation("above", "8 actions of 4 pairs, which differ by action", 32, _by_action(8, 4))
    yield Situation("above", "8 actions of 4 pairs, of unequal spread", 32, _by_action(8, 4, 1.0))
    for clips, each in ((6, 5), (16, 4), (64, 4)):
        words = f"{clips} success clips in {each} pairs each"
        yield Situation("above", words, clips * each, _on_clips(clips, each))


def sizes() -> Iterator[Situation]:
    """Negligible is a statement of sizes: of their mean, and of the share of pairs beyond the bound."""
    worlds: dict[str, Callable[[Generator, int], Array]] = {
        "normal around 0, of this mean size": lambda rng, n: rng.normal(size=n) * np.sqrt(np.pi / 2),
        "half up and half down, sizes uniform": lambda rng, n: _signs(n) * rng.uniform(0, 2, n),
        "half up and half down, sizes alike": lambda rng, n: _signs(n) * rng.uniform(0.9, 1.1, n),
        "sizes of a long tail (exponential)": lambda rng, n: _signs(n) * rng.exponential(size=n),
    }
    for n in NS:
        for name, draw in worlds.items():
            yield Situation("negligible", name, n, _negligible(n, draw), true="below")
        words = "each pair beyond the bound or at 0, by a fair coin"
        yield Situation("negligible", words, n, _coin(n), truths=(1.0,), true="below")


def shares() -> Iterator[Situation]:
    """Yes-or-no values; a truth of m is a share of one half, which is where "above one half" begins."""
    for n in NS:
        yield Situation("share of yes", "independent pairs", n, _yes(n, 1, 0.0))
    for clips, each in ((6, 5), (16, 4), (64, 4)):
        for within, words in ((1.0, "which say the same"), (0.5, "half of which say the same")):
            world = f"{clips} success clips in {each} pairs each, {words}"
            yield Situation("share of yes", world, clips * each, _yes(clips, each, within))


def few() -> Iterator[Situation]:
    """Fewer than five pairs."""
    for n in (1, 2, 3, 4):
        drawn = _mean(n, above(M), normal)
        yield Situation("few pairs", "a reproduction, above m", n, drawn, nominal=None)
        yield Situation("few pairs", "a `means` claim, above m", n, _mean(n, above(M), normal, MEANS))


def _mean(
    n: int, asserted: Expectation, noise: Noise = normal, claim: Claim = REPRODUCES
) -> Callable[[Generator], Decide]:
    def draw(rng: Generator) -> Decide:
        drawn = SD * noise(rng, (n,))
        return lambda truth: decide(claim, evidence(drawn + truth), asserted).outcome

    return draw


def _by_action(count: int, each: int, spread: float = 0.0) -> Callable[[Generator], Decide]:
    groups = actions(count, each)

    def draw(rng: Generator) -> Decide:
        # The actions' own means sum to zero: what is judged is the mean over these actions.
        level = rng.normal(0, 2, (count, 1))
        scale = np.exp(rng.normal(0, spread, (count, 1)))
        drawn = SD * (level - level.mean() + scale * rng.normal(size=(count, each))).ravel()
        return lambda truth: decide(REPRODUCES, evidence(drawn + truth, groups=groups), above(M)).outcome

    return draw


def _on_clips(count: int, each: int) -> Callable[[Generator], Decide]:
    clips = shared(count, each)

    def draw(rng: Generator) -> Decide:
        drawn = SD * (rng.normal(size=(count, 1)) + 0.5 * rng.normal(size=(count, each))).ravel()
        return lambda truth: decide(REPRODUCES, evidence(drawn + truth, clips=clips), above(M)).outcome

    return draw


def _signs(n: int) -> Array:
    return np.where(np.arange(n) % 2, 1.0, -1.0)


def _negligible(n: int, sizes: Callable[[Generator, int], Array]) -> Callable[[Generator], Decide]:
    def draw(rng: Generator) -> Decide:
        drawn = sizes(rng, n)
        return lambda truth: decide(REPRODUCES, evidence(drawn * truth), negligible(M)).outcome

    return draw


def _coin(n: int) -> Callable[[Generator], Decide]:
    def draw(rng: Generator) -> Decide:
        beyond = _signs(n) * (rng.random(n) < HALF) * 1.1
        return lambda truth: decide(REPRODUCES, evidence(beyond * truth), negligible(M)).outcome

    return draw


def _yes(count: int, each: int, within: float) -> Callable[[Generator], Decide]:
    """A pair says what its clip says, by a chance of `within`, and otherwise what it says itself."""
    clips = shared(count, each) if each > 1 else ()

    def draw(rng: Generator) -> Decide:
        own, of_clip = rng.random((count, each)), rng.random((count, 1))
        latent = np.where(rng.random((count, each)) < within, of_clip, own).ravel()

        def judged(truth: float) -> Outcome:
            values = (latent < HALF - M + truth).astype(np.float64)
            return decide(REPRODUCES, evidence(values, unit="bool", clips=clips), above(HALF)).outcome

        return judged

    return draw
