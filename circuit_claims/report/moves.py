"""The table of moves: how far each estimate of a new version of a model lies from the recorded one.

An estimate has moved where the value of some pair lies further from the recorded one than rounding can make
(the numeric tolerance): the same weights saved again move none, and one per cent of noise moves most.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from circuit_claims.judge.counted import counted
from circuit_claims.judge.tolerance import numeric_tolerance
from circuit_claims.report import wording

HEADINGS = ("claim", "recorded", "now", "difference, pair by pair", "tolerance")


@dataclass(frozen=True)
class Moved:
    """One estimate that moved, in words."""

    name: str
    """The claim's key, and its part."""
    recorded: str
    now: str
    difference: str
    """Now minus recorded, with its interval, the number of independent pairs, and its mean size."""
    tolerance: str
    failed: bool
    """Whether it lies beyond the declared tolerance, and fails the run."""
    size: float
    """The mean size of the difference, in declared tolerances: the largest come first."""

    @property
    def cells(self) -> tuple[str, ...]:
        """Under `HEADINGS`."""
        return self.name, self.recorded, self.now, self.difference, self.tolerance


def moves(report: Mapping[str, Any], model: str) -> tuple[list[Moved], int]:
    """The estimates of a model that moved, the largest first, and how many were compared pair by pair."""
    found: list[Moved] = []
    compared = 0
    for entry in report["claims"]:
        if entry["model"] != model:
            continue
        records = {part["part"]: part["record"] for part in entry["parts"]} or {"": entry["record"]}
        for measured in entry["measurements"]:
            record = records.get(measured["part"], {})
            move = record.get("move")
            if move is None:
                continue
            compared += 1
            values = list(measured["by_pair"].values())
            if move["largest"] > numeric_tolerance(measured["unit"], record["estimate"], values):
                found.append(_moved(entry["key"], measured, record))
    return sorted(found, key=lambda one: (not one.failed, -one.size)), compared


def sentence(found: list[Moved], compared: int) -> str:
    """``23 of 172 estimates moved with these weights, 2 beyond their tolerance``."""
    beyond = sum(one.failed for one in found)
    told = f"{len(found)} of {counted(compared, 'recorded estimate')} moved with these weights"
    if not found:
        return f"{told}: the values of all pairs are the recorded ones, up to rounding"
    return f"{told}, {beyond} beyond {'its' if beyond == 1 else 'their'} tolerance"


def _moved(key: str, measured: Mapping[str, Any], record: Mapping[str, Any]) -> Moved:
    unit, move, tolerance = measured["unit"], record["move"], record["tolerance"] or 0.0
    low, high = move["ci"]
    apart = wording.interval(move["value"], low, high, unit)
    size = wording.difference(move["size"], unit).lstrip("+")
    return Moved(
        name=f"{key} {measured['part']}".rstrip(),
        recorded=wording.number(record["estimate"], unit),
        now=wording.number(measured["value"], unit),
        difference=f"{apart} n={move['n']}, each by {size}",
        tolerance=wording.difference(tolerance, unit).lstrip("+"),
        failed=record["drift"] == "moved",
        size=move["size"] / tolerance if tolerance else move["size"],
    )
