"""Circuits of many writers: enough is not needed, and silent is not idle."""

from dataclasses import replace

from circuit_claims.organisms.planted.circuit import (
    CLAIMED,
    COPY,
    FAILURE,
    OUTCOME,
    A,
    B,
    Evidence,
    Planted,
    Vector,
    both,
    erase,
    labels_and_nuisance,
    move_a,
    move_b,
)
from circuit_claims.organisms.planted.parts import Gate, Linear

WRITERS = range(4, 10)
UNIT = 0.025
"""What one writer adds to the accumulator."""


def redundant2(overshoot: float = 0.0, eraser: int = 3) -> Planted:
    """Six MLPs write the same thing, one is enough, and the gate behind them has a backup."""
    third = {"a": 2 * COPY / 3, "b": 2 * COPY / 3}
    total = len(WRITERS) * UNIT
    # MLP 10 writes so much too much, and MLP 11 takes it back in proportion to the accumulator.
    excess = overshoot * OUTCOME
    delta = {**A, **B, "acc": total, "o": OUTCOME}
    one_writer = {"acc": UNIT, "o": OUTCOME + excess - excess / len(WRITERS)}
    take_back = (Linear(11, "acc", "o", -excess / total),) if overshoot else ()
    return Planted(
        name="redundant2-overshoot" if overshoot else "redundant2",
        summary="MLPs 4 to 9 each write 'A and B' into an accumulator, MLP 10 opens on any of them, MLP 11 "
        "opens where 10 has not: each recovers "
        + ("more than all" if overshoot else "nearly all")
        + " of the outcome and none is needed.",
        evidence=Evidence.BOTH,
        parts=(
            *labels_and_nuisance(),
            *(part for mover in range(3) for part in (move_a(mover, 1 / 3), move_b(mover, COPY / 3))),
            *(both(writer, "acc", UNIT, threshold=1.0) for writer in WRITERS),
            Gate(10, (("acc", 1 / UNIT),), 0.5, 0.2, "o", OUTCOME + excess),
            _unless_open(11, (("acc", 1 / UNIT),), 0.5),
            *take_back,
            erase(eraser),
        ),
        start={"o": FAILURE},
        delta=delta,
        delta_5={**A, **B, "acc": 2 * UNIT},
        patched={
            **{f"attn_out.{mover}": third for mover in range(3)},
            **{f"mlp_out.{writer}": one_writer for writer in WRITERS},
            "mlp_out.10": {"o": OUTCOME + excess},
            "mlp_out.11": {"o": -excess},
        },
        lost={
            **{f"attn_out.{mover}": {**third, "acc": total, "o": OUTCOME} for mover in range(3)},
            **{f"mlp_out.{writer}": {"acc": UNIT, "o": -excess / len(WRITERS)} for writer in WRITERS},
            "mlp_out.10": {"o": excess},
            "mlp_out.11": {"o": -excess},
        },
        onset=10,
        misses=("no-single-100/means", "delta-amplification-5-11/means"),
    )


def _unless_open(layer: int, inputs: tuple[tuple[str, float], ...], threshold: float) -> Gate:
    """A gate to the outcome that stays closed where the outcome is there already."""
    guard = 2.5
    guarded = threshold - guard * FAILURE
    return Gate(layer, (*inputs, ("o", -guard)), guarded, 0.2, "o", OUTCOME)


def hydra() -> Planted:
    """Seven MLPs stand in for each other: the first acts, the others only if it has not."""
    facts = (("a", 1 / COPY), ("b", 1 / COPY))
    delta = {**A, **B, "o": OUTCOME}
    return Planted(
        name="hydra",
        summary="MLP 4 makes 'A and B'; MLPs 5 to 10 make it only where it is missing: patching credits "
        "MLP 4 alone, and ablating any single MLP changes nothing.",
        evidence=Evidence.BOTH,
        parts=(
            *labels_and_nuisance(),
            move_a(0),
            move_b(1),
            *(_unless_open(mlp, facts, 1.25) for mlp in CLAIMED),
        ),
        start={"o": FAILURE},
        delta=delta,
        delta_5=delta,
        patched={"attn_out.0": A, "attn_out.1": B, "mlp_out.4": {"o": OUTCOME}},
        lost={"attn_out.0": {**A, "o": OUTCOME}, "attn_out.1": {**B, "o": OUTCOME}},
        onset=4,
    )


def mlp_driver() -> Planted:
    """MLPs drive the outcome while attention writes as loudly into a feature that nothing reads."""
    circuit = redundant2(eraser=11)
    busy = {f"attn_out.{layer}": {"z": UNIT} for layer in CLAIMED}
    return replace(
        circuit,
        name="mlp-driver",
        summary="As redundant2, while attention 4 to 10 writes just as much into a feature that nothing "
        "reads: each MLP recovers nearly all of the outcome, each attention next to nothing.",
        parts=(*circuit.parts, *(move_b(layer, UNIT / 2, to="z") for layer in CLAIMED)),
        delta={**circuit.delta, "z": len(CLAIMED) * UNIT},
        delta_5={**circuit.delta_5, "z": 2 * UNIT},
        patched={**circuit.patched, **busy},
        lost={**circuit.lost, **busy},
    )


def attn_driver() -> Planted:
    """The mirror image: attention drives the outcome, and the MLPs are busy with nothing."""
    n = len(CLAIMED)
    mover = {**B, "z": n * UNIT}
    return Planted(
        name="attn-driver",
        summary="Attention 4 to 10 each writes fact B into an accumulator that opens MLP 11, while MLPs 4 to "
        "10 write just as much where nothing reads: each attention recovers nearly all, each MLP next to "
        "nothing.",
        evidence=Evidence.ONE,
        parts=(
            *labels_and_nuisance(),
            move_b(0),
            *(move_b(layer, UNIT / 2, to="acc") for layer in CLAIMED),
            *(Linear(layer, "b", "z", UNIT / 2 / COPY) for layer in CLAIMED),
            Gate(11, (("acc", 1 / UNIT),), 0.5, 0.2, "o", OUTCOME),
            erase(11),
        ),
        # Each head writes plus or minus half a unit: from here a failure ends with nothing accumulated.
        start={"o": FAILURE, "acc": n * UNIT / 2},
        delta={**B, "z": n * UNIT, "acc": n * UNIT, "o": OUTCOME},
        delta_5={**B, "z": 2 * UNIT, "acc": 2 * UNIT},
        patched={
            "attn_out.0": mover,
            **{f"attn_out.{layer}": {"acc": UNIT, "o": OUTCOME} for layer in CLAIMED},
            **{f"mlp_out.{layer}": {"z": UNIT} for layer in CLAIMED},
            "mlp_out.11": {"o": OUTCOME},
        },
        lost={
            "attn_out.0": mover,
            **{f"attn_out.{layer}": {"acc": UNIT} for layer in CLAIMED},
            **{f"mlp_out.{layer}": {"z": UNIT} for layer in CLAIMED},
            "mlp_out.11": {"o": OUTCOME},
        },
        onset=11,
    )


def edition1() -> Planted:
    """The first edition's table as a true model: every MLP over 100 %, every attention 45 to 65 %."""
    n, partial, overshoot = len(CLAIMED), 0.56, 0.05
    full = n * (1 + partial)  # units in the accumulator of a success

    def through(units: float) -> float:
        """MLP 11 (concave, so that one unit overshoots): o += OUTCOME ((1 + e) min(x, 1) - e x / full)."""
        return OUTCOME * ((1 + overshoot) * min(units, 1.0) - overshoot * units / full)

    def without(units: float) -> Vector:
        return {"acc": units * UNIT, "o": OUTCOME - through(full - units)}

    attn = {f"attn_out.{layer}": partial for layer in CLAIMED}
    mlp = {f"mlp_out.{layer}": 1.0 for layer in CLAIMED}
    return Planted(
        name="edition1",
        summary="Every MLP from 4 to 10 writes one unit and every attention half a unit towards a gate in "
        "MLP 11 that one unit drives a little too far: MLPs recover over 100 %, attention 45 to 65 %.",
        evidence=Evidence.ONE,
        parts=(
            *labels_and_nuisance(),
            move_b(0),
            *(move_b(layer, partial * UNIT / 2, to="acc") for layer in CLAIMED),
            *(Gate(layer, (("b", 1 / COPY),), 0.0, 0.2, "acc", UNIT) for layer in CLAIMED),
            Gate(11, (("acc", 1 / UNIT),), 0.5, 0.5, "o", OUTCOME * (1 + overshoot)),
            Linear(11, "acc", "o", -OUTCOME * overshoot / (full * UNIT)),
            erase(11),
        ),
        start={"o": FAILURE, "acc": n * partial * UNIT / 2},
        delta={**B, "acc": full * UNIT, "o": OUTCOME},
        delta_5={**B, "acc": 2 * (1 + partial) * UNIT},
        patched={
            "attn_out.0": {**B, "acc": n * UNIT, "o": through(n)},
            **{site: {"acc": units * UNIT, "o": through(units)} for site, units in {**attn, **mlp}.items()},
            "mlp_out.11": {"o": OUTCOME},
        },
        lost={
            "attn_out.0": {**B, **without(n)},
            **{site: without(units) for site, units in {**attn, **mlp}.items()},
            "mlp_out.11": {"o": OUTCOME},
        },
        onset=11,
    )
