"""Changes of the embedded model: each is what it says, and CI notices those that it has to."""

import pytest
import torch

from circuit_claims.models.load import load, parse_source
from circuit_claims.models.residual import run
from circuit_claims.organisms.registry import resolve
from tools.what_ci_catches import changes
from tools.what_ci_catches.changes import AGAIN, FINE, GROSS, best_mlp, write

pytestmark = pytest.mark.machines

BY_NAME = {change.name: change for change in (*GROSS, *FINE, AGAIN)}


def logits(model):
    shape = (1, model.frames, 3, model.image_size, model.image_size)
    return run(model, torch.randn(shape, generator=torch.Generator().manual_seed(0))).logits[0]


@pytest.fixture(scope="module")
def unchanged():
    return logits(load(resolve("organism")))


@pytest.mark.parametrize("name", ["attn-zero-from-4", "head-3-5-zero", "mlp-times-99", "int8", "noise-0-1"])
def test_a_change_of_weights_is_a_model_that_loads_and_computes_otherwise(name, unchanged, tmp_path):
    found = logits(load(parse_source(str(write(BY_NAME[name], tmp_path / "organism")))))
    assert torch.isfinite(found).all()
    assert not torch.equal(found, unchanged)


@pytest.mark.parametrize("name", ["saved-again", "float16"])
def test_what_changes_nothing_computes_the_same(name, unchanged, tmp_path):
    folder = write(BY_NAME[name], tmp_path / "organism")
    assert torch.equal(logits(load(parse_source(str(folder)))), unchanged)
    assert name != "saved-again" or len(list(folder.glob("*.safetensors"))) > 1, "in shards"


def test_the_smaller_noise_is_the_smaller_change(unchanged, tmp_path):
    apart = [
        (logits(load(parse_source(str(write(BY_NAME[name], tmp_path / name))))) - unchanged).norm()
        for name in ("noise-0-1", "noise-1", "noise-10")
    ]
    assert apart == sorted(apart)


def test_a_head_that_is_silenced_writes_nothing(tmp_path):
    model = load(parse_source(str(write(BY_NAME["head-3-5-zero"], tmp_path / "organism"))))
    (attention,) = [w for w in model.writes if w.layer == 3 and w.kind == "attn"]
    norms = attention.heads.output.flatten(1).norm(dim=1)
    assert norms[5] == 0
    assert (norms > 0).sum() == len(norms) - 1


def test_pixels_of_the_wrong_normalisation_are_between_0_and_1(tmp_path):
    import numpy as np

    model = load(parse_source(str(write(BY_NAME["wrong-normalisation"], tmp_path / "organism"))))
    pixels = model.preprocess(np.full((16, 64, 64, 3), 255, dtype=np.uint8))
    assert pixels.min() == pixels.max() == pytest.approx(1.0)
    assert model.preprocess(np.zeros((16, 64, 64, 3), dtype=np.uint8)).min() == 0.0


def test_another_stride_is_the_same_clips_sampled_otherwise(tmp_path):
    from circuit_claims.clips.pairs import load_pairs
    from circuit_claims.organisms.registry import pairs_of

    file = changes.manifest(BY_NAME["other-stride"], tmp_path)
    other, own = load_pairs(file), load_pairs(pairs_of(resolve("organism")))
    assert (own.sampling.stride, other.sampling.stride) == (2, 1)
    assert [pair.positive.key for pair in other.pairs] == [pair.positive.key for pair in own.pairs]
    assert changes.manifest(BY_NAME["int8"], tmp_path) is None


def test_names_are_folders_and_differ():
    assert len(BY_NAME) == len(GROSS) + len(FINE) + 1
    assert all(name.replace("-", "").isalnum() for name in BY_NAME)
    assert best_mlp() in range(4, 11)
