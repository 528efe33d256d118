"""Regions that a claim names itself, held against whole patches, other sweeps and plain forwards."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

sys.path.append(str(Path(__file__).parents[1] / "plugin"))

from tiny_world import save_clips, save_model

from circuit_claims.clips.decode import Decoder
from circuit_claims.clips.pairs import load_pairs
from circuit_claims.measure.assay import Assay, Bench
from circuit_claims.measure.circuit import Circuit
from circuit_claims.measure.controls import NECESSITY
from circuit_claims.measure.grid import is_own_region, parse_region, tubelet_cells
from circuit_claims.measure.questions.regions import NAMED
from circuit_claims.measure.store import Store
from circuit_claims.models.residual import run
from circuit_claims.models.sites import attn_out, mlp_out, resid_post
from circuit_claims.models.source import ModelSource
from circuit_claims.types import Sample

pytestmark = pytest.mark.machines

ALL_PATCHES = "rows 0 % to 100 %"
CLOSE = 1e-4


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Circuit]:
    """A random model of 6 layers and 3 heads."""
    folder = tmp_path_factory.mktemp("places")
    pairs = load_pairs(save_clips(folder / "clips"))
    save_model(folder / "six", 6, num_hidden_layers=6, num_attention_heads=3, hidden_size=24)
    source = ModelSource(name="six", location=folder / "six")
    with Decoder() as decoder:
        yield Circuit(Assay(source, pairs, Bench(Store(folder / "store"), decoder)))


def same(one: Sample, other: Sample) -> None:
    assert one.pairs == other.pairs
    assert one.values == pytest.approx(other.values, abs=CLOSE)


def test_the_whole_stream_at_all_patches_is_an_identity_before_cls_read_any(small: Circuit) -> None:
    assert small.recovery_in(resid_post(5), "tokens read").values == pytest.approx([1.0] * 6, abs=CLOSE)
    assert small.recovery_in(resid_post(5), ALL_PATCHES).values == pytest.approx([0.0] * 6, abs=CLOSE)


def test_the_last_writes_reach_the_readout_where_it_reads_alone(small: Circuit) -> None:
    for site in (attn_out(5), mlp_out(5)):
        same(small.recovery_in(site, "tokens read"), small.recovery(site))
        assert any(abs(value) > 0.01 for value in small.recovery(site).values)


def test_patch_tokens_are_all_rows(small: Circuit) -> None:
    same(small.recovery_in(mlp_out(2), ALL_PATCHES), small.recovery_in(mlp_out(2), "patch tokens"))


@pytest.mark.parametrize("direction", ["failure -> success", "third video", "other class"])
def test_all_tokens_are_the_sweep_in_every_direction(small: Circuit, direction: str) -> None:
    asked = small._patched_at(mlp_out(3), "", None, "cosine", "summary", direction, "outcome")
    same(asked, small.recovery(mlp_out(3), direction=direction, metric="cosine"))


def test_noise_is_drawn_anew_for_each_pair_and_kept(small: Circuit) -> None:
    noise = small.recovery_in(mlp_out(3), ALL_PATCHES, direction="noise write")
    assert len(set(noise.values)) == 6
    assert noise.values != small.recovery_in(mlp_out(3), ALL_PATCHES).values


def test_a_head_alone_is_the_sweep_of_heads(small: Circuit) -> None:
    alone = small._patched_at(attn_out(2), "", 1, "projection", "summary", "success -> failure", "outcome")
    same(alone, small.head_recovery(2, 1))
    assert small.head_recovery(2, 1, direction=NECESSITY).values != alone.values
    assert small.head_recovery(2, 1, direction="third video").values != alone.values


def test_regions_apart_in_the_last_attention_input_differ(small: Circuit) -> None:
    early, late = (
        small.recovery_in(resid_post(2), f"frames {half}") for half in ("0 % to 50 %", "50 % to 100 %")
    )
    assert early.values != late.values


def test_a_painted_region_is_a_plain_forward_of_painted_pixels(small: Circuit) -> None:
    asked = small.without_region("rows 1 to 1, frames 50 % to 100 %", of="logit")
    assay = small._assay
    model = assay.model()
    pair = assay.chosen("outcome")[0]
    pixels = assay.success(pair)
    tall = model.image_size // model.token_grid[1]
    painted = pixels.clone()
    painted[model.frames // 2 :, :, tall : 2 * tall] = 0.0
    clean, cut = (run(model, clip[None]).logits[0] for clip in (pixels, painted))
    label = int(clean.argmax())
    rest = clean.clone()
    rest[label] = -torch.inf
    margin = float(clean[label] - rest.max())
    assert asked.values[0] == pytest.approx(float(cut[label] - clean[label]) / margin, abs=1e-3)


def test_baselines_and_the_outcome(small: Circuit) -> None:
    zero, mean = (small.without_region("rows 0 to 0", baseline=by) for by in ("zero", "clip mean"))
    assert zero.values != mean.values
    assert small.without_region("rows 0 to 0", clip="failure").values != zero.values
    all_of_it = small.without_region("rows 0 % to 100 %", of="outcome")
    mean = sum(all_of_it.values) / len(all_of_it.values)
    assert mean == pytest.approx(-1.0, abs=CLOSE), "both clips are the same then"


def test_a_named_region_is_no_rows_columns_or_frames(small: Circuit) -> None:
    """`frames around it` begins like one."""
    assert not [name for name in NAMED if is_own_region(name)]
    for name in NAMED:
        assert small.without_region(name).values


@given(
    time=st.integers(1, 4),
    depth=st.integers(1, 3),
    height=st.integers(1, 5),
    width=st.integers(1, 5),
    row=st.integers(0, 4),
    half=st.sampled_from(["0 % to 50 %", "50 % to 100 %", "0 % to 100 %"]),
)
def test_tokens_are_those_with_a_cell_in_the_region(
    time: int, depth: int, height: int, width: int, row: int, half: str
) -> None:
    grid, frames = (time, height, width), time * depth
    region = parse_region(f"rows {min(row, height - 1)} to {height - 1}, frames {half}")
    try:
        cells = set(region.cells(grid, frames))
    except ValueError:
        assert frames == 1, "half of one frame is none"
        return
    tokens = region.tokens(grid, frames)
    assert tokens == [
        token for token in range(time * height * width) if cells & set(tubelet_cells(token, grid, frames))
    ]
    assert {column for _, _, column in cells} == set(range(width))
