"""Do the editions agree with each other? Arithmetic on published numbers, no model."""

import pytest

from circuit_claims import above, claim, exactly
from circuit_claims.types import Kind

from .published import (
    E1_ATTENTION,
    E1_LOGITS_BEFORE,
    E1_MLP,
    E3_ATTENTION,
    E3_MLP,
    E3_STRIKE_BEFORE,
    E_AGREE,
    each_layer,
    printed,
)

EXACT = {"kind": Kind.EXACT, "scope": "exact"}
EDITIONS = {"attention": (E1_ATTENTION, E3_ATTENTION), "MLP": (E1_MLP, E3_MLP)}


@claim(
    "editions-agree",
    "The editions' recoveries agree: no layer differs by more than two points.",
    source="E1 table 2 against E3 table 3: attention at layer 10 is 64.18 % and 47.61 %",
    each="component",
    **EXACT,
)
@pytest.mark.parametrize("component", EDITIONS)
def test_editions_agree_in_their_recoveries(judge, component):
    first, later = EDITIONS[component]
    differences = [later[layer] - first[layer] for layer in first]
    judge(
        printed(f"E3 minus E1, recovery of {component}", differences),
        exactly(0.0, within=E_AGREE),
    )


@claim(
    "editions-same-window",
    "The editions report the same run: the strike's bowling logit is one number.",
    source="E1 table 1 (16.6881) against E3 table 1 (16.9954): the window was drawn anew",
    **EXACT,
)
def test_editions_report_the_same_logit(judge):
    difference = E3_STRIKE_BEFORE[0] - E1_LOGITS_BEFORE[0]
    judge(
        printed("E3 minus E1, the strike's bowling logit", [difference], "logits"),
        exactly(0.0, within=0.0001),
    )


@claim(
    "abstract-agrees-with-table",
    "Each MLP is sufficient to generate the entire signal, as the second edition's abstract says.",
    source="E2 abstract against E3 table 3, of the same work a month later",
    each="layer",
    **EXACT,
)
@each_layer
def test_abstract_of_edition_2_agrees_with_the_table_of_edition_3(judge, layer):
    judge(printed(f"published MLP recovery at layer {layer}", [E3_MLP[layer]]), above(0.95))
