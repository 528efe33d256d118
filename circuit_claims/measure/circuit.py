"""The `circuit` fixture: one model on one set of pairs, asked in the words of a claim.

    circuit.recovery(mlp_out(4), metric="norm_ratio", readout="tokens")
    circuit.growth(5, 11, of="cls", relative=True)

Each question answers with a `Sample`: a number for each pair, and how it was measured. The first one
that needs a measurement makes it for all pairs (`assay.py`); everything after that reads it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from circuit_claims.clips.pairs import Pair
from circuit_claims.clips.sampling import SamplingError
from circuit_claims.measure.controls import REVERSED
from circuit_claims.measure.errors import NotApplicable
from circuit_claims.measure.questions.ablation import AblationQuestions
from circuit_claims.measure.questions.attention import AttentionQuestions
from circuit_claims.measure.questions.base import (
    INERT,
    NECESSITY,
    PLACES,
    SUFFICIENCY,
    WINDOWS,
    absent_control_is_undefined,
    depth,
)
from circuit_claims.measure.questions.growth import TraceQuestions
from circuit_claims.measure.questions.known_answers import KnownAnswerQuestions
from circuit_claims.measure.questions.labour import LabourQuestions
from circuit_claims.measure.questions.necessity import NecessityQuestions
from circuit_claims.measure.questions.probing import ProbingQuestions
from circuit_claims.measure.questions.regions import RegionQuestions
from circuit_claims.measure.questions.registry import checked, words
from circuit_claims.measure.questions.screening import ScreeningQuestions
from circuit_claims.measure.questions.separation import SeparationQuestions
from circuit_claims.measure.recovery import METRICS, Norms, UndefinedRecovery
from circuit_claims.models.sites import Site, attn_out, mlp_out
from circuit_claims.types import Sample, combine

if TYPE_CHECKING:
    from circuit_claims.measure.assay import Assay

CHECKS = ("null patch", "identity patch", "attention at CLS", "final patch tokens", "direct shares")
"""What `calibration` can be asked."""


@checked
class Circuit(
    TraceQuestions,
    LabourQuestions,
    NecessityQuestions,
    AttentionQuestions,
    AblationQuestions,
    RegionQuestions,
    SeparationQuestions,
    ScreeningQuestions,
    ProbingQuestions,
    KnownAnswerQuestions,
):
    """Recoveries, traces, labels and calibrations of one model on its pairs."""

    @absent_control_is_undefined
    def recovery(
        self,
        site: Site,
        *,
        metric: str = "projection",
        readout: str = "summary",
        direction: str = SUFFICIENCY,
        pairs: str = "outcome",
    ) -> Sample:
        """Recovery at a readout when one site is patched from the donor into the recipient.

        Args:
            site: `attn_out(4)`, `mlp_out(4)`, or `resid_post(4)`, which is an identity patch.
            metric: `projection`, `norm_ratio` (the paper's), `cosine` or `distance`.
            readout: `summary`, `cls` or `tokens`.
            direction: `success -> failure` (the paper's: denoising, which shows what is sufficient) or
                `failure -> success` (noising, which shows what is necessary), or a control of `controls.py`
                that takes the donor's place, such as `third video` or `noise write`, and in the other
                direction `third into success` or `noise into success`.
            pairs: `outcome`, or a control: `noise`, `other-clip`.

        Returns:
            A fraction for each pair: 1.0 recovers all of the difference, and in the other direction takes all
            of it away. Of an AND each part is necessary and none sufficient, of an OR the other way round
            (Heimersheim & Nanda 2024).
        """
        sweeps = self._sweeps(direction, pairs, site, readout)
        formula = METRICS[metric]
        measured = self._sample(
            f"{metric.replace('_', ' ')} of {site}",
            "fraction",
            pairs,
            lambda pair: formula(Norms(**sweeps[pair.name]["patches"][site.key]["norms"][readout])),
            {
                "patch": f"{site}, all tokens, {direction}",
                "readout": PLACES[readout],
                "metric": metric.replace("_", " "),
                "pairs": pairs,
                **depth(site.layer),
            },
            flags=(INERT,) if readout == "tokens" and self.facts.inert else (),
        )
        return replace(
            measured,
            artifact=self._artifact(site, readout),
            site=str(site),
            layer=site.layer,
            metric=metric,
            readout=readout,
        )

    def _artifact(self, site: Site, readout: str) -> str | None:
        """Why a recovery says nothing of the model: the whole stream is patched, or nothing reads it."""
        if not site.is_write:
            return f"{site} is the whole stream, so patching it makes the run the donor's"
        inert = readout == "tokens" and self.facts.inert
        if inert and max(self.calibration("final patch tokens").values) == 0.0:
            return "perturbing the patch tokens of the last block changes no logit"
        return None

    def strongest(self, *, readout: str = "summary", pairs: str = "outcome") -> Sample:
        """The largest recovery (projection) by any single attention or MLP write of any layer."""
        layers = range(self.facts.n_layers)
        samples = [
            self.recovery(make(layer), readout=readout, pairs=pairs)
            for layer in layers
            for make in (attn_out, mlp_out)
        ]
        return combine(f"largest projection of the {len(samples)} writes", samples, max)

    def spread(self, sites: Sequence[Site], **how: str) -> Sample:
        """Largest minus smallest recovery over several sites, pair by pair (see `recovery`)."""
        samples = [self.recovery(site, **how) for site in sites]
        kind, first, last = sites[0].kind, sites[0].layer, sites[-1].layer
        return combine(
            f"range of {samples[0].experiment['metric']} over {kind} {first} to {last}",
            samples,
            lambda values: max(values) - min(values),
        )

    def distance(self, *, readout: str = "summary", pairs: str = "outcome") -> Sample:
        """How far apart the two clips of a pair are at a readout: what there is to recover."""
        sweeps = self._sweeps(SUFFICIENCY, pairs, attn_out(self.facts.n_layers - 1), readout)

        def norm(pair: Pair) -> float:
            patches = sweeps[pair.name]["patches"]
            return float(next(iter(patches.values()))["norms"][readout]["D"])

        return self._sample(
            "distance of the two clips", "norm", pairs, norm, {"readout": PLACES[readout], "pairs": pairs}
        )

    def label_kept(self) -> Sample:
        """In which share of windows both clips of a pair keep the right label (this window and `WINDOWS`).

        A window that does not fit into a pair's clips is left out of that pair's share.
        """
        own = self._assay.measured("per_pair.trace", "outcome", {"control": SUFFICIENCY})
        moved = [window.measured("jitter.says", "outcome", {}) for window in self._windows()]

        def share(pair: Pair) -> float:
            wanted = self._label(pair)
            here = own[pair.name]
            tops = [{here["top_positive"], here["top_negative"]}]
            for window in moved:
                clips = window[pair.name].values()
                if not any("outside" in clip for clip in clips):
                    tops.append({clip["label"] for clip in clips})
            return tops.count({wanted}) / len(tops)

        return self._sample(
            "windows in which both clips keep the right label",
            "fraction",
            "outcome",
            share,
            {"readout": "top label", "windows": f"up to {1 + len(moved)}, both clips moved together"},
        )

    def _windows(self) -> Iterator[Assay]:
        for by in WINDOWS:
            with suppress(SamplingError):  # it would begin before the clips do
                yield self._assay.shifted(by)

    @words(check=CHECKS)
    def calibration(self, check: str) -> Sample:
        """A check whose answer is known beforehand, as measured on each outcome pair: one of `CHECKS`."""
        measured = self._assay.measured("per_pair.calibration", "outcome", {})
        unit = "logits" if check == "final patch tokens" else "fraction"
        if check == "final patch tokens" and not self.facts.inert:
            raise NotApplicable(f"{self.name} reads every token of its last block, so none of them is inert")

        def value(pair: Pair) -> float:
            found = measured[pair.name][check]
            if found is None:
                raise UndefinedRecovery("the CLS token does not differ between the two clips (0/0)")
            return float(found)

        return self._sample(check, unit, "outcome", value, {"calibration": check})

    def closure(self) -> Sample:
        """How far ``stream + write`` is from the next stream, relative to its norm: worst over all sites."""
        worst = self._assay.facts()["identity"]["worst_closure"]
        return Sample(
            "closure of all sites",
            "fraction",
            (float(worst),),
            experiment={"check": "stream + write == next"},
        )

    def drift(self, site: Site, *, shift: int = 4) -> Sample:
        """``R`` of an identity patch whose denominator uses the recipient from another window of its clip.

        Numerator: patched minus recipient. Denominator: donor minus the recipient sampled `shift` source
        frames (by time: half steps) later, as when a clip is loaded, and its random window drawn, for each.
        """
        measured = self._assay.measured("per_pair.drift", "outcome", {"site": site.key, "shift": shift})

        def ratio(pair: Pair) -> float:
            found = measured[pair.name]
            if "outside" in found:
                later = self._assay.pairs.shift_in_words(shift)
                raise UndefinedRecovery(f"the clip has no window {later} later ({found['outside']})")
            if not found["denominator"]:
                raise UndefinedRecovery("the donor does not differ from the shifted recipient (x/0)")
            return float(found["numerator"] / found["denominator"])

        return self._sample(
            f"norm ratio of {site} with a drifting baseline",
            "fraction",
            "outcome",
            ratio,
            {
                "patch": f"{site}, all tokens, {SUFFICIENCY}",
                "readout": PLACES["tokens"],
                "denominator": f"recipient sampled {self._assay.pairs.shift_in_words(shift)} later",
            },
            flags=(INERT,) if self.facts.inert else (),
        )

    def _sweeps(self, direction: str, pairs: str, site: Site, readout: str) -> dict[str, Any]:
        """The sweep that holds a site, by pair.

        Of the claim's own pairs in the paper's direction it is one sweep of everything. A control, and the
        other direction, is swept in two parts, the first third of the layers and the rest, since most claims
        ask for the rest alone. In the other direction attention and MLPs are swept apart, as they are asked
        for, and of the claim's own pairs the vectors are kept, to be read along other pairs'.
        """
        n = self.facts.n_layers
        own = pairs == "outcome" and not self._control
        whole = (own and direction == SUFFICIENCY) or readout == "tokens" or not site.is_write
        split = n // 3
        layers = (0, n) if whole else (0, split) if site.layer < split else (split, n)
        params: dict[str, Any] = {"control": direction, "tokens": whole, "layers": layers}
        if direction in REVERSED.values() and not whole:
            params["kinds"] = [site.kind]
            params |= {"vectors": True} if own and direction == NECESSITY else {}
        return self._assay.measured("per_pair.sweep", pairs, params)
