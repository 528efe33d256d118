"""E1 section B.2, E3 figures 1 and 4: what the CLS token attends to, and the heads that the paper shows.

In the paper's maps the same few columns light up in every frame, head and clip, as they do where a large ViT
keeps registers (Darcet et al. 2024): `means` sets the tokens of high norm aside, `reproduces` does not. The
paper shows two heads out of 144; here each has to stand out of all the others (max-T over heads) and to lead
the best of them, clip by clip: where all heads of a layer do one thing, each stands out of the mean.
"""

import pytest

from circuit_claims import above, anything, claim

WITHOUT_ORDER = ("reversed frames", "shuffled frames", "one frame, repeated")
"""Controls of time: the outcome first, the same pictures without motion, and no time at all."""
ELSEWHERE = "where another video has them"
HEADS = {"L9H8": (9, 8), "L10H8": (10, 8)}
each_head = pytest.mark.parametrize("head", HEADS)


def beside(circuit, of, layer, head, heads):
    """The heads that the paper does not show: a head has to stand out of them, and lead the best."""
    others = circuit.others(of, layer, head, [at for at in heads if at not in HEADS.values()])
    return {"the other heads": others, "the best of the other heads": circuit.foremost(others)}


@claim(
    "cls-attn-later-frames",
    "In layers 9 and 10 the CLS token attends mostly to the later frames.",
    source="E1 section B.2, figure 4: 'concentrated attention on patches in the later frames'",
    kind="reproduces",
    scope="negative",
)
def test_cls_attends_to_later_frames(circuit, judge):
    circuit.needs_layers(9, 10)
    judge(circuit.attention_later(kept=False), above(0.5))


@claim(
    "cls-attn-later-frames",
    "In layers 9 and 10 the CLS token attends to the later frames, because of what they show.",
    source="E1 section B.2: 'confirms that the model is focusing on the ball-pin interaction'",
    kind="means",
    scope="trained",
)
def test_cls_attends_to_what_later_frames_show(circuit, judge):
    circuit.needs_layers(9, 10)
    judge(
        circuit.attention_later(),
        above(0.5),
        controls={
            **{name: circuit.attention_later(control=name) for name in WITHOUT_ORDER},
            "random weights": circuit.over_seeds(lambda of: of.attention_later()),
        },
    )


@claim(
    "attention-agrees-with-dla",
    "CLS attention in layers 9 and 10 lies where the paper's token map is high.",
    source="E1 section B.2: 'these patterns confirmed ... the same critical region identified by DLA'",
    kind="reproduces",
    scope="negative",
)
def test_attention_agrees_with_the_token_map(circuit, judge):
    circuit.needs_layers(9, 10)
    judge(circuit.attention_agreement("token_map"), above(0.0))


@claim(
    "attention-agrees-with-dla",
    "CLS attention in layers 9 and 10 lies where the attribution does, and not just as smoothly.",
    source="E1 section B.2: 'the same critical spatio-temporal region identified by DLA'",
    kind="means",
    scope="trained",
)
def test_attention_agrees_with_the_attribution(circuit, judge):
    circuit.needs_layers(9, 10)
    judge(
        circuit.attention_agreement(),
        above(0.0),
        controls={
            "the same map shifted in space": circuit.attention_agreement(shifted=True),
            "random weights": circuit.over_seeds(lambda of: of.attention_agreement()),
        },
    )


def looks_at_ball_and_pins(circuit, judge, layer, head):
    """The head's lift on the tracked object and target, among all heads."""
    circuit.needs_layers(layer)
    circuit.needs_heads(head)
    judge(
        circuit.head_lift(layer, head),
        above(1.0),
        controls={
            **beside(circuit, circuit.head_lift, layer, head, circuit.all_heads()),
            ELSEWHERE: circuit.head_lift(layer, head, control=ELSEWHERE),
            "random weights": circuit.over_seeds(lambda of: of.head_lift(layer, head)),
        },
    )


@claim(
    "head-l9h8",
    "Layer 9, head 8 puts at least twice as much attention on ball and pins as an even map would.",
    source="E3 figure 4; S1: 'Layer 9, Head 8 focuses on specific input features'",
    kind="reproduces",
    scope="negative",
)
def test_l9h8_attends_to_ball_and_pins(circuit, judge):
    circuit.needs_layers(9)
    circuit.needs_heads(8)
    judge(circuit.head_lift(9, 8, kept=False), above(2.0))


@claim(
    "head-l9h8",
    "Layer 9, head 8 looks at ball and pins, more than the other heads do.",
    source="E3 figure 4: shown out of 144 heads",
    kind="means",
    scope="trained",
)
def test_l9h8_looks_at_ball_and_pins_more_than_other_heads(circuit, judge):
    looks_at_ball_and_pins(circuit, judge, 9, 8)


@claim(
    "head-l10h8",
    "Layer 10, head 8 puts at least twice as much attention on ball and pins as an even map would.",
    source="E3 figure 1: the ball's path and the pins at impact",
    kind="reproduces",
    scope="negative",
)
def test_l10h8_attends_to_ball_and_pins(circuit, judge):
    circuit.needs_layers(10)
    circuit.needs_heads(8)
    judge(circuit.head_lift(10, 8, kept=False), above(2.0))


@claim(
    "head-l10h8",
    "Layer 10, head 8 looks at ball and pins, more than the other heads do.",
    source="E3 figure 1: shown out of 144 heads",
    kind="means",
    scope="trained",
)
def test_l10h8_looks_at_ball_and_pins_more_than_other_heads(circuit, judge):
    looks_at_ball_and_pins(circuit, judge, 10, 8)


@claim(
    "head-concentration",
    "Layer 9, head 8 and layer 10, head 8 concentrate their attention more than the other heads do.",
    source="E1 figure 4: 'concentrated attention'; E3 figures 1 and 4",
    kind="means",
    scope="trained",
    each="head",
)
@each_head
def test_the_shown_heads_are_more_concentrated(circuit, judge, head):
    layer, number = HEADS[head]
    circuit.needs_layers(layer)
    circuit.needs_heads(number)
    judge(
        circuit.head_concentration(layer, number),
        anything(),
        controls={
            **beside(circuit, circuit.head_concentration, layer, number, circuit.all_heads()),
            "random weights": circuit.over_seeds(lambda of: of.head_concentration(layer, number)),
        },
    )


@claim(
    "head-outcome-detector",
    "Layer 9, head 8 and layer 10, head 8 carry the outcome, more than the other heads do.",
    source="E3 figure 1: 'one of the semantic outcome detectors'; E3 section 5.2",
    kind="means",
    scope="trained",
    each="head",
)
@each_head
def test_the_shown_heads_carry_the_outcome(circuit, judge, head):
    layer, number = HEADS[head]
    circuit.needs_layers(layer)
    circuit.needs_heads(number)
    judge(
        circuit.head_recovery(layer, number),
        above(0.0),
        controls={
            **beside(circuit, circuit.head_recovery, layer, number, circuit.swept_heads()),
            "same outcome, other clip": circuit.head_recovery(layer, number, pairs="other-clip"),
        },
        margin=0.01,
    )
