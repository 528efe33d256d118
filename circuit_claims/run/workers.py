"""How many processes ``-n auto`` starts: none where the last run of the same command left nothing to measure.

Workers share the measuring. Where nothing is missing they only cost their start, a third of a warm run. What
a command asks for is known only after its claims were collected, so a whole run leaves a note in the store of
what it was: its words, its files, and the code that measures. Where that is as it was, one process finds
everything there; where something is missing all the same (a clip was changed, the store was pruned), that
process measures it alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from circuit_claims.run.options import Options

NOTE = "last-run.json"


def is_warm(options: Options, words: Sequence[str]) -> bool:
    """Whether the last whole run of these words and options had the files and code that there are now."""
    if options.cache is None:
        return False
    try:
        noted = json.loads((options.cache / NOTE).read_text(encoding="utf-8"))
        return bool(noted == _now(options, words, noted["files"]))
    except (OSError, ValueError, KeyError, TypeError):
        return False  # no run was noted, or the note is spoilt: measure as if nothing were there


def note(options: Options, words: Sequence[str], nodeids: Iterable[str]) -> None:
    """Note a run that was whole: of these words, of the tests `nodeids`."""
    from circuit_claims.files import write_whole

    if options.cache is None or not options.cache.is_dir() or options.rejudge:
        return  # nothing is kept, or nothing was measured
    files = sorted({nodeid.partition("::")[0] for nodeid in nodeids})
    try:
        write_whole(options.cache / NOTE, json.dumps(_now(options, words, files)))
    except OSError:
        return  # a full disk: the next run starts its workers


def _now(options: Options, words: Sequence[str], files: Iterable[str]) -> dict[str, Any]:
    from circuit_claims.measure.code_hash import code_hash
    from circuit_claims.measure.store import versions

    measures = sorted((Path(__file__).parents[1] / "measure").glob("[!_]*.py"))
    return {
        "words": [*words, *options.words],
        "files": {file: sha256((options.root / file).read_bytes()).hexdigest() for file in files},
        "code": sha256("".join(code_hash(f"measure.{path.stem}") for path in measures).encode()).hexdigest(),
        "versions": versions(),
    }
