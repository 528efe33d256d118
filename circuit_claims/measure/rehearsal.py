"""A rehearsal: what claims would ask of a model, and about how long that takes to measure.

Every question is asked as in a run. What the store has is read. Of each kind of measurement that is missing
one pair is measured on the model under test, which gives the rate; that pair's numbers then stand in for
all other pairs and windows, and for the controls on other weights, so that the claim goes on and asks for
what else it needs. What was measured and a run would ask for is kept.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from circuit_claims.measure.assay import Assay, Bench
from circuit_claims.measure.code_hash import PACKAGE

if TYPE_CHECKING:
    from circuit_claims.clips.pairs import Pair, PairSet
    from circuit_claims.models.source import ModelSource


@dataclass
class Need:
    """A measurement that a claim asks for, on one model."""

    claim: str
    """The claim that asks first; others read what it left."""
    model: str
    what: str
    stored: int
    """Pairs whose numbers the store had."""
    missing: int
    """Pairs that are still to be measured."""
    rate: float | None
    """Seconds a pair; None where nothing was missing."""

    @property
    def seconds(self) -> float:
        """Seconds that it takes."""
        return self.missing * (self.rate or 0.0)


@dataclass
class Book:
    """What was asked for in a rehearsal, and what it costs."""

    needs: list[Need] = field(default_factory=list)
    asking: str = ""
    """The claim that asks at present."""
    spent: float = 0.0
    """Seconds that measuring the rates took."""
    measured: int = 0
    """Measurements that were made for a rate."""
    samples: dict[str, tuple[Any, float]] = field(default_factory=dict)
    """A measured pair's numbers and its seconds, by measurement and parameters."""


class Rehearsal(Assay):
    """An assay that measures one pair of each kind, and lets it stand for the others."""

    def __init__(
        self, source: ModelSource, pairs: PairSet, bench: Bench, book: Book, root: Rehearsal | None = None
    ) -> None:
        super().__init__(source, pairs, bench)
        self.book = book
        self._root = root or self
        self._window = ""
        """Where the clips' windows are moved: what a need says of it."""
        self._measures = root is None
        """Whether rates are measured here: on the model under test, in any window."""

    def on(self, source: ModelSource) -> Rehearsal:
        """The same pairs on other weights: asked, and not loaded."""
        return self._beside(source, self.pairs)

    def shifted(self, by: int) -> Rehearsal:
        """The same model in another window: asked, and not measured."""
        moved = self._beside(self.source, self.pairs.shifted(by), "moved windows of ")
        moved._measures = self._measures
        return moved

    def _beside(self, source: ModelSource, pairs: PairSet, window: str = "") -> Rehearsal:
        other = Rehearsal(source, pairs, self.bench, self.book, self._root)
        other._precision, other._window = self.precision(), window
        return other

    def measured(self, what: str, pairs: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Numbers for every chosen pair: from the store, or those of one pair that stands in."""
        done = self._measured.setdefault(f"{what} {sorted(params.items())}", {})
        asked = [pair for pair in self.chosen(pairs) if pair.name not in done]
        missing = []
        for pair in asked:
            found = self._stored(what, params, pair)
            if found is None:
                missing.append(pair)
            else:
                done[pair.name] = found
        if not asked:
            return done
        stored, rate = len(asked) - len(missing), None
        if missing:
            kind = f"{what} {json.dumps(params, sort_keys=True)}"
            if kind not in self.book.samples:
                timing = self if self._measures else self._root
                self.book.samples[kind] = timing._timed(what, params, missing[0], keep=self._measures)
                if self._measures:
                    done[missing.pop(0).name] = self.book.samples[kind][0]
            stand_in, rate = self.book.samples[kind]
            done |= {pair.name: stand_in for pair in missing}
        self._note(what, stored, len(missing), rate)
        return done

    def facts(self) -> dict[str, Any]:
        """The model's own facts; of the same architecture with other weights, these."""
        if self._facts is None and self._root is self:
            known = self.bench.store.get(self._key("per_pair.facts", {}, self.chosen("outcome")[0]))
            began = time.monotonic()
            super().facts()
            if known is None:
                seconds = time.monotonic() - began
                self.book.samples["per_pair.facts {}"] = (self._facts, seconds)
                self.book.spent += seconds
                self.book.measured += 1
        elif self._facts is None:
            known = self.bench.store.get(self._key("per_pair.facts", {}, self.chosen("outcome")[0]))
            self._facts = {**self._root.facts(), **(known or {}), "fingerprint": self._fingerprint}
            if known is None and not self._window:  # moved windows are of a model that is known
                _, rate = self.book.samples.get("per_pair.facts {}", (None, 0.0))
                self._note("per_pair.facts", 0, 1, rate)
        return super().facts()

    def _timed(self, what: str, params: Mapping[str, Any], pair: Pair, *, keep: bool) -> tuple[Any, float]:
        """Measure one pair, and say how long it took; loading the model is not part of it."""
        self.facts()
        self._model = self._root.model("float32")
        self.model()
        module, name = what.split(".")
        function = import_module(f"{PACKAGE}.measure.{module}").MEASUREMENTS[name]
        make = partial(self._backing_off, partial(function, self, pair, params))
        began = time.monotonic()
        found = self.bench.store.once(self._key(what, params, pair), make) if keep else make()
        seconds = time.monotonic() - began
        self.book.spent += seconds
        self.book.measured += 1
        return self._noting_batches(found), seconds

    def _note(self, what: str, stored: int, missing: int, rate: float | None) -> None:
        need = Need(self.book.asking, self._window + self.name, what, stored, missing, rate)
        self.book.needs.append(need)
