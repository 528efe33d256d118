"""What a verdict needs beside its interval: an assay that can see, and members that stand out of a family."""

from dataclasses import replace

import pytest
from claims_by_hand import ONE_TO_FIVE, a_claim, control, evidence

from circuit_claims.judge.claim import Control, Design, Outcome, PositiveControl
from circuit_claims.judge.expectation import above, anything, below, negligible
from circuit_claims.judge.permutation import max_t
from circuit_claims.judge.verdict import contrast, decide, family_p

REPRODUCES, MEANS = a_claim(kind="reproduces"), a_claim(kind="means")
SMALL = [0.01, -0.01, 0.02, -0.02, 0.0]
LARGE = [1.0, 1.1, 0.9, 1.05, 0.95]


def positive(values, expectation=None):
    return PositiveControl("the whole clip", evidence(values), expectation or above(0.5))


def judged(claim, values, expectation, **more):
    found = decide(claim, replace(evidence(values), **more), expectation)
    return found.outcome, found.reason


# Positive controls and jitter -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (LARGE, (Outcome.SUPPORTED, "")),
        (SMALL, (Outcome.INCONCLUSIVE, "insensitive")),
        ([0.3, 0.7, 0.4, 0.6, 0.5], (Outcome.INCONCLUSIVE, "insensitive")),
    ],
    ids=["seen", "not seen", "straddles"],
)
def test_nothing_is_negligible_where_the_positive_control_is_not_seen(seen, expected):
    assert judged(REPRODUCES, SMALL, negligible(0.1), positive=(positive(seen),)) == expected


def test_an_effect_that_is_seen_needs_no_positive_control():
    found = judged(REPRODUCES, LARGE, negligible(0.1), positive=(positive(SMALL),))
    assert found == (Outcome.REFUTED, "value")


def test_a_control_that_is_no_less_refutes_only_where_the_assay_sees_something():
    equal = {"controls": (control(ONE_TO_FIVE),)}
    assert judged(MEANS, ONE_TO_FIVE, above(0.5), **equal) == (Outcome.REFUTED, "specificity")
    blind = {**equal, "positive": (positive(SMALL),)}
    assert judged(MEANS, ONE_TO_FIVE, above(0.5), **blind) == (Outcome.INCONCLUSIVE, "insensitive")


@pytest.mark.parametrize(("jitter", "outcome"), [(0.09, Outcome.SUPPORTED), (0.11, Outcome.INCONCLUSIVE)])
def test_a_window_that_moves_the_number_by_more_than_the_bound_leaves_nothing_negligible(jitter, outcome):
    found = decide(REPRODUCES, replace(evidence(SMALL), jitter=(jitter,) * 5), negligible(0.1))
    assert found.outcome is outcome
    assert ("moving the window" in found.sentence) is (outcome is Outcome.INCONCLUSIVE)


def test_jitter_is_judged_on_average():
    found = judged(REPRODUCES, SMALL, negligible(0.1), jitter=(0.3, 0.0, 0.0, 0.0, 0.0))
    assert found == (Outcome.SUPPORTED, "")


def test_jitter_does_not_unsettle_an_effect_that_is_seen():
    assert judged(REPRODUCES, LARGE, above(0.5), jitter=(9.0,) * 5) == (Outcome.SUPPORTED, "")


def test_a_jittery_assay_shows_no_control_equal():
    equal = {"controls": (control(ONE_TO_FIVE),), "equivalence": 0.05}
    assert judged(MEANS, ONE_TO_FIVE, above(0.5), **equal, jitter=(0.04,) * 5)[1] == "specificity"
    assert judged(MEANS, ONE_TO_FIVE, above(0.5), **equal, jitter=(0.06,) * 5) == (
        Outcome.INCONCLUSIVE,
        "contrast",
    )


def test_a_control_that_is_shown_to_be_more_refutes_whatever_the_jitter():
    more = {"controls": (control([value + 1 for value in ONE_TO_FIVE]),), "jitter": (9.0,) * 5}
    assert judged(MEANS, ONE_TO_FIVE, above(0.5), **more) == (Outcome.REFUTED, "specificity")


# The sense of a contrast ------------------------------------------------------------------------------


def test_negligible_means_less_in_size_than_the_control_whatever_the_signs():
    control_is = {"controls": (control([-1.0, 1.0, -1.1, 0.9, -1.0]),)}
    assert judged(MEANS, SMALL, negligible(0.1), **control_is) == (Outcome.SUPPORTED, "")
    control_is = {"controls": (control([-value for value in SMALL]),)}
    assert judged(MEANS, SMALL, negligible(0.1), **control_is) == (Outcome.REFUTED, "specificity")


def test_below_means_less_than_the_control():
    assert judged(MEANS, SMALL, below(0.5), controls=(control(LARGE),)) == (Outcome.SUPPORTED, "")


# Families ---------------------------------------------------------------------------------------------


def family(*rows):
    return Control("the other heads", Design.FAMILY, tuple(tuple(row) for row in rows))


EIGHT = [0.9, 1.1, 1.0, 0.95, 1.05, 1.0, 0.98, 1.02]
OTHERS = [[0.1 + 0.01 * (i + j) % 3 for i in range(8)] for j in range(5)]


def test_a_member_stands_out_of_its_family_when_no_member_would_by_chance():
    found = decide(MEANS, evidence(EIGHT, controls=(family(*OTHERS),)), anything())
    assert found.outcome is Outcome.SUPPORTED
    (contrast,) = found.contrasts
    assert contrast["p"] == family_p(evidence(EIGHT), family(*OTHERS)) <= 0.05
    assert "p = " not in found.sentence


def test_one_of_many_that_stand_out_alike_is_not_refuted_for_it():
    twins = [[value + 0.001 for value in EIGHT], *OTHERS, *OTHERS]
    assert decide(MEANS, evidence(EIGHT, controls=(family(*twins),)), anything()).outcome is Outcome.SUPPORTED


def test_a_member_like_the_others_is_refuted_and_one_below_them_too():
    alike = [[value + 0.01 * (-1) ** (i + j) for i, value in enumerate(EIGHT)] for j in range(5)]
    found = decide(MEANS, evidence(EIGHT, controls=(family(*alike),)), anything())
    assert (found.outcome, found.reason) == (Outcome.REFUTED, "specificity")
    assert "among 6" in found.sentence
    higher = [[value + 1 + 0.01 * j for value in EIGHT] for j in range(5)]
    assert decide(MEANS, evidence(EIGHT, controls=(family(*higher),)), anything()).reason == "specificity"


def test_picking_the_best_of_many_members_costs_nothing_of_the_error():
    """Members of pure noise: the one with the highest mean, picked after a look, is seldom "significant"."""
    import numpy as np

    rng = np.random.default_rng(5)
    found = 0
    for _ in range(60):
        members = rng.normal(size=(12, 10))
        members = members[np.argsort(-members.mean(axis=1))]
        found += family_p(evidence(members[0].tolist()), family(*members[1:].tolist())) <= 0.05
    assert found <= 8, "nominal 3 of 60; 8 has probability 0.9 %"


# Effect sizes -----------------------------------------------------------------------------------------


def test_effect_sizes_are_taken_from_the_nearest_asserted_edge():
    effect = decide(REPRODUCES, evidence(ONE_TO_FIVE), above(1.0)).effect
    assert effect["from"] == 1.0
    assert effect["g"] == pytest.approx(2.0 / 2.5**0.5 * (1 - 3 / 15))
    assert (effect["above"], effect["n"], effect["hodges_lehmann"]) == (0.8, 5, 2.0)


def test_without_spread_there_is_no_standardised_effect():
    assert decide(REPRODUCES, evidence([2.0] * 5), above(1.0)).effect["g"] is None


# The level, the edge and the units of what a verdict needs ----------------------------------------------


def test_a_positive_control_on_one_pair_is_judged_by_its_value():
    assert judged(REPRODUCES, SMALL, negligible(0.1), positive=(positive([0.6]),)) == (Outcome.SUPPORTED, "")
    assert judged(REPRODUCES, SMALL, negligible(0.1), positive=(positive([0.4]),))[1] == "insensitive"


def test_a_positive_control_is_judged_at_the_claims_own_level():
    """One to five is above 1 at 95 % and not at 99.9 %; the claim is so at both."""
    made = replace(evidence(LARGE), positive=(positive(ONE_TO_FIVE, above(1.0)),))
    assert decide(REPRODUCES, made, above(0.1)).outcome is Outcome.SUPPORTED
    assert decide(REPRODUCES, made, above(0.1), level=0.999).reason == "insensitive"


def test_a_jitter_as_large_as_the_bound_is_not_more_than_it():
    found = judged(REPRODUCES, SMALL, negligible(0.5), jitter=(0.5,) * 5)
    assert found == (Outcome.SUPPORTED, "")


def deviations(rows):
    """Each member minus the mean of all, by pair: [pair, member]."""
    columns = list(zip(*rows, strict=True))
    return [[value - sum(column) / len(column) for value in column] for column in columns]


def test_members_that_share_a_clip_count_once_in_their_family():
    clips = (("a",), ("a",), ("b",), ("c",), ("d",), ("e",), ("f",), ("g",))
    found = family_p(evidence(EIGHT, clips=clips), family(*OTHERS))
    assert found == max_t(deviations([EIGHT, *OTHERS]), clusters=clips)[0]
    assert found > family_p(evidence(EIGHT), family(*OTHERS))


def test_the_draws_of_a_large_family_follow_the_seed():
    rows = [[(3.7 * (pair + 1) * (member + 2)) % 1 for pair in range(24)] for member in range(4)]
    found = [family_p(evidence(rows[0], seed=seed), family(*rows[1:])) for seed in (0, 7)]
    assert found == [max_t(deviations(rows), seed=seed)[0] for seed in (0, 7)]
    assert found[0] != found[1]


def test_members_on_other_pairs_are_a_defect():
    with pytest.raises(ValueError, match="zip"):
        family_p(evidence(EIGHT), family(EIGHT[:-1]))
    with pytest.raises(ValueError, match="zip"):
        contrast(evidence(EIGHT), family(EIGHT[:-1]), 0.95)


def test_negligible_is_equal_to_a_control_of_the_same_size_whatever_the_signs():
    values = [0.5, -0.5, 0.4, -0.4, 0.0]
    opposite = {"controls": (control([-value for value in values]),)}
    assert judged(MEANS, values, negligible(2.0), **opposite) == (Outcome.REFUTED, "specificity")
