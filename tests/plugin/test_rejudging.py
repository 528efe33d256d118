"""`--circuit-rejudge`: what a run measured, judged again by the claims as they read now, without a model."""

import json
import re
import shutil

import pytest
from tiny_world import TELLS_MODULES

HEAVY = {"torch", "transformers", "decord", "av"}


@pytest.fixture
def run(on_models):
    """A report of the tiny world's claims, kept apart from what later runs write."""
    assert on_models.run(*on_models.options(), "--circuit-record-update").ret == 0
    shutil.copy(on_models.reports / "latest.json", on_models.pytester.path / "run.json")
    return "run.json"


def told(report):
    """What a report says of each claim and part: its words, without numbers, and its numbers apart.

    A report keeps six digits of what it judged, so numbers that are judged again differ in the last of them;
    no rounding to fewer digits makes them equal, since some number always lies between two.
    """
    kept = ("key", "model", "verdict", "reason", "sentence", "measurements", "record")
    entries = [{key: entry[key] for key in kept} for entry in report["claims"]]
    numbers = []

    def without_numbers(value):
        if isinstance(value, dict):
            return {key: without_numbers(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [without_numbers(inner) for inner in value]
        if isinstance(value, float):
            numbers.append(value)
            return "a number"
        return re.sub(r"-?\d+\.?\d*(e[+-]\d+)?", "#", value) if isinstance(value, str) else value

    return without_numbers(entries), numbers


def assert_same(report, before):
    """Hold two reports of the same claims against each other."""
    (words, numbers), (words_before, numbers_before) = told(report), told(before)
    assert words == words_before
    assert numbers == pytest.approx(numbers_before, rel=2e-5, abs=1e-9)


def test_the_same_claims_come_to_the_same_without_model_clips_or_torch(on_models, run):
    before = on_models.run(*on_models.options()) and on_models.report
    (on_models.folder / "conftest.py").write_text(TELLS_MODULES)
    shutil.rmtree(on_models.pytester.path / ".circuit-cache")
    result = on_models.spawn(f"--circuit-rejudge={run}")
    assert result.ret == 0
    assert_same(on_models.report, before)
    result.stdout.fnmatch_lines(
        [
            "judged again what run.json measured (20*): nothing was measured now",
            "compared 7 of 7 recorded claims with tiny.toml",
        ]
    )
    imported = set((on_models.pytester.path / "modules.txt").read_text().split())
    assert imported & HEAVY == set()
    assert not (on_models.pytester.path / ".circuit-cache").exists()


def test_what_the_claim_asserts_now_is_what_is_judged(on_models, run):
    text = (on_models.folder / "test_claims.py").read_text()
    on_models.write(text.replace("circuit.growth(0, 1), above(0.0)", "circuit.growth(0, 1), above(1e6)"))
    result = on_models.run(f"--circuit-rejudge={run}")
    assert result.ret == 1
    assert on_models.entry("growth")["verdict"] == "refuted"
    assert on_models.entry("growth")["record"]["drift"] == "flipped"


def test_two_workers_rejudge_as_one(on_models, run):
    on_models.run(f"--circuit-rejudge={run}")
    alone = on_models.report
    assert on_models.spawn(f"--circuit-rejudge={run}", "-n", "2").ret == 0
    assert_same(on_models.report, alone)


def test_a_claim_that_the_run_has_not_is_left_out_and_makes_it_incomplete(on_models, run):
    text = (on_models.folder / "test_claims.py").read_text()
    on_models.write(
        text + '@says("new")\ndef test_new(circuit, judge):\n    judge(circuit.closure(), below(1))\n'
    )
    result = on_models.run(f"--circuit-rejudge={run}")
    assert result.ret == 10
    result.stdout.fnmatch_lines(["not in run.json, so not judged: new/reproduces; run `pytest` without *"])
    assert on_models.entry("new")["verdict"] == "incomplete"


def test_a_control_that_was_not_measured_leaves_a_claim_open(on_models, run):
    text = (on_models.folder / "test_claims.py").read_text()
    on_models.write(
        text.replace('@says("growth")', '@says("growth", kind="means")').replace(
            "circuit.growth(0, 1), above(0.0)",
            'circuit.growth(0, 1), above(0.0), controls={"other": circuit.growth(0, 1, pairs="noise")}',
        )
    )
    data = json.loads((on_models.pytester.path / run).read_text())
    (entry,) = [entry for entry in data["claims"] if entry["claim"] == "growth"]
    entry |= {"kind": "means", "key": "growth/means"}
    (on_models.pytester.path / run).write_text(json.dumps(data))
    on_models.run(f"--circuit-rejudge={run}", "--circuit-record=none")
    assert on_models.entry("growth")["verdict"] == "inconclusive"


def test_a_test_that_computes_with_the_answer_is_judged_as_it_was(on_models):
    on_models.write(
        '@says("odd")\ndef test_odd(circuit, judge):\n'
        "    values = circuit.growth(0, 1)\n    judge(values, above(min(values.values) - 1))\n"
    )
    assert on_models.run(*on_models.options()).ret == 0
    result = on_models.run("--circuit-rejudge=reports/latest.json")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        ["judged by what was asserted when it was measured: odd/reproduces", "report: reports/rejudged/*"]
    )


def test_errors_and_skips_are_told_again(claims):
    claims.each_ends_in("supported", "not applicable", "error")
    claims.run()
    before = claims.report
    assert claims.run("--circuit-rejudge=reports/latest.json").ret == 1
    again = json.loads((claims.reports / "rejudged" / "latest.json").read_text())
    assert_same(again, before)


# Bad input ----------------------------------------------------------------------------------------------


def edited(change):
    def edit(path):
        data = json.loads(path.read_text())
        change(data)
        path.write_text(json.dumps(data))

    return edit


def of_first(data):
    return data["claims"][0]["measurements"][0]


FAULTS = {
    "cut short": (lambda path: path.write_text(path.read_text()[:500]), "run.json:*: not JSON *run `pytest"),
    "gone": (lambda path: path.unlink(), "run.json: there is no such report; `pytest claims/` writes one"),
    "newer": (edited(lambda d: d.update(version=99)), "run.json: version 99, but *reads versions 1 to *"),
    "old": (edited(lambda d: of_first(d).pop("evidence")), "run.json: *no evidence to judge again*"),
    "verdict": (edited(lambda d: d["claims"][0].update(verdict="fine")), "*the unknown verdict 'fine'"),
    "place": (
        edited(lambda d: of_first(d)["evidence"].update(pairs=999)),
        "*evidence of sites/exact * is not*",
    ),
    "value": (
        edited(lambda d: of_first(d)["evidence"].update(values=["1"])),
        "*is not what circuit-claims wr*",
    ),
    "word": (
        edited(lambda d: of_first(d)["evidence"].update(vaules=[])),
        "*is not what circuit-claims writes*",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_run_that_cannot_be_is_refused(on_models, run, fault):
    break_it, said = FAULTS[fault]
    shutil.rmtree(on_models.reports)
    break_it(on_models.pytester.path / run)
    result = on_models.run(f"--circuit-rejudge={run}")
    assert result.ret == 4
    result.stderr.fnmatch_lines([f"ERROR: *{said}*"])
    assert not on_models.reports.exists()


def test_a_model_that_the_run_has_not_is_refused(on_models, run):
    result = on_models.run(f"--circuit-rejudge={run}", "--circuit-model=organism")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: *run.json: it has no measurements of organism, only of *tiny*"])
