"""The judge's error rates, on few data sets here; docs/calibration.md holds the whole study."""

from pathlib import Path

import numpy as np
import pytest

from circuit_claims.judge import calibration
from circuit_claims.judge.calibration import Rate, main, markdown, measure
from circuit_claims.judge.worlds import Situation, situations

SETS = 300
ALL = situations()
BY_NAME = {f"{situation.rule}: {situation.world}": situation for situation in ALL}

# The rules that verdicts rest on; the bootstrap's situations are in the slow test.
KEPT = (
    "interval: 8 pairs",
    "interval: 4 actions of 2 pairs, random action effects",
    "interval: 12 pairs on 6 clips",
    "equivalence: 8 pairs, sd the bound",
    "paired contrast: 8 pairs, one-sided",
    "two-sample contrast: 4 actions of 2 and 2, random action effects",
    "two-sample contrast: 5 actions of 1 and 1, random action effects",
    "seed contrast: 8 pairs, 5 seeds",
    "probe selectivity: 8 pairs, 8 dimensions, 99 labellings",
    "sign flip: 8 pairs, heavy tails (t, 3 df)",
    "max-T: 8 pairs, 24 sites, nothing anywhere",
    "each: support: 8 pairs, 6 of 7 parts hold",
    "each: refutation: 8 pairs, 7 parts on the edge",
    "any: support: 8 pairs, 7 parts on the edge",
    "slope change: 8 pairs, random walks",
    "slope change, contrast: 8 pairs, a walk that claim and control share",
    "monotone: 8 pairs, one of 6 steps is flat",
)
# What the same bound has to catch: the rules that these replace.
CAUGHT = (
    "interval without clusters: 12 pairs on 6 clips",
    "interval over pairs: 5 new actions of 4 pairs",
    "a t test that does not reject: 5 pairs, effect on the bound",
    "claim passes, control does not: 8 pairs",
    "trained minus mean seed, over pairs only: 8 pairs, 5 seeds",
    "sign flip without clusters: 12 pairs on 6 clips",
    "any: smallest p, uncorrected: 8 pairs, 7 parts on the edge",
    "slope change, no control: 8 pairs, a walk that all pairs share",
    "slope change over the whole trace: 8 pairs, onset at block 8",
    "Page's trend test: 8 pairs, one of 6 steps falls",
)


def never(rng: np.random.Generator) -> bool:
    return False


def always(rng: np.random.Generator) -> bool:
    return True


@pytest.mark.parametrize("name", KEPT)
def test_a_rule_errs_no_more_than_it_promises(name: str) -> None:
    rate = measure(BY_NAME[name], SETS, seed=1)
    assert rate.situation.kind == "null"
    assert not rate.errs_too_often, f"{rate.value:.1%} where {rate.situation.nominal:.1%} are promised"


@pytest.mark.parametrize("name", CAUGHT)
def test_the_same_bound_catches_what_the_rules_replace(name: str) -> None:
    rate = measure(BY_NAME[name], SETS, seed=1)
    assert rate.situation.kind == "misuse"
    assert rate.errs_too_often, f"only {rate.value:.1%}"


def test_planned_pairs_reach_their_power() -> None:
    planned = [situation for situation in ALL if situation.kind == "effect" and situation.nominal]
    assert len(planned) == 2
    for situation in planned:
        rate = measure(situation, SETS, seed=1)
        assert not rate.misses_its_plan, f"{situation.world}: {rate.value:.1%}"
        assert rate.value < 0.95


def test_stratifying_sees_what_pooling_does_not() -> None:
    by_action = measure(BY_NAME["two-sample contrast: 4 actions of 3 and 3, gap of 1.5 sd"], SETS)
    pooled = measure(BY_NAME["the same, actions ignored: 4 actions of 3 and 3, gap of 1.5 sd"], SETS)
    assert by_action.value > pooled.value + 0.2


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [name for name, s in BY_NAME.items() if s.kind == "null" and not s.assumption]
)
def test_every_rule_errs_no_more_than_it_promises(name: str) -> None:
    assert not measure(BY_NAME[name], 1_000, seed=2).errs_too_often


def test_names_are_unique_so_that_streams_are() -> None:
    assert len(BY_NAME) == len(ALL)


def test_rates_are_the_same_every_time_and_differ_by_seed() -> None:
    situation = BY_NAME["slope change: 8 pairs, random walks"]
    assert measure(situation, 100) == measure(situation, 100)
    assert len({measure(situation, 100, seed).found for seed in range(8)}) > 1


def test_the_bound_is_binomial() -> None:
    null = Situation("rule", "world", "null", never)
    assert not Rate(null, 100, 2_000).errs_too_often
    assert Rate(null, 140, 2_000).errs_too_often
    assert Rate(null, 140, 2_000).reading == "**too often**"
    assert Rate(null, 50, 2_000).reading == "conservative"
    assert Rate(null, 105, 2_000).reading == "nominal"
    known = Situation("rule", "world", "null", never, assumption="symmetry")
    assert Rate(known, 200, 2_000).reading == "too often: assumes symmetry"
    planned = Situation("rule", "world", "effect", never, nominal=0.8)
    assert Rate(planned, 1_500, 2_000).reading == "**misses it**"
    assert Rate(planned, 1_590, 2_000).reading == "reached"
    assert Rate(null, 0, 2_000).interval() == (0.0, pytest.approx(1 - 0.025 ** (1 / 2_000)))


def test_the_page_and_the_exit_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    eager = Situation("eager rule", "anywhere", "null", always)
    careful = Situation("careful rule", "anywhere", "null", never)
    page = tmp_path / "calibration.md"
    monkeypatch.setattr(calibration, "situations", lambda: (careful,))
    assert main(["--sets", "100", "--output", str(page)]) == 0
    assert "| careful rule | anywhere | 0.0% [0.0%, 3.6%] | 5.0% | conservative |" in page.read_text()
    monkeypatch.setattr(calibration, "situations", lambda: (careful, eager))
    assert main(["--sets", "100", "--output", str(page)]) == 1
    assert "**too often**: eager rule, anywhere: 100.0%" in capsys.readouterr().out


def test_the_page_tells_the_kinds_apart() -> None:
    rates = [Rate(situation, 5, 100) for situation in ALL]
    null, effect, misuse = (part.count("\n| ") - 2 for part in markdown(rates).split("\n## ")[1:4])
    kinds = [situation.kind for situation in ALL]
    assert (null, effect, misuse) == (kinds.count("null"), kinds.count("effect"), kinds.count("misuse"))


def test_the_committed_page_is_of_these_rules() -> None:
    page = (Path(__file__).parents[2] / "docs" / "calibration.md").read_text(encoding="utf-8")
    words = [line for line in calibration.PAGE.splitlines() if "{" not in line]
    assert [line for line in words if line not in page.splitlines()] == []
    assert [name for s in ALL if (name := f"| {s.rule} | {s.world} |") not in page] == []
    assert "**too often**" not in page
    assert "**misses it**" not in page
