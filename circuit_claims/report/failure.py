"""What a failed claim says in pytest's own output: one screen, the numbers, and how to run it again."""

from circuit_claims.judge.ledger import Result
from circuit_claims.judge.record import Drift
from circuit_claims.report.text import visible


def failure(result: Result, rerun: str) -> str:
    """The text of a refuted or drifted claim, or of an error that explains itself."""
    claim, verdict, evidence = result.planned.claim, result.verdict, result.evidence
    part = f" ({result.planned.part})" if result.planned.part else ""
    # The first line is all that pytest's summary shows: what drifted has both numbers there.
    drifted = result.comparison.drift in (Drift.MOVED, Drift.FLIPPED)
    said = result.comparison.sentence if drifted else verdict.outcome.value.upper()
    lines = [f"{claim.key}{part}: {said}", ""]
    lines += [f"  claimed    {claim.statement}", f"  source     {claim.source}"]
    if result.planned.model:
        lines.append(f"  model      {result.planned.model}")
    lines.append(f"  found      {verdict.sentence}")
    if result.comparison.sentence:
        lines.append(f"  record     {result.comparison.sentence}")
        if result.comparison.entry and result.comparison.entry.reason:
            lines.append(f"             reason on record: {result.comparison.entry.reason}")
    if result.expectation is not None:
        lines.append(f"  asserted   {result.expectation.words}")
    if evidence is not None:
        if evidence.published is not None:
            lines.append(f"  published  {evidence.published:.4g}")
        for name, value in evidence.experiment.items():
            if name == "model":
                continue
            lines.append(f"  {name:<10} {value}")
        for flag in evidence.flags:
            lines.append(f"  flag       {flag}")
    for contrast in verdict.contrasts:
        ends = [contrast["low"], contrast["high"]]
        bounds = "unbounded" if None in ends else ", ".join(f"{end:.4g}" for end in ends)
        lines.append(f"  minus {contrast['control']}: {contrast['estimate']:.4g} [{bounds}]")
    lines += ["", f"  again: {rerun}"]
    return "\n".join(visible(line) for line in lines)
