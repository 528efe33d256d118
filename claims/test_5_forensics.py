"""Where the first edition's constant comes from: 101.88 % at each of seven layers.

Two mistakes together make such a number: a hook site that includes the residual, and a denominator
from another window of the clip. The first is certain from the source of transformers 4.x, the second
is consistent with the published distance from 100.
"""

import pytest

from circuit_claims import above, below, claim, mlp_out, resid_post

from .published import LAYERS

PAPER = {"metric": "norm_ratio", "readout": "tokens"}
SITES = {"resid_post": (resid_post, below(1e-4)), "mlp_out": (mlp_out, above(1e-3))}


@claim(
    "recovery-identical",
    "At the first edition's site every layer recovers the same; at the MLP's own write it does not.",
    source="E1 table 2; transformers 4.x adds the residual inside layer[i].output",
    kind="forensic",
    scope="exact",
    each="site",
)
@pytest.mark.parametrize("site", SITES)
def test_identical_recovery_comes_from_the_hook_site(circuit, judge, site):
    circuit.needs_layers(*LAYERS)
    make, expectation = SITES[site]
    judge(circuit.spread([make(layer) for layer in LAYERS], **PAPER), expectation)


@claim(
    "recovery-leaves-100",
    "With a recipient from another window in the denominator the constant leaves 100 %.",
    source="E1 table 2: 101.88 rather than 100; the notebook calls it the drifting baseline",
    kind="forensic",
    scope="exact",
)
def test_constant_leaves_100_with_a_drifting_baseline(circuit, judge):
    circuit.needs_layers(*LAYERS)
    judge(circuit.drift(resid_post(7)).distance_from(1.0), above(1e-3), published=0.0188)
