"""The `circuit` fixture: one model on one set of pairs, asked in the words of a claim.

    circuit.recovery(mlp_out(4), metric="norm_ratio", readout="tokens")
    circuit.growth(5, 11, of="cls", relative=True)

Each question answers with a `Sample`: a number for each pair, and how it was measured. The first one
that needs a measurement makes it for all pairs (`assay.py`); everything after that reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from math import log
from typing import TYPE_CHECKING, Any, TypeVar, cast

from circuit_claims.clips.pairs import Pair
from circuit_claims.measure.errors import NotApplicable
from circuit_claims.measure.recovery import METRICS, Norms, UndefinedRecovery
from circuit_claims.measure.sample import Sample, combine
from circuit_claims.models.sites import Site, attn_out, mlp_out

if TYPE_CHECKING:
    from circuit_claims.measure.assay import Assay
    from circuit_claims.models.source import ReinitKind

SUFFICIENCY = "success -> failure"
"""The paper's direction: the success clip is the donor, the failure clip the recipient (denoising)."""
NECESSITY = "failure -> success"
"""The other direction (noising)."""
PLACES = {
    "summary": "summary (the vector that the classifier multiplies)",
    "cls": "CLS token before the final norm",
    "tokens": "all tokens of the last block (the paper's)",
}
INERT = "inert readout: all but one of these tokens reach no logit, and the metric ignores direction"
RANDOM_SEEDS = (101, 102, 103, 104, 105)
"""Seeds of the random weights that a claim is contrasted with."""
WINDOWS = (-6, -4, -2, 2, 4, 6)
"""Source frames by which both clips' windows are moved, together, for the jitter control."""


@dataclass(frozen=True)
class Facts:
    """What a model is, as far as claims ask."""

    n_layers: int
    n_heads: int
    labels: tuple[str, ...]


Question = TypeVar("Question", bound=Callable[..., Sample])


def _absent_control_is_undefined(question: Question) -> Question:
    """A control that the pair set cannot give has no values, with the reason; the claim's own pairs must be.

    A set without `noise` pairs, or with one pair of an action, then leaves claims undecided instead of
    "not applicable".
    """

    @wraps(question)
    def asked(self: Circuit, *args: Any, **how: Any) -> Sample:
        own = (SUFFICIENCY, NECESSITY)
        ours = how.get("direction", SUFFICIENCY) in own and how.get("control", SUFFICIENCY) in own
        try:
            return question(self, *args, **how)
        except NotApplicable as why:
            if ours and how.get("pairs", "outcome") == "outcome":
                raise
            return Sample(question.__name__, "fraction", (), undefined={"all pairs": str(why)})

    return cast(Question, asked)


class Circuit:
    """A model and its pairs, as claims ask of them."""

    def __init__(self, assay: Assay, *, control: bool = False) -> None:
        self._assay = assay
        self._control = control
        self._randoms: dict[str, tuple[Circuit, ...]] = {}

    @property
    def name(self) -> str:
        """The model's name, as on the command line."""
        return self._assay.name

    @property
    def facts(self) -> Facts:
        """Layers, heads and labels of the model; opened (and checked) once, then read from the store."""
        plain = self._assay.facts()
        return Facts(plain["n_layers"], plain["n_heads"], tuple(plain["labels"]))

    def needs_layers(self, *layers: int, of: int = 12) -> None:
        """Say *not applicable* where the model is not of the depth that a claim speaks of."""
        n = self.facts.n_layers
        if n != of:
            named = ", ".join(map(str, layers))
            raise NotApplicable(f"the claim speaks of layer {named} of {of}, and {self.name} has {n} layers")

    def random(self, kind: ReinitKind = "random") -> tuple[Circuit, ...]:
        """The same pairs on weights that were never trained, one circuit for each of `RANDOM_SEEDS`.

        `random` weights are initialised afresh, `shuffled` ones permuted within each tensor. A model that
        is random itself is contrasted with these seeds too, so that a null can be seen to fail.
        """
        if kind not in self._randoms:
            source = self._assay.source
            self._randoms[kind] = tuple(
                Circuit(
                    self._assay.on(replace(source, name=f"{kind}:{self.name}#{seed}", reinit=(kind, seed))),
                    control=True,
                )
                for seed in RANDOM_SEEDS
            )
        return self._randoms[kind]

    @_absent_control_is_undefined
    def recovery(
        self,
        site: Site,
        *,
        metric: str = "projection",
        readout: str = "summary",
        direction: str = SUFFICIENCY,
        pairs: str = "outcome",
    ) -> Sample:
        """Recovery at a readout when one site is patched from the donor into the recipient.

        Args:
            site: `attn_out(4)`, `mlp_out(4)`, or `resid_post(4)`, which is an identity patch.
            metric: `projection`, `norm_ratio` (the paper's), `cosine` or `distance`.
            readout: `summary`, `cls` or `tokens`.
            direction: `success -> failure` (the paper's) or `failure -> success`, or a control of
                `controls.py` that takes the donor's place, such as `third video` or `noise write`.
            pairs: `outcome`, or a control: `noise`, `other-clip`.

        Returns:
            A fraction for each pair: 1.0 recovers all of the difference.
        """
        sweeps = self._sweeps(direction, pairs)
        formula = METRICS[metric]
        measured = self._sample(
            f"{metric.replace('_', ' ')} of {site}",
            "fraction",
            pairs,
            lambda pair: formula(Norms(**sweeps[pair.name]["patches"][site.key]["norms"][readout])),
            {
                "patch": f"{site}, all tokens, {direction}",
                "readout": PLACES[readout],
                "metric": metric.replace("_", " "),
                "pairs": pairs,
            },
            flags=(INERT,) if readout == "tokens" else (),
        )
        return replace(measured, artifact=self._artifact(site, readout))

    def _artifact(self, site: Site, readout: str) -> str | None:
        """Why a recovery says nothing of the model: the whole stream is patched, or nothing reads it."""
        if not site.is_write:
            return f"{site} is the whole stream, so patching it makes the run the donor's"
        if readout == "tokens" and max(self.calibration("final patch tokens").values) == 0.0:
            return "perturbing the patch tokens of the last block changes no logit"
        return None

    def strongest(self, *, readout: str = "summary", pairs: str = "outcome") -> Sample:
        """The largest recovery (projection) by any single attention or MLP write of any layer."""
        layers = range(self.facts.n_layers)
        samples = [
            self.recovery(make(layer), readout=readout, pairs=pairs)
            for layer in layers
            for make in (attn_out, mlp_out)
        ]
        return combine(f"largest projection of the {len(samples)} writes", samples, max)

    @_absent_control_is_undefined
    def delta(
        self, layer: int, *, of: str = "tokens", pairs: str = "outcome", control: str = SUFFICIENCY
    ) -> Sample:
        """How far the two streams are apart after a block, relative to their mean norm."""
        traces = self._assay.measured("trace", pairs, {"control": control})
        return self._sample(
            f"relative delta after layer {layer}",
            "fraction",
            pairs,
            lambda pair: _delta(traces[pair.name], layer, of, relative=True),
            {"trace": f"{control}, after block {layer}, relative to the streams' norms", "pairs": pairs},
        )

    @_absent_control_is_undefined
    def kink(self, layer: int, *, of: str = "cls", pairs: str = "outcome") -> Sample:
        """How much faster the relative delta grows in one block than in the block before it.

        ``(log r_l - log r_l-1) - (log r_l-1 - log r_l-2)``, with r_l the relative delta after block l: above
        zero where a rise starts at block l, zero in a smooth exponential and where nothing grows.
        """
        traces = self._assay.measured("trace", pairs, {"control": SUFFICIENCY})

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
            {"trace": f"second difference of the log relative delta at block {layer}", "pairs": pairs},
        )

    def spread(self, sites: Sequence[Site], **how: str) -> Sample:
        """Largest minus smallest recovery over several sites, pair by pair (see `recovery`)."""
        samples = [self.recovery(site, **how) for site in sites]
        kind, first, last = sites[0].kind, sites[0].layer, sites[-1].layer
        return combine(
            f"range of {samples[0].experiment['metric']} over {kind} {first} to {last}",
            samples,
            lambda values: max(values) - min(values),
        )

    @_absent_control_is_undefined
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
        traces = self._assay.measured("trace", pairs, {"control": control})

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
            },
            flags=(INERT,) if of == "tokens" else (),
        )

    def distance(self, *, readout: str = "summary", pairs: str = "outcome") -> Sample:
        """How far apart the two clips of a pair are at a readout: what there is to recover."""
        sweeps = self._sweeps(SUFFICIENCY, pairs)

        def norm(pair: Pair) -> float:
            patches = sweeps[pair.name]["patches"]
            return float(next(iter(patches.values()))["norms"][readout]["D"])

        return self._sample(
            "distance of the two clips", "norm", pairs, norm, {"readout": PLACES[readout], "pairs": pairs}
        )

    def labels(self, *, right: bool = False, pairs: str = "outcome") -> Sample:
        """Whether both clips of a pair get the same label (or, with `right`, both the right one)."""
        traces = self._assay.measured("trace", pairs, {"control": SUFFICIENCY})

        def same(pair: Pair) -> float:
            tops = [traces[pair.name]["top_positive"], traces[pair.name]["top_negative"]]
            if not right:
                return float(tops[0] == tops[1])
            return float(tops == [self._label(pair)] * 2)

        asked = "both clips get the right label" if right else "both clips get the same label"
        return self._sample(
            f"pairs in which {asked}", "bool", pairs, same, {"readout": "top label", "pairs": pairs}
        )

    def label_kept(self) -> Sample:
        """In which share of windows both clips of a pair keep the right label (this window and `WINDOWS`)."""
        windows = [self._assay, *(self._assay.shifted(by) for by in WINDOWS)]
        tops_of = [window.measured("labels", "outcome", {}) for window in windows]

        def share(pair: Pair) -> float:
            wanted = self._label(pair)
            kept = [set(tops[pair.name].values()) == {wanted} for tops in tops_of]
            return kept.count(True) / len(kept)

        return self._sample(
            "windows in which both clips keep the right label",
            "fraction",
            "outcome",
            share,
            {"readout": "top label", "windows": f"{len(windows)}, both clips moved together"},
        )

    def _sweeps(self, direction: str, pairs: str) -> dict[str, Any]:
        # Whole streams, and all tokens of the last block, are read of the model under test only.
        tokens = direction in (SUFFICIENCY, NECESSITY) and not self._control
        return self._assay.measured("sweep", pairs, {"control": direction, "tokens": tokens})

    def _label(self, pair: Pair) -> int:
        names = self.facts.labels
        if pair.label is None:
            raise UndefinedRecovery("the manifest names no label for this pair")
        if pair.label not in names:
            raise NotApplicable(f"{self.name} has no label {pair.label!r} (pair {pair.name})")
        return names.index(pair.label)

    def calibration(self, check: str) -> Sample:
        """A check whose answer is known beforehand, as measured on each outcome pair.

        `null patch`, `identity patch`, `attention at CLS`, `final patch tokens`, `direct shares`.
        """
        measured = self._assay.measured("calibration", "outcome", {})
        unit = "logits" if check == "final patch tokens" else "fraction"

        def value(pair: Pair) -> float:
            found = measured[pair.name][check]
            if found is None:
                raise UndefinedRecovery("the CLS token does not differ between the two clips (0/0)")
            return float(found)

        return self._sample(check, unit, "outcome", value, {"calibration": check})

    def closure(self) -> Sample:
        """How far ``stream + write`` is from the next stream, relative to its norm: worst over all sites."""
        worst = self._assay.facts()["identity"]["worst_closure"]
        return Sample(
            "closure of all sites", "fraction", (float(worst),), experiment={"check": "stream + write == next"}
        )

    def drift(self, site: Site, *, shift: int = 4) -> Sample:
        """``R`` of an identity patch whose denominator uses the recipient from another window of its clip.

        Numerator: patched minus recipient. Denominator: donor minus the recipient sampled `shift` source
        frames later, as when a clip is loaded, and its random window drawn, once for each.
        """
        measured = self._assay.measured("drift", "outcome", {"site": site.key, "shift": shift})

        def ratio(pair: Pair) -> float:
            found = measured[pair.name]
            if not found["denominator"]:
                raise UndefinedRecovery("the donor does not differ from the shifted recipient (x/0)")
            return float(found["numerator"] / found["denominator"])

        return self._sample(
            f"norm ratio of {site} with a drifting baseline",
            "fraction",
            "outcome",
            ratio,
            {
                "patch": f"{site}, all tokens, {SUFFICIENCY}",
                "readout": PLACES["tokens"],
                "denominator": f"recipient sampled {shift} source frames later",
            },
            flags=(INERT,),
        )

    def _sample(
        self,
        name: str,
        unit: str,
        pairs: str,
        value: Callable[[Pair], float],
        experiment: Mapping[str, str],
        flags: tuple[str, ...] = (),
    ) -> Sample:
        values: dict[str, float] = {}
        undefined: dict[str, str] = {}
        chosen = self._assay.chosen(pairs)
        for pair in chosen:
            try:
                values[pair.name] = value(pair)
            except UndefinedRecovery as why:
                undefined[pair.name] = str(why)
        kept = [pair for pair in chosen if pair.name in values]
        return Sample(
            name=name,
            unit=unit,
            values=tuple(values[pair.name] for pair in kept),
            pairs=tuple(pair.name for pair in kept),
            groups=tuple(pair.action for pair in kept),
            clips=tuple((pair.positive.sha256, pair.negative.sha256) for pair in kept),
            experiment={"model": self.name, **experiment},
            flags=flags,
            undefined=undefined,
        )


def _delta(trace: Mapping[str, Any], layer: int, of: str, relative: bool) -> float:
    block = trace["blocks"][layer]
    delta = float(block[f"{of}_delta"])
    if not relative:
        return delta
    norm = 0.5 * (float(block[f"{of}_positive"]) + float(block[f"{of}_negative"]))
    if norm == 0:
        raise UndefinedRecovery(f"both streams are zero after block {layer} (0/0)")
    return delta / norm
