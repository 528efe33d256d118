"""What a failed claim says in pytest's own output: one screen, the numbers, and how to run it again."""

from circuit_claims.judge.drift import Drift
from circuit_claims.judge.ledger import Result
from circuit_claims.report import plain, wording
from circuit_claims.report.schema import measurement
from circuit_claims.report.text import visible


def failure(result: Result, rerun: str) -> str:
    """The text of a refuted or drifted claim, or of an error that explains itself."""
    claim, verdict, evidence = result.planned.claim, result.verdict, result.evidence
    part = f" ({result.planned.part})" if result.planned.part else ""
    measured = None if evidence is None else measurement(result)
    # The first line is all that pytest's summary shows: what drifted has both numbers there.
    drifted = result.comparison.drift in (Drift.MOVED, Drift.FLIPPED)
    said = result.comparison.sentence if drifted else verdict.outcome.value.upper()
    lines = [f"{claim.key}{part}: {said}", ""]
    lines += [f"  claimed    {claim.statement}", f"  source     {claim.source}"]
    if result.planned.model:
        lines.append(f"  model      {result.planned.model}")
    lines.append(f"  found      {_found(result)}")
    if result.comparison.sentence:
        lines.append(f"  record     {result.comparison.sentence}")
        if result.comparison.entry and result.comparison.entry.reason:
            lines.append(f"             reason on record: {result.comparison.entry.reason}")
    if measured is not None and evidence is not None:
        lines.append(f"  measured   {plain.measured_name(measured)}: {wording.numbers(measured)}")
        if measured["asserted"]:
            lines.append(f"  asserted   {wording.range_of(measured)}")
        if measured["published"] is not None:
            lines.append(f"  published  {wording.number(measured['published'], measured['unit'])}")
        lines += [f"  {name:<10} {value}" for name, value in evidence.experiment.items() if name != "model"]
        lines += [f"  flag       {flag}" for flag in evidence.flags]
        lines += [
            f"  minus {contrast['control']}: {wording.contrast(contrast, measured['unit'])}"
            for contrast in verdict.contrasts
        ]
    lines += ["", f"  again: {rerun}"]
    return "\n".join(visible(line) for line in lines)


def _found(result: Result) -> str:
    """The verdict in a sentence, as the other renderers say it."""
    verdict = result.verdict
    return plain.why(
        {
            "kind": str(result.planned.claim.kind),
            "verdict": str(verdict.outcome),
            "reason": str(verdict.reason),
            "sentence": verdict.sentence,
            "controls": list(verdict.contrasts),
            "parts": [],
            "quantifier": "",
            "measurements": [] if result.evidence is None else [measurement(result)],
        }
    )
