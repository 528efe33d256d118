"""What a measurement leaves behind: plain floats that go to the store and come back. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from circuit_claims.measure.recovery import Norms
from circuit_claims.models.sites import Site

Place = Literal["summary", "cls", "tokens"]
"""Where a patch is read: the vector that the classifier multiplies, what the model pools before the final
norm (for ViViT the CLS token, whose name it has in claims), or all tokens of the last stream."""


@dataclass(frozen=True)
class Reading:
    """What a model says of one clip."""

    logits: tuple[float, ...]
    """The logits of the labels that were asked for."""
    top: tuple[tuple[int, float], ...]
    """The labels with the highest logits, highest first."""


@dataclass(frozen=True)
class Patch:
    """One patched run: what came back at every place, and what the model then says."""

    norms: Mapping[Place, Norms]
    logits: tuple[float, ...]
    """The logits of the labels that were asked for."""
    moved: tuple[float, ...] | None = None
    """d at the summary, `[d_model]`: patched run less recipient; only where vectors were asked for."""


@dataclass(frozen=True)
class Sweep:
    """Every site patched alone, from the donor into the recipient, at all token positions."""

    labels: tuple[int, ...]
    """The labels whose logits are kept."""
    donor: Reading
    recipient: Reading
    patches: Mapping[str, Patch]
    """By `site.key`."""
    max_states: int
    """The batch plan: how many patched states went through the model at once."""
    apart: tuple[float, ...] | None = None
    """D at the summary, `[d_model]`: donor less recipient; only where vectors were asked for."""

    def __getitem__(self, site: Site) -> Mapping[Place, Norms]:
        """The norms of a site: `sweep[mlp_out(4)]["summary"]`."""
        if site.key not in self.patches:
            raise KeyError(f"{site} was not patched; the sweep has {', '.join(self.patches)}")
        return self.patches[site.key].norms

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for the store; without vectors where none were asked for."""
        plain = asdict(self)
        if self.apart is None:
            for one in (plain, *plain["patches"].values()):
                one.pop("apart", None)
                one.pop("moved", None)
        return plain

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Sweep:
        """The sweep that `as_dict` wrote, from JSON too."""
        return cls(
            labels=tuple(data["labels"]),
            donor=_reading(data["donor"]),
            recipient=_reading(data["recipient"]),
            patches={key: _patch(patch) for key, patch in data["patches"].items()},
            max_states=data["max_states"],
            apart=_vector(data.get("apart")),
        )


@dataclass(frozen=True)
class Apart:
    """How far apart two clips are at one place of the stream, and how long the stream is there."""

    cls_delta: float
    """||pooled(positive) - pooled(negative)||: of the CLS token where the model reads that one alone."""
    cls_positive: float
    """||pooled(positive)||."""
    cls_negative: float
    tokens_delta: float
    """Mean over tokens of ||x_t(positive) - x_t(negative)|| (the paper's trace)."""
    tokens_positive: float
    """Mean over tokens of ||x_t(positive)||."""
    tokens_negative: float


@dataclass(frozen=True)
class DeltaTrace:
    """How far apart the streams of two clips are, block by block."""

    embed: Apart
    """At the embedding (`resid_pre 0`)."""
    blocks: tuple[Apart, ...]
    """After each block (`resid_post l`)."""
    summary_delta: float
    """||summary(positive) - summary(negative)||: after the final norm."""
    summary_positive: float
    summary_negative: float
    top_positive: int
    """The label with the highest logit."""
    top_negative: int

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for the store."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> DeltaTrace:
        """The trace that `as_dict` wrote, from JSON too."""
        blocks = tuple(Apart(**block) for block in data["blocks"])
        return cls(**{**data, "embed": Apart(**data["embed"]), "blocks": blocks})


def _reading(data: Mapping[str, Any]) -> Reading:
    return Reading(tuple(data["logits"]), tuple((int(label), logit) for label, logit in data["top"]))


def _patch(data: Mapping[str, Any]) -> Patch:
    norms = {place: Norms(**norms) for place, norms in data["norms"].items()}
    return Patch(norms=norms, logits=tuple(data["logits"]), moved=_vector(data.get("moved")))


def _vector(numbers: Sequence[float] | None) -> tuple[float, ...] | None:
    return None if numbers is None else tuple(numbers)
