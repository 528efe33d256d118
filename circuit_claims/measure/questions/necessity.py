"""Questions of the other direction: what of the outcome is lost without a write.

The success clip is run with writes of the failure clip in the place of its own (noising; Heimersheim & Nanda
2024, arXiv 2404.15255): an ablation that takes what a write says of the outcome, and leaves the label alone.
`recovery`, `together` and `composition` read the same patches with ``direction="failure -> success"``, along
the pair's own difference, where 1 takes all of it away. Here they are read along the held-out direction of
the outcome (`measure/held_out.py`), as the change that the ablation makes: -1 loses all.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Literal

from circuit_claims.measure.questions.base import NECESSITY, PLACES, depth
from circuit_claims.measure.questions.held_out import HeldOutQuestions
from circuit_claims.measure.recovery import Norms, projection
from circuit_claims.models.sites import Site, attn_out, mlp_out
from circuit_claims.types import Sample, combine

ROUTE: Mapping[str, str] = {"attn": "attention", "mlp": "MLPs", "both": "both"}
"""By the name of a group of writes, the joint patch that takes all of them."""
MAKE = {"attn": (attn_out,), "mlp": (mlp_out,), "both": (attn_out, mlp_out)}


class NecessityQuestions(HeldOutQuestions):
    """Failure into success, read along the direction in which other pairs differ."""

    @abstractmethod
    def recovery(self, site: Site, *, direction: str = "", pairs: str = "outcome") -> Sample:
        """The recovery of a single site (see `Circuit`)."""

    @abstractmethod
    def together(
        self, route: str, first: int, last: int, *, direction: str = "", pairs: str = "outcome"
    ) -> Sample:
        """The recovery of a joint patch (see `LabourQuestions`)."""

    @abstractmethod
    def _sweeps(self, direction: str, pairs: str, site: Site, readout: str) -> dict[str, Any]: ...

    @abstractmethod
    def _labour(self, first: int, last: int, direction: str, pairs: str) -> dict[str, Any]: ...

    def outcome_without_write(self, site: Site) -> Sample:
        """How the outcome changes when the failure clip's write of one site takes the success clip's place.

        A fraction of the outcome along the held-out direction for each pair: -1 loses all, 0 loses nothing.
        """
        found = self._sweeps(NECESSITY, "outcome", site, "summary")
        return self._along_others(
            f"change of the outcome without {site}",
            {name: one["apart"] for name, one in found.items()},
            {name: one["patches"][site.key]["moved"] for name, one in found.items()},
            {
                "ablated": f"{site}, all tokens, success clip",
                "by": "the write of the failure clip",
                **depth(site.layer),
            },
        )

    def outcome_without_all(self, group: Literal["attn", "mlp", "both"], first: int, last: int) -> Sample:
        """How the outcome changes when all attentions, MLPs, or both, of layers are the failure clip's."""
        found = self._labour(first, last, NECESSITY, "outcome")
        return self._along_others(
            f"change of the outcome without {group}, layers {first} to {last} together",
            {name: one["apart"] for name, one in found.items()},
            {name: one["moved"][ROUTE[group]] for name, one in found.items()},
            {
                "ablated": f"{group}, layers {first} to {last}, all tokens, success clip",
                "by": "the writes of the failure clip",
                **depth(first, last),
            },
        )

    def costliest(self, among: Literal["blocks", "heads"], first: int, last: int) -> Sample:
        """The change of the outcome by the single ablation that costs it most, pair by pair.

        `blocks`: every attention and MLP of layers `first` to `last` along the held-out direction; `heads`:
        every head of those layers, along the pair's own difference.
        """
        if among == "heads":
            return self._costliest_head(first, last)
        sites = [make(layer) for layer in range(first, last + 1) for make in MAKE["both"]]
        singles = [self.outcome_without_write(site) for site in sites]
        return combine(
            f"change of the outcome by the costliest of {len(sites)} writes, layers {first} to {last}",
            singles,
            min,
        )

    def outcome_redundancy(
        self, kind: Literal["attn", "mlp"], first: int, last: int, *, pairs: str = "outcome"
    ) -> Sample:
        """How much more of the difference is lost without all of a kind at once than one at a time add up to.

        Along the pair's own difference, failure into success. Above zero they stand in for each other.
        """
        how = {"direction": NECESSITY, "pairs": pairs}
        singles = [self.recovery(MAKE[kind][0](layer), **how) for layer in range(first, last + 1)]
        return combine(
            f"loss without all {kind} {first} to {last} at once beyond the sum of one at a time",
            [self.together(ROUTE[kind], first, last, **how), *singles],
            lambda values: values[0] - sum(values[1:]),
        )

    def _costliest_head(self, first: int, last: int) -> Sample:
        facts = self.facts
        heads = [[layer, head] for layer in range(first, last + 1) for head in range(facts.n_heads)]
        found = self._assay.measured("heads.patches", "outcome", {"control": NECESSITY, "heads": heads})
        return self._sample(
            f"change of the outcome by the costliest of {len(heads)} heads, layers {first} to {last}",
            "fraction",
            "outcome",
            lambda pair: -max(projection(Norms(**norms)) for norms in found[pair.name].values()),
            {
                "ablated": f"each head of layers {first} to {last} alone, all tokens, success clip",
                "by": "the head's write in the failure clip",
                "readout": PLACES["summary"],
                **depth(first, last),
            },
        )
