"""Files of a model: what identifies them, and what is refused before anything is loaded."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hub import NOWHERE, hub, reach

from circuit_claims.models.checkpoint import check_available, fingerprint, locate
from circuit_claims.models.source import ModelError, ModelSource, parse_source

HUB = "someone/tiny-vivit"


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub, and a hub that cannot be reached."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    reach(monkeypatch, NOWHERE)
    return tmp_path / "hub"


def put_in_cache(cache: Path, folder: Path, revision: str = "main") -> Path:
    commit = "0123456789abcdef0123456789abcdef01234567"
    repo = cache / "models--someone--tiny-vivit"
    (repo / "refs" / revision).parent.mkdir(parents=True)
    (repo / "refs" / revision).write_text(commit)
    return Path(shutil.copytree(folder, repo / "snapshots" / commit))


def of(folder: Path, **changes: Any) -> str:
    return fingerprint(replace(ModelSource(name="x", location=folder), **changes))


def test_the_same_files_elsewhere_are_the_same_model(checkpoint: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(checkpoint, tmp_path / "elsewhere"))
    assert of(copy) == of(checkpoint)
    assert of(copy, name="another name") == of(checkpoint)


@pytest.mark.parametrize("file", ["config.json", "model.safetensors", "preprocessor_config.json"])
def test_a_byte_in_any_file_is_another_model(checkpoint: Path, file: str) -> None:
    before = of(checkpoint)
    data = bytearray((checkpoint / file).read_bytes())
    data[-2] ^= 1
    (checkpoint / file).write_bytes(data)
    assert of(checkpoint) != before


def test_replaced_weights_are_another_model_for_each_kind_and_seed(checkpoint: Path) -> None:
    kinds = [None, ("random", 1), ("random", 2), ("shuffled", 1), ("shuffled", 12)]
    assert len({of(checkpoint, reinit=kind) for kind in kinds}) == len(kinds)


def test_a_built_model_is_known_by_what_it_is_built_from() -> None:
    def built(text: str, **changes: Any) -> str:
        return fingerprint(ModelSource(name="x", build=lambda: None, build_fingerprint=text, **changes))

    assert built("late v1") == built("late v1")
    assert built("late v1") != built("late v2")
    assert built("late v1") != built("late v1", preprocessor={"do_normalize": True})


def test_shards_belong_to_the_model(vivit: Callable[..., Any], saved: Callable[..., Path]) -> None:
    folder = saved(vivit(), max_shard_size="20KB")
    shards = sorted(folder.glob("model-*.safetensors"))
    assert len(shards) > 1
    before = of(folder)
    shards[-1].write_bytes(shards[-1].read_bytes() + b" ")
    assert of(folder) != before
    shards[0].unlink()
    with pytest.raises(ModelError, match=f"lacks {shards[0].name}"):
        of(folder)


@pytest.mark.parametrize(
    ("gone", "instead", "said"),
    [
        ("config.json", None, "has no config.json; pass the folder that model.save_pretrained"),
        ("preprocessor_config.json", None, "has no preprocessor_config.json.*save it beside the weights"),
        ("model.safetensors", None, "no model.safetensors among its files"),
        ("model.safetensors", "pytorch_model.bin", r"a pickle only \(pytorch_model.bin\).*convert it once"),
        ("model.safetensors", "weights.pt", r"a pickle only \(weights.pt\)"),
    ],
)
def test_a_folder_that_lacks_a_file_is_told_which(
    checkpoint: Path, gone: str, instead: str | None, said: str
) -> None:
    (checkpoint / gone).unlink()
    if instead:
        (checkpoint / instead).write_bytes(b"\x80\x04.")
    with pytest.raises(ModelError, match=said):
        locate(ModelSource(name="mine", location=checkpoint))


def test_a_folder_that_is_not_there_is_told_what_is(checkpoint: Path) -> None:
    with pytest.raises(ModelError, match=r"there is no folder .*; did you mean .*checkpoint\?"):
        locate(parse_source(str(checkpoint.parent / "chekpoint")))
    with pytest.raises(ModelError, match="is a file"):
        locate(parse_source(str(checkpoint / "config.json")))


def test_without_a_network_one_message_says_at_once_what_to_download(
    hub_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)  # what a retry begins with
    with pytest.raises(ModelError) as error:
        locate(parse_source(f"{HUB}@refs/pr/3"))
    assert waits == []
    said = str(error.value)
    assert "cannot be reached" in said
    assert "hf download someone/tiny-vivit --revision refs/pr/3 config.json preprocessor_config.json" in said
    assert "\n" not in said


def test_offline_mode_is_believed(hub_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="it is not in the local cache"):
        locate(parse_source(HUB))


def test_a_model_in_the_local_cache_needs_no_network(checkpoint: Path, hub_cache: Path) -> None:
    snapshot = put_in_cache(hub_cache, checkpoint)
    assert locate(parse_source(HUB)) == snapshot
    assert fingerprint(parse_source(HUB)) == of(checkpoint)


def test_a_revision_in_the_cache_is_not_another_revision(checkpoint: Path, hub_cache: Path) -> None:
    snapshot = put_in_cache(hub_cache, checkpoint, revision="v2")
    assert locate(parse_source(f"{HUB}@v2")) == snapshot
    with pytest.raises(ModelError, match="not in the local cache"):
        locate(parse_source(HUB))


def test_a_cache_with_half_of_a_model_is_not_taken_for_the_whole(checkpoint: Path, hub_cache: Path) -> None:
    (put_in_cache(hub_cache, checkpoint) / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="not in the local cache"):
        locate(parse_source(HUB))


@pytest.mark.parametrize("model_type", ["vivit", "videomae"])
def test_of_a_model_on_the_hub_only_the_configuration_is_asked_for(
    checkpoint: Path, hub_cache: Path, monkeypatch: pytest.MonkeyPatch, model_type: str
) -> None:
    config = json.loads((checkpoint / "config.json").read_text())
    (checkpoint / "config.json").write_text(json.dumps({**config, "model_type": model_type}))
    with hub() as stand_in:
        stand_in.give(HUB, checkpoint)
        reach(monkeypatch, stand_in.url)
        if model_type == "vivit":
            check_available(parse_source(HUB))
        else:
            with pytest.raises(ModelError, match=r"someone/tiny-vivit: its model_type is 'videomae'"):
                check_available(parse_source(HUB))
    assert {asked.rpartition("/")[2] for asked in stand_in.asked} == {"config.json"}


def test_a_model_in_the_cache_is_looked_at_without_a_network(checkpoint: Path, hub_cache: Path) -> None:
    snapshot = put_in_cache(hub_cache, checkpoint)
    check_available(parse_source(HUB))
    (snapshot / "config.json").write_text('{"model_type": "videomae"}')
    with pytest.raises(ModelError, match="its model_type is 'videomae'"):
        check_available(parse_source(HUB))
