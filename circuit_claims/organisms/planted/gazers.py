"""Circuits that look at a tracked object: by what they see, not by where it usually is (`sights.py`).

MLP 3 marks the tokens of a bright square (`acc` is exactly 1 there and 0 elsewhere), which heads of layers 9
and 10 look for. In a failure the square is dark, and they look at CLS, where there is nothing.
"""

from collections.abc import Iterable, Mapping

from circuit_claims.organisms.planted.circuit import COPY, A, Evidence, Planted
from circuit_claims.organisms.planted.parts import BRIGHT, Gate, Head, Linear, Part

LOOKING = (9, 10)
"""The layers whose heads the paper shows."""
SHOWN = 8
"""The head that it shows in both."""
N_HEADS = 12
GLANCE = 0.0388
"""Of a head that looks a little: a token of the object gets e^(60 * 0.0388), ten times what another gets."""
HEADS_MISSED = (
    "head-l9h8/means",
    "head-l10h8/means",
    "head-concentration/means",
    "head-outcome-detector/means",
)


def gaze() -> Planted:
    """The paper's statements about attribution and attention, as a true model."""
    others = (
        Head(layer, "acc", "acc", "z", 0.0, index=head, glance=GLANCE)
        for layer in LOOKING
        for head in range(N_HEADS)
        if head != SHOWN
    )
    return _writes_the_label(
        "gaze",
        "Heads L9H8 and L10H8 look at a bright object that appears late and write it into the label, MLP 11 "
        "makes it a tenth louder, and the other heads of these layers glance at it.",
        (*_look([SHOWN], 1.0), *others),
    )


def gaze_everywhere() -> Planted:
    """Every head does what the paper shows of one."""
    return _writes_the_label(
        "gaze-everywhere",
        "As gaze, but all twelve heads of layers 9 and 10 look at the object alike and write a twelfth each: "
        "L9H8 and L10H8 look at it no more than any other.",
        _look(range(N_HEADS), 1 / N_HEADS),
        HEADS_MISSED,
    )


def by_place() -> Planted:
    """Heads that look where an object usually is, whatever is there."""
    twice = 2.0
    by_layer = {f"attn_out.{layer}": {"l0": twice * 1.1} for layer in LOOKING}
    shares: Mapping[str, Mapping[str, float]] = {
        "attn_out.0": A,
        **by_layer,
        "mlp_out.11": {"l0": len(LOOKING) * twice * 0.1},
    }
    return Planted(
        name="by-place",
        summary="Heads L9H8 and L10H8 look at both places where an object may appear, in the later half of "
        "every clip, and write the brightness there into the label: by position, not by what they see.",
        evidence=Evidence.OBJECT,
        parts=(
            *_seen(),
            # 1 at both places, in the later half.
            Linear(2, "tag_a", "z", 1.0),
            Linear(2, "tag_b", "z", 1.0),
            # The object is one of the two squares, so that half of its brightness is found.
            *(Head(layer, "z", "lum", "l0", twice / BRIGHT, index=SHOWN) for layer in LOOKING),
            Linear(3, "lum", "l0", 1.5 / BRIGHT),
            Linear(11, "l0", "l0", 0.1),
        ),
        start={"l0": -0.5, "l1": -0.5},
        delta={**A, "l0": len(LOOKING) * twice * 1.1},
        delta_5=A,
        patched=shares,
        lost=shares,
        onset=9,
        misses=(
            "dla-later-frames/means",
            "cls-attn-later-frames/means",
            "head-l9h8/means",
            "head-l10h8/means",
        ),
    )


def stares() -> Planted:
    """Heads that look at the object, and tell nothing of it."""
    return Planted(
        name="stares",
        summary="Heads L9H8 and L10H8 look at the object and write nothing; the label is read from two lamps "
        "in the corners, in layer 0.",
        evidence=Evidence.OBJECT,
        parts=(
            *_seen(),
            # Both lamps are dark: the first counts as lit.
            Head(0, "tag_l0", "lum", "l0", -COPY / BRIGHT),
            Head(0, "tag_l1", "lum", "l1", COPY / BRIGHT),
            *_look([SHOWN], 0.0),
        ),
        delta=A,
        delta_5=A,
        patched={"attn_out.0": A},
        lost={"attn_out.0": A},
        onset=None,
        misses=(
            "head-outcome-detector/means",
            "attention-agrees-with-dla/means",
            "cls-attn-later-frames/means",
            "dla-late-layers/means",
            "dla-central-tokens/means",
            "dla-object-tokens/means",
            "delta-filters-noise/means",
        ),
    )


def _writes_the_label(
    name: str, summary: str, heads: Iterable[Part], misses: tuple[str, ...] = ()
) -> Planted:
    """The label is what the object shows: bright or dark, success or failure."""
    once, louder = 1.0, 0.1
    shares: Mapping[str, Mapping[str, float]] = {
        "attn_out.0": A,
        "mlp_out.3": {"l0": 2 * once * (1 + louder)},  # the mark that the heads look for
        **{f"attn_out.{layer}": {"l0": once * (1 + louder)} for layer in LOOKING},
        "mlp_out.11": {"l0": 2 * once * louder},
    }
    return Planted(
        name=name,
        summary=summary,
        evidence=Evidence.OBJECT,
        parts=(
            *_seen(),
            *heads,
            # At the patch tokens, where the paper's token map sees it and nothing else does.
            Linear(3, "lum", "l0", 1.5 / BRIGHT),
            Linear(11, "l0", "l0", louder),
        ),
        start={"l0": -0.5, "l1": -0.5},
        delta={**A, "l0": 2 * once * (1 + louder)},
        delta_5=A,
        patched=shares,
        lost=shares,
        onset=9,
        misses=misses,
    )


def _seen() -> tuple[Part, ...]:
    """A nuisance, an early copy of the object, and the mark of what is bright.

    The copy is an average over the middle of the picture, an eighth of which is the object: a head that
    looked at its place alone would look at the object as much as those of layers 9 and 10.
    """
    return (
        Head(0, "tag_n", "chrom", "n", 0.2 / BRIGHT),
        Head(0, "tag_c", "lum", "a", 8 * COPY / BRIGHT),
        Gate(3, (("lum", 1 / BRIGHT),), 0.5, 0.2, "acc", 1.0),
    )


def _look(heads: Iterable[int], gain: float) -> tuple[Part, ...]:
    return tuple(Head(layer, "acc", "acc", "l0", gain, index=head) for layer in LOOKING for head in heads)
