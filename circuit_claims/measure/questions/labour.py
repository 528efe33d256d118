"""Questions about the division of labour: what attention gathers, and what MLPs make of it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from statistics import fmean
from typing import Any, Literal

from circuit_claims.clips.pairs import Pair
from circuit_claims.measure.controls import REVERSED
from circuit_claims.measure.errors import NotApplicable
from circuit_claims.measure.questions.base import (
    NECESSITY,
    PLACES,
    SUFFICIENCY,
    Questions,
    absent_control_is_undefined,
    depth,
)
from circuit_claims.measure.questions.registry import words
from circuit_claims.measure.recovery import Norms, UndefinedRecovery, projection
from circuit_claims.models.sites import Site, attn_out, mlp_out
from circuit_claims.types import Sample, combine

CLAIMED = ("both", "gathered", "pattern", "values")
"""The joint patches that claims rest on: of controls, these alone are made."""
NEEDED = ("attention", "MLPs", "both", "gathered")
"""Those of the other direction, failure into success."""
NEEDED_OF_CONTROLS = ("both", "gathered")
"""Those of the controls of that direction."""
SHOWN = ("attention", "MLPs", *CLAIMED, "CLS row", "patch rows", "own")
"""Those of the model under test; the others are in the figure."""
TOLD = {
    "attention": "all attention, all tokens",
    "MLPs": "all MLPs, all tokens",
    "both": "all attention and MLPs",
    "CLS row": "attention's writes at the CLS token",
    "patch rows": "attention's writes at the patch tokens",
    "gathered": "attention at CLS, as from the donor's patch tokens",
    "own": "attention at CLS, as from the donor's CLS token",
    "pattern": "attention at CLS, the donor's queries and keys",
    "values": "attention at CLS, the donor's values",
}


class LabourQuestions(Questions):
    """Joint patches of several layers, and the MLPs' part in what attention brings."""

    @abstractmethod
    def recovery(self, site: Site, *, direction: str = SUFFICIENCY, pairs: str = "outcome") -> Sample:
        """The recovery of a single site, which joint patches are held against (see `Circuit`)."""

    @absent_control_is_undefined
    @words(route=TOLD)
    def together(
        self, route: str, first: int, last: int, *, direction: str = SUFFICIENCY, pairs: str = "outcome"
    ) -> Sample:
        """Projection at the summary when several writes of layers `first` to `last` are patched together.

        `route` is one of `measure.labour.ROUTES`: `both`, or `gathered`, what attention would write to CLS if
        the patch tokens alone were the donor's and had never read its CLS token.
        """
        found = self._labour(first, last, direction, pairs)
        measured = self._sample(
            f"projection of {TOLD[route]}, layers {first} to {last} together",
            "fraction",
            pairs,
            lambda pair: projection(_norms(found[pair.name], route)),
            self._told(f"{TOLD[route]}, layers {first} to {last}, {direction}", first, last, pairs),
        )
        return (
            replace(measured, figure=self._bars(found, first, last))
            if self._shows(direction, pairs)
            else measured
        )

    @absent_control_is_undefined
    def composition(
        self,
        part: Literal["mediated", "combined"],
        first: int,
        last: int,
        *,
        direction: str = SUFFICIENCY,
        pairs: str = "outcome",
    ) -> Sample:
        """What the MLPs of `first` to `last` make, at CLS, of the donor's attention writes.

        `mediated` is the share of the delta that is lost when they are held at the recipient's writes;
        `combined` how much more they make of what all heads write together than of each factor alone, summed:
        heads that write along one line are one factor (`measure.labour`).
        """
        found = self._labour(first, last, direction, pairs)

        def share(pair: Pair) -> float:
            run, held = (found[pair.name][how] for how in ("run", "held"))
            if run is None:
                raise UndefinedRecovery("the clips do not differ at the summary (0/0)")
            made = [run["together"], held["together"]]
            if part == "combined":
                made = [of["together"] - sum(of["alone"]) for of in (run, held)]
            return float(made[0] - made[1])

        words = {
            "mediated": "share of the delta that MLPs make of what attention writes",
            "combined": "what MLPs make of all heads' writes beyond each alone",
        }
        return self._sample(
            f"{words[part]}, layers {first} to {last}",
            "fraction",
            pairs,
            share,
            self._told(
                f"attention of every layer at CLS, {direction}; MLPs {first} to {last} run or held",
                *(first, last, pairs),
            ),
        )

    def beyond_one(
        self, first: int, last: int, *, direction: str = SUFFICIENCY, pairs: str = "outcome"
    ) -> Sample:
        """How much more all writes of `first` to `last` recover together than the best of them alone."""
        how: dict[str, Any] = {"direction": direction, "pairs": pairs}
        singles = self._singles(first, last, **how)
        return combine(
            f"projection of layers {first} to {last} together minus the largest of {len(singles)} writes",
            [self.together("both", first, last, **how), *singles],
            lambda values: values[0] - max(values[1:]),
        )

    def additivity(self, first: int, last: int) -> Sample:
        """``sum_i P_i / P(together)``: 1 where recoveries are shares, larger where they lie in series."""

        samples = [self.together("both", first, last), *self._singles(first, last)]
        whole, *parts = (dict(zip(sample.pairs, sample.values, strict=True)) for sample in samples)

        def index(pair: Pair) -> float:
            if not whole.get(pair.name):
                raise UndefinedRecovery("the joint patch recovers nothing to share (x/0)")
            return sum(part[pair.name] for part in parts) / whole[pair.name]

        return self._sample(
            f"sum of {len(parts)} single recoveries over the joint one",
            "ratio",
            "outcome",
            index,
            self._told(f"layers {first} to {last}, {SUFFICIENCY}", first, last, "outcome"),
        )

    def _singles(self, first: int, last: int, **how: str) -> list[Sample]:
        layers = range(first, last + 1)
        return [self.recovery(make(layer), **how) for layer in layers for make in (attn_out, mlp_out)]

    def _labour(self, first: int, last: int, direction: str, pairs: str) -> dict[str, Any]:
        routes: tuple[str, ...] = SHOWN if self._shows(direction, pairs) else CLAIMED
        if direction in REVERSED.values():
            routes = NEEDED if direction == NECESSITY else NEEDED_OF_CONTROLS
        params: dict[str, Any] = {"control": direction, "first": int(first), "last": int(last)}
        params["routes"] = list(routes)
        if direction == NECESSITY and pairs == "outcome" and not self._control:
            params["vectors"] = True
        return self._assay.measured("labour.patches", pairs, params)

    def _shows(self, direction: str, pairs: str) -> bool:
        return not self._control and (direction, pairs) == (SUFFICIENCY, "outcome")

    def _told(self, patch: str, first: int, last: int, pairs: str) -> dict[str, str]:
        return {"patch": patch, "readout": PLACES["summary"], "pairs": pairs, **depth(first, last)}

    def _bars(self, found: Mapping[str, Any], first: int, last: int) -> dict[str, Any]:
        """The mean recovery by each joint patch, for the report."""
        there = [found[pair.name] for pair in self._assay.chosen("outcome")]
        there = [labour for labour in there if labour["run"] is not None]
        bars = [
            {
                "name": TOLD[route],
                "role": "claim" if route in CLAIMED else "control",
                "value": fmean(projection(_norms(labour, route)) for labour in there),
            }
            for route in SHOWN
            if there and route in there[0]["routes"]
        ]
        return {
            "kind": "bars",
            "title": f"Layers {first} to {last} patched together",
            "caption": "Mean over pairs; recoveries are no shares and need not add up.",
            "y": {"label": "projection", "unit": "fraction"},
            "bars": bars,
        }


def _norms(labour: Mapping[str, Any], route: str) -> Norms:
    """The norms of a joint patch. Raises NotApplicable where the model has no such route."""
    if route in labour.get("absent", {}):
        raise NotApplicable(labour["absent"][route])
    return Norms(**labour["routes"][route])
