"""The statistics of the judge, in one list; each module beside this one tells one story.

The unit is the pair, stratified by action; pairs that share a clip are one unit. A claim is specific when
claim minus control excludes zero, not when one passes and the other fails. Not rejecting proves nothing:
only an equivalence test shows that something is negligible. How often each rule errs was measured by
simulation (`circuit_claims.judge.calibration`, docs/calibration.md).
"""

from circuit_claims.judge.contrasts import (
    Selectivity,
    paired_contrast,
    prediction_bound,
    probe_selectivity,
    seed_contrast,
    two_sample_contrast,
)
from circuit_claims.judge.effects import (
    hedges_g,
    hodges_lehmann,
    pairs_for_equivalence,
    pairs_for_margin,
    pairs_for_sign_flip,
    pairs_needed,
    sign_fraction,
)
from circuit_claims.judge.equivalence import Equivalence, equivalence
from circuit_claims.judge.intervals import Interval, PValues, interval, t_test
from circuit_claims.judge.permutation import Quantified, any_of, each, holm, max_t, permutation_p, sign_flip
from circuit_claims.judge.traces import Knot, Monotone, monotone, one_knot, slope_change, slope_changes

__all__ = [
    "Equivalence",
    "Interval",
    "Knot",
    "Monotone",
    "PValues",
    "Quantified",
    "Selectivity",
    "any_of",
    "each",
    "equivalence",
    "hedges_g",
    "hodges_lehmann",
    "holm",
    "interval",
    "max_t",
    "monotone",
    "one_knot",
    "paired_contrast",
    "pairs_for_equivalence",
    "pairs_for_margin",
    "pairs_for_sign_flip",
    "pairs_needed",
    "permutation_p",
    "prediction_bound",
    "probe_selectivity",
    "seed_contrast",
    "sign_flip",
    "sign_fraction",
    "slope_change",
    "slope_changes",
    "t_test",
    "two_sample_contrast",
]
