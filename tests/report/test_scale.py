"""The axis of a small plot: everything lies on it, in order, and its ticks are round."""

from math import exp, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_claims.report.scale import Scale, label

UNITS = ("fraction", "ratio", "log ratio", "norm", "bool")
numbers = st.lists(st.floats(-1e6, 1e6).map(lambda v: float(f"{v:.6g}")), min_size=1, max_size=9)


@given(numbers, st.sampled_from(UNITS))
def test_every_value_lies_on_the_axis_in_order(values, unit):
    scale = Scale.over(values, unit)
    places = [scale.at(value) for value in sorted(values)]
    assert all(scale.shows(value) for value in values)
    assert places == sorted(places)
    assert all(0 <= place <= 100 for place in places)


@given(numbers, st.sampled_from(UNITS))
def test_ticks_are_few_distinct_and_on_the_axis(values, unit):
    ticks = Scale.over(values, unit).ticks()
    assert 1 <= len(ticks) <= 7
    assert all(0 <= place <= 100 for place, _ in ticks)
    assert [place for place, _ in ticks] == sorted({place for place, _ in ticks})


def test_numbers_that_do_not_exist_are_left_out():
    assert Scale.over([None, float("inf"), float("nan"), 2.0, 3.0], "ratio") == Scale.over(
        [2.0, 3.0], "ratio"
    )
    assert Scale.over([], "fraction").ticks()


def test_an_axis_that_nearly_reaches_zero_shows_it():
    assert Scale.over([0.1, 1.0], "fraction").shows(0.0)
    assert not Scale.over([0.9, 1.0], "fraction").shows(0.0)


def test_what_lies_outside_is_at_the_edge():
    scale = Scale(0.0, 1.0, "fraction")
    assert (scale.at(-5), scale.at(0.25), scale.at(9)) == (0, 25, 100)


def test_ticks_by_hand():
    assert Scale(-0.06, 1.06, "fraction").ticks() == [
        (5.36, "0 %"), (50.0, "50 %"), (94.64, "100 %"),
    ]  # fmt: skip
    assert [text for _, text in Scale(log(0.4), log(6), "log ratio").ticks()] == ["×0.5", "×1", "×2", "×5"]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(log(500), "log ratio", "×500"), (log(2e-6), "log ratio", "×2e-06"), (1e-17, "fraction", "0 %")],
)
def test_labels_have_no_needless_digits(value, unit, text):
    assert label(value, unit) == text
    assert unit != "log ratio" or exp(value) == pytest.approx(float(text[1:]))
