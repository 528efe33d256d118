"""Questions about regions of the input: what the label's margin loses when they are painted over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from circuit_claims.clips.pairs import Pair
from circuit_claims.clips.sampling import SamplingError
from circuit_claims.clips.table import nearest
from circuit_claims.measure.errors import MeasurementError, NotApplicable
from circuit_claims.measure.grid import HOW, is_own_region
from circuit_claims.measure.questions.ablation import MARGIN, band, change, margin_of
from circuit_claims.measure.questions.held_out import HeldOutQuestions
from circuit_claims.measure.questions.registry import words
from circuit_claims.measure.recovery import UndefinedRecovery
from circuit_claims.types import Sample

if TYPE_CHECKING:
    from circuit_claims.measure.assay import Assay

OTHERS = ("moved in time", "top, clip mean", "top, another frame")
"""Regions that are measured where they are asked for."""
SHARES = (0.05, 0.1, 0.2, 0.4, 0.6)
"""The points of the curve, as `measure/regions.py` measures them."""
NAMED = (
    *(f"{kind} {share:g}" for kind in ("top", "bottom", "random") for share in SHARES),
    *("published map", "hotspot frames", "frames around it"),
    *OTHERS,
)
"""Regions by name; a claim can also write rows, columns and frames."""
BASELINES = ("zero", "clip mean", "another frame")
JITTER = (-2, 2)
"""Source frames by which a window is moved to see what the window alone does to a margin."""
READ = {"margin": MARGIN, "logit": "logit of the clip's own label, change relative to its margin"}


class RegionQuestions(HeldOutQuestions):
    """Parts of the clips, painted over; and what the window alone does."""

    @words(region=NAMED, of=("margin", "logit", "outcome"), baseline=BASELINES)
    def without_region(
        self, region: str, *, clip: str = "success", of: str = "margin", baseline: str = "zero"
    ) -> Sample:
        """How the margin (or, with `of`, the label's logit) changes when part of the input is painted over.

        Args:
            region: rows and columns of the token grid and frames that the model reads, such as
                ``"rows 0 to 6, columns 2 to 9, frames 50 % to 100 %"``; or a name: `top 0.1`, `bottom 0.1`,
                `random 0.1` (share of the tokens, by what the label's logit owes to them directly; of
                `SHARES`, in the failure clip 0.1 and 0.6 only, without `bottom`); `published map` (the top
                10 % by the notebook's token map); and in the success clip `moved in time` (the top 10 % of
                the tokens, some tubelets later), `top, clip mean`, `top, another frame` (other baselines
                than 0), `hotspot frames`, `frames around it`.
            clip: `success` or `failure`.
            of: `margin` or `logit`; or `outcome`, what is then left of the two clips' difference along the
                held-out direction of the outcome, the same part of both clips painted over (the success
                clip's `top 0.1`, `hotspot frames` and `frames around it`, and rows, columns and frames).
            baseline: what stands in the place of rows, columns and frames: `zero` in model space,
                the `clip mean`, or the same place in `another frame`.

        Returns:
            A fraction of the clean margin (or of the outcome) for each pair: -1 loses all of it.
        """
        if is_own_region(region):
            return self._without_own(region, clip, of, baseline)
        if baseline != "zero":
            raise MeasurementError(
                f"baseline is for rows, columns and frames, and region is {region!r:.60}; {HOW}"
            )
        if of == "outcome":
            return self._outcome_without(region)
        measured = self._assay.measured("regions.regions", "outcome", _regions_of(clip, region))
        painted = next(iter(measured.values()))["ablated"]
        if region not in painted:
            raise MeasurementError(f"region is {region!r:.60} of the {clip} clip; {nearest(region, painted)}")

        def changed(pair: Pair) -> float:
            return change(measured[pair.name], region, of)

        sample = self._sample(
            f"change of the {clip} clip's {of} without {region}",
            "fraction",
            "outcome",
            changed,
            {"ablated": f"{region}, {clip} clip", "readout": READ[of]},
        )
        return replace(sample, figure=None if region in OTHERS else self._curve(measured, clip))

    def _without_own(self, region: str, clip: str, of: str, baseline: str) -> Sample:
        """The same of rows, columns and frames, measured where they are asked for."""
        params = {"region": region, "baseline": baseline}
        found = self._assay.measured("places.painted", "outcome", params)
        if of == "outcome":
            return self._outcome_left(region, found)
        return self._sample(
            f"change of the {clip} clip's {of} without {region}",
            "fraction",
            "outcome",
            lambda pair: change(found[pair.name][clip], region, of),
            {"ablated": f"{region}, {clip} clip", "by": baseline, "readout": READ[of]},
        )

    def _outcome_without(self, region: str) -> Sample:
        found = self._assay.measured("regions.regions", "outcome", _regions_of("success"))
        if any(region not in one["left"] for one in found.values()):
            raise NotApplicable(f"{region!r} is not painted over in both clips, so the outcome is not read")
        return self._outcome_left(region, found)

    def _outcome_left(self, region: str, found: Mapping[str, Any]) -> Sample:
        apart = {name: one["apart"] for name, one in found.items()}
        lost = {
            name: [whole - left for whole, left in zip(one["apart"], one["left"][region], strict=True)]
            for name, one in found.items()
        }
        told = {"ablated": f"{region}, both clips, the same places"}
        return self._along_others(f"change of the outcome without {region}", apart, lost, told)

    def _curve(self, measured: Mapping[str, Any], clip: str) -> dict[str, Any] | None:
        """Change of the margin against the share of the tokens, for tokens by attribution and by chance."""
        if clip != "success":
            return None
        names = {
            "top": "highest attribution first",
            "random": "random tokens",
            "bottom": "lowest attribution first",
        }
        found = [one for one in measured.values() if one["margin"]]
        if not found:
            return None
        series = [
            {
                "name": words,
                "role": "claim" if name == "top" else "control",
                **band([[change(one, f"{name} {share:g}", "margin") for one in found] for share in SHARES]),
            }
            for name, words in names.items()
        ]
        return {
            "kind": "curve",
            "title": "What the margin loses with part of the clip",
            "caption": "Tokens painted over with 0 in both frames of their tubelet; mean over pairs, and two "
            "standard errors. The paper ablates 10 %.",
            "x": {"label": "share of the tokens ablated", "values": list(SHARES)},
            "y": {"label": "change of the margin", "unit": "fraction"},
            "series": series,
            "marks": [{"x": 0.1, "label": "the paper's share"}],
        }

    def margin_jitter(self, *, clip: str = "success") -> Sample:
        """By how much the window alone moves the margin: mean over windows of ``|M' - M| / M``.

        The label is the one that the clip gets in its own window. A window outside the clip is left out.
        """
        own = self._assay.measured("regions.regions", "outcome", _regions_of(clip))
        moved = [window.measured("jitter.says", "outcome", {}) for window in self._jittered()]

        def spread(pair: Pair) -> float:
            here = own[pair.name]
            windows = [window[pair.name][clip] for window in moved]
            there = [one for one in windows if "outside" not in one]
            if not there:
                raise UndefinedRecovery("no other window fits into the clip")
            changes = [_other_window(here, one) for one in there]
            return sum(changes) / len(changes)

        told = f"{len(JITTER)}, moved by {self._assay.pairs.shift_in_words(*JITTER)}"
        return self._sample(
            f"change of the {clip} clip's margin with the window",
            "fraction",
            "outcome",
            spread,
            {"readout": READ["margin"], "windows": told},
        )

    def _jittered(self) -> Iterator[Assay]:
        for by in JITTER:
            with suppress(SamplingError):  # it would begin before the clips do
                yield self._assay.shifted(by)


def _regions_of(clip: str, region: str = "") -> dict[str, Any]:
    """The whole curve is measured on the success clip, the paper's table 2 on the failure clip."""
    others = {"others": True} if region in OTHERS else {}
    return {"clip": clip, "curve": clip == "success" and not others, **others}


def _other_window(here: Mapping[str, Any], there: Mapping[str, Any]) -> float:
    """Of the label in the clip's own window. Where another one wins, the margin is at most its negative."""
    margin = there["margin"] if there["label"] == here["label"] else -there["margin"]
    return abs(float(margin) - margin_of(here)) / margin_of(here)
