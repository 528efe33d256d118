"""The distributions of verdicts, held against `scipy.stats`, which is too slow to import in every run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from circuit_claims.judge import distributions as ours

DEGREES = st.floats(1.0, 200.0)
PROBABILITIES = st.floats(0.001, 0.999)


@given(p=PROBABILITIES, df=DEGREES)
def test_quantiles_of_t(p, df):
    assert ours.t_quantile(p, df) == pytest.approx(stats.t.ppf(p, df), rel=1e-9, abs=1e-12)


# The series of scipy.stats, which is the reference here, does not converge next to zero.
@given(value=st.just(0.0) | st.floats(1e-6, 8.0), df=st.integers(1, 200), shift=st.floats(0.0, 20.0))
def test_tails_of_the_noncentral_t(value, df, shift):
    assert ours.noncentral_t_above(value, df, shift) == pytest.approx(
        stats.nct.sf(value, df, shift), abs=1e-7
    )


@given(data=st.data(), n=st.integers(1, 200), level=st.floats(0.5, 0.999))
def test_exact_intervals_of_a_share(data, n, level):
    yes = data.draw(st.integers(0, n))
    found = stats.binomtest(yes, n).proportion_ci(level, method="exact")
    low, high = ours.exact_binomial(yes, n, level)
    assert (low, high) == pytest.approx((found.low, found.high), abs=1e-9)
    assert (low == 0.0) == (yes == 0)
    assert (high == 1.0) == (yes == n)


@given(yes=st.floats(0.01, 9.99), level=st.floats(0.5, 0.999))
def test_a_part_of_a_yes_is_a_part_of_the_betas_shape(yes, level):
    low, high = ours.exact_binomial(yes, 10.0, level)
    tail = (1 - level) / 2
    assert low == pytest.approx(stats.beta.ppf(tail, yes, 11 - yes), abs=1e-9)
    assert high == pytest.approx(stats.beta.ppf(1 - tail, yes + 1, 10 - yes), abs=1e-9)
