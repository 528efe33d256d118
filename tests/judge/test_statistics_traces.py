"""Slope changes of delta traces, the descriptive knot, and monotone growth."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_claims.judge.contrasts import paired_contrast
from circuit_claims.judge.intervals import interval, t_test
from circuit_claims.judge.traces import monotone, one_knot, slope_change, slope_changes

# The mean-token delta norms of one pair as the paper's notebook printed them, layers 0 to 11.
PUBLISHED = (
    75.2657, 68.4624, 69.5781, 68.9352, 75.0200, 100.4468,
    121.1980, 133.3447, 145.7053, 171.5556, 202.6537, 270.0284,
)  # fmt: skip


def bent(onset: int, before: float = 0.0, after: float = math.log(2), layers: int = 12) -> list[float]:
    """A trace that first grows at block `onset`."""
    hinge = onset - 1
    return [math.exp(before * at + (after - before) * max(at - hinge, 0)) for at in range(layers)]


@pytest.mark.parametrize("onset", [3, 5, 8])
def test_an_exact_bend_is_found_where_it_is(onset: int) -> None:
    assert slope_changes([bent(onset)], onset)[0] == pytest.approx(math.log(2))
    knot = one_knot(bent(onset))
    assert knot.onset == onset
    assert knot.before == pytest.approx(0, abs=1e-9)
    assert knot.after == pytest.approx(math.log(2))
    assert knot.bic_gain > 100


def test_a_straight_trace_does_not_bend() -> None:
    straight = bent(5, before=0.3, after=0.3)
    assert slope_changes([straight], 5)[0] == pytest.approx(0, abs=1e-12)
    assert one_knot(straight).bic_gain < 0


def test_the_published_trace_bends_elsewhere_on_another_scale() -> None:
    assert one_knot(PUBLISHED, scale="linear").onset == 9
    assert one_knot(PUBLISHED, scale="log").onset == 4


def test_log_of_zero_is_cut_off() -> None:
    trace = [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0]
    assert math.isfinite(slope_changes([trace], 5)[0])
    assert slope_changes([trace], 5)[0] > 0
    assert slope_changes([trace], 5) == pytest.approx(slope_changes([[7 * v for v in trace]], 5))
    assert slope_changes([[0.0] * 9], 5) == (0.0,)
    # A floor at the jitter makes a step out of noise as small as it is.
    assert slope_changes([trace], 5, floor=0.5)[0] < slope_changes([trace], 5)[0] / 5


def test_layers_name_the_columns() -> None:
    with_embedding = [3.0, *bent(5)]
    named = slope_changes([with_embedding[1:]], 5)
    assert slope_changes([bent(5)[2:]], 5, layers=range(2, 12)) == pytest.approx(named)
    everything = range(-1, 12)
    assert slope_changes([with_embedding], 5, layers=everything) == pytest.approx(named)
    assert slope_changes([with_embedding], 5, layers=everything, window=None)[0] > named[0]


@pytest.mark.parametrize("onset", [3, 4, 6, 8])
def test_a_bend_elsewhere_is_no_onset_here(onset: int) -> None:
    assert slope_changes([bent(onset)], 5)[0] == pytest.approx(0, abs=1e-9)
    # Over the whole trace any bend counts; two layers see the neighbours.
    assert slope_changes([bent(onset)], 5, window=None)[0] > 0.3
    assert (slope_changes([bent(onset)], 5, window=2)[0] > 0.3) is (onset in (4, 6))


def test_a_step_is_an_onset_where_it_is() -> None:
    for block in (3, 5, 9):
        step = [1.0] * block + [14.0] * (12 - block)
        assert (slope_changes([step], 5)[0] > 1) is (block == 5)


def test_over_pairs_it_is_an_interval() -> None:
    generator = np.random.default_rng(0)
    traces = [[v * math.exp(generator.normal(0, 0.05)) for v in bent(5)] for _ in range(8)]
    found = slope_change(traces, 5)
    assert found.low > 0.6
    assert found.high < 0.9
    assert found.n == 8


def test_what_the_architecture_bends_is_no_onset_of_the_claim() -> None:
    generator = np.random.default_rng(1)
    draw = lambda: [[v * math.exp(generator.normal(0, 0.05)) for v in bent(5)] for _ in range(8)]  # noqa: E731
    claim, control = draw(), draw()
    assert slope_change(claim, 5).low > 0
    assert not paired_contrast(slope_changes(claim, 5), slope_changes(control, 5)).excludes(0)


@given(st.lists(st.floats(0.01, 100), min_size=8, max_size=12), st.floats(0.01, 100))
def test_the_unit_of_the_norm_does_not_matter_on_the_log_scale(trace: list[float], unit: float) -> None:
    other = [unit * value for value in trace]
    assert slope_changes([other], 4)[0] == pytest.approx(slope_changes([trace], 4)[0], abs=1e-9)


@given(st.lists(st.floats(-100, 100), min_size=8, max_size=12))
def test_turning_a_trace_over_turns_its_bend(trace: list[float]) -> None:
    over = [-value for value in trace]
    one, two = slope_changes([trace], 4, scale="linear")[0], slope_changes([over], 4, scale="linear")[0]
    assert one == pytest.approx(-two, abs=1e-9)


def test_monotone_needs_every_step() -> None:
    steps = [[0.5, 0.4, 0.6], [0.4, 0.5, 0.5], [0.6, 0.45, 0.55], [0.5, 0.5, 0.5]]
    assert monotone(steps).p < 0.01
    assert monotone(steps).p == max(monotone(steps).increments)
    stalled = [[*row[:2], sign * 0.01] for row, sign in zip(steps, (1, -1, 1, -1), strict=True)]
    assert monotone(stalled).p > 0.3
    assert monotone([[0.0, 1.0]] * 5).p == 1.0
    assert monotone([[1.0, 1.0]] * 5).p == 0.0
    assert monotone([[1.0, 1.0]]).p == 1.0


def test_bad_traces_are_refused() -> None:
    with pytest.raises(ValueError, match="NaN"):
        slope_changes([[1.0, math.nan, 1.0, 1.0, 1.0]], 2)
    with pytest.raises(ValueError, match="no values"):
        slope_changes([], 2)
    with pytest.raises(ValueError, match="not negative"):
        slope_changes([[1.0, -1.0, 1.0, 1.0, 1.0]], 2)
    with pytest.raises(ValueError, match="one on each side"):
        slope_changes([bent(5)], 1)
    with pytest.raises(ValueError, match="one on each side"):
        slope_changes([bent(5)], 12)
    with pytest.raises(ValueError, match="needs layer 4"):
        slope_changes([bent(5)[:4]], 5, layers=[1, 2, 3, 7])
    with pytest.raises(ValueError, match="3 layers for traces of 12"):
        slope_changes([bent(5)], 5, layers=[1, 2, 3])
    with pytest.raises(ValueError, match="floor"):
        slope_changes([bent(5)], 5, floor=0.0)
    with pytest.raises(ValueError, match="five layers"):
        one_knot([1.0, 2.0, 3.0, 4.0])
    with pytest.raises(ValueError, match="NaN"):
        monotone([[math.nan]])


def wavy(pairs: int, seed: int = 3) -> list[list[float]]:
    generator = np.random.default_rng(seed)
    return [[v * math.exp(generator.normal(0, 0.2)) for v in bent(5)] for _ in range(pairs)]


def test_over_pairs_every_setting_reaches_the_traces_and_the_interval() -> None:
    traces, groups = wavy(24), ["a"] * 12 + ["b"] * 12
    clips = [(f"clip {pair // 2 * 2}",) for pair in range(24)]
    for settings in (
        {},
        {"layers": range(1, 13)},
        {"scale": "linear"},
        {"window": 2},
        {"window": None},
        {"floor": 5.0},
    ):
        changes = slope_changes(traces, 5, **settings)
        assert slope_change(traces, 5, **settings) == interval(changes)
        assert settings == {} or changes != slope_changes(traces, 5), "the setting matters here"
    changes = slope_changes(traces, 5)
    for labels in ({"groups": groups}, {"clusters": clips}, {"seed": 7}, {"level": 0.8}):
        found = slope_change(traces, 5, **labels)
        assert found == interval(changes, **labels)
        assert found != slope_change(traces, 5), "the label matters here"


def test_a_knot_lies_on_the_layers_and_above_the_floor_that_it_was_told() -> None:
    assert one_knot(bent(5), layers=range(2, 14)).onset == 7
    low = [1e-3, 1e-2, 1.0, 1.0, 1.0, 2.0, 4.0, 8.0]
    assert one_knot(low, floor=1.0).onset == 5
    assert one_knot(low).onset != 5


@pytest.mark.parametrize("onset", [2, 3, 10])
def test_a_knot_may_lie_one_layer_from_the_start_and_two_from_the_end(onset: int) -> None:
    assert one_knot(bent(onset)).onset == onset


def test_five_layers_are_enough_for_a_knot() -> None:
    assert one_knot(bent(3, layers=5)).onset == 3


def test_a_flat_trace_bends_nowhere_and_pays_for_two_parameters() -> None:
    flat = one_knot([1.0] * 8)
    assert (flat.onset, flat.before, flat.after) == (2, 0.0, 0.0)
    assert flat.bic_gain == pytest.approx(-2 * math.log(8))


def test_what_a_knot_gains_does_not_depend_on_the_unit() -> None:
    """An exact bend is limited by rounding, which grows with the values."""
    trace = [1.0, 1.0, 1.0, 1.0, 1.125, 1.25, 1.375, 1.5]
    gains = [one_knot([unit * v for v in trace], scale="linear").bic_gain for unit in (1.0, 2.0**20)]
    assert gains[0] == pytest.approx(gains[1], abs=1e-3)


def test_monotone_heeds_actions_and_clips() -> None:
    steps = [[0.5, 0.1], [0.4, 0.5], [0.6, -0.3], [0.3, 0.2], [0.2, 0.4], [0.7, 0.3]]
    for labels in ({"groups": list("aabbcc")}, {"clusters": [0, 0, 1, 2, 3, 4]}):
        found = monotone(steps, **labels)
        assert found.increments == tuple(
            t_test([row[step] for row in steps], **labels).greater for step in (0, 1)
        )
        assert found != monotone(steps)


def test_the_floor_of_a_pair_is_its_own() -> None:
    trace = [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0]
    large = [1000 * value for value in trace]
    assert slope_changes([trace, large], 5) == pytest.approx(slope_changes([trace], 5) * 2)


def test_the_floor_is_a_millionth_of_the_pairs_largest_value() -> None:
    trace = [0.0] * 5 + [7.0] * 4
    assert slope_changes([trace], 5)[0] == pytest.approx(math.log(1e6))
