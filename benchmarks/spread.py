"""How far numbers of the same model lie apart between settings: arithmetic over reports, which runs nothing.

A *reading* is an estimate, or an end of its interval, as one report holds it. The *spread* of a number is its
largest reading less its smallest. A report keeps six significant digits, so a spread below that shows as 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import PurePosixPath
from typing import Any

from circuit_claims.judge.tolerance import MARGIN, numeric_tolerance

DIGIT = 5e-6
"""Relative: two numbers that round to neighbours in the sixth digit lie up to twice this apart."""


@dataclass(frozen=True)
class Reading:
    """One number of a report."""

    claim: str
    """Its key, as `no-single-100/means`."""
    part: str
    which: str
    """`estimate`, `low` or `high`."""
    kind: str
    """What kind of measurement it is: the claim's file, as `amplification`; `calibration` is judged against
    bounds of its own."""
    unit: str
    value: float
    estimate: float
    """Of its claim and part: an end of an interval is compared within the estimate's tolerance."""
    exact: bool = False
    """Of an `exact` claim: compared by its verdict, and never by its digits."""

    @property
    def name(self) -> str:
        """Claim, part and which of its numbers."""
        return " ".join(filter(None, (self.claim, self.part, self.which if self.which != "estimate" else "")))


def readings(report: Mapping[str, Any]) -> Iterator[Reading]:
    """Every estimate on a model, and the ends of its interval where it has one."""
    for entry in report["claims"]:
        if not entry["model"]:
            continue
        kind = kind_of(entry["nodeids"][0])
        for one in entry["measurements"]:
            if one["value"] is None:
                continue
            low, high = one["ci"] or (None, None)
            of = (entry["key"], one["part"])
            for which, value in (("estimate", one["value"]), ("low", low), ("high", high)):
                if value is not None:
                    exact = entry["kind"] == "exact"
                    yield Reading(*of, which, kind, one["unit"], value, one["value"], exact)


def kind_of(nodeid: str) -> str:
    """A claim's file in words: `claims/test_3_division_of_labour.py::test_x` is `division of labour`."""
    stem = PurePosixPath(nodeid.split("::")[0]).stem
    return " ".join(word for word in stem.split("_")[1:] if not word.isdecimal())


def verdicts(report: Mapping[str, Any]) -> dict[str, str]:
    """The bare verdict of every claim, and of every part of it."""
    found: dict[str, str] = {}
    for entry in report["claims"]:
        found[entry["key"]] = entry["verdict"]
        for part in entry["parts"]:
            found[f"{entry['key']} {part['part']}"] = part["verdict"]
    return found


def differing(native: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """Claims and parts whose verdict is another, or that only one of the two has, each told."""
    return [
        f"{name}: {native.get(name, 'not judged')}, here {other.get(name, 'not judged')}"
        for name in sorted(native.keys() | other.keys())
        if native.get(name) != other.get(name)
    ]


def drifts(report: Mapping[str, Any]) -> list[str]:
    """Claims that are not as the model's record has them: what fails a run whose verdicts are native's."""
    found = []
    for entry in report["claims"]:
        said = {entry["record"]["drift"], *(part["record"]["drift"] for part in entry["parts"])}
        worst = next((drift for drift in ("flipped", "moved", "borderline") if drift in said), "")
        found += [f"{entry['key']} {worst}"] if worst else []
    return found


@dataclass(frozen=True)
class Spread:
    """How far one number lies apart over all settings that read it."""

    reading: Reading
    """As the first setting has it."""
    lowest: float
    highest: float
    settings: int

    @property
    def apart(self) -> float:
        """Largest less smallest; what is one number in six digits is 0."""
        apart = self.highest - self.lowest
        return apart if apart > DIGIT * 1e-3 * self._size else 0.0

    @property
    def relative(self) -> float:
        """Relative to the number."""
        return self.apart / self._size if self._size else 0.0

    @property
    def _size(self) -> float:
        return max(abs(self.lowest), abs(self.highest))

    @property
    def tolerance(self) -> float:
        """How far a record lets this number move with the same weights."""
        return numeric_tolerance(self.reading.unit, self.reading.estimate)

    @property
    def room(self) -> float:
        """How many times the spread the tolerance is."""
        return self.tolerance / self.apart if self.apart else inf


def spreads(reports: Sequence[Mapping[str, Any]]) -> list[Spread]:
    """The spread of every number that two or more reports have; all reports are of the same pairs."""
    found: dict[str, list[Reading]] = {}
    for report in reports:
        for reading in readings(report):
            found.setdefault(reading.name, []).append(reading)
    return [
        Spread(same[0], min(one.value for one in same), max(one.value for one in same), len(same))
        for same in found.values()
        if len(same) > 1
    ]


@dataclass(frozen=True)
class Group:
    """The numbers of one unit and kind of measurement."""

    unit: str
    kind: str
    exact: bool
    numbers: int
    moved: int
    """How many differ in the six digits of a report."""
    widest: Spread
    """By absolute spread."""
    relatively: Spread
    """By relative spread."""
    tightest: Spread
    """With the least room in its tolerance."""

    @property
    def fits(self) -> bool:
        """Whether every tolerance has room enough; residues of exact claims have no tolerance."""
        return self.exact or self.tightest.room >= MARGIN


def grouped(found: Iterable[Spread]) -> list[Group]:
    """By unit and kind, exact claims apart."""
    groups: dict[tuple[bool, str, str], list[Spread]] = {}
    for one in found:
        groups.setdefault((one.reading.exact, one.reading.unit, one.reading.kind), []).append(one)
    return [
        Group(
            unit,
            kind,
            exact,
            len(members),
            sum(one.apart > 0 for one in members),
            max(members, key=lambda one: one.apart),
            max(members, key=lambda one: one.relative),
            min(members, key=lambda one: one.room),
        )
        for (exact, unit, kind), members in sorted(groups.items())
    ]


def slim(report: Mapping[str, Any]) -> dict[str, Any]:
    """What this module reads of a report, and nothing else: a hundredth of it."""
    return {
        "claims": [
            {
                **{name: entry[name] for name in ("key", "model", "kind", "verdict")},
                "nodeids": entry["nodeids"][:1],
                "record": {"drift": entry["record"]["drift"]},
                "parts": [
                    {
                        **{n: part[n] for n in ("part", "verdict")},
                        "record": {"drift": part["record"]["drift"]},
                    }
                    for part in entry["parts"]
                ],
                "measurements": [
                    {name: one[name] for name in ("part", "unit", "value", "ci")}
                    for one in entry["measurements"]
                ],
            }
            for entry in report["claims"]
        ]
    }
