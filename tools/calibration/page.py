"""The page docs/calibration.md and the table of every cell behind it."""

import csv
import io
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

from tools.calibration.regions import RARE
from tools.calibration.study import NS, Rate, Situation
from tools.calibration.taken import taken

Key = TypeVar("Key", bound=Hashable)

WIDE = 3
"""A world that was tried at so many numbers of pairs gets a column for each."""
POWER = 0.8
SMALL_TRUTH = 0.4
"""In margins: a difference of 0.02 where 0.05 matters."""

COLUMNS = (
    *("rule", "world", "controls", "n", "truth", "runs", "supported", "refuted", "undecided"),
    *("wrong", "wrong_low", "wrong_high", "nominal", "reading"),
)

EXCUSED: Mapping[str, str] = {
    RARE: "no rule can hold there: most samples show no spread, whatever the mean is (Bahadur & Savage 1956)",
}
"""Worlds in which a rule may err more often than it says, and why."""


def excused(rate: Rate) -> bool:
    """Whether the page says why no rule could do better."""
    return rate.situation.world in EXCUSED


def table(rates: Iterable[Rate]) -> str:
    """Every cell, as comma-separated values: counts of runs, and the error with its exact 95 % interval."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for rate in rates:
        one, (low, high) = rate.situation, rate.interval()
        counts = [rate.runs, rate.supported, rate.refuted, rate.undecided, rate.wrong]
        nominal = "" if one.nominal is None else f"{one.nominal:g}"
        named = [one.rule, one.world, one.controls, one.n, f"{rate.truth:g}"]
        writer.writerow([*named, *counts, f"{low:.4f}", f"{high:.4f}", nominal, rate.reading])
    return text.getvalue()


def read(text: str, situations: Iterable[Situation]) -> list[Rate]:
    """The rates of a table.

    Raises:
        KeyError: the table lacks a situation, or has one that is not in the study.
    """
    cells: dict[tuple[str, str, int, int], list[dict[str, str]]] = {}
    for cell in csv.DictReader(io.StringIO(text)):
        place = (cell["rule"], cell["world"], int(cell["controls"]), int(cell["n"]))
        cells.setdefault(place, []).append(cell)
    rates = []
    for one in situations:
        for cell in cells.pop((one.rule, one.world, one.controls, one.n)):
            counts = (int(cell[name]) for name in ("supported", "refuted", "runs"))
            rates.append(Rate(one, float(cell["truth"]), *counts))
    if cells:
        raise KeyError(f"not in the study: {sorted(cells)[0]}")
    return rates


def markdown(rates: Sequence[Rate]) -> str:
    """The page."""
    judged = [rate for rate in rates if rate.situation.nominal is not None]
    wrong = [rate for rate in judged if rate.errs_too_often]
    return PAGE.format(
        runs=f"{rates[0].runs:,}",
        cells=f"{len(rates):,}",
        judged=f"{len(judged):,}",
        too_often=f"{len(wrong)}",
        picture=_picture_words(rates),
        short=_short(wrong),
        rules="\n\n".join(_rule(rule, some) for rule, some in _by(rates, _rule_of).items()),
        power=_power(rates),
        taken="\n".join(f"- {words}" for words in taken(rates)),
    )


PAGE = """\
# How often the rules err

![Shares of supported, undecided and refuted against the number of pairs](pictures/calibration-margin.svg)

{picture}

Written by `make calibration` (`python -m tools.calibration`), not by hand. Each cell is {runs} synthetic
data sets whose truth is known, judged by `decide` as it ships: {cells} cells. Every one of them, with its
counts and its exact interval, is in [calibration.csv](calibration.csv).

## How to read it

The margin m, or the edge of what is asserted, is 0.05. Truths are given in margins: at 0.9 the true
difference is 0.045. One pair's value, or difference, has a standard deviation of 0.1 where nothing else is
said. A cell such as *3 / 41 / 56* is the share of runs that were supported, refuted and undecided, in per
cent; *-* is none at all.

A decision is *wrong* where the claim is supported and the truth is not beyond the margin, or refuted and the
truth is not short of it. At a truth of exactly 1 both are, and their sum is what is promised to stay at or
below 5 % (two-sided; 2.5 % on a side). With four controls all of them lie at the truth. In brackets stands
the exact 95 % binomial interval of a row's worst cell.

Seeds, families and quantified claims, and tails with four controls or two samples, are tried at fewer numbers
of pairs; permutation tests of many pairs at three truths.

*Too often*: the rate lies above 5 % even by its 99.8 % interval (many cells are tried, so a 95 % bracket
misses here and there). *Conservative*: the bracket lies below 5 %. *Nominal*: neither.

## Where a rule errs too often

{too_often} of the {judged} cells that promise an error.

{short}

## Pairs that it takes

The smallest number of pairs tried at which a truth of 2 m is supported, and one of 0 refuted, in 80 % of runs
or more.

{power}

## What to take from it

{taken}

## Rule by rule

{rules}
"""


def _picture_words(rates: Sequence[Rate]) -> str:
    """What the picture shows, in numbers."""
    lines = []
    for controls in (1, 4):
        row = [
            rate
            for rate in rates
            if rate.situation.rule == "paired contrast"
            and rate.situation.world == "normal"
            and rate.situation.controls == controls
            and rate.truth == SMALL_TRUTH
        ]
        if not row:
            continue
        refuted = ", ".join(f"{_percent(rate.refuted, rate)} at {rate.situation.n}" for rate in row)
        most = max(rate.supported / rate.runs for rate in row)
        lines.append(
            f"with {_controls(controls)}, supported in at most {most:.1%} of runs at any number of pairs, "
            f"and refuted in {refuted} pairs"
        )
    return (
        "Verdicts do not flip as pairs are added: a true difference of 0.02, where 0.05 matters, is "
        f"{'; '.join(lines)}. A difference of 0.08 goes the other way, and one of exactly 0.05 to neither "
        "(the dashed line is at 5 %)."
    )


def _controls(count: int) -> str:
    return "one control" if count == 1 else f"{count} controls"


def _short(wrong: Sequence[Rate]) -> str:
    """Every world with a cell that errs too often, its worst cell, and why."""
    if not wrong:
        return "None."
    lines = [["rule", "world", "controls", "where", "worst", "why"], ["---"] * 6]
    for (rule, world, controls), some in _by(wrong, _world).items():
        worst = max(some, key=lambda rate: rate.wrong)
        pairs = sorted({rate.situation.n for rate in some})
        truths = sorted({rate.truth for rate in some})
        where = f"{', '.join(map(str, pairs))} pairs, truth {', '.join(f'{t:g}' for t in truths)}"
        lines.append([rule, world, str(controls), where, _error(worst), EXCUSED.get(world, "")])
    return _lines(lines)


def _by(rates: Iterable[Rate], key: Callable[[Rate], Key]) -> dict[Key, list[Rate]]:
    """In the order in which they come."""
    found: dict[Key, list[Rate]] = {}
    for rate in rates:
        found.setdefault(key(rate), []).append(rate)
    return found


def _rule_of(rate: Rate) -> str:
    return rate.situation.rule


def _world(rate: Rate) -> tuple[str, str, int]:
    return rate.situation.rule, rate.situation.world, rate.situation.controls


def _rule(rule: str, rates: Sequence[Rate]) -> str:
    """One section: worlds at many numbers of pairs in a wide table, the others in a narrow one."""
    wide: list[list[Rate]] = []
    narrow: list[list[Rate]] = []
    for some in _by(rates, _world).values():
        (wide if len({rate.situation.n for rate in some}) >= WIDE else narrow).append(some)
    parts = [f"### {rule[:1].upper()}{rule[1:]}"]
    if wide:
        pairs = sorted({rate.situation.n for some in wide for rate in some})
        head = ["world", "controls", "truth", *(f"n = {n}" for n in pairs), "wrong, at worst", "reading"]
        body = [line for some in wide for line in _wide(some, pairs)]
        parts.append(_lines([head, ["---"] * len(head), *body]))
    if narrow:
        head = ["world", "controls", "n", "truth", "s / r / u", "wrong", "reading"]
        body = [_single(rate) for some in narrow for rate in sorted(some, key=lambda rate: rate.situation.n)]
        parts.append(_lines([head, ["---"] * len(head), *body]))
    return "\n\n".join(parts)


def _single(rate: Rate) -> list[str]:
    named = [*_named(rate), str(rate.situation.n), f"{rate.truth:g}"]
    return [*named, _cell(rate), _error(rate, at=False), _reading([rate])]


def _wide(rates: Sequence[Rate], pairs: Sequence[int]) -> list[list[str]]:
    lines = []
    for truth in sorted({rate.truth for rate in rates}):
        row = {rate.situation.n: rate for rate in rates if rate.truth == truth}
        cells = [_cell(row[n]) if n in row else "" for n in pairs]
        worst = max(row.values(), key=lambda rate: rate.wrong / rate.runs)
        first = next(iter(row.values()))
        lines.append([*_named(first), f"{truth:g}", *cells, _error(worst), _reading(list(row.values()))])
    return lines


def _named(rate: Rate) -> list[str]:
    return [rate.situation.world, str(rate.situation.controls)]


def _cell(rate: Rate) -> str:
    shares = (rate.supported, rate.refuted, rate.undecided)
    return " / ".join("-" if count == 0 else f"{100 * count / rate.runs:.0f}" for count in shares)


def _percent(count: int, rate: Rate) -> str:
    return f"{count / rate.runs:.0%}"


def _error(rate: Rate, *, at: bool = True) -> str:
    low, high = rate.interval()
    where = f" at {rate.situation.n}" if at else ""
    return f"{rate.wrong / rate.runs:.1%} [{low:.1%}, {high:.1%}]{where}"


def _reading(rates: Sequence[Rate]) -> str:
    """Of a row: that of its worst cell."""
    readings = [rate.reading for rate in rates]
    for reading in ("too often", "nominal", "conservative"):
        if reading in readings:
            return f"**{reading}**" if reading == "too often" else reading
    return readings[0]


def _power(rates: Sequence[Rate]) -> str:
    head = ["rule", "world", "controls", "2 m supported", "0 refuted"]
    lines = [head, ["---"] * len(head)]
    promised = [rate for rate in rates if rate.situation.nominal is not None and not excused(rate)]
    for (rule, world, controls), some in _by(promised, _world).items():
        pairs = sorted({rate.situation.n for rate in some})
        if len(pairs) < WIDE or pairs[-1] < NS[0]:
            continue
        true, false = (2.0, 0.0) if some[0].situation.true == "above" else (0.0, 2.0)
        supported = _fewest([r for r in some if r.truth == true], "supported")
        refuted = _fewest([r for r in some if r.truth == false], "refuted")
        if supported or refuted:
            name = world if true == 2.0 else f"{world} (0 is supported, 2 m refuted)"
            lines.append([rule, name, str(controls), supported, refuted])
    return _lines(lines)


def _fewest(rates: Sequence[Rate], outcome: str) -> str:
    """The smallest number of pairs with the power, and the share there."""
    if not rates:
        return ""
    for rate in sorted(rates, key=lambda rate: rate.situation.n):
        count = rate.supported if outcome == "supported" else rate.refuted
        if count / rate.runs >= POWER:
            return f"{rate.situation.n} ({count / rate.runs:.0%})"
    most = max(rate.situation.n for rate in rates)
    return f"over {most}"


def _lines(rows: Iterable[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
