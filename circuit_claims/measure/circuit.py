"""The `circuit` fixture: one model on one set of pairs, asked in the words of a claim.

    circuit.recovery(mlp_out(4), metric="norm_ratio", readout="tokens")
    circuit.growth(5, 11, of="cls", relative=True)

The first question that needs a measurement makes it for all pairs, under a progress bar, and puts it
in the store; everything after that reads it. A warm run loads neither torch nor the model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from circuit_claims.clips.pairs import Pair, PairKind, PairSet
from circuit_claims.measure.errors import MeasurementError, NotApplicable
from circuit_claims.measure.recovery import METRICS, Norms, UndefinedRecovery
from circuit_claims.measure.sample import Sample, combine
from circuit_claims.measure.store import Store, code_hash, versions
from circuit_claims.models.checkpoint import fingerprint
from circuit_claims.models.sites import Site

if TYPE_CHECKING:
    from torch import Tensor

    from circuit_claims.clips.decode import Decoder
    from circuit_claims.models.residual import ResidualModel
    from circuit_claims.models.source import ModelSource

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
PIXELS_KEPT = 4
"""Clips kept decoded: the pairs are walked in order, so the next measurement mostly wants the same ones."""


@dataclass(frozen=True)
class Facts:
    """What a model is, as far as claims ask."""

    n_layers: int
    n_heads: int
    labels: tuple[str, ...]


class Circuit:
    """A model, its pairs and its store."""

    def __init__(
        self,
        source: ModelSource,
        pairs: PairSet,
        store: Store,
        *,
        decoder: Decoder,
        device: str = "cpu",
        threads: int = 1,
        progress: Callable[[str, int, int], None] = lambda _what, _done, _total: None,
    ) -> None:
        self.name = source.name
        self.pairs = pairs
        self._source, self._store, self._decoder = source, store, decoder
        self._device, self._threads, self._progress = device, threads, progress
        self._fingerprint = ""
        self._model: ResidualModel | None = None
        self._measured: dict[str, dict[str, Any]] = {}
        self._facts: dict[str, Any] | None = None
        self._pixels: dict[tuple[str, int], Tensor] = {}

    # What claims ask -------------------------------------------------------------------------------

    @property
    def facts(self) -> Facts:
        """Layers, heads and labels of the model; opened (and checked) once, then read from the store."""
        plain = self._model_facts()
        return Facts(plain["n_layers"], plain["n_heads"], tuple(plain["labels"]))

    def needs_layers(self, *layers: int, of: int = 12) -> None:
        """Say *not applicable* where the model is not of the depth that a claim speaks of."""
        n = self.facts.n_layers
        if n != of:
            named = ", ".join(map(str, layers))
            raise NotApplicable(f"the claim speaks of layer {named} of {of}, and {self.name} has {n} layers")

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
            direction: `success -> failure` (the paper's) or `failure -> success`.
            pairs: `outcome`, or a control: `noise`, `other-clip`.

        Returns:
            A fraction for each pair: 1.0 recovers all of the difference.
        """
        sweeps = self._sweeps(direction, pairs)
        formula = METRICS[metric]
        return self._sample(
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
            flags=(INERT,) if readout == "tokens" and metric == "norm_ratio" else (),
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

    def growth(
        self, start: int, end: int, *, of: str = "cls", relative: bool = False, pairs: str = "outcome"
    ) -> Sample:
        """How much the two clips' streams part from block `start` to block `end`.

        ``n_l = ||x_l(success) - x_l(failure)||`` of the CLS token, or its mean over tokens (the paper's);
        the growth is ``n_end / n_start``, both after their block. Relative growth divides ``n_l`` by the
        mean norm of the two streams first, so that a stream that merely grows longer grows by 1.
        """
        traces = self._measure("trace", pairs, {}, self._trace)

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
        sweeps = self._sweeps(SUFFICIENCY, pairs)
        names = self.facts.labels

        def same(pair: Pair) -> float:
            tops = [int(sweeps[pair.name][role]["top"][0][0]) for role in ("donor", "recipient")]
            if not right:
                return float(tops[0] == tops[1])
            if pair.label is None:
                raise UndefinedRecovery("the manifest names no label for this pair")
            if pair.label not in names:
                raise NotApplicable(f"{self.name} has no label {pair.label!r} (pair {pair.name})")
            return float(all(names[top] == pair.label for top in tops))

        asked = "both clips get the right label" if right else "both clips get the same label"
        return self._sample(
            f"pairs in which {asked}", "bool", pairs, same, {"readout": "top label", "pairs": pairs}
        )

    def calibration(self, check: str) -> Sample:
        """A check whose answer is known beforehand, as measured on each outcome pair.

        `null patch`, `identity patch`, `attention at CLS`, `final patch tokens`, `direct shares`.
        """
        measured = self._measure("calibration", "outcome", {}, self._calibrate)
        unit = "logits" if check == "final patch tokens" else "fraction"

        def value(pair: Pair) -> float:
            found = measured[pair.name][check]
            if found is None:
                raise UndefinedRecovery("the CLS token does not differ between the two clips (0/0)")
            return float(found)

        return self._sample(check, unit, "outcome", value, {"calibration": check})

    def closure(self) -> Sample:
        """How far ``stream + write`` is from the next stream, relative to its norm: worst over all sites."""
        worst = self._model_facts()["identity"]["worst_closure"]
        return Sample(
            "closure of all sites", "ratio", (float(worst),), experiment={"check": "stream + write == next"}
        )

    def drift(self, site: Site, *, shift: int = 4) -> Sample:
        """``R`` of an identity patch whose denominator uses the recipient from another window of its clip.

        Numerator: patched minus recipient. Denominator: donor minus the recipient sampled `shift` source
        frames later, as when a clip is loaded, and its random window drawn, once for each.
        """
        measured = self._measure("drift", "outcome", {"site": site.key, "shift": shift}, self._drifting)

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

    def facts_so_far(self) -> dict[str, Any]:
        """What is known of the model, for the report; empty if nothing asked for it."""
        return dict(self._facts or {})

    # Measuring -------------------------------------------------------------------------------------

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
        chosen = self._chosen(pairs)
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

    def _chosen(self, pairs: str) -> tuple[Pair, ...]:
        if pairs == "outcome":
            chosen = self.pairs.of(PairKind.OUTCOME)
        else:
            chosen = self.pairs.of(PairKind.CONTROL, pairs)
        if not chosen:
            raise NotApplicable(f"{self.pairs.name} has no {pairs} pairs")
        return tuple(chosen)

    def _sweeps(self, direction: str, pairs: str) -> dict[str, Any]:
        if direction not in (SUFFICIENCY, NECESSITY):
            raise ValueError(f"direction {direction!r} is neither {SUFFICIENCY!r} nor {NECESSITY!r}")
        return self._measure("sweep", pairs, {"direction": direction}, self._sweep)

    def _measure(
        self,
        what: str,
        pairs: str,
        params: Mapping[str, Any],
        measure: Callable[[Pair, Mapping[str, Any]], Any],
    ) -> dict[str, Any]:
        """A measurement of every chosen pair, from memory, from the store, or made now."""
        named = f"{what} {sorted(params.items())}"
        done = self._measured.setdefault(named, {})
        waiting = [pair for pair in self._chosen(pairs) if pair.name not in done]
        missing = []
        for pair in waiting:
            found = self._store.get(self._key(what, params, pair))
            if found is None:
                missing.append(pair)
            else:
                done[pair.name] = found
        busy: list[Pair] = []
        for patience in (False, True):
            # Two workers share the pairs: first those that nobody measures, then wait for the others'.
            for pair in missing if not patience else busy:
                made = partial(measure, pair, params)
                found = self._store.once(self._key(what, params, pair), made, wait=patience)
                if found is None:
                    busy.append(pair)
                    continue
                done[pair.name] = found
                told = f"{what} of {self.name}"
                self._progress(told, len(done), len(done) + sum(p.name not in done for p in missing))
        return done

    def _key(self, what: str, params: Mapping[str, Any], pair: Pair | None) -> dict[str, Any]:
        """Everything that a number depends on: a change of any is a new measurement."""
        if not self._fingerprint:
            self._fingerprint = fingerprint(self._source)
        clips = [] if pair is None else [pair.positive.sha256, pair.negative.sha256]
        return {
            "measurement": what,
            "params": dict(params),
            "weights": self._fingerprint,
            "clips": clips,
            "sampling": dict(self.pairs.sampling.as_dict()),
            "device": self._device,
            "precision": "float32",
            "threads": self._threads,
            "versions": versions(),
            "code": code_hash(),
        }

    def _model_facts(self) -> dict[str, Any]:
        if self._facts is None:
            key = self._key("facts", {}, None)
            found = self._store.once(key, self._open, wait=True)
            self._facts = {"fingerprint": self._fingerprint, **found}
            _refuse_broken_sites(self.name, found["identity"])
        return self._facts

    def _open(self) -> dict[str, Any]:
        """Load the model and hold every site against its identity, on the first outcome pair."""
        from circuit_claims.measure import per_pair

        return per_pair.describe(self._loaded(), *self._pair_pixels(self._chosen("outcome")[0]))

    def _loaded(self) -> ResidualModel:
        if self._model is None:
            from circuit_claims.models.load import load

            self._model = load(self._source, device=self._device, threads=self._threads)
        return self._model

    def _checked(self) -> ResidualModel:
        """The model, once its sites have passed; nothing is measured before."""
        self._model_facts()
        return self._loaded()

    def _pair_pixels(self, pair: Pair) -> tuple[Tensor, Tensor]:
        """The pixels of the success and the failure clip, each `[frame, 3, h, w]`."""
        return self._clip_pixels(pair, True), self._clip_pixels(pair, False)

    def _clip_pixels(self, pair: Pair, positive: bool, shift: int = 0) -> Tensor:
        clip_file = pair.positive if positive else pair.negative
        key = (clip_file.sha256, shift)
        if key not in self._pixels:
            clip = self._decoder.decode(clip_file.path)
            sampling = self.pairs.sampling.shifted(shift) if shift else self.pairs.sampling
            indices = sampling.indices(len(clip.frames))
            if len(self._pixels) >= PIXELS_KEPT:
                self._pixels.pop(next(iter(self._pixels)))
            self._pixels[key] = self._loaded().preprocess(clip.frames[list(indices)])
        return self._pixels[key]

    def _sweep(self, pair: Pair, params: Mapping[str, Any]) -> Any:
        from circuit_claims.measure import per_pair

        success, failure = self._pair_pixels(pair)
        donor, recipient = (success, failure) if params["direction"] == SUFFICIENCY else (failure, success)
        return per_pair.sweep_writes(self._checked(), donor, recipient)

    def _trace(self, pair: Pair, _params: Mapping[str, Any]) -> Any:
        from circuit_claims.measure import per_pair

        return per_pair.trace(self._checked(), *self._pair_pixels(pair))

    def _calibrate(self, pair: Pair, _params: Mapping[str, Any]) -> Any:
        from circuit_claims.measure import per_pair

        return per_pair.calibrate(self._checked(), *self._pair_pixels(pair))

    def _drifting(self, pair: Pair, params: Mapping[str, Any]) -> Any:
        from circuit_claims.measure import per_pair
        from circuit_claims.models.sites import parse_site

        later = self._clip_pixels(pair, False, int(params["shift"]))
        return per_pair.drifting_baseline(
            self._checked(), *self._pair_pixels(pair), later, parse_site(params["site"])
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


def _refuse_broken_sites(name: str, identity: Mapping[str, Any]) -> None:
    if not identity["passed"]:
        raise MeasurementError(
            f"{name}: its sites are not what their names say ({'; '.join(identity['failures'][:3])}); "
            "nothing was measured: the table of this architecture is wrong for this transformers version"
        )
