"""Edits of trained weights: the writes that they silence are exactly 0, and all others stay as they were."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import VivitConfig, VivitForVideoClassification

from circuit_claims.measure.patching import sweep
from circuit_claims.measure.trace import delta_trace
from circuit_claims.models.load import fingerprint, load
from circuit_claims.models.source import ModelError, ModelSource, parse_source
from circuit_claims.organisms.edits import EDITS, edited_source
from circuit_claims.organisms.registry import resolve

torch.set_num_threads(1)
edits = pytest.mark.parametrize("name", EDITS)


def tiny(layers: int = 8) -> VivitForVideoClassification:
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


BASE = ModelSource(name="organism", build=tiny, build_fingerprint="tiny")


def clips() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    first, second = torch.randn((2, 4, 3, 32, 32), generator=generator)
    return first, second


@edits
def test_silenced_writes_recover_exactly_nothing_and_the_others_something(name: str) -> None:
    edit = EDITS[name]
    found = sweep(load(edited_source(BASE, name)), *clips())
    for site, patched in found.patches.items():
        kind, _, layer = site.partition(".")
        silenced = int(layer) >= edit.start and (edit.attn if kind == "attn_out" else edit.mlp)
        assert (patched.norms["tokens"].d == 0.0) is silenced, site


@edits
def test_what_comes_before_the_edit_is_as_it_was(name: str) -> None:
    before, after = (
        delta_trace(load(source), *clips()).blocks for source in (BASE, edited_source(BASE, name))
    )
    start = EDITS[name].start
    assert before[:start] == after[:start]
    assert before[start:] != after[start:]


def test_a_delta_stops_growing_where_all_blocks_are_identities() -> None:
    blocks = delta_trace(load(edited_source(BASE, "identity-from-6")), *clips()).blocks
    assert len(blocks) == 8
    assert blocks[5] == blocks[6] == blocks[7]


def test_names_and_fingerprints_tell_edits_and_bases_apart() -> None:
    other = ModelSource(name="./my/model", record_name="model", build=tiny, build_fingerprint="other")
    sources = [edited_source(base, name) for base in (BASE, other) for name in EDITS]
    assert sources[0].name == "planted:zero-mlp-from-4"
    assert sources[3].name == "planted:zero-mlp-from-4-of-model"
    assert len({source.name for source in sources}) == len(sources)
    assert len({fingerprint(source) for source in sources}) == len(sources)


def test_what_cannot_be_edited_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no such edit; there are zero-mlp-from-4"):
        edited_source(BASE, "planted:zero-mlp-from-5")
    with pytest.raises(ModelError, match="replaced by a seed"):
        edited_source(parse_source("random:organism#1", {"organism": BASE}), "zero-mlp-from-4")
    with pytest.raises(ModelError, match="there is no folder"):
        edited_source(ModelSource(name="gone", location=tmp_path / "gone"), "zero-mlp-from-4")
    shallow = ModelSource(name="shallow", build=lambda: tiny(layers=4), build_fingerprint="shallow")
    with pytest.raises(ModelError, match="from layer 4 on, and this is 4 layers"):
        load(edited_source(shallow, "zero-mlp-from-4"))


@edits
def test_the_embedded_organism_can_be_edited(name: str) -> None:
    base = resolve("organism")
    if not (Path(str(base.location)) / "model.safetensors").is_file():
        pytest.skip("the embedded weights are not in this checkout")
    source = edited_source(base, name)
    assert source.preprocessor
    hf_model = source.build() if source.build else None
    assert hf_model is not None
    layers = hf_model.vivit.layers
    edit = EDITS[name]
    for index, block in enumerate(layers):
        silent = index >= edit.start
        assert bool(block.attention.o_proj.weight.any()) is not (silent and edit.attn)
        assert bool(block.mlp.fc2.weight.any()) is not (silent and edit.mlp)
