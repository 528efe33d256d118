"""Which other pair of the set a control takes a clip of. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from circuit_claims.clips.pairs import ClipFile, Pair, PairKind, PairSet
from circuit_claims.measure.errors import NotApplicable

OTHER_PAIR = {"third video": True, "third into success": True, "other class": False}
"""Controls that take a clip of another pair, and whether it shows the same action."""
OF_FAILURE = ("third video",)
"""Those that take its failure clip; the others take its success clip."""


def require_clips(pairs: PairSet, pair: Pair, control: str) -> None:
    """Raise NotApplicable where the set lacks the pair that a control takes a clip of. Loads nothing."""
    if control in OTHER_PAIR:
        other(pairs, pair, same_action=OTHER_PAIR[control])


def third_clip(pairs: PairSet, pair: Pair, params: Mapping[str, Any]) -> tuple[Pair, ClipFile] | None:
    """The other pair and the clip of it that a measurement depends on; None where it takes none.

    Raises NotApplicable where the set has no such pair.
    """
    # A resampled write is of the clip that `ablation.resample` takes.
    control = "other class" if params.get("by") == "resample" else params.get("control")
    if control not in OTHER_PAIR:
        return None
    found = other(pairs, pair, same_action=OTHER_PAIR[control])
    return found, found.clip(positive=control not in OF_FAILURE)


def other(pairs: PairSet, pair: Pair, *, same_action: bool) -> Pair:
    """The next outcome pair of the set with the same action, or with another, in the manifest's order.

    Raises NotApplicable where there is none.
    """
    there = pairs.of(PairKind.OUTCOME, None)
    names = [one.name for one in there]
    start = names.index(pair.name) if pair.name in names else 0
    for one in (*there[start + 1 :], *there[:start]):
        if (one.action == pair.action) is same_action and one.name != pair.name:
            return one
    wanted = "another pair of its action" if same_action else "a pair of another action"
    raise NotApplicable(f"{pair.name}: the control needs {wanted}, and the set has none")
