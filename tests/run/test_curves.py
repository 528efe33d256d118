"""A figure from measurements: points with bands, seeds, logs, and gaps where there is nothing."""

from math import exp, log

import pytest

from circuit_claims import curve
from circuit_claims.report import figures
from circuit_claims.types import Sample

PAIRS = tuple(f"pair-{at}" for at in range(4))


def sample(*values, unit="fraction"):
    return Sample("delta", unit, values, PAIRS[: len(values)])


def drawn(**lines):
    return curve("A title", x=("layer", [0, 1]), y=("delta", "fraction"), **lines)


def test_a_point_is_the_mean_with_its_interval_over_pairs():
    (line,) = drawn(claim={"outcome": [sample(0.1, 0.2, 0.3, 0.4), sample(0.5, 0.5, 0.5, 0.5)]})["series"]
    assert line["values"] == pytest.approx([0.25, 0.5])
    half = 3.182446 * 0.1290994 / 2  # Student's t of 3 degrees of freedom, times s / sqrt(4)
    assert [line["low"][0], line["high"][0]] == pytest.approx([0.25 - half, 0.25 + half], rel=1e-5)
    assert [line["low"][1], line["high"][1]] == [0.5, 0.5]


def test_seeds_are_a_mean_and_the_range_of_their_means():
    points = [[sample(0.1, 0.3), sample(0.4, 0.6)], [sample(0.2, 0.2), sample(0.2, 0.2)]]
    line = drawn(claim={"outcome": [1, 1]}, control={"random weights": points})["series"][1]
    assert line["role"] == "control"
    assert (line["values"][0], line["low"][0], line["high"][0]) == pytest.approx((0.35, 0.2, 0.5))


def test_logs_are_drawn_as_what_they_are_the_logs_of():
    logs = sample(log(0.5), log(2.0), unit="log ratio")
    (line,) = drawn(claim={"growth": [logs, 1.0]})["series"]
    assert line["values"] == pytest.approx([1.0, 1.0])
    assert line["low"][0] == pytest.approx(exp(log(0.5) - 12.7062 * 0.6931472 + log(2.0)), rel=1e-3)
    assert line["low"][1] is None


def test_what_cannot_be_had_is_a_gap_and_an_empty_line_is_left_out():
    found = drawn(
        claim={"outcome": [sample(), sample(0.1)]},
        control={"absent": [sample(), None]},
        published={"the paper's": [None, 0.4]},
    )
    assert [one["name"] for one in found["series"]] == ["outcome", "the paper's"]
    assert found["series"][0]["values"] == [None, 0.1]
    assert "low" not in found["series"][0], "one pair has no interval"


def test_the_report_draws_it():
    made = drawn(
        claim={"outcome": [sample(0.1, 0.2), 0.3]}, marks={1: "here"}, caption="Read it so.", log=True
    )
    assert made["marks"] == [{"x": 1, "label": "here"}]
    (axes,) = figures.draw(made).axes
    assert axes.get_yscale() == "log"
    assert all("$" not in label.get_text() for label in axes.get_yticklabels()), "numbers, no powers of ten"
