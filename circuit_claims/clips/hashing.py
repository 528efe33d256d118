"""What a file is, whatever its name: the SHA-256 of its bytes."""

import hashlib
import os
from functools import lru_cache
from pathlib import Path


def file_sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes, 64 hexadecimal digits.

    A file is read once in a process, and again when its size or time of modification has changed.
    Raises OSError when it cannot be read.
    """
    absolute = os.path.abspath(path)  # noqa: PTH100 - resolve() would follow links, and a link may be turned
    status = os.stat(absolute)  # noqa: PTH116
    return _sha256_of_version(absolute, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=4096)
def _sha256_of_version(absolute: str, mtime_ns: int, size: int) -> str:  # noqa: ARG001 - part of the cache's key
    with open(absolute, "rb") as file:  # noqa: PTH123
        return hashlib.file_digest(file, "sha256").hexdigest()
