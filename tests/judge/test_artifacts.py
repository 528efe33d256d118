"""Each detector fires on the mistake that it is named for, and stays silent on the correct measurement."""

import pytest

from circuit_claims.judge.artifacts import (
    CLOSED,
    IDENTICAL,
    identity_patch,
    inert_readout,
    mismatched_baseline,
    residual_included,
    tautological_probe,
)

E1_MLP = [1.0188] * 7
E3_MLP = [0.60167, 0.57492, 0.49110, 0.42551, 0.42103, 0.58660, 0.43389]


def test_identity_patch_fires_on_a_constant_recovery_that_ends_in_the_donors_run():
    assert "replaces the whole stream" in str(identity_patch([1.0, 1.0, 1.0], distance_from_donor=0.0))
    assert identity_patch([1.0, 1.0, 1.0 + 1e-6]) is not None


@pytest.mark.parametrize(
    ("recoveries", "distance"),
    [
        (E3_MLP, None),
        ([0.5, 0.5, 0.5], 0.4),
        ([0.5, 0.5, 0.5], None),
        ([1.0, 1.0], 0.0),
        ([1.0, 1.0, 0.999], 0.0),
    ],
)
def test_identity_patch_is_silent_on_a_write_of_its_own(recoveries, distance):
    assert identity_patch(recoveries, distance) is None


def test_mismatched_baseline_fires_on_the_first_editions_table():
    assert "1.019 at each of 7 layers" in str(mismatched_baseline(E1_MLP))


@pytest.mark.parametrize("recoveries", [E3_MLP, [1.0] * 7, [0.0] * 7, [1.0188, 1.0188]])
def test_mismatched_baseline_is_silent_where_nothing_shows_it(recoveries):
    assert mismatched_baseline(recoveries) is None


def test_inert_readout_fires_when_a_perturbation_moves_no_logit():
    assert inert_readout(0.0, perturbed=3.0) is not None
    assert inert_readout(1e-7, perturbed=3.0) is None
    # Without a perturbation nothing was tried.
    assert inert_readout(0.0, perturbed=0.0) is None


def test_tautological_probe_fires_on_two_points_in_768_dimensions():
    assert tautological_probe(2, 768) is not None
    assert tautological_probe(769, 768) is not None
    assert tautological_probe(770, 768) is None


def test_residual_included_fires_when_the_write_is_the_next_stream():
    assert residual_included(closure=0.9, closure_without_write=0.0) is not None
    assert residual_included(closure=1e-7, closure_without_write=0.7) is None
    # A site that is neither is another defect, which closure itself reports.
    assert residual_included(closure=0.3, closure_without_write=0.4) is None


def test_recoveries_up_to_the_tolerance_apart_are_one_number():
    """A hundredth of a per cent, itself included, is what a constant may vary by."""
    assert identity_patch([0.0, 0.0, IDENTICAL], distance_from_donor=IDENTICAL) is not None
    assert identity_patch([0.0, 0.0, 1.01 * IDENTICAL], distance_from_donor=IDENTICAL) is None
    assert identity_patch([0.0, 0.0, 0.0], distance_from_donor=1.01 * IDENTICAL) is None
    assert mismatched_baseline([2 * IDENTICAL, 2 * IDENTICAL, IDENTICAL]) is not None
    assert mismatched_baseline([3.0, 3.0, 3.0 + 0.9 * IDENTICAL]) is not None
    assert mismatched_baseline([3.0, 3.0, 3.0 + 1.1 * IDENTICAL]) is None


def test_three_layers_are_enough_to_call_a_recovery_constant():
    assert mismatched_baseline([1.0188] * 3) is not None
    assert identity_patch([1.0] * 3) is not None


def test_a_constant_that_is_zero_within_tolerance_is_no_mismatched_baseline():
    assert mismatched_baseline([IDENTICAL] * 3) is None
    assert mismatched_baseline([1.1 * IDENTICAL] * 3) is not None


def test_a_perturbation_counts_however_small_it_is():
    assert inert_readout(0.0, perturbed=1e-3) is not None


def test_a_write_closes_up_to_and_with_the_tolerance():
    assert residual_included(closure=CLOSED, closure_without_write=0.0) is None
    assert residual_included(closure=0.9, closure_without_write=CLOSED) is not None
    assert residual_included(closure=0.9, closure_without_write=1.1 * CLOSED) is None


def test_the_tolerances_are_a_hundredth_of_a_per_cent_and_a_hundred_thousandth():
    assert identity_patch([1.0, 1.0, 1.00008]) is not None
    assert identity_patch([1.0, 1.0, 1.00012]) is None
    assert residual_included(closure=0.8e-5, closure_without_write=0.0) is None
    assert residual_included(closure=1.2e-5, closure_without_write=0.0) is not None
