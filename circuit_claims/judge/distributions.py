"""The few distributions that verdicts need, straight from `scipy.special`.

`scipy.stats` wraps the same functions; importing it takes longer than judging a hundred claims, and each call
through it a hundred times as long as the number.
"""

from scipy import special


def t_quantile(p: float, df: float) -> float:
    """The quantile of Student's t, as `scipy.stats.t.ppf`."""
    return float(special.stdtrit(df, p))


def noncentral_t_above(value: float, df: float, shift: float) -> float:
    """The probability of a larger value under the noncentral t, as `scipy.stats.nct.sf`."""
    return 1.0 - float(special.nctdtr(df, shift, value))


def exact_binomial(yes: float, n: float, level: float) -> tuple[float, float]:
    """Clopper and Pearson's interval of a share (1934), as `scipy.stats.binomtest(...).proportion_ci`.

    Both may be fractions of a unit (Korn & Graubard 1998).
    """
    tail = (1 - level) / 2
    low = float(special.betaincinv(yes, n - yes + 1, tail)) if yes > 0 else 0.0
    high = float(special.betaincinv(yes + 1, n - yes, 1 - tail)) if yes < n else 1.0
    return low, high
