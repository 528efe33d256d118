"""What a planted circuit is: a table of parts and its exact answers; and the pieces that circuits share.

An answer is a short vector of features, e.g. `{"o": 4.0, "acc": 0.05}`. With D the delta of the CLS token
between success and failure at the end, and d what a patch of one site brings back of it,

    P = <d, D> / <D, D>

is known before anything is run. A fact moves by 2 when it turns from -1 to +1, and the outcome by 4.
Facts A and B are squares that turn bright or dark at the outcome; movers are heads that copy them to CLS.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import hypot
from typing import TypeAlias

from circuit_claims.organisms.planted.parts import BRIGHT, Gate, Head, Linear, Part

Vector: TypeAlias = Mapping[str, float]
LABELS = ("neither lamp", "right lamp", "left lamp", "both lamps")
"""States of the lamps (l0, l1): the actions of the planted pairs."""


class Evidence(StrEnum):
    """What differs between success and failure in a circuit's outcome pairs."""

    BOTH = "both"
    """Success shows A and B, failure neither."""
    ONE = "one"
    """Success shows A and B, failure A only."""
    CONFOUNDED = "confounded"
    """As BOTH, and the nuisance colours differ too: by as much as in two clips with the same outcome."""
    OBJECT = "object"
    """A tracked object is bright in success and dark in failure, in one place or another (`sights.py`)."""


@dataclass(frozen=True)
class Planted:
    """A circuit written into weights, with the answers that a measurement has to give."""

    name: str
    summary: str
    """The circuit and its known answer, in a sentence."""
    evidence: Evidence
    parts: tuple[Part, ...]
    delta: Vector
    """D: the CLS token after the last block, success minus failure."""
    delta_5: Vector
    """The same after block 5."""
    patched: Mapping[str, Vector]
    """By `site.key`, what the write of the success run brings into the failure run. Elsewhere: nothing."""
    lost: Mapping[str, Vector]
    """By `site.key`, what the write of the failure run takes out of the success run. Elsewhere: nothing."""
    onset: int | None
    """The first block that makes the delta larger than what movers copy; None where no block does."""
    start: Vector = field(default_factory=dict)
    """What the CLS token holds before the first layer."""
    misses: tuple[str, ...] = ()
    """Claims (`id/kind`) that come near to being true of it and are not: none of them may be supported."""

    @property
    def recovery(self) -> dict[str, float]:
        """P at the summary of every site that recovers anything, success -> failure."""
        return {site: _share(vector, self.delta) for site, vector in self.patched.items()}

    @property
    def kept(self) -> dict[str, float]:
        """Share of D that survives a resample ablation (failure -> success), where it is not all of it."""
        return {site: 1.0 - _share(vector, self.delta) for site, vector in self.lost.items()}

    @property
    def growth(self) -> float:
        """||D|| after block 11 over ||D|| after block 5, at CLS, relative to a stream of constant norm."""
        return hypot(*self.delta.values()) / hypot(*self.delta_5.values())


def _share(d: Vector, D: Vector) -> float:
    return sum(value * D.get(feature, 0.0) for feature, value in d.items()) / sum(v * v for v in D.values())


FAILURE, OUTCOME = -2.0, 4.0
"""The outcome feature of a failure, and how far a success lies above it."""
COPY = 0.1
"""Size of a copy at CLS: of a lamp, and of a fact, whose copy then moves by 0.2."""
A, B = {"a": 2 * COPY}, {"b": 2 * COPY}
NUISANCE_GAIN = 0.2
CLAIMED = range(4, 11)
"""The layers that the paper's claims speak of."""


def labels_and_nuisance(nuisance_gain: float = NUISANCE_GAIN) -> tuple[Part, ...]:
    """Every circuit tells the label, and has a nuisance that tells same-outcome clips apart."""
    return (
        Head(0, "tag_l0", "lum", "l0", COPY / BRIGHT),
        Head(0, "tag_l1", "lum", "l1", COPY / BRIGHT),
        Head(0, "tag_n", "chrom", "n", nuisance_gain / BRIGHT),
    )


def move_a(layer: int, share: float = 1.0) -> Head:
    """A's copy, or a share of it."""
    return Head(layer, "tag_a", "lum", "a", share * COPY / BRIGHT)


def move_b(layer: int, size: float = COPY, to: str = "b") -> Head:
    """B to `to`, as plus or minus `size`."""
    return Head(layer, "tag_b", "lum", to, size / BRIGHT)


def erase(layer: int, feature: str = "lum") -> Linear:
    """Empty the patch tokens, so that a mean over tokens is not diluted by evidence. CLS has none."""
    return Linear(layer, feature, feature, -1.0)


def both(layer: int, target: str, height: float, threshold: float = 1.25) -> Gate:
    """Open when both facts are +1; a fact that is missing (0) does not open it."""
    return Gate(layer, (("a", 1 / COPY), ("b", 1 / COPY)), threshold, 0.2, target, height)
