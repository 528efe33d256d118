"""A claim from its parts: which part gives the reason, at which level, and what its numbers are."""

from dataclasses import replace

import pytest
from claims_by_hand import ONE_TO_FIVE, a_claim, control, evidence, verdict

from circuit_claims.judge.expectation import above
from circuit_claims.judge.quantify import quantify
from circuit_claims.judge.verdict import decide
from circuit_claims.types import Outcome

SUPPORTED, REFUTED, INCONCLUSIVE = Outcome.SUPPORTED, Outcome.REFUTED, Outcome.INCONCLUSIVE
EACH, ANY = a_claim(each="layer"), a_claim(any="layer")
MEANS_EACH, MEANS_ANY = a_claim(kind="means", each="layer"), a_claim(kind="means", any="layer")


def judged(claim, seen, expectation, level=0.95):
    return seen, expectation, decide(claim, seen, expectation, level)


def plain(claim, *bounds, level=0.95):
    """Parts with the values one to five (95 %: 1.04 to 4.96), each asserted above a bound."""
    return [judged(claim, evidence(ONE_TO_FIVE), above(bound), level) for bound in bounds]


EQUAL = evidence(ONE_TO_FIVE, controls=(control(ONE_TO_FIVE),))
BETTER = evidence(ONE_TO_FIVE, controls=(control([0.0] * 5),))


def test_what_is_missing_is_told_as_parts():
    assert quantify(EACH, plain(EACH, 0.0), 2).reason == "parts"
    stopped = [*plain(EACH, 0.0), (evidence([1.0]), above(0.0), verdict(Outcome.ERROR))]
    assert quantify(EACH, stopped, 2).reason == "parts"


def test_more_parts_than_were_planned_are_no_defect():
    assert quantify(EACH, plain(EACH, 0.0, 0.0), 1).outcome is SUPPORTED


def test_the_reason_is_that_of_the_part_that_refutes():
    parts = [judged(MEANS_EACH, BETTER, above(0.5)), judged(MEANS_EACH, EQUAL, above(0.5))]
    found = quantify(MEANS_EACH, parts, 2)
    assert (found.outcome, found.reason) == (REFUTED, "specificity")
    turned = quantify(MEANS_EACH, parts[::-1], 2)
    assert (turned.outcome, turned.reason) == (REFUTED, "specificity")


def test_the_reason_of_any_is_that_of_its_first_part():
    parts = [judged(MEANS_ANY, EQUAL, above(0.5)), judged(MEANS_ANY, BETTER, above(100.0))]
    found = quantify(MEANS_ANY, parts, 2)
    assert (found.outcome, found.reason) == (REFUTED, "specificity")
    assert quantify(MEANS_ANY, parts[::-1], 2).reason == "value"


def test_an_artifact_is_told_as_the_method():
    tainted = evidence(ONE_TO_FIVE, artifact="identity patch")
    parts = [judged(MEANS_EACH, BETTER, above(0.5)), judged(MEANS_EACH, tainted, above(0.5))]
    found = quantify(MEANS_EACH, parts, 2)
    assert (found.outcome, found.reason) == (Outcome.ARTIFACT, "method")


def test_a_part_that_does_not_apply_does_not_hide_the_others():
    parts = [*plain(EACH, 100.0), (evidence([1.0]), above(0.0), verdict(Outcome.NOT_APPLICABLE))]
    assert quantify(EACH, parts, 2).outcome is REFUTED
    parts = [*plain(ANY, 100.0), (evidence([1.0]), above(0.0), verdict(Outcome.NOT_APPLICABLE))]
    assert quantify(ANY, parts, 2).outcome is INCONCLUSIVE


def test_the_level_is_shared_among_the_parts():
    """Of seven parts each gets 99.29 %: one to five is then 3 -+ 3.58; of two, 97.5 %: 3 -+ 2.47."""
    for bound, outcome in ((6.4, INCONCLUSIVE), (6.6, REFUTED)):
        assert quantify(EACH, plain(EACH, *[0.0] * 6, bound), 7).outcome is outcome
    for bound, outcome in ((5.5, REFUTED), (5.3, INCONCLUSIVE)):
        assert quantify(EACH, plain(EACH, 0.0, bound), 2).outcome is outcome


def test_parts_that_are_refuted_alone_only_say_so():
    """Three to five is 3 -+ 1.96 at 95 %, and at the 99.58 % of twelve parts 3 -+ 4.17."""
    found = quantify(EACH, plain(EACH, *[5.0] * 12), 12)
    assert found.outcome is INCONCLUSIVE
    assert "12 refuted" in found.sentence
    assert found.sentence.endswith("None is refuted at the 99.58 % that 12 parts ask for.")
    assert "ask for" not in quantify(EACH, plain(EACH, 2.5, 2.8), 2).sentence


def test_another_level_is_shared_as_well():
    """At 80 % two parts get 90 % each: 3 -+ 1.51; at 80 % alone 3 -+ 1.08."""
    parts = [plain(EACH, 0.0, bound, level=0.8) for bound in (4.4, 4.6)]
    assert [quantify(EACH, part, 2, level=0.8).outcome for part in parts] == [INCONCLUSIVE, REFUTED]
    assert [quantify(EACH, part, 2).outcome for part in parts] == [INCONCLUSIVE, INCONCLUSIVE]


def test_a_common_doubt_is_told_and_several_are_parts():
    assert quantify(EACH, plain(EACH, 2.5, 2.8), 2).reason == "straddles"
    few = judged(EACH, evidence([1.0, 2.0]), above(1.5))
    assert quantify(EACH, [few, few], 2).reason == "few pairs"
    assert quantify(EACH, [few, *plain(EACH, 2.5)], 2).reason == "parts"
    assert quantify(EACH, [*plain(EACH, 0.0, 5.0)], 2).reason == "parts", (
        "refuted at 95 % only: no doubt told"
    )


def test_numbers_are_those_of_the_parts_that_have_any():
    undefined = judged(EACH, evidence([], undefined={"golf-1": "0/0"}), above(0.0))
    eight = judged(EACH, evidence([2.0, 4.0] * 4), above(0.0))
    found = quantify(EACH, [undefined, eight, *plain(EACH, 0.0)], 3)
    assert (found.estimate, found.low, found.high, found.n) == (3.0, 3.0, 3.0, 5)
    assert found.method == "range of estimates over layer"
    nothing = quantify(EACH, [undefined, undefined], 2)
    assert (nothing.outcome, nothing.reason) == (INCONCLUSIVE, "undefined")
    assert (nothing.estimate, nothing.low, nothing.high, nothing.n) == (None, None, None, 0)
    assert nothing.sentence == "Of 2 parts: 2 inconclusive."


# The doubt about the method -------------------------------------------------------------------------------


def patched(*by_layer, **more):
    settings = {"unit": "fraction", "experiment": {"patch": "mlp_out, all tokens"}, **more}
    return [judged(EACH, replace(evidence(row), **settings), above(0.5)) for row in by_layer]


def doubt(parts):
    _, found, told = quantify(EACH, parts, len(parts)).sentence.partition(" Check the method: ")
    return told if found else None


WHOLE = [1.0] * 5


def test_one_number_at_every_layer_of_every_pair_raises_a_doubt():
    assert doubt(patched(WHOLE, WHOLE, WHOLE)) == (
        "the recovery is 1 at each of 3 layers and the patched run is the donor's: "
        "the patch replaces the whole stream."
    )


@pytest.mark.parametrize(
    "more", [{"unit": "ratio"}, {"experiment": {}}, {"experiment": {"site": "mlp_out"}}], ids=str
)
def test_only_recoveries_under_a_patch_are_looked_at(more):
    assert doubt(patched(WHOLE, WHOLE, WHOLE, **more)) is None


def test_one_part_of_another_kind_is_enough_to_raise_no_doubt():
    other = patched(WHOLE, unit="ratio")
    assert doubt([*patched(WHOLE, WHOLE, WHOLE), *other]) is None


def test_parts_on_other_pairs_are_not_compared():
    one, other = (tuple(f"{action}-{n}" for n in range(5)) for action in ("golf", "bowling"))
    assert doubt(patched(WHOLE, WHOLE, WHOLE, pairs=one)) is not None
    mixed = [*patched(WHOLE, WHOLE, pairs=one), *patched(WHOLE, pairs=other)]
    assert doubt(mixed) is None


def test_a_part_without_values_raises_no_doubt():
    assert doubt([*patched(WHOLE, WHOLE, WHOLE), *patched([])]) is None


def test_a_pair_that_differs_raises_no_doubt_wherever_it_stands():
    differing = [1.0, 1.0, 1.0, 1.0, 0.9]
    assert doubt(patched(WHOLE, WHOLE, differing)) is None
    assert doubt(patched(WHOLE, WHOLE, differing[::-1])) is None


def test_one_pair_is_enough_for_a_doubt():
    assert doubt(patched([1.0], [1.0], [1.0])) is not None


def test_a_claim_of_one_part_that_does_not_apply_does_not_apply():
    part = (evidence([1.0]), above(0.0), verdict(Outcome.NOT_APPLICABLE))
    assert quantify(EACH, [part], 1) == part[2]
