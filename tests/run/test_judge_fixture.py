"""The `judge` fixture: units' margins, few pairs, and seeds of random weights that grow to what decides."""

from dataclasses import replace

import pytest
from claims_by_hand import ONE_TO_FIVE, a_claim, planned

from circuit_claims.judge.expectation import above
from circuit_claims.judge.verdict import FEW_PAIRS
from circuit_claims.measure.errors import MeasurementError
from circuit_claims.measure.seeds import FIRST, MOST, Seeds
from circuit_claims.run.judge_fixture import Judge
from circuit_claims.types import Design, Outcome, Sample

PAIRS = ("a", "b", "c", "d", "e")
ZEROS = (0.0,) * 5


def sample(values, unit="fraction", pairs=PAIRS, **more):
    return Sample("recovery", unit, tuple(map(float, values)), pairs[: len(values)], **more)


def judged(measured, expectation=None, *, kind="means", thresholds=None, **more):
    """The verdict, and what was kept of the evidence."""
    kept = []
    judge = Judge(planned(a_claim(kind=kind)), 7, kept.append, thresholds)
    verdict = judge(measured, expectation or above(0.5), **more)
    assert kept[0].verdict == verdict
    return verdict, kept[0].evidence


def of_seeds(spread, asked, base=()):
    """Twenty seeds between -spread and spread, in an order whose first five span it all."""
    means = [spread * k / 10 for k in (-10, 10, 0, -5, 5, *range(-7, 8))]

    def samples(n):
        return tuple(sample([mean] * 5) for mean in means[:n])

    def more():
        asked.append(MOST)
        return Seeds(samples(MOST), more, base and (*base, *[base[0]] * (MOST - FIRST)))

    return Seeds(samples(FIRST), more, base)


# Seeds that grow ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("thresholds", [None, {"a": 0.25, "e": 0.75}], ids=["one threshold", "by pair"])
def test_seeds_grow_to_what_decides(thresholds):
    asked = []
    found, kept = judged(
        sample(ONE_TO_FIVE), thresholds=thresholds, controls={"random weights": of_seeds(0.6, asked)}
    )
    assert (found.outcome, found.wants_seeds, asked) == (Outcome.SUPPORTED, (), [MOST])
    (control,) = kept.controls
    assert (control.design, len(control.rows)) == (Design.SEEDS, MOST)
    by_pair = thresholds or {}
    assert control.rows[0] == pytest.approx(
        [-0.6 - by_pair.get(pair, 0.5) if thresholds else -0.6 for pair in PAIRS]
    ), "all rows keep to their pairs' thresholds, the later ones too"
    assert control.rows[-1] == pytest.approx(
        [0.42 - by_pair.get(pair, 0.5) if thresholds else 0.42 for pair in PAIRS]
    )


@pytest.mark.parametrize(
    ("spread", "expected"),
    [(0.05, Outcome.SUPPORTED), (3.0, Outcome.INCONCLUSIVE)],
    ids=["five decide", "twenty do not"],
)
def test_seeds_do_not_grow_where_five_decide_or_twenty_would_not(spread, expected):
    asked = []
    found, kept = judged(sample(ONE_TO_FIVE), controls={"random weights": of_seeds(spread, asked)})
    assert (found.outcome, asked, len(kept.controls[0].rows)) == (expected, [], FIRST)


def test_seeds_do_not_grow_where_something_else_is_open():
    asked = []
    near = sample((3.0, 3.0, 3.0, 3.0, 2.0))
    found, _ = judged(sample(ONE_TO_FIVE), controls={"random": of_seeds(0.6, asked), "near": near})
    assert (found.reason, asked) == ("contrast", [])


def test_only_the_seeds_that_are_wanted_grow():
    one, two = [], []
    controls = {"narrow": of_seeds(0.05, one), "wide": of_seeds(0.6, two)}
    found, kept = judged(sample(ONE_TO_FIVE), controls=controls)
    assert (found.outcome, one, two) == (Outcome.SUPPORTED, [], [MOST])
    assert [len(control.rows) for control in kept.controls] == [FIRST, MOST]


def test_a_plain_list_of_samples_has_no_more_seeds_to_ask():
    found, kept = judged(sample(ONE_TO_FIVE), controls={"random": list(of_seeds(0.6, []).samples)})
    assert (found.outcome, len(kept.controls[0].rows)) == (Outcome.INCONCLUSIVE, FIRST)
    assert found.wants_seeds == ("random",)


def test_seeds_keep_what_they_are_contrasted_beyond():
    base = tuple(sample(ZEROS, pairs=("v", "w", "x", "y", "z"), groups=("q",) * 5) for _ in range(FIRST + 1))
    asked = []
    found, kept = judged(sample(ONE_TO_FIVE), controls={"random weights": of_seeds(0.6, asked, base)})
    assert (found.outcome, asked) == (Outcome.SUPPORTED, [MOST])
    assert len(kept.controls[0].base) == MOST + 1
    assert kept.controls[0].groups == ("q",) * 5


# Margins, flags, controls -------------------------------------------------------------------------------


@pytest.mark.parametrize(("unit", "margin"), [("fraction", 0.05), ("log ratio", 0.05), ("logits", 0.0)])
def test_the_margin_is_the_units_unless_the_claim_declares_one(unit, margin):
    measured = sample(ONE_TO_FIVE, unit)
    assert judged(measured)[1].margin == margin
    assert judged(measured, margin=0.2)[1].margin == 0.2
    assert judged(measured, margin=0.0)[1].margin == 0.0


def test_few_pairs_of_a_reproduction_are_flagged():
    assert judged(sample((2.0, 3.0)), kind="reproduces")[1].flags == (FEW_PAIRS,)
    flagged = sample((2.0, 3.0), flags=("inert readout",))
    assert judged(flagged, kind="reproduces")[1].flags == ("inert readout", FEW_PAIRS)
    assert judged(sample((2.0, 3.0)))[1].flags == ()
    assert judged(sample(ONE_TO_FIVE), kind="reproduces")[1].flags == ()


def test_a_control_is_paired_with_its_pairs_and_otherwise_has_its_own():
    controls = {"same": sample(ZEROS), "own": sample(ZEROS, pairs=("v", "w", "x", "y", "z"))}
    kept = judged(sample(ONE_TO_FIVE), controls={**controls, "heads": {"h1": sample(ZEROS)}})[1].controls
    assert [control.design for control in kept] == [Design.PAIRED, Design.UNPAIRED, Design.FAMILY]


def test_a_base_that_is_undefined_leaves_its_control_undefined():
    base = tuple(replace(sample(ZEROS), undefined={"a": "0/0"} if i == 3 else {}) for i in range(6))
    found, kept = judged(sample(ONE_TO_FIVE), controls={"random": of_seeds(0.05, [], base)})
    assert (kept.controls[0].undefined, found.reason) == ("0/0", "contrast")


def test_one_judgement_a_test():
    judge = Judge(planned(a_claim()), 0, [].append)
    judge(sample(ONE_TO_FIVE), above(0.0))
    with pytest.raises(RuntimeError, match="judges twice"):
        judge(sample(ONE_TO_FIVE), above(0.0))


def test_yes_or_no_has_no_threshold_by_pair():
    with pytest.raises(MeasurementError, match="yes-or-no values"):
        judged(sample([1, 1, 0, 1, 1], unit="bool"), thresholds={"a": 0.25})
