"""The run's book: what each item said, what each claim comes to, and how the process should end.

Items are judged where they run, possibly in several worker processes. Their results come here as
plain data; the claim's verdict is computed from all its parts, once, and held against the record.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from circuit_claims.judge.counted import counted
from circuit_claims.judge.drift import Comparison, Drift, Held
from circuit_claims.judge.expectation import Expectation
from circuit_claims.judge.quantify import quantify
from circuit_claims.judge.record import Entry
from circuit_claims.judge.tolerance import declared_tolerance
from circuit_claims.types import Claim, Evidence, Kind, Outcome, Quantifier, Verdict


@dataclass(frozen=True)
class Planned:
    """One item that was collected: a claim, or a part of one, on one model."""

    claim: Claim
    model: str
    """Empty for claims that need no model."""
    part: str
    """``layer=4``; empty for a claim without parts."""
    parts: int
    """How many parts the claim has, whether or not all were selected."""
    nodeid: str


NO_RECORD = Comparison(Drift.UNRECORDED)


@dataclass(frozen=True)
class Result:
    """What one item said."""

    planned: Planned
    verdict: Verdict
    evidence: Evidence | None = None
    expectation: Expectation | None = None
    comparison: Comparison = NO_RECORD
    seconds: float = 0.0


@dataclass(frozen=True)
class Finding:
    """A claim on one model, settled from all its parts."""

    claim: Claim
    model: str
    verdict: Verdict
    comparison: Comparison
    parts: tuple[Result, ...]
    expected: int


class Mark(StrEnum):
    """How pytest shows an item."""

    PASSED = "passed"
    FAILED = "failed"
    XFAILED = "xfailed"
    """Refuted, as recorded."""
    INCONCLUSIVE = "inconclusive"
    PART = "part"
    """A refuted part of an "any" claim, which refutes nothing by itself."""
    SKIPPED = "skipped"


def mark(result: Result) -> Mark:
    """What an item's verdict, beside its record, is to pytest."""
    outcome, drift = result.verdict.outcome, result.comparison.drift
    if outcome is Outcome.ERROR or drift in (Drift.FLIPPED, Drift.MOVED):
        return Mark.FAILED
    if outcome is Outcome.SUPPORTED:
        return Mark.PASSED
    if outcome is Outcome.INCONCLUSIVE:
        return Mark.INCONCLUSIVE
    if outcome is Outcome.NOT_APPLICABLE:
        return Mark.SKIPPED
    if drift in (Drift.AS_RECORDED, Drift.BORDERLINE):
        return Mark.XFAILED
    any_part = result.planned.claim.quantifier is Quantifier.ANY and outcome is Outcome.REFUTED
    return Mark.PART if any_part else Mark.FAILED


def settle(planned: Iterable[Planned], results: Iterable[Result], held: Mapping[str, Held]) -> list[Finding]:
    """Every claim's verdict on every model, in the order of collection; `held` are the records, by model."""
    groups: dict[tuple[str, str], list[Planned]] = {}
    for item in planned:
        groups.setdefault((item.model, item.claim.key), []).append(item)
    by_part: dict[tuple[str, str, str], Result] = {}
    for result in results:
        by_part[result.planned.model, result.planned.claim.key, result.planned.part] = result
    findings = []
    for (model, key), items in groups.items():
        order = [by_part[model, key, i.part] for i in items if (model, key, i.part) in by_part]
        verdict = _verdict(items[0].claim, order, items[0].parts)
        comparison = NO_RECORD
        if model in held and verdict.outcome not in (Outcome.INCOMPLETE, Outcome.ERROR):
            alone = order[0].evidence if order and items[0].claim.quantifier is None else None
            comparison = _with_parts(held[model].against(items[0].claim, "", verdict, alone), verdict, order)
        findings.append(Finding(items[0].claim, model, verdict, comparison, tuple(order), items[0].parts))
    return findings


def _with_parts(whole: Comparison, verdict: Verdict, parts: Sequence[Result]) -> Comparison:
    """The comparison of a claim whose verdict is as recorded, where parts of it are not."""
    apart = [part for part in parts if part.comparison.drift in (Drift.MOVED, Drift.FLIPPED)]
    if whole.drift is not Drift.AS_RECORDED or not apart:
        return whole
    first = apart[0]
    if not first.planned.part:
        return first.comparison
    differ = "differs" if len(apart) == 1 else "differ"
    told = f"{len(apart)} of {counted(len(parts), 'part')} {differ}: {first.planned.part}"
    sentence = f"{verdict.outcome}, as recorded, but {told}: {first.comparison.sentence}"
    return replace(whole, drift=Drift.MOVED, sentence=sentence)


def _verdict(claim: Claim, results: Sequence[Result], expected: int) -> Verdict:
    judged = [
        (result.evidence, result.expectation, result.verdict)
        for result in results
        if result.evidence is not None and result.expectation is not None
    ]
    unjudged = [result.verdict for result in results if result.evidence is None]
    if claim.quantifier is None:
        if not results:
            return Verdict(Outcome.INCOMPLETE, "parts", "The claim was not judged.")
        return results[0].verdict
    if len(results) < expected or any(verdict.outcome is Outcome.ERROR for verdict in unjudged):
        lost = expected - len(results)
        if lost:
            return Verdict(Outcome.INCOMPLETE, "parts", f"{lost} of {expected} parts were not judged.")
        return next(verdict for verdict in unjudged if verdict.outcome is Outcome.ERROR)
    if unjudged:  # parts that do not apply to this model
        return unjudged[0]
    return quantify(claim, judged, expected)


def stale(held: Mapping[str, Held], findings: Sequence[Finding]) -> list[str]:
    """Recorded claims and parts that a full run did not judge, as ``model: id/kind part``."""
    judged = {(finding.model, finding.claim.key, "") for finding in findings}
    judged |= {(f.model, f.claim.key, part.planned.part) for f in findings for part in f.parts}
    whole = {(model, key) for model, key, _ in judged}
    return sorted(
        f"{one.record.model}: {key} {part}".rstrip()
        for model, one in held.items()
        for key, part in one.record.entries
        if (model, key, part) not in judged and (not part or (model, key) in whole)
    )


def exit_status(
    findings: Sequence[Finding], results: Sequence[Result], *, lost: bool, missing: bool, strict: bool
) -> int:
    """The process's exit status as far as claims decide it: 1, 10, 12, 11 or 0, in that order.

    1: something refuted, drifted or ended in an error. 10: the run lost a worker, or recorded claims
    are missing from a full run. 11: nothing was decided, or, when strict, an inconclusive claim that
    is not recorded as such. 12: no claim applies to the model and the pairs.
    """
    if any(mark(result) is Mark.FAILED for result in results) or any(_fails(f) for f in findings):
        return 1
    if lost or missing:
        return 10
    verdicts = [finding.verdict.outcome for finding in findings]
    if verdicts and all(outcome is Outcome.NOT_APPLICABLE for outcome in verdicts):
        return 12
    undecided = (Outcome.INCONCLUSIVE, Outcome.NOT_APPLICABLE)
    decided = [outcome for outcome in verdicts if outcome not in undecided]
    fresh = any(
        f.verdict.outcome is Outcome.INCONCLUSIVE and f.comparison.drift is Drift.UNRECORDED for f in findings
    )
    if (verdicts and not decided) or (strict and fresh):
        return 11
    return 0


def _fails(finding: Finding) -> bool:
    if finding.comparison.drift in (Drift.FLIPPED, Drift.MOVED):
        return True
    if finding.comparison.drift is Drift.UNRECORDED:
        return finding.verdict.outcome in (Outcome.REFUTED, Outcome.ARTIFACT, Outcome.ERROR)
    return False


def failing(finding: Finding) -> bool:
    """Whether this claim alone would fail the run."""
    return _fails(finding) or any(mark(part) is Mark.FAILED for part in finding.parts)


def record_entries(findings: Sequence[Finding]) -> Iterator[tuple[str, str, Entry]]:
    """What a record keeps of findings: (claim key, part or empty, entry)."""
    for finding in findings:
        yield finding.claim.key, "", _entry(finding, finding.verdict, finding.parts)
        if finding.claim.quantifier in (Quantifier.EACH, Quantifier.ANY):
            for part in finding.parts:
                yield finding.claim.key, part.planned.part, _entry(finding, part.verdict, [part])


def recorded_values(findings: Sequence[Finding]) -> dict[tuple[str, str], dict[str, float]]:
    """The value of each pair that a record keeps beside its entries; calibrations have none."""
    return {
        (finding.claim.key, part.planned.part): dict(
            zip(part.evidence.pairs, part.evidence.values, strict=True)
        )
        for finding in findings
        for part in finding.parts
        if part.evidence is not None and part.evidence.pairs and finding.claim.kind is not Kind.EXACT
    }


def _entry(finding: Finding, verdict: Verdict, parts: Sequence[Result]) -> Entry:
    """A calibration of a model leaves only its verdict: its residue is the processor's rounding.

    Arithmetic on published tables needs no tolerance: it is compared by its digits.
    """
    why = verdict.reason if verdict.outcome is not Outcome.SUPPORTED else ""
    unit = next((part.evidence.unit for part in parts if part.evidence), "")
    if finding.claim.kind is Kind.EXACT and finding.model:
        return Entry(verdict.outcome, why)
    if not unit or verdict.estimate is None:
        return Entry(verdict.outcome, why, verdict.estimate, verdict.bound)
    tolerance = declared_tolerance(unit, verdict.estimate) if finding.model else None
    return Entry(verdict.outcome, why, verdict.estimate, verdict.bound, tolerance, unit=unit)
