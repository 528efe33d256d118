"""Questions about ablations: what the label's margin loses with a component of the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from math import sqrt
from typing import Any

from circuit_claims.clips.pairs import Pair
from circuit_claims.measure.questions.base import Questions
from circuit_claims.measure.questions.registry import words
from circuit_claims.measure.recovery import UndefinedRecovery
from circuit_claims.types import Sample

HEADS_OF = 6
"""Heads are ablated in every sixth layer, beginning with another one for another pair."""
MARGIN = "margin of the clip's own label over the next one, change relative to it"
BY = {
    "zero": "nothing in the place of the write",
    "mean": "the write's mean over all clips, token by token",
    "resample": "the component's write in a clip of another action",
}


class AblationQuestions(Questions):
    """Attentions, MLPs and heads, ablated alone and together."""

    @words(of=("blocks", "heads"), by=BY)
    def withstood(
        self, *, within: float, of: str = "blocks", by: str = "resample", clip: str = "success"
    ) -> Sample:
        """Share of the components whose ablation alone moves the margin by less than `within` of it.

        `of`: `blocks` (every attention and MLP) or `heads`; `by`: `zero`, `mean` or `resample`.
        """
        measured = self._ablated(of, by, clip)

        def share(pair: Pair) -> float:
            one = measured[pair.name]
            changes = [change(one, name, "margin") for name in one["ablated"]]
            return sum(abs(change) < within for change in changes) / len(changes)

        sample = self._sample(
            f"share of single {of} whose ablation changes the margin by less than {within:.0%}",
            "fraction",
            "outcome",
            share,
            {"ablated": f"each of the {of} alone, {clip} clip", "by": BY[by], "readout": MARGIN},
        )
        return replace(sample, figure=self._effects_by_layer(clip)) if of == "blocks" else sample

    @words(of=("blocks", "heads"), by=BY)
    def labels_kept(self, *, of: str = "blocks", by: str = "zero", clip: str = "success") -> Sample:
        """Share of the components whose ablation alone leaves the clip its label."""
        measured = self._ablated(of, by, clip)

        def share(pair: Pair) -> float:
            kept = [one["margin"] > 0 for one in measured[pair.name]["ablated"].values()]
            return kept.count(True) / len(kept)

        return self._sample(
            f"share of single {of} whose ablation keeps the label",
            "fraction",
            "outcome",
            share,
            {"ablated": f"each of the {of} alone, {clip} clip", "by": BY[by], "readout": "top label"},
        )

    @words(group=("attn", "mlp", "both", "everything"), by=BY)
    def without_all(
        self, group: str, layers: Sequence[int], *, by: str = "resample", clip: str = "success"
    ) -> Sample:
        """How the margin changes when many components are ablated at once.

        `group`: `attn` or `mlp` of the layers, `both`, or `everything` (every write of the model).
        """
        measured = self._together(layers, by, clip)
        return self._sample(
            f"change of the margin without {group} together",
            "fraction",
            "outcome",
            lambda pair: change(measured[pair.name], group, "margin"),
            {"ablated": f"{group}, layers {layers[0]} to {layers[-1]}, {clip} clip", "by": BY[by]},
        )

    @words(kind=("attn", "mlp"), by=BY)
    def redundancy(
        self, kind: str, layers: Sequence[int], *, by: str = "resample", clip: str = "success"
    ) -> Sample:
        """What a group's ablation at once costs beyond its single ablations added up.

        Above zero each stands in for the others. `kind`: `mlp` or `attn`. Costs of margin are in units of the
        spread of the clean logits over the labels: on random weights a margin is next to nothing by chance.
        """
        together, alone = self._group(kind, layers, by, clip)

        def beyond(pair: Pair) -> float:
            one = alone[pair.name]
            singles = [
                float(one["ablated"][f"{kind}_out.{layer}"]["margin"] - one["margin"]) for layer in layers
            ]
            at_once = together[pair.name]["ablated"][kind]["margin"] - one["margin"]
            return (sum(singles) - float(at_once)) / spread_of(one)

        return self._sample(
            f"cost of ablating all {kind} at once beyond the sum of one at a time",
            "ratio",
            "outcome",
            beyond,
            {"ablated": f"{kind}, layers {layers[0]} to {layers[-1]}, {clip} clip", "by": BY[by]},
        )

    @words(kind=("attn", "mlp"), by=BY)
    def self_repair(
        self, kind: str, layers: Sequence[int], *, by: str = "resample", clip: str = "success"
    ) -> Sample:
        """What later components make good of one ablation: total minus direct effect, mean over the layers.

        Both are changes of the margin, in units of the spread of the clean logits. Above zero the run loses
        less than the component's own write at CLS was worth.
        """
        _, alone = self._group(kind, layers, by, clip)

        def repaired(pair: Pair) -> float:
            one = alone[pair.name]
            sites = [one["ablated"][f"{kind}_out.{layer}"] for layer in layers]
            gaps = [float(site["margin"] - site["direct"]) for site in sites]
            return sum(gaps) / len(gaps) / spread_of(one)

        return self._sample(
            f"self-repair after the ablation of one {kind}",
            "ratio",
            "outcome",
            repaired,
            {
                "ablated": f"{kind} {layers[0]} to {layers[-1]} one at a time, {clip} clip",
                "by": BY[by],
                "effect": "total (run on) minus direct (frozen downstream)",
            },
        )

    def _ablated(self, of: str, by: str, clip: str) -> dict[str, Any]:
        params = {"clip": clip, **self._by(by)}
        if of == "heads":
            return self._assay.measured("ablation.heads", "outcome", {**params, "of": HEADS_OF})
        return self._assay.measured("ablation.each", "outcome", params)

    def _together(self, layers: Sequence[int], by: str, clip: str) -> dict[str, Any]:
        params = {"clip": clip, "layers": list(layers), **self._by(by)}
        return self._assay.measured("ablation.joint", "outcome", params)

    def _group(
        self, kind: str, layers: Sequence[int], by: str, clip: str
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """All at once, and one at a time. Of random weights only what is asked is measured."""
        if self._control and kind == "mlp":
            params = {"clip": clip, "layers": list(layers), **self._by(by)}
            both = self._assay.measured("ablation.cascade", "outcome", params)
            return both, both
        return self._together(layers, by, clip), self._ablated("blocks", by, clip)

    def _by(self, by: str) -> dict[str, str]:
        """A mean depends on the clips that it is over, and they are part of its key."""
        if by != "mean":
            return {"by": by}
        keys = sorted(
            {clip.key for pair in self._assay.chosen("outcome") for clip in (pair.positive, pair.negative)}
        )
        return {"by": by, "over": sha256(" ".join(keys).encode()).hexdigest()[:16]}

    def _effects_by_layer(self, clip: str) -> dict[str, Any]:
        """Every attention and MLP alone: total and direct effect, and by what the write is replaced."""
        shown = {
            "resampled": ("resample", "margin"),
            "resampled, direct effect": ("resample", "direct"),
            "zero": ("zero", "margin"),
            "mean": ("mean", "margin"),
        }
        series = [
            self._series(kind, f"{word}, {name}", *how, clip)
            for name, how in shown.items()
            for kind, word in (("attn", "attention"), ("mlp", "MLP"))
        ]
        return {
            "kind": "layers",
            "title": "What the margin loses with one component",
            "caption": "Mean over pairs, and two standard errors. A direct effect holds what comes later.",
            "x": {"label": "layer", "values": list(range(self.facts.n_layers))},
            "y": {"label": "change of the margin", "unit": "fraction"},
            "series": series,
        }

    def _series(self, kind: str, name: str, by: str, what: str, clip: str) -> dict[str, Any]:
        n = self.facts.n_layers
        layers = range(n)
        if by == "mean":  # no claim judges it: of the layers that claims name alone, 4 to 10 of 12
            layers = range(n // 3, max(n // 3 + 1, n - 1))
            params = {"clip": clip, "layers": list(layers), **self._by(by)}
            measured = self._assay.measured("ablation.each", "outcome", params)
        else:
            measured = self._ablated("blocks", by, clip)
        found = [one for one in measured.values() if one["margin"]]
        by_layer = [
            [one["ablated"][f"{kind}_out.{layer}"][what] / one["margin"] - 1 for one in found]
            if layer in layers
            else []
            for layer in range(n)
        ]
        role = "claim" if by == "resample" and what == "margin" else "control"
        return {"name": name, "role": role, **band(by_layer)}


def change(one: Mapping[str, Any], ablated: str, of: str) -> float:
    """Change of margin or logit by an ablation, relative to the margin before it."""
    return float((one["ablated"][ablated][of] - one[of]) / margin_of(one))


def spread_of(one: Mapping[str, Any]) -> float:
    """The spread of the clean logits over the labels."""
    if not one["spread"]:
        raise UndefinedRecovery("all labels have the same logit (x/0)")
    return float(one["spread"])


def margin_of(one: Mapping[str, Any]) -> float:
    """The margin before any ablation, to which changes are relative."""
    if not one["margin"]:
        raise UndefinedRecovery("two labels tie for this clip, so there is no margin (x/0)")
    return float(one["margin"])


def band(columns: Sequence[Sequence[float]]) -> dict[str, list[float | None]]:
    """Means with two standard errors to each side, for a figure; they judge nothing. None for no values."""
    band: dict[str, list[float | None]] = {"values": [], "low": [], "high": []}
    for column in columns:
        n = len(column)
        if not n:
            for numbers in band.values():
                numbers.append(None)
            continue
        mean = sum(column) / n
        error = sqrt(sum((value - mean) ** 2 for value in column) / max(1, n - 1) / n)
        for key, value in (("values", mean), ("low", mean - 2 * error), ("high", mean + 2 * error)):
            band[key].append(float(f"{value:.4g}"))
    return band
