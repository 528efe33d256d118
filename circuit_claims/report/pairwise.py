"""The differences between two reports, pair by pair: what the pairs themselves differ by drops out.

    d_i = second_i - first_i,   over the pairs i that both reports have.

A number has moved when the interval of the mean of d, widened for how many numbers are compared (Bonferroni),
lies beyond the numeric tolerance. The interval that is shown is the plain one of 95 %.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from circuit_claims.judge.drift import paired_move
from circuit_claims.judge.tolerance import numeric_tolerance
from circuit_claims.report import wording
from circuit_claims.types import Evidence

Report: TypeAlias = Mapping[str, Any]
Measured: TypeAlias = Mapping[str, Any]
"""One of a claim's `measurements`."""
Judged: TypeAlias = Mapping[tuple[str, int], Mapping[str, Any]]
"""A report's claims, by key and pair of models."""
LEVEL = 0.95


@dataclass(frozen=True)
class Pairwise:
    """The difference of one number over the pairs that both reports have."""

    words: str
    """Second minus first, with its 95 % interval and the number of independent pairs."""
    moved: bool
    """Whether it is shown to be more than rounding."""


Parts: TypeAlias = Mapping[str, Pairwise]
"""By part; empty for a claim without parts."""


def pairwise(second: Report, left: Judged, right: Judged) -> dict[tuple[str, int], dict[str, Pairwise]]:
    """Every number that both reports have by pair, by claim and part; `right` are the claims of `second`."""
    both = [
        (key, was, now)
        for key in left
        if key in right and left[key]["kind"] != "exact"
        for was in left[key]["measurements"]
        for now in right[key]["measurements"]
        if was["part"] == now["part"] and was["unit"] == now["unit"] and was["by_pair"] and now["by_pair"]
    ]
    found: dict[tuple[str, int], dict[str, Pairwise]] = {}
    for key, was, now in both:
        compared = _paired(was, now, second, 1 - (1 - LEVEL) / len(both))
        if compared is not None:
            found.setdefault(key, {})[now["part"]] = compared
    return found


def _paired(was: Measured, now: Measured, report: Report, level: float) -> Pairwise | None:
    """The interval of now minus was, and whether the wider one of all numbers together excludes rounding."""
    groups, clips = _units(now, report)
    values = now["by_pair"]
    evidence = Evidence(now["name"], now["unit"], tuple(values.values()), tuple(values), groups, clips)
    shown = paired_move(evidence, was["by_pair"], LEVEL)
    sure = paired_move(evidence, was["by_pair"], level)
    if shown is None or sure is None:
        return None
    unit = now["unit"]
    words = f"{wording.interval(shown.mean, shown.low, shown.high, unit)} n={shown.n}"
    return Pairwise(words, sure.shifted(numeric_tolerance(unit, was["value"], list(was["by_pair"].values()))))


def _units(measured: Measured, report: Report) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """The action and the clips of each pair, where the report keeps them."""
    kept, shared = measured.get("evidence") or {}, report.get("shared") or []
    places = [kept.get(name) for name in ("groups", "clips")]
    if not all(isinstance(place, int) and 0 <= place < len(shared) for place in places):
        return (), ()
    groups, clips = (shared[place] for place in places if place is not None)
    same = len(groups) == len(clips) == len(measured["by_pair"])
    return (tuple(groups), tuple(tuple(clip) for clip in clips)) if same else ((), ())
