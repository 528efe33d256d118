"""What each assertion holds, contains and excludes, at its edges and everywhere else."""

from math import inf, isfinite

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from circuit_claims.judge.expectation import above, anything, below, between, exactly, negligible

numbers = st.floats(-100, 100)
expectations = st.one_of(
    st.builds(above, numbers),
    st.builds(below, numbers),
    st.tuples(numbers, numbers).filter(lambda p: p[0] < p[1]).map(lambda p: between(*p)),
    st.builds(exactly, numbers, st.floats(0, 5)),
    st.builds(negligible, st.floats(0.001, 5)),
)


def in_ascii(value):
    """A test's id that every tool takes."""
    words = value if isinstance(value, str) else getattr(value, "words", "")
    return words.replace("|·|", "size").replace("±", "+-") or None


@pytest.mark.parametrize(
    ("expectation", "inside", "outside"),
    [
        (above(1.0), [1.0001, inf], [1.0, 0.0, -inf]),
        (below(1.0), [0.9999, -inf], [1.0, 2.0]),
        (between(0.42, 0.61), [0.42, 0.6099], [0.4199, 0.61]),
        (exactly(1.0, within=0.25), [0.75, 1.0, 1.25], [0.7499, 1.2501]),
        (exactly(0.0), [0.0, -0.0], [1e-12, -1e-12]),
        (negligible(0.05), [0.0, 0.04, -0.04], [0.0501, -0.0501]),
    ],
    ids=in_ascii,
)
def test_values_on_either_side_of_the_edges(expectation, inside, outside):
    assert [value for value in inside if not expectation.holds(value)] == []
    assert [value for value in outside if expectation.holds(value)] == []


@pytest.mark.parametrize(
    ("expectation", "words"),
    [
        (above(1.0), "> 1"),
        (below(0.5), "< 0.5"),
        (between(0.42, 0.61), "[0.42, 0.61)"),
        (exactly(4.0), "= 4"),
        (exactly(1.0, 1e-6), "= 1 ± 1e-06"),
        (negligible(0.05), "|·| < 0.05"),
    ],
    ids=in_ascii,
)
def test_words_as_a_report_prints_them(expectation, words):
    assert expectation.words == words


@pytest.mark.parametrize(("low", "high"), [(1.0, 1.0), (2.0, 1.0)])
def test_an_empty_range_is_refused(low, high):
    with pytest.raises(ValueError, match="is empty: the first number has to be the smaller"):
        between(low, high)


@pytest.mark.parametrize(
    ("expectation", "supported", "refuted", "open_"),
    [
        (above(1), (1.1, 2), (0, 1), (0.9, 1.1)),
        (below(1), (0, 0.9), (1, 2), (0.9, 1.1)),
        (between(1, 2), (1, 1.9), (2, 3), (1.5, 2.5)),
        (between(1, 2), (1.2, 1.8), (0, 0.9), (0.5, 2.5)),
        (negligible(1), (-0.9, 0.9), (1.1, 2), (0.9, 1.1)),
        (negligible(1), (-0.9, 0.9), (-3, -1.1), (-2, 2)),
    ],
    ids=in_ascii,
)
def test_intervals_inside_outside_and_across(expectation, supported, refuted, open_):
    def said(interval):
        return expectation.contains(*interval), expectation.excludes(*interval)

    assert said(supported) == (True, False)
    assert said(refuted) == (False, True)
    assert said(open_) == (False, False)


@given(expectations, numbers, numbers)
def test_no_interval_is_both_inside_and_outside(expectation, a, b):
    low, high = min(a, b), max(a, b)
    assert not (expectation.contains(low, high) and expectation.excludes(low, high))


@given(expectations, numbers)
def test_an_interval_without_width_is_decided_as_its_value(expectation, value):
    if expectation.kind == "between" or value not in (expectation.low, expectation.high):
        assert expectation.contains(value, value) is expectation.holds(value)
        assert expectation.excludes(value, value) is not expectation.holds(value)


@given(expectations, numbers, numbers, st.floats(0, 1))
def test_excluding_an_interval_excludes_every_value_in_it(expectation, a, b, share):
    low, high = min(a, b), max(a, b)
    within = min(max(low + share * (high - low), low), high)
    if expectation.excludes(low, high):
        assert not expectation.holds(within)
    if expectation.contains(low, high):
        assert expectation.holds(within)


@given(expectations, numbers, numbers)
def test_the_deciding_end_is_an_end_nearest_to_an_edge(expectation, a, b):
    low, high = min(a, b), max(a, b)
    edges = [edge for edge in (expectation.low, expectation.high) if isfinite(edge)]

    def gap(end):
        return min(abs(end - edge) for edge in edges)

    found = expectation.deciding(low, high)
    assert found in (low, high)
    assert gap(found) == min(gap(low), gap(high))


@given(expectations, numbers, st.floats(0, 1))
def test_widening_keeps_what_held_and_moves_the_edges_outwards(expectation, value, by):
    wider = expectation.widened(by)
    assert (wider.words, wider.kind) == (expectation.words, expectation.kind)
    assume(expectation.holds(value))
    assert wider.holds(value)


def test_widening_admits_what_rounds_to_the_published_range():
    assert not between(0.42, 0.61).holds(0.4196)
    assert between(0.42, 0.61).widened(0.005).holds(0.4196)


def test_anything_holds_everything_and_has_no_edge():
    open_ = anything()
    assert [value for value in (-inf, -1.0, 0.0, 1.0, inf) if not open_.holds(value)] == []
    assert open_.contains(-5.0, 5.0)
    assert not open_.excludes(-5.0, 5.0)
    assert (open_.low, open_.high, open_.kind) == (-inf, inf, "anything")
    assert open_.deciding(-2.0, 3.0) == -2.0, "no edge: the lower end stands for the interval"


def test_the_edges_of_each_assertion_as_it_is_made():
    """Made here and not in a table above, so that what makes them is under test as well."""
    held = [
        (above(1.0), (False, True)),
        (below(1.0), (False, False)),
        (between(0.0, 1.0), (False, False)),
        (between(1.0, 2.0), (True, True)),
        (exactly(1.0), (True, False)),
        (exactly(1.5, within=0.5), (True, True)),
        (negligible(1.0), (True, False)),
    ]
    assert [(made.words, made.holds(1.0), made.holds(1.5)) for made, _ in held] == [
        (made.words, *expected) for made, expected in held
    ]
    assert [made.kind for made, _ in held[::2]] == ["above", "between", "exactly", "negligible"]
    assert below(1.0).kind == "below"
    assert between(0.0, 1.0).excludes(1.0, 2.0), "the upper edge lies outside"
    assert not between(0.0, 1.0).excludes(-1.0, 0.0), "the lower edge lies inside"
    assert [exactly(2.0).low, exactly(2.0).high] == [2.0, 2.0]
