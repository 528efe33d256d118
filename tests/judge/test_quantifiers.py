"""Each and any: the multiplicity of a claim's parts, and the doubt that all of them together raise."""

from dataclasses import replace

import pytest
from claims_by_hand import ONE_TO_FIVE, a_claim, control, evidence, verdict
from hypothesis import given, settings
from hypothesis import strategies as st

from circuit_claims.judge.expectation import above
from circuit_claims.judge.quantify import quantify
from circuit_claims.judge.verdict import decide
from circuit_claims.types import Outcome

SUPPORTED, REFUTED, INCONCLUSIVE = Outcome.SUPPORTED, Outcome.REFUTED, Outcome.INCONCLUSIVE
REPRODUCES, MEANS = a_claim(kind="reproduces"), a_claim(kind="means")
ZEROS = (0.0,) * 5
few = settings(max_examples=min(40, settings.default.max_examples))


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
    parts = parts_of(EACH, (ONE_TO_FIVE, above(2.5)), ((1.0, 9.0), above(5.0)))
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
