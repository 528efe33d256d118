"""E1 section 2, E3 section 4.2: the difference between the clips is "progressively amplified".

The paper takes the mean over all tokens of the delta's norm. Residual streams grow with depth in
every model, so the scientific reading asks whether the delta grows *relative to the stream*.
"""

from published import NB_DELTA

from circuit_claims import above, claim


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
    )


@claim(
    "delta-amplification-5-11",
    "The outcome signal is progressively amplified from layer 5 through 11.",
    source="all editions, abstract and section 2",
    kind="means",
    scope="trained",
)
def test_outcome_signal_is_amplified_from_layer_5_to_11(circuit, judge):
    circuit.needs_layers(5, 11)
    judge(circuit.growth(5, 11, of="cls", relative=True), above(1.0))
