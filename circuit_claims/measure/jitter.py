"""The measurements of `per_pair.py` in a window that was moved, which may lie outside a clip.

They are entries of the store like any other (the window is part of the key), so that a warm run need not
decode a clip to learn that the window does not fit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from circuit_claims.clips.pairs import Pair
from circuit_claims.clips.sampling import SamplingError
from circuit_claims.measure import per_pair

if TYPE_CHECKING:
    from circuit_claims.measure.assay import Assay

Measurement = Callable[["Assay", Pair, Mapping[str, Any]], Any]


def _where_it_fits(measure: Measurement, assay: Assay, pair: Pair, params: Mapping[str, Any]) -> Any:
    """What is measured, or why this window does not fit into the pair's clips."""
    try:
        return measure(assay, pair, params)
    except SamplingError as why:
        return {"outside": str(why)}


MEASUREMENTS: Mapping[str, Measurement] = {
    name: partial(_where_it_fits, per_pair.MEASUREMENTS[name]) for name in ("trace", "sweep")
}
"""By the name in the store's key."""
