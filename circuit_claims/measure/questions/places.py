"""Questions about one write, stream or head, patched at the tokens of a region alone."""

from __future__ import annotations

from dataclasses import replace

from circuit_claims.measure.controls import CONTROLS
from circuit_claims.measure.errors import MeasurementError
from circuit_claims.measure.grid import PATCHES, READ
from circuit_claims.measure.questions.base import (
    INERT,
    PLACES,
    SUFFICIENCY,
    Questions,
    absent_control_is_undefined,
    depth,
)
from circuit_claims.measure.questions.registry import words
from circuit_claims.measure.recovery import METRICS, Norms
from circuit_claims.models.sites import Site
from circuit_claims.types import Sample


class PlaceQuestions(Questions):
    """What one component carries where a claim says that it does."""

    @words(region=(PATCHES, READ), readout=PLACES, direction=CONTROLS)
    @absent_control_is_undefined
    def recovery_in(
        self,
        site: Site,
        region: str,
        *,
        head: int | None = None,
        metric: str = "projection",
        readout: str = "summary",
        direction: str = SUFFICIENCY,
        pairs: str = "outcome",
    ) -> Sample:
        """Recovery when a site, or one head of it, is patched at the tokens of one region only.

        Each region is measured where it is asked for: one patched run a pair.

        Args:
            site: a write (`attn_out(4)`, `mlp_out(4)`) or a stream (`resid_post(4)`).
            region: rows and columns of the token grid and frames, such as
                ``"rows 0 to 6, columns 2 to 9, frames 50 % to 100 %"``; `patch tokens`; or `tokens read`,
                those that the readout reads (the CLS token of a ViViT).
            head: of an `attn_out`, one head alone.
            metric: as in `recovery`.
            readout: as in `recovery`.
            direction: as in `recovery`: a direction, or a control in the donor's place.
            pairs: `outcome`, or a control: `noise`, `other-clip`.

        Returns:
            A fraction for each pair. Raises MeasurementError for a region that cannot be read, and
            NotApplicable for one that the model does not have.
        """
        return self._patched_at(site, region, head, metric, readout, direction, pairs)

    def _patched_at(
        self, site: Site, region: str, head: int | None, metric: str, readout: str, direction: str, pairs: str
    ) -> Sample:
        """Patch a part at a region's tokens; at all tokens where the region is empty."""
        if head is not None and site.kind != "attn_out":
            raise MeasurementError(f"{site} has no heads; write attn_out({site.layer})")
        params = {"site": site.key, "head": head, "region": region, "control": direction}
        found = self._assay.measured("places.patch", pairs, params)
        formula = METRICS[metric]
        part = f"L{site.layer}H{head}" if head is not None else str(site)
        place = region or "all tokens"
        inert = readout == "tokens" and self.facts.inert
        measured = self._sample(
            f"{metric.replace('_', ' ')} of {part}" + (f" at {region}" if region else ""),
            "fraction",
            pairs,
            lambda pair: formula(Norms(**found[pair.name][readout])),
            {
                "patch": f"{part if head is None else f'head {head} of {site}'}, {place}, {direction}",
                "readout": PLACES[readout],
                "metric": metric.replace("_", " "),
                "pairs": pairs,
                **depth(site.layer),
            },
            flags=(INERT,) if inert else (),
        )
        return replace(measured, site=str(site), layer=site.layer, metric=metric, readout=readout)
