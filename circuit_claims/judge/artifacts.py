"""Numbers that follow from the method and not from the model. Each detector answers with a reason, or None.

They were made from mistakes that were published: a hook that includes the residual patches the whole
stream, and gives 100 % at every layer; a denominator from another window moves that constant off 100; a
metric over tokens that nothing reads; a probe with more dimensions than points.
"""

from collections.abc import Sequence

IDENTICAL = 1e-4
"""Recoveries over layers that differ by less are one number: a hundredth of a per cent."""
CLOSED = 1e-5
"""Relative error up to which a stream plus a write is the next stream."""


def identity_patch(recoveries: Sequence[float], distance_from_donor: float | None = None) -> str | None:
    """A patch that replaces the whole stream: one recovery at every layer, and the donor's run.

    `recoveries` by layer (at least three), `distance_from_donor` ``||patched - donor|| / ||donor||`` at
    the readout, where it was measured: without it a constant of 1 is enough.
    """
    if len(recoveries) < 3 or max(recoveries) - min(recoveries) > IDENTICAL:
        return None
    if distance_from_donor is not None:
        if distance_from_donor > IDENTICAL:
            return None
    elif abs(recoveries[0] - 1.0) > IDENTICAL:
        return None
    return (
        f"the recovery is {recoveries[0]:.4g} at each of {len(recoveries)} layers and the patched run is the "
        "donor's: the patch replaces the whole stream"
    )


def mismatched_baseline(recoveries: Sequence[float]) -> str | None:
    """One recovery at every layer that is not 1: numerator and denominator have different recipients."""
    if len(recoveries) < 3 or max(recoveries) - min(recoveries) > IDENTICAL:
        return None
    constant = recoveries[0]
    # A constant of 0 is a site that does nothing, which is another matter.
    if abs(constant - 1.0) <= IDENTICAL or abs(constant) <= IDENTICAL:
        return None
    return (
        f"the recovery is {constant:.4g} at each of {len(recoveries)} layers, which is constant and not 1: "
        "numerator and denominator come from different runs of the recipient"
    )


def inert_readout(largest_logit_change: float, perturbed: float) -> str | None:
    """A readout that reaches no output: perturbing it by `perturbed` (a norm) changes no logit at all."""
    if perturbed <= 0.0 or largest_logit_change > 0.0:
        return None
    return "perturbing the readout changes no logit: nothing reads it"


def tautological_probe(points: int, dimensions: int) -> str | None:
    """A linear probe scored on the points that it was fitted to, with at least as many dimensions.

    Any n <= d + 1 points in general position are separated perfectly whatever their labels (Cover 1965).
    """
    if points > dimensions + 1:
        return None
    return f"{points} points in {dimensions} dimensions are separated perfectly whatever their labels"


def residual_included(closure: float, closure_without_write: float) -> str | None:
    """A "write" that is the stream after it: adding it to the stream overshoots, by itself it fits.

    `closure` is ``||stream + write - next|| / ||next||``, `closure_without_write` is
    ``||write - next|| / ||next||``.
    """
    if closure <= CLOSED or closure_without_write > CLOSED:
        return None
    return "the hooked tensor is the next stream itself: the site includes the residual"
