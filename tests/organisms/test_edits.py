"""Edits of trained weights: silenced writes are exactly 0, placed blocks are as trained, the rest stays."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from transformers import VivitConfig, VivitForVideoClassification

from circuit_claims.measure.patching import sweep
from circuit_claims.measure.results import Apart
from circuit_claims.measure.trace import delta_trace
from circuit_claims.models.load import fingerprint, load
from circuit_claims.models.residual import walk
from circuit_claims.models.source import ModelError, ModelSource, parse_source
from circuit_claims.organisms.edits import EDITS, edited_source, place
from circuit_claims.organisms.registry import resolve

pytestmark = pytest.mark.machines

torch.set_num_threads(1)
ALL = set(range(12))
SILENT = {
    "zero-mlp-from-4": (set(), set(range(4, 12))),
    "zero-attn-from-4": (set(range(4, 12)), set()),
    "identity-from-6": (set(range(6, 12)), set(range(6, 12))),
    "placed-5-7-9-11": (ALL - {5, 7, 9, 11}, ALL - {5, 7, 9, 11}),
    "placed-8-to-11": (set(range(8)), set(range(8))),
    "placed-0-to-3": (set(range(4, 12)), set(range(4, 12))),
}
"""By edit: the layers whose attention writes 0, and those whose MLP does."""
PLACED = {"placed-5-7-9-11": (5, 7, 9, 11), "placed-8-to-11": (8, 9, 10, 11), "placed-0-to-3": (0, 1, 2, 3)}
edits = pytest.mark.parametrize("name", SILENT)
placed = pytest.mark.parametrize("name", PLACED)


def tiny(layers: int = 12) -> VivitForVideoClassification:
    """A ViViT with random weights whose MLPs and biases are large enough to matter."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        model = VivitForVideoClassification(
            VivitConfig(
                image_size=32,
                num_frames=4,
                tubelet_size=[2, 16, 16],
                hidden_size=16,
                num_hidden_layers=layers,
                num_attention_heads=2,
                intermediate_size=16,
                initializer_range=0.3,
            )
        )
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.3) if parameter.ndim == 1 else None
    return model


BASE = ModelSource(name="organism", build=tiny, build_fingerprint="tiny", architecture="tiny")


def clips() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    first, second = torch.randn((2, 4, 3, 32, 32), generator=generator)
    return first, second


def blocks_of(source: ModelSource) -> tuple[Apart, ...]:
    return delta_trace(load(source), *clips()).blocks


def test_every_edit_is_tried_here_or_with_the_amplifiers() -> None:
    assert {name for name in EDITS if not name.startswith("amplifier-")} == set(SILENT)


@edits
def test_silenced_writes_recover_exactly_nothing_and_the_others_something(name: str) -> None:
    """One state at a time goes through the recipient's own kernels, so that 0 is exact."""
    found = sweep(load(edited_source(BASE, name)), *clips(), max_states=1)
    assert len(found.patches) == 24
    for site, patched in found.patches.items():
        assert (patched.norms["tokens"].d == 0.0) is silenced(name, site), site


@edits
def test_in_a_batch_silenced_writes_recover_nothing_within_rounding(name: str) -> None:
    """A batch may sum in another order than the recipient's own run. Each of its writes rounds 18 terms (the
    width, or as many hidden units, a bias, and the stream), each by half an epsilon, in either direction.
    """
    model = load(edited_source(BASE, name))
    found = sweep(model, *clips())
    with torch.inference_mode():
        size = float(max(resid.norm() for _, resid in walk(model, clips()[1][None])))
    rounding = (len(model.writes) * 18) ** 0.5 * torch.finfo(torch.float32).eps / 2 * size
    for site, patched in found.patches.items():
        assert (patched.norms["tokens"].d <= rounding) is silenced(name, site), site


def silenced(name: str, site: str) -> bool:
    attn, mlp = SILENT[name]
    kind, _, layer = site.partition(".")
    return int(layer) in (attn if kind == "attn_out" else mlp)


@pytest.mark.parametrize("name", [name for name in SILENT if name not in PLACED])
def test_what_comes_before_the_edit_is_as_it_was(name: str) -> None:
    before, after = blocks_of(BASE), blocks_of(edited_source(BASE, name))
    start = min(set.union(*SILENT[name]))
    assert before[:start] == after[:start]
    assert before[start:] != after[start:]


def test_a_delta_stops_growing_where_all_blocks_are_identities() -> None:
    blocks = blocks_of(edited_source(BASE, "identity-from-6"))
    assert len(blocks) == 12
    assert len(set(blocks[5:])) == 1


@placed
def test_placed_blocks_do_at_their_place_what_they_did_at_theirs(name: str) -> None:
    """The CLS delta is exactly 0 before the first of them, flat between, and theirs after each."""
    trained, found = blocks_of(BASE), blocks_of(edited_source(BASE, name))
    at = PLACED[name]
    assert all(block.cls_delta == 0.0 for block in found[: at[0]])
    assert found[at[0]].cls_delta > 0
    for layer in range(at[0], 12):
        behind = sum(place <= layer for place in at)
        assert found[layer] == trained[behind - 1]


@settings(deadline=None, max_examples=15)
@given(st.lists(st.integers(0, 11), min_size=1, max_size=12, unique=True).map(sorted))
def test_any_number_of_blocks_can_be_placed_anywhere(at: list[int]) -> None:
    """Also where a place overlaps the place that a block comes from."""
    model, trained = tiny(), blocks_of(BASE)
    place(model, BASE, at)
    found = blocks_of(ModelSource(name="placed", build=lambda: model, build_fingerprint=f"{at}"))
    assert [found[layer] for layer in at] == list(trained[: len(at)])
    assert all(block.cls_delta == 0.0 for block in found[: at[0]])


def test_names_and_fingerprints_tell_edits_and_bases_apart() -> None:
    other = ModelSource(name="./my/model", record_name="model", build=tiny, build_fingerprint="other")
    sources = [edited_source(base, name) for base in (BASE, other) for name in EDITS]
    assert sources[0].name == "planted:zero-mlp-from-4"
    assert sources[len(EDITS)].name == "planted:zero-mlp-from-4-of-model"
    assert len({source.name for source in sources}) == len(sources)
    assert len({fingerprint(source) for source in sources}) == len(sources)


def test_fresh_weights_are_the_same_for_every_edit() -> None:
    """Nothing of an edit is left in them, so that they are measured once for all."""
    fresh = [
        parse_source(f"random:{source.name}#3", {source.name: source})
        for source in (edited_source(BASE, name) for name in SILENT)
    ]
    assert len({fingerprint(source) for source in fresh}) == 1
    assert blocks_of(fresh[0]) == blocks_of(fresh[-1])


def test_what_cannot_be_edited_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no such edit; there are zero-mlp-from-4"):
        edited_source(BASE, "planted:zero-mlp-from-5")
    with pytest.raises(ModelError, match="replaced by a seed"):
        edited_source(parse_source("random:organism#1", {"organism": BASE}), "zero-mlp-from-4")
    with pytest.raises(ModelError, match="there is no folder"):
        edited_source(ModelSource(name="gone", location=tmp_path / "gone"), "zero-mlp-from-4")
    shallow = ModelSource(name="shallow", build=lambda: tiny(layers=4), build_fingerprint="shallow")
    with pytest.raises(ModelError, match="of at least 5 layers, and this is 4 layers"):
        load(edited_source(shallow, "zero-mlp-from-4"))
    with pytest.raises(ModelError, match="of at least 12 layers, and this is 4 layers"):
        load(edited_source(shallow, "placed-8-to-11"))


@edits
def test_the_embedded_organism_can_be_edited(name: str) -> None:
    base = resolve("organism")
    if not (Path(str(base.location)) / "model.safetensors").is_file():
        pytest.skip("the embedded weights are not in this checkout")
    source = edited_source(base, name)
    assert source.preprocessor
    assert source.architecture
    hf_model = source.build() if source.build else None
    assert hf_model is not None
    attn, mlp = SILENT[name]
    for index, block in enumerate(hf_model.vivit.layers):
        assert bool(block.attention.o_proj.weight.any()) is (index not in attn)
        assert bool(block.mlp.fc2.weight.any()) is (index not in mlp)
