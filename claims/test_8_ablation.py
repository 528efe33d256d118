"""E1 appendix C.1, E3 section 4.3: what can be taken away without the label noticing.

The paper ablates parts of the input and finds next to no effect. It never ablates an attention, an MLP or a
head, though an article says so and E1 explains the result by a redundant cascade of MLPs. Changes are of the
margin of the clip's own label over the next one, relative to it: the logit alone says nothing of the others.
A label that stays says nothing of the outcome: regions are read by the outcome too, along the direction in
which other pairs of the action differ, and components are in section 11.
Negligible is less than 5 % of the margin, which the paper's own changes are (4.2 % at most); a result of
"nothing" counts only where the same method sees something when it should.
"""

import pytest

from circuit_claims import above, below, claim, negligible

from .published import E1_REGION, E3_TOPK, LAYERS

MATTERS = 0.05
"""A twentieth of the margin; fixed before any run."""
MOST = 0.9
"""Nine in ten single components."""
PAPER_SHARE = "0.1"
"""Of the tokens: the paper's top 10 %."""
MOST_TOKENS = "0.6"
"""Enough to be seen, if anything is."""
TWICE_THE_PAPERS = 0.2
"""Of the tokens: 10 % hardly move the margin of a robust model, so nothing could be separated from it."""
each_clip = pytest.mark.parametrize("clip", ["success", "failure"])


def change(logits):
    """A published change of the label's logit, relative to its margin; the label comes first."""
    before, after = logits
    return (after[0] - before[0]) / (before[0] - before[1])


@claim(
    "region-ablation-negligible",
    "Ablating the critical region, whole frames of it, leaves the label's logit virtually unchanged.",
    source="E1 appendix C.1, table 1 (strike); NB: frames 10 to 13 of 32, here by fraction",
    kind="reproduces",
    scope="negative",
)
def test_ablating_the_region_leaves_the_logit(circuit, judge):
    judge(
        circuit.without_region("hotspot frames", of="logit"),
        negligible(MATTERS),
        published=change(E1_REGION),
    )


@claim(
    "region-ablation-negligible",
    "Ablating the critical region has a negligible effect on the margin, and on the outcome, and the method "
    "could see one.",
    source="E1 appendix C.1: 'the model was too robust for this simple technique'; the outcome: never read",
    kind="means",
    scope="negative",
    each="of",
)
@pytest.mark.parametrize("of", ["margin", "outcome"])
def test_ablating_the_region_leaves_the_margin_and_the_outcome(circuit, judge, of):
    judge(
        circuit.without_region("hotspot frames", of=of),
        negligible(MATTERS),
        positive={"ablating six in ten frames": six_in_ten_frames(circuit, of)},
        jitter=circuit.margin_jitter() if of == "margin" else None,
    )


def six_in_ten_frames(circuit, of):
    """What the same method has to see."""
    return circuit.without_region("frames around it", of=of), below(-MATTERS)


@claim(
    "topk-ablation-negligible",
    "Zeroing the top 10 % of tokens, as the notebook maps them to pixels, leaves the label's logit.",
    source="E3 section 4.3, tables 1 and 2; the notebook's map touches 4.99 % of the pixels",
    kind="reproduces",
    scope="negative",
    each="clip",
)
@each_clip
def test_the_published_top_k_ablation_leaves_the_logit(circuit, judge, clip):
    judge(
        circuit.without_region("published map", clip=clip, of="logit"),
        negligible(MATTERS),
        published=change(E3_TOPK[clip]),
    )


@claim(
    "topk-ablation-negligible",
    "Ablating the 10 % of the tokens that the label owes most to has a negligible effect on its margin, "
    "though the method sees effects and the tokens are the ones that matter, and on the outcome.",
    source="E3 section 4.3; selected by exact attribution, both frames of each tubelet; outcome: never read",
    kind="means",
    scope="negative",
    each="of",
)
@pytest.mark.parametrize("of", ["success", "failure", "outcome"])
def test_ablating_the_top_tokens_leaves_the_margin_and_the_outcome(circuit, judge, of):
    if of == "outcome":
        judge(
            circuit.without_region(f"top {PAPER_SHARE}", of="outcome"),
            negligible(MATTERS),
            positive={"ablating six in ten frames": six_in_ten_frames(circuit, "outcome")},
        )
        return
    clip = of
    top, drawn = (circuit.without_region(f"{kind} {MOST_TOKENS}", clip=clip) for kind in ("top", "random"))
    judge(
        circuit.without_region(f"top {PAPER_SHARE}", clip=clip),
        negligible(MATTERS),
        positive={
            "ablating 60 % of the tokens": (top, below(-MATTERS)),
            "what the top 60 % cost beyond 60 % at random": (top - drawn, below(0.0)),
        },
        jitter=circuit.margin_jitter(clip=clip),
    )


@claim(
    "component-ablation-robust",
    "Removing any single attention or MLP leaves the clip its label.",
    source="S1: 'component ablation ... resulted in negligible changes to classification accuracy'",
    kind="reproduces",
    scope="negative",
)
def test_removing_one_component_keeps_the_label(circuit, judge):
    judge(circuit.labels_kept(by="zero"), above(0.95))


@claim(
    "component-ablation-robust",
    "Ablating a single component hardly moves the margin: so it is for nine in ten attentions and MLPs, and "
    "nine in ten heads.",
    source="S1; E1 section 5: 'ablating a single \"harmful\" component' is 'likely to fail'; never run",
    kind="means",
    scope="negative",
    each="of",
)
@pytest.mark.parametrize("of", ["blocks", "heads"])
def test_ablating_one_component_leaves_the_margin(circuit, judge, of):
    circuit.needs_layers(*LAYERS)
    judge(
        circuit.withstood(within=MATTERS, of=of),
        above(MOST),
        positive={
            "ablating every component together": (
                circuit.without_all("everything", LAYERS),
                below(-MATTERS),
            )
        },
    )


@claim(
    "joint-ablation-breaks",
    "What no single ablation breaks, the ablation of MLPs 4 to 10 together does: the label is lost.",
    source="E1 section 4.1: 'the powerful, redundant cascade of its MLP blocks'",
    kind="means",
    scope="negative",
)
def test_ablating_all_middle_mlps_loses_the_label(circuit, judge):
    circuit.needs_layers(*LAYERS)
    judge(circuit.without_all("mlp", LAYERS), below(-1.0))


@claim(
    "redundant-mlp-cascade",
    "Robustness comes from redundant MLPs: all at once cost more than one at a time add up to, later "
    "components make good for one that is ablated, and both more so than for attention.",
    source="E1 section 4.1: 'the model's resilience comes from the powerful, redundant cascade'",
    kind="means",
    scope="trained",
    each="by",
)
@pytest.mark.parametrize("by", ["redundancy", "self_repair"])
def test_robustness_comes_from_redundant_mlps(circuit, judge, by):
    circuit.needs_layers(*LAYERS)
    judge(
        getattr(circuit, by)("mlp", LAYERS),
        above(0.0),
        controls={
            "attention of the same layers": getattr(circuit, by)("attn", LAYERS),
            "random weights": circuit.over_seeds(lambda of: getattr(of, by)("mlp", LAYERS)),
        },
    )


@claim(
    "circuit-separation",
    "The outcome is held apart from the label: it lies where the classifier does not look (direction), does "
    "not move the margin (margin), and outlives the tokens that the label rests on (ablation).",
    source="E3 section 4.3: the outcome circuit works apart from classification; never measured there",
    kind="means",
    scope="trained",
    each="by",
)
@pytest.mark.parametrize("by", ["direction", "margin", "ablation"])
def test_the_outcome_is_held_apart_from_the_label(circuit, judge, by):
    judge(**SEPARATIONS[by](circuit))


def _direction(circuit):
    """Less than of a random direction, and than of the difference of any two clips."""
    return {
        "measured": circuit.outcome_in_label_space(),
        "expectation": below(0.0),
        "controls": {"same outcome, other clip": circuit.outcome_in_label_space(pairs="other-clip")},
    }


def _margin(circuit):
    """Less than any other clip of the same outcome does."""
    return {
        "measured": circuit.outcome_in_margin(),
        "expectation": negligible(MATTERS),
        "controls": {"same outcome, other clip": circuit.outcome_in_margin(pairs="other-clip")},
        "jitter": circuit.margin_jitter(),
    }


def _ablation(circuit):
    """It costs the outcome less than random tokens do, while the label feels it."""
    how = {"share": TWICE_THE_PAPERS}
    label = circuit.outcome_without("top", of="margin", **how)
    return {
        "measured": circuit.outcome_without("top", **how),
        "expectation": negligible(MATTERS),
        "controls": {"random tokens": circuit.outcome_without("random", **how)},
        "positive": {"the label's margin": (label, below(-MATTERS))},
    }


SEPARATIONS = {"direction": _direction, "margin": _margin, "ablation": _ablation}
