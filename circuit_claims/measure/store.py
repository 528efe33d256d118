"""Every measurement on disk, keyed by everything that it depends on. JSON only; imports no torch.

The key of an entry is the sha256 of its fields as canonical JSON: weights, clips, sampling, method,
precision, batch plan, device, versions, and the source code that measures. A change of any is another key, so
a broken hook or another version of transformers is never judged from old numbers.

An entry is one JSON object in a file: its fields, the hash of its payload's text, and on a line of its own
the payload. Reading one is a comparison of bytes and a hash, because a warm run reads thousands.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from circuit_claims.files import write_whole

FORMAT = 2
"""Of an entry's file. A change makes every older entry a miss."""
DEPENDENCIES = ("torch", "transformers", "decord2", "av", "numpy")


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
        try:
            raw = None if path is None else path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            raw = None
        except OSError as error:
            raw = None
            self._problem(f"{path}: it cannot be read ({error}); it is measured again and replaced")
        payload = None if raw is None else self._payload(raw, fields)
        self.hits += payload is not None
        self.misses += payload is None
        return payload

    def put(self, fields: Mapping[str, Any], payload: Any) -> None:
        """Keep a measurement (JSON, not None, no NaN). An entry that is there is replaced whole."""
        if payload is None:
            raise ValueError("None stands for a miss and cannot be kept")
        body = _canonical(payload)
        path = self.path(fields)
        if path is None:
            return
        with self._lock(path, wait=True):
            try:  # not forced onto the disk, which takes as long as a measurement: a cut entry lacks its hash
                write_whole(path, f'{_head(fields)}{_sha256(body)}"\n,"payload":{body}}}\n')
            except OSError as error:
                self._problem(f"{path}: not kept ({error}); free space, or name another folder")

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
            self._problem(f"{path.parent}: cannot be locked ({error}); measured without a lock")
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

    def _payload(self, raw: bytes, fields: Mapping[str, Any]) -> Any | None:
        """The payload of an entry's bytes, where they are those that were written under these fields."""
        head = _head(fields).encode()
        payload, wrong = read_payload(raw) if raw.startswith(head) else (None, _what_is_wrong(raw, fields))
        if wrong:
            self._problem(f"{self.path(fields)}: {wrong}; it is measured again and replaced")
        return payload

    def _problem(self, sentence: str) -> None:
        """Keep what went wrong, once: an entry is looked for more than once in a run."""
        if sentence not in self.problems:
            self.problems.append(sentence)


def key_of(fields: Mapping[str, Any]) -> str:
    """The key of an entry: sha256 of its fields as canonical JSON. Raises ValueError for NaN."""
    return _sha256(_canonical(fields))


def versions() -> dict[str, str]:
    """The versions of the libraries that a number depends on, asked without importing them."""
    return {name: _version(name) for name in DEPENDENCIES}


@functools.cache
def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "absent"


def read_payload(raw: bytes) -> tuple[Any, str]:
    """The payload of an entry's bytes, and what is wrong with them (nothing: an empty string)."""
    head, _, rest = raw.partition(b"\n")
    if not rest.startswith(_BODY) or not rest.endswith(b"}\n"):
        return None, "it cannot be read (it is cut off, or no entry of a store)"
    body = rest[len(_BODY) : -2]
    if not head.endswith(f'"{hashlib.sha256(body).hexdigest()}"'.encode()):
        return None, "its numbers are not those that were written"
    try:
        return json.loads(body), ""
    except ValueError as error:
        return None, f"it cannot be read ({type(error).__name__}: {error})"


def read_fields(raw: bytes) -> dict[str, Any]:
    """The fields of an entry's bytes. Raises ValueError where they are not an entry's in this format."""
    try:
        entry = json.loads(raw.partition(b"\n")[0] + b"}")
        known, fields = entry["format"], entry["fields"]
    except (ValueError, KeyError, TypeError):
        known, fields = _format_of_another(raw), None
    if known != FORMAT:
        raise ValueError(f"its format is {known}, not {FORMAT}")
    if not isinstance(fields, dict):
        raise ValueError("it cannot be read (it names no fields)")
    return fields


def _format_of_another(raw: bytes) -> Any:
    """The format that bytes name which are no entry of this one. Raises ValueError where they name none."""
    try:
        return json.loads(raw)["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"it cannot be read ({type(error).__name__}: {error})") from None


def _what_is_wrong(raw: bytes, fields: Mapping[str, Any]) -> str:
    """Why bytes do not begin as the entry of these fields does."""
    try:
        other = read_fields(raw)
    except ValueError as error:
        return str(error)
    same = _canonical(other) == _canonical(fields)
    return "it cannot be read (spoilt)" if same else "its fields are not those of its key"


_BODY = b',"payload":'


def _head(fields: Mapping[str, Any]) -> str:
    """How an entry begins, up to the hash of its payload."""
    return f'{{"fields":{_canonical(fields)},"format":{FORMAT},"sha256":"'


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=True)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
