"""Bad input is refused in one line, with exit status 4, before anything heavy is imported."""

import json
import re
import shutil

import pytest
from tiny_world import TELLS_MODULES

HEAVY = {"torch", "transformers", "numpy", "scipy", "decord", "av"}


def broken_manifest(world, folder, old, new):
    shutil.copytree(world.pairs.parent, folder)
    manifest = folder / "pairs.toml"
    assert old in manifest.read_text()
    manifest.write_text(manifest.read_text().replace(old, new, 1))
    return manifest


def refused(on_models, *args, run=None):
    result = (run or on_models.run)(*args)
    assert result.ret == 4
    (line,) = [line for line in result.errlines if line.strip()]
    assert line.startswith("ERROR: ")
    assert "Traceback" not in result.stdout.str()
    assert not on_models.reports.exists(), "no report of a run that was refused"
    return line


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("organizm", r"organizm: no model of this name, .*did you mean organism"),
        ("./missing", r"./missing: there is no folder missing; check the path"),
        ("random:organism", r"random:organism: random: needs a model and a seed; write random:organism#1"),
        ("./claims", r"./claims: claims has no config.json; pass the folder that"),
    ],
)
def test_a_model_that_cannot_be(on_models, model, said):
    assert re.search(said, refused(on_models, f"--circuit-model={model}"))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[sampling]", "[samplings]", r'pairs.toml: samplings: is no key here; did you mean "sampling"\?'),
        ("bowling-0-success.mp4", "bowling-9-success.mp4", r'there is no file "bowling-9-success.mp4"'),
        ("[[pair]]", "[[pair", r"pairs.toml"),
        ("frames = 8", "frames = 16", r"it samples 16 frames, but .*tiny takes 8; set frames = 8 under"),
    ],
)
def test_a_manifest_that_cannot_be(on_models, tmp_path, old, new, said):
    manifest = broken_manifest(on_models.world, tmp_path / "clips", old, new)
    line = refused(on_models, f"--circuit-model={on_models.world.model}", f"--circuit-pairs={manifest}")
    assert re.search(said, line)


def test_a_clip_that_is_not_the_manifests_clip(on_models, tmp_path):
    manifest = broken_manifest(on_models.world, tmp_path / "clips", "squares", "squares")
    with (manifest.parent / "golf-0-success.mp4").open("ab") as clip:
        clip.write(b"more")
    line = refused(on_models, f"--circuit-model={on_models.world.model}", f"--circuit-pairs={manifest}")
    assert "golf-0-success.mp4" in line


def test_a_manifest_that_is_not_there(on_models):
    line = refused(on_models, f"--circuit-model={on_models.world.model}", "--circuit-pairs=missing.toml")
    assert "missing.toml" in line


def test_pairs_that_nobody_has(on_models):
    line = refused(on_models, *on_models.options(), "--circuit-pair", "chess*")
    assert "no pair is called chess*; `circuit-claims list pairs` names them" in line


@pytest.mark.parametrize("option", ["--circuit-threads=0", "--circuit-threads=two", "--circuit-profile=slow"])
def test_an_option_that_cannot_be(on_models, option):
    result = on_models.run(option)
    assert result.ret == 4
    result.stderr.fnmatch_lines([f"*{option.split('=')[0]}: *"])


@pytest.mark.parametrize("fault", ["model", "manifest", "frames", "record", "broken record", "broken run"])
def test_nothing_heavy_is_imported_to_refuse(on_models, tmp_path, fault):
    (on_models.folder / "conftest.py").write_text(TELLS_MODULES)
    args = on_models.options()
    if fault == "model":
        args = ["--circuit-model=organizm"]
    elif fault == "manifest":
        args[1] = "--circuit-pairs=missing.toml"
    elif fault == "frames":
        manifest = broken_manifest(on_models.world, tmp_path / "clips", "frames = 8", "frames = 9")
        args[1] = f"--circuit-pairs={manifest}"
    elif fault == "record":
        args.append("--circuit-record=missing.toml")
    elif fault == "broken record":
        (tmp_path / "broken.toml").write_text('schema = 1\n[claims."a/means"]\nverdict = "fi')
        args.append(f"--circuit-record={tmp_path / 'broken.toml'}")
    else:
        (tmp_path / "run.json").write_text('{"schema": "circuit-claims/report", "version": 2, "cla')
        args = [f"--circuit-rejudge={tmp_path / 'run.json'}"]
    refused(on_models, *args, run=on_models.spawn)
    imported = set((on_models.pytester.path / "modules.txt").read_text().split())
    assert imported & HEAVY == set()


def test_workers_refuse_in_the_same_words(on_models):
    result = on_models.spawn("--circuit-model=organizm", "-n", "2")
    assert result.ret == 4
    result.stdout.fnmatch_lines(["ERROR: organizm: no model of this name, *did you mean organism?*"])
    result.stdout.no_fnmatch_line("*INTERNALERROR*")
    assert not on_models.reports.exists()


def test_a_model_that_breaks_only_when_it_is_loaded_is_an_error_of_its_claims(on_models, tmp_path):
    folder = tmp_path / "cut"
    shutil.copytree(on_models.world.model, folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    result = on_models.run(*on_models.options(folder))
    assert result.ret == 1
    entry = on_models.entry("growth")
    assert entry["verdict"] == "error"
    assert "cut does not load" in entry["sentence"]
    result.stdout.fnmatch_lines(["growth/reproduces: ERROR"])
    result.stdout.no_fnmatch_line("*Traceback*")


SMALL = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "image_size": 16,
    "patch_size": 8,
}
VIDEOMAE = SMALL | {
    "num_frames": 4,
    "decoder_hidden_size": 16,
    "decoder_num_hidden_layers": 1,
    "decoder_num_attention_heads": 2,
    "decoder_intermediate_size": 32,
}
ENCODER = {name: value for name, value in SMALL.items() if name != "patch_size"} | {"tubelet_size": [2, 8, 8]}


def saved(folder, name, config, settings):
    """A folder as `save_pretrained` of a class of transformers writes it: weights and configuration."""
    import transformers
    from transformers.utils import logging

    logging.disable_progress_bar()
    model = getattr(transformers, name)(getattr(transformers, config)(**settings))
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text("{}")
    return folder


@pytest.mark.parametrize(
    ("name", "config", "settings", "model_type"),
    [
        ("VideoMAEForVideoClassification", "VideoMAEConfig", VIDEOMAE, "videomae"),
        ("VideoMAEForPreTraining", "VideoMAEConfig", VIDEOMAE, "videomae"),
        ("ViTForImageClassification", "ViTConfig", SMALL, "vit"),
    ],
)
def test_another_architecture_is_one_error_before_any_clip_is_read(
    on_models, tmp_path, name, config, settings, model_type
):
    folder = saved(tmp_path / "other", name, config, settings)
    clips = shutil.copytree(on_models.world.pairs.parent, tmp_path / "clips")
    for clip in clips.glob("*.mp4"):
        clip.write_bytes(b"")  # a run that looked at one would say so
    line = refused(on_models, f"--circuit-model={folder}", f"--circuit-pairs={clips / 'pairs.toml'}")
    assert f"its model_type is '{model_type}' (saved from {name})" in line
    assert "the known architectures are vivit (VivitForVideoClassification)" in line
    assert line.endswith("; docs/how-to/architecture.md says how to describe another")


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({}, "its model_type is None, and the known architectures are vivit"),
        ({"model_type": 7, "architectures": "all"}, "its model_type is 7, and"),
        ({"model_type": ["vivit"]}, r"its model_type is \['vivit'\], and"),
        ({"model_type": "vivid"}, r"its model_type is 'vivid'.*\(did you mean vivit\?\)"),
        ([], "holds a list, not a JSON object"),
    ],
)
def test_a_configuration_of_nonsense_is_one_error(on_models, tmp_path, config, said):
    folder = shutil.copytree(on_models.world.model, tmp_path / "nonsense")
    (folder / "config.json").write_text(json.dumps(config))
    assert re.search(said, refused(on_models, *on_models.options(folder)))


def test_a_model_that_was_only_pre_trained_is_one_error(on_models, tmp_path):
    folder = saved(tmp_path / "encoder", "VivitModel", "VivitConfig", ENCODER)
    line = refused(on_models, *on_models.options(folder))
    assert "its weights have no classifier.weight" in line
    assert line.endswith("; pass a checkpoint that was fine-tuned to classify videos")


def test_weights_that_are_no_safetensors_are_one_error(on_models, tmp_path):
    folder = shutil.copytree(on_models.world.model, tmp_path / "no-weights")
    (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1")
    assert "model.safetensors is no safetensors file" in refused(on_models, *on_models.options(folder))


def test_another_architecture_costs_no_heavy_import(on_models, tmp_path):
    folder = shutil.copytree(on_models.world.model, tmp_path / "other")
    (folder / "config.json").write_text(json.dumps({"model_type": "videomae"}))
    on_models.folder.joinpath("conftest.py").write_text(TELLS_MODULES)
    refused(on_models, *on_models.options(folder), run=on_models.spawn)
    imported = set((on_models.pytester.path / "modules.txt").read_text().split())
    assert imported & HEAVY == set()


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_is_not_there(on_models, monkeypatch, device):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    line = refused(on_models, *on_models.options(), f"--circuit-device={device}")
    assert re.search(
        f"--circuit-device {device}: torch finds none here .* --circuit-device auto or cpu", line
    )
