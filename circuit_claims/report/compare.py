"""Two reports side by side: which verdicts flipped, which numbers moved, and what else was otherwise.

A verdict is read per claim and per part. A number has moved when its difference over the pairs that both
reports have is shown to be more than rounding (`pairwise.py`). Where there are no two pairs in common it has
moved when either estimate lies outside the other's interval, or, where there is none, when the two are not
the same to six digits. A calibration's residue is rounding, and never moves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from math import isclose
from typing import Any

from circuit_claims.judge.counted import counted
from circuit_claims.report import wording
from circuit_claims.report.pairwise import Measured, Pairwise, Parts, Report, pairwise
from circuit_claims.report.text import cleaned


class Change(StrEnum):
    """What became of a claim or a part of one, the gravest first."""

    FLIPPED = "flipped"
    GONE = "gone"
    """Judged in the first report only."""
    MOVED = "moved"
    NEW = "new"
    """Judged in the second report only."""
    ALIKE = "alike"
    """Not shown to differ."""


@dataclass(frozen=True)
class Difference:
    """One claim, or one part of one, that is not as it was."""

    change: Change
    key: str
    part: str
    """Empty for the claim itself."""
    was: str
    """The verdict in the first report; empty where it was not judged."""
    now: str
    numbers_were: str
    numbers_are: str
    by_pair: str = ""
    """Second minus first, pair by pair, with its 95 % interval; empty where no two pairs are in common."""


@dataclass(frozen=True)
class Compared:
    """What two reports have in common, and what not."""

    first: str
    second: str
    compared: int
    """Claims that both judged."""
    of: int
    """Claims that either judged."""
    differences: tuple[Difference, ...]
    """Flips first."""
    environment: tuple[tuple[str, str, str], ...]
    """What else was otherwise: name, then, now."""
    alike: tuple[Difference, ...] = ()
    """What both judged and is not shown to differ."""

    def fails(self, on: Sequence[Change]) -> bool:
        """Whether there is a difference of one of these kinds."""
        return any(difference.change in on for difference in self.differences)


class NothingToCompare(Exception):  # noqa: N818 - what it is, not what went wrong
    """The two reports judge no claim in common; the message says of what each is."""


def models_of(report: Report) -> list[str]:
    """The models of a report, by name."""
    return [str(model["name"]) for model in report["models"]]


def compare(first: Report, second: Report, models: tuple[str, str] | None = None) -> Compared:
    """Compare two reports, or two models of one or two reports.

    Without `models` claims are matched by key and model; where each report is of one model these two are
    compared, whatever they are called (a model and its fine-tuned version). Claims about published tables
    belong to every comparison of whole reports.

    Raises:
        NothingToCompare: no claim is judged in both, or a report has not the model that was named.
    """
    first, second = cleaned(first), cleaned(second)
    names = _pairing(first, second, models)
    left, right = _judged(first, names, 0, tables=not models), _judged(second, names, 1, tables=not models)
    both = [key for key in left if key in right]
    if not both:
        raise NothingToCompare(
            f"no claim is judged in both: the first report is of {_of(first)}, the second of {_of(second)}; "
            "name a model of each with --models"
        )
    by_pair = pairwise(second, left, right)
    found = [
        difference
        for key in dict.fromkeys([*left, *right])
        for difference in _differences(left.get(key), right.get(key), by_pair.get(key, {}))
    ]
    order = list(Change)
    differences = [one for one in found if one.change is not Change.ALIKE]
    return Compared(
        first=_named(first, [pair[0] for pair in names]),
        second=_named(second, [pair[1] for pair in names]),
        compared=len(both),
        of=len({*left, *right}),
        differences=tuple(sorted(differences, key=lambda found: order.index(found.change))),
        environment=tuple(_environment(first, second, names)),
        alike=tuple(one for one in found if one.change is Change.ALIKE),
    )


def _pairing(first: Report, second: Report, models: tuple[str, str] | None) -> list[tuple[str, str]]:
    ours, theirs = models_of(first), models_of(second)
    if models:
        for name, there in zip(models, (ours, theirs), strict=True):
            if name not in there:
                raise NothingToCompare(f"no model is called {name}; there is {', '.join(there) or 'none'}")
        return [models]
    if len(ours) == len(theirs) == 1:
        return [(ours[0], theirs[0])]
    return [(name, name) for name in dict.fromkeys([*ours, *theirs])]


def _judged(
    report: Report, names: Sequence[tuple[str, str]], side: int, *, tables: bool
) -> dict[tuple[str, int], Mapping[str, Any]]:
    """Claims by their key and the number of their pair of models (-1: no model)."""
    numbered = {pair[side]: number for number, pair in enumerate(names)}
    found = {}
    for entry in report["claims"]:
        if entry["verdict"] == "incomplete":
            continue
        if entry["model"] is None and tables:
            found[entry["key"], -1] = entry
        elif entry["model"] in numbered:
            found[entry["key"], numbered[entry["model"]]] = entry
    return found


def _differences(
    was: Mapping[str, Any] | None, now: Mapping[str, Any] | None, by_pair: Parts
) -> Iterator[Difference]:
    """Of a claim, and of its parts where it has several."""
    if was is None or now is None:
        entry = was or now
        assert entry is not None
        change = Change.NEW if was is None else Change.GONE
        yield _difference(change, entry["key"], "", was, now)
        return
    parts = {p["part"]: p for p in was["parts"]}, {p["part"]: p for p in now["parts"]}
    numbers = _numbers(was), _numbers(now)
    exact = was["kind"] == "exact" and was["model"] is not None
    if was["verdict"] != now["verdict"]:
        yield _difference(Change.FLIPPED, was["key"], "", was, now, by_pair.get(""))
    elif not was["parts"]:
        moved = not exact and _has_moved(numbers[0].get(""), numbers[1].get(""), by_pair.get(""))
        change = Change.MOVED if moved else Change.ALIKE
        yield _difference(change, was["key"], "", was, now, by_pair.get(""))
    for part in dict.fromkeys([*parts[0], *parts[1]]):
        before, after = parts[0].get(part), parts[1].get(part)
        values = numbers[0].get(part), numbers[1].get(part)
        if before is None or after is None:
            change = Change.NEW if before is None else Change.GONE
        elif before["verdict"] != after["verdict"]:
            change = Change.FLIPPED
        else:
            moved = not exact and _has_moved(*values, by_pair.get(part))
            change = Change.MOVED if moved else Change.ALIKE
        yield Difference(
            change,
            was["key"],
            part,
            before["verdict"] if before else "",
            after["verdict"] if after else "",
            wording.numbers(values[0]) if values[0] else "",
            wording.numbers(values[1]) if values[1] else "",
            by_pair[part].words if part in by_pair else "",
        )


def _has_moved(was: Measured | None, now: Measured | None, pairwise: Pairwise | None) -> bool:
    return pairwise.moved if pairwise is not None else _moved(was, now)


def _difference(
    change: Change,
    key: str,
    part: str,
    was: Mapping[str, Any] | None,
    now: Mapping[str, Any] | None,
    pairwise: Pairwise | None = None,
) -> Difference:
    return Difference(
        change,
        key,
        part,
        wording.short_verdict(was) if was else "",
        wording.short_verdict(now) if now else "",
        wording.observed(was) if was else "",
        wording.observed(now) if now else "",
        pairwise.words if pairwise else "",
    )


def _numbers(entry: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {measured["part"]: measured for measured in entry["measurements"]}


def _moved(was: Measured | None, now: Measured | None) -> bool:
    """Without pairs in common: whether either estimate lies outside the other's interval."""
    if was is None or now is None:
        return was is not now
    a, b = was["value"], now["value"]
    if a is None or b is None:
        return a is not b
    if isclose(a, b, rel_tol=5e-6, abs_tol=1e-9):
        return False
    return _outside(a, now["ci"]) or _outside(b, was["ci"])


def _outside(value: float, interval: Sequence[float | None] | None) -> bool:
    if not interval:
        return True
    low, high = interval
    return (low is not None and value < low) or (high is not None and value > high)


def _environment(
    first: Report, second: Report, names: Sequence[tuple[str, str]]
) -> Iterator[tuple[str, str, str]]:
    ours, theirs = first["run"], second["run"]
    told = (
        "circuit_claims",
        "device",
        "precision",
        "threads",
        "seed",
        "profile",
        "instruction_set",
        "pair_set",
        "pairs",
        "python",
    )
    for key in told:
        if ours.get(key) != theirs.get(key):
            yield key.replace("_", " "), str(ours.get(key)), str(theirs.get(key))
    packages = ours.get("packages", {}), theirs.get("packages", {})
    for name in sorted({*packages[0], *packages[1]}):
        if packages[0].get(name) != packages[1].get(name):
            yield name, str(packages[0].get(name, "absent")), str(packages[1].get(name, "absent"))
    by_name = [{model["name"]: model for model in report["models"]} for report in (first, second)]
    for one, other in names:
        was, now = by_name[0].get(one, {}), by_name[1].get(other, {})
        for key, word in (("name", "model"), ("revision", "revision"), ("fingerprint", "weights")):
            if was and now and was.get(key) != now.get(key):
                yield word, _short(was.get(key)), _short(now.get(key))
        if was and now and was.get("clips") != now.get("clips"):
            yield f"clips of {one}", _short(was.get("clips")), _short(now.get("clips"))


def _short(value: Any) -> str:
    text = "none" if value is None else str(value)
    return text[:16] if len(text) >= 40 and " " not in text else text


def _named(report: Report, models: Sequence[str]) -> str:
    mine = [name for name in models if name in models_of(report)]
    return ", ".join(mine) or "the published tables"


def _of(report: Report) -> str:
    return _named(report, models_of(report))


def as_plain(compared: Compared) -> dict[str, Any]:
    """The comparison as JSON data."""
    return {
        "schema": "circuit-claims/comparison",
        "version": 1,
        **asdict(compared),
        "environment": [{"name": name, "was": was, "now": now} for name, was, now in compared.environment],
        "counts": counts(compared),
        "alike": [asdict(one) for one in compared.alike],
    }


def counts(compared: Compared) -> dict[str, int]:
    """How many claims and parts changed, by kind."""
    found = [difference.change for difference in compared.differences]
    return {str(change): found.count(change) for change in Change if change in found}


def summary(compared: Compared) -> str:
    """``compared 35 of 37 claims: 2 flipped, 1 moved``."""
    told = ", ".join(f"{count} {change}" for change, count in counts(compared).items())
    return f"compared {compared.compared} of {counted(compared.of, 'claim')}: {told or 'nothing changed'}"
