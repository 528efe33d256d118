"""From evidence and expectation to a verdict.

The rules are those of the documentation: *supported* needs the interval inside the expectation and,
for a `means` claim, a contrast with every declared control; *refuted* needs the interval outside, or
a control that is shown equivalent; everything else is *inconclusive*. A point estimate never decides
a scientific claim.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import isfinite
from typing import TYPE_CHECKING, Any

from circuit_claims.judge.claim import (
    Claim,
    Control,
    Design,
    Evidence,
    Kind,
    Outcome,
    Scope,
    Verdict,
)
from circuit_claims.judge.counted import counted
from circuit_claims.judge.expectation import Expectation

if TYPE_CHECKING:
    from circuit_claims.judge.intervals import Interval

LEVEL = 0.95
SENSES: Mapping[str, Callable[[float], float]] = {
    "below": lambda value: -value,
    "negligible": lambda value: -abs(value),
}
"""By an expectation's kind, which way a claim has to differ from its controls; otherwise upwards."""
MIN_PAIRS = 5
"""Below five pairs no exact sign-flip test reaches 5 % and no interval is trusted to decide."""


def decide(claim: Claim, evidence: Evidence, expectation: Expectation, level: float = LEVEL) -> Verdict:
    """Judge one part of a claim (or a claim without parts).

    Raises:
        ValueError: a value is not finite: measurements refuse such numbers, so this is a defect.
    """
    bad = [value for value in evidence.values if not isfinite(value)]
    if bad:
        raise ValueError(f"{claim.key}: {evidence.name} holds {bad[0]}, which is not a number to judge")
    if not evidence.values:
        why = "; ".join(sorted(set(evidence.undefined.values()))) or "nothing was measured"
        return Verdict(Outcome.INCONCLUSIVE, "undefined", f"The measurement is undefined: {why}.")
    if claim.kind is Kind.EXACT:
        return _decide_exact(evidence, expectation)
    if evidence.artifact is not None and claim.kind is Kind.MEANS:
        return replace(
            _decide_interval(claim, evidence, expectation, level),
            outcome=Outcome.ARTIFACT,
            reason="method",
            sentence=f"The number follows from the method, not from the model: {evidence.artifact}.",
        )
    if evidence.undefined:
        some, why = len(evidence.undefined), sorted(set(evidence.undefined.values()))[0]
        return replace(
            _decide_interval(claim, evidence, expectation, level),
            outcome=Outcome.INCONCLUSIVE,
            reason="undefined",
            sentence=f"Undefined for {some} of {counted(some + len(evidence.values), 'pair')}: {why}.",
        )
    if len(evidence.values) == 1 and claim.kind in (Kind.REPRODUCES, Kind.FORENSIC):
        return _decide_point(evidence, expectation)
    found = _decide_interval(claim, evidence, expectation, level)
    return _if_sensitive(found, evidence, expectation, level)


def _if_sensitive(found: Verdict, evidence: Evidence, expectation: Expectation, level: float) -> Verdict:
    """Let "there is nothing to see" stand only where the assay was able to see something.

    A supported claim, and one that is refuted because a control is no less, needs its positive controls; a
    negligible effect also needs a window jitter below the bound.
    """
    if found.outcome is not Outcome.SUPPORTED and found.reason != "specificity":
        return found
    blind = [
        f"{control.name} is {told.sentence.rstrip('.')}"
        for control in evidence.positive
        if (told := _seen(control.evidence, control.expectation, level)).outcome is not Outcome.SUPPORTED
    ]
    if expectation.kind == "negligible" and _jitters_by_more_than(evidence, expectation.high):
        blind.append(_jitter_told(evidence, expectation.high))
    if not blind:
        return found
    return replace(
        found,
        outcome=Outcome.INCONCLUSIVE,
        reason="insensitive",
        sentence=f"The assay is insensitive, so it decides nothing: {'; '.join(blind)}.",
    )


def _seen(evidence: Evidence, expectation: Expectation, level: float) -> Verdict:
    """A positive control, judged as a number of its own."""
    seen = Claim("positive-control", "", "", Kind.FORENSIC, Scope.EXACT)
    return decide(seen, evidence, expectation, level)


def _jitters_by_more_than(evidence: Evidence, bound: float) -> bool:
    return bool(evidence.jitter) and sum(evidence.jitter) / len(evidence.jitter) > bound


def _jitter_told(evidence: Evidence, bound: float) -> str:
    mean = sum(evidence.jitter) / len(evidence.jitter)
    return f"moving the window moves it by {mean:.3g}, more than the {bound:.3g} that would matter"


def _decide_exact(evidence: Evidence, expectation: Expectation) -> Verdict:
    """Every value has to hold; the estimate is the value farthest from the expectation's middle."""
    failing = [value for value in evidence.values if not expectation.holds(value)]
    # By six digits, then the lower one: a report keeps seven, and judged again it has to say the same.
    worst = max(evidence.values, key=lambda v: (float(f"{abs(v - _middle(expectation)):.6g}"), -v))
    n = len(evidence.values)
    if evidence.undefined:
        some, why = len(evidence.undefined), sorted(set(evidence.undefined.values()))[0]
        return Verdict(
            Outcome.INCONCLUSIVE,
            "undefined",
            f"Undefined for {some} of {counted(n + some, 'pair')}: {why}.",
            estimate=worst,
            n=n,
            method="every value",
        )
    if not failing:
        return Verdict(
            Outcome.SUPPORTED,
            "",
            f"{_capital(evidence.name)} is {expectation.words} in every one of {n}: worst {worst:.6g}.",
            estimate=worst,
            n=n,
            method="every value",
            bound=worst,
        )
    return Verdict(
        Outcome.REFUTED,
        "value",
        f"{_capital(evidence.name)} is not {expectation.words} in {len(failing)} of {n}: worst {worst:.6g}.",
        estimate=worst,
        n=n,
        method="every value",
        bound=worst,
    )


def _middle(expectation: Expectation) -> float:
    ends = [end for end in (expectation.low, expectation.high) if isfinite(end)]
    return sum(ends) / len(ends)


def _decide_point(evidence: Evidence, expectation: Expectation) -> Verdict:
    """One pair: a reproduction is judged by the value itself, at the published rounding."""
    value = evidence.values[0]
    holds = expectation.widened(evidence.rounding).holds(value)
    return Verdict(
        Outcome.SUPPORTED if holds else Outcome.REFUTED,
        "" if holds else "value",
        f"{_capital(evidence.name)} is {value:.4g} on the one pair; asserted is {expectation.words}.",
        estimate=value,
        n=1,
        method="point value",
        bound=value,
    )


def _decide_interval(claim: Claim, evidence: Evidence, expectation: Expectation, level: float) -> Verdict:
    # An equivalence test at 5 % is a 90 % interval inside the bound (two one-sided tests).
    used = 1 - 2 * (1 - level) if expectation.kind == "negligible" else level
    found = _interval(evidence.values, evidence, used)
    n = found.n
    if n < MIN_PAIRS:
        return Verdict(
            Outcome.INCONCLUSIVE,
            "too few pairs",
            f"{n} independent {'pair decides' if n == 1 else 'pairs decide'} nothing: "
            f"at least {MIN_PAIRS} are needed (estimate {found.estimate:.3g}).",
            estimate=found.estimate,
            n=n,
            method="point value",
        )
    low, high = found.low, found.high
    numbers = f"{found.estimate:.3g} [{low:.3g}, {high:.3g}], n = {n}"
    base = Verdict(
        Outcome.INCONCLUSIVE,
        "straddles",
        f"{_capital(evidence.name)} is {numbers}, which straddles {expectation.words}"
        f"{_more(found, expectation)}.",
        estimate=found.estimate,
        low=low,
        high=high,
        level=used,
        n=n,
        method=found.method,
        bound=expectation.deciding(low, high),
        effect=_effect(evidence, expectation),
    )
    if expectation.excludes(low, high):
        return replace(
            base,
            outcome=Outcome.REFUTED,
            reason="value",
            sentence=f"{_capital(evidence.name)} is {numbers}; asserted is {expectation.words}.",
        )
    # What random weights may show as well needs no contrast to be said, but keeps to those it declares.
    if claim.kind is Kind.MEANS and (evidence.controls or claim.scope is Scope.TRAINED):
        return _gate(base, evidence, expectation, level, numbers)
    if expectation.contains(low, high):
        return replace(
            base,
            outcome=Outcome.SUPPORTED,
            reason="",
            sentence=f"{_capital(evidence.name)} is {numbers}, which is {expectation.words}.",
        )
    return base


def _effect(evidence: Evidence, expectation: Expectation) -> dict[str, Any]:
    """Effect sizes against the nearest edge of what is asserted (against zero where it has none)."""
    from circuit_claims.judge.effects import sizes

    edges = [edge for edge in (expectation.low, expectation.high) if isfinite(edge)]
    mean = sum(evidence.values) / len(evidence.values)
    edge = min(edges, key=lambda end: abs(mean - end), default=0.0)
    return {"from": edge, **sizes([value - edge for value in evidence.values])}


def _more(found: "Interval", expectation: Expectation) -> str:
    """How many pairs would decide, if the estimate is right."""
    from circuit_claims.judge.effects import pairs_needed

    edges = [edge for edge in (expectation.low, expectation.high) if isfinite(edge)]
    if not edges:
        return ""
    nearest = min(edges, key=lambda edge: abs(found.estimate - edge))
    needed = pairs_needed(found, nearest)
    return f"; about {needed} pairs would decide" if needed is not None and needed > found.n else ""


def _gate(base: Verdict, evidence: Evidence, expectation: Expectation, level: float, numbers: str) -> Verdict:
    """Let a `means` claim through only by its contrasts with the declared controls.

    Each contrast is the difference from the control, signed so that above zero is the claimed sense: more
    than the control, but less for "below", and less in size for "negligible". It has to exclude zero (of a
    family, by max-T among its members). A control that it does not exclude refutes where it is shown
    equivalent, or shown to exceed the claim.
    """
    satisfied = expectation.contains(_number(base.low), _number(base.high))
    name = _capital(evidence.name)
    if not evidence.controls:
        if not satisfied:
            return base
        return replace(
            base,
            reason="no contrast",
            sentence=f"{name} is {numbers}, which is {expectation.words}, but it was contrasted with "
            "no control, so it is not shown to be about the outcome.",
        )
    sense = SENSES.get(expectation.kind, float)
    contrasts: list[dict[str, Any]] = []
    shown_equal, undecided = [], []
    for control in evidence.controls:
        if control.undefined:
            undecided.append(f"{control.name} ({control.undefined})")
            continue
        difference = contrast(evidence, control, level, sense)
        narrow = contrast(evidence, control, 1 - 2 * (1 - level), sense)
        told = f"{control.name} (difference {difference.estimate:.3g} "
        told += f"[{difference.low:.3g}, {difference.high:.3g}])"
        exceeded = difference.low > 0
        shown = {"control": control.name, **_bounded(difference)}
        if control.design is Design.FAMILY:
            shown["p"] = p = family_p(evidence, control, sense)
            exceeded = p <= 1 - level
            told = f"{told[:-1]}, p = {p:.2g} among {len(control.rows) + 1})"
        contrasts.append(shown)
        if exceeded:
            continue
        equal = narrow.within(-evidence.equivalence, evidence.equivalence)
        if difference.high < 0 or (equal and not _jitters_by_more_than(evidence, evidence.equivalence)):
            shown_equal.append(told)
        elif equal:
            undecided.append(f"{told} ({_jitter_told(evidence, evidence.equivalence)})")
        else:
            undecided.append(told)
    gated = replace(base, contrasts=tuple(contrasts))
    if shown_equal:
        return replace(
            gated,
            outcome=Outcome.REFUTED,
            reason="specificity",
            sentence=f"{name} is {numbers}, but it is no more than in {', '.join(shown_equal)}.",
        )
    if not satisfied:
        return gated
    if undecided:
        return replace(
            gated,
            reason="contrast",
            sentence=f"{name} is {numbers}, which is {expectation.words}, but it is not shown to exceed "
            f"{', '.join(undecided)}.",
        )
    names = ", ".join(control.name for control in evidence.controls)
    return replace(
        gated,
        outcome=Outcome.SUPPORTED,
        reason="",
        sentence=f"{name} is {numbers}, which is {expectation.words}, and more than in {names}.",
    )


def contrast(
    evidence: Evidence, control: Control, level: float, sense: Callable[[float], float] = float
) -> "Interval":
    """Claim minus control with its interval, both turned by `sense`; the method follows the control's design.

    Raises:
        ValueError: a paired control without the claim's pairs.
    """
    from circuit_claims.judge.contrasts import paired_contrast, seed_contrast, two_sample_contrast

    ours = [sense(value) for value in evidence.values]
    rows = [[sense(value) for value in row] for row in control.rows]
    groups, clips = evidence.groups or None, evidence.clips or None
    if control.design is Design.SEEDS:
        return seed_contrast(ours, rows, groups, clips, level, evidence.seed)
    if control.design is Design.FAMILY:
        typical = [sum(column) / len(column) for column in zip(ours, *rows, strict=True)]
        return paired_contrast(ours, typical, groups, clips, level, evidence.seed)
    if control.design is Design.PAIRED:
        return paired_contrast(ours, rows[0], groups, clips, level, evidence.seed)
    return two_sample_contrast(
        ours, rows[0], groups, control.groups or None, clips, control.clips or None, level
    )


def family_p(evidence: Evidence, control: Control, sense: Callable[[float], float] = float) -> float:
    """How far a member stands out of its family: the max-T p-value of its deviation from the family's mean.

    H0: no member differs from the mean of all of them, pair by pair. The claim's member has to stand out as
    much as the most extreme of all members would by chance, so picking it after a look costs nothing.
    """
    from circuit_claims.judge.permutation import max_t

    rows = [evidence.values, *control.rows]
    columns = list(zip(*([sense(value) for value in row] for row in rows), strict=True))
    deviations = [[value - sum(column) / len(column) for value in column] for column in columns]
    units = evidence.clips or None
    return max_t(deviations, "greater", units, evidence.seed)[0]


def _bounded(found: "Interval") -> dict[str, Any]:
    ends = {
        end: value if isfinite(value) else None for end, value in (("low", found.low), ("high", found.high))
    }
    return {"estimate": found.estimate, **ends, "n": found.n, "method": found.method}


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def _interval(values: Sequence[float], evidence: Evidence, level: float) -> "Interval":
    """The mean over pairs with its interval; yes-or-no values get the exact binomial one."""
    from circuit_claims.judge.intervals import Interval, interval

    if evidence.unit == "bool":
        from circuit_claims.judge.distributions import exact_binomial

        yes, n = round(sum(values)), len(values)
        low, high = exact_binomial(yes, n, level)
        sd = (yes / n * (1 - yes / n)) ** 0.5
        return Interval(yes / n, low, high, level, n, "exact binomial", sd)
    return interval(values, evidence.groups or None, evidence.clips or None, level=level, seed=evidence.seed)


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
