"""`--circuit-plan`: what a run would measure and how long that takes, without judging anything."""

import re

import pytest

from circuit_claims.measure.rehearsal import Book, Need
from circuit_claims.run.plan import plan_lines


def plan(result):
    """What is to be measured, what the store has, and what was measured for the rates."""
    text = result.stdout.str()
    missing, stored = re.search(
        r"plan: (\d+) measurements to make, about .*; (\d+) are in the store", text
    ).groups()
    rates = re.search(r"the rates are of (\d+) measurements", text)[1]
    return int(missing), int(stored), int(rates)


def test_a_cold_plan_measures_one_pair_of_each_kind_and_keeps_it(on_models):
    result = on_models.run(*on_models.options(), "--circuit-plan")
    assert result.ret == 0
    result.assert_outcomes(skipped=10)
    assert plan(result) == (15, 0, 4)
    assert on_models.measured() == {"facts": 1, "sweep": 2, "trace": 1}
    assert not on_models.reports.exists(), "nothing was judged"


def test_what_was_planned_is_what_a_run_measures(on_models):
    planned = plan(on_models.run(*on_models.options(), "--circuit-plan"))
    before = on_models.measured().total()
    assert on_models.run(*on_models.options()).ret == 0
    assert on_models.measured().total() - before == planned[0]


def test_a_warm_plan_says_that_there_is_nothing_to_do(on_models, monkeypatch):
    on_models.run(*on_models.options())

    def unwanted(*_args, **_more):
        raise AssertionError("a plan of what is in the store needs no model")

    monkeypatch.setattr("circuit_claims.models.load.load", unwanted)
    assert plan(on_models.run(*on_models.options(), "--circuit-plan")) == (0, 18, 0)


CONTROLS = """
from circuit_claims import mlp_out

@says("specific", kind="means")
def test_specific(circuit, judge):
    ours = circuit.recovery(mlp_out(0))
    randoms = [random.recovery(mlp_out(0)) for random in circuit.random()]
    moved = circuit.jitter(lambda circuit: circuit.recovery(mlp_out(0)))
    judge(ours, above(0.0), controls={"random weights": randoms}, jitter=moved)
    circuit.growth(0, 1)
"""


def test_controls_on_other_weights_and_in_other_windows_are_asked_and_not_measured(on_models):
    on_models.write(CONTROLS)
    result = on_models.run(*on_models.options(), "--circuit-plan")
    # Six pairs in this window, in two others and on five other weights, but for the one that was measured;
    # the facts of those weights. A control asks for fewer sites, so its rate is another, and no run's number.
    # What stands after the judgement is not asked for.
    assert plan(result) == (5 + 2 * 6 + 5 * 6 + 5, 0, 3)
    assert on_models.measured() == {"facts": 1, "sweep": 1}


def test_a_test_that_breaks_off_is_named(on_models):
    on_models.write('@says("broken")\ndef test_broken(circuit, judge):\n    raise KeyError("layer")\n')
    result = on_models.run(*on_models.options(), "--circuit-plan")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        ["plan: broken/reproduces could not be followed to its end (KeyError: 'layer')*"]
    )


@pytest.mark.parametrize("other", [["--circuit-record-update"], ["--circuit-record-add"], ["-n1"]])
def test_a_plan_refuses_what_it_cannot_go_with(on_models, other):
    result = on_models.run(*on_models.options(), "--circuit-plan", *other)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*--circuit-plan does not go with {other[0][:2]}*"])


def test_the_longest_come_first_and_the_short_ones_together():
    book = Book(
        [
            Need("short/means", "m", "per_pair.trace", 0, 3, 0.01),
            Need("long/means", "m", "per_pair.sweep", 1, 31, 2.0),
            Need("long/means", "random:m#101", "per_pair.sweep", 0, 32, 3.0),
            Need("stored/means", "m", "per_pair.sweep", 32, 0, None),
        ]
    )
    lines = plan_lines(book)
    assert lines[0] == (
        "   2.6 min  long/means: 32 x sweep (3 s each) on random weights, 31 x sweep (2 s each)"
    )
    assert lines[1] == "    0.03 s  1 more claim"
    assert lines[2].startswith("plan: 66 measurements to make, about 2.6 min; 33 are in the store")
