"""The assay: one model on one set of pairs, and a store. It measures each pair once.

A measurement is asked for by name (its module and what the module calls it) and parameters. What is in
memory or in the store is read; the rest is measured pair by pair, under a progress report, and kept. A run
that is killed goes on from there, and several processes share the pairs. A warm run loads neither torch nor
the model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from circuit_claims.clips.pairs import Pair, PairKind, PairSet, first_of_actions
from circuit_claims.clips.sampling import Sampling, SamplingError
from circuit_claims.measure.code_hash import PACKAGE, code_hash
from circuit_claims.measure.errors import MeasurementError, NotApplicable
from circuit_claims.measure.footage import Footage
from circuit_claims.measure.other_pairs import require_clips, third_clip
from circuit_claims.measure.seen import Seen
from circuit_claims.measure.store import Store, versions
from circuit_claims.models.checkpoint import fingerprint
from circuit_claims.models.compute import Compute
from circuit_claims.models.precision import AGREEMENT, bfloat16_unit, in_bfloat16
from circuit_claims.models.processor import instruction_set

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from circuit_claims.clips.decode import Decoder
    from circuit_claims.models.residual import ResidualModel
    from circuit_claims.models.source import ModelSource

PIXELS_KEPT = 128 * 2**20
"""Bytes of preprocessed clips kept for one model and its random controls."""
ONE_AN_ACTION = "one an action"
"""The first outcome pair of each action: enough where what is measured does not lie in the pair."""
BATCH = "states in one batch"
"""In an entry of the store: how many there were, where memory did not suffice for the plan."""
ALWAYS_FLOAT32 = ("per_pair.facts", "precision.agreement")
"""Measurements of the model as its authors run it."""
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Bench:
    """What a run has in hand for every model: the store, the decoder, and how to compute."""

    store: Store
    decoder: Decoder
    compute: Compute = Compute()  # noqa: RUF009 - it is frozen
    progress: Progress = lambda _what, _done, _total: None
    batches: dict[str, int] = field(default_factory=dict)
    """By model: states in one batch, where the device has no memory for as many as were planned."""

    @cached_property
    def footage(self) -> Footage:
        """The clips of the run, for all models."""
        return Footage(self.decoder, self.store)


class Assay:
    """A model, its pairs, and what was measured of them."""

    def __init__(self, source: ModelSource, pairs: PairSet, bench: Bench) -> None:
        self.source = source
        self.pairs = pairs
        self.bench = bench
        self._fingerprint = ""
        self._model: ResidualModel | None = None
        self._reduced: ResidualModel | None = None
        self._facts: dict[str, Any] | None = None
        self._precision: tuple[str, str] | None = None
        self._measured: dict[str, dict[str, Any]] = {}
        self._controls: dict[str, Assay] = {}
        """The first seed that was asked for, by the kind of its weights."""
        self._alike: Assay | None = None
        """The same modules with the weights of another seed, whose sites are checked for both."""
        self._pixels: dict[tuple[str, Sampling], Tensor] = {}
        self.seen = Seen()
        """What is kept of preprocessed frames: shared by all that preprocess alike, in every window."""

    @property
    def name(self) -> str:
        """The model's name, as on the command line."""
        return self.source.name

    def on(self, source: ModelSource) -> Assay:
        """The same pairs on another model (random weights, say), with the same bench."""
        other = Assay(source, self.pairs, self.bench)
        other._precision = self.precision()
        if source.reinit is not None:
            other._alike = self._controls.setdefault(source.reinit[0], other)
        if (source.location, source.build) == (self.source.location, self.source.build):
            # The same preprocessing of the same clips.
            other._pixels, other.seen = self._pixels, self.seen
        return other

    def shifted(self, by: int) -> Assay:
        """The same model on the same pairs, both clips' windows moved together (`Sampling.shifted`)."""
        moved = Assay(self.source, self.pairs.shifted(by), self.bench)
        moved._model, moved._facts, moved._fingerprint = self._model, self._facts, self._fingerprint
        moved._precision, moved._reduced, moved.seen = self.precision(), self._reduced, self.seen
        return moved

    def chosen(self, pairs: str) -> tuple[Pair, ...]:
        """The outcome pairs, the first of each action of them, or those of a control (`noise`)."""
        outcome = pairs in ("outcome", ONE_AN_ACTION)
        chosen = self.pairs.of(PairKind.OUTCOME if outcome else PairKind.CONTROL, None if outcome else pairs)
        if pairs == ONE_AN_ACTION:
            chosen = first_of_actions(chosen)
        if not chosen:
            raise NotApplicable(f"the pair set {self.pairs.name} has no {pairs} pairs")
        return chosen

    def measured(self, what: str, pairs: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """A measurement for every chosen pair, by the pair's name.

        `what` is `module.name`: `MEASUREMENTS[name]` of that module of this room makes it, and is imported
        only where something is missing. Its code, and the code that it imports, is in the key.
        """
        done = self._measured.setdefault(f"{what} {sorted(params.items())}", {})
        missing = []
        for pair in self.chosen(pairs):
            if pair.name in done:
                continue
            found = self._stored(what, params, pair)
            if found is None:
                missing.append(pair)
            else:
                done[pair.name] = found
        if missing:
            self._measure(what, params, missing, done)
        return done

    def _measure(
        self, what: str, params: Mapping[str, Any], missing: list[Pair], done: dict[str, Any]
    ) -> None:
        """Measure what is missing: first the pairs that no other process measures, then wait for theirs."""
        for pair in missing:  # before anything is imported or loaded for it
            require_clips(self.pairs, pair, str(params.get("control")))
        self.facts()
        busy: list[Pair] = []
        count = 0
        for wait, waiting in ((False, missing), (True, busy)):
            for pair in waiting:
                make = partial(self._backing_off, partial(_method(what), self, pair, params))
                found = self.bench.store.once(self._key(what, params, pair), make, wait=wait)
                if found is None:
                    busy.append(pair)
                    continue
                done[pair.name] = self._noting_batches(found)
                count += 1
                self.bench.progress(f"{what.partition('.')[2]} of {self.name}", count, len(missing))

    def _backing_off(self, measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What is measured, and in what batches where memory did not suffice for the plan."""
        from circuit_claims.measure.runs import backing_off  # torch: not for what is in the store

        model = partial(self.model, "float32")  # the plan is the same in either precision
        found, most = backing_off(measure, model, self.bench.batches.get(self.name))
        return found if most is None else {**found, BATCH: most}

    def _stored(self, what: str, params: Mapping[str, Any], pair: Pair) -> dict[str, Any] | None:
        """What the store has of a pair."""
        found = self.bench.store.get(self._key(what, params, pair))
        return None if found is None else self._noting_batches(found)

    def _noting_batches(self, found: dict[str, Any]) -> dict[str, Any]:
        """The numbers alone; the bench keeps in mind, and the report says, in what batches they were made."""
        if BATCH not in found:
            return found
        batches, most = self.bench.batches, found[BATCH]
        batches[self.name] = min(most, batches.get(self.name, most))
        return {key: value for key, value in found.items() if key != BATCH}

    def _key(self, what: str, params: Mapping[str, Any], pair: Pair) -> dict[str, Any]:
        """Everything that a number depends on: a change of any is a new measurement."""
        if not self._fingerprint:
            self._fingerprint = fingerprint(self.source)
        return {
            "measurement": what,
            "params": dict(params),
            "weights": self._fingerprint,
            "clips": [pair.positive.key, pair.negative.key, *self._of_another(pair, params)],
            "decoders": [
                self.bench.footage.timeline(clip).decoder for clip in (pair.positive, pair.negative)
            ],
            "sampling": dict(self.pairs.sampling_of(pair).as_dict()),
            "device": self.bench.compute.device,
            "instruction_set": instruction_set(),
            "precision": "float32" if what in ALWAYS_FLOAT32 else self.precision()[0],
            "threads": self.bench.compute.threads,
            "versions": versions(),
            "code": code_hash(f"measure.{what.split('.')[0]}"),
        }

    def _of_another(self, pair: Pair, params: Mapping[str, Any]) -> list[Any]:
        """What of another pair a measurement depends on: a clip, how it is sampled, and what decodes it."""
        found = third_clip(self.pairs, pair, params)
        if found is None:
            return []
        other, clip = found
        decoder = self.bench.footage.timeline(clip).decoder
        return [clip.key, dict(self.pairs.sampling_of(other).as_dict()), decoder]

    def facts(self) -> dict[str, Any]:
        """What the model is, and that its sites passed; measured on the first outcome pair, once.

        Raises:
            MeasurementError: a site is not what its name says; nothing is measured then.
        """
        if self._facts is None and self._alike not in (None, self):
            self._facts = {**self._alike.facts(), "fingerprint": fingerprint(self.source)}
        if self._facts is None:
            first = self.chosen("outcome")[0]

            def describe() -> dict[str, Any]:
                found: dict[str, Any] = _method("per_pair.facts")(self, first, {})
                return found

            found = self.bench.store.once(self._key("per_pair.facts", {}, first), describe, wait=True)
            assert found is not None
            precision, why = self.precision()
            self._facts = {
                "fingerprint": self._fingerprint,
                "precision": precision,
                "precision_why": why,
                **found,
            }
        identity = self._facts["identity"]
        if not identity["passed"]:
            shown = "; ".join(identity["failures"][:3])
            raise MeasurementError(
                f"{self.name}: its sites are not what their names say ({shown or 'no site moves a logit'}); "
                "nothing was measured: the table of this architecture is wrong for this transformers version"
            )
        return self._facts

    def facts_so_far(self) -> dict[str, Any]:
        """The facts, if anything asked for them."""
        return dict(self._facts or {})

    def precision(self) -> tuple[str, str]:
        """What the writes are computed in, `float32` or `bfloat16`, and why.

        Asked for `auto`, bfloat16 has to be in the device's hardware, and to agree with float32 on the first
        outcome pair. Controls on other weights, and moved windows, go with the model that they belong to.
        """
        if self._precision is None:
            asked, unit = self.bench.compute.precision, bfloat16_unit(self.bench.compute.device)
            if asked != "auto":
                self._precision = (asked, "as asked for")
            elif not unit:
                self._precision = (
                    "float32",
                    f"this {self.bench.compute.device} multiplies no bfloat16 in hardware",
                )
            else:
                self._precision = self._agrees(unit)
        return self._precision

    def _agrees(self, unit: str) -> tuple[str, str]:
        """Hold bfloat16 against float32 on the first pair."""
        first = self.chosen("outcome")[0]

        def compare() -> dict[str, Any]:
            return self._backing_off(partial(_method("precision.agreement"), self, first, {}))

        found = self.bench.store.once(self._key("precision.agreement", {}, first), compare, wait=True)
        assert found is not None
        found = self._noting_batches(found)
        if found["apart"] is None:
            return "float32", f"{first.name} has no recovery to compare bfloat16 by"
        told = (
            f"{found['sites']} recoveries of {first.name} differ by at most {100 * found['apart']:.2g} points"
        )
        if found["apart"] <= AGREEMENT:
            return "bfloat16", f"{unit}; {told} from float32's"
        return "float32", f"in bfloat16 {told} from float32's, more than {100 * AGREEMENT:g}"

    def model(self, precision: str = "") -> ResidualModel:
        """The model itself, loaded when it is first needed; in the run's precision or the one named."""
        if self._model is None:
            from circuit_claims.models.load import load

            loaded = load(self.source, device=self.bench.compute.device, threads=self.bench.compute.threads)
            self._model = replace(loaded, memory=self.bench.compute.memory)
        if (precision or self.precision()[0]) == "float32":
            return self._model
        if self._reduced is None:
            self._reduced = in_bfloat16(self._model)
        return self._reduced

    def success(self, pair: Pair) -> Tensor:
        """The pixels `[frame, 3, h, w]` of a pair's success clip."""
        return self._clip(pair, True)

    def failure(self, pair: Pair) -> Tensor:
        """The pixels `[frame, 3, h, w]` of a pair's failure clip."""
        return self._clip(pair, False)

    def _clip(self, pair: Pair, positive: bool) -> Tensor:
        key = (pair.clip(positive).key, self.pairs.sampling_of(pair))
        if key not in self._pixels:
            made = self.moved(pair, positive, 0)
            while self._pixels and sum(p.nbytes for p in self._pixels.values()) + made.nbytes > PIXELS_KEPT:
                self._pixels.pop(next(iter(self._pixels)))
            self._pixels[key] = made
        return self._pixels[key]

    def moved(self, pair: Pair, positive: bool, by: int) -> Tensor:
        """The pixels `[frame, 3, h, w]` of a clip's window moved by `by` units of jitter.

        Raises SamplingError where it does not fit into the clip.
        """
        clip = pair.clip(positive)
        frames = partial(self.bench.footage.frames, clip)
        count = self.bench.footage.timeline(clip).n_frames
        return self.seen.window(clip.path, frames, count, self.indices(pair, positive, by), self.pixels)

    def window(self, pair: Pair, positive: bool) -> np.ndarray:
        """The frames that the model sees of a clip, uint8 `[frame, h, w, 3]`."""
        return self.bench.footage.frames(pair.clip(positive), self.indices(pair, positive))

    def indices(self, pair: Pair, positive: bool, by: int = 0) -> tuple[int, ...]:
        """The source frames of a clip's window, ascending; by time, a frame may stand twice.

        The window is moved by `by` units of jitter (`Sampling.shifted`). Raises SamplingError, naming the
        clip, where it does not fit into it.
        """
        clip = pair.clip(positive)
        try:
            sampling = self.pairs.sampling_of(pair, clip).shifted(by)
            return sampling.indices(self.bench.footage.timeline(clip))
        except SamplingError as why:
            raise SamplingError(f"{clip.path.name}: {why}") from None

    def pixels(self, window: np.ndarray) -> Tensor:
        """What the model's preprocessing makes of frames uint8 `[frame, h, w, 3]`."""
        return self.model("float32").preprocess(window)


def _method(what: str) -> Callable[..., Any]:
    """A measurement (`module.name`); its module imports torch, which what is in the store does not need."""
    module, name = what.split(".")
    method: Callable[..., Any] = import_module(f"{PACKAGE}.measure.{module}").MEASUREMENTS[name]
    return method
