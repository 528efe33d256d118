"""Questions about the delta trace: how the streams of two clips part with depth."""

from __future__ import annotations

from collections.abc import Mapping
from math import log
from typing import Any

from circuit_claims.clips.pairs import Pair
from circuit_claims.measure.errors import NotApplicable
from circuit_claims.measure.questions.base import (
    INERT,
    SUFFICIENCY,
    Questions,
    absent_control_is_undefined,
    depth,
)
from circuit_claims.measure.recovery import UndefinedRecovery
from circuit_claims.types import Sample


class TraceQuestions(Questions):
    """How far two clips are apart after each block, how that grows, and what the model calls them."""

    @absent_control_is_undefined
    def growth(
        self,
        start: int,
        end: int,
        *,
        of: str = "cls",
        relative: bool = False,
        pairs: str = "outcome",
        control: str = SUFFICIENCY,
    ) -> Sample:
        """How much the two clips' streams part from block `start` to block `end`.

        ``n_l = ||x_l(success) - x_l(failure)||`` of the CLS token, or its mean over tokens (the paper's);
        the growth is ``n_end / n_start``, both after their block. Relative growth divides ``n_l`` by the
        mean norm of the two streams first, so that a stream that merely grows longer grows by 1.
        """
        if end <= start:
            raise NotApplicable(f"{self.name} has no layers between {start} and {end} to grow over")
        traces = self._traces(pairs, control)

        def ratio(pair: Pair) -> float:
            trace = traces[pair.name]
            before, after = (_delta(trace, layer, of, relative) for layer in (start, end))
            if before == 0:
                raise UndefinedRecovery(
                    f"the streams do not differ after block {start}, so growth is undefined (x/0)"
                )
            return after / before

        kind = "relative growth" if relative else "growth"
        return self._sample(
            f"{kind} of the delta from layer {start} to {end}",
            "ratio",
            pairs,
            ratio,
            {
                "trace": f"||success - failure|| after block {start} and {end}"
                + (", relative to the streams' norms" if relative else ""),
                "readout": "CLS token" if of == "cls" else "mean over all tokens (the paper's)",
                "pairs": pairs,
                **depth(start, end),
            },
            flags=(INERT,) if of == "tokens" and self.facts.inert else (),
        )

    @absent_control_is_undefined
    def delta(
        self, layer: int, *, of: str = "tokens", pairs: str = "outcome", control: str = SUFFICIENCY
    ) -> Sample:
        """How far the two streams are apart after a block, relative to their mean norm."""
        traces = self._traces(pairs, control)
        return self._sample(
            f"relative delta after layer {layer}",
            "fraction",
            pairs,
            lambda pair: _delta(traces[pair.name], layer, of, relative=True),
            {"trace": f"{control}, after block {layer}, relative to the streams' norms", "pairs": pairs},
        )

    def bends(self) -> range:
        """The layers that have a kink: two blocks go before each."""
        return range(2, self.facts.n_layers)

    @absent_control_is_undefined
    def kink(self, layer: int, *, of: str = "cls", pairs: str = "outcome") -> Sample:
        """How much faster the relative delta grows in one block than in the block before it.

        ``(log r_l - log r_l-1) - (log r_l-1 - log r_l-2)``, with r_l the relative delta after block l: above
        zero where a rise starts at block l, zero in a smooth exponential and where nothing grows.
        """
        if layer < 2:
            raise NotApplicable(f"{self.name} has no two blocks before layer {layer} to compare it with")
        traces = self._traces(pairs, SUFFICIENCY)

        def second_difference(pair: Pair) -> float:
            heights = [
                _delta(traces[pair.name], at, of, relative=True) for at in (layer - 2, layer - 1, layer)
            ]
            if min(heights) == 0.0:
                raise UndefinedRecovery(f"the streams do not differ before block {layer} (log 0)")
            before, at, after = (log(height) for height in heights)
            return (after - at) - (at - before)

        return self._sample(
            f"change of growth at layer {layer}",
            "log ratio",
            pairs,
            second_difference,
            {
                "trace": f"second difference of the log relative delta at block {layer}",
                "pairs": pairs,
                **depth(layer),
            },
        )

    def labels(self, *, right: bool = False, pairs: str = "outcome") -> Sample:
        """Whether both clips of a pair get the same label (or, with `right`, both the right one)."""
        traces = self._traces(pairs, SUFFICIENCY)

        def same(pair: Pair) -> float:
            tops = [traces[pair.name]["top_positive"], traces[pair.name]["top_negative"]]
            if not right:
                return float(tops[0] == tops[1])
            return float(tops == [self._label(pair)] * 2)

        asked = "both clips get the right label" if right else "both clips get the same label"
        return self._sample(
            f"pairs in which {asked}", "bool", pairs, same, {"readout": "top label", "pairs": pairs}
        )

    def _traces(self, pairs: str, control: str) -> dict[str, Any]:
        return self._assay.measured(f"{self._room}.trace", pairs, {"control": control})


def _delta(trace: Mapping[str, Any], layer: int, of: str, relative: bool) -> float:
    if "outside" in trace:
        raise UndefinedRecovery(f"the window does not fit into the clips ({trace['outside']})")
    block = trace["blocks"][layer]
    delta = float(block[f"{of}_delta"])
    if not relative:
        return delta
    norm = 0.5 * (float(block[f"{of}_positive"]) + float(block[f"{of}_negative"]))
    if norm == 0:
        raise UndefinedRecovery(f"both streams are zero after block {layer} (0/0)")
    return delta / norm
