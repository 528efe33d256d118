"""What a claim is, what was observed for it, and what is said of it.

A `Claim` is a sentence of a paper made testable. A test function carries it as a marker; each
parameter value of a quantified claim ("each layer from 4 to 10") is a *part*, and a pytest item.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

from circuit_claims.judge.expectation import Expectation

MARKER = "circuit_claim"

Function = TypeVar("Function", bound=Callable[..., object])


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


def claim(
    id: str,
    statement: str,
    *,
    source: str,
    kind: str,
    scope: str = "trained",
    each: str | None = None,
    any: str | None = None,
) -> Callable[[Function], Function]:
    """Make a test function judge a claim.

    `each` or `any` names the parametrised argument over which the claim is quantified. The test
    calls the `judge` fixture exactly once.

    Raises:
        ValueError: unknown kind or scope, or both quantifiers at once.
    """
    if each and any:
        raise ValueError(f"claim {id!r}: give `each` or `any`, not both")
    if "/" in id or not id.strip():
        raise ValueError(f"claim {id!r}: an id is a word without '/', such as 'mlp-42-60'")
    made = Claim(
        id=id,
        statement=statement,
        source=source,
        kind=_member(Kind, kind, id),
        scope=_member(Scope, scope, id),
        quantifier=Quantifier.EACH if each else Quantifier.ANY if any else None,
        over=each or any,
    )

    def mark(function: Function) -> Function:
        import pytest

        marked: Function = getattr(pytest.mark, MARKER)(made)(function)
        return marked

    return mark


Member = TypeVar("Member", bound=StrEnum)


def _member(enum: type[Member], word: str, claim_id: str) -> Member:
    try:
        return enum(word)
    except ValueError:
        known = ", ".join(member.value for member in enum)
        raise ValueError(f"claim {claim_id!r}: {enum.__name__.lower()} {word!r} is none of {known}") from None


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
    evidence: "Evidence"
    expectation: Expectation


@dataclass(frozen=True)
class Evidence:
    """What was observed for one part of a claim: a value for each pair, and how it was measured."""

    name: str
    unit: str
    """``fraction`` (1.0 is 100 %), ``ratio``, ``count`` or ``bool``."""
    values: tuple[float, ...]
    pairs: tuple[str, ...] = ()
    """The pair of each value; empty where no model was run."""
    groups: tuple[str, ...] = ()
    """The action of each pair."""
    clips: tuple[tuple[str, ...], ...] = ()
    """The clips of each pair: pairs that share one are resampled together."""
    experiment: dict[str, str] = field(default_factory=dict)
    """Site, readout, metric, donor and recipient, in words."""
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
    figure: Mapping[str, Any] | None = None
    """What a person would rather look at (docs/report-figures.md); decides nothing."""
    flags: tuple[str, ...] = ()
    """Defects of the published metric that the reader has to know, such as "inert readout"."""
    undefined: dict[str, str] = field(default_factory=dict)
    """Pairs for which the measurement does not exist, with the reason (a zero denominator)."""
    artifact: str | None = None
    """Why the number follows from the method, when a detector found that it does."""
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
