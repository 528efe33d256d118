"""E1 section 4.2, E3 limitations: whether it holds for other actions "remains unproven".

The paper has one action. Here the action is the unit: each finding is asked of the mean over an action's
pairs, so that the interval is over actions and speaks of others too.
"""

import pytest

from circuit_claims import above, attn_out, between, claim, mlp_out
from circuit_claims.types import average

from .published import LAYERS

ALL = 0.95
MATTERS = 0.05
"""In log units, as where amplification is judged pair by pair."""


def attention(circuit, **how):
    """What one attention block recovers: the mean of layers 4 to 10."""
    return average("recovery of one attention block", [circuit.recovery(attn_out(n), **how) for n in LAYERS])


def mlp(circuit, **how):
    """By how much an MLP recovers more than its block's attention: the mean of layers 4 to 10."""
    gaps = [circuit.recovery(mlp_out(n), **how) - circuit.recovery(attn_out(n), **how) for n in LAYERS]
    return average("MLP minus attention of a block", gaps)


def cascade(circuit, **how):
    """How much the delta grows from layer 5 to 11, relative to the stream."""
    return circuit.growth(5, 11, of="cls", relative=True, **how).log()


@claim(
    "generalises",
    "What was found of one action holds for actions in general.",
    source="E1 sections 4.2 and 4.3, E3 limitations: 'generalizability to other actions remains unproven'",
    kind="means",
    scope="trained",
    each="finding",
)
@pytest.mark.parametrize("finding", ["attention recovers a part", "MLP recovers more", "cascade"])
def test_a_finding_holds_for_actions_in_general(circuit, judge, finding):
    circuit.needs_layers(*LAYERS)
    measure, expectation = {
        "attention recovers a part": (attention, between(0.0, ALL)),
        "MLP recovers more": (mlp, above(0.0)),
        "cascade": (cascade, above(MATTERS)),
    }[finding]
    judge(
        measure(circuit).by_action(),
        expectation,
        controls={
            "same outcome, other clip": measure(circuit, pairs="other-clip").by_action(),
            "random weights": circuit.over_seeds(lambda of: measure(of).by_action()),
        },
    )
