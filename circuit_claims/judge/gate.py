"""The contrasts of a claim with its controls, and the one rule by which they decide.

With m the smallest difference that matters, a control is *exceeded* when the interval of claim minus control
lies above m, *not exceeded* when it lies below m, and otherwise undecided. A claim is specific when every
control is exceeded (an intersection-union test: no correction, Berger 1982). It is not when one of them is
shown not to be, and there were as many chances to see that as there are controls: their levels are Holm's
(1979), whose first step is alpha over the number of controls. So each truth goes to one verdict as pairs are
added, and a difference of exactly m to neither.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from circuit_claims.judge.contrasts import paired_contrast, two_sample_contrast
from circuit_claims.judge.effects import pairs_needed
from circuit_claims.judge.family import family_p, typical
from circuit_claims.judge.intervals import Interval
from circuit_claims.judge.seeds import MOST, SeedContrast, seed_contrast, seeds_needed
from circuit_claims.judge.shares import paired_difference, two_sample_difference
from circuit_claims.types import Control, Design, Evidence

Sense = Callable[[float], float]

SENSES: Mapping[str, Sense] = {
    "below": lambda value: -value,
    "negligible": lambda value: -abs(value),
}
"""By an expectation's kind, which way a claim has to differ from its controls; otherwise upwards."""

EXCEEDED, NOT_EXCEEDED, UNDECIDED = "exceeded", "not exceeded", "undecided"


@dataclass(frozen=True)
class Contrast:
    """A claim beside one of its controls."""

    control: str
    found: Interval | None
    """Claim minus control at the claim's level; None where the control is undefined."""
    standing: str
    """`EXCEEDED`, `NOT_EXCEEDED` or `UNDECIDED`."""
    words: str
    """For the verdict's sentence: the control's name and the difference, and what would decide."""
    p: float | None = None
    """Of a family: the max-T p-value."""
    wants_seeds: bool = False
    """Whether it is open for want of seeds of random weights, the pairs being clear."""

    def plain(self) -> dict[str, Any]:
        """As reports keep it."""
        assert self.found is not None
        ends = {name: end if isfinite(end) else None for name, end in self._ends()}
        shown = {"estimate": self.found.estimate, **ends, "n": self.found.n, "method": self.found.method}
        return {"control": self.control, **shown, **({} if self.p is None else {"p": self.p})}

    def _ends(self) -> tuple[tuple[str, float], tuple[str, float]]:
        assert self.found is not None
        return ("low", self.found.low), ("high", self.found.high)


def contrasts(evidence: Evidence, kind: str, level: float) -> list[Contrast]:
    """Every control beside the claim, by the rule above; `kind` is the expectation's."""
    defined = sum(not control.undefined for control in evidence.controls)
    return [beside(evidence, control, kind, level, defined) for control in evidence.controls]


def beside(evidence: Evidence, control: Control, kind: str, level: float, controls: int) -> Contrast:
    """One control beside the claim; `controls` is how many the claim has."""
    if control.undefined:
        return Contrast(control.name, None, UNDECIDED, f"{control.name} ({control.undefined})")
    sense, margin = SENSES.get(kind, float), evidence.margin
    found, seeds = contrast(evidence, control, level, sense)
    p = _family_p(evidence, control, sense, margin) if control.design is Design.FAMILY else None
    numbers = f"difference {found.estimate:.3g} [{found.low:.3g}, {found.high:.3g}]"
    numbers += "" if p is None else f", p = {p:.2g} among {len(control.rows) + 1}"
    if found.low > margin and (p is None or p <= 1 - level):
        return Contrast(control.name, found, EXCEEDED, f"{control.name} ({numbers})", p)
    strict, strict_seeds = found, seeds
    if controls > 1 and found.estimate < margin:  # where it is not, no interval about it lies below
        strict, strict_seeds = contrast(evidence, control, 1 - (1 - level) / controls, sense)
    if strict.high < margin:
        moved = jitters(evidence, margin)
        if strict.high < 0 or not moved:
            return Contrast(control.name, found, NOT_EXCEEDED, f"{control.name} ({numbers})", p)
        return Contrast(control.name, found, UNDECIDED, f"{control.name} ({numbers}; {moved})", p)
    open_side = (strict, strict_seeds) if found.estimate < margin else (found, seeds)
    wanted, wants_seeds = _wanted(*open_side, margin)
    return Contrast(control.name, found, UNDECIDED, f"{control.name} ({numbers}{wanted})", p, wants_seeds)


def contrast(
    evidence: Evidence, control: Control, level: float, sense: Sense = float
) -> tuple[Interval, SeedContrast | None]:
    """Claim minus control with its interval, both turned by `sense`; the method follows the control's design.

    Raises:
        ValueError: a paired control without the claim's pairs.
    """
    ours = [sense(value) for value in evidence.values]
    rows = [[sense(value) for value in row] for row in control.rows]
    groups, clips = evidence.groups or None, evidence.clips or None
    yes_or_no = evidence.unit == "bool"
    if control.design is Design.UNPAIRED:
        theirs, apart = control.groups or None, control.clips or None
        if yes_or_no and sense(1.0) < 0:
            return two_sample_difference(control.rows[0], evidence.values, apart, clips, level), None
        if yes_or_no:
            return two_sample_difference(ours, rows[0], clips, apart, level), None
        return two_sample_contrast(ours, rows[0], groups, theirs, clips, apart, level), None
    if control.design is Design.PAIRED:
        middle = rows[0]
    else:
        middle = typical([ours, *rows] if control.design is Design.FAMILY else rows)
    if control.base:
        pairs = _beyond_base(ours, middle, evidence, control, level, sense)
    elif yes_or_no:
        if len(middle) != len(ours):
            raise ValueError(f"{len(ours)} claim and {len(middle)} control values: a pair needs both")
        pairs = paired_difference([x - y for x, y in zip(ours, middle, strict=True)], clips, level)
    else:
        pairs = paired_contrast(ours, middle, groups, clips, level)
    if control.design is not Design.SEEDS:
        return pairs, None
    means, trained = [_mean(row) for row in rows], _mean(ours)
    if control.base:
        own, *others = ([sense(value) for value in row] for row in control.base)
        trained -= _mean(own)
        means = [mean - _mean(other) for mean, other in zip(means, others, strict=True)]
    by_seed = seed_contrast(pairs, trained, means, level)
    return by_seed.interval, by_seed


def _beyond_base(
    ours: Sequence[float],
    middle: Sequence[float],
    evidence: Evidence,
    control: Control,
    level: float,
    sense: Sense,
) -> Interval:
    """Trained minus random of what a claim has beyond its same-outcome pairs: a difference of differences."""
    own, *others = ([sense(value) for value in row] for row in control.base)
    lift = [x - y for x, y in zip(ours, middle, strict=True)]
    base = [x - y for x, y in zip(own, typical(others), strict=True)]
    groups, clips = evidence.groups or None, evidence.clips or None
    return two_sample_contrast(
        lift, base, groups, control.groups or None, clips, control.clips or None, level
    )


def _wanted(found: Interval, seeds: SeedContrast | None, margin: float) -> tuple[str, bool]:
    """What would decide, in words, and whether it is more seeds: the pairs are clear, and these are not."""
    if seeds is not None and isfinite(seeds.seeds.sd) and not seeds.pairs.low <= margin <= seeds.pairs.high:
        needed = seeds_needed(seeds.seeds.sd, abs(seeds.seeds.estimate - margin), found.level)
        if needed is None:
            return f"; not even {MOST} seeds would decide", False
        return f"; about {needed} seeds would decide", True
    pairs = pairs_needed(found, margin)
    return (f"; about {pairs} pairs would decide" if pairs is not None and pairs > found.n else ""), False


def jitters(evidence: Evidence, bound: float) -> str:
    """By how much moving the window moves the number, where that is more than what would matter."""
    if not evidence.jitter:
        return ""
    mean = sum(evidence.jitter) / len(evidence.jitter)
    if mean <= bound:
        return ""
    return f"moving the window moves it by {mean:.3g}, more than the {bound:.3g} that would matter"


def _family_p(evidence: Evidence, control: Control, sense: Sense, margin: float) -> float:
    members = [[sense(value) for value in row] for row in (evidence.values, *control.rows)]
    return family_p(members, margin, evidence.clips or None, evidence.seed)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
