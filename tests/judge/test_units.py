"""The independent unit: who shares a clip with whom, and how many pairs that leaves."""

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_claims.judge.margins import MARGINS, margin_of
from circuit_claims.judge.units import effective, independent, told, units_of

CHAIN = [("a", "b"), ("c", "d"), ("b", "c"), ("e", "f"), ("d", "g")]
clips = st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=2).map(tuple), min_size=1, max_size=10)


def by_walking(labels):
    """Units as sets of pairs, by walking from pair to pair over the clips that they share."""
    holders = defaultdict(set)
    for pair, names in enumerate(labels):
        for name in names:
            holders[name].add(pair)
    left, found = set(range(len(labels))), set()
    while left:
        unit, new = set(), {min(left)}
        while new:
            unit |= new
            new = {other for pair in new for name in labels[pair] for other in holders[name]} - unit
        left -= unit
        found.add(frozenset(unit))
    return found


def as_sets(units):
    found = defaultdict(set)
    for pair, unit in enumerate(units):
        found[unit].add(pair)
    return {frozenset(unit) for unit in found.values()}


def test_units_follow_shared_clips_through_other_pairs():
    assert as_sets(units_of(CHAIN)) == {frozenset({0, 1, 2, 4}), frozenset({3})}
    assert as_sets(units_of(["a", "b", "a"])) == {frozenset({0, 2}), frozenset({1})}
    assert as_sets(units_of(["ab", "b"])) == {frozenset({0}), frozenset({1})}, "an id is no list of letters"


@given(clips)
def test_units_are_what_can_be_walked_to(labels):
    assert as_sets(units_of(labels)) == by_walking(labels)
    assert independent(labels, len(labels)) == len(by_walking(labels))


@given(clips, st.randoms(use_true_random=False))
def test_the_order_of_pairs_does_not_matter(labels, random):
    shuffled = list(labels)
    random.shuffle(shuffled)
    assert independent(shuffled, len(labels)) == independent(labels, len(labels))
    assert effective(shuffled, len(labels)) == effective(labels, len(labels))


def test_effective_pairs_by_hand():
    """Sizes 4 and 1: 25 / 17. Three of two pairs: 36 / 12."""
    assert effective(CHAIN, 5) == 25 / 17
    assert effective(["x", "x", "y", "y", "z", "z"], 6) == 3.0
    assert effective(["x", "y", "z"], 3) == 3.0


@given(clips)
def test_as_many_pairs_are_said_as_there_are_units_at_most(labels):
    assert 1 <= effective(labels, len(labels)) <= independent(labels, len(labels)) <= len(labels)


@pytest.mark.parametrize("none", [None, (), []])
def test_without_clips_every_pair_is_independent(none):
    assert independent(none, 7) == effective(none, 7) == 7
    assert isinstance(effective(none, 7), float)
    assert told(none, 7) == "7 pairs"


def test_units_in_words():
    assert told(["a"], 1) == "1 pair"
    assert told(["a", "b"], 2) == "2 pairs"
    assert told(CHAIN, 5) == "5 pairs on shared clips, 2 of them independent,"


def test_margins_by_unit():
    """Half a tenth of everything; a unit of a user's own has no scale that anyone knows."""
    assert dict.fromkeys(("fraction", "bool", "ratio", "log ratio", "correlation"), 0.05) == MARGINS
    assert [margin_of(unit) for unit in ("fraction", "count", "norm")] == [0.05, 0.0, 0.0]
