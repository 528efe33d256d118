"""Every measurement on disk, keyed by everything that it depends on. JSON only; imports no torch.

The key of an entry is the sha256 of its fields as canonical JSON: weights, clips, sampling, method,
precision, batch plan, device, versions, and the source code that measures. A change of any is another key, so
a broken hook or another version of transformers is never judged from old numbers. An entry holds its fields.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

FORMAT = 1
"""Of an entry's file. A change makes every older entry a miss."""
DEPENDENCIES = ("torch", "transformers", "decord2", "numpy")


class Store:
    """A folder of measurements; `Store(None)` keeps nothing.

    What goes wrong with a file is a miss and a sentence in `problems`, never a reason to stop measuring.
    """

    def __init__(self, folder: Path | str | None) -> None:
        self.folder = None if folder is None else Path(folder)
        self.problems: list[str] = []
        self.hits = 0
        self.misses = 0

    def get(self, fields: Mapping[str, Any]) -> Any | None:
        """The measurement that was made under exactly these fields, or None."""
        path = self.path(fields)
        payload = None if path is None or not path.is_file() else self._read(path, fields)
        self.hits += payload is not None
        self.misses += payload is None
        return payload

    def put(self, fields: Mapping[str, Any], payload: Any) -> None:
        """Keep a measurement (JSON, not None, no NaN). An entry that is there is replaced whole."""
        if payload is None:
            raise ValueError("None stands for a miss and cannot be kept")
        body = _canonical({"payload": payload})
        path = self.path(fields)
        if path is None:
            return
        entry = {"format": FORMAT, "fields": fields, "sha256": _sha256(body), "payload": payload}
        with self._lock(path, wait=True):
            try:
                _write_atomically(path, json.dumps(entry, indent=1, sort_keys=True, allow_nan=False))
            except OSError as error:
                self.problems.append(f"{path}: not kept ({error}); free space, or name another folder")

    def once(self, fields: Mapping[str, Any], measure: Callable[[], Any], *, wait: bool = True) -> Any:
        """The stored measurement, or else `measure()`, kept. Processes that ask at once measure it once.

        With `wait=False` the answer is None while another process measures it: do another one, and ask again.
        """
        path = self.path(fields)
        if path is None:
            return measure()
        with self._lock(path, wait=wait) as held:
            if not held:
                return None
            found = self.get(fields)
            if found is None:
                found = measure()
                self.put(fields, found)
        return found

    @contextlib.contextmanager
    def _lock(self, path: Path, *, wait: bool) -> Iterator[bool]:
        """Hold an entry against other processes; False where another holds it. A dead process lets go."""
        from filelock import FileLock, Timeout

        lock = FileLock(path.with_suffix(".lock"), is_singleton=True)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=-1 if wait else 0)
        except Timeout:
            yield False
            return
        except OSError as error:
            self.problems.append(f"{path.parent}: cannot be locked ({error}); measured without a lock")
            yield True
            return
        try:
            yield True
        finally:
            lock.release()

    def path(self, fields: Mapping[str, Any]) -> Path | None:
        """The file of an entry, whether it is there or not; None when nothing is kept."""
        key = key_of(fields)
        return None if self.folder is None else self.folder / key[:2] / f"{key}.json"

    def _read(self, path: Path, fields: Mapping[str, Any]) -> Any | None:
        try:
            entry = json.loads(path.read_text(encoding="utf-8"))
            body = _canonical({"payload": entry["payload"]})
            wrong = _what_is_wrong(entry, body, fields)
        except (OSError, ValueError, KeyError, TypeError) as error:
            wrong = f"it cannot be read ({type(error).__name__}: {error})"
        if wrong:
            self.problems.append(f"{path}: {wrong}; it is measured again and replaced")
            return None
        return entry["payload"]


def key_of(fields: Mapping[str, Any]) -> str:
    """The key of an entry: sha256 of its fields as canonical JSON. Raises ValueError for NaN."""
    return _sha256(_canonical(fields))


def versions() -> dict[str, str]:
    """The versions of the libraries that a number depends on, asked without importing them."""
    return {name: _version(name) for name in DEPENDENCIES}


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "absent"


def _what_is_wrong(entry: Mapping[str, Any], body: str, fields: Mapping[str, Any]) -> str:
    if entry.get("format") != FORMAT:
        return f"its format is {entry.get('format')}, not {FORMAT}"
    if _canonical(entry["fields"]) != _canonical(fields):
        return "its fields are not those of its key"
    if entry.get("sha256") != _sha256(body):
        return "its numbers are not those that were written"
    return ""


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=True)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _write_atomically(path: Path, text: str) -> None:
    """Readers see the old file or the new one, also after a crash."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem[:8]}-", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
