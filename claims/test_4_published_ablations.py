"""The published ablations, probes and maps against themselves. Arithmetic on published numbers, no model."""

from itertools import pairwise

import pytest

from circuit_claims import above, below, claim, exactly
from circuit_claims.types import Kind

from . import published
from .published import printed

EXACT = {"kind": Kind.EXACT, "scope": "exact"}
TABLES = {
    "E1 table 1": (published.E1_LOGITS_BEFORE, published.E1_LOGITS_AFTER, published.E1_LOGITS_CHANGE),
    "E3 table 1": (published.E3_STRIKE_BEFORE, published.E3_STRIKE_AFTER, published.E3_STRIKE_CHANGE),
    "E3 table 2": (published.E3_GUTTER_BEFORE, published.E3_GUTTER_AFTER, published.E3_GUTTER_CHANGE),
}
each_table = pytest.mark.parametrize("table", TABLES)


def changes(table: str) -> list[float]:
    """After minus before, label by label; bowling is the first."""
    before, after, _ = TABLES[table]
    return [later - earlier for earlier, later in zip(before, after, strict=True)]


@claim(
    "table-changes-recomputed",
    "The printed changes of logits are the differences of the printed logits.",
    source="E1 table 1; E3 tables 1 and 2",
    each="table",
    **EXACT,
)
@each_table
def test_printed_changes_are_differences(judge, table):
    stated = TABLES[table][2]
    errors = [made - said for made, said in zip(changes(table), stated, strict=True)]
    judge(
        printed(f"recomputed minus printed change, {table}", errors, "logits"),
        exactly(0.0, within=published.LOGIT_ROUNDING),
    )


@claim(
    "table-ablation-stated",
    "Ablating the top tokens changes the strike's bowling logit by -0.34.",
    source="E3 section 4.3 against table 1",
    **EXACT,
)
def test_stated_change_of_the_strike_is_the_tables(judge):
    judge(
        printed("published change of the strike's bowling logit", changes("E3 table 1")[:1], "logits"),
        exactly(published.E3_STRIKE_STATED, within=0.005),
        published=published.E3_STRIKE_STATED,
    )


@claim(
    "table-top-5",
    "Table 1 of the first edition lists the top 5 classes.",
    source="E1 table 1, its caption against its rows: 31, 357, 84, 45, 227 and 101",
    **EXACT,
)
def test_edition_1_table_1_lists_five_classes(judge):
    judge(printed("rows", [float(len(published.E1_LOGITS_BEFORE))], "count"), exactly(5.0))


@claim(
    "table-ranks-kept",
    "The classes keep the ranks that the table gives them after the ablation.",
    source="E1 table 1: one column of ranks for both columns of logits; 45 overtakes 84",
    **EXACT,
)
def test_edition_1_ranks_are_kept(judge):
    least = min(higher - lower for higher, lower in pairwise(published.E1_LOGITS_AFTER))
    judge(printed("least lead of a rank over the next, ablated", [least], "logits"), above(0.0))


@claim(
    "table-region-negligible",
    "Ablating the critical region changes the bowling logit by a negligible part of its margin.",
    source="E1 section 2 and table 1",
    **EXACT,
)
def test_edition_1_change_is_negligible(judge):
    before = published.E1_LOGITS_BEFORE
    share = abs(changes("E1 table 1")[0]) / (before[0] - before[1])
    judge(printed("published change over the margin", [share]), below(0.05))


@claim(
    "table-ablation-hits-target",
    "The tokens that matter most to bowling change its logit more than any other listed class's.",
    source="E3 section 4.3 against tables 1 and 2: headbutting moves by +0.35, bowling by -0.02",
    each="table",
    **EXACT,
)
@pytest.mark.parametrize("table", ["E3 table 1", "E3 table 2"])
def test_ablation_changes_bowling_most(judge, table):
    bowling, *others = map(abs, changes(table))
    lead = bowling - max(others)
    judge(printed(f"change of bowling minus the largest other, {table}", [lead], "logits"), above(0.0))


@claim(
    "table-ablation-above-window",
    "An ablation changes the bowling logit by more than another window of the same clip does.",
    source="E1 table 1, E3 tables 1 and 2 against NB: the noise floor is 0.31 (strike) and 0.72 (gutter)",
    each="table",
    **EXACT,
)
@each_table
def test_ablation_exceeds_the_window(judge, table):
    strike = published.E3_STRIKE_BEFORE[0] - published.E1_LOGITS_BEFORE[0]
    gutter = published.E3_GUTTER_BEFORE[0] - published.NB_GUTTER_UNSEEDED
    excess = abs(changes(table)[0]) - abs(gutter if table == "E3 table 2" else strike)
    judge(printed(f"change by ablation minus change by window, {table}", [excess], "logits"), above(0.0))


@claim(
    "table-outcome-hidden",
    "The bowling logits of strike and gutter differ by no more than those of two windows of one clip.",
    source="E3 abstract, 'may not affect the final outcome', tables 1 and 2 against NB",
    each="clip",
    **EXACT,
)
@pytest.mark.parametrize("clip", ["strike", "gutter"])
def test_outcome_is_hidden_from_the_logit(judge, clip):
    apart = abs(published.E3_STRIKE_BEFORE[0] - published.E3_GUTTER_BEFORE[0])
    windows = {
        "strike": published.E3_STRIKE_BEFORE[0] - published.E1_LOGITS_BEFORE[0],
        "gutter": published.E3_GUTTER_BEFORE[0] - published.NB_GUTTER_UNSEEDED,
    }
    excess = apart - abs(windows[clip])
    judge(
        printed(f"difference of the outcomes minus that of two windows, {clip}", [excess], "logits"),
        below(0.0),
    )


@claim(
    "table-top-10-percent",
    "The 313 ablated tokens are the top 10 % of 3136.",
    source="E3 section 4.3: 313.6, rounded down",
    **EXACT,
)
def test_313_tokens_are_a_tenth(judge):
    exact = published.TOP_SHARE * published.TOKENS
    judge(
        printed("a tenth of the tokens minus those ablated", [exact - published.TOP_K], "count"), below(1.0)
    )


@claim(
    "table-heat-map-grid",
    "The heat map's grid is the token grid: as many cells, and a row for each step in time.",
    source="E1 figure 3 and NB, 32 x 98, against 16 x 14 x 14 tokens: a row is half a tubelet's picture",
    each="axis",
    **EXACT,
)
@pytest.mark.parametrize("axis", ["cells", "time"])
def test_heat_map_has_the_token_grid(judge, axis):
    rows, columns = published.NB_HEAT_MAP
    time, height, width = published.TUBELETS
    drawn, there = (rows * columns, time * height * width) if axis == "cells" else (rows, time)
    judge(printed(f"{axis} of the heat map over those of the tokens", [drawn / there], "ratio"), exactly(1.0))


@claim(
    "table-probe-points",
    "The probe was scored on more points than it has dimensions to separate them.",
    source="E1 appendix C.2, E3 section 4.1.4; NB: 2 CLS tokens of 768 dimensions",
    **EXACT,
)
def test_probe_has_more_points_than_dimensions(judge):
    points, dimensions = published.NB_PROBE_POINTS
    judge(printed("points minus dimensions", [float(points - dimensions)], "count"), above(1.0))
