"""Questions about probes: what a linear classifier reads of the outcome, and what it reads of the file.

A probe that was fitted to a clip may know the clip; one that is asked about a pair that it was not fitted to
has to know the outcome. The control task is the same fit to labels exchanged at random within pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from math import log
from typing import TYPE_CHECKING, Any

import numpy as np

from circuit_claims.clips.sampling import SamplingError
from circuit_claims.measure import linear_probe
from circuit_claims.measure.errors import NotApplicable
from circuit_claims.measure.questions.base import SUFFICIENCY, Questions, absent_control_is_undefined
from circuit_claims.measure.recovery import UndefinedRecovery
from circuit_claims.types import Sample

if TYPE_CHECKING:
    from circuit_claims.clips.pairs import Pair
    from circuit_claims.measure.assay import Assay
    from circuit_claims.measure.linear_probe import Floats

AROUND = (-4, -2, 2, 4)
"""Source frames by which both clips' windows are moved: other windows of the same videos."""
LABELLINGS = 99
"""Random labellings of the control task."""
LABEL_SEED = 5
COPY = "re-encoded"
RIDGE_PROBE = "ridge, features centred by action and scaled, of the pairs it is fitted to"
LEAKS = "test leakage: tokens of the same clip are in the fit and in the test"
TWO_POINTS = "fitted and scored on the same two points"


class ProbingQuestions(Questions):
    """What linear probes read off the CLS token, off raw pixels, and off patch tokens."""

    def __init__(self, assay: Assay, *, control: bool = False) -> None:
        super().__init__(assay, control=control)
        self._votes: dict[str, Floats] = {}

    # The paper's probes -------------------------------------------------------------------------------------

    @absent_control_is_undefined
    def two_point_probe(self, layer: int, *, pairs: str = "outcome") -> Sample:
        """The paper's accuracy: a probe fitted to the two CLS tokens of a pair, and scored on these two."""
        blocks = None if pairs == "outcome" else layer + 1
        clips = dict(zip(self._names(pairs), self._streams(pairs, layers=blocks)[:, layer], strict=True))
        return self._sample(
            f"two-point probe accuracy at layer {layer}",
            "fraction",
            pairs,
            lambda pair: linear_probe.two_point_accuracy(*clips[pair.name]),
            {"probe": TWO_POINTS, "readout": f"CLS token after block {layer}", "pairs": pairs},
            flags=(TWO_POINTS,),
        )

    @property
    def d_model(self) -> int:
        """Dimensions of the stream: what a probe of one token can make use of."""
        return int(self._assay.facts()["d_model"])

    @absent_control_is_undefined
    def token_split_probe(self, layer: int, *, layers: Sequence[int], pairs: str = "outcome") -> Sample:
        """The paper's "test accuracy": which clip a patch token is from, its tokens split at random.

        `layers` are those that are measured together.
        """
        asked = {"control": SUFFICIENCY, "layers": sorted(layers)}
        measured = self._assay.measured("probing.token_split", pairs, asked)
        return self._sample(
            f"token-split probe accuracy at layer {layer}",
            "fraction",
            pairs,
            lambda pair: float(measured[pair.name][str(layer)]),
            {
                "probe": "logistic regression, a random quarter of both clips' patch tokens held out",
                "readout": f"patch tokens after block {layer}",
                "pairs": pairs,
            },
            flags=(LEAKS,),
        )

    # Pairs left out -----------------------------------------------------------------------------------------

    @absent_control_is_undefined
    def held_out_probe(self, *layers: int, control: str = SUFFICIENCY) -> Sample:
        """Whether a probe fitted to all other pairs ranks the success clip of a pair above the failure clip.

        1, 0, or 1/2 where the two clips are the same to it; the mean over layers.
        """
        return self._held_out(self._probe(control), layers, control, figure=self._by_layer)

    def control_task(self, *layers: int) -> dict[str, Sample]:
        """The same probe, fitted to and scored by `LABELLINGS` random labellings of the videos: a family.

        They are no draws of a population that a model could lie above: where clips differ along one
        direction, a labelling scores the share of its majority, anything from 0 to 1, and no accuracy exceeds
        the bound for one more of them. The true labelling has to stand out of all.
        """
        return self._control_task(self._probe(SUFFICIENCY), layers)

    def held_out_pixels(self) -> Sample:
        """The same probe of coarse raw pixels: what needs no model at all."""
        votes = self._remembered(
            "pixels", lambda: linear_probe.held_out_votes(self._pixels(), self._actions())
        )
        right = linear_probe.held_out_right(votes, self._as_labelled())[0]
        return self._of_pairs(
            "held-out probe accuracy of raw pixels",
            right,
            {"probe": RIDGE_PROBE, "readout": "raw pixels, means of 4 x 4 x 4 blocks"},
        )

    @absent_control_is_undefined
    def outcome_direction(self, *layers: int, control: str = SUFFICIENCY) -> Sample:
        """Whether a pair's delta lies along the outcome direction of all other pairs (their mean unit delta).

        1, 0, or 1/2 where the two clips are the same; the mean over layers.
        """
        return self._held_out(self._direction(control), layers, control, name="held-out outcome direction")

    def direction_control_task(self, *layers: int) -> dict[str, Sample]:
        """The same directions, of deltas whose signs are exchanged at random: a family, as `control_task`."""
        return self._control_task(self._direction(SUFFICIENCY), layers)

    # The same videos in fit and test ------------------------------------------------------------------------

    def same_videos_probe(self, layer: int) -> Sample:
        """Accuracy on a left-out window of videos that the probe was fitted to: the mean of both clips."""
        return self._of_pairs(
            f"within-video probe accuracy at layer {layer}",
            self._within(layer)[0],
            {"probe": RIDGE_PROBE, "split": "one window of every video held out, the others in the fit"},
        )

    def selectivity(self, layer: int) -> Sample:
        """Within-video accuracy minus that of the control task: what outcome adds to knowing the video."""
        right = self._within(layer)
        return self._of_pairs(
            f"selectivity of the within-video probe at layer {layer}",
            right[0] - right[1:].mean(axis=0),
            {
                "probe": RIDGE_PROBE,
                "split": "one window of every video held out, the others in the fit",
                "control task": f"{len(right) - 1} labellings, exchanged at random within pairs",
            },
        )

    # Noise --------------------------------------------------------------------------------------------------

    @absent_control_is_undefined
    def noise_filtered(self, *, pairs: str = "outcome") -> Sample:
        """How fast the delta outgrows a re-encoded copy's with depth: the slope of ``log(n_l / copy_l)``.

        n_l is the norm of the CLS delta after block l, copy_l the same between the pair's failure clip and a
        copy of it that went through a codec; the slope is of the line of least squares through all blocks, in
        log units a block. Above zero, the stream makes more and more of the one and less of the other.
        """
        deltas = self._assay.measured("per_pair.trace", pairs, {"control": SUFFICIENCY})
        copies = self._assay.measured("per_pair.trace", pairs, {"control": COPY})

        def slope(pair: Pair) -> float:
            heights = []
            for ours, copy in zip(deltas[pair.name]["blocks"], copies[pair.name]["blocks"], strict=True):
                if not ours["cls_delta"] or not copy["cls_delta"]:
                    raise UndefinedRecovery("the clips, or a clip and its copy, do not differ at CLS (log 0)")
                heights.append(log(ours["cls_delta"] / copy["cls_delta"]))
            middle = (len(heights) - 1) / 2
            weights = [layer - middle for layer in range(len(heights))]
            return sum(w * y for w, y in zip(weights, heights, strict=True)) / sum(w * w for w in weights)

        return self._sample(
            "growth of the delta relative to a re-encoded copy's",
            "log ratio",
            pairs,
            slope,
            {"trace": "slope over blocks of log(CLS delta / delta of a re-encoded copy)", "pairs": pairs},
        )

    # How it is computed -------------------------------------------------------------------------------------

    def _held_out(
        self,
        votes: Callable[[int], Floats],
        layers: Sequence[int],
        control: str,
        name: str = "held-out probe accuracy",
        figure: Callable[[], dict[str, Any]] | None = None,
    ) -> Sample:
        right = [linear_probe.held_out_right(votes(layer), self._as_labelled())[0] for layer in layers]
        measured = self._of_pairs(
            f"{name} at {_named(layers)}",
            np.mean(right, axis=0),
            {
                "probe": RIDGE_PROBE if "probe" in name else "mean unit delta of the other pairs",
                "readout": f"CLS token after blocks {_named(layers)}",
                "split": "one pair held out, all others in the fit",
                "clips": control,
            },
        )
        shown = figure() if figure and not self._control and control == SUFFICIENCY else None
        return replace(measured, figure=shown)

    def _control_task(self, votes: Callable[[int], Floats], layers: Sequence[int]) -> dict[str, Sample]:
        right = [linear_probe.held_out_right(votes(layer), self._labellings()) for layer in layers]
        rows = np.mean(right, axis=0)
        how = {"labels": "exchanged at random"}
        return {
            f"labelling {number}": self._of_pairs("control task", row, how)
            for number, row in enumerate(rows, 1)
        }

    def _probe(self, control: str) -> Callable[[int], Floats]:
        return lambda layer: self._remembered(
            f"probe {control} {layer}",
            lambda: linear_probe.held_out_votes(self._streams("outcome", control)[:, layer], self._actions()),
        )

    def _direction(self, control: str) -> Callable[[int], Floats]:
        return lambda layer: self._remembered(
            f"direction {control} {layer}",
            lambda: linear_probe.direction_votes(self._streams("outcome", control)[:, layer]),
        )

    def _within(self, layer: int) -> Floats:
        """Share read right within videos, `[1 + labelling, pair]`: as labelled, then the control task."""

        def votes() -> Floats:
            windows = self._windows_of_block(layer)
            clips = windows.reshape(len(windows), -1, windows.shape[-1])
            return linear_probe.window_votes(clips, np.repeat(self._actions(), 2).tolist())

        signs = np.vstack([self._as_labelled(), self._labellings()])
        labels = np.stack([signs, -signs], axis=-1).reshape(len(signs), -1)
        right = linear_probe.windows_right(self._remembered(f"windows {layer}", votes), labels)
        shares: Floats = right.reshape(len(signs), -1, 2).mean(axis=-1)
        return shares

    def _windows_of_block(self, layer: int) -> Floats:
        """CLS after one block in this window and in those of `AROUND` that fit: `[window, pair, 2, d]`."""
        asked = {"control": SUFFICIENCY, "layers": layer + 1}
        found = []
        for assay in (self._assay, *self._windows_moved()):
            streams = assay.measured("probing.streams", "outcome", asked)
            if not any("outside" in streams[name] for name in self._names("outcome")):
                found.append(_array(streams, self._names("outcome"))[:, layer])
        if len(found) < 2:
            raise NotApplicable("the clips have room for one window only, so none can be held out")
        return np.stack(found)

    def _windows_moved(self) -> list[Assay]:
        moved = []
        for by in AROUND:
            with suppress(SamplingError):  # it would begin before the clips do
                moved.append(self._assay.shifted(by))
        return moved

    def _streams(self, pairs: str, control: str = SUFFICIENCY, layers: int | None = None) -> Floats:
        """CLS after each block (or the first `layers`), `[pair, layer, 2, d_model]`: success, failure."""
        asked = {"control": control, "layers": layers}
        return self._remembered(
            f"streams {pairs} {sorted(asked.items(), key=str)}",
            lambda: _array(self._assay.measured("probing.streams", pairs, asked), self._names(pairs)),
        )

    def _pixels(self) -> Floats:
        pixels = self._assay.measured("probing.pixels", "outcome", {"control": SUFFICIENCY})
        return np.array(
            [[pixels[name][role] for role in ("success", "failure")] for name in self._names("outcome")]
        )

    def _by_layer(self) -> dict[str, Any]:
        """Accuracy on left-out pairs by layer, with the control task's spread and raw pixels beside it."""
        n = self.facts.n_layers
        probe = self._probe(SUFFICIENCY)
        ours = [linear_probe.held_out_right(probe(layer), self._as_labelled()).mean() for layer in range(n)]
        drawn = np.array(
            [linear_probe.held_out_right(probe(layer), self._labellings()).mean(axis=1) for layer in range(n)]
        )
        low, high = np.quantile(drawn, [0.025, 0.975], axis=1)
        pixels = self.held_out_pixels().values
        return {
            "kind": "curve",
            "title": "Outcome read off a pair that the probe was not fitted to",
            "caption": "The band holds 95 % of the control task: labels exchanged at random within pairs.",
            "x": {"label": "after block", "values": list(range(n))},
            "y": {"label": "share of pairs ranked right", "unit": "fraction"},
            "series": [
                {"name": "CLS token", "role": "claim", "values": [float(value) for value in ours]},
                {
                    "name": "control task",
                    "role": "control",
                    "values": drawn.mean(axis=1).tolist(),
                    "low": low.tolist(),
                    "high": high.tolist(),
                },
                {"name": "raw pixels", "role": "control", "values": [sum(pixels) / len(pixels)] * n},
            ],
        }

    def _remembered(self, key: str, make: Callable[[], Floats]) -> Floats:
        if key not in self._votes:
            self._votes[key] = make()
        return self._votes[key]

    def _names(self, pairs: str) -> list[str]:
        return [pair.name for pair in self._assay.chosen(pairs)]

    def _actions(self) -> list[str]:
        return [pair.action for pair in self._assay.chosen("outcome")]

    def _as_labelled(self) -> Floats:
        if len(self._names("outcome")) < 2:
            raise NotApplicable("a pair can be held out only where there are others to fit a probe to")
        return np.ones((1, len(self._names("outcome"))))

    def _labellings(self) -> Floats:
        return linear_probe.labellings(LABELLINGS, len(self._names("outcome")), LABEL_SEED)

    def _of_pairs(self, name: str, values: Floats, experiment: dict[str, str]) -> Sample:
        """One number for each outcome pair, in their order."""
        of = dict(zip(self._names("outcome"), values.tolist(), strict=True))
        return self._sample(name, "fraction", "outcome", lambda pair: float(of[pair.name]), experiment)


def _array(streams: dict[str, Any], names: Sequence[str]) -> Floats:
    """`[pair, layer, 2, d_model]` from what the store keeps."""
    return np.array(
        [[streams[name][role] for role in ("success", "failure")] for name in names], dtype=np.float64
    ).transpose(0, 2, 1, 3)


def _named(layers: Sequence[int]) -> str:
    return f"layer {layers[0]}" if len(layers) == 1 else f"layers {min(layers)} to {max(layers)}"
