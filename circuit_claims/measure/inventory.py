"""What a store holds: its entries, what is spoilt among them, and how to be rid of some.

Nothing is removed that a running process holds: each removal takes the entry's own lock first, and leaves it
alone where another process has it, or has written it anew since it was looked at.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from circuit_claims.measure.code_hash import code_hash
from circuit_claims.measure.footage import TIMELINE, timeline_fields
from circuit_claims.measure.store import key_of, read_fields, read_payload, versions

PICTURES = ("figures", "frames")
"""Folders beside the entries: what a page shows, made again at once where it is missing."""
LEFT_AFTER_S = 3600.0
"""Seconds after which a picture that was never finished is no longer being written."""


class StoreError(Exception):
    """A store that cannot be looked at or changed; says what to do."""


@dataclass(frozen=True)
class Entry:
    """A file of a store."""

    path: Path
    size: int
    """Bytes."""
    written: float
    """When, in seconds since 1970."""
    fields: dict[str, Any] = field(default_factory=dict)
    """What it was measured from; empty where that cannot be read, and of pictures."""
    wrong: str = ""
    """Why it cannot be used: spoilt, or in another format."""

    @property
    def measurement(self) -> str:
        """What was measured (`per_pair.sweep`), or what else it is."""
        if self.path.parent.name in PICTURES:
            return self.path.parent.name
        if self.path.suffix == ".tmp":
            return "never finished"
        return str(self.fields.get("measurement", "unreadable"))

    @property
    def current(self) -> bool:
        """Whether a run of the code and the libraries that are installed here could still read it."""
        if not self.fields:
            return self.path.parent.name in PICTURES
        if self.measurement == TIMELINE:
            return self.fields == timeline_fields(self.fields["clips"][0])
        try:
            code = code_hash(f"measure.{self.measurement.split('.')[0]}")
        except FileNotFoundError:
            return False
        return self.fields.get("code") == code and self.fields.get("versions") == versions()


def entries(folder: Path, *, whole: bool = False) -> list[Entry]:
    """All entries, oldest first, and what was never finished; with `whole`, every number is checked.

    Raises:
        StoreError: there is no such folder, it cannot be read, or it is no store.
    """
    if not folder.is_dir():
        raise StoreError(
            f"{folder}: there is no store here; name its folder with --circuit-cache, "
            "or measure something first (`pytest claims/`)"
        )
    try:
        found = [
            entry
            for path in folder.glob("*/*")
            if path.is_file() and _belongs(path) and (entry := _look(path, whole)) is not None
        ]
    except OSError as error:
        raise StoreError(f"{folder}: it cannot be read ({error}); check who may read it") from None
    if not found and any(folder.iterdir()):
        raise StoreError(f"{folder}: it holds no measurements, but other things; name the folder of a store")
    return sorted(found, key=lambda entry: (entry.written, entry.path))


def remove(chosen: Sequence[Entry]) -> tuple[list[Entry], list[Entry]]:
    """Remove entries; returns what is gone, and what was left because a process holds it or wrote it anew.

    Raises:
        StoreError: a file may not be removed.
    """
    gone: list[Entry] = []
    left: list[Entry] = []
    for entry in chosen:
        try:
            (gone if _removed(entry) else left).append(entry)
        except OSError as error:
            raise StoreError(
                f"{entry.path}: it cannot be removed ({error}); check who may write to the folder"
            ) from None
    return gone, left


def surplus(found: Sequence[Entry], size: int) -> list[Entry]:
    """The oldest entries, so many that what stays is no larger than `size` bytes."""
    total = sum(entry.size for entry in found)
    chosen = []
    for entry in sorted(found, key=lambda entry: entry.written):
        if total <= size:
            break
        total -= entry.size
        chosen.append(entry)
    return chosen


def older_than(seconds: float) -> Callable[[Entry], bool]:
    """Whether an entry was written longer ago than this."""
    now = time.time()
    return lambda entry: now - entry.written > seconds


def spoilt(entry: Entry) -> bool:
    """Whether an entry is of no use to anyone: damaged, or never finished."""
    return bool(entry.wrong) or (entry.path.suffix == ".tmp")


def _belongs(path: Path) -> bool:
    """Whether a file is a store's: an entry, one that was never finished, or a picture; not a lock."""
    if path.parent.name in PICTURES:
        return True
    return len(path.parent.name) == 2 and (path.suffix in (".json", ".tmp"))


def _look(path: Path, whole: bool) -> Entry | None:
    """One file; None where it is gone since it was listed."""
    try:
        status = path.stat()
        entry = Entry(path, status.st_size, status.st_mtime)
        if path.parent.name in PICTURES:
            unfinished = path.name.startswith(".") and time.time() - status.st_mtime > LEFT_AFTER_S
            return Entry(path, status.st_size, status.st_mtime, {}, "never finished" if unfinished else "")
        if path.suffix == ".tmp":
            return entry
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        fields = read_fields(raw)
    except ValueError as error:
        return Entry(path, entry.size, entry.written, {}, str(error))
    wrong = "" if key_of(fields) == path.stem else "its fields are not those of its key"
    if whole and not wrong:
        _, wrong = read_payload(raw)
    return Entry(path, entry.size, entry.written, fields, wrong)


def _removed(entry: Entry) -> bool:
    if entry.path.parent.name in PICTURES:
        entry.path.unlink(missing_ok=True)
        return True
    from filelock import FileLock, Timeout

    lock = FileLock(_lock_of(entry.path))
    try:
        with lock.acquire(timeout=0):
            if entry.path.exists() and entry.path.stat().st_mtime != entry.written:
                return False
            entry.path.unlink(missing_ok=True)
            if not entry.path.with_name(f"{_key(entry.path)}.json").exists():
                _lock_of(entry.path).unlink(missing_ok=True)
    except Timeout:
        return False
    return True


def _key(path: Path) -> str:
    """The key of an entry's file, or of what a killed process left of one (`.KEY-xxxxxxxx.tmp`)."""
    return path.stem if path.suffix == ".json" else path.name.lstrip(".").partition("-")[0]


def _lock_of(path: Path) -> Path:
    return path.with_name(f"{_key(path)}.lock")


def by_kind(found: Sequence[Entry], named: Callable[[str], str]) -> Iterator[tuple[str, str, list[Entry]]]:
    """Entries by model and measurement, as `named` calls a fingerprint of weights."""
    groups: dict[tuple[str, str], list[Entry]] = {}
    for entry in found:
        weights = str(entry.fields.get("weights", ""))
        groups.setdefault((named(weights) if weights else "-", entry.measurement), []).append(entry)
    for (model, measurement), mine in sorted(groups.items()):
        yield model, measurement, mine
