"""E1 section 2, E3 section 4.2: the difference between the clips is "progressively amplified".

The paper takes the mean over all tokens of the delta's norm. Residual streams grow with depth in
every model, so the scientific reading asks whether the delta grows *relative to the stream*, on a log scale,
where a difference from a control is a ratio of growths.
"""

import pytest

from circuit_claims import above, anything, claim, negligible

from .figures import amplification, relative_delta
from .published import NB_DELTA

AMPLIFIED = range(5, 12)
MATTERS = 0.05
"""In log units: a growth, or a change of growth, of less than 5 % is none (the paper's is 169 %)."""
NET = "5 to 11"
STEPS = {NET: (5, 11), **{f"{layer - 1} to {layer}": (layer - 1, layer) for layer in range(6, 12)}}
"""Between which layers the outcome has to grow: all in all, and in every block ("progressively"). In each it
has to grow more than what differs between two clips of one outcome; all in all more than on random weights,
of which one block says next to nothing: a delta there grows or shrinks by a fifth in it, by chance."""
ONSET = ("rise at 5", "flat at 4", "flat at 3")
"""What an onset is: the sharpest rise of all blocks, and two blocks before it in which nothing grows or
shrinks. In the first blocks attention has to bring the difference to CLS, where there is none at first."""


@claim(
    "delta-growth-300",
    "From layer 5 to the final layer the difference increases by over 300 %.",
    source="E3 section 4.2, figure 5",
    kind="reproduces",
    scope="negative",
)
def test_delta_grows_by_over_300_percent_from_layer_5(circuit, judge):
    circuit.needs_layers(5, 11)
    judge(
        circuit.growth(5, 11, of="tokens"),
        above(4.0),
        published=NB_DELTA[11] / NB_DELTA[5],
        figure=lambda: amplification(circuit),
    )


@claim(
    "signal-from-layer-0",
    "Low-level differences between the outcomes exist from layer 0.",
    source="all editions, abstract; NB: 75.27 after block 0",
    kind="means",
    scope="negative",
)
def test_low_level_differences_exist_from_layer_0(circuit, judge):
    judge(
        circuit.delta(0).log(),
        anything(),
        controls={
            "same clip, re-encoded": circuit.delta(0, control="re-encoded").log(),
            "same outcome, other sensor noise": circuit.delta(0, pairs="noise").log(),
        },
    )


@claim(
    "delta-amplification-5-11",
    "The outcome signal is progressively amplified from layer 5 through 11: overall, and in every block.",
    source="all editions, abstract and section 2",
    kind="means",
    scope="trained",
    each="step",
)
@pytest.mark.parametrize("step", STEPS)
def test_outcome_signal_is_amplified_from_layer_5_to_11(circuit, judge, step):
    first, last = (circuit.at(layer) for layer in STEPS[step])
    layers = min(first, last - 1), last  # two layers of the paper may be one of a model of fewer

    def growth(of, pairs="outcome"):
        return of.growth(*layers, of="cls", relative=True, pairs=pairs).log()

    untrained = {"random weights": circuit.over_seeds(growth)} if step == NET else {}
    judge(
        growth(circuit),
        above(MATTERS),
        controls={
            "same outcome, other sensor noise": growth(circuit, pairs="noise"),
            "same outcome, other clip": growth(circuit, pairs="other-clip"),
            **untrained,
        },
        jitter=circuit.jitter(growth),
        figure=(lambda: relative_delta(circuit)) if step == NET else None,
    )


@claim(
    "delta-onset-layer-5",
    "The sharp rise of the outcome signal starts at layer 5: no other block's is as sharp, and the two "
    "blocks before it are flat.",
    source="E1 figure 1; E3 figure 5",
    kind="means",
    scope="trained",
    each="part",
)
@pytest.mark.parametrize("part", ONSET)
def test_the_rise_starts_at_layer_5(circuit, judge, part):
    layer = circuit.at(5)
    if part != ONSET[0]:
        block = layer - ONSET.index(part)
        judge(
            circuit.growth(block - 1, block, of="cls", relative=True).log(),
            negligible(MATTERS),
            controls={f"growth in block {layer}": circuit.growth(layer - 1, layer, relative=True).log()},
        )
        return
    others = {f"block {at}": circuit.kink(at) for at in circuit.bends() if at != layer}
    judge(
        circuit.kink(layer),
        above(MATTERS),
        controls={
            "the other blocks": others,
            # To stand out of their mean is not enough: another block may do so more.
            "the sharpest of the other blocks": circuit.foremost(others),
            "same outcome, other sensor noise": circuit.kink(layer, pairs="noise"),
            "same outcome, other clip": circuit.kink(layer, pairs="other-clip"),
            "random weights": circuit.over_seeds(lambda of: of.kink(layer)),
        },
        jitter=circuit.jitter(lambda moved: moved.kink(layer)),
    )


@claim(
    "outcome-relative-growth",
    "Over the whole depth the outcome's delta grows by a larger factor than that of clips of one outcome.",
    source="this suite's own contrast, named before any run: layer 0 to 11",
    kind="means",
    scope="trained",
)
def test_outcome_delta_grows_more_than_a_same_outcome_delta(circuit, judge):
    def growth(of, pairs="outcome"):
        return of.growth(0, of.last_layer, of="cls", relative=True, pairs=pairs).log()

    judge(
        growth(circuit),
        anything(),
        controls={
            "same outcome, other sensor noise": growth(circuit, pairs="noise"),
            "same outcome, other clip": growth(circuit, pairs="other-clip"),
            "random weights": circuit.over_seeds(growth),
        },
        jitter=circuit.jitter(growth),
        figure=lambda: relative_delta(circuit),
    )


@claim(
    "delta-filters-noise",
    "With depth the delta outgrows a codec's trace in the same clip: low-level noise is filtered out.",
    source="E1 section 2: 'this approach filtered out low-level noise'; E3 section 4.2",
    kind="means",
    scope="trained",
)
def test_the_delta_filters_out_low_level_noise(circuit, judge):
    """A norm has no direction: that the delta is the outcome's has to be seen in pairs that were left out."""
    circuit.needs_layers(*AMPLIFIED)
    judge(
        circuit.noise_filtered(),
        above(0.0),
        controls={"same outcome, other clip": circuit.noise_filtered(pairs="other-clip")},
        margin=0.01,
        positive={"held-out outcome direction": (circuit.outcome_direction(*AMPLIFIED), above(0.5))},
    )


@claim(
    "delta-is-outcome",
    "The delta of a pair lies along the outcome's direction, as the other pairs' deltas show it.",
    source="all editions: 'the semantic representation of the outcome' from layer 5 to 11",
    kind="means",
    scope="trained",
)
def test_the_delta_of_a_new_pair_lies_along_the_outcome_direction(circuit, judge):
    circuit.needs_layers(*AMPLIFIED)
    judge(
        circuit.outcome_direction(*AMPLIFIED),
        above(0.5),
        controls={
            "shuffled frames": circuit.outcome_direction(*AMPLIFIED, control="shuffled frames"),
            "signs at random": circuit.direction_control_task(*AMPLIFIED),
            "random weights": [random.outcome_direction(*AMPLIFIED) for random in circuit.random()],
        },
    )
