"""From evidence to verdict: every branch, with numbers worked out by hand, and what must always hold."""

from dataclasses import replace
from operator import neg, pos

import pytest
from claims_by_hand import ONE_TO_FIVE, a_claim, control, evidence, verdict
from hypothesis import given, settings
from hypothesis import strategies as st

from circuit_claims.judge.claim import Design, Outcome
from circuit_claims.judge.expectation import above, below, between, exactly, negligible
from circuit_claims.judge.intervals import interval
from circuit_claims.judge.quantify import quantify
from circuit_claims.judge.verdict import MIN_PAIRS, contrast, decide

SUPPORTED, REFUTED, INCONCLUSIVE = Outcome.SUPPORTED, Outcome.REFUTED, Outcome.INCONCLUSIVE
REPRODUCES, MEANS, EXACT, FORENSIC = (a_claim(kind=k) for k in ("reproduces", "means", "exact", "forensic"))
ZEROS = (0.0,) * 5
quarters = st.integers(-40, 40).map(lambda i: i / 4)
few = settings(max_examples=min(40, settings.default.max_examples))
samples = st.lists(quarters, min_size=MIN_PAIRS, max_size=9)


def outcome(claim, values, expectation, unit="fraction", **more):
    found = decide(claim, evidence(values, unit, **more), expectation)
    return found.outcome, found.reason


# Intervals --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expectation", "expected"),
    [
        (above(1.03), (SUPPORTED, "")),
        (above(1.04), (INCONCLUSIVE, "straddles")),
        (above(4.97), (REFUTED, "value")),
        (below(4.97), (SUPPORTED, "")),
        (below(4.96), (INCONCLUSIVE, "straddles")),
        (below(1.03), (REFUTED, "value")),
        (between(1.03, 4.97), (SUPPORTED, "")),
        (between(1.1, 4.97), (INCONCLUSIVE, "straddles")),
        (between(5.0, 6.0), (REFUTED, "value")),
        (between(0.0, 1.03), (REFUTED, "value")),
    ],
    ids=lambda value: getattr(value, "words", None),
)
def test_one_to_five_is_judged_by_its_t_interval(expectation, expected):
    assert outcome(REPRODUCES, ONE_TO_FIVE, expectation) == expected


def test_verdict_carries_the_numbers_that_decided():
    found = decide(REPRODUCES, evidence(ONE_TO_FIVE), above(1.0))
    assert found.estimate == 3.0
    assert (found.low, found.high) == pytest.approx((1.03676, 4.96324), abs=1e-5)
    assert (found.n, found.level, found.method, found.bound) == (5, 0.95, "t", found.low)
    assert found.sentence == "Recovery is 3 [1.04, 4.96], n = 5, which is > 1."


def test_negligible_is_two_one_sided_tests_at_5_percent():
    """2.1318 * 0.7071 = 1.5074: the 90 % interval of (-2 .. 2) lies in -+1.51, the 95 % one in -+1.97."""
    around_zero = [value - 3 for value in ONE_TO_FIVE]
    found = decide(REPRODUCES, evidence(around_zero), negligible(1.51))
    assert (found.outcome, found.level) == (SUPPORTED, pytest.approx(0.9))
    assert (found.low, found.high) == pytest.approx((-1.5074, 1.5074), abs=1e-4)
    assert outcome(REPRODUCES, around_zero, negligible(1.50)) == (INCONCLUSIVE, "straddles")
    assert outcome(REPRODUCES, ONE_TO_FIVE, negligible(1.49)) == (REFUTED, "value")


def test_straddling_says_how_many_pairs_would_decide():
    assert "straddles > 2.5; about " in decide(REPRODUCES, evidence(ONE_TO_FIVE), above(2.5)).sentence
    needed = [
        int(decide(REPRODUCES, evidence(ONE_TO_FIVE), above(b)).sentence.split("about ")[1].split()[0])
        for b in (2.5, 2.8)
    ]
    assert 5 < needed[0] < needed[1], "the nearer the bound, the more pairs"


@pytest.mark.parametrize("claim", [REPRODUCES, MEANS, FORENSIC])
@pytest.mark.parametrize("n", [2, 3, 4])
def test_too_few_pairs_decide_nothing_and_say_how_many_are_needed(claim, n):
    found = decide(claim, evidence([5.0] * n), above(0.0))
    assert (found.outcome, found.reason, found.n) == (INCONCLUSIVE, "too few pairs", n)
    assert f"{n} independent pairs decide nothing: at least 5 are needed (estimate 5)" in found.sentence


def test_pairs_that_share_a_clip_count_once():
    shared = (("a", "b"), ("b", "c"), ("c", "d"), ("e", "f"), ("g", "h"))
    assert outcome(REPRODUCES, ONE_TO_FIVE, above(0.0), clips=shared) == (INCONCLUSIVE, "too few pairs")
    found = decide(REPRODUCES, evidence(ONE_TO_FIVE, clips=shared), above(0.0))
    assert found.n == 3


@pytest.mark.parametrize(
    ("value", "expected"),
    [(2.0, (SUPPORTED, "")), (1.0, (REFUTED, "value")), (0.5, (REFUTED, "value"))],
)
def test_a_sample_without_spread_is_judged_by_its_value(value, expected):
    assert outcome(REPRODUCES, [value] * 5, above(1.0)) == expected


def test_yes_or_no_is_judged_by_the_exact_binomial_interval():
    """10 of 10 lie in [0.025 ** 0.1, 1] = [0.6915, 1] (Clopper & Pearson)."""
    found = decide(REPRODUCES, evidence([1] * 10, "bool"), above(0.69))
    assert (found.outcome, found.method) == (SUPPORTED, "exact binomial")
    assert (found.low, found.high) == pytest.approx((0.025**0.1, 1.0))
    assert outcome(REPRODUCES, [1] * 10, above(0.7), "bool") == (INCONCLUSIVE, "straddles")
    assert outcome(REPRODUCES, [0] * 10, above(0.31), "bool") == (REFUTED, "value")


# Points, exactness, undefined values, artifacts ---------------------------------------------------------


@pytest.mark.parametrize("claim", [REPRODUCES, FORENSIC])
def test_one_pair_is_judged_by_its_value_at_the_published_rounding(claim):
    assert outcome(claim, [0.4196], between(0.42, 0.61), rounding=0.0005) == (SUPPORTED, "")
    assert outcome(claim, [0.4196], between(0.42, 0.61), rounding=0.0003) == (REFUTED, "value")
    assert outcome(claim, [1.02], above(1.0)) == (SUPPORTED, "")
    found = decide(claim, evidence([1.02]), above(1.0))
    assert (found.method, found.n, found.bound) == ("point value", 1, 1.02)


def test_one_pair_decides_no_scientific_claim():
    found = decide(MEANS, evidence([9.0], controls=(control([0.0]),)), above(0.0))
    assert (found.outcome, found.reason) == (INCONCLUSIVE, "too few pairs")
    assert "1 independent pair decides nothing" in found.sentence


def test_exact_claims_need_every_value_and_show_the_worst():
    assert outcome(EXACT, [1.0, 1.0 + 1e-7], exactly(1.0, within=1e-6)) == (SUPPORTED, "")
    found = decide(EXACT, evidence([1.0, 1.2, 0.9]), exactly(1.0, within=0.1))
    assert (found.outcome, found.reason, found.estimate) == (REFUTED, "value", 1.2)
    assert found.sentence == "Recovery is not = 1 ± 0.1 in 1 of 3: worst 1.2."
    assert outcome(EXACT, [0.5], exactly(0.0)) == (REFUTED, "value"), "one value is enough for exactness"


@pytest.mark.parametrize("claim", [REPRODUCES, MEANS, EXACT, FORENSIC])
def test_an_undefined_pair_leaves_any_claim_undecided(claim):
    found = decide(claim, evidence(ONE_TO_FIVE, undefined={"golf-1": "nothing to recover (0/0)"}), above(0.0))
    assert (found.outcome, found.reason) == (INCONCLUSIVE, "undefined")
    assert found.sentence == "Undefined for 1 of 6 pairs: nothing to recover (0/0)."


@pytest.mark.parametrize("claim", [REPRODUCES, MEANS, EXACT])
def test_nothing_measured_is_undecided_with_the_reasons(claim):
    found = decide(claim, evidence([], undefined={"a": "0/0", "b": "0/0", "c": "x/0"}), above(0.0))
    assert (found.outcome, found.reason, found.estimate) == (INCONCLUSIVE, "undefined", None)
    assert found.sentence == "The measurement is undefined: 0/0; x/0."
    assert "nothing was measured" in decide(claim, evidence([]), above(0.0)).sentence


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("claim", [REPRODUCES, MEANS, EXACT])
def test_what_is_no_number_is_a_defect_and_never_a_verdict(claim, bad):
    with pytest.raises(ValueError, match=r"recovery holds (nan|-?inf), which is not a number to judge"):
        decide(claim, evidence([1.0, bad, 1.0, 1.0, 1.0]), above(0.0))


@pytest.mark.parametrize("bound", [0.0, 2.9, 100.0])
def test_an_artifact_is_never_supported_whatever_its_value(bound):
    zero = evidence(ONE_TO_FIVE, controls=(control(ZEROS),), artifact="every patch of the stream gives 1")
    found = decide(MEANS, zero, above(bound))
    assert (found.outcome, found.reason, found.estimate) == (Outcome.ARTIFACT, "method", 3.0)
    assert "follows from the method, not from the model: every patch" in found.sentence


@pytest.mark.parametrize("claim", [REPRODUCES, FORENSIC])
def test_artifacts_gate_scientific_claims_only(claim):
    assert outcome(claim, ONE_TO_FIVE, above(0.0), artifact="identity patch") == (SUPPORTED, "")


# Contrasts with controls --------------------------------------------------------------------------------


def gated(*controls, values=ONE_TO_FIVE, expectation=None):
    return decide(MEANS, evidence(values, controls=controls), expectation or above(0.5))


def test_means_is_supported_when_it_exceeds_every_control():
    found = gated(control(ZEROS), control([0.1] * 5, name="other clip"))
    assert (found.outcome, found.reason) == (SUPPORTED, "")
    assert found.sentence.endswith("which is > 0.5, and more than in noise, other clip.")
    assert [c["control"] for c in found.contrasts] == ["noise", "other clip"]
    assert found.contrasts[0]["low"] == pytest.approx(1.03676, abs=1e-5)


def test_means_without_a_control_says_what_is_missing():
    found = gated()
    assert (found.outcome, found.reason) == (INCONCLUSIVE, "no contrast")
    assert outcome(MEANS, ONE_TO_FIVE, above(2.5)) == (INCONCLUSIVE, "straddles")


@pytest.mark.parametrize("shift", [0.0, 0.04, 1.0], ids="control is claim plus {}".format)
def test_a_control_that_is_equal_or_higher_refutes_specificity(shift):
    found = gated(control(ZEROS, name="weak"), control([v + shift for v in ONE_TO_FIVE]))
    assert (found.outcome, found.reason) == (REFUTED, "specificity")
    assert "no more than in noise (difference" in found.sentence
    assert "weak" not in found.sentence


def test_a_control_that_is_exceeded_by_however_little_refutes_nothing():
    assert gated(control([v - 0.04 for v in ONE_TO_FIVE])).outcome is SUPPORTED


def test_a_difference_that_is_shown_to_be_too_small_to_matter_refutes_specificity():
    near = [v + error for v, error in zip(ONE_TO_FIVE, (0.01, -0.01, 0.01, -0.01, 0.005), strict=True)]
    found = gated(control(near))
    assert (found.outcome, found.reason) == (REFUTED, "specificity")
    wide = replace(evidence(ONE_TO_FIVE, controls=(control(near),)), equivalence=0.001)
    assert decide(MEANS, wide, above(0.5)).reason == "contrast"


def test_specificity_is_refuted_even_where_the_value_straddles():
    found = gated(control(ONE_TO_FIVE), expectation=above(2.5))
    assert (found.outcome, found.reason) == (REFUTED, "specificity")


def test_a_refuted_value_needs_no_contrast():
    found = gated(control(ONE_TO_FIVE), expectation=above(10.0))
    assert (found.outcome, found.reason) == (REFUTED, "value")


def test_an_undecided_contrast_leaves_the_claim_undecided():
    found = gated(control([3.0, 3.0, 3.0, 3.0, 2.0]), control(ZEROS, name="weak"))
    assert (found.outcome, found.reason) == (INCONCLUSIVE, "contrast")
    assert "not shown to exceed noise (difference 0.2 [" in found.sentence


def test_a_straddling_value_stays_so_beside_a_good_contrast():
    found = gated(control(ZEROS), expectation=above(2.5))
    assert (found.outcome, found.reason) == (INCONCLUSIVE, "straddles")
    assert len(found.contrasts) == 1


def test_an_undefined_control_decides_nothing():
    found = gated(control((), undefined="noise clips do not differ (0/0)"))
    assert (found.outcome, found.reason) == (INCONCLUSIVE, "contrast")
    assert "noise (noise clips do not differ (0/0))" in found.sentence


def test_the_contrast_of_below_points_downwards():
    assert gated(control([6, 7, 8, 9, 10]), expectation=below(5.5)).outcome is SUPPORTED
    found = gated(control(ZEROS), expectation=below(5.5))
    assert (found.outcome, found.reason) == (REFUTED, "specificity")


def test_seeds_of_random_weights_are_the_unit_of_their_contrast():
    """Means of the seeds 0, -+0.1, -+0.05: the claim's 3 lies beyond 2.776 * 0.0791 * sqrt(1.2) = 0.24."""
    rows = [[mean] * 5 for mean in (0.0, 0.1, -0.1, 0.05, -0.05)]
    assert gated(control(*rows, design=Design.SEEDS, name="random weights")).outcome is SUPPORTED
    spread = [[mean] * 5 for mean in (-3.0, 0.0, 3.0, 1.0, -1.0)]
    found = gated(control(*spread, design=Design.SEEDS, name="random weights"))
    assert (found.outcome, found.reason) == (INCONCLUSIVE, "contrast")


def test_one_seed_bounds_nothing():
    found = gated(control(ZEROS, design=Design.SEEDS, name="random weights"))
    assert (found.outcome, found.reason) == (INCONCLUSIVE, "contrast")
    assert (found.contrasts[0]["low"], found.contrasts[0]["high"]) == (None, None)


def test_a_control_with_pairs_of_its_own_is_a_two_sample_contrast():
    """Welch: se = sqrt(0.5 + 0.5) = 1, df = 8, t = 2.306: 6 - 3 -+ 2.306."""
    other = control(ONE_TO_FIVE, design=Design.UNPAIRED)
    found = contrast(evidence([4.0, 5.0, 6.0, 7.0, 8.0]), other, 0.95)
    assert (found.low, found.high) == pytest.approx((0.694, 5.306), abs=1e-3)


def test_a_paired_control_of_other_length_is_a_defect():
    with pytest.raises(ValueError, match="a paired control has as many"):
        gated(control([0.0] * 4))


# What must always hold ----------------------------------------------------------------------------------


@few
@given(samples, quarters)
def test_a_value_is_never_shown_both_above_and_below(values, bound):
    up = decide(REPRODUCES, evidence(values), above(bound)).outcome
    down = decide(REPRODUCES, evidence(values), below(bound)).outcome
    assert not (up is SUPPORTED and down is SUPPORTED)
    assert (up is SUPPORTED) <= (down is REFUTED)
    assert (down is SUPPORTED) <= (up is REFUTED)


@few
@given(samples, quarters, st.integers(1, 40).map(lambda i: i / 2), st.booleans())
def test_higher_values_never_make_above_less_supported(values, bound, shift, with_control):
    order = [REFUTED, INCONCLUSIVE, SUPPORTED]
    claim = MEANS if with_control else REPRODUCES
    controls = (control([0.0] * len(values)),) if with_control else ()
    before, after = (
        decide(claim, evidence([v + by for v in values], controls=controls), above(bound)).outcome
        for by in (0.0, shift)
    )
    assert order.index(after) >= order.index(before)


@few
@given(samples, quarters)
def test_means_without_controls_is_never_supported(values, bound):
    for expectation in (above(bound), below(bound), between(bound, bound + 9)):
        assert decide(MEANS, evidence(values), expectation).outcome is not SUPPORTED


@few
@given(samples, quarters)
def test_means_against_itself_is_always_refuted(values, bound):
    assert gated(control(values), values=values, expectation=above(bound)).outcome is REFUTED


@few
@given(samples, st.permutations(range(9)), quarters)
def test_the_order_of_pairs_does_not_matter(values, order, bound):
    shuffled = [values[i] for i in order if i < len(values)]
    first, second = (decide(REPRODUCES, evidence(v), above(bound)) for v in (values, shuffled))
    assert first.outcome is second.outcome
    assert first.estimate == pytest.approx(second.estimate)


# Quantified claims --------------------------------------------------------------------------------------


def parts_of(claim, *pairs):
    """Parts from (values, expectation), judged alone."""
    made = [(evidence(values), expectation) for values, expectation in pairs]
    return [(e, x, decide(claim, e, x)) for e, x in made]


EACH, ANY = a_claim(each="layer"), a_claim(any="layer")
# One to five is above -10 and not above 10 at every level; above 1, and not above 5, at 95 % only.


def quantified(claim, *expectations):
    parts = parts_of(claim, *((ONE_TO_FIVE, e) for e in expectations))
    found = quantify(claim, parts, len(parts))
    return found.outcome, found.reason


@pytest.mark.parametrize("quantifier", [EACH, ANY])
def test_a_missing_part_leaves_the_claim_incomplete(quantifier):
    parts = parts_of(quantifier, (ONE_TO_FIVE, above(0.0)))
    found = quantify(quantifier, parts, 3)
    assert (found.outcome, found.sentence) == (Outcome.INCOMPLETE, "2 of 3 parts were not judged.")


def test_a_claim_without_parts_keeps_its_verdict():
    parts = parts_of(REPRODUCES, (ONE_TO_FIVE, above(0.0)))
    assert quantify(REPRODUCES, parts, 1) == parts[0][2]


def test_each_is_supported_when_every_part_is_without_correction():
    assert quantified(EACH, *[above(1.0)] * 7) == (SUPPORTED, "")


def test_each_is_refuted_by_one_part_at_the_corrected_level():
    assert quantified(EACH, *[above(0.0)] * 6, above(10.0)) == (REFUTED, "value")
    assert quantified(EACH, *[above(0.0)] * 6, above(5.0)) == (INCONCLUSIVE, "parts")
    assert quantified(EACH, above(5.0)) == (REFUTED, "value"), "one part needs no correction"


def test_any_is_supported_by_one_part_at_the_corrected_level():
    assert quantified(ANY, *[above(10.0)] * 6, above(-10.0)) == (SUPPORTED, "")
    assert quantified(ANY, *[above(10.0)] * 6, above(1.0)) == (INCONCLUSIVE, "parts")
    assert quantified(ANY, above(1.0)) == (SUPPORTED, "")


def test_any_is_refuted_when_every_part_is_without_correction():
    assert quantified(ANY, *[above(5.0)] * 7) == (REFUTED, "value")


def test_a_common_cause_of_doubt_is_the_claims_reason():
    assert quantified(EACH, above(0.0), above(2.5), above(2.8)) == (INCONCLUSIVE, "straddles")
    parts = parts_of(EACH, (ONE_TO_FIVE, above(2.5)), ((1.0, 2.0), above(0.0)))
    assert quantify(EACH, parts, 2).reason == "parts"


@pytest.mark.parametrize("stop", [Outcome.ERROR, Outcome.INCOMPLETE])
def test_an_error_in_a_part_stops_the_claim(stop):
    parts = parts_of(EACH, *[(ONE_TO_FIVE, above(10.0))] * 2)
    parts[1] = (*parts[1][:2], verdict(stop))
    assert quantify(EACH, parts, 2).outcome is stop


def test_parts_that_all_do_not_apply_make_a_claim_that_does_not():
    parts = [(*part[:2], verdict(Outcome.NOT_APPLICABLE)) for part in parts_of(EACH, (ZEROS, above(0)))]
    assert quantify(EACH, parts * 2, 2).outcome is Outcome.NOT_APPLICABLE


def parts_of_a_patch(claim, *by_layer, patch="mlp_out, all tokens"):
    made = []
    for recoveries in by_layer:
        seen = replace(evidence(recoveries), experiment={"patch": patch} if patch else {})
        seen = replace(seen, controls=(control([0.0] * 5),))
        made.append((seen, above(0.95), decide(claim, seen, above(0.95))))
    return made


WHOLE = [1.0] * 5
DRIFTING = [1.01, 1.03, 1.0188, 0.97, 1.2]
EACH_LAYER = a_claim(kind="means", each="layer")


@pytest.mark.parametrize(
    ("recoveries", "told"),
    [(WHOLE, "replaces the whole stream"), (DRIFTING, "different runs of the recipient")],
    ids=["identity", "drifting baseline"],
)
def test_one_recovery_at_every_layer_of_every_pair_is_a_doubt_about_the_method(recoveries, told):
    found = quantify(EACH_LAYER, parts_of_a_patch(EACH_LAYER, *[recoveries] * 3), 3)
    assert told in found.sentence
    assert found.outcome is not Outcome.ARTIFACT, "redundant writes of equal effect give one number too"


@pytest.mark.parametrize(
    "by_layer",
    [
        (WHOLE, WHOLE, [1.0, 1.0, 1.0, 1.0, 1.01]),
        (DRIFTING, DRIFTING, DRIFTING[::-1]),
        (WHOLE, WHOLE),
    ],
    ids=["one pair differs", "only the mean is the same", "two layers"],
)
def test_recoveries_that_differ_raise_no_doubt(by_layer):
    parts = parts_of_a_patch(EACH_LAYER, *by_layer)
    assert "Check the method" not in quantify(EACH_LAYER, parts, len(parts)).sentence


def test_equal_numbers_that_are_no_recoveries_raise_no_doubt():
    parts = parts_of_a_patch(EACH_LAYER, WHOLE, WHOLE, WHOLE, patch="")
    assert "Check the method" not in quantify(EACH_LAYER, parts, 3).sentence


def test_an_artifact_in_a_part_taints_the_claim():
    claim = replace(EACH, kind=MEANS.kind)
    clean, tainted = (evidence(ONE_TO_FIVE, artifact=a) for a in (None, "identity patch"))
    parts = [(e, above(10.0), decide(claim, e, above(10.0))) for e in (clean, tainted)]
    assert quantify(claim, parts, 2).outcome is Outcome.ARTIFACT


def test_summary_counts_the_parts_and_spans_their_estimates():
    parts = parts_of(EACH, (ONE_TO_FIVE, above(0.0)), ([2 * v for v in ONE_TO_FIVE], above(100.0)))
    found = quantify(EACH, parts, 2)
    assert found.sentence == "Of 2 parts: 1 supported, 1 refuted; estimates from 3 to 6."
    assert (found.estimate, found.low, found.high, found.n) == (4.5, 3.0, 6.0, 5)


@few
@given(st.lists(st.sampled_from([-10.0, 1.0, 2.5, 5.0, 10.0]), min_size=1, max_size=8))
def test_each_and_any_are_mirror_images(bounds):
    """Not (each part is above its bound) is: any part is not. Turned round, the verdicts change places."""
    each = quantified(EACH, *map(above, bounds))[0]
    parts = parts_of(ANY, *(([-v for v in ONE_TO_FIVE], above(-bound)) for bound in bounds))
    any_ = quantify(ANY, parts, len(parts)).outcome
    mirror = {SUPPORTED: REFUTED, REFUTED: SUPPORTED, INCONCLUSIVE: INCONCLUSIVE}
    assert any_ is mirror[each]


# What an exact verdict carries ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "expectation", "said", "worst"),
    [
        ([1.0, 0.95, 1.02], exactly(1.0, within=0.1), (SUPPORTED, ""), 0.95),
        ([-1.0, -1.04, -0.97], exactly(-1.0, within=0.1), (SUPPORTED, ""), -1.04),
        ([1.0, 0.7, 1.2], exactly(1.0, within=0.1), (REFUTED, "value"), 0.7),
        ([2.0, 9.0, 3.0], above(1.0), (SUPPORTED, ""), 9.0),
        ([0.5, 0.1, 0.3], below(1.0), (SUPPORTED, ""), 0.1),
    ],
)
def test_exact_verdicts_carry_the_value_farthest_from_the_middle(values, expectation, said, worst):
    found = decide(EXACT, evidence(values), expectation)
    assert (found.outcome, found.reason) == said
    assert (found.estimate, found.bound, found.n) == (worst, worst, 3)
    undefined = decide(EXACT, evidence(values, undefined={"golf-1": "0/0"}), expectation)
    assert (undefined.estimate, undefined.bound, undefined.n) == (worst, None, 3)


def test_one_pair_carries_its_value_as_the_estimate():
    found = decide(REPRODUCES, evidence([1.02]), above(1.0))
    assert (found.estimate, found.n, found.bound) == (1.02, 1, 1.02)
    assert decide(REPRODUCES, evidence([0.9]), above(1.0)).estimate == 0.9


# A contrast is the statistic that its design names, with the evidence's actions, clips, level and seed -----

PAIRS = 24
GROUPS, CLIPS = ("a",) * 12 + ("b",) * 12, tuple((f"clip {pair // 2}",) for pair in range(PAIRS))
SPREAD = tuple((1.7 * pair) % 5 + (pair % 7 == 0) * 9.0 for pair in range(PAIRS))
OTHER = tuple((2.3 * pair) % 3 for pair in range(PAIRS))
LABELS = [{}, {"groups": GROUPS}, {"clips": CLIPS}, {"seed": 7}]


@pytest.mark.parametrize("labels", LABELS, ids=["plain", "groups", "clips", "seed"])
@pytest.mark.parametrize("level", [0.95, 0.8])
@pytest.mark.parametrize("sense", [pos, neg])
def test_a_paired_contrast_is_of_the_differences(labels, level, sense):
    found = contrast(evidence(SPREAD, **labels), control(OTHER), level, sense)
    differences = [sense(a - b) for a, b in zip(SPREAD, OTHER, strict=True)]
    known = interval(
        differences, labels.get("groups"), labels.get("clips"), level, seed=labels.get("seed", 0)
    )
    assert (found.low, found.high) == pytest.approx((known.low, known.high))
    assert (found.n, found.level) == (known.n, level)


@pytest.mark.parametrize("labels", LABELS, ids=["plain", "groups", "clips", "seed"])
@pytest.mark.parametrize("level", [0.95, 0.8])
@pytest.mark.parametrize("sense", [pos, neg])
def test_a_contrast_with_seeds_is_against_their_mean(labels, level, sense):
    rows = [[value + shift for value in OTHER] for shift in (-0.01, 0.0, 0.01)]
    found = contrast(evidence(SPREAD, **labels), control(*rows, design=Design.SEEDS), level, sense)
    paired = contrast(evidence(SPREAD, **labels), control(OTHER), level, sense)
    assert (found.low, found.high) == pytest.approx((paired.low, paired.high))
    assert (found.n, found.level) == (paired.n, level)


@pytest.mark.parametrize("sense", [pos, neg])
def test_a_contrast_with_other_pairs_heeds_the_labels_of_both_sides(sense):
    ours, theirs = evidence(SPREAD, groups=GROUPS), control(OTHER, design=Design.UNPAIRED, groups=GROUPS)
    plain = contrast(evidence(SPREAD), control(OTHER, design=Design.UNPAIRED), 0.8, sense)
    assert plain.level == 0.8
    assert plain.estimate == pytest.approx(sense(sum(SPREAD) - sum(OTHER)) / PAIRS)
    by_action = contrast(ours, theirs, 0.8, sense)
    assert by_action.method == "Welch t, stratified by 2 actions"
    only_a = replace(theirs, rows=(OTHER[:12],), groups=("a",) * 12)
    found = contrast(ours, only_a, 0.8, sense).estimate
    assert found == pytest.approx(sense(sum(SPREAD[:12]) - sum(OTHER[:12])) / 12)
    for one, two in ((CLIPS, ()), ((), CLIPS)):
        shared = contrast(evidence(SPREAD, clips=one), replace(theirs, groups=(), clips=two), 0.8)
        assert shared.n == 12, "pairs that share a clip are one, on either side"


def test_a_verdict_keeps_every_number_of_its_contrasts():
    (kept,) = gated(control(ZEROS)).contrasts
    known = contrast(evidence(ONE_TO_FIVE), control(ZEROS), 0.95)
    assert kept == {
        "control": "noise",
        "estimate": known.estimate,
        "low": known.low,
        "high": known.high,
        "n": known.n,
        "method": known.method,
    }


def test_values_as_far_to_either_side_are_told_by_the_lower_one():
    """Rounded or not: 0.3 - 0.2 is 0.09999999999999998, and a report keeps 0.1."""
    for values in ([0.1, 0.2 - 0.3], [0.3 - 0.2, -0.1], [0.1, -0.1]):
        found = decide(EXACT, evidence(values), between(-0.15, 0.15))
        assert found.estimate == pytest.approx(-0.1)
