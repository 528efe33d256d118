"""Worlds of delta traces over 12 layers; the stated onset is block 5."""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from scipy import stats

from circuit_claims.judge import statistics as judge
from circuit_claims.judge.worlds.situation import ALPHA, Array, Decision, Situation

LAYERS = np.arange(12)


def bends() -> list[Situation]:
    """Log traces without an onset at block 5: random walks, smooth curves, onsets elsewhere."""
    bare, contrast, whole = "slope change", "slope change, contrast", "slope change over the whole trace"
    alone = "slope change, no control"
    return [
        Situation(bare, "8 pairs, random walks", "null", _bare(_walks)),
        Situation(
            bare, "8 pairs, random walks with drift", "null", _bare(lambda rng: _walks(rng, drift=0.3))
        ),
        Situation(bare, "20 pairs, random walks (BCa)", "null", _bare(lambda rng: _walks(rng, 20))),
        Situation(bare, "8 pairs, exactly 0 in the first 2 layers", "null", _bare(_from_nothing)),
        Situation(bare, "8 pairs, onset at block 8", "null", _bare(lambda rng: _onset(8) + _walks(rng))),
        Situation(whole, "8 pairs, random walks", "null", _bare(_walks, None)),
        Situation(
            whole, "8 pairs, onset at block 8", "misuse", _bare(lambda rng: _onset(8) + _walks(rng), None)
        ),
        Situation(
            bare, "8 pairs, bend of 0.4 a layer", "effect", _bare(lambda rng: _onset(5) + _walks(rng)), 0.0
        ),
        Situation(contrast, "8 pairs, a walk that claim and control share", "null", _contrast(_common)),
        Situation(contrast, "8 pairs, a smooth curve in both", "null", _contrast(_both_smooth)),
        Situation(
            contrast, "8 pairs, bend of 0.4 a layer beyond the control", "effect", _contrast(_more), 0.0
        ),
        Situation(
            alone, "8 pairs, a walk that all pairs share", "misuse", _bare(lambda rng: _common(rng)[0])
        ),
        Situation(alone, "8 pairs, smooth curve", "misuse", _bare(_smooth)),
        Situation("one knot, BIC gain of 6", "one random walk", "misuse", _knot(lambda rng: _walks(rng, 1))),
        Situation("one knot, BIC gain of 6", "one smooth curve", "misuse", _knot(_smooth)),
    ]


def steps() -> list[Situation]:
    """Six increments of 1.5 (sd 0.5), one of them changed."""
    return [
        Situation("monotone", "8 pairs, one of 6 steps is flat", "null", _grows(0.0)),
        Situation("monotone", "8 pairs, all 6 steps grow", "effect", _grows(1.5), 0.0),
        Situation("Page's trend test", "8 pairs, one of 6 steps falls", "misuse", _page),
    ]


def _walks(rng: Generator, n: int = 8, drift: float = 0.0) -> Array:
    return rng.normal(drift, 0.2, (n, 12)).cumsum(axis=1)


def _onset(block: int, size: float = 0.4) -> Array:
    return size * np.maximum(LAYERS - (block - 1), 0)


def _smooth(rng: Generator) -> Array:
    return 0.03 * LAYERS**2 + rng.normal(0, 0.02, (8, 12))


def _from_nothing(rng: Generator) -> Array:
    trace = _walks(rng)
    trace[:, :2] = -np.inf  # exactly zero, as at the CLS token before anything has been written
    return trace


def _common(rng: Generator, size: float = 0.0) -> tuple[Array, Array]:
    """Claim and control with the same bends of the architecture, and walks of their own."""
    architecture = _walks(rng, 1)
    return architecture + _onset(5, size) + _walks(rng), architecture + _walks(rng)


def _more(rng: Generator) -> tuple[Array, Array]:
    return _common(rng, 0.4)


def _both_smooth(rng: Generator) -> tuple[Array, Array]:
    return _smooth(rng), _smooth(rng)


def _bare(draw: Callable[[Generator], Array], window: int | None = 1) -> Decision:
    return lambda rng: judge.slope_change(np.exp(draw(rng)).tolist(), 5, window=window).excludes(0.0)


def _contrast(draw: Callable[[Generator], tuple[Array, Array]]) -> Decision:
    def found(rng: Generator) -> bool:
        claim, control = (judge.slope_changes(np.exp(side).tolist(), 5) for side in draw(rng))
        return judge.paired_contrast(claim, control).excludes(0.0)

    return found


def _knot(draw: Callable[[Generator], Array]) -> Decision:
    return lambda rng: judge.one_knot(np.exp(draw(rng)[0]).tolist()).bic_gain >= 6


def _increments(rng: Generator, third: float) -> Array:
    return rng.normal(np.array([1.5, 1.5, third, 1.5, 1.5, 1.5]), 0.5, (8, 6))


def _grows(third: float) -> Decision:
    return lambda rng: judge.monotone(_increments(rng, third).tolist()).p <= ALPHA


def _page(rng: Generator) -> bool:
    traces = np.hstack([np.zeros((8, 1)), _increments(rng, -1.0).cumsum(axis=1)])
    return bool(stats.page_trend_test(traces).pvalue <= ALPHA)
