"""From evidence and expectation to a verdict.

The rules are those of docs/verdicts.md: *supported* needs the interval inside the expectation and, for a
`means` claim, every declared control exceeded by the margin; *refuted* needs the interval outside, or a
control that is shown not to be exceeded (`gate.py`); everything else is *inconclusive*. A point estimate
never decides a scientific claim.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite
from typing import TYPE_CHECKING, Any

from circuit_claims.judge.counted import counted
from circuit_claims.judge.expectation import Expectation
from circuit_claims.judge.units import independent, told
from circuit_claims.types import Claim, Evidence, Kind, Outcome, Scope, Verdict

if TYPE_CHECKING:
    from circuit_claims.judge.intervals import Interval

LEVEL = 0.95
MIN_PAIRS = 5
"""Below five independent pairs no interval is trusted to decide."""
FEW_PAIRS = f"few pairs: fewer than {MIN_PAIRS} independent ones, each judged by its own value"
"""The flag of a reproduction that is judged so."""
HALF = 0.5
"""An effect is negligible where its mean size is, and where more than this share of the pairs is."""


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
    if judged_by_points(claim, evidence):
        found = _decide_points(evidence, expectation)
    else:
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
        f"{control.name} is {seen.sentence.rstrip('.')}"
        for control in evidence.positive
        if (seen := _seen(control.evidence, control.expectation, level)).outcome is not Outcome.SUPPORTED
    ]
    if expectation.kind == "negligible":
        from circuit_claims.judge.gate import jitters

        blind += filter(None, [jitters(evidence, expectation.high)])
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
    claim = Claim("positive-control", "", "", Kind.FORENSIC, Scope.EXACT)
    return decide(claim, evidence, expectation, level)


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


def judged_by_points(claim: Claim, evidence: Evidence) -> bool:
    """Whether a reproduction has too few pairs for an interval, so that each pair's own value is judged."""
    few = independent(evidence.clips or None, len(evidence.values)) < MIN_PAIRS
    return few and claim.kind in (Kind.REPRODUCES, Kind.FORENSIC)


def _decide_points(evidence: Evidence, expectation: Expectation) -> Verdict:
    """A reproduction on few pairs: all inside, all outside, or some of each, at the published rounding."""
    values, wide = evidence.values, expectation.widened(evidence.rounding)
    n, inside = len(values), sum(map(wide.holds, values))
    estimate = values[0] if min(values) == max(values) else sum(values) / n
    outcome, reason = Outcome.INCONCLUSIVE, "few pairs"
    if inside in (0, n):
        outcome = Outcome.SUPPORTED if inside else Outcome.REFUTED
        reason = "" if inside else "value"
    shown = (
        f"{values[0]:.4g} on the one pair"
        if n == 1
        else f"{min(values):.4g} to {max(values):.4g} on {n} pairs"
    )
    within = "" if inside in (0, n) else f", which {inside} of them {'is' if inside == 1 else 'are'}"
    nearest = min(values, key=lambda value: min(abs(value - edge) for edge in (wide.low, wide.high)))
    return Verdict(
        outcome,
        reason,
        f"{_capital(evidence.name)} is {shown}; asserted is {expectation.words}{within} (few pairs).",
        estimate=estimate,
        low=None if n == 1 else min(values),
        high=None if n == 1 else max(values),
        n=independent(evidence.clips or None, n),
        method="point value" if n == 1 else "point values",
        bound=nearest,
    )


def _decide_interval(claim: Claim, evidence: Evidence, expectation: Expectation, level: float) -> Verdict:
    sizes = expectation.kind == "negligible"
    found = _interval([abs(v) for v in evidence.values] if sizes else evidence.values, evidence, level)
    if found.n < MIN_PAIRS:
        return _too_few(found, evidence, expectation)
    low, high = found.low, found.high
    numbers = f"{found.estimate:.3g} [{low:.3g}, {high:.3g}]{' in size' if sizes else ''}, n = {found.n}"
    inside, outside = expectation.contains(low, high), expectation.excludes(low, high)
    if sizes:
        inside, outside, within = _by_pair(found, evidence, expectation.high, level)
        numbers += within
    name = _capital(evidence.name)
    base = Verdict(
        Outcome.INCONCLUSIVE,
        "straddles",
        f"{name} is {numbers}, which straddles {expectation.words}{_more(found, expectation)}.",
        estimate=found.estimate,
        low=low,
        high=high,
        level=level,
        n=found.n,
        method=found.method,
        bound=expectation.deciding(low, high),
        effect=_effect(evidence, expectation),
    )
    if outside:
        return replace(
            base,
            outcome=Outcome.REFUTED,
            reason="value",
            sentence=f"{name} is {numbers}; asserted is {expectation.words}.",
        )
    # What random weights may show as well needs no contrast to be said, but keeps to those it declares.
    if claim.kind is Kind.MEANS and (evidence.controls or claim.scope is Scope.TRAINED):
        return _gate(base, evidence, expectation, level, numbers, satisfied=inside)
    if inside:
        return replace(
            base,
            outcome=Outcome.SUPPORTED,
            reason="",
            sentence=f"{name} is {numbers}, which is {expectation.words}.",
        )
    return base


def _too_few(found: "Interval", evidence: Evidence, expectation: Expectation) -> Verdict:
    there = told(evidence.clips or None, len(evidence.values))
    decide = "decides" if len(evidence.values) == 1 else "decide"
    return Verdict(
        Outcome.INCONCLUSIVE,
        "too few pairs",
        f"{there} {decide} nothing: at least {MIN_PAIRS} are needed (estimate {found.estimate:.3g})"
        f"{_more(found, expectation, at_least=MIN_PAIRS)}.",
        estimate=found.estimate,
        n=found.n,
        method="point value",
    )


def _by_pair(found: "Interval", evidence: Evidence, bound: float, level: float) -> tuple[bool, bool, str]:
    """Whether an effect is negligible pair by pair: shown, shown not to be, and the share in words.

    A signed mean would call large effects of both signs none. The mean size has to lie below the bound, and
    most pairs within it; either of these shown otherwise refutes.
    """
    from circuit_claims.judge.shares import share

    beyond = [float(abs(value) >= bound) for value in evidence.values]
    shared = share(beyond, evidence.clips or None, level)
    words = f", beyond the bound in {round(sum(beyond))} of {len(beyond)}"
    return (
        found.high < bound and shared.high < HALF,
        found.low >= bound or shared.low > HALF,
        words,
    )


def _effect(evidence: Evidence, expectation: Expectation) -> dict[str, Any]:
    """Effect sizes against the nearest edge of what is asserted (against zero where it has none)."""
    from circuit_claims.judge.effects import sizes

    edges = [edge for edge in (expectation.low, expectation.high) if isfinite(edge)]
    mean = sum(evidence.values) / len(evidence.values)
    edge = min(edges, key=lambda end: abs(mean - end), default=0.0)
    return {"from": edge, **sizes([value - edge for value in evidence.values], evidence.clips or None)}


def _more(found: "Interval", expectation: Expectation, at_least: int = 0) -> str:
    """How many pairs would decide, if the estimate is right."""
    from circuit_claims.judge.effects import pairs_needed

    edges = [edge for edge in (expectation.low, expectation.high) if isfinite(edge)]
    if not edges:
        return ""
    nearest = min(edges, key=lambda edge: abs(found.estimate - edge))
    needed = pairs_needed(found, nearest)
    if needed is None or max(needed, at_least) <= found.n:
        return ""
    return f"; about {max(needed, at_least)} pairs would decide"


def _gate(
    base: Verdict,
    evidence: Evidence,
    expectation: Expectation,
    level: float,
    numbers: str,
    *,
    satisfied: bool,
) -> Verdict:
    """Let a `means` claim through only by its contrasts with the declared controls (`gate.py`)."""
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
    from circuit_claims.judge.gate import EXCEEDED, NOT_EXCEEDED, contrasts

    made = contrasts(evidence, expectation.kind, level)
    gated = replace(base, contrasts=tuple(one.plain() for one in made if one.found is not None))
    margin = f" by {evidence.margin:g}" if evidence.margin else ""
    not_exceeded = [one.words for one in made if one.standing == NOT_EXCEEDED]
    if not_exceeded:
        return replace(
            gated,
            outcome=Outcome.REFUTED,
            reason="specificity",
            sentence=f"{name} is {numbers}, but it does not exceed {', '.join(not_exceeded)}{margin}.",
        )
    opened = [one for one in made if one.standing != EXCEEDED]
    if not satisfied:
        return gated
    if opened:
        return replace(
            gated,
            reason="contrast",
            sentence=f"{name} is {numbers}, which is {expectation.words}, but it is not shown to exceed "
            f"{', '.join(one.words for one in opened)}{margin}.",
            wants_seeds=tuple(one.control for one in opened)
            if all(one.wants_seeds for one in opened)
            else (),
        )
    names = ", ".join(control.name for control in evidence.controls)
    return replace(
        gated,
        outcome=Outcome.SUPPORTED,
        reason="",
        sentence=f"{name} is {numbers}, which is {expectation.words}, and exceeds {names}{margin}.",
    )


def _interval(values: Sequence[float], evidence: Evidence, level: float) -> "Interval":
    """The mean over pairs with its interval; a share of yes and no gets an exact one."""
    from circuit_claims.judge.intervals import interval
    from circuit_claims.judge.shares import share

    if evidence.unit == "bool":
        return share(values, evidence.clips or None, level)
    return interval(values, evidence.groups or None, evidence.clips or None, level)


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
