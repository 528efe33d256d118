"""Whether bfloat16 is precise enough: the first pair is swept in both, and the recoveries are compared.

`auto` takes bfloat16 where the device multiplies it in hardware and every recovery agrees with float32 within
`models.precision.AGREEMENT`; else float32. The report says which, and why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from circuit_claims.measure.patching import sweep
from circuit_claims.measure.recovery import UndefinedRecovery, projection
from circuit_claims.models.precision import in_bfloat16

if TYPE_CHECKING:
    from torch import Tensor

    from circuit_claims.clips.pairs import Pair
    from circuit_claims.measure.assay import Assay
    from circuit_claims.models.residual import ResidualModel


@dataclass(frozen=True)
class Agreement:
    """How far recoveries in bfloat16 are from those in float32."""

    apart: float | None
    """The largest difference of a projection at the summary, as a fraction; None where none is defined."""
    sites: int
    """How many were compared."""


def agreement(model: ResidualModel, donor_pixels: Tensor, recipient_pixels: Tensor) -> Agreement:
    """Sweep every write of a pair in float32 and in bfloat16. `model` is the float32 one.

    Raises MeasurementError as `sweep` does.
    """
    both = [sweep(one, donor_pixels, recipient_pixels, tokens=False) for one in (model, in_bfloat16(model))]
    apart = []
    for write in model.writes:
        try:
            exact, reduced = (projection(done[write.site]["summary"]) for done in both)
        except UndefinedRecovery:
            continue
        apart.append(abs(exact - reduced))
    return Agreement(max(apart, default=None), len(apart))


def _agreement(assay: Assay, pair: Pair, _params: Mapping[str, Any]) -> dict[str, Any]:
    found = agreement(assay.model("float32"), assay.success(pair), assay.failure(pair))
    return {"apart": found.apart, "sites": found.sites}


MEASUREMENTS: Mapping[str, Callable[[Assay, Pair, Mapping[str, Any]], Any]] = {"agreement": _agreement}
"""By the name in the store's key."""
