"""Clips on the Hugging Face hub: ``hf://datasets/OWNER/NAME/clip.mp4``, at a commit, kept in its cache.

A clip is downloaded once and then read from the cache, with a network or without. When it is neither there
nor to be had, one message says at once what to download where; nothing is retried for minutes.
"""

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

SCHEME = "hf://"
OTHER_SCHEMES = ("http://", "https://", "s3://", "gs://", "ftp://", "file://")
REACH_S = 5.0
"""Seconds to wait for an answer of the hub."""

_NAME = r"[A-Za-z0-9][\w.-]*"
_URI = re.compile(rf"hf://datasets/({_NAME}/{_NAME})(?:@([^/\s]+))?/([^\s@][^\n]*)")


class RemoteError(Exception):
    """A clip of the hub that cannot be had: what is wrong; what to do."""


@dataclass(frozen=True)
class RemoteClip:
    """A file of a dataset on the hub, at a commit."""

    repository: str
    """``OWNER/NAME`` of the dataset."""
    file: str
    """The path in the dataset."""
    revision: str
    """The commit, 40 hexadecimal digits: branches and tags move."""

    @classmethod
    def parse(cls, uri: str, revision: str) -> "RemoteClip":
        """Read a clip as a manifest names it. Raises RemoteError for another form, or no commit."""
        repository, file, _ = split(uri)
        if not re.fullmatch(r"[0-9a-f]{40}", revision):
            raise RemoteError(
                f"its revision {revision!r:.60} is no commit (40 hexadecimal digits), and anything else "
                "moves; `circuit-claims pair add` pins it"
            )
        return cls(repository, file, revision)

    @property
    def cached(self) -> Path:
        """Where the hub's cache keeps it, whether it is there or not."""
        from huggingface_hub import constants
        from huggingface_hub.file_download import repo_folder_name

        folder = repo_folder_name(repo_id=self.repository, repo_type="dataset")
        return Path(constants.HF_HUB_CACHE) / folder / "snapshots" / self.revision / self.file

    def fetch(self) -> Path:
        """Download the file unless the cache has it; return its place there. Raises RemoteError."""
        if self.cached.is_file():
            return self.cached
        _ask(self.repository, self.file, self.revision)
        from huggingface_hub import hf_hub_download

        try:
            found = hf_hub_download(
                self.repository,
                self.file,
                repo_type="dataset",
                revision=self.revision,
                etag_timeout=REACH_S,
                **silently(),
            )
        except Exception as error:  # the connection broke, the disk is full: the same advice holds
            raise RemoteError(_offline(self.repository, self.file, self.revision, error)) from error
        return Path(found)


def silently() -> dict[str, Any]:
    """What a download is asked so that it draws no bar; huggingface_hub before 1.0 cannot be asked."""
    from inspect import signature

    from huggingface_hub import hf_hub_download
    from tqdm import tqdm  # type: ignore[import-untyped]

    class Silent(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **{**kwargs, "disable": True})

    return {"tqdm_class": Silent} if "tqdm_class" in signature(hf_hub_download).parameters else {}


def split(uri: str) -> tuple[str, str, str | None]:
    """Return dataset, path in it, and the revision after ``@`` if one is named. Raises RemoteError."""
    match = _URI.fullmatch(uri)
    if match is None or ".." in PurePosixPath(match[3]).parts:
        raise RemoteError(f"{uri!r:.120} is no clip on the hub; write hf://datasets/OWNER/NAME/path.mp4")
    return match[1], match[3], match[2]


def pinned(uri: str) -> RemoteClip:
    """Ask the hub which commit a clip's revision (``main`` if none is named) is now.

    Without a network the cache's answer stands. Raises RemoteError where it has none.
    """
    repository, file, revision = split(uri)
    if revision and re.fullmatch(r"[0-9a-f]{40}", revision):
        return RemoteClip(repository, file, revision)
    try:
        commit = _ask(repository, file, revision).commit_hash
    except RemoteError:
        commit = _cached_commit(repository, file, revision)
        if commit is None:
            raise
    if not commit or not re.fullmatch(r"[0-9a-f]{40}", commit):
        raise RemoteError(f"the hub names no commit for {uri}; name one: hf://datasets/OWNER/NAME@COMMIT/...")
    return RemoteClip(repository, file, commit)


def _cached_commit(repository: str, file: str, revision: str | None) -> str | None:
    """The commit that a branch or tag was when the file was last downloaded."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(repository, file, revision=revision or "main", repo_type="dataset")
    if not isinstance(found, str):
        return None
    return Path(found).parents[len(PurePosixPath(file).parts) - 1].name


def _ask(repository: str, file: str, revision: str | None) -> Any:
    """Ask the hub one thing, once: a download would be retried for 23 s when there is no network."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import EntryNotFoundError, RepositoryNotFoundError, RevisionNotFoundError

    try:
        url = hf_hub_url(repository, file, repo_type="dataset", revision=revision)
        return get_hf_file_metadata(url, timeout=REACH_S)
    except (RepositoryNotFoundError, RevisionNotFoundError, EntryNotFoundError) as error:
        at = f" at revision {revision}" if revision else ""
        raise RemoteError(
            f"the hub has no {file} in the dataset {repository}{at} ({type(error).__name__}); check the name "
            "and the revision; for a private or gated dataset run `hf auth login`"
        ) from error
    except Exception as error:  # whatever the transport raises, offline mode included: no answer
        raise RemoteError(_offline(repository, file, revision, error)) from error


def _offline(repository: str, file: str, revision: str | None, error: Exception) -> str:
    at = f" --revision {revision}" if revision else ""
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return (
        f"{file} of the dataset {repository} is not in the local cache and the hub cannot be reached "
        f"({reason}); where there is a network run `hf download --repo-type dataset {repository} {file}{at}` "
        "and bring the cache here (HF_HOME names it), or download it into a folder and name the file instead"
    )


def require_no_other_scheme(named: str) -> None:
    """Refuse a clip by a URL that is not the hub's. Raises RemoteError, which says what to do."""
    if named.lower().startswith(OTHER_SCHEMES):
        raise RemoteError(
            f"{named:.120}: a clip is a file, or lies on the hub (hf://datasets/OWNER/NAME/path.mp4); "
            "download it, and name the file"
        )
