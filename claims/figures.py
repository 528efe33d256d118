"""What claims are drawn with: the delta of the two clips after each block. Nothing here decides anything."""

from circuit_claims import curve

from .published import NB_DELTA


def amplification(circuit):
    """The paper's figure 5, with the band over pairs: how the mean delta of all tokens grows from block 0."""
    layers = range(circuit.last_layer + 1)

    def line(of, pairs="outcome"):
        return [1.0, *(of.growth(0, layer, of="tokens", pairs=pairs).log() for layer in layers[1:])]

    return curve(
        "How the difference of the two clips grows with depth",
        # No random weights: this claim asks nothing of them, and five ViViT-Bs are half an hour.
        caption="Norm of the difference, mean over all tokens (the paper's), as a multiple of block 0. "
        "Bands: 95 % intervals over pairs. A stream that merely grows longer grows here as well.",
        x=("after block", list(layers)),
        y=("times block 0", "ratio"),
        claim={"outcome pairs": line(circuit)},
        control={
            "same outcome, other sensor noise": line(circuit, "noise"),
            "same outcome, other clip": line(circuit, "other-clip"),
        },
        published={"the paper's clips and model (notebook)": printed(layers)},
        marks=claimed(circuit),
        log=True,
    )


def relative_delta(circuit):
    """The same against the stream: what the claims about amplification are judged on."""
    layers = range(circuit.last_layer + 1)

    def line(of, pairs="outcome"):
        return [of.delta(layer, of="cls", pairs=pairs).log() for layer in layers]

    return curve(
        "How far the two clips are apart, relative to the stream",
        caption="Norm of the difference at the CLS token over the mean norm of the two streams. An amplified "
        "outcome rises from the marked layer on, and more than the controls do. Bands: 95 % intervals over "
        "pairs; of random weights, from the lowest to the highest seed.",
        x=("after block", list(layers)),
        y=("relative difference of CLS", "fraction"),
        claim={"outcome pairs": line(circuit)},
        control={
            "same outcome, other sensor noise": line(circuit, "noise"),
            "same outcome, other clip": line(circuit, "other-clip"),
            "random weights": seeds(circuit, line),
        },
        marks=claimed(circuit),
        log=True,
    )


def seeds(circuit, line):
    """A point for each layer: the measurements of every seed of random weights."""
    return [list(points) for points in zip(*(line(random) for random in circuit.random()), strict=True)]


def printed(layers):
    """The notebook's numbers, for a model of the paper's depth."""
    return (
        [delta / NB_DELTA[0] for delta in NB_DELTA] if len(layers) == len(NB_DELTA) else [None] * len(layers)
    )


def claimed(circuit):
    """Where the paper lets the rise begin."""
    return {circuit.at(5): "rise claimed from here"}
