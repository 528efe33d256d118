"""What all questions of a circuit share: the assay, the facts of the model, and how an answer is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import wraps
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from circuit_claims.clips.pairs import Pair
from circuit_claims.clips.sampling import SamplingError
from circuit_claims.measure import controls
from circuit_claims.measure.errors import MeasurementError, NotApplicable
from circuit_claims.measure.questions.registry import OTHER_PAIRS, OWN_PAIRS
from circuit_claims.measure.recovery import UndefinedRecovery
from circuit_claims.measure.seeds import FIRST, SEEDS, Seeds
from circuit_claims.types import Sample, combine

if TYPE_CHECKING:
    from circuit_claims.measure.assay import Assay
    from circuit_claims.models.source import ReinitKind

SUFFICIENCY = "success -> failure"
"""The paper's direction: the success clip is the donor, the failure clip the recipient (denoising)."""
NECESSITY = controls.NECESSITY
"""The other direction: failure is the donor, success the recipient (noising)."""
PLACES = {
    "summary": "summary (the vector that the classifier multiplies)",
    "cls": "CLS token before the final norm",
    "tokens": "all tokens of the last block (the paper's)",
}
INERT = "inert readout: all but one of these tokens reach no logit, and the metric ignores direction"
WINDOWS = (-6, -4, -2, 2, 4, 6)
"""By how much both clips' windows are moved, together, for the jitter control: source frames or, of windows
by time, half steps (`Sampling.shifted`)."""

JITTER = (-2, 2)
"""By how much they are moved to see how much a value depends on the window."""
DEPTH = 12
"""Layers of the paper's model, by which it names them."""


class AtDepth(int):
    """A layer of this model that stands for a layer of the paper's, and says so."""

    told: str

    def __new__(cls, layer: int, told: str) -> Self:
        """The layer's number here, and the sentence for the report."""
        made = super().__new__(cls, layer)
        made.told = told
        return made


def depth(*layers: int) -> dict[str, str]:
    """What a report's experiment says of layers that stand for others; nothing where none does."""
    told = dict.fromkeys(layer.told for layer in layers if isinstance(layer, AtDepth))
    return {"depth": "; ".join(told)} if told else {}


@dataclass(frozen=True)
class Facts:
    """What a model is, as far as claims ask."""

    n_layers: int
    n_heads: int
    labels: tuple[str, ...]
    inert: bool = True
    """Whether some tokens of the last block reach no logit, as all but the CLS token of a ViViT."""


Columns = tuple[tuple[str, ...], tuple[str, ...], tuple[tuple[str, str], ...]]
Question = TypeVar("Question", bound=Callable[..., Sample])


def absent_control_is_undefined(question: Question) -> Question:
    """A control that the pair set cannot give has no values, with the reason; the claim's own pairs must be.

    A set without `noise` pairs, or with one pair of an action, then leaves claims undecided instead of
    "not applicable".
    """

    @wraps(question)
    def asked(self: Questions, *args: Any, **how: Any) -> Sample:
        own = (SUFFICIENCY, NECESSITY)
        ours = how.get("direction", SUFFICIENCY) in own and how.get("control", SUFFICIENCY) in own
        try:
            return question(self, *args, **how)
        except NotApplicable as why:
            if ours and how.get("pairs", "outcome") == "outcome":
                raise
            return Sample(question.__name__, "fraction", (), undefined={"all pairs": str(why)})

    return cast(Question, asked)


class Questions:
    """A model and its pairs."""

    def __init__(self, assay: Assay, *, control: bool = False) -> None:
        self._assay = assay
        self._control = control
        self._randoms: dict[str, tuple[Self, ...]] = {}
        self._shifted: dict[int, Self] = {}
        self._room = "per_pair"
        self._columns: dict[str, Columns] = {}
        """Names, actions and clips of each kind of pairs: the same in a thousand answers."""

    @property
    def name(self) -> str:
        """The model's name, as on the command line."""
        return self._assay.name

    @property
    def facts(self) -> Facts:
        """Layers, heads and labels of the model; opened (and checked) once, then read from the store."""
        plain = self._assay.facts()
        inert = plain.get("tokens_read", 1) != plain.get("n_tokens")
        return Facts(plain["n_layers"], plain["n_heads"], tuple(plain["labels"]), inert)

    def kinds_of_pairs(self) -> tuple[str, ...]:
        """What `pairs` may be: the outcome pairs, and the controls that manifests have, this one's first."""
        own = dict.fromkeys(pair.control for pair in self._assay.pairs.pairs if pair.control)
        return tuple(dict.fromkeys((*OWN_PAIRS, *own, *OTHER_PAIRS)))

    def needs_layers(self, *layers: int, of: int = 12) -> None:
        """Say *not applicable* where the model is not of the depth that a claim speaks of."""
        n = self.facts.n_layers
        if n != of:
            named = ", ".join(map(str, layers))
            raise NotApplicable(f"the claim speaks of layer {named} of {of}, and {self.name} has {n} layers")

    def at(self, layer: int | float, of: int = DEPTH) -> int:
        """The layer of this model at a depth: of layer `layer` of a model of `of` layers (the paper's 12).

        A float from 0.0 up to 1.0 is the depth itself: ``at(0.4)`` is layer 5 of 12 and layer 2 of 6.

        ``layer * n_layers / of``, rounded half up, and at most the last layer: layer 5 of 12 is layer 10 of
        24. It is a plain number of this model, which in another depth also says whose place it takes.
        Raises NotApplicable where the model has fewer than half as many layers.
        """
        n = self.facts.n_layers
        if not isinstance(layer, int):
            if not 0.0 <= layer < 1.0:
                raise MeasurementError(
                    f"at({layer:g}): a depth lies from 0.0 up to 1.0; write at({layer:.0f}) for that layer"
                )
            here = min(int(layer * n + 0.5), n - 1)
            return AtDepth(here, f"layer {here} of {n}, at {100 * layer:g} % of the depth")
        if n == of:
            return layer
        if 2 * n < of:
            raise NotApplicable(
                f"the claim speaks of layer {layer} of {of}, and the {n} layers of {self.name} are too few "
                f"to tell it from its neighbours by depth (at least {-(-of // 2)})"
            )
        here = min((2 * layer * n + of) // (2 * of), n - 1)
        return AtDepth(here, f"layer {here} of {n}, where the paper's is {layer} of {of}")

    @property
    def last_layer(self) -> int:
        """The number of the last block."""
        return self.facts.n_layers - 1

    def jitter(self, ask: Callable[[Self], Sample]) -> Sample:
        """By how much the answer to a question moves when both clips' windows move together by `JITTER`.

        The mean over the shifts of ``|moved - own|``, for each pair; a shift that does not fit into a pair's
        clips is left out of that pair's mean. Source: the paper's logits move by more between two windows
        (0.31 and 0.72) than by any of its ablations.
        """
        own = ask(self)
        there = dict(zip(own.pairs, own.values, strict=True))
        moves: dict[str, list[float]] = {pair: [] for pair in own.pairs}
        for by in JITTER:
            with suppress(SamplingError):  # it would begin before the clips do
                moved = ask(self._moved(by))
                for pair, value in zip(moved.pairs, moved.values, strict=True):
                    if pair in there:
                        moves[pair].append(abs(value - there[pair]))
        outside = {pair: "no moved window fits into its clips" for pair, by in moves.items() if not by}
        fitting = replace(own, undefined={**own.undefined, **outside})
        means = {pair: sum(by) / len(by) for pair, by in moves.items() if by}
        steps = replace(fitting, values=tuple(means.get(pair, 0.0) for pair in own.pairs), figure=None)
        return combine(f"change of {own.name} with the window", [steps], lambda values: values[0])

    def _moved(self, by: int) -> Self:
        """The same questions of both clips' windows moved by `by` units of jitter."""
        if by not in self._shifted:
            _ = self.facts  # known of the model already, and the same in every window
            self._shifted[by] = type(self)(self._assay.shifted(by), control=True)
            self._shifted[by]._room = "jitter"
        return self._shifted[by]

    def random(self, kind: ReinitKind = "random") -> tuple[Self, ...]:
        """The same pairs on weights that were never trained, one circuit for each of the first `SEEDS`.

        `random` weights are initialised afresh, `shuffled` ones permuted within each tensor. A model that
        is random itself is contrasted with these seeds too, so that a null can be seen to fail.
        """
        if kind not in self._randoms:
            self._randoms[kind] = tuple(self._random(kind, seed) for seed in SEEDS[:FIRST])
        return self._randoms[kind]

    def foremost(self, family: Mapping[str, Sample]) -> Sample:
        """The largest of several measurements, pair by pair: what a member that leads has to exceed."""
        return combine(f"largest of {len(family)}", list(family.values()), max)

    def over_seeds(self, ask: Callable[..., Sample], *, beyond: str = "") -> Seeds:
        """Ask a question of random weights, for a control: of five seeds, or of twenty where these decide.

        Args:
            ask: the measurement, as a function of a circuit (and, with `beyond`, of `pairs`).
            beyond: same-outcome pairs (`other-clip`, `noise`). The contrast is then what the outcome adds to
                them, trained minus random: for a measure that random weights score high on by construction,
                whatever the clips show.
        """
        return self._seeds(ask, beyond, self.random())

    def _seeds(self, ask: Callable[..., Sample], beyond: str, circuits: tuple[Self, ...]) -> Seeds:
        return Seeds(
            tuple(ask(random) for random in circuits),
            lambda: self._seeds(
                ask,
                beyond,
                # These are asked once, and not kept: each holds a model.
                (*self.random(), *(self._random("random", seed) for seed in SEEDS[FIRST:])),
            ),
            tuple(ask(of, pairs=beyond) for of in (self, *circuits)) if beyond else (),
        )

    def _random(self, kind: ReinitKind, seed: int) -> Self:
        """The same pairs on random weights of a seed."""
        name = f"{kind}:{self.name}#{seed}"
        source = replace(self._assay.source, name=name, reinit=(kind, seed))
        return type(self)(self._assay.on(source), control=True)

    def _label(self, pair: Pair) -> int:
        names = self.facts.labels
        if pair.label is None:
            raise UndefinedRecovery("the manifest names no label for this pair")
        if pair.label not in names:
            raise NotApplicable(f"{self.name} has no label {pair.label!r} (pair {pair.name})")
        return names.index(pair.label)

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
        told = self._columns.get(pairs)
        if told is None or undefined:
            kept = [pair for pair in chosen if pair.name in values]
            told = (
                tuple(pair.name for pair in kept),
                tuple(pair.action for pair in kept),
                tuple((pair.positive.sha256, pair.negative.sha256) for pair in kept),
            )
            if not undefined:
                self._columns[pairs] = told
        names, groups, clips = told
        return Sample(
            name=name,
            unit=unit,
            values=tuple(values[pair] for pair in names),
            pairs=names,
            groups=groups,
            clips=clips,
            experiment={"model": self.name, **experiment},
            flags=flags,
            undefined=undefined,
        )
