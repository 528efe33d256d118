"""Does the paper's text agree with the paper's own tables? Arithmetic on published numbers, no model."""

from itertools import pairwise

import pytest

from circuit_claims import above, below, between, claim, exactly
from circuit_claims.measure.grid import published_cells
from circuit_claims.types import Kind

from .published import (
    E1_ATTENTION,
    E1_MLP,
    E3_ATTENTION,
    E3_DELTA_STATED,
    E3_MLP,
    E3_ROUNDING,
    E3_TABLE_3,
    LAYERS,
    NB_DELTA,
    NB_DELTA_DENOMINATOR,
    TOP_K,
    TUBELET_FRAMES,
    TUBELETS,
    each_layer,
    printed,
)

EXACT = {"kind": Kind.EXACT, "scope": "exact"}


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
    _, height, width = TUBELETS
    # Which tokens they are makes no difference: no two of them share a cell.
    cells = {cell for token in range(TOP_K) for cell in published_cells(token, TUBELETS)}
    share = len(cells) / (TUBELETS[0] * TUBELET_FRAMES * height * width)
    judge(printed("share of the pixels zeroed", [share]), exactly(0.0499, within=0.00005))


@claim(
    "table-mlp-over-100",
    "The first edition's MLP recoveries are over 100 %.",
    source="E1 section 3 and table 2",
    **EXACT,
)
def test_edition_1_mlps_are_over_100_percent(judge):
    judge(printed("published MLP recovery", E1_MLP.values()), above(1.0))


@claim(
    "table-layer-4-onward",
    "The first edition's table has every layer from 4 onward.",
    source="E1 section 3, 'from Layer 4 onward', against table 2: layer 11 was never run",
    **EXACT,
)
def test_edition_1_table_has_every_layer_from_4_onward(judge):
    missing = len(set(range(4, 12)) - set(E1_MLP))
    judge(printed("layers from 4 to 11 that the table lacks", [float(missing)], "count"), exactly(0.0))


@claim(
    "table-mlp-primary-4-9",
    "In the paper's own table each MLP of layers 4 to 9 recovers more than its block's attention.",
    source="E3 section 4.4, 'from layers 4 through 9', against table 3",
    each="layer",
    **EXACT,
)
@pytest.mark.parametrize("layer", LAYERS[:-1], ids="layer{}".format)
def test_edition_3_table_has_each_mlp_of_layers_4_to_9_above_its_attention(judge, layer):
    difference = E3_MLP[layer] - E3_ATTENTION[layer]
    judge(printed(f"published MLP minus attention at layer {layer}", [difference]), above(0.0))


@claim(
    "table-no-single-100",
    "No single component of the later edition's table recovers all of the signal.",
    source="E3 section 4.4 against table 3",
    **EXACT,
)
def test_edition_3_table_has_no_component_that_recovers_all(judge):
    largest = max(*E3_ATTENTION.values(), *E3_MLP.values())
    judge(printed("largest published recovery of one component", [largest]), below(0.95))


@claim(
    "table-recoveries-are-shares",
    "The recoveries are the components' contributions to one signal: they add up to it.",
    source="S1, 'accounting for 42-60% of the contribution', against E3 table 3",
    **EXACT,
)
def test_edition_3_recoveries_add_up_to_the_signal(judge):
    total = sum(E3_ATTENTION.values()) + sum(E3_MLP.values())
    judge(printed("sum of the 14 published recoveries", [total]), exactly(1.0, within=0.05))


@claim(
    "table-3-rounds-notebook",
    "Table 3 prints the notebook's numbers, rounded to the last digit.",
    source="E3 table 3 against NB: 44.4389 is printed as 44.43",
    **EXACT,
)
def test_table_3_rounds_the_notebook(judge):
    notebook = {f"attn.{layer}": value for layer, value in E3_ATTENTION.items()}
    notebook |= {f"mlp.{layer}": value for layer, value in E3_MLP.items()}
    errors = [E3_TABLE_3[site] - value for site, value in notebook.items()]
    judge(printed("table 3 minus the notebook", errors), exactly(0.0, within=E3_ROUNDING))


@claim(
    "table-delta-stated",
    "The stated ends of the trace, 75 at layer 5 and over 250 in the final layer, are the notebook's.",
    source="E3 section 4.2 against NB: 75 is layer 4's, or layer 0's",
    each="end",
    **EXACT,
)
@pytest.mark.parametrize("end", ["layer 5", "final layer"])
def test_stated_ends_of_the_trace_are_the_notebooks(judge, end):
    if end == "layer 5":
        ratio, asserted = NB_DELTA[5] / E3_DELTA_STATED[0], exactly(1.0, within=0.05)
    else:
        ratio, asserted = NB_DELTA[11] / E3_DELTA_STATED[1], above(1.0)
    judge(printed(f"the notebook's delta over the stated one, {end}", [ratio], "ratio"), asserted)


@claim(
    "table-monotone-5-11",
    "The difference grows in every layer from 5 to 11.",
    source="all editions, 'progressively amplified', against NB",
    **EXACT,
)
def test_notebook_trace_grows_in_every_layer(judge):
    least = min(after / before for before, after in pairwise(NB_DELTA[5:]))
    judge(printed("least published growth from one layer to the next", [least], "ratio"), above(1.0))


@claim(
    "table-onset-layer-5",
    "No layer multiplies the difference by more than layer 5 does.",
    source="E1 figure 1, E3 figure 5, 'sharp rise from layer 5 onwards', against NB",
    **EXACT,
)
def test_notebook_trace_rises_most_at_layer_5(judge):
    steps = [after / before for before, after in pairwise(NB_DELTA)]
    others = [step for layer, step in enumerate(steps, start=1) if layer != 5]
    lead = steps[4] - max(others)
    judge(printed("growth at layer 5 minus the largest elsewhere", [lead], "ratio"), above(0.0))


@claim(
    "table-layer-0-low",
    "The difference at layer 0 is low: the layers after it exceed it.",
    source="all editions, 'low-level differences exist from layer 0', against NB: 75.27, then 68.46 to 75.02",
    **EXACT,
)
def test_notebook_trace_begins_low(judge):
    least = min(NB_DELTA[1:5]) / NB_DELTA[0]
    judge(printed("least published delta of layers 1 to 4 over layer 0", [least], "ratio"), above(1.0))


@claim(
    "table-baseline-drift",
    "Two windows of one clip move the final difference by as much as 101.88 % leaves 100 %.",
    source="NB: 270.03 in one window and 265.38 in another, against E1 table 2 (consistent with, not shown)",
    **EXACT,
)
def test_notebook_baseline_drifts_by_as_much_as_the_constant(judge):
    drift = NB_DELTA[11] / NB_DELTA_DENOMINATOR
    judge(
        printed("the notebook's two final deltas, one over the other", [drift], "ratio"),
        exactly(E1_MLP[4], within=0.005),
        published=E1_MLP[4],
    )
