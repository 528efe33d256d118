"""A model's files: where they are, whether they are fit to load, and what identifies them. Imports no torch.

Only safetensors are read: a pickle runs code of whoever wrote it. Without a network one message says at once
which files are wanted and how to pass them; nothing is retried for minutes.
"""

from __future__ import annotations

import hashlib
import json
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from circuit_claims.clips.remote import silently
from circuit_claims.models.architectures import check_architecture, check_head
from circuit_claims.models.source import ModelError, ModelSource

CONFIG = "config.json"
PREPROCESSOR = "preprocessor_config.json"
WEIGHTS = "model.safetensors"
SHARDS = "model.safetensors.index.json"
REACH_S = 5.0
"""Seconds to wait for an answer of the hub."""


def locate(source: ModelSource) -> Path:
    """The folder that holds the files of a source, downloaded once if the hub has them. Raises ModelError."""
    if isinstance(source.location, Path):
        return _folder(source.name, source.location)
    if source.location is None:
        raise ModelError(source.name, "it is built in memory and has no files")
    return _snapshot(source.name, source.location, source.revision)


def check_available(source: ModelSource) -> None:
    """Check that a model is here, or that the hub would give it, and that it can be read.

    No weights are downloaded or loaded: of those that are here only the names are read.

    Raises:
        ModelError: it is not in the folder or cache, and the hub cannot be reached or has none; its
            architecture is none of the known ones, or it has no head that classifies.
    """
    if source.location is None:
        return
    if isinstance(source.location, Path):
        if (source.location / CONFIG).is_file():  # before what else another architecture's folder lacks
            check_architecture(source.name, read_json(source.name, source.location / CONFIG))
        found: Path | None = _folder(source.name, source.location)
    else:
        found = _download(source.location, source.revision, local_only=True)
    if found is None:
        _check_on_the_hub(source.name, str(source.location), source.revision)
        return
    known = check_architecture(source.name, read_json(source.name, found / CONFIG))
    check_head(source.name, known, weight_files(source.name, found))


def fingerprint(source: ModelSource) -> str:
    """A sha256 over configuration, weights and preprocessing, and the seed of replaced weights.

    The same files under another path, or at another revision, have the same fingerprint. Fresh weights
    (`random:`) depend on the configuration and the seed alone, so that models of one architecture share
    them.
    """
    digest = hashlib.sha256()
    fresh = source.reinit is not None and source.reinit[0] == "random"
    if source.build is not None:
        built = source.architecture if fresh and source.architecture else source.build_fingerprint
        digest.update(f"built\0{built}\0".encode())
        digest.update(json.dumps(source.preprocessor, sort_keys=True, default=str).encode())
    else:
        folder = locate(source)
        weights = [] if fresh else weight_files(source.name, folder)
        for path in (folder / CONFIG, *weights, folder / PREPROCESSOR):
            digest.update(f"{path.name}\0".encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    if source.reinit is not None:
        digest.update("\0{}#{}".format(*source.reinit).encode())
    return digest.hexdigest()


def read_json(name: str, path: Path) -> dict[str, Any]:
    """One of the configuration files as a dict. Raises ModelError where it is not a JSON object."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(name, f"{path} is not readable JSON ({error})", "save it again") from error
    if not isinstance(value, dict):
        raise ModelError(name, f"{path} holds a {type(value).__name__}, not a JSON object", "save it again")
    return value


def weight_files(name: str, folder: Path) -> list[Path]:
    """The safetensors files of a folder, in order. Raises ModelError where a shard is missing."""
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    index = read_json(name, folder / SHARDS)
    shards = [folder / shard for shard in sorted(set(index.get("weight_map", {}).values()))]
    missing = [shard.name for shard in shards if not shard.is_file()]
    if missing or not shards:
        raise ModelError(name, f"{folder} lacks {', '.join(missing) or 'every shard'} that {SHARDS} names")
    return shards


def _folder(name: str, folder: Path) -> Path:
    if not folder.is_dir():
        raise ModelError(name, *_no_folder(folder))
    if not (folder / CONFIG).is_file():
        raise ModelError(
            name, f"{folder} has no {CONFIG}", "pass the folder that model.save_pretrained(...) wrote"
        )
    if not (folder / WEIGHTS).is_file() and not (folder / SHARDS).is_file():
        raise ModelError(name, *_no_safetensors(sorted(path.name for path in folder.iterdir())))
    if not (folder / PREPROCESSOR).is_file():
        raise ModelError(
            name,
            f"{folder} has no {PREPROCESSOR}, and pixels in another range than the model was trained on "
            "give other numbers without a warning",
            "save it beside the weights: VivitImageProcessor(...).save_pretrained(folder)",
        )
    return folder


def _no_folder(folder: Path) -> tuple[str, str]:
    if folder.exists():
        return f"{folder} is a file", "pass the folder with config.json and model.safetensors"
    siblings = [path.name for path in folder.parent.iterdir()] if folder.parent.is_dir() else []
    near = get_close_matches(folder.name, siblings, n=3)
    return (
        f"there is no folder {folder}",
        f"did you mean {' or '.join(str(folder.parent / match) for match in near)}?"
        if near
        else "check the path",
    )


def _no_safetensors(names: list[str]) -> tuple[str, str]:
    pickles = [name for name in names if name.endswith((".bin", ".pt", ".pth", ".ckpt", ".pkl"))]
    if pickles:
        return (
            f"its weights are a pickle only ({', '.join(pickles)}), which can run code when it is read",
            "where you trust it, convert it once: VivitForVideoClassification.from_pretrained(FROM)"
            ".save_pretrained(FOLDER) writes model.safetensors",
        )
    return f"no {WEIGHTS} among its files", "pass the folder that model.save_pretrained(...) wrote"


def _snapshot(name: str, hub_name: str, revision: str | None) -> Path:
    """The files of a hub name: from the local cache when they are there, else over the network."""
    cached = _download(hub_name, revision, local_only=True)
    if cached is not None:
        return cached
    _reach_the_hub(name, hub_name, revision)
    try:
        found = _download(hub_name, revision, local_only=False)
    except Exception as error:  # the connection broke, the disk is full: the same advice holds
        raise ModelError(name, *_offline(hub_name, revision, error)) from error
    if found is None:
        raise ModelError(name, *_no_safetensors(_hub_files(hub_name, revision)))
    return _folder(name, found)


def _download(hub_name: str, revision: str | None, *, local_only: bool) -> Path | None:
    """Configuration, preprocessing and weights; None when the weights are not there as safetensors."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    def fetch(file: str) -> Path | None:
        try:
            path = hf_hub_download(
                hub_name,
                file,
                revision=revision,
                local_files_only=local_only,
                etag_timeout=REACH_S,
                **silently(),
            )
        except LocalEntryNotFoundError:
            if local_only:
                return None
            raise
        except EntryNotFoundError:
            return None
        return Path(path)

    config = fetch(CONFIG)
    if config is None or fetch(PREPROCESSOR) is None:
        return None if local_only or config is None else config.parent
    if fetch(WEIGHTS) is not None:
        return config.parent
    index = fetch(SHARDS)
    if index is None:
        return None
    shards = set(read_json(hub_name, index).get("weight_map", {}).values())
    return config.parent if all(fetch(shard) is not None for shard in sorted(shards)) else None


def _check_on_the_hub(name: str, hub_name: str, revision: str | None) -> None:
    """Ask the hub for a model's config.json, and for nothing else of it. Raises ModelError."""
    from huggingface_hub import hf_hub_download

    _reach_the_hub(name, hub_name, revision)
    try:
        path = hf_hub_download(hub_name, CONFIG, revision=revision, etag_timeout=REACH_S, **silently())
    except Exception as error:  # the connection broke, the disk is full: the same advice holds
        raise ModelError(name, *_offline(hub_name, revision, error)) from error
    check_architecture(name, read_json(name, Path(path)))


def _reach_the_hub(name: str, hub_name: str, revision: str | None) -> None:
    """Ask the hub one thing, once: a download would be retried for 23 s when there is no network."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import EntryNotFoundError, RepositoryNotFoundError, RevisionNotFoundError

    try:
        get_hf_file_metadata(hf_hub_url(hub_name, CONFIG, revision=revision), timeout=REACH_S)
    except (RepositoryNotFoundError, RevisionNotFoundError, EntryNotFoundError) as error:
        at = f" at revision {revision}" if revision else ""
        raise ModelError(
            name,
            f"the hub gives no {CONFIG} of {hub_name}{at} ({type(error).__name__})",
            "check the name and the revision; for a private or gated model run `hf auth login`",
        ) from error
    except Exception as error:  # whatever the transport raises, offline mode included: no answer
        raise ModelError(name, *_offline(hub_name, revision, error)) from error


def _offline(hub_name: str, revision: str | None, error: Exception) -> tuple[str, str]:
    at = f" --revision {revision}" if revision else ""
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return (
        f"it is not in the local cache and the hub cannot be reached ({reason})",
        f"where there is a network run `hf download {hub_name}{at} {CONFIG} {PREPROCESSOR} {WEIGHTS} "
        "--local-dir FOLDER`, and pass FOLDER in place of the name",
    )


def _hub_files(hub_name: str, revision: str | None) -> list[str]:
    from huggingface_hub import HfApi

    try:
        return HfApi().list_repo_files(hub_name, revision=revision)
    except Exception:  # only to say more in an error that is raised anyway
        return []
