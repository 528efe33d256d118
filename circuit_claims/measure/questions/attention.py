"""Questions about the attention of the CLS token: later frames, where things are, and single heads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from circuit_claims.clips.pairs import Pair, first_of_actions
from circuit_claims.measure.errors import NotApplicable
from circuit_claims.measure.questions.attribution import (
    INERT_MAP,
    LOOKS,
    NAMES,
    AttributionQuestions,
    By,
    defined,
)
from circuit_claims.measure.questions.base import PLACES, SUFFICIENCY, absent_control_is_undefined
from circuit_claims.measure.questions.places import PlaceQuestions
from circuit_claims.measure.questions.registry import words
from circuit_claims.measure.recovery import Norms, projection
from circuit_claims.measure.token_maps import lift
from circuit_claims.models.sites import attn_out
from circuit_claims.types import Sample

ALL_SWEPT_FROM = 8
"""From this layer on every head is patched; of each earlier layer two, half of the heads apart, another two
in every layer. All 144 would cost four times as much. The family is named by position, not by what it shows.
"""
SHOWN = [(9, 8), (10, 8)]
"""The heads that the paper shows, layer and head: of control pairs only these are swept together."""
HIGH_NORM = "patch tokens, those of high norm set aside"


class AttentionQuestions(AttributionQuestions, PlaceQuestions):
    """What CLS attends to in the success clip, and what single heads carry of the outcome."""

    @absent_control_is_undefined
    def attention_later(self, *, kept: bool = True, control: str = SUFFICIENCY) -> Sample:
        """Share of the attention of layers 9 and 10, mean over heads, on the later half of the tubelets.

        `kept` sets the high-norm tokens aside. CLS itself is left out: 0.5 is even.
        """
        self._needs_looks()
        clips = self._clips(control)

        def share(pair: Pair) -> float:
            looked = clips[pair.name]["success"]["attention"]["later_kept" if kept else "later"]
            return float(np.mean([defined(one) for layer in LOOKS for one in looked[layer]]))

        measured = self._sample(
            "share of CLS attention on the later half",
            "fraction",
            "outcome",
            share,
            {
                "attention": f"CLS, layers {LOOKS[0]} and {LOOKS[1]}, mean over heads",
                "tokens": HIGH_NORM if kept else "patch tokens",
                "clip": "success" if control == SUFFICIENCY else f"success, {control}",
            },
        )
        if control != SUFFICIENCY:
            return measured
        return replace(measured, figure=self._map("Attention of CLS", 0, [str(layer) for layer in LOOKS]))

    @words(by=NAMES)
    def attention_agreement(self, by: By = "sources", *, shifted: bool = False) -> Sample:
        """Spearman's correlation over tokens of CLS attention (layers 9 and 10) with an attribution.

        `shifted` is its mean over all circular shifts of the attention over rows and columns. High-norm
        tokens are set aside.
        """
        self._needs_looks()
        clips = self._clips()

        def rho(pair: Pair) -> float:
            found = clips[pair.name]["success"]["attention"]["agreement"]
            if by not in found:
                raise NotApplicable(
                    "the model's table names no classifier, which the paper's token map needs"
                )
            return defined(found[by]["shifted" if shifted else "rho"])

        what = "rank correlation of CLS attention and attribution"
        return self._sample(
            f"{what}, shifted in space" if shifted else what,
            "correlation",
            "outcome",
            rho,
            {
                "attention": f"CLS, layers {LOOKS[0]} and {LOOKS[1]}",
                "attribution": NAMES[by],
                "tokens": HIGH_NORM,
            },
            flags=(INERT_MAP,) if by == "token_map" and self.facts.inert else (),
        )

    @absent_control_is_undefined
    def head_lift(self, layer: int, head: int, *, kept: bool = True, control: str = SUFFICIENCY) -> Sample:
        """Attention of one head on the tokens of the ball and the pins, against an even map (1).

        The control `ELSEWHERE` looks where a video of another action has them.
        """
        clips, mask_of = self._clips(), self._masks(control)

        def value(pair: Pair) -> float:
            looked = clips[pair.name]["success"]["attention"]
            if control == SUFFICIENCY:
                return defined(looked["lift_kept" if kept else "lift"][layer][head])
            values = np.asarray(looked["maps"][f"{layer}.{head}"], dtype=np.float64)
            there = np.ones(values.size, dtype=np.bool_)
            there[looked["set_aside"][str(layer)] if kept else []] = False
            return defined(lift(values, mask_of(pair), there.reshape(values.shape)))

        measured = self._sample(
            f"lift of L{layer}H{head} on ball and pins",
            "ratio",
            "outcome",
            value,
            {
                "attention": f"CLS, layer {layer}, head {head}",
                "tokens": HIGH_NORM if kept else "patch tokens",
                "mask": "object and target of the same clip" if control == SUFFICIENCY else control,
            },
        )
        if control != SUFFICIENCY or f"{layer}.{head}" not in self._shown():
            return measured
        return replace(
            measured, figure=self._map(f"Attention of CLS in L{layer}H{head}", 1, [f"{layer}.{head}"])
        )

    def head_concentration(self, layer: int, head: int) -> Sample:
        """How concentrated the attention of one head is: 0 even, 1 all on one patch token (1 - H / log n)."""
        clips = self._clips()
        return self._sample(
            f"concentration of L{layer}H{head}",
            "fraction",
            "outcome",
            lambda pair: defined(clips[pair.name]["success"]["attention"]["concentration"][layer][head]),
            {"attention": f"CLS, layer {layer}, head {head}, patch tokens"},
        )

    @absent_control_is_undefined
    def head_recovery(
        self, layer: int, head: int, *, direction: str = SUFFICIENCY, pairs: str = "outcome"
    ) -> Sample:
        """Recovery (projection, at the summary) when one head's write is patched.

        Any head can be asked, in any direction. Those that the paper's claims ask share one sweep; of another
        all heads of its layer are swept. In another direction than success into failure, or with a control
        of `controls.py` in the donor's place, each head is patched on its own.
        """
        if direction != SUFFICIENCY:
            return self._patched_at(attn_out(layer), "", head, "projection", "summary", direction, pairs)
        swept = self.swept_heads() if pairs == "outcome" else SHOWN
        if (layer, head) not in swept:
            swept = [(layer, other) for other in range(self.facts.n_heads)]
        params = {"control": SUFFICIENCY, "heads": [list(one) for one in swept]}
        found = self._assay.measured("heads.patches", pairs, params)
        return self._sample(
            f"projection of L{layer}H{head}",
            "fraction",
            pairs,
            lambda pair: projection(Norms(**found[pair.name][f"{layer}.{head}"])),
            {
                "patch": f"head {head} of attn_out {layer}, all tokens, {SUFFICIENCY}",
                "readout": PLACES["summary"],
                "metric": "projection",
                "pairs": pairs,
            },
        )

    def all_heads(self) -> list[tuple[int, int]]:
        """Every head, by layer."""
        facts = self.facts
        return [(layer, head) for layer in range(facts.n_layers) for head in range(facts.n_heads)]

    def swept_heads(self) -> list[tuple[int, int]]:
        """The heads that are patched: see `ALL_SWEPT_FROM`."""
        half = max(1, self.facts.n_heads // 2)
        return [
            (layer, head)
            for layer, head in self.all_heads()
            if layer >= ALL_SWEPT_FROM or (head - layer) % half == 0
        ]

    def needs_heads(self, *heads: int) -> None:
        """Say *not applicable* where the model has no head of that number."""
        n = self.facts.n_heads
        if n <= max(heads):
            raise NotApplicable(
                f"the claim speaks of head {max(heads)}, and {self.name} has heads 0 to {n - 1}"
            )

    def others(
        self, of: Callable[[int, int], Sample], layer: int, head: int, among: list[tuple[int, int]]
    ) -> dict[str, Sample]:
        """The same question of all heads but one: the family that this one has to stand out of."""
        return {f"L{at}H{one}": of(at, one) for at, one in among if (at, one) != (layer, head)}

    def _needs_looks(self) -> None:
        """Say *not applicable* where the model lacks the layers whose attention the paper shows."""
        n = self.facts.n_layers
        if n <= max(LOOKS):
            raise NotApplicable(
                f"the question is of the attention of layers {LOOKS[0]} and {LOOKS[1]}, and {self.name} has "
                f"layers 0 to {n - 1}"
            )

    def _shown(self) -> dict[str, Any]:
        pair = self._assay.chosen("outcome")[0]
        maps: dict[str, Any] = self._clips()[pair.name]["success"]["attention"]["maps"]
        return maps

    def _map(self, title: str, action: int, names: list[str]) -> dict[str, Any]:
        """The attention over the first pair of one action, as a figure."""
        pairs = first_of_actions(self._assay.chosen("outcome"))
        pair = pairs[min(action, len(pairs) - 1)]
        maps = self._clips()[pair.name]["success"]["attention"]["maps"]
        return {
            "kind": "map",
            "title": title,
            "pair": pair.name,
            "clip": "success",
            "y": {"label": "attention", "unit": "fraction"},
            "maps": [
                {"name": _named(name), "role": "claim", "signed": False, "values": maps[name]}
                for name in names
            ],
        }


def _named(name: str) -> str:
    layer, _, head = name.partition(".")
    return f"L{layer}H{head}" if head else f"layer {layer}, mean over heads"
