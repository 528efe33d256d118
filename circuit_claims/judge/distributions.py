"""The few distributions that verdicts need, straight from `scipy.special`.

`scipy.stats` wraps the same functions; importing it takes longer than judging a hundred claims, and each call
through it a hundred times as long as the number. What needs more of it (the bootstrap) imports it there.
"""

from scipy import special


def t_quantile(p: float, df: float) -> float:
    """The quantile of Student's t, as `scipy.stats.t.ppf`."""
    return float(special.stdtrit(df, p))


def t_above(value: float, df: float) -> float:
    """The probability of a larger value under Student's t, as `scipy.stats.t.sf`."""
    return float(special.stdtr(df, -value))


def noncentral_t_above(value: float, df: float, shift: float) -> float:
    """The probability of a larger value under the noncentral t, as `scipy.stats.nct.sf`."""
    return 1.0 - float(special.nctdtr(df, shift, value))


def normal_above(value: float) -> float:
    """The probability of a larger value under the standard normal, as `scipy.stats.norm.sf`."""
    return float(special.ndtr(-value))


def exact_binomial(yes: int, n: int, level: float) -> tuple[float, float]:
    """Clopper and Pearson's interval of a share (1934), as `scipy.stats.binomtest(...).proportion_ci`."""
    tail = (1 - level) / 2
    low = float(special.betaincinv(yes, n - yes + 1, tail)) if yes > 0 else 0.0
    high = float(special.betaincinv(yes + 1, n - yes, 1 - tail)) if yes < n else 1.0
    return low, high
