"""The judge's error rates: on few data sets here, on 2,000 in the slow test and in docs/calibration.md."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from circuit_claims.judge.expectation import above
from circuit_claims.judge.verdict import decide
from circuit_claims.types import Outcome
from tools.calibration import __main__ as command
from tools.calibration import page
from tools.calibration.data import REPRODUCES, evidence, shared
from tools.calibration.study import NS, SD, TRUTHS, M, Rate, Situation, measure, without_words

ALL = command.situations()
BY_NAME = {situation.name: situation for situation in ALL}
DOCS = Path(__file__).parents[2] / "docs"
FEW = 150
EDGE = (1.0,)

# The first world of each rule at eight pairs, and those on six shared clips.
FIRST = {s.rule: s for s in reversed(ALL) if s.n == 8 and s.nominal is not None}
KEPT = (*FIRST.values(), *(s for s in ALL if s.n == 30 and "-0.6" not in s.world and s.controls < 4))


def outcomes(situation: Situation, runs: int) -> Iterator[Outcome]:
    rng = np.random.default_rng(5)
    for _ in range(runs):
        said = situation.draw(rng)
        yield from (said(truth * M) for truth in situation.truths)


@pytest.mark.parametrize("situation", KEPT, ids=lambda situation: situation.name)
def test_a_rule_errs_no_more_than_it_promises(situation: Situation) -> None:
    (rate,) = measure(replace(situation, truths=EDGE), FEW, seed=1)
    assert not rate.errs_too_often, f"{rate.wrong} of {rate.runs}"


def ignoring_clips(rng: np.random.Generator) -> Callable[[float], Outcome]:
    drawn = SD * (rng.normal(size=(6, 1)) + 0.5 * rng.normal(size=(6, 5))).ravel()
    return lambda truth: decide(REPRODUCES, evidence(drawn + truth), above(M)).outcome


def shares_ignoring_clips(rng: np.random.Generator) -> Callable[[float], Outcome]:
    latent = np.repeat(rng.random(6), 5)
    return lambda truth: (
        decide(
            REPRODUCES, evidence((latent < 0.5 - M + truth).astype(float), unit="bool"), above(0.5)
        ).outcome
    )


@pytest.mark.parametrize("draw", [ignoring_clips, shares_ignoring_clips])
def test_the_same_bound_catches_a_rule_that_ignores_clips(
    draw: Callable[[np.random.Generator], Callable[[float], Outcome]],
) -> None:
    (rate,) = measure(Situation("careless", "6 clips in 5 pairs each", 30, draw, truths=EDGE), FEW)
    assert rate.errs_too_often, f"only {rate.wrong} of {rate.runs}"
    assert len(shared(6, 5)) == 30


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [s.name for s in ALL if s.n <= 64 and s.nominal is not None and not s.world.startswith("one pair")],
)
def test_every_rule_errs_no_more_than_it_promises(name: str) -> None:
    """Other draws than the page's, at the margin, where both decisions are wrong."""
    (rate,) = measure(replace(BY_NAME[name], truths=EDGE), 2_000, seed=1)
    assert not rate.errs_too_often, f"{rate.wrong} of {rate.runs}"


def test_names_are_unique_so_that_streams_are() -> None:
    assert len(BY_NAME) == len(ALL)


def test_every_rule_is_tried_at_every_truth() -> None:
    tried = {rule: {t for s in ALL if s.rule == rule for t in s.truths} for rule in {s.rule for s in ALL}}
    assert {rule for rule, truths in tried.items() if not truths.issuperset(TRUTHS)} == set()
    for rule in ("paired contrast", "two-sample contrast", "contrast of shares"):
        for controls in (1, 4):
            pairs = {s.n for s in ALL if s.rule == rule and s.controls == controls}
            assert pairs.issuperset(NS), (rule, controls)


def test_leaving_out_words_leaves_the_outcome() -> None:
    for situation in FIRST.values():
        whole = list(outcomes(situation, 3))
        with without_words():
            assert list(outcomes(situation, 3)) == whole


def test_rates_are_the_same_every_time_and_differ_by_seed() -> None:
    situation = BY_NAME["paired contrast | normal | 1 | 32"]
    assert measure(situation, 40) == measure(situation, 40)
    assert measure(situation, 40) != measure(situation, 40, seed=1)


def test_what_is_wrong_follows_the_truth() -> None:
    one = Situation("rule", "world", 8, ignoring_clips)
    assert [Rate(one, truth, 3, 5, 100).wrong for truth in TRUTHS] == [3, 3, 3, 8, 5, 5]
    mirrored = replace(one, true="below")
    assert [Rate(mirrored, truth, 3, 5, 100).wrong for truth in TRUTHS] == [5, 5, 5, 8, 3, 3]
    assert Rate(one, 1.0, 3, 5, 100).undecided == 92


def test_the_bound_is_binomial() -> None:
    one = Situation("rule", "world", 8, ignoring_clips)
    assert not Rate(one, 1.0, 60, 60, 2_000).errs_too_often
    assert Rate(one, 1.0, 70, 70, 2_000).errs_too_often
    assert Rate(one, 1.0, 70, 70, 2_000).reading == "too often"
    assert Rate(one, 1.0, 25, 25, 2_000).reading == "conservative"
    assert Rate(one, 1.0, 55, 50, 2_000).reading == "nominal"
    assert Rate(replace(one, nominal=None), 1.0, 900, 900, 2_000).reading == "no error promised"
    assert Rate(one, 1.0, 0, 0, 2_000).interval() == (0.0, pytest.approx(1 - 0.025 ** (1 / 2_000)))


def test_the_command_measures_once_and_says_what_errs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    careless = Situation("above", "clips forgotten", 30, ignoring_clips, truths=EDGE)
    careful = BY_NAME["above | 6 success clips in 5 pairs each | 0 | 30"]
    monkeypatch.setattr(command, "rules", lambda _: "these rules")
    arguments = ["--runs", "60", "--folder", str(tmp_path), "--kept", str(tmp_path / "kept" / "rates.jsonl")]
    monkeypatch.setattr(command, "situations", lambda: (careful,))
    assert command.main(arguments) == 0
    assert careful.name in capsys.readouterr().out
    monkeypatch.setattr(command, "situations", lambda: (careful, careless))
    assert command.main(arguments) == 1
    told = capsys.readouterr().out
    assert careful.name not in told
    assert f"too often: {careless.name} at 1 m" in told
    written = (tmp_path / "calibration.md").read_text(encoding="utf-8")
    assert "| above | clips forgotten | 0 | 30 pairs, truth 1 |" in written
    assert command.main([*arguments, "--page-only"]) == 1
    assert (tmp_path / "calibration.md").read_text(encoding="utf-8") == written


# The committed page ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rates() -> list[Rate]:
    return page.read((DOCS / "calibration.csv").read_text(encoding="utf-8"), ALL)


def test_the_page_is_of_its_table_and_of_these_situations(rates: list[Rate]) -> None:
    assert page.markdown(rates) == (DOCS / "calibration.md").read_text(encoding="utf-8")
    assert page.table(rates) == (DOCS / "calibration.csv").read_text(encoding="utf-8")
    assert [(r.situation.name, r.truth) for r in rates] == [(s.name, t) for s in ALL for t in s.truths]
    assert min(rate.runs for rate in rates) >= 2_000


def test_no_rule_errs_too_often_where_it_could_do_better(rates: list[Rate]) -> None:
    wrong = [rate.situation.name for rate in rates if rate.errs_too_often and not page.excused(rate)]
    assert wrong == []


@pytest.mark.parametrize("controls", [1, 4])
def test_a_small_difference_goes_to_one_verdict_as_pairs_are_added(rates: list[Rate], controls: int) -> None:
    row = [
        rate
        for rate in rates
        if (rate.situation.rule, rate.situation.world, rate.situation.controls, rate.truth)
        == ("paired contrast", "normal", controls, page.SMALL_TRUTH)
    ]
    assert [rate.situation.n for rate in row] == list(NS)
    assert all(rate.supported <= 0.05 * rate.runs for rate in row)
    refuted = [rate.refuted for rate in row]
    assert refuted == sorted(refuted)
    assert refuted[-1] == row[-1].runs
