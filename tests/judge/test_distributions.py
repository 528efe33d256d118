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


@given(value=st.floats(-40.0, 40.0), df=DEGREES)
def test_tails_of_t(value, df):
    assert ours.t_above(value, df) == pytest.approx(stats.t.sf(value, df), rel=1e-9)
    assert ours.t_above(-value, df) == pytest.approx(stats.t.cdf(value, df), rel=1e-9)


# The series of scipy.stats, which is the reference here, does not converge next to zero.
@given(value=st.just(0.0) | st.floats(1e-6, 8.0), df=st.integers(1, 200), shift=st.floats(0.0, 20.0))
def test_tails_of_the_noncentral_t(value, df, shift):
    assert ours.noncentral_t_above(value, df, shift) == pytest.approx(
        stats.nct.sf(value, df, shift), abs=1e-7
    )


@given(value=st.floats(-8.0, 8.0))
def test_tails_of_the_normal(value):
    assert ours.normal_above(value) == pytest.approx(stats.norm.sf(value), rel=1e-12)


@given(data=st.data(), n=st.integers(1, 200), level=st.floats(0.5, 0.999))
def test_exact_intervals_of_a_share(data, n, level):
    yes = data.draw(st.integers(0, n))
    found = stats.binomtest(yes, n).proportion_ci(level, method="exact")
    low, high = ours.exact_binomial(yes, n, level)
    assert (low, high) == pytest.approx((found.low, found.high), abs=1e-9)
    assert (low == 0.0) == (yes == 0)
    assert (high == 1.0) == (yes == n)
