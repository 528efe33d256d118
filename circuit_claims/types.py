"""The words that every room uses: a claim, a sample of measurements, its controls, evidence, and a verdict.

A `Claim` is a sentence of a paper made testable. A `Sample` is one number for each pair of clips. The judge
takes `Evidence`, a sample and what it is held against, and answers with a `Verdict`. Sites have a module of
their own (`models/sites.py`), and so does what a claim asserts (`judge/expectation.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import log
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from circuit_claims.judge.expectation import Expectation


class Kind(StrEnum):
    """Which reading of a published sentence is judged."""

    EXACT = "exact"
    """Calibration or arithmetic: no interval, no controls; every value must hold."""
    REPRODUCES = "reproduces"
    """The published number by the published metric; its defects are flags and no control gates it."""
    MEANS = "means"
    """The scientific content: the value and the contrast with every declared control."""
    FORENSIC = "forensic"
    """Supported when the artifact that it names is shown."""


class Scope(StrEnum):
    """What random weights may do with the claim; fixed before any run."""

    TRAINED = "trained"
    """Must not be supported on random weights."""
    NEGATIVE = "negative"
    """May be supported on random weights ("no component recovers all")."""
    EXACT = "exact"
    """Holds on any weights, or needs none."""


class Quantifier(StrEnum):
    """How the parts of a claim make its verdict."""

    EACH = "each"
    """Every part has to hold."""
    ANY = "any"
    """One part has to hold."""


class Outcome(StrEnum):
    """The verdict's word."""

    SUPPORTED = "supported"
    REFUTED = "refuted"
    INCONCLUSIVE = "inconclusive"
    ARTIFACT = "artifact"
    """The number follows from the method and not from the model."""
    NOT_APPLICABLE = "not applicable"
    INCOMPLETE = "incomplete"
    """Of a claim only: some of its parts were deselected or lost."""
    ERROR = "error"
    """An exception, never a verdict on the model."""


@dataclass(frozen=True)
class Claim:
    """A statement of a paper, with what is needed to judge it."""

    id: str
    statement: str
    source: str
    """Edition, section, table: where the paper says so."""
    kind: Kind
    scope: Scope
    quantifier: Quantifier | None = None
    over: str | None = None
    """The test's parameter whose values are the parts."""

    @property
    def key(self) -> str:
        """``id/kind``, under which records and reports file it."""
        return f"{self.id}/{self.kind}"


@dataclass(frozen=True)
class Sample:
    """A measurement over pairs. Differences and ratios of samples are taken pair by pair."""

    name: str
    unit: str
    """``fraction`` (1.0 is 100 %), ``ratio``, ``count`` or ``bool``."""
    values: tuple[float, ...]
    pairs: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    """The action of each pair."""
    clips: tuple[tuple[str, ...], ...] = ()
    """The hashes of each pair's clips."""
    experiment: dict[str, str] = field(default_factory=dict)
    """Site, readout, metric, donor and recipient, in words."""
    site: str = ""
    """The one site that was patched or read (`mlp_out 4`); empty where there are several, or none."""
    layer: int | None = None
    """Its layer."""
    metric: str = ""
    """How a recovery was scored (`projection`)."""
    readout: str = ""
    """Where it was read (`summary`)."""
    flags: tuple[str, ...] = ()
    """Defects of a published metric that the reader has to know, such as "inert readout"."""
    undefined: dict[str, str] = field(default_factory=dict)
    """Pairs for which the number does not exist, with the reason."""
    artifact: str | None = None
    """Why the number follows from the method, where the measurement itself shows that it does."""
    figure: Mapping[str, Any] | None = None
    """What a person would rather look at, as plain data (docs/report-figures.md); judges nothing."""

    def __sub__(self, other: Sample) -> Sample:
        """The difference, pair by pair."""
        return combine(f"{self.name} minus {other.name}", [self, other], lambda v: v[0] - v[1])

    def log(self) -> Sample:
        """The natural logarithm, pair by pair: differences of logs are ratios. Zero has none."""
        undefined = {p: "log 0" for p, v in zip(self.pairs, self.values, strict=True) if v <= 0}
        there = replace(self, undefined={**self.undefined, **undefined})
        return combine(f"log {self.name}", [there], lambda v: log(v[0]), unit="log ratio")

    def distance_from(self, value: float) -> Sample:
        """``|x - value|``, pair by pair."""
        return combine(f"distance of {self.name} from {value:g}", [self], lambda v: abs(v[0] - value))

    def by_action(self) -> Sample:
        """The mean of each action's pairs: the action is the unit now, its population is other actions."""
        actions = list(dict.fromkeys(self.groups))
        of = [[i for i, group in enumerate(self.groups) if group == action] for action in actions]
        values = tuple(sum(self.values[i] for i in chosen) / len(chosen) for chosen in of)
        return replace(
            self,
            name=f"{self.name}, by action",
            values=values,
            pairs=tuple(actions),
            groups=(),
            clips=tuple(tuple(clip for i in chosen for clip in self.clips[i]) for chosen in of),
            experiment={**self.experiment, "unit": "the action: the mean over its pairs"},
            figure={
                "kind": "bars",
                "title": f"{self.name}, by action",
                "y": {"label": self.name, "unit": self.unit},
                "bars": [
                    {"name": action, "role": "claim", "value": value}
                    for action, value in zip(actions, values, strict=True)
                ],
            },
        )


def average(name: str, samples: Sequence[Sample]) -> Sample:
    """The mean of several measurements (layers, say), pair by pair."""
    return combine(name, samples, lambda values: sum(values) / len(values))


def combine(
    name: str,
    samples: Sequence[Sample],
    function: Callable[[Sequence[float]], float],
    unit: str | None = None,
) -> Sample:
    """A sample computed pair by pair from others; a pair undefined in one is undefined in the result."""
    first = samples[0]
    undefined = {pair: why for sample in samples for pair, why in sample.undefined.items()}
    by_pair = [dict(zip(sample.pairs, sample.values, strict=True)) for sample in samples]
    kept = [i for i, pair in enumerate(first.pairs) if pair not in undefined]
    names = [first.pairs[i] for i in kept]
    return replace(
        first,
        name=name,
        unit=unit or first.unit,
        site="",
        layer=None,
        values=tuple(function([values[pair] for values in by_pair]) for pair in names),
        pairs=tuple(names),
        groups=tuple(first.groups[i] for i in kept),
        clips=tuple(first.clips[i] for i in kept),
        flags=tuple(sorted({flag for sample in samples for flag in sample.flags})),
        undefined=undefined,
    )


class Design(StrEnum):
    """How a control's values stand to the claim's."""

    PAIRED = "paired"
    """Value i was measured on the same pair as the claim's value i."""
    UNPAIRED = "unpaired"
    """The control has pairs of its own."""
    SEEDS = "seeds"
    """The same pairs on several models of random weights, a row of values for each seed."""
    FAMILY = "family"
    """The same pairs at all the other members of a family (heads, layers), a row of values for each."""


@dataclass(frozen=True)
class Control:
    """A measurement that a `means` claim must exceed by a margin."""

    name: str
    design: Design
    rows: tuple[tuple[float, ...], ...]
    """One row of values; a row for each seed where the design is `seeds`."""
    groups: tuple[str, ...] = ()
    """The action of each value."""
    clips: tuple[tuple[str, ...], ...] = ()
    """The clips that each value rests on."""
    undefined: str = ""
    """Why the control has no values, where it has none."""
    base: tuple[tuple[float, ...], ...] = ()
    """Of `seeds` that are contrasted in what a claim has beyond its same-outcome pairs: the values of those
    pairs, the claim's model first, then a row for each seed. `groups` and `clips` are those pairs' then."""


@dataclass(frozen=True)
class PositiveControl:
    """Something that must be seen by the same method, or else seeing nothing means nothing."""

    name: str
    evidence: Evidence
    expectation: Expectation


@dataclass(frozen=True)
class Evidence(Sample):
    """What was observed for one part of a claim: a measurement, and what it is held against."""

    published: float | None = None
    rounding: float = 0.0
    """Half a unit of the published number's last digit, in this evidence's unit."""
    controls: tuple[Control, ...] = ()
    margin: float = 0.05
    """The smallest difference from a control that matters, in `unit`; fixed before the run."""
    positive: tuple[PositiveControl, ...] = ()
    """What the assay must be able to see; where it does not, the claim is undecided."""
    jitter: tuple[float, ...] = ()
    """By how much the value of each pair moves with the window. Larger than `margin`, on average, it leaves
    nothing that could be shown equal or negligible."""
    seed: int = 0
    """Of the bootstrap."""


@dataclass(frozen=True)
class Verdict:
    """What is said of a claim or of one part of it."""

    outcome: Outcome
    reason: str
    """``value`` or ``specificity`` for *refuted*, otherwise a short cause; empty when supported."""
    sentence: str
    """One sentence with the numbers, for a person."""
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    level: float | None = None
    n: int = 0
    method: str = ""
    bound: float | None = None
    """The end of the interval that decided, the one nearest to the expectation's edge."""
    contrasts: tuple[dict[str, Any], ...] = ()
    """Claim minus each control, with its interval."""
    wants_seeds: tuple[str, ...] = ()
    """Controls of random weights that more seeds would decide, where nothing else is open."""
    effect: dict[str, Any] = field(default_factory=dict)
    """Effect sizes, which stand beside the verdict and decide nothing: see `effects.sizes`."""
