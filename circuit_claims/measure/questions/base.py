"""What all questions of a circuit share: the assay, the facts of the model, and how an answer is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import wraps
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from circuit_claims.clips.pairs import Pair
from circuit_claims.measure.errors import NotApplicable
from circuit_claims.measure.recovery import UndefinedRecovery
from circuit_claims.measure.sample import Sample

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

    def random(self, kind: ReinitKind = "random") -> tuple[Self, ...]:
        """The same pairs on weights that were never trained, one circuit for each of `RANDOM_SEEDS`.

        `random` weights are initialised afresh, `shuffled` ones permuted within each tensor. A model that
        is random itself is contrasted with these seeds too, so that a null can be seen to fail.
        """
        if kind not in self._randoms:
            source = self._assay.source
            self._randoms[kind] = tuple(
                type(self)(
                    self._assay.on(replace(source, name=f"{kind}:{self.name}#{seed}", reinit=(kind, seed))),
                    control=True,
                )
                for seed in RANDOM_SEEDS
            )
        return self._randoms[kind]

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
