"""E1 section B.1, E3 sections 4.1.1 and 4.1.2: which layers and which tokens argue for the label.

The paper multiplies the patch tokens of the last block, before the norm, with the classifier's row. Nothing
reads those tokens (`final-patch-tokens-are-inert`), and that map does not sum to the logit: `reproduces`
judges it, with a flag. `means` shares the logit out exactly, at the CLS token that the classifier reads,
among the source tokens of every head, in the success clip.

A later half can be a matter of positions alone, so its share is held against that of the same clip backwards,
shuffled, and without time. Other clips are no control for a mean over clips: its contrast with them is zero
whatever they show.
"""

import pytest

from circuit_claims import above, claim, exactly

from .published import NB_LENS_STEPS, NB_LENS_STRIKE

FROM_LAYER_9 = pytest.mark.parametrize("layer", [9, 10, 11], ids="layer{}".format)
ROUNDING = 1e-5
"""Of the shares' sizes: float32's epsilon is 1.2e-7, and each share sums over some thousand dimensions and
tokens, whose rounding grows as the square root of their number."""
WITHOUT_ORDER = ("reversed frames", "shuffled frames", "one frame, repeated")
"""Controls of time: the outcome first, the same pictures without motion, and no time at all."""


@claim(
    "dla-sums-to-logit",
    "The shares of all writes, heads and biases sum to the logit.",
    source="calibration: with the final norm's scale frozen the logit is linear in the CLS token",
    kind="exact",
    scope="exact",
)
def test_the_shares_of_a_logit_sum_to_it(circuit, judge):
    judge(circuit.attribution_gap(), exactly(0.0, within=ROUNDING))


@claim(
    "dla-late-layers",
    "From layer 9 and beyond the model is increasingly confident: the logit lens rises in each block.",
    source="E3 section 4.1.1; NB: hidden_states 9 to 12 are the streams after blocks 8 to 11",
    kind="reproduces",
    scope="negative",
    each="layer",
)
@FROM_LAYER_9
def test_the_lens_rises_in_each_block_from_layer_9(circuit, judge, layer):
    circuit.needs_layers(layer)
    judge(circuit.lens_step(layer), above(0.0), published=NB_LENS_STEPS[layer])


@claim(
    "dla-late-layers",
    "Most of the label's logit is made in the last quarter of the blocks.",
    source="E3 section 4.1.1: 'from layer 9 and beyond'; NB: 95 % of a strike's logit",
    kind="means",
    scope="trained",
)
def test_most_of_the_logit_is_made_in_the_last_quarter(circuit, judge):
    judge(
        circuit.lens_gain(),
        above(0.5),
        published=(NB_LENS_STRIKE[11] - NB_LENS_STRIKE[8]) / NB_LENS_STRIKE[11],
        controls={"random weights": circuit.over_seeds(lambda of: of.lens_gain())},
    )


@claim(
    "dla-later-frames",
    "In the paper's token map the highest contributions come from the later frames.",
    source="E1 section B.1, figure 3",
    kind="reproduces",
    scope="negative",
)
def test_the_token_map_is_highest_in_later_frames(circuit, judge):
    judge(circuit.attributed_later("token_map"), above(0.5))


@claim(
    "dla-later-frames",
    "What argues for the label comes from the later frames, because of what they show.",
    source="E1 section B.1: 'in the later frames of the video, near the moment of impact'",
    kind="means",
    scope="trained",
)
def test_what_argues_for_the_label_comes_from_later_frames(circuit, judge):
    judge(
        circuit.attributed_later(),
        above(0.5),
        controls={
            **{name: circuit.attributed_later(control=name) for name in WITHOUT_ORDER},
            "random weights": circuit.over_seeds(lambda of: of.attributed_later()),
        },
    )


@claim(
    "dla-central-tokens",
    "In the paper's token map the contributions are fairly central within the picture.",
    source="E3 section 4.1.2: 'spread across a number of frames, but fairly central'",
    kind="reproduces",
    scope="negative",
)
def test_the_token_map_is_central(circuit, judge):
    judge(circuit.attributed_centre("token_map"), above(1.0))


@claim(
    "dla-central-tokens",
    "What argues for the label lies in the centre of the picture.",
    source="E3 section 4.1.2: 'fairly central within the picture'",
    kind="means",
    scope="trained",
)
def test_what_argues_for_the_label_is_central(circuit, judge):
    judge(
        circuit.attributed_centre(),
        above(1.0),
        controls={"random weights": circuit.over_seeds(lambda of: of.attributed_centre())},
    )


@claim(
    "dla-object-tokens",
    "In the paper's token map most of the contributions are those of ball and pins.",
    source="E3 section 4.1.2: the majority are tokens of ball and pins; E1 section B.1",
    kind="reproduces",
    scope="negative",
)
def test_most_of_the_token_map_is_on_ball_and_pins(circuit, judge):
    judge(circuit.attributed_share_on_tracked("token_map"), above(0.5))


@claim(
    "dla-object-tokens",
    "What argues for the label is on the ball and the pins, more than anywhere else.",
    source="E1 section B.1: 'tokens corresponding to the ball and pins'",
    kind="means",
    scope="trained",
)
def test_what_argues_for_the_label_is_on_ball_and_pins(circuit, judge):
    judge(
        circuit.attributed_on_tracked(),
        above(1.0),
        controls={
            "where another video has them": circuit.attributed_on_tracked(
                control="where another video has them"
            ),
            "random weights": circuit.over_seeds(lambda of: of.attributed_on_tracked()),
        },
    )


@claim(
    "dla-token-map",
    "The paper's token map is no decomposition of the logit: its sum is another number.",
    source="E1 figure 3, E3 section 4.1.2; NB: tokens from 5.8 to 145 each, for a logit of 17",
    kind="forensic",
    scope="exact",
)
def test_the_token_map_does_not_sum_to_the_logit(circuit, judge):
    judge(circuit.token_map_gap(), above(0.01))
