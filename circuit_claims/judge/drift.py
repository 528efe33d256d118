"""How a verdict stands to its record: two regressions, told apart.

With the same weights (by hash) a number that moved is a changed environment: another library, another
processor, other code that measures. Estimates have to agree within the numeric tolerance. With other weights,
a new version of the model, numbers move by nature: what fails is a finding whose verdict changed (or whose
cause did: "refuted by its value" and "refuted by its specificity" say different things), or whose
difference to the record, pair by pair, lies beyond the declared tolerance with its whole interval: its mean,
or its mean size, which sees a change that moves some pairs up and others down.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import isclose, isfinite

from circuit_claims.judge.record import SIX_DIGITS, Entry, Record
from circuit_claims.judge.tolerance import elsewhere_tolerance, numeric_tolerance
from circuit_claims.judge.values import Values
from circuit_claims.types import Claim, Evidence, Kind, Verdict


class Weights(StrEnum):
    """How the weights under test stand to those of the record."""

    SAME = "same"
    OTHER = "other"
    UNKNOWN = "unknown"
    """The record names none: it was written by hand."""


class Guard(StrEnum):
    """What fails a run with other weights than the record's (``--circuit-drift``)."""

    VERDICT = "verdict"
    """A verdict that changed."""
    ESTIMATE = "estimate"
    """Also a difference that lies beyond the declared tolerance with its whole interval."""


@dataclass(frozen=True)
class Standing:
    """How a run stands to the record that it is held against."""

    weights: Weights = Weights.UNKNOWN
    elsewhere: bool = False
    """Whether the record's numbers come from another device or precision."""
    guard: Guard = Guard.ESTIMATE
    arithmetic: bool = False
    """Whether the claims need no model: sums of published numbers, which no processor rounds differently."""


class Drift(StrEnum):
    """How a verdict stands to its record."""

    UNRECORDED = "unrecorded"
    AS_RECORDED = "as recorded"
    BORDERLINE = "borderline"
    """The verdict or its cause flipped while estimate and deciding bound stayed within tolerance."""
    MOVED = "moved"
    """The same verdict, but the estimate left its tolerance."""
    FLIPPED = "flipped"


@dataclass(frozen=True)
class Move:
    """The difference now minus recorded, over the pairs that both have.

    Its mean does not see a change that moves half of the pairs up and half of them down; its size does.
    """

    mean: float
    low: float
    high: float
    size: float
    """The mean over pairs of the difference's absolute value."""
    size_low: float
    """The lower end of the size's interval."""
    largest: float
    """The largest absolute difference of one pair."""
    n: int
    """Independent units: pairs, or clusters of pairs that share a clip."""

    def shifted(self, tolerance: float) -> bool:
        """Whether the mean lies further than this from zero, with its whole interval."""
        return self.low > tolerance or self.high < -tolerance

    def beyond(self, tolerance: float) -> bool:
        """Whether mean or size lies further than this from zero, with its whole interval."""
        return self.shifted(tolerance) or self.size_low > tolerance


@dataclass(frozen=True)
class Comparison:
    """A verdict beside its record."""

    drift: Drift
    sentence: str = ""
    entry: Entry | None = None
    move: Move | None = None
    """With other weights: by how much the measurement moved, where both have values by pair."""


@dataclass(frozen=True)
class Held:
    """A record that a run is held against."""

    record: Record
    standing: Standing = Standing()
    values: Values = field(default_factory=dict)
    """The recorded values by pair, where the record kept them."""

    def against(
        self, claim: Claim, part: str, verdict: Verdict, evidence: Evidence | None = None
    ) -> Comparison:
        """Hold a verdict on a claim, or on a part of it, against its entry."""
        name = (claim.key, part)
        entry = self.record.entries.get(name)
        return compare(entry, claim, verdict, self.standing, evidence, self.values.get(name))


def compare(
    entry: Entry | None,
    claim: Claim,
    verdict: Verdict,
    standing: Standing,
    evidence: Evidence | None = None,
    recorded: Mapping[str, float] | None = None,
) -> Comparison:
    """Hold a verdict against its record; both numbers are named where they differ.

    Args:
        entry: what was recorded; None where nothing was.
        claim: a calibration of a model (`exact`) is compared by its verdict alone: its residue is rounding.
        verdict: what is said now, of the claim or of a part of it.
        standing: how the run stands to the record.
        evidence: what it rests on; None for a claim that is settled from several parts.
        recorded: the recorded value of each pair, where the record kept them.
    """
    if entry is None:
        return Comparison(Drift.UNRECORDED)
    residue = claim.kind is Kind.EXACT and not standing.arithmetic
    same = _same(entry, verdict)
    of_parts = claim.quantifier is not None and evidence is None  # each of which is compared itself
    if residue or entry.estimate is None or (same and of_parts):
        return _said(entry, verdict) if same else _flipped(entry, verdict, "")
    if standing.weights is Weights.OTHER:
        return _with_other_weights(entry, verdict, standing.guard, evidence, recorded)
    tolerance = _tolerance(entry, evidence, standing)
    near = _within(entry.estimate, verdict.estimate, tolerance)
    if same and near:
        return _said(entry, verdict)
    why = _CHANGED[standing.weights]
    if same:
        return _moved(entry, verdict, f"(tolerance {_number(tolerance)}){why}")
    if near and entry.bound is not None and _within(entry.bound, verdict.bound, tolerance):
        return _borderline(entry, verdict)
    return _flipped(entry, verdict, why)


_CHANGED = {
    Weights.SAME: "; the weights are the same, so the environment changed and not the model",
    Weights.UNKNOWN: "",
}


def _with_other_weights(
    entry: Entry,
    verdict: Verdict,
    guard: Guard,
    evidence: Evidence | None,
    recorded: Mapping[str, float] | None,
) -> Comparison:
    """Of another version of the model: by verdict, and by the paired difference to the recorded values."""
    tolerance = entry.tolerance or 0.0
    near = _within(entry.estimate, verdict.estimate, tolerance)
    if not _same(entry, verdict):
        if near and entry.bound is not None and _within(entry.bound, verdict.bound, tolerance):
            return _borderline(entry, verdict)
        return _flipped(entry, verdict, "")
    move = None if evidence is None else paired_move(evidence, recorded or {})
    if move is not None and not move.beyond(tolerance):
        return _said(entry, verdict, move)
    if move is None and near:
        return _said(entry, verdict)
    if guard is Guard.VERDICT:
        return _said(entry, verdict, move)
    if move is None:
        return _moved(entry, verdict, f"(tolerance {_number(tolerance)})")
    apart = (
        f"by {_number(move.mean)} [{_number(move.low)}, {_number(move.high)}] over {move.n} pairs, each by "
        f"{_number(move.size)} on average"
    )
    return _moved(entry, verdict, f"{apart}, beyond the declared tolerance of {_number(tolerance)}", move)


def paired_move(now: Evidence, then: Mapping[str, float], level: float = 0.95) -> Move | None:
    """The intervals of now minus then over the pairs that both have; None where one alone is independent.

    The unit is the pair, stratified by action; pairs that share a clip are one unit (`intervals.interval`).
    """
    both = [at for at, pair in enumerate(now.pairs) if pair in then]
    if len(both) < 2:
        return None
    from circuit_claims.judge.intervals import interval

    apart = [now.values[at] - then[now.pairs[at]] for at in both]
    sizes = [abs(value) for value in apart]
    groups = [now.groups[at] for at in both] if now.groups else None
    clips = [now.clips[at] for at in both] if now.clips else None
    mean, size = (interval(values, groups, clips, level) for values in (apart, sizes))
    if not isfinite(mean.low):
        return None
    return Move(mean.estimate, mean.low, mean.high, size.estimate, size.low, max(sizes), mean.n)


def _tolerance(entry: Entry, evidence: Evidence | None, standing: Standing) -> float:
    """The tolerance for this run's place and weights; a record written by hand keeps to its declared one."""
    declared = entry.tolerance or 0.0
    unit = evidence.unit if evidence is not None else entry.unit
    if standing.elsewhere:
        return max(declared, elsewhere_tolerance(unit or "fraction", entry.estimate))
    if standing.weights is Weights.UNKNOWN or not unit:
        return declared
    return numeric_tolerance(unit, entry.estimate, evidence.values if evidence is not None else ())


def _same(entry: Entry, verdict: Verdict) -> bool:
    """Whether verdict and cause are as recorded; a record written by hand may leave out the cause."""
    return verdict.outcome is entry.verdict and entry.why in ("", verdict.reason)


def _said(entry: Entry, verdict: Verdict, move: Move | None = None) -> Comparison:
    return Comparison(Drift.AS_RECORDED, f"{verdict.outcome}, as recorded", entry, move)


def _moved(entry: Entry, verdict: Verdict, how: str, move: Move | None = None) -> Comparison:
    sentence = (
        f"{verdict.outcome}, as recorded, but the estimate moved: recorded {_number(entry.estimate)}, "
        f"now {_number(verdict.estimate)} {how}"
    )
    return Comparison(Drift.MOVED, sentence, entry, move)


def _borderline(entry: Entry, verdict: Verdict) -> Comparison:
    return Comparison(
        Drift.BORDERLINE,
        f"borderline: recorded {_verdicts(entry, verdict)}, with the estimate within tolerance "
        f"({_numbers(entry, verdict)})",
        entry,
    )


def _flipped(entry: Entry, verdict: Verdict, why: str) -> Comparison:
    sentence = f"recorded {_verdicts(entry, verdict)} ({_numbers(entry, verdict)}){why}"
    return Comparison(Drift.FLIPPED, sentence, entry)


def _verdicts(entry: Entry, verdict: Verdict) -> str:
    """Recorded and now, with their causes where these alone differ."""
    if verdict.outcome is not entry.verdict:
        return f"{entry.verdict}, now {verdict.outcome}"
    return f"{entry.verdict} ({entry.why}), now {verdict.outcome} ({verdict.reason or 'no cause'})"


def _numbers(entry: Entry, verdict: Verdict) -> str:
    return f"recorded {_number(entry.estimate)}, now {_number(verdict.estimate)}"


def _within(recorded: float | None, now: float | None, tolerance: float) -> bool:
    if recorded is None:
        return True
    if now is None:
        return False
    return abs(recorded - now) <= tolerance or isclose(recorded, now, rel_tol=SIX_DIGITS, abs_tol=1e-9)


def _number(value: float | None) -> str:
    return "nothing" if value is None else f"{value:.4g}"
