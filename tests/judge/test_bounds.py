"""Bounds as people write them: plain, per cent, factors; and what is refused, in one line."""

from math import inf, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_claims.judge.bounds import Bound, BoundError, number_in, read
from circuit_claims.judge.expectation import above, below, between, exactly, negligible


@pytest.mark.parametrize(
    ("written", "bound"),
    [
        (0.5, Bound(0.5)),
        (2, Bound(2.0)),
        ("50 %", Bound(0.5, "%")),
        ("50%", Bound(0.5, "%")),
        ("-12.5 %", Bound(-0.125, "%")),
        ("x1.5", Bound(1.5, "x")),
        ("x 2", Bound(2.0, "x")),
    ],
)
def test_a_bound_is_a_number_a_per_cent_or_a_factor(written, bound):
    assert read(written) == bound


@pytest.mark.parametrize("written", ["half", "", "0.5", "50 percent", "3 dB", "x0", "x-2", True, None, inf])
def test_anything_else_is_refused_with_what_to_write(written):
    with pytest.raises(BoundError, match=r"write|is no factor; a factor is above zero"):
        read(written)


@given(st.decimals(-300, 300, places=2))
def test_per_cent_is_the_number_that_it_reads_as(percent):
    assert read(f"{percent} %").value == float(percent / 100)


@pytest.mark.parametrize(
    ("expectation", "unit", "low", "high"),
    [
        (above("50 %"), "fraction", 0.5, inf),
        (above("50 %"), "bool", 0.5, inf),
        (below(0.5), "fraction", -inf, 0.5),
        (between("42 %", "61 %"), "fraction", 0.42, 0.61),
        (negligible("5 %"), "fraction", -0.05, 0.05),
        (exactly("100 %", "1 %"), "fraction", 0.99, 1.01),
        (above("x1.5"), "ratio", 1.5, inf),
        (above("x1.5"), "log ratio", log(1.5), inf),
        (between("x1.5", "x2"), "log ratio", log(1.5), log(2)),
        (above(50), "count", 50, inf),
        (above("5000 %"), "fraction", 50.0, inf),
    ],
)
def test_what_is_asserted_is_in_the_unit_that_was_measured(expectation, unit, low, high):
    found = expectation.in_unit(unit)
    assert (found.low, found.high, found.written) == (pytest.approx(low), pytest.approx(high), "")


@pytest.mark.parametrize(
    ("expectation", "unit", "said"),
    [
        (
            below(50),
            "fraction",
            "below is 50, and the measurement is a fraction, in which 1 is 100 %; "
            'write "50 %" or "5000 %", whichever is meant',
        ),
        (
            above("50 %"),
            "ratio",
            "above is in per cent, and the measurement is a ratio, which has none; "
            'write 1.5 or "x1.5"',
        ),
        (
            above("x1.5"),
            "fraction",
            "above is a factor, and the measurement is a fraction, not a ratio; "
            'write 0.5 or "50 %"',
        ),
        (
            above("x1.5"),
            "bool",
            "above is a factor, and the measurement is yes or no, not a ratio; "
            'write 0.5 or "50 %"',
        ),
        (
            above("50 %"),
            "count",
            "above is in per cent, and the measurement is a count, which has none; "
            "write a plain number",
        ),
    ],
)  # fmt: skip
def test_a_bound_that_the_unit_does_not_have_is_refused(expectation, unit, said):
    with pytest.raises(BoundError) as refused:
        expectation.in_unit(unit)
    assert str(refused.value) == said


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: between("10 %", 0.5), "between has numbers in two units"),
        (lambda: between("50 %", "40 %"), "is empty: the first number has to be the smaller"),
        (lambda: negligible("x2"), "a factor bounds one side only"),
        (lambda: exactly("x2", "x1.1"), "exactly a factor has no `within`"),
    ],
)
def test_two_numbers_that_do_not_go_together_are_refused(make, said):
    with pytest.raises(BoundError, match=said):
        make()


def test_margins_and_published_numbers_are_bounds_too():
    assert number_in("fraction", "5 %", "margin") == 0.05
    assert number_in("log ratio", "x1.05", "margin") == log(1.05)
    with pytest.raises(BoundError, match=r"published is 44\.6, and the measurement is a fraction"):
        number_in("fraction", 44.6, "published")
