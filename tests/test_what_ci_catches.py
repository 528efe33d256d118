"""What CI catches: every gross change has a claim that notices it, and no harmless run raises an alarm."""

import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from circuit_claims.judge.record import Entry, Record
from circuit_claims.types import Outcome
from tools.what_ci_catches.changes import AGAIN, Change

SCRIPT = Path(__file__).resolve().parents[1] / "benchmarks" / "what_ci_catches.py"


@pytest.fixture(scope="module")
def ci():
    spec = importlib.util.spec_from_file_location("what_ci_catches", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def a_report(drift, parts=(), value=0.5):
    return {
        "claims": [
            {
                "key": "a/means",
                "model": "organism",
                "record": {"drift": drift, "sentence": f"the claim {drift}"},
                "parts": [{"record": {"drift": one, "sentence": f"a part {one}"}} for one in parts],
                "measurements": [{"part": "x=1", "value": value}, {"part": "x=2", "value": None}],
            },
            {
                "key": "b/exact",
                "model": None,
                "record": {"drift": "flipped", "sentence": "no model"},
                "parts": [],
                "measurements": [{"part": "", "value": 1.0}],
            },
        ]
    }


@pytest.mark.parametrize(
    ("drift", "parts", "found"),
    [
        ("as recorded", ["as recorded"], []),
        ("borderline", [], []),
        ("moved", [], [("a/means", "moved", "the claim moved")]),
        ("as recorded", ["as recorded", "moved"], [("a/means", "moved", "a part moved")]),
        ("moved", ["flipped"], [("a/means", "flipped", "a part flipped")]),
    ],
)
def test_an_alarm_is_what_fails_a_run(ci, drift, parts, found):
    assert list(ci.alarms(a_report(drift, parts))) == [ci.Alarm(*one) for one in found]


@pytest.mark.parametrize(
    ("value", "tolerance", "share", "differs"),
    [(0.5, 0.01, 0.0, False), (0.5000001, 0.01, 1e-5, False), (0.52, 0.01, 2.0, True), (0.6, 0.0, 1.0, True)],
)
def test_an_estimate_moves_by_a_share_of_its_tolerance(ci, value, tolerance, share, differs):
    entry = Entry(Outcome.SUPPORTED, estimate=0.5, tolerance=tolerance)
    record = Record(
        Path("r.toml"), "organism", "", entries={("a/means", part): entry for part in ("x=1", "x=2")}
    )
    (move,) = ci.moves(a_report("as recorded", value=value), record)
    assert (move.key, move.differs) == ("a/means x=1", differs)
    assert move.share == pytest.approx(share)


def test_the_page_tells_what_was_noticed_by_which_claim(ci):
    gone, little, same = (
        ci.Case(name, words, AGAIN)
        for name, words in (("x", "all gone"), ("y", "a little"), ("z", "the same"))
    )
    alarm = ci.Alarm("a/means", "flipped", "recorded 1, now 2")
    judged = ["a/means", "b/means"]
    text = ci.page(
        must=[ci.Found(gone, [alarm], judged, 0.5, by_pair=(3, 4))],
        measured=[ci.Found(little, [alarm], judged, 0.012), ci.Found(little, [], judged, 0.001)],
        harmless=[
            ci.Found(same, [], judged, None, [ci.Move("a/means", 0.02, True), ci.Move("b/means", 0.0, False)])
        ],
        elsewhere=[
            ci.Found(
                ci.Case("h", "in halves", AGAIN),
                [],
                judged,
                None,
                [ci.Move("a/means", share, True) for share in (0.5, 3.0)] + [ci.Move("b/means", 5.0, True)],
            )
        ],
    )
    assert "| in halves | 0 of 2 | 2 of 3 | 1 of 3 | 5 times (`b/means`) |" in text
    assert "| all gone | all | 50 % | 3 of 4 | 1 of 2 | 1 | `a/means`: recorded 1, now 2 |" in text
    assert "| a little | all | 0.1 % | not compared | 0 of 2 | 0 | none |" in text
    assert "| the same | all | 0 of 2 | 1 of 2 | 2 % (`a/means`) |" in text
    assert "| `a/means` | a little | 1.2 % | 2 |" in text
    assert "No change was noticed by: `b/means`." in text


def test_ten_harmless_runs_each_in_an_empty_store(ci):
    assert len(ci.HARMLESS) == 10
    assert len({case.store for case in ci.HARMLESS}) == 10
    assert len({(case.change, case.options) for case in ci.HARMLESS}) == 10
    cases = (*ci.HARMLESS, *ci.MUST_BE_CAUGHT, *ci.MEASURED, *ci.ENVIRONMENT)
    assert {case.name for case in ci.MEASURED} >= set(ci.NOTICED)
    assert len({case.name for case in cases}) == len(cases)


def test_another_budget_of_memory_is_another_plan(ci):
    """Otherwise the runs of other plans would prove nothing."""
    from dataclasses import replace

    from circuit_claims.measure.runs import batch_plan, in_chunks
    from circuit_claims.models.load import load
    from circuit_claims.organisms.registry import resolve
    from circuit_claims.run.options import _bytes

    model = load(resolve("organism"))
    sites = list(range(2 * model.n_layers))

    def parts(memory):
        plan = in_chunks(replace(model, memory=memory), sites, batch_plan(model))
        return max(len(part) for part in plan)

    asked = {
        case.name: case.options[case.options.index("--circuit-memory") + 1]
        for case in ci.HARMLESS
        if "--circuit-memory" in case.options
    }
    assert parts(model.memory) == len(sites)
    assert {name: parts(_bytes(size)) for name, size in asked.items()} == {
        "harmless-smoke-plan-1": 1,
        "harmless-smoke-plan-2": 2,
        "harmless-smoke-plan-10": 10,
        "harmless-smoke-plan-21": 21,
        "harmless-all": 1,
    }


def test_an_order_is_drawn_by_its_seed_and_every_test_runs(pytester):
    pytester.makepyfile("import pytest\n@pytest.mark.parametrize('n', range(8))\ndef test(n): pass\n")
    pytester.syspathinsert(SCRIPT.parent)
    quiet = ("-p", "no:hypothesispytest", "-p", "no:benchmark")

    def order(*words):
        done = pytester.runpytest_inprocess("--collect-only", "-q", *quiet, "-p", "shuffled_order", *words)
        return [line for line in done.outlines if "::" in line]

    first, again, other, none = (
        order(*words) for words in (["--shuffle-seed=1"], ["--shuffle-seed=1"], ["--shuffle-seed=2"], [])
    )
    assert first == again
    assert len(none) == 8
    assert sorted(first) == sorted(other) == sorted(none)
    assert len({tuple(one) for one in (first, other, none)}) == 3


# With fewer pairs and claims than the page's, so that all of them take minutes ------------------------------

CATCHES = {
    "attn-zero-from-4": "attn-partial-37-54/reproduces",
    "mlp-zero-from-4": "mlp-42-60/reproduces",
    "best-mlp-halved": "mlp-42-60/reproduces",
    "layers-swapped": "mlp-42-60/reproduces",
    "wrong-normalisation": "mlp-42-60/reproduces",
    "other-stride": "mlp-42-60/reproduces",
    "positions-shuffled": "attention-agrees-with-dla/reproduces",
    "noise-10": "attention-agrees-with-dla/reproduces",
}
FEW = ("--circuit-pair", "bowling-[1-4]", "--circuit-pair", "golf-putt-[1-4]")
TOLD = tuple(
    f"--circuit-claim={key}"
    for key in (
        "mlp-42-60/reproduces",
        "attn-partial-37-54/reproduces",
        "attention-agrees-with-dla/reproduces",
    )
)


@pytest.fixture(scope="module")
def few(ci, tmp_path_factory):
    """The record of the unchanged model on a few pairs, and a folder for the changed ones."""
    folder = tmp_path_factory.mktemp("changes")
    record = folder / "organism.toml"
    base = ci.Case("base", "nothing", Change("unchanged", "as it is"), files=ci.AND_ATTENTION)
    ci.judge(base, folder, *FEW, *TOLD, "--circuit-record-update", "--circuit-record-force", record=record)
    return folder, record


@pytest.mark.slow
def test_every_gross_change_has_the_claim_that_catches_it(ci):
    assert CATCHES.keys() == {case.name for case in ci.MUST_BE_CAUGHT}


@pytest.mark.slow
@pytest.mark.parametrize("name", CATCHES)
def test_a_gross_change_is_caught(ci, few, name):
    folder, record = few
    (case,) = (case for case in ci.MUST_BE_CAUGHT if case.name == name)
    assert case.options in ((), ci.SMOKE), "on pairs of this test's own: the option that chooses others goes"
    report = ci.judge(replace(case, options=()), folder, *FEW, *TOLD, record=record)
    assert report["run"]["exit_status"] == 1
    assert CATCHES[name] in {alarm.key for alarm in ci.alarms(report)}, json.dumps(report["summary"])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["shards", "all"])
def test_a_harmless_circumstance_raises_no_alarm(ci, few, name):
    """Each in a store of its own, so that all is measured anew."""
    folder, record = few
    (case,) = (case for case in ci.HARMLESS if case.name == f"harmless-{name}")
    report = ci.judge(case, folder, *FEW, *TOLD, record=record)
    assert report["run"]["exit_status"] == 0
    assert list(ci.alarms(report)) == []
