"""Changes of the embedded model: each is what it says, and CI notices those that it has to."""

import json

import pytest
import torch

from circuit_claims.models.load import load, parse_source
from circuit_claims.models.residual import run
from circuit_claims.organisms import changes
from circuit_claims.organisms.changes import CHANGES, MUST, Alarm, Change, alarms, best_mlp, page, write
from circuit_claims.organisms.registry import resolve

BY_NAME = {change.name: change for change in CHANGES}


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

    (_, file) = changes.manifest(BY_NAME["other-stride"], tmp_path)
    other, own = load_pairs(file), load_pairs(pairs_of(resolve("organism")))
    assert (own.sampling.stride, other.sampling.stride) == (2, 1)
    assert [pair.positive.key for pair in other.pairs] == [pair.positive.key for pair in own.pairs]
    assert changes.manifest(BY_NAME["int8"], tmp_path) == []


def test_names_are_folders_and_every_group_has_some():
    assert len(BY_NAME) == len(CHANGES)
    assert all(name.replace("-", "").isalnum() for name in BY_NAME)
    assert {change.group for change in CHANGES} == {"must be caught", "measured", "harmless"}
    assert best_mlp() in range(4, 11)


def a_report(drift, parts=()):
    return {
        "claims": [
            {
                "key": "a/means",
                "model": "organism",
                "record": {"drift": drift, "sentence": f"the claim {drift}"},
                "parts": [{"record": {"drift": one, "sentence": f"a part {one}"}} for one in parts],
            },
            {
                "key": "b/exact",
                "model": None,
                "record": {"drift": "flipped", "sentence": "no model"},
                "parts": [],
            },
        ]
    }


@pytest.mark.parametrize(
    ("drift", "parts", "found"),
    [
        ("as recorded", ["as recorded"], []),
        ("borderline", [], []),
        ("moved", [], [Alarm("a/means", "moved", "the claim moved")]),
        ("as recorded", ["as recorded", "moved"], [Alarm("a/means", "moved", "a part moved")]),
        ("moved", ["flipped"], [Alarm("a/means", "flipped", "a part flipped")]),
    ],
)
def test_an_alarm_is_what_fails_a_run(drift, parts, found):
    assert list(alarms(a_report(drift, parts))) == found


def test_the_page_tells_what_was_noticed_by_which_claim():
    text = page(
        [
            (Change("x", MUST, "all gone"), [Alarm("a/means", "flipped", "recorded 1, now 2")], 7),
            (Change("y", "measured", "a little"), [], 7),
        ]
    )
    assert "| all gone | must be caught | 1 of 7 | 1 | `a/means`: recorded 1, now 2 |" in text
    assert "| a little | measured | 0 of 7 | 0 | none |" in text
    assert "| `a/means` | 1: all gone |" in text


# With fewer pairs and claims than the page's, so that all of them take minutes ------------------------------

CATCHES = {
    "attn-zero-from-4": "attn-partial-37-54/reproduces",
    "mlp-zero-from-4": "mlp-42-60/reproduces",
    "best-mlp-halved": "mlp-42-60/reproduces",
    "layers-swapped": "mlp-42-60/reproduces",
    "wrong-normalisation": "mlp-42-60/reproduces",
    "other-stride": "mlp-42-60/reproduces",
    "positions-shuffled": "attention-agrees-with-dla/reproduces",
    "noise-10": "attention-agrees-with-dla/reproduces",
}
FEW = ("--circuit-pair", "bowling-[1-4]", "--circuit-pair", "golf-putt-[1-4]")
TOLD = tuple(
    f"--circuit-claim={key}"
    for key in (
        "mlp-42-60/reproduces",
        "attn-partial-37-54/reproduces",
        "attention-agrees-with-dla/reproduces",
    )
)


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """The record of the unchanged model on a few pairs, and a folder for the changed ones."""
    folder = tmp_path_factory.mktemp("changes")
    record = folder / "organism.toml"
    base = Change("base", "harmless", "nothing", changes._unchanged, files=changes.AND_ATTENTION)
    changes.judge(
        base, folder, *FEW, *TOLD, "--circuit-record-update", "--circuit-record-force", record=record
    )
    return folder, record


@pytest.mark.slow
def test_every_gross_change_has_the_claim_that_catches_it():
    assert CATCHES.keys() == {change.name for change in CHANGES if change.group == MUST}


@pytest.mark.slow
@pytest.mark.parametrize("name", CATCHES)
def test_a_gross_change_is_caught(few, name):
    folder, record = few
    report = changes.judge(BY_NAME[name], folder, *FEW, *TOLD, record=record)
    assert report["run"]["exit_status"] == 1
    assert CATCHES[name] in {alarm.key for alarm in alarms(report)}, json.dumps(report["summary"])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["saved-again", "two-threads"])
def test_a_harmless_change_raises_no_alarm(few, name):
    folder, record = few
    report = changes.judge(BY_NAME[name], folder, *FEW, *TOLD, record=record)
    assert report["run"]["exit_status"] == 0
    assert list(alarms(report)) == []
