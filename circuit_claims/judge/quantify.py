"""From the verdicts of a claim's parts to the claim's verdict, with the multiplicity of its quantifier."""

from collections.abc import Sequence
from dataclasses import replace

from circuit_claims.judge.artifacts import identity_patch, mismatched_baseline
from circuit_claims.judge.counted import counted
from circuit_claims.judge.expectation import Expectation
from circuit_claims.judge.verdict import LEVEL, decide
from circuit_claims.types import Claim, Evidence, Outcome, Quantifier, Verdict


def quantify(
    claim: Claim, parts: Sequence[tuple[Evidence, Expectation, Verdict]], expected: int, level: float = LEVEL
) -> Verdict:
    """The claim's verdict from all its parts, with the multiplicity of its quantifier.

    "Each" is supported when every part is, each at `level` (an intersection-union test needs no
    correction), and refuted when some part is at the Bonferroni level, which is where Holm's
    procedure starts. "Any" is the mirror image. Source: Berger (1982) for the intersection-union
    test, Holm (1979).
    """
    if len(parts) < expected:
        return Verdict(
            Outcome.INCOMPLETE, "parts", f"{expected - len(parts)} of {expected} parts were not judged."
        )
    if claim.quantifier is None:
        return parts[0][2]
    verdicts = [verdict for _, _, verdict in parts]
    outcomes = [verdict.outcome for verdict in verdicts]
    for stop in (Outcome.ERROR, Outcome.INCOMPLETE):
        if stop in outcomes:
            return Verdict(stop, "parts", f"{outcomes.count(stop)} of {expected} parts ended in {stop}.")
    if all(outcome is Outcome.NOT_APPLICABLE for outcome in outcomes):
        return verdicts[0]
    corrected = 1 - (1 - level) / len(parts)
    strict = [
        decide(claim, evidence, expectation, corrected).outcome
        if verdict.outcome in (Outcome.SUPPORTED, Outcome.REFUTED)
        else verdict.outcome
        for evidence, expectation, verdict in parts
    ]
    each = claim.quantifier is Quantifier.EACH
    needs_all, needs_one = (
        (Outcome.SUPPORTED, Outcome.REFUTED) if each else (Outcome.REFUTED, Outcome.SUPPORTED)
    )
    if Outcome.ARTIFACT in outcomes:
        which, reason = Outcome.ARTIFACT, "method"
    elif all(outcome is needs_all for outcome in outcomes):
        which, reason = needs_all, verdicts[0].reason
    elif needs_one in strict:
        which, reason = needs_one, verdicts[strict.index(needs_one)].reason
    else:
        undecided = {v.reason for v in verdicts if v.outcome is Outcome.INCONCLUSIVE}
        which, reason = Outcome.INCONCLUSIVE, undecided.pop() if len(undecided) == 1 else "parts"
    found = _summary(claim, which, reason, verdicts)
    if which is Outcome.INCONCLUSIVE and needs_one in outcomes:
        asked = f"None is {needs_one} at the {100 * corrected:.4g} % that {len(parts)} parts ask for."
        found = replace(found, sentence=f"{found.sentence} {asked}")
    doubt = _method_shows([evidence for evidence, _, _ in parts])
    return replace(found, sentence=f"{found.sentence} Check the method: {doubt}.") if doubt else found


def _method_shows(parts: Sequence[Evidence]) -> str | None:
    """What the recoveries of all parts together look like, where every pair has one number at every layer.

    A doubt and no verdict: redundant writes of equal effect give one number too, and only the site, which is
    checked where it is measured, tells them from a patch of the whole stream.
    """
    if any(part.unit != "fraction" or "patch" not in part.experiment or not part.values for part in parts):
        return None
    if len({part.pairs for part in parts}) > 1:
        return None
    found = [
        identity_patch(recoveries) or mismatched_baseline(recoveries)
        for recoveries in zip(*(part.values for part in parts), strict=True)
    ]
    return found[0] if all(found) else None


def _summary(claim: Claim, which: Outcome, reason: str, verdicts: Sequence[Verdict]) -> Verdict:
    """A quantified claim's verdict; its numbers are those of the part that decides against it most."""
    counts = {outcome: sum(v.outcome is outcome for v in verdicts) for outcome in Outcome}
    told = ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count)
    measured = [v for v in verdicts if v.estimate is not None]
    if not measured:
        return Verdict(which, reason, f"Of {counted(len(verdicts), 'part')}: {told}.")
    estimates = [v.estimate for v in measured if v.estimate is not None]
    return Verdict(
        which,
        reason,
        f"Of {counted(len(verdicts), 'part')}: {told}; estimates from {min(estimates):.3g} to "
        f"{max(estimates):.3g}.",
        estimate=sum(estimates) / len(estimates),
        low=min(estimates),
        high=max(estimates),
        n=min(v.n for v in measured),
        method=f"range of estimates over {claim.over}",
    )
