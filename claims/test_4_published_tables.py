"""Does the paper's text agree with the paper's own tables? Arithmetic on published numbers, no model."""

import pytest

from circuit_claims import above, between, claim, exactly
from circuit_claims.judge.claim import Kind
from circuit_claims.measure.grid import published_cells
from circuit_claims.measure.sample import Sample

from .published import (
    E1_ATTENTION,
    E1_MLP,
    E3_ATTENTION,
    E3_DELTA_STATED,
    E3_MLP,
    NB_DELTA,
    TOPK,
    VIVIT_B_FRAMES,
    VIVIT_B_GRID,
    each_layer,
)

EXACT = {"kind": Kind.EXACT, "scope": "exact"}


def printed(name: str, values: object, unit: str = "fraction") -> Sample:
    """Published numbers as a measurement."""
    return Sample(name, unit, tuple(values), experiment={"numbers": "as published"})


@claim(
    "table-attn-45-65",
    "The first edition's attention recoveries lie in 45 to 65 %.",
    source="E1 section 3 and table 2",
    **EXACT,
)
def test_edition_1_attention_is_in_its_stated_range(judge):
    judge(printed("published attention recovery", E1_ATTENTION.values()), between(0.45, 0.65))


@claim(
    "table-attn-37-54",
    "The later edition's attention recoveries lie in 37 to 54 %.",
    source="E3 section 4.4 and table 3",
    **EXACT,
)
def test_edition_3_attention_is_in_its_stated_range(judge):
    judge(printed("published attention recovery", E3_ATTENTION.values()), between(0.37, 0.55))


@claim(
    "table-mlp-42-60",
    "The later edition's MLP recoveries lie in 42 to 60 %.",
    source="E3 section 4.4 and table 3",
    **EXACT,
)
def test_edition_3_mlps_are_in_their_stated_range(judge):
    judge(printed("published MLP recovery", E3_MLP.values()), between(0.42, 0.61))


@claim(
    "table-mlp-primary-driver",
    "In the paper's own table each MLP recovers more than its block's attention.",
    source="E3 abstract against table 3",
    each="layer",
    **EXACT,
)
@each_layer
def test_edition_3_table_has_each_mlp_above_its_attention(judge, layer):
    difference = E3_MLP[layer] - E3_ATTENTION[layer]
    judge(printed(f"published MLP minus attention at layer {layer}", [difference]), above(0.0))


@claim(
    "table-mlp-sufficient",
    "An MLP block is causally sufficient to create the outcome signal (figure 7's caption).",
    source="E3 figure 7 against table 3",
    **EXACT,
)
def test_edition_3_table_has_an_mlp_that_recovers_all(judge):
    judge(printed("largest published MLP recovery", [max(E3_MLP.values())]), above(0.95))


@claim(
    "table-growth-300",
    "From 75 at layer 5 to 250 in the final layer is an increase of over 300 %.",
    source="E3 section 4.2, and the notebook's trace",
    each="numbers",
    **EXACT,
)
@pytest.mark.parametrize("numbers", ["stated", "notebook"])
def test_stated_growth_is_over_300_percent(judge, numbers):
    before, after = E3_DELTA_STATED if numbers == "stated" else (NB_DELTA[5], NB_DELTA[11])
    judge(
        printed(f"published growth, {numbers} numbers", [after / before], "ratio"), above(4.0), published=4.0
    )


@claim(
    "table-mlp-identical",
    "The first edition prints one MLP recovery, 101.88 %, at all seven layers.",
    source="E1 table 2: what a patch of the whole stream looks like",
    **EXACT,
)
def test_edition_1_prints_the_same_mlp_recovery_at_every_layer(judge):
    spread = max(E1_MLP.values()) - min(E1_MLP.values())
    judge(printed("range of published MLP recoveries", [spread]), exactly(0.0))


@claim(
    "table-topk-pixels",
    "The notebook's map from the top 10 % of tokens to pixels zeroes 4.99 % of them, half of what is said.",
    source="E3 section 4.3: '313 tokens, the top 10 %'; NB: token // 196, a tubelet, used as a frame",
    **EXACT,
)
def test_the_published_top_k_map_zeroes_half_of_the_stated_pixels(judge):
    _, height, width = VIVIT_B_GRID
    # Which tokens they are makes no difference: no two of them share a cell.
    cells = {cell for token in range(TOPK) for cell in published_cells(token, VIVIT_B_GRID)}
    share = len(cells) / (VIVIT_B_FRAMES * height * width)
    judge(printed("share of the pixels zeroed", [share]), exactly(0.0499, within=0.00005), published=0.0499)
