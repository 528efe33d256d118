"""The seeds of random weights that a claim is contrasted with, and what is measured on them.

Five are measured for every claim. Where these leave a verdict open and more would decide, the judge asks for
twenty.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

if TYPE_CHECKING:
    from circuit_claims.types import Sample

SEEDS = tuple(range(101, 121))
"""All of them."""
FIRST = 5
"""How many are measured for every claim."""
MOST = len(SEEDS)
"""How many are measured where the first ones do not decide."""


@dataclass(frozen=True)
class Seeds(Sequence["Sample"]):
    """One question's answers on random weights, a sample for each seed."""

    samples: tuple[Sample, ...]
    more: Callable[[], Seeds]
    """Asks all `MOST` seeds."""
    base: tuple[Sample, ...] = ()
    """The same question of same-outcome pairs, of the model under test first and then of each seed, where
    what is contrasted is what the outcome adds to them."""

    @overload
    def __getitem__(self, place: int) -> Sample: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Sample, ...]: ...
    def __getitem__(self, place: int | slice) -> Sample | tuple[Sample, ...]:
        """The answer of one seed, or of some."""
        return self.samples[place]

    def __len__(self) -> int:
        """How many seeds were asked."""
        return len(self.samples)
