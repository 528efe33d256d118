"""How often does each rule err? The simulation study behind docs/calibration.md.

    python -m circuit_claims.judge.calibration [--sets 2000] [--output docs/calibration.md]

A rule is well calibrated when, in worlds where there is nothing to find, it finds something no more often
than it promises. Every rate carries its exact binomial interval, since the study is a sample too.
"""

import argparse
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

from circuit_claims.judge.worlds import Situation, situations


@dataclass(frozen=True)
class Rate:
    """How often a rule found something in one situation."""

    situation: Situation
    found: int
    sets: int

    @property
    def value(self) -> float:
        """The share of data sets."""
        return self.found / self.sets

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Exact binomial interval of the share (Clopper & Pearson 1934)."""
        bounds = stats.binomtest(self.found, self.sets).proportion_ci(confidence_level=level, method="exact")
        return float(bounds.low), float(bounds.high)

    @property
    def errs_too_often(self) -> bool:
        """Whether the rate is shown to lie above the nominal error (99.8 %: many rates are tried)."""
        return self.interval(0.998)[0] > self.situation.nominal

    @property
    def misses_its_plan(self) -> bool:
        """Whether the power is shown to lie below the planned one (99.8 %)."""
        return self.interval(0.998)[1] < self.situation.nominal

    @property
    def reading(self) -> str:
        """What the rate says of the rule, in a few words."""
        situation = self.situation
        if situation.kind == "effect":
            return "" if situation.nominal == 0 else "**misses it**" if self.misses_its_plan else "reached"
        if self.errs_too_often:
            return f"too often: assumes {situation.assumption}" if situation.assumption else "**too often**"
        return "conservative" if self.interval()[1] < situation.nominal else "nominal"


def measure(situation: Situation, sets: int = 2_000, seed: int = 0) -> Rate:
    """Try one situation on many data sets, with a random stream of its own."""
    name = f"{situation.rule}|{situation.world}".encode()
    rng = np.random.default_rng([seed, zlib.crc32(name)])
    return Rate(situation, sum(situation.draw(rng) for _ in range(sets)), sets)


def markdown(rates: Sequence[Rate]) -> str:
    """The page docs/calibration.md."""
    return PAGE.format(
        sets=f"{rates[0].sets:,}",
        null=_table(rates, "null"),
        effect=_table(rates, "effect"),
        misuse=_table(rates, "misuse"),
    )


PAGE = """\
# How often the rules err

Written by `make calibration` (`python -m circuit_claims.judge.calibration`), not by hand. Each line is {sets}
synthetic data sets whose truth is known, handed to the rule as it ships. In brackets stands the exact 95 %
binomial interval of the rate. Values are normal with standard deviation 1 where nothing else is said.

## Nothing to find: how often is something found?

*Too often*: the rate lies above the promised error even by its 99.8 % interval (many rates are tried, so a
95 % bracket misses here and there). *Conservative*: the bracket lies below the promise. *Nominal*: neither.

{null}

## Something to find: how often is it found?

*Planned* is the power for which the number of pairs was computed.

{effect}

## What the rules replace

The same worlds, with nothing to find, judged by rules that this package does not use.

{misuse}

## What to take from it

- **Skew.** Below 20 pairs the interval assumes symmetry, and so does the sign flip. With a long tail
  (exponential values) the one errs twice and the other nearly three times as often as it says, on the side of
  the tail: values under a ceiling can be called "above" too soon. Ratios have such a tail, so judge their
  logarithms. Hall's (1992) transformed t was tried: it halves this error and doubles that of heavy symmetric
  tails, and is not used.
- **The bootstrap** resamples too narrowly when an action has few pairs, and plain BCa misses too often at
  20 pairs. It is therefore expanded by the t quantile and by n / (n - 1) in each action, is not used below 20
  pairs or 5 an action, and only ever widens a bound of the t interval (t guards against heavy tails, BCa
  against skew).
- **Actions.** The interval speaks of *these* actions. Of actions in general it says nothing, and used so it
  errs most of the time; there the action is the unit.
- **Clips that pairs share** have to be named, or the sample counts twice.
- **Contrast, not co-significance.** Of the claims that pass, most "differ" from an equal control by the
  thresholds; the contrast keeps its promise. With random weights the seed is the unit that counts: over pairs
  alone, one more random model looks special most of the time.
- **Onset.** A bend that all pairs share is found by any test over pairs, whoever made it, so an onset needs
  its control. Over the whole trace an onset at block 8 is "found" at block 5; the rule looks at one layer.
- **Few pairs.** Exact tests of 5 to 8 pairs promise less than 5 % because their p-values come in steps.
"""


def _table(rates: Iterable[Rate], kind: str) -> str:
    heads = {
        "null": ("false positives", "promised", "reading"),
        "effect": ("power", "planned", "reading"),
        "misuse": ("finds something", "", ""),
    }[kind]
    rows = [["rule", "world", *(head for head in heads if head)]]
    for rate in rates:
        if rate.situation.kind != kind:
            continue
        low, high = rate.interval()
        found = f"{rate.value:.1%} [{low:.1%}, {high:.1%}]"
        nominal = f"{rate.situation.nominal:.1%}" if rate.situation.nominal else "-"
        extra = [] if kind == "misuse" else [nominal, rate.reading]
        rows.append([rate.situation.rule, rate.situation.world, found, *extra])
    rows.insert(1, ["---"] * len(rows[0]))
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the study and write the page; 1 when a rule errs too often in a world that it was made for."""
    parser = argparse.ArgumentParser(prog="python -m circuit_claims.judge.calibration", description=__doc__)
    parser.add_argument("--sets", type=int, default=2_000, help="data sets a situation (default 2000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("docs/calibration.md"))
    options = parser.parse_args(arguments)
    rates = []
    for situation in situations():
        rates.append(measure(situation, options.sets, options.seed))
        print(f"{rates[-1].value:7.1%}  {situation.kind:7}{situation.rule}: {situation.world}", flush=True)
    options.output.write_text(markdown(rates), encoding="utf-8")
    wrong = [rate for rate in rates if rate.situation.kind != "misuse" and rate.reading.startswith("**")]
    for rate in wrong:
        print(f"{rate.reading}: {rate.situation.rule}, {rate.situation.world}: {rate.value:.1%}")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
