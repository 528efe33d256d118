"""Every question, asked where no claim of the paper asks it; and mistakes, in one line each."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parents[1] / "plugin"))

from asked import ASKED, ends_well
from tiny_world import save_clips, save_model

from circuit_claims.clips.decode import Decoder
from circuit_claims.clips.pairs import load_pairs
from circuit_claims.measure.assay import Assay, Bench
from circuit_claims.measure.circuit import Circuit
from circuit_claims.measure.errors import MeasurementError, NotApplicable
from circuit_claims.measure.store import Store
from circuit_claims.models.sites import attn_out, mlp_out
from circuit_claims.models.source import ModelSource
from circuit_claims.organisms.registry import pairs_of, resolve


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Circuit]:
    """A random model of 6 layers and 3 heads, on clips of squares and their controls."""
    folder = tmp_path_factory.mktemp("six")
    pairs = load_pairs(save_clips(folder / "clips"))
    save_model(folder / "six", 6, num_hidden_layers=6, num_attention_heads=3, hidden_size=24)
    source = ModelSource(name="six", location=folder / "six")
    with Decoder() as decoder:
        yield Circuit(Assay(source, pairs, Bench(Store(folder / "store"), decoder)))


@pytest.mark.parametrize("name", list(ASKED))
def test_every_question_ends_in_numbers_or_a_sentence(small: Circuit, name: str) -> None:
    ends_well(small, name)


@pytest.mark.slow
def test_every_question_of_the_embedded_model(tmp_path: Path) -> None:
    source = resolve("organism")
    pairs = load_pairs(pairs_of(source)).select("*-[1-2]")
    with Decoder() as decoder:
        circuit = Circuit(Assay(source, pairs, Bench(Store(tmp_path), decoder)))
        for name in ASKED:
            ends_well(circuit, name)


def test_any_head_can_be_asked(small: Circuit) -> None:
    """A layer's heads add up to its attention, but for the bias, where the stream is read at once."""
    for layer in range(6):
        for head in range(3):
            assert all(map(math.isfinite, small.head_recovery(layer, head).values))
    assert small.head_recovery(2, 0, pairs="noise").values


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda c: c.recovery("l2"), "site is 'l2'; write mlp_out(4)"),
        (lambda c: c.recovery(mlp_out(2), metric="l2"), "metric is 'l2'; known are "),
        (lambda c: c.recovery(mlp_out(2), metric="cosin"), "metric is 'cosin'; did you mean \"cosine\"?"),
        (lambda c: c.recovery(mlp_out(2), pairs="noize"), "pairs is 'noize'; did you mean \"noise\"?"),
        (lambda c: c.recovery(mlp_out(2), readout="clss"), "readout is 'clss'; did you mean \"cls\"?"),
        (
            lambda c: c.recovery(mlp_out(2), metrics="cosine"),
            "recovery takes no 'metrics'; did you mean \"metric\"?",
        ),
        (lambda c: c.recovery(), "recovery needs site"),
        (lambda c: c.head_recovery(2, "0"), "head is '0'; write a whole number"),
        (lambda c: c.head_recovery(-1, 0), "layer is -1; layers are counted from 0, the last is 5"),
        (lambda c: c.delta(0.4), "layer is 0.4; write a whole number, or circuit.at(0.4) for a depth"),
        (lambda c: c.at(1.5), "at(1.5): a depth lies from 0.0 up to 1.0; write at(2) for that layer"),
        (lambda c: c.without_region("centre"), "region is 'centre'; known are "),
        (lambda c: c.without_region("row 0 to 1"), 'or write "rows 0 to 6, columns 2 to 9, frames 50 % to'),
        (lambda c: c.without_region("rows 3"), "region has 'rows 3'; write"),
        (lambda c: c.without_region("rows 0 to 1, rows 2 to 3"), "region names rows twice; write"),
        (lambda c: c.without_region("rows 1 to 0"), "region has 'rows 1 to 0', which is empty or outside"),
        (lambda c: c.recovery_in(mlp_out(2), "frames 50 % to 120 %"), "which is empty or outside"),
        (lambda c: c.recovery_in(mlp_out(2), "frames 0.5 to 1"), "whole numbers or percentages"),
        (
            lambda c: c.recovery_in(mlp_out(2), "top 0.1"),
            "region is 'top 0.1'; known are patch tokens, tokens",
        ),
        (
            lambda c: c.recovery_in(mlp_out(2), "tokens read", head=1),
            "mlp_out 2 has no heads; write attn_out(2)",
        ),
        (
            lambda c: c.without_region("top 0.1", baseline="clip mean"),
            "baseline is for rows, columns and frames",
        ),
        (lambda c: c.together("attn", 1, 2), "route is 'attn'; did you mean"),
        (lambda c: c.calibration("readout"), "check is 'readout'; known are"),
        (lambda c: c.withstood(within=0.1, by="zeros"), "by is 'zeros'; did you mean \"zero\"?"),
        (lambda c: c.colours("order"), "what is 'order'; known are"),
        (lambda c: c.outcome_without_all("mlps", 1, 2), "group is 'mlps'; did you mean \"mlp\"?"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_fix(
    small: Circuit, ask: Callable[[Circuit], Any], said: str
) -> None:
    with pytest.raises(MeasurementError) as refused:
        ask(small)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda c: c.recovery(attn_out(9)), "the claim speaks of layer 9, and six has layers 0 to 5"),
        (lambda c: c.head_recovery(2, 7), "the claim speaks of head 7, and six has heads 0 to 2"),
        (lambda c: c.recovery_in(mlp_out(2), "rows 0 to 9"), r"rows up to 9, and there are rows 0 to \d"),
        (lambda c: c.without_region("frames 0 to 900"), "six: the claim speaks of frames up to 900"),
        (lambda c: c.without_region("rows 1 % to 2 %"), r"none of the \d rows lies in 1% to 2%"),
        (lambda c: c.growth(1, 8), "the claim speaks of layer 8, and six has layers 0 to 5"),
    ],
)
def test_what_a_model_lacks_does_not_apply(small: Circuit, ask: Callable[[Circuit], Any], said: str) -> None:
    with pytest.raises(NotApplicable, match=said):
        ask(small)


def test_the_registry_says_what_each_parameter_may_be() -> None:
    for one in ASKED.values():
        assert one.says.endswith((".", ":")) or len(one.says) > 20, one.name
        for parameter in one.parameters.values():
            assert parameter.may_be
    assert ASKED["recovery"].parameters["metric"].words == ("norm_ratio", "projection", "cosine", "distance")
    assert [one.kind for one in ASKED["head_recovery"].parameters.values()] == [
        *("layer", "head", "word", "pairs")
    ]
    assert ASKED["recovery_in"].parameters["region"].kind == "region"
    assert "rows 0 to 6" in ASKED["without_region"].parameters["region"].may_be
