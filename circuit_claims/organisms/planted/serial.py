"""Circuits in series: attention moves, one component makes the outcome, and decoys that only look like it."""

from dataclasses import replace

from circuit_claims.organisms.planted.circuit import (
    CLAIMED,
    FAILURE,
    OUTCOME,
    A,
    B,
    Evidence,
    Planted,
    both,
    erase,
    labels_and_nuisance,
    move_a,
    move_b,
)
from circuit_claims.organisms.planted.parts import Head, Linear


def composes(layer: int) -> Planted:
    """One MLP forms the conjunction of two facts that attention brings together."""
    gate = f"mlp_out.{layer}"
    delta = {**A, **B, "o": OUTCOME}
    return Planted(
        name=f"composes-{layer}",
        summary=f"Attention 0 and 1 bring the facts A and B to CLS, and MLP {layer} alone makes 'A and B' "
        "of them: it recovers all but the two copies, every other site next to nothing.",
        evidence=Evidence.BOTH,
        parts=(*labels_and_nuisance(), move_a(0), move_b(1), both(layer, "o", OUTCOME)),
        start={"o": FAILURE},
        delta=delta,
        delta_5=delta if layer <= 5 else {**A, **B},
        patched={"attn_out.0": A, "attn_out.1": B, gate: {"o": OUTCOME}},
        lost={"attn_out.0": {**A, "o": OUTCOME}, "attn_out.1": {**B, "o": OUTCOME}, gate: {"o": OUTCOME}},
        onset=layer,
        misses={
            3: ("mlp-composes/means",),  # one layer before those of the claim
            9: ("delta-amplification-5-11/means", "delta-onset-layer-5/means"),  # in one step
        }.get(layer, ()),
    )


def broadcast() -> Planted:
    """The outcome is copied to every patch token, where nothing reads it."""
    circuit = composes(5)
    return replace(
        circuit,
        name="broadcast-5",
        summary="As composes-5, and attention 6 copies the outcome from CLS to every patch token: a mean "
        "over tokens credits attention 6 with nearly all, the readout with nothing.",
        parts=(*circuit.parts, Head(6, "tag_l0", "o", "o", 1.0, rest="cls")),
        misses=("attention-gathers/means",),
    )


def attn_carries(layer: int) -> Planted:
    """One attention block makes the whole outcome."""
    delta = {**B, "o": OUTCOME}
    return Planted(
        name=f"attn-carries-{layer}",
        summary=f"Attention {layer} moves fact B to the outcome and recovers all but a small earlier copy; "
        "the MLPs only make the label louder and recover exactly nothing.",
        evidence=Evidence.ONE,
        parts=(
            *labels_and_nuisance(),
            move_b(0),
            move_b(layer, OUTCOME / 2, to="o"),
            *(Linear(mlp, "l0", "l0", 0.1) for mlp in CLAIMED),
        ),
        delta=delta,
        delta_5=delta if layer <= 5 else B,
        patched={"attn_out.0": B, f"attn_out.{layer}": {"o": OUTCOME}},
        lost={"attn_out.0": B, f"attn_out.{layer}": {"o": OUTCOME}},
        onset=layer,
        misses=(
            ("attn-partial-45-65/means", "joint-recovery/means")  # all of it, and one alone
            if layer == 5
            else ("delta-amplification-5-11/means", "delta-onset-layer-5/means")
        ),
    )


def eraser() -> Planted:
    """An MLP that moves half a mean over tokens, and nothing that is read."""
    outcome = 0.4
    carried = {"attn_out.0": {"o": outcome}}
    return Planted(
        name="eraser-5",
        summary="Attention 0 moves fact B to the outcome, and MLP 5 wipes the evidence off the patch tokens: "
        "the norm ratio over tokens credits MLP 5 with about a half, the readout with nothing.",
        evidence=Evidence.ONE,
        parts=(*labels_and_nuisance(), move_b(0, outcome / 2, to="o"), erase(5)),
        delta={"o": outcome},
        delta_5={"o": outcome},
        patched=carried,
        lost=carried,
        onset=0,
    )
