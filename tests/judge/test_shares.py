"""Yes and no: exact intervals of a share and of the difference of two, also where clips are shared."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from circuit_claims.judge.intervals import Interval
from circuit_claims.judge.shares import paired_difference, share, two_sample_difference

yes_or_no = st.lists(st.integers(0, 1).map(float), min_size=1, max_size=20)
parts = st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=1, max_size=12)


def exact(yes, n, level=0.95):
    found = stats.binomtest(yes, n).proportion_ci(level, method="exact")
    return pytest.approx((found.low, found.high))


# One share --------------------------------------------------------------------------------------------


@given(yes_or_no, st.sampled_from([0.8, 0.95]))
def test_a_share_is_clopper_and_pearsons(values, level):
    found = share(values, level=level)
    assert (found.low, found.high) == exact(int(sum(values)), len(values), level)
    assert (found.estimate, found.level) == (sum(values) / len(values), level)
    assert (found.n, found.method) == (len(values), "exact binomial")


def test_a_share_by_hand():
    """10 of 10 lie in [0.025 ** 0.1, 1], 0 of 5 in [0, 1 - 0.025 ** 0.2]."""
    assert (share([1.0] * 10).low, share([1.0] * 10).high) == (pytest.approx(0.025**0.1), 1.0)
    assert (share([0.0] * 5).low, share([0.0] * 5).high) == (0.0, pytest.approx(1 - 0.025**0.2))
    assert share([1.0, 0.0, 0.0, 0.0]).sd == pytest.approx(math.sqrt(0.25 * 0.75))


def test_six_clips_in_five_pairs_each_are_six():
    """The 39 % of wrong decisions at a true share on the threshold, of 30 pairs, were those of an n of 30."""
    values = [float(clip < 5) for clip in range(6) for _ in range(5)]
    clips = [(f"strike-{clip}", f"gutter-{clip}-{pair}") for clip in range(6) for pair in range(5)]
    found = share(values, clips)
    assert (found.low, found.high) == exact(5, 6)
    assert (found.n, found.method) == (6, "exact binomial over 6 units that share no clip")


def test_a_unit_that_holds_most_pairs_counts_as_less_than_it_could():
    """Sizes 3, 1: 16 / 10 = 1.6 units of equal weight; 3 of 4 is 1.2 of 1.6, by quantiles of the beta."""
    found = share([1.0, 1.0, 1.0, 0.0], ["x", "x", "x", "y"])
    low, high = stats.beta.ppf(0.025, 1.2, 1.4), stats.beta.ppf(0.975, 2.2, 0.4)
    assert (found.low, found.high) == pytest.approx((low, high))
    assert (found.estimate, found.n) == (0.75, 2)


@given(yes_or_no, st.integers(2, 4))
def test_pairs_that_repeat_their_unit_say_nothing_new(values, times):
    one, two = share(values), share(values * times, list(range(len(values))) * times)
    assert (two.low, two.high, two.n) == (pytest.approx(one.low), pytest.approx(one.high), one.n)


@given(parts)
def test_a_part_of_a_yes_counts_as_that_part_and_no_is_the_mirror_of_yes(values):
    found, mirrored = share(values), share([1 - value for value in values])
    assert found.estimate == pytest.approx(np.mean(values))
    assert (mirrored.low, mirrored.high) == pytest.approx((1 - found.high, 1 - found.low))
    assert 0 <= found.low <= found.estimate <= found.high <= 1


@given(yes_or_no)
def test_one_more_yes_moves_the_share_up(values):
    more = [1.0, *values[1:]]
    assert share(more).low >= share(values).low
    assert share(more).high >= share(values).high


def test_a_share_never_misses_more_often_than_it_may():
    """By the binomial itself: at any true share, the outcomes whose interval excludes it have 5 % at most."""
    for n in (5, 8, 13):
        found = [share([1.0] * k + [0.0] * (n - k)) for k in range(n + 1)]
        for truth in np.linspace(0.02, 0.98, 25):
            missed = sum(
                stats.binom.pmf(k, n, truth) for k, one in enumerate(found) if one.excludes(float(truth))
            )
            assert missed <= 0.05


@pytest.mark.parametrize("values", [[-0.01, 1.0], [0.0, 1.01]])
def test_what_is_no_share_is_refused(values):
    with pytest.raises(ValueError, match=r"a share is of values between 0 and 1, not -?[0-9.]+ to [0-9.]+"):
        share(values)


@pytest.mark.parametrize("values", [[], [math.nan]])
@pytest.mark.parametrize("function", [share, paired_difference])
def test_what_is_no_number_is_refused(function, values):
    with pytest.raises(ValueError, match="value"):
        function(values)


# Two shares on the same pairs -------------------------------------------------------------------------


def test_a_difference_of_shares_by_hand():
    """Of ten pairs five gain and one loses: 5 of 10 and 1 of 10 at 97.5 % each."""
    found = paired_difference([1, 1, 1, 1, 1, -1, 0, 0, 0, 0])
    gained, lost = (stats.binomtest(k, 10).proportion_ci(0.975, method="exact") for k in (5, 1))
    assert (found.low, found.high) == pytest.approx((gained.low - lost.high, gained.high - lost.low))
    assert (found.estimate, found.level, found.n) == (pytest.approx(0.4), 0.95, 10)
    assert found.method == "exact binomial, of gains and of losses"
    assert found.sd == pytest.approx(np.std([1, 1, 1, 1, 1, -1, 0, 0, 0, 0]))


def test_pairs_that_are_all_equal_still_leave_room_for_the_next():
    found = paired_difference([0.0] * 10)
    assert (found.low, found.high) == pytest.approx((-(1 - 0.0125**0.1), 1 - 0.0125**0.1))
    assert (found.estimate, found.sd) == (0.0, 0.0)


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_a_difference_of_shares_heeds_level_and_clips(level):
    differences, clips = [1.0, 0.0, -1.0, 1.0, 1.0, 0.0], ["x", "x", "y", "y", "z", "z"]
    found = paired_difference(differences, clips, level)
    half = (1 + level) / 2
    gained = share([1, 0, 0, 1, 1, 0], clips, half)
    lost = share([0, 0, 1, 0, 0, 0], clips, half)
    assert (found.low, found.high) == (gained.low - lost.high, gained.high - lost.low)
    assert (found.level, found.n) == (level, 3)
    assert found.method == "exact binomial over 3 units that share no clip, of gains and of losses"


@given(st.lists(st.sampled_from([-1.0, -0.5, 0.0, 1.0]), min_size=1, max_size=15))
def test_swapping_the_sides_turns_the_sign(differences):
    one, two = paired_difference(differences), paired_difference([-value for value in differences])
    assert (two.low, two.estimate, two.high) == pytest.approx((-one.high, -one.estimate, -one.low))
    assert -1 <= one.low <= one.estimate <= one.high <= 1


# Two shares of pairs of their own ---------------------------------------------------------------------


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_two_shares_of_their_own_pairs_by_hand(level):
    claim, control = [1.0] * 9 + [0.0], [1.0] * 2 + [0.0] * 6
    found = two_sample_difference(claim, control, level=level)
    one, two = (
        stats.binomtest(k, n).proportion_ci((1 + level) / 2, method="exact") for k, n in ((9, 10), (2, 8))
    )
    assert (found.low, found.high) == pytest.approx((one.low - two.high, one.high - two.low))
    assert found.estimate == pytest.approx(0.9 - 0.25)
    assert (found.n, found.level, found.method) == (8, level, "exact binomial of two shares")
    assert found.sd == pytest.approx(math.sqrt(0.9 * 0.1 + 0.25 * 0.75))


def test_either_side_may_share_clips():
    claim, control = [1.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]
    clips = ["x", "x", "y", "y"]
    plain = two_sample_difference(claim, control)
    ours, theirs = (
        two_sample_difference(claim, control, clips),
        two_sample_difference(claim, control, None, clips),
    )
    for found in (ours, theirs):
        assert found.n == 2
        assert found.low < plain.low
        assert found.high > plain.high
    assert ours.low == share(claim, clips, 0.975).low - share(control, None, 0.975).high
    assert theirs.high == share(claim, None, 0.975).high - share(control, clips, 0.975).low


def test_a_single_pair_bounds_a_share():
    assert share([1.0]) == Interval(1.0, pytest.approx(0.025), 1.0, 0.95, 1, "exact binomial", 0.0)
