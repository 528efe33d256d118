"""The synthetic worlds in which the judge's rules are tried: one draw, one decision.

A situation draws a data set whose truth is known and hands it to the rule as it ships.
"""

from circuit_claims.judge.worlds import contrasts, means, parts, traces
from circuit_claims.judge.worlds.situation import Situation

__all__ = ["Situation", "situations"]


def situations() -> tuple[Situation, ...]:
    """All situations of the study, in the order of the report."""
    return (
        *means.coverage(),
        *means.negligible(),
        *contrasts.same_weights(),
        *contrasts.other_weights(),
        *contrasts.probes(),
        *parts.sign_flips(),
        *parts.quantified(),
        *traces.bends(),
        *traces.steps(),
    )
