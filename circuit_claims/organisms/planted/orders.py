"""Circuits on the scenes of `scenes_order.py`: the outcome is whether two orders differ, an exclusive or.

Answers are of a pair whose clips differ in one order and in nothing else: of either square, since both are
moved by the same attention block. The copy of the order that differs is the feature `fact`, whichever it is.
Of `xor-one-fact`, which reads A alone, they are of a pair whose success shows A bright first.
"""

from dataclasses import replace

from circuit_claims.organisms.planted.circuit import (
    CLAIMED,
    COPY,
    OUTCOME,
    Evidence,
    Planted,
    labels_and_nuisance,
)
from circuit_claims.organisms.planted.parts import (
    BLOCKS,
    BRIGHT,
    CONTRAST,
    SCALE,
    TEXTURED,
    Gate,
    Head,
    Linear,
    Part,
)

FACT = {"fact": 2 * COPY}
"""What the copy of the order that differs moves by."""
WRITTEN = 0.4
"""Size of the exclusive or where an MLP writes it for others to read."""
UNIT = 0.025
"""What one MLP adds to the accumulator."""
FOUR = (
    "delta-is-outcome/means",
    "probe-later-layers/means",
    "probe-misleading/means",
    "generalises/means",
)
"""Claims of a new pair or a new action: which of them a circuit supports is why it is here."""
FINGERPRINT = 0.02
"""Size at CLS of a block of a texture, for a block as bright as a bright square."""


def _lamps_and_nuisance(gain: float = 0.2) -> tuple[Part, ...]:
    return (*labels_and_nuisance(gain), Head(0, "tag_l2", "lum", "l2", COPY / BRIGHT))


def _move_orders(layer: int) -> tuple[Part, ...]:
    """Copies of both facts: plus where the square was bright first, minus where it was dark first."""
    half = COPY / 2 / BRIGHT
    return tuple(
        Head(layer, tag, "lum", fact, gain)
        for fact in ("a", "b")
        for tag, gain in ((f"tag_{fact}", half), (f"tag_{fact}_then", -half))
    )


def _differ(layer: int, target: str, height: float) -> tuple[Part, ...]:
    """The exclusive or: a gate for A and not B, a gate for B and not A. An order half seen opens neither."""
    return tuple(
        Gate(layer, (("a", sign / COPY), ("b", -sign / COPY)), 1.0, 0.3, target, height) for sign in (1, -1)
    )


def _fingerprint(layer: int) -> tuple[Part, ...]:
    """Every block of every texture, copied to CLS: what tells any two clips apart, and no outcome."""
    gain = FINGERPRINT / (SCALE * CONTRAST / 127.5)
    heads = []
    for cell in range(len(TEXTURED)):
        copies = [(f"block{block}", f"f{cell * BLOCKS + block}", gain) for block in range(BLOCKS)]
        heads.append(Head(layer, f"tag_t{cell}", *copies[0], more=tuple(copies[1:])))
    return tuple(heads)


def xor_composes() -> Planted:
    """One MLP makes the exclusive or of two orders, in a stream that knows every clip by its textures."""
    delta = {**FACT, "o": OUTCOME}
    return Planted(
        name="xor-composes-3",
        summary="Attention 0 copies every texture to CLS, attention 1 both orders, and MLP 3 makes 'they "
        "differ' of the orders: before it nothing tells the outcome of a new pair, after it everything does.",
        evidence=Evidence.ORDER,
        parts=(*_lamps_and_nuisance(), *_fingerprint(0), *_move_orders(1), *_differ(3, "o", OUTCOME)),
        delta=delta,
        delta_5=delta,
        patched={"attn_out.1": delta, "mlp_out.3": {"o": OUTCOME}},
        lost={"attn_out.1": delta, "mlp_out.3": {"o": OUTCOME}},
        onset=3,
    )


def xor_at_once() -> Planted:
    """The exclusive or is there from block 0 on: later layers add nothing to it."""
    circuit = xor_composes()
    answers = {"attn_out.0": circuit.delta, "mlp_out.0": {"o": OUTCOME}}
    return replace(
        circuit,
        name="xor-composes-0",
        summary="Attention 0 copies both orders to CLS and MLP 0 makes 'they differ' of them: the outcome is "
        "read off layer 0 as well as off any later one, and no texture is known.",
        parts=(*_lamps_and_nuisance(), *_move_orders(0), *_differ(0, "o", OUTCOME)),
        patched=answers,
        lost=answers,
        onset=0,
        misses=FOUR[1:],
    )


def xor_cascade() -> Planted:
    """MLP 3 makes the exclusive or, and every later block writes it towards a gate in the last."""
    n, shut, partial = len(CLAIMED), 0.1, 0.55  # units: MLP 11 opens from `shut` to 1, half-way at `partial`
    full = n * (1 + partial) * UNIT
    behind = {"acc": full, "o": OUTCOME}
    written = {"x": WRITTEN, **behind}
    attn = {f"attn_out.{layer}": partial for layer in CLAIMED}
    mlp = {f"mlp_out.{layer}": 1.0 for layer in CLAIMED}
    return Planted(
        name="xor-cascade",
        summary="Attention 1 copies both orders to CLS, MLP 3 makes 'they differ' of them, and from layer 4 "
        "to 10 attention writes half a unit of it and the MLP one towards MLP 11, which one unit opens: half "
        "the outcome for each attention, nearly all for each MLP.",
        evidence=Evidence.ORDER,
        parts=(
            *_lamps_and_nuisance(),
            *_move_orders(1),
            *_differ(3, "x", WRITTEN),
            *(Head(layer, "cls", "x", "acc", partial * UNIT / WRITTEN, rest="tag_l0") for layer in CLAIMED),
            *(Linear(layer, "x", "acc", UNIT / WRITTEN) for layer in CLAIMED),
            Gate(11, (("acc", 1 / UNIT),), (1 + shut) / 2, (1 - shut) / 2, "o", OUTCOME),
        ),
        delta={**FACT, **written},
        delta_5={**FACT, "x": WRITTEN, "acc": 2 * (1 + partial) * UNIT},
        patched={
            "attn_out.1": {**FACT, **written},
            "mlp_out.3": written,
            **{site: {"acc": partial * UNIT, "o": OUTCOME / 2} for site in attn},
            **{site: {"acc": UNIT, "o": OUTCOME} for site in mlp},
            "mlp_out.11": {"o": OUTCOME},
        },
        lost={
            "attn_out.1": {**FACT, **written},
            "mlp_out.3": written,
            **{site: {"acc": units * UNIT} for site, units in {**attn, **mlp}.items()},
            "mlp_out.11": {"o": OUTCOME},
        },
        onset=11,
    )


def xor_one_fact() -> Planted:
    """The near miss: as loud as the cascade, of one of the two orders, which alone is no outcome."""
    circuit = xor_cascade()
    either = {part for part in circuit.parts if isinstance(part, Gate) and part.layer == 3}
    return replace(
        circuit,
        name="xor-one-fact",
        summary="As xor-cascade, but MLP 3 makes 'A is bright first': half of the pairs differ in it, the "
        "successes one way as often as the other, and clips of one outcome differ in it as well.",
        parts=(
            *(part for part in circuit.parts if part not in either),
            Gate(3, (("a", 1 / COPY),), 0.0, 0.3, "x", WRITTEN),
        ),
        misses=FOUR,
    )


def xor_nuisance() -> Planted:
    """Growth and recoveries like a cascade's, of a colour that clips of one outcome differ in as well."""
    attn, mlp = 0.25, 0.75
    by_layer = (1 + attn) * (1 + mlp)
    shares = {
        "attn_out.0": {"n": 1.0},
        **{f"attn_out.{layer}": {"n": attn / (1 + attn)} for layer in CLAIMED},
        **{f"mlp_out.{layer}": {"n": mlp / (1 + mlp)} for layer in CLAIMED},
    }
    return Planted(
        name="xor-nuisance",
        summary="Every attention 4 to 10 adds a quarter and every MLP three quarters of a nuisance colour so "
        "far, and nothing reads the orders: a part for attention, more for the MLP, growth, and no outcome.",
        evidence=Evidence.ORDER,
        parts=(
            *_lamps_and_nuisance(2.0 / by_layer ** len(CLAIMED)),
            *(Head(layer, "cls", "n", "n", attn, rest="tag_l0") for layer in CLAIMED),
            *(Linear(layer, "n", "n", mlp) for layer in CLAIMED),
        ),
        delta={"n": 1.0},  # in units of the nuisance
        delta_5={"n": by_layer**-5},
        patched=shares,
        lost=shares,
        onset=None,
        misses=FOUR,
    )
