"""Questions whose answers are known beforehand: of donor and recipient, of signs, of heads, of colours."""

from __future__ import annotations

from collections.abc import Callable
from math import copysign
from typing import Any

from circuit_claims.clips.pairs import Pair
from circuit_claims.measure.assay import ONE_AN_ACTION
from circuit_claims.measure.errors import NotApplicable
from circuit_claims.measure.questions.ablation import BY
from circuit_claims.measure.questions.base import NECESSITY, SUFFICIENCY, Questions
from circuit_claims.measure.questions.registry import words
from circuit_claims.measure.recovery import UndefinedRecovery
from circuit_claims.types import Sample

TOLD = {
    "write": "a write",
    "joint": "a joint patch",
    "values": "a joint patch of what attention reads",
    "patched": "a head",
    "screened": "a screened head",
    "first order": "a head, to first order",
    "other heads": "any other head",
    "other first order": "any other head, to first order",
}
DRAWN = {"red": 192, "green": 128, "blue": 64, "black": 0, "white": 255}
"""Levels of what is drawn, of 255: three channels of one colour, and the two ends."""
SILENT = 1e-3
"""A recovery below this has no sign; the known ones are no smaller than a half."""
ONE_HEAD = "it has one head in a layer, so that no other can be taken for it"


class KnownAnswerQuestions(Questions):
    """A head of the model is set in a run whose numbers are known (`measure/transplant.py`)."""

    @words(of=("write", "joint", "values", "patched", "screened"))
    def known_size(self, of: str, *, direction: str = SUFFICIENCY) -> Sample:
        """How much a patch of the transplanted head moves, relative to the distance of the two clips.

        `of` is the way in which it is patched: `write`, `joint`, `values`, `patched` (as a head), `screened`.
        """
        return self._roles(f"size of {TOLD[of]}", "ratio", direction, lambda one: one[of]["norm_ratio"])

    @words(of=("write", "joint", "values", "patched", "screened", "first order"))
    def known_sign(self, of: str, metric: str = "projection", *, direction: str = SUFFICIENCY) -> Sample:
        """Whether a patch of the transplanted head is read as moving towards the donor: 1, or away: -1.

        `of` as for `known_size`, or `first order` (of a screen).
        """

        def sign(one: dict[str, Any]) -> float:
            value = one[of][metric] if isinstance(one[of], dict) else one[of]
            return copysign(1.0, value) if abs(value) > SILENT else 0.0

        return self._roles(f"sign of {TOLD[of]} by {metric}", "ratio", direction, sign)

    @words(of=("patched", "first order", "other heads", "other first order"))
    def known_head(self, of: str, *, direction: str = SUFFICIENCY) -> Sample:
        """How much of the transplanted head's write is found by patching heads: relative to the write's own.

        `of`: `patched`, `first order`, and of the heads that are silent `other heads`, `other first order`.
        """

        def share(one: dict[str, Any]) -> float:
            value = one[of]["norm_ratio"] if isinstance(one[of], dict) else one[of]
            if value is None:
                raise NotApplicable(ONE_HEAD)
            return float(abs(value) / (one["write"]["norm_ratio"] or 1.0))

        return self._roles(f"share of {TOLD[of]} in the write of one head", "fraction", direction, share)

    @words(of=("write", "patched", "other heads", "margin"), by=BY)
    def known_ablation(self, of: str, *, clip: str = "success", by: str = "zero") -> Sample:
        """What an ablation does to the transplant's run of a clip, relative to its margin.

        `of`: `write` (the whole attention), `patched` (the head that speaks), `other heads`; or `margin`,
        which is the run's own.
        """
        params = {"clip": clip, "by": by, **({"control": "other class"} if by == "resample" else {})}

        def change(one: dict[str, Any]) -> float:
            if one[of] is None:
                raise NotApplicable(ONE_HEAD)
            return float(one[of])

        return self._known(
            f"margin without {TOLD.get(of, of)}" if of != "margin" else "margin",
            "ratio",
            "known_answers.ablations",
            params,
            change,
            {"clip": clip, "by": by},
        )

    @words(what=DRAWN)
    def colours(self, what: str) -> Sample:
        """The level of `red`, `green` or `blue` that the model sees of a drawn colour, from black to white.

        Or where `black` and `white` lie in the range of its pixels. A fraction; of the two decoders, the one
        that is further from what was drawn.
        """
        return self._known(
            f"level of {what}",
            "fraction",
            "known_answers.colours",
            {},
            lambda one: max((read[what] for read in one.values()), key=lambda x: abs(x - DRAWN[what] / 255)),
            {"clip": "drawn, of one colour"},
        )

    def _roles(
        self, name: str, unit: str, direction: str, value: Callable[[dict[str, Any]], float]
    ) -> Sample:
        heads = direction in (SUFFICIENCY, NECESSITY)
        params = {"control": direction, "heads": heads}
        return self._known(name, unit, "known_answers.roles", params, value, {"patch": direction})

    def _known(
        self,
        name: str,
        unit: str,
        what: str,
        params: dict[str, Any],
        value: Callable[[dict[str, Any]], float],
        told: dict[str, str],
    ) -> Sample:
        """A number of one pair of each action, or of all pairs where these have none.

        Not applicable where no pair has one, with the first reason.
        """

        def asked(pairs: str) -> Sample:
            found = self._assay.measured(what, pairs, params)

            def of(pair: Pair) -> float:
                one = found[pair.name]
                if "undefined" in one:
                    raise UndefinedRecovery(one["undefined"])
                return value(one)

            return self._sample(name, unit, pairs, of, {"calibration": "known answer", **told})

        # What it finds lies in the code and in the model, and not in a pair: a few of them show it.
        sample = asked(ONE_AN_ACTION)
        if not sample.values:
            sample = asked("outcome")
        if not sample.values:
            raise NotApplicable(f"{self.name}: {next(iter(sample.undefined.values()))}")
        return sample
