"""Questions that are screened first: which of all heads, or tokens, without patching all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from statistics import fmean
from typing import Any

from circuit_claims.clips.pairs import Pair
from circuit_claims.measure.errors import NotApplicable
from circuit_claims.measure.questions.base import (
    PLACES,
    SUFFICIENCY,
    Questions,
    absent_control_is_undefined,
    depth,
)
from circuit_claims.measure.recovery import Norms, UndefinedRecovery, projection
from circuit_claims.models.sites import Site
from circuit_claims.types import Sample

TOP_HEADS = 5
"""Heads of each pair that are patched exactly. With all writes they cost half a sweep more at most."""
TOP_TOKENS = 8
"""Tokens of each pair at which a write is patched exactly."""
SHOWN = 10
"""Heads in the figure."""


class ScreeningQuestions(Questions):
    """Attribution patching ranks all heads of a pair; the first few are patched exactly."""

    @absent_control_is_undefined
    def leading_head_recovery(self, top: int = TOP_HEADS, *, pairs: str = "outcome") -> Sample:
        """Recovery (projection, at the summary) of the head that recovers most, success into failure.

        It is the largest exact recovery among the `top` heads of the pair that come first by attribution
        patching: at most the best head's, and equal to it where the screen has that head among them. How far
        first order and exact values are apart on these stands in the report (`screening_error`). A largest
        value is above zero by chance alone: hold it against `pairs="noise"`, `pairs="other-clip"`, or random
        weights, for which it is chosen in the same way.
        """
        found, n = self._screened(top, pairs), self._heads()
        measured = self._best(
            f"projection of the best of {top} screened heads",
            found,
            pairs,
            {"patch": f"one head of all, at all tokens, {SUFFICIENCY}"},
            f"the first {top} of {n} heads",
        )
        return measured if self._control else replace(measured, figure=_figure(found))

    @absent_control_is_undefined
    def leading_token_recovery(self, site: Site, top: int = TOP_TOKENS, *, pairs: str = "outcome") -> Sample:
        """Recovery (projection, at the summary) of the token whose write recovers most, patched alone.

        Among the `top` tokens of the pair that come first by attribution patching; what is said of
        `leading_head_recovery` holds here.
        """
        params = {"control": SUFFICIENCY, "site": site.key, "top": top}
        found: Mapping[str, Any] = self._assay.measured("screening.tokens", pairs, params)
        return self._best(
            f"projection of the best of {top} screened tokens of {site}",
            found,
            pairs,
            {"patch": f"{site} at one token of all, {SUFFICIENCY}", **depth(site.layer)},
            f"the first {top} tokens",
        )

    @absent_control_is_undefined
    def screening_error(self, top: int = TOP_HEADS, *, pairs: str = "outcome") -> Sample:
        """The largest difference of exact and first-order recovery among a pair's `top` heads."""
        found = self._screened(top, pairs)

        def apart(pair: Pair) -> float:
            return max(abs(exact - first) for exact, first in _both(found[pair.name]))

        return self._sample(
            "difference of exact and first-order recovery",
            "fraction",
            pairs,
            apart,
            {"patch": f"the first {top} of {self._heads()} heads by attribution patching", "pairs": pairs},
        )

    def _best(
        self, name: str, found: Mapping[str, Any], pairs: str, patch: Mapping[str, str], first: str
    ) -> Sample:
        """The largest exact recovery of each pair, among what the screen put first."""
        return self._sample(
            name,
            "fraction",
            pairs,
            lambda pair: max(exact for exact, _ in _both(found[pair.name])),
            {
                **patch,
                "readout": PLACES["summary"],
                "metric": "projection",
                "screen": f"attribution patching, {first} exact; {_told(found)}",
                "pairs": pairs,
            },
        )

    def _heads(self) -> int:
        return self.facts.n_layers * self.facts.n_heads

    def _screened(self, top: int, pairs: str) -> Mapping[str, Any]:
        if not 1 <= top <= self._heads():
            raise NotApplicable(f"{self.name} has {self._heads()} heads, and {top} are to be patched")
        params = {"control": SUFFICIENCY, "top": top}
        found: Mapping[str, Any] = self._assay.measured("screening.heads", pairs, params)
        return found


def _both(screened: Mapping[str, Any]) -> list[tuple[float, float]]:
    """Exact and first-order recovery of each head (or token) of a pair that was patched.

    Raises UndefinedRecovery where the pair has nothing to recover.
    """
    if screened["undefined"]:
        raise UndefinedRecovery(screened["undefined"])
    first = screened["first order"]
    return [(projection(Norms(**norms)), first[head]) for head, norms in screened["exact"].items()]


def _told(found: Mapping[str, Any]) -> str:
    """How well first order and exact values agree, over all pairs."""
    there = [screened for screened in found.values() if not screened["undefined"]]
    if not there:
        return "no pair has anything to recover"
    apart = [abs(exact - first) for screened in there for exact, first in _both(screened)]
    return f"first order is off by {100 * fmean(apart):.2g} points on average, {100 * max(apart):.2g} at most"


def _figure(found: Mapping[str, Any]) -> dict[str, Any]:
    """The heads that were chosen in most pairs, with their mean exact recovery where they were."""
    recovered: dict[str, list[float]] = {}
    for screened in found.values():
        for head, norms in screened["exact"].items():
            recovered.setdefault(head, []).append(projection(Norms(**norms)))
    often = sorted(recovered, key=lambda head: (-len(recovered[head]), -abs(fmean(recovered[head]))))
    return {
        "kind": "bars",
        "title": "Heads that the screen puts first in most pairs: mean exact recovery there",
        "y": {"label": "projection", "unit": "fraction"},
        "bars": [
            {
                "name": f"L{head.replace('.', 'H')} ({len(recovered[head])} of {len(found)})",
                "role": "claim",
                "value": fmean(recovered[head]),
            }
            for head in often[:SHOWN]
        ],
    }
