"""Circuits that amplify what they were given, from a known layer on; and two without any outcome."""

from circuit_claims.organisms.planted.circuit import (
    CLAIMED,
    OUTCOME,
    Evidence,
    Planted,
    erase,
    labels_and_nuisance,
    move_b,
)
from circuit_claims.organisms.planted.parts import Head, Linear


def paper_like() -> Planted:
    """The camera-ready's table as a true model: every block from 4 to 10 amplifies, MLPs a little more."""
    return _in_turns(
        "paper-like",
        0.85,
        1.15,
        "45.9 % for each attention, 53.5 % for each MLP, four times as much in every layer.",
        # What attention amplifies it reads from CLS itself.
        misses=("attention-gathers/means",),
    )


def close_call() -> Planted:
    """As paper-like, and the MLPs' lead is one point."""
    return _in_turns(
        "close-call",
        0.98,
        1.02,
        "49.5 % for each attention, 50.5 % for each MLP, a lead that does not matter.",
        misses=("attention-gathers/means", "mlp-primary-driver/means"),
    )


def _in_turns(name: str, attn: float, mlp: float, known: str, misses: tuple[str, ...]) -> Planted:
    """Attention and MLPs of layers 4 to 10 amplify in turns."""
    by_layer = (1 + attn) * (1 + mlp)
    once = OUTCOME / by_layer ** len(CLAIMED)
    shares = {
        **{f"attn_out.{layer}": {"o": OUTCOME / 4} for layer in range(4)},
        **{f"attn_out.{layer}": {"o": OUTCOME * attn / (1 + attn)} for layer in CLAIMED},
        **{f"mlp_out.{layer}": {"o": OUTCOME * mlp / (1 + mlp)} for layer in CLAIMED},
    }
    return Planted(
        name=name,
        summary=f"Attention 0 to 3 bring in a trace of fact B, and from layer 4 to 10 attention adds {attn} "
        f"and the MLP {mlp} times the outcome so far: {known}",
        evidence=Evidence.ONE,
        parts=(
            *labels_and_nuisance(),
            *(move_b(layer, once / 8, to="o") for layer in range(4)),
            *(Head(layer, "cls", "o", "o", attn, rest="tag_l0") for layer in CLAIMED),
            *(Linear(layer, "o", "o", mlp) for layer in CLAIMED),
            erase(3),
        ),
        delta={"o": OUTCOME},
        delta_5={"o": OUTCOME / by_layer**5},
        patched=shares,
        lost=shares,
        onset=4,
        misses=misses,
    )


def onset(layer: int) -> Planted:
    """A pure MLP amplifier that sets in at one layer."""
    doublings = 12 - layer
    once = OUTCOME / 2**doublings
    shares = {
        **{f"attn_out.{mover}": {"o": OUTCOME / 3} for mover in range(3)},
        **{f"mlp_out.{mlp}": {"o": OUTCOME / 2} for mlp in range(layer, 12)},
    }
    return Planted(
        name=f"onset-{layer}",
        summary=f"Attention 0, 1 and 2 each bring in a third of a trace of fact B, and each MLP from {layer} "
        "on doubles it: a third for each mover, a half for each MLP, and a delta flat before.",
        evidence=Evidence.ONE,
        parts=(
            *labels_and_nuisance(),
            *(move_b(mover, once / 6, to="o") for mover in range(3)),
            *(Linear(mlp, "o", "o", 1.0) for mlp in range(layer, 12)),
        ),
        delta={"o": OUTCOME},
        delta_5={"o": once * 2 ** max(0, 6 - layer)},
        patched=shares,
        lost=shares,
        onset=layer,
        misses=("signal-from-layer-0/means",) if layer == 5 else ("delta-onset-layer-5/means",),
    )


def nothing() -> Planted:
    """Nothing computes the outcome; the two clips differ by a nuisance."""
    everything = {"attn_out.0": {"n": 1.0}}
    return Planted(
        name="nothing",
        summary="Nothing reads the facts; attention 0 moves a nuisance colour to CLS, which differs between "
        "the clips of outcome pairs and of controls alike: no outcome, no growth.",
        evidence=Evidence.CONFOUNDED,
        parts=labels_and_nuisance(),
        delta={"n": 1.0},  # in units of the nuisance
        delta_5={"n": 1.0},
        patched=everything,
        lost=everything,
        onset=None,
    )


def amplified_nuisance() -> Planted:
    """The paper's numbers without an outcome: the nuisance is amplified, in same-outcome clips too."""
    doublings = range(4, 12)
    shares = {
        "attn_out.0": {"n": 1.0},
        **{f"mlp_out.{mlp}": {"n": 0.5} for mlp in doublings},
    }
    return Planted(
        name="amplified-nuisance",
        summary="MLPs 4 to 11 each double a nuisance colour and nothing reads the facts: each MLP recovers "
        "a half and the delta grows 64-fold, in two clips of the same outcome just as well.",
        evidence=Evidence.CONFOUNDED,
        parts=(
            *labels_and_nuisance(2.0 / 2 ** len(doublings)),
            *(Linear(mlp, "n", "n", 1.0) for mlp in doublings),
            erase(3),
            erase(3, "chrom"),
        ),
        delta={"n": 1.0},
        delta_5={"n": 1 / 2**6},
        patched=shares,
        lost=shares,
        onset=None,
        misses=(
            "delta-amplification-5-11/means",
            "outcome-relative-growth/means",
            "mlp-primary-driver/means",
            "joint-recovery/means",
        ),
    )
