"""The other direction: what the outcome cannot do without.

Every recovery of the paper, and of section 3, puts a success into a failure (denoising), which shows what is
*sufficient*. Here the success clip is run with writes of the failure clip (noising), which shows what is
*necessary* (Heimersheim & Nanda 2024, arXiv 2404.15255). A recovery of 1 in this direction takes all of the
outcome away. The two need not agree: of redundant MLPs each is sufficient and none necessary, of the parts of
a conjunction each is necessary and none sufficient, and one MLP that composes the outcome is both.

Controls. Two clips of one outcome in the same direction, and for joint patches noise of the same size and
writes of another success: anything that disturbs a run may cost it its outcome. Random weights are patched in
the paper's direction, which is measured already: to weights that were never trained, "success" and "failure"
name nothing, so that a patch of one into the other has one distribution either way.
"""

import pytest

from circuit_claims import above, attn_out, below, claim, mlp_out

from .published import each_layer

BACK = "failure -> success"
ALL = 0.95
"""As of sufficiency: "all" is at least 95 %."""
MOST = 0.5
MATTERS = 0.05
"""A twentieth of the outcome."""
NEVER = "no edition patches failure into success"


def single_controls(circuit, ask):
    """What the reading of a single write has to exceed; `ask(circuit, **how)` is the measurement."""
    return {
        "same outcome, other clip": ask(circuit, direction=BACK, pairs="other-clip"),
        "random weights": circuit.over_seeds(ask),
    }


def joint_controls(circuit, ask, beyond=""):
    """What a joint patch has to exceed; see `over_seeds` of `beyond`."""
    return {
        "same outcome, other clip": ask(circuit, direction=BACK, pairs="other-clip"),
        "noise of the same size": ask(circuit, direction="noise into success"),
        "writes of another success": ask(circuit, direction="third into success"),
        "random weights": circuit.over_seeds(ask, beyond=beyond),
    }


@claim(
    "mlp-necessary",
    "Some single MLP of layers 4 to 10 is necessary: with the failure's write in its place, the outcome is "
    "gone.",
    source=f"E3 abstract: MLPs, 'each of which is the primary driver'; {NEVER}",
    kind="means",
    scope="trained",
    any="layer",
)
@each_layer
def test_some_mlp_is_necessary(circuit, judge, layer):
    site = mlp_out(circuit.at(layer))

    def lost(of, **how):
        return of.recovery(site, **how)

    controls = {
        **single_controls(circuit, lost),
        "noise of the same size": lost(circuit, direction="noise into success"),
    }
    judge(circuit.recovery(site, direction=BACK), above(ALL), controls=controls)


@claim(
    "mlp-driver-necessary",
    "Each MLP is the primary driver in the other direction too: more of the outcome is lost without it than "
    "without its block's attention.",
    source=f"E3 abstract and section 4.4: 'the primary driver'; {NEVER}",
    kind="means",
    scope="trained",
    each="layer",
)
@each_layer
def test_more_is_lost_without_each_mlp_than_without_its_attention(circuit, judge, layer):
    here = circuit.at(layer)

    def driver(of, **how):
        return of.recovery(mlp_out(here), **how) - of.recovery(attn_out(here), **how)

    judge(driver(circuit, direction=BACK), above(0.0), controls=single_controls(circuit, driver))


@claim(
    "mlp-redundant",
    "Each MLP is redundant: it alone brings back more of the outcome than is lost without it.",
    source=f"E3 abstract: 'distributed and redundant circuit'; E1 section 4.1: 'redundant cascade'; {NEVER}",
    kind="means",
    scope="trained",
    each="layer",
)
@each_layer
def test_each_mlp_suffices_for_more_than_it_is_needed_for(circuit, judge, layer):
    site = mlp_out(circuit.at(layer))

    def unneeded(pairs="outcome"):
        return circuit.recovery(site, pairs=pairs) - circuit.recovery(site, direction=BACK, pairs=pairs)

    # On random weights both directions have one distribution, so that the difference is zero by construction.
    judge(unneeded(), above(MATTERS), controls={"same outcome, other clip": unneeded("other-clip")})


@claim(
    "attention-necessary",
    "What attention in layers 4 to 10 gathers is necessary: with what it gathers of the failure's patch "
    "tokens, most of the outcome is lost.",
    source=f"title and abstract, all editions: attention 'to move relevant ... evidence'; {NEVER}",
    kind="means",
    scope="trained",
)
def test_most_is_lost_without_what_attention_gathers(circuit, judge):
    first, last = circuit.at(4), circuit.at(10)

    def gathered(of, **how):
        return of.together("gathered", first, last, **how)

    judge(gathered(circuit, direction=BACK), above(MOST), controls=joint_controls(circuit, gathered))


@claim(
    "mlp-needs-all-evidence",
    "MLPs in layers 4 to 10 need the evidence together: the failure's goes through them, and one part of it "
    "costs what all parts cost.",
    source="title and abstract, all editions: 'compute the abstract outcome concept from the available "
    f"evidence'; {NEVER}",
    kind="means",
    scope="trained",
    each="part",
)
@pytest.mark.parametrize("part", ["mediated", "combined"])
def test_mlps_lose_the_outcome_with_any_part_of_the_evidence(circuit, judge, part):
    first, last = circuit.at(4), circuit.at(10)

    def composed(of, **how):
        return of.composition(part, first, last, **how)

    # Parts that cost the whole each cost more, added up, than all of them at once: below zero.
    expected = above(MATTERS) if part == "mediated" else below(-MATTERS)
    judge(composed(circuit, direction=BACK), expected, controls=joint_controls(circuit, composed))


@claim(
    "joint-necessity",
    "Most of the outcome is lost with layers 4 to 10 taken away together, and more than with any one of "
    "their writes.",
    source=f"E3 abstract: 'distributed and redundant circuit', section 4.4; {NEVER}",
    kind="means",
    scope="trained",
    each="part",
)
@pytest.mark.parametrize("part", ["together", "beyond one"])
def test_layers_are_needed_together_as_none_is_alone(circuit, judge, part):
    first, last = circuit.at(4), circuit.at(10)

    def lost(of, **how):
        return of.together("both", first, last, **how)

    if part == "together":
        # Fourteen of 24 writes hold most of any two clips' difference, on any weights: what the outcome adds.
        controls = joint_controls(circuit, lost, beyond="other-clip")
        judge(lost(circuit, direction=BACK), above(MOST), controls=controls)
        return

    def beyond(of, **how):
        return of.beyond_one(first, last, **how)

    controls = {
        "same outcome, other clip": beyond(circuit, direction=BACK, pairs="other-clip"),
        "random weights": circuit.over_seeds(beyond, beyond="other-clip"),
    }
    judge(beyond(circuit, direction=BACK), above(MATTERS), controls=controls)


# Ablations that read the outcome ---------------------------------------------------------------------------


@claim(
    "outcome-outlives-one",
    "The outcome outlives the ablation of any single component of layers 4 to 10: the costliest costs it "
    "less than 5 %, though all together cost most of it.",
    source=f"E1 section 4.1: 'redundant cascade'; S1; {NEVER}, or reads an ablation by the outcome",
    kind="means",
    scope="negative",
    each="of",
)
@pytest.mark.parametrize("of", ["blocks", "heads"])
def test_the_outcome_outlives_every_single_ablation(circuit, judge, of):
    first, last = circuit.at(4), circuit.at(10)
    heads = circuit.at(9)  # the heads that the paper names are of layers 9 and 10
    judge(
        circuit.costliest(of, first if of == "blocks" else heads, last),
        above(-MATTERS),
        positive={
            "ablating layers 4 to 10 together": (
                circuit.outcome_without_all("both", first, last),
                below(-MOST),
            )
        },
    )


@claim(
    "outcome-needs-mlps",
    "Without MLPs 4 to 10 together the outcome is lost.",
    source="E1 section 4.1: 'the powerful, redundant cascade of its MLP blocks'; never run",
    kind="means",
    scope="negative",
)
def test_ablating_all_middle_mlps_loses_the_outcome(circuit, judge):
    judge(circuit.outcome_without_all("mlp", circuit.at(4), circuit.at(10)), below(-MOST))


@claim(
    "outcome-redundancy",
    "MLPs 4 to 10 stand in for each other: all at once cost the outcome more than one at a time add up to, "
    "and more so than attention.",
    source="E1 section 4.1: 'the model's resilience comes from the powerful, redundant cascade'; never run",
    kind="means",
    scope="trained",
)
def test_the_outcome_is_held_by_redundant_mlps(circuit, judge):
    first, last = circuit.at(4), circuit.at(10)
    judge(
        circuit.outcome_redundancy("mlp", first, last),
        above(MATTERS),
        controls={
            "attention of the same layers": circuit.outcome_redundancy("attn", first, last),
            "same outcome, other clip": circuit.outcome_redundancy("mlp", first, last, pairs="other-clip"),
        },
    )
