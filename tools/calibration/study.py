"""A situation of the study, and how often the judge decides in it."""

import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.random import Generator

from circuit_claims.judge import effects, gate
from circuit_claims.judge.distributions import exact_binomial
from circuit_claims.types import Outcome

M = 0.05
"""The margin, or the edge of the asserted region."""
SD = 0.1
"""Standard deviation of one pair's value or difference, where nothing else is said."""
NOMINAL = 0.05
TRUTHS = (0.0, 0.5, 0.9, 1.0, 1.1, 2.0)
"""In margins."""
NS = (8, 16, 32, 64, 128, 256, 512)

Decide = Callable[[float], Outcome]
"""One drawn data set, shifted to a truth (in the values' unit), and what the judge says of it."""


@dataclass(frozen=True)
class Situation:
    """One rule in one world, at several truths."""

    rule: str
    """What decides; a section of the page."""
    world: str
    """What is drawn, in words."""
    n: int
    """Pairs of the claim."""
    draw: Callable[[Generator], Decide]
    controls: int = 0
    truths: tuple[float, ...] = TRUTHS
    """In margins."""
    true: Literal["above", "below"] = "above"
    """On which side of the margin the claim is true."""
    monotone: bool = True
    """Whether a data set that is shifted further is never judged the other way: what lies between two equal
    outcomes then need not be asked."""
    nominal: float | None = NOMINAL
    """None where the rule promises no error."""

    @property
    def name(self) -> str:
        """Its stream of random numbers is its own."""
        return f"{self.rule} | {self.world} | {self.controls} | {self.n}"


@dataclass(frozen=True)
class Rate:
    """How often the judge decided at one truth of a situation."""

    situation: Situation
    truth: float
    """In margins."""
    supported: int
    refuted: int
    runs: int

    @property
    def undecided(self) -> int:
        """Runs without a decision."""
        return self.runs - self.supported - self.refuted

    @property
    def wrong(self) -> int:
        """Runs with a wrong decision: at a truth exactly on the margin both are."""
        above = self.situation.true == "above"
        wrongly_supported = self.truth <= 1 if above else self.truth >= 1
        wrongly_refuted = self.truth >= 1 if above else self.truth <= 1
        return self.supported * wrongly_supported + self.refuted * wrongly_refuted

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Of the rate of wrong decisions (Clopper & Pearson 1934)."""
        return exact_binomial(self.wrong, self.runs, level)

    @property
    def errs_too_often(self) -> bool:
        """Whether the error is shown to lie above the nominal one (99.8 %: many cells are tried)."""
        return self.situation.nominal is not None and self.interval(0.998)[0] > self.situation.nominal

    @property
    def reading(self) -> str:
        """What the rate says of the rule, in a word or two."""
        if self.situation.nominal is None:
            return "no error promised"
        if self.errs_too_often:
            return "too often"
        return "conservative" if self.interval()[1] < self.situation.nominal else "nominal"


def measure(situation: Situation, runs: int, seed: int = 0) -> list[Rate]:
    """Try a situation on many data sets; the truths share their draws."""
    rng = np.random.default_rng([seed, zlib.crc32(situation.name.encode())])
    supported, refuted = dict.fromkeys(situation.truths, 0), dict.fromkeys(situation.truths, 0)
    with without_words():
        for _ in range(runs):
            for truth, outcome in outcomes(situation, situation.draw(rng)).items():
                supported[truth] += outcome is Outcome.SUPPORTED
                refuted[truth] += outcome is Outcome.REFUTED
    return [Rate(situation, truth, supported[truth], refuted[truth], runs) for truth in situation.truths]


def outcomes(situation: Situation, decide: Decide) -> dict[float, Outcome]:
    """Of one data set at every truth, which are given in margins."""
    truths = situation.truths
    if not situation.monotone:
        return {truth: decide(truth * M) for truth in truths}
    found: dict[int, Outcome] = {}

    def asked(place: int) -> Outcome:
        if place not in found:
            found[place] = decide(truths[place] * M)
        return found[place]

    def fill(first: int, last: int) -> None:
        if asked(first) is asked(last):
            found.update(dict.fromkeys(range(first, last), found[first]))
        elif last - first > 1:
            middle = (first + last) // 2
            fill(first, middle)
            fill(middle, last)

    fill(0, len(truths) - 1)
    return {truth: found[place] for place, truth in enumerate(truths)}


@contextmanager
def without_words() -> Iterator[None]:
    """Leave out effect sizes and numbers of pairs wanted: most of the time, and none of the outcome."""
    sizes, needed = effects.sizes, effects.pairs_needed

    def no_sizes(*_: object) -> dict[str, Any]:
        return {}

    def no_number(*_: object) -> None:
        return None

    places: list[tuple[Any, str, Any, Any]] = [
        (effects, "sizes", no_sizes, sizes),
        (effects, "pairs_needed", no_number, needed),
        (gate, "pairs_needed", no_number, needed),
    ]
    for module, name, without, _ in places:
        setattr(module, name, without)
    try:
        yield
    finally:
        for module, name, _, whole in places:
            setattr(module, name, whole)
