"""Near misses: circuits of which a sentence of the paper is false, and that almost pass its test.

Each names in `misses` the claims that it must not support. What it is for stands in its summary.
"""

from collections.abc import Mapping

from circuit_claims.organisms.planted.circuit import (
    CLAIMED,
    COPY,
    FAILURE,
    NUISANCE_GAIN,
    OUTCOME,
    B,
    Evidence,
    Planted,
    labels_and_nuisance,
    move_b,
)
from circuit_claims.organisms.planted.parts import BRIGHT, Gate, Head, Linear, Part

AMPLIFICATION = "delta-amplification-5-11/means"
ONSET = "delta-onset-layer-5/means"
FILTERS = "delta-filters-noise/means"
GROWTH = "outcome-relative-growth/means"
DRIVER = "mlp-primary-driver/means"
SUFFICIENT = "mlp-sufficient-100/means"
GATHERS = "attention-gathers/means"
VALUES = "pattern-or-values/means"
JOINT = "joint-recovery/means"
COMPOSES = "mlp-composes/means"


def jump() -> Planted:
    """One jump, and a fall in every block after it: the net growth is still large."""
    return _amplifier(
        "jump-6",
        "The outcome jumps eightfold in MLP 6 and shrinks by a fifth in each later block: by the end it has "
        "grown 2.6-fold, and not progressively.",
        {6: 7.0, **dict.fromkeys(range(7, 12), -0.2)},
        onset=6,
        misses=(AMPLIFICATION, ONSET, JOINT),
    )


def barely_specific() -> Planted:
    """All that reaches CLS is amplified, the outcome by a quarter of a per cent more."""
    others = 0.995
    blocks = range(5, 12)
    return _amplifier(
        "barely-specific",
        "MLPs 5 to 11 double the outcome and multiply everything else by 1.995: what they amplify is what "
        "differs, whatever it is.",
        dict.fromkeys(blocks, 1.0),
        onset=5,
        misses=(AMPLIFICATION, ONSET, GROWTH, FILTERS, JOINT),
        movers=1,
        outcome=1.0,
        nuisance=NUISANCE_GAIN / (1 + others) ** len(blocks),
        also=tuple(Linear(mlp, "n", "n", others) for mlp in blocks),
    )


def doubles_then_triples() -> Planted:
    """The rise began three blocks before."""
    return _amplifier(
        "doubles-then-triples",
        "MLPs 2 to 4 each double the outcome and MLPs 5 to 11 each triple it: it grows faster from block 5 "
        "on, and its rise starts at block 2.",
        {**dict.fromkeys(range(2, 5), 1.0), **dict.fromkeys(range(5, 12), 2.0)},
        onset=2,
        misses=(ONSET,),
        movers=1,
    )


def late_rise() -> Planted:
    """A small rise where the claim has it, and the sharp one three blocks later."""
    return _amplifier(
        "late-rise",
        "MLP 5 multiplies the outcome by 1.4 and MLP 8 by ten: something rises at block 5, and the sharp "
        "rise is at block 8.",
        {5: 0.4, 8: 9.0},
        onset=8,
        misses=(AMPLIFICATION, ONSET, JOINT),
        movers=1,
    )


def dip() -> Planted:
    """A fall that is made up for looks like a rise."""
    return _amplifier(
        "dip-4",
        "MLP 4 halves the outcome and MLP 5 doubles it again: growth changes at block 5, and nothing has "
        "risen.",
        {4: -0.5, 5: 1.0},
        onset=None,
        misses=(ONSET,),
    )


def _amplifier(
    name: str,
    summary: str,
    gains: Mapping[int, float],
    *,
    onset: int | None,
    misses: tuple[str, ...],
    movers: int = 3,
    outcome: float = OUTCOME,
    nuisance: float = NUISANCE_GAIN,
    also: tuple[Part, ...] = (),
) -> Planted:
    """Attention 0 on brings in fact B, in equal parts, and MLPs multiply it by 1 + gain."""
    whole, by_5 = 1.0, 1.0
    for layer, gain in gains.items():
        whole *= 1 + gain
        by_5 *= 1 + gain if layer <= 5 else 1.0
    once = outcome / whole
    shares = {
        **{f"attn_out.{mover}": {"o": outcome / movers} for mover in range(movers)},
        **{f"mlp_out.{layer}": {"o": outcome * gain / (1 + gain)} for layer, gain in gains.items()},
    }
    return Planted(
        name=name,
        summary=summary,
        evidence=Evidence.ONE,
        parts=(
            *labels_and_nuisance(nuisance),
            *(move_b(mover, once / 2 / movers, to="o") for mover in range(movers)),
            *(Linear(layer, "o", "o", gain) for layer, gain in gains.items()),
            *also,
        ),
        delta={"o": outcome},
        delta_5={"o": once * by_5},
        patched=shares,
        lost=shares,
        onset=onset,
        misses=misses,
    )


LOUD = 40.0
"""An outcome beside which what pushes is small."""
PUSH = 0.5
"""What one write adds."""
HAIR = 5e-4
"""Of a gate that any push opens: noise of that size has about 0.05 along each of 96 directions."""


def _any_push() -> tuple[Gate, ...]:
    """MLP 11 makes the outcome of anything that moves `z`, either way."""
    return tuple(Gate(11, (("z", sign / HAIR),), 1.0, 0.2, "o", LOUD) for sign in (1.0, -1.0))


def norm_driver() -> Planted:
    """MLPs whose writes matter by their size alone."""
    z, out = PUSH * len(CLAIMED), {"o": LOUD}
    return Planted(
        name="norm-driver",
        summary="MLPs 4 to 10 each write a little where MLP 11 opens at any push: each recovers nearly all "
        "of the outcome and attention nothing, and noise of that size recovers as much.",
        evidence=Evidence.ONE,
        parts=(
            *labels_and_nuisance(),
            move_b(0),
            *(Gate(layer, (("b", 1 / COPY),), 0.5, 0.2, "z", PUSH) for layer in CLAIMED),
            *_any_push(),
        ),
        start={"o": -LOUD / 2},
        delta={**B, "z": z, **out},
        delta_5={**B, "z": 2 * PUSH},
        patched={
            "attn_out.0": {**B, "z": z, **out},
            **{f"mlp_out.{layer}": {"z": PUSH, **out} for layer in CLAIMED},
            "mlp_out.11": out,
        },
        lost={
            "attn_out.0": {**B, "z": z, **out},
            **{f"mlp_out.{layer}": {"z": PUSH} for layer in CLAIMED},
            "mlp_out.11": out,
        },
        onset=4,
        misses=(DRIVER, SUFFICIENT),
    )


def norm_gatherer() -> Planted:
    """Attention whose writes matter by their size alone."""
    z, out = PUSH * len(CLAIMED), {"o": LOUD}
    return Planted(
        name="norm-gatherer",
        summary="Attention 4 to 10 each writes a little where MLP 11 opens at any push: it recovers nearly "
        "all of the outcome, and noise of that size recovers as much.",
        evidence=Evidence.ONE,
        parts=(
            *labels_and_nuisance(),
            move_b(0),
            # Exactly 1 at a bright tubelet and 0 elsewhere: a trace of brightness would be a push too.
            Gate(3, (("lum", 1 / BRIGHT),), 0.5, 0.2, "acc", 1.0),
            *(Head(layer, "tag_b", "acc", "z", PUSH) for layer in CLAIMED),
            *_any_push(),
        ),
        start={"o": -LOUD / 2},
        delta={**B, "z": z, **out},
        delta_5={**B, "z": 2 * PUSH},
        patched={
            "attn_out.0": B,
            "mlp_out.3": {"z": z, **out},
            **{f"attn_out.{layer}": {"z": PUSH, **out} for layer in CLAIMED},
            "mlp_out.11": out,
        },
        lost={
            "attn_out.0": B,
            "mlp_out.3": {"z": z, **out},
            **{f"attn_out.{layer}": {"z": PUSH} for layer in CLAIMED},
            "mlp_out.11": out,
        },
        onset=4,
        misses=(GATHERS, VALUES),
    )


def round_trip() -> Planted:
    """Attention brings back to CLS what CLS had sent out."""
    came, out = {"acc": 1.0, "o": OUTCOME}, {"o": OUTCOME}
    return Planted(
        name="round-trip",
        summary="The outcome is made at CLS by layer 3; attention 4 sends it to the patch tokens and "
        "attention 6 brings it back: nothing that was not at CLS before is gathered.",
        evidence=Evidence.ONE,
        parts=(
            *labels_and_nuisance(),
            move_b(0),
            Gate(3, (("b", 1 / COPY),), 0.5, 0.2, "acc", 1.0),
            Head(4, "tag_l0", "acc", "z", 1.0, rest="cls"),
            Head(6, "tag_l0", "z", "o", OUTCOME),
        ),
        start={"o": FAILURE},
        delta={**B, **came},
        delta_5={**B, "acc": 1.0},
        patched={
            "attn_out.0": {**B, **came},
            "mlp_out.3": came,
            "attn_out.4": out,
            "attn_out.6": out,
        },
        lost={
            "attn_out.0": {**B, **came},
            "mlp_out.3": came,
            "attn_out.4": out,
            "attn_out.6": out,
        },
        onset=3,
        misses=(GATHERS,),
    )


def copies_one() -> Planted:
    """An MLP that makes the outcome of a single fact."""
    return _of_one_fact(
        "copies-one",
        "Attention 0 brings fact B and MLP 5 makes it the outcome: all of it goes through that MLP, which "
        "has put nothing together.",
        parcels=1,
        threshold=0.0,
    )


def two_parcels() -> Planted:
    """The single fact comes in two halves, neither of which opens the gate alone."""
    return _of_one_fact(
        "two-parcels",
        "Attention 0 and 1 each bring half of fact B, and MLP 5 opens on the whole: it needs both writes, "
        "which are two of one fact.",
        parcels=2,
        threshold=0.5,
    )


def _of_one_fact(name: str, summary: str, parcels: int, threshold: float) -> Planted:
    delta = {"b": parcels * B["b"], "o": OUTCOME}
    part = B
    whole = {"o": OUTCOME}
    movers = [f"attn_out.{layer}" for layer in range(parcels)]
    return Planted(
        name=name,
        summary=summary,
        evidence=Evidence.ONE,
        parts=(
            *labels_and_nuisance(),
            *(move_b(layer) for layer in range(parcels)),
            Gate(5, (("b", 1 / COPY / parcels),), threshold, 0.2, "o", OUTCOME),
        ),
        start={"o": FAILURE},
        delta=delta,
        delta_5=delta,
        # One of two parcels does not open the gate; without one of them it closes.
        patched={**{m: {**part, **whole} if parcels == 1 else part for m in movers}, "mlp_out.5": whole},
        lost={**{m: {**part, **whole} for m in movers}, "mlp_out.5": whole},
        onset=5,
        misses=(COMPOSES,),
    )
