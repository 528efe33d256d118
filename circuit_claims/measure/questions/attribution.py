"""Questions about direct logit attribution: where a logit comes from, by write, by layer and by token."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from typing import Any, Literal

import numpy as np

from circuit_claims.clips.pairs import Pair, first_of_actions
from circuit_claims.measure.errors import NotApplicable
from circuit_claims.measure.questions.base import SUFFICIENCY, Questions, absent_control_is_undefined
from circuit_claims.measure.questions.registry import OTHER_PAIRS, words
from circuit_claims.measure.recovery import UndefinedRecovery
from circuit_claims.measure.token_maps import Array, Map, centre, later_half, lift, mass_share
from circuit_claims.measure.tracks import tracks_hash
from circuit_claims.types import Sample

By = Literal["sources", "token_map"]
"""Which attribution: of source tokens at CLS, which sums to the logit, or the paper's own map."""
NAMES: Mapping[By, str] = {
    "sources": "exact attribution at CLS, by source token",
    "token_map": "the paper's token map: last patch tokens before the norm, times the classifier's row",
}
INERT_MAP = "inert readout: the tokens of this map reach no logit, and the map does not sum to one"
LOOKS = (9, 10)
"""The layers whose attention the paper shows."""
SHOWN_HEADS = ((9, 8), (10, 8))
"""The heads that the paper shows: L9H8 and L10H8."""


class AttributionQuestions(Questions):
    """One logit of the success clip, shared out: the pair's label, or the top label where it has none."""

    def attribution_gap(self) -> Sample:
        """What the shares of a logit miss of it, relative to their sizes: the worse clip of every pair."""
        found = [self._gap("outcome")]
        for pairs in OTHER_PAIRS:
            with suppress(NotApplicable):
                found.append(self._gap(pairs))
        return replace(
            found[0],
            values=tuple(chain.from_iterable(sample.values for sample in found)),
            pairs=tuple(chain.from_iterable(sample.pairs for sample in found)),
            groups=tuple(chain.from_iterable(sample.groups for sample in found)),
            clips=tuple(chain.from_iterable(sample.clips for sample in found)),
            figure=self._writes_figure(),
        )

    def _gap(self, pairs: str) -> Sample:
        clips = self._clips(pairs=pairs)
        return self._sample(
            "gap between a logit and the sum of its shares, relative to their sizes",
            "fraction",
            pairs,
            lambda pair: max(_relative_gap(clip["attribution"]) for clip in clips[pair.name].values()),
            {"attribution": "every write, head and bias, the final norm's scale frozen", "pairs": "all"},
        )

    def lens_step(self, layer: int) -> Sample:
        """By how much a block raises the logit lens of the label: after it minus before it, in logits."""
        clips = self._clips()

        def step(pair: Pair) -> float:
            lens = clips[pair.name]["success"]["attribution"]["lens"]
            return float(lens[layer + 1] - lens[layer])

        return self._sample(
            f"rise of the logit lens in block {layer}",
            "logits",
            "outcome",
            step,
            {"readout": "logit lens of CLS"},
        )

    def lens_share(self) -> Sample:
        """Share of the logit that the lens gains in the last quarter of the blocks (the paper's 9 to 11).

        ``(lens_last - lens_before) / lens_last``, of the raw logit, as it can be read off the paper's figure.
        """
        clips, start = self._clips(), self._last_quarter()

        def share(pair: Pair) -> float:
            lens = clips[pair.name]["success"]["attribution"]["lens"]
            if not lens[-1]:
                raise UndefinedRecovery("the logit is 0, so there is no share of it (x/0)")
            return float((lens[-1] - lens[start]) / lens[-1])

        return self._sample(
            f"share of the logit gained from block {start} on",
            "fraction",
            "outcome",
            share,
            {"readout": "logit lens of CLS, raw logit"},
        )

    def lens_gain(self) -> Sample:
        """How much of all that the lens moves is gained in the last quarter of the blocks.

        ``(m_last - m_before) / sum_l |m_l - m_l-1|`` with m the lens of the label minus the mean over labels
        (a logit alone has no zero). Where the lens only rises it is the share of the rise; never beyond 1.
        """
        clips, start = self._clips(), self._last_quarter()

        def gain(pair: Pair) -> float:
            lens = _above_the_mean(clips[pair.name]["success"]["attribution"])
            moved = float(np.abs(np.diff(lens)).sum())
            if moved == 0.0:
                raise UndefinedRecovery("the lens does not move (0/0)")
            return float(lens[-1] - lens[start]) / moved

        measured = self._sample(
            f"share of the lens's movement gained from block {start} on",
            "fraction",
            "outcome",
            gain,
            {"readout": "logit lens of CLS, the label minus the mean over labels"},
        )
        return replace(measured, figure=self._lens_figure())

    @absent_control_is_undefined
    @words(by=NAMES)
    def attributed_later(self, by: By = "sources", *, control: str = SUFFICIENCY) -> Sample:
        """Share of the attribution's mass in the later half of the tubelets; 0.5 is even."""
        measured = self._of_map(
            "share of the attribution in the later half",
            "fraction",
            by,
            lambda values, _pair: mass_share(values, later_half(_grid(values))),
            control,
        )
        return self._with_map(measured, by, 0) if control == SUFFICIENCY else measured

    @words(by=NAMES)
    def attributed_centre(self, by: By = "sources") -> Sample:
        """Attribution in the inner half of rows and columns, against what an even map has there (1)."""
        measured = self._of_map(
            "lift of the attribution in the centre",
            "ratio",
            by,
            lambda values, _pair: lift(values, centre(_grid(values))),
        )
        return self._with_map(measured, by, 1)

    @absent_control_is_undefined
    @words(by=NAMES)
    def attributed_on_tracked(self, by: By = "sources", *, control: str = SUFFICIENCY) -> Sample:
        """Attribution on the tokens of the ball and the pins, against what an even map has there (1).

        The control `ELSEWHERE` looks where a video of another action has them: what position alone does.
        """
        mask_of = self._masks(control)
        return self._of_map(
            "lift of the attribution on ball and pins",
            "ratio",
            by,
            lambda values, pair: lift(values, mask_of(pair)),
        )

    @words(by=NAMES)
    def attributed_share_on_tracked(self, by: By = "sources") -> Sample:
        """Share of the attribution's mass on the tokens of the ball and the pins."""
        mask_of = self._masks(SUFFICIENCY)
        return self._of_map(
            "share of the attribution on ball and pins",
            "fraction",
            by,
            lambda values, pair: mass_share(values, mask_of(pair)),
        )

    def token_map_gap(self) -> Sample:
        """How far the sum of the paper's token map is from the logit, as a multiple of the logit."""
        clips = self._clips()

        def gap(pair: Pair) -> float:
            found = clips[pair.name]["success"]["attribution"]
            if not found["logit"]:
                raise UndefinedRecovery("the logit is 0 (x/0)")
            logit, total = float(found["logit"]), float(_values(found, "token_map").sum())
            return abs(total - logit) / abs(logit)

        return self._sample(
            "gap between the sum of the paper's token map and the logit",
            "ratio",
            "outcome",
            gap,
            {"attribution": NAMES["token_map"]},
            flags=(INERT_MAP,) if self.facts.inert else (),
        )

    def _of_map(
        self,
        name: str,
        unit: str,
        by: By,
        value: Callable[[Map, Pair], Array],
        control: str = SUFFICIENCY,
    ) -> Sample:
        clips = self._clips(control)

        def of(pair: Pair) -> float:
            clip = clips[pair.name]["success"]
            return defined(value(_values(clip["attribution"], by, clip["grid"]), pair))

        return self._sample(
            name,
            unit,
            "outcome",
            of,
            {
                "attribution": NAMES[by],
                "clip": "success" if control == SUFFICIENCY else f"success, {control}",
            },
            flags=(INERT_MAP,) if by == "token_map" and self.facts.inert else (),
        )

    def _masks(self, control: str) -> Callable[[Pair], Map]:
        """Each pair's mask; or that of the next pair of another action, where the control asks for it."""
        self._tracks()
        clips = self._clips()
        pairs = self._assay.chosen("outcome")
        if control == ELSEWHERE and len({pair.action for pair in pairs}) < 2:
            raise NotApplicable("the control needs a pair of another action, and the set has none")

        def mask_of(pair: Pair) -> Map:
            at = pairs.index(pair)
            others = [one for one in (*pairs[at:], *pairs[:at]) if one.action != pair.action]
            chosen = others[0] if control == ELSEWHERE else pair
            return np.asarray(clips[chosen.name]["success"]["mask"], dtype=np.float64)

        return mask_of

    def _clips(self, control: str = SUFFICIENCY, pairs: str = "outcome") -> dict[str, Any]:
        """Attribution and attention of clips. Of control clips only what a control is asked for."""
        own = control == SUFFICIENCY and pairs == "outcome"
        facts = self.facts
        layers = [layer for layer in LOOKS if own and layer < facts.n_layers]
        heads = [list(at) for at in SHOWN_HEADS if at[0] in layers and at[1] < facts.n_heads]
        tracks = ""
        with suppress(NotApplicable):
            tracks = self._tracks() if own else ""
        params = {
            "control": control,
            "both": control == SUFFICIENCY and not self._control,
            "layers": layers,
            "heads": heads,
            "tracks": tracks,
        }
        return self._assay.measured("attention.clips", pairs, params)

    def _tracks(self) -> str:
        return tracks_hash(self._assay.pairs)

    def _last_quarter(self) -> int:
        n = self.facts.n_layers
        return n - max(1, n // 4)

    def _with_map(self, measured: Sample, by: By, action: int) -> Sample:
        """With the map of the first pair of one action as the figure."""
        pairs = first_of_actions(self._assay.chosen("outcome"))
        pair = pairs[min(action, len(pairs) - 1)]
        clip = self._clips()[pair.name]["success"]
        figure = {
            "kind": "map",
            "title": "Attribution of the label's logit",
            "caption": NAMES[by],
            "pair": pair.name,
            "clip": "success",
            "y": {"label": "share of the logit" if by == "sources" else "token times row", "unit": "logits"},
            "maps": [
                {
                    "name": "exact attribution" if by == "sources" else "the paper's token map",
                    "role": "claim",
                    "signed": True,
                    "values": _values(clip["attribution"], by, clip["grid"]).tolist(),
                }
            ],
        }
        return replace(measured, figure=figure)

    def _lens_figure(self) -> dict[str, Any]:
        clips = self._clips()
        lenses = np.array([_above_the_mean(clip["success"]["attribution"]) for clip in clips.values()])
        return {
            "kind": "curve",
            "title": "Logit lens of the CLS token",
            "caption": "The label's logit minus the mean over labels, after each block (-1: the embedding).",
            "x": {"label": "after block", "values": list(range(-1, lenses.shape[1] - 1))},
            "y": {"label": "logit above the mean", "unit": "logits"},
            "series": [
                {
                    "name": "success clips",
                    "role": "claim",
                    "values": lenses.mean(0).tolist(),
                    "low": lenses.min(0).tolist(),
                    "high": lenses.max(0).tolist(),
                }
            ],
            "marks": [{"x": self._last_quarter(), "label": "claimed rise"}],
        }

    def _writes_figure(self) -> dict[str, Any]:
        clips = [clip["success"]["attribution"] for clip in self._clips().values()]
        series = []
        for name, key in (("scale frozen", "writes"), ("scale found anew", "unfrozen")):
            mean = np.mean([clip[key] for clip in clips], axis=0)
            for kind, values in (("attention", mean[:, 0]), ("MLP", mean[:, 1])):
                role = "claim" if key == "writes" else "control"
                series.append({"name": f"{kind}, {name}", "role": role, "values": values.tolist()})
        return {
            "kind": "layers",
            "title": "What each write adds directly to the label's logit",
            "caption": "By how much the logit falls when a write is taken out of the last CLS token: with "
            "the norm's scale frozen (these shares sum to the logit), and with a scale found anew.",
            "x": {"label": "block", "values": list(range(self.facts.n_layers))},
            "y": {"label": "share of the logit", "unit": "logits"},
            "series": series,
        }


ELSEWHERE = "where another video has them"
"""The control that holds a map against the mask of another action's clip."""


def defined(value: Array | float | None) -> float:
    """A number, or UndefinedRecovery where it is none (0/0)."""
    if value is None or np.isnan(value):
        raise UndefinedRecovery("there is nothing under the map or the mask (0/0)")
    return float(value)


def _relative_gap(attribution: Mapping[str, Any]) -> float:
    if not attribution["size"]:
        raise UndefinedRecovery("every share is 0 (0/0)")
    return abs(float(attribution["gap"])) / float(attribution["size"])


def _above_the_mean(attribution: Mapping[str, Any]) -> Array:
    lens, mean = (np.asarray(attribution[key], dtype=np.float64) for key in ("lens", "lens_mean"))
    above: Array = lens - mean
    return above


def _values(attribution: Mapping[str, Any], by: By, grid: list[int] | None = None) -> Array:
    """An attribution's patch tokens `[patch]`, or as a map over the grid."""
    if attribution[by] is None:
        raise NotApplicable("the model's table names no classifier, which the paper's token map needs")
    chosen = slice(*attribution["patch_rows"]) if by == "sources" else slice(None)
    values = np.asarray(attribution[by][chosen], dtype=np.float64)
    return values if grid is None else values.reshape(grid)


def _grid(values: Map) -> tuple[int, int, int]:
    t, h, w = values.shape
    return t, h, w
